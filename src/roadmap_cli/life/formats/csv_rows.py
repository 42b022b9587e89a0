"""The rows of a table in text, one by one: its encoding, its delimiter, the line each row begins on.

A file is passed over more than once rather than held: memory does not grow with it.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator

from roadmap_cli.core.errors import DataError
from roadmap_cli.life.opening.charsets import MARKS, known
from roadmap_cli.life.opening.opened import Opened

#: Rows searched for the headings: some banks put a dozen lines of their own first.
PREAMBLE_ROWS = 40
LONGEST_FIELD = 1 << 16
LONGEST_LINE = 1 << 20
MOST_COLUMNS = 200
DELIMITERS = {"tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
_SEP = re.compile(r"\s*\"?sep=(.)\"?\s*\Z", re.IGNORECASE)

Row = tuple[int, list[str]]


class Table:
    """A file as rows that may be passed over again and again."""

    def __init__(self, opened: Opened, charset: str | None, delimiter: str | None):
        """`charset` is of a file that is not UTF-8. Raises DataError for it and for a delimiter that is none."""
        self._opened = opened
        self._skip, self._codec = _codec(opened, charset)
        mark = DELIMITERS.get(delimiter or "", delimiter)
        if mark is None:
            lines = []
            for line in self._lines():
                lines.append(line)
                if len(lines) >= PREAMBLE_ROWS + 20:
                    break
            mark = delimiter_of(lines)
        if len(mark) != 1:
            raise DataError("the delimiter is one character", code="bad_delimiter")
        self.delimiter = mark

    def rows(self) -> Iterator[Row]:
        """Every row with the line it begins on. Raises DataError (bad_csv) where it is no table."""
        yield from read(self._lines(), self.delimiter)

    def _lines(self) -> Iterator[str]:
        stream = self._opened.stream
        stream.seek(self._skip)
        text = codecs.getreader(self._codec)(stream, "replace")
        rest = ""
        while chunk := text.read(1 << 16, 1 << 16):
            *lines, rest = (rest + chunk.replace("\0", "").replace("\r\n", "\n")).replace("\r", "\n").split("\n")
            for line in lines:
                yield line + "\n"
            if len(rest) > LONGEST_LINE:
                raise DataError("a line is too long for a table", code="bad_csv")
        if rest:
            yield rest


def read(lines: Iterator[str], delimiter: str) -> Iterator[Row]:
    """The rows of lines. Raises DataError (bad_csv)."""
    csv.field_size_limit(LONGEST_FIELD)
    reader = csv.reader(lines, delimiter=delimiter)
    line = 1
    try:
        for row in reader:
            if len(row) > MOST_COLUMNS:
                raise DataError(f"more than {MOST_COLUMNS} columns", where=str(line), code="bad_csv")
            if not (line == 1 and len(row) <= 2 and _SEP.match(delimiter.join(row))):  # Excel's hint
                yield line, row
            line = reader.line_num + 1
    except csv.Error:
        raise DataError("not a table of comma-separated values", where=str(line), code="bad_csv") from None


def delimiter_of(lines: list[str]) -> str:
    """The mark that cuts most of the first lines into the same number of cells, at least three."""
    if lines and (said := _SEP.match(lines[0])):
        return said[1]
    sample = [re.sub(r'"[^"]*"', '""', line) for line in lines if line.strip()]
    best, best_score = ",", 0
    for mark in (";", ",", "\t", "|"):
        widths = [line.count(mark) for line in sample]
        score = max((widths.count(width) * min(width, 8) for width in set(widths) if width >= 2), default=0)
        if score > best_score:
            best, best_score = mark, score
    return best


def _codec(opened: Opened, charset: str | None) -> tuple[int, str]:
    """How many bytes to skip, and the codec: byte order mark, UTF-8, what was declared, Windows-1252, Latin-1."""
    for mark, codec in MARKS:
        if opened.head.startswith(mark):
            return len(mark), codec
    for codec in ([known(charset)] if charset else []) + ["utf-8", "cp1252"]:
        if _fits(opened, codec):
            return 0, codec
    return 0, "latin-1"


def _fits(opened: Opened, codec: str) -> bool:
    decoder = codecs.getincrementaldecoder(codec)()
    opened.stream.seek(0)
    try:
        while chunk := opened.stream.read(1 << 20):
            decoder.decode(chunk)
        decoder.decode(b"", True)
    except UnicodeError:
        return False
    return True


def head_rows(text: str, delimiter: str | None = None) -> list[Row]:
    """The rows of the beginning of a text, up to its last whole line, cut by the delimiter that is named, or else seen.

    Raises DataError.
    """
    lines = (text.rpartition("\n")[0] or text).replace("\0", "").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    mark = DELIMITERS.get(delimiter or "", delimiter) or delimiter_of(lines[: PREAMBLE_ROWS + 20])
    return list(read(iter(f"{line}\n" for line in lines), mark)) if len(mark) == 1 else []
