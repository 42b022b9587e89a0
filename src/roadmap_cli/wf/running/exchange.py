"""Between a home, the encrypted state a plan was approved in, and the shared database its runs stand in.

The rule kept here: what a home decided (a plan, an answer, a denial, a right) goes out; what was done comes in and is
stored as if it had been done here, audit log and all, exactly once, whenever either side was killed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from roadmap_cli.core import clock
from roadmap_cli.core.clock import Clock
from roadmap_cli.core.errors import DataError, Unavailable
from roadmap_cli.core.records import Record
from roadmap_cli.state import records
from roadmap_cli.state.store import State
from roadmap_cli.wf.approving import approvals, tasks
from roadmap_cli.wf.audit import log
from roadmap_cli.wf.planning import keeping
from roadmap_cli.wf.running import journal, life, local, mirror, runs, values
from roadmap_cli.wf.running.engine import Claim
from roadmap_cli.wf.running.place import away
from roadmap_cli.wf.running.scene import Scene
from roadmap_cli.wf.running.shared import Shared, SharedTx
from roadmap_cli.why.decisions import decide, settle

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

_AT_A_TIME = 500


class Exchange:
    """The exchange of one state with the shared database."""

    def __init__(self, state: State, kept: Shared, command: str, now: Clock):
        self._state = state
        self._kept = kept
        self._command = command
        self._now = now
        with state.write() as tx:
            row = tx.execute("SELECT home FROM wf_home").fetchone()
            self.home = str(row[0]) if row else os.urandom(16).hex()
            if row is None:
                tx.execute("INSERT INTO wf_home(home) VALUES (?)", (self.home,))
        self._has_shared = True

    def publish(self, claims: Sequence[Claim]) -> list[Record]:
        """Begin plans here and give them to the shared database; what is to be told of that."""
        fresh = [each for each in claims if each.plan_id is not None]
        if not fresh:
            return []
        with self._state.write() as tx:
            scene = Scene(local.LocalTx(tx), self._now(), self._command, 0)
            for each in fresh:
                if tx.execute("SELECT 1 FROM wf_run WHERE run_id = ?", (each.run_id,)).fetchone() is None:
                    # How many of a workflow run at a time is for the database to see.
                    runs.begin(scene, each, is_shared=True)
        with suppress(Unavailable):  # they are sent with the next exchange
            self.push_runs()
        return scene.told

    def both_ways(self, warn: Callable[[str], None], fresh: bool) -> list[Record]:
        """Send what was decided here, begin what is ready if asked, draw in what was done; what is to be told."""
        told: list[Record] = []
        if fresh:
            with self._state.read() as tx:
                ready = runs.ready(tx, self._now(), warn)
            told = self.publish(ready)
        with self._state.read() as tx:
            sql = "SELECT 1 FROM wf_progress JOIN wf_run USING (run_id) WHERE place = 'shared' AND finished_at IS NULL"
            if tx.execute(f"{sql} LIMIT 1").fetchone() is None:
                return told
        self.push_runs()
        self.push()
        self.draw()
        return told

    def push_runs(self) -> None:
        """Give the database the runs that it may not have yet, and the rights as they are now."""
        with self._state.read() as tx:
            rows = tx.execute(
                "SELECT r.run_id, r.plan_id, r.decision_id, p.priority FROM wf_run r JOIN wf_progress p USING (run_id)"
                " WHERE p.place = 'shared' AND r.finished_at IS NULL"
            ).fetchall()
            found = mirror.rights(tx)
            text = journal.dumps(found)
            with away():
                connection = self._kept.connection()
                digest = hashlib.sha256(text.encode()).hexdigest()
                connection.execute(
                    "INSERT INTO wf_rights(home, digest, body) VALUES (%s, %s, %s) ON CONFLICT (home) DO UPDATE SET"
                    " digest = excluded.digest, body = excluded.body WHERE wf_rights.digest != excluded.digest",
                    (self.home, digest, self._kept.seal.close(text, "rights", self.home)),
                )
                known = {
                    row[0] for row in connection.execute(
                        "SELECT run_id FROM wf_run WHERE run_id = ANY(%s)", ([row[0] for row in rows],)
                    )
                }  # fmt: skip
                for row in rows:
                    if row[0] not in known:
                        self._insert(tx, connection, *row)

    def _insert(
        self, tx: Connection, connection: Any, run_id: str, plan_id: str, decision_id: str, priority: int
    ) -> None:
        plan = keeping.stored_plan(tx, plan_id)
        event = records.get(tx, plan.get("event_id", ""))
        bundle = {"plan": plan, "event": event, "tables": mirror.of_plan(tx, plan_id)}
        most = plan.get("concurrency")
        units = tx.execute(
            "SELECT unit, status, attempt, position FROM wf_unit WHERE run_id = ? AND is_reused = 1", (run_id,)
        ).fetchall()
        outcomes = tx.execute(
            "SELECT step, attempt, workflow, duration_ms, outcome FROM wf_step WHERE run_id = ?", (run_id,)
        ).fetchall()
        with connection.transaction():
            connection.execute(
                "INSERT INTO wf_run(run_id, home, plan_id, workflow, priority, concurrency, status, bundle,"
                " decision_id) VALUES (%s, %s, %s, %s, %s, %s, 'ready', %s, %s) ON CONFLICT (run_id) DO NOTHING",
                (
                    run_id, self.home, plan_id, plan["workflow"], priority, most if isinstance(most, int) else None,
                    self._kept.seal.close(journal.dumps(bundle), "bundle", run_id), decision_id,
                ),
            )  # fmt: skip
            for unit, status, attempt, position in units:
                connection.execute(
                    "INSERT INTO wf_unit(run_id, unit, status, attempt, most, cuts, position, is_reused)"
                    " VALUES (%s, %s, %s, %s, %s, 0, %s, 1) ON CONFLICT DO NOTHING",
                    (run_id, unit, status, attempt, attempt, position),
                )
            for step, attempt, workflow, duration_ms, outcome in outcomes:
                sealed = self._kept.seal.close(outcome, run_id, step, str(attempt))
                connection.execute(
                    "INSERT INTO wf_step(run_id, step, attempt, workflow, duration_ms, outcome)"
                    " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                    (run_id, step, attempt, workflow, duration_ms, sealed),
                )

    def push(self) -> None:
        """Send denials, wishes, answers and events that runs of ours wait for."""
        with self._state.read() as tx, away():
            connection = self._kept.connection()
            for run_id, plan_id, wanted in tx.execute(
                "SELECT r.run_id, r.plan_id, p.wanted FROM wf_run r JOIN wf_progress p USING (run_id)"
                " WHERE p.place = 'shared' AND r.finished_at IS NULL"
            ).fetchall():
                denied = approvals.denied_by(tx, plan_id)
                if wanted == "unpause":
                    connection.execute(
                        "UPDATE wf_run SET wanted = NULL, status = CASE WHEN status != 'paused' THEN status"
                        " WHEN ending IS NULL THEN 'running' ELSE 'compensating' END WHERE run_id = %s", (run_id,),
                    )  # fmt: skip
                elif wanted or denied:
                    connection.execute(
                        "UPDATE wf_run SET denied_by = coalesce(%s, denied_by), wanted = coalesce(%s, wanted),"
                        " status = CASE WHEN status = 'paused' AND %s THEN 'running' ELSE status END"
                        " WHERE run_id = %s AND finished_at IS NULL",
                        (denied, wanted, bool(wanted and wanted.startswith("cancel")), run_id),
                    )
            rows = connection.execute(
                "SELECT task_id FROM wf_task WHERE home = %s AND status = 'waiting'", (self.home,)
            ).fetchall()
            for (task_id,) in rows:
                found = tasks.get(tx, task_id)
                if found is not None and found["status"] == "answered":
                    sealed = self._kept.seal.close(found["answer"], "answer", task_id)
                    connection.execute(
                        "UPDATE wf_task SET status = 'answered', answer = %s, answered_by = %s WHERE task_id = %s"
                        " AND status = 'waiting'", (sealed, found.get("answered_by"), task_id),
                    )  # fmt: skip
            self._push_events(tx, connection)

    def _push_events(self, tx: Connection, connection: Any) -> None:
        rows = connection.execute(
            "SELECT u.run_id, u.unit, u.wake_at, u.wait_s FROM wf_unit u JOIN wf_run r USING (run_id)"
            " WHERE r.home = %s AND u.status = 'waiting' AND u.waits_for = 'event'", (self.home,),
        ).fetchall()  # fmt: skip
        for run_id, unit, _, _ in rows:
            kept = SharedTx(self._kept, connection)
            run = journal.load(kept, run_id, -1, 0, self._now())
            began = tx.execute(
                "SELECT max(at) FROM record WHERE kind = 'wf.step_started' AND json_extract(body, '$.run_id') = ?"
                " AND json_extract(body, '$.step') = ?", (run_id, unit),
            ).fetchone()[0]  # fmt: skip
            if run is None or began is None:
                continue
            place = life.where(run, unit)
            spec = values.filled(place.step, run.lookup(place))["event"]
            for (body,) in tx.execute(
                "SELECT r.body FROM wf_event e JOIN record r ON r.id = e.event_id WHERE e.received_at >= ?"
                " ORDER BY e.rowid", (began,),
            ).fetchall():  # fmt: skip
                event = journal.loads(body)
                if life.matches(spec, event, run, place):
                    connection.execute(
                        "INSERT INTO wf_event(run_id, event_id, body) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                        (run_id, event["id"], self._kept.seal.close(body, "event", run_id, event["id"])),
                    )
                    break

    def draw(self) -> None:
        """Store here what was done of our runs, and remove it there; twice is as once."""
        while True:
            with away():
                connection = self._kept.connection()
                rows = connection.execute(
                    "SELECT seq, run_id, body FROM wf_outbox WHERE home = %s ORDER BY seq LIMIT %s",
                    (self.home, _AT_A_TIME),
                ).fetchall()
            if not rows:
                return
            with self._state.write() as tx:
                for seq, run_id, body in rows:
                    new = tx.execute("INSERT INTO wf_drawn(seq) VALUES (?) ON CONFLICT DO NOTHING", (seq,)).rowcount
                    if new:
                        for letter in journal.loads(self._kept.seal.open(body, "letters", run_id)):
                            self._store(tx, run_id, letter)
            with away():
                connection.execute("DELETE FROM wf_outbox WHERE seq = ANY(%s)", ([row[0] for row in rows],))
            with self._state.write() as tx:
                tx.executemany("DELETE FROM wf_drawn WHERE seq = ?", [(row[0],) for row in rows])

    def _store(self, tx: Connection, run_id: str, letter: Record) -> None:
        ((sort, found),) = letter.items()
        match sort:
            case "record":
                records.put(tx, found)
                if found["kind"] == "wf.step_finished" and found["status"] != "skipped":
                    self._outcome(tx, found)
            case "log":
                log.append(tx, **{**found, "at": clock.parse(found["at"])})
            case "decide":
                decide(tx, **{**found, "at": clock.parse(found["at"])})
            case "settle":
                settle(tx, found["decision_id"], found["outcome"], clock.parse(found["at"]))
            case "ask":
                times: dict[str, datetime] = {
                    name: clock.parse(found[name]) for name in ("at", "expires_at") if found.get(name)
                }
                tasks.ask(tx, **{**found, "choices": tuple(found.get("choices", ())), **times})
            case "expire":
                tasks.expire(tx, found["task_id"], clock.parse(found["at"]))
            case "stand":
                tx.execute(
                    "UPDATE wf_run SET status = ?, finished_at = ? WHERE run_id = ?",
                    (found["status"], found["finished"], run_id),
                )
                tx.execute(
                    "UPDATE wf_progress SET wake_at = ?, wait_s = ?, ending = ?,"
                    " wanted = CASE WHEN ? IN ('paused', 'compensating') THEN NULL ELSE wanted END WHERE run_id = ?",
                    (found["wake_at"], found["wait_s"], found["ending"], found["status"], run_id),
                )
            case _:
                raise DataError(f"not a letter: {sort!r}", code="bad_letter")

    def _outcome(self, tx: Connection, found: Record) -> None:
        """The row of an attempt, for estimates and forks."""
        names = ("kind", "id", "at", "run_id", "step", "attempt", "idempotency_key", "started_id")
        outcome = {key: value for key, value in found.items() if key not in names}
        tx.execute(
            "INSERT INTO wf_step(run_id, step, attempt, workflow, duration_ms, outcome)"
            " SELECT ?, ?, ?, workflow, ?, ? FROM wf_progress WHERE run_id = ? ON CONFLICT DO NOTHING",
            (
                found["run_id"], found["step"], found["attempt"], found["duration_ms"], journal.dumps(outcome),
                found["run_id"],
            ),
        )  # fmt: skip
