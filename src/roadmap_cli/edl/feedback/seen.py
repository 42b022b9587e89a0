"""What is measured from picture to picture, and on fine detail: sharpness, noise, flicker, shake, horizon.

All take grey pictures [n, height, width] of 8 bit, as `Footage.run` gives them. `filtered` sends such pictures through
the filters that the render uses, so that an effect is proved on what it really does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from roadmap_cli.edl import edit as fields
from roadmap_cli.edl import programs
from roadmap_cli.edl.feedback import colour
from roadmap_cli.edl.feedback.colour import Look
from roadmap_cli.edl.programs import Chain, Programs

#: Lines shorter than this share of the width say nothing of a horizon, nor do those further from level, in degrees.
LINE, LEVEL_DEGREES = 0.2, 12.0
#: Share of points that must move alike for a move of the camera.
AGREE = 0.3


def filtered(found: Programs, pictures: Any, effects: Mapping[str, float], fps: float = 25.0) -> Any:
    """Grey pictures through the filters of denoise, sharpen, deflicker and grain. Raises DataError if ffmpeg fails."""
    import ffmpeg
    import numpy

    chain = filters(effects)
    if not chain:
        return _grained(pictures, effects)
    count, high, wide = pictures.shape
    size = f"{wide}x{high}"
    node = ffmpeg.input("pipe:0", format="rawvideo", pix_fmt="gray", s=size, r=f"{fps:.3f}")
    node = programs.through(node["0"], [("format", {"pix_fmts": "yuv420p"}), *chain, ("format", {"pix_fmts": "gray"})])
    node = node.output("pipe:1", format="rawvideo", fps_mode="passthrough")
    command = [part for part in programs.arguments(found, node) if part != "-nostdin"]
    data = programs.run(command, "pictures", numpy.ascontiguousarray(pictures).tobytes())
    one = wide * high
    shown = numpy.frombuffer(data[: len(data) // one * one], numpy.uint8).reshape(-1, high, wide)[:count]
    return _grained(shown, effects)


def _grained(pictures: Any, effects: Mapping[str, float]) -> Any:
    """Pictures with grain: noise whose deviation is a third of its number, as the render lays it over."""
    import numpy

    if not (grain := effects.get("grain", 0.0)):
        return pictures
    noise_ = numpy.random.default_rng(1).standard_normal(pictures.shape, numpy.float32) * (grain / 3)
    return numpy.clip(numpy.rint(pictures + noise_), 0, 255).astype(numpy.uint8)


def filters(effects: Mapping[str, float]) -> Chain:
    """The filters of those effects that change fine detail or go from picture to picture, as the render has them."""
    chain: Chain = []
    if strength := effects.get("denoise", 0.0):
        chain += fields.denoising(strength)
    if size := round(effects.get("deflicker", 0.0)):
        chain.append(("deflicker", {"size": max(2, size), "mode": "pm"}))
    if amount := effects.get("sharpen", 0.0):
        chain.append(("unsharp", {"luma_amount": f"{amount * 1.5:.3f}", "chroma_amount": 0}))
    return chain


def toned(pictures: Any, look: Look) -> Any:
    """Grey pictures through a look's tone."""
    import numpy

    if look == Look():
        return pictures
    ramp = numpy.linspace(0, 1, 256)
    grey = numpy.stack((ramp, ramp, ramp), axis=-1)
    table = numpy.clip(numpy.round(colour.luma(colour.through(look, grey))), 0, 255).astype(numpy.uint8)
    return table[pictures]


def sharpness(pictures: Any) -> float:
    """How steep edges are against how large: deviation of the Laplacian by that of light, in hundredths."""
    import cv2
    import numpy

    values = []
    for picture in _some(pictures, 8):
        smooth = cv2.GaussianBlur(picture, (3, 3), 0.6)
        edges = cv2.Laplacian(smooth, cv2.CV_32F)
        values.append(float(edges.std()) / max(4.0, float(picture.std())) * 100)
    return float(numpy.median(values))


def blurred(pictures: Any) -> float:
    """How blurred pictures are, from 0 to 1: what one more blur takes of their differences (Crete et al. 2007)."""
    import cv2
    import numpy

    values = []
    for picture in _some(pictures, 8):
        grey = picture.astype(numpy.float32)
        worst = 0.0
        for axis, kernel in ((1, (9, 1)), (0, (1, 9))):
            again = cv2.blur(grey, kernel)
            own = numpy.abs(numpy.diff(grey, axis=axis))
            lost = numpy.maximum(0, own - numpy.abs(numpy.diff(again, axis=axis)))
            total = float(own.sum())
            worst = max(worst, 1 - float(lost.sum()) / total if total else 1.0)
        values.append(worst)
    return float(numpy.median(values))


