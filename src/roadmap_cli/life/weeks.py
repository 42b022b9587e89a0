"""History by ISO week, Monday to Sunday: load, money, body; what is booked for weeks to come; what is paid monthly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from statistics import median
from typing import Any

from roadmap_cli.core.clock import parse, stamp
from roadmap_cli.life import habits, series
from roadmap_cli.life.habits import Days
from roadmap_cli.life.series import WorkingTime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

#: Weeks of history used, at most: three years.
MOST_WEEKS = 157
#: Days of a week that must have a value for its mean to count.
LEAST_DAYS = 3
#: A standing payment: the same payee and direction in so many months, the last of them so many days ago at most.
STANDING_MONTHS, STANDING_DAYS = 3, 45
#: Its amounts scatter by no more than this part of their median, its days of the month by so many days.
AMOUNT_SCATTER, DAY_SCATTER = 0.15, 4
#: The booking curve is known if so many past meetings say when they were last changed before they began.
KNOWN_BOOKINGS = 40


@dataclass(slots=True)
class Series:
    """A weekly series: `values` oldest first, NaN for none, the first of the week that begins on `first`."""

    name: str
    unit: str
    first: date
    values: Any
    ids: list[tuple[str, ...]]

    @property
    def last(self) -> date:
        """The last day of the last week."""
        return self.first + timedelta(days=7 * len(self.ids) - 1)

    def evidence(self) -> list[str]:
        """The ids of all weeks, newest first, each once."""
        found: dict[str, None] = {}
        for week in reversed(self.ids):
            found.update(dict.fromkeys(week))
        return list(found)


def monday(day: date) -> date:
    """The first day of an ISO week."""
    return day - timedelta(days=day.weekday())


def label(day: date) -> str:
    """A week's name, such as 2026-W49."""
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02}"


def weekly(name: str, unit: str, days: Days, since: date, until: date, *, mean: bool) -> Series | None:
    """Whole weeks from the first Monday on or after `since` to the last Sunday on or before `until`.

    Sums, or with `mean` means of the days that have a value. None without a whole week.
    """
    import numpy as np

    first = since if since.weekday() == 0 else monday(since) + timedelta(days=7)
    count = ((until + timedelta(days=1)) - first).days // 7
    if count < 1:
        return None
    if count > MOST_WEEKS:
        first, count = first + timedelta(days=7 * (count - MOST_WEEKS)), MOST_WEEKS
    values, ids = np.full(count, np.nan), []
    for place in range(count):
        inside = [first + timedelta(days=7 * place + offset) for offset in range(7)]
        found = [days.values[day] for day in inside if day in days.values]
        if mean:
            if len(found) >= LEAST_DAYS:
                values[place] = sum(found) / len(found)
        elif found:
            values[place] = sum(found)
        ids.append(tuple(name for day in inside for name in days.ids.get(day, ())))
    return Series(name, unit, first, values, ids)


def history(tx: Connection, until: date, working: WorkingTime) -> list[Series]:
    """Every series there is something of, up to the last whole week before or on `until`.

    A series whose data ended more than five weeks earlier is left out: it is history of something that is over.
    """
    back = until - timedelta(days=7 * MOST_WEEKS + 6)
    found: list[Series | None] = []
    meetings = series.meetings(tx, working.bounds(back)[0], working.bounds(until)[1])
    span = series.unbroken(each.start.astimezone(working.zone).date() for each in meetings)
    if span is not None and (until - span[1]).days <= 35:
        load = habits.load(tx, max(span[0], back), until, working)
        since = max(span[0], back)
        found.append(weekly("meeting_hours", "h/week", load["meeting_hours"], since, until, mean=False))
        found.append(weekly("after_hours", "h/week", load["after_hours"], since, until, mean=False))
        found.append(weekly("focus_hours", "h/workday", load["focus_hours"], since, until, mean=True))
    for unit, bought in series.purchases(tx, until).items():
        reach = series.unbroken(series.bank_days(tx, unit, until))
        if reach is not None and (until - reach[1]).days <= 35:
            since = max(reach[0], back)
            days = habits.spending(bought, since, reach[1])
            found.append(weekly(f"spending_{unit}", f"{unit}/week", days, since, reach[1], mean=False))
    units = {
        "sleep_hours": "h/night",
        "resting_heart_rate": "bpm",
        "heart_rate_variability": "ms",
        "steps": "steps/day",
    }
    for name, days in habits.body(tx, back, until).items():
        if name in units and (until - max(days.values)).days <= 35:
            found.append(weekly(name, units[name], days, min(days.values), max(days.values), mean=True))
    return [each for each in found if each is not None and (each.values == each.values).any()]


@dataclass(frozen=True, slots=True)
class Booked:
    """What stands in the calendar for weeks to come, one entry a week from the week that begins on `first`.

    `hours` of meetings, `after` of them outside working hours, `focus` mean longest free block, `away` part of the
    workdays within a stay of two days or more; `ids` the events.
    """

    first: date
    hours: list[float] = field(default_factory=list)
    after: list[float] = field(default_factory=list)
    focus: list[float] = field(default_factory=list)
    away: list[float] = field(default_factory=list)
    ids: list[tuple[str, ...]] = field(default_factory=list)


def booked(tx: Connection, first: date, weeks: int, working: WorkingTime) -> Booked:
    """The calendar of `weeks` weeks from the Monday `first`."""
    until = first + timedelta(days=7 * weeks - 1)
    load = habits.load(tx, first, until, working)
    away = _away(tx, first, until, working)
    made = Booked(first)
    for week in range(weeks):
        days = [first + timedelta(days=7 * week + offset) for offset in range(7)]
        made.hours.append(sum(load["meeting_hours"].values[day] for day in days))
        made.after.append(sum(load["after_hours"].values[day] for day in days))
        made.focus.append(sum(load["focus_hours"].values[day] for day in days[:5]) / 5)
        made.away.append(sum(day in away for day in days[:5]) / 5)
        ids = dict.fromkeys(name for day in days for name in load["meeting_hours"].ids.get(day, ()))
        made.ids.append(tuple(ids))
    return made


