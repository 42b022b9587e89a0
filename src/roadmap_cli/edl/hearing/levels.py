"""The sound of a source along time: one level for each 10 ms and one loudness for each 100 ms, 7 MB for four hours."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, field
from fractions import Fraction

from roadmap_cli.edl.hearing.meter import FLOOR_DB
from roadmap_cli.edl.hearing.sorts import SILENT_DB


@dataclass(slots=True)
class Levels:
    """The sound of one source along time; time 0 is the first sample of the stream."""

    #: Level of each 10 ms in dB of full scale.
    level_db: array[float] = field(default_factory=lambda: array("f"))
    #: Momentary loudness in LUFS at each 100 ms, over the 400 ms before.
    moment_lufs: array[float] = field(default_factory=lambda: array("f"))

    def between(self, start_s: Fraction, end_s: Fraction) -> dict[str, float]:
        """Loudness, peak level and silence between two times; time outside the stream is silent."""
        first, last = int(start_s * 100), max(int(start_s * 100) + 1, int(end_s * 100))
        levels = self.level_db[max(0, first) : max(0, last)]
        loud = sum(1 for level in levels if level >= SILENT_DB)
        found = {
            "level_db": round(max(levels, default=FLOOR_DB), 2),
            "silence_ratio": round(1 - loud / (last - first), 4),
        }
        # A momentary value covers the 400 ms before it: it speaks for the moment 200 ms earlier.
        moments = self.moment_lufs[max(0, int(start_s * 10) + 1) : max(0, int(end_s * 10) + 2)]
        heard = [10 ** (value / 10) for value in moments if value > -70]
        if heard:
            found["loudness_lufs"] = round(10 * math.log10(sum(heard) / len(heard)), 2)
        return found
