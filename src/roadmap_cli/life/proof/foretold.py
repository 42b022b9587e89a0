"""Forecasts made again from what their decisions cite: the history counted, the model run, each record compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from roadmap_cli.core.clock import parse
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life.forecast import foretelling, proposals, telling
from roadmap_cli.life.forecast.forecasting import OVERCOMMITTED, Forecast
from roadmap_cli.life.forecast.foretelling import Telling
from roadmap_cli.life.history import series, weeks
from roadmap_cli.life.history.series import Meeting
from roadmap_cli.life.history.weeks import Booked, Bookings, Series
from roadmap_cli.life.local_time.zones import named
from roadmap_cli.life.proof import again
from roadmap_cli.state import records
from roadmap_cli.why import decisions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

Claims = Iterator[tuple[str, Any, Any]]
#: Fields of a record that are compared with those made again.
COMPARED = (
    "value", "low", "high", "booked", "usual", "earlier", "earlier_count", "skill", "mase", "tasks_due", "lowest_on",
    "is_overcommitted", "pattern", "text",
)  # fmt: skip


def history(tx: Connection, decision: Record, cited: Sequence[Record]) -> Claims:
    """Claims of a life.history_counted decision: each week, counted again."""
    facts = decision["facts"]
    made = again.weekly(tx, cited, facts)
    first = date.fromisoformat(facts["first_day"])
    yield "weeks", len(facts["values"]), len(made)
    for place, (told, found) in enumerate(zip(facts["values"], made, strict=False)):
        yield weeks.label(first + timedelta(days=7 * place)), told, found
    if "held" in facts:
        yield "held", facts["held"], again.held(cited, facts)


def bookings(decision: Record, cited: Sequence[Record]) -> Claims:
    """Claims of a life.bookings_counted decision: how many there are, each changed before it began."""
    told = [each for each in cited if each.get("modified_at") and parse(each["modified_at"]) < parse(each["at"])]
    yield "meetings", decision["facts"]["meetings"], len(told)


def forecast(tx: Connection, decision: Record, cited: Sequence[Record], below: Sequence[Record]) -> Claims:
    """Claims of a life.forecast_made decision: what is booked and due, counted again; its backtest, run again."""
    facts = decision["facts"]
    if "booked" in facts:
        found = _booked(cited, facts)
        for name, told in facts["booked"].items():
            for place, value in enumerate(told):
                week = telling.first_day(facts["first_week"]) + timedelta(days=7 * place)
                yield f"booked {name} {weeks.label(week)}", value, getattr(found, name)[place]
    if "tasks_due" in facts:
        yield "tasks_due", facts["tasks_due"], [len(week) for week in _tasks(cited, facts)]
    made = _made(tx, decision, cited, below)
    yield "weeks_behind", facts["weeks_behind"], made.outlook.weeks
    yield "coverage", facts["coverage"], round(made.outlook.coverage, 3)
    for trust in made.outlook.trust:
        yield f"skill {trust.until}", facts["skill"].get(str(trust.until)), round(trust.skill, 3)
        yield f"mase {trust.until}", facts["mase"].get(str(trust.until)), round(trust.mase, 3)
    yield "worst_skill", facts["worst_skill"], max(row["skill"] for row in telling.rows(made))


def record(tx: Connection, told: Record) -> Claims:
    """Claims of a life.forecast record: every number of it, from the forecast made again."""
    decision = decisions.get(tx, told["why_id"])
    if decision is None:
        raise DataError("its decision is not stored", code="no_fact")
    made = _made(tx, decision, _records(tx, decision), _decisions(tx, decision))
    row = next((each for each in telling.rows(made) if each["period_name"] == told["period_name"]), None)
    if row is None:
        yield "period_name", told["period_name"], None
        return
    for name in COMPARED:
        if name in told or name in row:
            yield name, told.get(name), row.get(name)


def proposal(tx: Connection, told: Record) -> Claims:
    """Claims of a life.proposal: the hours and the limit made again, each change held against the stored event."""
    decision = decisions.get(tx, told["why_id"])
    if decision is None:
        raise DataError("its decision is not stored", code="no_fact")
    facts = decision["facts"]
    below = _decisions(tx, decision)
    counted = next(each for each in below if each["decision"] == "life.history_counted")
    values = np_values(counted["facts"]["values"])
    yield "limit_hours", told["limit_hours"], round(_quantile(values), 2)
    monday = telling.first_day(told["week"])
    if facts["is_forecast"]:
        rests = next(each for each in below if each["decision"] == "life.forecast_made")
        made = _made(tx, rests, _records(tx, rests), _decisions(tx, rests))
        row = next(each for each in telling.rows(made) if each["period_name"] == told["week"])
        yield "meeting_hours", told["meeting_hours"], round(max(row["value"], row["booked"]), 2)
    else:
        booked = _booked(_records(tx, decision), {**facts, "first_week": told["week"], "ahead": 1})
        yield "meeting_hours", told["meeting_hours"], round(booked.hours[0], 2)
    yield "since", told["since"], str(monday)
    for change in told["changes"]:
        event = records.get(tx, change["event_id"]) if "event_id" in change else None
        if event is not None:
            yield "was_at", change["was_at"], event["at"]
            yield "was_ends_at", change["was_ends_at"], event["ends_at"]
    lines = [proposals.line(change, named(told["zone"])) for change in told["changes"]]
    due = told.get("tasks_due", 0)
    text = proposals.words(told["week"], told["meeting_hours"], told["limit_hours"], due, lines)
    yield "changes", facts["changes"], lines
    yield "text", told["text"].partition(";")[2], text.partition(";")[2]


def np_values(told: Sequence[float | None]) -> Any:
    """Weekly values as an array, NaN for none."""
    import numpy as np

    return np.array([np.nan if value is None else value for value in told], dtype=float)


def _quantile(values: Any) -> float:
    import numpy as np

    return float(np.nanquantile(values, OVERCOMMITTED))


def _made(tx: Connection, decision: Record, cited: Sequence[Record], below: Sequence[Record]) -> Forecast:
    """The forecast of a decision, made again."""
    facts = decision["facts"]
    counted = next((each for each in below if each["decision"] == "life.history_counted"), None)
    if counted is None:
        raise DataError("the history it rests on is not stored", code="no_fact")
    past = counted["facts"]
    start = date.fromisoformat(past["first_day"])
    values = np_values(past["values"])
    name = str(facts["measure"])
    how = Telling(int(facts["ahead"]), int(facts["gap"]), start, unit=str(facts["unit"]).partition("/")[0])
    if "booked" in facts:
        how.booked = _booked(cited, facts)
    if name.startswith(("net_", "balance_")):
        end = start + timedelta(days=7 * len(values))
        moved = again.moved(_records(tx, counted))
        how.moved = [each for each in moved if start <= each.day < end]
        how.after = past.get("held")
    said = next((each for each in below if each["decision"] == "life.bookings_counted"), None)
    if said is not None:
        how.bookings = _bookings(_records(tx, said), facts)
    found = foretelling.make(name, values, how)
    if found is None:
        raise DataError("its history is too short", code="no_fact")
    own = Series(name, str(facts["unit"]), start, values, [()] * len(values), False, str(facts["account"]))
    there = {"meeting_hours": "hours", "after_hours": "after", "focus_hours": "focus"}.get(name)
    booked = getattr(how.booked, there) if there and how.booked is not None else None
    tasks = _tasks(cited, facts) if "tasks_due" in facts else ()
    return Forecast(own, found, telling.first_day(facts["first_week"]), how, booked, (), tasks)


def _records(tx: Connection, decision: Record) -> list[Record]:
    return [found for name in decision["evidence_ids"] if (found := records.get(tx, name)) is not None]


def _decisions(tx: Connection, decision: Record) -> list[Record]:
    return [found for name in decision["evidence_ids"] if (found := decisions.get(tx, name)) is not None]


def _booked(cited: Sequence[Record], facts: Mapping[str, Any]) -> Booked:
    """What is booked in each week, from the events that are cited."""
    working, first = again.working(facts), telling.first_day(facts["first_week"])
    events = [each for each in cited if each.get("kind") == "life.event"]
    count = int(facts["ahead"])
    until = first + timedelta(days=7 * count - 1)
    timed = [
        Meeting(each["id"], parse(each["at"]), parse(each["ends_at"])) for each in events if not each.get("all_day")
    ]
    load = series.loads(timed, first, until, working)
    away = {
        day
        for each in events
        if each.get("all_day")
        for day in weeks.stay(parse(each["at"]), parse(each["ends_at"]), working)
    }
    found = Booked(first)
    for week in range(count):
        days = load[7 * week : 7 * week + 7]
        found.hours.append(round(sum(day.meeting / 60 for day in days), 3))
        found.after.append(round(sum(day.after_hours / 60 for day in days), 3))
        found.focus.append(round(sum((day.focus or 0) / 60 for day in days[:5]) / 5, 3))
        found.away.append(sum(day.day in away for day in days[:5]) / 5)
    return found


def _tasks(cited: Sequence[Record], facts: Mapping[str, Any]) -> list[tuple[str, ...]]:
    working, first = again.working(facts), telling.first_day(facts["first_week"])
    found: list[list[str]] = [[] for _ in range(int(facts["ahead"]))]
    for each in cited:
        if each.get("kind") == "life.task":
            place = (weeks.due_day(parse(each["due_at"]), working) - first).days // 7
            if 0 <= place < len(found):
                found[place].append(each["id"])
    return [tuple(each) for each in found]


def _bookings(cited: Sequence[Record], facts: Mapping[str, Any]) -> Bookings:
    working = again.working(facts)
    found = Bookings([], [], [], [])
    for each in sorted(cited, key=lambda one: (one["at"], one["id"])):
        week, lead, hours = weeks.booking(
            parse(each["at"]), parse(each["ends_at"]), parse(each["modified_at"]), working
        )
        found.weeks.append(week)
        found.leads.append(lead)
        found.hours.append(hours)
        found.ids.append(each["id"])
    return found
