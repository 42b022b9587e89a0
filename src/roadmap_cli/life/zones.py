"""Time zones as calendars name them: IANA names, Windows names, global ids, and the file's own VTIMEZONE.

An IANA rule is preferred to the file's copy of it, which is often cut short.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from roadmap_cli.core.errors import DataError, UsageError


def named(name: str) -> ZoneInfo:
    """The zone of an IANA name. Raises DataError (bad_zone) if there is none."""
    zone = _iana(name)
    if zone is None:
        raise DataError(f"unknown time zone {name!r}", code="bad_zone", hint="write it as Europe/Berlin")
    return zone


def chosen(name: str) -> str:
    """The same for a zone that the person chose. Raises UsageError."""
    try:
        return named(name).key
    except DataError as error:
        raise UsageError(error.message, hint=error.hint) from None


def of_machine(variable: str | None, link: str | None) -> str:
    """The machine's zone: `variable` is $TZ, `link` what /etc/localtime points to; UTC if neither tells."""
    if variable is not None:
        candidate = variable.removeprefix(":")
        return candidate if _iana(candidate) else "UTC"
    candidate = (link or "").rpartition("zoneinfo/")[2]
    return candidate if candidate and _iana(candidate) else "UTC"


def _iana(name: str) -> ZoneInfo | None:
    if not name or len(name) > 80:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


class Zones:
    """The zones of one calendar file. `own` holds the text of its VTIMEZONE components by TZID."""

    def __init__(self, floating: str, own: Mapping[str, str] | None = None):
        """`floating` is the IANA name of the zone for times that name none."""
        self.floating = named(floating)
        self._own = dict(own or {})
        self._known: dict[str, tzinfo] = {}

    def find(self, tzid: str) -> tzinfo:
        """The zone a TZID means. Raises DataError (bad_zone), which does not show the TZID."""
        if tzid not in self._known:
            self._known[tzid] = self._search(tzid)
        return self._known[tzid]

    def _search(self, tzid: str) -> tzinfo:
        name = tzid.strip().lstrip("/")
        if name.upper() in ("UTC", "Z", "GMT", "ETC/UTC"):
            return UTC
        parts = name.split("/")
        for candidate in [name, *("/".join(parts[-count:]) for count in (3, 2) if len(parts) > count)]:
            zone = _iana(candidate)
            if zone:
                return zone
        windows = _windows(name)
        if windows:
            return windows
        if tzid in self._own:
            return _from_vtimezone(self._own[tzid])
        raise DataError("time zone is unknown and the file does not define it", code="bad_zone")


def _windows(name: str) -> ZoneInfo | None:
    from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

    return _iana(WINDOWS_TO_OLSON.get(name, ""))


def _from_vtimezone(text: str) -> tzinfo:
    from icalendar import Timezone

    try:
        zone = Timezone.from_ical(text).to_tz(lookup_tzid=False)
        datetime(2026, 1, 1, tzinfo=zone).utcoffset()
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError, RecursionError):
        raise DataError("time zone is defined by the file, but not rightly", code="bad_zone") from None
    if not isinstance(zone, tzinfo):
        raise DataError("time zone is defined by the file, but not rightly", code="bad_zone")
    return zone


def instant(moment: datetime) -> datetime:
    """An aware moment in UTC. Raises DataError (bad_time) at the ends of the calendar.

    A local time in a spring gap is read with the offset before the gap (RFC 5545, 3.3.5), a doubled one in autumn as
    the first: both are what `fold=0` means.
    """
    try:
        return moment.astimezone(UTC)
    except (OverflowError, ValueError):
        raise DataError("time is outside the calendar", code="bad_time") from None


def shifted(moment: datetime, step: timedelta) -> datetime:
    """`moment + step`. Raises DataError (bad_time) at the ends of the calendar."""
    try:
        return moment + step
    except OverflowError:
        raise DataError("time is outside the calendar", code="bad_time") from None
