"""From the state to forecasts: weeks and months of load, money and body, each with an interval and what it rests on.

What the backtest does not support is not told; `Made.silent` says what and why. A forecast is a decision in `why`: it
rests on the decision that counted the history, which cites every record of it, and on the events that are booked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import DataError, UsageError
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.life import outlook, series, weeks
from roadmap_cli.life.outlook import Outlook
from roadmap_cli.life.series import WorkingTime
from roadmap_cli.life.weeks import Booked, Series
from roadmap_cli.life.zones import chosen, named
from roadmap_cli.state import records
from roadmap_cli.why import decisions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

#: A week or month counts as overcommitted from this quantile of the weeks that were.
OVERCOMMITTED = 0.85
#: Weeks of a month that must be told for the month to be told.
WEEKS_OF_MONTH = 2
#: How a measure is spoken of, and which way it is worse; the others are not judged.
WORDS = {
    "meeting_hours": ("meetings {value} h a week", +1),
    "after_hours": ("{value} h of meetings a week outside working hours", +1),
    "focus_hours": ("longest free block of a workday {value} h", -1),
    "sleep_hours": ("sleep {value} h a night", -1),
    "resting_heart_rate": ("resting heart rate {value} bpm", +1),
    "heart_rate_variability": ("heart rate variability {value} ms", -1),
    "steps": ("{value} steps a day", -1),
}
#: Measures of money, by currency.
MONEY = re.compile(r"(?:spending|net)_[A-Z]{3}\Z")


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of life-forecast: weeks ahead, working hours as HH:MM-HH:MM, zone or None, measures or all."""

    weeks: int = 26
    working_hours: str = "08:00-18:00"
    zone: str | None = None
    measures: tuple[str, ...] = ()


@dataclass(slots=True)
class Forecast:
    """One series and its outlook, the booked part already in it. `first` is the Monday of the first week to come."""

    series: Series
    outlook: Outlook
    first: date
    booked: Sequence[float] | None = None
    booked_ids: Sequence[tuple[str, ...]] = ()
    curve: tuple[Sequence[float], int] | None = None
    extra: tuple[str, ...] = ()


@dataclass(slots=True)
class Made:
    """What was forecast, what was not told and why, and the zone and weeks it is about."""

    forecasts: list[Forecast] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    booked: Booked | None = None
    working: WorkingTime | None = None


def look(tx: Connection, now: datetime, settings: Settings) -> Made:
    """Forecast everything there is history of.

    Raises UsageError for an unknown zone or measure, or wrong working hours.
    """
    for name in settings.measures:
        if name not in WORDS and not MONEY.match(name):
            raise UsageError(
                f"no such measure: {name!r}", hint=f"there are {', '.join(WORDS)}, spending_CUR and net_CUR"
            )
    zone = named(chosen(settings.zone) if settings.zone else _usable(series.home_zone(tx)))
    working = WorkingTime.of(settings.working_hours, zone)
    today = now.astimezone(zone).date()
    first = weeks.monday(today) + timedelta(days=7)
    made = Made(working=working)
    until = weeks.monday(today) - timedelta(days=1)
    made.booked = weeks.booked(tx, first, settings.weeks, working)
    curve = weeks.booking_curve(tx, until, settings.weeks, working)
    for each in weeks.history(tx, until, working):
        if settings.measures and each.name not in settings.measures:
            continue
        _forecast(each, first, settings.weeks, made, curve)
    for unit, moved in weeks.movements(tx, until).items():
        name = f"net_{unit}"
        if not settings.measures or name in settings.measures:
            _net(unit, moved, first, settings.weeks, until, made)
    return made


def _usable(zone: str | None) -> str:
    try:
        return named(zone or "UTC").key
    except DataError:
        return "UTC"


def _forecast(each: Series, first: date, ahead: int, made: Made, curve: tuple[Sequence[float], int] | None) -> None:
    gap = ((first - each.last).days - 1) // 7  # the present week, and weeks the source has not told yet
    found = outlook.outlook(each.values, ahead + gap)
    if found is None:
        known = int((each.values == each.values).sum())
        made.silent.append(f"{each.name}: {known} weeks of history are too few; {outlook.LEAST} are needed")
        return
    found = _from(found, gap)
    booked = _with_booked(each, found, made.booked, curve) if made.booked is not None else None
    _tell_silent(each.name, found, made)
    if found.told.any() or booked is not None:
        own = booked is not None and made.booked is not None
        made.forecasts.append(
            Forecast(
                each,
                found,
                first,
                booked,
                made.booked.ids if own and made.booked is not None else (),
                curve if own else None,
            )
        )


