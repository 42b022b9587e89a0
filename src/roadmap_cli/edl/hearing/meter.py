"""Loudness and true peak as ITU-R BS.1770-5 defines them, streamed: one number kept for each 100 ms.

The K filter is applied in the frequency domain (overlap-save, 400 ms a step, 112 ms of history: the filter's response
has fallen by 230 dB there), so a second of stereo costs under a millisecond. Gates: -70 LUFS absolute, 10 LU below the
ungated mean; loudness range after EBU Tech 3342. True peak is four times oversampled, where it can be the highest.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from roadmap_cli.edl.hearing.stream import RATE, SIZE, STEP, Stepped

if TYPE_CHECKING:
    import numpy

    Samples = numpy.ndarray[Any, Any]

BLOCK = RATE // 10
ABSOLUTE_GATE_LUFS = -70.0
FLOOR_DB = -120.0
#: Weights of the channels, in ffmpeg's order of mono, stereo and 5.1 (LFE counts nothing).
WEIGHTS = {1: (1.0,), 2: (1.0, 1.0), 6: (1.0, 1.0, 1.0, 0.0, 1.41, 1.41)}
#: What a peak between samples may be above its neighbours: 4 dB. Only where it could be a new maximum is looked at.
_HEADROOM = 10 ** (4 / 20)
_TAPS = 32


@dataclass(frozen=True, slots=True)
class Loudness:
    """What the meter read, in LUFS, LU and dB of full scale. Without anything above the gate all stand at the floor."""

    integrated_lufs: float
    range_lu: float
    highest_moment_lufs: float
    highest_short_lufs: float
    true_peak_db: float
    sample_peak_db: float


class Meter:
    """Takes sound in steps; `read` may be called at any time."""

    def __init__(self, channels: int):
        import numpy

        if channels not in WEIGHTS:
            raise ValueError(f"a meter for {channels} channels: known are {sorted(WEIGHTS)}")
        self._weights = numpy.array(WEIGHTS[channels])
        self._response = k_response(SIZE).astype(numpy.complex64)
        self._kernel = _oversampling()
        self._tail = numpy.zeros((channels, _TAPS), numpy.float32)
        self._true_peak = self._sample_peak = 0.0
        #: Weighted mean square of each 100 ms, all channels together.
        self.energy: array[float] = array("d")

    def take(self, spectrum: Samples, samples: Samples, count: int) -> None:
        """A step: `samples` [channels, STEP] of which `count` are sound, and the transform [channels, SIZE / 2 + 1] of
        the SIZE samples that end with them.
        """
        import numpy

        weighted = numpy.fft.irfft(spectrum * self._response, n=SIZE)[:, SIZE - STEP :]
        weighted[:, count:] = 0
        blocks = -(-count // BLOCK)
        parts = weighted[:, : blocks * BLOCK].reshape(len(weighted), blocks, BLOCK)
        power = numpy.einsum("cbs,cbs->cb", parts, parts, dtype=numpy.float64)
        self.energy.extend((self._weights @ power / BLOCK).tolist())
        self._peaks(samples[:, :count])

    def forget(self) -> None:
        """Count from here on, with the memory of the filters as it is."""
        del self.energy[:]
        self._true_peak = self._sample_peak = 0.0

    @property
    def true_peak(self) -> float:
        """The highest level at and between samples so far."""
        return self._true_peak

    def read(self) -> Loudness:
        """Everything heard so far."""
        import numpy

        energy = numpy.frombuffer(self.energy, numpy.float64) if self.energy else numpy.zeros(0)
        moments, short = _windows(energy, 4), _windows(energy, 30)
        return Loudness(
            integrated_lufs=gated(moments),
            range_lu=_range(short),
            highest_moment_lufs=_lufs(float(moments.max(initial=0.0))),
            highest_short_lufs=_lufs(float(short.max(initial=0.0))),
            true_peak_db=_decibels(self._true_peak),
            sample_peak_db=_decibels(self._sample_peak),
        )

    def moments(self) -> array[float]:
        """Momentary loudness at the end of each 100 ms, over the 400 ms before it; before the start it is silent."""
        import numpy

        energy = numpy.concatenate([numpy.zeros(3), numpy.frombuffer(self.energy, numpy.float64)])
        loud = _LUFS_OFFSET + 10 * numpy.log10(numpy.maximum(_windows(energy, 4), 1e-13))
        return array("f", numpy.maximum(loud, FLOOR_DB).astype(numpy.float32).tolist())

    def _peaks(self, samples: Samples) -> None:
        import numpy

        joined = numpy.concatenate([self._tail, samples], axis=1)
        self._tail = joined[:, -_TAPS:].copy()
        self._sample_peak = max(self._sample_peak, float(numpy.abs(samples).max(initial=0.0)))
        self._true_peak = max(self._true_peak, self._sample_peak)
        for channel in joined:
            centre = numpy.abs(channel[_TAPS // 2 - 1 : -_TAPS // 2])
            wanted = numpy.flatnonzero(centre * _HEADROOM > self._true_peak)
            if len(wanted):
                around = numpy.lib.stride_tricks.sliding_window_view(channel, _TAPS)[wanted]
                self._true_peak = max(
                    self._true_peak, float(numpy.abs(numpy.einsum("nt,tk->nk", around, self._kernel)).max())
                )


def loudness(samples: Samples, rate: int = RATE) -> Loudness:
    """Loudness and true peak of sound at hand: float samples [channels, n] or [n], mono, stereo or 5.1.

    Raises ValueError for another number of channels, or for a rate other than 48,000.
    """
    import numpy

    if rate != RATE:
        raise ValueError(f"the meter works at {RATE} samples a second, not {rate}")
    sound = numpy.atleast_2d(samples).astype(numpy.float32, copy=False)
    meter = Meter(len(sound))
    stepped = Stepped(len(sound))
    for start in range(0, sound.shape[1], STEP):
        stepped.step(sound[:, start : start + STEP])
        meter.take(stepped.spectrum, stepped.samples, stepped.count)
    return meter.read()


def integrated(energy: Samples) -> float:
    """Integrated loudness from the weighted mean square of each 100 ms (BS.1770-5)."""
    return gated(_windows(energy, 4))


def gated(power: Samples) -> float:
    """Integrated loudness from the mean squares of 400 ms blocks (BS.1770-5, equations 5 to 7)."""
    import numpy

    loud = power[power > 10 ** ((ABSOLUTE_GATE_LUFS - _LUFS_OFFSET) / 10)]
    if not len(loud):
        return FLOOR_DB
    return _lufs(float(numpy.mean(loud[loud > numpy.mean(loud) / 10])))


@cache
def k_response(size: int) -> Samples:
    """The K filter's response at the bins of a real transform of `size` samples, at 48 kHz (BS.1770-5, annex 1)."""
    import numpy

    z = numpy.exp(-2j * numpy.pi * numpy.arange(size // 2 + 1) / size)
    shelf = (1.53512485958697 - 2.69169618940638 * z + 1.19839281085285 * z**2) / (
        1 - 1.69065929318241 * z + 0.73248077421585 * z**2
    )
    high_pass: Samples = (1 - 2 * z + z**2) / (1 - 1.99004745483398 * z + 0.99007225036621 * z**2)
    product: Samples = shelf * high_pass
    return product


_LUFS_OFFSET = -0.691


def _lufs(power: float) -> float:
    return round(max(FLOOR_DB, _LUFS_OFFSET + 10 * math.log10(power)), 2) if power > 0 else FLOOR_DB


def _decibels(amplitude: float) -> float:
    return round(max(FLOOR_DB, 20 * math.log10(amplitude)), 2) if amplitude > 0 else FLOOR_DB


def _windows(energy: Samples, length: int) -> Samples:
    """Means over `length` blocks, one for each start: [len(energy) - length + 1]; of all there is if it is less."""
    import numpy

    if not len(energy):
        return numpy.zeros(0)
    if len(energy) < length:
        return numpy.array([float(numpy.sum(energy)) / length])
    sums = numpy.concatenate([[0.0], numpy.cumsum(energy)])
    means: Samples = numpy.maximum((sums[length:] - sums[:-length]) / length, 0.0)
    return means


def _range(short: Samples) -> float:
    """Loudness range: between the 10th and 95th percentile of short-term loudness above its gates (EBU Tech 3342)."""
    import numpy

    loud = short[short > 10 ** ((ABSOLUTE_GATE_LUFS - _LUFS_OFFSET) / 10)]
    if len(loud) < 2:
        return 0.0
    kept = 10 * numpy.log10(loud[loud > numpy.mean(loud) / 100])
    low, high = numpy.percentile(kept, (10, 95))
    return round(float(high - low), 2)


def _oversampling() -> Samples:
    """Three sinc kernels [taps, 3] for the quarters between two samples, under a Kaiser window (beta 6)."""
    import numpy

    place = numpy.arange(_TAPS) - (_TAPS // 2 - 1)
    kernels = []
    for quarter in (0.25, 0.5, 0.75):
        distance = place - quarter
        window = numpy.i0(6 * numpy.sqrt(numpy.maximum(0, 1 - (distance / (_TAPS / 2)) ** 2))) / numpy.i0(6)
        kernel = numpy.sinc(distance) * window
        kernels.append(kernel / kernel.sum())
    return numpy.stack(kernels, axis=1).astype(numpy.float32)
