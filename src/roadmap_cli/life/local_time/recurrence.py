"""Recurrence rules (RFC 5545, 3.3.10): the local times a rule gives, in order, at bounded cost.

Why not dateutil.rrule, which the tests compare this with: it cannot be bounded. A rule that never matches (30 February,
BYSETPOS=2 of a set of one) runs to the year 9999, and a rule from 1970 is walked from 1970 each time. Here a rule
without COUNT starts at the window, and a rule that gives nothing for a whole cycle of the calendar ends.
For the same reason, and as it is no worse, not recurring-ical-events: on 4,986 made-up series both give the same
instants, ours in about half of the time (tests/unit/life/test_ical_peer.py; the peer is under the LGPL).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from roadmap_cli.core.errors import DataError

FREQUENCIES = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY")
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
#: Periods (years, months, weeks, days, hours) looked at for one rule. A daily rule with COUNT may be 136 years old.
MOST_PERIODS = 50_000
#: Times a day that BYHOUR, BYMINUTE and BYSECOND may name together: every quarter of an hour.
MOST_A_DAY = 96
#: Years without any result after which a rule is taken to give no more: 29 February falls on a given weekday only every
#: 28 years, or 40 where a century has no leap year.
BARREN_YEARS = 40

_DAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)\Z")
_RANGES = {
    "BYMONTH": (1, 12),
    "BYMONTHDAY": (-31, 31),
    "BYYEARDAY": (-366, 366),
    "BYWEEKNO": (-53, 53),
    "BYSETPOS": (-366, 366),
    "BYHOUR": (0, 23),
    "BYMINUTE": (0, 59),
    "BYSECOND": (0, 59),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One RRULE, checked. `until` stays text: what it is compared with depends on the event's start."""

    frequency: str
    interval: int = 1
    count: int | None = None
    until: str | None = None
    week_start: int = 0
    months: tuple[int, ...] = ()
    week_numbers: tuple[int, ...] = ()
    year_days: tuple[int, ...] = ()
    month_days: tuple[int, ...] = ()
    days: tuple[tuple[int, int], ...] = ()
    """(which, weekday): which is 0 for every one, else counted within the month or year."""
    hours: tuple[int, ...] = ()
    minutes: tuple[int, ...] = ()
    seconds: tuple[int, ...] = ()
    positions: tuple[int, ...] = ()


def parse(text: str) -> Rule:
    """Check a rule. Raises DataError (bad_rule) that says which part is wrong, without its value."""
    parts: dict[str, str] = {}
    for piece in text.strip().rstrip(";").upper().split(";"):
        name, equals, value = (part.strip() for part in piece.partition("="))
        if not equals or not value:
            raise _bad(name if name in (*_RANGES, "FREQ", "UNTIL", "COUNT", "INTERVAL", "BYDAY", "WKST") else "part")
        parts[name] = value
    frequency = parts.get("FREQ", "")
    if frequency in ("MINUTELY", "SECONDLY"):
        raise DataError("rule repeats more often than once an hour", code="rule_too_dense")
    if frequency not in FREQUENCIES:
        raise _bad("FREQ")
    if parts.get("WKST", "MO") not in DAYS:
        raise _bad("WKST")
    numbers = {name: _numbers(name, parts.get(name, ""), *limits) for name, limits in _RANGES.items()}
    if (
        len(numbers["BYHOUR"] or (0,)) * len(numbers["BYMINUTE"] or (0,)) * len(numbers["BYSECOND"] or (0,))
        > MOST_A_DAY
    ):
        raise DataError("rule repeats too often in a day", code="rule_too_dense")
    return Rule(
        frequency,
        interval=_number("INTERVAL", parts.get("INTERVAL", "1")) or 1,
        count=_number("COUNT", parts.get("COUNT", "0")),
        until=parts.get("UNTIL"),
        week_start=DAYS.index(parts.get("WKST", "MO")),
        months=numbers["BYMONTH"],
        week_numbers=numbers["BYWEEKNO"],
        year_days=numbers["BYYEARDAY"],
        month_days=numbers["BYMONTHDAY"],
        days=_weekdays(parts.get("BYDAY", "")),
        hours=numbers["BYHOUR"],
        minutes=numbers["BYMINUTE"],
        seconds=numbers["BYSECOND"],
        positions=numbers["BYSETPOS"],
    )