def _away(tx: Connection, since: date, until: date, working: WorkingTime) -> set[date]:
    """Days of busy all-day events that last two days or more."""
    rows = tx.execute(
        "SELECT start_at, end_at FROM life_event WHERE is_current = 1 AND busy = 1 AND all_day = 1"
        " AND end_at > ? AND start_at < ?",
        (stamp(working.bounds(since)[0]), stamp(working.bounds(until)[1])),
    ).fetchall()
    found: set[date] = set()
    for start, end in rows:
        begin, stop = parse(start), parse(end)
        if (stop - begin) >= timedelta(hours=47):
            day = (begin + timedelta(hours=12)).astimezone(working.zone).date()
            while working.bounds(day)[0] + timedelta(hours=6) < stop:
                found.add(day)
                day += timedelta(days=1)
    return found


def booking_curve(tx: Connection, until: date, weeks: int, working: WorkingTime) -> tuple[list[float], int] | None:
    """The part of a week's meeting hours that is in the calendar 1, 2, … weeks before, and how many meetings say so.

    Told by when the meetings of the last year were last changed. None if too few of them say it: then what is booked is
    only a lower bound.
    """
    since = until - timedelta(days=365)
    rows = tx.execute(
        "SELECT start_at, end_at, modified_at FROM life_event WHERE is_current = 1 AND busy = 1 AND all_day = 0"
        " AND modified_at <> '' AND modified_at < start_at AND start_at >= ? AND start_at < ?",
        (stamp(working.bounds(since)[0]), stamp(working.bounds(until)[1])),
    ).fetchall()
    if len(rows) < KNOWN_BOOKINGS:
        return None
    total, ahead = 0.0, [0.0] * weeks
    for start, end, modified in rows:
        begin = parse(start)
        hours = (parse(end) - begin).total_seconds() / 3600
        week = working.moment(monday(begin.astimezone(working.zone).date()), working.begins)
        lead = (week - parse(modified)).days // 7
        total += hours
        for place in range(min(max(lead, 0), weeks)):
            ahead[place] += hours
    return [min(part / max(total, 1e-9), 0.98) for part in ahead], len(rows)


@dataclass(frozen=True, slots=True)
class Standing:
    """What comes or goes every month: a signed amount on about the same day, with the records that say so."""

    payee: str
    amount: float
    day: int
    ids: tuple[str, ...]

    def dates(self, since: date, until: date) -> Iterable[date]:
        """The days it is due from `since` to `until`, both included; the last day of a shorter month."""
        year, month = since.year, since.month
        while (year, month) <= (until.year, until.month):
            following = date(year + month // 12, month % 12 + 1, 1)
            last = (following - timedelta(days=1)).day
            due = date(year, month, min(self.day, last))
            if since <= due <= until:
                yield due
            year, month = following.year, following.month


@dataclass(frozen=True, slots=True)
class Movement:
    """One transaction, as far as money forecasts need it."""

    id: str
    day: date
    amount: float
    payee: str
    type: str


def movements(tx: Connection, until: date) -> dict[str, list[Movement]]:
    """All transactions up to `until` by currency, by day; what was told twice once, transfers left out."""
    found: dict[str, list[Movement]] = defaultdict(list)
    for name, day, amount, unit, payee, kind in tx.execute(
        "SELECT id, date, amount, currency, payee, type FROM life_transaction"
        " WHERE same_as IS NULL AND date <= ? ORDER BY date, id",
        (until.isoformat(),),
    ):
        if kind not in series.TRANSFERS:
            found[unit].append(Movement(name, date.fromisoformat(day), float(amount), payee, kind))
    return dict(found)


def standing(moved: Sequence[Movement], until: date) -> list[Standing]:
    """What comes or goes monthly as of `until`: wages, rent, subscriptions."""
    groups: dict[tuple[str, bool], list[Movement]] = defaultdict(list)
    for each in moved:
        if each.payee and each.day <= until:
            groups[each.payee, each.amount > 0].append(each)
    found = []
    for (payee, _), items in sorted(groups.items()):
        late = [each for each in items if (until - each.day).days <= 400]
        months = {(each.day.year, each.day.month) for each in late}
        if len(months) < STANDING_MONTHS or len(late) > 1.34 * len(months):
            continue
        if (until - late[-1].day).days > STANDING_DAYS:
            continue
        last = late[-6:]
        amount = median(each.amount for each in last)
        if median(abs(each.amount - amount) for each in last) > AMOUNT_SCATTER * abs(amount):
            continue
        day = round(median(each.day.day for each in last))
        if median(abs(each.day.day - day) for each in last) > DAY_SCATTER:
            continue
        found.append(Standing(payee, amount, day, tuple(each.id for each in last)))
    return found


def flows(moved: Sequence[Movement], first: date, count: int) -> Any:
    """What came minus what went in each of `count` weeks from the Monday `first`, shape (count,)."""
    import numpy as np

    made = np.zeros(count)
    for each in moved:
        place = (each.day - first).days // 7
        if 0 <= place < count:
            made[place] += each.amount
    return made


def due(known: Sequence[Standing], first: date, weeks: int) -> Any:
    """What is due of standing payments in each week from the Monday `first`, signed, shape (weeks,)."""
    import numpy as np

    made = np.zeros(weeks)
    for each in known:
        for day in each.dates(first, first + timedelta(days=7 * weeks - 1)):
            made[(day - first).days // 7] += each.amount
    return made
