"""How unlike two small pictures are when things in them, or the camera, may have moved.

Pictures are stacks of planes: uint8 [3, HEIGHT, WIDTH], Y, U and V on one grid.
"""

from __future__ import annotations

import math
from typing import Any

WIDTH, HEIGHT = 48, 27
_BLOCK_W, _BLOCK_H = 8, 9
_REACH_X, _REACH_Y = 12, 6


def step(before: Any, after: Any) -> float:
    """Mean change of a pixel, summed over Y, U and V, in code values."""
    import cv2

    return float(cv2.norm(before.reshape(-1), after.reshape(-1), cv2.NORM_L1)) / (WIDTH * HEIGHT)


def unlike(before: Any, after: Any) -> float:
    """Change that movement does not explain, in code values.

    Each block of `before` is looked for in `after` nearby, in all three planes; what remains at the best place, as a
    mean over the three quarters of blocks that fit best: what comes into view at an edge has no match, and is no cut.
    """
    import cv2
    import numpy

    first = numpy.ascontiguousarray(before.transpose(1, 2, 0))
    second = cv2.copyMakeBorder(
        numpy.ascontiguousarray(after.transpose(1, 2, 0)), _REACH_Y, _REACH_Y, _REACH_X, _REACH_X, cv2.BORDER_REPLICATE
    )
    left: list[float] = []
    for y in range(0, HEIGHT, _BLOCK_H):
        for x in range(0, WIDTH, _BLOCK_W):
            block = first[y : y + _BLOCK_H, x : x + _BLOCK_W]
            place = second[y : y + _BLOCK_H + 2 * _REACH_Y, x : x + _BLOCK_W + 2 * _REACH_X]
            error = float(cv2.matchTemplate(place, block, cv2.TM_SQDIFF).min())
            left.append(math.sqrt(max(0.0, error) / (_BLOCK_W * _BLOCK_H)))
    left.sort()
    kept = left[: len(left) * 3 // 4]
    return sum(kept) / len(kept)
