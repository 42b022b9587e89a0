"""How one shot looks: what was measured on its frames, gathered as they come.

Mean brightness, change and the camera's movement are taken from every frame, the spread of brightness and sharpness
from every third one; colour, bars
and the horizon from some frames a second, and at least one of each shot.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, field
from typing import Any

from roadmap_cli.edl.seeing import light, motion
from roadmap_cli.edl.seeing.colour import Colours
from roadmap_cli.edl.seeing.composition import Layout
from roadmap_cli.edl.seeing.decoding import LUMA_GAIN, Picture

#: Every so many frames sharpness and the histogram are looked at.
SHARP_STEP = 3


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame measured. Luma is in studio range, all but `mean` and `deviation`, which are full-range code values."""

    number: int
    picture: Picture
    half: Any
    mean: float
    deviation: float
    #: Mean change of luma since the frame before, in code values.
    change: float
    sharpness: float | None
    #: Pan, tilt and zoom since the frame before, in shares of the width.
    moved: tuple[float, float, float]


@dataclass(slots=True)
class Look:
    """A shot: where it begins, how it is entered, and running sums over its frames.

    Twelve bytes a frame are kept for what needs the whole course of a shot (shake, flicker).
    """

    first: int
    entered_by: str = "cut"
    transition_frames: int = 0
    #: How many of its first frames still show the shot before.
    mixed: int = 0
    frames: int = 0
    #: Standard deviation of its noise, once strips were looked at.
    noise: float | None = None
    _luma: float = 0.0
    _deviation: float = 0.0
    _change: float = 0.0
    _sharpness: float = 0.0
    _sharpness_count: int = 0
    _sharpest: tuple[float, int] | None = None
    _histogram: Any = None
    _means: array[float] = field(default_factory=lambda: array("f"))
    _moves: tuple[array[float], array[float], array[float]] = field(
        default_factory=lambda: (array("f"), array("f"), array("f"))
    )
    _colours: Colours = field(default_factory=Colours)
    _layout: Layout = field(default_factory=Layout)

    def add(self, frame: Frame, step: int) -> bool:
        """Take the next frame in; true if it was one of those looked at closely, one in `step`.

        The step into the shot's first frame is the cut, not motion.
        """
        import cv2

        place = self.frames
        self.frames += 1
        self._luma += frame.mean
        self._deviation += frame.deviation
        if frame.sharpness is not None or self._histogram is None:
            counts = cv2.calcHist([frame.half], [0], None, [256], [0, 256]).astype("f8")
            self._histogram = counts if self._histogram is None else self._histogram + counts
        self._means.append(frame.mean)
        if place:
            self._change += frame.change
            for kept, value in zip(self._moves, frame.moved, strict=True):
                kept.append(value)
        if frame.sharpness is not None or self._sharpest is None:
            sharp = sharpness(frame.picture.luma) if frame.sharpness is None else frame.sharpness
            self._sharpness += sharp
            self._sharpness_count += 1
            if self._sharpest is None or (sharp > self._sharpest[0] and place >= self.mixed) or place == self.mixed:
                self._sharpest = (sharp, frame.number)
        close = (place - self.mixed) % step == 0 if place >= self.mixed else place == 0
        if close:
            # Colours are counted, not looked at: every fourth pixel each way is enough.
            self._colours.add(frame.half[::4, ::4], frame.picture.blue[::4, ::4], frame.picture.red[::4, ::4])
            if (place - self.mixed) % (2 * step) == 0:
                self._layout.add_bars(frame.half)
                self._layout.add_slant(frame.picture.luma)
        return close

    def record(self, fps: float) -> dict[str, Any]:
        """The shot's measures as fields of edl.shot. Luma, contrast and motion are in code values 0 to 255."""
        import numpy

        n = self.frames
        start = min(self.mixed, max(0, n - 6))
        pan, tilt, zoom = (
            numpy.frombuffer(kept, numpy.float32)[start:] if kept else numpy.zeros(1) for kept in self._moves
        )
        found: dict[str, Any] = {
            "luma_mean": round(self._luma / n, 2),
            **light.described(self._histogram.ravel()),
            "contrast": round(self._deviation / n, 2),
            "flicker": round(light.flicker(numpy.frombuffer(self._means, numpy.float32)[start:], fps), 3),
            **self._colours.record(),
            "motion": round(self._change / (n - 1), 3) if n > 1 else 0.0,
            "pan_ratio": _ratio(pan.mean()),
            "tilt_ratio": _ratio(tilt.mean()),
            "zoom_ratio": _ratio(zoom.mean()),
            "shake_ratio": _ratio(motion.shake(pan, tilt, fps)),
            "sharpness": round(self._sharpness / max(1, self._sharpness_count), 3),
            "sharpest_frame": self._sharpest[1] if self._sharpest else self.first,
            **self._layout.record(),
        }
        if self.transition_frames:
            found |= {"entered_by": self.entered_by, "transition_frames": self.transition_frames}
        if self.noise is not None:
            found["noise"] = round(self.noise, 2)
        return found


def sharpness(luma: Any) -> float:
    """The logarithm of one and the deviation of the Laplacian of luma [height, width], which has no mean."""
    import cv2

    return math.log1p(float(cv2.norm(cv2.Laplacian(luma, cv2.CV_16S), cv2.NORM_L2)) / math.sqrt(luma.size) * LUMA_GAIN)


def _ratio(value: float) -> float:
    return round(float(value), 5) + 0.0
