"""What an alternative costs that names no price, where another one has one: from the person's own payments, or asked.

Payments count whose payee the alternative names ("Uber twice a week"): the median of their amounts, as often as the
words say; where they do not say it, as often as so far. No payment, or several things that are named: one question.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from statistics import median_low

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life.choosing import words
from roadmap_cli.life.choosing.basis import Basis
from roadmap_cli.life.history.household import OWN_TRANSFER
from roadmap_cli.life.history.series import TRANSFERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

#: Payments looked back at, and the fewest that tell a price.
DAYS, FEWEST = 365, 2
CENT = Decimal("0.01")
_WORD = re.compile(r"[^\W\d_]{3,}")
#: Words of an alternative that name nothing that is paid for.
_EMPTY_TEXT = """
    the and for with from take taking use using ride rides riding trip trips order ordering get getting buy buying
    pay paying have having eat eating drive driving call calling book booking fly flying rent renting join joining
    hire switch move instead again there then per each every day days week weeks month months year years workday
    workdays weekend weekends once twice thrice times time daily weekly monthly yearly one two three four five six
    seven own our about around only just always sometimes rather more less new old der die das und mit für zum zur
    ein eine
"""
_EMPTY = frozenset(_EMPTY_TEXT.split())


@dataclass(frozen=True, slots=True)
class _Paid:
    id: str
    day: date
    amount: Decimal
    currency: str
    payee: str


def estimated(tx: Connection, basis: Basis, told: Record, currencies: Sequence[str]) -> tuple[Record, str]:
    """The flow of an option without a price, and the sentence that says what it was taken from.

    `currencies` are those of the other options, which are preferred. Raises DataError (ask_back) with one question.
    """
    name = str(told["name"])
    found = _named(list(_payments(tx, basis.now.date())), told)
    if len(found) < FEWEST:
        raise _ask(f"what does {name!r} cost? Fewer than {FEWEST} stored payments name it")
    units = [each.currency for each in found]
    unit = next((each for each in currencies if units.count(each) >= FEWEST), max(set(units), key=units.count))
    found = sorted(
        (each for each in found if each.currency == unit), key=lambda each: (each.day, each.id), reverse=True
    )
    payees = list(dict.fromkeys(each.payee for each in found))
    shown = payees[0] if len(payees) == 1 else f"{payees[0]} and {len(payees) - 1} others alike"
    once = median_low([each.amount for each in found])
    often = told.get("often")
    if often is None:
        return _as_so_far(tx, basis, found, unit, shown)
    count, period = Decimal(str(often["count"])), str(often["every"])
    amount = (once * count).quantize(CENT)
    text = (
        f"{abs(once)} {unit} each time, the median of {len(found)} payments to {shown}, "
        f"so {abs(amount)} {unit} a {period}"
    )
    why = basis.cite(
        tx, f"price {unit} {name}", f"{name}: {text}", f"median of {len(found)} payments, {count:g} times a {period}",
        [each.id for each in found],
        [{"name": "payment", "value": format(once, "f"), "unit": unit, "op": "median_low"},
         {"name": f"paid_{period}", "value": format(amount, "f"), "unit": f"{unit}/{period}", "op": "median_times",
          "times": format(count, "f")}],
    )  # fmt: skip
    return _flow(shown, amount, unit, period, why), text


def _as_so_far(tx: Connection, basis: Basis, found: list[_Paid], unit: str, shown: str) -> tuple[Record, str]:
    home = basis.households.get(unit)
    counted = [each for each in found if home is not None and each.day.isoformat()[:7] in home.months]
    if home is None or len(counted) < FEWEST:
        raise _ask(f"how often would that be? Payments to {shown} are stored; say it as twice a week")
    mean = (sum((each.amount for each in counted), Decimal()) / len(home.months)).quantize(CENT)
    text = f"{shown} as often as so far, {abs(mean)} {unit} a month"
    why = basis.cite(
        tx, f"paid {unit} {shown}", text, f"{len(counted)} payments over {len(home.months)} whole months",
        [each.id for each in counted],
        [{"name": "paid_month", "value": format(mean, "f"), "unit": f"{unit}/month", "op": "mean_month",
          "months": home.months, "sign": "out"}],
    )  # fmt: skip
    return _flow(shown, mean, unit, "month", why), text


def _flow(what: str, amount: Decimal, unit: str, every: str, why: Record) -> Record:
    return {"what": what, "amount": format(amount, "f"), "currency": unit, "every": every, "why_id": why["id"]}


def _payments(tx: Connection, today: date) -> Iterator[_Paid]:
    """What went out in the last year, transfers between own accounts left out."""
    rows = tx.execute(
        """SELECT id, date, amount, currency, payee, type FROM life_transaction
           WHERE same_as IS NULL AND date >= ? AND date <= ? AND amount LIKE '-%' AND payee <> '' ORDER BY date, id""",
        ((today - timedelta(days=DAYS)).isoformat(), today.isoformat()),
    )
    for name, day, amount, currency, payee, kind in rows:
        if kind not in TRANSFERS and not OWN_TRANSFER.search(payee):
            yield _Paid(name, date.fromisoformat(day), Decimal(amount), currency, payee)


def _named(paid: Sequence[_Paid], told: Record) -> list[_Paid]:
    """The payments whose payee the words name; by a word of its own first, else by what such payees are called.

    Raises DataError (ask_back) where two words name different payees.
    """
    name = str(told["name"])
    said = [word.lower() for word in _WORD.findall(name)]
    sets: list[list[_Paid]] = []
    for word in dict.fromkeys(word for word in said if word not in _EMPTY):
        held = [each for each in paid if word in _WORD.findall(each.payee.lower())]
        if held:
            sets.append(held)
    if not sets:
        sets = [
            held
            for each in told.get("mentions", [])
            if (held := [one for one in paid if words.PAID_FOR[each].search(one.payee + " ")])
        ]
    if not sets:
        return []
    common = [each for each in sets[0] if all(each in other for other in sets[1:])]
    if not common:
        named = " or ".join(dict.fromkeys(held[0].payee for held in sets))
        raise _ask(f"what does {name!r} cost? It may be {named}")
    if "eats" not in said:  # a ride and a meal may have the same name in front
        common = [each for each in common if not re.search(r"\beats\b", each.payee, re.IGNORECASE)]
    return common


def _ask(question: str) -> DataError:
    hint = "say it in the words ('for 12 EUR twice a week', 'for nothing'), or give a life.choice record"
    return DataError(question, hint=hint, code="ask_back")
