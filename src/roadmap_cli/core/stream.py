"""JSON Lines in and out: UTF-8, one object a line, strict, in constant memory.

The reader asks the system only for what is there (`os.read`), so a line that has arrived is handed on before the
next is awaited. The writer sends each record at once; to a regular file, or when told so, it gathers them.
Format: roadmap-records(5); RFC 8259 with unique names (RFC 7493) and no NaN.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from functools import partial
from typing import BinaryIO

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record

#: The longest line that is read; a longer one is an error, and is skipped without being held in memory.
LINE_LIMIT_BYTES = 32 * 1024 * 1024
_CHUNK_BYTES = 256 * 1024
#: Members are not counted below this depth: a deeper line is looked at closely.
_DEEP = 64
_SPACE, _TAB, _CR = b" \t\r"


class Lines:
    """The lines of a file descriptor, in chunks of those that have already arrived."""

    def __init__(self, descriptor: int, limit_bytes: int = LINE_LIMIT_BYTES) -> None:
        """`limit_bytes` guards memory: lines shorter than one read (256 KiB) pass in any case."""
        self.descriptor = descriptor
        self.limit_bytes = limit_bytes

    def chunks(self, *, at_once: bool = False) -> Iterator[list[bytes | None]]:
        """Lists of lines as they arrive; None stands for a line over the limit. The last may lack its end of line.

        With `at_once`, a read that ended no line gives an empty list, for whoever has other things to do meanwhile.
        """
        held: list[bytes] = []
        held_bytes = 0
        skipping = False
        while data := os.read(self.descriptor, _CHUNK_BYTES):
            head, newline, rest = data.partition(b"\n")
            if not newline:
                held_bytes += len(head)
                if held_bytes > self.limit_bytes:
                    skipping, held = True, []
                elif not skipping:
                    held.append(head)
                if at_once:
                    yield []
                continue
            too_long = skipping or held_bytes + len(head) > self.limit_bytes
            first = None if too_long else b"".join((*held, head))
            lines: list[bytes | None] = [first]
            *whole, tail = rest.split(b"\n")
            lines += whole
            held, held_bytes, skipping = ([tail] if tail else []), len(tail), False
            yield lines
        if skipping:
            yield [None]
        elif held:
            yield [b"".join(held)]


def parser() -> Callable[[bytes], Record]:
    """The function that reads one line as a record. Made once a stream, so that orjson is imported only then.

    It raises DataError for anything but one JSON object in UTF-8 with unique names, finite numbers and no byte order
    mark.
    """
    from orjson import JSONDecodeError, loads

    def parse(text: bytes) -> Record:
        try:
            value = loads(text)
        except JSONDecodeError as error:
            raise DataError(_explain(text, str(error)), code="bad_json") from None
        if type(value) is not dict:
            raise DataError(f"not an object: {_excerpt(text)}", code="not_an_object")
        # As many quotes before a colon as members, and no white space before one: no name repeats. Else look closely.
        # (A number sought in bytes costs a tenth of a byte string sought in them.)
        count = text.count(b'":')
        if (count != len(value) and count != _members(value)) or (
            (_SPACE in text or _TAB in text or _CR in text) and _loose(text)
        ):
            _refuse_repeated_names(text)
        return value

    return parse


def _members(value: object, depth: int = 0) -> int:
    """How many members a value has, those of values in it included; what is nested deeply has too many to count."""
    if depth > _DEEP:
        return 1 << 40
    values = value.values() if type(value) is dict else value if type(value) is list else ()
    count = len(values) if type(value) is dict else 0
    for inner in values:
        if type(inner) is dict or type(inner) is list:
            count += _members(inner, depth + 1)
    return count


def parse(text: bytes) -> Record:
    """Read one line as a record; see `parser`."""
    return parser()(text)


def _loose(text: bytes) -> bool:
    return b" :" in text or b"\t:" in text or b"\r:" in text


def _refuse_repeated_names(text: bytes) -> None:
    import json

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        members = dict(pairs)
        if len(members) != len(pairs):
            names = [name for name, _ in pairs]
            repeated = next(name for name in names if names.count(name) > 1)
            raise DataError(f"name {repeated!r} stands twice in one object", code="repeated_name")
        return members

    try:
        json.loads(text, object_pairs_hook=unique)
    except RecursionError:
        raise DataError("nested too deeply", code="bad_json") from None


def _explain(text: bytes, error: str) -> str:
    stripped = text.strip()
    if text.startswith(b"\xef\xbb\xbf"):
        return "the line begins with a byte order mark"
    if b"\0" in text:
        return f"NUL byte at column {text.index(0) + 1}"
    try:
        text.decode()
    except UnicodeDecodeError as wrong:
        return f"not UTF-8 at column {wrong.start + 1}"
    if stripped.startswith(b"{") and not stripped.endswith(b"}"):
        return f"the line is cut off: {_excerpt(text)}"
    reason = error.partition(": line ")[0]
    return f"not JSON: {reason}: {_excerpt(text)}"


def _excerpt(text: bytes) -> str:
    shown = text[:48].decode(errors="replace")
    return repr(shown + "..." if len(text) > 48 else shown)


class Writer:
    """Records to a binary stream, one a line; each is handed to the system at once unless the file is regular.

    With `at_once=False` they are held until `rest` is called, before input is awaited: for filters whose work on a
    record takes microseconds, where the system call would be a fifth of it.
    """

    def __init__(self, stream: BinaryIO, at_once: bool = True) -> None:
        import orjson

        self._stream = stream
        self._line = partial(orjson.dumps, option=orjson.OPT_APPEND_NEWLINE)
        descriptor = stream.fileno()
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        #: Writes a line as it is, its end of line included.
        self.raw: Callable[[bytes], object] = (
            partial(_write_whole, descriptor) if at_once and not regular else stream.write
        )
        #: Hands on what is held, before a wait.
        self.rest: Callable[[], object] = _nothing if regular or at_once else stream.flush

    def write(self, record: Record) -> None:
        """Write one record. Raises TypeError if it holds what JSON has not (a bug of who made it), and OSError."""
        self.raw(self._line(record))

    def close(self) -> None:
        """Hand on what is held."""
        self._stream.flush()


def _write_whole(descriptor: int, line: bytes) -> None:
    written = os.write(descriptor, line)
    while written < len(line):  # a pipe takes part of a long line, or a signal came between
        line = line[written:]
        written = os.write(descriptor, line)


def _nothing() -> None:
    """Nothing is held."""
