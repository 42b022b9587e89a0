"""What a scan needs of the story: look at a source's samples, tell its story, and keep the vectors of its shots."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.records import Record
from roadmap_cli.edl.probe import Media
from roadmap_cli.edl.programs import Programs
from roadmap_cli.edl.story import keeping, telling
from roadmap_cli.edl.story.sounding import Heard, Levels
from roadmap_cli.edl.subjects import reading
from roadmap_cli.edl.subjects.observing import Seers

if TYPE_CHECKING:
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
        found: Programs,
        media: Media,
        source: Record,
        shots: Sequence[Record],
        levels: Levels | None,
        step: Callable[[], None],
    ) -> Iterator[Record]:
        """The shots with what they show, then scenes, beats and the energy curve. `step` hears of each sample."""
        ranges = [(int(shot["in_frame"]), int(shot["out_frame"])) for shot in shots]

        def looked() -> Iterator[tuple[int, Any]]:
            for sample in reading.samples(found, media, ranges):
                yield sample
                step()

        lag_s = float(media.video_start_s - media.audio_start_s) if media.audio_index is not None else 0.0
        heard = Heard(levels=levels, lag_s=lag_s)
        self._told = telling.tell(source, shots, looked(), seers=self._seers, heard=heard)
        yield from self._told.records()

    def keep(self, tx: Connection) -> None:
        """Store the vectors of the shots told last, in a transaction."""
        if self._told is not None:
            keeping.keep(tx, [shot["id"] for shot in self._told.shots], self._told.vectors, self._told.vectors_of)
