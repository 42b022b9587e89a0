"""The book of everything that left or tried to: a row is committed before the first byte and completed after.

A row whose outcome is ``sending`` and stays so belongs to a process that died while the request was under way.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.records import Record, run_id

if TYPE_CHECKING:
    from roadmap_cli.state.store import State

_COLUMNS = (
    "id, at, command, host, method, url_without_query, purpose, kinds, bytes_out, bytes_in, status, outcome,"
    " permission_id"
)


def bare_url(url: str) -> str:
    """A URL without user, password, query and fragment: what may be written down."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return urlunsplit((parts.scheme, f"{host}:{parts.port}" if parts.port else host, parts.path, "", ""))


def begin(
    state: State,
    *,
    at: datetime,
    command: str,
    host: str,
    method: str,
    url: str,
    purpose: str,
    kinds: Sequence[str],
    bytes_out: int,
    outcome: str,
    permission_id: str | None,
) -> str:
    """Commit the row of a request about to be sent (outcome ``sending``) or refused; return its id."""
    row_id = run_id("net.request", at)
    values = (
        *(row_id, stamp(at), command, host, method, bare_url(url), purpose, json.dumps(list(kinds)), bytes_out),
        *(0, None, outcome, permission_id),
    )
    with state.write() as tx:
        tx.execute(f"INSERT INTO net_request ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
    return row_id


def finish(
    state: State, row_id: str, *, outcome: str, status: int | None, bytes_in: int, bytes_out: int | None = None
) -> None:
    """Commit how a request ended; `bytes_out` where it was not known when it began."""
    with state.write() as tx:
        tx.execute(
            "UPDATE net_request SET outcome = ?, status = ?, bytes_in = ?, bytes_out = coalesce(?, bytes_out)"
            " WHERE id = ?",
            (outcome, status, bytes_in, bytes_out, row_id),
        )


def requests(tx: Any, *, host: str | None = None, limit: int | None = None) -> Iterator[Record]:
    """The requests as ``net.request`` records, oldest first; `limit` keeps the newest ones."""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM (SELECT rowid AS place, * FROM net_request WHERE ?1 IS NULL OR host = ?1"
        " ORDER BY at DESC, rowid DESC LIMIT ?2) ORDER BY at, place",
        (host, -1 if limit is None else limit),
    ).fetchall()
    for row in rows:
        record: Record = {
            "kind": "net.request",
            "id": row[0],
            "at": row[1],
            "command": row[2],
            "host": row[3],
            "method": row[4],
            "url": row[5],
            "purpose": row[6],
            "record_kinds": json.loads(row[7]),
            "bytes_out": row[8],
            "bytes_in": row[9],
            "outcome": row[11],
        }
        if row[10] is not None:
            record["status"] = row[10]
        if row[12] is not None:
            record["permission_id"] = row[12]
        yield record
