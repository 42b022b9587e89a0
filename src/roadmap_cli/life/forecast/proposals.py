"""What to change in the calendar now so that a full week to come is not too full: blocks to protect, events to move.

Only what the person may decide alone is proposed: blocks of focus time in what is free, and moving events that name
nobody else; what is tentative may be declined. Nothing proposed overlaps anything that is booked, and nothing is
proposed that was proposed before and stands. An .ics file carries it: new events, and moved ones under their own UID
(RFC 5545, RFC 5546: METHOD PUBLISH, SEQUENCE one higher, RECURRENCE-ID for one of a series).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from roadmap_cli.core.clock import parse, stamp
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.life.forecast import telling
from roadmap_cli.life.forecast.forecasting import OVERCOMMITTED, Forecast, Made
from roadmap_cli.life.history import weeks
from roadmap_cli.life.history.series import WorkingTime
from roadmap_cli.life.local_time.zones import named
from roadmap_cli.state import records
from roadmap_cli.why import decisions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.values.checking import Alignment
    from roadmap_cli.state.connection import Connection

#: Weeks ahead for which changes are proposed: what is further away is not yet booked.
WEEKS = 8
#: A block worth protecting, and how many of them a week.
BLOCK, BLOCKS = timedelta(hours=2), 2
#: One block more for each to-do that is due in the week, up to so many.
MORE_BLOCKS = 2
#: Blocks and moved events begin on the half hour.
GRID = timedelta(minutes=30)
#: At most so many events of a week are moved or declined.
MOVES = 3
#: A lighter week to move to lies at most so many weeks later.
LATER = 4
TITLE = "Focus (protected)"


@dataclass(slots=True)
class Event:
    """An event of the calendar that takes time, in UTC."""

    record: Record
    start: datetime
    end: datetime

    @property
    def hours(self) -> float:
        """Its length."""
        return (self.end - self.start).total_seconds() / 3600


@dataclass(slots=True)
class Change:
    """One line of the diff: protect a block, move an event, decline one."""

    action: str
    start: datetime
    end: datetime
    title: str
    event: Event | None = None
    uid: str = ""


@dataclass(slots=True)
class Plan:
    """What is proposed for one week."""

    monday: date
    hours: float
    limit: float
    forecast: Record
    changes: list[Change] = field(default_factory=list)
    alignment: Alignment | None = None
    history: str = ""
    tasks: tuple[str, ...] = ()
    booked_ids: tuple[str, ...] = ()


def propose(tx: Connection, made: Made, told: Sequence[Record], now: datetime, *, command: str) -> list[Record]:
    """Store and give the proposals for the weeks to come that are too full. The caller commits.

    `told` are the records of `forecasting.tell`. A week for which something was proposed already is left alone, until
    what was proposed no longer fits the calendar.
    """
    working = made.working
    load = next((each for each in made.forecasts if each.series.name == "meeting_hours"), None)
    if working is None or load is None:
        return []
    taken = _taken(tx, load.first, working)
    found = []
    for plan in _plans(load, told):
        known = _standing(tx, plan, taken)
        if known is not None:
            found.append(known)
            continue
        _fill(plan, load, taken, working, now)
        plan.changes = [change for change in plan.changes if _agrees(tx, change, now)]
        if plan.changes:
            plan.alignment = _alignment(tx, plan.changes, now)
            plan.history = telling.counted(tx, load, now, command, working.zone.key, working.text())
            found.append(_store(tx, plan, working, now, command))
    return found


def _plans(load: Forecast, told: Sequence[Record]) -> Iterator[Plan]:
    """The weeks among the next WEEKS whose meetings, expected or booked, are in the top of what weeks have been."""
    import numpy as np

    limit = float(np.nanquantile(load.series.values, OVERCOMMITTED))
    usual = float(np.nanmedian(load.series.values))
    by_week = {
        record["period_name"]: record
        for record in told
        if record["measure"] == "meeting_hours" and record["period"] == "week"
    }
    for place in range(min(WEEKS, len(load.outlook.middle))):
        monday = load.first + timedelta(days=7 * place)
        booked = float(load.booked[place]) if load.booked is not None else 0.0
        record = by_week.get(weeks.label(monday))
        expected = float(record["value"]) if record is not None else booked
        hours = max(expected, booked)
        if hours >= limit and hours > 1.2 * usual and booked > 0:
            yield Plan(
                monday,
                hours,
                limit,
                record or {},
                tasks=tuple(load.tasks[place]) if load.tasks else (),
                booked_ids=tuple(load.booked_ids[place]) if load.booked_ids else (),
            )


def _taken(tx: Connection, first: date, working: WorkingTime) -> list[Event]:
    """Everything booked that takes time, all-day stays included, for the weeks concerned."""
    import orjson

    begin, end = working.bounds(first)[0], working.bounds(first + timedelta(days=7 * (WEEKS + LATER)))[1]
    rows = tx.execute(
        "SELECT record.body FROM life_event JOIN record USING (id) WHERE is_current = 1 AND busy = 1"
        " AND end_at > ? AND start_at < ? ORDER BY start_at, life_event.id",
        (stamp(begin), stamp(end)),
    ).fetchall()
    found = []
    for (body,) in rows:
        record = orjson.loads(body)
        found.append(Event(record, parse(record["at"]), parse(record["ends_at"])))
    return found


def _fill(plan: Plan, load: Forecast, taken: list[Event], working: WorkingTime, now: datetime) -> None:
    """First what can go elsewhere, until the week is below the limit; then blocks in what is free."""
    begin, end = working.bounds(plan.monday)[0], working.bounds(plan.monday + timedelta(days=6))[1]
    over = plan.hours - plan.limit
    inside = [
        each for each in taken if begin <= each.start < end and not each.record.get("all_day") and each.start > now
    ]
    for each in sorted(inside, key=lambda event: (-event.hours, event.start)):
        if over <= 0 or len(plan.changes) >= MOVES:
            break
        if each.record.get("status") == "tentative":
            plan.changes.append(Change("decline", each.start, each.end, _title(each), each))
            over -= each.hours
        elif not each.record.get("people") and not each.record.get("organizer") and each.record.get("uid"):
            place = _elsewhere(plan, load, each, taken, working)
            if place is not None:
                plan.changes.append(Change("move", place, place + (each.end - each.start), _title(each), each))
                taken.append(Event(each.record, place, place + (each.end - each.start)))
                over -= each.hours
    gone = {id(change.event) for change in plan.changes}
    rest = [each for each in taken if id(each) not in gone]
    blocks = 0
    wanted = BLOCKS + min(len(plan.tasks), MORE_BLOCKS)
    for day in (plan.monday + timedelta(days=offset) for offset in range(5)):
        if blocks >= wanted:
            break
        place = _free(day, BLOCK, rest, working)
        if place is not None and place > now:
            uid = content_id("life.focus", at=stamp(place)) + "@roadmap-cli"
            plan.changes.append(Change("protect", place, place + BLOCK, TITLE, None, uid))
            taken.append(Event({"title": TITLE}, place, place + BLOCK))
            blocks += 1


def _elsewhere(
    plan: Plan, load: Forecast, event: Event, taken: Sequence[Event], working: WorkingTime
) -> datetime | None:
    """The same time of the same weekday in the lightest of the next weeks that has room for it."""
    place = (plan.monday - load.first).days // 7
    booked = list(load.booked or ())
    later = [
        week
        for week in range(place + 1, min(place + 1 + LATER, len(booked)))
        if booked[week] + event.hours < plan.limit
    ]
    local = event.start.astimezone(working.zone)
    for week in sorted(later, key=lambda one: (booked[one], one)):
        start = working.moment(local.date() + timedelta(days=7 * (week - place)), local.time())
        if not _overlaps(start, start + (event.end - event.start), taken):
            return start
    return None


def _free(day: date, length: timedelta, taken: Sequence[Event], working: WorkingTime) -> datetime | None:
    """The first start on the grid within working hours at which nothing is booked for so long."""
    start, closes = working.moment(day, working.begins), working.moment(day, working.ends)
    while start + length <= closes:
        if not _overlaps(start, start + length, taken):
            return start
        start += GRID
    return None


def _overlaps(start: datetime, end: datetime, taken: Iterable[Event]) -> bool:
    return any(each.start < end and each.end > start for each in taken)


def _title(event: Event) -> str:
    return str(event.record.get("title") or "event without a title")


def _standing(tx: Connection, plan: Plan, taken: Sequence[Event]) -> Record | None:
    """The proposal made for this week before, if nothing it proposes has met with something booked since."""
    row = tx.execute(
        "SELECT id FROM record WHERE kind = 'life.proposal' AND json_extract(body, '$.week') = ?"
        " ORDER BY at DESC, id DESC LIMIT 1",
        (weeks.label(plan.monday),),
    ).fetchone()
    record = records.get(tx, row[0]) if row else None
    if record is None:
        return None
    current = {each.record.get("id") for each in taken}
    uids = {str(each.record.get("uid")) for each in taken}
    for change in record["changes"]:
        if change["action"] == "protect" and change["uid"] in uids:
            continue  # applied: it stands in the calendar
        if change["action"] != "protect" and change["event_id"] not in current:
            return None
        if change["action"] != "decline" and _overlaps(parse(change["starts_at"]), parse(change["ends_at"]), taken):
            return None
    for change in record["changes"]:  # what stands keeps its place
        if change["action"] != "decline" and isinstance(taken, list):
            taken.append(Event({"title": change["title"]}, parse(change["starts_at"]), parse(change["ends_at"])))
    return record


def _alignment(tx: Connection, changes: Sequence[Change], now: datetime) -> Alignment:
    """What the user's values say of the calendar with these changes."""
    from roadmap_cli.life.values import checking

    adds = [
        {
            "kind": "life.event",
            "at": stamp(change.start),
            "ends_at": stamp(change.end),
            "title": change.title,
            "busy": True,
        }
        for change in changes
        if change.action != "decline"
    ]
    removes = frozenset(str(change.event.record["id"]) for change in changes if change.event is not None)
    return checking.check(tx, checking.Change(adds=adds, removes=removes), now=now)


