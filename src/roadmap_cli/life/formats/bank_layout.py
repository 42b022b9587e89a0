"""How one bank's CSV is to be read: which column is which, what marks decimals, in which order dates stand.

What the file shows beyond doubt is taken from it; what it leaves open (01/02/2026, 1.234, no currency) was answered
before for these headings, or is asked for: a wrong guess would be believed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from roadmap_cli.core.errors import DataError
from roadmap_cli.life.formats import bank_headings, dates, layouts
from roadmap_cli.life.formats.bank_headings import HEADINGS, NO_AMOUNT
from roadmap_cli.life.formats.csv_rows import PREAMBLE_ROWS, Row, Table
from roadmap_cli.life.kinds.money import ISO_4217, SIGNS, currency, decimal_mark, is_iban

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.opening.settings import Settings

#: So many rows are looked at before all of them are.
_SAMPLE_ROWS = 2_000
_CODE_IN_HEADING = re.compile(r"[\[( ]([A-Z]{3})[\])]?\s*\Z")
_MONEY = re.compile(
    r"[\s(]*[-+−–]?\s*(?:[A-Z]{3}|[^\w\s,.()]{1,3})?\s*[-+−–]?\d[\d.,'’ \u00a0\u202f]*"
    r"(?:[A-Za-zł€£$č]{1,3})?[\s)]*[-+]?\s*(?:CR|DR|[SHCD])?\s*\Z"
)
_NO_LETTERS = re.compile(r"[^a-zà-ž]+")
_LONGEST_HEADING = 60
_LONGEST_AMOUNT = 40
_PROPOSED = re.compile(r"'date=(?!COLUMN)")
#: Columns that are named in a message.
_SHOWN = 12
_CENTS = re.compile(r"\d[.,]\d\d(?!\d)")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the rows begin, the place of each column, and the answers to the open questions.

    `account` is the IBAN above the headings, where no column has it: one that has others is of the other side.
    """

    first_row: int
    columns: dict[str, int]
    currency: str
    order: str
    decimal: str
    marks: tuple[str, ...] = ()
    answers: dict[str, str] = field(default_factory=dict)
    account: str = ""


def find(table: Table, settings: Settings) -> Layout:
    """The layout of a table. Raises DataError whose hint says what to add to `--map`."""
    rows = list(islice(table.rows(), PREAMBLE_ROWS + _SAMPLE_ROWS))
    wishes = dict(settings.mapping)
    earlier = _earlier(rows, settings)
    columns_said = {name: said for name, said in {**earlier, **wishes}.items() if name in HEADINGS}
    heading, columns = columns_of(rows, columns_said)
    titles = rows[heading][1] if heading >= 0 else []
    marks = _marks(rows, heading)
    body = [row for _, row in rows[heading + 1 :] if len(row) > max(columns.values())]
    money = [columns[name] for name in ("amount", "debit", "credit") if name in columns]
    sample = [row[place] for row in body for place in money]

    def everywhere(places: Sequence[int], cut: Callable[[str], str]) -> Iterable[str]:
        return {cut(row[place]) for _, row in table.rows() for place in places if place < len(row)}

    unit = _currency(wishes, earlier, columns, [titles[place] for place in money if titles], sample)
    order = wishes.get("order") or _sure(
        dates.order,
        [row[columns["date"]] for row in body],
        lambda: everywhere([columns["date"]], lambda text: text[:10]),
        earlier.get("order", ""),
    )
    mark = {"comma": ",", "dot": "."}.get(wishes.get("decimal", "")) or _sure(
        decimal_mark, sample, lambda: everywhere(money, _shape), earlier.get("decimal", "")
    )
    answers = {name: said for name, said in columns_said.items() if name != "currency"}
    answers |= {"order": order, "decimal": mark, "currency": unit or columns_said.get("currency", "")}
    account = _account(rows[: max(heading, 0)])
    if account and "account" in columns and account in {re.sub(r"\s", "", row[columns["account"]]) for row in body}:
        account = ""
    return Layout(heading + 1, columns, unit, order, mark, marks, answers, account)


def _account(above: Sequence[Row]) -> str:
    """The one IBAN above the headings, or "": several are those of several accounts."""
    found = {plain for _, row in above for cell in row if is_iban(plain := re.sub(r"\s", "", cell))}
    return found.pop() if len(found) == 1 else ""


def _earlier(rows: Sequence[Row], settings: Settings) -> Mapping[str, str]:
    """What was answered for a row of headings that stands here, too."""
    if not settings.learned:
        return {}
    for place in range(-1, min(len(rows), PREAMBLE_ROWS)):
        if found := layouts.known("csv", _marks(rows, place), settings):
            return found
    return {}


