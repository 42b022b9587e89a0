"""The choices a warning implies: which meetings to drop, or which spending to leave out, each an option to compute."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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

CENT = Decimal("0.01")
#: Options offered besides leaving everything as it is.
MOST = 4
#: So many days of payments say what a payee comes to a month.
DAYS = 182
#: What is more than usual is made up by those who have more than this part of it.
LEAST_PART = Decimal("0.1")
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


@dataclass(frozen=True, slots=True)
class _Paid:
    """What one payee got in the half year: days and amounts (negative) by id, and which of them were warned of."""

    payee: str
    all: dict[str, tuple[str, Decimal]]
    warned: frozenset[str]

    def total(self, *, warned: bool) -> Decimal:
        """What was paid in the stretch that was warned of, or beside it."""
        return -sum((amount for id, (_, amount) in self.all.items() if (id in self.warned) == warned), Decimal())


def _payees(tx: Connection, warning: Record, unit: str, basis: Basis) -> Iterator[Record]:
    """The payees that got more than usual, each at what it came to a month in the half year that is looked at.

    The pace of the stretch that was warned of is the other end of the range: two weeks are too few to go on so.
    """
    warned = _stretch(warning)
    last = warned[1] if warned else basis.now.date()
    payments = _payments(tx, unit, last - timedelta(days=DAYS - 1), last)
    first = min((date.fromisoformat(day) for day, *_ in payments.values()), default=last)
    days = (last - first).days + 1
    recent_days = (warned[1] - warned[0]).days + 1 if warned else 0
    chosen = _more_than_usual(tx, warning, payments, recent_days / max(days - recent_days, 1))
    for each in chosen[:MOST]:
        month = _a_month(-sum((amount for _, amount in each.all.values()), Decimal()), days)
        how: Record = {"unit": f"{unit}/month", "op": "per_month"}
        figures = [{"name": "paid_month", "value": format(-month, "f"), "days": days, "since": str(first),
                    "until": str(last)} | how]  # fmt: skip
        flow: Record = {"what": f"{each.payee} no longer paid", "amount": format(month, "f"), "every": "month",
                        "currency": unit}  # fmt: skip
        count = f"{len(each.all)} payment{'s' if len(each.all) != 1 else ''}"
        assumed = f"{count} in the {days} days to {last}, {month} {unit} a month, go on like that"
        option: Record = {"name": f"no more {each.payee}", "currency": unit}
        if warned:
            pace = _a_month(each.total(warned=True), recent_days)
            week = (each.total(warned=True) * 7 / recent_days).quantize(CENT)
            figures += [
                {"name": "recent_month", "value": format(-pace, "f"), "days": recent_days} | how,
                {"name": "recent_week", "value": format(-week, "f"), "days": recent_days} | how
                | {"unit": f"{unit}/week", "op": "per_week"},
            ]  # fmt: skip
            figures[1:] = [figure | {"since": str(warned[0]), "until": str(last)} for figure in figures[1:]]
            flow |= {"low": format(min(month, pace), "f"), "high": format(max(month, pace), "f")}
            assumed += f"; at the pace of {warned[0]} to {last} it would be {pace} {unit} a month"
            option["spares_week"] = format(week, "f")
        why = basis.cite(
            tx, f"recently {each.payee}", f"{each.payee}: {month} {unit} a month", assumed, list(each.all), figures
        )
        yield option | {"flows": [flow | {"why_id": why["id"]}], "assumptions": [assumed]}


def _payments(tx: Connection, unit: str, first: date, last: date) -> dict[str, tuple[str, str, Decimal]]:
    """What went out from one day to another: by id the day, the payee and the amount; each payment once."""
    rows = tx.execute(
        """SELECT id, date, payee, amount FROM life_transaction
           WHERE same_as IS NULL AND currency = ? AND amount LIKE '-%' AND payee <> '' AND date BETWEEN ? AND ?
           ORDER BY date, id""",
        (unit, first.isoformat(), last.isoformat()),
    )
    return {id: (day, payee, Decimal(amount)) for id, day, payee, amount in rows}


def _more_than_usual(
    tx: Connection, warning: Record, payments: Mapping[str, tuple[str, str, Decimal]], share: float
) -> list[_Paid]:
    """Of those whom the warning rests on the payees who make up what is more than usual, those of most of it first;
    where there are none, those who got most. `share` is how long the stretch is, as a part of the time beside it.
    """
    decision = decisions.get(tx, str(warning.get("why_id", "")))
    cited = frozenset(decision["evidence_ids"] if decision else ())
    by_payee: dict[str, dict[str, tuple[str, Decimal]]] = defaultdict(dict)
    for id, (day, payee, amount) in payments.items():
        by_payee[payee][id] = (day, amount)
    found = [_Paid(payee, own, cited & set(own)) for payee, own in by_payee.items() if cited & set(own)]
    more = {
        each.payee: each.total(warned=True) - each.total(warned=False) * Decimal(str(share)) for each in found
    } if share else {}  # fmt: skip
    least = LEAST_PART * sum((each for each in more.values() if each > 0), Decimal())
    telling = [each for each in found if more.get(each.payee, Decimal()) > least]
    if telling:
        return sorted(telling, key=lambda each: (-more[each.payee], each.payee))
    return sorted(found, key=lambda each: (-each.total(warned=True), each.payee))


def _a_month(total: Decimal, days: int) -> Decimal:
    return (total * 365 / 12 / days).quantize(CENT)


def _stretch(warning: Record) -> tuple[date, date] | None:
    """The days that were warned of; None for a forecast, whose days are still to come."""
    try:
        if warning["kind"] == "life.warning":
            return date.fromisoformat(warning["since"]), date.fromisoformat(warning["until"])
    except (KeyError, TypeError, ValueError):
        pass
    return None


def _minutes(events: list[Record]) -> float:
    return sum((parse(each["ends_at"]) - parse(each["at"])).total_seconds() / 60 for each in events)
