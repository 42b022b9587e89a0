"""The journal in Postgres: runs shared by many machines, each held by one of them under a lease with a fencing token.

The rule kept here: every transaction begins by making sure that this process has its lease (see `membership`), and a
run is held by one process at a time.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from roadmap_cli.core import clock
from roadmap_cli.core.clock import Clock
from roadmap_cli.core.errors import Unavailable
from roadmap_cli.core.records import Record
from roadmap_cli.state.store import State
from roadmap_cli.wf import rights
from roadmap_cli.wf.approving import tasks
from roadmap_cli.wf.running import journal, leases
from roadmap_cli.wf.running.engine import Claim
from roadmap_cli.wf.running.graph import Active
from roadmap_cli.wf.running.homes import Homes
from roadmap_cli.wf.running.membership import Membership
from roadmap_cli.wf.running.place import Place, away, prepare
from roadmap_cli.wf.running.remembered import Remembered

if TYPE_CHECKING:
    import psycopg


#: Runs found at a time.
FOUND = 64
_GATES = ("wf_breaker", "wf_bucket")


class SharedTx:
    """A transaction on the shared database; writes are sent together at its end."""

    def __init__(self, kept: Shared, connection: psycopg.Connection[Any]):
        self._kept = kept
        self._connection = connection
        self._writes: dict[str, list[Sequence[Any]]] = {}
        self._letters: dict[str, list[Record]] = {}
        self._has_gate = False

    def execute(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """See `journal.Tx`."""
        if not self._has_gate and any(name in sql for name in _GATES):
            self._connection.execute("SELECT pg_advisory_xact_lock(727564678)")  # one at a time, so no deadlock
            self._has_gate = True
        return self._connection.execute(_marked(sql).encode(), values)

    def peek(self, sql: str) -> Any:
        """See `journal.Tx`."""
        return self._connection.execute(sql.encode())

    def write(self, sql: str, values: Sequence[Any]) -> None:
        """See `journal.Tx`."""
        self._writes.setdefault(_marked(sql), []).append(values)

    def _send(self, run_id: str, **letter: Any) -> None:
        self._letters.setdefault(run_id, []).append(letter)

    def put(self, record: Record) -> None:
        """See `journal.Tx`."""
        self._send(record["run_id"], record=record)

    def log(self, **entry: Any) -> None:
        """See `journal.Tx`."""
        self._send(
            entry["run_id"], log={**entry, "at": clock.stamp(entry["at"]), "machine": self._kept.membership.machine}
        )

    def decide(self, **decision: Any) -> str:
        """See `journal.Tx`."""
        self._send(decision["run_id"], decide={**decision, "at": clock.stamp(decision["at"])})
        return ""

    def settle(self, decision_id: str, outcome: str, at: datetime) -> None:
        """See `journal.Tx`."""
        run_id = self._kept.homes.decisions[decision_id]
        self._send(run_id, settle={"decision_id": decision_id, "outcome": outcome, "at": clock.stamp(at)})

    def ask(self, **question: Any) -> Record:
        """See `journal.Tx`."""
        found = self._kept.homes.of_run(question["run_id"]).ask(question, tasks.ask)
        sealed = self._kept.seal.close(journal.dumps(found), "task", found["id"])
        self._connection.execute(
            "INSERT INTO wf_task(task_id, home, run_id, body, status, expires_at)"
            " VALUES (%s, %s, %s, %s, 'waiting', %s) ON CONFLICT (task_id) DO NOTHING",
            (
                found["id"],
                self._kept.homes.runs[question["run_id"]],
                question["run_id"],
                sealed,
                found.get("expires_at"),
            ),
        )
        times = {name: clock.stamp(question[name]) for name in ("at", "expires_at") if question.get(name)}
        self._send(question["run_id"], ask={**question, **times})
        return found

    def task(self, task_id: str) -> Record | None:
        """See `journal.Tx`."""
        row = self._connection.execute(
            "SELECT body, status, answer, answered_by FROM wf_task WHERE task_id = %s", (task_id,)
        ).fetchone()
        if row is None:
            return None
        found: Record = journal.loads(self._kept.seal.open(row[0], "task", task_id))
        answer = self._kept.seal.open(row[2], "answer", task_id) if row[2] is not None else None
        more = {"status": row[1], "answer": answer, "answered_by": row[3]}
        return {**found, **{name: value for name, value in more.items() if value is not None}}

    def expire(self, task_id: str, at: datetime) -> None:
        """See `journal.Tx`."""
        row = self._connection.execute(
            "UPDATE wf_task SET status = 'expired' WHERE task_id = %s AND status = 'waiting' RETURNING run_id",
            (task_id,),
        ).fetchone()
        if row is not None:
            self._send(row[0], expire={"task_id": task_id, "at": clock.stamp(at)})

    def may(self, plan: Record, step: Record, at: datetime) -> rights.Verdict:
        """See `journal.Tx`."""
        if by := self._kept.denials.get(plan["id"]):
            return rights.Verdict(False, f"{by} denied the plan")
        mirror = self._kept.homes.of_plan(plan["id"])
        return self._kept.remembered.weighed_step(mirror.connection, plan, step, at)

    def event_cursor(self) -> int:
        """See `journal.Tx`."""
        row = self._connection.execute("SELECT coalesce(max(place), 0) FROM wf_event").fetchone()
        return int(row[0]) if row else 0

    def events(self, cursor: int) -> Iterator[tuple[int, Record]]:
        """See `journal.Tx`."""
        rows = self._connection.execute(
            "SELECT place, run_id, event_id, body FROM wf_event WHERE place > %s ORDER BY place", (cursor,)
        ).fetchall()
        for place, run_id, event_id, body in rows:
            if run_id in self._kept.homes.runs:
                yield place, journal.loads(self._kept.seal.open(body, "event", run_id, event_id))

    def sealed(self, text: str, *about: str) -> str:
        """See `journal.Tx`."""
        return self._kept.seal.close(text, *about)

    def opened(self, text: str, *about: str) -> str:
        """See `journal.Tx`."""
        return self._kept.seal.open(text, *about)

    def row(self, run_id: str) -> Record | None:
        """See `journal.Tx`."""
        row = self._connection.execute(
            "SELECT bundle, status, decision_id, priority, ending, wanted, home, denied_by, started_at FROM wf_run"
            " WHERE run_id = %s", (run_id,),
        ).fetchone()  # fmt: skip
        if row is None:
            return None
        bundle = journal.loads(self._kept.seal.open(row[0], "bundle", run_id))
        self._kept.homes.know(self._connection, run_id, row[6], bundle, row[2], row[8].isoformat())
        if row[7]:
            self._kept.denials[bundle["plan"]["id"]] = row[7]
        ending = self._kept.seal.open(row[4], "ending", run_id) if row[4] else None
        return {
            "plan": bundle["plan"], "event": bundle["event"], "status": row[1], "decision_id": row[2],
            "priority": row[3], "ending": ending, "wanted": row[5], "started_at": row[8].isoformat(),
        }  # fmt: skip

    def stand(
        self, run: Active, status: str, *, wake_at: str | None = None, wait_s: float | None = None,
        finished: str | None = None,
    ) -> None:  # fmt: skip
        """See `journal.Tx`."""
        ending = journal.dumps(run.ending) if run.ending else None
        sealed = self._kept.seal.close(ending, "ending", run.run_id) if ending else None
        # The database's clock says when it is woken: it is the one clock that all machines share.
        left_s = None if wake_at is None else (clock.parse(wake_at) - self._kept.now()).total_seconds()
        self._connection.execute(
            "UPDATE wf_run SET status = %s, ending = %s, wait_s = %s, wanted = CASE WHEN %s THEN NULL ELSE wanted END,"
            " wake_at = now() + make_interval(secs => %s), finished_at = CASE WHEN %s THEN now() END WHERE run_id = %s",
            (status, sealed, wait_s, run.wanted is None, left_s, finished is not None, run.run_id),
        )
        stand = {"status": status, "wake_at": wake_at, "wait_s": wait_s, "finished": finished, "ending": ending}
        self._send(run.run_id, stand=stand)

    def flush(self) -> None:
        """Send what was written."""
        for run_id, letters in self._letters.items():
            body = self._kept.seal.close(journal.dumps(letters), "letters", run_id)
            self.write(
                "INSERT INTO wf_outbox(home, run_id, body) VALUES (?, ?, ?)",
                (self._kept.homes.runs[run_id], run_id, body),
            )
        with self._connection.cursor() as cursor:
            for sql, values in self._writes.items():
                cursor.executemany(sql.encode(), values)


_SQL: dict[str, str] = {}


def _marked(sql: str) -> str:
    found = _SQL.get(sql)
    if found is None:
        found = _SQL[sql] = sql.replace("?", "%s")
    return found


class Shared:
    """The journal in Postgres. Made on a state, which is this machine's own and lends its locks."""

    def __init__(self, state: State, place: Place, now: Clock):
        self.now = now
        self.seal = place.seal
        self.denials: dict[str, str] = {}
        self.homes = Homes(place.seal, now)
        self.remembered = Remembered()
        self._state = state
        self._place = place
        self._connection: psycopg.Connection[Any] | None = None
        prepare(self.connection())
        self.membership = Membership(place)

    def connection(self) -> psycopg.Connection[Any]:
        """The connection, made again if it was lost. Raises Unavailable."""
        if self._connection is None or self._connection.closed:
            self._connection = self._place.connect()
        return self._connection

    @contextmanager
    def transaction(self) -> Iterator[SharedTx]:
        """See `journal.Journal`."""
        connection = self.connection()
        try:
            with away(), connection.transaction():
                self.membership.check(connection)
                tx = SharedTx(self, connection)
                yield tx
                tx.flush()
        except Unavailable:
            with suppress(Exception):
                connection.close()
            self._connection = None
            raise

    def has_changed(self) -> bool:
        """See `journal.Journal`."""
        return True

    def wishes(self) -> dict[str, str]:
        """See `journal.Journal`."""
        with away():
            connection = self.connection()
            rows = connection.execute(
                "SELECT run_id, plan_id, wanted, denied_by FROM wf_run WHERE holder = %s"
                " AND (wanted IS NOT NULL OR denied_by IS NOT NULL)", (self.membership.holder,),
            ).fetchall()  # fmt: skip
            self.denials |= {row[1]: row[3] for row in rows if row[3]}
            self.membership.look(connection)
            self.homes.refresh(connection)
            return {row[0]: row[2] for row in rows if row[2]}

    def find(self, at: datetime, warn: Callable[[str], None], fresh: bool) -> list[Claim]:
        """What can be taken up now, the most urgent first: at most so many that others find something, too."""
        with away():
            self.membership.free_others(self.connection())
            rows = self.connection().execute(
                "SELECT run_id, priority FROM wf_run r WHERE finished_at IS NULL AND holder IS NULL"
                " AND status != 'paused' AND (status != 'waiting' OR wanted IS NOT NULL OR wake_at <= now()"
                " OR EXISTS (SELECT 1 FROM wf_unit u JOIN wf_task t USING (task_id) WHERE u.run_id = r.run_id"
                "   AND u.status = 'waiting' AND (t.status != 'waiting' OR t.expires_at::timestamptz <= now()))"
                " OR EXISTS (SELECT 1 FROM wf_unit u JOIN wf_event e USING (run_id) WHERE u.run_id = r.run_id"
                "   AND u.status = 'waiting' AND u.waits_for = 'event' AND e.place > u.cursor))"
                " ORDER BY priority DESC, started_at LIMIT %s", (FOUND,),
            ).fetchall()  # fmt: skip
        random.shuffle(rows)  # so that those who look at the same moment begin with others of the same urgency
        return [Claim(run_id, None, priority) for run_id, priority in rows]

    def hold(self, run_id: str) -> tuple[int, int] | None:
        """See `journal.Journal`."""
        descriptor = leases.take(self._state.path, run_id)  # a program that was left behind on this machine has it
        if descriptor is None:
            return None
        connection = self.connection()
        self.membership.introduce(connection)
        row = connection.execute(
            "UPDATE wf_run SET holder = %s, token = token + 1 WHERE run_id = (SELECT run_id FROM wf_run"
            " WHERE run_id = %s AND finished_at IS NULL AND holder IS NULL FOR UPDATE SKIP LOCKED)"
            " RETURNING token, workflow, concurrency, status", (self.membership.holder, run_id),
        ).fetchone()  # fmt: skip
        if row is None:
            os.close(descriptor)
            return None
        token, workflow, most, status = row
        if most is not None and status == "ready":
            connection.execute("SELECT pg_advisory_xact_lock(727564679, hashtext(%s))", (workflow,))
            found = connection.execute(
                "SELECT count(*) FROM wf_run WHERE workflow = %s AND finished_at IS NULL AND status != 'ready'",
                (workflow,),
            ).fetchone()
            if found is not None and found[0] >= most:
                connection.execute("UPDATE wf_run SET holder = NULL WHERE run_id = %s", (run_id,))
                os.close(descriptor)
                return None
        return descriptor, token

    def release(self, run: Active) -> None:
        """See `journal.Journal`."""
        os.close(run.lease)
        if run.status not in ("running", "compensating"):
            leases.forget(self._state.path, run.run_id)
        with suppress(Unavailable), away():
            self.connection().execute(
                "UPDATE wf_run SET holder = NULL WHERE run_id = %s AND holder = %s AND token = %s",
                (run.run_id, self.membership.holder, run.token),
            )

    def is_held(self, run: Active) -> bool:
        """See `journal.Journal`."""
        return self.membership.is_alive

    def sibling(self) -> State:
        """See `journal.Journal`."""
        return self._state.sibling()

    def close(self) -> None:
        """See `journal.Journal`."""
        self.membership.close()
        if self._connection is not None:
            self._connection.close()
        self.homes.close()
