"""What tells a gradual transition from movement: numbers of a stretch between two pictures that are unlike.

Of a dissolve or a fade each picture between is a mixture of both ends, and its variance dips (Alattar 1993); of a wipe
each place changes once, and the places in order: when they change is a smooth surface (as visual rhythm shows it). What
moves meanwhile is allowed for by blocks that are looked for nearby, in both ends at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

from roadmap_cli.edl.cuts import likeness
from roadmap_cli.edl.cuts.likeness import step, unlike

#: Frames from end to end that are tried.
SPANS = (6, 8, 12, 18, 26, 38, 54)
#: Ends differ by so much, in code values, nearly everywhere; what is worth less is not looked at.
_DIFFER, _CHANGED, _WORTH = 22.0, 0.8, 12.0
#: What two stretches have in common, as a share of both, when they are the same one.
_SAME = 0.4
#: Names of what is measured, in order: what the pictures' change tells, and what must be looked for in them.
COURSE = (
    "length", "differ", "changed", "off_line", "off_line_most", "drift_least", "drift_most", "falls", "jumps", "uneven",
    "sweep", "spread", "mixed", "dark", "bright", "first_light", "end_light", "sudden", "sweep_plane", "sweep_curve",
    "sweep_spread", "peak", "greatest_step",
)  # fmt: skip
LOOKED = (
    "unlike", "unlike_ratio", "by_one_ratio", "by_both_ratio", "both_over_one", "by_one", "by_both", "returns", "dip",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stretch:
    """Pictures from `before` to `after`, and how the change went between: pictures are numbers in a row of them."""

    before: int
    after: int
    #: The first mixed picture and the first that is wholly new.
    first: int
    end: int
    differ: float
    changed: float
    #: How far each picture is from the straight line between the ends, as a share of their difference.
    off_line: Any
    #: How far each place has gone from one end to the other: float32 [n, h, w], and what each counts: [h, w].
    share: Any
    weight: Any
    #: The mean of that for each picture.
    gone: Any
    #: How much the pictures go on changing before and after, as a share of the ends' difference.
    drift: tuple[float, float]

    @property
    def worth(self) -> float:
        """Which of several that overlap is looked at first, in code values."""
        falls = float((self.gone[1:] - self.gone[:-1]).min())
        return self.differ * (1 - float(self.off_line.mean()) - 0.5 * max(self.drift) + 0.5 * falls)

    def overlaps(self, other: Stretch) -> bool:
        """Whether both may be the same transition."""
        common = min(self.end, other.end) - max(self.first, other.first)
        return common > _SAME * (max(self.end, other.end) - min(self.first, other.first))


def stretches(coarse: Any, low: int, high: int) -> list[Stretch]:
    """Where a transition may lie, the likeliest first, of those that overlap the best.

    `coarse` is float32 [n, 3, h, w]; the middle lies in `low` to `high`.
    """
    import numpy

    found = []
    for span in SPANS:
        if len(coarse) <= span + 2:
            break
        start = max(0, low - span // 2)
        last = min(len(coarse), high + span // 2 + span % 2 + 1)
        if last - start <= span:
            continue
        ends = numpy.abs(coarse[start + span : last] - coarse[start : last - span]).sum(axis=1)
        differ = ends.mean(axis=(1, 2))
        changed = (ends > 10).mean(axis=(1, 2))
        stride = max(1, span // 8)
        for at in map(int, numpy.flatnonzero((differ > _DIFFER) & (changed > _CHANGED))):
            if at % stride == 0 and (one := _stretch(coarse, start + at, span, float(differ[at]), float(changed[at]))):
                found.append(one)
    found.sort(key=lambda one: -one.worth)
    kept: list[Stretch] = []
    for one in found:
        if one.worth > _WORTH and not any(one.overlaps(other) for other in kept):
            kept.append(one)
    return kept


def _stretch(coarse: Any, before: int, span: int, differ: float, changed: float) -> Stretch | None:
    """How the change went between two pictures; None if it was no way from one to the other."""
    import numpy

    after = before + span
    way = coarse[after] - coarse[before]
    length = numpy.square(way).sum(axis=0)
    between = coarse[before : after + 1] - coarse[before]
    share = numpy.clip((between * way).sum(axis=1) / (length + 1.0), 0.0, 1.0)
    weight = length / length.sum()
    gone = (share * weight).sum(axis=(1, 2))
    rises = gone[1:] - gone[:-1]
    if float(rises.min()) < -0.15 or float(rises.max()) > 0.6:
        return None
    low, high = crossing(gone, 0.15), crossing(gone, 0.85)
    if high - low < 1.2:
        return None
    off = numpy.abs(between - share[:, None] * way).sum(axis=1).mean(axis=(1, 2)) / differ
    if float(off.max()) > 0.8 or float(off.mean()) > 0.4:
        return None
    margin = max(2, span // 4)
    outer = ((max(0, before - margin), before), (min(len(coarse) - 1, after + margin), after))
    drift = tuple(float(numpy.abs(coarse[n] - coarse[end]).sum(axis=0).mean()) / differ for n, end in outer)
    if max(drift) > 1.6:
        return None
    edge = 0.15 * (high - low) / 0.7
    first = before + max(0, round(low - edge))
    end = min(after + margin, before + round(high + edge))
    return Stretch(before, after, first, end, differ, changed, off, share, weight, gone, (drift[0], drift[1]))


def crossing(gone: Any, level: float) -> float:
    """Where a rising curve first passes a level, between samples."""
    at = int((gone >= level).argmax())
    if at == 0:
        return 0.0
    return at - 1 + float((level - gone[at - 1]) / max(1e-6, gone[at] - gone[at - 1]))


def _ends(one: Stretch, count: int) -> tuple[int, int]:
    """The last picture before a stretch and the first after it."""
    first, end = max(0, one.first - 1), min(count - 1, one.end)
    if end - first < 3:
        end = min(count - 1, first + 3)
        first = max(0, end - 3)
    return first, end


def course(coarse: Any, pictures: Any, one: Stretch) -> list[float]:
    """`COURSE` of a stretch: what costs little."""
    import numpy

    first, end = _ends(one, len(coarse))
    length = end - first
    rises = one.gone[1:] - one.gone[:-1]
    straight = numpy.clip((numpy.arange(len(one.gone)) + one.before - first) / max(1, length), 0, 1)
    flat, curved = _surfaces(coarse.shape[2:])
    weight = one.weight.ravel()
    sweep, spread = _fit((one.share < 0.5).mean(axis=0).ravel(), weight, flat)
    inner = (one.gone > 0.25) & (one.gone < 0.75)
    mixed = float(numpy.minimum(one.share, 1 - one.share)[inner].mean()) if inner.any() else 0.5
    light = coarse[max(0, first - 2) : end + 3, 0].mean(axis=(1, 2))
    change = numpy.abs(coarse[first + 1 : end + 1] - coarse[first:end]).sum(axis=1).reshape(length, -1)
    most = change.max(axis=0)
    when = (change.argmax(axis=0) + 0.5) / max(1, length)
    sudden = float((most * most / (change.sum(axis=0) + 2)).sum() / (most.sum() + 1e-3))
    parts = most / (most.sum() + 1e-3)
    plane, when_spread = _fit(when, parts, flat)
    means = change.mean(axis=1)
    steps = max(step(pictures[n], pictures[n + 1]) for n in range(first, end))
    return [
        length, one.differ, one.changed, float(one.off_line.mean()), float(one.off_line.max()), min(one.drift),
        max(one.drift), float(rises.min()), float(rises.max()), float(numpy.abs(one.gone - straight).mean()),
        sweep, spread, mixed, float(light.min()), float(light.max()),
        float(coarse[first, 0].mean()), float(coarse[end, 0].mean()), sudden, plane, _fit(when, parts, curved)[0],
        when_spread, float(means.max() / (means.mean() + 0.5)),
        steps / (step(pictures[first], pictures[end]) + 1e-3),
    ]  # fmt: skip


def looked(pictures: Any, one: Stretch) -> list[float]:
    """`LOOKED` of a stretch, in code values and shares."""
    import numpy

    count = len(pictures)
    first, end = _ends(one, count)
    before, after = pictures[first], pictures[end]
    whole = max(unlike(before, after), unlike(after, before)) + 0.5
    back = [unlike(pictures[max(0, n)], after) for n in (first - 4, first - 8)]
    back += [unlike(before, pictures[min(count - 1, n)]) for n in (end + 4, end + 8)]
    middle = min(max(first + 1, round(one.before + crossing(one.gone, 0.5))), end - 1)
    gone = float(one.gone[min(max(middle - one.before, 0), len(one.gone) - 1)])
    by_one, by_both = likeness.explained(before, after, pictures[middle], min(0.9, max(0.1, gone)))
    planes = pictures[[first, middle, end]].astype(numpy.float32).reshape(3, 3, -1)
    planes -= planes.mean(axis=2, keepdims=True)
    variance = numpy.square(planes).mean(axis=2).sum(axis=1)
    common = float((planes[0] * planes[2]).mean(axis=1).sum())
    line = (1 - gone) * variance[0] + gone * variance[2]
    mixture = (1 - gone) ** 2 * variance[0] + gone**2 * variance[2] + 2 * gone * (1 - gone) * common
    return [
        whole, whole / (step(before, after) + 1e-3), by_one / whole, by_both / whole, by_both / (by_one + 0.5),
        by_one, by_both, min(back) / whole, float((line - variance[1]) / (line - mixture + 20)),
    ]  # fmt: skip


def _fit(when: Any, weight: Any, basis: Any) -> tuple[float, float]:
    """The share of a spread that a smooth surface explains, and the spread, as of even values from 0 to 1; flat."""
    import numpy

    weighted = basis * weight[:, None]
    size = basis.shape[1]
    answer = numpy.linalg.solve(weighted.T @ basis + 1e-6 * numpy.eye(size), weighted.T @ when)
    rest = float((weight * numpy.square(when - basis @ answer)).sum())
    spread = float((weight * numpy.square(when - float((weight * when).sum()))).sum())
    return 1 - rest / (spread + 1e-4), 12 * spread


@cache
def _surfaces(shape: tuple[int, int]) -> tuple[Any, Any]:
    """Planes and surfaces of the second order on a grid: [h * w, 3] and [h * w, 6]."""
    import numpy

    y, x = (axis.ravel() / max(shape) for axis in numpy.mgrid[0 : shape[0], 0 : shape[1]])
    flat = numpy.stack([numpy.ones(math.prod(shape)), y, x], axis=1)
    return flat, numpy.concatenate([flat, numpy.stack([y * y, x * x, y * x], axis=1)], axis=1)
