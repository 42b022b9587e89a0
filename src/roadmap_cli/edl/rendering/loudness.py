"""How loud a programme is (ITU-R BS.1770-4 by ffmpeg's ebur128), and a limiter that keeps its true peak below a bound.

The limiter looks ahead: the gain each sample needs is the least one wanted in a window around it, then averaged over
the same window, so it is never more than is allowed and never changes at once. Nothing is recursive; the result does
not depend on how the sound is parted into blocks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roadmap_cli.edl import programs
from roadmap_cli.edl.programs import Programs
from roadmap_cli.edl.rendering.sound_parts import CHANNELS, RATE

_INTEGRATED = re.compile(r"\bI:\s*(-?[0-9.]+|-?inf|nan) LUFS")
_PEAK = re.compile(r"\bPeak:\s*(-?[0-9.]+|-?inf|nan) dBFS")
#: Quieter than this is silence: the gate of the standard.
SILENCE_LUFS = -70.0
#: Half the limiter's window, in samples: 12.5 ms.
REACH = RATE // 80


@dataclass(frozen=True, slots=True)
class Level:
    """Integrated loudness in LUFS and true peak in dBTP; None for silence."""

    lufs: float | None
    peak_dbtp: float | None


def read(words: str) -> Level:
    """What ebur128 says at its end."""
    summary = words[words.rfind("Summary:") :]
    found = [match and match[1] for match in (_INTEGRATED.search(summary), _PEAK.search(summary))]
    values = [float(text) if text and "n" not in text else None for text in found]
    lufs, peak = values
    return Level(lufs if lufs is not None and lufs > SILENCE_LUFS else None, peak)


def of_raw(found: Programs, path: Path, gain_db: float = 0.0) -> Level:
    """The loudness of a file of interleaved stereo floats, as if it were louder by `gain_db`. Raises DataError."""
    louder = [f"volume={gain_db:.4f}dB:precision=float"] if gain_db else []
    command = [
        found.ffmpeg, "-hide_banner", "-nostdin", "-loglevel", "info", "-nostats", "-f", "f32le", "-ar", str(RATE),
        "-ac", str(CHANNELS), "-i", programs.local(path.absolute()),
        "-af", ",".join([*louder, "ebur128=peak=true:framelog=verbose"]), "-f", "null", "-",
    ]  # fmt: skip
    with programs.drained(command, str(path)) as process:
        process.stdout.read()
        return read(process.finish())


def _oversampled_peaks(block: Any) -> Any:
    """The highest level at and around each sample, of both channels, four times oversampled: (samples,)."""
    import numpy

    peaks = numpy.abs(block).max(axis=1)
    taps = numpy.arange(-12, 12)
    for phase in (0.25, 0.5, 0.75):
        at = taps + 1 - phase
        kernel = numpy.sinc(at) * (0.5 + 0.5 * numpy.cos(numpy.pi * numpy.clip(at / 12, -1, 1)))
        for side in range(block.shape[1]):
            between = numpy.abs(numpy.convolve(block[:, side], kernel, mode="full")[11 : 11 + len(block)])
            peaks = numpy.maximum(peaks, between)
            peaks[:-1] = numpy.maximum(peaks[:-1], between[1:])
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


def limited(blocks: Callable[[int, int], Any], length: int, gain: float, bound: float, size: int) -> Iterator[Any]:
    """The sound louder by `gain` with no true peak above `bound`, in arrays of at most `size` samples.

    `blocks(first, end)` gives samples of the sound, as an array (samples, 2).
    """
    import numpy

    context = 3 * REACH + 32
    kernel = numpy.full(2 * REACH + 1, 1 / (2 * REACH + 1))
    for first in range(0, length, size):
        end = min(length, first + size)
        low, high = max(0, first - context), min(length, end + context)
        wide = numpy.asarray(blocks(low, high), dtype=numpy.float64) * gain
        if float(numpy.abs(wide).max(initial=0)) < 0.5 * bound:
            yield wide[first - low : end - low].astype(numpy.float32)
            continue
        needed = numpy.minimum(1.0, bound / numpy.maximum(_oversampled_peaks(wide), 1e-9))
        if float(needed.min(initial=1)) < 1.0:
            least = _least_around(needed, REACH)
            padded = numpy.concatenate([numpy.ones(REACH), least, numpy.ones(REACH)])
            sums = numpy.concatenate([[0.0], numpy.cumsum(padded)])
            smooth = (sums[len(kernel) :] - sums[: -len(kernel)]) / len(kernel)
            wide = wide * smooth[:, None]
        yield wide[first - low : end - low].astype(numpy.float32)
