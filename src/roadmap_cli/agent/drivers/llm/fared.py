"""Who the model is and how it fares: what earlier runs left in the state, and what this one adds to it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from roadmap_cli.agent.drivers.llm import outcomes
from roadmap_cli.agent.drivers.llm.outcomes import Counts, Expected

if TYPE_CHECKING:
    from roadmap_cli.core.records import Record
    from roadmap_cli.models.ledger import Ledger


class Fared:
    """One model's record. `model` None is ``ROADMAP_MODEL``, else the default; a `ledger` None remembers nothing."""

    def __init__(self, model: str | None, environ: Mapping[str, str], ledger: Ledger | None) -> None:
        self._model, self._environ, self._ledger = model, environ, ledger
        self.name = ""
        self._counts: dict[str, Counts] = {}

    def of(self, form: str) -> Counts:
        """What this run has counted of a format."""
        return self._counts.setdefault(form, Counts())

    def size(self) -> float | None:
        """Parameters in thousand millions, as far as a name or a file tells. Raises ConfigError."""
        return outcomes.billions(*self._resolved()[1])

    def past(self, name: str | None = None) -> dict[str, Counts]:
        """What earlier runs counted, by format."""
        if self._ledger is None:
            return {}
        with self._ledger.state.read() as tx:
            return outcomes.history(tx, name or self.name)

    def together(self, past: Mapping[str, Counts]) -> dict[str, Counts]:
        """What earlier runs and this one counted."""
        found: dict[str, Counts] = {}
        for each in (past, self._counts):
            for form, counts in each.items():
                found.setdefault(form, Counts()).add(counts)
        return found

    def expected(self, rounds: int) -> Expected:
        """What a run promises; loads nothing. Raises ConfigError."""
        name, size, local = self._resolved()
        return outcomes.expected(self.past(name), outcomes.billions(*size), local=local, rounds=rounds)

    def records(self) -> list[Record]:
        """What this run got out of the model since it was last kept, a record for each format."""
        from roadmap_cli.core import clock
        from roadmap_cli.core.records import run_id

        now = self._ledger.now() if self._ledger else clock.system()
        run = self._ledger.run_id if self._ledger else None
        return [
            outcomes.record(self.name, form, counts, run_id=run, id=run_id(outcomes.KIND, now), at=clock.stamp(now))
            for form, counts in self._counts.items()
            if counts != Counts()
        ]

    def keep(self) -> None:
        """Store what was counted, and begin to count anew."""
        found = self.records()
        self._counts = {}
        if self._ledger is None or not found:
            return
        from roadmap_cli.state import records

        with self._ledger.state.write() as tx:
            records.put_many(tx, found)

    def _resolved(self) -> tuple[str, tuple[str, int | None], bool]:
        """The model's name; words that tell its size, and bytes of its file; whether it runs on this machine."""
        from roadmap_cli.models import registry

        found = registry.load(self._environ)
        name = self._model or self._environ.get("ROADMAP_MODEL") or found.defaults["chat"]
        if name in found.endpoints:
            return name, (found.endpoints[name].model, None), False
        if name.endswith(".gguf") or "/" in name:
            path = Path(name).expanduser()
            return path.stem, (path.stem, _bytes(path)), True
        model = found.models.get(name)
        return name, (name, model.size if model else None), True


def _bytes(path: Path) -> int | None:
    with suppress(OSError):
        return path.stat().st_size
    return None
