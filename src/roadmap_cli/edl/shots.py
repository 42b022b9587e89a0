"""Where the cuts are and how each shot looks: one decode of the pictures, small, streamed, in constant memory.

Boundaries come from `edl.cuts`, which is fed frames counted by presentation time (`probe.pictures`), so that its frame
numbers mean the same picture as in the render. What is measured of a frame waits until it is certain which shot the
frame belongs to.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.edl.cuts.detector import Boundary
from roadmap_cli.edl.cuts.doubt import MODEL as DOUBTS_MODEL
from roadmap_cli.edl.cuts.doubt import Doubts
from roadmap_cli.edl.cuts.finding import DEFAULT, finder
from roadmap_cli.edl.probe import Media
from roadmap_cli.edl.programs import Programs
from roadmap_cli.edl.seeing import noise
from roadmap_cli.edl.seeing.decoding import LUMA_GAIN, Geometry, Picture, small_pictures
from roadmap_cli.edl.seeing.look import SHARP_STEP, Frame, Look, sharpness
from roadmap_cli.edl.seeing.motion import Camera
from roadmap_cli.edl.seeing.samples import Samples

#: Names what measured the shots; part of every shot's identity. A change of method is a new name.
METHOD = "cuts-2-w320-seen-2"


def method(detector: str = DEFAULT, doubts: Doubts | None = None) -> str:
    """What a scan with a detector is known by."""
    if detector != DEFAULT:
        return f"{METHOD}-{detector}"
    return METHOD if doubts is None else f"{METHOD}+{DOUBTS_MODEL}"


def find(
    found: Programs,
    media: Media,
    tell: Callable[[float], None],
    *,
    detector: str = DEFAULT,
    doubts: Doubts | None = None,
    samples: Samples | None = None,
) -> Iterator[Look]:
    """Decode a source once and yield its shots in order; together they cover every frame.

    A gradual transition is parted in its middle. `tell` hears of frames done, `doubts` helps our own detector.
    `samples` is given small pictures: one after each cut, and two a second. Raises DataError if no picture can be
    decoded.
    """
    import cv2

    # Pictures are so small that sharing one out among threads costs more than it saves.
    cv2.setNumThreads(1)
    geometry = Geometry.of(media)
    strips = _Strips()
    shots = _Shots(Look(first=0), geometry.strip_step, samples)
    measure = _Measure()
    finding = finder(detector, media, doubts)
    for pictures in small_pictures(found, media, geometry, strips.add):
        for frame, small in measure.frames(pictures):
            shots.waiting.append(frame)
            for boundary in finding.add(small, frame.picture):
                yield strips.judged(shots.parted(boundary))
        shots.fill(finding.certain)
        tell(len(pictures))
    for boundary in finding.finish():
        yield strips.judged(shots.parted(boundary))
    shots.fill(measure.count)
    if not shots.look.frames:
        raise DataError("no picture can be decoded", where=str(media.path), code="no_pictures")
    yield strips.judged(shots.look)


@dataclass(slots=True)
class _Shots:
    """The shot that frames go into, and the frames of which it is not yet certain where they go."""

    look: Look
    step: int
    samples: Samples | None
    waiting: deque[Frame] = field(default_factory=deque)

    def fill(self, end: int) -> None:
        """Frames before `end` belong to the shot."""
        while self.waiting and self.waiting[0].number < end:
            frame = self.waiting.popleft()
            if self.look.add(frame, self.step) and self.samples is not None:
                planes = (frame.picture.luma, frame.picture.blue, frame.picture.red)
                first = frame.number == self.look.first + self.look.mixed
                self.samples.add(frame.number, *planes, first=first)

    def parted(self, boundary: Boundary) -> Look:
        """The shot that a boundary ends; the next one begins."""
        self.fill(boundary.at)
        done = self.look
        length = boundary.end - boundary.first
        self.look = Look(boundary.at, boundary.kind, length, boundary.end - boundary.at)
        return done


@dataclass(slots=True)
class _Measure:
    """Measures runs of small pictures; remembers the last luma."""

    count: int = 0
    _before: Any = None
    _camera: Camera = field(default_factory=Camera)

    def frames(self, pictures: list[Picture]) -> Iterator[tuple[Frame, Any]]:
        """Each picture measured, and its stack for the cut detector."""
        import cv2

        from roadmap_cli.edl.cuts import smaller

        halves = [halved(one.luma) for one in pictures]
        moved = self._camera.follow([cv2.GaussianBlur(halved(half), (3, 3), 0) for half in halves])
        for one, half, move in zip(pictures, halves, moved.tolist(), strict=True):
            mean, deviation = cv2.meanStdDev(half)
            flat = one.luma.reshape(-1)
            change = 0.0 if self._before is None else cv2.norm(flat, self._before, cv2.NORM_L1) / flat.size
            self._before = flat
            frame = Frame(
                number=self.count,
                picture=one,
                half=half,
                mean=min(255.0, max(0.0, (float(mean[0, 0]) - 16) * LUMA_GAIN)),
                deviation=float(deviation[0, 0]) * LUMA_GAIN,
                change=change * LUMA_GAIN,
                sharpness=sharpness(one.luma) if self.count % SHARP_STEP == 0 else None,
                moved=(move[0], move[1], move[2]),
            )
            self.count += 1
            yield frame, smaller.stack(half, one.blue, one.red)


def halved(plane: Any) -> Any:
    """A plane [height, width] at half its size, at least 4 by 4."""
    import cv2

    height, width = plane.shape
    return cv2.resize(plane, (max(4, width // 2), max(4, height // 2)), interpolation=cv2.INTER_AREA)


@dataclass(slots=True)
class _Strips:
    """Noise by frame number, two values a second; written by the thread that reads strips."""

    frames: array[int] = field(default_factory=lambda: array("q"))
    sigmas: array[float] = field(default_factory=lambda: array("f"))

    def add(self, number: int, strip: Any) -> None:
        if (sigma := noise.sigma(strip)) is not None:
            self.sigmas.append(sigma)
            self.frames.append(number)

    def judged(self, look: Look) -> Look:
        """The look with its noise: the median of its strips, none if there are none yet."""
        low, high = bisect_left(self.frames, look.first), bisect_left(self.frames, look.first + look.frames)
        if high > low:
            look.noise = median(self.sigmas[low:high])
        return look
