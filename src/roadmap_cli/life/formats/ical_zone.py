"""Time zones that a calendar file defines itself (VTIMEZONE: RFC 5545, 3.6.5), by our own recurrence rules.

Why not the library that reads VTIMEZONE: a file is not trusted, and its rules are run without bound there (SECONDLY
since 1601 never ends); a time inside a spring gap gets the offset after it, not the one before.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cached_property
from itertools import islice

from roadmap_cli.core.errors import DataError
from roadmap_cli.life.formats.components import Component
from roadmap_cli.life.local_time import recurrence

#: Changes of the clock are looked up from here on; Outlook lets its rules begin in 1601.
FIRST, LAST = datetime(1970, 1, 1), datetime(2100, 1, 1)
#: Changes of the clock by one rule: two a year.
MOST_ONSETS = 300
MOST_OBSERVANCES = 400

_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)(?::?(\d\d))?\Z", re.ASCII)
_LOCAL = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)?Z?)?\Z", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Observance:
    """STANDARD or DAYLIGHT: from when on, and by which rule again, which offset follows which."""

    start: datetime
    before: timedelta
    after: timedelta
    rules: tuple[recurrence.Rule, ...]
    extra: tuple[datetime, ...]

    def onsets(self) -> Iterator[datetime]:
        """When it begins, in the local time before it: at most MOST_ONSETS."""
        yield self.start
        yield from self.extra
        for rule in self.rules:
            last = min(_until(rule, self.before), LAST)
            yield from islice(recurrence.times(rule, self.start, max(self.start, FIRST), last), MOST_ONSETS)
            if last < FIRST:  # a rule that ended long ago still says what held after it
                yield from islice(recurrence.times(rule, self.start, self.start, last), MOST_ONSETS)


class OwnZone(tzinfo):
    """A zone by the rules of a file, after PEP 495: `fold` tells the two readings of a doubled hour."""

    def __init__(self, name: str, observances: tuple[Observance, ...]) -> None:
        self._name = name
        self._observances = observances

    def __str__(self) -> str:
        return self._name

    def __reduce__(self) -> tuple[type[OwnZone], tuple[str, tuple[Observance, ...]]]:
        return OwnZone, (self._name, self._observances)

    @cached_property
    def _changes(self) -> tuple[list[datetime], tuple[list[datetime], list[datetime]], list[Observance]]:
        """Moments of change in UTC; the same on a wall clock for fold 0 and 1; what holds after each."""
        found: dict[datetime, Observance] = {}
        for each in self._observances:
            for local in each.onsets():
                found[local - each.before] = each
        moments = sorted(found)
        held = [found[moment] for moment in moments]
        before = [self._first.before if self._first else timedelta(), *(each.after for each in held)]
        walls = (
            [moment + max(before[place], each.after) for place, (moment, each) in enumerate(zip(moments, held))],  # noqa: B905
            [moment + min(before[place], each.after) for place, (moment, each) in enumerate(zip(moments, held))],  # noqa: B905
        )
        return moments, walls, held

    @property
    def _first(self) -> Observance | None:
        return min(self._observances, key=lambda each: each.start, default=None)

    def _after(self, count: int) -> timedelta:
        if count:
            return self._changes[2][count - 1].after
        return self._first.before if self._first else timedelta()

    def utcoffset(self, moment: datetime | None) -> timedelta:
        """The distance from UTC at a local time."""
        if moment is None:
            return timedelta()
        walls = self._changes[1][moment.fold]
        return self._after(bisect_right(walls, moment.replace(tzinfo=None, fold=0)))

    def dst(self, moment: datetime | None) -> timedelta:
        """Not told: nothing here asks for it."""
        return timedelta()

    def tzname(self, moment: datetime | None) -> str:
        """Its TZID."""
        return self._name

    def fromutc(self, moment: datetime) -> datetime:
        """The local time of a moment in UTC that is labelled with this zone."""
        plain = moment.replace(tzinfo=None)
        offset = self._after(bisect_right(self._changes[0], plain))
        local = (plain + offset).replace(tzinfo=self)
        return local.replace(fold=int(self.utcoffset(local) != offset))


def defined(component: Component) -> tuple[str, tzinfo] | None:
    """The TZID and the zone that a VTIMEZONE defines; None if it is not rightly defined."""
    name = component.first("TZID")
    if name is None:
        return None
    try:
        observances = tuple(
            _observance(each) for each in component.children[:MOST_OBSERVANCES] if each.name in ("STANDARD", "DAYLIGHT")
        )
        if not observances:
            return None
        zone = OwnZone(name.value.strip(), observances)
        datetime(2026, 1, 1, tzinfo=zone).astimezone(UTC)
    except (DataError, ValueError, OverflowError):
        return None
    return name.value.strip(), zone


def _observance(component: Component) -> Observance:
    start, before, after = (component.first(name) for name in ("DTSTART", "TZOFFSETFROM", "TZOFFSETTO"))
    if after is None:
        raise DataError("TZOFFSETTO is missing", code="bad_zone")
    moment = _local(start.value) if start else FIRST
    return Observance(
        max(moment, datetime(1, 1, 3)),  # so that it can be brought to UTC
        _offset(before.value) if before else _offset(after.value),
        _offset(after.value),
        tuple(recurrence.parse(item.value) for item in component.every("RRULE") if item.value.strip()),
        tuple(
            _local(piece)
            for item in component.every("RDATE")
            for piece in item.value.split(",")[:MOST_ONSETS]
            if piece.strip()
        ),
    )


def _until(rule: recurrence.Rule, offset: timedelta) -> datetime:
    """The last local time of a rule: UNTIL is in UTC."""
    if not rule.until:
        return LAST
    return _local(rule.until) + (offset if rule.until.upper().endswith("Z") else timedelta())


def _local(text: str) -> datetime:
    found = _LOCAL.match(text.strip())
    if not found:
        raise DataError("not a local time", code="bad_zone")
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
    return datetime(max(year, 1), month, day, hour, minute, second)


def _offset(text: str) -> timedelta:
    found = _OFFSET.match(text.strip())
    if not found or int(found[2]) > 23 or int(found[3]) > 59:
        raise DataError("not an offset", code="bad_zone")
    size = timedelta(hours=int(found[2]), minutes=int(found[3]), seconds=int(found[4] or 0))
    return -size if found[1] == "-" else size
