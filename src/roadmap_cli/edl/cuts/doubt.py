"""What the pictures' own signal leaves open, asked of a model that has seen many films: TransNetV2 on short spans.

It is seven times as slow as decoding, so it looks only where the detector is of two minds, and its word weighs only
there. Of dissolves it misses more than `gradual` does, of cuts as well; but it errs elsewhere.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Protocol

#: Its name among the models, and in that of a scan.
MODEL = "transnet-v2"
#: Likelihoods of a gradual transition between which it is in doubt.
OPEN = (0.3, 0.65)
#: Pictures the model is shown on both sides of a span.
_AROUND = 25
#: The share of a span's pictures in a transition that makes it one, and the likelihood below which nothing is there.
_SEEN, _NOTHING = 0.5, 0.02


class Seer(Protocol):
    """A model of transitions: `subjects.transitions.Transitions`."""

    def find(self, pictures: Any) -> tuple[Any, Any]:
        """Of pictures uint8 [n, 27, 48, 3] RGB: how likely each is the last of a shot, and part of a transition."""


@dataclass(slots=True)
class Doubts:
    """Asks the model, and counts what that costs."""

    seer: Seer
    spans: int = 0
    frames: int = 0
    cpu_s: float = 0.0

    def gradual(self, pictures: Any, first: int, end: int, likely: float) -> float:
        """How likely `first` to `end` of pictures [n, 3, HEIGHT, WIDTH] is a transition, in view of the model."""
        if not OPEN[0] <= likely <= OPEN[1]:
            return likely
        single, many = self._asked(pictures, first - 2, end + 2)
        if float(many[2:-2].mean()) > _SEEN:
            return max(likely, OPEN[1])
        if float(many.max()) < _NOTHING and float(single.max()) < _NOTHING:
            return min(likely, OPEN[0])
        return likely

    def told(self) -> str:
        """What the model was asked since the last time, in words."""
        words = f"{MODEL} looked at {self.frames} frames of {self.spans} spans in doubt: {self.cpu_s:.2f} s of CPU"
        self.spans, self.frames, self.cpu_s = 0, 0, 0.0
        return words

    def _asked(self, pictures: Any, first: int, end: int) -> tuple[Any, Any]:
        """What the model tells of the pictures `first` to `end`."""
        start = time.thread_time()
        low = max(0, first - _AROUND)
        shown = pictures[low : end + _AROUND]
        single, many = self.seer.find(rgb(shown))
        self.spans += 1
        self.frames += len(shown)
        self.cpu_s += time.thread_time() - start
        place = slice(max(0, first) - low, end - low)
        return single[place], many[place]


def rgb(pictures: Any) -> Any:
    """Stacks [n, 3, h, w] of full-range Y, U and V by BT.601 as RGB uint8 [n, h, w, 3]."""
    import numpy

    y, u, v = (pictures[:, plane].astype(numpy.float32) for plane in range(3))
    u -= 128
    v -= 128
    colours = numpy.stack([y + 1.402 * v, y - 0.344136 * u - 0.714136 * v, y + 1.772 * u], axis=-1)
    return numpy.clip(numpy.rint(colours), 0, 255).astype(numpy.uint8)
