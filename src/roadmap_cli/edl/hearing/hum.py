"""Mains hum: lines at 50 or 60 Hz and their multiples that stand still for a whole source.

Spectra of 4 s at 1 kHz, a quarter of a hertz apart. A bass note near a line comes and goes and seldom hits it within
half a hertz; hum is there in most windows, the quiet ones above all.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy

    Samples = numpy.ndarray[Any, Any]

_RATE = 1_000
_WINDOW = 4 * _RATE
_FALL = 16
MAINS_HZ = (50, 60)
_MULTIPLES = 4
#: How far a line must stand out of its neighbours, and in what share of the windows.
_STANDS_OUT_DB, _SHARE = 12.0, 0.6


class Hum:
    """Takes mono sound at 16 kHz."""

    def __init__(self) -> None:
        import numpy

        self._left = numpy.zeros(0, numpy.float32)
        self._slow = numpy.zeros(0, numpy.float32)
        self._window = numpy.hanning(_WINDOW).astype(numpy.float32)
        #: For each window: how far each line stands out in dB, then its level in dB of full scale.
        self._lines: array[float] = array("f")

    def take(self, sound: Samples) -> None:
        """Add sound of any length."""
        import numpy

        whole = numpy.concatenate([self._left, sound])
        count = len(whole) // _FALL
        self._left = whole[count * _FALL :]
        self._slow = numpy.concatenate([self._slow, whole[: count * _FALL].reshape(-1, _FALL).mean(axis=1)])
        while len(self._slow) >= _WINDOW:
            self._look(self._slow[:_WINDOW])
            self._slow = self._slow[_WINDOW:]

    def read(self) -> tuple[int, float] | None:
        """The mains frequency that hums and the level of its strongest line in dB of full scale, or None."""
        import numpy

        lines = numpy.frombuffer(self._lines, numpy.float32).reshape(-1, len(MAINS_HZ), _MULTIPLES, 2)
        if not len(lines):
            return None
        out = lines[..., 0] > _STANDS_OUT_DB
        shares = out.mean(axis=0)
        best: tuple[int, float] | None = None
        for number, hertz in enumerate(MAINS_HZ):
            # The first line, or two of its multiples at once.
            if shares[number, 0] >= _SHARE or float(numpy.mean(out[:, number].sum(axis=1) >= 2)) >= _SHARE:
                level = float(numpy.max(numpy.median(lines[:, number, :, 1], axis=0)))
                if level > -90 and (best is None or level > best[1]):
                    best = (hertz, round(level, 1))
        return best

    def _look(self, sound: Samples) -> None:
        import numpy

        power = numpy.abs(numpy.fft.rfft((sound - sound.mean()) * self._window)) ** 2 + 1e-9
        step = _RATE / _WINDOW
        for hertz in MAINS_HZ:
            for multiple in range(1, _MULTIPLES + 1):
                middle = round(hertz * multiple / step)
                line = float(power[middle - 2 : middle + 3].max())
                around = numpy.concatenate([power[middle - 16 : middle - 4], power[middle + 5 : middle + 17]])
                # A full-scale sine has a peak of (window sum / 2)^2 and a level of -3 dB.
                level = 10 * numpy.log10(line / (self._window.sum() / 2) ** 2) - 3.01
                self._lines.append(10 * numpy.log10(line / float(numpy.median(around))))
                self._lines.append(level)
