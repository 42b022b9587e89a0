"""What an export is: the file, files beside it that it refers to, and what the format could not hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Loss:
    """Something of the plan that is not in the file, or not exactly: `what` in words, `count` how many things."""

    field: str
    what: str
    thing_id: str | None = None


@dataclass(slots=True)
class Losses:
    """Losses as they are met; one warning is said for each field, however many things it concerns."""

    found: list[Loss] = field(default_factory=list)

    def add(self, name: str, what: str, thing_id: str | None = None) -> None:
        """Note a loss."""
        self.found.append(Loss(name, what, thing_id))

    def unmapped(self, sources: Iterable[Mapping[str, object]]) -> None:
        """Note the sources of high dynamic range, for a program that shows them as they are stored."""
        for source in sources:
            if source.get("high_dynamic_range"):
                words = "high dynamic range is not mapped to standard there: it will look pale"
                self.add("source.high_dynamic_range", words, str(source.get("id")))

    def grouped(self) -> list[dict[str, object]]:
        """By field and words: `{field, what, count, ids}`."""
        groups: dict[tuple[str, str], list[str]] = {}
        counts: dict[tuple[str, str], int] = {}
        for loss in self.found:
            ids = groups.setdefault((loss.field, loss.what), [])
            counts[loss.field, loss.what] = counts.get((loss.field, loss.what), 0) + 1
            if loss.thing_id:
                ids.append(loss.thing_id)
        return [
            {"field": name, "what": what, "count": counts[name, what], "ids": ids}
            for (name, what), ids in groups.items()
        ]


@dataclass(frozen=True, slots=True)
class Export:
    """The bytes of the file, those of the files it needs beside it by relative name, and its losses."""

    data: bytes
    losses: Losses
    beside: dict[str, bytes] = field(default_factory=dict)
    executable: bool = False
