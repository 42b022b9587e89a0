"""Where somebody speaks: phrases between pauses, whose ends lie in the pauses and never inside a word.

How likely speech is comes from Silero VAD at each 32 ms, or else from the signal (`likely_by_signal`: weaker, see
there). Its frames are coarse and it lets go of soft endings, so each edge is then moved outwards on the level of the
voice band until that has fallen to the pause. Numbers were set on generated speech with known words.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy

    Samples = numpy.ndarray[Any, Any]

#: Speech begins above the first and ends below the second likelihood.
_BEGINS, _ENDS = 0.5, 0.35
#: A pause shorter than this does not part phrases.
PAUSE_MS = 300
_SHORTEST_MS = 120
#: How far an edge may move outwards, and what is left of the pause around it.
_REACH_BACK_MS, _REACH_ON_MS = 180, 260
_MARGIN_BEFORE_MS, _MARGIN_AFTER_MS = 30, 40


@dataclass(frozen=True, slots=True)
class Phrase:
    """A stretch of speech, in ms of the stream."""

    start_ms: int
    end_ms: int
    confidence: float


def phrases(likely: Samples, step_ms: float, voice_db: Samples, middle_ms: int, length_ms: int) -> list[Phrase]:
    """Phrases from the likelihood of speech at each `step_ms` and the voice band's level at each 10 ms.

    `middle_ms` is when the first level is; nothing lies beyond `length_ms`.
    """
    import numpy

    runs = _runs(likely, step_ms)
    if not runs:
        return []
    level = numpy.convolve(numpy.pad(voice_db, 1, mode="edge"), numpy.ones(3) / 3, mode="valid") if len(voice_db) else voice_db
    spoken = numpy.zeros(len(level) + 1, bool)
    for start, end in runs:
        spoken[_at(start, middle_ms, len(level)) : _at(end, middle_ms, len(level)) + 1] = True
    edges = []
    for number, (start, end) in enumerate(runs):
        before = runs[number - 1][1] if number else 0.0
        after = runs[number + 1][0] if number + 1 < len(runs) else float(length_ms)
        bar = _bar(level, spoken, start, end, middle_ms)
        edges.append((
            _outwards(level, bar, start, max(before, start - _REACH_BACK_MS), -_MARGIN_BEFORE_MS, before, middle_ms),
            _outwards(level, bar, end, min(after, end + _REACH_ON_MS), _MARGIN_AFTER_MS, after, middle_ms),
        ))  # fmt: skip
    joined: list[list[float]] = []
    for start, end in edges:
        if joined and start - joined[-1][1] < PAUSE_MS:
            joined[-1][1] = max(end, joined[-1][1])
        else:
            joined.append([start, end])
    found = []
    for start, end in joined:
        first, last = max(0, round(start)), min(length_ms, round(end))
        inside = likely[int(first / step_ms) : max(int(first / step_ms) + 1, int(last / step_ms))]
        if last > first and len(inside):
            found.append(Phrase(first, last, round(float(numpy.mean(inside)), 3)))
    return found


def _runs(likely: Samples, step_ms: float) -> list[tuple[float, float]]:
    """Where it is likely, with hysteresis, in ms; what is too short for a syllable and not sure is dropped."""
    import numpy

    able = numpy.concatenate([[False], likely >= _ENDS, [False]])
    changes = numpy.flatnonzero(able[1:] != able[:-1])
    found: list[tuple[float, float]] = []
    for start, end in zip(changes[::2], changes[1::2], strict=True):
        if likely[start:end].max() < _BEGINS:
            continue
        lasts = (end - start) * step_ms
        if lasts >= _SHORTEST_MS or likely[start:end].mean() > 0.75:
            found.append((start * step_ms, end * step_ms))
    return found


def _at(time_ms: float, middle_ms: int, count: int) -> int:
    return min(max(0, round((time_ms - middle_ms) / 10)), max(0, count - 1))


def _bar(level: Samples, spoken: Any, start: float, end: float, middle_ms: int) -> float:
    """The level that divides this run of speech from the pauses around it."""
    import numpy

    first, last = _at(start, middle_ms, len(level)), _at(end, middle_ms, len(level)) + 1
    around = slice(max(0, first - 300), last + 300)
    quiet = level[around][~spoken[:-1][around]]
    loud = float(numpy.percentile(level[first:last], 90)) if last > first else 0.0
    floor = float(numpy.percentile(quiet, 30)) if len(quiet) >= 10 else loud - 40
    return min(floor + max(5.0, 0.18 * (loud - floor)), loud - 6)


def _outwards(
    level: Samples, bar: float, edge: float, reach: float, margin: int, neighbour: float, middle_ms: int
) -> float:
    """An edge moved towards `reach` until the level stays below the bar for 40 ms; else to the quietest place there."""
    import numpy

    if not len(level):
        return edge
    towards = 1 if reach >= edge else -1
    first, last = _at(edge, middle_ms, len(level)), _at(reach, middle_ms, len(level))
    path = numpy.arange(first, last + towards, towards)
    low = level[path] < bar
    found = float(reach)
    for number in range(len(path)):
        if low[number : number + 4].all():
            found = path[number] * 10.0 + middle_ms
            break
    else:
        # Something else is as loud as the voice: the quietest moment is the least harm.
        found = path[int(numpy.argmin(level[path]))] * 10.0 + middle_ms
    found = min(found, edge) if towards < 0 else max(found, edge)
    moved = found + margin
    # Never more than halfway into the pause that is left.
    half = (found + neighbour) / 2
    return max(moved, half) if towards < 0 else min(moved, half)


def likely_by_signal(voice_db: array[float]) -> Samples:
    """How like speech each 10 ms is, 0 to 1, from the level of the voice band alone.

    Speech comes in syllables: its level swings around 4 Hz, and much of a second lies well below the second's mean
    (Scheirer and Slaney, ICASSP 1997, features 1 and 2). Steady music and noise do neither. Weaker than the model:
    drums without melody may pass for speech, speech over loud music is missed, and a single word between long pauses
    may be, too.
    """
    import numpy

    level = numpy.frombuffer(voice_db, numpy.float32).astype(numpy.float64)
    if len(level) < 100:
        return numpy.zeros(len(level), numpy.float32)
    floor = numpy.percentile(level, 10)
    like = numpy.zeros(len(level), numpy.float32)
    for start in range(0, len(level) - 99, 25):
        window = level[start : start + 100]
        share = like_speech(10 ** (window / 20))
        like[start : start + 100] = numpy.maximum(like[start : start + 100], share)
    top = _spread(level, 100)
    audible = level > numpy.maximum(floor + 8, top - 25)
    # Closures within words are short: the gate holds for 80 ms.
    held = numpy.convolve(audible, numpy.ones(9), mode="same") > 0
    return numpy.where(held, like, 0).astype(numpy.float32)


def _spread(level: Samples, reach: int) -> Samples:
    """The highest level within `reach` places of each."""
    import numpy

    padded = numpy.pad(level, (0, -len(level) % reach), constant_values=-200)
    blocks = padded.reshape(-1, reach).max(axis=1)
    around = numpy.maximum(blocks, numpy.maximum(numpy.append(blocks[1:], -200), numpy.append(-200, blocks[:-1])))
    return numpy.repeat(around, reach)[: len(level)]


def like_speech(envelope: Samples) -> float:
    """How far one second of an envelope [100 values] swings as syllables do: 0, 0.6 or 1."""
    import numpy

    mean = float(numpy.mean(envelope))
    if mean < 1e-4:
        return 0.0
    low = float(numpy.mean(envelope < 0.5 * mean))
    spectrum = numpy.abs(numpy.fft.rfft((envelope - mean) * numpy.hanning(len(envelope)))) ** 2
    syllables = float(numpy.sum(spectrum[2:9])) / max(float(numpy.sum(spectrum[1:])), 1e-12)
    depth = float(numpy.std(envelope)) / mean
    if low > 0.25 and syllables > 0.55 and depth > 0.55:
        return 1.0
    return 0.6 if low > 0.2 and syllables > 0.45 and depth > 0.45 else 0.0
