"""Which shots belong together in a scene.

A scene is held together by shots that come back: the two sides of a conversation, the room seen again. Where no shot
after a cut is like one before it, and the sound changes, a scene ends. This is the method of overlapping links
(Hanjalic, Lagendijk and Biemond, IEEE TCSVT 9-4, 1999; the links fade with time as in the scene transition graph of
Yeung and Yeo), with one threshold for the strength of links instead of two, sound as a second witness, and the choice
of boundaries made over all of them at once.

All numbers in this module were fixed on the even seeds 0 to 26 of tools/make_story_corpus.py, before others were looked
at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

#: By the kind of vector: the likeness of shots that have nothing in common, and that of one set-up seen twice.
SCALES = {"efficientnet-lite0+colour-layout-1": (0.25, 0.92), "colour-layout-1": (0.15, 0.90)}
#: Shots further apart than this are no evidence, in shots and in seconds.
REACH_SHOTS, REACH_S = 8, 40.0
#: A link is worth half after so many seconds between its shots.
HALF_LIFE_S = 20.0
#: A boundary pays if it is stronger than this.
LEAST_STRENGTH = 0.45
#: How far a change of the sound, against half of what it can be, moves a boundary's strength.
SOUND_WEIGHT = 0.15
#: Scenes shorter than this cost: a share of the source, within bounds in seconds.
SHORT_SHARE, SHORT_S = 1 / 15, (6.0, 15.0)
SHORT_COST = 0.8
_MOST_PASSED = 64
#: How much of what a cut's neighbours are above the threshold it must be stronger by.
MONTAGE_WEIGHT = 0.75


@dataclass(frozen=True, slots=True)
class Boundary:
    """Between two shots: how unlike all is on its two sides (0 to 1), how the sound changes, and both together.

    `link` is the strongest likeness that spans it, on the scale of likeness where 0 is nothing in common.
    """

    shot: int
    link: float
    sound: float | None
    strength: float


def boundaries(
    vectors: Any, kind: str, spans_s: Sequence[tuple[float, float]], sound: Sequence[float | None]
) -> list[Boundary]:
    """Every cut as a boundary: `vectors` float32 [shots, n] of length one, times of shots, change of sound at each cut.

    `sound[k]` is the change at the cut before shot k.
    """  # fmt: skip
    import numpy

    low, high = SCALES[kind]
    count = len(spans_s)
    likeness = {}
    for apart in range(1, min(REACH_SHOTS, count - 1) + 1):
        products = numpy.einsum("ij,ij->i", vectors[:-apart], vectors[apart:])
        likeness[apart] = numpy.clip((products - low) / (high - low), 0, 1)
    found = []
    for cut in range(1, count):
        link = 0.0
        for left in range(max(0, cut - REACH_SHOTS), cut):
            for right in range(cut, min(count, left + REACH_SHOTS + 1)):
                gap = spans_s[right][0] - spans_s[left][1]
                if gap > REACH_S:
                    break
                link = max(link, float(likeness[right - left][left]) * 0.5 ** (max(0.0, gap) / HALF_LIFE_S))
        heard = sound[cut]
        strength = 1 - link + (SOUND_WEIGHT * 2 * (heard - 0.5) if heard is not None else 0.0)
        found.append(Boundary(cut, link, heard, strength))
    return found


def choose(cuts: Sequence[Boundary], spans_s: Sequence[tuple[float, float]]) -> list[Boundary]:
    """The boundaries of scenes: those that together gain most over the threshold, less what short scenes cost.

    Where every cut is strong (a montage of unlike pictures) none of them means anything: a cut must stand out from the
    median of its neighbours, too.
    """
    import numpy

    if not cuts:
        return []
    strengths = numpy.array([cut.strength for cut in cuts])
    gains = []
    for place, cut in enumerate(cuts):
        around = numpy.concatenate([strengths[max(0, place - 5) : place], strengths[place + 1 : place + 6]])
        usual = float(numpy.median(around)) if len(around) >= 4 else 0.0
        gains.append(cut.strength - LEAST_STRENGTH - MONTAGE_WEIGHT * max(0.0, usual - LEAST_STRENGTH))
    total = spans_s[-1][1] - spans_s[0][0]
    short = min(max(total * SHORT_SHARE, SHORT_S[0]), SHORT_S[1])

    def cost(start: int, end: int) -> float:
        length = spans_s[end - 1][1] - spans_s[start][0]
        return SHORT_COST * max(0.0, 1 - length / short)

    # best[k]: the most that can be gained by scenes that end before shot k; each begins at a cut or at the start.
    count = len(spans_s)
    best = [0.0] + [float("-inf")] * count
    came = [0] * (count + 1)
    starts = [0] + [cut.shot for cut, gain in zip(cuts, gains, strict=True) if gain > 0]
    gain_of = {cut.shot: gain for cut, gain in zip(cuts, gains, strict=True)}
    for place, end in enumerate([*starts[1:], count], 1):
        # A scene that leaves out more good boundaries than these is never the best.
        for start in starts[max(0, place - _MOST_PASSED) : place]:
            value = best[start] + gain_of.get(start, 0.0) - cost(start, end)
            if value > best[end]:
                best[end], came[end] = value, start
    chosen, end = [], count
    while came[end]:
        end = came[end]
        chosen.append(end)
    by_shot = {cut.shot: cut for cut in cuts}
    return [by_shot[shot] for shot in reversed(chosen)]
