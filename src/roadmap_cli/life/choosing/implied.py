"""The choices a warning implies: which meetings to drop, or which spending to leave out, each an option to compute."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal

from roadmap_cli.core.clock import parse, stamp
from roadmap_cli.core.records import Record
from roadmap_cli.life.choosing.basis import Basis
from roadmap_cli.life.choosing.hours import WEEKS
from roadmap_cli.state import records
from roadmap_cli.why import decisions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

#: Options offered besides leaving everything as it is.
MOST = 4
LOAD = ("overload", "meeting_hours", "meeting_count", "after_hours", "focus_hours")


def choice(tx: Connection, warning: Record, basis: Basis) -> Record | None:
    """The choice that a life.warning or life.forecast implies; None if nothing stored can be done about it."""
    pattern = str(warning.get("pattern") or warning.get("measure") or "")
    now = basis.now
    if pattern in LOAD or any(each in pattern for each in ("meeting", "overload", "burnout", "load")):
        options = list(_meetings(tx, now))
        question = "which meetings to drop"
    elif pattern.startswith("spending_"):
        options = list(_payees(tx, warning, pattern.removeprefix("spending_"), basis))
        question = "which spending to leave out"
    else:
        return None
    if not options:
        return None
    return {
        "kind": "life.choice", "question": f"{question}: {pattern.replace('_', ' ')}", "from_id": warning["id"],
        "options": [*options, {"name": "leave it as it is", "is_present": True}],
    }  # fmt: skip


def _meetings(tx: Connection, now: datetime) -> Iterator[Record]:
    """The series, or single titles, that take most hours in the weeks ahead."""
    until = now + timedelta(days=7 * WEEKS)
    rows = tx.execute(
        """SELECT life_event.id, uid FROM life_event
           WHERE is_current = 1 AND busy = 1 AND all_day = 0 AND people_count >= 2 AND start_at >= ? AND start_at < ?
           ORDER BY start_at, life_event.id""",
        (stamp(now), stamp(until)),
    ).fetchall()
    groups: dict[str, list[Record]] = defaultdict(list)
    for name, uid in rows:
        record = records.get(tx, name)
        if record is not None:
            groups[str(record.get("title") or uid)].append(record)
    ranked = sorted(groups.items(), key=lambda item: (-_minutes(item[1]), item[0]))
    for title, events in ranked[:MOST]:
        yield {"name": f"drop {title}", "drops": [each["id"] for each in events][:200]}


def _payees(tx: Connection, warning: Record, unit: str, basis: Basis) -> Iterator[Record]:
    """The payees that took most of the warned-of stretch, each at what it came to a month."""
    decision = decisions.get(tx, str(warning.get("why_id", "")))
    sums: dict[str, Decimal] = defaultdict(Decimal)
    ids: dict[str, list[str]] = defaultdict(list)
    for name in decision["evidence_ids"] if decision else []:
        record = records.get(tx, name)
        if record is not None and record.get("kind") == "life.transaction" and record.get("payee"):
            sums[record["payee"]] += -Decimal(str(record["amount"]))
            ids[record["payee"]].append(name)
    days = _days(warning)
    for payee, total in sorted(sums.items(), key=lambda item: (-item[1], item[0]))[:MOST]:
        month = (total * 365 / 12 / days).quantize(Decimal("0.01"))
        why = basis.cite(
            tx, f"recently {payee}", f"{payee}: {month} {unit} a month, as in the last {days} days",
            f"{len(ids[payee])} payments from {warning.get('since')} to {warning.get('until')}", ids[payee],
            [{"name": "paid_month", "value": format(-month, "f"), "unit": f"{unit}/month", "op": "per_month",
              "days": days, "since": warning.get("since"), "until": warning.get("until")}],
        )  # fmt: skip
        flow = {"what": f"{payee} no longer paid", "amount": format(month, "f"), "every": "month", "currency": unit}
        yield {"name": f"no more {payee}", "currency": unit, "flows": [flow | {"why_id": why["id"]}]}


def _days(warning: Record) -> int:
    try:
        return (date.fromisoformat(warning["until"]) - date.fromisoformat(warning["since"])).days + 1
    except (KeyError, TypeError, ValueError):
        return 14


def _minutes(events: list[Record]) -> float:
    return sum((parse(each["ends_at"]) - parse(each["at"])).total_seconds() / 60 for each in events)
