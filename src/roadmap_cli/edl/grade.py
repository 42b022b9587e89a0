"""The look of an edit as one generated colour table, so that any number of colour steps costs one lookup a pixel.

A look is a handful of bounded numbers: the `grade` of a cut and those of its effects that are steps of colour
(`edit.COLOUR_EFFECTS`). Its .cube file is a pure function of them: the same numbers give the same bytes, so the numbers
can stand for it in a cache key. `of` reads a cut's look; `store` gives its table.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from roadmap_cli.core import records
from roadmap_cli.core.errors import DataError
from roadmap_cli.edl import edit

#: Part of each cache key: a change of `transform` is a new name.
METHOD = "look-1"
#: Points along each axis of the table. 33 is what editors exchange.
SIZE = 33
#: BT.709 luma weights.
_WEIGHTS = (0.2126, 0.7152, 0.0722)

#: Where skin lies whatever its colour: the I line of the vectorscope, degrees in the plane of U and V; and how far from
#: it a hue is still taken for skin.
_SKIN_LINE, _SKIN_REACH = 123.0, 50.0

#: The least and the most each number of a grade may be. Those of the colour effects are in `edit.EFFECTS`.
BOUNDS: dict[str, tuple[float, float]] = {
    "saturation": (0.0, 1.4),
    "contrast": (0.8, 1.4),
    "brightness": (-0.15, 0.15),
    "warmth_k": (-600.0, 600.0),
    "lift": (-0.06, 0.08),
    "split_tone": (0.0, 0.08),
    "sepia": (0.0, 0.4),
}


@dataclass(frozen=True, slots=True)
class Grade:
    """A look. The defaults change nothing.

    `saturation` and `contrast` multiply, contrast around middle grey; `brightness` and `lift` add on a scale of 0 to
    1, lift in the shadows only; `warmth_k` shifts white by kelvin, positive warmer; `split_tone` pulls shadows to
    teal and highlights to orange; `sepia` mixes in brown monochrome.

    The fields from `gamma` on are a cut's colour effects. `gamma` is the power of luma's inverse; `shadows` lifts the
    dark parts and `highlights` rolls off the bright ones, black and white stay; `vibrance` is colour where there is
    little; `tint` moves a* by its number in the middle greys, magenta positive; `skin` is how far hues near skin's go
    back to its line, with up to a quarter less colour.
    """

    saturation: float = 1.0
    contrast: float = 1.0
    brightness: float = 0.0
    warmth_k: float = 0.0
    lift: float = 0.0
    split_tone: float = 0.0
    sepia: float = 0.0
    gamma: float = 1.0
    shadows: float = 0.0
    highlights: float = 0.0
    vibrance: float = 0.0
    tint: float = 0.0
    skin: float = 0.0

    @classmethod
    def read(cls, values: object) -> Grade:
        """The grade written in a record, without effects. Raises DataError for a name or value it cannot hold."""
        if values is None:
            return NEUTRAL
        if not isinstance(values, dict):
            raise DataError(f"field 'grade' is not an object: {values!r}", code="bad_grade")
        for name, value in values.items():
            if name not in BOUNDS or isinstance(value, bool) or not isinstance(value, int | float):
                raise DataError(f"field 'grade' has no {name!r} of {value!r}", code="bad_grade")
        return cls(**{name: float(value) for name, value in values.items()})

    def record(self) -> dict[str, float]:
        """Only what differs from no change."""
        return {k: round(v, 4) for k, v in asdict(self).items() if v != getattr(NEUTRAL, k)}

    def bounded(self) -> Grade:
        """Each number moved into its bounds."""
        return Grade(**{k: min(max(v, bounds(k)[0]), bounds(k)[1]) for k, v in asdict(self).items()})

    def beyond(self) -> list[tuple[str, float, tuple[float, float]]]:
        """The numbers out of bounds: name, value, bounds."""
        values = {field.name: float(getattr(self, field.name)) for field in fields(self)}
        return [(k, v, bounds(k)) for k, v in values.items() if not bounds(k)[0] <= v <= bounds(k)[1]]

    @property
    def neutral(self) -> bool:
        """Whether it changes nothing."""
        return self == NEUTRAL


#: The look that changes nothing.
NEUTRAL = Grade()


def bounds(name: str) -> tuple[float, float]:
    """The least and the most a number of a look may be."""
    return BOUNDS[name] if name in BOUNDS else edit.EFFECTS[name][:2]


def of(cut: Mapping[str, Any]) -> Grade:
    """A cut's whole look: its `grade` and those of its `effects` that are steps of colour. Raises DataError."""
    colours = {name: value for name, value in edit.effects(cut).items() if name in edit.COLOUR_EFFECTS}
    return replace(Grade.read(cut.get("grade")), **colours)


