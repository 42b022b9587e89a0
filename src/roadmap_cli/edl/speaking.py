"""Where somebody speaks in the programme, and how music steps back for it: the render and every export agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from roadmap_cli.core.records import Record
from roadmap_cli.edl import timecode

#: Music goes down in so long before a word, and comes back in so long after one; shorter pauses are bridged. Seconds.
ATTACK_S, RELEASE_S, BRIDGE_S = Fraction(1, 5), Fraction(4, 5), Fraction(1)
#: A cut of a source without any spans counts as spoken if so much of its shot sounds like speech.
_SPOKEN_RATIO = 0.5

#: A cut, and from which to which programme frame its own sound is heard.
Heard = tuple[Record, int, int]


def in_programme(
    heard: Iterable[Heard], spans: Sequence[Record], shots: Mapping[str, Record], fps: Fraction
) -> list[tuple[Fraction, Fraction]]:
    """Stretches of speech in seconds of the programme, in order, none nearer to the next than the bridge.

    They come from the speech spans of the sources; without any spans at all, from what was measured of the shots.
    """
    speech: dict[str, list[tuple[int, int]]] = {}
    for span in spans:
        ends = span.get("start_ms"), span.get("end_ms")
        if span.get("sort") == "speech" and isinstance(ends[0], int) and isinstance(ends[1], int):
            speech.setdefault(str(span.get("source_id")), []).append((ends[0], ends[1]))
    found: list[tuple[Fraction, Fraction]] = []
    for cut, first, end in heard:
        start, stop = first / fps, end / fps
        if not spans:
            shot = shots.get(str(cut.get("shot_id")))
            if shot and float(shot.get("speech_ratio") or 0) > _SPOKEN_RATIO:
                found.append((start, stop))
            continue
        rate, speed = timecode.rational(cut["fps"], field="fps"), timecode.rational(cut["speed"], field="speed")
        origin = cut["in_frame"] / rate
        for begin_ms, end_ms in speech.get(str(cut["source_id"]), ()):
            low, high = (
                cut["timeline_in_frame"] / fps + (Fraction(at, 1000) - origin) / speed for at in (begin_ms, end_ms)
            )
            low, high = max(low, start), min(high, stop)
            if low < high:
                found.append((low, high))
    merged: list[tuple[Fraction, Fraction]] = []
    for low, high in sorted(found):
        if merged and low - merged[-1][1] < BRIDGE_S:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return merged
