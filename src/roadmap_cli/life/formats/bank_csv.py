"""Bank statements as CSV: which column is which, what marks decimals, in which order dates stand.

What the file shows beyond doubt is taken from it; what it leaves open (01/02/2026, 1.234, no currency) is asked for
with `--map`, never guessed: a wrong guess would be believed.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from roadmap_cli.core.errors import DataError, UsageError
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.life.formats import dates
from roadmap_cli.life.formats.bank_headings import HEADINGS, NO_AMOUNT
from roadmap_cli.life.formats.money import SIGNS, account_fields, amount, currency, decimal_mark
from roadmap_cli.life.formats.text import decode
from roadmap_cli.life.items import Source
from roadmap_cli.life.opened import Opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.settings import Settings

NAME, WHAT = "csv", "a bank's CSV"
#: Control characters that no text has.
_BINARY = re.compile(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f]|\0\0")
OPTIONS = ("order", "decimal", "delimiter")
#: Rows searched for the headings: some banks put a dozen lines of their own first.
PREAMBLE_ROWS = 40
LONGEST_FIELD = 1 << 16
MOST_COLUMNS = 200

_CODE_IN_HEADING = re.compile(r"[\[( ]([A-Z]{3})[\])]?\s*\Z")


@dataclass(frozen=True, slots=True)
class Layout:
    """How one file is to be read: where its rows begin, the place of each column, and the open questions' answers."""

    first_row: int
    columns: dict[str, int]
    currency: str
    order: str
    decimal: str


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


def items(opened: Opened, source: Source, settings: Settings) -> Iterator[Record | DataError]:
    """Its transactions; see `read`."""
    return read(decode(opened.data(), settings.charset), source, settings.mapping)


def read(text: str, source: Source, wishes: Mapping[str, str]) -> Iterator[Record | DataError]:
    """The transactions of a statement in its order. A broken row becomes a DataError in its place.

    If the layout stays unclear, one DataError whose hint says what to add to `--map`, and nothing else.
    """
    try:
        rows = _rows(text, wishes.get("delimiter"))
        layout = _layout(rows, wishes)
    except DataError as error:
        yield source.placed(error)
        return
    seen: dict[str, int] = {}
    for line, row in rows[layout.first_row :]:
        if not any(cell.strip() for cell in row):
            continue
        try:
            yield _record(row, line, layout, source, seen)
        except DataError as error:
            yield source.placed(error, line)


def matches(opened: Opened) -> bool:
    """A text with rows of equal width, as a table of a bank has."""
    head = opened.text_head
    if _BINARY.search(head) or head.startswith((b"<", b"{", b"[")):
        return False
    text = decode(head)
    try:
        rows = _rows(text[:20_000].rpartition("\n")[0] or text, None)
    except DataError:
        return False
    return any(len(row) >= 3 for _, row in rows[:PREAMBLE_ROWS])


def _rows(text: str, delimiter: str | None) -> list[tuple[int, list[str]]]:
    """All rows with the line each begins on."""
    lines = text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")
    mark = {"tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}.get(delimiter or "", delimiter) or _delimiter(
        lines
    )
    if len(mark) != 1:
        raise DataError("the delimiter is one character", code="bad_delimiter")
    csv.field_size_limit(LONGEST_FIELD)
    reader = csv.reader(io.StringIO(lines), delimiter=mark)
    found: list[tuple[int, list[str]]] = []
    line = 1
    try:
        for row in reader:
            if len(row) > MOST_COLUMNS:
                raise DataError(f"more than {MOST_COLUMNS} columns", where=str(line), code="bad_csv")
            found.append((line, row))
            line = reader.line_num + 1
    except csv.Error:
        raise DataError("not a table of comma-separated values", where=str(line), code="bad_csv") from None
    return found


def _delimiter(lines: str) -> str:
    """The mark that cuts most of the first lines into the same number of cells, at least three."""
    sample = [line for line in lines[:50_000].split("\n")[: PREAMBLE_ROWS + 20] if line.strip()]
    best, best_score = ",", 0
    for mark in (";", ",", "\t", "|"):
        widths = [line.count(mark) for line in sample]
        score = max((widths.count(width) * min(width, 8) for width in set(widths) if width >= 2), default=0)
        if score > best_score:
            best, best_score = mark, score
    return best


