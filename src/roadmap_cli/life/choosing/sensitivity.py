"""What would change the answer: the exact value of each fact at which two options are worth the same, and how far each
fact moves the difference within its range (a tornado). Present values are linear in amounts, so this is no search.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from roadmap_cli.core.records import Record
from roadmap_cli.life.choosing.facts import Flow, Option
from roadmap_cli.life.choosing.money import CENT, exact

#: How far a fact without a range is moved for the tornado, either way.
STEP = Decimal("0.1")


def tornado(one: Option, other: Option, currency: str, rate: float, horizon: int) -> list[Record]:
    """Every amount of two options: its switching value, and the difference at the ends of its range. Widest first."""
    mine, theirs = _of(one, currency), _of(other, currency)
    gap = exact(mine, rate, horizon) - exact(theirs, rate, horizon)
    rows: list[tuple[Decimal, Record]] = []
    for option, flows, sign in ((one, mine, 1), (other, theirs, -1)):
        for flow in flows:
            worth = Decimal(str(flow.coefficient(rate, horizon))) * sign
            if not worth:
                continue
            low, high = _range(flow)
            ends = sorted((gap + (low - flow.amount) * worth, gap + (high - flow.amount) * worth))
            row: dict[str, Any] = {
                "option": option.name,
                "fact": flow.place,
                "what": flow.what,
                "every": flow.every,
                "amount": format(flow.amount.quantize(CENT), "f"),
                "switching": format((flow.amount - gap / worth).quantize(CENT), "f"),
                "low": format(low.quantize(CENT), "f"),
                "high": format(high.quantize(CENT), "f"),
                "difference_low": format(ends[0].quantize(CENT), "f"),
                "difference_high": format(ends[1].quantize(CENT), "f"),
                "range_is_stated": flow.low is not None,
                "changes_the_answer": ends[0] < 0 < ends[1],
            }
            rows.append((ends[1] - ends[0], row))
    rows.sort(key=lambda item: -item[0])
    return [row for _, row in rows]


def worth_knowing(rows: Sequence[Record], currency: str) -> list[Record]:
    """The facts with a stated range in which the answer changes, and what knowing them first would save on average.

    That is the expected loss of deciding now, the fact being uniform over its range (expected value of perfect
    information; Raiffa and Schlaifer, Applied Statistical Decision Theory, 1961).
    """
    found = []
    for row in rows:
        if not (row["range_is_stated"] and row["changes_the_answer"]):
            continue
        low, high = Decimal(row["difference_low"]), Decimal(row["difference_high"])
        loss = low**2 / (2 * (high - low)) if low + high >= 0 else high**2 / (2 * (high - low))
        value = format(loss.quantize(CENT), "f")
        text = (
            f"{row['what']} of {row['option']!r}: the answer changes at {row['switching']} {currency}, which lies "
            f"between {row['low']} and {row['high']}; knowing it first is worth about {value} {currency}"
        )
        found.append({"fact": row["fact"], "text": text, "worth": value})
    return found


def monthly_room(gap: Decimal, rate: float, horizon: int, currency: str) -> Decimal:
    """The amount each month over the horizon that a difference in present value is as much as."""
    flow = Flow("", Decimal(1), currency, "month", "")
    return (gap / Decimal(str(flow.coefficient(rate, horizon)))).quantize(CENT)


def _of(option: Option, currency: str) -> list[Flow]:
    return [each for each in option.flows if each.currency == currency]


def _range(flow: Flow) -> tuple[Decimal, Decimal]:
    if flow.low is not None and flow.high is not None:
        return flow.low, flow.high
    ends = sorted((flow.amount * (1 - STEP), flow.amount * (1 + STEP)))
    return ends[0], ends[1]
