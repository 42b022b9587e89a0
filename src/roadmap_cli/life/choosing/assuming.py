"""What an option takes for granted, made explicit: the pay that ends with a new job, the train a car replaces.

Each assumption is a flow measured from stored payments and a sentence; what cannot be measured is told as unknown.
"""

from __future__ import annotations

import re
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life.choosing import facts, prices
from roadmap_cli.life.choosing.basis import Basis

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

_JOB = re.compile(r"\b(?:job|position|offer)\b", re.IGNORECASE)
_PAY = ("pay", "salary", "wage", "job")
_PLACE = re.compile(r"\bin ([A-ZÄÖÜ][\w-]+)")
#: What costs money once it is there: words of the option, and what is then asked for.
RUNNING = (
    (re.compile(r"\bcar\b", re.IGNORECASE), "what the car costs a month: insurance, tax, fuel, repairs"),
    (re.compile(r"\b(?:house|flat|apartment)\b", re.IGNORECASE), "what the home costs a month: charges, repairs, tax"),
    (re.compile(r"\b(?:dog|cat|horse)\b", re.IGNORECASE), "what the animal costs a month"),
)
_BUY = re.compile(r"\bbuy\b", re.IGNORECASE)


def explicit(tx: Connection, choice: Record, basis: Basis) -> Record:
    """The same choice, every flow written out under `flows`, with what the state adds. Raises DataError (ask_back)."""
    options = facts.options(choice)
    made: list[Record] = []
    currencies = list(dict.fromkeys(flow.currency for each in options for flow in each.flows))
    for told, option in zip(choice["options"], options, strict=True):
        plain = {name: value for name, value in told.items() if name not in (*facts.SHORT, "wants_price")}
        flows = [_flow(each) | _term(each, option, basis) for each in option.flows]
        added: list[Record] = []
        assumptions, unknown = list(option.assumptions), list(option.unknown)
        if not option.is_present and not any(each.why_id for each in option.flows):
            _pay_ends(tx, basis, told, option, added, assumptions, unknown)
            _replaced(tx, basis, choice, told, added, assumptions, unknown)
        if told.get("wants_price"):
            flow, text = prices.estimated(tx, basis, told, currencies)
            added.append(flow)
            assumptions.append(text)
        _open_questions(option, unknown)
        more: Record = {}
        if flows or added:
            more["flows"] = [*flows, *(each | _starts(option, basis) for each in added)]
        if assumptions:
            more["assumptions"] = list(dict.fromkeys(assumptions))
        if unknown:
            more["unknown"] = list({each["what"]: each for each in unknown}.values())
        made.append(plain | more)
    return {**choice, "options": made}


def _flow(flow: facts.Flow) -> Record:
    told: Record = {
        "what": flow.what, "amount": format(flow.amount, "f"), "currency": flow.currency, "every": flow.every,
    }  # fmt: skip
    if flow.low is not None and flow.high is not None:
        told |= {"low": format(flow.low, "f"), "high": format(flow.high, "f")}
    if flow.from_month:
        told["from_month"] = flow.from_month
    if flow.months is not None:
        told["months"] = flow.months
    if flow.why_id:
        told["why_id"] = flow.why_id
    return told


def _term(flow: facts.Flow, option: facts.Option, basis: Basis) -> Record:
    """Begin and length of the option, for a regular flow that states none of its own."""
    if flow.why_id:
        return {}
    told = _starts(option, basis) if not flow.from_month else {}
    if flow.every != "once" and flow.months is None and option.months is not None:
        told["months"] = option.months
    return told


def _starts(option: facts.Option, basis: Basis) -> Record:
    if option.start is None:
        return {}
    today = basis.now.date()
    ahead = (option.start.year - today.year) * 12 + option.start.month - today.month
    return {"from_month": ahead} if ahead > 0 else {}


def _pay_ends(
    tx: Connection,
    basis: Basis,
    told: Record,
    option: facts.Option,
    added: list[Record],
    assumptions: list[str],
    unknown: list[dict[str, Any]],
) -> None:
    """A new job's pay takes the place of the present one."""
    regular = [each for each in option.flows if each.amount > 0 and each.every != "once"]
    replaces = told.get("replaces")
    is_pay = any(each.what in _PAY for each in regular)
    if not (regular and _JOB.search(option.name)) and not is_pay and not replaces and not told.get("ends_pay"):
        return
    found = [(unit, each) for unit, home in basis.households.items() for each in home.salaries]
    if isinstance(replaces, str):
        found = [(unit, each) for unit, each in found if each.payee.lower() == replaces.lower()]
        if not found:
            raise DataError("no regular income from the payee that is replaced", code="bad_choice")
    elif told.get("replaces") is False:
        return
    elif not found:
        unknown.append({"what": "the present pay that ends: no regular income is stored", "cost": True})
        return
    if len(found) > 1:
        raise DataError(
            f"{len(found)} regular incomes are known: which one ends?",
            hint='give the option "replaces": PAYEE, or false if none does', code="ask_back",
        )  # fmt: skip
    unit, pay = found[0]
    why = basis.pay(tx, unit, pay)
    added.append(_stops("present pay", format(-pay.amount, "f"), unit, why["id"]))
    assumptions.append(f"the pay from {pay.payee}, {pay.amount} {unit} a month, ends")


def _replaced(
    tx: Connection,
    basis: Basis,
    choice: Record,
    told: Record,
    added: list[Record],
    assumptions: list[str],
    unknown: list[dict[str, Any]],
) -> None:
    """What a present option keeps using, the others do without."""
    for other in choice["options"]:
        if other is told or other.get("is_present") is not True:
            continue
        for name in other.get("mentions", []):
            if name in told.get("mentions", []):
                continue
            paid = basis.paid_for(tx, name)
            if paid is None:
                unknown.append({"what": f"what the {name} costs a month: no such payments are stored", "cost": False})
                continue
            why, unit, mean = paid
            added.append(_stops(f"{name} no longer paid", format(-mean, "f"), unit, why["id"]))
            assumptions.append(f"the {name}, {abs(mean)} {unit} a month, is no longer paid for")


def _stops(what: str, amount: str, unit: str, why_id: str) -> Record:
    return {"what": what, "amount": amount, "currency": unit, "every": "month", "why_id": why_id}


def _open_questions(option: facts.Option, unknown: list[dict[str, Any]]) -> None:
    if option.is_present:
        return
    regular = any(each.every != "once" and not each.why_id for each in option.flows)
    if _BUY.search(option.name):
        for pattern, what in RUNNING:
            if pattern.search(option.name) and not regular:
                unknown.append({"what": what, "cost": True})
        if any(each.every == "once" for each in option.flows):
            unknown.append({"what": "what it could be sold for at the end", "cost": False})
    place = _PLACE.search(option.name)
    if place and _JOB.search(option.name):
        unknown.append({"what": f"what living in {place[1]} costs a month more or less: rent, moving", "cost": True})
        unknown.append({"what": "hours a week, with the way there", "cost": True})
