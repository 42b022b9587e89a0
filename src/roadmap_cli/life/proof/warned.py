"""The numbers of a warning, counted again from the records its decisions cite."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from statistics import median
from typing import Any

from roadmap_cli.core.records import Record
from roadmap_cli.life.proof import again
from roadmap_cli.life.watch import baseline, warnings, watched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection


def stretch(days: Mapping[date, float], measure: str, unit: str, since: date, until: date) -> float | None:
    """What one stretch of a daily series comes to: a sum by week, a mean of days, or how much they differ."""
    if unit.endswith("/week"):
        return sum(value for day, value in days.items() if since <= day <= until) / (baseline.STRETCH_DAYS / 7)
    return watched.of_stretch(measure, days, since, until)


def usual(tx: Connection, decision: Record, cited: Sequence[Record]) -> Iterator[tuple[str, Any, Any]]:
    """Claims of a life.usual_measured decision: name, the value told, the value again."""
    facts = decision.get("facts", {})
    for name, told in facts.items():
        if not name.startswith("stretches_"):
            continue
        measure = name.removeprefix("stretches_")
        unit = facts.get("units", {}).get(measure, _unit(measure))
        found = []
        for each in told:
            since, until = date.fromisoformat(each["since"]), date.fromisoformat(each["until"])
            days = again.days(tx, cited, measure, since, until, facts)
            value = stretch(days, measure, unit, since, until)
            found.append(round(value, 4) if value is not None else 0.0)
            yield f"{measure} {since}", each["value"], found[-1]
        shown = warnings.spoken(median(found))
        yield f"{measure} usual", f"{measure} is usually {shown}" in decision["what"], True


def _unit(measure: str) -> str:
    """The unit of a measure in decisions that do not name it: those of the first fortnightly measures."""
    return "h/workday" if measure == "focus_hours" else "/week"


def warned(
    tx: Connection, decision: Record, cited: Sequence[Record], record: Record | None
) -> Iterator[tuple[str, Any, Any]]:
    """Claims of a life.warned decision: the recent value of each measure, and of each category of spending."""
    facts = decision.get("facts", {})
    if record is None:
        return
    for name, told in facts.items():
        if isinstance(told, dict) and told.get("measure") == name:
            since, until = (date.fromisoformat(str(told.get(edge) or record[edge])) for edge in ("since", "until"))
            days = again.days(tx, cited, name, since, until, facts)
            value = stretch(days, name, str(told["unit"]), since, until)
            yield f"{name} recent", warnings.spoken(told["recent"]), warnings.spoken(value or 0.0)
    by_id = {str(each["id"]): each for each in cited}
    for told in facts.get("categories", []):
        paid = [-Decimal(str(by_id[name]["amount"])) for name in told["ids"]]
        yield told["category"], told["amount"], format(sum(paid, Decimal()), "f")
