"""Soft masks of a box, for the render and for what is measured before it."""

from __future__ import annotations

from typing import Any

from roadmap_cli.edl.edit import Box

#: Width of the soft edge around a box, in shares of the picture's height.
FEATHER = 0.06


def outside(width: int, height: int, box: Box) -> Any:
    """[height, width] float32: 0 in a box with round corners (shares of the picture), 1 away from it, soft between."""
    import numpy

    y, x = numpy.mgrid[0:height, 0:width].astype(numpy.float32)
    x, y = (x + 0.5) / width, (y + 0.5) / height
    aspect = width / height
    # Distance to the box with rounded corners, in shares of the height.
    radius = 0.35 * min(box.width * aspect, box.height)
    dx = numpy.abs(x - box.x - box.width / 2) * aspect - box.width * aspect / 2 + radius
    dy = numpy.abs(y - box.y - box.height / 2) - box.height / 2 + radius
    away = numpy.hypot(numpy.maximum(dx, 0), numpy.maximum(dy, 0)) + numpy.minimum(numpy.maximum(dx, dy), 0) - radius
    share = numpy.clip(away / FEATHER, 0, 1)
    return share * share * (3 - 2 * share)
