"""OFX and QFX statements, 1.x (SGML) and 2.x (XML), through one reader of tags.

Only tags, text and the predefined entities are understood: a file with a DOCTYPE or entity declarations is refused, so
there is nothing that could expand. The tags and their meaning follow OFX 2.3, chapters 11 and 13. Banks leave end tags
out, also where the standard wants them; so the next tag that begins something ends what was open.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life.formats import ofx_records
from roadmap_cli.life.formats.entries import Entries
from roadmap_cli.life.formats.ofx_records import Entry, Statement
from roadmap_cli.life.kinds.items import Source
from roadmap_cli.life.opening.charsets import MARKS, decode, known
from roadmap_cli.life.opening.opened import Opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.opening.settings import Settings

NAME, WHAT = "ofx", "an OFX or QFX statement"

_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9._]{0,63})\s*(/?)>([^<]*)")
_ENCODING = re.compile(r"ENCODING\s*:\s*([A-Za-z0-9_-]+?)(?=CHARSET|COMPRESSION|[^A-Za-z0-9_-]|\Z)", re.IGNORECASE)
_CHARSET = re.compile(r"CHARSET\s*:\s*(\d{3,5}|[A-Za-z0-9_-]+?)(?=COMPRESSION|[^A-Za-z0-9_-]|\Z)", re.IGNORECASE)
_XML_HEADER = re.compile(r"<\?xml[^>]{0,200}encoding=[\"']([A-Za-z0-9_-]+)", re.IGNORECASE)
_ROOTS = (b"<OFX>", b"<?OFX", b"<STMTTRN>", b"<BANKMSGSRSV1>", b"<CREDITCARDMSGSRSV1>", b"<INVSTMTMSGSRSV1>")
#: What may stand above the outermost tag: header lines, an XML declaration, comments.
_BEFORE = re.compile(rb"\s*(?:[A-Z]{2,20}\s*:[^{}()=]{0,200}|<[?!][^{}]*|[^<>{}()=:]{0,80}-->)?\s*\Z")
_ACCOUNTS = ("BANKACCTFROM", "CCACCTFROM", "INVACCTFROM", "LOANACCTFROM")
_STATEMENTS = ("STMTRS", "CCSTMTRS", "INVSTMTRS", "LOANSTMTRS", "BANKTRANLIST", "INVTRANLIST")
#: What ends whatever is open: lists and statements.
_LISTS = (*_STATEMENTS, "INVPOSLIST", "BALLIST", "BANKTRANLISTP", "SECLIST", "INVBANKTRAN")
#: Aggregates whose presence means something, beside what stands in them.
_MARKED = ("CURRENCY", "ORIGCURRENCY", "BANKACCTTO", "CCACCTTO")


def matches(opened: Opened) -> bool:
    """Its header, or its outermost tag."""
    upper = opened.text_head[:4096].upper()
    if upper.startswith(b"OFXHEADER"):
        return True
    found = min((place for root in _ROOTS if (place := upper.find(root)) >= 0), default=-1)
    return found >= 0 and all(_BEFORE.match(line) for line in upper[:found].splitlines())


def items(opened: Opened, source: Source, settings: Settings) -> Iterator[Record | DataError]:
    """Its transactions and balances; see `read`."""
    return read(opened.data(), source, settings.mapping.get("currency", ""), settings.charset)


def read(data: bytes, source: Source, unit: str = "", charset: str | None = None) -> Iterator[Record | DataError]:
    """The transactions and balances of a file in its order. A broken one becomes a DataError in its place.

    `unit` is the currency of statements that name none, `charset` the encoding of a file that names none. A file
    without a statement is one DataError.
    """
    content = _text(data, charset)
    if re.search(r"<!(?:DOCTYPE|ENTITY)", content, re.IGNORECASE):
        yield source.placed(DataError("document type declarations are not read", code="dtd_refused"))
        return
    content = _without_cdata(content)
    entries = Entries(source)
    securities = _securities(content)
    found = _Found()
    for entry, valid_in in _entries(content, found):
        try:
            record = ofx_records.record(entry, valid_in, securities, entries, unit)
        except DataError as error:
            found.anything = True
            yield source.placed(error, entry.line)
        else:
            if record is not None:
                found.anything = True
                yield record
    if not found.anything and not (found.statement and found.refused in ("", "0")):
        what = f"the bank answered with error {found.refused}" if found.refused else "OFX without a statement"
        yield source.placed(
            DataError(what, hint="ask the bank for a statement of transactions", code="no_statement")
        )  # fmt: skip


@dataclass(slots=True)
class _Found:
    """What a file has had so far: a statement, the code of an error the bank reports, any record."""

    statement: bool = False
    refused: str = ""
    anything: bool = False


def _text(data: bytes, charset: str | None) -> str:
    """Its text. UTF-8 where it is that, whatever the header says: text with accents in another encoding is not."""
    declared = _declared(data[:2048])
    if any(data.startswith(mark) for mark, _ in MARKS) or (declared or "").startswith(("iso2022", "hz")):
        return decode(data, declared)
    if declared in ("utf_16", "utf-16"):
        declared = None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return decode(data, declared or charset)


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
    encoding, named = _ENCODING.search(text), _CHARSET.search(text)
    charset = xml[1] if xml else named[1] if named else "NONE"
    if not xml and encoding and encoding[1].upper() in ("UTF-8", "UTF8", "UNICODE"):
        charset = "UTF-8"
    if charset.upper() == "NONE":
        return None
    try:
        return known(f"cp{charset}" if charset.isdigit() else charset)
    except DataError:
        return None


def _securities(content: str) -> dict[str, str]:
    """What the list of securities, which may come last, calls each: its ticker, else its name."""
    begin = re.search(r"<SECLIST>", content, re.IGNORECASE)
    found: dict[str, str] = {}
    entry: dict[str, str] = {}
    for tag in _TAG.finditer(content, begin.start()) if begin else ():
        name, text = tag[2].upper(), " ".join(html.unescape(tag[4]).split())
        if name == "SECINFO":
            entry = {}
        elif not tag[1] and text:
            entry.setdefault(name, text)
            if "UNIQUEID" in entry and name in ("TICKER", "SECNAME"):
                found[entry["UNIQUEID"]] = entry.get("TICKER") or entry.get("SECNAME", "")
    return found


def _entries(content: str, found: _Found) -> Iterator[tuple[Entry, Statement]]:
    """Each transaction, balance and position with what held where it stood."""
    statement = Statement()
    entry: Entry | None = None
    account: dict[str, str] | None = None
    status: dict[str, str] = {}
    line, counted = 1, 0
    for tag in _TAG.finditer(content):
        closing, name, text = bool(tag[1]), tag[2].upper(), tag[4]
        if name in ofx_records.READERS:
            if entry is not None:
                yield entry, statement
            line += content.count("\n", counted, tag.start())
            counted = tag.start()
            entry = None if closing or tag[3] else Entry(name, line)
        elif name in _LISTS:
            if entry is not None:
                yield entry, statement
            entry = None
            found.statement |= name in _STATEMENTS
        elif name in _ACCOUNTS and entry is None:
            account = None if closing else {}
            if account is not None:
                statement = Statement(statement.currency, account, statement.drawn)
        elif not closing and text and not text.isspace():
            value = " ".join(html.unescape(text).split())
            if entry is not None:
                entry.values.setdefault(name, value)
            elif name == "CURDEF":
                statement = Statement(value, statement.account, statement.drawn)
            elif name == "DTASOF":
                statement = Statement(statement.currency, statement.account, value)
            elif account is not None:
                account.setdefault(name, value)
            elif name in ("CODE", "SEVERITY"):
                status[name] = value
                if status.get("SEVERITY", "").upper() == "ERROR" and not found.refused:
                    found.refused = status.get("CODE", "")[:8] if status.get("CODE", "").isdigit() else ""
        elif not closing and name in _MARKED and entry is not None:
            entry.values[name] = ""
    if entry is not None:
        yield entry, statement
