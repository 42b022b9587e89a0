"""OFX and QFX statements, 1.x (SGML) and 2.x (XML), through one reader of tags.

Only tags, text and the five predefined entities are understood: a file with a DOCTYPE or entity declarations is
refused, so there is nothing that could expand. The tags and their meaning follow OFX 2.3, chapter 11.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.life.formats.money import account_fields, amount, currency
from roadmap_cli.life.formats.text import decode, known
from roadmap_cli.life.items import Source
from roadmap_cli.life.opened import Opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.settings import Settings

NAME, WHAT = "ofx", "an OFX or QFX statement"

_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9._]{0,63})\s*(/?)>([^<]*)")
_HEADER = re.compile(r"(ENCODING|CHARSET)\s*:\s*([A-Za-z0-9_-]+)", re.IGNORECASE)
_XML_HEADER = re.compile(r"<\?xml[^>]{0,200}encoding=[\"']([A-Za-z0-9_-]+)", re.IGNORECASE)
_DATE = re.compile(
    r"(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?(?:\.\d{1,9})?)?(?:\[([+-]?\d{1,2})(?:\.(\d\d?))?(?::[^\]]*)?\])?\Z"
)
_ACCOUNTS = ("BANKACCTFROM", "CCACCTFROM", "INVACCTFROM")


@dataclass(slots=True)
class _Statement:
    """What holds for all transactions that follow: the currency and the account."""

    currency: str = ""
    account: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Entry:
    """One STMTTRN while it is read: the line it begins on, its elements by name."""

    line: int
    values: dict[str, str] = field(default_factory=dict)


def matches(opened: Opened) -> bool:
    """Its header, or its outermost tag."""
    upper = opened.text_head[:4096].upper()
    return upper.startswith(b"OFXHEADER") or b"<OFX>" in upper or b"<?OFX" in upper


def items(opened: Opened, source: Source, settings: Settings) -> Iterator[Record | DataError]:
    """Its transactions; see `read`."""
    return read(opened.data(), source)


def read(data: bytes, source: Source) -> Iterator[Record | DataError]:
    """The transactions of a file in its order. A broken one becomes a DataError in its place."""
    content = decode(data, _declared(data[:2048]))
    if re.search(r"<!(?:DOCTYPE|ENTITY)", content, re.IGNORECASE):
        yield source.placed(DataError("document type declarations are not read", code="dtd_refused"))
        return
    content = _without_cdata(content)
    statement = _Statement()
    seen: dict[str, int] = {}
    for entry, valid_in in _entries(content, statement):
        try:
            record = _record(entry, valid_in, source, seen)
        except DataError as error:
            yield source.placed(error, entry.line)
        else:
            yield record


def _without_cdata(content: str) -> str:
    """CDATA sections as escaped text."""
    before, *sections = content.split("<![CDATA[")
    pieces = [before]
    for section in sections:
        text, _, after = section.partition("]]>")
        pieces += [html.escape(text, quote=False), after]
    return "".join(pieces)


def _declared(head: bytes) -> str | None:
    """The encoding a header names (OFX 1.6, 2.2; XML 1.0), as Python knows it; None if it is silent or odd."""
    text = head.decode("latin-1")
    xml = _XML_HEADER.search(text)
    named = {name.upper(): value.upper() for name, value in _HEADER.findall(text)}
    charset = xml[1] if xml else named.get("CHARSET", "NONE")
    if not xml and named.get("ENCODING") in ("UTF-8", "UTF8", "UNICODE"):
        charset = "UTF-8"
    if charset == "NONE":
        return None
    try:
        return known(f"cp{charset}" if charset.isdigit() else charset)
    except DataError:
        return None


def _entries(content: str, statement: _Statement) -> Iterator[tuple[_Entry, _Statement]]:
    """Each STMTTRN with what held where it stood. A missing end tag is supplied by the next aggregate."""
    entry: _Entry | None = None
    account: dict[str, str] | None = None
    line, counted = 1, 0
    for found in _TAG.finditer(content):
        line += content.count("\n", counted, found.start())
        counted = found.start()
        closing, name, empty, text = bool(found[1]), found[2].upper(), bool(found[3]), found[4]
        if name == "STMTTRN":
            if entry is not None:
                yield entry, statement
            entry = None if closing or empty else _Entry(line)
        elif name == "BANKTRANLIST" and closing and entry is not None:
            yield entry, statement
            entry = None
        elif name in _ACCOUNTS and entry is None:
            if not closing:
                account = {}
                statement = _Statement(statement.currency, account)
            else:
                account = None
        elif not closing and text.strip():
            value = html.unescape(text).strip()
            if entry is not None:
                entry.values.setdefault(name, value)
            elif account is not None:
                account.setdefault(name, value)
            elif name == "CURDEF":
                statement = _Statement(value, statement.account)
        elif not closing and name in ("CURRENCY", "ORIGCURRENCY") and entry is not None:
            entry.values[name] = ""
    if entry is not None:
        yield entry, statement


def _record(entry: _Entry, statement: _Statement, source: Source, seen: dict[str, int]) -> Record:
    values = entry.values
    for needed in ("DTPOSTED", "TRNAMT"):
        if not values.get(needed):
            raise DataError(f"transaction has no {needed}", code="missing_field")
    posted, day = _moment(values["DTPOSTED"])
    money = amount(values["TRNAMT"], "TRNAMT")
    # CURRENCY: the amount is in CURSYM; ORIGCURRENCY: it was, and has been converted to the statement's (OFX 5.2)
    own = values.get("CURSYM", "") if "CURRENCY" in values else ""
    unit = currency(own or statement.currency, "CURDEF")
    payee = " ".join(part for part in (values.get("NAME"), values.get("EXTDNAME")) if part)
    fields: dict[str, Any] = {"date": day, "amount": money, "currency": unit}
    fields |= account_fields(statement.account.get("ACCTID", ""), statement.account.get("BANKID", ""))
    optional = {
        "payee": payee,
        "memo": values.get("MEMO", ""),
        "type": values.get("TRNTYPE", "").lower(),
        "bank_reference": values.get("FITID", ""),
        "check_number": values.get("CHECKNUM", ""),
    }
    fields |= {name: value for name, value in optional.items() if value}
    twin = content_id("life.transaction", **fields)
    seen[twin] = seen.get(twin, 0) + 1
    if seen[twin] > 1 and not values.get("FITID"):  # the same coffee twice a day; with a FITID it is one, listed twice
        twin = content_id("life.transaction", **fields, occurrence=seen[twin])
    return {
        "kind": "life.transaction",
        "id": twin,
        "at": stamp(posted),
        **fields,
        "source": source.name,
        "source_line": entry.line,
        "source_id": source.id,
    }


def _moment(text: str) -> tuple[datetime, str]:
    """DTPOSTED as a moment in UTC and the date it names in its own zone (GMT if it names none: OFX 3.2.8.2)."""
    found = _DATE.match(text.strip())
    if not found:
        raise DataError("DTPOSTED is not a date", code="bad_time")
    year, month, day, hour, minute, second, offset, part = found.groups()
    try:
        east = _offset(offset, part)
        local = datetime(
            int(year),
            int(month),
            int(day),
            int(hour or 0),
            int(minute or 0),
            min(int(second or 0), 59),
            tzinfo=timezone(east),
        )
        return local.astimezone(UTC), local.date().isoformat()
    except (ValueError, OverflowError):
        raise DataError("DTPOSTED is not a date", code="bad_time") from None


def _offset(hours: str | None, part: str | None) -> timedelta:
    """The distance from GMT. The standard's ".5" is half an hour; banks in India write ".30" for it, too."""
    if not hours:
        return timedelta()
    minutes = int(part) if part in ("15", "30", "45") else float(f"0.{part or 0}") * 60
    size = timedelta(hours=abs(int(hours)), minutes=minutes)
    return -size if hours.startswith("-") else size
