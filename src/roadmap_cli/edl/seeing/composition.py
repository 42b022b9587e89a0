"""How a picture is laid out: black bars around it, and the slant of its horizon."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import median
from typing import Any

#: Studio-range luma at most in a bar, in nearly all of its pixels, and of a picture too dark to tell.
_BAR, _TOO_DARK = 26, 40
#: A bar takes at most so much of a side.
_WIDEST = 0.35
#: Slants looked at, in degrees, and in what steps.
_SLANT, _STEP = 15.0, 0.5
#: How much of the width a line must run along, and of what it must be made: gradient in code values.
_RUN, _EDGE = 0.3, 24.0


@dataclass(slots=True)
class Layout:
    """What was seen on pictures of one shot."""

    bars: list[float] | None = None
    slants: list[float] = field(default_factory=list)
    looked: int = 0

    def add_bars(self, luma: Any) -> None:
        """Look for bars in luma [height, width]; what a bar is must be black in every picture."""
        found = bars(luma)
        if found is not None:
            self.bars = found if self.bars is None else [min(a, b) for a, b in zip(self.bars, found, strict=True)]

    def add_slant(self, luma: Any) -> None:
        """Look for a horizon in luma [height, width]."""
        self.looked += 1
        if (found := slant(luma)) is not None and len(self.slants) < 1000:
            self.slants.append(found)

    def record(self) -> dict[str, Any]:
        """Bars as shares from above, below, left and right; the horizon if most pictures show one."""
        told: dict[str, Any] = {"letterbox": [round(side, 4) for side in self.bars or (0.0, 0.0, 0.0, 0.0)]}
        if 2 * len(self.slants) > self.looked:
            told["horizon_degrees"] = round(median(self.slants), 2)
        return told


def bars(luma: Any) -> list[float] | None:
    """Shares of black at the top, bottom, left and right of luma [height, width]; None if all is dark."""
    import numpy

    if float(luma.mean(axis=1).max()) < _TOO_DARK:
        return None
    found = []
    for axis in (1, 0):
        # A few bright pixels (a logo's edge, noise of the encoder) do not end a bar.
        line = numpy.partition(luma, int(luma.shape[axis] * 0.98) - 1, axis=axis)
        lit = numpy.flatnonzero(numpy.take(line, int(luma.shape[axis] * 0.98) - 1, axis=axis) > _BAR)
        size = luma.shape[1 - axis]
        first, last = (int(lit[0]), size - 1 - int(lit[-1])) if len(lit) else (0, 0)
        found += [side / size if 1 < side <= _WIDEST * size else 0.0 for side in (first, last)]
    return found


def slant(luma: Any) -> float | None:
    """The slant of the longest nearly level line of luma [height, width], in degrees; clockwise is positive.

    Directions of edges vote (Hough 1962) for a slant, then edges of that slant for one line, whose points are laid
    through by least squares. None if no line is long enough.
    """
    import cv2
    import numpy

    smooth = cv2.GaussianBlur(luma, (3, 3), 0)
    across = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=0.25)
    down = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=0.25)
    rows, columns = numpy.nonzero((numpy.abs(down) > _EDGE) & (numpy.abs(across) < 0.4 * numpy.abs(down)))
    height, width = luma.shape
    inside = (rows > 2) & (rows < height - 3) & (columns > 2) & (columns < width - 3)
    rows, columns = rows[inside], columns[inside]
    if len(rows) < _RUN * width:
        return None
    angles = numpy.degrees(numpy.arctan(-across[rows, columns] / down[rows, columns]))
    votes = numpy.bincount(numpy.round((angles + 25) / _STEP).astype(int), minlength=round(50 / _STEP) + 1)
    votes = numpy.convolve(votes, [1, 2, 3, 2, 1], "same")
    votes[: round((25 - _SLANT) / _STEP)] = votes[round((25 + _SLANT) / _STEP) + 1 :] = 0
    best = int(votes.argmax()) * _STEP - 25
    near = numpy.abs(angles - best) < 2.5
    x, y = columns[near].astype(numpy.float64), rows[near].astype(numpy.float64)
    angle = float(best)
    for reach in (2.0, 1.8):
        places = y - math.tan(math.radians(angle)) * x
        counts = numpy.bincount(numpy.round(places - places.min()).astype(int))
        counts = counts + numpy.concatenate([counts[1:], [0]])
        on = numpy.abs(places - places.min() - int(counts.argmax()) - 0.5) <= reach
        if len(numpy.unique(x[on])) < _RUN * width:
            return None
        slope, _ = numpy.polyfit(x[on], y[on], 1)
        angle = math.degrees(math.atan(slope))
    return angle if abs(angle) <= _SLANT else None
