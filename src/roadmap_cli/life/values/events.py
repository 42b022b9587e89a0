"""Stored and planned events in the person's local time: what rules about days and weeks count."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from roadmap_cli.core.clock import parse, stamp
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection


@dataclass(frozen=True, slots=True)
class Part:
    """An event in local time; `id` is empty for one that is not stored."""

    id: str
    start: datetime
    end: datetime
    record: Record

    @property
    def hours(self) -> float:
        """Its length."""
        return (self.end.astimezone(UTC) - self.start.astimezone(UTC)).total_seconds() / 3600


def stored(tx: Connection, since: datetime, until: datetime, zone: ZoneInfo | None = None) -> list[Part]:
    """The busy timed events that touch a time, by start."""
    import orjson

    rows = tx.execute(
        """SELECT record.body FROM life_event JOIN record ON record.id = life_event.id
           WHERE is_current = 1 AND busy = 1 AND all_day = 0 AND start_at >= ? AND start_at < ? AND end_at > ?
           ORDER BY start_at, life_event.id""",
        (stamp(since - timedelta(hours=24)), stamp(until), stamp(since)),
    ).fetchall()
    return [part_of(orjson.loads(body), zone or ZoneInfo("UTC")) for (body,) in rows]


def stored_one(tx: Connection, name: str, zone: ZoneInfo) -> Part | None:
    """One stored event by its id."""
    from roadmap_cli.state import records

    record = records.get(tx, name)
    return part_of(record, zone) if record and record.get("kind") == "life.event" else None


def part_of(record: Record, zone: ZoneInfo) -> Part:
    """A record as an event in local time. Raises DataError without times, or if it ends before it begins."""
    try:
        start = parse(str(record.get("at", ""))).astimezone(zone)
        end = parse(str(record.get("ends_at") or record["at"])).astimezone(zone)
    except DataError:
        raise DataError("an event without times that have an offset", code="bad_time") from None
    if end < start:
        raise DataError("an event ends before it begins", code="bad_time")
    return Part(str(record.get("id", "")), start, end, record)


def local_days(part: Part) -> list[date]:
    """The local days it touches."""
    last = (part.end - timedelta(microseconds=1)).date() if part.end > part.start else part.start.date()
    first = part.start.date()
    return [first + timedelta(days=offset) for offset in range(min((last - first).days, 366) + 1)]


def week(day: date) -> date:
    """The Monday of a day's week."""
    return day - timedelta(days=day.weekday())