def _marks(rows: Sequence[Row], heading: int) -> tuple[str, ...]:
    """What tells a layout: the headings, or how many columns there are, and account numbers above them."""
    titles = rows[heading][1] if heading >= 0 else [f"#{len(rows[0][1]) if rows else 0}"]
    above = [re.sub(r"\s", "", cell) for _, row in rows[: max(heading, 0)] for cell in row]
    accounts = [cell for cell in above if is_iban(cell) or re.fullmatch(r"\d{7,20}", cell)]
    return (*titles, *accounts)


def _sure(
    decide: Callable[..., str], sample: Iterable[str], all_values: Callable[[], Iterable[str]], fallback: str
) -> str:
    """What a sample shows, or else all values; if they leave it open, `fallback` or a DataError."""
    try:
        return decide(sample)
    except DataError:
        return decide(all_values(), fallback=fallback)


def _shape(text: str) -> str:
    """An amount with other digits: what its marks show stays the same."""
    return text[:1] + re.sub(r"\d", "9", text[1:])


def columns_of(rows: Sequence[Row], wishes: Mapping[str, str]) -> tuple[int, dict[str, int]]:
    """The row of the headings (-1: there is none) and the place of each column.

    Raises DataError (unknown_columns, no_column).
    """
    numbered = {name: int(said[1:]) - 1 for name, said in wishes.items() if re.fullmatch(r"#[1-9]\d?", said)}
    if "date" in numbered:
        return _without_headings(rows, numbered)
    for place, (_, row) in enumerate(rows[:PREAMBLE_ROWS]):
        titles = [" ".join(cell.strip().strip("\"'").lower().split()) for cell in row]
        if len(row) < 2 or any(map(dates.looks_like, titles)):
            continue
        body = [other for _, other in rows[place + 1 : place + 200] if len(other) >= len(row) - 1]
        found: dict[str, int] = {}
        for name, words in HEADINGS.items():
            wish = wishes.get(name, "").lower()
            if wish and wish in titles:
                found[name] = titles.index(wish)
            elif not wish or (name == "currency" and wish.upper() in ISO_4217):
                spot = None if wish else _fitting(name, titles, words, set(found.values()), body)
                if spot is not None:
                    found[name] = spot
            if name == "date" and "date" not in found:
                break
        if "amount" in found:
            found.pop("debit", None)
            found.pop("credit", None)
        if "date" in found and ("amount" in found or "debit" in found or "credit" in found):
            for name, wish in wishes.items():
                if name in HEADINGS and name not in found and name != "currency":
                    hint = f"the columns are {_listed([cell.strip() for cell in row])}"
                    raise DataError(f"no column {wish!r} for {name}", hint=hint, code="no_column")
            return place, found
    raise DataError("cannot tell which columns hold date and amount", hint=_proposal(rows), code="unknown_columns")


def _without_headings(rows: Sequence[Row], columns: dict[str, int]) -> tuple[int, dict[str, int]]:
    for place, (_, row) in enumerate(rows[:PREAMBLE_ROWS]):
        if max(columns.values()) < len(row) and dates.looks_like(row[columns["date"]].strip()):
            return place - 1, columns
    raise DataError("no row has a date in that column", code="no_column")


def _fitting(
    name: str, titles: list[str], words: tuple[str, ...], taken: set[int], body: Sequence[Sequence[str]]
) -> int | None:
    """The first column whose heading fits, exactly, by its beginning or by a word, and whose cells may be that."""
    open_places = [
        place
        for place, title in enumerate(titles)
        if place not in taken
        and 0 < len(title) <= _LONGEST_HEADING
        and (name == "balance" or not any(word in title for word in NO_AMOUNT))
    ]
    for word in words:
        for place in open_places:
            if titles[place] == word and _may_be(name, place, body):
                return place
    if name in ("payer", "sign", "status", "charges", "started"):
        return None
    spaced = {place: f" {_NO_LETTERS.sub(' ', titles[place])} " for place in open_places}
    for begins in (True, False):
        for word in words:
            if len(word) < 4:
                continue
            for place in open_places:
                fits = titles[place].startswith(word) if begins else f" {word} " in spaced[place]
                if fits and _may_be(name, place, body):
                    return place
    return None


def _may_be(name: str, place: int, body: Sequence[Sequence[str]]) -> bool:
    return plausible(name, [row[place].strip() for row in body if place < len(row)])


