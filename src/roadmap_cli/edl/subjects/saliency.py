"""What catches the eye in a picture, without a model: the spectral residual (Hou and Zhang, CVPR 2007).

The log spectrum of a picture 64 pixels wide, less its own local mean, turned back: what is unlike the rest stays.
"""

from __future__ import annotations

from typing import Any

SIDE = 64
#: The paper's threshold for an object: so many times the mean of the map.
_TIMES_MEAN = 3.0


def of(rgb: Any) -> Any:
    """The saliency map of a picture [height, width, 3], uint8: float32 [64, 64] with a sum of 1."""
    import cv2
    import numpy

    gray = cv2.resize(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    if float(gray.std()) < 1.0:  # nothing to see: no place is more than another
        return numpy.full((SIDE, SIDE), 1 / SIDE**2, numpy.float32)
    spectrum = numpy.fft.fft2(gray.astype(numpy.float64))
    log = numpy.log(numpy.abs(spectrum) + 1e-9)
    residual = log - cv2.blur(log, (3, 3), borderType=cv2.BORDER_WRAP)
    turned = numpy.fft.ifft2(numpy.exp(residual + 1j * numpy.angle(spectrum)))
    found = cv2.GaussianBlur(numpy.abs(turned) ** 2, (0, 0), 2.5)
    # The edges of a picture are where its spectrum wraps around: a fault of the method, not a thing in it.
    found[:2] = found[-2:] = 0
    found[:, :2] = found[:, -2:] = 0
    return (found / max(float(found.sum()), 1e-12)).astype(numpy.float32)


def box(saliency: Any) -> tuple[float, float, float, float] | None:
    """The box, in shares, of the part of a map that holds most above the paper's threshold; None if none stands out."""
    import cv2
    import numpy

    above = (saliency > _TIMES_MEAN * float(saliency.mean())).astype(numpy.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(above)
    if count < 2:
        return None
    weights = numpy.bincount(labels.reshape(-1), saliency.reshape(-1), minlength=count)
    weights[0] = 0
    x, y, across, down, _ = (int(value) for value in stats[int(weights.argmax())])
    return x / SIDE, y / SIDE, across / SIDE, down / SIDE
