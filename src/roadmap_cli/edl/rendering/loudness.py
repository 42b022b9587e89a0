"""How loud a programme is (ITU-R BS.1770), from measures of its sections, and a limiter that keeps its true peak low.

A section is measured with what sounds before it, so that the filters remember what they would have heard: the measures
of all sections together are those of the whole.

The limiter looks ahead: the gain each sample needs is the least one wanted in a window around it, then averaged over
the same window, so it is never more than is allowed and never changes at once. Nothing is recursive; the result does
not depend on how the sound is parted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from roadmap_cli.edl.hearing import meter, stream
from roadmap_cli.edl.rendering.sound_parts import CHANNELS, RATE

#: Quieter than this is silence: the gate of the standard.
SILENCE_LUFS = meter.ABSOLUTE_GATE_LUFS
#: Samples of sound that a section is measured with before it begins.
BEFORE = stream.STEP
#: Half the limiter's window, in samples: 12.5 ms.
REACH = RATE // 80
#: How far from a sample the limiter looks for what decides it.
CONTEXT = 3 * REACH + 32
#: What a peak between samples may be above its neighbours (4 dB): where it cannot be too high nobody looks.
_HEADROOM = 10 ** (4 / 20)
#: Peaks looked for between samples at a time.
_AT_ONCE = 1 << 15


@dataclass(frozen=True, slots=True)
class Level:
    """Integrated loudness in LUFS and true peak in dBTP; None for silence."""

    lufs: float | None
    peak_dbtp: float | None


@dataclass(frozen=True, slots=True)
class Levels:
    """A section's part in the loudness: K-weighted mean square of each whole 100 ms, and the true peak's amplitude."""

    energy: list[float]
    peak: float

    def louder(self, gain: float) -> Levels:
        """The same for a sound times `gain`."""
        return Levels([each * gain * gain for each in self.energy], self.peak * gain)


def levels(samples: Any, before: int = 0) -> Levels:
    """Measure samples (n, 2) from `before` on, a multiple of `BEFORE`; what lies before only fills the filters."""
    import numpy

    measure, length, past = meter.Meter(CHANNELS), len(samples), stream.SIZE - stream.STEP
    sound = numpy.zeros((CHANNELS, past + -(-length // stream.STEP) * stream.STEP), numpy.float32)
    sound[:, past : past + length] = samples.T
    for first in range(0, length, stream.STEP):
        if first == before:
            measure.forget()
        window = sound[:, first : first + stream.SIZE]
        measure.take(numpy.fft.rfft(window), window[:, past:], min(stream.STEP, length - first))
    return Levels(list(measure.energy)[: (length - before) // meter.BLOCK], measure.true_peak)


def together(parts: Sequence[Levels]) -> Level:
    """The loudness and true peak of sections that follow each other."""
    import numpy

    energy = numpy.array([each for part in parts for each in part.energy])
    lufs, peak = meter.integrated(energy), max((part.peak for part in parts), default=0.0)
    return Level(lufs if lufs > SILENCE_LUFS else None, 20 * math.log10(peak) if peak > 0 else None)


def _oversampled_peaks(block: Any, bound: float) -> Any:
    """The highest level at and around each sample, of both channels, four times oversampled: (samples,).

    Between samples only where it could be above `bound`.
    """
    import numpy

    peaks = numpy.maximum(*numpy.abs(block).T)
    wanted = numpy.flatnonzero(numpy.maximum(peaks[:-1], peaks[1:]) * _HEADROOM > bound)
    at = numpy.arange(-11, 13)[:, None] - numpy.array([0.25, 0.5, 0.75])
    kernel = (numpy.sinc(at) * (0.5 + 0.5 * numpy.cos(numpy.pi * numpy.clip(at / 12, -1, 1)))).astype(numpy.float32)
    around = [
        numpy.lib.stride_tricks.sliding_window_view(numpy.pad(side.astype(numpy.float32), (11, 12)), 24)
        for side in block.T
    ]
    for first in range(0, len(wanted), _AT_ONCE):
        here = wanted[first : first + _AT_ONCE]
        between = numpy.zeros(len(here))
        for each in around:
            for phase in (each[here] @ kernel).T:
                between = numpy.maximum(between, numpy.abs(phase))
        peaks[here] = numpy.maximum(peaks[here], between)
        peaks[here + 1] = numpy.maximum(peaks[here + 1], between)
    return peaks


def _least_around(values: Any, reach: int) -> Any:
    """The least value within `reach` of each (van Herk and Gil-Werman: three looks at each value)."""
    import numpy

    size = 2 * reach + 1
    padded = numpy.concatenate([numpy.ones(reach), values, numpy.ones(reach)])
    extra = -len(padded) % size
    padded = numpy.concatenate([padded, numpy.ones(extra)]).reshape(-1, size)
    ahead = numpy.minimum.accumulate(padded, axis=1).ravel()
    behind = numpy.minimum.accumulate(padded[:, ::-1], axis=1)[:, ::-1].ravel()
    return numpy.minimum(behind[: len(values)], ahead[size - 1 : size - 1 + len(values)])


def limited(blocks: Callable[[int, int], Any], first: int, end: int, length: int, gain: float, bound: float) -> Any:
    """Samples `first` to `end` of a sound of `length`, louder by `gain`, true peaks at most `bound`: (n, 2) float64.

    `blocks(first, end)` gives samples of the sound, as an array (samples, 2).
    """
    import numpy

    low, high = max(0, first - CONTEXT), min(length, end + CONTEXT)
    wide = numpy.asarray(blocks(low, high), dtype=numpy.float64) * gain
    if float(numpy.abs(wide).max(initial=0)) * _HEADROOM > bound:
        needed = numpy.minimum(1.0, bound / numpy.maximum(_oversampled_peaks(wide, bound), 1e-9))
        least = _least_around(needed, REACH)
        padded = numpy.concatenate([numpy.ones(REACH), least, numpy.ones(REACH)])
        sums = numpy.concatenate([[0.0], numpy.cumsum(padded)])
        size = 2 * REACH + 1
        wide = wide * ((sums[size:] - sums[:-size]) / size)[:, None]
    return wide[first - low : end - low]