def transform(grade: Grade, red: Any, green: Any, blue: Any) -> tuple[Any, Any, Any]:
    """Colours through a look: floats or numpy arrays of one shape, 0 to 1, gamma-encoded BT.709.

    The tone curve moves luma and leaves colour differences alone, so that contrast does not give back the colour that
    `saturation` takes.
    """
    import numpy

    luma = _WEIGHTS[0] * red + _WEIGHTS[1] * green + _WEIGHTS[2] * blue
    exposed, chroma = _exposed(grade, luma)
    toned = 0.5 + (exposed - 0.5) * grade.contrast + grade.brightness
    toned = toned + grade.lift * (1 - numpy.clip(toned, 0, 1)) ** 2
    colour = grade.saturation * chroma
    if grade.vibrance:
        spread = numpy.maximum(numpy.maximum(red, green), blue) - numpy.minimum(numpy.minimum(red, green), blue)
        colour = colour * (1 + grade.vibrance * (1 - numpy.minimum(1, spread / 0.6)))
    away = _skin(grade.skin, *(value - luma for value in (red, green, blue)))
    r, g, b = (toned + value * colour for value in away)
    brown = (toned * 1.07, toned * 0.95, toned * 0.78)
    r, g, b = (value + (tone - value) * grade.sepia for value, tone in zip((r, g, b), brown, strict=True))
    tilt = grade.warmth_k / 600 * 0.06
    r, b = r * (1 + tilt), b * (1 - tilt)
    if grade.tint:
        # In proportion, so that black stays; the three weigh up in luma. Measured: one a* at L* 50 for a tint of 1.
        r, g, b = r * (1 + 0.0149 * grade.tint), g * (1 - 0.00447 * grade.tint), b * (1 + 0.0004 * grade.tint)
    # Equal and opposite pulls around middle grey; none at black and white, so that these stay neutral.
    pull = grade.split_tone * 8 * luma * (1 - luma) * (2 * luma - 1)
    r, g, b = r + pull, g + 0.1 * abs(pull), b - pull
    return numpy.clip(r, 0, 1), numpy.clip(g, 0, 1), numpy.clip(b, 0, 1)


def luma_of(grade: Grade, grey: float) -> float:
    """The luma, 0 to 1, that a look gives a grey."""
    shown = transform(grade, grey, grey, grey)
    return sum(weight * float(value) for weight, value in zip(_WEIGHTS, shown, strict=True))


def _exposed(grade: Grade, luma: Any) -> tuple[Any, Any]:
    """Luma after gamma, shadows and highlights, and what colour differences are multiplied by along with it.

    Both curves keep black and white, rise everywhere within their bounds, and move luma by their number at most, a
    quarter from their end.
    """
    import numpy

    if grade.gamma == 1 and not grade.shadows and not grade.highlights:
        return luma, 1.0
    base = numpy.clip(luma, 0, 1)
    y = base ** (1 / grade.gamma)
    y = y + grade.shadows * 256 / 27 * y * (1 - y) ** 3
    y = y - grade.highlights * 256 / 27 * y**3 * (1 - y)
    # Half of what more light would do to colour: all of it makes noise of dark pictures colourful.
    return y, numpy.clip(numpy.sqrt(y / numpy.maximum(base, 1e-4)), 0.8, 1.4)


