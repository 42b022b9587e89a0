"""Bank statements of SWIFT: MT940 and the interim MT942, as banks export them.

Read by own code rather than by the library mt-940: that one holds the whole file, knows no lines for its errors, and
stops at the first tag it does not expect, where we go on with the next. It is the peer in the tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life.formats import mt940_details
from roadmap_cli.life.formats.entries import Entries, day_of
from roadmap_cli.life.kinds.items import Source
from roadmap_cli.life.kinds.money import account_fields, amount, currency, is_iban, plain
from roadmap_cli.life.opening.charsets import decode_part
from roadmap_cli.life.opening.opened import Opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.opening.settings import Settings

NAME, WHAT = "mt940", "an MT940 statement"

_FIRST = re.compile(rb"(?:^|\n|\{4:)\s*:20:")
_OTHERS = re.compile(rb"(?:^|\n):(?:25|28C?|60[FM]|61|34F|62[FM]):")
_TAG = re.compile(r"(?:\{[1-35]:.*)?(?:\{4:)?\s{0,4}:(\d\d[A-Z]?|NS):(.*)", re.DOTALL)
_BALANCE = re.compile(r"([DC])\s*(\d\d)(\d\d)(\d\d)\s*([A-Z]{3})\s*([\d.,]+)", re.ASCII)
#: Value date, entry date, side, third letter of the currency, amount, type, and the two references (field 61).
_LINE = re.compile(
    r"(\d\d)(\d\d)(\d\d)(\d\d)?(\d\d)?\s?(R?[DC]|E[DC])\s?([A-Z])?\s?(\d{1,15}[.,]?\d{0,6}|[.,]\d{1,6})"
    r"\s?([NSF][A-Z0-9]{3})?([^/\n]*(?:/(?!/)[^/\n]*)*)(?://([^\n]*))?(?:\n(.*))?\Z",
    re.ASCII | re.DOTALL,
)
_BALANCES = {"60F": "opening", "62F": "booked", "64": "available"}
_LONGEST_FIELD = 1 << 16
#: What stands for no reference, or only says which field has it.
_NO_REFERENCE = ("NONREF", "EREF", "PREF", "MARF", "KREF", "")


@dataclass(slots=True)
class _Field:
    """One field: its tag, its lines, the line it begins on."""

    tag: str
    line: int
    lines: list[str]


@dataclass(slots=True)
class _Statement:
    """What holds for all lines of a statement."""

    account: dict[str, str] = field(default_factory=dict)
    currency: str = ""


def matches(opened: Opened) -> bool:
    """A field 20, perhaps after an envelope, and another field of a statement."""
    head = opened.text_head[:8192].replace(b"\r", b"\n")
    first = _FIRST.search(head)
    return bool(first and first.start() < 2048 and _OTHERS.search(head, first.start()))


def items(opened: Opened, source: Source, settings: Settings) -> Iterator[Record | DataError]:
    """Its transactions and balances, in its order."""
    entries, statement = Entries(source), _Statement()
    line: tuple[_Field, re.Match[str]] | None = None
    unit = settings.mapping.get("currency", "")
    for each in _fields(opened, settings.charset):
        if line is not None:
            details = each if each.tag in ("86", "NS") else None
            try:
                yield _transaction(*line, details, statement, entries, unit)
            except DataError as error:
                yield source.placed(error, line[0].line)
            line = None
            if details:
                continue
        try:
            if each.tag == "61":
                found = _LINE.match("\n".join(each.lines).strip())
                if not found:
                    raise DataError("statement line (61) is not one", code="bad_field")
                line = each, found
            elif (balance := _other(each, statement, entries)) is not None:
                yield balance
        except DataError as error:
            yield source.placed(error, each.line)
    if line is not None:
        try:
            yield _transaction(*line, None, statement, entries, unit)
        except DataError as error:
            yield source.placed(error, line[0].line)


def _fields(opened: Opened, charset: str | None) -> Iterator[_Field]:
    """Every field with its continuation lines; what stands outside of one (envelopes, bank headers) is left out."""
    current: _Field | None = None
    size = 0
    for number, text in enumerate(_lines(opened, charset), 1):
        found = _TAG.match(text) if ":" in text[:200] else None
        if found:
            if current is not None:
                yield current
            current, size = _Field(found[1], number, [found[2]]), 0
        elif text.startswith(("-}", "{")) or text.strip() == "-":
            if current is not None:
                yield current
            current = None
        elif current is not None:
            size += len(text)
            if size < _LONGEST_FIELD:
                current.lines.append(text)
    if current is not None:
        yield current


def _lines(opened: Opened, charset: str | None) -> Iterator[str]:
    opened.stream.seek(0)
    begin = opened.head[:2]
    if begin in (b"\xff\xfe", b"\xfe\xff"):
        text = opened.data().decode("utf-16", errors="replace")
        yield from text.splitlines()
        return
    for raw in opened.stream:
        for data in raw.lstrip(b"\xef\xbb\xbf").rstrip(b"\r\n").split(b"\r"):
            try:
                yield data.decode(charset or "utf-8")
            except UnicodeDecodeError:
                yield decode_part(data)


def _other(each: _Field, statement: _Statement, entries: Entries) -> Record | None:
    """What a field says that is not of a single transaction; a balance if it is one."""
    first = each.lines[0].strip()
    if each.tag in ("20",):
        statement.account, statement.currency = {}, ""
    elif each.tag in ("25", "25P"):
        statement.account = _account(first)
    elif each.tag == "34F" and re.match("[A-Z]{3}", first):
        statement.currency = first[:3]
    elif each.tag in ("60F", "60M", "62F", "62M", "64", "65"):
        found = _BALANCE.match(first)
        if not found:
            raise DataError(f"balance ({each.tag}) is not one", code="bad_field")
        statement.currency = found[5]
        if each.tag in _BALANCES:
            return _balance(each, found, statement, entries)
    return None


def _balance(each: _Field, found: re.Match[str], statement: _Statement, entries: Entries) -> Record:
    value = amount(found[6], f"balance ({each.tag})", ",")
    day = day_of(_century(int(found[2])), int(found[3]), int(found[4]), f"balance ({each.tag})")
    fields = {
        "date": day,
        "type": _BALANCES[each.tag],
        "amount": plain(-Decimal(value)) if found[1] == "D" else value,
        "currency": currency(found[5], f"balance ({each.tag})"),
        **statement.account,
    }
    return entries.balance(each.line, fields)


def _century(year: int) -> int:
    return year + (2000 if year < 80 else 1900)


def _account(text: str) -> dict[str, str]:
    """Field 25: an IBAN, or a bank's code and a number, perhaps with the currency behind it."""
    plain_text = re.sub(r"\s", "", text)
    number = re.sub(r"(?<=\d)[A-Z]{3}\Z", "", plain_text)
    if is_iban(number):
        return account_fields(number)
    bank, slash, own = number.partition("/")
    return account_fields(own, bank) if slash and own else account_fields(number.strip("/"))


