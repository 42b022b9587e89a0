"""Neighbouring shots brought to one light and colour: means of L*, a* and b* towards a reference, within bounds."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

from roadmap_cli.edl.feedback import colour
from roadmap_cli.edl.feedback.colour import Look, bounds, through
from roadmap_cli.edl.feedback.material import Edit, Footage
from roadmap_cli.edl.feedback.proof import LEAST_MOVED, Corrected, Measured, Refused, Wanted, number, of_cuts
from roadmap_cli.edl.feedback.toning import NEW_CLIPPED, limits

#: Neighbours closer than this in CIE Lab match.
MATCHES = 8.0
#: Lever, which part of Lab it moves, and the ends it may reach.
_LEVERS = (("effects.gamma", 0), ("grade.warmth_k", 2), ("effects.tint", 1))


def correct(edit: Edit, footage: Footage, wanted: Wanted) -> Corrected:
    """Bring cuts to the median of all in question. Raises Refused with the numbers."""
    if wanted.sign < 0:
        raise Refused("shots are not made to differ on purpose")
    chosen = list(wanted.chosen)
    if len(chosen) == 1:  # one shot: against its neighbours
        chosen = sorted({max(0, chosen[0] - 1), chosen[0], min(len(edit.cuts) - 1, chosen[0] + 1)})
    if len(chosen) < 2:
        raise Refused("there is only one shot: nothing to match it with")
    pictures = [footage.pictures(edit.cuts[n]) for n in chosen]
    looks = [Look.of(edit.cuts[n]) for n in chosen]
    means = [_mean(look, each) for look, each in zip(looks, pictures, strict=True)]
    before = _apart(means)
    first = [Measured("difference of neighbours", "CIE Lab", before)]
    if before < MATCHES and not wanted.insist:
        raise Refused(
            f"the measurement says otherwise: neighbours differ by {before:.1f}, below {MATCHES:g}", first, asks=True
        )
    reference = tuple(statistics.median(mean[part] for mean in means) for part in range(3))
    target = min(MATCHES, before * 0.35)
    cuts = list(edit.cuts)
    made = []
    for n, look, each in zip(chosen, looks, pictures, strict=True):
        new = _towards(look, each, reference)
        made.append(new)
        if new != look:
            cuts[n] = new.on(cuts[n])
    after = _apart([_mean(look, each) for look, each in zip(made, pictures, strict=True)])
    told = [limits(through(a, p), through(b, p)) for a, b, p in zip(looks, made, pictures, strict=True)]
    worst = max(each["new_clipped_ratio"] for each in told)
    measured = Measured(
        "difference of neighbours", "CIE Lab", before, target, after, limits={"new_clipped_ratio": worst}
    )
    if measured.moved < LEAST_MOVED and not (wanted.insist and measured.moved > 0.05):
        raise Refused(
            f"only {max(0.0, measured.moved):.0%} of the way can be gone: neighbours "
                f"differ by {number(before)}, then {number(after)}",
            [measured], asks=measured.moved > 0.05,
        )  # fmt: skip
    return Corrected(
        edit.put(cuts),
        (measured,),
        f"light and colour of {of_cuts(sum(a != b for a, b in zip(looks, made, strict=True)))} to the median of "
        f"{len(chosen)}",
    )


def _mean(look: Look, pictures: Any) -> tuple[float, float, float]:
    lab = colour.lab(through(look, pictures)).reshape(-1, 3).mean(axis=0)
    return float(lab[0]), float(lab[1]), float(lab[2])


def _apart(means: list[tuple[float, float, float]]) -> float:
    """The mean distance between neighbours."""
    return statistics.fmean(sum((a - b) ** 2 for a, b in zip(x, y, strict=True)) ** 0.5 for x, y in pairwise(means))


def _towards(look: Look, pictures: Any, reference: tuple[float, ...]) -> Look:
    """A look whose mean colour meets the reference as far as its levers go, one after the other, twice."""
    start = through(look, pictures)
    for _ in range(2):
        for name, part in _LEVERS:
            tried = _solved(look, name, partial(_miss, pictures, part, reference[part]))
            if limits(start, through(tried, pictures))["new_clipped_ratio"] <= NEW_CLIPPED:
                look = tried
    return look


def _miss(pictures: Any, part: int, wanted: float, look: Look) -> float:
    return _mean(look, pictures)[part] - wanted


def _solved(look: Look, name: str, miss: Callable[[Look], float]) -> Look:
    low, high = bounds(name)
    if name == "effects.gamma":
        low, high = max(low, 0.65), min(high, 1.6)
    if abs(miss(look)) < 0.3:
        return look
    if miss(look.put(name, low)) > 0:
        return look.put(name, low)
    if miss(look.put(name, high)) < 0:
        return look.put(name, high)
    for _ in range(9):
        middle = (low + high) / 2
        low, high = (middle, high) if miss(look.put(name, middle)) < 0 else (low, middle)
    return look.put(name, (low + high) / 2)
