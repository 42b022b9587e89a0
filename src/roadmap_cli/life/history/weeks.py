"""History by ISO week, Monday to Sunday: load, money, body; what is booked for weeks to come; what is paid monthly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from roadmap_cli.core.clock import parse, stamp
from roadmap_cli.life.history import habits, series
from roadmap_cli.life.history.habits import Days
from roadmap_cli.life.history.series import WorkingTime
from roadmap_cli.life.history.standing import Paid, Standing, of_payments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

#: Weeks of history used, at most: three years.
MOST_WEEKS = 157
#: Days of a week that must have a value for its mean to count.
LEAST_DAYS = 3
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
    mean: bool = False
    account: str = ""

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
    return Series(name, unit, first, values.round(3), ids, mean)


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
        made.hours.append(round(sum(load["meeting_hours"].values[day] for day in days), 3))
        made.after.append(round(sum(load["after_hours"].values[day] for day in days), 3))
        made.focus.append(round(sum(load["focus_hours"].values[day] for day in days[:5]) / 5, 3))
        made.away.append(sum(day in away for day in days[:5]) / 5)
        ids = dict.fromkeys(name for day in days for name in load["meeting_hours"].ids.get(day, ()))
        ids |= dict.fromkeys(away[day] for day in days[:5] if day in away)
        made.ids.append(tuple(ids))
    return made


def _away(tx: Connection, since: date, until: date, working: WorkingTime) -> dict[date, str]:
    """Days of busy all-day events that last two days or more, with the event."""
    rows = tx.execute(
        "SELECT id, start_at, end_at FROM life_event WHERE is_current = 1 AND busy = 1 AND all_day = 1"
        " AND end_at > ? AND start_at < ? ORDER BY start_at, id",
        (stamp(working.bounds(since)[0]), stamp(working.bounds(until)[1])),
    ).fetchall()
    found: dict[date, str] = {}
    for name, start, end in rows:
        for day in stay(parse(start), parse(end), working):
            found.setdefault(day, name)
    return found


def stay(begin: datetime, end: datetime, working: WorkingTime) -> list[date]:
    """The local days of an all-day event that lasts two days or more; none of a shorter one."""
    found: list[date] = []
    if end - begin >= timedelta(hours=47):
        day = (begin + timedelta(hours=12)).astimezone(working.zone).date()
        while working.bounds(day)[0] + timedelta(hours=6) < end:
            found.append(day)
            day += timedelta(days=1)
    return found


@dataclass(frozen=True, slots=True)
class Bookings:
    """When the meetings of the past came into the calendar, as far as they say: by when they were last changed.

    `weeks`, `leads` and `hours` have one entry a meeting: the Monday of its week, how many whole weeks before that
    Monday it stood there as it is (negative: later), its length.
    """

    weeks: list[date]
    leads: list[int]
    hours: list[float]
    ids: list[str]

    def curve(self, before: date, ahead: int) -> list[float]:
        """The part of a week's hours that is booked 1, 2, … weeks before, of the meetings of the year up to a day."""
        since = before - timedelta(days=365)
        total, parts = 0.0, [0.0] * ahead
        for week, lead, hours in zip(self.weeks, self.leads, self.hours, strict=True):
            if since <= week < before:
                total += hours
                for place in range(min(max(lead, 0), ahead)):
                    parts[place] += hours
        return [min(part / max(total, 1e-9), 0.98) for part in parts]

    def known_at(self, origin: date, ahead: int) -> list[float]:
        """Hours that stood in the calendar on the Monday `origin` for the weeks from it on."""
        found = [0.0] * ahead
        for week, lead, hours in zip(self.weeks, self.leads, self.hours, strict=True):
            place = (week - origin).days // 7
            if 0 <= place < ahead and lead >= place:
                found[place] += hours
        return found


