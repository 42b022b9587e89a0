"""Bank statements as CSV, row by row; `bank_layout` tells how a file is to be read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import islice, pairwise
from typing import Any

from roadmap_cli.core.errors import DataError, UsageError
from roadmap_cli.core.records import Record
from roadmap_cli.life.formats import bank_headings, bank_layout, dates, layouts
from roadmap_cli.life.formats.bank_headings import HEADINGS
from roadmap_cli.life.formats.bank_layout import Layout
from roadmap_cli.life.formats.bank_stated import Stated
from roadmap_cli.life.formats.csv_rows import Row, Table, head_rows
from roadmap_cli.life.formats.entries import Entries
from roadmap_cli.life.kinds.items import Position, Source
from roadmap_cli.life.kinds.money import account_fields, amount, counterparty_fields, currency, plain
from roadmap_cli.life.opening.charsets import decode
from roadmap_cli.life.opening.opened import Opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.opening.settings import Settings

NAME, WHAT = "csv", "a bank's CSV"
OPTIONS = ("order", "decimal", "delimiter")
#: Control characters that no text has.
_SIGNS = re.compile(r"[A-Za-zżł€£$¥₹₽₺₪₩č]+\.?")
_BINARY = re.compile(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f]|\0\0")
_SIDE = re.compile(r"(.*\d[\d.,]*)\s*(CR|DR|[SHCD])\.?\s*\Z", re.DOTALL)
_HEAD_CHARACTERS = 20_000
#: Rows that tell whether amounts hold charges.
_SAMPLE_ROWS = 500


def mapping(texts: Sequence[str]) -> dict[str, str]:
    """The answers of `--map`: `FIELD=COLUMN` pairs, separated by commas or given several times.

    Raises UsageError for a field or an option that does not exist.
    """
    found: dict[str, str] = {}
    for pair in (piece for text in texts for piece in text.split(",")):
        name, equals, value = pair.partition("=")
        name, value = name.strip().lower(), value.strip()
        if not equals or not value or name not in (*HEADINGS, *OPTIONS):
            known = ", ".join((*HEADINGS, *OPTIONS))
            raise UsageError(f"--map: not FIELD=COLUMN: {pair!r}", hint=f"fields are {known}")
        if (name == "order" and value not in dates.ORDERS) or (name == "decimal" and value not in ("comma", "dot")):
            raise UsageError(f"--map: {name} cannot be {value!r}", hint="order=dmy|mdy|ymd, decimal=comma|dot")
        found[name] = value
    return found


def matches(opened: Opened) -> bool:
    """A table with dates and money, as a bank has."""
    return bank_layout.looks_like_a_bank(_head(opened))


def is_meant(opened: Opened, settings: Settings) -> bool:
    """A table, whatever it looks like, that has the columns which were named for date and amount, now or earlier."""
    return bank_layout.has_columns(_head(opened, settings.mapping.get("delimiter")), settings)


def told(opened: Opened) -> tuple[str, str] | None:
    """Of a table that is no bank's, as far as can be told: its columns, and what to type; None if it is none."""
    return bank_layout.told(_head(opened))


def _head(opened: Opened, delimiter: str | None = None) -> list[Row]:
    """The first rows, if it is text that can be cut into rows."""
    head = opened.text_head
    if _BINARY.search(head) or head.startswith((b"<", b"{", b"[")):
        return []
    try:
        return head_rows(decode(head)[:_HEAD_CHARACTERS], delimiter)
    except DataError:
        return []


def items(opened: Opened, source: Source, settings: Settings) -> Iterator[Record | DataError | Position]:
    """The transactions of a statement in its order, its last balance, and those it states above or below them.

    A broken row is a DataError in its place. If the layout stays unclear, one DataError whose hint says what to add
    to `--map`, and nothing else. At the end, what was found out or answered, for the next file with these headings.
    """
    try:
        table = Table(opened, settings.charset, settings.mapping.get("delimiter"))
        layout = bank_layout.find(table, settings)
    except DataError as error:
        yield source.placed(error)
        return
    entries, balance, stated = Entries(source), _Balance(), Stated(layout)
    are_apart = _charges_are_apart(table, layout)
    good = False
    rows = table.rows()
    try:
        for place, (line, row) in enumerate(rows):
            if place < layout.first_row:
                stated.look(line, row)
                continue
            if not any(cell.strip() for cell in row):
                continue
            try:
                cells = _cells(row, layout)
                record = _record(cells, line, layout, entries, are_apart=are_apart)
            except DataError as error:
                if bank_layout.is_total(row):
                    stated.look(line, row)
                else:
                    yield source.placed(error, line)
                continue
            if record is not None:
                good = True
                balance.see(record, cells.get("balance", ""), line)
                stated.see(record)
                yield record
    except DataError as error:
        yield source.placed(error)
        return
    if (last := balance.record(layout, entries)) is not None:
        yield last
    yield from stated.records(entries, last)
    if good:
        yield layouts.learned("csv", layout.marks, layout.answers)


