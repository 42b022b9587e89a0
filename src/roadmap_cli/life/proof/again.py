"""Daily and weekly series made again from cited records and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from roadmap_cli.core.clock import parse
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life.history import balances, devices, habits, health_days, nights, series, weeks
from roadmap_cli.life.history.devices import Rank, Reading
from roadmap_cli.life.history.series import Meeting, WorkingTime
from roadmap_cli.life.history.weeks import Movement
from roadmap_cli.life.kinds.rows import TABLES
from roadmap_cli.life.local_time.zones import named
from roadmap_cli.life.watch import warnings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

#: Measures of the calendar.
LOAD = frozenset(measure.name for measure in warnings.LOAD)
#: Endings that a measure gets for a view of its weekdays or its scatter.
FORMS = ("_rhythm", "_scatter")


def base(measure: str) -> str:
    """The series a measure is about, without the ending of its view."""
    for form in FORMS:
        measure = measure.removesuffix(form)
    return measure


def working(facts: Mapping[str, Any]) -> WorkingTime:
    """The working time a decision names."""
    return WorkingTime.of(str(facts["working_hours"]), named(str(facts["zone"])))


def days(
    tx: Connection, cited: Sequence[Record], measure: str, since: date, until: date, facts: Mapping[str, Any]
) -> dict[date, float]:
    """One value a day from `since` to `until`, both included; days of which nothing is known are left out."""
    name = base(measure)
    zone = named(str(facts["zone"]))
    every = [since + timedelta(days=offset) for offset in range((until - since).days + 1)]
    if name.startswith("spending_"):
        sums: dict[date, float] = {}
        for each in cited:
            if each.get("kind") == "life.transaction":
                day = date.fromisoformat(each["date"])
                sums[day] = sums.get(day, 0.0) + float(-Decimal(each["amount"]))
        return {day: sums.get(day, 0.0) for day in every}
    if name in LOAD:
        found = [
            Meeting(each["id"], parse(each["at"]), parse(each["ends_at"]))
            for each in cited
            if each.get("kind") == "life.event" and not each.get("all_day")
        ]
        return warnings.load_values(series.loads(found, since, until, working(facts)))[name]
    if name == "close_contacts":
        counts = dict.fromkeys(every, 0.0)
        for each in cited:
            if each.get("kind") in ("life.message", "life.event"):
                day = parse(each["at"]).astimezone(zone).date()
                counts[day] = counts.get(day, 0.0) + 1
        return {day: counts[day] for day in every}
    if name == "late_screen":
        pages = sorted((parse(each["at"]), each["id"]) for each in cited if each.get("kind") == "life.page_visit")
        told = habits.evenings([(name, at) for at, name in pages], zone).values
        return {day: told[day] for day in every if day in told}
    if name in habits.BODY:
        metric, factor = habits.BODY[name]
        return {each.day: each.value * factor for each in _body(tx, cited, metric) if since <= each.day <= until}
    raise DataError(f"no way to count {measure!r} again", code="unknown_measure")


def _body(tx: Connection, cited: Sequence[Record], metric: str) -> list[devices.DayValue]:
    """The days of a metric from the measurements among the cited records."""
    told: list[tuple[str, Reading]] = []
    source = "sleep" if metric in ("sleep", *health_days.DERIVED) else metric
    for each in cited:
        if each.get("kind") == "life.measurement" and each.get("metric") == source:
            name, _, stage, start, end, day, value, device = TABLES["life.measurement"].values(each)
            begin = devices.seconds(start)
            told.append(
                (day, Reading(name, begin, begin if end == start else devices.seconds(end), value, device, stage))
            )
    if source == "sleep":
        rows = sorted((reading for _, reading in told), key=lambda each: (each.start, each.id))
        return nights.values(nights.grouped(tx, rows, Rank()), metric)
    told.sort(key=lambda pair: (pair[0], pair[1].start, pair[1].id))
    return health_days.of_readings(told, metric)


def moved(cited: Sequence[Record]) -> list[Movement]:
    """The transactions among the cited records, by day."""
    found = [
        Movement(
            each["id"],
            date.fromisoformat(each["date"]),
            float(each["amount"]),
            str(each.get("payee") or "").strip() or _words(each),
            str(each.get("type") or ""),
            str(each.get("account_id") or ""),
        )
        for each in cited
        if each.get("kind") == "life.transaction"
    ]
    return sorted(found, key=lambda each: (each.day, each.id))


def _words(record: Record) -> str:
    from roadmap_cli.life.storing.transactions import words_of

    return " ".join(words_of(record.get("payee"), record.get("memo")))


def weekly(tx: Connection, cited: Sequence[Record], facts: Mapping[str, Any]) -> list[float | None]:
    """The values of a life.history_counted decision, from what it cites; None where a week has none."""
    measure, first = str(facts["measure"]), date.fromisoformat(facts["first_day"])
    count = len(facts["values"])
    until = first + timedelta(days=7 * count - 1)
    if measure.startswith("net_"):
        return [round(float(value), 2) for value in weeks.flows(moved(cited), first, count)]
    if measure.startswith("balance_"):
        day, amount = _known_balance(cited)
        return [round(balances.lowest(day, amount, moved(cited), first, place), 2) for place in range(count)]
    known = habits.Days()
    known.values.update(days(tx, cited, measure, first, until, facts))
    mean = measure == "focus_hours" or measure in habits.BODY
    found = weeks.weekly(measure, "", known, first, until, mean=mean)
    if found is None:
        return []
    return [None if value != value else float(value) for value in found.values]


def held(cited: Sequence[Record], facts: Mapping[str, Any]) -> float:
    """What an account held when its history ended, from the balance and the movements that are cited."""
    day, amount = _known_balance(cited)
    return round(balances.held(day, amount, moved(cited), date.fromisoformat(facts["last_day"])), 2)


def _known_balance(cited: Sequence[Record]) -> tuple[date, float]:
    for each in cited:
        if each.get("kind") == "life.balance":
            return date.fromisoformat(each["date"]), float(each["amount"])
    raise DataError("no balance is cited", code="no_fact")