def bookings(tx: Connection, since: date, until: date, working: WorkingTime) -> Bookings | None:
    """What the past meetings that say when they were last changed tell of booking; None if too few of them say it.

    Meetings changed after they began say nothing and are left out.
    """
    rows = tx.execute(
        "SELECT id, start_at, end_at, modified_at FROM life_event WHERE is_current = 1 AND busy = 1 AND all_day = 0"
        " AND modified_at <> '' AND modified_at < start_at AND start_at >= ? AND start_at < ? ORDER BY start_at, id",
        (stamp(working.bounds(since)[0]), stamp(working.bounds(until)[1])),
    ).fetchall()
    if len(rows) < KNOWN_BOOKINGS:
        return None
    found = Bookings([], [], [], [])
    for name, start, end, modified in rows:
        week, lead, hours = booking(parse(start), parse(end), parse(modified), working)
        found.weeks.append(week)
        found.leads.append(lead)
        found.hours.append(hours)
        found.ids.append(name)
    return found


def booking(start: datetime, end: datetime, modified: datetime, working: WorkingTime) -> tuple[date, int, float]:
    """Of one meeting: the Monday of its week, the whole weeks it was booked before that Monday, its hours."""
    week = monday(start.astimezone(working.zone).date())
    lead = (working.moment(week, working.begins) - modified).days // 7
    return week, lead, (end - start).total_seconds() / 3600


@dataclass(frozen=True, slots=True)
class Movement:
    """One transaction, as far as money forecasts need it."""

    id: str
    day: date
    amount: float
    payee: str
    type: str
    account: str = ""


def movements(tx: Connection, until: date) -> dict[str, list[Movement]]:
    """All booked transactions up to `until` by currency, by day; what was told twice once.

    Transfers between own accounts are left out, by the words of their source and by the links of `transactions`.
    """
    found: dict[str, list[Movement]] = defaultdict(list)
    for name, day, amount, unit, payee, kind, account, words in tx.execute(
        """SELECT moved.id, moved.date, moved.amount, moved.currency, moved.payee, moved.type, moved.account_id,
                  detail.words
           FROM life_transaction AS moved LEFT JOIN life_transaction_detail AS detail ON detail.id = moved.id
           WHERE moved.same_as IS NULL AND moved.date <= ? AND coalesce(detail.is_pending, 0) = 0
             AND NOT EXISTS (SELECT 1 FROM life_transaction_link AS link WHERE link.relation = 'transfer'
                             AND (link.id = moved.id OR link.other_id = moved.id))
           ORDER BY moved.date, moved.id""",
        (until.isoformat(),),
    ):
        if kind not in series.TRANSFERS:
            who = payee or (words or "").strip()
            found[unit].append(Movement(name, date.fromisoformat(day), float(amount), who, kind, account))
    return dict(found)


def standing(moved: Sequence[Movement], unit: str, until: date) -> list[Standing]:
    """What comes or goes regularly as of `until`: wages, rent, subscriptions; what has ended is left out."""
    paid = [
        Paid(each.id, each.day, Decimal(str(each.amount)), each.payee, each.account)
        for each in moved
        if each.day <= until and each.amount
    ]
    return [each for each in of_payments(paid, unit, until) if each.next_due is not None]


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
        for day in each.due(first, first + timedelta(days=7 * weeks - 1)):
            made[(day - first).days // 7] += float(each.amount)
    return made


def tasks(tx: Connection, first: date, weeks: int, working: WorkingTime) -> list[tuple[str, ...]]:
    """The open to-dos due in each of `weeks` weeks from the Monday `first`."""
    until = first + timedelta(days=7 * weeks)
    found: list[list[str]] = [[] for _ in range(weeks)]
    for name, due in tx.execute(
        "SELECT id, due_at FROM life_task WHERE is_current = 1 AND status IN ('needs_action', 'in_process')"
        " AND due_at <> '' AND due_at >= ? AND due_at <= ? ORDER BY due_at, id",
        (stamp(working.bounds(first)[0]), stamp(working.bounds(until)[0])),
    ):
        place = (due_day(parse(due), working) - first).days // 7
        if 0 <= place < weeks:
            found[place].append(name)
    return [tuple(each) for each in found]


def due_day(due: datetime, working: WorkingTime) -> date:
    """The local day something is due on; the end of a day belongs to it."""
    return (due - timedelta(seconds=1)).astimezone(working.zone).date()