def _from(found: Outlook, gap: int) -> Outlook:
    """An outlook without its first `gap` weeks."""
    return Outlook(
        found.middle[gap:],
        found.low[gap:],
        found.high[gap:],
        found.told[gap:],
        found.trust,
        found.weeks,
        found.coverage,
        gap,
    )


def _tell_silent(name: str, found: Outlook, made: Made) -> None:
    if not found.trust:
        made.silent.append(f"{name}: {found.weeks} weeks of history are too few for a backtest")
        return
    before = 0
    for each in found.trust:
        if each.skill >= 1:
            made.silent.append(
                f"{name}: not told {before + 1} to {each.until} weeks ahead: the error was {each.skill:.2f} times that "
                "of the seasonal-naive forecast"
            )
        before = each.until
    if before < len(found.middle):
        made.silent.append(f"{name}: not told beyond {before} weeks ahead: there is no backtest that far")


def _with_booked(
    each: Series, found: Outlook, booked: Booked, curve: tuple[Sequence[float], int] | None
) -> Sequence[float] | None:
    """Bring what is booked into an outlook of the calendar, in place; what is booked, None for other series."""
    import numpy as np

    if each.name not in ("meeting_hours", "after_hours", "focus_hours"):
        return None
    away = np.array(booked.away)
    if each.name == "focus_hours":
        there = np.array(booked.focus)
        np.minimum(found.middle, there, out=found.middle)  # what is booked only takes from it
        np.minimum(found.high, there, out=found.high)
        np.minimum(found.low, found.middle, out=found.low)
        return booked.focus
    there = np.array(booked.hours if each.name == "meeting_hours" else booked.after)
    below, above = found.middle - found.low, found.high - found.middle
    model = found.middle * (1 - away)
    if curve is not None and each.name == "meeting_hours":
        open_ = 1 - np.array(curve[0])
        middle = np.maximum(there + open_ * model, there)
        shrink = np.sqrt(np.clip(open_, 0.1, 1.0))
        below, above = below * shrink, above * shrink
    else:
        middle = np.maximum(model, there)
    found.middle[:] = middle
    found.low[:] = np.maximum(middle - below, there)
    found.high[:] = np.maximum(middle + above, found.low)
    return booked.hours if each.name == "meeting_hours" else booked.after


