"""Figures over the facts of a choice, computed again from the stored life.choice and the figures they build on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life.choosing import facts, hours, money, sensitivity
from roadmap_cli.life.choosing.facts import Flow, Option
from roadmap_cli.life.choosing.money import Usual


class Facts:
    """The facts of one choice by their place, such as ``options/0/flows/1``."""

    def __init__(self, choice: Record) -> None:
        self.choice = choice
        self.options = {each.place: each for each in facts.options(choice)}
        self.flows: dict[str, Flow] = {flow.place: flow for each in self.options.values() for flow in each.flows}

    def flow(self, place: str) -> Flow:
        """A flow. Raises DataError if the choice states none there."""
        if place not in self.flows:
            raise DataError(f"the choice states nothing at {place!r}", code="no_fact")
        return self.flows[place]

    def option(self, place: str) -> Option:
        """An option. Raises DataError if there is none."""
        if place not in self.options:
            raise DataError(f"the choice states nothing at {place!r}", code="no_fact")
        return self.options[place]


def value(figure: Record, known: Facts, cited: Mapping[str, Record], earlier: Mapping[str, Any]) -> Any:
    """A figure's value again. `cited` are records by id, `earlier` other values. Raises DataError, KeyError."""
    op, of = figure["op"], figure["of"]
    flows = [known.flow(each["fact"]) for each in of if "fact" in each and "/flows/" in each["fact"]]
    rate, months = figure.get("rate", 0.0), figure.get("months", 0)
    if op == "present_value":
        return _text(money.present_value(flows, rate, months))
    if op in ("present_value_low", "present_value_high"):
        return _text(money.bounds(flows, rate, months)[op.endswith("high")])
    if op == "recurring":
        return _text(money.recurring(flows, figure["unit"].partition("/")[0]))
    if op == "bound":
        return _text(-money.whole(flows))
    if op.startswith("path_"):
        return _path(figure, flows, cited, earlier, known)
    if op == "hours_week":
        dropped = [cited[each["record_id"]] for each in of if "record_id" in each]
        return hours.weekly(known.option(of[0]["fact"]), dropped)
    if op == "left_of_measure":
        (measure,) = (each for each in cited[of[0]["record_id"]]["measures"] if each["measure"] == figure["measure"])
        gone = sum((Decimal(str(earlier[f"{each['why_id']}/{each['name']}"])) for each in of[1:]), Decimal())
        return round(float(Decimal(str(measure["recent"])) + gone), 2)
    if op == "difference":
        one, other = (Decimal(str(earlier[each["figure"]])) for each in of)
        return _text(one - other)
    if op == "monthly_room":
        one, other = (Decimal(str(earlier[each["figure"]])) for each in of)
        return _text(sensitivity.monthly_room(one - other, rate, months, "EUR"))
    if op == "at_end":
        one, other = (Decimal(str(earlier[each["figure"]])) for each in of)
        return _text(abs(one - other) * Decimal(str((1 + rate) ** (months / 12))))
    if op == "switching":
        return _switching(figure, known)
    raise DataError(f"an operation that is not known: {op!r}", code="no_operation")


def _path(
    figure: Record, flows: Sequence[Flow], cited: Mapping[str, Record], earlier: Mapping[str, Any], known: Facts
) -> str:
    net = spread = Decimal()
    count = 1
    balance: Decimal | None = None
    for each in figure["of"]:
        if each.get("fact") == "balance":
            balance = Decimal(str(known.choice["balance"]["amount"]))
        elif "record_id" in each:
            balance = (balance or Decimal()) + Decimal(str(cited[each["record_id"]]["amount"]))
        elif each.get("name") == "net_month":
            net = Decimal(str(earlier[f"{each['why_id']}/net_month"]))
            count = int(earlier[f"{each['why_id']}/months"])
        elif each.get("name") == "net_spread":
            spread = Decimal(str(earlier[f"{each['why_id']}/net_spread"]))
    option = Option("", "", flows=list(flows))
    today = date.fromisoformat(f"{figure['start']}-01")
    unit = figure["unit"]
    points = money.path(option, unit, Usual(net, spread, count, balance), today, figure["months"])
    if figure["op"] == "path_lowest":
        return _text(money.lowest(points).expected)
    last = points[-1]
    return _text({"path_end": last.expected, "path_end_low": last.low, "path_end_high": last.high}[figure["op"]])


def _switching(figure: Record, known: Facts) -> str:
    mine, theirs = ([known.flow(place) for place in figure[name]] for name in ("flows", "others"))
    flow = known.flow(figure["of"][0]["fact"])
    rate, months = figure["rate"], figure["months"]
    gap = money.exact(mine, rate, months) - money.exact(theirs, rate, months)
    sign = 1 if flow in mine else -1
    return _text(flow.amount - gap / (Decimal(str(flow.coefficient(rate, months))) * sign))


def _text(amount: Decimal) -> str:
    return format(amount.quantize(money.CENT), "f")
