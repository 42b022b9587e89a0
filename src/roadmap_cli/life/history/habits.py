"""Daily series of everything that is watched besides calendar and spending: body, close people, late evenings.

Each is a value a day with the ids of the records it is made of. What a source does not tell of a day is missing, not
zero; a day without a message from somebody close is zero, if messages came at all around it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from roadmap_cli.core.clock import parse, stamp
from roadmap_cli.life.history import health_days, series
from roadmap_cli.life.history.series import WorkingTime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

#: Metrics of a body that are watched, by the name of their series, and what turns their unit into that of the series.
BODY: dict[str, tuple[str, float]] = {
    "sleep_hours": ("sleep", 1 / 60),
    "bedtime": ("bedtime", 1.0),
    "resting_heart_rate": ("resting_heart_rate", 1.0),
    "heart_rate_variability": ("heart_rate_variability", 1.0),
    "steps": ("steps", 1.0),
}
#: Somebody is close who was in touch in at least this part of the weeks before the last four.
CLOSE_WEEKS = 0.4
MOST_CLOSE = 12
#: In the graph: days of contact, and the part of it that was private, that make somebody close who is not family.
CLOSE_DAYS, PRIVATE = 8, 0.5
WEEKS_FOR_CLOSE = 22
#: A page opened from this hour in the evening to this hour of the morning is late; it counts for the evening.
LATE_FROM, LATE_UNTIL = 23, 5
#: Pages opened within so many minutes of each other are one sitting.
SITTING = timedelta(minutes=10)


@dataclass(slots=True)
class Days:
    """A daily series: value and record ids by local day."""

    values: dict[date, float] = field(default_factory=dict)
    ids: dict[date, tuple[str, ...]] = field(default_factory=dict)

    def put(self, day: date, value: float, ids: Iterable[str]) -> None:
        """Set one day."""
        self.values[day] = value
        self.ids[day] = tuple(ids)

    def cited(self, since: date, until: date) -> list[str]:
        """The ids of the days from `since` to `until`, both included, newest day first, each once."""
        found: dict[str, None] = {}
        for day in sorted((day for day in self.ids if since <= day <= until), reverse=True):
            found.update(dict.fromkeys(self.ids[day]))
        return list(found)


def body(tx: Connection, since: date, until: date) -> dict[str, Days]:
    """The series of BODY that have values between two days, both included."""
    found: dict[str, Days] = {}
    for name, (metric, factor) in BODY.items():
        days = Days()
        for each in health_days.daily(tx, metric, since=since, until=until):
            days.put(each.day, each.value * factor, each.ids)
        if days.values:
            found[name] = days
    return found


def close_contacts(tx: Connection, since: date, until: date, zone: ZoneInfo) -> tuple[Days, int]:
    """Messages and meetings a day with those who are close, and how many these are.

    Close are, where `life-graph` has read what there is, family and those it finds closest by private contact.
    Else those who wrote (in chats; in mail, if they are in the address book or are somebody the user writes to) or
    were met outside working hours or at weekends, in at least CLOSE_WEEKS of the WEEKS_FOR_CLOSE weeks that ended four
    weeks before `until`: that somebody has fallen silent lately must not make them a stranger.
    """
    begin, end = _midnight(since, zone), _midnight(until + timedelta(days=1), zone)
    by_graph = _by_graph(tx, begin, end, zone)
    if by_graph is not None:
        return by_graph
    known = _known_addresses(tx)
    touched: list[tuple[date, str, str]] = []
    for name, at, channel, sender in tx.execute(
        "SELECT id, at, channel, sender FROM life_message WHERE at >= ? AND at < ? AND sender <> '' ORDER BY at, id",
        (stamp(begin), stamp(end)),
    ):
        if channel != "mail" or sender in known:
            touched.append((parse(at).astimezone(zone).date(), sender, name))
    first = touched[0][0] if touched else None
    touched += _met(tx, begin, end, zone)
    last = until - timedelta(days=28)
    weeks: dict[str, set[int]] = defaultdict(set)
    for day, who, _ in touched:
        if day <= last and (last - day).days < 7 * WEEKS_FOR_CLOSE:
            weeks[who].add((last - day).days // 7)
    span = min(WEEKS_FOR_CLOSE, max(1, ((last - (first or since)).days + 1) // 7))
    often = sorted(weeks, key=lambda who: (-len(weeks[who]), who))
    close = {who for who in often[:MOST_CLOSE] if len(weeks[who]) >= max(4, CLOSE_WEEKS * span)}
    if not close:
        return Days(), 0
    by_day: dict[date, list[str]] = defaultdict(list)
    for day, who, name in touched:
        if who in close:
            by_day[day].append(name)
    return _counted(by_day, until), len(close)


def _counted(by_day: dict[date, list[str]], until: date) -> Days:
    """Records a day from the first day that has any to `until`; days without one are zero."""
    found = Days()
    begins = min(by_day)
    for offset in range((until - begins).days + 1):
        day = begins + timedelta(days=offset)
        ids = list(dict.fromkeys(by_day.get(day, [])))
        found.put(day, float(len(ids)), ids)
    return found


def _by_graph(tx: Connection, begin: datetime, end: datetime, zone: ZoneInfo) -> tuple[Days, int] | None:
    """The same by the people of the graph; None if it knows nobody close or has not read what came lately.

    Close: family, or private contact (messages, meetings of two) on at least CLOSE_DAYS days, of those with most of it.
    Who is close is judged as of four weeks ago: that somebody has fallen silent must not make them a stranger.
    """
    from roadmap_cli.life.graph import closeness

    (read,) = tx.execute("SELECT max(at) FROM life_graph_read WHERE at < ?", (stamp(end),)).fetchone()
    (told,) = tx.execute("SELECT max(at) FROM life_message WHERE at < ?", (stamp(end),)).fetchone()
    if read is None or (told is not None and parse(told) - parse(read) > timedelta(days=2)):
        return None
    earlier = end - timedelta(days=28)
    people = [
        each
        for each in closeness.close_people(tx, earlier)
        if (each.family and each.days) or (each.private >= PRIVATE and each.days >= CLOSE_DAYS)
    ][:MOST_CLOSE]
    at_day: dict[str, str] = {}
    for each in people:
        for ids in closeness.contact_days(tx, each.entity_id, begin, end).values():
            at_day.update(dict.fromkeys(ids, ""))
    by_day: dict[date, list[str]] = defaultdict(list)
    for name in at_day:
        row = tx.execute("SELECT at FROM life_graph_read WHERE record_id = ?", (name,)).fetchone()
        by_day[parse(row[0]).astimezone(zone).date()].append(name)
    if not by_day:
        return None
    last = (end - timedelta(hours=1)).astimezone(zone).date()
    return _counted(by_day, last), len(people)


def _known_addresses(tx: Connection) -> set[str]:
    """Addresses of the address book, and those that mail of the user went to at least three times."""
    import orjson

    found: set[str] = set()
    for (body_,) in tx.execute(
        "SELECT record.body FROM life_contact JOIN record USING (id) WHERE life_contact.is_current = 1"
    ):
        record = orjson.loads(body_)
        if not record.get("is_organization"):
            found.update(str(each).lower() for each in record.get("emails") or [])
    wrote: dict[str, int] = defaultdict(int)
    for (body_,) in tx.execute(
        "SELECT record.body FROM life_message JOIN record USING (id)"
        " WHERE channel = 'mail' AND json_extract(record.body, '$.sent_by_user') = 1"
    ):
        for each in orjson.loads(body_).get("recipients") or []:
            wrote[str(each).lower()] += 1
    return found | {who for who, count in wrote.items() if count >= 3}


def _met(tx: Connection, begin: datetime, end: datetime, zone: ZoneInfo) -> list[tuple[date, str, str]]:
    """(day, who, id) of events outside working hours or at weekends with at most four people."""
    import orjson

    found = []
    for name, at, body_ in tx.execute(
        "SELECT life_event.id, start_at, record.body FROM life_event JOIN record USING (id)"
        " WHERE is_current = 1 AND busy = 1 AND people_count BETWEEN 1 AND 4 AND start_at >= ? AND start_at < ?",
        (stamp(begin), stamp(end)),
    ):
        local = parse(at).astimezone(zone)
        if local.weekday() < 5 and 8 <= local.hour < 18:
            continue
        record = orjson.loads(body_)
        for who in record.get("people") or []:
            if who != record.get("organizer") or len(record["people"]) == 1:
                found.append((local.date(), str(who).lower(), name))
    return found


def late_screen(tx: Connection, since: date, until: date, zone: ZoneInfo) -> Days:
    """Minutes a day at pages opened late in the evening: the sum of sittings, each at least a minute."""
    begin, end = _midnight(since, zone), _midnight(until + timedelta(days=1), zone) + timedelta(hours=LATE_UNTIL)
    rows = tx.execute(
        "SELECT id, start_at FROM life_visit WHERE kind = 'page' AND start_at >= ? AND start_at < ?"
        " ORDER BY start_at, id",
        (stamp(begin), stamp(end)),
    ).fetchall()
    found = evenings([(name, parse(at)) for name, at in rows], zone)
    for day in [day for day in found.values if not since <= day <= until]:
        del found.values[day], found.ids[day]
    return found


def evenings(pages: Iterable[tuple[str, datetime]], zone: ZoneInfo) -> Days:
    """Late minutes by evening from (id, when) of pages, by time.

    A day without a page is a day without this machine, and has no value; one without a late page is zero and cites its
    last page, which shows that the machine was used.
    """
    minutes: dict[date, float] = defaultdict(float)
    ids: dict[date, list[str]] = defaultdict(list)
    last: dict[date, str] = {}
    before: datetime | None = None
    for name, at in pages:
        local = at.astimezone(zone)
        evening = local.date() - timedelta(days=1) if local.hour < LATE_UNTIL else local.date()
        last[evening] = name
        if LATE_UNTIL <= local.hour < LATE_FROM:
            before = None
            continue
        gap = local - before if before is not None else SITTING * 2
        minutes[evening] += min(gap.total_seconds() / 60, 60.0) if gap <= SITTING else 1.0
        ids[evening].append(name)
        before = local
    found = Days()
    for day in sorted(last):
        found.put(day, minutes.get(day, 0.0), ids.get(day) or [last[day]])
    return found


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


def load(tx: Connection, since: date, until: date, working: WorkingTime) -> dict[str, Days]:
    """The calendar's series (meeting_hours, after_hours, focus_hours) from `since` to `until`, both included."""
    found = series.meetings(tx, working.bounds(since)[0], working.bounds(until)[1])
    names = ("meeting_hours", "after_hours", "focus_hours")
    made = {name: Days() for name in names}
    by_day: dict[date, list[str]] = defaultdict(list)
    for meeting in found:
        for day in {meeting.start.astimezone(working.zone).date(), meeting.end.astimezone(working.zone).date()}:
            by_day[day].append(meeting.id)
    for each in series.loads(found, since, until, working):
        ids = by_day.get(each.day, [])
        made["meeting_hours"].put(each.day, each.meeting / 60, ids)
        made["after_hours"].put(each.day, each.after_hours / 60, ids)
        if each.focus is not None:
            made["focus_hours"].put(each.day, each.focus / 60, ids)
    return made


def spending(bought: Sequence[series.Purchase], since: date, until: date) -> Days:
    """Everyday spending of one currency from `since` to `until`, both included; a day without a purchase is zero."""
    by_day: dict[date, list[series.Purchase]] = defaultdict(list)
    for each in bought:
        if since <= each.day <= until:
            by_day[each.day].append(each)
    found = Days()
    for offset in range((until - since).days + 1):
        day = since + timedelta(days=offset)
        items = by_day.get(day, [])
        found.put(day, float(sum(item.amount for item in items)), [item.id for item in items])
    return found
