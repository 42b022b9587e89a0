"""What stands on the account, as a bank's CSV states it above its headings or below its rows.

`Kontostand vom 28.11.2026:;3.120,55 EUR`: a word for a balance, one amount, and a day. The day is that of the row, or
of a row that has nothing but a date, or, where the word says that it is the last balance, that of the newest
transaction.
What names two days, two amounts or no currency is left alone: a wrong balance would be believed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life.formats import dates
from roadmap_cli.life.formats.bank_layout import Layout
from roadmap_cli.life.formats.csv_rows import Row
from roadmap_cli.life.formats.entries import Entries
from roadmap_cli.life.kinds.money import ISO_4217, SIGNS, account_fields, amount

_BALANCE = re.compile(
    r"kontostand|\bsaldo|\bbalance\b|\bsolde\b|zůstatek|stan konta|egyenleg|\btilgodehavende\b|\bbakiye", re.IGNORECASE
)
_OPENING = re.compile(
    r"\b(?:alter|letzter|anfangs?\w*|opening|beginning|starting|start|previous|brought|initial|inicial|iniziale|"
    r"précédent|ancien|anterior|precedente|begin\w*|vorig\w*|počáteční|początkow\w*|ingående|nyitó)\b",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"\b(?:neuer|aktueller|end\w*|current|closing|ending|latest|final|finale|nouveau|actuel|actual|attuale|eind\w*|"
    r"huidig\w*|konečný|končow\w*|końcow\w*|aktuální|utgående|aktuellt|záró)\b",
    re.IGNORECASE,
)
_AVAILABLE = re.compile(
    r"verfügbar|available|\bdisponib|\bdisponível|beschikbaar|dostępn|tillgänglig|disponibel", re.IGNORECASE
)
#: What a row with nothing but the day of the statement begins with.
_DAY_WORDS = frozenset(("date", "datum", "stand", "fecha", "data", "dato", "as of", "as at", "per", "stand vom"))
_DAY = re.compile(
    r"(?<![\d.,])(?:\d{1,2}([./-])\d{1,2}\1\d{4}|\d{4}-\d{2}-\d{2}|\d{1,2}\.?[ -][^\W\d_]{3,9}\.?[ -]\d{4})(?!\d)"
)
_OWED = re.compile(r"\s*(?:[A-Z]{3}\s+)?(?:S|SOLL|D|DR|DEBIT)\b\.?", re.IGNORECASE)
_LONGEST_WORD = 80


class Stated:
    """Collects the rows that may state a balance, and makes the records once all transactions are seen."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._rows: list[Row] = []
        self._newest = ""
        self._units: set[str] = set()

    def look(self, line: int, row: Sequence[str]) -> None:
        """A row that is no transaction."""
        if len(self._rows) < 100:
            self._rows.append((line, [cell.strip() for cell in row if cell.strip()]))

    def see(self, record: Record) -> None:
        """A transaction: a last balance holds after the newest that is booked, and in its currency."""
        self._units.add(record["currency"])
        if not record.get("status"):
            self._newest = max(self._newest, record["date"])

    def records(self, entries: Entries, known: Record | None) -> Iterator[Record]:
        """The balances. `known` is what the column of balances says: what it tells of a day is not told again."""
        told = {("booked", known["date"])} if known else set()
        only = self._only_day()
        for line, cells in self._rows:
            fields = self._fields(cells, only)
            if fields is not None and (fields["type"], fields["date"]) not in told:
                told.add((fields["type"], fields["date"]))
                yield entries.balance(line, fields | account_fields(self._layout.account))

    def _only_day(self) -> str:
        """The day of a row that has nothing but a date, if there is just one such day."""
        days = {
            day
            for _, cells in self._rows
            if len(cells) == 2 and cells[0].rstrip(": ").lower() in _DAY_WORDS and (day := self._one_day(cells[1]))
        }
        return days.pop() if len(days) == 1 else ""

    def _fields(self, cells: Sequence[str], only_day: str) -> dict[str, Any] | None:
        if not cells or not _BALANCE.search(cells[0][:_LONGEST_WORD]):
            return None
        text = " ; ".join(cells)
        word = _DAY.sub("", cells[0]).partition(":")[0]
        kind = "available" if _AVAILABLE.search(word) else "opening" if _OPENING.search(word) else "booked"
        day = self._one_day(text)
        if not day and not _DAY.search(text):
            day = only_day or (self._newest if kind == "booked" and _CLOSING.search(word) else "")
        value, unit = self._money(_DAY.sub(" ", text)), self._unit(cells)
        if not day or value is None or not unit:
            return None
        name = " ".join(re.sub(r"[\d.,'’()]+|\b(?:vom|per|am|au|al|as of|as at|on|a)\s*$", " ", word).split())
        return {"date": day, "type": kind, "amount": value, "currency": unit, "name": name[:_LONGEST_WORD]}

    def _one_day(self, text: str) -> str:
        """The one day that a text names, or ""."""
        found = {match[0] for match in _DAY.finditer(text)}
        if len(found) != 1:
            return ""
        (shown,) = found
        order = self._layout.order
        try:
            if order == "ymd" and not re.match(r"\d{4}", shown):
                order = dates.order([shown])
            return dates.day(shown, order).isoformat()
        except DataError:
            return ""

    def _money(self, text: str) -> str | None:
        """The one amount with decimals in a text, or the number that is all of a cell; None if it is not just one."""
        mark = self._layout.decimal
        groups = rf"[{'.' if mark == ',' else ','}'’ \u00a0\u202f]"
        number = rf"[-+−–(]?\s?[€£$¥]?\s?[-−]?\d+(?:{groups}\d{{3}})*"
        found = list(re.finditer(rf"(?<![\w.,]){number}{re.escape(mark)}\d{{1,2}}(?!\d)\)?-?", text))
        if not found:
            whole = rf"(?<=;)\s*{number}\s*(?:[A-Z]{{3}}|[€£$¥])?\s*(?=;|\Z)"
            found = list(re.finditer(whole, text))
        if len(found) != 1:
            return None
        try:
            value = amount(re.sub(r"[A-Z€£$¥]", "", found[0][0]), "balance", mark)
        except DataError:
            return None
        return f"-{value.lstrip('-')}" if _OWED.match(text, found[0].end()) and value.strip("-0.") else value

    def _unit(self, cells: Sequence[str]) -> str:
        text = " ".join(cells)
        codes = set(re.findall(r"\b[A-Z]{3}\b", text)) & ISO_4217
        codes |= {code for sign, code in SIGNS.items() if sign in text}
        codes = codes or self._units
        return next(iter(codes)) if len(codes) == 1 else ""
