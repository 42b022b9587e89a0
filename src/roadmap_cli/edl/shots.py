"""Where the cuts are and how each shot looks: one decode of the pictures, small, streamed, in constant memory.

Cuts come from PySceneDetect's AdaptiveDetector (https://www.scenedetect.com, BSD-3) with ``min_scene_len=3``, which its
default of 0.6 s would hide. It is fed frames counted by presentation time (`probe.pictures`), so that its frame numbers
mean the same picture as in the render.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.edl import programs
from roadmap_cli.edl.probe import Media, pictures
from roadmap_cli.edl.programs import Programs

#: Names what measured the shots; part of every shot's identity. A change of method is a new name.
METHOD = "adaptive-3.0-min3-w320-1"
WIDTH = 320
_WINDOW = 2


@dataclass(slots=True)
class Look:
    """Running means of what was measured on the frames of one shot."""

    first: int
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
    """Measures one small BGR picture after the other; remembers only the last one's luma."""

    before: Any = field(default=None)

    def frame(self, number: int, picture: Any) -> _Frame:
        import cv2

        luma = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        saturation = cv2.cvtColor(picture, cv2.COLOR_BGR2HSV)[:, :, 1]
        mean, deviation = cv2.meanStdDev(luma)
        edges = cv2.meanStdDev(cv2.Laplacian(luma, cv2.CV_16S))[1]
        change = 0.0 if self.before is None else cv2.norm(luma, self.before, cv2.NORM_L1) / luma.size
        self.before = luma
        return _Frame(
            number=number,
            luma=float(mean[0][0]),
            contrast=float(deviation[0][0]),
            saturation=float(cv2.mean(saturation)[0]) / 255,
            sharpness=math.log1p(float(edges[0][0])),
            change=float(change),
        )


def find(found: Programs, media: Media, tell: Callable[[float], None]) -> Iterator[Look]:
    """Decode a source once and yield its shots in order; together they cover every frame.

    `tell` hears of each frame done. Raises DataError if no picture can be decoded.
    """
    from scenedetect import AdaptiveDetector, FrameTimecode

    detector = AdaptiveDetector(min_scene_len=3, window_width=_WINDOW)
    measure = _Measure()
    pending: deque[_Frame] = deque()
    shot = Look(first=0)
    for number, picture in enumerate(_small_pictures(found, media)):
        pending.append(measure.frame(number, picture))
        for cut in detector.process_frame(FrameTimecode(number, fps=media.fps), picture):
            at = int(cut.frame_num)
            while pending and pending[0].number < at:
                shot.add(pending.popleft())
            if shot.frames:
                yield shot
                shot = Look(first=at)
        while len(pending) > _WINDOW + 1:
            shot.add(pending.popleft())
        tell(1)
    while pending:
        shot.add(pending.popleft())
    if not shot.frames:
        raise DataError("no picture can be decoded", where=str(media.path), code="no_pictures")
    yield shot


def _small_pictures(found: Programs, media: Media) -> Iterator[Any]:
    """Every frame of a source as a small BGR array [height, width, 3]."""
    import numpy

    width = min(WIDTH, media.width)
    width -= width % 2
    height = max(2, round(width * media.height / media.width / 2) * 2)
    options, filters = pictures(media)
    filters = [*filters, ("scale", {"w": width, "h": height, "flags": "area"}), ("format", {"pix_fmts": "bgr24"})]
    node = programs.source(media.path, media.video_index, options, filters)
    node = node.output("pipe:1", format="rawvideo", fps_mode="passthrough")
    size = width * height * 3
    with programs.drained(programs.arguments(found, node), str(media.path), bufsize=size * 4) as decoder:
        while len(data := decoder.stdout.read(size)) == size:
            yield numpy.frombuffer(data, numpy.uint8).reshape(height, width, 3)
        decoder.finish()