def noise(pictures: Any) -> float:
    """Deviation of noise in code values, from the flattest tenth of small blocks (after Immerkaer 1996)."""
    import cv2
    import numpy

    kernel = numpy.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], numpy.float32)
    values = []
    for picture in _some(pictures, 6):
        response = numpy.abs(cv2.filter2D(picture, cv2.CV_32F, kernel))[2:-2, 2:-2]
        high, wide = (side // 16 * 16 for side in response.shape)
        if not high or not wide:
            continue
        blocks = response[:high, :wide].reshape(high // 16, 16, wide // 16, 16).mean(axis=(1, 3)).ravel()
        light = picture[2:-2, 2:-2][:high, :wide].reshape(high // 16, 16, wide // 16, 16).mean(axis=(1, 3)).ravel()
        usable = blocks[(light > 12) & (light < 243)]
        blocks = usable if len(usable) >= 4 else blocks
        lowest = numpy.sort(blocks)[: max(1, len(blocks) // 10)]
        values.append(math.sqrt(math.pi / 2) / 6 * float(lowest.mean()))
    return float(numpy.median(values)) if values else 0.0


def flicker(pictures: Any) -> float:
    """How the light of whole pictures jumps up and down, in code values: deviation of its second difference."""
    import numpy

    light = pictures.reshape(len(pictures), -1).mean(axis=1, dtype=numpy.float64)
    if len(light) < 5:
        return 0.0
    second = light[2:] - 2 * light[1:-1] + light[:-2]
    # A cut inside a run is one step, not flicker: the largest few values do not count.
    kept = numpy.sort(numpy.abs(second))[: max(3, int(len(second) * 0.95))]
    return float(numpy.sqrt(numpy.mean(kept**2)))


def path(pictures: Any) -> Any:
    """The camera's path: x and y in shares of the width, and turn in radians, summed from picture to picture [n, 3]."""
    import cv2
    import numpy

    steps = [(0.0, 0.0, 0.0)]
    wide = pictures.shape[2]
    before = pictures[0]
    for picture in pictures[1:]:
        corners = cv2.goodFeaturesToTrack(before, 200, 0.01, 8)
        step = (0.0, 0.0, 0.0)
        if corners is not None and len(corners) >= 8:
            moved, found, _ = cv2.calcOpticalFlowPyrLK(before, picture, corners, None)
            kept = found.ravel() == 1
            if kept.sum() >= 8:
                matrix, agree = cv2.estimateAffinePartial2D(corners[kept], moved[kept], method=cv2.RANSAC)
                # Where few points agree the picture is another one: a cut is no move of the camera.
                if matrix is not None and agree.mean() >= AGREE:
                    high = pictures.shape[1]
                    centre = numpy.array([wide / 2, high / 2, 1.0])
                    x, y = matrix @ centre - centre[:2]
                    step = (float(x) / wide, float(y) / wide, math.atan2(matrix[1, 0], matrix[0, 0]))
        steps.append(step)
        before = picture
    return numpy.cumsum(numpy.array(steps), axis=0)


def shake(route: Any, fps: float) -> float:
    """How a path trembles, in shares of the width: deviation from its own mean over a second."""
    import numpy

    off = route - smooth(route, fps)
    return float(numpy.sqrt(numpy.mean(off[:, 0] ** 2 + off[:, 1] ** 2 + (off[:, 2] * 0.3) ** 2)))


def smooth(route: Any, fps: float) -> Any:
    """A path's mean over a second around each moment."""
    import numpy

    reach = max(1, round(fps / 2))
    around = ((reach, reach), (0, 0))
    if len(route) > reach:
        padded = numpy.pad(route, around, mode="reflect", reflect_type="odd")
    else:
        padded = numpy.pad(route, around, mode="edge")
    kernel = numpy.ones(2 * reach + 1) / (2 * reach + 1)
    return numpy.stack([numpy.convolve(padded[:, n], kernel, "valid") for n in range(route.shape[1])], axis=1)


def steadied(route: Any, fps: float, crop: float) -> Any:
    """A path after stabilising that may crop a share of the picture: half of it is room on each side."""
    import numpy

    room = crop / 2
    wanted = smooth(route, fps) - route
    wanted[:, 0] = numpy.clip(wanted[:, 0], -room, room)
    wanted[:, 1] = numpy.clip(wanted[:, 1], -room * 9 / 16, room * 9 / 16)
    wanted[:, 2] = numpy.clip(wanted[:, 2], -room, room)
    return route + wanted


def tilt(pictures: Any, turned: float = 0.0) -> tuple[float, float] | None:
    """How far from level long lines lie, in degrees clockwise, and their length in widths; None if there are none.

    `turned` degrees clockwise are applied first. Lines near to upright count as well: they are as far from upright.
    """
    import cv2
    import numpy

    found: list[tuple[float, float]] = []
    wide = pictures.shape[2]
    for picture in _some(pictures, 5):
        frame = _turned(picture, turned) if turned else picture
        edges = cv2.Canny(cv2.GaussianBlur(frame, (5, 5), 1.2), 40, 120)
        lines = cv2.HoughLinesP(edges, 1, math.pi / 720, 60, minLineLength=int(wide * LINE), maxLineGap=6)
        for line in lines if lines is not None else ():
            x0, y0, x1, y1 = (float(v) for v in numpy.ravel(line))
            angle = math.degrees(math.atan2(y1 - y0, x1 - x0))
            angle = (angle + 45) % 90 - 45 if abs(abs(angle) - 90) < LEVEL_DEGREES else angle
            if abs(angle) < LEVEL_DEGREES:
                found.append((angle, math.hypot(x1 - x0, y1 - y0) / wide))
    total = sum(length for _, length in found)
    if total < 1.0:
        return None
    found.sort()
    below = 0.0
    for angle, length in found:
        below += length
        if below >= total / 2:
            return angle, total
    return None


def _turned(picture: Any, degrees: float) -> Any:
    """A picture turned clockwise and enlarged until no corner is empty."""
    import cv2

    high, wide = picture.shape
    angle = math.radians(abs(degrees))
    zoom = math.cos(angle) + max(wide / high, high / wide) * math.sin(angle)
    matrix = cv2.getRotationMatrix2D((wide / 2, high / 2), -degrees, zoom)
    return cv2.warpAffine(picture, matrix, (wide, high))


def _some(pictures: Any, count: int) -> Any:
    return pictures[:: max(1, len(pictures) // count)]


def effects_of(cut: Mapping[str, Any]) -> dict[str, float]:
    """A cut's effects that are not colour."""
    return {k: v for k, v in fields.effects(cut).items() if k not in fields.COLOUR_EFFECTS}
