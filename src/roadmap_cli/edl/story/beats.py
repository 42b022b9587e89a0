"""The beats of a story: where it is set up, where it turns, where it peaks, and how it is resolved.

The energy curve is cut into stretches of about one level, at starts of scenes and shots only (piecewise constant least
squares with a cost for each stretch, found exactly: Jackson et al. 2005, "optimal partitioning"). The first stretch
sets up; the highest is the peak, where what comes late counts a little more (the climax lies in the last third:
Cutting, Brunick and DeLong 2011); what lies between them turns; what comes after it, lower, resolves.

The numbers were fixed on the development seeds of tools/make_story_corpus.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from roadmap_cli.edl.story.energy import STEP_MS, Curve

#: What one more stretch must save, in squared energy times seconds: at the start of a scene, and at any other shot.
SCENE_COST_S, SHOT_COST_S = 0.06, 0.24
#: The shortest stretch: a share of the source, within bounds in seconds.
_SHORT_SHARE, _SHORT_S = 1 / 20, (2.0, 30.0)
#: A source whose stretches differ by less than this has no peak.
LEAST_SPREAD = 0.12
#: A stretch resolves if it is lower than the peak by this share of all the difference there is.
_FALLS = 0.3
#: A peak in the first tenth is a hook rather than a climax: it must be higher by so much.
_EARLY_COST = 0.1
_MOST_TURNS = 4


@dataclass(frozen=True, slots=True)
class Beat:
    """A stretch of the story by the numbers of its first shot and the one after its last; mean energy 0 to 1."""

    role: str
    first: int
    end: int
    energy: float


def find(curve: Curve, spans_s: Sequence[tuple[float, float]], scene_starts: Sequence[int]) -> list[Beat]:
    """The beats of a source in order, which together cover all its shots.

    A source without a change of energy is one setup.
    """
    stretches = _stretches(curve, spans_s, scene_starts)
    means = [curve.mean(spans_s[first][0], spans_s[end - 1][1]) for first, end in stretches]
    spread = max(means) - min(means)
    if len(stretches) == 1 or spread < LEAST_SPREAD:
        return [Beat("setup", 0, len(spans_s), curve.mean(0, spans_s[-1][1]))]
    total = spans_s[-1][1]
    merit = []
    for (first, end), mean in zip(stretches, means, strict=True):
        middle = (spans_s[first][0] + spans_s[end - 1][1]) / 2 / total
        late = 0.05 * min(1.0, middle / 0.7) - (_EARLY_COST if middle < 0.1 else 0.0)
        merit.append(mean + late)
    peak = max(range(len(merit)), key=merit.__getitem__)
    resolved = next(
        (place for place in range(peak + 1, len(means)) if means[peak] - means[place] >= _FALLS * spread), len(means)
    )
    roles = [
        "setup" if place == 0 and peak > 0 else "turn" if place < peak else "peak" if place < resolved else "resolution"
        for place in range(len(means))
    ]
    return _joined(stretches, means, roles, curve, spans_s)


def _joined(
    stretches: list[tuple[int, int]], means: list[float], roles: list[str], curve: Curve, spans_s: Sequence[Any]
) -> list[Beat]:
    """Beats from stretches: one setup, peak and resolution each; neighbouring turns the least apart become one."""
    parts = [(role, first, end) for role, (first, end) in zip(roles, stretches, strict=True)]
    place = 1
    while place < len(parts):
        if parts[place][0] == parts[place - 1][0] != "turn":
            parts[place - 1 : place + 1] = [(parts[place][0], parts[place - 1][1], parts[place][2])]
        else:
            place += 1

    def mean(part: tuple[str, int, int]) -> float:
        return curve.mean(spans_s[part[1]][0], spans_s[part[2] - 1][1])

    while sum(part[0] == "turn" for part in parts) > _MOST_TURNS:
        nearest = min(
            (n for n in range(1, len(parts)) if parts[n][0] == parts[n - 1][0] == "turn"),
            key=lambda n: abs(mean(parts[n]) - mean(parts[n - 1])),
        )
        parts[nearest - 1 : nearest + 1] = [("turn", parts[nearest - 1][1], parts[nearest][2])]
    return [Beat(part[0], part[1], part[2], mean(part)) for part in parts]


def _stretches(
    curve: Curve, spans_s: Sequence[tuple[float, float]], scene_starts: Sequence[int]
) -> list[tuple[int, int]]:
    """Ranges of shots of about one level of energy each."""
    import numpy

    values = curve.values
    sums = numpy.concatenate([[0.0], values.cumsum()])
    squares = numpy.concatenate([[0.0], (values * values).cumsum()])
    step_s = STEP_MS / 1000
    steps = [min(len(values), round(start / step_s)) for start, _ in spans_s] + [len(values)]
    total = spans_s[-1][1]
    short = min(max(total * _SHORT_SHARE, _SHORT_S[0]), _SHORT_S[1]) / step_s
    count = len(spans_s)
    starts = _candidates(spans_s, scene_starts)
    scenes = set(scene_starts)
    # The costs are for a minute; a longer source must not fall into more pieces for being longer.
    scale = max(1.0, total / 60)
    best = {0: 0.0}
    came: dict[int, int] = {}
    for end in [*starts[1:], count]:
        found = (math.inf, 0)
        for start in starts:
            if start >= end:
                break
            first, last = steps[start], steps[end]
            if start not in best or last <= first or (last - first < short and (start, end) != (0, count)):
                continue
            mean = (sums[last] - sums[first]) / (last - first)
            error = float(squares[last] - squares[first] - mean * mean * (last - first)) * step_s
            cost = 0.0 if start == 0 else scale * (SCENE_COST_S if start in scenes else SHOT_COST_S)
            found = min(found, (best[start] + error + cost, start))
        if found[0] < math.inf:
            best[end], came[end] = found
    ranges, end = [], count
    if count not in came:
        return [(0, count)]
    while end:
        ranges.append((came[end], end))
        end = came[end]
    return ranges[::-1]


def _candidates(spans_s: Sequence[tuple[float, float]], scene_starts: Sequence[int]) -> list[int]:
    """Shots a stretch may begin with: those of scenes, and of the others one in each second or each 300th of all."""
    kept, last = [0], 0.0
    least = max(1.0, spans_s[-1][1] / 300)
    scenes = set(scene_starts)
    for shot, (start, _) in enumerate(spans_s):
        if shot and (shot in scenes or start - last >= least):
            kept.append(shot)
            last = start
    return kept
