"""What could not be read: kept as it came, listed, and read again when the reason is gone.

The rule kept here: what was taken from a sender is an event or a dead letter, and what is kept is bounded: beyond
`MOST_LETTERS` or `MOST_BYTES` nothing is kept any more, which is said in the audit.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.state import records
from roadmap_cli.wf import events, sources
from roadmap_cli.wf.audit import log
from roadmap_cli.wf.sources import Dead

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

MOST_LETTERS = 1000
MOST_BYTES = 64 * 1024 * 1024
#: A letter that could not be read so often is read again only when it is named.
MOST_FAILURES = 5
_MOST_SHOWN = 500


def keep(tx: Connection, source: str, letters: Sequence[Dead], at: datetime) -> list[Record]:
    """Keep what could not be read; gives the wf.dead_letter of each that is new."""
    import orjson

    found: list[Record] = []
    stamp = clock.stamp(at)
    for each in letters:
        name = content_id("wf.dead_letter", source=source, body=_hash(each.body))
        known = tx.execute(
            "UPDATE wf_dead SET failure_count = failure_count + 1, last_at = ?, code = ? WHERE dead_id = ?",
            (stamp, each.code, name),
        ).rowcount
        if known:
            continue
        count, held = tx.execute(
            "SELECT count(*), coalesce(sum(length(body)), 0) FROM wf_dead WHERE status <> 'read'"
        ).fetchone()
        if count >= MOST_LETTERS or held + len(each.body) > MOST_BYTES:
            log.append(tx, action="event.dropped", user="policy:sources", resource=f"source:{source}", outcome="failed",
                       why="no room for more dead letters", at=at, body_sha256=_hash(each.body))  # fmt: skip
            continue
        tx.execute(
            "INSERT INTO wf_dead(dead_id, source, reader, headers, body, code, failure_count, first_at, last_at,"
            " status) VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?, 'waiting')",
            (name, source, each.reader, orjson.dumps(dict(each.headers)).decode(), each.body, each.code, stamp, stamp),
        )
        letter: Record = {
            "kind": "wf.dead_letter", "id": name, "at": stamp, "source": source, "reader": each.reader,
            "code": each.code, "message": each.message[:_MOST_SHOWN], "size_bytes": len(each.body),
            "body_sha256": _hash(each.body),
        }  # fmt: skip
        records.put(tx, letter)
        log.append(tx, action="event.dead", user="policy:sources", resource=name, outcome="failed",
                   why=f"could not be read: {each.code}", at=at, body_sha256=_hash(each.body))  # fmt: skip
        found.append(letter)
    return found


def listed(tx: Connection) -> list[Record]:
    """The letters that were not read yet, oldest first, with how they stand and the beginning of what they say."""
    rows = tx.execute(
        "SELECT dead_id, status, failure_count, last_at, code, substr(body, 1, 200) FROM wf_dead"
        " WHERE status <> 'read' ORDER BY first_at, dead_id"
    ).fetchall()
    found: list[Record] = []
    for name, status, count, last_at, code, head in rows:
        letter = records.get(tx, name) or {"kind": "wf.dead_letter", "id": name, "at": last_at}
        found.append({**letter, "code": code, "status": status, "failure_count": count, "last_at": last_at,
                      "begins": bytes(head).decode("utf-8", "replace")})  # fmt: skip
    return found


def retry(tx: Connection, names: Sequence[str], at: datetime) -> tuple[list[Record], int]:
    """Read letters again, those named or all that wait; gives the events to announce and how many still fail.

    Raises DataError for a name that is none.
    """
    import orjson

    if names:
        rows = []
        for name in names:
            row = tx.execute(_ROW + "dead_id = ?", (name,)).fetchone()
            if row is None:
                raise DataError(f"{name!r} is no dead letter", hint="see 'wf-listen --dead'", code="unknown_letter")
            rows.append(row)
    else:
        rows = tx.execute(_ROW + "status = 'waiting' ORDER BY first_at, dead_id").fetchall()
    announce: list[Record] = []
    failed = 0
    for name, source, reader, headers, body, failures in rows:
        try:
            found = sources.reader(reader).read(bytes(body), orjson.loads(headers), at)
            announce += events.keep(tx, [marked(each, source) for each in found])
        except DataError as error:
            failed += 1
            status = "given_up" if failures + 1 >= MOST_FAILURES else "waiting"
            tx.execute(
                "UPDATE wf_dead SET failure_count = failure_count + 1, last_at = ?, code = ?, status = ?"
                " WHERE dead_id = ?",
                (clock.stamp(at), error.code, status, name),
            )
            continue
        tx.execute("UPDATE wf_dead SET status = 'read', last_at = ?, body = x'' WHERE dead_id = ?",
                   (clock.stamp(at), name))  # fmt: skip
        log.append(tx, action="event.revived", user="user", resource=name, outcome="done", at=at,
                   why="a dead letter was read", event_ids=[each["id"] for each in found])  # fmt: skip
    return announce, failed


def drop(tx: Connection, names: Sequence[str], at: datetime) -> int:
    """Give letters up for good: their content goes, the audit says so. Raises DataError for a name that is none."""
    for name in names:
        if not tx.execute("UPDATE wf_dead SET status = 'read', body = x'', last_at = ? WHERE dead_id = ?",
                          (clock.stamp(at), name)).rowcount:  # fmt: skip
            raise DataError(f"{name!r} is no dead letter", hint="see 'wf-listen --dead'", code="unknown_letter")
        log.append(tx, action="event.discarded", user="user", resource=name, outcome="done", at=at,
                   why="the user gave it up")  # fmt: skip
    return len(names)


def marked(event: Record, source: str) -> Record:
    """An event with the name of the configured source that it came by."""
    return {**event, "listener": source} if source and event.get("kind") == "wf.event" else event


def _hash(body: bytes) -> str:
    import hashlib

    return hashlib.sha256(body).hexdigest()


_ROW = "SELECT dead_id, source, reader, headers, body, failure_count FROM wf_dead WHERE "
