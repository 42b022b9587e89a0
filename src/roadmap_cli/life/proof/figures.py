"""Figures over stored records, computed again: `of_records(op)` from the records a decision cites.

Each operation takes the cited records and the figure's own parameters, and gives the value as it is written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from statistics import mean, median, median_low, stdev
from typing import Any
from zoneinfo import ZoneInfo

from roadmap_cli.core.clock import parse
from roadmap_cli.core.records import Record
from roadmap_cli.life.proof import slept

CENT = Decimal("0.01")
Operation = Callable[[Sequence[Record], Mapping[str, Any]], Any]


def amounts(records: Sequence[Record], sign: str = "any") -> list[tuple[str, Decimal]]:
    """Month and amount of each transaction, with the sign wanted: in, out or any."""
    told = [(str(each["date"])[:7], Decimal(str(each["amount"]))) for each in records if "amount" in each]
    return [(month, amount) for month, amount in told if sign == "any" or (amount > 0) == (sign == "in")]


def _mean_month(records: Sequence[Record], how: Mapping[str, Any]) -> str:
    months = how["months"]
    total = sum((amount for month, amount in amounts(records, how["sign"]) if month in months), Decimal())
    return format((total / len(months)).quantize(CENT), "f")


def _sd_month(records: Sequence[Record], how: Mapping[str, Any]) -> str:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for month, amount in amounts(records):
        sums[month] += amount
    values = [float(sums[month]) for month in how["months"]]
    return format(Decimal(str(stdev(values) if len(values) > 1 else 0.0)).quantize(CENT), "f")


def _median_low(records: Sequence[Record], how: Mapping[str, Any]) -> str:
    return format(median_low([amount for _, amount in amounts(records)]), "f")


def _median_times(records: Sequence[Record], how: Mapping[str, Any]) -> str:
    once = median_low([amount for _, amount in amounts(records)])
    return format((once * Decimal(str(how["times"]))).quantize(CENT), "f")


def _per_month(records: Sequence[Record], how: Mapping[str, Any]) -> str:
    return format((_total(records, how) * 365 / 12 / int(how["days"])).quantize(CENT), "f")


def _per_week(records: Sequence[Record], how: Mapping[str, Any]) -> str:
    return format((_total(records, how) * 7 / int(how["days"])).quantize(CENT), "f")


def _total(records: Sequence[Record], how: Mapping[str, Any]) -> Decimal:
    """The sum from one day to another, where the figure names them."""
    first, last = how.get("since", ""), how.get("until", "9")
    kept = [each for each in records if first <= str(each.get("date", "")) <= last]
    return sum((amount for _, amount in amounts(kept)), Decimal())


def _count(records: Sequence[Record], how: Mapping[str, Any]) -> int:
    return len(records)


def _median_night(records: Sequence[Record], how: Mapping[str, Any]) -> float:
    return round(median(minutes for _, minutes, _, _ in slept.each_night(records)) / 60, 2)


def _free_block(records: Sequence[Record], how: Mapping[str, Any]) -> float:
    zone = ZoneInfo(how["zone"])
    opens, closes = (time.fromisoformat(text) for text in how["working_hours"].split("-"))
    busy = [(parse(e["at"]), parse(e["ends_at"])) for e in records if e["id"] not in how["drops"]]
    busy += [(parse(begin), parse(end)) for begin, end in how["planned"]]
    day, last = date.fromisoformat(how["since"]), date.fromisoformat(how["until"])
    found = []
    while day <= last:
        if day.weekday() < 5:
            begin, end = (datetime.combine(day, each, zone).timestamp() for each in (opens, closes))
            spans = sorted(
                (max(a.timestamp(), begin), min(b.timestamp(), end))
                for a, b in busy
                if a.timestamp() < end and b.timestamp() > begin
            )
            reached, longest = begin, 0.0
            for start, stop in spans:
                longest = max(longest, start - reached)
                reached = max(reached, stop)
            found.append(int(max(longest, end - reached)) // 60)
        day += timedelta(days=1)
    return round(mean(found) / 60, 2)


def _booked_hours(records: Sequence[Record], how: Mapping[str, Any]) -> float:
    spans = sorted((parse(e["at"]), parse(e["ends_at"])) for e in records if e["id"] not in how["drops"])
    total, reached = 0, None
    for begin, end in spans:
        start = begin if reached is None else max(begin, reached)
        total += max(int((end - start).total_seconds()) // 60, 0)
        reached = end if reached is None else max(end, reached)
    return round(total / 60 / int(how["weeks"]), 2)


def _sleep_lost(records: Sequence[Record], how: Mapping[str, Any]) -> float:
    zone = ZoneInfo(how["zone"])
    falls: dict[date, int] = {}
    wakes: dict[date, int] = {}
    for day, _, fell, woke in slept.each_night(records):
        midday = datetime.combine(day - timedelta(days=1), time(12), zone).timestamp()
        falls[day], wakes[day] = (int(moment.timestamp() - midday) // 60 for moment in (fell, woke))
    falls_at, wakes_at = int(median(falls.values())), int(median(wakes.values()))
    minutes = 0.0
    for text in how["planned"]:
        begin, end = (parse(each).astimezone(zone) for each in text)
        for day_of in {begin.date(), end.date(), begin.date() + timedelta(days=1)}:
            noon = datetime.combine(day_of - timedelta(days=1), time(12), zone)
            lost = min(end, noon + timedelta(minutes=wakes_at)) - max(begin, noon + timedelta(minutes=falls_at))
            minutes += max(lost.total_seconds() / 60, 0.0)
    return round(minutes / 60 / (7 * int(how["weeks"])), 2)


#: Operations over the records that a decision cites.
OVER_RECORDS: Mapping[str, Operation] = {
    "mean_month": _mean_month,
    "sd_month": _sd_month,
    "median_low": _median_low,
    "median_times": _median_times,
    "per_month": _per_month,
    "per_week": _per_week,
    "count": _count,
    "median_night": _median_night,
    "free_block": _free_block,
    "sleep_lost": _sleep_lost,
    "booked_hours": _booked_hours,
}
