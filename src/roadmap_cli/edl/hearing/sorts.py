"""What sounds where: music, ambient sound and silence as spans, from sound classes or from the signal alone."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from roadmap_cli.edl.hearing.spectrum import FRAME_MIDDLE_MS, HOP, PATCH, PATCH_HOP, RATE

if TYPE_CHECKING:
    import numpy

    Samples = numpy.ndarray[Any, Any]

#: Below this level a moment is silent, in dB of full scale.
SILENT_DB = -50.0
SILENCE_MS = 300
HOP_MS = PATCH_HOP * HOP * 1000 // RATE
PATCH_MS = PATCH * HOP * 1000 // RATE
#: YAMNet's classes of voices and of music (singing, whistling, music and its sorts, tuner to chorus effect).
_VOICE = (*range(24), 65)
_MUSIC = (*range(24, 33), 35, *range(132, 277), *range(456, 459))
_NO_LABEL = frozenset((*_VOICE, *_MUSIC, 494))
_GENERAL_MUSIC = frozenset((132, 24))
_KEPT = 3
#: Music begins above the first and ends below the second likelihood, for at least so long; shorter gaps are bridged.
_BEGINS, _ENDS = 0.4, 0.12
_MUSIC_MS, _MUSIC_GAP_MS = 1_900, 1_500
_AMBIENT_MS, _LABEL_MS = 500, 2_000


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of one sort of sound, in ms of the stream."""

    sort: str
    start_ms: int
    end_ms: int
    confidence: float
    label: str = ""


@dataclass(slots=True)
class Patches:
    """What was told of each patch of 0.96 s, one every 0.48 s."""

    music: array[float] = field(default_factory=lambda: array("f"))
    voice: array[float] = field(default_factory=lambda: array("f"))
    #: The most likely sorts of music and the most likely other sounds: class and score, `_KEPT` of each a patch.
    music_top: array[float] = field(default_factory=lambda: array("f"))
    other_top: array[float] = field(default_factory=lambda: array("f"))

    def add(self, scores: Samples) -> None:
        """Take YAMNet's scores [n, 521]."""
        import numpy

        if not len(scores):
            return
        self.music.extend(scores[:, _MUSIC].max(axis=1).tolist())
        self.voice.extend(scores[:, _VOICE].max(axis=1).tolist())
        kinds = [place for place in _MUSIC if place not in _GENERAL_MUSIC]
        others = [place for place in range(scores.shape[1]) if place not in _NO_LABEL]
        for wanted, kept in ((numpy.array(kinds), self.music_top), (numpy.array(others), self.other_top)):
            chosen = scores[:, wanted]
            order = numpy.argsort(-chosen, axis=1)[:, :_KEPT]
            pairs = numpy.stack([wanted[order], numpy.take_along_axis(chosen, order, axis=1)], axis=2)
            kept.extend(pairs.reshape(-1).tolist())

    def label(self, top: array[float], first: int, end: int) -> tuple[int | None, float]:
        """The class with the highest mean score over patches, and that score."""
        import numpy

        rows = numpy.frombuffer(top, numpy.float32).reshape(-1, _KEPT, 2)[first:end].reshape(-1, 2)
        if not len(rows):
            return None, 0.0
        sums = numpy.bincount(rows[:, 0].astype(int), rows[:, 1])
        best = int(numpy.argmax(sums))
        score = float(sums[best]) / max(1, end - first)
        return (best, score) if score >= 0.1 else (None, score)


def music(likely: Samples, voice_db: Samples, length_ms: int) -> list[tuple[int, int, float]]:
    """Where music plays, from its likelihood in each patch: start and end in ms, confidence."""
    import numpy

    if not len(likely):
        return []
    padded = numpy.pad(likely, 1, mode="edge")
    smooth = numpy.median(numpy.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0)
    able = numpy.concatenate([[False], smooth >= _ENDS, [False]])
    changes = numpy.flatnonzero(able[1:] != able[:-1])
    runs: list[list[int]] = []
    for first, end in zip(changes[::2].tolist(), changes[1::2].tolist(), strict=True):
        if smooth[first:end].max() < _BEGINS:
            continue
        if runs and (first - runs[-1][1]) * HOP_MS < _MUSIC_GAP_MS:
            runs[-1][1] = end
        else:
            runs.append([first, end])
    found = []
    for first, end in runs:
        # A patch that is half music is music: it begins about a quarter into the first one and ends one before the end.
        begins, ends = first * HOP_MS + PATCH_MS // 4, (end - 1) * HOP_MS + PATCH_MS * 3 // 4
        risen = None if first == 0 else _change(voice_db, begins, rising=True)
        fallen = _change(voice_db, ends, rising=False) if end < len(smooth) else None
        start = risen if risen is not None else (0 if first == 0 else begins)
        if fallen is None:
            fallen = length_ms if end * HOP_MS + PATCH_MS > length_ms else ends
        stop = min(fallen, length_ms)
        if stop - start >= _MUSIC_MS or (stop - start >= min(length_ms, 1_000) and smooth[first:end].mean() > 0.6):
            found.append((start, stop, round(float(smooth[first:end].mean()), 3)))
    return found


