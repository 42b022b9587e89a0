"""The requests that wait: stored, taken by one process at a time, and settled exactly once.

A request is taken under a lease and under a lock that the kernel frees when the process dies. Who finds the lock free
or the lease at its end may take it again; only who still has it can settle it, so that each has one result.
All functions work inside a transaction of the caller's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from roadmap_cli.core.clock import parse, stamp
from roadmap_cli.core.errors import Negative
from roadmap_cli.core.records import Record, content_id, run_id
from roadmap_cli.state import records

KIND = "slm.request"
#: Names of the priorities, by number.
PRIORITIES = ("now", "normal", "background")
STATES = ("waiting", "taken", "answered", "failed", "expired", "cancelled")
OPEN = ("waiting", "taken")
#: How long a request may be worked on before another process may take it although the first still lives.
LEASE = timedelta(minutes=15)
#: The longest wait after a failure that may pass.
LONGEST_PAUSE = timedelta(hours=1)
_COLUMNS = (
    "id, at, priority, due_at, is_late_fine, model, line, options, state, attempts, not_before_at, taken_by,"
    " taken_until_at, reply_id, error_code, error, settled_at"
)


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it is stored. `options` are names and values of `conversation.chat.Options`, and ``system``."""

    id: str
    at: datetime
    priority: int
    due_at: datetime | None
    is_late_fine: bool
    model: str | None
    line: Mapping[str, Any]
    options: Mapping[str, Any]
    state: str = "waiting"
    attempts: int = 0
    not_before_at: datetime | None = None
    taken_by: str | None = None
    taken_until_at: datetime | None = None
    reply_id: str | None = None
    error_code: str | None = None
    error: str | None = None
    settled_at: datetime | None = None

    def is_ready(self, now: datetime) -> bool:
        """Whether no wait after a failure is left. One longer than any stems from a clock that was put back."""
        return self.not_before_at is None or not now < self.not_before_at <= now + LONGEST_PAUSE

    def record(self) -> Record:
        """It as an ``slm.request`` record: what the line held first is under ``line``."""
        told: Record = {
            "kind": KIND,
            "id": self.id,
            "at": stamp(self.at),
            "priority": PRIORITIES[self.priority],
            "state": self.state,
            "attempts_count": self.attempts,
            "line": dict(self.line),
            "options": dict(self.options),
        }
        for name in ("due_at", "not_before_at", "settled_at"):
            moment = getattr(self, name)
            if moment is not None:
                told[name] = stamp(moment)
        if self.due_at is not None:
            told["is_late_fine"] = self.is_late_fine
        for name in ("model", "reply_id", "error_code", "error"):
            if getattr(self, name) is not None:
                told[name] = getattr(self, name)
        return told


def new(
    line: Record,
    *,
    at: datetime,
    priority: str,
    options: Mapping[str, Any],
    model: str | None = None,
    due_at: datetime | None = None,
    is_late_fine: bool = False,
) -> Request:
    """A request for a line. A line with a ``custom_id`` asks once, however often it is added."""
    if isinstance(line.get("custom_id"), str):
        asked = json.dumps([line, options, model], sort_keys=True, ensure_ascii=False)
        name = content_id(KIND, custom_id=line["custom_id"], asked=asked)
    else:
        name = run_id(KIND, at)
    return Request(name, at, PRIORITIES.index(priority), due_at, is_late_fine, model, line, options)


def add(tx: Any, requests: Sequence[Request]) -> list[Request]:
    """Store requests, also as records to cite; as they are stored, those that were there already as they are now."""
    for each in requests:
        tx.execute(
            "INSERT INTO slm_request (id, at, priority, due_at, is_late_fine, model, line, options, state, attempts)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'waiting', 0) ON CONFLICT (id) DO NOTHING",
            (
                *(each.id, stamp(each.at), each.priority, _stamp(each.due_at), int(each.is_late_fine), each.model),
                *(_json(each.line), _json(each.options)),
            ),
        )
    records.put_many(tx, (each.record() for each in requests))
    return [find(tx, [each.id])[0] for each in requests]


