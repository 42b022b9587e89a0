"""Days, counted: meetings, hours outside working time, the longest free block, everyday spending.

Minutes are whole and money is decimal, so that anybody who adds up the same records gets the same numbers.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from roadmap_cli.core.clock import parse, stamp
from roadmap_cli.core.errors import ConfigError, UsageError
from roadmap_cli.life.history.standing import standing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

#: A longer event is a stay somewhere, not a meeting.
LONGEST_MEETING = timedelta(hours=12)
#: If fewer of the timed events than this name people, the calendar names none, and each timed event is a meeting.
LEAST_WITH_PEOPLE = 0.1
#: A clock outside these years is wrong: what lies some years around it cannot be told as a date.
YEARS = (1900, 9000)
#: What was announced and not booked for so long never will be.
LAPSES_AFTER = timedelta(days=30)
#: Data begins after the last silence longer than this.
LONGEST_SILENCE = timedelta(days=45)
#: Movements between the person's own accounts, by the words of OFX (TRNTYPE).
#: Or into securities, or what was there before (`life.formats`).
TRANSFERS = ("xfer", "invest", "opening")


@dataclass(frozen=True, slots=True)
class WorkingTime:
    """When the person works: from `begins` to `ends` in `zone`, Monday to Friday."""

    begins: time
    ends: time
    zone: ZoneInfo

    @classmethod
    def of(cls, text: str, zone: ZoneInfo) -> WorkingTime:
        """From `HH:MM-HH:MM`. Raises UsageError."""
        begins, dash, ends = text.partition("-")
        try:
            found = cls(time.fromisoformat(begins.strip()), time.fromisoformat(ends.strip()), zone)
        except ValueError:
            found = None
        if not dash or found is None or found.begins >= found.ends:
            raise UsageError(f"not working hours: {text!r}", hint="write them as 08:00-18:00")
        return found

    def text(self) -> str:
        """As `of` reads it."""
        return f"{self.begins:%H:%M}-{self.ends:%H:%M}"

    def moment(self, day: date, clock: time) -> datetime:
        """A local time of a day, in UTC."""
        return datetime.combine(day, clock, self.zone).astimezone(UTC)

    def bounds(self, day: date) -> tuple[datetime, datetime]:
        """A local day's midnights, in UTC; 23 or 25 hours apart when clocks change."""
        return self.moment(day, time()), self.moment(day + timedelta(days=1), time())


@dataclass(frozen=True, slots=True)
class Meeting:
    """One event that takes time together with others, in UTC."""

    id: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class DayLoad:
    """What the meetings of one local day come to, in whole minutes. `focus` is None on a weekend."""

    day: date
    meeting: int = 0
    count: int = 0
    after_hours: int = 0
    focus: int | None = None


@dataclass(frozen=True, slots=True)
class Purchase:
    """Money that went out, as a positive amount."""

    id: str
    day: date
    amount: Decimal


def sensible(now: datetime) -> datetime:
    """The same time. Raises ConfigError for one years before or after which no calendar can be counted."""
    if not YEARS[0] <= now.year <= YEARS[1]:
        raise ConfigError(f"the clock says it is the year {now.year}", hint="set the clock of this machine: date")
    return now


def known_span(tx: Connection) -> tuple[str, str] | None:
    """The first and the last day of which events, transactions or measurements are known, as YYYY-MM-DD; or None."""
    spans = [
        tx.execute(f"SELECT min({column}), max({column}) FROM {table}").fetchone()
        for table, column in (("life_event", "start_at"), ("life_transaction", "date"), ("life_measurement", "date"))
    ]
    begins = min((begin[:10] for begin, _ in spans if begin), default="")
    ends = max((end[:10] for _, end in spans if end), default="")
    return (begins, ends) if begins else None


def too_early(span: tuple[str, str], until: date) -> str | None:
    """In words, that all that is known begins after `until`, the last day that is over: the clock is likely wrong."""
    if span[0] <= until.isoformat():
        return None
    return f"what is known begins on {span[0]}, after {until}: is the clock right?"


def home_zone(tx: Connection) -> str | None:
    """The zone most timed events are in; None without any. UTC only if no event names another."""
    counts = Counter(
        dict(
            tx.execute(
                "SELECT zone, count(*) FROM life_event WHERE is_current = 1 AND all_day = 0 GROUP BY zone ORDER BY zone"
            ).fetchall()
        )
    )
    real = Counter({zone: count for zone, count in counts.items() if "/" in zone})
    best = (real or counts).most_common(1)
    return str(best[0][0]) if best else None


def meetings(tx: Connection, since: datetime, until: datetime) -> list[Meeting]:
    """The meetings that touch the time from `since` to `until`, by start.

    A meeting is an event that takes time, is not all-day, is shorter than 12 hours and names at least two people; in a
    calendar that names nobody, every such event.
    """
    rows = tx.execute(
        """SELECT id, start_at, end_at, people_count FROM life_event
           WHERE is_current = 1 AND busy = 1 AND all_day = 0 AND start_at >= ? AND start_at < ? AND end_at > ?
           ORDER BY start_at, id""",
        (stamp(since - LONGEST_MEETING), stamp(until), stamp(since)),
    ).fetchall()
    everybody = sum(people >= 2 for *_, people in rows) < LEAST_WITH_PEOPLE * len(rows)
    found = [Meeting(name, parse(start), parse(end)) for name, start, end, people in rows if everybody or people >= 2]
    return [meeting for meeting in found if timedelta() < meeting.end - meeting.start < LONGEST_MEETING]


