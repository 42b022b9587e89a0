"""Nights made from stages of sleep: when, how long, of what quality, and the records behind each.

A session is what lies close together in time, of all devices. It counts for the local day on which it ends: the day of
waking. The longest session of a day is the night; the others are naps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo

from roadmap_cli.life.history.devices import DayValue, Rank, Reading, readings, union
from roadmap_cli.life.local_time.wall_clock import zone_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

#: Sleep after so long an interruption is another session.
LONGEST_INTERRUPTION_S = 90 * 60
ASLEEP = frozenset(("asleep", "core", "deep", "rem"))
_STAGED = frozenset(("core", "deep", "rem"))
#: A device whose minutes are so much less than its spans told totals, not stretches of time.
_SLACK_MIN = 1.0


@dataclass(frozen=True, slots=True)
class Session:
    """One night or nap: minutes by stage, from the device that tells most of it."""

    day: date
    start: datetime
    """When the person fell asleep; in the zone it was noted in."""
    end: datetime
    minutes: dict[str, float]
    """asleep (all of it), in_bed, awake, and as far as known core, deep, rem."""
    ids: tuple[str, ...]
    devices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Night:
    """A day's main sleep, and its naps."""

    day: date
    main: Session
    naps: tuple[Session, ...] = field(default=())

    @property
    def ids(self) -> tuple[str, ...]:
        """All records behind it."""
        return (*self.main.ids, *(each for nap in self.naps for each in nap.ids))


def nights(
    tx: Connection, *, since: date | None = None, until: date | None = None, priority: Sequence[str] = ()
) -> list[Night]:
    """The nights whose day of waking is from `since` to `until`, both included, by day."""
    rank = Rank(priority)
    around = timedelta(days=1)
    rows = sorted(
        (
            each
            for _, each in readings(tx, "sleep", since - around if since else None, until + around if until else None)
        ),
        key=lambda each: (each.start, each.id),
    )
    return grouped(tx, rows, rank, since, until)


def grouped(
    tx: Connection, rows: Iterable[Reading], rank: Rank, since: date | None = None, until: date | None = None
) -> list[Night]:
    """The nights of readings that are sorted by start; whatever lies outside `since` to `until` is left out."""
    by_day: dict[date, list[Session]] = defaultdict(list)
    for session in _sessions(tx, rows, rank):
        if (since is None or session.day >= since) and (until is None or session.day <= until):
            by_day[session.day].append(session)
    found = []
    for day in sorted(by_day):
        ordered = sorted(by_day[day], key=lambda each: (-each.minutes["asleep"], each.start))
        found.append(Night(day, ordered[0], tuple(sorted(ordered[1:], key=lambda each: each.start))))
    return found


def daily(
    tx: Connection, metric: str, *, since: date | None, until: date | None, priority: Sequence[str]
) -> list[DayValue]:
    """The days of `sleep` and of what is derived from it; see `health_days.daily`."""
    return values(nights(tx, since=since, until=until, priority=priority), metric)


def values(known: Iterable[Night], metric: str) -> list[DayValue]:
    """The days of a metric from nights."""
    found = []
    for night in known:
        value = _value(night, metric)
        if value is not None:
            ids = night.ids if metric in ("sleep", "sleep_nap") else night.main.ids
            found.append(DayValue(night.day, value, ids, night.main.devices))
    return found


def _value(night: Night, metric: str) -> float | None:
    minutes = night.main.minutes
    if metric == "sleep":
        return minutes["asleep"] + sum(nap.minutes["asleep"] for nap in night.naps)
    if metric == "sleep_nap":
        return sum(nap.minutes["asleep"] for nap in night.naps)
    if metric == "sleep_efficiency":
        return 100 * minutes["asleep"] / minutes["in_bed"] if minutes.get("in_bed") else None
    if metric in ("bedtime", "wake_time"):
        moment = night.main.start if metric == "bedtime" else night.main.end
        midnight = datetime.combine(night.day, datetime.min.time())
        return (moment.replace(tzinfo=None) - midnight).total_seconds() / 3600
    return minutes.get(metric.removeprefix("sleep_"))


def _sessions(tx: Connection, rows: Iterable[Reading], rank: Rank) -> Iterable[Session]:
    held: list[Reading] = []
    end = 0.0
    for each in rows:
        if held and each.start - end > LONGEST_INTERRUPTION_S:
            yield from _session(tx, held, rank)
            held = []
        end = max(end, each.end) if held else each.end
        held.append(each)
    if held:
        yield from _session(tx, held, rank)


def _session(tx: Connection, rows: list[Reading], rank: Rank) -> Iterable[Session]:
    """None if nobody slept in it: in bed alone is no sleep, unless no device ever tells more."""
    by_device: dict[str, list[Reading]] = defaultdict(list)
    for each in rows:
        by_device[each.device].append(each)
    told = {device: _minutes(own) for device, own in by_device.items()}
    best = min(
        told,
        key=lambda device: (
            told[device]["asleep"] <= 0,
            not any(each.stage in _STAGED for each in by_device[device]),
            rank(device),
        ),
    )
    minutes, used = told[best], by_device[best]
    if minutes["asleep"] <= 0:
        if not minutes.get("in_bed"):
            return
        minutes = {**minutes, "asleep": minutes["in_bed"]}
    if "in_bed" not in minutes:
        beds = [(told[device]["in_bed"], device) for device in told if "in_bed" in told[device]]
        if beds:
            device = max(beds)[1]
            minutes["in_bed"] = told[device]["in_bed"]
            used = sorted(
                [*used, *(each for each in by_device[device] if each.stage == "in_bed")],
                key=lambda each: (each.start, each.id),
            )
        else:
            minutes["in_bed"] = minutes["asleep"] + minutes["awake"]
    minutes["in_bed"] = max(minutes["in_bed"], minutes["asleep"])
    asleep = [each for each in used if each.stage in ASLEEP] or used
    start, end = min(each.start for each in asleep), max(each.end for each in asleep)
    zone = _zone(tx, asleep[-1].id)
    woke = datetime.fromtimestamp(end, UTC).astimezone(zone)
    yield Session(
        woke.date(),
        datetime.fromtimestamp(start, UTC).astimezone(zone),
        woke,
        minutes,
        tuple(each.id for each in used),
        tuple(sorted({each.device for each in used}, key=rank)),
    )


def _minutes(rows: Sequence[Reading]) -> dict[str, float]:
    """Minutes by stage of one device. Totals told over a long span are added; stretches of time are joined."""
    spans: dict[str, list[tuple[float, float]]] = defaultdict(list)
    totals: dict[str, float] = defaultdict(float)
    for each in rows:
        if (each.end - each.start) / 60 > each.value + _SLACK_MIN:
            totals[each.stage] += each.value
        else:
            spans[each.stage].append((each.start, each.end))
    found = {
        stage: totals[stage] if stage in totals else sum(end - start for start, end in union(spans[stage])) / 60
        for stage in {*spans, *totals}
    }
    staged = any(stage in totals for stage in ASLEEP)
    if staged:
        parts = sum(found.get(stage, 0.0) for stage in _STAGED)
        asleep = parts or found.get("asleep", 0.0)
    else:
        asleep = sum(end - start for start, end in union(each for stage in ASLEEP for each in spans[stage])) / 60
    return {**found, "asleep": asleep, "awake": found.get("awake", 0.0)}


def _zone(tx: Connection, id: str) -> tzinfo:
    row = tx.execute("SELECT json_extract(body, '$.zone') FROM record WHERE id = ?", (id,)).fetchone()
    return zone_of(row[0] if row else None)
