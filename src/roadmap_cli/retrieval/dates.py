"""The times a question names, as spans of days: by date, by month or year, or seen from today.

English words. What is said about a day is mostly said on it or soon after, so closeness falls off more slowly after a
span than before it.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHORT = r"jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec"
#: "may" and "march" are verbs, too: as months they have a capital letter.
_MONTH = rf"(?P<month>{'|'.join(month for month in MONTHS if month not in ('may', 'march'))}|(?-i:May|March)|{_SHORT})"
_DAY = r"(?P<day>[0-3]?\d)(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_PATTERNS = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b{_YEAR}-(?P<number>[01]\d)-{_DAY}\b",
        rf"\b{_DAY} (?:of )?{_MONTH}\b\.?(?:,? {_YEAR})?\b",
        rf"\b{_MONTH}\b\.? {_DAY}\b(?:,? {_YEAR})?",
        rf"\b{_MONTH}\b\.?(?:,? {_YEAR})?",
        rf"\b{_YEAR}\b",
    )
]
_AGO = re.compile(r"\b(\d{1,3}|a|an|one|two|three|four|five|six) (day|week|month|year)s? ago\b", re.IGNORECASE)
_LAST = re.compile(rf"\b(last|this|past) (week|month|year|weekend|{'|'.join(WEEKDAYS)})\b", re.IGNORECASE)
_NUMBERS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
_LENGTHS = {"day": 1, "week": 7, "month": 30, "year": 365}
#: Words by which people place in time what they tell.
TIME_WORDS = re.compile(
    r"\b(?:yesterday|today|tonight|tomorrow|last|next|ago|since|recently|weekend|"
    rf"(?:day|week|month|year)s?|{'|'.join(WEEKDAYS)}|{'|'.join(m for m in MONTHS if m not in ('may', 'march'))}|"
    r"(?-i:May|March)|(?:19|20)\d\d)\b",
    re.IGNORECASE,
)
_ASKS_TIME = re.compile(
    r"\bwhen\b|\bhow (?:long|many (?:days|weeks|months|years))\b|\b(?:what|which) (?:date|day|week|month|year|time)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Span:
    """Days, both ends included."""

    first: date
    last: date

    def closeness(self, day: date) -> float:
        """From 1 for a day in or just around the span, over 0.5 for up to five weeks after it, to 0."""
        if self.first - timedelta(days=3) <= day <= self.last + timedelta(days=7):
            return 1.0
        return 0.5 if self.last < day <= self.last + timedelta(days=38) else 0.0


def asks_for_time(question: str) -> bool:
    """Whether the answer is a time."""
    return bool(_ASKS_TIME.search(question))


def spans(question: str, today: date | None, years: tuple[int, int] | None = None) -> list[Span]:
    """The times a question names. `today` is needed for those seen from it, `years` (first, last) for a month without
    a year: it then means that month in each of them.
    """
    found: list[Span] = []
    rest = question
    for pattern in _PATTERNS:
        for match in list(pattern.finditer(rest)):
            found += _dated(match, years or ((today.year, today.year) if today else None))
            rest = rest[: match.start()] + " " * len(match[0]) + rest[match.end() :]
    if today is not None:
        found += _relative(rest, today)
    return found


def _dated(match: re.Match[str], years: tuple[int, int] | None) -> list[Span]:
    parts = match.groupdict()
    year = int(parts["year"]) if parts.get("year") else None
    month = int(parts["number"]) if parts.get("number") else _month(parts.get("month"))
    day = int(parts["day"]) if parts.get("day") else None
    if month is None:
        return [Span(date(year, 1, 1), date(year, 12, 31))] if year else []
    if not 1 <= month <= 12:
        return []
    wanted = [year] if year else list(range(years[0], years[1] + 1))[-5:] if years else []
    spans = []
    for each in wanted:
        length = monthrange(each, month)[1]
        if day is not None and not 1 <= day <= length:
            continue
        spans.append(Span(date(each, month, day or 1), date(each, month, day or length)))
    return spans


def _month(name: str | None) -> int | None:
    if name is None:
        return None
    return next(number for number, month in enumerate(MONTHS, 1) if month.startswith(name.lower()[:3]))


def _relative(text: str, today: date) -> list[Span]:
    lower = text.lower()
    found = []
    for word, back in (("today", 0), ("this morning", 0), ("yesterday", 1)):
        if word in lower:
            found.append(Span(today - timedelta(back), today - timedelta(back)))
    for count, unit in _AGO.findall(text):
        middle = today - timedelta(_LENGTHS[unit.lower()] * int(_NUMBERS.get(count.lower(), count)))
        slack = timedelta(_LENGTHS[unit.lower()] // 2)
        found.append(Span(middle - slack, middle + slack))
    for which, unit in _LAST.findall(lower):
        found.append(_last(which, unit, today))
    return found


def _last(which: str, unit: str, today: date) -> Span:
    if unit in WEEKDAYS:
        back = (today.weekday() - WEEKDAYS.index(unit)) % 7 or 7
        return Span(today - timedelta(back), today - timedelta(back))
    if which == "this":
        first = {"week": today - timedelta(today.weekday()), "month": today.replace(day=1)}
        return Span(first.get(unit, today.replace(month=1, day=1) if unit == "year" else today), today)
    if unit == "month":
        end = today.replace(day=1) - timedelta(1)
        return Span(end.replace(day=1), end)
    if unit == "year":
        return Span(date(today.year - 1, 1, 1), date(today.year - 1, 12, 31))
    return Span(today - timedelta(7 + today.weekday()), today - timedelta(1 + today.weekday()))
