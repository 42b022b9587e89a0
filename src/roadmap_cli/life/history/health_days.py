"""Measurements by day: one value for each local day of a metric, with the ids of the records behind it.

A watch and a phone in the same pocket both count the same steps; this is where that is settled, each time it is asked,
so that no record is ever dropped and a device that is read later changes the past rightly:

- what is counted (steps, energy, distance) is taken from the device of the highest rank at each moment; a lower one
  counts only for the time the higher ones were silent, in proportion. A device's own total of a whole day beats the
  pieces of that device and of lower ones;
- what is measured (heart rate) is the mean of the day's highest-ranking device; slow values are the last of the day;
- sleep is grouped into nights, which count for the day of waking; see `nights`.

Rank: devices that the caller names, then what is worn, phones, others; of equals the first by name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from itertools import groupby

from roadmap_cli.life.history import nights
from roadmap_cli.life.history.devices import Covered, DayValue, Rank, Reading, readings, seconds, union
from roadmap_cli.life.kinds.metrics import METRICS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

#: A span of at least so many seconds is a total of a whole day.
WHOLE_DAY_S = 20 * 3600
#: Names `daily` answers besides those of `life.kinds.metrics`: made from nights and exercises.
DERIVED = (
    "sleep_in_bed", "sleep_awake", "sleep_deep", "sleep_rem", "sleep_core", "sleep_nap", "sleep_efficiency", "bedtime",
    "wake_time", "activity",
)  # fmt: skip


def available(tx: Connection) -> dict[str, tuple[date, date]]:
    """Every metric that was ever measured, with its first and last day; cheap however much there is."""
    found: dict[str, tuple[date, date]] = {}
    row = tx.execute("SELECT min(metric) FROM life_measurement").fetchone()
    while row[0] is not None:
        name = row[0]
        first, last = (
            tx.execute(f"SELECT {which}(date) FROM life_measurement WHERE metric = ?", (name,)).fetchone()[0]
            for which in ("min", "max")
        )
        found[name] = date.fromisoformat(first), date.fromisoformat(last)
        row = tx.execute("SELECT min(metric) FROM life_measurement WHERE metric > ?", (name,)).fetchone()
    return found


def daily(
    tx: Connection,
    metric: str,
    *,
    since: date | None = None,
    until: date | None = None,
    priority: Sequence[str] = (),
) -> list[DayValue]:
    """The days of a metric from `since` to `until`, both included, by day; days without a record are left out.

    `metric` is a name of `life.kinds.metrics` or of DERIVED: minutes of a night's stages (`sleep` is all sleep, naps
    included), `sleep_efficiency` in percent, `bedtime` and `wake_time` in hours from the local midnight of the day of
    waking (22:30 the evening before is -1.5), `activity` in minutes of exercise. `priority`: names of devices, or
    parts of them, highest first. For an unknown metric a day is the mean.
    """
    if metric == "activity":
        return _activity(tx, since, until)
    if metric == "sleep" or metric in DERIVED:
        return nights.daily(tx, metric, since=since, until=until, priority=priority)
    return of_readings(readings(tx, metric, since, until), metric, priority)


def of_readings(told: Iterable[tuple[str, Reading]], metric: str, priority: Sequence[str] = ()) -> list[DayValue]:
    """The days of a metric that is no sleep, from (day as text, reading) by day, then time."""
    known = METRICS.get(metric)
    of_day: Callable[[list[Reading], Rank], tuple[float, list[Reading]]] = {
        "sum": _counted,
        "last": _last,
    }.get(known.daily if known else "mean", _mean)
    rank = Rank(priority)
    found = []
    for day, rows in groupby(told, key=lambda pair: pair[0]):
        value, used = of_day([each for _, each in rows], rank)
        devices = sorted({each.device for each in used}, key=rank)
        found.append(DayValue(date.fromisoformat(day), value, tuple(each.id for each in used), tuple(devices)))
    return found


def _by_device(rows: Iterable[Reading], rank: Rank) -> list[tuple[str, list[Reading]]]:
    found: dict[str, list[Reading]] = defaultdict(list)
    for each in rows:
        found[each.device].append(each)
    return sorted(found.items(), key=lambda pair: rank(pair[0]))


def _counted(rows: list[Reading], rank: Rank) -> tuple[float, list[Reading]]:
    """What is counted in spans: see the head of this module."""
    pieces = [each for each in rows if each.end - each.start < WHOLE_DAY_S]
    totals = [each for each in rows if each.end - each.start >= WHOLE_DAY_S]
    if totals:
        best = min(totals, key=lambda each: rank(each.device))
        if not pieces or rank(best.device) <= min(rank(each.device) for each in pieces):
            best = max((each for each in totals if each.device == best.device), key=lambda each: each.value)
            return best.value, [best]
    devices = _by_device(pieces, rank)
    if len(devices) == 1:
        return sum(each.value for each in pieces), pieces
    covered, total, used = Covered(), 0.0, []
    for _, own in devices:
        for each in own:
            ratio = covered.free_ratio(each.start, each.end)
            if ratio > 0:
                total += each.value * ratio
                used.append(each)
        covered.add((each.start, each.end) for each in own)
    used.sort(key=lambda each: (each.start, each.id))
    return total, used


def _mean(rows: list[Reading], rank: Rank) -> tuple[float, list[Reading]]:
    _, own = _by_device(rows, rank)[0]
    return sum(each.value for each in own) / len(own), own


def _last(rows: list[Reading], rank: Rank) -> tuple[float, list[Reading]]:
    last = max(rows, key=lambda each: (each.start, each.id))
    return last.value, [last]


def _activity(tx: Connection, since: date | None, until: date | None) -> list[DayValue]:
    """Minutes of exercise; what two devices recorded at the same time counts once."""
    rows = tx.execute(
        "SELECT date, id, start_at, end_at FROM life_activity"
        " WHERE date >= ? AND date <= ? ORDER BY date, start_at, id",
        (since.isoformat() if since else "", until.isoformat() if until else "9999"),
    ).fetchall()
    found = []
    for day, of_day in groupby(rows, key=lambda row: row[0]):
        each = list(of_day)
        spans = union((seconds(start), seconds(end)) for _, _, start, end in each)
        minutes = sum(end - start for start, end in spans) / 60
        found.append(DayValue(date.fromisoformat(day), minutes, tuple(row[1] for row in each), ()))
    return found
