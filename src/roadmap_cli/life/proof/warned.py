"""The numbers of a warning, counted again from the events and payments its decisions cite."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from statistics import median
from typing import Any

from roadmap_cli.core.clock import parse
from roadmap_cli.core.records import Record
from roadmap_cli.life import baseline, series, warnings
from roadmap_cli.life.series import Meeting, WorkingTime
from roadmap_cli.life.zones import named

#: Measures that are counted again here; of others only the citations and words are checked.
LOAD = frozenset(measure.name for measure in warnings.LOAD)


def _is_known(measure: str) -> bool:
    return measure in LOAD or measure.startswith("spending_")


def values(
    records: Sequence[Record], measure: str, since: date, until: date, facts: Mapping[str, Any]
) -> dict[date, float]:
    """A daily series of one measure, from the records that are cited and nothing else."""
    if measure.startswith("spending_"):
        sums: dict[date, float] = {}
        for each in records:
            day = date.fromisoformat(each["date"])
            sums[day] = sums.get(day, 0.0) + float(-Decimal(each["amount"]))
        return {
            since + timedelta(days=n): sums.get(since + timedelta(days=n), 0.0) for n in range((until - since).days + 1)
        }
    working = WorkingTime.of(str(facts["working_hours"]), named(str(facts["zone"])))
    found = [Meeting(each["id"], parse(each["at"]), parse(each["ends_at"])) for each in records]
    return warnings.load_values(series.loads(found, since, until, working))[measure]


def stretch(days: Mapping[date, float], since: date, until: date, per_day: bool) -> float:
    """What one stretch comes to, as `baseline.stretches` counts it."""
    inside = [days[day] for day in days if since <= day <= until]
    return sum(inside) / (len(inside) if per_day else baseline.STRETCH_DAYS / 7)


def usual(decision: Record, records: Sequence[Record]) -> Iterator[tuple[str, Any, Any]]:
    """Claims of a life.usual_measured decision: name, the value told, the value again."""
    facts = decision.get("facts", {})
    for name, told in facts.items():
        if not name.startswith("stretches_"):
            continue
        measure = name.removeprefix("stretches_")
        if not _is_known(measure):
            continue
        again = []
        for each in told:
            since, until = date.fromisoformat(each["since"]), date.fromisoformat(each["until"])
            days = values(records, measure, since, until, facts)
            found = round(stretch(days, since, until, measure == "focus_hours"), 4)
            again.append(found)
            yield f"{measure} {since}", each["value"], found
        shown = warnings.spoken(median(again))
        yield f"{measure} usual", f"{measure} is usually {shown}" in decision["what"], True


def warned(decision: Record, records: Sequence[Record], record: Record | None) -> Iterator[tuple[str, Any, Any]]:
    """Claims of a life.warned decision: the recent value of each measure."""
    facts = decision.get("facts", {})
    if record is None:
        return
    since, until = date.fromisoformat(record["since"]), date.fromisoformat(record["until"])
    for name, told in facts.items():
        if isinstance(told, dict) and told.get("measure") == name and _is_known(name):
            days = values(records, name, since, until, facts)
            again = stretch(days, since, until, name == "focus_hours")
            yield f"{name} recent", warnings.spoken(told["recent"]), warnings.spoken(again)
