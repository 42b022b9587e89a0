"""Black bars around a picture: what lies inside them."""

from __future__ import annotations

from typing import Any

#: Rows and columns whose brightest pixels are below this are bar, in code values: limited-range black, and noise.
_BLACK = 24
#: What is left is at least this share of each side: a dark scene is not a bar.
_LEAST_LEFT = 0.5


def inside(rgb: Any) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of the picture inside its bars, in pixels; of the whole picture if it has none.

    A bar is black from edge to edge (98 of 100 pixels), and its opposite is about as wide (within 2 % of the side), as
    bars are made; a night sky has no counterpart.
    """
    import numpy

    height, width = rgb.shape[:2]
    luma = rgb.max(axis=2)
    top, bottom = _edges(numpy.percentile(luma, 98, axis=1) < _BLACK)
    left, right = _edges(numpy.percentile(luma[top:bottom], 98, axis=0) < _BLACK)
    if abs(top - (height - bottom)) > max(2, 0.02 * height) or bottom - top < _LEAST_LEFT * height:
        top, bottom = 0, height
    if abs(left - (width - right)) > max(2, 0.02 * width) or right - left < _LEAST_LEFT * width:
        left, right = 0, width
    return top, bottom, left, right


def _edges(black: Any) -> tuple[int, int]:
    """The first line that is not black, and the one after the last; all of them if all are black."""
    import numpy

    lit = numpy.flatnonzero(~black)
    return (int(lit[0]), int(lit[-1]) + 1) if len(lit) else (0, len(black))
