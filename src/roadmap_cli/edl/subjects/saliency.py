"""What catches the eye in a picture, without a model: what is unlike the rest, in its detail and in its colour.

Detail is judged by the spectral residual (Hou and Zhang, CVPR 2007): the log spectrum of a picture 64 pixels wide, less
its own local mean, turned back. It finds outlines. What lies inside them is found by colour and brightness unlike the
picture's mean (Achanta et al., CVPR 2009, frequency-tuned). The map is the mean of the two.
"""

from __future__ import annotations

from typing import Any

SIDE = 64
#: An object is where the map is so many times its mean: between the two papers' three and two.
_TIMES_MEAN = 2.5


def of(rgb: Any) -> Any:
    """The saliency map of a picture [height, width, 3], uint8: float32 [64, 64] with a sum of 1."""
    import cv2
    import numpy

    small = cv2.resize(rgb, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    gray = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    lab = cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(numpy.float32), (0, 0), 1.0)
    if float(lab.std(axis=(0, 1)).max()) < 1.0:  # nothing to see: no place is more than another
        return numpy.full((SIDE, SIDE), 1 / SIDE**2, numpy.float32)
    spectrum = numpy.fft.fft2(gray.astype(numpy.float64))
    log = numpy.log(numpy.abs(spectrum) + 1e-9)
    residual = log - cv2.blur(log, (3, 3), borderType=cv2.BORDER_WRAP)
    turned = numpy.fft.ifft2(numpy.exp(residual + 1j * numpy.angle(spectrum)))
    found = cv2.GaussianBlur(numpy.abs(turned) ** 2, (0, 0), 2.5)
    # The edges of a picture are where its spectrum wraps around: a fault of the method, not a thing in it.
    found[:2] = found[-2:] = 0
    found[:, :2] = found[:, -2:] = 0
    unlike = numpy.square(lab - lab.mean(axis=(0, 1))).sum(axis=2)
    both = found / max(float(found.sum()), 1e-12) + unlike / max(float(unlike.sum()), 1e-12)
    return (both / 2).astype(numpy.float32)


def box(saliency: Any) -> tuple[float, float, float, float] | None:
    """The box, in shares, of the part of a map that holds most above the threshold; None if none stands out."""
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
