"""Hard cuts: a step that stands out from its neighbours, that movement does not explain, and that stays.

The step is measured against the median of the steps around it, as adaptive detectors do. What stands out is then
looked at: blocks are searched for nearby (a fast pan finds them, a cut does not), and the picture before is compared
with those some frames later (after a photographic flash it is back).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from roadmap_cli.edl.cuts.likeness import unlike

#: How many frames must be known on both sides of a frame to judge it.
AROUND = 12
_FLASH_FRAMES = 9
#: A step of at most so much is the same picture again.
_REPEATED = 0.12
_STILL = 7
#: One that stands for at least so long may be a shot of its own, if so much greater a step than others led to it.
_LONG, _LED = 4, 4.0
#: What waiting adds at most to the step a movement makes, in code values.
_SATURATED = 25.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Thresholds, in code values and ratios; chosen on the even seeds of the generated corpus."""

    floor: float = 7.0
    stands_out: float = 2.5
    unexplained: float = 11.0
    unexplained_uneven: float = 15.0
    against_neighbours: float = 1.8
    stands_out_little: float = 1.2
    against_both: float = 3.0
    returns: float = 0.5
    brighter: float = 8.0
    white: float = 0.6
    alike: float = 0.4
    burns: float = 40.0
    black: float = 12.0
    dimmed: float = 0.93
    dimmed_unlike: float = 0.4


def is_cut(pictures: Any, steps: Any, at: int, limits: Limits) -> bool:
    """Whether a new shot begins at picture `at` of [n, 3, HEIGHT, WIDTH]; steps[i] is the step from i - 1 to i."""
    import numpy

    size = float(steps[at])
    if size < limits.floor:
        return False
    first, end = max(1, at - 6), min(len(steps), at + 7)
    around = numpy.delete(steps[first:end], at - first)
    moving = around[around > _REPEATED]
    held = 1 + _held(steps, at)
    # Among stills, the few steps there are may be cuts themselves and are no measure of movement.
    usual = _waited(float(numpy.median(moving)), held) if 4 * len(moving) >= len(around) else 0.0
    if size < limits.stands_out_little * (usual + 0.8):
        return False
    left = unlike(pictures[at - 1], pictures[at])
    # Where pictures are shown again and again, one step holds the movement of several.
    uneven = len(moving) < 0.75 * len(around)
    if left < (limits.unexplained_uneven if uneven else limits.unexplained):
        return False
    sides = []
    if at - 1 - held >= 0:
        sides.append(unlike(pictures[at - 1 - held], pictures[at - 1]))
    # A picture that is shown again says nothing about how the new shot moves.
    after = next((n for n in range(at + 1, min(len(steps), at + AROUND + 1)) if steps[n] > _REPEATED), len(pictures))
    if max(after, at + held) < len(pictures):
        sides.append(unlike(pictures[at], pictures[max(after, at + held)]))
    elif at + 1 < len(pictures):
        sides.append(0.0)  # it stands still
    if size >= limits.stands_out * (usual + 0.8):
        if left < limits.against_neighbours * min(sides, default=0.0):
            return False
    elif left < limits.against_both * max([*sides, 1.0]):
        return False
    return not (
        _flashes(pictures, at, limits) or _burns_out(pictures, at, limits) or _fades(pictures, steps, at, limits)
    )


def _fades(pictures: Any, steps: Any, at: int, limits: Limits) -> bool:
    """Whether the step at `at` is of a steep fade: the same picture with less light, or black after such a one."""
    before, after = pictures[at - 1], pictures[at]
    if _dimmed(before, after, limits) or _dimmed(after, before, limits):
        return True
    ahead = at - 2 - _held(steps, at)
    if ahead >= 0 and float(after[0].mean()) < limits.black:
        return _dimmed(pictures[ahead], before, limits)
    later = next((n for n in range(at + 1, len(pictures)) if steps[n] > _REPEATED), len(pictures))
    return later < len(pictures) and float(before[0].mean()) < limits.black and _dimmed(pictures[later], after, limits)


def _dimmed(bright: Any, dark: Any, limits: Limits) -> bool:
    """Whether of two pictures each is the other with less light, or with more, and little else."""
    import numpy

    zero = numpy.array([0, 128, 128], numpy.float32)[:, None, None]
    full, less = bright - zero, dark - zero
    both, whole = float((full * less).sum()), limits.dimmed_unlike * unlike(bright, dark)
    down, up = both / (float((full * full).sum()) + 1.0), both / (float((less * less).sum()) + 1.0)
    if not 0.1 < down < limits.dimmed:
        return False
    tries = ((down * full, dark), (up * less, bright))
    return all(
        unlike(numpy.clip(numpy.rint(scaled + zero), 0, 255).astype(numpy.uint8), other) < whole
        for scaled, other in tries
    )


def _waited(usual: float, held: int) -> float:
    """How great a step movement makes that shows itself only after so many frames: differences saturate."""
    return min(held * usual, usual + _SATURATED)


def _burns_out(pictures: Any, at: int, limits: Limits) -> bool:
    """Whether a flash goes off at `at` and dies down frame by frame, whatever else moves."""
    light = pictures[at - 1 : at + _FLASH_FRAMES, 0].mean(axis=(1, 2))
    jump = float(light[1] - light[0]) if len(light) > 2 else 0.0
    if jump < limits.burns:
        return False
    for falls, (before, after) in enumerate(itertools.pairwise(light[1:])):
        if before - after < 0.08 * jump:
            return False
        if after - light[0] < 0.3 * jump:
            return falls > 0
    return False


def _held(steps: Any, at: int) -> int:
    """How often the picture before `at` was repeated: in a source of varying rate a longer wait makes a greater step.

    A picture that stands for longer is a still, and so is one that a cut led to: it stood out from what moves around.
    """
    for count in range(_STILL):
        start = at - 1 - count
        if start < 1:
            return count
        if steps[start] > _REPEATED:
            others = sorted(step for n, step in enumerate(steps) if step > _REPEATED and n not in (start, at))
            usual = others[len(others) // 2] if others else 0.0
            return 0 if count >= _LONG and steps[start] > _LED * (usual + 0.8) else count
    return 0


def _flashes(pictures: Any, at: int, limits: Limits) -> bool:
    """Whether the step at `at` lies in a flash: a lit stretch between two like pictures and like them."""
    light = pictures[:, 0].mean(axis=(1, 2))
    for before in range(at - 1, max(-1, at - 1 - _FLASH_FRAMES), -1):
        for after in range(max(at, before + 2), min(len(pictures), before + _FLASH_FRAMES + 2)):
            between = light[before + 1 : after]
            if between.min() < max(light[before], light[after]) + limits.brighter:
                continue
            peak = before + 1 + int(between.argmax())
            lit = unlike(pictures[before], pictures[peak])
            if unlike(pictures[before], pictures[after]) > limits.returns * lit:
                continue
            white = float((pictures[peak, 0] >= 225).mean())
            alike = _correlation(pictures[before, 0], pictures[peak, 0])
            if white > limits.white or alike > limits.alike:
                return True
    return False


def _correlation(first: Any, second: Any) -> float:
    """Pearson's r of two planes; 0 if one is flat."""
    one, other = first - first.mean(), second - second.mean()
    size = float((one * one).sum() * (other * other).sum()) ** 0.5
    return float((one * other).sum()) / size if size > 1.0 else 0.0
