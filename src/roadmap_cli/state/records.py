"""Records worth citing: each stored whole and once, found again by id, or by kind and time.

All functions work inside a transaction that the caller opened with `State.read` or `State.write`.
"""

from __future__ import annotations

import re
from datetime import datetime

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from roadmap_cli.core.records import Record
    from roadmap_cli.state.connection import Connection

#: The usual spelling of a time, which sorts as text; another spelling is brought into it for the column.
STAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z\Z")
INSERT = "INSERT INTO record (id, kind, at, body) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"


def put(tx: Connection, record: Record) -> bool:
    """Store a record unless one with its id is there already; True if it was new.

    The first one stays: an id names one fact. Raises DataError if kind, id or at is missing or no such thing, or if
    the record is not JSON.
    """
    return tx.execute(INSERT, _row(record)).rowcount == 1


def put_many(tx: Connection, records: Iterable[Record]) -> int:
    """Store each record as `put` does; the number of those that were new. Raises DataError at the first bad one."""
    before = tx.total_changes
    tx.executemany(INSERT, map(_row, records))
    return tx.total_changes - before


def check(record: Record) -> None:
    """Raise DataError if a record cannot be stored: kind, id or at is missing or no such thing, or it is not JSON."""
    _row(record)


def replace(tx: Connection, record: Record, body: str | None = None) -> None:
    """Store a record in place of the one with its id, if there is one: for what was changed on another device.

    `body` is its JSON text, if that is to be kept to the letter. Raises DataError as `put` does.
    """
    name, kind, at, text = _row(record)
    tx.execute(
        "INSERT INTO record (id, kind, at, body) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
        " kind = excluded.kind, at = excluded.at, body = excluded.body",
        (name, kind, at, text if body is None else body),
    )


def get(tx: Connection, id: str) -> Record | None:
    """The record with an id, as it was given, or None."""
    import orjson

    row = tx.execute("SELECT body FROM record WHERE id = ?", (id,)).fetchone()
    if row is None:
        return None
    record: Record = orjson.loads(row[0])
    return record


def find(
    tx: Connection,
    *,
    kind: str | None = None,
    since: datetime | str | None = None,
    until: datetime | str | None = None,
    limit: int | None = None,
) -> Iterator[Record]:
    """The records of a kind (all kinds without one) from `since` up to, not including, `until`, by time, then id.

    At most `limit` of them. They are read as they are asked for; use them up before the transaction ends.
    Raises DataError for a text that is not a time.
    """
    import orjson

    conditions: list[str] = []
    values: list[str | int] = []
    for condition, value in (("kind = ?", kind), ("at >= ?", _moment(since)), ("at < ?", _moment(until))):
        if value is not None:
            conditions.append(condition)
            values.append(value)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    values.append(-1 if limit is None else max(limit, 0))
    for (body,) in tx.execute(f"SELECT body FROM record{where} ORDER BY at, id LIMIT ?", values):
        yield orjson.loads(body)


def _row(record: Record) -> tuple[str, str, str, str]:
    import orjson

    name, kind, at = (_text(record, field) for field in ("id", "kind", "at"))
    if not STAMP.match(at):
        at = clock.stamp(clock.parse(at))
    try:
        return name, kind, at, orjson.dumps(record).decode()
    except TypeError as error:
        raise DataError(f"record {name!r} cannot be stored: {str(error).lower()}", code="not_json") from None


def _text(record: Record, field: str) -> str:
    value = record.get(field)
    if not isinstance(value, str) or not value:
        raise DataError(f"record without {field!r}", code="missing_field")
    return value


def _moment(value: datetime | str | None) -> str | None:
    if value is None:
        return None
    return clock.stamp(value if isinstance(value, datetime) else clock.parse(value))
