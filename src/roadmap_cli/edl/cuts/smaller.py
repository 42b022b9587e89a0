"""Decoded pictures made small enough to be compared."""

from __future__ import annotations

from typing import Any

from roadmap_cli.edl.cuts.likeness import HEIGHT, WIDTH

#: From studio range, as video is stored, to full range.
LUMA_GAIN, CHROMA_GAIN = 255 / 219, 255 / 224


def stack(luma: Any, blue: Any, red: Any) -> Any:
    """The planes of one picture, in studio range, on one small grid in full range: uint8 [3, HEIGHT, WIDTH]."""
    import cv2
    import numpy

    small = numpy.empty((3, HEIGHT, WIDTH), numpy.uint8)
    for place, plane, gain, offset in zip(small, (luma, blue, red), _GAINS, _OFFSETS, strict=True):
        cv2.resize(plane, (WIDTH, HEIGHT), dst=place, interpolation=cv2.INTER_AREA)
        cv2.addWeighted(place, gain, place, 0.0, offset, dst=place)
    return small


_GAINS = (LUMA_GAIN, CHROMA_GAIN, CHROMA_GAIN)
_OFFSETS = (-16 * LUMA_GAIN, 128 - 128 * CHROMA_GAIN, 128 - 128 * CHROMA_GAIN)
