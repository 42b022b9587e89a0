"""Forecasts as records: weeks, months and quarters, each resting on a decision that anybody can follow and make again.

`rows` is a pure function of a forecast (`periods`, and `poorest` for balances); `proof.foretold` calls it on what a
decision cites and compares.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.life.forecast import periods, poorest
from roadmap_cli.life.forecast.forecasting import Forecast, Made, Settings
from roadmap_cli.life.history import weeks
from roadmap_cli.life.values import checking
from roadmap_cli.state import records
from roadmap_cli.why import decisions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection


def tell(tx: Connection, made: Made, now: datetime, settings: Settings, *, command: str) -> list[Record]:
    """Store and give the records of what was forecast. The caller commits."""
    found: list[Record] = []
    zone = made.working.zone.key if made.working is not None else "UTC"
    hours = made.working.text() if made.working is not None else settings.working_hours
    for each in made.forecasts:
        told = list(rows(each))
        if not told:
            continue
        names = [
            content_id(
                "life.forecast",
                measure=each.series.name,
                last=str(each.series.last),
                row=str(row),
                **({"account": each.series.account} if each.series.account else {}),
            )
            for row in told
        ]
        known = [records.get(tx, name) for name in names]
        if all(known):  # the same was said before: nothing new to decide
            found += [record for record in known if record is not None]
            continue
        why = _decide(tx, each, told, now, hours, command, zone)
        for name, row in zip(names, told, strict=True):
            record: Record = {
                "kind": "life.forecast",
                "id": name,
                "at": stamp(now),
                "measure": each.series.name,
                **({"account_id": each.series.account} if each.series.account else {}),
                **row,
                "unit": each.series.unit,
                "weeks_behind": each.outlook.weeks,
                "why_id": why,
            }
            records.put(tx, record | _valued(tx, each, row, now))
            stored = records.get(tx, name)
            found.append(stored if stored is not None else record)
    return found


def rows(each: Forecast) -> Iterator[Record]:
    """What is told of a forecast: the weeks, then the months, then the quarters."""
    yield from periods.by_week(each)
    if each.series.name.startswith("balance_"):
        yield from poorest.by_month(each)
        return
    past = periods.Past.of(each.series)
    months = list(periods.by_month(each, past))
    yield from months
    yield from periods.by_quarter(each, past, {row["period_name"] for row in months if row.get("is_overcommitted")})


def _valued(tx: Connection, each: Forecast, row: Record, now: datetime) -> Record:
    """The values that a low balance would go against; nothing for other forecasts."""
    if not each.series.name.startswith("balance_") or row["period"] != "month":
        return {}
    lowest = {each.series.unit: Decimal(str(row["value"]))}
    found = checking.check(tx, checking.Change(lowest=lowest), now=now)
    return found.fields() if found.conflicts else {}


def _decide(
    tx: Connection, each: Forecast, told: Sequence[Record], now: datetime, hours: str, command: str, zone: str
) -> str:
    """The decision to tell this forecast, resting on the history it was made from and on what is booked."""
    how = each.how
    booked_ids = list(dict.fromkeys(name for week in each.booked_ids for name in week))
    task_ids = [name for week in each.tasks for name in week]
    worst = max(row["skill"] for row in told)
    facts: dict[str, Any] = {
        "measure": each.series.name,
        "unit": each.series.unit,
        "account": each.series.account,
        "first_week": weeks.label(each.first),
        "ahead": how.ahead,
        "gap": how.gap,
        "first_value": told[0]["value"],
        "worst_skill": worst,
        "weeks_behind": each.outlook.weeks,
        "history_ends": str(each.series.last),
        "coverage": round(each.outlook.coverage, 3),
        "mase": {str(trust.until): round(trust.mase, 3) for trust in each.outlook.trust},
        "skill": {str(trust.until): round(trust.skill, 3) for trust in each.outlook.trust},
        "working_hours": hours,
        "zone": zone,
    }
    evidence = [counted(tx, each, now, command, zone, hours), *booked_ids, *task_ids]
    if how.booked is not None and each.booked is not None:
        facts["booked"] = {name: list(getattr(how.booked, name)) for name in ("hours", "after", "focus", "away")}
        facts["booked_events"] = len(booked_ids)
    if how.bookings is not None:
        evidence.append(_bookings(tx, each, now, command, zone, hours))
    if each.tasks:
        facts["tasks_due"] = [len(week) for week in each.tasks]
    if how.after is not None:
        facts["held"] = how.after
    first, last = told[0], told[-1]
    peer = "a balance that stays as it is" if each.series.account else "the seasonal-naive forecast"
    made = decisions.decide(
        tx,
        kind="life.forecast_made",
        what=f"{each.series.name} to {last['period_name']}: {periods.said(each.series, first['value'])}"
        f" in {first['period_name']}",
        why=f"median of several models on {each.outlook.weeks} weeks up to {each.series.last}; at most {worst:.2f}"
        f" times the error of {peer} in the backtest"
        + (f"; {len(booked_ids)} events are booked" if booked_ids else ""),
        evidence=evidence,
        command=command,
        at=now,
        facts=facts | {"last_period": last["period_name"], "first_period": first["period_name"]},
    )
    return str(made["id"])


def counted(tx: Connection, each: Forecast, now: datetime, command: str, zone: str, hours: str) -> str:
    """The decision that counted the history: one for each series and last week, however often it is forecast."""
    evidence = each.series.evidence()
    what = f"{each.series.name} by week, {each.series.first} to {each.series.last}, from {len(evidence)} records"
    facts: dict[str, Any] = {
        "measure": each.series.name,
        "unit": each.series.unit,
        "first_week": weeks.label(each.series.first),
        "first_day": str(each.series.first),
        "last_day": str(each.series.last),
        "values": [None if value != value else round(float(value), 3) for value in each.series.values],
        "working_hours": hours,
        "zone": zone,
    }
    if each.how.after is not None:
        facts |= {"held": each.how.after, "account": each.series.account}
    return _once(
        tx,
        "life.history_counted",
        what,
        f"from the records of each ISO week, in {each.series.unit}",
        evidence,
        command,
        now,
        facts,
    )


def _bookings(tx: Connection, each: Forecast, now: datetime, command: str, zone: str, hours: str) -> str:
    """The decision that counted when meetings were booked."""
    found = each.how.bookings
    ids = found.ids if found is not None else []
    return _once(
        tx,
        "life.bookings_counted",
        f"{len(ids)} meetings up to {each.series.last} were last changed before they began",
        "when a meeting was last changed, it stood in the calendar as it is",
        ids[::-1],
        command,
        now,
        {"working_hours": hours, "zone": zone, "meetings": len(ids), "last_day": str(each.series.last)},
    )


def _once(
    tx: Connection, kind: str, what: str, why: str, evidence: Sequence[str], command: str, now: datetime, facts: Record
) -> str:
    """The id of a decision that says the same, or of a new one."""
    for (known,) in tx.execute(
        "SELECT id FROM decision WHERE decision = ? AND what = ? ORDER BY at DESC LIMIT 3", (kind, what)
    ).fetchall():
        found = decisions.get(tx, known)
        if found is not None and found["evidence_ids"] == list(evidence) and found.get("facts") == facts:
            return str(known)
    made = decisions.decide(tx, kind=kind, what=what, why=why, evidence=evidence, command=command, at=now, facts=facts)
    return str(made["id"])


def first_day(label: str) -> date:
    """The Monday of a week such as 2026-W49."""
    return date.fromisocalendar(int(label[:4]), int(label[6:]), 1)
