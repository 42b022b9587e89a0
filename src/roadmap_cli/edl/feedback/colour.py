"""Colours of a cut as the render shows them, and what is measured on them.

`through` is the function that makes the render's colour table (`edl.grade`), so that what is measured here is what will
be seen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from roadmap_cli.core.records import Record
from roadmap_cli.edl import edit as fields
from roadmap_cli.edl import grade as looks
from roadmap_cli.edl.grade import BOUNDS, NEUTRAL, Grade

#: BT.709 luma weights.
WEIGHTS = (0.2126, 0.7152, 0.0722)
#: The numbers of a look by their paths in a cut: `grade.contrast`, `effects.gamma`.
PATHS = (*(f"grade.{name}" for name in BOUNDS), *(f"effects.{name}" for name in sorted(fields.COLOUR_EFFECTS)))


@dataclass(frozen=True, slots=True)
class Look:
    """The look of a cut, whose numbers are named by their path in it."""

    grade: Grade = NEUTRAL

    @classmethod
    def of(cls, cut: Record) -> Look:
        """What a cut says. Raises DataError for what cannot be understood."""
        return cls(looks.of(cut))

    def get(self, path: str) -> float:
        """A number by its path."""
        return float(getattr(self.grade, path.partition(".")[2]))

    def put(self, path: str, value: float) -> Look:
        """The same with one number changed."""
        return Look(replace(self.grade, **{path.partition(".")[2]: round(value, 4)}))

    def on(self, cut: Record) -> Record:
        """A cut with this look; its other effects stay."""
        told = self.grade.record()
        look = {name: told[name] for name in BOUNDS if name in told}
        given = {k: v for k, v in cut.get("effects", {}).items() if k not in fields.COLOUR_EFFECTS}
        given |= {k: v for k, v in told.items() if k in fields.COLOUR_EFFECTS}
        made = {k: v for k, v in cut.items() if k not in {"grade", "effects"}}
        made |= {"grade": look} if look else {}
        return made | ({"effects": {k: given[k] for k in fields.EFFECTS if k in given}} if given else {})


def bounds(path: str) -> tuple[float, float]:
    """The least and the most of a number by its path."""
    return looks.bounds(path.partition(".")[2])


def through(look: Look, pixels: Any) -> Any:
    """Pixels [..., 3], 0 to 1, as they are shown: through the table of a look, with straight lines between its points.

    In very dark pictures that matters: below the first of 33 points a steep curve is a straight line. Tetrahedral
    interpolation, as ffmpeg's lut3d does it.
    """
    import numpy

    if look.grade.neutral:
        return pixels
    table = _table(look.grade)
    last = table.shape[0] - 1
    place = numpy.clip(pixels.reshape(-1, 3), 0, 1) * last
    base = numpy.minimum(place.astype(numpy.int32), last - 1)
    part = place - base
    order = numpy.argsort(-part, axis=1)
    rows = numpy.arange(len(part))
    corner = base.copy()
    share = numpy.take_along_axis(part, order, axis=1)
    shown = table[corner[:, 0], corner[:, 1], corner[:, 2]] * (1 - share[:, :1])
    for step in range(3):
        corner[rows, order[:, step]] += 1
        weight = share[:, step] - (share[:, step + 1] if step < 2 else 0)
        shown += table[corner[:, 0], corner[:, 1], corner[:, 2]] * weight[:, None]
    return shown.reshape(pixels.shape).astype(pixels.dtype)


@lru_cache(maxsize=32)
def _table(look: Grade) -> Any:
    """The points of a look's table: [red, green, blue, 3]."""
    import numpy

    steps = numpy.linspace(0, 1, looks.SIZE, dtype=numpy.float32)
    red, green, blue = numpy.meshgrid(steps, steps, steps, indexing="ij")
    with numpy.errstate(invalid="ignore"):
        return numpy.stack(looks.transform(look, red, green, blue), axis=-1).astype(numpy.float32)


# -- signals: pixels [..., 3], 0 to 1, as shown --------------------------------------------------------------------


def luma(shown: Any) -> Any:
    """BT.709 luma in code values, 0 to 255."""
    import numpy

    return shown @ numpy.array(WEIGHTS, shown.dtype) * 255


def lab(shown: Any) -> Any:
    """CIE L*a*b* (D65) of sRGB pixels."""
    import numpy

    value = numpy.clip(shown, 0, 1)
    linear = numpy.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    matrix = numpy.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
                          [0.0193339, 0.1191920, 0.9503041]])  # fmt: skip
    xyz = linear @ matrix.T / numpy.array([0.95047, 1.0, 1.08883])
    f = numpy.where(xyz > 0.008856, numpy.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return numpy.stack((116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])), axis=-1)


def chroma(shown: Any) -> Any:
    """Distance of each pixel from grey in code values: its largest less its smallest colour."""
    return (shown.max(axis=-1) - shown.min(axis=-1)) * 255


def skin(pixels: Any) -> Any:
    """Which pixels may be skin: the box in Cr and Cb of Chai and Ngan (IEEE CSVT 9(4), 1999), a little wider."""
    red, green, blue = pixels[..., 0] * 255, pixels[..., 1] * 255, pixels[..., 2] * 255
    light = 0.299 * red + 0.587 * green + 0.114 * blue
    cr, cb = 0.713 * (red - light), 0.564 * (blue - light)
    return (cr > 7) & (cr < 70) & (cb > -70) & (cb < 2) & (light > 30) & (light < 240) & (cr > -0.35 * cb)


def skin_vector(shown: Any) -> tuple[float, float]:
    """Hue in degrees and size in code values of the mean colour of pixels, in the plane of B-Y and R-Y."""
    import math

    mean = shown.reshape(-1, 3).mean(axis=0)
    grey = float(mean @ WEIGHTS)
    x, y = (float(mean[2]) - grey) / 1.8556, (float(mean[0]) - grey) / 1.5748
    return math.degrees(math.atan2(y, x)), math.hypot(x, y) * 255


def neutral(pixels: Any) -> Any:
    """Which pixels may be grey things under coloured light: little colour, neither black nor white."""
    light, strength = luma(pixels), chroma(pixels)
    return (strength < 70) & (light > 30) & (light < 230)
