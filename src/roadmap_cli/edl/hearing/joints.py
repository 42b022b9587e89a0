"""Clicks where pieces of sound were joined: steps that the sound around them does not make."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy

    Samples = numpy.ndarray[Any, Any]

#: A step is a click above so many times the 95th percentile of the steps around it.
FACTOR = 3.0
#: Below this nobody hears it: -66 dB of full scale.
LEAST = 5e-4
_AROUND = 480
_AT = 8


@dataclass(frozen=True, slots=True)
class Click:
    """A step at a joint: the sample after it, its size, and the 95th percentile of the steps around it."""

    sample: int
    step: float
    usual: float


def clicks(samples: Samples, joints: Iterable[int]) -> list[Click]:
    """The joints that click: `samples` [channels, n] or [n] in full scale 1, joints as places of their first sample.

    The largest step within 8 samples of a joint is held against the 95th percentile of those in the 480 samples before
    and the 480 after it (10 ms at 48 kHz), the louder side counting.
    """
    import numpy

    sound = numpy.atleast_2d(samples)
    found = []
    for joint in joints:
        worst: Click | None = None
        for channel in sound:
            first = max(0, joint - _AROUND - _AT)
            steps = numpy.abs(numpy.diff(channel[first : joint + _AROUND + _AT + 1].astype(numpy.float64)))
            middle = joint - 1 - first
            low, high = max(0, middle - _AT), middle + _AT + 1
            if middle < 0 or middle >= len(steps):
                continue
            place = low + int(numpy.argmax(steps[low:high]))
            sides = [numpy.percentile(side, 95) for side in (steps[:low], steps[high:]) if len(side) >= _AT]
            usual = float(max(sides, default=0.0))
            size = float(steps[place])
            if size > max(FACTOR * usual, LEAST) and (worst is None or size > worst.step):
                worst = Click(first + place + 1, round(size, 6), round(usual, 6))
        if worst:
            found.append(worst)
    return found
