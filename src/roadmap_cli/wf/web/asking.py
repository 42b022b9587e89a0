"""What the pages show, asked from the state: names, times, counts and reasons; contents only where they are wanted."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.state import records
from roadmap_cli.wf.approving import tasks
from roadmap_cli.why import decisions

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

PAGE = 50


def runs(tx: Connection, status: str, workflow: str, page: int) -> tuple[list[Record], int]:
    """A page of runs, the newest first, and how many there are in all; empty texts leave nothing out."""
    conditions, values = [], list[Any]()
    for column, value in (("r.status", status), ("p.workflow", workflow)):
        if value:
            conditions.append(f"{column} = ?")
            values.append(value)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    source = f"FROM wf_run r JOIN wf_plan p USING (plan_id){where}"
    (count,) = tx.execute(f"SELECT count(*) {source}", values).fetchone()
    columns = ("run_id", "workflow", "status", "started_at", "finished_at", "requested_by", "risk")
    rows = tx.execute(
        "SELECT r.run_id, p.workflow, r.status, r.started_at, r.finished_at, p.requested_by, p.risk"
        f" {source} ORDER BY r.started_at DESC, r.run_id DESC LIMIT ? OFFSET ?",
        (*values, PAGE, page * PAGE),
    ).fetchall()
    return [dict(zip(columns, row, strict=True)) for row in rows], count


def workflows(tx: Connection) -> list[str]:
    """The names of all workflows that were ever planned."""
    return [row[0] for row in tx.execute("SELECT DISTINCT workflow FROM wf_plan ORDER BY workflow")]


def run(tx: Connection, run_id: str) -> tuple[Record, Record, list[Record]] | None:
    """A run with its plan and its decisions, or None."""
    row = tx.execute(
        "SELECT run_id, plan_id, status, started_at, finished_at, decision_id FROM wf_run WHERE run_id = ?", (run_id,)
    ).fetchone()
    if row is None:
        return None
    found = dict(zip(("run_id", "plan_id", "status", "started_at", "finished_at", "decision_id"), row, strict=True))
    return found, records.get(tx, found["plan_id"]) or {"steps": []}, list(decisions.find(tx, run_id=run_id))


def attempts(tx: Connection, run_id: str) -> list[Record]:
    """What came of each attempt of each step of a run, in the order of their names."""
    import orjson

    rows = tx.execute(
        "SELECT step, attempt, duration_ms, outcome FROM wf_step WHERE run_id = ? ORDER BY step, attempt", (run_id,)
    )
    return [
        {"step": step, "attempt": attempt, "duration_ms": duration, **orjson.loads(outcome)}
        for step, attempt, duration, outcome in rows
    ]


def waiting(tx: Connection) -> tuple[list[Record], list[Record]]:
    """The plans and the questions that wait for a person, oldest first."""
    from roadmap_cli.wf.approving import approvals

    return list(approvals.waiting(tx)), list(tasks.waiting(tx))


def audit(tx: Connection, page: int) -> tuple[list[Record], int]:
    """A page of the audit log, the newest first, and its size."""
    from roadmap_cli.wf.audit import tree

    size = tree.size(tx)
    last = size - page * PAGE
    rows = tx.execute(
        "SELECT seq, at, body, leaf FROM wf_audit WHERE seq < ? AND seq >= ? ORDER BY seq DESC", (last, last - PAGE)
    ).fetchall()
    return [_entry(*row) for row in rows], size


def proof(tx: Connection, seq: int) -> tuple[Record, list[str], str, int, bool] | None:
    """An entry, the hashes to the root, the root, the size of the log, and whether they lead there; None without it."""
    from roadmap_cli.wf.audit import tree
    from roadmap_cli.wf.audit.log import leaf_hash

    row = tx.execute("SELECT seq, at, body, leaf FROM wf_audit WHERE seq = ?", (seq,)).fetchone()
    if row is None:
        return None
    size = tree.size(tx)
    try:
        root, path = tree.root(tx, size), tree.inclusion(tx, seq, size)
    except DataError:
        root, path = b"", []
    holds = tree.proves_inclusion(leaf_hash(row[2]), seq, size, path, root)
    return _entry(*row), [each.hex() for each in path], root.hex(), size, holds


def _entry(seq: int, at: object, body: bytes, leaf: bytes) -> Record:
    """An entry, or what can be shown of one that is damaged."""
    from roadmap_cli.wf.audit import entries

    try:
        return entries.record(seq, body, leaf)
    except DataError as error:
        known = at if isinstance(at, str) else ""
        return {"seq": seq, "at": known, "action": "", "user": "", "outcome": "damaged", "why": error.message}


def checkpoints(tx: Connection) -> list[tuple[int, str, str]]:
    """The checkpoints that were signed here: entries, name of the key, when; the newest first."""
    return tx.execute("SELECT size, origin, signed_at FROM wf_checkpoint ORDER BY size DESC LIMIT 50").fetchall()


def alarming(tx: Connection, now: datetime) -> list[Record]:
    """The alerts that hold now."""
    from roadmap_cli.wf.measures import alerts

    return alerts.found(tx, now, alerts.Limits())
