"""What a run has done, step by step, in the state: so that the next one goes on where ``kill -9`` stopped it.

A step has a key that is the same whenever the same work comes up in the run. It is *begun* before it is done and
*done* in the transaction that stores what came of it; a step that is done is not done again. A step that is begun and
not done is looked into by its owner, against what is there (files on disk, refs in git), and only then done or left.
Records are stored before they are announced, and marked once they were.

Every function works inside the caller's transaction.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

#: What came out of a step is kept up to this size (bytes, packed); larger things are worked out again.
DETAIL_LIMIT = 8 << 20


@dataclass(frozen=True, slots=True)
class Step:
    """A step as stored. `detail` is what came out of it, None if it is not kept."""

    seq: int
    step: str
    key: str
    digest: str
    done: bool
    outcome: str
    detail: Any
    begun_at: str
    ended_at: str


_STEP = "seq, step, key, digest, status, outcome, detail, begun_at, ended_at"


def digest_of(*parts: object) -> str:
    """The SHA-256 of what goes into a step."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def find(tx: Connection, run_id: str, key: str) -> Step | None:
    """A step of a run by its key."""
    row = tx.execute(f"SELECT {_STEP} FROM agent_step WHERE run_id = ? AND key = ?", (run_id, key)).fetchone()
    return _step(row) if row else None


def steps(tx: Connection, run_id: str) -> list[Step]:
    """The steps of a run in order."""
    rows = tx.execute(f"SELECT {_STEP} FROM agent_step WHERE run_id = ? ORDER BY seq", (run_id,))
    return [_step(row) for row in rows]


def begin(tx: Connection, run_id: str, step: str, key: str, digest: str, at: str, detail: Any = None) -> int:
    """Note that a step begins, and give its number. A step that was begun before keeps its own."""
    packed = _packed(detail)
    tx.execute(
        "INSERT INTO agent_step (run_id, seq, step, key, digest, status, detail, begun_at)"
        " VALUES (?1, (SELECT coalesce(max(seq), 0) + 1 FROM agent_step WHERE run_id = ?1),"
        " ?2, ?3, ?4, 'begun', ?5, ?6)"
        " ON CONFLICT (run_id, key) DO UPDATE SET digest = excluded.digest, detail = excluded.detail"
        " WHERE status = 'begun'",
        (run_id, step, key, digest, packed, at),
    )
    row = tx.execute("SELECT seq FROM agent_step WHERE run_id = ? AND key = ?", (run_id, key)).fetchone()
    return int(row[0])


def end(tx: Connection, run_id: str, key: str, outcome: str, at: str, detail: Any = None) -> None:
    """Note that a step is done, and what came out of it; without a detail the one it began with stays."""
    tx.execute(
        "UPDATE agent_step SET status = 'done', outcome = ?, ended_at = ?, detail = coalesce(?, detail)"
        " WHERE run_id = ? AND key = ?",
        (outcome, at, _packed(detail), run_id, key),
    )


def let_go(tx: Connection, run_id: str) -> None:
    """Let go of what came out of a run's test steps, which may be large: for a run that is not gone on with."""
    tx.execute("UPDATE agent_step SET detail = NULL WHERE run_id = ? AND step = 'test'", (run_id,))


def open_effects(tx: Connection, project: str) -> list[tuple[str, Step]]:
    """Steps on a project's files that were begun and not done, with their runs, oldest first."""
    rows = tx.execute(
        f"SELECT s.run_id, {', '.join('s.' + name.strip() for name in _STEP.split(','))} FROM agent_step s"
        " JOIN agent_run r ON r.id = s.run_id"
        " WHERE r.project = ? AND s.step = 'apply' AND s.status = 'begun' ORDER BY s.begun_at",
        (project,),
    ).fetchall()
    return [(row[0], _step(row[1:])) for row in rows]


