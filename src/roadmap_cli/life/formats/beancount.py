"""Journals of beancount, read by own code: its language (v3) as far as money moves by it.

Transactions, balance assertions and prices are read; what only describes (open, note, event, query) is passed over.
Plugins are programs and are not run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal, DivisionByZero, InvalidOperation

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life.formats import journal
from roadmap_cli.life.formats.entries import Entries, day_of
from roadmap_cli.life.formats.journal_files import Files
from roadmap_cli.life.kinds.items import Source
from roadmap_cli.life.kinds.money import plain
from roadmap_cli.life.opening.charsets import decode, decode_part
from roadmap_cli.life.opening.opened import Opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.opening.settings import Settings

NAME, WHAT = "beancount", "a beancount journal"

_MARK = re.compile(
    r"^(?:\d{4}[-/]\d\d[-/]\d\d[ \t]+(?:(?:txn|[*!&#?%PSTCURM])[ \t]+\"|(?:open|close|pad|balance)[ \t]+[^\W\d_]|"
    r"(?:commodity|price)[ \t]+[A-Z]|(?:note|event|custom|document|query)[ \t]+[\w\"])|"
    r"option[ \t]+\"[a-z_]+\"[ \t]+\"|plugin[ \t]+\"beancount[^\"\n]+\"|"
    r"include[ \t]+\"[^\"\n]+\.bean(?:count)?\"[ \t]*$)",
    re.MULTILINE,
)
_DATED = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})[ \t]+(txn|[a-z]+|[*!&#?%PSTCURM])(?:[ \t]+(.*))?\Z", re.DOTALL)
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_POSTING = re.compile(r"\s+(?:([*!&#?%A-Z])\s+)?([^\W\d_][^\s:;]*(?::[^\s:;]+)+)\s*(.*)\Z", re.DOTALL)
_UNIT = r"[A-Z](?:[A-Z0-9'._-]*[A-Z0-9])?"
_NUMBER = r"[-+]?[\d(.][\d.,()*/+\- \t]*"
_AMOUNT = re.compile(
    rf"({_NUMBER}?)\s*(/?{_UNIT})?\s*(\{{\{{?.*?\}}\}}?)?\s*(?:(@@?)\s*({_NUMBER})?\s*(/?{_UNIT})?)?\s*\Z", re.DOTALL
)
_COST = re.compile(rf"({_NUMBER})?\s*(?:#\s*({_NUMBER}))?\s*({_UNIT})?")
#: A string that goes on for longer was never closed.
_LONGEST_STRING = 20_000
_LONGEST_AMOUNT = 500
_SIMPLE = re.compile(r"[-+]?[\d,]+\.?\d*\Z", re.ASCII)


def matches(opened: Opened) -> bool:
    """A directive that no other language has."""
    return bool(_MARK.search(decode_part(opened.text_head)[:32_768]))


def items(opened: Opened, source: Source, settings: Settings) -> Iterator[Record | DataError]:
    """Its transactions, balances and prices, with those of the files it includes."""
    files = Files(opened, settings.charset)
    reader = _Reader(files)
    yield from reader.read(decode(opened.data(), settings.charset), source, opened.path or source.name)


class _Reader:
    """What options have said so far."""

    def __init__(self, files: Files):
        self._files = files
        self._kinds: dict[str, str] = {}

    def read(self, text: str, source: Source, path: str) -> Iterator[Record | DataError]:
        """The records of one file, and of what it includes where it does."""
        entries = Entries(source)
        for line, block in _blocks(text):
            try:
                if block[0].startswith("include"):
                    name = _strings(block[0])
                    for found, content in self._files.included(name[0] if name else "", path):
                        yield from self.read(content, replace(source, name=found), found)
                else:
                    yield from self._directive(line, block, entries)
            except DataError as error:
                yield source.placed(error, None if error.where else line)

    def _directive(self, line: int, block: list[str], entries: Entries) -> Iterator[Record]:
        head = "\n".join(block) if block[0].count('"') % 2 else block[0]
        if head.startswith("option"):
            words = _strings(head)
            for option, kind in (("name_assets", "own"), ("name_liabilities", "own"), ("name_equity", "equity"),
                                 ("name_income", "outer"), ("name_expenses", "outer")):  # fmt: skip
                if len(words) == 2 and words[0] == option:
                    self._kinds[words[1]] = kind
            return
        found = _DATED.match(_without_comment(head))
        if not found:
            if not re.match(r"(?:option|plugin|include|pushtag|poptag|pushmeta|popmeta)\b", head):
                raise DataError("not a directive of beancount", code="bad_journal")
            return
        day = day_of(int(found[1]), int(found[2]), int(found[3]), "date")
        word, rest = found[4], (found[5] or "").strip()
        if word == "txn" or len(word) == 1:
            yield from self._transaction(line, day, rest, block[1:], block[0].count("\n"), entries)
        elif word == "balance":
            account, _, amount = rest.partition(" ")
            value, unit = _amount(amount.split("~")[0] + (_tail(amount) if "~" in amount else ""))
            known = journal.currency_of(unit, {})
            if known and journal.kind_of(account, self._kinds) == "own":
                # beancount's assertion holds at the beginning of its day: it is the balance of the day before
                yield journal.balance(entries, line, _day_before(day), account, value, known)
        elif word == "price":
            security, _, amount = rest.partition(" ")
            value, unit = _amount(amount)
            if journal.currency_of(unit, {}) and security:
                yield entries.price(line, {"date": day, "security": security, "amount": plain(value), "currency": unit})

    def _transaction(
        self, line: int, day: str, rest: str, body: list[str], shift: int, entries: Entries
    ) -> Iterator[Record]:
        words = _strings(rest)
        payee, memo = (words[0], words[1]) if len(words) > 1 else ("", words[0] if words else "")
        found = journal.Transaction(day, line, payee=payee, memo=memo)
        if not payee:
            found.payee, found.memo = memo, ""
        number = line + shift
        for text in body:
            number += 1
            if len(text) > _LONGEST_STRING:
                raise DataError("a line is too long for a journal", where=str(number), code="bad_journal")
            posting = _POSTING.match(_without_comment(text))
            if posting:
                found.postings.append(_posting(posting[2], number, posting[3].strip()))
            number += text.count("\n")
        journal.balanced(found, conversion=False)
        yield from journal.records(found, entries, self._kinds, {})


def _blocks(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each directive with its indented lines; a string that goes on takes the lines it goes on over."""
    block: list[str] = []
    begin = 0
    within = False
    for number, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        if block and (within or not line.strip() or line[:1] in " \t"):
            if within:
                block[-1] += "\n" + line
            else:
                block.append(line)
        else:
            if block:
                yield begin, block
            block, begin, within = ([line], number, False) if line[:1].isalnum() else ([], 0, False)
        if block and '"' in line:
            seen = re.sub(r"\\.", "", line if within else _without_comment(line))
            within ^= seen.count('"') % 2 == 1
            if within and len(block[-1]) > _LONGEST_STRING:
                within = False
    if block:
        yield begin, block


