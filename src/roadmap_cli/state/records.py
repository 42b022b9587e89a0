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
    from collections.abc import Iterable, Iterator, Sequence

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


def put_new(tx: Connection, records: Sequence[Record]) -> list[bool]:
    """Store records as `put` does, many at once; for each, whether it was new. Of two with one id, the first is.

    Where most are known already, that is found out first and their text is never made. Raises DataError at the first
    bad one.
    """
    known = _known(tx, records) if _mostly_known(tx, records) else frozenset()
    unknown = [record for record in records if record.get("id") not in known] if known else records
    (last,) = tx.execute("SELECT coalesce(max(rowid), 0) FROM record").fetchone()
    if tx.executemany(INSERT, map(_row, unknown)).rowcount == len(records):
        return [True] * len(records)
    # rowids only grow, so the new ones are those after the last
    fresh = {name for (name,) in tx.execute("SELECT id FROM record WHERE rowid > ?", (last,))}
    found = []
    for record in records:
        new = record["id"] in fresh
        if new:
            fresh.discard(record["id"])
        found.append(new)
    return found


def _known(tx: Connection, records: Sequence[Record]) -> frozenset[str]:
    """Which ids of records are stored already."""
    import orjson

    names = orjson.dumps([record.get("id") for record in records]).decode()
    rows = tx.execute("SELECT id FROM record WHERE id IN (SELECT value FROM json_each(?))", (names,))
    return frozenset(name for (name,) in rows)


def _mostly_known(tx: Connection, records: Sequence[Record]) -> bool:
    """Whether of some dozen records, spread over all, at least half are stored already."""
    if len(records) < 64:
        return False
    some = records[:: len(records) // 16]
    return 2 * len(_known(tx, some)) >= len(some)


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

    name, kind, at = record.get("id"), record.get("kind"), record.get("at")
    if not (type(name) is str and type(kind) is str and type(at) is str and name and kind and at):
        raise _incomplete(record)
    if not STAMP.match(at):
        at = clock.stamp(clock.parse(at))
    try:
        return name, kind, at, orjson.dumps(record).decode()
    except TypeError as error:
        raise DataError(f"record {name!r} cannot be stored: {str(error).lower()}", code="not_json") from None


def _incomplete(record: Record) -> DataError:
    missing = next(
        field for field in ("id", "kind", "at") if not isinstance(record.get(field), str) or not record.get(field)
    )
    return DataError(f"record without {missing!r}", code="missing_field")


def _moment(value: datetime | str | None) -> str | None:
    if value is None:
        return None
    return clock.stamp(value if isinstance(value, datetime) else clock.parse(value))
