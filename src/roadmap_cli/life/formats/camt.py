"""Bank statements of ISO 20022: camt.053, the intraday camt.052 and the notification camt.054, all versions.

Elements are told by their local names, as banks put any version, or none, into the namespace. A file is read entry by
entry: memory does not grow with it. A document type declaration is refused, so there is nothing that could expand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life.formats import camt_entry
from roadmap_cli.life.formats.entries import Entries
from roadmap_cli.life.kinds.items import Source
from roadmap_cli.life.kinds.money import account_fields
from roadmap_cli.life.opening.opened import Opened

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from roadmap_cli.life.opening.settings import Settings

NAME, WHAT = "camt", "a CAMT statement"

#: What a statement is wrapped in, by message.
_WRAPPERS = {"Stmt": "camt.053", "Rpt": "camt.052", "Ntfctn": "camt.054"}
_ROOTS = ("BkToCstmrStmt", "BkToCstmrAcctRpt", "BkToCstmrDbtCdtNtfctn")
_ROOT = re.compile(rb"<(?:[A-Za-z_][\w.-]{0,30}:)?(?:" + "|".join(_ROOTS).encode() + rb")[\s>]")
_CHUNK_BYTES = 1 << 16
#: Deeper than any message; a file that goes on is made to hurt.
_DEEPEST = 64


def matches(opened: Opened) -> bool:
    """An XML document in which one of the three messages begins."""
    head = opened.text_head
    if not head.startswith(b"<"):
        return False
    return bool(_ROOT.search(head, 0, 16_384))


def items(opened: Opened, source: Source, settings: Settings) -> Iterator[Record | DataError]:
    """Its transactions and balances, in its order."""
    reader = _Reader(source)
    try:
        yield from reader.read(opened)
    except DataError as error:
        yield source.placed(error)


class _Reader:
    """Where in the document we are, and what holds for the entries that follow."""

    def __init__(self, source: Source):
        self._source = source
        self._entries = Entries(source)
        self._account: dict[str, str] = {}
        self._currency = ""
        self._message = ""

    def read(self, opened: Opened) -> Iterator[Record | DataError]:
        """Every entry and balance. Raises DataError for what is no XML or has a document type."""
        path: list[str] = []
        stack: list[Element] = []
        number = 0
        for event, element in _events(opened):
            if event == "start":
                path.append(element.tag.rpartition("}")[2])
                stack.append(element)
                if len(path) > _DEEPEST:
                    raise DataError("elements are nested too deep", code="bad_xml")
                if path[-1] in _WRAPPERS:
                    self._message = _WRAPPERS[path[-1]]
                    self._account, self._currency = {}, ""
                continue
            name = path.pop()
            stack.pop()
            parent = path[-1] if path else ""
            if parent in _WRAPPERS:
                if name == "Ntry":
                    number += 1
                    yield from self._entry(element, number)
                elif name == "Bal":
                    yield from self._balance(element, number + 1)
                elif name == "Acct":
                    self._know(camt_entry.tree(element))
                _drop(stack, element)
            elif parent in _ROOTS or name in _ROOTS:
                _drop(stack, element)

    def _know(self, account: Any) -> None:
        number = camt_entry.text(account, "Id", "IBAN") or camt_entry.text(account, "Id", "Othr", "Id")
        bank = "" if camt_entry.text(account, "Id", "IBAN") else camt_entry.bank(account, "Svcr")
        self._account = account_fields(number, bank)
        self._currency = camt_entry.text(account, "Ccy")

    def _entry(self, element: Element, number: int) -> Iterator[Record | DataError]:
        try:
            parts = list(camt_entry.transactions(camt_entry.tree(element)))
        except DataError as error:
            yield self._source.placed(error, number)
            return
        for known, more, at in parts:
            yield self._entries.transaction(
                number,
                {**known, **self._account},
                {**more, "message": self._message},
                at=at,
                once=bool(known["bank_reference"]) and len(parts) == 1,
            )

    def _balance(self, element: Element, number: int) -> Iterator[Record | DataError]:
        try:
            fields, at = camt_entry.balance(camt_entry.tree(element))
        except DataError as error:
            yield self._source.placed(error, number)
            return
        if fields:
            yield self._entries.balance(number, {**fields, **self._account}, at=at)


def _drop(stack: list[Element], element: Element) -> None:
    """Forget an element; younger siblings of it may be there already, as the file is parsed a piece at a time."""
    element.clear()
    if stack:
        stack[-1].remove(element)


def _events(opened: Opened) -> Iterator[tuple[str, Element]]:
    from xml.etree.ElementTree import ParseError, XMLPullParser

    _refuse_declarations(opened)
    parser: XMLPullParser[Any] = XMLPullParser(("start", "end"))
    opened.stream.seek(0)
    lead = True
    try:
        while chunk := opened.stream.read(_CHUNK_BYTES):
            if lead:  # blank lines before the declaration, which XML does not allow and exports have
                chunk, lead = chunk.lstrip(b" \t\r\n"), False
            parser.feed(chunk)
            yield from parser.read_events()  # type: ignore[misc]
        parser.close()
        yield from parser.read_events()  # type: ignore[misc]
    except ParseError as error:
        raise DataError("not well-formed XML", where=str(error.position[0]), code="bad_xml") from None
    except (ValueError, LookupError):
        raise DataError("the encoding it declares is not known", code="bad_charset") from None


def _refuse_declarations(opened: Opened) -> None:
    """Raise DataError (dtd_refused) if a document type comes before the first element, where alone it may stand."""
    from xml.parsers import expat

    refused: list[str] = []
    begun: list[str] = []
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = lambda *_: refused.append("")
    parser.StartElementHandler = lambda *_: begun.append("")
    opened.stream.seek(0)
    chunk = opened.stream.read(_CHUNK_BYTES).lstrip(b" \t\r\n")
    try:
        while chunk and not begun and not refused:
            parser.Parse(chunk, False)
            chunk = opened.stream.read(_CHUNK_BYTES)
    except (expat.ExpatError, ValueError, LookupError):
        pass  # the reader tells where
    if refused:
        raise DataError("document type declarations are not read", code="dtd_refused")
