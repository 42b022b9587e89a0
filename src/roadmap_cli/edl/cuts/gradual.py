"""Gradual transitions: every pixel goes from what it was to what it will be, and nowhere else.

Two still pictures some frames apart that differ nearly everywhere are taken as ends (twin comparison, Zhang,
Kankanhalli and Smoliar 1993). In a dissolve or a fade each picture between lies on the straight line between the ends,
in a wipe each pixel is one end or the other; after a pan or a movement it is neither. The share of the way gone must
rise steadily.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from roadmap_cli.edl.cuts.likeness import step, unlike

#: Spans between the ends that are tried, in frames.
SPANS = (8, 12, 18, 26, 38, 54)
#: How many frames must be known on both sides of a transition's middle.
AROUND = 48
#: Mean luma below which a picture is black to the eye.
DARK = 24


@dataclass(frozen=True, slots=True)
class Limits:
    """Thresholds, in code values and shares; chosen on the even seeds of the generated corpus."""

    differ: float = 30.0
    changed_share: float = 0.92
    off_line: float = 0.22
    still: float = 0.7
    unexplained: float = 0.4
    beside: float = 1.5
    swept: float = 0.45
    swept_off_line: float = 0.04
    wipe_off_line: float = 0.115
    returns: float = 0.4


@dataclass(frozen=True, slots=True)
class Gradual:
    """A transition: `first` is the first mixed picture, `end` the first that is wholly new."""

    first: int
    end: int
    kind: str
    score: float
    off_line: float


def find(coarse: Any, pictures: Any, limits: Limits) -> list[Gradual]:
    """The transitions in pictures, best first where they overlap, in order of time.

    `pictures` is [n, 3, HEIGHT, WIDTH] uint8, `coarse` the same smaller in float32.
    """
    import numpy

    found: list[Gradual] = []
    for span in SPANS:
        if len(coarse) <= span + 2:
            break
        ends = numpy.abs(coarse[span:] - coarse[:-span]).sum(axis=1)
        differ = ends.mean(axis=(1, 2))
        changed = (ends > 10).mean(axis=(1, 2))
        for at in map(int, numpy.flatnonzero((differ > limits.differ) & (changed > limits.changed_share))):
            if judged := _judge(coarse, at, at + span, float(differ[at]), limits):
                found.append(judged)
    found.sort(key=lambda one: -one.score)
    kept: list[Gradual] = []
    refused: set[tuple[int, int]] = set()
    for one in found:
        place = (one.first // 3, one.end // 3)
        if place in refused or any(one.end > other.first and one.first < other.end for other in kept):
            continue
        if _is_movement(pictures, one, limits):
            refused.add(place)
        else:
            kept.append(one)
    return sorted(kept, key=lambda one: one.first)


def _is_movement(pictures: Any, one: Gradual, limits: Limits) -> bool:
    """Whether things or the camera that moved explain a change: blocks found again, or as much change beside it."""
    if one.kind == "wipe" and one.off_line > limits.wipe_off_line:
        return True
    first, end = max(0, one.first - 1), min(len(pictures) - 1, one.end)
    whole = max(unlike(pictures[first], pictures[end]), unlike(pictures[end], pictures[first]))
    if whole < limits.unexplained * step(pictures[first], pictures[end]):
        return True
    stride = max(1, (end - first) // 6)
    places = range(first, end - stride + 1, stride)
    within = sum(unlike(pictures[n], pictures[n + stride]) for n in places)
    if within < limits.swept * whole and one.off_line > limits.swept_off_line:
        return True
    outer = [n for n in (first - 2 * stride, first - stride, end, end + stride) if 0 <= n < len(pictures) - stride]
    beside = sum(unlike(pictures[n], pictures[n + stride]) for n in outer) / max(1, len(outer))
    if beside * len(places) > limits.beside * whole:
        return True
    # A flash that fades: what comes was there just before; or one that rises slowly: what went is soon back.
    there = [(n, end) for n in range(max(0, first - 8), first, 2)]
    there += [(first, n) for n in range(end + 1, min(len(pictures), end + 9), 2)]
    return any(unlike(pictures[n], pictures[m]) < limits.returns * whole for n, m in there)


def _judge(coarse: Any, before: int, after: int, differ: float, limits: Limits) -> Gradual | None:
    """Whether a transition lies between two pictures, and where."""
    import numpy

    way = coarse[after] - coarse[before]
    length = (way * way).sum(axis=0)
    between = coarse[before : after + 1] - coarse[before]
    share = numpy.clip((between * way).sum(axis=1) / (length + 1.0), 0.0, 1.0)
    off = numpy.abs(between - share[:, None] * way).sum(axis=1).mean(axis=(1, 2)) / differ
    if float(off.max()) > 2.2 * limits.off_line or float(off.mean()) > limits.off_line:
        return None
    weight = length / length.sum()
    gone = (share * weight).sum(axis=(1, 2))
    rises = numpy.diff(gone)
    if float(rises.min()) < -0.04 or float(rises.max()) > 0.4:
        return None
    margin = max(2, (after - before) // 4)
    outer = [n for n in (before - margin, after + margin) if 0 <= n < len(coarse)]
    drift = max(
        (float(numpy.abs(coarse[n] - coarse[before if n < before else after]).sum(axis=0).mean()) for n in outer),
        default=0.0,
    )
    if drift > limits.still * differ:
        return None
    low, high = _crossing(gone, 0.15), _crossing(gone, 0.85)
    if high - low < 2.0:
        return None
    slope = 0.7 / (high - low)
    first, end = low - 0.15 / slope, high + 0.15 / slope
    mixed = float(numpy.minimum(share, 1 - share)[(gone > 0.3) & (gone < 0.7)].mean()) if _any(gone) else 0.5
    dark = min(float(coarse[before, 0].mean()), float(coarse[after, 0].mean())) < DARK
    kind = "fade" if dark else "wipe" if mixed < 0.16 else "dissolve"
    score = differ * (1.0 - float(off.mean()) - drift / differ)
    return Gradual(before + max(0, round(first)), before + round(end), kind, score, float(off.mean()))


def _any(gone: Any) -> bool:
    return bool(((gone > 0.3) & (gone < 0.7)).any())


def _crossing(gone: Any, level: float) -> float:
    """Where a rising curve first passes a level, between samples."""
    import numpy

    at = int(numpy.argmax(gone >= level))
    if at == 0:
        return 0.0
    return at - 1 + float((level - gone[at - 1]) / max(1e-6, gone[at] - gone[at - 1]))
