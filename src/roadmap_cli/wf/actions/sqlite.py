"""Doing one SQL statement on SQLite, or on CSV files as tables of it.

The rule kept here: what only reads runs where SQLite itself lets nothing be changed and nothing else be read.
"""

from __future__ import annotations

import csv
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from roadmap_cli.core.errors import ConfigError, DataError, TryLater
from roadmap_cli.core.records import Record
from roadmap_cli.wf.actions import Context
from roadmap_cli.wf.actions.rows import NOTES, Question, taken
from roadmap_cli.wf.actions.watching import watched

MOST_CSV = 64 * 1024 * 1024
_STEPS = 10_000  # of SQLite's machine between two looks at the clock
_LOOKING = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE)
_CHANGING = (sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE)
#: Functions of SQLite that reach out of the database, or tell of the program.
_FORBIDDEN = frozenset(
    {"load_extension", "readfile", "writefile", "edit", "fts3_tokenizer", "sqlite_compileoption_get"}
)


def ask(
    connect: Callable[[], sqlite3.Connection],
    question: Question,
    tables: frozenset[str],
    context: Context,
    ends_at: float,
) -> Record:
    """The rows, or how many were changed, of the database that `connect` gives; `tables` are all it may touch."""
    cancelled = threading.Event()

    def work() -> Record:
        try:
            with closing(connect()) as connection:
                connection.set_progress_handler(lambda: cancelled.is_set() or time.monotonic() > ends_at, _STEPS)
                if question.statement.is_change:
                    return _changed(connection, question, tables)
                connection.execute("PRAGMA query_only = ON")
                connection.set_authorizer(_authorizer(_LOOKING, tables))
                return _looked(connection, question)
        except sqlite3.Error as error:
            raise _words(error, question.timeout_s) from None

    return watched(work, timeout_s=question.timeout_s + 1, stop=context.stop, cancel=cancelled.set)


def opened(path: Path, is_change: bool) -> sqlite3.Connection:
    """A database of a file, to be read only or to be changed. Raises ConfigError if it is not there."""
    if not path.is_file():
        raise ConfigError(f"there is no database {str(path)!r}", code="no_database")
    place = f"file:{quote(str(path))}?mode={'rw' if is_change else 'ro'}"
    connection = sqlite3.connect(place, uri=True, isolation_level=None, timeout=5.0, check_same_thread=False)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 16 * 1024 * 1024)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def _authorizer(
    acts: tuple[int, ...], tables: frozenset[str]
) -> Callable[[int, str | None, str | None, str | None, str | None], int]:
    """What SQLite asks before it prepares a statement: only these acts, only these tables (and what views read)."""

    def judge(act: int, first: str | None, second: str | None, database: str | None, inner: str | None) -> int:
        if act not in acts:
            return sqlite3.SQLITE_DENY
        if act == sqlite3.SQLITE_FUNCTION:
            return sqlite3.SQLITE_DENY if (second or "").lower() in _FORBIDDEN else sqlite3.SQLITE_OK
        if act in (sqlite3.SQLITE_READ, *_CHANGING) and tables and first not in tables and inner not in tables:
            return sqlite3.SQLITE_DENY
        if act in _CHANGING and (first or "").startswith("sqlite_"):
            return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK

    return judge


def _looked(connection: sqlite3.Connection, question: Question) -> Record:
    cursor = connection.execute(question.statement.for_sqlite(), question.values)
    return taken([each[0] for each in cursor.description], cursor, question.most_rows)


