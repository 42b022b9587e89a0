"""Decoded pictures made small enough to be compared."""

from __future__ import annotations

from typing import Any

from roadmap_cli.edl.cuts.likeness import HEIGHT, WIDTH


def stack(luma: Any, blue: Any, red: Any) -> Any:
    """The planes of one picture on one small grid: uint8 [3, HEIGHT, WIDTH]."""
    import cv2
    import numpy

    small = numpy.empty((3, HEIGHT, WIDTH), numpy.uint8)
    for place, plane in zip(small, (luma, blue, red), strict=True):
        cv2.resize(plane, (WIDTH, HEIGHT), dst=place, interpolation=cv2.INTER_AREA)
    return small
