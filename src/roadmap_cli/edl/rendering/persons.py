"""The mask of a person for each source frame of a piece, from a model if one is there.

Without a model, or where it finds nobody it can be sure of, the box named in the edit stays sharp instead.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from roadmap_cli.core import records
from roadmap_cli.core.errors import RoadmapError
from roadmap_cli.edl import programs
from roadmap_cli.edl.rendering import graph, keeping
from roadmap_cli.edl.rendering.able import Able
from roadmap_cli.edl.rendering.pieces import Layer, Piece

METHOD = "persons-1"
_WIDTH, _HEIGHT = 256, 144
_LONGEST_SIDE = 640
#: A mask is trusted if this share of its pixels are sure, and it covers a believable part of the picture.
_SURE, _LEAST, _MOST = 0.8, 0.01, 0.9

#: An RGB picture (height, width, 3) of bytes → a mask (height, width) of 0 to 1.
Mask = Callable[[Any], Any]


def masks(environ: Mapping[str, str]) -> Mask | None:
    """The function that masks a person, from the model `person-mask` if it was pulled. Raises ConfigError.

    It may be called from several threads; the model is opened when it is first needed. Where it finds nobody it trusts,
    the mask is empty.
    """
    from roadmap_cli.edl.subjects import person
    from roadmap_cli.models import sessions

    if sessions.paths(environ, person.MODEL) is None:
        return None
    lock = threading.Lock()
    opened: list[person.PersonMask | None] = []

    def mask(rgb: Any) -> Any:
        import numpy

        with lock:
            if not opened:
                opened.append(person.open_mask(environ))
            model = opened[0]
            found = model.find(rgb) if model else None
        if found is None or found.trust < person.LEAST_TRUST:
            return numpy.zeros(rgb.shape[:2], numpy.float32)
        return found.mask

    return mask


def identity(mask: Mask | None) -> dict[str, Any]:
    """What decides the masks, for a cache key."""
    return {"persons": METHOD if mask else "box"}


def prepared(able: Able, cache: Path, mask: Mask | None, piece: Piece) -> dict[str, str]:
    """Files of masks for layers with a person, by ``mask`` and the layer's number: ``WIDTHxHEIGHT:path``.

    "" where nobody is to be seen; none where the model is unsure.
    """
    found = {}
    for number, layer in enumerate(piece.layers):
        if layer.masked and mask:
            name = _masks(able, cache, layer, mask)
            if name is not None:
                found[f"mask{number}"] = f"{_WIDTH}x{_HEIGHT}:{name}" if name else ""
    return found


def _masks(able: Able, cache: Path, layer: Layer, mask: Mask) -> str | None:
    import numpy

    told = {
        "method": METHOD, "source": layer.media.sha256, "stream": layer.media.video_index,
        "range": [layer.first, layer.end],
    }  # fmt: skip
    name = hashlib.sha256(records.canonical(told)).hexdigest()
    place = cache / "masks" / name[:2] / f"{name}.gray"
    with keeping.locked(place):
        note = keeping.kept(place)
        if note is None:
            try:
                made = numpy.array(list(_each(able, layer, mask)), dtype=numpy.float32)
            except RoadmapError as error:
                if error.exit.name != "UNAVAILABLE":
                    raise
                return None
            sure = bool(len(made)) and _is_sure(made)
            with keeping.whole_file(place) as part:
                part.path.write_bytes((_steadied(made) * 255 + 0.5).astype(numpy.uint8).tobytes() if sure else b"-")
            note = keeping.write_note(place, {"sure": sure, "nobody": bool(made.size and made.mean() < _LEAST)})
    if note.get("nobody"):
        return ""
    return f"masks/{name[:2]}/{place.name}" if note.get("sure") else None


def _each(able: Able, layer: Layer, mask: Mask) -> Any:
    import numpy

    media = layer.media
    scale = min(1.0, _LONGEST_SIDE / max(media.width, media.height))
    width, height = (max(2, round(side * scale / 2) * 2) for side in (media.width, media.height))
    options, filters = graph.entering(replace(layer, effects={}))
    filters += [f"scale={width}:{height}:flags=area", "format=rgb24"]
    command = [
        able.found.ffmpeg, "-hide_banner", "-nostdin", "-loglevel", "error", *options,
        "-protocol_whitelist", "file,pipe,crypto,data", "-i", f"file:{media.path}",
        "-map", f"0:{media.video_index}", "-vf", ",".join(filters), "-fps_mode", "passthrough",
        "-f", "rawvideo", "pipe:1",
    ]  # fmt: skip
    size = width * height * 3
    with programs.drained(command, str(media.path)) as decoder:
        while len(block := decoder.stdout.read(size)) == size:
            found = numpy.asarray(mask(numpy.frombuffer(block, "u1").reshape(height, width, 3)), numpy.float32)
            yield _resized(found)
        decoder.finish()


def _resized(mask: Any) -> Any:
    """A mask at the size they are kept in, by the nearest pixel: it is scaled up smoothly when it is used."""
    import numpy

    rows = (numpy.arange(_HEIGHT) + 0.5) * mask.shape[0] / _HEIGHT
    columns = (numpy.arange(_WIDTH) + 0.5) * mask.shape[1] / _WIDTH
    return numpy.clip(mask[rows.astype(int)][:, columns.astype(int)], 0, 1)


def _is_sure(masks: Any) -> bool:
    import numpy

    sure = numpy.mean((masks < 0.2) | (masks > 0.8))
    return bool(sure >= _SURE and _LEAST <= masks.mean() <= _MOST)


def _steadied(masks: Any) -> Any:
    """Each mask averaged with its neighbours in time, so that its edge does not crawl."""
    import numpy

    padded = numpy.concatenate([masks[:1], masks, masks[-1:]])
    return (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