def find(tx: Any, ids: Sequence[str]) -> list[Request]:
    """Requests by id, in the order of the ids. Raises Negative for one there is not."""
    found = []
    for name in ids:
        row = tx.execute(f"SELECT {_COLUMNS} FROM slm_request WHERE id = ?", (name,)).fetchone()
        if row is None:
            raise Negative(f"no request {name!r}", hint="slm-queue list")
        found.append(_request(row))
    return found


def every(tx: Any, *, states: Sequence[str] = (), limit: int | None = None) -> list[Request]:
    """Requests in the order they were added; `limit` keeps the newest."""
    chosen = states or STATES
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM slm_request WHERE state IN ({_marks(chosen)}) ORDER BY at DESC, id DESC LIMIT ?",
        (*chosen, -1 if limit is None else limit),
    ).fetchall()
    return [_request(row) for row in reversed(rows)]


def waiting(tx: Any) -> list[Request]:
    """What is open: those that wait and those that are taken, by turn: priority, deadline, age."""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM slm_request WHERE state IN ('waiting', 'taken')"
        " ORDER BY priority, due_at IS NULL, due_at, at, id"
    ).fetchall()
    return [_request(row) for row in rows]


def take(
    tx: Any, ids: Iterable[str], *, by: str, now: datetime, is_held: Callable[[str], bool], lease: timedelta = LEASE
) -> list[Request]:
    """Take those of the requests that are free: waiting, or taken by a process whose lease or life has ended.

    `by` names the lock of the process that takes, `is_held` tells whether somebody holds the lock of a name.
    """
    taken = []
    for name in ids:
        (found,) = find(tx, [name])
        if found.state == "taken":
            ended = found.taken_until_at is None or found.taken_until_at <= now
            if not ended and found.taken_by != by and is_held(found.taken_by or ""):
                continue
        elif found.state != "waiting":
            continue
        row = tx.execute(
            "UPDATE slm_request SET state = 'taken', attempts = attempts + 1, taken_by = ?, taken_until_at = ?"
            f" WHERE id = ? RETURNING {_COLUMNS}",
            (by, stamp(now + lease), name),
        ).fetchone()
        taken.append(_request(row))
    return taken


def keep(tx: Any, *, by: str, now: datetime, lease: timedelta = LEASE) -> None:
    """Lengthen the leases of what this process has taken."""
    tx.execute(
        "UPDATE slm_request SET taken_until_at = ? WHERE state = 'taken' AND taken_by = ?", (stamp(now + lease), by)
    )


def answer(tx: Any, request_id: str, reply: Record, *, by: str, now: datetime) -> bool:
    """Store the one reply to a request that this process has taken. False if it has it no more: nothing is stored."""
    row = tx.execute(
        "UPDATE slm_request SET state = 'answered', reply_id = ?, settled_at = ?, taken_by = NULL,"
        " not_before_at = NULL,"
        " taken_until_at = NULL, error = NULL, error_code = NULL"
        " WHERE id = ? AND state = 'taken' AND taken_by = ? RETURNING id",
        (reply["id"], stamp(now), request_id, by),
    ).fetchone()
    return row is not None and records.put(tx, reply)


def fail(tx: Any, request_id: str, code: str, words: str, *, by: str, now: datetime) -> bool:
    """Give a request up: no reply will come."""
    row = tx.execute(
        "UPDATE slm_request SET state = 'failed', error_code = ?, error = ?, settled_at = ?, not_before_at = NULL,"
        " taken_by = NULL, taken_until_at = NULL WHERE id = ? AND state = 'taken' AND taken_by = ? RETURNING id",
        (code, words, stamp(now), request_id, by),
    ).fetchone()
    return row is not None


def release(
    tx: Any,
    ids: Iterable[str],
    *,
    by: str,
    not_before_at: datetime | None = None,
    code: str | None = None,
    words: str | None = None,
    is_blameless: bool = False,
) -> None:
    """Let requests wait again; `is_blameless` takes back the attempt, for an interruption that was none of theirs."""
    tx.executemany(
        "UPDATE slm_request SET state = 'waiting', taken_by = NULL, taken_until_at = NULL, not_before_at = ?,"
        " error_code = coalesce(?, error_code), error = coalesce(?, error), attempts = max(0, attempts - ?)"
        " WHERE id = ? AND state = 'taken' AND taken_by = ?",
        [(_stamp(not_before_at), code, words, int(is_blameless), name, by) for name in ids],
    )


