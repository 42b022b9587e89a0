"""What a file is, told from what stands in it, never from its name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from roadmap_cli.core.errors import DataError
from roadmap_cli.life import formats
from roadmap_cli.life.opening.opened import Opened, refuse_bomb

if TYPE_CHECKING:
    from roadmap_cli.life.kinds.items import Item, Source
    from roadmap_cli.life.opening.settings import Settings

_OTHERS = (
    (re.compile(rb"PK\x03\x04"), "a ZIP archive"),
    (re.compile(rb"%PDF-"), "a PDF document"),
    (re.compile(rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), "of Outlook (.msg) or Office: save a mail as .eml"),
    (re.compile(rb"SQLite format 3\0"), "an SQLite database"),
    (re.compile(rb"\s*<(?:!doctype html|html)", re.IGNORECASE), "a web page"),
)


class Format(Protocol):
    """What a module of `life.formats` offers; see there."""

    NAME: str
    WHAT: str

    def matches(self, opened: Opened) -> bool:
        """Whether a source is of this format."""
        ...

    def items(self, opened: Opened, source: Source, settings: Settings) -> Iterator[Item]:
        """What stands in it."""
        ...


def known() -> Iterator[Format]:
    """Every format, in the order they are asked; imported one by one as they are."""
    for module in formats.ORDER:
        yield import_module(f"{formats.__name__}.{module}")


def listed() -> Iterator[tuple[str, str]]:
    """The names of all formats, and what they are for a person."""
    for each in known():
        yield each.NAME, each.WHAT


def named(name: str) -> Format:
    """The format of a life.source record. Raises KeyError for a name there is not."""
    for each in known():
        if name == each.NAME:
            return each
    raise KeyError(name)


def detect(opened: Opened, settings: Settings | None = None) -> Format:
    """The format of a source. Raises DataError (unknown_format) that says what it is instead, if that can be told.

    What no format claims is a CSV if it has the columns that the answers of `--map` name, now or earlier. Raises
    DataError (too_large) for an archive made to fill the machine.
    """
    if opened.members:
        refuse_bomb(opened.unpacked_bytes, opened.size_bytes, opened.name)
    if not opened.text_head and not opened.is_folder:
        raise _unknown("the file is empty", opened)
    for each in known():
        if each.matches(opened):
            return each
    for pattern, what in _OTHERS:
        if pattern.match(opened.text_head):
            raise _unknown(f"the file is {what}", opened)
    table = import_module(f"{formats.__name__}.bank_csv")
    if settings and table.is_meant(opened, settings):
        csv: Format = table
        return csv
    if told := table.told(opened):
        raise _unknown(told[0], opened, told[1])
    raise _unknown("not of a format that is read", opened)


def _unknown(what: str, opened: Opened, hint: str = "'life-ingest --formats' lists what is read") -> DataError:
    return DataError(what, where=opened.name, hint=hint, code="unknown_format")