def _agrees(tx: Connection, change: Change, now: datetime) -> bool:
    """Whether a change by itself goes against none of the user's values."""
    return not _alignment(tx, [change], now).fields().get("conflicts")


def _store(tx: Connection, plan: Plan, working: WorkingTime, now: datetime, command: str) -> Record:
    changes = [_told(change) for change in plan.changes]
    lines = [line(change, working.zone) for change in changes]
    text = words(weeks.label(plan.monday), plan.hours, plan.limit, len(plan.tasks), lines)
    moved = [str(change.event.record["id"]) for change in plan.changes if change.event is not None]
    evidence = [*([plan.forecast["why_id"]] if plan.forecast else []), plan.history, *moved, *plan.tasks]
    if plan.alignment is not None:
        evidence += list(plan.alignment.evidence)
    if not plan.forecast:
        evidence += plan.booked_ids
    why = decisions.decide(
        tx,
        kind="life.change_proposed",
        what=text,
        why=f"{plan.hours:.1f} h of meetings are expected or booked, at least {plan.limit:.1f} h: more than in"
        f" {OVERCOMMITTED:.0%} of the weeks before",
        evidence=evidence,
        command=command,
        at=now,
        facts={
            "week": weeks.label(plan.monday),
            "limit_h": round(plan.limit, 2),
            "hours": round(plan.hours, 2),
            "percent": round(100 * OVERCOMMITTED),
            "zone": working.zone.key,
            "working_hours": working.text(),
            "is_forecast": bool(plan.forecast),
            "tasks_due": len(plan.tasks),
            "changes": lines,
        },
    )
    record: Record = {
        "kind": "life.proposal",
        "id": content_id("life.proposal", week=weeks.label(plan.monday), changes=str(changes)),
        "at": stamp(now),
        "week": weeks.label(plan.monday),
        "since": str(plan.monday),
        "until": str(plan.monday + timedelta(days=6)),
        "text": text,
        "meeting_hours": round(plan.hours, 2),
        "limit_hours": round(plan.limit, 2),
        "zone": working.zone.key,
        "changes": changes,
        "why_id": why["id"],
    }
    if plan.tasks:
        record["tasks_due"] = len(plan.tasks)
    if plan.alignment is not None:
        record |= plan.alignment.fields()
    records.put(tx, record)
    return record