def tell(tx: Connection, run_id: str, records: Iterable[Record]) -> None:
    """Store records in the order in which they are to be announced; those that are there already stay."""
    for record in records:
        tx.execute(
            "INSERT INTO agent_record (run_id, seq, record_id, kind, body, announced) VALUES"
            " (?1, (SELECT coalesce(max(seq), 0) + 1 FROM agent_record WHERE run_id = ?1), ?2, ?3, ?4, 0)"
            " ON CONFLICT (run_id, record_id) DO NOTHING",
            (run_id, record["id"], record["kind"], json.dumps(record, ensure_ascii=False)),
        )


def told(tx: Connection, run_id: str, ids: Collection[str]) -> None:
    """Note that records were written to the output."""
    tx.executemany(
        "UPDATE agent_record SET announced = 1 WHERE run_id = ? AND record_id = ?", [(run_id, name) for name in ids]
    )


def records(tx: Connection, run_id: str) -> list[tuple[Record, bool]]:
    """The records of a run in order, and whether each was announced."""
    rows = tx.execute("SELECT body, announced FROM agent_record WHERE run_id = ? ORDER BY seq", (run_id,))
    return [(json.loads(body), bool(announced)) for body, announced in rows]


def set_goal(tx: Connection, run_id: str, goal: str | None, settings: dict[str, Any]) -> None:
    """Store what a run was asked, and what it may do; the goal that is there stays if none is given."""
    tx.execute(
        "INSERT INTO agent_goal (run_id, goal, settings) VALUES (?, ?, ?) ON CONFLICT (run_id) DO UPDATE SET"
        " goal = coalesce(excluded.goal, goal), settings = excluded.settings",
        (run_id, goal, json.dumps(settings)),
    )


def set_reason(tx: Connection, run_id: str, reason: str | None) -> None:
    """Store why a run was stopped; None if it was not."""
    tx.execute("UPDATE agent_goal SET reason = ? WHERE run_id = ?", (reason, run_id))


def goal(tx: Connection, run_id: str) -> tuple[str | None, dict[str, Any], str | None]:
    """A run's goal in words, its settings, and why it was stopped."""
    row = tx.execute("SELECT goal, settings, reason FROM agent_goal WHERE run_id = ?", (run_id,)).fetchone()
    return (row[0], json.loads(row[1]), row[2]) if row else (None, {}, None)


def spent(tx: Connection, run_id: str) -> tuple[int, float]:
    """Tokens and money that the ledger has for a run's model calls; money in units of the currency."""
    row = tx.execute(
        "SELECT coalesce(sum(coalesce(prompt_tokens, 0) + coalesce(completion_tokens, 0)), 0),"
        " coalesce(sum(price_microunits), 0) FROM model_call WHERE run_id = ?",
        (run_id,),
    ).fetchone()
    return int(row[0]), int(row[1]) / 1e6


def note_driver(tx: Connection, driver: str, tried: int, confirmed: int, seconds: float) -> None:
    """Count what a driver has done."""
    tx.execute(
        "INSERT INTO agent_driver (driver, tried, confirmed, seconds) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (driver) DO UPDATE SET tried = tried + excluded.tried,"
        " confirmed = confirmed + excluded.confirmed, seconds = seconds + excluded.seconds",
        (driver, tried, confirmed, seconds),
    )


def drivers(tx: Connection) -> dict[str, tuple[int, float]]:
    """How drivers have fared: repairs found and seconds spent."""
    rows = tx.execute("SELECT driver, confirmed, seconds FROM agent_driver")
    return {name: (hits, spent) for name, hits, spent in rows}


def _step(row: Any) -> Step:
    seq, step, key, digest, status, outcome, detail, begun_at, ended_at = row
    kept = json.loads(zlib.decompress(detail)) if detail is not None else None
    return Step(seq, step, key, digest, status == "done", outcome or "", kept, begun_at, ended_at or "")


def _packed(detail: Any) -> bytes | None:
    if detail is None:
        return None
    packed = zlib.compress(json.dumps(detail).encode(), 1)
    return packed if len(packed) <= DETAIL_LIMIT else None