def _strings(text: str) -> list[str]:
    """The quoted strings of a line, in one line each."""
    return [" ".join(re.sub(r"\\(.)", r"\1", each).split()) for each in _STRING.findall(text)]


def _without_comment(line: str) -> str:
    """A line up to a semicolon outside of strings."""
    if ";" not in line:
        return line
    quoted = False
    for place, sign in enumerate(line):
        if sign == '"' and line[place - 1 : place] != "\\":
            quoted = not quoted
        elif sign == ";" and not quoted:
            return line[:place]
    return line


def _tail(text: str) -> str:
    found = re.search(rf"\s({_UNIT})\s*\Z", text)
    return f" {found[1]}" if found else ""


def _day_before(day: str) -> str:
    from datetime import date, timedelta

    try:
        return (date.fromisoformat(day) - timedelta(days=1)).isoformat()
    except OverflowError:
        return day


def _amount(text: str) -> tuple[Decimal, str]:
    found = re.fullmatch(rf"\s*({_NUMBER}?)\s*({_UNIT})\s*", text)
    if not found:
        raise DataError("amount is not a number and a currency", code="bad_amount")
    return _value(found[1]), found[2]


def _posting(account: str, line: int, text: str) -> journal.Posting:
    posting = journal.Posting(account, line)
    if not text:
        return posting
    found = _AMOUNT.match(text) if len(text) <= _LONGEST_AMOUNT else None
    try:
        if not found:
            raise DataError("posting is not one", code="bad_amount")
        if not found[1]:
            posting.commodity = found[2] or ""
            return posting
        posting.quantity, posting.commodity = _value(found[1]), found[2] or ""
        if not posting.commodity:
            raise DataError("posting has no currency", code="no_currency")
        if found[3]:
            posting.has_cost = True
            _cost(posting, found[3])
        elif found[4] and found[5] and found[6]:
            price = _value(found[5])
            total = abs(price) * (1 if posting.quantity >= 0 else -1) if found[4] == "@@" else price * posting.quantity
            posting.weight = (total, found[6])
            posting.unit_price = price if found[4] == "@" else None
        elif found[4]:
            posting.has_cost = True  # a price to be filled in: what it counts is not known
    except DataError as error:
        raise DataError(error.message, where=str(line), code=error.code) from None
    if journal.currency_of(posting.commodity, {}) and found[4] and not found[3]:
        posting.has_cost = False
    return posting


