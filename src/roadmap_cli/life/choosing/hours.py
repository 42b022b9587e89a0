"""What options do to time: hours a week, what they collide with, the longest free block of workdays, and sleep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from statistics import mean
from zoneinfo import ZoneInfo

from roadmap_cli.core.clock import parse, stamp
from roadmap_cli.core.records import Record
from roadmap_cli.life.choosing.facts import Option
from roadmap_cli.life.history import series
from roadmap_cli.life.history.series import Meeting, WorkingTime
from roadmap_cli.life.history.sleep_habit import Night

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

#: Weeks ahead that are looked at for what is booked.
WEEKS = 4


@dataclass(frozen=True, slots=True)
class Span:
    """The days looked at: whole weeks from tomorrow."""

    first: date
    zone: ZoneInfo

    @property
    def days(self) -> list[date]:
        """Every day of it."""
        return [self.first + timedelta(days=offset) for offset in range(7 * WEEKS)]

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """Its begin and end in UTC."""
        begin = datetime.combine(self.first, time(), self.zone).astimezone(UTC)
        end = datetime.combine(self.days[-1] + timedelta(days=1), time(), self.zone).astimezone(UTC)
        return begin, end


def occurrences(option: Option, span: Span) -> list[Record]:
    """The events an option would book in the span: its weekly times written out, and its own events."""
    found = [each for each in option.events if span.bounds[0] <= parse(each["at"]) < span.bounds[1]]
    for slot in option.slots:
        for day in span.days:
            if day.weekday() != slot.day or (option.start and day < option.start):
                continue
            if option.months is not None and (day - (option.start or span.first)).days > option.months * 30.5:
                continue
            begin, end = (
                datetime.combine(day, time.fromisoformat(text), span.zone).astimezone(UTC)
                for text in (slot.begins, slot.ends)
            )
            found.append({"at": stamp(begin), "ends_at": stamp(end), "title": slot.title, "people": list(slot.people)})
    return sorted(found, key=lambda each: str(each["at"]))


def weekly(option: Option, dropped: Sequence[Record]) -> float:
    """Hours a week more (or fewer): weekly times and stated hours, less what is dropped, over the weeks of the span."""
    events = sum((parse(each["ends_at"]) - parse(each["at"])).total_seconds() / 3600 for each in option.events)
    gone = sum((parse(each["ends_at"]) - parse(each["at"])).total_seconds() / 3600 for each in dropped)
    return round(sum(slot.minutes for slot in option.slots) / 60 + option.hours_week + (events - gone) / WEEKS, 2)


def collisions(tx: Connection, planned: Sequence[Record], drops: Sequence[str]) -> list[tuple[Record, Record]]:
    """What is booked and busy at the same time as a planned event, with that event."""
    from roadmap_cli.state import records

    found = []
    for each in planned:
        rows = tx.execute(
            """SELECT id FROM life_event
               WHERE is_current = 1 AND busy = 1 AND all_day = 0 AND start_at >= ? AND start_at < ? AND end_at > ?
               ORDER BY start_at, id""",
            (stamp(parse(each["at"]) - series.LONGEST_MEETING), each["ends_at"], each["at"]),
        ).fetchall()
        for (name,) in rows:
            record = records.get(tx, name)
            if record is not None and name not in drops:
                found.append((record, each))
    return found


def meetings(tx: Connection, span: Span) -> list[Meeting]:
    """The stored meetings of the span."""
    return series.meetings(tx, *span.bounds)


def free_block(
    found: Sequence[Meeting], planned: Sequence[Record], drops: Sequence[str], span: Span, working: WorkingTime
) -> float:
    """The mean of the longest free block of each workday of the span, in hours."""
    kept = [each for each in found if each.id not in drops]
    new = [Meeting("", parse(each["at"]), parse(each["ends_at"])) for each in planned]
    days = series.loads([*kept, *new], span.first, span.days[-1], working)
    return round(mean(day.focus for day in days if day.focus is not None) / 60, 2)


def booked(found: Sequence[Meeting], drops: Sequence[str], span: Span, working: WorkingTime) -> float:
    """Hours of meetings a week that are booked in the span, without what is dropped; what overlaps counts once."""
    days = series.loads([each for each in found if each.id not in drops], span.first, span.days[-1], working)
    return round(sum(day.meeting for day in days) / 60 / WEEKS, 2)


def sleep_lost(planned: Sequence[Record], night: Night | None, span: Span) -> float:
    """Hours of usual sleep that planned events cut into, a night, over the span; 0 where sleep is unknown."""
    if night is None:
        return 0.0
    minutes = 0.0
    for each in planned:
        begin, end = (parse(each[name]).astimezone(span.zone) for name in ("at", "ends_at"))
        for day in {begin.date(), end.date(), begin.date() + timedelta(days=1)}:
            noon = datetime.combine(day - timedelta(days=1), time(12), span.zone)
            falls, wakes = noon + timedelta(minutes=night.falls), noon + timedelta(minutes=night.wakes)
            minutes += max((min(end, wakes) - max(begin, falls)).total_seconds() / 60, 0.0)
    return round(minutes / 60 / (7 * WEEKS), 2)
