"""What a scan needs of the story: look at a source's samples, tell its story, and keep the vectors of its shots."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.records import Record
from roadmap_cli.edl.story import keeping, telling
from roadmap_cli.edl.story.sounding import Heard, Levels
from roadmap_cli.edl.subjects.observing import Seers

if TYPE_CHECKING:
    import numpy

    from roadmap_cli.state.connection import Connection


class Teller:
    """Tells the stories of sources, one after the other, with the models that are at hand."""

    def __init__(self, seers: Seers):
        self._seers = seers
        self._told: telling.Told | None = None

    @property
    def method(self) -> str:
        """What looks and tells, in one word: part of the identity of a scan."""
        return f"{telling.METHOD}+{self._seers.method}"

    @property
    def lacking(self) -> str | None:
        """What cannot be measured for want of models, in words; None if nothing lacks."""
        return self._seers.lacking()

    @property
    def missing(self) -> tuple[str, ...]:
        """The names of the models that are not here."""
        return self._seers.missing

    def tell(
        self,
        source: Record,
        shots: Sequence[Record],
        samples: Iterable[tuple[int, numpy.ndarray[Any, Any]]],
        spans: Sequence[Record] = (),
        rhythm: Sequence[Record] = (),
        *,
        levels: Levels | None = None,
        lag_s: float = 0.0,
    ) -> list[Record]:
        """The shots with what they show, then scenes, beats and the energy curve.

        `samples` are frame numbers and pictures [height, width, 3], uint8 RGB, in order; `levels` the measured sound,
        whose first sample is `lag_s` before the first picture. Without either the rest is told all the same.
        """
        heard = Heard(spans, rhythm, levels, lag_s)
        self._told = telling.tell(source, shots, samples, seers=self._seers, heard=heard)
        return self._told.records()

    def keep(self, tx: Connection) -> None:
        """Store the vectors of the shots told last, in a transaction."""
        if self._told is not None:
            keeping.keep(tx, [shot["id"] for shot in self._told.shots], self._told.vectors, self._told.vectors_of)