def _cost(posting: journal.Posting, text: str) -> None:
    inner = text.strip("{}").split(",")
    quantity = posting.quantity or Decimal()
    whole = text.startswith("{{")
    for piece in inner:
        found = _COST.fullmatch(piece.strip())
        if not found or not found[3] or not (found[1] or found[2]) or re.match(r"\d{4}-\d\d-\d\d", piece.strip()):
            continue
        each, total = (_value(found[place]) if found[place] else Decimal() for place in (1, 2))
        if whole:
            posting.weight = (abs(each) * (1 if quantity >= 0 else -1), found[3])
        else:
            posting.weight = (each * quantity + (total if quantity >= 0 else -total), found[3])
            posting.unit_price = each
        return


def _value(text: str) -> Decimal:
    """A number, or what an arithmetic expression of numbers comes to. Raises DataError."""
    plain_text = text.strip()
    if _SIMPLE.match(plain_text):
        return journal.number(plain_text)
    tokens = re.findall(r"[\d.,]+|[-+*/()]", plain_text)
    if len(tokens) > 200 or not tokens:
        raise DataError("amount is not a number", code="bad_amount")
    try:
        value, rest = _sum(tokens)
    except (InvalidOperation, DivisionByZero, IndexError, RecursionError):
        raise DataError("amount is not a number", code="bad_amount") from None
    if rest or not value.is_finite() or abs(value) >= Decimal(10) ** 18:
        raise DataError("amount is not a number", code="bad_amount")
    return value if -int(value.as_tuple().exponent) <= 18 else round(value, 18)


def _sum(tokens: list[str]) -> tuple[Decimal, list[str]]:
    value, tokens = _product(tokens)
    while tokens and tokens[0] in "+-":
        other, rest = _product(tokens[1:])
        value, tokens = (value + other if tokens[0] == "+" else value - other), rest
    return value, tokens


def _product(tokens: list[str]) -> tuple[Decimal, list[str]]:
    value, tokens = _factor(tokens)
    while tokens and tokens[0] in "*/":
        other, rest = _factor(tokens[1:])
        value, tokens = (value * other if tokens[0] == "*" else value / other), rest
    return value, tokens


def _factor(tokens: list[str]) -> tuple[Decimal, list[str]]:
    if tokens[0] in "+-":
        value, rest = _factor(tokens[1:])
        return (-value if tokens[0] == "-" else value), rest
    if tokens[0] == "(":
        value, rest = _sum(tokens[1:])
        if not rest or rest[0] != ")":
            raise IndexError
        return value, rest[1:]
    return journal.number(tokens[0]), tokens[1:]
