"""Forecasts as records: weeks, months and quarters, each resting on a decision that anybody can follow and make again.

`rows` is a pure function of a forecast; `proof.foretold` calls it on what a decision cites and compares.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.life import weeks
from roadmap_cli.life.forecasting import OVERCOMMITTED, WORDS, Forecast, Made, Settings
from roadmap_cli.life.values import checking
from roadmap_cli.life.weeks import Series
from roadmap_cli.state import records
from roadmap_cli.why import decisions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

#: Weeks of a month, and of a quarter, that must be told for it to be told.
WEEKS_OF_MONTH, WEEKS_OF_QUARTER = 2, 4
#: Weeks of an earlier month, and of an earlier quarter, that must be known for it to count.
KNOWN_OF_MONTH, KNOWN_OF_QUARTER = 3, 10
ORDINALS = ("first", "second", "third", "fourth")
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December")  # fmt: skip
LOAD = ("meeting_hours", "after_hours", "focus_hours")


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
    yield from _weeks(each)
    if each.series.name.startswith("balance_"):
        yield from _low_months(each)
        return
    past = _Past.of(each.series)
    months = list(_months(each, past))
    yield from months
    yield from _quarters(each, past, {row["period_name"] for row in months if row.get("is_overcommitted")})


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
        what=f"{each.series.name} to {last['period_name']}: {_say(each.series, first['value'])}"
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


def _weeks(each: Forecast) -> Iterator[Record]:
    """One row for each week that is told."""
    for place in range(len(each.outlook.middle)):
        if not each.outlook.told[place]:
            continue
        begin = each.first + timedelta(days=7 * place)
        row: Record = {
            "period": "week",
            "period_name": weeks.label(begin),
            "since": str(begin),
            "until": str(begin + timedelta(days=6)),
            "weeks_ahead": place + 1,
            **_numbers(each, place, place + 1),
        }
        if each.how.lowest_on:
            row["lowest_on"] = str(each.how.lowest_on[place])
        yield row


@dataclass(frozen=True, slots=True)
class _Past:
    """What earlier weeks say: means of months and quarters by year, what is usual, from where a week is hard."""

    months: dict[tuple[int, int], list[float]]
    quarters: dict[tuple[int, int], list[float]]
    usual: float
    worse: int
    limit: float

    @classmethod
    def of(cls, known: Series) -> _Past:
        import numpy as np

        months: dict[tuple[int, int], list[float]] = {}
        quarters: dict[tuple[int, int], list[float]] = {}
        for place, value in enumerate(known.values):
            if value == value:
                middle = known.first + timedelta(days=7 * place + 3)
                months.setdefault((middle.year, middle.month), []).append(float(value))
                quarters.setdefault((middle.year, (middle.month + 2) // 3), []).append(float(value))
        lately = known.values[-52:]
        usual = float(np.nanmean(lately) if known.name.startswith("net_") else np.nanmedian(lately))
        worse = WORDS.get(known.name, ("", 0))[1]
        limit = float(np.nanquantile(known.values, OVERCOMMITTED if worse > 0 else 1 - OVERCOMMITTED))
        return cls(months, quarters, usual, worse, limit)

    def is_hard(self, value: float) -> bool:
        """Whether a month is harder than 85 % of the weeks that were, and than usual."""
        return bool(self.worse) and (value - self.limit) * self.worse >= 0 and (value - self.usual) * self.worse > 0

    @staticmethod
    def earlier(groups: dict[tuple[int, int], list[float]], year: int, part: int, least: int) -> list[float]:
        """The means of the same month or quarter in earlier years, oldest first."""
        return [
            sum(values) / len(values)
            for (y, p), values in sorted(groups.items())
            if p == part and y < year and len(values) >= least
        ]


def _groups(each: Forecast, quarter: bool) -> dict[tuple[int, int], list[int]]:
    """The places of the weeks of each month or quarter; a week belongs to that of its Thursday."""
    found: dict[tuple[int, int], list[int]] = {}
    for place in range(len(each.outlook.middle)):
        middle = each.first + timedelta(days=7 * place + 3)
        found.setdefault((middle.year, (middle.month + 2) // 3 if quarter else middle.month), []).append(place)
    return found


def _told(each: Forecast, places: Sequence[int], name: str, period: str, least: int) -> Record | None:
    """The beginning of the row of a month or quarter; None if too little of it is told."""
    told = [place for place in places if each.outlook.told[place]]
    if len(told) < least or len(told) < len(places):
        return None
    begin, end = each.first + timedelta(days=7 * places[0]), each.first + timedelta(days=7 * places[-1] + 6)
    return {
        "period": period,
        "period_name": name,
        "since": str(begin),
        "until": str(end),
        "weeks_ahead": told[0] + 1,
        **_numbers(each, told[0], told[-1] + 1),
    }


def _months(each: Forecast, past: _Past) -> Iterator[Record]:
    """One row for each month of which enough weeks are told: their mean, and what earlier years say of that month."""
    for (year, month), places in _groups(each, quarter=False).items():
        row = _told(each, places, f"{year}-{month:02}", "month", WEEKS_OF_MONTH)
        if row is None:
            continue
        before = past.earlier(past.months, year, month, KNOWN_OF_MONTH)
        text = _text(each, row, past, before)
        if past.is_hard(row["value"]):
            row["is_overcommitted"] = True
            text += f"; {_hard(each.series)}"
        yield row | {"text": text + _tasks(row)}


def _quarters(each: Forecast, past: _Past, hard: set[str]) -> Iterator[Record]:
    """One row for each quarter of which enough weeks are told, and which of its months were hard in earlier years.

    A pattern is told only if the month was hard in more than half of the earlier years that are known; n says how many.
    """
    for (year, quarter), places in _groups(each, quarter=True).items():
        row = _told(each, places, f"{year}-Q{quarter}", "quarter", WEEKS_OF_QUARTER)
        if row is None:
            continue
        before = past.earlier(past.quarters, year, quarter, KNOWN_OF_QUARTER)
        text = _text(each, row, past, before)
        pattern: list[Record] = []
        for month in sorted({(each.first + timedelta(days=7 * place + 3)).month for place in places}):
            years = past.earlier(past.months, year, month, KNOWN_OF_MONTH)
            count = sum(past.is_hard(value) for value in years)
            if count * 2 > len(years):
                name = f"{year}-{month:02}"
                pattern.append(
                    {
                        "month": name,
                        "hard_count": count,
                        "earlier_count": len(years),
                        "is_forecast": name in hard,
                        "earlier": [round(value, 3) for value in years],
                    }
                )
        if pattern:
            row["pattern"] = pattern
            said = ", ".join(
                f"{MONTHS[int(one['month'][5:]) - 1]} ({one['hard_count']} of {one['earlier_count']} earlier years"
                f"{', and the forecast' if one['is_forecast'] else ''})"
                for one in pattern
            )
            text += f"; your {ORDINALS[quarter - 1]}-quarter pattern says {_hard(each.series)} in {said}"
        yield row | {"text": text + _tasks(row)}


def _text(each: Forecast, row: Record, past: _Past, before: Sequence[float]) -> str:
    """The clause that every month and quarter begins with; the fields it speaks of are put into the row."""
    row |= {"usual": round(past.usual, 3), "earlier_count": len(before)}
    text = (
        f"{row['period_name']}: {_say(each.series, row['value'])} ({_short(row['low'])} to {_short(row['high'])}),"
        f" usually {_short(row['usual'])}"
    )
    if before:
        row["earlier"] = [round(value, 3) for value in before]
        text += f"; earlier years {', '.join(map(_short, row['earlier']))} (n={len(before)})"
    return text


def _hard(of: Series) -> str:
    return "overcommitted" if of.name in LOAD else "strained"


def _tasks(row: Record) -> str:
    count = row.get("tasks_due", 0)
    return f"; {count} to-do{'s are' if count != 1 else ' is'} due" if count else ""


def _low_months(each: Forecast) -> Iterator[Record]:
    """Of an account, one row for each month: its poorest day."""
    for (year, month), places in _groups(each, quarter=False).items():
        row = _told(each, places, f"{year}-{month:02}", "month", WEEKS_OF_MONTH)
        if row is None:
            continue
        values = [_numbers(each, place, place + 1) for place in places]
        least = min(range(len(places)), key=lambda n: (values[n]["value"], n))
        row |= {name: values[least][name] for name in ("value",)}
        row |= {"low": min(one["low"] for one in values), "high": min(one["high"] for one in values)}
        row["high"] = max(row["high"], row["value"])
        row["lowest_on"] = str(each.how.lowest_on[places[least]])
        text = (
            f"{row['period_name']}: lowest balance {row['value']:.2f} {each.series.unit} about {row['lowest_on']}"
            f" ({row['low']:.2f} to {row['high']:.2f})"
        )
        if row["value"] < 0:
            row["is_overcommitted"] = True
            text += "; below zero"
        elif row["low"] < 0:
            text += "; may fall below zero"
        yield row | {"text": text}


def _numbers(each: Forecast, begin: int, end: int) -> Record:
    """Mean of weeks begin … end - 1. The interval of a mean: of its weeks' half-widths, taken for half independent."""
    import numpy as np

    span = slice(begin, end)
    count = end - begin
    middle = float(each.outlook.middle[span].mean())
    shrink = ((1 + (count - 1) * 0.5) / count) ** 0.5
    below = float((each.outlook.middle[span] - each.outlook.low[span]).mean()) * shrink
    above = float((each.outlook.high[span] - each.outlook.middle[span]).mean()) * shrink
    row: Record = {"value": round(middle, 3), "low": round(middle - below, 3), "high": round(middle + above, 3)}
    if each.booked is not None and each.series.name != "focus_hours":
        row["booked"] = round(float(np.mean(each.booked[span])), 3)
    due = sum(len(week) for week in each.tasks[begin:end])
    if due:
        row["tasks_due"] = due
    trust = next((one for one in each.outlook.trust if one.until >= end + each.outlook.gap), each.outlook.trust[-1])
    return row | {"skill": round(trust.skill, 3), "mase": round(trust.mase, 3)}


def _say(of: Series, value: float) -> str:
    words = WORDS.get(of.name)
    if words:
        return words[0].format(value=_short(value))
    kind, _, unit = of.name.partition("_")
    if kind == "balance":
        return f"lowest balance {value:.2f} {unit}"
    if kind == "net":
        return f"{_short(value)} {unit} a week left over" if value >= 0 else f"{_short(-value)} {unit} a week missing"
    return f"{of.name.replace('_', ' ')} {_short(value)} a week"


def _short(value: float) -> str:
    return f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"


def first_day(label: str) -> date:
    """The Monday of a week such as 2026-W49."""
    return date.fromisocalendar(int(label[:4]), int(label[6:]), 1)
