"""From the state to forecasts: weeks and months of load, money and body, each with an interval and what it rests on.

What the backtest does not support is not told; `Made.silent` says what and why. A forecast is a decision in `why`: it
rests on the decision that counted the history, which cites every record of it, and on the events that are booked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from roadmap_cli.core.errors import DataError, UsageError
from roadmap_cli.life.forecast import foretelling, outlook
from roadmap_cli.life.forecast.foretelling import Telling
from roadmap_cli.life.forecast.outlook import Outlook
from roadmap_cli.life.history import balances, series, weeks
from roadmap_cli.life.history.series import WorkingTime
from roadmap_cli.life.history.weeks import Booked, Series
from roadmap_cli.life.local_time.zones import chosen, named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

#: A week or month counts as overcommitted from this quantile of the weeks that were.
OVERCOMMITTED = 0.85
#: How a measure is spoken of, and which way it is worse; the others are not judged.
WORDS = {
    "meeting_hours": ("meetings {value} h a week", +1),
    "after_hours": ("{value} h of meetings a week outside working hours", +1),
    "focus_hours": ("longest free block of a workday {value} h", -1),
    "sleep_hours": ("sleep {value} h a night", -1),
    "resting_heart_rate": ("resting heart rate {value} bpm", +1),
    "heart_rate_variability": ("heart rate variability {value} ms", -1),
    "steps": ("{value} steps a day", -1),
}
#: Measures of money, by currency.
MONEY = re.compile(r"(?:spending|net|balance)_[A-Z]{3}\Z")


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of life-forecast: weeks ahead, working hours as HH:MM-HH:MM, zone or None, measures or all."""

    weeks: int = 26
    working_hours: str = "08:00-18:00"
    zone: str | None = None
    measures: tuple[str, ...] = ()


@dataclass(slots=True)
class Forecast:
    """One series and its outlook, the booked part already in it. `first` is the Monday of the first week to come.

    `how` is what it was made of; `tasks` the to-dos due in each week, of the calendar's hours.
    """

    series: Series
    outlook: Outlook
    first: date
    how: Telling
    booked: Sequence[float] | None = None
    booked_ids: Sequence[tuple[str, ...]] = ()
    tasks: Sequence[tuple[str, ...]] = ()


@dataclass(slots=True)
class Made:
    """What was forecast, what was not told and why, and the zone and weeks it is about."""

    forecasts: list[Forecast] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    booked: Booked | None = None
    working: WorkingTime | None = None


def look(tx: Connection, now: datetime, settings: Settings) -> Made:
    """Forecast everything there is history of.

    Raises UsageError for an unknown zone or measure, or wrong working hours, ConfigError for a clock that cannot be
    right.
    """
    for name in settings.measures:
        if name not in WORDS and not MONEY.match(name):
            raise UsageError(
                f"no such measure: {name!r}",
                hint=f"there are {', '.join(WORDS)}, spending_CUR, net_CUR and balance_CUR",
            )
    zone = named(chosen(settings.zone) if settings.zone else _usable(series.home_zone(tx)))
    working = WorkingTime.of(settings.working_hours, zone)
    today = series.sensible(now).astimezone(zone).date()
    first = weeks.monday(today) + timedelta(days=7)
    made = Made(working=working)
    until = weeks.monday(today) - timedelta(days=1)
    made.booked = weeks.booked(tx, first, settings.weeks, working)
    back = until - timedelta(days=7 * weeks.MOST_WEEKS + 365)
    bookings = weeks.bookings(tx, back, until, working)
    tasks = weeks.tasks(tx, first, settings.weeks, working)
    for each in weeks.history(tx, until, working):
        if settings.measures and each.name not in settings.measures:
            continue
        gap = ((first - each.last).days - 1) // 7  # the present week, and weeks the source has not told yet
        how = Telling(settings.weeks, gap, each.first)
        if each.name in foretelling.BOOKABLE:
            how.booked = made.booked
            how.bookings = bookings if each.name == "meeting_hours" else None
        _forecast(each, first, how, made, tasks)
    for unit, moved in weeks.movements(tx, until).items():
        if not settings.measures or f"net_{unit}" in settings.measures:
            _net(unit, moved, first, settings.weeks, until, made)
    for account in balances.accounts(tx, today):
        if not settings.measures or f"balance_{account.unit}" in settings.measures:
            _balance(account, first, settings.weeks, until, made)
    if not made.forecasts and not made.silent:
        made.silent += _why_nothing(tx, until)
    return made