def _change(voice_db: Samples, around_ms: int, *, rising: bool) -> int | None:
    """Where the level rises or falls most near a time, by 5 dB or more: means of 200 ms after and before."""
    import numpy

    first = max(0, (around_ms - FRAME_MIDDLE_MS) // 10 - 60)
    piece = voice_db[first : first + 121]
    if len(piece) < 60:
        return None
    sums = numpy.concatenate([[0.0], numpy.cumsum(piece)])
    means = (sums[20:] - sums[:-20]) / 20
    step = means[20:] - means[:-20]
    step = step if rising else -step
    best = int(numpy.argmax(step))
    return (first + best + 20) * 10 + FRAME_MIDDLE_MS if step[best] > 5 else None


def silences(level_db: Samples, length_ms: int) -> list[tuple[int, int]]:
    """Where it is silent for at least 300 ms; clicks of 20 ms do not break a silence."""
    import numpy

    quiet = numpy.concatenate([[False], level_db < SILENT_DB, [False]])
    changes = numpy.flatnonzero(quiet[1:] != quiet[:-1])
    joined: list[list[int]] = []
    for start, end in zip((changes[::2] * 10).tolist(), (changes[1::2] * 10).tolist(), strict=True):
        if joined and start - joined[-1][1] <= 20 and start - joined[-1][0] >= 100:
            joined[-1][1] = end
        else:
            joined.append([start, end])
    if joined and joined[-1][1] >= len(level_db) * 10:
        joined[-1][1] = length_ms
    return [(start, end) for start, end in joined if end - start >= SILENCE_MS]


def outside(start_ms: int, end_ms: int, taken: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """What is left of a stretch outside all others, where it lasts for half of the shortest silence."""
    near = [(max(first, start_ms), min(last, end_ms)) for first, last in taken if first < end_ms and last > start_ms]
    shifted = [(first - start_ms, last - start_ms) for first, last in near]
    return [(first + start_ms, last + start_ms) for first, last in gaps(shifted, end_ms - start_ms, SILENCE_MS // 2)]


def gaps(taken: Sequence[tuple[int, int]], length_ms: int, least_ms: int = _AMBIENT_MS) -> Iterator[tuple[int, int]]:
    """What none of the stretches covers, if it lasts."""
    place = 0
    for start, end in [*sorted(taken), (length_ms, length_ms)]:
        if start - place >= least_ms:
            yield place, start
        place = max(place, end)


def ambient(patches: Patches, names: Sequence[str], start_ms: int, end_ms: int) -> list[Span]:
    """A stretch of neither speech, music nor silence, parted where what is heard there changes for two seconds."""
    first = max(0, (start_ms - PATCH_MS // 2) // HOP_MS)
    end = max(first + 1, -(-(end_ms - PATCH_MS // 2) // HOP_MS))
    end = min(end, len(patches.music))
    reach = _LABEL_MS // HOP_MS // 2
    if not names or first >= end:
        return [Span("ambient", start_ms, end_ms, 0.5)]
    labels = [
        patches.label(patches.other_top, max(first, place - reach), min(end, place + reach + 1))[0]
        for place in range(first, end)
    ]
    cuts = [first]
    for place in range(first + 1, end):
        later = labels[place - first : place - first + 2 * reach]
        changed = labels[place - first] != labels[cuts[-1] - first]
        if changed and place - cuts[-1] > 2 * reach and len(later) == 2 * reach and len(set(later)) == 1:
            cuts.append(place)
    found = []
    for number, place in enumerate(cuts):
        last = cuts[number + 1] if number + 1 < len(cuts) else end
        begins = start_ms if number == 0 else place * HOP_MS + PATCH_MS // 2
        stops = end_ms if last == end else last * HOP_MS + PATCH_MS // 2
        chosen, score = patches.label(patches.other_top, place, last)
        found.append(
            Span("ambient", begins, stops, round(max(score, 0.1), 3), names[chosen] if chosen is not None else "")
        )
    return found


def music_by_signal(partials_db: Samples, beat: Samples) -> Samples:
    """How like music each patch is, 0 to 1, from steady partials and a steady beat alone.

    A logistic of both; its numbers were set on generated music, speech and noise. Weaker than the sound classes: an
    engine's whine or hum has steady partials, too, and music without melody or beat has neither.
    """
    import numpy

    score = 1.6 * (partials_db - 3.4) + 3.0 * (beat - 0.45)
    likely: Samples = 1 / (1 + numpy.exp(-numpy.clip(score, -30, 30)))
    return likely