def _told(change: Change) -> Record:
    record: Record = {
        "action": change.action,
        "title": change.title,
        "starts_at": stamp(change.start),
        "ends_at": stamp(change.end),
    }
    if change.event is None:
        return record | {"uid": change.uid}
    source = change.event.record
    record |= {"event_id": source["id"], "was_at": source["at"], "was_ends_at": source["ends_at"]}
    return record | {name: source[name] for name in ("uid", "instance", "zone") if source.get(name)}


def words(week: str, hours: float, limit: float, tasks: int, lines: Sequence[str]) -> str:
    """A proposal for a person."""
    due = f"; {tasks} to-do{'s are' if tasks != 1 else ' is'} due" if tasks else ""
    return "; ".join([f"{week}: meetings {hours:.1f} h, from {limit:.1f} h a week is among the fullest{due}", *lines])


def line(change: Record, zone: ZoneInfo) -> str:
    """One change of a record in words, in a zone."""
    start, end = (parse(change[name]).astimezone(zone) for name in ("starts_at", "ends_at"))
    when = f"{start:%a %Y-%m-%d %H:%M}"
    if change["action"] == "protect":
        return f"protect {when} to {end:%H:%M}"
    if change["action"] == "move":
        return f"move {change['title']} from {parse(change['was_at']).astimezone(zone):%a %Y-%m-%d %H:%M} to {when}"
    return f"decline {change['title']} {when}"