def plausible(name: str, cells: Sequence[str]) -> bool:
    """Whether the cells below a heading may be what it says."""
    full = [cell for cell in cells if cell]
    if not full:
        return name != "sign"
    share = {
        "date": dates.looks_like,
        "value_date": dates.looks_like,
        "started": dates.looks_like,
        "currency": lambda cell: cell.upper() in ISO_4217,
        "sign": lambda cell: cell.lower() in bank_headings.OUT | bank_headings.IN,
        "status": lambda cell: len(cell) < 25 and not any(sign.isdigit() for sign in cell),
    }.get(name)
    if share is not None:
        return sum(map(bool, map(share, full))) >= 0.5 * len(full)
    if name in ("amount", "debit", "credit", "balance", "charges"):
        return any(sign.isdigit() for cell in full for sign in cell) and not all(map(dates.looks_like, full))
    if name == "account":
        return len(set(full)) <= (1 if len(full) < 20 else 3) and any(sign.isdigit() for cell in full for sign in cell)
    if name == "counterparty":
        return any(is_iban(cell) or re.fullmatch(r"[\d/ -]{5,40}", cell) for cell in full)
    return True


def _proposal(rows: Sequence[Row]) -> str:
    """What to answer, as far as the values tell which column is which."""
    for place, (_, row) in enumerate(rows[:PREAMBLE_ROWS]):
        body = [other for _, other in rows[place + 1 : place + 200] if len(other) == len(row)]
        if len(row) < 2 or not body or any(dates.looks_like(cell.strip()) for cell in row):
            continue
        cells = [[other[spot].strip() for other in body] for spot in range(len(row))]
        day = next((spot for spot, column in enumerate(cells) if _most(dates.looks_like, column)), None)
        money = next((spot for spot, column in enumerate(cells) if spot != day and _most(is_money, column)), None)
        if day is not None and money is not None and row[day].strip() and row[money].strip():
            words = next((spot for spot, column in enumerate(cells) if _most(_is_words, column)), None)
            found = {"date": day, "amount": money} | (
                {"payee": words} if words is not None and row[words].strip() else {}
            )
            titles = {name: row[spot].strip() for name, spot in found.items()}
            if any(re.search(r"[,'#]", title) for title in titles.values()):  # what --map, or a shell, would cut
                titles = {name: f"#{spot + 1}" for name, spot in found.items()}
            named = ",".join(f"{name}={title}" for name, title in titles.items())
            return f"if this is right: --map '{named}'"
    for _, row in rows[:PREAMBLE_ROWS]:
        day = next((spot for spot, cell in enumerate(row) if dates.looks_like(cell.strip())), None)
        amounts = (spot for spot, cell in enumerate(row) if is_money(cell.strip()) and _CENTS.search(cell))
        money = next((spot for spot in amounts if spot != day), None)
        if day is not None and money is not None and len(row) >= 3:
            return f"it has no headings; number the columns: --map 'date=#{day + 1},amount=#{money + 1}'"
    return "name them: --map 'date=COLUMN,amount=COLUMN,payee=COLUMN'"


def _most(test: Callable[[str], object], cells: Sequence[str], share: float = 0.8) -> bool:
    full = [cell for cell in cells if cell]
    return bool(full) and sum(bool(test(cell)) for cell in full) >= share * len(full)


def is_money(text: str) -> bool:
    """Whether a text may be an amount: digits, marks, perhaps a currency."""
    return len(text) <= _LONGEST_AMOUNT and bool(_MONEY.match(text)) and not dates.looks_like(text)


def _is_words(text: str) -> bool:
    return bool(re.match(r"[^\W\d_]{2}", text)) and text.upper() not in ISO_4217


def _currency(
    wishes: Mapping[str, str],
    earlier: Mapping[str, str],
    columns: Mapping[str, int],
    titles: list[str],
    values: list[str],
) -> str:
    """The one currency of all rows, or "" if a column has it."""
    if "currency" in columns:
        return ""
    if "currency" in wishes:
        return currency(wishes["currency"], "--map currency")
    in_titles = {found[1] for found in map(_CODE_IN_HEADING.search, titles) if found}
    signs = {code for sign, code in SIGNS.items() for text in (*titles, *values) if sign in text}
    within = {found[0] for text in values[:500] if (found := re.search(r"\b[A-Z]{3}\b", text))}
    codes = (in_titles | signs | within) & ISO_4217
    if len(codes) == 1:
        return codes.pop()
    if len(earlier.get("currency", "")) == 3 and not codes:
        return currency(earlier["currency"], "--map currency")
    raise DataError("the file names no currency", hint="say which: --map currency=EUR", code="no_currency")


def is_total(row: Sequence[str]) -> bool:
    """Whether a row sums up the transactions above it."""
    first = next((cell.strip().lower() for cell in row if cell.strip()), "")
    return first.startswith(bank_headings.TOTALS)