def _layout(rows: list[tuple[int, list[str]]], wishes: Mapping[str, str]) -> Layout:
    headings, columns = _columns(rows, wishes)
    body = [row for _, row in rows[headings + 1 :] if len(row) > max(columns.values())]
    titles = rows[headings][1]
    money = [columns[name] for name in ("amount", "debit", "credit") if name in columns]
    values = [row[place] for row in body for place in money]
    return Layout(
        headings + 1,
        columns,
        _currency(wishes, columns, [titles[place] for place in money], values),
        wishes.get("order") or dates.order([row[columns["date"]] for row in body]),
        {"comma": ",", "dot": "."}.get(wishes.get("decimal", "")) or decimal_mark(values),
    )


def _columns(rows: list[tuple[int, list[str]]], wishes: Mapping[str, str]) -> tuple[int, dict[str, int]]:
    """The row of the headings and the place of each column."""
    for place, (_, row) in enumerate(rows[:PREAMBLE_ROWS]):
        titles = [cell.strip().strip('"').lower() for cell in row]
        found: dict[str, int] = {}
        for field, words in HEADINGS.items():
            wish = wishes.get(field, "").lower()
            if wish and wish in titles:
                found[field] = titles.index(wish)
            elif not wish:
                spot = _fitting(titles, words, set(found.values()))
                if spot is not None:
                    found[field] = spot
        if "amount" in found:
            found.pop("debit", None)
            found.pop("credit", None)
        if "date" in found and ("amount" in found or "debit" in found or "credit" in found):
            for field, wish in wishes.items():
                if field in HEADINGS and field not in found and field != "currency":
                    raise DataError(f"no column {wish!r} for {field}", code="no_column")
            return place, found
    raise DataError(
        "cannot tell which columns hold date and amount",
        hint="name them: --map 'date=COLUMN,amount=COLUMN,payee=COLUMN'",
        code="unknown_columns",
    )


def _fitting(titles: list[str], words: tuple[str, ...], taken: set[int]) -> int | None:
    open_places = [
        place
        for place, title in enumerate(titles)
        if place not in taken and title and not any(word in title for word in NO_AMOUNT)
    ]
    for fits in (str.__eq__, str.startswith, _has_word):
        for word in words:
            for place in open_places:
                if fits(titles[place], word):
                    return place
    return None


def _has_word(title: str, word: str) -> bool:
    return f" {word} " in f" {re.sub(r'[^a-zà-ÿ]+', ' ', title)} "


def _currency(wishes: Mapping[str, str], columns: Mapping[str, int], titles: list[str], values: list[str]) -> str:
    """The one currency of all rows, or "" if a column has it."""
    if "currency" in columns:
        return ""
    if "currency" in wishes:
        return currency(wishes["currency"], "--map currency")
    in_titles = {found[1] for found in map(_CODE_IN_HEADING.search, titles) if found}
    signs = {code for sign, code in SIGNS.items() for text in (*titles, *values) if sign in text}
    codes = in_titles | signs
    if len(codes) == 1:
        return codes.pop()
    raise DataError("the file names no currency", hint="say which: --map currency=EUR", code="no_currency")


def _record(row: list[str], line: int, layout: Layout, source: Source, seen: dict[str, int]) -> Record:
    def cell(field: str) -> str:
        place = layout.columns.get(field)
        return row[place].strip() if place is not None and place < len(row) else ""

    day = dates.day(cell("date"), layout.order)
    money = _amount(cell, layout.decimal)
    fields: dict[str, Any] = {
        "date": day.isoformat(),
        "amount": money,
        "currency": layout.currency or currency(cell("currency"), "currency"),
    }
    fields |= account_fields(cell("account"))
    fields |= {name: " ".join(cell(name).split()) for name in ("payee", "memo") if cell(name)}
    twin = content_id("life.transaction", **fields)
    seen[twin] = seen.get(twin, 0) + 1
    if seen[twin] > 1:  # the same coffee twice a day is two transactions, in this file and when it is read again
        twin = content_id("life.transaction", **fields, occurrence=seen[twin])
    return {
        "kind": "life.transaction",
        "id": twin,
        "at": f"{day.isoformat()}T00:00:00.000Z",
        **fields,
        "source": source.name,
        "source_line": line,
        "source_id": source.id,
    }


def _amount(cell: Any, decimal: str) -> str:
    if cell("amount"):
        return amount(_bare(cell("amount")), "amount", decimal)
    for field in ("debit", "credit"):
        if cell(field):
            money = amount(_bare(cell(field)), field, decimal)
            if money.strip("-0."):
                return f"-{money.lstrip('-')}" if field == "debit" else money
    raise DataError("row has no amount", code="missing_field")


def _bare(text: str) -> str:
    """An amount without the sign or code of its currency."""
    return re.sub(r"[A-Za-zżł€£$¥₹₽₺₪₩č]+", "", text)
