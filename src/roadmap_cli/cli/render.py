"""The three dresses of a record: a JSON line, tab-separated columns, a table or drawing for people.

Rendering changes only the dress. Records, their order and the exit code are the same in each. Whatever the dress,
nothing in data steers a terminal: there, control characters are written as escapes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from roadmap_cli.cli.terminal import CONTROLS, console, visible
from roadmap_cli.core.records import Record
from roadmap_cli.core.stream import Writer, parse

if TYPE_CHECKING:
    from threading import Timer

#: Draws records on a terminal: takes them all, and a rich console.
Picture = Callable[[Sequence[Record], Any], None]
_DEFAULT_COLUMNS = ("kind", "id", "at")
_HELD_ROWS = 1000
#: The first rows of a stream wait for one another so long, in seconds, and are at most so many: columns fit them all.
_TOGETHER_S, _TOGETHER_ROWS = 0.15, 50


class Output(Protocol):
    """Where a command's records go."""

    def write(self, record: Record) -> None:
        """Write one record."""

    def raw(self, line: bytes) -> None:
        """Write a record that is already a line (without its end of line)."""

    def rest(self) -> object:
        """Hand on what is held, before a wait for input."""

    def deliver(self) -> None:
        """Hand on what can be handed on, wherever it goes."""

    def close(self) -> None:
        """Hand on what is held, at the end."""


class JsonOutput:
    """JSON Lines: the stable format."""

    def __init__(self, stream: BinaryIO, at_once: bool = True) -> None:
        writer = Writer(stream, at_once)
        self.write = writer.write
        self._raw = writer.raw
        if os.isatty(stream.fileno()):
            self.write = self._shown
            self._raw = lambda line: writer.raw(harmless(line))
        self.rest = writer.rest
        self.deliver = self.close = writer.close

    def raw(self, line: bytes) -> None:
        """Write a line as it came."""
        self._raw(line + b"\n")

    def _shown(self, record: Record) -> None:
        import orjson

        self.raw(orjson.dumps(record))


class PlainOutput:
    """Tab-separated columns in a stable order, one record a line; absent is empty."""

    def __init__(self, stream: BinaryIO, columns: Sequence[str]) -> None:
        self._writer = Writer(stream)
        self._columns = tuple(columns) or _DEFAULT_COLUMNS
        self._is_terminal = os.isatty(stream.fileno())
        self.rest = self._writer.rest
        self.deliver = self.close = self._writer.close

    def write(self, record: Record) -> None:
        """Write a record's columns; tab, newline and backslash inside a field are escaped."""
        cells = [_escape(cell(record.get(name))) for name in self._columns]
        row = "\t".join(map(visible, cells) if self._is_terminal else cells)
        self._writer.raw(row.encode(errors="replace") + b"\n")

    def raw(self, line: bytes) -> None:
        """Write the columns of a record that passes through."""
        self.write(parse(line))


