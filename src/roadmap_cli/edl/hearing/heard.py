"""What was heard of a source: levels, loudness, spans, rhythm and words, in times of its sound stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from roadmap_cli.edl.hearing import rhythm
from roadmap_cli.edl.hearing.levels import Levels
from roadmap_cli.edl.hearing.meter import Loudness
from roadmap_cli.edl.hearing.sorts import Patches, Span
from roadmap_cli.edl.hearing.spectrum import Spectra

if TYPE_CHECKING:
    import numpy

    Samples = numpy.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Word:
    """A word in ms: of the stream if it was heard, from the first picture if it was read. `exact` tells a time that
    was given for this word from one that was spread over a line.
    """

    text: str
    start_ms: int
    end_ms: int
    confidence: float
    exact: bool = True


@dataclass(slots=True)
class Heard:
    """The sound of one source. Without a sound stream, or one that cannot be decoded, `length_ms` is 0."""

    levels: Levels = field(default_factory=Levels)
    loudness: Loudness | None = None
    length_ms: int = 0
    #: What the first sample's time is after the first picture's, in ms: positive when the sound comes late.
    late_ms: Fraction = Fraction(0)
    spectra: Spectra | None = None
    #: How likely speech is at each `voice_step_ms`.
    voice: Samples | None = None
    voice_step_ms: float = 32.0
    patches: Patches = field(default_factory=Patches)
    class_names: Sequence[str] = ()
    spans: list[Span] = field(default_factory=list)
    rhythms: list[rhythm.Rhythm] = field(default_factory=list)
    hum: tuple[int, float] | None = None
    clipped_ratio: float = 0.0
    offset: float = 0.0
    models: tuple[str, ...] = ()
    #: Words in ms from the first picture, if there are any.
    words: list[Word] = field(default_factory=list)
    #: Why nothing was heard although there is a stream.
    problem: str = ""

    def between(self, start_s: Fraction, end_s: Fraction) -> dict[str, float]:
        """What a shot has of the sound, from time to time of the stream: loudness, level, silence, speech, music."""
        found = self.levels.between(start_s, end_s)
        for sort in ("speech", "music"):
            found[f"{sort}_ratio"] = self._share(sort, start_s * 1000, end_s * 1000)
        return found

    def _share(self, sort: str, start_ms: Fraction, end_ms: Fraction) -> float:
        covered = sum(
            max(0.0, min(float(span.end_ms), float(end_ms)) - max(float(span.start_ms), float(start_ms)))
            for span in self.spans
            if span.sort == sort
        )
        return round(min(1.0, covered / max(1e-9, float(end_ms - start_ms))), 4)
