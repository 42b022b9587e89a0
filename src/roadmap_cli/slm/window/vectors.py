"""Vectors of texts, each computed once: kept in the encrypted state under the hash of the text."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from roadmap_cli.models.embed import Embedder
    from roadmap_cli.state.store import State

#: Texts that are embedded and stored together; from two such lots on somebody may want to know how far it is.
LOT = 128


class Bar(Protocol):
    """Shows how far a piece of work is."""

    def advance(self, amount: float = 1, suffix: str = "") -> None:
        """Go on by an amount."""


#: Begins to show a piece of work: what it is and how much.
Progress = Callable[[str, float | None], AbstractContextManager[Bar]]


@dataclass(slots=True)
class Vectors:
    """Gives vectors of length one, float32 [texts, dimensions]; asks the model only for texts it does not know.

    `today` is the day as YYYY-MM-DD.
    """

    state: State
    open: Callable[[], Embedder]
    today: str
    progress: Progress
    _embedder: Embedder | None = None

    def __call__(self, texts: Sequence[str]) -> Any:
        """The vectors of texts, known ones from the state, new ones computed and stored."""
        import numpy

        embedder = self._embedder = self._embedder or self.open()
        keys = [key(embedder.name, text) for text in texts]
        found = self._known(keys)
        missing = {one: text for one, text in zip(keys, texts, strict=True) if one not in found}
        if len(missing) > 2 * LOT:
            with self.progress("embedding messages", len(missing)) as bar:
                found |= self._made(embedder, missing, bar)
        elif missing:
            found |= self._made(embedder, missing, None)
        if not keys:
            return numpy.zeros((0, embedder.dimensions), numpy.float32)
        return numpy.stack([found[one] for one in keys])

    def close(self) -> None:
        """Let go of the weights."""
        if self._embedder is not None:
            self._embedder.close()

    def _made(self, embedder: Embedder, missing: dict[str, str], bar: Bar | None) -> dict[str, Any]:
        """Compute vectors in lots, each stored before the next: nothing of a run that is stopped is lost."""
        names, found = list(missing), dict[str, Any]()
        for first in range(0, len(names), LOT):
            lot = names[first : first + LOT]
            made = embedder.embed([missing[name] for name in lot], purpose="window")
            fresh = dict(zip(lot, made, strict=True))
            self._store(embedder.name, fresh)
            found |= fresh
            if bar is not None:
                bar.advance(len(lot))
        return found

    def _known(self, keys: Sequence[str]) -> dict[str, Any]:
        import numpy

        found: dict[str, Any] = {}
        with self.state.read() as tx:
            for one in dict.fromkeys(keys):
                row = tx.execute("SELECT vector FROM slm_vector WHERE key = ?", (one,)).fetchone()
                if row is not None:
                    found[one] = numpy.frombuffer(row[0], numpy.float16).astype(numpy.float32)
        return found

    def _store(self, model: str, fresh: dict[str, Any]) -> None:
        import numpy

        with self.state.write() as tx:
            tx.executemany(
                "INSERT INTO slm_vector (key, model, vector, made_on) VALUES (?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
                [(one, model, vector.astype(numpy.float16).tobytes(), self.today) for one, vector in fresh.items()],
            )


def key(model: str, text: str) -> str:
    """The name of a text's vector."""
    return hashlib.sha256(f"{model}\0{text}".encode()).hexdigest()