class _Balance:
    """The balance column's value after the newest transaction, whichever end of the file that is."""

    def __init__(self) -> None:
        self._days = ("", "")
        self._newest: list[tuple[Record, str, int]] = []

    def see(self, record: Record, cell: str, line: int) -> None:
        """Remember the first and the last row of the newest day so far."""
        day = record["date"]
        self._days = (self._days[0] or day, day)
        if not cell or record.get("status"):
            return
        if not self._newest or day > self._newest[0][0]["date"]:
            self._newest = [(record, cell, line)]
        elif day == self._newest[0][0]["date"]:
            self._newest = [self._newest[0], (record, cell, line)]

    def record(self, layout: Layout, entries: Entries) -> Record | None:
        """The life.balance, if the column can be read."""
        if not self._newest:
            return None
        backwards = self._days[1] < self._days[0]
        newest, cell, line = self._newest[0 if backwards else -1]
        try:
            value = amount(_bare(cell), "balance", layout.decimal)
        except DataError:
            return None
        account: dict[str, Any] = {name: newest[name] for name in ("account_id", "account") if name in newest}
        fields: dict[str, Any] = {
            "date": newest["date"],
            "type": "booked",
            "amount": value,
            "currency": newest["currency"],
            **account,
        }
        return entries.balance(line, fields)


def _cells(row: Sequence[str], layout: Layout) -> dict[str, str]:
    """The cells of a row that are not empty, by what they hold."""
    last = len(row)
    return {name: cell for name, place in layout.columns.items() if place < last and (cell := row[place].strip())}


def _charges_are_apart(table: Table, layout: Layout) -> bool:
    """Whether charges move the balance beside the amount: they do unless a balance shows that the amount holds them."""
    if not {"charges", "amount"} <= layout.columns.keys():
        return False
    known: list[tuple[Decimal, Decimal, Decimal]] = []
    for place, (_, row) in enumerate(islice(table.rows(), layout.first_row + _SAMPLE_ROWS)):
        cells = _cells(row, layout)
        if place >= layout.first_row and {"charges", "amount", "balance"} <= cells.keys():
            try:
                charges, left = (
                    Decimal(amount(_bare(cells[each]), each, layout.decimal)) for each in ("charges", "balance")
                )
                known.append((Decimal(_amount(cells, layout)), charges, left))
            except DataError:
                continue
    return not any(
        charges and after - before == moved
        for one, other in pairwise(known)
        for (_, _, before), (moved, charges, after) in ((one, other), (other, one))
    )


def _record(cells: dict[str, str], line: int, layout: Layout, entries: Entries, *, are_apart: bool) -> Record | None:
    cell = cells.get
    status = cell("status", "").lower()
    if status in bank_headings.NOTHING_MOVED:
        return None
    is_pending = status in bank_headings.PENDING
    begun = cell("started", "") if is_pending else ""
    day = dates.day(cell("date", begun), layout.order).isoformat()
    known: dict[str, Any] = {
        "date": day,
        "amount": _amount(cells, layout),
        "currency": layout.currency or currency(cell("currency", ""), "currency"),
        **account_fields(cell("account", "")),
        "payee": " ".join(cell("payee", "").split()),
        "memo": " ".join(cell("memo", "").split()),
    }
    more: dict[str, Any] = counterparty_fields(cell("counterparty", ""))
    if layout.account:
        more |= counterparty_fields(cell("account", "")) | account_fields(layout.account)
    if (payer := " ".join(cell("payer", "").split())) and not known["amount"].startswith("-"):
        more["payee"] = payer  # the other party; beside the id, which stays that of what the column says
    if is_pending:
        more["status"] = "pending"
    if valued := cell("value_date"):
        more["value_date"] = _optional(lambda: dates.day(valued, layout.order).isoformat())
    if charges := cell("charges"):
        found = _optional(lambda: amount(_bare(charges), "charges", layout.decimal))
        more["charges"] = found if found.strip("-0.") else ""
        if more["charges"] and are_apart and "amount" in cells:  # beside the id, too
            more["amount"] = plain(Decimal(known["amount"]) - abs(Decimal(found)))
    if more.get("value_date") == day:
        del more["value_date"]
    return entries.transaction(line, known, more)


def _optional(read: Any) -> str:
    try:
        return str(read())
    except DataError:
        return ""


def _amount(cells: dict[str, str], layout: Layout) -> str:
    if text := cells.get("amount"):
        side = _SIDE.match(text) if len(text) < 60 else None
        value = amount(_bare(side[1] if side else text), "amount", layout.decimal)
        word = side[2].lower() if side else cells.get("sign", "").lower()
        if word in bank_headings.OUT and value.strip("-0."):
            return f"-{value.lstrip('-')}"
        return value
    for name in ("debit", "credit"):
        if text := cells.get(name):
            value = amount(_bare(text), name, layout.decimal)
            if value.strip("-0."):
                return f"-{value.lstrip('-')}" if name == "debit" else value
    if "debit" in cells or "credit" in cells:
        return "0.00"
    raise DataError("row has no amount", code="missing_field")


def _bare(text: str) -> str:
    """An amount without the sign or code of its currency."""
    return _SIGNS.sub("", text)
