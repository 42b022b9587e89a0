"""The noise of a picture, from a strip of it as it was stored.

Immerkaer, "Fast noise variance estimation", CVIU 64 (1996): a mask that is blind to slopes, here block by block, and
only where blocks are nearly flat, so that texture is not taken for noise.
"""

from __future__ import annotations

import math
from typing import Any

from roadmap_cli.edl.seeing.decoding import LUMA_GAIN

_BLOCK = 16
#: Mean luma in studio range between which noise is not cut off at black or white.
_LEAST, _MOST = 28, 222
#: The share of blocks that is looked at, the flattest, and the least number of blocks.
_FLATTEST, _FEWEST = 0.25, 8


def sigma(strip: Any) -> float | None:
    """Standard deviation of the noise in luma [height, width], sides multiples of 16, on the scale 0 to 255.

    None if too little of the strip is neither black nor white.
    """
    import cv2
    import numpy

    height, width = strip.shape
    blocks = (width // _BLOCK, height // _BLOCK)
    mask = numpy.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], numpy.float32)
    rough = numpy.abs(cv2.filter2D(strip, cv2.CV_16S, mask))
    rough = cv2.resize(rough.astype(numpy.float32), blocks, interpolation=cv2.INTER_AREA)
    smooth = cv2.resize(strip, (width // 4, height // 4), interpolation=cv2.INTER_AREA).astype(numpy.float32)
    mean = cv2.resize(smooth, blocks, interpolation=cv2.INTER_AREA)
    spread = cv2.resize(smooth * smooth, blocks, interpolation=cv2.INTER_AREA) - mean * mean
    usable = (mean > _LEAST) & (mean < _MOST)
    if usable.sum() < _FEWEST:
        return None
    rough, spread = rough[usable], spread[usable]
    chosen = numpy.argsort(spread)[: max(_FEWEST, int(len(spread) * _FLATTEST))]
    return float(numpy.median(rough[chosen])) * math.sqrt(math.pi / 2) / 6 * LUMA_GAIN
