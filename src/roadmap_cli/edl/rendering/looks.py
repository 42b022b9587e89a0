"""All steps of colour of a cut, its grade and its colour effects, as one generated table: one lookup a pixel.

The order: grade, then gamma, shadows, highlights (on luma, colour differences kept), vibrance, tint and skin.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from roadmap_cli.core import records
from roadmap_cli.core.errors import CannotCreate
from roadmap_cli.edl import edit, grade
from roadmap_cli.edl.grade import Grade

METHOD = "colours-1"
_WEIGHTS = (0.2126, 0.7152, 0.0722)
#: Hue of skin in the plane of (B-Y, R-Y) differences: the I axis of NTSC, 123 degrees, within which all skin lies.
_SKIN_DEGREES = 123.0


def parts(effects: Mapping[str, float]) -> tuple[dict[str, float], dict[str, float]]:
    """The effects that are steps of colour, and the others."""
    colours = {name: value for name, value in effects.items() if name in edit.COLOUR_EFFECTS}
    return colours, {name: value for name, value in effects.items() if name not in colours}


def identity(look: Grade, colours: Mapping[str, float]) -> dict[str, Any]:
    """What decides the table's bytes, for a cache key; empty if it changes nothing."""
    told: dict[str, Any] = {} if look.neutral else {"grade": grade.identity(look)}
    return told | ({"method": METHOD, **{k: round(v, 4) for k, v in colours.items()}} if colours else {})


def transform(look: Grade, colours: Mapping[str, float], red: Any, green: Any, blue: Any) -> tuple[Any, Any, Any]:
    """Colours through a grade and colour effects: numpy arrays of one shape, 0 to 1, gamma-encoded BT.709."""
    import numpy

    r, g, b = grade.transform(look, red, green, blue)

    def luma_of(r: Any, g: Any, b: Any) -> Any:
        return _WEIGHTS[0] * r + _WEIGHTS[1] * g + _WEIGHTS[2] * b

    if colours.keys() & {"gamma", "shadows", "highlights"}:
        luma = numpy.clip(luma_of(r, g, b), 0, 1)
        toned = luma ** (1 / colours.get("gamma", 1.0))
        # Lift is widest at a quarter and nothing at black and white; roll-off bends what is above half.
        toned = toned + colours.get("shadows", 0.0) * 4 * toned * (1 - toned) ** 3
        above = numpy.clip(toned - 0.5, 0, None)
        toned = toned - colours.get("highlights", 0.0) * 2 * above**2
        # Colour differences follow the slope of the curve where it darkens, so that darks do not turn garish.
        scale = numpy.clip(toned / numpy.maximum(luma, 1e-3), 0.0, 1.5)
        r, g, b = (toned + (value - luma) * scale for value in (r, g, b))
    if value := colours.get("vibrance"):
        luma = luma_of(r, g, b)
        chroma = numpy.maximum(numpy.maximum(r, g), b) - numpy.minimum(numpy.minimum(r, g), b)
        more = 1 + value * (1 - numpy.clip(chroma, 0, 1))
        r, g, b = (luma + (each - luma) * more for each in (r, g, b))
    if value := colours.get("tint"):
        # Ten steps of a* in CIELAB are about a twentieth of the scale of green.
        shift = value / 10 * 0.05
        before = luma_of(r, g, b)
        r, g, b = r + shift / 2, g - shift / 2, b + shift / 2
        moved = luma_of(r, g, b) - before
        r, g, b = r - moved, g - moved, b - moved
    if value := colours.get("skin"):
        r, g, b = _skin(value, r, g, b, luma_of(r, g, b))
    return numpy.clip(r, 0, 1), numpy.clip(g, 0, 1), numpy.clip(b, 0, 1)


def _skin(share: float, r: Any, g: Any, b: Any, luma: Any) -> tuple[Any, Any, Any]:
    """Turn colours near the hue of skin towards its line and take a quarter of their colour, by a share."""
    import numpy

    u, v = 0.493 * (b - luma), 0.877 * (r - luma)
    hue, size = numpy.degrees(numpy.arctan2(v, u)), numpy.hypot(u, v)
    away = hue - _SKIN_DEGREES
    near = numpy.clip(1 - numpy.abs(away) / 45, 0, 1) * numpy.clip(size / 0.05, 0, 1)
    hue = hue - away * near * share
    size = size * (1 - 0.25 * near * share)
    u, v = size * numpy.cos(numpy.radians(hue)), size * numpy.sin(numpy.radians(hue))
    red, blue = luma + v / 0.877, luma + u / 0.493
    green = (luma - _WEIGHTS[0] * red - _WEIGHTS[2] * blue) / _WEIGHTS[1]
    return red, green, blue


def table(look: Grade, colours: Mapping[str, float], directory: Path) -> str | None:
    """The name of the .cube file in `directory`, made if it is not there; None if nothing changes.

    Raises CannotCreate if it cannot be written.
    """
    told = identity(look, colours)
    if not told:
        return None
    name = hashlib.sha256(records.canonical(told)).hexdigest()[:24] + ".cube"
    place = directory / name
    if not place.is_file():
        temporary = directory / f".{name}.{os.getpid()}.{id(told)}.part"
        try:
            directory.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(cube(look, colours))
            temporary.replace(place)
        except OSError as error:
            raise CannotCreate(f"cannot write {directory}: {(error.strerror or str(error)).lower()}") from None
        finally:
            temporary.unlink(missing_ok=True)
    return name


def cube(look: Grade, colours: Mapping[str, float]) -> bytes:
    """The colours as an Adobe .cube 3D table (red changes fastest), with six decimals."""
    import numpy

    size = grade.SIZE
    steps = numpy.linspace(0, 1, size)
    blue, green, red = numpy.meshgrid(steps, steps, steps, indexing="ij")
    values = numpy.stack(transform(look, colours, red, green, blue), axis=-1).ravel()
    lines = "%.6f %.6f %.6f\n" * size**3 % tuple(values.tolist())
    return f"# generated by roadmap-cli from the numbers of a look\nLUT_3D_SIZE {size}\n{lines}".encode()
