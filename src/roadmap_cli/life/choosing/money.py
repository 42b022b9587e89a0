"""Money over time: what each option moves, month by month, on top of what is left of a usual month.

Present values discount at the end of each month. The band covers 80 % if months vary as they did, independently of each
other: the standard deviation of the sum of t future months, with that of the mean of n past ones (a prediction interval
for a sum; Hahn and Meeker, Statistical Intervals, 1991, section 4.3, with the normal quantile).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from math import sqrt

from roadmap_cli.life.choosing.facts import Flow, Option

#: Standard normal quantile of 0.9: eight of ten lie within it.
QUANTILE = 1.2816
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Usual:
    """A usual month: what is left, its standard deviation, how many months say so; what is there today, if known."""

    net: Decimal
    spread: Decimal
    months: int
    balance: Decimal | None


@dataclass(frozen=True, slots=True)
class Point:
    """The end of one month."""

    month: str
    expected: Decimal
    low: Decimal
    high: Decimal


def path(option: Option, currency: str, usual: Usual | None, today: date, horizon: int) -> list[Point]:
    """The balance, or its change from today where that is unknown, at the end of each month; today's first."""
    flows = [each for each in option.flows if each.currency == currency]
    total = usual.balance if usual and usual.balance is not None else Decimal()
    net, spread, count = (usual.net, float(usual.spread), usual.months) if usual else (Decimal(), 0.0, 1)
    points = []
    for month in range(horizon + 1):
        total += sum((each.in_month(month) for each in flows), Decimal()) + (net if month else 0)
        wide = Decimal(str(QUANTILE * spread * sqrt(month + month * month / count)))
        points.append(
            Point(
                _month(today, month), total.quantize(CENT), (total - wide).quantize(CENT), (total + wide).quantize(CENT)
            )
        )
    return points


def present_value(flows: Sequence[Flow], rate: float, horizon: int) -> Decimal:
    """What flows are worth today."""
    return exact(flows, rate, horizon).quantize(CENT)


def exact(flows: Sequence[Flow], rate: float, horizon: int) -> Decimal:
    """The same, not rounded: what a switching value is computed from."""
    return Decimal(str(sum(float(each.amount) * each.coefficient(rate, horizon) for each in flows)))


def bounds(flows: Sequence[Flow], rate: float, horizon: int) -> tuple[Decimal, Decimal]:
    """The same with every flow at the low, and at the high end of its range."""
    low = sum(
        float(each.low if each.low is not None else each.amount) * each.coefficient(rate, horizon) for each in flows
    )
    high = sum(
        float(each.high if each.high is not None else each.amount) * each.coefficient(rate, horizon) for each in flows
    )
    return Decimal(str(low)).quantize(CENT), Decimal(str(high)).quantize(CENT)


def whole(flows: Sequence[Flow]) -> Decimal:
    """What regular flows of a fixed length come to until their end."""
    total = sum((each.in_month(each.from_month + 1) * (each.months or 0) for each in flows), Decimal())
    return total.quantize(CENT)


def recurring(flows: Sequence[Flow], currency: str) -> Decimal:
    """What is left more (or less) in the second month from now on."""
    regular = [each for each in flows if each.currency == currency and each.every != "once"]
    return sum((each.in_month(each.from_month + 1) for each in regular), Decimal()).quantize(CENT)


def lowest(points: Sequence[Point]) -> Point:
    """The month with the lowest expected balance, the first of equals."""
    return min(points, key=lambda point: point.expected)


def _month(today: date, ahead: int) -> str:
    months = today.year * 12 + today.month - 1 + ahead
    return f"{months // 12}-{months % 12 + 1:02d}"
