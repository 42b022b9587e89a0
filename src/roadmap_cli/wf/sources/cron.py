"""Times: the schedules of templates, and cron expressions; each due time is an event, once.

What was missed while nobody listened makes one event that says how many times it was, an event for each, or none. A
clock that is set back repeats nothing; one that was far ahead and is set right goes on from now.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from roadmap_cli.core import clock
from roadmap_cli.core.errors import ConfigError, DataError
from roadmap_cli.core.records import Record
from roadmap_cli.wf import events
from roadmap_cli.wf.sources import Access, Found, pause
from roadmap_cli.wf.sources.settings import Schedule, Setting

if TYPE_CHECKING:
    from roadmap_cli.wf.language.templates import Template

#: Missed times of one schedule that are counted; beyond it is "so many or more".
MOST_MISSED = 1000
#: A position further in the future than this was made by a wrong clock.
_AHEAD = timedelta(days=1)


def follow(setting: Setting, access: Access) -> Follower:
    """The schedules a source has: its own expression, else those of the templates."""
    schedules = [Schedule(setting.name or "cron", setting.place)] if setting.place else list(setting.schedules)
    for each in schedules:
        check(each.expression)
    return Follower(tuple(schedules), access, setting.missed or "once", _zone(setting.timezone))


@dataclass(slots=True)
class Follower:
    """The position is the last time of each schedule that was told."""

    schedules: Sequence[Schedule]
    access: Access
    missed: str
    zone: tzinfo

    def poll(self, position: Mapping[str, Any]) -> Iterator[Found]:
        """The times that were due since a position; the first time none."""
        now = self.access.now()
        told: dict[str, str] = {}
        found: list[Record] = []
        words: list[str] = []
        for each in self.schedules:
            mark = position.get(f"{each.name} {each.expression}")
            since = _moment(mark)
            if since is not None and since > now + _AHEAD:
                words.append(f"the clock was ahead: schedule {each.name!r} goes on from now")
                since = None
            if since is None:
                told[f"{each.name} {each.expression}"] = clock.stamp(now)
                continue
            due = times(each.expression, since, now, self.zone)
            found += self._events(each, due, now)
            told[f"{each.name} {each.expression}"] = clock.stamp(due[-1]) if due else str(mark)
        if found or told != position:
            yield Found(events.named(found), told, words="; ".join(words))

    def wait(self, stop: threading.Event) -> None:
        """Wait until the next time is due, at most a minute: the clock may be set meanwhile."""
        now = self.access.now()
        soonest = min((following(each.expression, now, self.zone) for each in self.schedules), default=None)
        left = (soonest - now).total_seconds() if soonest else 60.0
        ends = time.monotonic() + min(max(left, 0.05), 60.0)
        while not stop.is_set() and (left := ends - time.monotonic()) > 0:
            pause(stop, min(left, 1.0))

    def close(self) -> None:
        """Nothing is held."""

    def _events(self, schedule: Schedule, due: Sequence[datetime], now: datetime) -> list[Record]:
        """The event of each due time; of several, all but the last were missed."""
        if not due:
            return []
        # A time is missed if another was due after it, or it is more than a minute ago.
        late = [when for when in due if when is not due[-1] or now - when > timedelta(minutes=1)]
        match self.missed:
            case "all":
                return [self._event(schedule, when, now, int(when in late), None) for when in due]
            case "none":
                return [self._event(schedule, when, now, 0, None) for when in due if when not in late]
        return [self._event(schedule, due[-1], now, len(late), due[0] if late else None)]

    def _event(self, schedule: Schedule, when: datetime, now: datetime, missed: int, since: datetime | None) -> Record:
        data: Record = {
            "workflow": schedule.name, "schedule": schedule.expression, "scheduled_at": clock.stamp(when),
            "missed_count": missed,
        }  # fmt: skip
        if since is not None:
            data["missed_since"] = clock.stamp(since)
        return events.event(
            when, now, source="cron", type="cron.due", subject=schedule.name,
            key=f"cron:{schedule.name}:{schedule.expression}:{clock.stamp(when)}", data=data,
        )  # fmt: skip


def check(expression: str) -> None:
    """Raise ConfigError for what is no cron expression of five fields."""
    from croniter import croniter

    if len(expression.split()) != 5 or len(expression) > 200 or not croniter.is_valid(expression):
        raise ConfigError(
            f"not a cron expression: {expression!r}",
            hint="write minute, hour, day of month, month, day of week: '0 9 * * 1-5'",
            code="bad_schedule",
        )
    try:
        following(expression, datetime(2026, 1, 1, tzinfo=UTC), UTC)
    except DataError as error:
        raise ConfigError(error.message, code="bad_schedule") from None


def times(expression: str, since: datetime, until: datetime, zone: tzinfo) -> list[datetime]:
    """The due times after one moment up to another, at most the last `MOST_MISSED`, in UTC."""
    found: list[datetime] = []
    at = since
    while True:
        at = following(expression, at, zone)
        if at > until:
            return found
        found.append(at)
        if len(found) > MOST_MISSED:
            begin = max(until - (found[-1] - found[0]), at)  # go on near the end: about as many are there
            if begin > at:
                at = begin
            del found[0]


def following(expression: str, after: datetime, zone: tzinfo) -> datetime:
    """The first due time after a moment, in UTC. What a clock change leaves out is due an hour later.

    Raises DataError for an expression that is never due (30 February).
    """
    from croniter import croniter

    local = after.astimezone(zone)
    offset = local.utcoffset() or timedelta(0)
    try:
        found: datetime = croniter(expression, local.replace(tzinfo=None, fold=0)).get_next(datetime)
        if expression.split()[1] in ("*", "*/1"):  # every hour: those that a clock change repeats, too
            return (found - offset).replace(tzinfo=UTC)
        moment = found.replace(tzinfo=zone).astimezone(UTC)
        while moment <= after:  # an hour that comes twice: it was due the first time
            found = croniter(expression, found).get_next(datetime)
            moment = found.replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, KeyError, OverflowError):
        raise DataError(f"{expression!r} is never due: no date is like that", code="bad_schedule") from None
    return moment


def _moment(value: Any) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        return clock.parse(value)
    except DataError:
        return None


def _zone(name: str) -> tzinfo:
    if not name:
        return datetime.now().astimezone().tzinfo or UTC
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ConfigError(f"unknown time zone: {name!r}", hint="write it as Europe/Berlin", code="bad_zone") from None


def scheduled(templates: Iterable[Template]) -> tuple[Schedule, ...]:
    """The schedules of the templates that have one. Raises ConfigError if none has."""
    found = tuple(Schedule(each.workflow, each.schedule) for each in templates if each.schedule)
    if not found:
        raise ConfigError(
            "no template has a schedule", hint="name a cron expression with --place '0 9 * * 1-5'", code="no_schedule"
        )
    return found