def times(rule: Rule, start: datetime, since: datetime, until: datetime) -> Iterator[datetime]:
    """The local times a rule gives from `since` to `until`, both included, in order; naive, as `start` is.

    The start itself is always the first, also where it does not fit the rule (RFC 5545, 3.8.5.3).
    Never looks at more than MOST_PERIODS periods.
    """
    if since <= start <= until:
        yield start
    left = rule.count - 1 if rule.count is not None else None
    opening = 0 if left is not None else _skipped(rule, start, since)
    barren_since = start.year if left is not None else max(since, start).year
    for offset in range(opening, opening + MOST_PERIODS):
        if left == 0:
            return
        period = _period(rule, start, offset)
        if period is None or period > until + timedelta(days=7):  # week 1 of a year may begin in December
            return
        found = [moment for moment in _candidates(rule, start, period) if moment > start]
        if found:
            barren_since = period.year
        elif period.year - barren_since > BARREN_YEARS * (rule.interval if rule.frequency == "YEARLY" else 1):
            return
        for moment in found:
            if moment > until or left == 0:
                return
            if left is not None:
                left -= 1
            if moment >= since:
                yield moment


def _skipped(rule: Rule, start: datetime, target: datetime) -> int:
    """How many periods may be passed over before `target` (one less, to be safe at the edges)."""
    if target <= start:
        return 0
    if rule.frequency == "YEARLY":
        units = target.year - start.year
    elif rule.frequency == "MONTHLY":
        units = (target.year - start.year) * 12 + target.month - start.month
    else:
        hours = {"WEEKLY": 168, "DAILY": 24, "HOURLY": 1}[rule.frequency]
        units = int((target - start) / timedelta(hours=hours))
    return max(units // rule.interval - 1, 0)


def _period(rule: Rule, start: datetime, offset: int) -> datetime | None:
    """The first moment of the period that many intervals after the start's; None past the year 9998."""
    steps = offset * rule.interval
    try:
        if rule.frequency == "YEARLY":
            found = datetime(start.year + steps, 1, 1)
        elif rule.frequency == "MONTHLY":
            months = start.year * 12 + start.month - 1 + steps
            found = datetime(months // 12, months % 12 + 1, 1)
        elif rule.frequency == "WEEKLY":
            first = start - timedelta(days=(start.weekday() - rule.week_start) % 7)
            found = datetime(first.year, first.month, first.day) + timedelta(weeks=steps)
        elif rule.frequency == "DAILY":
            found = datetime(start.year, start.month, start.day) + timedelta(days=steps)
        else:
            found = start.replace(minute=0, second=0, microsecond=0) + timedelta(hours=steps)
    except (ValueError, OverflowError):
        return None
    return found if found.year < 9999 else None


def _candidates(rule: Rule, start: datetime, period: datetime) -> list[datetime]:
    """All the rule gives inside one period, in order, BYSETPOS applied."""
    if rule.frequency == "HOURLY":
        hours: tuple[int, ...] = (period.hour,) if not rule.hours or period.hour in rule.hours else ()
    else:
        hours = rule.hours or (start.hour,)
    minutes, seconds = rule.minutes or (start.minute,), rule.seconds or (start.second,)
    found = [
        datetime(day.year, day.month, day.day, hour, minute, second)
        for day in (_days(rule, start, period.date()) if hours else ())
        for hour in hours
        for minute in minutes
        for second in seconds
    ]
    if rule.positions:
        size = len(found)
        chosen = {place - 1 if place > 0 else size + place for place in rule.positions}
        found = [moment for place, moment in enumerate(found) if place in chosen]
    return found


def _days(rule: Rule, start: datetime, first: date) -> Iterator[date]:
    """The days of one period that the rule's parts leave, by the table of RFC 5545, page 44."""
    if rule.frequency == "YEARLY":
        length = 366 if _leap(first.year) else 365
        if rule.week_numbers:  # ISO weeks may begin in December or end in January
            first, length = first - timedelta(days=6), length + 12
    elif rule.frequency == "MONTHLY":
        length = _month_length(first)
    else:
        length = 7 if rule.frequency == "WEEKLY" else 1
    year = first.year + 1 if rule.week_numbers and rule.frequency == "YEARLY" and first.month == 12 else first.year
    weeks = _weeks(rule, year) if rule.week_numbers and rule.frequency == "YEARLY" else None
    offset = 0
    while offset < length:
        day = first + timedelta(days=offset)
        if rule.months and day.month not in rule.months:
            offset += _month_length(day) - day.day + 1  # none of this month
            continue
        offset += 1
        if weeks is not None and day not in weeks:
            continue
        if _fits(rule, start, day):
            yield day


def _fits(rule: Rule, start: datetime, day: date) -> bool:
    """Whether a day passes the BY parts, and those the start stands in for where none is given."""
    if rule.months and day.month not in rule.months:
        return False
    if rule.year_days and not _counted(day.timetuple().tm_yday, 366 if _leap(day.year) else 365, rule.year_days):
        return False
    if rule.month_days and not _counted(day.day, _month_length(day), rule.month_days):
        return False
    if rule.days:
        return _weekday_fits(rule, day)
    if rule.year_days or rule.month_days:
        return True
    if rule.frequency == "WEEKLY" or rule.week_numbers:
        return day.weekday() == start.weekday()
    if rule.frequency == "MONTHLY":
        return day.day == start.day
    if rule.frequency == "YEARLY":
        return day.day == start.day and (bool(rule.months) or day.month == start.month)
    return True


def _weekday_fits(rule: Rule, day: date) -> bool:
    for which, weekday in rule.days:
        if weekday != day.weekday():
            continue
        if which == 0 or rule.week_numbers or rule.frequency not in ("YEARLY", "MONTHLY"):
            return True
        if rule.frequency == "MONTHLY" or rule.months:
            place, size = day.day, _month_length(day)
        else:
            place, size = day.timetuple().tm_yday, 366 if _leap(day.year) else 365
        if which == ((place - 1) // 7 + 1 if which > 0 else -((size - place) // 7 + 1)):
            return True
    return False


def _weeks(rule: Rule, year: int) -> set[date]:
    """The days of the chosen weeks of a year; week 1 is the first with four days in it, from the rule's WKST."""
    opening = _week_one(year, rule.week_start)
    size = (_week_one(year + 1, rule.week_start) - opening).days // 7
    chosen = {number if number > 0 else size + 1 + number for number in rule.week_numbers}
    return {
        opening + timedelta(weeks=number - 1, days=offset)
        for number in chosen
        if 1 <= number <= size
        for offset in range(7)
    }


def _week_one(year: int, week_start: int) -> date:
    fourth = date(year, 1, 4)
    return fourth - timedelta(days=(fourth.weekday() - week_start) % 7)


def _counted(place: int, size: int, wanted: tuple[int, ...]) -> bool:
    return place in wanted or place - size - 1 in wanted


def _leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _month_length(day: date) -> int:
    return (31, 29 if _leap(day.year) else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[day.month - 1]


def _numbers(name: str, text: str, least: int, most: int) -> tuple[int, ...]:
    if not text:
        return ()
    try:
        found = sorted({int(piece) for piece in text.split(",") if len(piece.strip()) <= 4})
    except ValueError:
        raise _bad(name) from None
    if not found or found[0] < least or found[-1] > most or (least < 0 and 0 in found):
        raise _bad(name)
    return tuple(found)


def _number(name: str, text: str) -> int | None:
    """A number; None for 0 and below, which some programs write for no limit (Confluence: COUNT=-1)."""
    if not re.fullmatch(r"[+-]?\d{1,9}", text, re.ASCII):
        raise _bad(name)
    return int(text) if int(text) > 0 else None


def _weekdays(text: str) -> tuple[tuple[int, int], ...]:
    found = []
    for piece in text.split(",") if text else []:
        match = _DAY.match(piece.strip())
        if not match:
            raise _bad("BYDAY")
        found.append((int(match[1] or 0), DAYS.index(match[2])))
    return tuple(found)


def _bad(part: str) -> DataError:
    return DataError(f"rule has a wrong {part}", code="bad_rule")
