"""What a source's sound does in each shot: loudness, silence, and whether somebody seems to speak.

One decode of the sound, streamed. Kept are one level for each 10 ms and one loudness for each 100 ms: 7 MB for four
hours. Loudness is EBU R128 momentary loudness from ffmpeg's ebur128.
"""

from __future__ import annotations

import math
import re
from array import array
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from roadmap_cli.edl import programs
from roadmap_cli.edl.probe import Media
from roadmap_cli.edl.programs import Chain, Programs

RATE = 16_000
_HOP = RATE // 100
#: Below this level a moment is silent, in dB of full scale.
SILENT_DB = -50.0
_FLOOR_DB = -120.0
_MOMENT = re.compile(r"\bt:\s*([\d.]+)\s.*\bM:\s*(-?[\d.]+|-?inf|nan)\b")


@dataclass(slots=True)
class Levels:
    """The sound of one source along time; time 0 is the first sample of the stream."""

    #: Level of each 10 ms in dB of full scale.
    level_db: array[float] = field(default_factory=lambda: array("f"))
    #: Momentary loudness in LUFS at each 100 ms, over the 400 ms before.
    moment_lufs: array[float] = field(default_factory=lambda: array("f"))

    def hear(self, line: str) -> None:
        """Take a line of ebur128's log."""
        if match := _MOMENT.search(line):
            value = float(match[2])
            self.moment_lufs.append(value if math.isfinite(value) else _FLOOR_DB)

    def between(self, start_s: Fraction, end_s: Fraction) -> dict[str, float]:
        """Loudness, peak level, silence and speech between two times; time outside the stream is silent."""
        first, last = int(start_s * 100), max(int(start_s * 100) + 1, int(end_s * 100))
        levels = self.level_db[max(0, first) : max(0, last)]
        loud = sum(1 for level in levels if level >= SILENT_DB)
        found = {
            "level_db": round(max(levels, default=_FLOOR_DB), 2),
            "silence_ratio": round(1 - loud / (last - first), 4),
            "speech_ratio": round(speech_share(levels), 4),
        }
        # A momentary value covers the 400 ms before it: it speaks for the moment 200 ms earlier.
        moments = self.moment_lufs[max(0, int(start_s * 10) + 1) : max(0, int(end_s * 10) + 2)]
        heard = [10 ** (value / 10) for value in moments if value > -70]
        if heard:
            found["loudness_lufs"] = round(10 * math.log10(sum(heard) / len(heard)), 2)
        return found


def measure(found: Programs, media: Media) -> Levels | None:
    """Decode the first sound stream once. None if the source has none; raises DataError if it cannot be decoded."""
    import numpy

    if media.audio_index is None:
        return None
    levels = Levels()
    filters: Chain = [
        ("ebur128", {"framelog": "info"}),
        ("aresample", {"sample_rate": RATE, "async": 1}),
        ("aformat", {"sample_fmts": "flt", "channel_layouts": "mono"}),
    ]
    node = programs.source(media.path, media.audio_index, dict(programs.LOCAL_ONLY), filters)
    command = programs.arguments(found, node.output("pipe:1", format="f32le"), "-loglevel", "info", "-nostats")
    block = _HOP * 100 * 4
    with programs.drained(command, str(media.path), bufsize=block, hear=levels.hear) as decoder:
        while data := decoder.stdout.read(block):
            samples = numpy.frombuffer(data[: len(data) // 4 * 4], numpy.float32)
            whole = samples[: len(samples) // _HOP * _HOP].reshape(-1, _HOP)
            power = numpy.mean(numpy.square(whole, dtype=numpy.float64), axis=1)
            decibels = 10 * numpy.log10(numpy.maximum(power, 1e-12))
            levels.level_db.extend(decibels.astype(numpy.float32).tolist())
        decoder.finish()
    return levels


def speech_share(levels: array[float]) -> float:
    """The share of seconds that rise and fall as speech does, 0 to 1, from levels at each 10 ms: an estimate.

    Speech comes in syllables: its level swings around 4 Hz, and much of a second lies well below the second's mean
    (Scheirer and Slaney, ICASSP 1997, features 1 and 2). Steady music and noise do neither.
    """
    import numpy

    values = numpy.frombuffer(levels, numpy.float32).astype(numpy.float64)
    if len(values) < 100:
        return 0.0
    spoken = total = 0
    for start in range(0, len(values) - 99, 50):
        total += 1
        spoken += _like_speech(10 ** (values[start : start + 100] / 20))
    return spoken / total


def _like_speech(envelope: Any) -> bool:
    """Whether one second of a level envelope [100 values] swings as syllables do."""
    import numpy

    mean = float(numpy.mean(envelope))
    if mean < 10 ** (SILENT_DB / 20):
        return False
    low = float(numpy.mean(envelope < 0.5 * mean))
    spectrum = numpy.abs(numpy.fft.rfft((envelope - mean) * numpy.hanning(len(envelope)))) ** 2
    syllables = float(numpy.sum(spectrum[2:9])) / max(float(numpy.sum(spectrum[1:])), 1e-12)
    depth = float(numpy.std(envelope)) / mean
    return low > 0.2 and syllables > 0.5 and depth > 0.45
