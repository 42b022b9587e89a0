"""Times as a user gives them on a command line, as the stamps of records."""

from __future__ import annotations

from datetime import UTC, date, datetime

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError, UsageError


def moment(text: str | None) -> str | None:
    """A date (its beginning, UTC) or RFC 3339 time as a stamp; None for None. Raises UsageError."""
    if text is None:
        return None
    try:
        if len(text) == len("2026-03-05"):
            day = date.fromisoformat(text)
            return clock.stamp(datetime(day.year, day.month, day.day, tzinfo=UTC))
        return clock.stamp(clock.parse(text))
    except (DataError, ValueError) as error:
        raise UsageError(
            f"not a date or time: {text!r}", hint="write it as 2026-03-05 or 2026-03-05T12:00:00Z"
        ) from error
