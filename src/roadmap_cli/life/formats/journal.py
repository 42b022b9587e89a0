"""What the two plain-text accountings have in common: a transaction with postings, balanced, as records.

A record is made for each posting to an account of the person's own (assets, liabilities) in money; what stands on the
other side is its category, its splits, or the other account of a transfer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life.formats.entries import Entries
from roadmap_cli.life.kinds.money import ISO_4217, named_account, plain

#: First parts of account names by what they are (hledger's rules, and other languages).
KINDS = {
    "own": "assets asset liabilities liability debts debt aktiva passiva vermögen verbindlichkeiten konten schulden "
    "actifs actif passifs passif activos activo pasivos pasivo attività passività activa ativos passivos tillgångar "
    "skulder aktywa pasywa",
    "outer": "expenses expense income incomes revenue revenues aufwand aufwendungen ausgaben einnahmen erträge ertrag "
    "dépenses revenus gastos ingresos spese entrate uitgaven inkomsten despesas receitas utgifter inkomster wydatki "
    "przychody kosten",
    "equity": "equity eigenkapital capitaux patrimonio capital eget kapitał",
}  # fmt: skip
_KIND = {word: kind for kind, words in KINDS.items() for word in words.split()}
#: More digits than this are made to hurt.
_MOST_DIGITS = 36


@dataclass(slots=True)
class Posting:
    """One line of a transaction. `quantity` is None where it is to be filled in; `weight` what it counts in the sum."""

    account: str
    line: int
    quantity: Decimal | None = None
    commodity: str = ""
    weight: tuple[Decimal, str] | None = None
    unit_price: Decimal | None = None
    has_cost: bool = False
    virtual: str = ""
    """"" of a real posting, "(" of one that need not balance, "[" of one that must among its like."""
    asserted: tuple[Decimal, str] | None = None

    def counted(self) -> tuple[Decimal, str] | None:
        """What it adds to the sum; None if that cannot be told from the line alone."""
        if self.weight is not None or self.quantity is None or self.has_cost:
            return self.weight
        return self.quantity, self.commodity


@dataclass(slots=True)
class Transaction:
    """One entry of a journal."""

    day: str
    line: int
    payee: str = ""
    memo: str = ""
    code: str = ""
    postings: list[Posting] = field(default_factory=list)


def number(text: str, mark: str = ".") -> Decimal:
    """A number of a journal; `mark` is what marks decimals. Raises DataError."""
    value = re.sub(r"[\s_'’\u00a0\u202f]", "", text)
    value = value.replace("." if mark == "," else ",", "").replace(",", ".")
    if not re.fullmatch(r"[-+]?(?:\d{1,24}\.?\d{0,18}|\.\d{1,18})", value, re.ASCII) or len(value) > _MOST_DIGITS:
        raise DataError("amount is not a number", code="bad_amount")
    return Decimal(value)


def balanced(found: Transaction, *, conversion: bool) -> None:
    """Fill in what one posting leaves out. Raises DataError if the transaction does not balance.

    `conversion`: two commodities without a price are an exchange, as hledger and ledger read them.
    """
    for sort in ("", "["):
        _balance([posting for posting in found.postings if posting.virtual == sort], found, conversion=conversion)
    for posting in found.postings:
        if posting.quantity is None and posting.virtual == "(":
            raise DataError("posting has no amount", where=str(posting.line), code="missing_field")


def _balance(postings: list[Posting], found: Transaction, *, conversion: bool) -> None:
    empty = [posting for posting in postings if posting.quantity is None]
    if len(empty) > 1:
        raise DataError("more than one posting has no amount", where=str(empty[1].line), code="not_balanced")
    sums: dict[str, Decimal] = {}
    digits: dict[str, int] = {}
    for posting in postings:
        if posting.quantity is None:
            continue
        counted = posting.counted()
        if counted is None:  # the cost of a lot that was bought earlier
            if empty and kind_of(empty[0].account) == "own":
                raise DataError("amount depends on the cost of a lot", where=str(empty[0].line), code="not_balanced")
            return
        sums[counted[1]] = sums.get(counted[1], Decimal()) + counted[0]
        if posting.weight is None:
            exponent = posting.quantity.as_tuple().exponent
            digits[counted[1]] = max(digits.get(counted[1], 0), -exponent if isinstance(exponent, int) else 0)
    left = {unit: total for unit, total in sums.items() if abs(total) > _tolerance(digits.get(unit, 2))}
    if empty:
        exact = {unit: total for unit, total in sums.items() if total}
        posting = empty[0]
        if posting.commodity:
            exact = {unit: total for unit, total in exact.items() if unit == posting.commodity}
        first, *others = list(exact.items()) or [(next(iter(sums), ""), Decimal())]
        posting.commodity, posting.quantity = first[0], -first[1]
        for unit, total in others:
            found.postings.append(Posting(posting.account, posting.line, -total, unit, virtual=posting.virtual))
        return
    if not left or (conversion and len(left) == 2 and _opposite(left)):
        return
    raise DataError("transaction does not balance", where=str(found.line), code="not_balanced")


def _tolerance(digits: int) -> Decimal:
    """Half of the last digit that is written, as beancount has it; whole numbers are exact to a twentieth."""
    return Decimal(5).scaleb(-digits - 1) if digits else Decimal("0.05")


def _opposite(left: Mapping[str, Decimal]) -> bool:
    one, two = left.values()
    return (one > 0) != (two > 0)


def kind_of(account: str, known: Mapping[str, str] | None = None) -> str:
    """own, outer, equity, or "" if the name does not tell. `known` has what the journal itself declares."""
    if known:
        parts = account.split(":")
        for count in range(len(parts), 0, -1):
            if declared := known.get(":".join(parts[:count])):
                return declared
    return _KIND.get(account.split(":")[0].strip().lower(), "")


def records(
    found: Transaction, entries: Entries, kinds: Mapping[str, str], units: Mapping[str, str]
) -> Iterator[Record]:
    """The records of a balanced transaction. `units` says which currency a sign of the journal is."""
    real = [posting for posting in found.postings if posting.virtual != "(" and posting.quantity is not None]
    own = [
        posting
        for posting in real
        if kind_of(posting.account, kinds) == "own" and currency_of(posting.commodity, units) and not posting.has_cost
    ]
    held = [
        posting
        for posting in real
        if kind_of(posting.account, kinds) == "own" and (posting.has_cost or not currency_of(posting.commodity, units))
    ]
    for posting in own:
        if not posting.quantity and len(real) > 1:
            continue
        more = _other_side(posting, real, own, held, kinds, units)
        known: dict[str, Any] = {
            "date": found.day,
            "amount": plain(posting.quantity or Decimal()),
            "currency": currency_of(posting.commodity, units),
            **named_account(posting.account),
            "payee": found.payee,
            "memo": found.memo,
            "check_number": found.code if found.code.isdigit() else "",
        }
        yield entries.transaction(posting.line, known, more)
    for posting in found.postings:
        unit = currency_of(posting.asserted[1], units) if posting.asserted else ""
        if posting.asserted and unit and kind_of(posting.account, kinds) == "own":
            yield balance(entries, posting.line, found.day, posting.account, posting.asserted[0], unit)


def balance(entries: Entries, line: int, day: str, account: str, value: Decimal, unit: str) -> Record:
    """What the person says stands on an account at the end of a day."""
    fields = {"date": day, "type": "booked", "amount": plain(value), "currency": unit, **named_account(account)}
    return entries.balance(line, fields)


def currency_of(commodity: str, units: Mapping[str, str]) -> str:
    """The currency that a commodity is; "" for a security."""
    found = units.get(commodity, commodity)
    return found if found in ISO_4217 else ""


def _other_side(
    posting: Posting,
    real: list[Posting],
    own: list[Posting],
    held: list[Posting],
    kinds: Mapping[str, str],
    units: Mapping[str, str],
) -> dict[str, Any]:
    value = posting.quantity or Decimal()
    outer = [other for other in real if kind_of(other.account, kinds) == "outer"]
    across = [other for other in own if other is not posting and ((other.quantity or 0) > 0) != (value > 0)
              and other.account != posting.account]  # fmt: skip
    if held:
        bought = held[0]
        return {
            "type": "invest",
            "security": bought.commodity if len(held) == 1 else "",
            "quantity": plain(bought.quantity) if len(held) == 1 and bought.quantity is not None else "",
            "price": plain(bought.unit_price) if len(held) == 1 and bought.unit_price is not None else "",
            "category": outer[0].account if len(outer) == 1 and len(held) == 0 else "",
        }
    if not outer and not across:
        opening = any(
            kind_of(other.account, kinds) == "equity"
            and re.search("open|anfang|eröffnung|initial", other.account.lower())
            for other in real
        )
        return {"type": "opening"} if opening else {}
    if across and not outer:
        names = {other.account for other in across}
        return {"type": "xfer", "transfer_account": names.pop() if len(names) == 1 else ""}
    if across and value > 0 and all((other.quantity or 0) > 0 for other in outer):
        return {"type": "xfer", "transfer_account": across[0].account}  # cash taken out while paying
    others = [*outer, *across]
    parts = [(other, other.counted() or (Decimal(), "?")) for other in others]
    same_side = [other for other in own if ((other.quantity or 0) > 0) == (value > 0)]
    if len(others) > 1 and len(same_side) == 1:
        whole = sum((part for _, (part, _) in parts), Decimal())
        if all(unit == posting.commodity for _, (_, unit) in parts) and whole == -value:
            return {"splits": [_split(other, -part, kinds) for other, (part, _) in parts]}
    largest = max(outer, key=lambda other: abs((other.counted() or (Decimal(), ""))[0]))
    return {"category": largest.account}


def _split(other: Posting, value: Decimal, kinds: Mapping[str, str]) -> dict[str, str]:
    name = "transfer_account" if kind_of(other.account, kinds) == "own" else "category"
    return {"amount": plain(value), name: other.account}
