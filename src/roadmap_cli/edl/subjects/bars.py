"""Black bars around a picture: what lies inside them."""

from __future__ import annotations

from typing import Any

#: Rows and columns whose brightest pixels are below this are bar, in code values: limited-range black, and noise.
_BLACK = 24
#: So much of a line must be brighter for it to be picture.
_LEAST_LIT = 0.02
#: What is left is at least this share of each side: a dark scene is not a bar.
_LEAST_LEFT = 0.5


def inside(rgb: Any) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of the picture inside its bars, in pixels; of the whole picture if it has none.

    A bar is black from edge to edge (98 of 100 pixels), and its opposite is about as wide (within 2 % of the side), as
    bars are made; a night sky has no counterpart.
    """
    height, width = rgb.shape[:2]
    # A quarter of the pixels of a line tell what it is.
    across, down = rgb[:, ::4].max(axis=2) >= _BLACK, rgb[::4].max(axis=2) >= _BLACK
    top, bottom = _edges(across.mean(axis=1) < _LEAST_LIT)
    left, right = _edges(down[-(-top // 4) : max(1, -(-bottom // 4))].mean(axis=0) < _LEAST_LIT)
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