def last_meeting(tx: Connection) -> datetime | None:
    """When the last timed event begins that is known, booked ones included; None without any."""
    (last,) = tx.execute(
        "SELECT max(start_at) FROM life_event WHERE is_current = 1 AND busy = 1 AND all_day = 0"
    ).fetchone()
    return parse(last) if last else None


def unbroken(days: Iterable[date]) -> tuple[date, date] | None:
    """The first and last of the given days, the first after the last silence longer than LONGEST_SILENCE.

    What lies before a long silence is another time of life, or only a birthday; it must not pass for quiet weeks.
    """
    ordered = sorted(set(days))
    if not ordered:
        return None
    first = ordered[-1]
    for day in reversed(ordered):
        if first - day > LONGEST_SILENCE:
            break
        first = day
    return first, ordered[-1]


def loads(found: Sequence[Meeting], since: date, until: date, working: WorkingTime) -> list[DayLoad]:
    """One DayLoad for each day from `since` to `until`, both included. Overlapping meetings count once in hours."""
    by_day: dict[date, list[Meeting]] = defaultdict(list)
    for meeting in found:  # shorter than a day, so it touches at most two
        first, last = meeting.start.astimezone(working.zone).date(), meeting.end.astimezone(working.zone).date()
        for day in {first, last}:
            by_day[day].append(meeting)
    days: list[DayLoad] = []
    for offset in range((until - since).days + 1):
        day = since + timedelta(days=offset)
        begin, end = working.bounds(day)
        of_day = [meeting for meeting in by_day[day] if meeting.end > begin]
        busy = _union((max(meeting.start, begin), min(meeting.end, end)) for meeting in of_day)
        total = sum(_minutes(*block) for block in busy)
        count = sum(begin <= meeting.start for meeting in of_day)
        if day.weekday() > 4:
            days.append(DayLoad(day, total, count, total, None))
            continue
        opens, closes = working.moment(day, working.begins), working.moment(day, working.ends)
        inside = [(max(start, opens), min(stop, closes)) for start, stop in busy if start < closes and stop > opens]
        at_work = sum(_minutes(*block) for block in inside)
        days.append(DayLoad(day, total, count, total - at_work, _longest_gap(inside, opens, closes)))
    return days


def touching(found: Iterable[Meeting], since: date, until: date, working: WorkingTime) -> list[Meeting]:
    """The meetings that touch the local days from `since` to `until`, both included."""
    begin, end = working.bounds(since)[0], working.bounds(until)[1]
    return [meeting for meeting in found if meeting.start < end and meeting.end > begin]


def purchases(tx: Connection, until: date) -> dict[str, list[Purchase]]:
    """Everyday spending by currency, by day, up to and including `until`.

    Left out: money that came in, transfers, what was paid back, standing payments (rent, subscriptions; see
    `life.history.standing`), and what was told twice.
    """
    rows = tx.execute(
        """SELECT id, date, amount, currency, type FROM life_transaction
           WHERE same_as IS NULL AND date <= ? AND id NOT IN (SELECT id FROM life_transaction_link)
             AND NOT (date < ? AND id IN (SELECT id FROM life_transaction_detail WHERE is_pending = 1))
           ORDER BY date, id""",
        (until.isoformat(), (until - LAPSES_AFTER).isoformat()),
    ).fetchall()
    regular = {name for each in standing(tx, until) for name in each.ids}
    found: dict[str, list[Purchase]] = defaultdict(list)
    for name, day, amount, unit, kind in rows:
        if amount.startswith("-") and kind not in TRANSFERS and name not in regular:
            found[unit].append(Purchase(name, date.fromisoformat(day), -Decimal(amount)))
    return dict(found)


def bank_days(tx: Connection, unit: str, until: date) -> list[date]:
    """The days up to `until` with a transaction of any sort in a currency."""
    rows = tx.execute(
        "SELECT DISTINCT date FROM life_transaction WHERE currency = ? AND date <= ?", (unit, until.isoformat())
    ).fetchall()
    return [date.fromisoformat(day) for (day,) in rows]


def _union(blocks: Iterable[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    joined: list[tuple[datetime, datetime]] = []
    for start, end in sorted(blocks):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def _longest_gap(busy: list[tuple[datetime, datetime]], opens: datetime, closes: datetime) -> int:
    edges = [opens, *(edge for block in busy for edge in block), closes]
    return max(_minutes(edges[place], edges[place + 1]) for place in range(0, len(edges), 2))


def _minutes(start: datetime, end: datetime) -> int:
    return int((end - start).total_seconds()) // 60
