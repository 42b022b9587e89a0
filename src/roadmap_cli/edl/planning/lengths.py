"""How long each shot is shown: lognormal lengths, the length asked for to the frame, and cuts on musical beats.

Lengths of shots are lognormal (Salt; Redfern); n shots get the n quantiles in the middle of equal shares, so that a
plan has the median and spread of its style whatever its number of cuts, and the same plan always has the same.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist


@dataclass(frozen=True, slots=True)
class Grid:
    """Programme frames at which a musical beat falls, sorted; `strong` are those of downbeats."""

    frames: tuple[int, ...] = ()
    strong: frozenset[int] = frozenset()

    def between(self, first: int, last: int) -> Sequence[int]:
        """Those from one frame to another, both included."""
        return self.frames[bisect_left(self.frames, first) : bisect_right(self.frames, last)]

    def near(self, frame: int, most: int) -> bool:
        """Whether one lies at most so many frames away."""
        return bool(self.between(frame - most, frame + most))


def quantiles(count: int, median: float, spread: float, shortest: float, longest: float) -> list[float]:
    """`count` lognormal lengths in rising order, the first and last held in their bounds."""
    normal = NormalDist()
    exponents = (normal.inv_cdf((rank + 0.5) / count) for rank in range(count))
    return [min(max(median * 2.718281828459045 ** (spread * each), shortest), longest) for each in exponents]


def desired(available: Sequence[float], wanted: Sequence[float], factors: Sequence[float]) -> list[float]:
    """Which of the wanted lengths (rising) each piece gets: longer ones to pieces that have more, times its factor.

    Pieces that have more than enough are dealt to by turns, so that long and short shots mix.
    """
    count = len(available)
    found = [0.0] * count
    longest = wanted[-1] if wanted else 0.0
    # Pieces with room for any length come last; among them the order is that of a low-discrepancy sequence.
    order = sorted(range(count), key=lambda n: (min(available[n], longest), _scattered(n)))
    for rank, piece in enumerate(order):
        found[piece] = min(wanted[rank] * factors[piece], available[piece])
    return found


def allot(
    wanted: Sequence[float], least: Sequence[int], most: Sequence[int], target: int | None, grid: Grid | None = None
) -> list[int]:
    """Whole frames for each piece, between its least and most, near what is wanted.

    With a target the rest is spread over what is still to come, in proportion, so that the sum is the target exactly if
    the bounds allow it. With a grid each joint goes to the beat nearest to where it would fall, downbeats first, if one
    is within the bounds; the sum is then the target all the same.
    """
    count = len(wanted)
    wishes = list(wanted) if target is None else filled(wanted, least, most, target)
    least_after, most_after, total = [0] * (count + 1), [0] * (count + 1), [0.0] * (count + 1)
    for piece in range(count - 1, -1, -1):
        least_after[piece] = least_after[piece + 1] + least[piece]
        most_after[piece] = most_after[piece + 1] + most[piece]
        total[piece] = total[piece + 1] + wishes[piece]
    found: list[int] = []
    at, owed = 0, 0.0
    for piece in range(count):
        low, high = least[piece], most[piece]
        ideal = wishes[piece] + owed
        if target is not None:
            rest = target - at
            low = max(low, rest - most_after[piece + 1])
            high = min(high, rest - least_after[piece + 1])
            low, high = min(max(low, least[piece]), most[piece]), max(min(high, most[piece]), least[piece])
            low = min(low, high)
            ideal = wishes[piece] * rest / total[piece] if total[piece] else float(least[piece])
        length = min(max(round(ideal), low), high)
        last = target is not None and piece + 1 == count
        if grid and grid.frames and not last:
            length = _on_beat(at, length, low, high, grid)
        owed = ideal - length if target is None and not (grid and grid.frames) else 0.0
        owed = min(max(owed, -0.5), 0.5)
        found.append(length)
        at += length
    return found


def filled(wanted: Sequence[float], least: Sequence[int], most: Sequence[int], target: int) -> list[float]:
    """The wanted lengths scaled alike, each held in its bounds, so that their sum is as near the target as can be."""

    def scaled(scale: float) -> list[float]:
        return [min(max(w * scale, low), high) for w, low, high in zip(wanted, least, most, strict=True)]

    low, high = 0.0, 1.0
    while sum(scaled(high)) < target and high < 1e6:
        high *= 2
    for _ in range(40):
        middle = (low + high) / 2
        if sum(scaled(middle)) < target:
            low = middle
        else:
            high = middle
    return scaled(high)


def _on_beat(at: int, length: int, low: int, high: int, grid: Grid) -> int:
    """The length that ends on a beat: a downbeat if one is nearly as near, else the nearest beat, else as it was."""
    choices = grid.between(at + low, at + high)
    if not choices:
        return length
    end = at + length
    place = bisect_left(choices, end)
    reach = max(2, length // 3)
    around = choices[max(0, place - 8) : place + 8]
    strong = [beat for beat in around if beat in grid.strong and abs(beat - end) <= reach]
    best = min(strong or around, key=lambda beat: (abs(beat - end), beat))
    return best - at


def _scattered(number: int) -> float:
    """Multiples of the golden ratio without their whole part: neighbours lie far apart, and every stretch is filled."""
    return number * 0.6180339887498949 % 1.0
