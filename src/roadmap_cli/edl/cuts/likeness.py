"""How unlike two small pictures are when things in them, or the camera, may have moved.

Pictures are stacks of planes: uint8 [3, HEIGHT, WIDTH], Y, U and V on one grid.
"""

from __future__ import annotations

import math
from typing import Any

WIDTH, HEIGHT = 48, 27
_BLOCK_W, _BLOCK_H = 8, 9
_REACH_X, _REACH_Y = 12, 6
_PLACES = [(y, x) for y in range(0, HEIGHT, _BLOCK_H) for x in range(0, WIDTH, _BLOCK_W)]


def step(before: Any, after: Any) -> float:
    """Mean change of a pixel, summed over Y, U and V, in code values."""
    import cv2

    return float(cv2.norm(before.reshape(-1), after.reshape(-1), cv2.NORM_L1)) / (WIDTH * HEIGHT)


def unlike(before: Any, after: Any) -> float:
    """Change that movement does not explain, in code values.

    Each block of `before` is looked for in `after` nearby, in all three planes; what remains at the best place, as a
    mean over the three quarters of blocks that fit best: what comes into view at an edge has no match, and is no cut.
    """
    import numpy

    first, second = numpy.ascontiguousarray(before.transpose(1, 2, 0)), _widened(after)
    left = sorted(_searched(first, second, y, x)[0] for y, x in _PLACES)
    kept = left[: len(left) * 3 // 4]
    return sum(kept) / len(kept)


def explained(before: Any, after: Any, between: Any, gone: float) -> tuple[float, float]:
    """How much of a picture neither of two explains alone, and how much no mixture of both does, in code values.

    Blocks are looked for nearby; in the mixture `after` has the share `gone`, and one of the two may have moved, then
    the other. Means over all blocks.
    """
    import numpy

    second, middle = (numpy.ascontiguousarray(one.transpose(1, 2, 0), numpy.float32) for one in (after, between))
    wide_first, wide_second = _widened(before).astype(numpy.float32), _widened(after).astype(numpy.float32)
    alone = mixed = 0.0
    for y, x in _PLACES:
        block = (slice(y, y + _BLOCK_H), slice(x, x + _BLOCK_W))
        target = middle[block]
        alone += min(_searched(middle, wide, y, x)[0] for wide in (wide_first, wide_second))
        rest, found = _searched((target - gone * second[block]) / (1 - gone), wide_first, y, x, whole=False)
        other, _ = _searched((target - (1 - gone) * found) / gone, wide_second, y, x, whole=False)
        mixed += min((1 - gone) * rest, gone * other)
    return alone / len(_PLACES), mixed / len(_PLACES)


def _widened(picture: Any) -> Any:
    """A picture [3, HEIGHT, WIDTH] as [h, w, 3] with its edges drawn out as far as blocks are looked for."""
    import cv2
    import numpy

    inner = numpy.ascontiguousarray(picture.transpose(1, 2, 0))
    return cv2.copyMakeBorder(inner, _REACH_Y, _REACH_Y, _REACH_X, _REACH_X, cv2.BORDER_REPLICATE)


def _searched(picture: Any, wide: Any, y: int, x: int, *, whole: bool = True) -> tuple[float, Any]:
    """The error of the block of a picture (or, if not `whole`, of the block itself) at the best place, and that."""
    import cv2

    block = picture[y : y + _BLOCK_H, x : x + _BLOCK_W] if whole else picture
    place = wide[y : y + _BLOCK_H + 2 * _REACH_Y, x : x + _BLOCK_W + 2 * _REACH_X]
    error, _, (left, top), _ = cv2.minMaxLoc(cv2.matchTemplate(place, block, cv2.TM_SQDIFF))
    return math.sqrt(max(0.0, error) / (_BLOCK_W * _BLOCK_H)), place[top : top + _BLOCK_H, left : left + _BLOCK_W]
