"""Where the cuts are and how each shot looks: one decode of the pictures, small, streamed, in constant memory.

Boundaries come from `edl.cuts`, which is fed frames counted by presentation time (`probe.pictures`), so that its frame
numbers mean the same picture as in the render.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.edl import programs
from roadmap_cli.edl.probe import Media, pictures
from roadmap_cli.edl.programs import Programs

if TYPE_CHECKING:
    from roadmap_cli.edl.cuts.detector import Boundary

#: Names what measured the shots; part of every shot's identity. A change of method is a new name.
METHOD = "cuts-1-w320"
WIDTH = 320
#: Up to this size one thread decodes as fast as pictures are made small, and threads only cost more in all.
_ONE_THREAD_PIXELS = 1920 * 1088


@dataclass(slots=True)
class Look:
    """Running means of what was measured on the frames of one shot."""

    first: int
    entered_by: str = "cut"
    transition_frames: int = 0
    frames: int = 0
    luma: float = 0.0
    saturation: float = 0.0
    contrast: float = 0.0
    sharpness: float = 0.0
    motion: float = 0.0
    steps: int = 0

    def add(self, frame: _Frame) -> None:
        """Take one frame in. The step into the shot's first frame is the cut, not motion."""
        if self.frames:
            self.motion += frame.change
            self.steps += 1
        self.frames += 1
        self.luma += frame.luma
        self.saturation += frame.saturation
        self.contrast += frame.contrast
        self.sharpness += frame.sharpness

    def record(self) -> dict[str, float]:
        """Means over the shot. Luma, contrast and motion are in code values 0-255."""
        n = self.frames
        return {
            "luma_mean": round(self.luma / n, 2),
            "contrast": round(self.contrast / n, 2),
            "saturation_ratio": round(self.saturation / n, 4),
            "motion": round(self.motion / self.steps, 3) if self.steps else 0.0,
            "sharpness": round(self.sharpness / n, 3),
        }


@dataclass(frozen=True, slots=True)
class _Frame:
    number: int
    luma: float
    contrast: float
    saturation: float
    sharpness: float
    change: float


@dataclass(slots=True)
class _Measure:
    """Measures one small picture after the other; remembers only the last one's luma."""

    before: Any = field(default=None)

    def frame(self, number: int, luma: Any, small: Any) -> _Frame:
        """`luma` [height, width] in studio range, and the picture's stack, for its colour; both by BT.601."""
        import cv2

        from roadmap_cli.edl.cuts.smaller import LUMA_GAIN

        colours = cv2.cvtColor(cv2.merge((small[0], small[2], small[1])), cv2.COLOR_YCrCb2BGR)
        saturation = cv2.cvtColor(colours, cv2.COLOR_BGR2HSV)
        mean, deviation = cv2.meanStdDev(luma)
        edges = cv2.meanStdDev(cv2.Laplacian(luma, cv2.CV_16S))[1]
        change = 0.0 if self.before is None else cv2.norm(luma, self.before, cv2.NORM_L1) / luma.size
        self.before = luma
        return _Frame(
            number=number,
            luma=min(255.0, max(0.0, (float(mean[0][0]) - 16) * LUMA_GAIN)),
            contrast=float(deviation[0][0]) * LUMA_GAIN,
            saturation=float(cv2.mean(saturation)[1]) / 255,
            sharpness=math.log1p(float(edges[0][0]) * LUMA_GAIN),
            change=float(change) * LUMA_GAIN,
        )


def find(found: Programs, media: Media, tell: Callable[[float], None]) -> Iterator[Look]:
    """Decode a source once and yield its shots in order; together they cover every frame.

    A gradual transition is parted in its middle. `tell` hears of each frame done. Raises DataError if no picture can be
    decoded.
    """
    import cv2

    from roadmap_cli.edl.cuts import smaller
    from roadmap_cli.edl.cuts.detector import Detector

    detector = Detector()
    measure = _Measure()
    pending: deque[_Frame] = deque()
    shot = Look(first=0)
    for number, (luma, blue, red) in enumerate(_small_pictures(found, media)):
        half = cv2.resize(luma, blue.shape[::-1], interpolation=cv2.INTER_AREA)
        small = smaller.stack(half, blue, red)
        pending.append(measure.frame(number, luma, small))
        for boundary in detector.add(small):
            yield _filled(shot, pending, boundary.at)
            shot = _entered(boundary)
        tell(1)
    for boundary in detector.finish():
        yield _filled(shot, pending, boundary.at)
        shot = _entered(boundary)
    while pending:
        shot.add(pending.popleft())
    if not shot.frames:
        raise DataError("no picture can be decoded", where=str(media.path), code="no_pictures")
    yield shot


def _filled(shot: Look, pending: deque[_Frame], end: int) -> Look:
    """A shot with its frames, which are those waiting before `end`."""
    while pending and pending[0].number < end:
        shot.add(pending.popleft())
    return shot


def _entered(boundary: Boundary) -> Look:
    return Look(boundary.at, boundary.kind, boundary.end - boundary.first)


def _small_pictures(found: Programs, media: Media) -> Iterator[tuple[Any, Any, Any]]:
    """Every frame of a source as small planes Y [height, width], U and V [height / 2, width / 2]."""
    import numpy

    width = max(2, min(WIDTH, media.width))
    width -= width % 2
    height = max(2, round(width * media.height / media.width / 2) * 2)
    options, filters = pictures(media)
    if media.width * media.height <= _ONE_THREAD_PIXELS:
        options |= {"threads": 1}
    scaled: dict[str, str | int] = {"w": width, "h": height, "flags": "area", "out_range": "tv"}
    filters = [*filters, ("scale", scaled | {"out_color_matrix": "bt601"}), ("format", {"pix_fmts": "yuv420p"})]
    node = programs.source(media.path, media.video_index, options, filters)
    node = node.output("pipe:1", format="rawvideo", fps_mode="passthrough")
    bright, colour = width * height, width * height // 4
    size = bright + 2 * colour
    with programs.drained(programs.arguments(found, node), str(media.path), bufsize=size * 4) as decoder:
        while len(data := decoder.stdout.read(size)) == size:
            planes = numpy.frombuffer(data, numpy.uint8)
            yield (
                planes[:bright].reshape(height, width),
                planes[bright : bright + colour].reshape(height // 2, width // 2),
                planes[bright + colour :].reshape(height // 2, width // 2),
            )
        decoder.finish()
