"""Quicken Interchange Format: the accounts of a person's own books, with categories, splits and transfers.

The format names no currency, writes dates as the program's country does (1/31'26), and marks what follows with lines
that begin with "!". What a file leaves open is asked for with `--map`, and remembered for its accounts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life.formats import dates, layouts
from roadmap_cli.life.formats.entries import Entries
from roadmap_cli.life.kinds.items import Position, Source
from roadmap_cli.life.kinds.money import amount, currency, decimal_mark, named_account, plain
from roadmap_cli.life.opening.charsets import decode
from roadmap_cli.life.opening.opened import Opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.opening.settings import Settings

NAME, WHAT = "qif", "a QIF export"

_HEADER = re.compile(rb"!(?:type|account|option|clear)\b", re.IGNORECASE)
_MONEY_TYPES = ("bank", "cash", "ccard", "oth a", "oth l", "invoice", "port")
_OPENING = ("opening balance", "eröffnungssaldo", "anfangssaldo", "solde initial", "saldo inicial", "saldo iniziale",
            "beginsaldo", "openingssaldo")  # fmt: skip
#: Securities: what each action does with the cash of the account.
_OUT = (
    "buy",
    "buyx",
    "cvrshrt",
    "cvrshrtx",
    "miscexp",
    "miscexpx",
    "margint",
    "margintx",
    "withdrw",
    "withdrwx",
    "xout",
)
_NO_MONEY = ("shrsin", "shrsout", "stksplit", "reinvdiv", "reinvint", "reinvlg", "reinvmd", "reinvsh", "reminder",
             "grant", "vest", "exercise", "expire")  # fmt: skip


@dataclass(slots=True)
class _Block:
    """The lines from one "^" to the next under a header: what each code said, and its splits."""

    line: int
    header: str
    account: str
    values: dict[str, str] = field(default_factory=dict)
    splits: list[dict[str, str]] = field(default_factory=list)


def matches(opened: Opened) -> bool:
    """A first line that is one of the format's headers."""
    return bool(_HEADER.match(opened.text_head))


def items(opened: Opened, source: Source, settings: Settings) -> Iterator[Record | DataError | Position]:
    """Its transactions and opening balances, in its order."""
    blocks = list(_blocks(decode(opened.data(), settings.charset)))
    money = [block for block in blocks if block.header in (*_MONEY_TYPES, "invst")]
    layout = layouts.known("qif", sorted({block.account for block in money}), settings)
    wishes = settings.mapping
    try:
        order = wishes.get("order") or dates.order(
            (block.values.get("D", "") for block in money), fallback=layout.get("order", "")
        )
        texts = (block.values.get(code, "") for block in money for code in "TU$" if code in block.values)
        mark = {"comma": ",", "dot": "."}.get(wishes.get("decimal", "")) or decimal_mark(
            texts, fallback=layout.get("decimal", "")
        )
        unit = wishes.get("currency") or layout.get("currency", "")
        if not unit and money:
            raise DataError("a QIF file names no currency", hint="say which: --map currency=EUR", code="no_currency")
        unit = currency(unit, "--map currency") if unit else ""
    except DataError as error:
        yield source.placed(error)
        return
    entries, good = Entries(source), False
    for block in money:
        try:
            record = _record(block, order, mark, unit, entries)
        except DataError as error:
            yield source.placed(error, block.line)
        else:
            good = good or record is not None
            if record is not None:
                yield record
    if good and all(block.account for block in money):  # without a name, the next file may be of another account
        yield layouts.learned(
            "qif", sorted({block.account for block in money}), {"order": order, "decimal": mark, "currency": unit}
        )


def _blocks(text: str) -> Iterator[_Block]:
    """Every block with the header and the account that hold for it."""
    header = account = ""
    block: _Block | None = None
    for number, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        if line.startswith("!"):
            if block is not None:  # some programs leave the last "^" out
                account = _named(block, account)
                yield block
            block = None
            word, _, rest = line[1:].partition(":")
            if word.strip().lower() == "type":
                header = " ".join(rest.split()).lower()
            elif word.strip().lower() == "account":
                header = "account"
            continue
        code, value = line[:1], line[1:].strip()
        if code == "^":
            if block is not None:
                account = _named(block, account)
                yield block
            block = None
        elif code.strip():
            block = block or _Block(number, header, account)
            _put(block, code, value)
    if block is not None:
        yield block