def _skin(amount: float, red: Any, green: Any, blue: Any) -> tuple[Any, Any, Any]:
    """Colour differences to luma, with hues near skin's turned towards its line and paler."""
    import numpy

    if not amount:
        return red, green, blue
    u, v = 0.492 * blue, 0.877 * red
    off = numpy.degrees(numpy.arctan2(v, u)) - _SKIN_LINE
    off = (off + 180) % 360 - 180
    near = (
        numpy.where(
            numpy.abs(off) < _SKIN_REACH,
            numpy.sqrt(numpy.maximum(numpy.cos(off / _SKIN_REACH * numpy.pi / 2), 0.0)),
            0.0,
        )
        * amount
    )
    turn, pale = numpy.radians(-off * near), 1 - 0.25 * near
    turned_u = (u * numpy.cos(turn) - v * numpy.sin(turn)) * pale
    turned_v = (u * numpy.sin(turn) + v * numpy.cos(turn)) * pale
    b, r = turned_u / 0.492, turned_v / 0.877
    # Luma stays: the weighted differences add up to nothing.
    return r, -(_WEIGHTS[0] * r + _WEIGHTS[2] * b) / _WEIGHTS[1], b


def cube(grade: Grade) -> bytes:
    """The look as an Adobe .cube 3D table (red changes fastest), with six decimals."""
    import numpy

    steps = numpy.linspace(0, 1, SIZE)
    blue, green, red = numpy.meshgrid(steps, steps, steps, indexing="ij")
    values = numpy.stack(transform(grade, red, green, blue), axis=-1).ravel()
    lines = "%.6f %.6f %.6f\n" * SIZE**3 % tuple(values.tolist())
    return f"# generated by roadmap-cli from the numbers of a look\nLUT_3D_SIZE {SIZE}\n{lines}".encode()


def identity(grade: Grade) -> dict[str, Any]:
    """What decides the table's bytes, for a cache key."""
    return {"method": METHOD, **grade.record()}


def store(grade: Grade, directory: Path) -> Path:
    """The look's table in a cache directory, written unless it is there. Raises OSError if it cannot be."""
    name = hashlib.sha256(records.canonical(identity(grade))).hexdigest()[:32]
    place = directory / f"{name}.cube"
    if not place.is_file():
        directory.mkdir(parents=True, exist_ok=True)
        temporary = directory / f".{name}.{secrets.token_hex(6)}.part"
        try:
            temporary.write_bytes(cube(grade))
            temporary.replace(place)
        finally:
            temporary.unlink(missing_ok=True)
    return place


def describe(values: Mapping[str, Any]) -> str:
    """The grade of a record in words."""
    return told(Grade.read(dict(values)))


def told(grade: Grade) -> str:
    """A look in words."""
    words = [f"{round(grade.saturation * 100)} % saturation"] if grade.saturation != 1 else []
    words += [f"contrast {grade.contrast:g}"] if grade.contrast != 1 else []
    words += [f"brightness {grade.brightness:+g}"] if grade.brightness else []
    words += [f"{grade.warmth_k:+g} K"] if grade.warmth_k else []
    words += ["lifted shadows"] if grade.lift > 0 else ["deep shadows"] if grade.lift < 0 else []
    words += ["teal shadows and orange highlights"] if grade.split_tone else []
    words += ["sepia"] if grade.sepia else []
    words += [f"gamma {grade.gamma:g}"] if grade.gamma != 1 else []
    words += ["opened shadows"] if grade.shadows else []
    words += ["softer highlights"] if grade.highlights else []
    words += [f"vibrance {grade.vibrance:+g}"] if grade.vibrance else []
    words += [f"tint {grade.tint:+g}"] if grade.tint else []
    words += ["skin back to its line"] if grade.skin else []
    return ", ".join(words) or "colours unchanged"