def diff(proposals: Iterable[Record]) -> Iterator[str]:
    """The changes as lines of a diff, `-` for what goes and `+` for what comes, in the zone of each proposal."""
    for record in proposals:
        zone = named(str(record["zone"]))
        yield f"{record['week']}, {record['meeting_hours']} h of meetings: what could be changed"
        for change in record["changes"]:
            if change["action"] != "protect":
                yield f"- {_span(change['was_at'], change['was_ends_at'], zone)} {change['title']}"
            if change["action"] != "decline":
                yield f"+ {_span(change['starts_at'], change['ends_at'], zone)} {change['title']}"


def _span(start: str, end: str, zone: ZoneInfo) -> str:
    return f"{parse(start).astimezone(zone):%a %Y-%m-%d %H:%M} to {parse(end).astimezone(zone):%H:%M}"


def ics(proposals: Iterable[Record], now: datetime) -> bytes:
    """An iCalendar file with every change: what is new or moved as it would be, what is declined as cancelled."""
    from icalendar import Calendar
    from icalendar import Event as Entry

    calendar = Calendar()
    calendar.add("prodid", "-//roadmap-cli//life-forecast//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    for record in proposals:
        for change in record["changes"]:
            entry = Entry()
            entry.add("uid", change["uid"] if change.get("uid") else change["event_id"])
            entry.add("dtstamp", now.astimezone(UTC).replace(microsecond=0))
            entry.add("dtstart", parse(change["starts_at"]))
            entry.add("dtend", parse(change["ends_at"]))
            entry.add("summary", change["title"])
            entry.add("sequence", 0 if change["action"] == "protect" else 1)
            entry.add("transp", "TRANSPARENT" if change["action"] == "decline" else "OPAQUE")
            if change["action"] == "decline":
                entry.add("status", "CANCELLED")
            if change.get("instance"):
                entry.add("recurrence-id", _instance(change["instance"]))
            entry.add("comment", f"proposed by life-forecast: {record['why_id']}")
            calendar.add_component(entry)
    return bytes(calendar.to_ical())


def _instance(text: str) -> datetime | date:
    return date.fromisoformat(text) if len(text) == 10 else parse(text)
