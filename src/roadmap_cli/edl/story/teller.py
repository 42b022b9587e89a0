"""What a scan needs of the story: look at a source's samples, tell its story, and keep the vectors of its shots."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.records import Record
from roadmap_cli.edl.story import keeping, telling
from roadmap_cli.edl.story.sounding import Heard, Levels
from roadmap_cli.edl.subjects import observing
from roadmap_cli.edl.subjects.observing import Seers

if TYPE_CHECKING:
    import numpy

    from roadmap_cli.state.connection import Connection


class Teller:
    """Tells the stories of sources, one after the other, with the models that are at hand.

    They are opened when the first source is told: what was scanned before costs nothing. Without `environ` no model is
    used. Raises ConfigError if one is damaged.
    """

    def __init__(self, environ: Mapping[str, str] | None):
        self._environ = environ
        #: The names of the models that are not here.
        self.missing = tuple(observing.MODELS) if environ is None else observing.missing_models(environ)
        self._seers: Seers | None = None
        self._told: telling.Told | None = None

    @property
    def method(self) -> str:
        """What looks and tells, in one word: part of the identity of a scan."""
        return f"{telling.METHOD}+{observing.method(self.missing)}"

    @property
    def lacking(self) -> str | None:
        """What cannot be measured for want of models, in words; None if nothing lacks."""
        return observing.lacking(self.missing)

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
        if self._seers is None:
            self._seers = observing.none() if self._environ is None else observing.open_seers(self._environ)
        self._told = telling.tell(source, shots, samples, seers=self._seers, heard=heard)
        return self._told.records()

    def keep(self, tx: Connection) -> None:
        """Store the vectors of the shots told last, in a transaction."""
        if self._told is not None:
            keeping.keep(tx, [shot["id"] for shot in self._told.shots], self._told.vectors, self._told.vectors_of)
