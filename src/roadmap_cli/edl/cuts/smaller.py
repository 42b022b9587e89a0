"""Decoded pictures made small enough to be compared."""

from __future__ import annotations

from functools import cache
from typing import Any

from roadmap_cli.edl.cuts.likeness import HEIGHT, WIDTH
from roadmap_cli.edl.seeing.decoding import CHROMA_GAIN, LUMA_GAIN


def stack(luma: Any, blue: Any, red: Any) -> Any:
    """The planes of one picture, in studio range and of one size, on one small grid in full range.

    Returns uint8 [3, HEIGHT, WIDTH].
    """
    import cv2

    # One call for the three planes: most of its cost is in setting up.
    small = cv2.resize(cv2.merge((luma, blue, red)), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return cv2.LUT(small, _full_range()).transpose(2, 0, 1).copy()


@cache
def _full_range() -> Any:
    """What each code value becomes in the three planes: uint8 [1, 256, 3]."""
    import numpy

    codes = numpy.arange(256)
    luma = numpy.rint((codes - 16) * LUMA_GAIN)
    chroma = numpy.rint((codes - 128) * CHROMA_GAIN + 128)
    return numpy.clip(numpy.stack([luma, chroma, chroma], axis=1), 0, 255).astype(numpy.uint8)[None]