def _transaction(
    each: _Field,
    found: re.Match[str],
    details: _Field | None,
    statement: _Statement,
    entries: Entries,
    unit: str,
) -> Record:
    year, month, day, entry_month, entry_day, side, _, money, kind, own, theirs, more_text = found.groups()
    valued = _valued(_century(int(year)), int(month), int(day))
    booked = _entered(valued, entry_month, entry_day)
    value = amount(money, "amount (61)", "," if "," in money or "." not in money else ".")
    told = mt940_details.read(details.lines, numbered=details.tag == "NS") if details else {}
    if not told.get("memo") and more_text:
        told["memo"] = " ".join(more_text.split())
    reference = (theirs or "").strip()
    customer = (own or "").strip()
    known = {
        "date": booked,
        # a reversal of a credit (RC) takes money away, one of a debit (RD) brings it back
        "amount": plain(-Decimal(value)) if side in ("D", "RC", "ED") else value,
        "currency": currency(statement.currency or unit, "balance (60F)"),
        **statement.account,
        "payee": told.pop("payee", ""),
        "memo": told.pop("memo", ""),
        "type": (kind or "")[1:].lower(),
        "bank_reference": "" if reference in _NO_REFERENCE else reference,
        "end_to_end_id": told.pop("end_to_end_id", ""),
    }
    more = told | {"value_date": valued if valued != booked else ""}
    if side.startswith("R"):
        more["is_reversal"] = True
    if customer not in _NO_REFERENCE and customer != known["end_to_end_id"]:
        more["customer_reference"] = customer
    return entries.transaction(each.line, known, more)


def _valued(year: int, month: int, day: int) -> str:
    """The value date. Where each month has 30 days for interest, banks write the 30th of February."""
    if month == 2 and day in (29, 30):
        day = 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return day_of(year, month, day, "value date (61)")


def _entered(valued: str, month: str | None, day: str | None) -> str:
    """The day of booking: the one with this month and day that is nearest to the value date."""
    if not month or not day:
        return valued
    from datetime import date

    base = date.fromisoformat(valued)
    found = []
    for year in (base.year - 1, base.year, base.year + 1):
        try:
            found.append(date(year, int(month), int(day)))
        except ValueError:
            continue
    if not found:
        raise DataError("entry date (61) is not a date", code="bad_time")
    return min(found, key=lambda each: abs((each - base).days)).isoformat()
