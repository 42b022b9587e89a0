"""XML from outside, read whole: without document types, so that no entity can grow or reach for a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_PIECE_BYTES = 65536


class DocumentTypeError(ValueError):
    """A document type is declared: there may be entities in it, and nothing that is read here needs one."""


class _RootError(Exception):
    """The first element begins: what can declare anything is over."""


def root(data: bytes) -> Element:
    """The root element of a document. Raises ValueError with a reason of one line, a DocumentTypeError for a DTD."""
    from xml.etree import ElementTree

    try:
        _refuse_document_type(data)
        return ElementTree.fromstring(data)
    except (ElementTree.ParseError, LookupError) as error:  # LookupError: an encoding that there is not
        raise ValueError(f"is not XML: {' '.join(str(error).split())}") from None


def _refuse_document_type(data: bytes) -> None:
    """Read up to the first element, as the parser itself decodes it: bytes alone tell nothing in UTF-16."""
    from xml.parsers import expat

    def refuse(*_: object) -> None:
        raise DocumentTypeError("declares a document type, which is not read")

    def stop(*_: object) -> None:
        raise _RootError

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = stop
    try:
        for at in range(0, len(data), _PIECE_BYTES):
            parser.Parse(data[at : at + _PIECE_BYTES], False)
    except (_RootError, expat.ExpatError):  # what is not well-formed, the reading itself tells
        return
