"""The journal in Postgres: runs shared by many machines, each held by one of them under a lease with a fencing token.

The rule kept here: a process touches a run only while the database says that it holds it, and says so in each
transaction: every commit checks the token of each run it writes to. A process that cannot reach the database stops its
work before anybody else may begin it.
"""

from __future__ import annotations

import os
import random
import socket
import threading
import time
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
from roadmap_cli.wf.running import journal, leases, local
from roadmap_cli.wf.running.acting import Acting
from roadmap_cli.wf.running.engine import Claim, Engine
from roadmap_cli.wf.running.graph import Active
from roadmap_cli.wf.running.mirror import Mirror
from roadmap_cli.wf.running.place import SCHEMA as SCHEMA
from roadmap_cli.wf.running.place import Place, away, is_gone, prepare, process, processes
from roadmap_cli.wf.running.remembered import Remembered

if TYPE_CHECKING:
    import psycopg

    from roadmap_cli.net.transport import Transport

#: How long a lease lasts; how often it is renewed; when work stops if it could not be.
LEASE_S = 30
RENEW_S = 5.0
LOST_S = 22.0
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
        self._send(entry["run_id"], log={**entry, "at": clock.stamp(entry["at"]), "machine": self._kept.machine})

    def decide(self, **decision: Any) -> str:
        """See `journal.Tx`."""
        self._send(decision["run_id"], decide={**decision, "at": clock.stamp(decision["at"])})
        return ""

    def settle(self, decision_id: str, outcome: str, at: datetime) -> None:
        """See `journal.Tx`."""
        run_id = self._kept.decisions[decision_id]
        self._send(run_id, settle={"decision_id": decision_id, "outcome": outcome, "at": clock.stamp(at)})

    def ask(self, **question: Any) -> Record:
        """See `journal.Tx`."""
        found = self._kept.mirror_of(question["run_id"]).ask(question, tasks.ask)
        sealed = self._kept.seal.close(journal.dumps(found), "task", found["id"])
        self._connection.execute(
            "INSERT INTO wf_task(task_id, home, run_id, body, status, expires_at)"
            " VALUES (%s, %s, %s, %s, 'waiting', %s) ON CONFLICT (task_id) DO NOTHING",
            (found["id"], self._kept.homes[question["run_id"]], question["run_id"], sealed, found.get("expires_at")),
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
        mirror = self._kept.mirror_of_plan(plan["id"])
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
            if run_id in self._kept.homes:
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
        self._kept.know(self._connection, run_id, row[6], bundle, row[2], row[8].isoformat())
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
                "INSERT INTO wf_outbox(home, run_id, body) VALUES (?, ?, ?)", (self._kept.homes[run_id], run_id, body)
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
        self.machine = f"{socket.gethostname()[:60]}"
        self.holder = ""
        self.now = now
        self.seal = place.seal
        self.decisions: dict[str, str] = {}
        self.denials: dict[str, str] = {}
        self.homes: dict[str, str] = {}
        self.remembered = Remembered()
        self._state = state
        self._place = place
        self._connection: psycopg.Connection[Any] | None = None
        self._mirrors: dict[str, Mirror] = {}
        self._digests: dict[str, str] = {}
        self._of_plan: dict[str, str] = {}
        self._renewed = time.monotonic()
        self._is_known = self._is_fenced = False
        self._end = threading.Event()
        prepare(self.connection())
        self._thread = threading.Thread(target=self._renew, name="wf-lease", daemon=True)
        self._thread.start()

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
                self._check(connection)
                tx = SharedTx(self, connection)
                yield tx
                tx.flush()
        except Unavailable:
            with suppress(Exception):
                connection.close()
            self._connection = None
            raise

    def _check(self, connection: psycopg.Connection[Any]) -> None:
        """Make sure that this process is not taken for dead, and will not be before the commit."""
        if self._is_known:
            row = connection.execute(
                "SELECT 1 FROM wf_worker WHERE holder = %s AND NOT is_fenced FOR SHARE", (self.holder,)
            ).fetchone()
            if row is None:
                self._is_fenced = True
                raise Unavailable("this process was taken for dead, and its runs were taken up", code="lease_lost")

    def _introduce(self, connection: psycopg.Connection[Any]) -> None:
        """Let the others know of this process; under a new name if the old one was given up."""
        if self._is_known and not self._is_fenced:
            return
        self.holder = f"{self.machine}/{processes()}/{process(os.getpid())}/{os.urandom(6).hex()}"
        connection.execute(
            "INSERT INTO wf_worker(holder, lease_until) VALUES (%s, now() + make_interval(secs => %s))",
            (self.holder, LEASE_S),
        )
        self._renewed = time.monotonic()
        self._is_known, self._is_fenced = True, False

    def _renew(self) -> None:
        """Renew the lease, on a connection of its own, until the end."""
        connection: psycopg.Connection[Any] | None = None
        while not self._end.wait(RENEW_S):
            try:
                before = time.monotonic()
                if connection is None or connection.closed:
                    connection = self._place.connect()
                with away():
                    found = connection.execute(
                        "UPDATE wf_worker SET lease_until = now() + make_interval(secs => %s)"
                        " WHERE holder = %s AND NOT is_fenced", (LEASE_S, self.holder),
                    )  # fmt: skip
                if found.rowcount == 1:
                    self._renewed = before
                elif self._is_known:
                    self._is_fenced = True
            except Unavailable:
                if connection is not None:
                    with suppress(Exception):
                        connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def has_changed(self) -> bool:
        """See `journal.Journal`."""
        return True

    def wishes(self) -> dict[str, str]:
        """See `journal.Journal`."""
        with away():
            connection = self.connection()
            rows = connection.execute(
                "SELECT run_id, plan_id, wanted, denied_by FROM wf_run WHERE holder = %s"
                " AND (wanted IS NOT NULL OR denied_by IS NOT NULL)", (self.holder,),
            ).fetchall()  # fmt: skip
            self.denials |= {row[1]: row[3] for row in rows if row[3]}
            sql = "SELECT is_fenced FROM wf_worker WHERE holder = %s"
            if (found := connection.execute(sql, (self.holder,)).fetchone()) is not None and found[0]:
                self._is_fenced = True
            for home in self._mirrors:
                self.refresh(connection, home)
            return {row[0]: row[2] for row in rows if row[2]}

    def free(self) -> None:
        """Let go of the runs of processes that are taken for dead: from now on they cannot commit anything."""
        with away():
            connection = self.connection()
            rows = connection.execute(
                "SELECT holder, lease_until < now() FROM wf_worker WHERE NOT is_fenced AND holder != %s", (self.holder,)
            ).fetchall()
            for holder, is_late in rows:
                if not is_late and not is_gone(holder):
                    continue
                with connection.transaction():
                    connection.execute(
                        "UPDATE wf_worker SET is_fenced = true WHERE holder = %s AND (lease_until < now() OR %s)",
                        (holder, not is_late),
                    )
                    connection.execute(
                        "UPDATE wf_run SET holder = NULL WHERE holder = %s AND EXISTS"
                        " (SELECT 1 FROM wf_worker WHERE holder = %s AND is_fenced)", (holder, holder),
                    )  # fmt: skip
            connection.execute("DELETE FROM wf_worker WHERE is_fenced AND lease_until < now() - interval '7 days'")

    def find(self, at: datetime, warn: Callable[[str], None], fresh: bool) -> list[Claim]:
        """What can be taken up now, the most urgent first: at most so many that others find something, too."""
        self.free()
        with away():
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
        self._introduce(connection)
        row = connection.execute(
            "UPDATE wf_run SET holder = %s, token = token + 1 WHERE run_id = (SELECT run_id FROM wf_run"
            " WHERE run_id = %s AND finished_at IS NULL AND holder IS NULL FOR UPDATE SKIP LOCKED)"
            " RETURNING token, workflow, concurrency, status", (self.holder, run_id),
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
                (run.run_id, self.holder, run.token),
            )

    def is_held(self, run: Active) -> bool:
        """See `journal.Journal`."""
        return not self._is_fenced and time.monotonic() - self._renewed < LOST_S

    def sibling(self) -> State:
        """See `journal.Journal`."""
        return self._state.sibling()

    def close(self) -> None:
        """See `journal.Journal`."""
        self._end.set()
        self._thread.join(6)
        if self._connection is not None:
            self._connection.close()
        for mirror in self._mirrors.values():
            mirror.close()

    # -- the home's rights ---------------------------------------------------------------------------------------------

    def know(self, connection: Any, run_id: str, home: str, bundle: Record, decision_id: str, started_at: str) -> None:
        """Have what is needed of a run: its home, its plan, what is said of that, and the home's rights."""
        self.homes[run_id] = home
        self.decisions[decision_id] = run_id
        self._of_plan[bundle["plan"]["id"]] = home
        self.refresh(connection, home)
        self._mirrors[home].know(bundle["plan"], bundle["tables"], run_id, started_at)

    def refresh(self, connection: Any, home: str) -> None:
        """Have the home's rights as they are now."""
        row = connection.execute("SELECT digest, body FROM wf_rights WHERE home = %s", (home,)).fetchone()
        mirror = self._mirrors.get(home) or self._mirrors.setdefault(home, Mirror(self.now))
        if row is not None and row[0] != self._digests.get(home):
            mirror.take(journal.loads(self.seal.open(row[1], "rights", home)))
            self._digests[home] = row[0]

    def mirror_of(self, run_id: str) -> Mirror:
        """The rights of a run's home."""
        return self._mirrors[self.homes[run_id]]

    def mirror_of_plan(self, plan_id: str) -> Mirror:
        """The rights of a plan's home, as they are now."""
        home = self._of_plan[plan_id]
        return self._mirrors[home]


@contextmanager
def opened(state: State, text: str, settings: local.Settings, transport: Callable[[], Transport]) -> Iterator[Engine]:
    """An engine on the shared database that `text` names (see `Place`).

    What this state has approved is given to it; what was done of it is drawn in here. Raises ConfigError, Unavailable.
    """
    from roadmap_cli.wf.running.exchange import Exchange

    place = Place(text)
    done: Callable[[str, int, int], None] = lambda outcome, received, sent: None  # noqa: E731
    if not place.is_local:
        bare = f"postgresql://{place.host}:{place.port}/"
        _, done = transport().admit(
            place.host, place.port, method="POSTGRES", url=bare, purpose="workflow", kinds=("wf.plan",)
        )
    kept = Shared(state, place, settings.now)
    exchange = Exchange(state, kept, settings.command, settings.now)
    acting = Acting(state.sibling, state.path, settings.environ, settings.command, settings.now)

    def find(at: datetime, warn: Callable[[str], None], fresh: bool) -> list[Claim]:
        engine.tell(exchange.both_ways(warn, fresh))
        return kept.find(at, warn, fresh)

    engine = Engine(
        kept, acting, begin=lambda scene, claim: True, now=settings.now, command=settings.command, jobs=settings.jobs,
        hold_s=settings.hold_s, find=find, publish=exchange.publish, is_greedy=False,
    )  # fmt: skip
    try:
        yield engine
    finally:
        engine.stop()
        with suppress(Unavailable):
            exchange.draw()
        engine.close()
        acting.close()
        done("done", 0, 0)
