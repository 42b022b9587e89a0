"""Time zones as calendars name them: IANA names, Windows names, global ids, and the file's own VTIMEZONE.

An IANA rule is preferred to the file's copy of it, which is often cut short.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
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
    """The zones of one calendar file."""

    def __init__(self, floating: str, days: str = ""):
        """`floating` is the IANA name of the zone for times that name none, `days` that for whole days."""
        self.floating = named(floating)
        self.days = named(days or floating)
        self.remarks: list[tuple[int, str]] = []
        """What was read though it is not right, and the lines it stands on."""
        self._own: dict[str, tzinfo] = {}
        self._known: dict[str, tzinfo | None] = {}

    def define(self, tzid: str, zone: tzinfo) -> None:
        """Take a zone that the file defines itself."""
        self._own[tzid] = zone
        self._known = {name: known for name, known in self._known.items() if known is not None}

    def find(self, tzid: str) -> tzinfo | None:
        """The zone a TZID means; None if that is unknown."""
        if tzid not in self._known:
            self._known[tzid] = self._search(tzid)
        return self._known[tzid]

    def _search(self, tzid: str) -> tzinfo | None:
        name = tzid.strip().strip("\"'").lstrip("/")
        if name.upper() in _UTC:
            return UTC
        parts = name.split("/")
        for candidate in [name, *("/".join(parts[-count:]) for count in (3, 2) if len(parts) > count)]:
            zone = _iana(candidate)
            if zone:
                return zone
        return _windows(name) or self._own.get(tzid.strip()) or self._own.get(tzid) or _fixed(name) or _by_city(name)


_UTC = (
    "UTC",
    "Z",
    "GMT",
    "ETC/UTC",
    "COORDINATED UNIVERSAL TIME",
    "TZONE://MICROSOFT/UTC",
    "(UTC) COORDINATED UNIVERSAL TIME",
)
_FIXED = re.compile(r"(?:UTC|GMT)?\s*([+-])(\d{1,2})(?::?([0-5]\d))?\Z", re.ASCII | re.IGNORECASE)
#: As Windows shows a zone to people: "(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna".
_SHOWN = re.compile(r"\((?:UTC|GMT)(?:([+-])(\d\d):(\d\d))?\)\s*(.+)\Z", re.ASCII)


def _windows(name: str) -> ZoneInfo | None:
    if not name.endswith("Time") and not name.startswith("UTC"):
        return None  # every name in the table is of this shape, and the table takes long to import
    from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

    return _iana(WINDOWS_TO_OLSON.get(name, ""))


def _fixed(name: str) -> tzinfo | None:
    """A distance from UTC: "GMT+0200", "+02:00"."""
    found = _FIXED.match(name)
    if not found or int(found[2]) > 14:
        return None
    size = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
    return timezone(-size if found[1] == "-" else size)


def _by_city(name: str) -> tzinfo | None:
    """The zone of the first city that a name as Windows shows it has a zone for, if its winter time is what is said."""
    found = _SHOWN.match(name)
    if not found:
        return None
    size = timedelta(hours=int(found[2] or 0), minutes=int(found[3] or 0))
    wanted = -size if found[1] == "-" else size
    for city in found[4].split(","):
        for continent in ("Europe", "America", "Asia", "Africa", "Australia", "Pacific", "Atlantic"):
            zone = _iana(f"{continent}/{city.strip().replace(' ', '_')}")
            if zone and wanted in (_offset(zone, 1), _offset(zone, 7)):
                return zone
    return None


def _offset(zone: tzinfo, month: int) -> timedelta | None:
    return datetime(2026, month, 1, tzinfo=zone).utcoffset()


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
