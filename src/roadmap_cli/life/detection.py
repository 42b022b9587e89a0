"""What a file is, told from what stands in it, never from its name."""

from __future__ import annotations

import re

from roadmap_cli.core.errors import DataError
from roadmap_cli.life.formats import bank_csv
from roadmap_cli.life.formats.text import as_utf8, decode

#: So much of a file is looked at.
HEAD_BYTES = 64 * 1024

#: Control characters that no text has.
_BINARY = re.compile(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f]|\0\0")
_OTHERS = (
    (re.compile(rb"PK\x03\x04"), "a ZIP archive"),
    (re.compile(rb"\x1f\x8b"), "compressed with gzip"),
    (re.compile(rb"%PDF-"), "a PDF document"),
    (re.compile(rb"SQLite format 3\0"), "an SQLite database"),
    (re.compile(rb"BEGIN:VCARD", re.IGNORECASE), "a vCard"),
    (re.compile(rb"\s*<(?:!doctype html|html)", re.IGNORECASE), "a web page"),
)


def detect(data: bytes) -> str:
    """The format of a file's bytes: `ical`, `ofx`, `jsonl` or `csv`.

    Raises DataError (unknown_format) that says what it is instead, if that can be told.
    """
    head = as_utf8(data[:HEAD_BYTES]).lstrip()
    upper = head[:4096].upper()
    if re.search(rb"^BEGIN\s*:\s*VCALENDAR", upper, re.MULTILINE):
        return "ical"
    if upper.startswith(b"OFXHEADER") or b"<OFX>" in upper or b"<?OFX" in upper:
        return "ofx"
    if not head:
        raise _unknown("the file is empty")
    for pattern, what in _OTHERS:
        if pattern.match(head):
            raise _unknown(f"the file is {what}")
    if head.startswith(b"{"):
        return "jsonl"
    if not _BINARY.search(head) and not head.startswith(b"<") and bank_csv.looks_like(decode(head)):
        return "csv"
    raise _unknown("not a calendar, a bank statement or a stream of records")


def _unknown(what: str) -> DataError:
    return DataError(
        what,
        hint="life-ingest reads iCalendar, OFX and QFX, bank CSV, and JSON Lines of life.event",
        code="unknown_format",
    )