def _named(block: _Block, account: str) -> str:
    return block.values.get("N", account) if block.header == "account" else account


def _put(block: _Block, code: str, value: str) -> None:
    if code == "S":
        block.splits.append({"S": value})
    elif code in "E$%" and block.splits:
        block.splits[-1].setdefault(code, value)
    elif code == "A" and "A" in block.values:
        block.values["A"] += f", {value}"
    elif value:
        block.values.setdefault(code, value)


def _record(block: _Block, order: str, mark: str, unit: str, entries: Entries) -> Record | None:
    values = block.values
    if not values:
        return None
    if not values.get("D"):
        raise DataError("transaction has no date (D)", code="missing_field")
    day = dates.day(values["D"], order).isoformat()
    if block.header == "invst":
        return _investment(block, day, mark, unit, entries)
    text = values.get("T") or values.get("U")
    if not text:
        raise DataError("transaction has no amount (T)", code="missing_field")
    value = amount(text, "amount (T)", mark)
    category, transfer = _category(values.get("L", ""))
    payee = values.get("P", "")
    account = named_account(block.account)
    if payee.lower() in _OPENING and (transfer == block.account or not transfer):
        return entries.balance(
            block.line, {"date": day, "type": "opening", "amount": value, "currency": unit, **account}
        )
    splits = [_split(split, mark) for split in block.splits]
    if splits and sum(Decimal(split["amount"]) for split in splits) != Decimal(value):
        splits = []  # they do not tell the truth
    number = values.get("N", "")
    known = {
        "date": day,
        "amount": value,
        "currency": unit,
        **account,
        "payee": payee,
        "memo": values.get("M", ""),
        "type": "xfer" if transfer and not splits else "",
        "check_number": number if number.isdigit() else "",
        "category": "" if splits else category,
        "transfer_account": "" if splits else transfer,
    }
    return entries.transaction(block.line, known, {"splits": splits})


def _category(text: str) -> tuple[str, str]:
    """A category, or in brackets the other account of a transfer; a class behind a slash is left out."""
    found = re.match(r"\[(.*?)\]", text)
    if found:
        return "", found[1].strip()
    return ("" if text.startswith("--") else text.split("/")[0].split("|")[0].strip()), ""


def _split(split: dict[str, str], mark: str) -> dict[str, str]:
    category, transfer = _category(split["S"])
    made = {
        "amount": amount(split.get("$", "0"), "amount of a split ($)", mark),
        "category": category,
        "memo": split.get("E", ""),
        "transfer_account": transfer,
    }
    return {name: value for name, value in made.items() if value}


def _investment(block: _Block, day: str, mark: str, unit: str, entries: Entries) -> Record | None:
    values = block.values
    action = values.get("N", "").lower()
    text = values.get("T") or values.get("U") or values.get("$") or "0"
    value = amount(text, "amount (T)", mark)
    if action in _OUT:
        value = plain(-abs(Decimal(value)))
    elif action in _NO_MONEY:
        value = "0"
    category, transfer = _category(values.get("L", ""))
    known: dict[str, Any] = {
        "date": day,
        "amount": value,
        "currency": unit,
        **named_account(block.account),
        "payee": values.get("P", "") or values.get("Y", ""),
        "memo": values.get("M", ""),
        "type": "xfer" if action in ("xin", "xout", "contribx", "withdrwx") else "invest",
        "category": category,
        "transfer_account": transfer if not action.startswith(("buyx", "sellx")) else "",
        "security": values.get("Y", ""),
    }
    for name, code in (("quantity", "Q"), ("price", "I")):
        if values.get(code) and re.match(r"[-+\d.,\s]+\Z", values[code]):
            known[name] = amount(values[code], f"{name} ({code})", mark)
    if action.startswith(("sell", "shrsout")) and "quantity" in known:
        known["quantity"] = plain(-abs(Decimal(known["quantity"])))
    more = {"action": action, "charges": amount(values["O"], "commission (O)", mark) if values.get("O") else ""}
    return entries.transaction(block.line, known, more)
