"""How bright pictures are: shares and percentiles from a summed histogram, and flicker from the means along time."""

from __future__ import annotations

from typing import Any

from roadmap_cli.edl.seeing.decoding import LUMA_GAIN
from roadmap_cli.edl.seeing.motion import quick

#: Full-range code values below which a pixel is black to the eye, and above which it is burnt out.
DARK, BRIGHT = 16, 245
#: Bounds of low and high key, from what the words mean: nearly all dark, or nearly all bright. Set by hand.
_LOW_MEDIAN, _LOW_LIT = 56.0, 0.15
_HIGH_MEDIAN, _HIGH_DARKEST = 168.0, 56.0


def described(histogram: Any) -> dict[str, Any]:
    """Brightness from a histogram [256] of studio-range luma, on the scale 0 to 255."""
    import numpy

    counts = numpy.asarray(histogram, numpy.float64)
    levels = numpy.clip((numpy.arange(256) - 16) * LUMA_GAIN, 0, 255)
    share = counts / max(1.0, counts.sum())
    p5, p50, p95 = (percentile(levels, share, part) for part in (0.05, 0.5, 0.95))
    lit = float(share[levels > 150].sum())
    low = p50 < _LOW_MEDIAN and lit < _LOW_LIT
    high = p50 > _HIGH_MEDIAN and p5 > _HIGH_DARKEST
    return {
        "luma_p5": round(p5, 1),
        "luma_p50": round(p50, 1),
        "luma_p95": round(p95, 1),
        "dark_ratio": round(float(share[levels < DARK].sum()), 4),
        "bright_ratio": round(float(share[levels > BRIGHT].sum()), 4),
        "key": "low" if low else "high" if high else "mid",
    }


def percentile(levels: Any, share: Any, part: float) -> float:
    """The level below which `part` of a distribution lies; shares [n] sum to 1."""
    import numpy

    return float(levels[min(len(levels) - 1, int(numpy.searchsorted(numpy.cumsum(share), part)))])


def flicker(means: Any, fps: float) -> float:
    """How much the mean luma of frames [n] trembles: root mean square about its course over .6 s, flashes aside.

    Slow changes (a fade, a cloud) do not count, and neither does what is over eight times the usual: a flash.
    """
    import numpy

    if len(means) < 5:
        return 0.0
    rest = numpy.abs(quick(numpy.asarray(means, numpy.float64), max(5, round(0.6 * fps))))
    usual = rest[rest <= 8 * numpy.median(rest) + 0.5]
    return float(numpy.sqrt(numpy.mean(numpy.square(usual))))
