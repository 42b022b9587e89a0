"""Histories of browsers: the SQLite files of Chrome, Chromium and Edge, of Firefox, and of Safari.

The file is read into memory, together with what its write-ahead log holds that is committed, and opened there: the
browser may be running, nothing is locked, and no copy is left on disk. Visits are numbered, so that only those after
the last one are read the next time.
"""

from __future__ import annotations

import hashlib
import sqlite3
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life.kinds.items import Item, Position, Source
from roadmap_cli.life.kinds.visits import page
from roadmap_cli.life.opening.opened import LARGEST_BYTES, Opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.opening.settings import Settings

NAME, WHAT = "browser", "the history of a browser"
_MAGIC = b"SQLite format 3\0"
_SCHEMA_BYTES = 4 * 1024 * 1024
_STRIDE = 500
#: Steps of SQLite (in thousands) after which a query is stopped: a file made to run for ever does not.
_MOST_STEPS = 2_000_000

_SINCE_1601 = datetime(1601, 1, 1, tzinfo=UTC)
_SINCE_1970 = datetime(1970, 1, 1, tzinfo=UTC)
_SINCE_2001 = datetime(2001, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Kind:
    """How one browser keeps its history: by which words its file is known, the visits after one, and their times."""

    browser: str
    words: tuple[bytes, ...]
    query: str
    moment: Callable[[float], datetime]


_KINDS = (
    _Kind(
        "firefox",
        (b"moz_historyvisits", b"moz_places"),
        "SELECT v.id, v.visit_date, NULL, p.url, p.title FROM moz_historyvisits v"
        " JOIN moz_places p ON p.id = v.place_id"
        " WHERE v.id > ? AND v.visit_type NOT IN (4, 7, 8) ORDER BY v.id",
        lambda value: _SINCE_1970 + timedelta(microseconds=value),
    ),
    _Kind(
        "safari",
        (b"history_visits", b"history_items"),
        "SELECT v.id, v.visit_time, NULL, i.url, v.title FROM history_visits v"
        " JOIN history_items i ON i.id = v.history_item"
        " WHERE v.id > ? ORDER BY v.id",
        lambda value: _SINCE_2001 + timedelta(seconds=value),
    ),
    _Kind(
        "chrome",
        (b"TABLE visits", b"TABLE urls"),
        "SELECT v.id, v.visit_time, v.visit_duration, u.url, u.title FROM visits v JOIN urls u ON u.id = v.url"
        " WHERE v.id > ? AND v.transition & 0xFF NOT IN (3, 4) ORDER BY v.id",
        lambda value: _SINCE_1601 + timedelta(microseconds=value),
    ),
)


def matches(opened: Opened) -> bool:
    """An SQLite file with the tables of one of them."""
    return opened.head.startswith(_MAGIC) and _kind(opened) is not None


def source_of(opened: Opened) -> Source:
    """A history grows: it is one source by its name and kind."""
    if not opened.place:
        return Source(opened.name, opened.sha256, opened.size_bytes, NAME)
    return Source(
        opened.name, hashlib.sha256(b"browser\0" + opened.place.encode()).hexdigest(), opened.size_bytes, NAME
    )


def items(opened: Opened, source: Source, settings: Settings) -> Iterator[Item]:
    """Its visits after the last one read, and how far it was read after every 500."""
    kind = _kind(opened)
    if kind is None:
        yield DataError("the history has none of the known tables", where=source.name, code="bad_history")
        return
    last = opened.position.get("visit", 0)
    last = last if isinstance(last, int) and opened.position.get("browser") == kind.browser else 0
    try:
        database = in_memory(opened)
        rows = _rows(database, kind, last)
    except (sqlite3.Error, struct.error, ValueError, OverflowError):
        yield DataError("the history is damaged", where=source.name, code="bad_history")
        return
    count, number = 0, last
    try:
        while True:
            try:
                row = next(rows, None)
            except (sqlite3.Error, OverflowError, ValueError):
                yield DataError("the history is damaged", where=source.name, code="bad_history")
                return
            if row is None:
                break
            number = row[0] if isinstance(row[0], int) else number
            count += 1
            try:
                yield _visit(row, kind, source)
            except DataError as error:
                yield source.placed(error, number)
            if opened.place and count % _STRIDE == 0:
                yield Position(opened.place, {"browser": kind.browser, "visit": number})
    finally:
        database.close()
    if opened.place and count:
        yield Position(opened.place, {"browser": kind.browser, "visit": number})


def _rows(database: sqlite3.Connection, kind: _Kind, last: int) -> Iterator[tuple[Any, ...]]:
    """The visits after the last one; all, if there are none that high: the history was begun anew."""
    highest = database.execute(f"SELECT max(id) FROM {_visits_of(kind)}").fetchone()[0]
    begin = last if isinstance(highest, int) and highest >= last else 0
    return iter(database.execute(kind.query, (begin,)))


def _visits_of(kind: _Kind) -> str:
    return {"firefox": "moz_historyvisits", "safari": "history_visits", "chrome": "visits"}[kind.browser]


def _visit(row: tuple[Any, ...], kind: _Kind, source: Source) -> Record:
    identity, when, lasted, url, title = row
    if not isinstance(url, str) or not isinstance(when, (int, float)) or not isinstance(identity, int):
        raise DataError("the visit has no address or no time", code="missing_field")
    try:
        at = kind.moment(when)
        stamp(at)
    except (OverflowError, ValueError):
        raise DataError("the time of the visit does not exist", code="bad_time") from None
    ends = at + timedelta(microseconds=lasted) if isinstance(lasted, int) and 0 < lasted < 86_400_000_000 else None
    return page(
        source, max(identity, 1), at=at, url=url, title=title if isinstance(title, str) else "",
        browser=kind.browser, ends_at=ends,
    )  # fmt: skip


def _kind(opened: Opened) -> _Kind | None:
    opened.stream.seek(0)
    schema = opened.stream.read(_SCHEMA_BYTES)
    opened.stream.seek(0)
    for kind in _KINDS:
        if all(word in schema for word in kind.words):
            return kind
    return None


def in_memory(opened: Opened) -> sqlite3.Connection:
    """The database, with its write-ahead log, as a connection that touches no file.

    Raises sqlite3.Error, ValueError and struct.error for what is damaged, DataError for what is too large.
    """
    data = bytearray(opened.data())
    if opened.path:
        log = Path(f"{opened.path}-wal")
        try:
            if 32 < log.stat().st_size < LARGEST_BYTES:
                _apply(data, log.read_bytes())
        except OSError:
            pass
    data[18:20] = b"\x01\x01"  # no write-ahead log: there is no file for one
    database = sqlite3.connect(":memory:")
    database.deserialize(bytes(data))
    database.execute("PRAGMA trusted_schema = OFF")
    database.execute("PRAGMA query_only = ON")
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return int(steps > _MOST_STEPS)

    database.set_progress_handler(count, 1000)
    return database


def _apply(data: bytearray, log: bytes) -> None:
    """Write the pages of the committed transactions of a write-ahead log over those of the database.

    The format is that of "The WAL-mode file format" in SQLite's documentation; the log ends where salts or sums differ.
    """
    magic, _, page_size, _, salt1, salt2, _, _ = struct.unpack(">8I", log[:32])
    if magic not in (0x377F0682, 0x377F0683) or not 512 <= page_size <= 65536:
        return
    order = ">" if magic & 1 else "<"
    sums = _checked(log[:24], (0, 0), order)
    if sums != struct.unpack(">2I", log[24:32]):
        return
    pending: dict[int, bytes] = {}
    for at in range(32, len(log) - 24 - page_size + 1, 24 + page_size):
        number, size, first, second, *expected = struct.unpack(">6I", log[at : at + 24])
        page_data = log[at + 24 : at + 24 + page_size]
        sums = _checked(page_data, _checked(log[at : at + 8], sums, order), order)
        if (first, second) != (salt1, salt2) or list(sums) != expected or number == 0:
            return
        pending[number] = page_data
        if size:  # the end of a transaction: the size of the database in pages
            if size * page_size > LARGEST_BYTES:
                return
            end = size * page_size
            data.extend(b"\0" * max(0, end - len(data)))
            for each, content in pending.items():
                if each <= size:
                    data[(each - 1) * page_size : each * page_size] = content
            del data[end:]
            pending = {}


def _checked(data: bytes, sums: tuple[int, int], order: str) -> tuple[int, int]:
    first, second = sums
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for place in range(0, len(words), 2):
        first = (first + words[place] + second) & 0xFFFFFFFF
        second = (second + words[place + 1] + first) & 0xFFFFFFFF
    return first, second
