"""What a run asks a person, and the answers: each bound to a hash of what it is about.

The rule kept here: an answer counts only if it was given in time, to exactly this question, by somebody who may.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError, Negative
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.state import records
from roadmap_cli.wf.audit import log

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

_COLUMNS = "task_id, run_id, step, sort, subject_hash, assignee, status, answer, answered_by, asked_at, expires_at"


def ask(
    tx: Connection,
    *,
    run_id: str,
    step: str,
    sort: str,
    question: str,
    subject_hash: str,
    requested_by: str,
    at: datetime,
    choices: tuple[str, ...] = (),
    assignee: str | None = None,
    expires_at: datetime | None = None,
) -> Record:
    """Store a question (`sort`: question, approval or escalation) and return its wf.task; the same one again if asked.

    An empty `choices` takes any text; an approval's are ``approve`` and ``deny``.
    """
    name = content_id("wf.task", run_id=run_id, step=step, sort=sort, subject_hash=subject_hash)
    found: Record = {
        "kind": "wf.task",
        "id": name,
        "at": clock.stamp(at),
        "run_id": run_id,
        "step": step,
        "sort": sort,
        "question": question,
        "choices": list(choices),
        "subject_hash": subject_hash,
        "requested_by": requested_by,
    }
    if assignee:
        found["assignee"] = assignee
    if expires_at:
        found["expires_at"] = clock.stamp(expires_at)
    if records.put(tx, found):
        tx.execute(
            f"INSERT INTO wf_task({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, 'waiting', NULL, NULL, ?, ?)",
            (name, run_id, step, sort, subject_hash, assignee, found["at"], found.get("expires_at")),
        )
        log.append(
            tx, action=f"task.{sort}", user=f"user:{requested_by}", resource=name, outcome="asked", why=question, at=at,
            run_id=run_id, step=step, subject_hash=subject_hash,
        )  # fmt: skip
    return records.get(tx, name) or found


def get(tx: Connection, task_id: str) -> Record | None:
    """A wf.task with how it stands: ``status`` (waiting, answered, expired), ``answer``, ``answered_by``."""
    found = records.get(tx, task_id)
    row = tx.execute("SELECT status, answer, answered_by FROM wf_task WHERE task_id = ?", (task_id,)).fetchone()
    if found is None or row is None:
        return None
    more = dict(zip(("status", "answer", "answered_by"), row, strict=True))
    return {**found, **{key: value for key, value in more.items() if value is not None}}


def waiting(tx: Connection) -> Iterator[Record]:
    """The questions that wait for a person, oldest first."""
    for (name,) in tx.execute("SELECT task_id FROM wf_task WHERE status = 'waiting' ORDER BY asked_at").fetchall():
        found = get(tx, name)
        if found:
            yield found


def answer(tx: Connection, task_id: str, text: str, *, by: str, at: datetime) -> Record:
    """Store the answer of a person (a name without prefix), who the caller knows may give it; returns the wf.task.

    Raises DataError for an unknown task or an answer that is not among the choices, Negative if it is answered already
    or its time is over.
    """
    found = get(tx, task_id)
    if found is None:
        raise DataError(f"task {task_id!r} is not in this state", code="unknown_task")
    if found["choices"] and text not in found["choices"]:
        raise DataError(
            f"{text!r} is no answer to {task_id!r}; known: {', '.join(found['choices'])}", code="bad_answer"
        )
    if found["status"] != "waiting":
        raise Negative(f"task {task_id!r} is {found['status']} already", code="task_over")
    if "expires_at" in found and clock.parse(found["expires_at"]) <= at:
        raise Negative(f"the time of task {task_id!r} was over at {found['expires_at']}", code="task_expired")
    tx.execute(
        "UPDATE wf_task SET status = 'answered', answer = ?, answered_by = ?, answered_at = ? WHERE task_id = ?",
        (text, f"user:{by}", clock.stamp(at), task_id),
    )
    log.append(
        tx, action=f"task.{found['sort']}", user=f"user:{by}", resource=task_id, at=at, run_id=found["run_id"],
        step=found["step"], subject_hash=found["subject_hash"],
        outcome="refused" if text == "deny" else "allowed" if found["sort"] == "approval" else "done",
        why=f"answered by {by}",
    )  # fmt: skip
    return get(tx, task_id) or found


def expire(tx: Connection, task_id: str, at: datetime) -> None:
    """Note that nobody answered a question in time; nothing happens if somebody has."""
    found = get(tx, task_id)
    if found is None or found["status"] != "waiting":
        return
    tx.execute("UPDATE wf_task SET status = 'expired' WHERE task_id = ? AND status = 'waiting'", (task_id,))
    log.append(
        tx, action=f"task.{found['sort']}", user=f"user:{found['requested_by']}", resource=task_id, outcome="failed",
        why="nobody answered in time", at=at, run_id=found["run_id"], step=found["step"],
        subject_hash=found["subject_hash"],
    )  # fmt: skip