def _changed(connection: sqlite3.Connection, question: Question, tables: frozenset[str]) -> Record:
    import orjson

    connection.execute("BEGIN IMMEDIATE")
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {NOTES} (key TEXT PRIMARY KEY, at TEXT NOT NULL, output TEXT NOT NULL)"
    )
    row = connection.execute(f"SELECT output FROM {NOTES} WHERE key = ?", (question.key,)).fetchone()
    if row is not None:
        connection.execute("ROLLBACK")
        done: Record = orjson.loads(row[0])
        return {**done, "was_done_before": True}
    before = connection.total_changes
    connection.set_authorizer(_authorizer((*_LOOKING, *_CHANGING), tables))
    cursor = connection.execute(question.statement.for_sqlite(), question.values)
    output: Record = {}
    if cursor.description:
        output = taken([each[0] for each in cursor.description], cursor, question.most_rows)
        for _ in cursor:  # a statement with RETURNING has changed all rows only when all were taken
            pass
    cursor.close()
    output["rows_count"] = connection.total_changes - before
    connection.set_authorizer(None)
    note = (question.key, question.at, orjson.dumps(output).decode())
    connection.execute(f"INSERT INTO {NOTES}(key, at, output) VALUES (?, ?, ?)", note)
    connection.execute("COMMIT")
    return output


def from_csv(paths: Iterable[Path], ends_at: float) -> sqlite3.Connection:
    """A database in memory with a table for each file, named as it is; a column of numbers holds numbers."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    total = 0
    for path in paths:
        try:
            total += path.stat().st_size
            if total > MOST_CSV:
                raise DataError(f"the files are longer than {MOST_CSV} bytes", where=str(path), code="too_long")
            with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
                _load_csv(connection, re.sub(r"\W", "_", path.stem), csv.reader(file), ends_at)
        except OSError as error:
            raise ConfigError(f"cannot be read: {(error.strerror or '').lower()}", where=str(path)) from None
        except csv.Error as error:
            raise DataError(f"not a CSV file: {error}", where=str(path), code="bad_csv") from None
    return connection


def _load_csv(connection: sqlite3.Connection, table: str, lines: Iterable[list[str]], ends_at: float) -> None:
    rows = iter(lines)
    names = [re.sub(r"\W", "_", each.strip()) or f"column_{at}" for at, each in enumerate(next(rows, []), 1)]
    if not names:
        return
    held: list[list[str]] = []
    for row in rows:
        if len(held) % 1000 == 0 and time.monotonic() > ends_at:
            raise TryLater("the files take too long to read", code="timed_out")
        if row:
            held.append([*row[: len(names)], *[""] * (len(names) - len(row))])
    numeric = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?\Z")
    columns = []
    for at, name in enumerate(names):
        values = {row[at] for row in held}
        is_number = any(values) and all(not each or numeric.match(each) for each in values)
        columns.append(f'"{name}" {"NUMERIC" if is_number else "TEXT"}')
    connection.execute(f'CREATE TABLE "{table}" ({", ".join(columns)})')
    marks = ", ".join("?" * len(names))
    connection.execute("BEGIN")
    connection.executemany(
        f'INSERT INTO "{table}" VALUES ({marks})', ([each if each != "" else None for each in row] for row in held)
    )
    connection.execute("COMMIT")


def _words(error: sqlite3.Error, timeout_s: float) -> Exception:
    """What SQLite says, as an error of ours."""
    text = str(error)
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return TryLater("the database is in use", code="busy")
        case sqlite3.SQLITE_INTERRUPT:
            return TryLater(f"the query was not done after {timeout_s:g} s", code="timed_out")
        case sqlite3.SQLITE_AUTH:
            return DataError(f"the database lets the query not do that: {text}", code="not_permitted")
        case sqlite3.SQLITE_READONLY:
            return DataError("the database is only read", code="not_permitted")
        case sqlite3.SQLITE_NOTADB:
            return ConfigError("the file is not a database", code="no_database")
        case sqlite3.SQLITE_CANTOPEN:
            return ConfigError("the database cannot be opened", code="no_database")
        case sqlite3.SQLITE_CONSTRAINT:
            return DataError(f"the database refuses the change: {text}", code="refused")
    return DataError(f"the query fails: {text[:200]}", code="query_failed")