def has_columns(rows: Sequence[Row], settings: Settings) -> bool:
    """Whether a table has the columns that were named for date and amount, now or for these headings earlier."""
    said = {name: column for name, column in settings.mapping.items() if name in HEADINGS}
    is_new = _names_enough(said)
    said = {name: column for name, column in _earlier(rows, settings).items() if name in HEADINGS} | said
    if not _names_enough(said):
        return False
    try:
        heading, columns = columns_of(rows, said)
    except DataError as error:
        return error.code == "no_column" and not said["date"].startswith("#")  # date and amount stand there
    body = [row for _, row in rows[heading + 1 :] if len(row) > max(columns.values())]
    money = [columns[name] for name in ("amount", "debit", "credit") if name in columns]
    return is_new or (
        _most(dates.looks_like, [row[columns["date"]].strip() for row in body])
        and _most(is_money, [row[place].strip() for row in body for place in money])
    )


def _names_enough(said: Mapping[str, str]) -> bool:
    return "date" in said and bool({"amount", "debit", "credit"} & set(said))


def told(rows: Sequence[Row]) -> tuple[str, str] | None:
    """What to say of a table whose columns cannot be told: its columns, and what to type; None for what is no table."""
    full = [row for _, row in rows if any(cell.strip() for cell in row)]
    hint = _proposal(rows)
    if not _PROPOSED.search(hint):
        hint = f"if it holds payments, {hint}; 'life-ingest --formats' lists what is read"
    for place, row in enumerate(full[:PREAMBLE_ROWS]):
        titles = [cell.strip() for cell in row]
        if len(row) > 2 and any(map(dates.looks_like, titles)) and any(map(is_money, titles)):
            return f"looks like CSV with {len(row)} columns and no headings", hint
        body = full[place + 1 :]
        alike = [other for other in body if len(other) == len(row)]
        if len(row) < 2 or not alike or len(alike) < 0.8 * len(body):
            continue
        has_day = any(dates.looks_like(cell.strip()) for other in alike for cell in other)
        if all(titles) and max(map(len, titles)) <= _LONGEST_HEADING and (has_day or len(row) > 2):
            return f"looks like CSV with the columns {_listed(titles)}", hint
    return None


def _listed(titles: Sequence[str]) -> str:
    more = f" and {len(titles) - _SHOWN} more" if len(titles) > _SHOWN else ""
    return f"{', '.join(titles[:_SHOWN])}{more}"


def looks_like_a_bank(rows: Sequence[Row]) -> bool:
    """Whether a table is a bank's, as far as headings and values tell: dates and money, and which money."""
    try:
        heading, columns = columns_of(rows, {})
    except DataError:
        return _values_of_a_bank(rows)
    titles = [cell.strip().lower() for cell in rows[heading][1]]
    body = [row for _, row in rows[heading + 1 :] if len(row) > max(columns.values()) and not is_total(row)]
    money = [columns[name] for name in ("amount", "debit", "credit") if name in columns]
    cells = [row[place].strip() for row in body for place in money if row[place].strip()]
    strong = not all(titles[place] in bank_headings.WEAK_AMOUNTS for place in money) or len(money) > 1
    told = {"payee", "memo"} & set(columns)
    if not body:
        return strong and bool(told) and len(titles) >= 3 and not any(any(row) for _, row in rows[heading + 1 :])
    days = [row[columns["date"]].strip() for row in body]
    share = 0.5 if strong and told and len(titles) >= 3 else 0.8  # a broken row or two are errors of their lines
    if not _most(is_money, cells, share) or not _most(dates.looks_like, days, share):
        return False
    which = "currency" in columns or any(sign in "".join((*titles, *cells[:50])) for sign in SIGNS)
    cents = _most(_CENTS.search, cells)
    return (strong and bool(told) and len(titles) >= 3) or (which and (strong or cents)) or (strong and cents)


def _values_of_a_bank(rows: Sequence[Row]) -> bool:
    """Without a heading that is known: a date, words, and money with cents of which some went out or has a currency."""
    widths = [len(row) for _, row in rows]
    width = max(set(widths), key=widths.count, default=0)
    body = [row for _, row in rows if len(row) == width]
    if width < 3 or len(body) < 3 or len(body) < 0.6 * sum(any(row) for _, row in rows):
        return False
    cells = [[row[place].strip() for row in body[1:]] for place in range(width)]
    money = [column for column in cells if _most(lambda cell: is_money(cell) and _CENTS.search(cell), column)]
    return (
        bool(money)
        and any(_most(dates.looks_like, column) for column in cells)
        and any(_most(_is_words, column) for column in cells)
        and (
            any(cell.lstrip().startswith(("-", "−")) for column in money for cell in column)
            or any(_most(lambda cell: cell in ISO_4217, column) for column in cells)
        )
    )
