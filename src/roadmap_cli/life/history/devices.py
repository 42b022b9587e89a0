"""What devices told: their readings as they are stored, which device is believed first, the time they cover."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

#: Words in the names of what is worn, and of phones.
WORN = (
    "watch", "band", "ring", "oura", "fitbit", "garmin", "whoop", "polar", "suunto", "coros", "forerunner", "fenix",
    "vivo", "venu", "amazfit", "charge", "versa", "inspire", "uhr", "montre", "reloj",
)  # fmt: skip
PHONES = ("phone", "pixel", "galaxy", "android", "handy", "téléphone")


@dataclass(frozen=True, slots=True)
class DayValue:
    """A metric's value on one local day, in the metric's unit, and the records it rests on, by time."""

    day: date
    value: float
    ids: tuple[str, ...]
    devices: tuple[str, ...]
    """What was counted, highest rank first; "" is a device without a name."""


class Reading(NamedTuple):
    """One row of a measurement: when in seconds since 1970, how much, of what device."""

    id: str
    start: float
    end: float
    value: float
    device: str
    stage: str


def readings(
    tx: Connection, metric: str, since: date | None = None, until: date | None = None
) -> Iterable[tuple[str, Reading]]:
    """(day as text, reading) by day, then time; of days from `since` to `until`, both included."""
    rows = tx.execute(
        "SELECT date, id, start_at, end_at, value, device, stage FROM life_measurement"
        " WHERE metric = ? AND date >= ? AND date <= ? ORDER BY date, start_at, id",
        (metric, since.isoformat() if since else "", until.isoformat() if until else "9999"),
    )
    for day, name, start, end, value, device, stage in rows:
        begin = seconds(start)
        yield day, Reading(name, begin, begin if end == start else seconds(end), value, device, stage)


def seconds(stamp: str) -> float:
    """Seconds since 1970 of a stamp as it stands in tables."""
    return datetime.fromisoformat(stamp).timestamp()


class Rank:
    """The order of devices: what sorts first is believed first."""

    def __init__(self, priority: Sequence[str] = ()) -> None:
        """`priority`: names of devices, or parts of them, highest first."""
        self._wanted = [each.casefold() for each in priority]
        self._known: dict[str, tuple[int, int, str]] = {}

    def __call__(self, device: str) -> tuple[int, int, str]:
        """A key to sort devices by; the same whatever days are asked for."""
        if device not in self._known:
            name = device.casefold()
            wanted = next((place for place, part in enumerate(self._wanted) if part in name), len(self._wanted))
            kind = 0 if any(word in name for word in WORN) else 1 if any(word in name for word in PHONES) else 2
            self._known[device] = (wanted, kind, device)
        return self._known[device]


class Covered:
    """A set of disjoint spans of time."""

    def __init__(self) -> None:
        self._starts: list[float] = []
        self._ends: list[float] = []

    def free_ratio(self, start: float, end: float) -> float:
        """How much of a span is not covered, 0 to 1; of a moment, whether it is not."""
        place = max(bisect_right(self._starts, start) - 1, 0)
        if end <= start:
            return 0.0 if place < len(self._starts) and self._starts[place] <= start < self._ends[place] else 1.0
        taken = 0.0
        while place < len(self._starts) and self._starts[place] < end:
            taken += max(0.0, min(end, self._ends[place]) - max(start, self._starts[place]))
            place += 1
        return max(0.0, 1.0 - taken / (end - start))

    def add(self, spans: Iterable[tuple[float, float]]) -> None:
        """Cover further spans."""
        merged = union([*zip(self._starts, self._ends, strict=True), *spans])
        self._starts, self._ends = [start for start, _ in merged], [end for _, end in merged]

    def length(self) -> float:
        """Seconds covered."""
        return sum(self._ends) - sum(self._starts)


def union(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Spans joined where they touch, by start; empty ones are left out."""
    joined: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if end <= start:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined
