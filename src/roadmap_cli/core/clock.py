"""What time it is, as a thing that can be replaced, and the one way times are written.

Times in records are RFC 3339 in UTC with milliseconds and a Z: ``2026-11-23T09:00:00.000Z``.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from roadmap_cli.core.errors import ConfigError, DataError, UsageError

Clock = Callable[[], datetime]
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def system() -> datetime:
    """The present moment in UTC."""
    return datetime.fromtimestamp(time.time(), UTC)


def from_environment(value: str | None) -> Clock:
    """The clock a command uses: the system's, or one that stands still at ``ROADMAP_NOW``.

    Raises ConfigError if the value is not a time.
    """
    if not value:
        return system
    try:
        fixed = parse(value)
    except DataError as error:
        raise ConfigError(f"ROADMAP_NOW: {error.message}", hint="write it as 2026-11-23T09:00:00Z") from None
    return lambda: fixed


def stamp(moment: datetime) -> str:
    """Write an aware moment as RFC 3339, UTC, milliseconds, Z."""
    return f"{moment.astimezone(UTC).isoformat(timespec='milliseconds')[:-6]}Z"


def parse(text: str) -> datetime:
    """Read an RFC 3339 time with an offset. Raises DataError for anything else, a missing offset included."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise DataError(f"not a time: {text!r}", code="bad_time") from None
    if moment.tzinfo is None:
        raise DataError(f"time without an offset: {text!r}", code="bad_time")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise DataError(f"time outside the calendar: {text!r}", code="bad_time") from None


def date_or_time(text: str) -> datetime:
    """Read a date, which is its first moment in UTC, or a time as `parse` does. Raises UsageError for anything else."""
    try:
        return parse(f"{text}T00:00:00Z" if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) else text)
    except DataError:
        raise UsageError(f"not a date or a time: {text!r}", hint="write 2026-11-23 or 2026-11-23T09:00:00Z") from None


def length(text: str) -> timedelta:
    """Read a length of time as people type it: 30m, 12h, 30d, 8w. Raises UsageError for anything else."""
    parts = re.fullmatch(r"([1-9][0-9]{0,4})([mhdw])", text)
    if not parts:
        raise UsageError(f"not a length of time: {text!r}", hint="write it as 12h, 30d or 8w")
    return int(parts[1]) * _UNITS[parts[2]]