def _net(unit: str, moved: Sequence[weeks.Movement], first: date, ahead: int, until: date, made: Made) -> None:
    """Money that comes minus money that goes: what is due monthly on its days, and the rest as weeks were."""
    import numpy as np

    name = f"net_{unit}"
    span = series.unbroken(each.day for each in moved)
    if span is None or (until - span[1]).days > 35:
        return
    start = weeks.monday(span[0]) + timedelta(days=7)
    count = ((weeks.monday(span[1] + timedelta(days=1))) - start).days // 7
    if count < outlook.LEAST:
        made.silent.append(f"{name}: {max(count, 0)} weeks of history are too few; {outlook.LEAST} are needed")
        return
    start += timedelta(days=7 * max(0, count - weeks.MOST_WEEKS))
    count = min(count, weeks.MOST_WEEKS)
    whole = weeks.flows(moved, start, count)

    def rule(origin: int, horizon: int) -> Any:
        day = start + timedelta(days=7 * origin)
        known = weeks.standing(moved, day - timedelta(days=1))
        payees = {(each.payee, each.amount > 0) for each in known}
        rest = [each for each in moved if (each.payee, each.amount > 0) not in payees and each.day < day]
        values = np.clip(weeks.flows(rest, start, origin), *_clip(weeks.flows(rest, start, origin)))
        return weeks.due(known, day, horizon) + outlook.point(values, horizon)

    gap = ((first - (start + timedelta(days=7 * count - 1))).days - 1) // 7
    horizon = ahead + gap
    errors: list[Any] = []
    peers: list[Any] = []
    origins = range(outlook.FIRST_ORIGIN, count)
    for origin in list(origins)[::-1][:: max(1, len(origins) // 24)]:
        actual = whole[origin : origin + horizon]
        for rows, values in ((errors, rule(origin, horizon)), (peers, outlook.naive(whole[:origin], horizon))):
            row = np.full(horizon, np.nan)
            row[: len(actual)] = actual - values[: len(actual)]
            rows.append(row)
    found = outlook.combined(rule(count, horizon), np.stack(errors), np.stack(peers), outlook.scale(whole), count)
    found = _from(found, gap)
    _tell_silent(name, found, made)
    if found.told.any():
        ids: list[list[str]] = [[] for _ in range(count)]
        for each in moved:
            place = (each.day - start).days // 7
            if 0 <= place < count:
                ids[place].append(each.id)
        own = Series(name, f"{unit}/week", start, whole, [tuple(week) for week in ids])
        made.forecasts.append(Forecast(own, found, first))


def _clip(values: Any) -> tuple[float, float]:
    """Bounds beyond which a week's rest is an exception that no forecast repeats."""
    import numpy as np

    low, middle, high = np.quantile(values, [0.1, 0.5, 0.9])
    return float(middle - 3 * (middle - low) - 1), float(middle + 3 * (high - middle) + 1)


def tell(tx: Connection, made: Made, now: datetime, settings: Settings, *, command: str) -> list[Record]:
    """Store and give the records of what was forecast. The caller commits."""
    found: list[Record] = []
    for each in made.forecasts:
        rows = [*_weeks(each), *_months(each)]
        if not rows:
            continue
        names = [
            content_id("life.forecast", measure=each.series.name, last=str(each.series.last), row=str(row))
            for row in rows
        ]
        known = [records.get(tx, name) for name in names]
        if all(known):  # the same was said before: nothing new to decide
            found += [record for record in known if record is not None]
            continue
        why = _decide(tx, each, rows, now, settings, command)
        for name, row in zip(names, rows, strict=True):
            record: Record = {
                "kind": "life.forecast",
                "id": name,
                "at": stamp(now),
                "measure": each.series.name,
                **row,
                "unit": each.series.unit,
                "weeks_behind": each.outlook.weeks,
                "why_id": why,
            }
            records.put(tx, record)
            stored = records.get(tx, name)
            found.append(stored if stored is not None else record)
    return found


def _decide(
    tx: Connection, each: Forecast, rows: Sequence[Record], now: datetime, settings: Settings, command: str
) -> str:
    """The decision to tell this forecast, resting on the history it was made from and on what is booked."""
    booked_ids = list(dict.fromkeys(name for week in each.booked_ids for name in week))
    worst = max(row["skill"] for row in rows)
    facts: dict[str, Any] = {
        "weeks_behind": each.outlook.weeks,
        "coverage": round(each.outlook.coverage, 3),
        "mase": {str(trust.until): round(trust.mase, 3) for trust in each.outlook.trust},
        "skill": {str(trust.until): round(trust.skill, 3) for trust in each.outlook.trust},
        "working_hours": settings.working_hours,
    }
    if each.curve:
        facts |= {"booking_curve": [round(part, 3) for part in each.curve[0][:13]], "bookings": each.curve[1]}
    first = rows[0]
    made = decisions.decide(
        tx,
        kind="life.forecast_made",
        what=f"{each.series.name} to {rows[-1]['period_name']}: {_say(each.series, first['value'])}"
        f" in {first['period_name']}",
        why=f"median of four models on {each.outlook.weeks} weeks up to {each.series.last}; at most {worst:.2f} times"
        " the error of the seasonal-naive forecast in the backtest"
        + (f"; {len(booked_ids)} events are booked" if booked_ids else ""),
        evidence=[_history(tx, each, now, command), *booked_ids],
        command=command,
        at=now,
        facts=facts,
    )
    return str(made["id"])


def _history(tx: Connection, each: Forecast, now: datetime, command: str) -> str:
    """The decision that counted the history: one for each series and last week, however often it is forecast."""
    evidence = each.series.evidence()
    what = f"{each.series.name} by week, {each.series.first} to {each.series.last}, from {len(evidence)} records"
    known = tx.execute(
        "SELECT id FROM decision WHERE decision = 'life.history_counted' AND what = ? ORDER BY at DESC LIMIT 1", (what,)
    ).fetchone()
    if known:
        return str(known[0])
    made = decisions.decide(
        tx,
        kind="life.history_counted",
        what=what,
        why=f"sums and means of the records of each ISO week, in {each.series.unit}",
        evidence=evidence,
        command=command,
        at=now,
        facts={
            "first_week": weeks.label(each.series.first),
            "values": [None if value != value else round(float(value), 3) for value in each.series.values],
        },
    )
    return str(made["id"])


def _weeks(each: Forecast) -> Iterator[Record]:
    """One row for each week that is told; weeks that are only booked are told as what is booked."""
    for place in range(len(each.outlook.middle)):
        if not each.outlook.told[place]:
            continue
        begin = each.first + timedelta(days=7 * place)
        yield {
            "period": "week",
            "period_name": weeks.label(begin),
            "since": str(begin),
            "until": str(begin + timedelta(days=6)),
            "weeks_ahead": place + 1,
            **_numbers(each, place, place + 1),
        }


def _months(each: Forecast) -> Iterator[Record]:
    """One row for each month of which enough weeks are told: their mean, and what earlier years say of that month."""
    import numpy as np

    by_month: dict[tuple[int, int], list[int]] = {}
    for place in range(len(each.outlook.middle)):
        middle = each.first + timedelta(days=7 * place + 3)  # a week belongs to the month of its Thursday
        by_month.setdefault((middle.year, middle.month), []).append(place)
    past: dict[tuple[int, int], list[float]] = {}
    for place, value in enumerate(each.series.values):
        if value == value:
            middle = each.series.first + timedelta(days=7 * place + 3)
            past.setdefault((middle.year, middle.month), []).append(float(value))
    lately = each.series.values[-52:]
    usual = float(np.nanmean(lately) if each.series.name.startswith("net_") else np.nanmedian(lately))
    worse = WORDS.get(each.series.name, ("", 0))[1]
    limit = float(np.nanquantile(each.series.values, OVERCOMMITTED if worse > 0 else 1 - OVERCOMMITTED))
    for (year, month), places in by_month.items():
        told = [place for place in places if each.outlook.told[place]]
        if len(told) < WEEKS_OF_MONTH or len(told) < len(places):
            continue
        begin, end = each.first + timedelta(days=7 * places[0]), each.first + timedelta(days=7 * places[-1] + 6)
        numbers = _numbers(each, told[0], told[-1] + 1)
        before = [
            sum(values) / len(values)
            for (y, m), values in sorted(past.items())
            if m == month and y < year and len(values) >= 3
        ]
        interval = f"{_short(numbers['low'])} to {_short(numbers['high'])}"
        text = f"{year}-{month:02}: {_say(each.series, numbers['value'])} ({interval}), usually {_short(usual)}"
        row: Record = {
            "period": "month",
            "period_name": f"{year}-{month:02}",
            "since": str(begin),
            "until": str(end),
            "weeks_ahead": told[0] + 1,
            **numbers,
            "usual": round(usual, 3),
            "earlier_count": len(before),
        }
        if before:
            row["earlier"] = [round(value, 3) for value in before]
            text += f"; earlier years {', '.join(map(_short, before))} (n={len(before)})"
        if worse and (numbers["value"] - limit) * worse >= 0 and (numbers["value"] - usual) * worse > 0:
            row["is_overcommitted"] = True
            text += (
                "; overcommitted"
                if each.series.name in ("meeting_hours", "after_hours", "focus_hours")
                else "; strained"
            )
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
    trust = next((one for one in each.outlook.trust if one.until >= end + each.outlook.gap), each.outlook.trust[-1])
    return row | {"skill": round(trust.skill, 3), "mase": round(trust.mase, 3)}


def _say(of: Series, value: float) -> str:
    words = WORDS.get(of.name)
    if words:
        return words[0].format(value=_short(value))
    kind, _, unit = of.name.partition("_")
    if kind == "net":
        return f"{_short(value)} {unit} a week left over" if value >= 0 else f"{_short(-value)} {unit} a week missing"
    return f"{of.name.replace('_', ' ')} {_short(value)} a week"


def _short(value: float) -> str:
    return f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"
