"""Series of calendar events: rules, extra dates, exceptions, moved instances (RFC 5545, 3.8.5 and 3.8.4.4).

Pure arithmetic on events that were read; `formats.ical` reads them and turns the instances into records.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Literal

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life.formats.components import Component, Property
from roadmap_cli.life.formats.ical_values import Span, When, several, when
from roadmap_cli.life.local_time import recurrence
from roadmap_cli.life.local_time.zones import Zones
from roadmap_cli.life.opening.settings import Window

#: An instance may be moved this far by THISANDFUTURE and still be found.
FARTHEST_MOVE = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Event:
    """One VEVENT or VTODO, read: its start and length, which instance it replaces, and its other fields."""

    component: Component
    zones: Zones
    start: When
    length: Span
    replaces: When | None
    onwards: bool
    """The replacement holds for all later instances, too (RANGE=THISANDFUTURE)."""
    fields: Record
    modified: str
    sequence: int = 0
    """How often its organiser has changed it; of two that say the same instance the higher one counts."""
    names: dict[str, str] = field(default_factory=dict)
    """What people are called, by address: beside the id, which is of their addresses."""
    stands_for: Literal["start", "due"] = "start"
    """What `start` is: of a to-do that has no beginning, when it is due."""

    @property
    def version(self) -> tuple[int, str]:
        """What orders the versions of it in one file."""
        return self.sequence, self.modified

    @property
    def repeats(self) -> bool:
        """Whether it has a rule or extra dates."""
        return any(item.value.strip() for item in (*self.component.every("RRULE"), *self.component.every("RDATE")))


@dataclass(frozen=True, slots=True)
class Instance:
    """One happening of a series: when it was planned for, when it is, how long, and the event whose words it has."""

    original: When
    start: When
    length: Span
    event: Event

    @property
    def key(self) -> str:
        """What tells it from others of the series."""
        return key(self.original)


def key(original: When) -> str:
    """The moment, or the date, that an instance was planned for: it stays when the instance is moved."""
    return original.day.isoformat() if original.dated else stamp(original.utc())


def original_of(change: Event, master: Event | None) -> When:
    """The instance an override is for, in its master's terms: a bare date names the timed instance of that day."""
    wanted = change.replaces
    if wanted is None:
        raise DataError("event replaces nothing", code="bad_series")
    if master is None:
        return wanted
    if wanted.dated == master.start.dated:
        own = _in_terms_of(master.start, wanted)
        return master.start.moved(own.utc().astimezone(master.start.zone).replace(tzinfo=None))
    clock = datetime.min.time() if master.start.dated else master.start.local.time()
    return master.start.moved(datetime.combine(wanted.day, clock))


def instances(master: Event, changes: list[Event], window: Window) -> Iterator[Instance]:
    """The instances in the window, in the order they were planned for.

    Instances that an override of their own replaces are among them; the caller puts the override in their place.
    """
    onwards = sorted(((original_of(item, master).local, item) for item in changes if item.onwards), key=_first)
    for original, length in _originals(master, window, FARTHEST_MOVE if onwards else timedelta(days=1)):
        found = Instance(original, original, length or master.length, master)
        for local, change in onwards:
            if local <= original.local:
                moved = change.start.moved(change.start.local + (original.local - local))
                found = Instance(original, moved, change.length, change)
        if window.since <= found.start.utc() <= window.until:
            yield found


def in_force(changes: list[Event], master: Event | None) -> list[Event]:
    """The overrides that hold, those of a later version last.

    One that is older than its series, and for an instance that the series no longer gives, was withdrawn with it: some
    servers keep it in the file (python-recurring-ical-events #148, #163, #253).
    """
    ordered = sorted(changes, key=lambda change: change.version)
    if master is None or not master.repeats:
        return ordered
    return [change for change in ordered if change.sequence >= master.sequence or _gives(master, change)]


def _gives(master: Event, change: Event) -> bool:
    """Whether a series has the instance that an override is for."""
    wanted = original_of(change, master)
    moment = wanted.utc()
    window = Window(moment - timedelta(days=1), moment + timedelta(days=1))
    return any(key(original) == key(wanted) for original, _ in _originals(master, window, timedelta(days=1)))


def _first(pair: tuple[datetime, Event]) -> datetime:
    return pair[0]


def _originals(master: Event, window: Window, margin: timedelta) -> Iterator[tuple[When, Span | None]]:
    """The starts that rules and extra dates give, exceptions left out; each with its length if a period gives one."""
    start = master.start
    since = window.since.astimezone(start.zone).replace(tzinfo=None) - margin
    until = window.until.astimezone(start.zone).replace(tzinfo=None) + margin
    without, free_days = _exceptions(master)
    limit = window.most + len(without) + len(free_days) + 1
    found: dict[datetime, Span | None] = {}
    rules = [item for item in master.component.every("RRULE") if item.value.strip()]
    for item in rules:
        found.update(dict.fromkeys(islice(_ruled(item, start, since, until), limit)))
    if not rules and since <= start.local <= until:
        found[start.local] = None
    for item in master.component.every("RDATE"):
        for extra, length in several(item, master.zones):
            local = _local(extra, start)
            if since <= local <= until:
                found[local] = length
    for item in master.component.every("EXRULE"):
        if item.value.strip():
            for local in islice(_ruled(item, start, since, until), limit):
                found.pop(local, None)
    for local in sorted(found):
        original = start.moved(local)
        if local.date() not in free_days and original.utc() not in without:
            yield original, found[local]


def _exceptions(master: Event) -> tuple[set[datetime], set[date]]:
    """What EXDATE leaves out: moments in UTC, and whole days where it names only a date or the event is all-day."""
    moments: set[datetime] = set()
    days: set[date] = set()
    for item in master.component.every("EXDATE"):
        for exception, _ in several(item, master.zones):
            if exception.dated or master.start.dated:
                days.add(exception.day)
            else:
                moments.add(_in_terms_of(master.start, exception).utc())
    return moments, days


def _ruled(item: Property, start: When, since: datetime, until: datetime) -> Iterator[datetime]:
    """The local times of one rule, cut at its UNTIL. Raises DataError with the line of the rule."""
    try:
        rule = recurrence.parse(item.value.replace("\\", ""))
    except DataError as error:
        raise DataError(f"{item.name}: {error.message}", where=str(item.line), code=error.code) from None
    last = _last(item, rule.until, start) if rule.until else None
    yield from recurrence.times(rule, start.local, since, min(until, last) if last else until)


def _last(item: Property, text: str, start: When) -> datetime:
    """UNTIL as a local time of the series, the last that still counts.

    A date means its whole day in the zone of the start, as Google writes it; a time in UTC is brought to that zone;
    a time without a zone, which the standard forbids, is already in it.
    """
    until = when(Property("UNTIL", {}, text, item.line), Zones("UTC"))
    if until.dated or start.dated:
        day = until.day if until.dated or until.floating else until.utc().astimezone(start.zone).date()
        return datetime.combine(day, datetime.max.time())
    return until.local if until.floating else until.utc().astimezone(start.zone).replace(tzinfo=None)


def _local(extra: When, start: When) -> datetime:
    """An extra date as a local time of the series."""
    if extra.dated:
        return datetime.combine(extra.day, start.local.time())
    if start.dated:
        return datetime.combine(extra.day, datetime.min.time())
    return _in_terms_of(start, extra).utc().astimezone(start.zone).replace(tzinfo=None)


def _in_terms_of(start: When, other: When) -> When:
    """A time that names no zone is in that of the series, unless the series itself is in UTC."""
    return start.moved(other.local) if other.floating and start.zone is not UTC else other
