"""Where somebody speaks: phrases between pauses, whose ends lie in the pauses and never inside a word.

How likely speech is comes from Silero VAD at each 32 ms, or else from the signal (`likely_by_signal`: weaker, see
there). Its frames are coarse and it lets go of soft endings, so each edge is then moved outwards on the level of the
voice band until that has fallen to the pause, past a soft consonant at a word's end. Numbers were set on generated
speech with known words.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
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
#: How far an edge may move outwards on the level and inwards; a gap so short is a stop consonant's.
_REACH_BACK_MS, _REACH_ON_MS, _INWARDS_MS, _HOLD_MS = 450, 600, 160, 130
#: What is left of the pause around the voice; and where the level cannot tell them apart, as the model's frames err.
_MARGIN_BEFORE_MS, _MARGIN_AFTER_MS = 45, 55
#: What noise hides of a word's soft end, in ms for each dB that the bar is nearer to the voice than 30.
_HIDDEN_MS = 2.5
#: The soft end of a word stands this far out of the pause, lasts no longer, and may follow a closure as short as that.
_ABOVE_DB, _BREATH_MS, _CLOSURE_MS = 1.5, 80, 30
#: What lies next to a phrase, in steps of 10 ms; how far the voice must stand out of the pause to be parted by level;
#: and how far for the level to know an edge better than the model.
_NEXT, _LEAST_DB, _CLEAR_DB = 20, 7, 20
_BLIND_BEFORE_MS, _BLIND_AFTER_MS = 90, 30


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
    level = (
        numpy.convolve(numpy.pad(voice_db, 1, mode="edge"), numpy.ones(3) / 3, mode="valid")
        if len(voice_db)
        else voice_db
    )
    spoken = numpy.zeros(len(level), bool)
    for start, end in runs:
        spoken[_at(start - 120, middle_ms, len(level)) : _at(end + 120, middle_ms, len(level)) + 1] = True
    edges = []
    for number, (start, end) in enumerate(runs):
        before = runs[number - 1][1] if number else 0.0
        after = runs[number + 1][0] if number + 1 < len(runs) else float(length_ms)
        bars = [_bar(level, spoken, start, end, way, middle_ms) for way in (-1, 1)]
        edges.append((
            _edge(level, bars[0], start, max(before, start - _REACH_BACK_MS), -1, middle_ms),
            _edge(level, bars[1], end, min(after, end + _REACH_ON_MS), 1, middle_ms),
        ))  # fmt: skip
    edges = _apart(edges, float(length_ms))
    joined: list[list[float]] = []
    for start, end in edges:
        if joined and start - joined[-1][1] < PAUSE_MS - _MARGIN_BEFORE_MS - _MARGIN_AFTER_MS:
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


def parted(
    found: Sequence[Phrase], silences: Sequence[tuple[int, int]], likely: Samples, step_ms: float
) -> list[Phrase]:
    """Phrases parted at silences inside them in which speech is not likely either: no word holds its breath so long."""
    import numpy

    result: list[Phrase] = []
    for phrase in found:
        start = phrase.start_ms
        for first, last in silences:
            inside = start + _SHORTEST_MS < first and last < phrase.end_ms - _SHORTEST_MS
            window = likely[int((first + 100) / step_ms) : max(int((first + 100) / step_ms) + 1, int(last / step_ms))]
            if inside and len(window) and float(numpy.min(window)) < _BEGINS:
                result.append(Phrase(start, first + _MARGIN_AFTER_MS, phrase.confidence))
                start = last - _MARGIN_BEFORE_MS
        result.append(Phrase(start, phrase.end_ms, phrase.confidence))
    return result


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


@dataclass(frozen=True, slots=True)
class _Pause:
    """A pause beside speech: the level that parts it from the voice, how far below the voice that is, and its top."""

    bar: float
    below: float
    top: float


def _bar(level: Samples, spoken: Any, start: float, end: float, way: int, middle_ms: int) -> _Pause | None:
    """The pause before (-1) or after a run of speech; None if they are about as loud."""
    import numpy

    first, last = _at(start, middle_ms, len(level)), _at(end, middle_ms, len(level)) + 1
    side = slice(max(0, first - 150), first) if way < 0 else slice(last, last + 150)
    around = side if int((~spoken[side]).sum()) >= 20 else slice(max(0, first - 300), last + 300)
    if last - first < 3:
        return None
    loud = float(numpy.percentile(level[first:last], 90))
    quiet = level[around][~spoken[around]]
    near = level[side][~spoken[side]]
    near = near[-_NEXT:] if way < 0 else near[:_NEXT]
    # Where the place changes, at a cut for one, only what is next to the phrase tells of the pause: the lower bar.
    found = []
    for pause in (quiet, near):
        if len(pause) >= 10:
            floor, unrest = (float(value) for value in numpy.percentile(pause, (50, 85)))
            bar = max(floor + 5.0, floor + 0.1 * (loud - floor), min(unrest + 2.0, loud - 14))
            top = floor + min(max(_ABOVE_DB, unrest + 0.5 - floor), 3.0)
            found.append(_Pause(bar, loud - bar, min(bar, top)))
    best = min(found, key=lambda pause: pause.bar, default=None)
    return best if best and best.below >= _LEAST_DB else None


def _edge(level: Samples, parted: _Pause | None, edge: float, limit: float, way: int, middle_ms: int) -> float:
    """An edge moved to the last of the voice on its way outwards, and its margin; never beyond `limit`."""
    margin, blind = (_MARGIN_AFTER_MS, _BLIND_AFTER_MS) if way > 0 else (_MARGIN_BEFORE_MS, _BLIND_BEFORE_MS)
    if parted is None:
        return edge + way * blind
    margin += round(_HIDDEN_MS * max(0.0, 30.0 - parted.below))
    hold = _HOLD_MS // 10
    here = _at(edge, middle_ms, len(level))
    place = here - way * (_INWARDS_MS // 10)
    end = _at(limit, middle_ms, len(level))
    voice = -1
    since = place
    while 0 <= place < len(level) and (place - end) * way <= 0:
        if level[place] >= parted.bar:
            voice = since = place
        elif (place - since) * way > hold and (place - here) * way > 0:
            break
        place += way
    if voice < 0:
        return edge
    # In noise the level says less than the model does: it may move an edge outwards only.
    noisy = parted.below < _CLEAR_DB
    if way < 0:
        start = voice * 10.0 + middle_ms - margin
        return min(start, edge) if noisy else start
    # A consonant that ends a word, or its breath, still stands out of the pause, if not by much.
    place = since = voice
    while place < len(level) and place <= min(end, voice + _BREATH_MS // 10):
        if level[place] > parted.top:
            since = place
        elif place - since > _CLOSURE_MS // 10:
            break
        place += 1
    stop = since * 10.0 + middle_ms + margin
    return max(stop, edge) if noisy else stop


def _apart(edges: list[tuple[float, float]], length_ms: float) -> list[tuple[float, float]]:
    """Edges whose margins leave half of what lies between two runs to each."""
    found = []
    for number, (start, end) in enumerate(edges):
        before = edges[number - 1][1] if number else 0.0
        after = edges[number + 1][0] if number + 1 < len(edges) else length_ms
        found.append((max(start, min((start + before) / 2, start)), min(end, max((end + after) / 2, 0.0))))
    return [(max(0.0, start), min(length_ms, end)) for start, end in found]


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
