"""What is told of a forecast, by week, month and quarter, with what earlier years say of each; pure functions of it.

A week belongs to the month and quarter of its Thursday, as to its ISO year.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from roadmap_cli.core.records import Record
from roadmap_cli.life.forecast.forecasting import OVERCOMMITTED, WORDS, Forecast
from roadmap_cli.life.history import weeks
from roadmap_cli.life.history.weeks import Series

#: Weeks of a month, and of a quarter, that must be told for it to be told.
WEEKS_OF_MONTH, WEEKS_OF_QUARTER = 2, 4
#: Weeks of an earlier month, and of an earlier quarter, that must be known for it to count.
KNOWN_OF_MONTH, KNOWN_OF_QUARTER = 3, 10
ORDINALS = ("first", "second", "third", "fourth")
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December")  # fmt: skip
LOAD = ("meeting_hours", "after_hours", "focus_hours")


def by_week(each: Forecast) -> Iterator[Record]:
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
            **numbers(each, place, place + 1),
        }
        if each.how.lowest_on:
            row["lowest_on"] = str(each.how.lowest_on[place])
        yield row


@dataclass(frozen=True, slots=True)
class Past:
    """What earlier weeks say: means of months and quarters by year, what is usual, from where a week is hard."""

    months: dict[tuple[int, int], list[float]]
    quarters: dict[tuple[int, int], list[float]]
    usual: float
    worse: int
    limit: float

    @classmethod
    def of(cls, known: Series) -> Past:
        """Of the history of a series."""
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


def groups(each: Forecast, quarter: bool) -> dict[tuple[int, int], list[int]]:
    """The places of the weeks of each month or quarter; a week belongs to that of its Thursday."""
    found: dict[tuple[int, int], list[int]] = {}
    for place in range(len(each.outlook.middle)):
        middle = each.first + timedelta(days=7 * place + 3)
        found.setdefault((middle.year, (middle.month + 2) // 3 if quarter else middle.month), []).append(place)
    return found


def told(each: Forecast, places: Sequence[int], name: str, period: str, least: int) -> Record | None:
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
        **numbers(each, told[0], told[-1] + 1),
    }


def by_month(each: Forecast, past: Past) -> Iterator[Record]:
    """One row for each month of which enough weeks are told: their mean, and what earlier years say of that month."""
    for (year, month), places in groups(each, quarter=False).items():
        row = told(each, places, f"{year}-{month:02}", "month", WEEKS_OF_MONTH)
        if row is None:
            continue
        before = past.earlier(past.months, year, month, KNOWN_OF_MONTH)
        text = _text(each, row, past, before)
        if past.is_hard(row["value"]):
            row["is_overcommitted"] = True
            text += f"; {_hard(each.series)}"
        yield row | {"text": text + _tasks(row)}


def by_quarter(each: Forecast, past: Past, hard: set[str]) -> Iterator[Record]:
    """One row for each quarter of which enough weeks are told, and which of its months were hard in earlier years.

    A pattern is told only if the month was hard in more than half of the earlier years that are known; n says how many.
    """
    for (year, quarter), places in groups(each, quarter=True).items():
        row = told(each, places, f"{year}-Q{quarter}", "quarter", WEEKS_OF_QUARTER)
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


def _text(each: Forecast, row: Record, past: Past, before: Sequence[float]) -> str:
    """The clause that every month and quarter begins with; the fields it speaks of are put into the row."""
    row |= {"usual": round(past.usual, 3), "earlier_count": len(before)}
    text = (
        f"{row['period_name']}: {said(each.series, row['value'])} ({short(row['low'])} to {short(row['high'])}),"
        f" usually {short(row['usual'])}"
    )
    if before:
        row["earlier"] = [round(value, 3) for value in before]
        text += f"; earlier years {', '.join(map(short, row['earlier']))} (n={len(before)})"
    return text


def _hard(of: Series) -> str:
    return "overcommitted" if of.name in LOAD else "strained"


def _tasks(row: Record) -> str:
    count = row.get("tasks_due", 0)
    return f"; {count} to-do{'s are' if count != 1 else ' is'} due" if count else ""


def numbers(each: Forecast, begin: int, end: int) -> Record:
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


def said(of: Series, value: float) -> str:
    """A value of a measure in words, without its interval."""
    words = WORDS.get(of.name)
    if words:
        return words[0].format(value=short(value))
    kind, _, unit = of.name.partition("_")
    if kind == "balance":
        return f"lowest balance {value:.2f} {unit}"
    if kind == "net":
        return f"{short(value)} {unit} a week left over" if value >= 0 else f"{short(-value)} {unit} a week missing"
    return f"{of.name.replace('_', ' ')} {short(value)} a week"


def short(value: float) -> str:
    """A number as texts have it: one decimal, from a hundred on none."""
    return f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"
