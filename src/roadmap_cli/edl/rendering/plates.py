"""Still plates that filters lay over or mix into pictures: masks, vignettes, grain. Raw YUV 4:2:0, made once by numpy.

A plate is a pure function of its numbers; its name is the hash of them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from roadmap_cli.core.errors import CannotCreate
from roadmap_cli.edl import masks
from roadmap_cli.edl.edit import Box

METHOD = "plates-1"
#: A plate of grain is so much larger than the picture on each side; each frame sees another part of it.
GRAIN_MARGIN = 256
_GRAIN_SEED = 709


def _kept(folder: Path, words: str, make: Callable[[], Any]) -> str:
    """The name of a plate in the cache's folder `plates`, made if it is not there. Raises CannotCreate."""
    name = hashlib.sha256(f"{METHOD} {words}".encode()).hexdigest()[:24] + ".yuv"
    place = folder / "plates" / name
    if not place.is_file():
        temporary = place.with_name(f".{name}.{os.getpid()}.{id(words)}.part")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(make())
            temporary.replace(place)
        except OSError as error:
            raise CannotCreate(f"cannot write {place.parent}: {(error.strerror or str(error)).lower()}") from None
        finally:
            temporary.unlink(missing_ok=True)
    return f"plates/{name}"


def _planes(mask: Any) -> bytes:
    """A mask of 0 to 1 as the three planes that `maskedmerge` wants: the same mask in each, chroma at half size."""
    import numpy

    half = (mask[0::2, 0::2] + mask[1::2, 0::2] + mask[0::2, 1::2] + mask[1::2, 1::2]) / 4
    planes = [(numpy.clip(plane, 0, 1) * 255 + 0.5).astype(numpy.uint8).tobytes() for plane in (mask, half, half)]
    return b"".join(planes)


def outside(folder: Path, width: int, height: int, box: Box) -> str:
    """1 where the background is, 0 in a box with round corners (shares of the picture), feathered in between."""
    words = f"outside {width}x{height} {box.record()}"
    return _kept(folder, words, lambda: _planes(masks.outside(width, height, box)))


def inside(folder: Path, width: int, height: int, box: Box) -> str:
    """1 in a box with round corners, 0 where the background is."""
    words = f"inside {width}x{height} {box.record()}"
    return _kept(folder, words, lambda: _planes(1 - masks.outside(width, height, box)))


def vignette(folder: Path, width: int, height: int, strength: float) -> str:
    """How far each pixel goes to black: nothing in the middle, up to `strength` in the corners, as cos⁴ lenses do."""

    def make() -> bytes:
        import numpy

        y, x = numpy.mgrid[0:height, 0:width].astype(numpy.float32)
        radius = numpy.hypot((x + 0.5) / width - 0.5, (y + 0.5) / height - 0.5) / numpy.sqrt(0.5)
        light = 1 / (1 + (1.2 * radius) ** 2) ** 2
        return _planes(strength * (1 - light) / (1 - 1 / (1 + 1.44) ** 2))

    return _kept(folder, f"vignette {width}x{height} {strength:.4f}", make)


def grain(folder: Path, width: int, height: int, strength: float) -> str:
    """Film grain around 128 for the blend mode `grainmerge`, larger than the picture by `GRAIN_MARGIN`.

    `strength` is three standard deviations in levels of 255, before grains of more than one pixel are made by a soft
    blur that scales with the picture's height.
    """

    def make() -> bytes:
        import numpy

        wide, high = width + GRAIN_MARGIN, height + GRAIN_MARGIN
        noise: Any = numpy.random.default_rng(_GRAIN_SEED).standard_normal((high, wide), dtype=numpy.float32)
        soft = min(0.5, height / 2160)
        for axis in (0, 1):
            noise = (1 - soft) * noise + soft * (numpy.roll(noise, 1, axis) + numpy.roll(noise, -1, axis)) / 2
        noise = noise * (strength / 3 / max(float(noise.std()), 1e-6))
        luma = numpy.clip(numpy.rint(noise + 128), 0, 255).astype(numpy.uint8)
        return bytes(luma.tobytes()) + bytes([128]) * (wide * high // 2)

    return _kept(folder, f"grain {width}x{height} {strength:.4f}", make)
