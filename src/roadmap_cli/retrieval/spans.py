"""Spans of days, and steps through the calendar by months."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, date


@dataclass(frozen=True, slots=True)
class Span:
    """Days, both ends included; open at an end that is the calendar's own (`date.min`, `date.max`)."""

    first: date
    last: date

    @property
    def is_open_to_past(self) -> bool:
        """Whether it has no first day."""
        return self.first == date.min

    @property
    def is_open_to_future(self) -> bool:
        """Whether it has no last day."""
        return self.last == date.max

    def closeness(self, day: date) -> float:
        """From 1 for a day in or just around the span, over 0.5 for up to five weeks after it, to 0."""
        if (day - self.first).days >= -3 and (day - self.last).days <= 7:
            return 1.0
        return 0.5 if 0 < (day - self.last).days <= 38 else 0.0

    def __str__(self) -> str:
        """As a day, as first and last day, or with the end that it has."""
        if self.is_open_to_past:
            return f"until {self.last}"
        if self.is_open_to_future:
            return f"from {self.first}"
        return f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"


def months_later(day: date, count: int) -> date:
    """The same day so many months later, or the last of that month.

    Raises:
        OverflowError: the calendar ends before that.
    """
    year, month = divmod(day.year * 12 + day.month - 1 + count, 12)
    if not MINYEAR <= year <= MAXYEAR:
        raise OverflowError
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def year_earlier(span: Span) -> Span | None:
    """The same days of the year before; None where the calendar has no such year."""
    if span.first.year == MINYEAR:
        return None
    return Span(months_later(span.first, -12), months_later(span.last, -12))
