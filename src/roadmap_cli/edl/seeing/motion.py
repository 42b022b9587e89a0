"""How the camera moved from one picture to the next: a shift, a zoom and a turn of the whole picture.

The optical-flow equation of Lucas and Kanade (1981) is solved for these and an even change of brightness over all
pixels of a small picture at once, twice: what the first answer does not explain (things that move by themselves) counts
less in the second (iteratively reweighted least squares with Cauchy weights). Where that explains too little the
the middle of the picture is first looked for in the next one: fast pans.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

#: A pair whose change is smaller than this (code values a pixel) is a still camera.
_STILL = 0.15
#: What must be left of a change for a second try, and its least size in code values.
_POOR, _MUCH = 0.45, 2.5
#: How far beyond the mean change a pixel still counts, in the first answer and in the second.
_WIDE = (3.0, 2.0)
#: Shifts in pixels beyond which the flow is no longer a slope, and beyond which too little of a picture is left.
_FAR, _FARTHEST = 1.2, 0.3


@dataclass(slots=True)
class Camera:
    """Follows luma pictures uint8 [height, width] of one size, in order; remembers the last."""

    _last: Any = None
    _places: Any = field(default=None)

    def follow(self, pictures: Sequence[Any]) -> Any:
        """The movement into each picture from the one before: float32 [n, 3].

        Pan (content to the left is positive: the camera turns right), tilt (content down: the camera turns up) and
        zoom (growth), each in shares of the picture's width. The first picture of all has none.
        """
        import numpy

        stack = numpy.stack(pictures).astype(numpy.float32)
        if self._last is None:
            self._last = stack[0]
        before = numpy.concatenate([self._last[None], stack[:-1]])
        self._last = stack[-1]
        moved = self._between(before, stack)
        width = stack.shape[2]
        return moved * numpy.array([-1 / width, 1 / width, 1], numpy.float32)

    def _between(self, before: Any, after: Any) -> Any:
        """Shifts in pixels and growth of each pair, [n, 3]."""
        import numpy

        change = numpy.abs(after - before).mean(axis=(1, 2))
        moved = numpy.zeros((len(after), 3), numpy.float32)
        moving = numpy.flatnonzero(change > _STILL)
        if not len(moving):
            return moved
        moved[moving], left = self._solved(before[moving], after[moving])
        for place, rest in zip(moving, left, strict=True):
            far = numpy.abs(moved[place, :2]).max() > _FAR
            poor = rest > _POOR * change[place] and rest > _MUCH
            if far or poor:
                moved[place] = self._laid(before[place], after[place], moved[place], float(rest), poor)
        return moved

    def _laid(self, before: Any, after: Any, guess: Any, rest: float, poor: bool) -> Any:
        """The same for one pair that lies far apart: whole pixels first, then the rest on what overlaps.

        `guess` is what was found so far and leaves `rest`; if that is poor, the middle is looked for all over.
        """
        import cv2
        import numpy

        height, width = before.shape
        tries = [(round(float(guess[0])), round(float(guess[1])))]
        if poor:
            down, across = int(height * _FARTHEST), int(width * _FARTHEST)
            middle = before[down : height - down, across : width - across]
            place = cv2.minMaxLoc(cv2.matchTemplate(after, middle, cv2.TM_CCOEFF_NORMED))[3]
            tries.append((place[0] - across, place[1] - down))
        bound = 0.8 * rest if poor else rest
        for dx, dy in tries:
            if (dx, dy) == (0, 0) or abs(dx) > _FARTHEST * width or abs(dy) > _FARTHEST * height:
                continue
            first = before[max(0, -dy) : height - max(0, dy), max(0, -dx) : width - max(0, dx)]
            second = after[max(0, dy) : height - max(0, -dy), max(0, dx) : width - max(0, -dx)]
            moved, left = Camera()._solved(first[None], second[None])
            if left[0] < bound:
                guess, bound = moved[0] + numpy.array([dx, dy, 0], numpy.float32), left[0]
        return guess

    def _solved(self, before: Any, after: Any) -> tuple[Any, Any]:
        """Lucas and Kanade's answer for each pair, [n, 3], and the mean change it leaves, [n]."""
        import numpy

        n = len(before)
        middle = (before + after) * 0.5
        # Every second row is enough: five numbers are wanted of thousands of pixels.
        gx = (middle[:, 1:-1:2, 2:] - middle[:, 1:-1:2, :-2]).reshape(n, -1) * 0.5
        gy = (middle[:, 2::2, 1:-1] - middle[:, :-2:2, 1:-1]).reshape(n, -1) * 0.5
        came = (after - before)[:, 1:-1:2, 1:-1].reshape(n, -1)
        x, y = self._grid(before.shape[1:])
        slopes = numpy.empty((n, 5, gx.shape[1]), numpy.float32)
        slopes[:, 0], slopes[:, 1] = gx, gy
        numpy.multiply(gx, x, out=slopes[:, 2])
        slopes[:, 2] += gy * y
        numpy.multiply(gy, x, out=slopes[:, 3])
        slopes[:, 3] -= gx * y
        slopes[:, 4] = 1
        rest, left = came, numpy.abs(came).mean(axis=1)
        for wide in _WIDE:
            weights = 1 / (1 + numpy.square(rest / (wide * left + 0.5)[:, None]))
            weighted = slopes * weights[:, None]
            normal = weighted @ slopes.transpose(0, 2, 1)
            # A little of each unknown's own weight: flat pictures have an answer, too, and it is no movement.
            own = numpy.einsum("nii->ni", normal)
            own += 1e-3 * own + 1
            answer = numpy.linalg.solve(normal, -(weighted @ came[:, :, None]))
            rest = came + (answer.transpose(0, 2, 1) @ slopes)[:, 0]
            left = numpy.abs(rest).mean(axis=1)
        return answer[:, :3, 0], left

    def _grid(self, shape: tuple[int, int]) -> tuple[Any, Any]:
        """Places of the inner pixels from the middle, flat."""
        import numpy

        if self._places is None or self._places[0] != shape:
            height, width = shape
            y, x = numpy.mgrid[1 : height - 1 : 2, 1 : width - 1].astype(numpy.float32)
            self._places = (shape, (x - (width - 1) / 2).ravel(), (y - (height - 1) / 2).ravel())
        return self._places[1], self._places[2]


def shake(pan: Any, tilt: Any, fps: float) -> float:
    """The root mean square of what is quick in a camera's path, in shares of the width.

    `pan` and `tilt` [n] are movements from frame to frame. The path is their sum; slow is what `quick` takes away.
    """
    import numpy

    if len(pan) < 5:
        return 0.0
    path = numpy.cumsum(numpy.stack([pan, tilt]), axis=1, dtype=numpy.float64)
    return float(numpy.sqrt(sum(numpy.mean(numpy.square(quick(one, round(1.2 * fps)))) for one in path)))


def quick(values: Any, window: int) -> Any:
    """Values [n] less a smooth course: a parabola laid through `window` values around each.

    Savitzky and Golay (1964); at the ends the series is turned about its end.
    """
    import numpy

    half = max(2, min(window // 2, len(values) - 1))
    place = numpy.arange(-half, half + 1)
    weights = (
        3 * (3 * half * half + 3 * half - 1 - 5 * place * place) / ((2 * half - 1) * (2 * half + 1) * (2 * half + 3))
    )
    ahead = 2 * values[0] - values[half:0:-1]
    after = 2 * values[-1] - values[-2 : -2 - half : -1]
    return values - numpy.convolve(numpy.concatenate([ahead, values, after]), weights, "valid")
