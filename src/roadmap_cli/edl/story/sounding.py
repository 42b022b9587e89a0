"""What is heard around a moment, from the records of the sound: sorts and labels of spans, loudness, and the floor.

The floor is what remains when nobody speaks and nothing happens: the sound of a place. It is taken from levels of each
10 ms where they are at hand, and otherwise not judged.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from roadmap_cli.core.records import Record

#: So much of a change of the floor is as much as can be, in dB: the rule of thumb for room tone at a joint is 12.
_FLOOR_CHANGE_DB = 12.0
_SILENT_DB = -90.0
_LEAST_HEARD = 0.05
#: How far around a moment is listened to, in seconds.
AROUND_S = 4.0


class Levels(Protocol):
    """Measured sound along time, from the first sample: levels each 10 ms, momentary loudness each 100 ms."""

    @property
    def level_db(self) -> array[float]:
        """Level of each 10 ms in dB of full scale."""

    @property
    def moment_lufs(self) -> array[float]:
        """Momentary loudness at each 100 ms, in LUFS."""


@dataclass(slots=True)
class Heard:
    """The sound of a source. `lag_s` is how much later than the sound's first sample the first picture is."""

    spans: Sequence[Record] = ()
    rhythm: Sequence[Record] = ()
    levels: Levels | None = None
    lag_s: float = 0.0
    _level: Any = field(default=None)

    def change(self, at_s: float) -> float | None:
        """How much the sound changes at a moment, 0 to 1: the larger of what its spans and its floor say.

        None if nothing is known of it.
        """
        found = [value for value in (self._labels_change(at_s), self._floor_change(at_s)) if value is not None]
        return max(found) if found else None

    def floor_db(self, start_s: float, end_s: float) -> float | None:
        """The level that a tenth of the time stays below, in dB of full scale; None without levels."""
        import numpy

        if self.levels is None:
            return None
        if self._level is None:
            self._level = numpy.frombuffer(self.levels.level_db, numpy.float32)
        part = self._level[max(0, round((start_s + self.lag_s) * 100)) : max(0, round((end_s + self.lag_s) * 100))]
        return max(_SILENT_DB, float(numpy.percentile(part, 10))) if len(part) >= 50 else None

    def shares(self, start_s: float, end_s: float) -> dict[str, float]:
        """How much of a time each sort and label of span fills, 0 to 1, by 'sort' and 'sort:label'."""
        found: dict[str, float] = {}
        for span in self.spans:
            start, end = span["start_ms"] / 1000, span["end_ms"] / 1000
            part = min(end, end_s) - max(start, start_s)
            if part > 0 and end_s > start_s:
                name = f"{span['sort']}:{span['label']}" if span.get("label") else str(span["sort"])
                found[name] = found.get(name, 0.0) + part / (end_s - start_s)
        return found

    def _labels_change(self, at_s: float) -> float | None:
        """Half the difference of what fills the time before and after. Speech comes and goes within a scene, and so
        does silence: only music and ambient sound count, as shares of the time that is neither.
        """
        if not self.spans:
            return None
        before, after = (self._place(at_s - 2 * AROUND_S, at_s), self._place(at_s, at_s + 2 * AROUND_S))
        if before is None or after is None:
            return None
        return min(1.0, sum(abs(before.get(name, 0.0) - after.get(name, 0.0)) for name in before | after) / 2)

    def _place(self, start_s: float, end_s: float) -> dict[str, float] | None:
        """What music and ambient sound fill a time, as shares of all of it; None where there is next to none."""
        found = self.shares(start_s, end_s)
        heard = {name: share for name, share in found.items() if name.partition(":")[0] in {"music", "ambient"}}
        total = sum(heard.values())
        return {name: share / total for name, share in heard.items()} if total >= _LEAST_HEARD else None

    def _floor_change(self, at_s: float) -> float | None:
        before, after = self.floor_db(at_s - AROUND_S, at_s), self.floor_db(at_s, at_s + AROUND_S)
        if before is None or after is None:
            return None
        return min(1.0, abs(before - after) / _FLOOR_CHANGE_DB)
