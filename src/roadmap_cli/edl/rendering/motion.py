"""Taking the shake out of a shot: how the picture moves over the whole of it, and what to move each frame by.

The path of the picture is measured once for each shot by phase correlation of small grey pictures (Kuglin and Hines,
1975, to a fraction of a pixel by a parabola through the peak), smoothed by a Gaussian of a second, and the difference
given to ffmpeg as absolute shifts, limited to what the crop allows. Pieces of a shot share the one path, so nothing
jumps between them.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from roadmap_cli.core import records
from roadmap_cli.edl import programs
from roadmap_cli.edl.rendering import graph, keeping
from roadmap_cli.edl.rendering.able import Able
from roadmap_cli.edl.rendering.pieces import Layer, Piece

METHOD = "motion-1"
_WIDTH, _HEIGHT = 256, 144


def identity(able: Able) -> dict[str, Any]:
    """What decides how a shot is steadied beside the share it may lose."""
    return {"motion": METHOD, "can": "vidstabtransform" in able.filters}


def prepared(able: Able, cache: Path, piece: Piece) -> dict[str, str]:
    """Files of shifts for the layers that are steadied, by ``motion`` and the layer's number."""
    found = {}
    for number, layer in enumerate(piece.layers):
        if layer.effects.get("stabilise") and "vidstabtransform" in able.filters:
            found[f"motion{number}"] = _shifts(able, cache, layer)
    return found


def path_of(able: Able, cache: Path, layer: Layer) -> Any:
    """Where the picture lies at each source frame of its shot, as shares of width and height: an array (frames, 2)."""
    import numpy

    first, end = layer.around
    told = {"method": METHOD, "source": layer.media.sha256, "stream": layer.media.video_index, "range": [first, end]}
    name = hashlib.sha256(records.canonical(told)).hexdigest()
    place = cache / "motion" / name[:2] / f"{name}.npy"
    with keeping.locked(place):
        if keeping.kept(place):
            return numpy.load(place)
        path = _measured(able, layer)
        with keeping.whole_file(place) as part, part.path.open("wb") as file:
            numpy.save(file, path)
        keeping.write_note(place, {})
    return path


def _measured(able: Able, layer: Layer) -> Any:
    from dataclasses import replace

    import numpy

    whole = replace(layer, first=layer.around[0], end=layer.around[1], effects={})
    options, filters = graph.entering(whole)
    filters += [f"scale={_WIDTH}:{_HEIGHT}:flags=area", "format=gray"]
    command = [
        able.found.ffmpeg, "-hide_banner", "-nostdin", "-loglevel", "error", *options,
        "-protocol_whitelist", "file,pipe,crypto,data", "-i", f"file:{layer.media.path}",
        "-map", f"0:{layer.media.video_index}", "-vf", ",".join(filters), "-fps_mode", "passthrough",
        "-f", "rawvideo", "pipe:1",
    ]  # fmt: skip
    window = numpy.outer(numpy.hanning(_HEIGHT), numpy.hanning(_WIDTH)).astype(numpy.float32)
    before: Any = None
    at = numpy.zeros(2)
    path = []
    with programs.drained(command, str(layer.media.path)) as decoder:
        while len(block := decoder.stdout.read(_WIDTH * _HEIGHT)) == _WIDTH * _HEIGHT:
            picture = numpy.frombuffer(block, "u1").reshape(_HEIGHT, _WIDTH).astype(numpy.float32)
            now = numpy.fft.rfft2((picture - picture.mean()) * window)
            if before is not None:
                at = at + _shift(before, now)
            before = now
            path.append(at)
        decoder.finish()
    return numpy.array(path).reshape(-1, 2)


def _shift(before: Any, now: Any) -> Any:
    """How far the picture moved between two spectra, in shares of width and height."""
    import numpy

    cross = now * numpy.conj(before)
    cross /= numpy.maximum(numpy.abs(cross), 1e-6)
    peak = numpy.fft.irfft2(cross, (_HEIGHT, _WIDTH))
    y, x = divmod(int(peak.argmax()), _WIDTH)
    if peak[y, x] < 0.03:  # nothing to hold on to: no shift
        return numpy.zeros(2)

    def fine(left: float, middle: float, right: float) -> float:
        bend = left - 2 * middle + right
        return 0.0 if abs(bend) < 1e-9 else max(-0.5, min(0.5, 0.5 * (left - right) / bend))

    dx = x + fine(peak[y, x - 1], peak[y, x], peak[y, (x + 1) % _WIDTH])
    dy = y + fine(peak[y - 1, x], peak[y, x], peak[(y + 1) % _HEIGHT, x])
    dx, dy = (dx - _WIDTH if dx > _WIDTH / 2 else dx), (dy - _HEIGHT if dy > _HEIGHT / 2 else dy)
    if abs(dx) > _WIDTH / 4 or abs(dy) > _HEIGHT / 4:
        return numpy.zeros(2)
    return numpy.array([dx / _WIDTH, dy / _HEIGHT])


def steadying(path: Any, fps: float, share: float) -> Any:
    """What each frame is moved by, in shares of width and height: from its path to the smooth one, within bounds."""
    import numpy

    if len(path) < 3:
        return numpy.zeros_like(path)
    sigma = max(1.0, fps / 2)
    reach = int(3 * sigma)
    kernel = numpy.exp(-0.5 * (numpy.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    # Ends are continued by point reflection, so that a steady pan stays a pan to its last frame.
    ahead, behind = 2 * path[0] - path[1 : reach + 1][::-1], 2 * path[-1] - path[-reach - 1 : -1][::-1]
    padded = numpy.concatenate([ahead, path, behind])
    missing = len(path) + 2 * reach - len(padded)
    if missing > 0:
        padded = numpy.pad(padded, ((missing // 2, missing - missing // 2), (0, 0)), mode="edge")
    smooth = numpy.stack([numpy.convolve(padded[:, axis], kernel, mode="valid") for axis in (0, 1)], axis=1)
    return numpy.clip(smooth - path, -share / 2, share / 2)


def _shifts(able: Able, cache: Path, layer: Layer) -> str:
    """The file of shifts for a layer's source frames, in the form vidstabtransform reads, named from the cache."""
    path = path_of(able, cache, layer)
    moves = steadying(path, float(layer.media.fps), layer.effects["stabilise"])
    begin = layer.first - layer.around[0]
    rows = [moves[min(begin + n, len(moves) - 1)] if len(moves) else (0.0, 0.0) for n in range(layer.end - layer.first)]
    text = "".join(
        f"{n} {dx * layer.media.width:.4f} {dy * layer.media.height:.4f} 0 0 0\n" for n, (dx, dy) in enumerate(rows)
    )
    name = hashlib.sha256(text.encode()).hexdigest()[:32]
    place = cache / "motion" / name[:2] / f"{name}.trf"
    if not place.exists():
        with keeping.whole_file(place) as part:
            part.path.write_text(text)
    return f"motion/{name[:2]}/{place.name}"
