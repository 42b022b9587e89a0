"""Short-time spectra of the mono sound: 25 ms windows every 10 ms, and what is drawn from them as they go by.

Kept for each 10 ms are the onset strength, that of low notes alone, and the level of the voice band; for each 100 ms
a spectrum in 64 mel bands; for each 128 ms the strength of the twelve notes; for each patch of half a second how far
steady partials stand out. An hour is 10 MB.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy

    Samples = numpy.ndarray[Any, Any]

RATE = 16_000
HOP = 160
WINDOW = 400
FFT = 512
BANDS = 64
#: Frames of one patch and from one patch to the next: those of YAMNet, 0.96 and 0.48 s.
PATCH, PATCH_HOP = 96, 48
#: Samples of a window that tells notes apart, and from one to the next.
NOTES_FFT, NOTES_HOP = 4096, 2048
_LOWEST_HZ, _HIGHEST_HZ = 125.0, 7_500.0
#: Mel bands that carry a voice whatever hums or rumbles below: 200 Hz to 7.5 kHz.
_VOICE_BAND = 3
_OFFSET = 1e-6
#: Multiplications below which OpenBLAS uses one thread (its threshold is 2 to the 18th).
_ONE_THREAD = 200_000
#: Samples that are worth a transform: 1.6 s.
_WORTH = 25_600
#: When the frame of a number is: the middle of its window, in ms after 10 times its place.
FRAME_MIDDLE_MS = 16


class Spectra:
    """Takes mono sound at 16 kHz in pieces of any length."""

    def __init__(self) -> None:
        import numpy

        self._left = numpy.zeros(0, numpy.float32)
        # Centred in the 512 samples of the transform, as YAMNet's own front end has it.
        window = numpy.zeros(FFT, numpy.float32)
        start = (FFT - WINDOW) // 2
        window[start : start + WINDOW] = 0.5 - 0.5 * numpy.cos(2 * numpy.pi * numpy.arange(WINDOW) / WINDOW)
        self._window = window
        self._mel = mel_bands().astype(numpy.float32)
        self._last = numpy.zeros(BANDS + 1, numpy.float32)
        self._begun = False
        self._log = numpy.zeros((0, BANDS), numpy.float32)
        self._magnitude = numpy.zeros((0, FFT // 2 + 1), numpy.float32)
        #: Onset strength of each 10 ms: mean rise of the log spectrum over bands.
        self.flux: array[float] = array("f")
        #: The same below 125 Hz and in the lowest bands: drums and bass.
        self.low_flux: array[float] = array("f")
        #: Level of the voice band in dB, comparable within a source.
        self.voice_db: array[float] = array("f")
        self._notes_left = numpy.zeros(0, numpy.float32)
        self._notes: list[Samples] = []
        self._pitch = note_bands().astype(numpy.float32)
        self._long_window = numpy.hanning(NOTES_FFT).astype(numpy.float32)
        #: How far steady partials stand out of the spectrum of each patch hop, in dB.
        self.partials_db: array[float] = array("f")

    @property
    def notes(self) -> Samples:
        """How strong each of the twelve notes is, every 128 ms: float16 [n, 12], from windows of 256 ms."""
        import numpy

        return numpy.concatenate(self._notes) if self._notes else numpy.zeros((0, 12), numpy.float16)

    def take(self, sound: Samples, *, last: bool = False) -> Samples:
        """Add sound; returns the log-mel patches that are now complete: float32 [n, PATCH, BANDS].

        Short pieces are gathered until there is enough for a transform to be worth its while, or it is the `last`.
        """
        import numpy

        self._hear_notes(sound)
        whole = numpy.concatenate([self._left, sound])
        if len(whole) < _WORTH and not last:
            self._left = whole
            return numpy.zeros((0, PATCH, BANDS), numpy.float32)
        count = max(0, (len(whole) - FFT) // HOP + 1)
        self._left = whole[count * HOP :]
        if not count:
            return numpy.zeros((0, PATCH, BANDS), numpy.float32)
        frames = numpy.lib.stride_tricks.sliding_window_view(whole, FFT)[: (count - 1) * HOP + 1 : HOP]
        magnitude = numpy.abs(numpy.fft.rfft(frames * self._window))
        mel = _product(magnitude, self._mel)
        logs = numpy.log(mel + _OFFSET)
        self._rises(magnitude, logs)
        self.voice_db.extend((20 * numpy.log10(mel[:, _VOICE_BAND:].mean(axis=1) + _OFFSET)).tolist())
        return self._patches(magnitude, logs)

    def _hear_notes(self, sound: Samples) -> None:
        import numpy

        whole = numpy.concatenate([self._notes_left, sound])
        count = (len(whole) - NOTES_FFT) // NOTES_HOP + 1
        if count < 8:
            self._notes_left = whole
            return
        frames = numpy.lib.stride_tricks.sliding_window_view(whole, NOTES_FFT)[::NOTES_HOP][:count]
        self._notes_left = whole[count * NOTES_HOP :]
        strong = numpy.log1p(numpy.abs(numpy.fft.rfft(frames * self._long_window)) * 10)
        self._notes.append(_product(strong, self._pitch).astype(numpy.float16))

    def _rises(self, magnitude: Samples, logs: Samples) -> None:
        import numpy

        # A gentler logarithm than YAMNet's, so that the hiss of a quiet place has no onsets.
        low = magnitude[:, 1:5].mean(axis=1, keepdims=True)
        loud = numpy.log1p(numpy.concatenate([low, numpy.exp(logs)], axis=1) * 20)
        before = numpy.concatenate([self._last[None] if self._begun else loud[:1], loud[:-1]])
        self._last, self._begun = loud[-1], True
        rise = numpy.maximum(loud - before, 0)
        self.flux.extend(rise.mean(axis=1).tolist())
        self.low_flux.extend((0.7 * rise[:, 0] + 0.3 * rise[:, 1:4].mean(axis=1)).tolist())

    def _patches(self, magnitude: Samples, logs: Samples) -> Samples:
        import numpy

        self._log = numpy.concatenate([self._log, logs])
        self._magnitude = numpy.concatenate([self._magnitude, magnitude])
        found = []
        while len(self._log) >= PATCH:
            found.append(self._log[:PATCH])
            self.partials_db.append(_partials(self._magnitude[:PATCH]))
            self._log, self._magnitude = self._log[PATCH_HOP:], self._magnitude[PATCH_HOP:]
        return numpy.stack(found) if found else numpy.zeros((0, PATCH, BANDS), numpy.float32)

    def finish(self) -> Samples:
        """The last patches, filled up with silence so that every moment of the sound lies in one."""
        import numpy

        found = [self.take(numpy.zeros(0, numpy.float32), last=True)]
        kept = len(self.flux)
        short = PATCH - len(self._log) % PATCH_HOP
        found.append(self.take(numpy.zeros(FFT + short * HOP, numpy.float32), last=True))
        del self.flux[kept:], self.low_flux[kept:], self.voice_db[kept:]
        return numpy.concatenate(found)


def _product(rows: Samples, table: Samples) -> Samples:
    """`rows @ table`, in blocks so small that the linear algebra library stays on this thread.

    Its others would spin while they wait for the next step, at four times the cost of the whole measure.
    """
    import numpy

    block = max(1, _ONE_THREAD // table.size)
    parts = [rows[start : start + block] @ table for start in range(0, len(rows), block)]
    return numpy.concatenate(parts) if parts else numpy.zeros((0, table.shape[1]), rows.dtype)


def mel_bands() -> Samples:
    """Triangles [FFT / 2 + 1, BANDS] between 125 and 7,500 Hz, evenly spaced on the HTK mel scale."""
    import numpy

    def mel(hertz: Samples | float) -> Any:
        return 2595.0 * numpy.log10(1.0 + numpy.asarray(hertz) / 700.0)

    edges = 700.0 * (10 ** (numpy.linspace(mel(_LOWEST_HZ), mel(_HIGHEST_HZ), BANDS + 2) / 2595.0) - 1.0)
    bins = numpy.arange(FFT // 2 + 1)[:, None] * RATE / FFT
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    bands: Samples = numpy.maximum(0, numpy.minimum(rising, falling))
    return bands


def note_bands() -> Samples:
    """Which of the twelve notes each line of a long window belongs to [NOTES_FFT / 2 + 1, 12], from 65 Hz to 2 kHz."""
    import numpy

    hertz = numpy.arange(NOTES_FFT // 2 + 1) * RATE / NOTES_FFT
    inside = (hertz >= 65) & (hertz <= 2_000)
    bands = numpy.zeros((len(hertz), 12))
    note = numpy.round(12 * numpy.log2(numpy.maximum(hertz, 1) / 440.0)).astype(int) % 12
    bands[numpy.flatnonzero(inside), note[inside]] = 1
    counts = bands.sum(axis=0)
    result: Samples = bands / numpy.maximum(counts, 1)
    return result


def _partials(magnitude: Samples) -> float:
    """How far steady lines stand out of a patch's mean spectrum [frames, bins], in dB.

    A voice glides and noise is flat: over a second their means are smooth. Held notes leave lines.
    """
    import numpy

    mean = 20 * numpy.log10(numpy.exp(numpy.log(magnitude[:, 4:160] + 1e-5).mean(axis=0)))
    around = numpy.convolve(numpy.pad(mean, 4, mode="edge"), numpy.ones(9) / 9, mode="valid")
    return float(numpy.sqrt(numpy.mean(numpy.maximum(mean - around, 0) ** 2)))
