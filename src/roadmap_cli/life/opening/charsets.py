"""From bytes to text without guessing more than needed: a byte order mark, then UTF-8, then what was declared.

A file that is not UTF-8 and does not say what it is, is read as Windows-1252, as browsers do (WHATWG Encoding).
"""

from __future__ import annotations

import codecs

from roadmap_cli.core.errors import DataError

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def known(charset: str) -> str:
    """The codec Python knows a text encoding by. Raises DataError if it knows none of that name."""
    try:
        "".encode(charset)  # refuses what is no text encoding (hex, zlib) as well as what is unknown
        return codecs.lookup(charset).name
    except (LookupError, ValueError):
        raise DataError(f"unknown character set {charset!r}", code="bad_charset") from None


def decode(data: bytes, declared: str | None = None) -> str:
    """The text of a whole file. `declared` is the encoding its header or the user names.

    Order: byte order mark; `declared`, if every byte fits; UTF-8; Windows-1252 with the five bytes it leaves open
    read as Latin-1 control characters, so that this never fails. Raises DataError for an unknown `declared`.
    """
    for mark, codec in MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(codec, errors="replace")
    for codec in [known(declared)] if declared else []:
        try:
            return data.decode(codec)
        except UnicodeDecodeError:
            continue
    return decode_part(data)


def decode_part(data: bytes) -> str:
    """The text of one line: UTF-8, or Windows-1252 where it is not UTF-8. Never fails."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def as_utf8(data: bytes) -> bytes:
    """A file that starts with a byte order mark as UTF-8 without one; any other file unchanged."""
    for mark, codec in MARKS:
        if data.startswith(mark):
            body = data[len(mark) :]
            return body if codec == "utf-8" else body.decode(codec, errors="replace").encode()
    return data