def _why_nothing(tx: Connection, until: date) -> list[str]:
    """Why there is no series at all, in words: too old, or to come; nothing of an empty state."""
    span = series.known_span(tx)
    if span is None:
        return []
    early = series.too_early(span, until)
    return [early or f"nothing is known of the five weeks up to {until}; the last is of {span[1]}"]


def _usable(zone: str | None) -> str:
    try:
        return named(zone or "UTC").key
    except DataError:
        return "UTC"


def _forecast(
    each: Series, first: date, how: Telling, made: Made, tasks: Sequence[tuple[str, ...]] = (), label: str = ""
) -> None:
    name = label or each.name
    found = foretelling.make(each.name, each.values, how)
    if found is None:
        known = int((each.values == each.values).sum())
        made.silent.append(f"{name}: {known} weeks of history are too few; {outlook.LEAST} are needed")
        return
    _tell_silent(name, found, made)
    booked = _booked(each.name, how)
    if each.name == "meeting_hours" and found.trust and not foretelling.is_backtested(each.name, each.values, how):
        made.silent.append(
            f"{name}: its backtest knows nothing of what was booked when: too few meetings say when they were made"
        )
    if found.told.any() or booked is not None:
        ids = how.booked.ids if booked is not None and how.booked is not None else ()
        own = tasks if each.name == "meeting_hours" else ()
        made.forecasts.append(Forecast(each, found, first, how, booked, ids, own))


def _booked(name: str, how: Telling) -> Sequence[float] | None:
    if how.booked is None:
        return None
    return {
        "meeting_hours": how.booked.hours,
        "after_hours": how.booked.after,
        "focus_hours": how.booked.focus,
    }.get(name)


def _tell_silent(name: str, found: Outlook, made: Made) -> None:
    if not found.trust:
        made.silent.append(f"{name}: {found.weeks} weeks of history are too few for a backtest")
        return
    peer = "a balance that stays as it is" if name.startswith("balance_") else "the seasonal-naive forecast"
    before = 0
    for each in found.trust:
        if each.skill >= 1:
            made.silent.append(
                f"{name}: not told {before + 1} to {each.until} weeks ahead: the error was {each.skill:.2f} times that "
                f"of {peer}"
            )
        before = each.until
    if before < len(found.middle):
        made.silent.append(f"{name}: not told beyond {before} weeks ahead: there is no backtest that far")


def _net(unit: str, moved: Sequence[weeks.Movement], first: date, ahead: int, until: date, made: Made) -> None:
    """Money that comes minus money that goes, of all accounts in a currency together."""
    span = series.unbroken(each.day for each in moved)
    if span is None or (until - span[1]).days > balances.LATEST_DAYS:
        return
    start = weeks.monday(span[0]) + timedelta(days=7)
    count = (weeks.monday(span[1] + timedelta(days=1)) - start).days // 7
    start += timedelta(days=7 * max(0, count - weeks.MOST_WEEKS))
    count = max(0, min(count, weeks.MOST_WEEKS))
    inside = [each for each in moved if 0 <= (each.day - start).days < 7 * count]
    ids: list[list[str]] = [[] for _ in range(count)]
    for each in inside:
        ids[(each.day - start).days // 7].append(each.id)
    values = weeks.flows(inside, start, count).round(2)
    own = Series(f"net_{unit}", f"{unit}/week", start, values, [tuple(week) for week in ids])
    gap = ((first - own.last).days - 1) // 7
    _forecast(own, first, Telling(ahead, gap, start, moved=inside, unit=unit), made)


def _balance(account: balances.Account, first: date, ahead: int, until: date, made: Made) -> None:
    """The poorest day of each week of one account."""
    found = balances.history(account, until)
    if found is None:
        return
    own, after = found
    inside = [each for each in account.moved if own.first <= each.day <= own.last]
    gap = ((first - own.last).days - 1) // 7
    how = Telling(ahead, gap, own.first, moved=inside, unit=account.unit, after=after)
    _forecast(own, first, how, made, label=f"{own.name} of {account.name or account.id[-6:]}")
