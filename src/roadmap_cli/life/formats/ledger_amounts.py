"""Amounts of hledger and ledger: a commodity before or behind, lots, prices, and marks that a journal shows by use."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from roadmap_cli.core.errors import DataError
from roadmap_cli.life.formats import journal
from roadmap_cli.life.kinds.money import ISO_4217, SIGNS, decimal_mark

#: Signs that mean one currency wherever they stand; the bare $ and kr do not.
_SIGNS = {**SIGNS, "US$": "USD", "C$": "CAD", "CA$": "CAD", "A$": "AUD", "AU$": "AUD", "NZ$": "NZD", "R$": "BRL",
          "HK$": "HKD", "S$": "SGD", "Fr.": "CHF", "SFr.": "CHF", "Ft": "HUF", "zł": "PLN", "Kč": "CZK"}  # fmt: skip
#: What several currencies are written as, or none.
_SEVERAL = ("$", "kr", "¥", "")
_NUMBER = r"[-+]?\s?(?:\d[\d.,'’_\u00a0\u202f ]*|[.,]\d+)"
_SIGN = r"\"[^\"]+\"|[^\d\s.,;\"{}()\[\]@=+*/<>&|!?-][^\d\s.,;\"{}()\[\]@=+*/<>&|!?-]*"
_BEFORE = re.compile(rf"([-+]?)\s*({_SIGN})\s*({_NUMBER})\s*\Z")
_BEHIND = re.compile(rf"({_NUMBER})\s*({_SIGN})?\s*\Z")
_LOT = re.compile(r"\{\{?\s*=?([^}]*)\}\}?|\[[^\]]*\]|\([^)]*\)")
_NUMBERS = re.compile(r"\d[\d.,]*[.,]\d+")


def parted(text: str) -> tuple[str, str]:
    """A posting's amount with its price, and the balance it asserts behind = or ==; each may be empty."""
    place = text.find("=")
    while place > 0 and text[:place].count("{") > text[:place].count("}"):  # {=10 EUR} fixes a price
        place = text.find("=", place + 1)
    if place < 0:
        return text.strip(), ""
    return text[:place].strip(), re.split(r"@|\{", text[place:].lstrip("=* "))[0].strip()


def _written(text: str) -> Iterator[str]:
    """The numbers with marks that stand where amounts do."""
    for line in text.split("\n"):
        if line[:1] in (" ", "\t"):
            _, *rest = re.split(r" {2,}|\t+", line.strip()[:300], maxsplit=1)
            yield from _NUMBERS.findall(rest[0].partition(";")[0] if rest else "")
        elif re.match(r"commodity\s|D\s|P\s", line):
            words = line.partition(";")[0]
            yield from _NUMBERS.findall(words if line[0] != "P" else words[12:])


class Amounts:
    """How one journal writes amounts: its decimal mark, and the currency of a sign that several have."""

    def __init__(self, wishes: Mapping[str, str]):
        """`wishes` has `currency` and `decimal` as --map has them."""
        self.unit = wishes.get("currency", "").upper()
        self._mark = {"comma": ",", "dot": "."}.get(wishes.get("decimal", ""), "")
        self._default = ""
        self.units: dict[str, str] = dict(_SIGNS)
        if self.unit in ISO_4217:
            self.units |= dict.fromkeys(_SEVERAL, self.unit)

    def learn(self, text: str) -> None:
        """Find the decimal mark and the default commodity. Raises DataError (ambiguous_amounts)."""
        declared = re.search(r"^decimal-mark[ \t]{1,9}([.,])", text, re.MULTILINE)
        if declared:
            self._mark = declared[1]
        default = re.search(r"^D[ \t]{1,9}([^\n]{1,100})$", text, re.MULTILINE)
        if not self._mark:
            self._mark = decimal_mark(dict.fromkeys(_written(text)))
        if default:
            try:
                self._default = self.one(default[1])[1]
            except DataError:
                self._default = ""

    def currency(self, commodity: str) -> str:
        """The currency that a commodity is; "" for a security."""
        return journal.currency_of(commodity, self.units)

    def ask(self, commodities: Iterable[str]) -> None:
        """Raise DataError (no_currency) if money stands under a sign that several currencies have."""
        if any(commodity in _SEVERAL and commodity not in self.units for commodity in commodities):
            raise DataError(
                "amounts have no currency, or a sign that several have",
                hint="say which: --map currency=USD",
                code="no_currency",
            )

    def one(self, text: str) -> tuple[Decimal, str]:
        """A plain amount: number and commodity. Raises DataError."""
        plain = text.strip()
        if found := _BEFORE.match(plain):
            value = journal.number(found[3], self._mark)
            return (-value if found[1] == "-" else value), found[2].strip('"')
        if found := _BEHIND.match(plain):
            return journal.number(found[1], self._mark), (found[2] or self._default).strip('"')
        raise DataError("amount is not a number and a commodity", code="bad_amount")

    def into(self, posting: journal.Posting, text: str) -> None:
        """Read the amount of a posting with its lot and price. Raises DataError."""
        amount, total, price = text, "", ""
        if "@" in text:
            amount, _, price = text.partition("@")
            total = "@" if price.startswith("@") else ""
            price = price.removeprefix("@").strip("() ")
        amount = amount.strip().removesuffix("(").strip()
        lots = [found for found in _LOT.finditer(amount) if found[1]] if "{" in amount else []
        if "{" in amount or "[" in amount:
            amount = _LOT.sub("", amount).strip()
        posting.quantity, posting.commodity = self.one(amount)
        quantity = posting.quantity
        if price:
            value, unit = self.one(price)
            posting.weight = (abs(value) * (1 if quantity >= 0 else -1) if total else value * quantity, unit)
            posting.unit_price = None if total else value
        elif lots:
            value, unit = self.one(lots[0][1])
            whole = lots[0][0].startswith("{{")
            posting.weight = (abs(value) * (1 if quantity >= 0 else -1) if whole else value * quantity, unit)
            posting.unit_price = None if whole else value
        posting.has_cost = bool(lots)