class PrettyOutput:
    """For a person's eyes: a table, or the command's own picture. Rows appear as they come when the command streams.

    What comes of a stream in the first moment is shown together, so that its columns are wide enough for all of it.
    """

    def __init__(
        self,
        stream: BinaryIO,
        environ: Mapping[str, str],
        colour: str,
        columns: Sequence[str],
        streams: bool,
        picture: Picture | None,
    ) -> None:
        from threading import RLock

        self._text = TextIOWrapper(stream, encoding="utf-8", errors="replace", write_through=True)
        self._console = console(self._text, environ, colour)
        self._columns = tuple(columns) or _DEFAULT_COLUMNS
        self._streams = streams and picture is None
        self._picture = picture
        self._held: list[Record] = []
        self._widths: list[int] = []
        self._first: Timer | None = None
        self._failure: OSError | None = None
        self._lock = RLock()

    def write(self, record: Record) -> None:
        """Show a record now, or hold it for the table or picture."""
        if self._streams:
            with self._lock:
                self._stream(record)
            return
        self._held.append(record)
        if len(self._held) >= _HELD_ROWS and self._picture is None:
            self._table()

    def raw(self, line: bytes) -> None:
        """Show a record that passes through."""
        self.write(parse(line))

    def rest(self) -> None:
        """A table is shown when it is whole; of a stream everything is shown before a wait."""
        if self._streams:
            self._begin()

    def deliver(self) -> None:
        """A table is shown when it is whole."""

    def close(self) -> None:
        """Show what is held."""
        if self._streams:
            self._begin()
        if self._held:
            if self._picture:
                self._picture(self._held, self._console)
            else:
                self._table()
        self._text.flush()
        self._text.detach()

    def _stream(self, record: Record) -> None:
        """Show a row, or hold it for a moment if it is among the first."""
        if self._failure is not None:
            raise self._failure
        if self._widths:
            self._row(record)
            return
        self._held.append(record)
        if len(self._held) >= _TOGETHER_ROWS:
            self._begin()
        elif self._first is None:
            from threading import Timer

            self._first = Timer(_TOGETHER_S, self._in_time)
            self._first.daemon = True
            self._first.start()

    def _in_time(self) -> None:
        """The moment is over. What could not be written is told to the command by the next row, or at the end."""
        try:
            self._begin()
        except OSError as error:
            self._failure = error
        except ValueError:
            return  # the output was closed meanwhile, with all that was held

    def _begin(self) -> None:
        """Show the first rows of a stream. Raises OSError if that failed before."""
        with self._lock:
            if self._failure is not None:
                raise self._failure
            if self._first is not None:
                self._first.cancel()
                self._first = None
            held, self._held = self._held, []
            rows = [self._cells(record) for record in held if not self._foreign(record)]
            if rows and not self._widths:
                self._widths = [max(map(len, column)) for column in zip(self._columns, *rows, strict=True)]
                self._line(
                    "  ".join(name.ljust(wide) for name, wide in zip(self._columns, self._widths, strict=True)), "bold"
                )
            for record in held:
                self._row(record)

    def _foreign(self, record: Record) -> bool:
        """Whether it is of another kind than the table is for."""
        declared = set(self._columns) - set(_DEFAULT_COLUMNS)
        return bool(declared) and not declared & record.keys()

    def _cells(self, record: Record) -> list[str]:
        return [one_line(record.get(name)) for name in self._columns]

    def _row(self, record: Record) -> None:
        """One line at once: columns as wide as anything in them so far, the last one cut at the terminal's edge."""
        if self._foreign(record):
            told = {name: value for name, value in record.items() if name not in _DEFAULT_COLUMNS}
            pairs = (f"{name} {one_line(value)}" for name, value in told.items())
            self._line(f"{one_line(record.get('kind', ''))}  {', '.join(pairs)}")
            return
        cells = self._cells(record)
        self._widths = [max(wide, len(text)) for wide, text in zip(self._widths, cells, strict=True)]
        self._line("  ".join(text.ljust(wide) for text, wide in zip(cells, self._widths, strict=True)).rstrip())

    def _line(self, text: str, style: str | None = None) -> None:
        limit = self._console.width
        self._console.print(text if len(text) <= limit else text[: limit - 1] + "…", style=style, soft_wrap=True)

    def _table(self) -> None:
        table(self._held, self._columns, self._console)
        self._held = []


def table(records: Sequence[Record], columns: Sequence[str], console: Any) -> None:
    """Print records as a table of those columns that any of them has, each as wide as its contents allow."""
    from rich.table import Table

    shown = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    present = [name for name in columns if any(name in record for record in records)]
    for name in present or list(columns):
        numeric = all(isinstance(record.get(name, 0), int | float) for record in records)
        shown.add_column(name, justify="right" if numeric else "left", overflow="ellipsis", no_wrap=True)
    for record in records:
        shown.add_row(*(one_line(record.get(name)) for name in present))
    console.print(shown)


class Drawing(Protocol):
    """What draws records one by one, on the rich console it was made with."""

    def add(self, record: Record) -> None:
        """Take one more record in."""

    def rest(self) -> None:
        """Show what is not shown yet: there may be no more for long."""


class DrawnOutput:
    """For a person's eyes, for many records or a stream without an end: a drawing that holds none of them."""

    def __init__(
        self, stream: BinaryIO, environ: Mapping[str, str], colour: str, drawing: Callable[[Any], Drawing]
    ) -> None:
        self._text = TextIOWrapper(stream, encoding="utf-8", errors="replace", write_through=True)
        self._drawing = drawing(console(self._text, environ, colour))
        self.write = self._drawing.add
        self.rest = self._drawing.rest

    def raw(self, line: bytes) -> None:
        """Take in a record that passes through."""
        self.write(parse(line))

    def deliver(self) -> None:
        """Part of a drawing is not shown."""

    def close(self) -> None:
        """Show what is not shown yet."""
        self.rest()
        self._text.flush()
        self._text.detach()


def harmless(line: bytes) -> bytes:
    """A JSON line with the same meaning, in which no character that a terminal obeys stands as itself.

    JSON escapes those below U+0020 by itself; the others can stand in strings only, where an escape means the same.
    """
    text = CONTROLS.sub(lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}", line.decode())
    return text.encode()


def cell(value: Any) -> str:
    """A value as text for one field: text as it is, absent as nothing, anything else as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:.6g}"
    import orjson

    return orjson.dumps(value).decode()


def one_line(value: Any) -> str:
    """A value for a line on a terminal: line breaks are spaces, other control characters visible."""
    return visible(" ".join(cell(value).split("\n")))


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
