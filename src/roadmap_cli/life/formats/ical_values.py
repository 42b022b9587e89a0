"""The values of an iCalendar property as Python values: times, durations, periods (RFC 5545, 3.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo

from roadmap_cli.core.errors import DataError
from roadmap_cli.life.formats.components import Property
from roadmap_cli.life.local_time.zones import Zones, instant, shifted

_TIME = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)(?:[Tt ](\d\d):?(\d\d):?(\d\d)?(?:\.\d+)?([Zz])?)?\Z", re.ASCII)
_DURATION = re.compile(
    r"([+-]?)P(?:(\d{1,5})W)?(?:(\d{1,6})D)?(?:T(?:(\d{1,7})H)?(?:(\d{1,8})M)?(?:(\d{1,9})S)?)?\Z", re.ASCII
)


@dataclass(slots=True)  # not frozen: made several times for each event
class When:
    """A date, or a local time with its zone. `floating` if the file names no zone for it."""

    local: datetime
    zone: tzinfo
    dated: bool = False
    floating: bool = False
    _utc: list[datetime] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def day(self) -> date:
        """The local date."""
        return self.local.date()

    def utc(self) -> datetime:
        """The moment; of a date its midnight."""
        if not self._utc:  # asked for several times of each event
            self._utc.append(instant(self.local.replace(tzinfo=self.zone)))
        return self._utc[0]

    def moved(self, local: datetime) -> When:
        """The same kind of value at another local time."""
        return When(local, self.zone, self.dated, self.floating)


@dataclass(frozen=True, slots=True)
class Span:
    """A duration: whole days are counted on the calendar, the rest on the clock (RFC 5545, 3.3.6)."""

    days: int = 0
    exact: timedelta = timedelta()

    def after(self, start: When) -> datetime:
        """The moment in UTC this long after a start."""
        if not self.days:
            return shifted(start.utc(), self.exact)
        local = shifted(start.local, timedelta(days=self.days))
        return shifted(instant(local.replace(tzinfo=start.zone)), self.exact)


def when(item: Property, zones: Zones, value: str | None = None) -> When:
    """The time a property holds (or the given piece of its value). Raises DataError that names property and line."""
    raw = (item.value if value is None else value).strip()
    found = _TIME.match(raw)
    if not found:
        raise _wrong(item, "is not a date or time")
    year, month, day, hour, minute, second, utc = found.groups()
    try:
        if hour is None or item.parameters.get("VALUE", "").upper() == "DATE":
            return When(datetime(int(year), int(month), int(day)), zones.days, dated=True)
        # 23:59:60 is a leap second; the calendar has no room for it (RFC 5545, 3.3.12)
        local = datetime(int(year), int(month), int(day), int(hour), int(minute), min(int(second or 0), 59))
    except ValueError:
        raise _wrong(item, "is not a date or time") from None
    if utc:
        return When(local, UTC)
    tzid = item.parameters.get("TZID")
    if not tzid:
        return When(local, zones.floating, floating=True)
    zone = zones.find(tzid)
    if zone is None:
        zones.remarks.append((item.line, f"{item.name} has an unknown time zone: read as of {zones.floating.key}"))
        return When(local, zones.floating, floating=True)
    return When(local, zone)


def several(item: Property, zones: Zones) -> Iterator[tuple[When, Span | None]]:
    """The times of an RDATE or EXDATE, each with its length if it is a period."""
    for piece in item.value.split(","):
        if not piece.strip():
            continue
        begin, slash, end = piece.partition("/")
        start = when(item, zones, begin)
        if not slash:
            yield start, None
        elif end.strip()[:1].upper() in ("P", "+", "-"):
            yield start, span(item, end)
        else:
            yield start, Span(exact=when(item, zones, end).utc() - start.utc())


def span(item: Property, value: str | None = None) -> Span:
    """The duration a property holds. Raises DataError that names property and line."""
    found = _DURATION.match((item.value if value is None else value).strip().upper())
    if not found or not any(found.groups()[1:]):
        raise _wrong(item, "is not a duration", "bad_duration")
    sign = -1 if found[1] == "-" else 1
    weeks, days, hours, minutes, seconds = (int(number or 0) for number in found.groups()[1:])
    try:
        return Span(sign * (weeks * 7 + days), sign * timedelta(hours=hours, minutes=minutes, seconds=seconds))
    except OverflowError:
        raise _wrong(item, "is not a duration", "bad_duration") from None


def _wrong(item: Property, what: str, code: str = "bad_time") -> DataError:
    return DataError(f"{item.name} {what}", where=str(item.line), code=code)
