"""Colours of a cut as the render shows them: its look and its effects of colour, as one function of pixels.

`through` stands for the render's colour table. The steps come in the order of the table: tone (gamma, shadows,
highlights), the look, then colour (vibrance, tint, skin).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from roadmap_cli.core.records import Record
from roadmap_cli.edl import edit as fields
from roadmap_cli.edl import grade as looks
from roadmap_cli.edl.grade import BOUNDS, Grade

#: BT.709 luma weights.
WEIGHTS = (0.2126, 0.7152, 0.0722)
#: Natural skin of every complexion lies near this hue in the plane of B-Y and R-Y, in degrees: the I line of YIQ.
SKIN_LINE_DEGREES = 123.0


@dataclass(frozen=True, slots=True)
class Look:
    """The look of a cut and those of its effects that are colour."""

    grade: Grade = looks.NEUTRAL
    effects: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, cut: Record) -> Look:
        """What a cut says. Raises DataError for what cannot be understood."""
        told = fields.effects(cut)
        return cls(Grade.read(cut.get("grade")), {k: v for k, v in told.items() if k in fields.COLOUR_EFFECTS})

    def get(self, name: str) -> float:
        """A number by its path: `grade.contrast`, `effects.gamma`."""
        part, _, key = name.partition(".")
        if part == "grade":
            return float(getattr(self.grade, key))
        return float(self.effects.get(key, fields.EFFECTS[key][2]))

    def put(self, name: str, value: float) -> Look:
        """The same with one number changed."""
        part, _, key = name.partition(".")
        value = round(value, 4)
        if part == "grade":
            return replace(self, grade=replace(self.grade, **{key: value}))
        rest = {k: v for k, v in self.effects.items() if k != key}
        return replace(self, effects=rest if value == fields.EFFECTS[key][2] else rest | {key: value})

    def on(self, cut: Record) -> Record:
        """A cut with this look; its other effects stay."""
        other = {k: v for k, v in cut.get("effects", {}).items() if k not in fields.COLOUR_EFFECTS}
        effects = {name: other[name] if name in other else self.effects[name]
                   for name in fields.EFFECTS if name in other or name in self.effects}  # fmt: skip
        made = {k: v for k, v in cut.items() if k not in {"grade", "effects"}}
        made |= {"grade": self.grade.record()} if self.grade.record() else {}
        return made | ({"effects": effects} if effects else {})


def bounds(name: str) -> tuple[float, float]:
    """The least and the most of a number by its path."""
    part, _, key = name.partition(".")
    return BOUNDS[key] if part == "grade" else fields.EFFECTS[key][:2]


def through(look: Look, pixels: Any) -> Any:
    """Pixels [..., 3], 0 to 1, as they are shown."""
    import numpy

    effects = {name: float(value) for name, value in look.effects.items()}
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    if effects.keys() & {"gamma", "shadows", "highlights"}:
        luma = WEIGHTS[0] * red + WEIGHTS[1] * green + WEIGHTS[2] * blue
        move = tone(luma, effects) - luma
        red, green, blue = red + move, green + move, blue + move
    red, green, blue = looks.transform(look.grade, *(numpy.clip(each, 0, 1) for each in (red, green, blue)))
    shown = numpy.stack((red, green, blue), axis=-1)
    return numpy.clip(coloured(shown, effects), 0, 1)


def tone(luma: Any, effects: Mapping[str, float]) -> Any:
    """Luma through gamma, shadows and highlights: black and white stay where they are."""
    import numpy

    toned = numpy.clip(luma, 0, 1) ** (1 / effects.get("gamma", 1.0))
    toned = toned + effects.get("shadows", 0.0) * 4 * toned * (1 - toned) ** 3
    return toned - effects.get("highlights", 0.0) * 4 * (1 - toned) * toned**3


def coloured(shown: Any, effects: Mapping[str, float]) -> Any:
    """Pixels through vibrance, tint and skin."""
    import numpy

    if vibrance := effects.get("vibrance", 0.0):
        luma = (shown @ numpy.array(WEIGHTS, shown.dtype))[..., None]
        strength = (shown.max(axis=-1) - shown.min(axis=-1))[..., None]
        shown = luma + (shown - luma) * (1 + vibrance * (1 - strength))
    if tint := effects.get("tint", 0.0):
        shown = shown * numpy.array((1 + tint * 0.003, 1 - tint * 0.006, 1 + tint * 0.003), shown.dtype)
    if skin := effects.get("skin", 0.0):
        shown = _skin_eased(shown, skin)
    return shown


def _skin_eased(shown: Any, strength: float) -> Any:
    """Orange parts with up to a quarter less colour, their hue up to 12 degrees nearer to the line of skin."""
    import numpy

    luma = shown @ numpy.array(WEIGHTS, shown.dtype)
    x, y = (shown[..., 2] - luma) / 1.8556, (shown[..., 0] - luma) / 1.5748
    size, angle = numpy.hypot(x, y), numpy.degrees(numpy.arctan2(y, x))
    off = angle - SKIN_LINE_DEGREES
    weight = numpy.clip(1.5 - numpy.abs(off) / 30, 0, 1) * numpy.clip(size * 20, 0, 1) * strength
    turned = numpy.radians(angle - numpy.clip(off, -12, 12) * weight)
    size = size * (1 - 0.25 * weight)
    red, blue = luma + size * numpy.sin(turned) * 1.5748, luma + size * numpy.cos(turned) * 1.8556
    green = (luma - WEIGHTS[0] * red - WEIGHTS[2] * blue) / WEIGHTS[1]
    return numpy.stack((red, green, blue), axis=-1)


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