def expire(tx: Any, now: datetime) -> list[Request]:
    """Settle what waits beyond its deadline, unless late is fine."""
    rows = tx.execute(
        "UPDATE slm_request SET state = 'expired', settled_at = ?1, error_code = 'expired',"
        " error = 'the deadline passed before there was an answer'"
        " WHERE state = 'waiting' AND is_late_fine = 0 AND due_at <= ?1"
        f" RETURNING {_COLUMNS}",
        (stamp(now),),
    ).fetchall()
    return sorted(map(_request, rows), key=lambda each: (each.at, each.id))


def cancel(tx: Any, ids: Sequence[str], now: datetime) -> list[Request]:
    """Take back requests that are open; one that is being answered loses its answer. Others stay as they are."""
    find(tx, ids)
    tx.executemany(
        "UPDATE slm_request SET state = 'cancelled', settled_at = ?, taken_by = NULL, taken_until_at = NULL"
        " WHERE id = ? AND state IN ('waiting', 'taken')",
        [(stamp(now), name) for name in ids],
    )
    return find(tx, ids)


def retry(tx: Any, ids: Sequence[str], due_at: datetime | None) -> list[Request]:
    """Let requests that failed, expired or were cancelled wait once more, with a new deadline or none."""
    find(tx, ids)
    tx.executemany(
        "UPDATE slm_request SET state = 'waiting', attempts = 0, not_before_at = NULL, settled_at = NULL, due_at = ?,"
        " error = NULL, error_code = NULL WHERE id = ? AND state IN ('failed', 'expired', 'cancelled')",
        [(_stamp(due_at), name) for name in ids],
    )
    return find(tx, ids)


def replies(tx: Any, ids: Sequence[str], *, unread_only: bool) -> list[tuple[str, Record]]:
    """Replies with the ids of their requests, in the order they came; `unread_only` leaves out those told already."""
    if ids:
        chosen = [each for each in find(tx, ids) if each.reply_id]
        pairs = [(each.id, each.reply_id or "") for each in chosen]
    else:
        pairs = tx.execute(
            "SELECT id, reply_id FROM slm_request WHERE state = 'answered' AND (?1 = 0 OR told_at IS NULL)"
            " ORDER BY settled_at, id",
            (int(unread_only),),
        ).fetchall()
    found = ((name, records.get(tx, reply_id)) for name, reply_id in pairs)
    return [(name, reply) for name, reply in found if reply is not None]


def reply_s(tx: Any) -> float | None:
    """Seconds within which nine of ten replies of the queue came lately, from the ledger; None without any."""
    rows = tx.execute(
        "SELECT latency_ms FROM (SELECT purpose, latency_ms, error FROM model_call ORDER BY at DESC LIMIT 500)"
        " WHERE purpose = 'queue' AND error IS NULL AND latency_ms IS NOT NULL ORDER BY latency_ms"
    ).fetchall()
    return rows[len(rows) * 9 // 10][0] / 1000 if rows else None


def mark_told(tx: Any, ids: Iterable[str], now: datetime) -> None:
    """Note that the replies to these requests have been told."""
    tx.executemany("UPDATE slm_request SET told_at = ? WHERE id = ?", [(stamp(now), name) for name in ids])


def _request(row: Sequence[Any]) -> Request:
    values = dict(zip([name.strip() for name in _COLUMNS.split(",")], row, strict=True))
    for name in ("at", "due_at", "not_before_at", "taken_until_at", "settled_at"):
        values[name] = parse(values[name]) if values[name] is not None else None
    for name in ("line", "options"):
        values[name] = json.loads(values[name])
    values["is_late_fine"] = bool(values["is_late_fine"])
    return Request(**values)


def _stamp(moment: datetime | None) -> str | None:
    return None if moment is None else stamp(moment)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
