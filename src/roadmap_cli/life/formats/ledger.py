"""Journals of hledger and ledger, read by own code: transactions, balance assertions, prices, and what they include.

Of the two dialects that is read which both mean alike; automated and periodic transactions are rules, and left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life.formats import journal, layouts, ledger_amounts
from roadmap_cli.life.formats.entries import Entries, day_of
from roadmap_cli.life.formats.journal_files import Files
from roadmap_cli.life.formats.ledger_amounts import Amounts
from roadmap_cli.life.kinds.items import Position, Source
from roadmap_cli.life.kinds.money import plain
from roadmap_cli.life.opening.charsets import decode, decode_part
from roadmap_cli.life.opening.opened import Opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.opening.settings import Settings

NAME, WHAT = "ledger", "an hledger or ledger journal"

_DATE = re.compile(r"(?:\d{4}[-/.])?\d{1,2}[-/.]\d{1,2}(?:[=\s]|\Z)")
_LIKE_AMOUNT = re.compile(
    r"[-+]?\s?(?:\"[^\"]{1,40}\"|[^\s\d\"'()]{0,5})\s?[-+]?\d[\d.,']*(?:\s?[^\s\d;@=]{1,20})?\s*(?:[;@={]|\Z)"
)
#: A line that is longer is none that people write.
_LONGEST_LINE = 1_000
_HEAD = re.compile(
    r"(?:(\d{4})[-/.])?(\d{1,2})[-/.](\d{1,2})(?:=[-/.\d]+)?(?:\s+([*!]))?(?:\s+\(([^)]*)\))?(?:\s+(.*))?\Z", re.DOTALL
)
_PRICE = re.compile(
    r"P\s+(?:(\d{4})[-/.])?(\d{1,2})[-/.](\d{1,2})(?:\s+\d\d?:\d\d(?::\d\d)?)?\s+(\"[^\"]+\"|[^\s\d]+)\s+(.+)\Z"
)
_POSTING = re.compile(r"\s+(?:[*!]\s+)?([(\[]?)([^\s;](?:[^\t ]| (?! ))*)(?:(?:  |\t)\s*(.*))?\Z", re.DOTALL)
_BLOCKS = {"comment": "end comment", "test": "end test"}
#: Directives that move no money.
_WORDS = ("apply", "assert", "bucket", "A", "capture", "check", "commodity", "C", "D", "define", "decimal-mark", "def",
          "end", "eval", "expr", "fixed", "endfixed", "N", "P", "payee", "python", "tag", "test", "value", "year", "Y",
          "account", "alias", "import")  # fmt: skip
_TYPES = {"a": "own", "l": "own", "c": "own", "e": "equity", "r": "outer", "x": "outer", "v": "equity",
          "asset": "own", "liability": "own", "cash": "own", "equity": "equity", "revenue": "outer", "expense": "outer",
          "conversion": "equity"}  # fmt: skip


def matches(opened: Opened) -> bool:
    """A date at the margin, and below it, indented, two accounts, one of them with two blanks and an amount behind."""
    accounts = amounts = 0
    dated = False
    for line in decode_part(opened.text_head)[:32_768].replace("\r\n", "\n").split("\n"):
        if line[:1] not in (" ", "\t"):
            accounts = amounts = 0
            dated = bool(_DATE.match(line[:24]))
            continue
        text = line.strip()[:300]
        if not text or text[0] in ";#" or not dated:
            continue
        name, *rest = re.split(r" {2,}|\t+", text, maxsplit=1)
        if not name.lstrip("*!([ ")[:1].isalpha():
            dated = False
            continue
        accounts += 1
        amounts += bool(rest and _LIKE_AMOUNT.match(rest[0]))
        if accounts >= 2 and amounts:
            return True
    return False


def items(opened: Opened, source: Source, settings: Settings) -> Iterator[Record | DataError | Position]:
    """Its transactions, balances and prices, with those of the files it includes."""
    text = decode(opened.data(), settings.charset)
    layout = layouts.known("ledger", [opened.name], settings)
    amounts = Amounts({**layout, **settings.mapping})
    reader = _Reader(Files(opened, settings.charset), amounts)
    try:
        amounts.learn(text)
    except DataError as error:
        yield source.placed(error)
        return
    yield from reader.read(text, source, opened.path or source.name)
    if settings.mapping.get("currency") or settings.mapping.get("decimal"):
        kept = {"currency": amounts.unit, "decimal": settings.mapping.get("decimal") or layout.get("decimal", "")}
        yield layouts.learned("ledger", [opened.name], kept)


class _Reader:
    """What directives have said so far."""

    def __init__(self, files: Files, amounts: Amounts):
        self._files = files
        self._amounts = amounts
        self._kinds: dict[str, str] = {}
        self._aliases: list[tuple[re.Pattern[str] | str, str]] = []
        self._parents: list[str] = []
        self._year = ""
        self._asked = False
        self._totals: dict[tuple[str, str], Decimal] = {}
        self._last_day = ""

    def read(self, text: str, source: Source, path: str) -> Iterator[Record | DataError]:
        """The records of one file, and of what it includes where it does."""
        entries = Entries(source)
        for line, block in _blocks(text):
            try:
                head = block[0]
                if any(len(each) > _LONGEST_LINE and len(_bare(each)) > _LONGEST_LINE for each in block):
                    raise DataError("a line is too long for a journal", code="bad_journal")
                if re.match(r"!?include\s", head):
                    for name, content in self._files.included(head.partition("include")[2], path):
                        yield from self.read(content, replace(source, name=name), name)
                elif head[0].isdigit():
                    yield from self._transaction(line, block, entries)
                elif head.startswith("P ") and (found := _PRICE.match(_bare(head))):
                    day = self._day(found[1], found[2], found[3])
                    value, unit = self._amounts.one(found[5])
                    unit, what = self._amounts.currency(unit), found[4].strip('"')
                    if unit:
                        yield entries.price(line, {"date": day, "security": self._amounts.currency(what) or what,
                                                   "amount": plain(value), "currency": unit})  # fmt: skip
                else:
                    self._directive(block)
            except DataError as error:
                if error.code == "no_currency":  # asked once for the whole journal
                    if self._asked:
                        continue
                    self._asked = True
                yield source.placed(error, None if error.where else line)

    def _directive(self, block: list[str]) -> None:
        head = _bare(block[0]).lstrip("!")
        word, _, rest = head.partition(" ")
        rest = rest.strip()
        if word in ("account", "alias") and rest:
            if word == "alias":
                old, _, new = rest.partition("=")
                self._alias(old.strip(), new.strip())
            else:
                whole = "\n".join(block)
                found = re.search(r"\btype:\s*(\w+)", whole)
                name = re.split(r"  |\t|;", rest)[0].strip()
                if found and found[1].lower() in _TYPES:
                    self._kinds[name] = _TYPES[found[1].lower()]
                for other in re.findall(r"^\s+alias\s+(.+?)\s*$", whole, re.MULTILINE):
                    self._alias(other, name)
        elif word in ("Y", "year") or head.startswith("apply year"):
            found = re.search(r"\d{4}", rest)
            self._year = found[0] if found else self._year
        elif re.match(r"Y\d{4}", word):
            self._year = word[1:5]
        elif word == "apply" and rest.startswith("account"):
            self._parents.append(rest.removeprefix("account").strip())
        elif head.startswith("end apply account") and self._parents:
            self._parents.pop()
        elif head.startswith("end aliases"):
            self._aliases.clear()
        elif word not in _WORDS:
            raise DataError("not a transaction and not a directive", code="bad_journal")

    def _alias(self, old: str, new: str) -> None:
        if old.startswith("/") and old.endswith("/") and len(old) < 200:
            # a person's own expression may take exponential time; only plain words are taken from it
            words = old.strip("/").removeprefix("^").removesuffix("$")
            if re.fullmatch(r"[\w :.-]+", words):
                self._aliases.append((re.compile(re.escape(words)), new))
        elif old:
            self._aliases.append((old, new))

    def _account(self, name: str) -> str:
        full = ":".join([*self._parents, name.strip()])
        for old, new in self._aliases:
            if isinstance(old, str):
                if full == old or full.startswith(f"{old}:"):
                    full = new + full[len(old) :]
            else:
                full = old.sub(lambda _, new=new: new, full)  # type: ignore[misc]
        return full

    def _day(self, year: str | None, month: str, day: str) -> str:
        if not (year or self._year):
            raise DataError("date has no year", hint="write it, or a line Y2026 above", code="bad_time")
        return day_of(int(year or self._year), int(month), int(day), "date")

    def _transaction(self, line: int, block: list[str], entries: Entries) -> Iterator[Record]:
        head = _HEAD.match(_bare(block[0]).rstrip())
        if not head:
            raise DataError("not a transaction", code="bad_journal")
        payee, _, note = (head[6] or "").partition("|")
        found = journal.Transaction(
            self._day(head[1], head[2], head[3]),
            line,
            payee=" ".join(payee.split()),
            memo=" ".join(note.split()),
            code=head[5] or "",
        )
        for number, text in enumerate(block[1:], line + 1):
            posting = _POSTING.match(_bare(text).rstrip()) if text.strip()[:1] not in ("", ";", "#") else None
            if posting:
                try:
                    found.postings.append(self._posting(posting, number, found.day))
                except DataError as error:
                    raise DataError(error.message, where=str(number), hint=error.hint, code=error.code) from None
        journal.balanced(found, conversion=True)
        for each in found.postings:
            key = (each.account, each.commodity)
            self._totals[key] = self._totals.get(key, Decimal()) + (each.quantity or Decimal())
        self._last_day = max(self._last_day, found.day)
        self._amounts.ask(
            each.commodity for each in found.postings if journal.kind_of(each.account, self._kinds) == "own"
        )
        yield from journal.records(found, entries, self._kinds, self._amounts.units)

    def _posting(self, found: re.Match[str], line: int, day: str) -> journal.Posting:
        name = found[2].strip()
        if found[1]:
            name = name.removesuffix(")" if found[1] == "(" else "]")
        posting = journal.Posting(self._account(name), line, virtual=found[1])
        text, assertion = ledger_amounts.parted(found[3] or "")
        if text:
            self._amounts.into(posting, text)
        if assertion:
            value, unit = self._amounts.one(assertion)
            posting.asserted = value, unit
            if not text:  # a balance assignment: the amount is what is missing to the balance
                if day < self._last_day:
                    raise DataError(
                        "a balance is assigned, and the journal is not in order of time", code="bad_journal"
                    )
                posting.quantity = value - self._totals.get((posting.account, unit), Decimal())
                posting.commodity = unit
        return posting


def _bare(line: str) -> str:
    """A line without its comment."""
    place = line.find(";")
    while place > 0 and not line[place - 1].isspace():
        place = line.find(";", place + 1)
    return line if place < 0 else line[:place]


def _blocks(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each directive or transaction with its indented lines; rules, comments and time clocks are left out."""
    block: list[str] = []
    begin, until = 0, ""
    for number, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        if until:
            until = "" if line.strip() in (until, "end") else until
        elif line[:1] in (" ", "\t") and line.strip():
            if block:
                block.append(line)
        else:
            if block:
                yield begin, block
            block = []
            if line.strip().lstrip("!@") in _BLOCKS:
                until = _BLOCKS[line.strip().lstrip("!@")]
            elif line[:1].isalnum() or line[:1] == "!":
                if re.match(r"[iIoObh] \d{4}", line):
                    continue
                block, begin = [line], number
    if block:
        yield begin, block
