"""The journal in the encrypted state of this machine.

The rule kept here: one transaction for all that happened since the last, on the disk before anything rests on it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.records import Record
from roadmap_cli.state import records
from roadmap_cli.state.store import State
from roadmap_cli.wf import rights
from roadmap_cli.wf.approving import tasks
from roadmap_cli.wf.audit import log
from roadmap_cli.wf.planning import keeping
from roadmap_cli.wf.running import journal, leases
from roadmap_cli.wf.running.graph import Active
from roadmap_cli.wf.running.remembered import Remembered
from roadmap_cli.why.decisions import decide, settle

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection


class LocalTx:
    """A transaction on the state."""

    def __init__(self, tx: Connection, remembered: Remembered | None = None):
        self.connection = tx
        self._remembered = remembered or Remembered()
        self.execute: Callable[..., Any] = tx.execute
        self.peek: Callable[[str], Any] = tx.execute

    def write(self, sql: str, values: Sequence[Any]) -> None:
        """See `journal.Tx`."""
        self.connection.execute(sql, values)

    def put(self, record: Record) -> None:
        """See `journal.Tx`."""
        records.put(self.connection, record)

    def log(self, **entry: Any) -> None:
        """See `journal.Tx`."""
        log.append(self.connection, **entry)

    def decide(self, **decision: Any) -> str:
        """See `journal.Tx`."""
        return str(decide(self.connection, **decision)["id"])

    def settle(self, decision_id: str, outcome: str, at: datetime) -> None:
        """See `journal.Tx`."""
        settle(self.connection, decision_id, outcome, at)

    def ask(self, **question: Any) -> Record:
        """See `journal.Tx`."""
        return tasks.ask(self.connection, **question)

    def task(self, task_id: str) -> Record | None:
        """See `journal.Tx`."""
        return tasks.get(self.connection, task_id)

    def expire(self, task_id: str, at: datetime) -> None:
        """See `journal.Tx`."""
        tasks.expire(self.connection, task_id, at)

    def may(self, plan: Record, step: Record, at: datetime) -> rights.Verdict:
        """See `journal.Tx`."""
        return self._remembered.weighed_step(self.connection, plan, step, at)

    def event_cursor(self) -> int:
        """See `journal.Tx`."""
        return int(self.connection.execute("SELECT coalesce(max(rowid), 0) FROM wf_event").fetchone()[0])

    def events(self, cursor: int) -> Iterator[tuple[int, Record]]:
        """See `journal.Tx`."""
        rows = self.connection.execute(
            "SELECT e.rowid, r.body FROM wf_event e JOIN record r ON r.id = e.event_id WHERE e.rowid > ?"
            " ORDER BY e.rowid",
            (cursor,),
        )
        for place, body in rows:
            yield place, journal.loads(body)

    def sealed(self, text: str, *about: str) -> str:
        """See `journal.Tx`."""
        return text

    def opened(self, text: str, *about: str) -> str:
        """See `journal.Tx`."""
        return text

    def row(self, run_id: str) -> Record | None:
        """See `journal.Tx`."""
        row = self.connection.execute(
            "SELECT r.plan_id, r.status, r.decision_id, p.priority, p.ending, p.wanted, r.started_at FROM wf_run r"
            " LEFT JOIN wf_progress p USING (run_id) WHERE r.run_id = ?",
            (run_id,),
        ).fetchone()
        if row is None:
            return None
        plan = keeping.stored_plan(self.connection, row[0])
        event = records.get(self.connection, plan.get("event_id", ""))
        return {
            "plan": plan, "event": event, "status": row[1], "decision_id": row[2],
            "priority": 5 if row[3] is None else row[3], "ending": row[4], "wanted": row[5], "started_at": row[6],
        }  # fmt: skip

    def stand(
        self, run: Active, status: str, *, wake_at: str | None = None, wait_s: float | None = None,
        finished: str | None = None,
    ) -> None:  # fmt: skip
        """See `journal.Tx`."""
        sql = "UPDATE wf_run SET status = ?, finished_at = ? WHERE run_id = ?"
        self.connection.execute(sql, (status, finished, run.run_id))
        self.connection.execute(
            "INSERT INTO wf_progress(run_id, workflow, priority, wake_at, wait_s, ending) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (run_id) DO UPDATE SET wake_at = excluded.wake_at, wait_s = excluded.wait_s,"
            " ending = excluded.ending",
            (
                run.run_id, run.plan["workflow"], run.priority, wake_at, wait_s,
                journal.dumps(run.ending) if run.ending else None,
            ),
        )  # fmt: skip


class Local:
    """The journal in the state: runs are held by locks that the kernel frees."""

    def __init__(self, state: State):
        self._state = state
        connection = state.another()
        # What a run rests on is on the disk before it goes on, power cut or not.
        connection.execute("PRAGMA synchronous = FULL")
        self._own = State(state.path, connection, mode="write", dry_run=False, key=None, held=None)
        self._connection = connection
        self._version = -1
        self._remembered = Remembered()

    @property
    def path(self) -> Any:
        """Where the state is."""
        return self._state.path

    @contextmanager
    def transaction(self) -> Iterator[LocalTx]:
        """See `journal.Journal`."""
        with self._own.write() as tx:
            yield LocalTx(tx, self._remembered)

    def has_changed(self) -> bool:
        """See `journal.Journal`."""
        found = int(self._connection.execute("PRAGMA data_version").fetchone()[0])
        before, self._version = self._version, found
        return found != before

    def hold(self, run_id: str) -> tuple[int, int] | None:
        """See `journal.Journal`."""
        descriptor = leases.take(self._state.path, run_id)
        return None if descriptor is None else (descriptor, 0)

    def release(self, run: Active) -> None:
        """See `journal.Journal`."""
        if run.status not in ("running", "compensating"):  # none of its steps is being done
            leases.forget(self._state.path, run.run_id)
        os.close(run.lease)

    def is_held(self, run: Active) -> bool:
        """See `journal.Journal`."""
        return True

    def sibling(self) -> State:
        """See `journal.Journal`."""
        return self._state.sibling()

    def wishes(self) -> dict[str, str]:
        """See `journal.Journal`."""
        with self._own.read() as tx:
            return dict(tx.execute("SELECT run_id, wanted FROM wf_progress WHERE wanted IS NOT NULL").fetchall())

    def close(self) -> None:
        """See `journal.Journal`."""
        self._connection.close()
