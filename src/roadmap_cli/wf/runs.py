"""Runs of approved plans: begun once, taken up where they were left, every step's end stored before it is told.

The rule kept here: a step whose end is committed is never done again, and a step that was cut off is done again with
the same idempotency key. A step's end is committed here first and then by the engine, so a crash between the two costs
nothing.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from roadmap_cli.core import clock
from roadmap_cli.core.clock import Clock
from roadmap_cli.core.errors import DataError, TryLater
from roadmap_cli.core.records import Record, content_id, run_id
from roadmap_cli.state import records
from roadmap_cli.state.store import State
from roadmap_cli.wf import approvals, leases, placeholders, steps
from roadmap_cli.wf.engine import Body, Durable, Engine
from roadmap_cli.why.decisions import decide, settle

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

#: Makes the engine for a body and the wish to stop; called when the first run begins.
Launch = Callable[[Body, threading.Event], Engine]


class Runner:
    """Executes runs one after the other on one engine. Close it."""

    def __init__(
        self, state: State, launch: Launch, *, environ: Mapping[str, str], command: str, now: Clock, wait_s: float
    ):
        self._state = state
        self._launch = launch
        self._environ = environ
        self._command = command
        self._now = now
        self._wait_s = wait_s
        self._stop = threading.Event()
        self._engine: Engine | None = None
        self._worker: _Worker | None = None

    def unfinished(self) -> list[str]:
        """The ids of runs that were begun and not ended, oldest first: some may be another process's, at work now."""
        with self._state.read() as tx:
            rows = tx.execute("SELECT run_id FROM wf_run WHERE finished_at IS NULL ORDER BY started_at, run_id")
            return [row[0] for row in rows]

    def ready(self) -> list[str]:
        """The ids of plans whose last approval holds and that were never begun, in the order of approval."""
        with self._state.read() as tx:
            rows = tx.execute(
                "SELECT plan_id FROM wf_approval WHERE plan_id NOT IN (SELECT plan_id FROM wf_run)"
                " GROUP BY plan_id ORDER BY max(number)"
            ).fetchall()
            return [row[0] for row in rows if self.standing(tx, row[0])[0] == "approved"]

    def standing(self, tx: Connection, plan_id: str) -> tuple[str, Record]:
        """What may be done with a plan now (see `approvals.standing`), and the plan."""
        plan = approvals.stored_plan(tx, plan_id)
        return approvals.standing(tx, plan, self._now())[0], plan

    def has_begun(self, plan_id: str) -> bool:
        """Whether a plan has a run, ended or not."""
        with self._state.read() as tx:
            return tx.execute("SELECT 1 FROM wf_run WHERE plan_id = ?", (plan_id,)).fetchone() is not None

    def take_up(self, identity: str) -> Iterator[Record]:
        """Go on with an unfinished run unless somebody is at work on it; yields what happens as it is committed."""
        try:
            yield from self._held(identity, 0.0, None)
        except TryLater as error:
            if error.code != "run_busy":
                raise

    def run(self, plan_id: str) -> Iterator[Record]:
        """Run an approved plan; yields what happens as it is committed, nothing if it has run before.

        Raises TryLater if another process works on it for longer than the wait. The caller has looked at `standing`.
        """
        yield from self._held(content_id("wf.run", plan_id=plan_id), self._wait_s, plan_id)

    def close(self) -> None:
        """Let go of the engine."""
        self._stop.set()
        if self._engine:
            self._engine.close()
            self._engine = None

    def _held(self, identity: str, wait_s: float, plan_id: str | None) -> Iterator[Record]:
        with leases.hold(self._state.path, identity, wait_s) as lease:
            first = self._begin(identity, plan_id)
            if first:
                yield first
                yield from self._executed(identity, lease)
            leases.forget(self._state.path, identity)

    def _begin(self, identity: str, plan_id: str | None) -> Record | None:
        """Note that a run begins or is taken up; None if there is nothing to do. The lease is held."""
        at = self._now()
        with self._state.write() as tx:
            row = tx.execute("SELECT plan_id, finished_at FROM wf_run WHERE run_id = ?", (identity,)).fetchone()
            if row is not None:
                return None if row[1] else _resumed(tx, identity, row[0], at)
            if plan_id is None:
                return None
            plan = approvals.stored_plan(tx, plan_id)
            verdict, approval = approvals.standing(tx, plan, at)
            if verdict != "approved" or approval is None:
                raise TryLater(f"the approval of plan {plan_id!r} is {verdict}", code=f"approval_{verdict}")
            return _started(tx, identity, plan, approval, command=self._command, at=at)

    def _executed(self, identity: str, lease: int) -> Iterator[Record]:
        """Execute in a thread of its own, so that what happens can be told while it happens."""
        told: SimpleQueue[Record | BaseException | None] = SimpleQueue()
        if self._worker is None:
            around = steps.Surroundings(self._environ, lease, self._stop)
            self._worker = _Worker(self._state, around, self._command, self._now)
        worker = self._worker
        worker.around.lease = lease
        worker.tell = told.put

        def work() -> None:
            try:
                if self._engine is None:
                    self._engine = self._launch(worker.body, self._stop)
                self._engine.execute(identity)
            except BaseException as error:  # noqa: BLE001 - handed to the thread that waits for it
                told.put(error)
            else:
                told.put(None)

        thread = threading.Thread(target=work, name="wf-run", daemon=True)
        thread.start()
        try:
            while (item := told.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        except BaseException:
            self._stop.set()
            raise
        finally:
            thread.join()


def _started(tx: Connection, identity: str, plan: Record, approval: Record, *, command: str, at: datetime) -> Record:
    found: Record = {
        "kind": "wf.run_started",
        "id": content_id("wf.run_started", run_id=identity),
        "at": clock.stamp(at),
        "run_id": identity,
        "plan_id": plan["id"],
        "plan_hash": plan["plan_hash"],
        "approval_id": approval["id"],
        "workflow": plan["workflow"],
    }
    records.put(tx, found)
    decision = decide(
        tx, kind="wf.run_started", what=f"began {plan['workflow']!r} as planned in {plan['id']}",
        why=f"{approval['approver']} approved exactly this plan: {approval['why']}",
        evidence=[approval["id"], plan["id"], plan["match_id"], plan["event_id"], found["id"]],
        command=command, at=at, authorised_by=approval["approver"], run_id=identity,
    )  # fmt: skip
    tx.execute(
        "INSERT INTO wf_run(run_id, plan_id, status, started_at, decision_id) VALUES (?, ?, 'running', ?, ?)",
        (identity, plan["id"], clock.stamp(at), decision["id"]),
    )
    return found


def _resumed(tx: Connection, identity: str, plan_id: str, at: datetime) -> Record:
    done = tx.execute("SELECT count(DISTINCT step) FROM wf_step WHERE run_id = ?", (identity,)).fetchone()[0]
    found: Record = {
        "kind": "wf.run_resumed",
        "id": run_id("wf.run_resumed", at),
        "at": clock.stamp(at),
        "run_id": identity,
        "plan_id": plan_id,
        "kept_steps_count": done,
    }
    records.put(tx, found)
    return found


class _Worker:
    """The body of every run, on a connection of its own: it works in another thread than the command."""

    def __init__(self, state: State, around: steps.Surroundings, command: str, now: Clock):
        self._state = state
        self.around = around
        self._command = command
        self._now = now
        self.tell: Callable[[Record], None] = lambda record: None

    def body(self, identity: str, durable: Durable) -> Record:
        """All steps of a run in order, each as often as its plan allows; the first that fails for good ends it."""
        with closing(self._state.another()) as connection:
            state = State(self._state.path, connection, mode="write", dry_run=False, key=None, held=None)
            with state.read() as tx:
                row = tx.execute("SELECT plan_id FROM wf_run WHERE run_id = ?", (identity,)).fetchone()
                plan = approvals.stored_plan(tx, row[0])
            failed: Record | None = None
            for step in plan["steps"]:
                failed = self._step(state, identity, plan, step, durable)
                if failed:
                    break
            return durable.step("finish", lambda: self._finish(state, identity, plan, failed))

    def _step(self, state: State, identity: str, plan: Record, step: Record, durable: Durable) -> Record | None:
        """One step with its retries; the summary of its failure, or None."""
        if step["action"] == "wait":
            durable.pause(step["wait_s"])
        for attempt in range(1, step["attempts"] + 1):

            def once(attempt: int = attempt) -> Record:
                return self._attempt(state, identity, plan, step, attempt)

            summary = durable.step(f"{step['name']} {attempt}", once)
            if summary["status"] == "succeeded":
                return None
            if summary["failure"] == "permanent" or attempt == step["attempts"]:
                return {**summary, "step": step["name"]}
            durable.pause(summary["retry_after_s"])
        raise AssertionError("a step has at least one attempt")

    def _attempt(self, state: State, identity: str, plan: Record, step: Record, attempt: int) -> Record:
        place = (identity, step["name"], attempt)
        key = idempotency_key(identity, step["name"])
        with state.write() as tx:
            kept = tx.execute("SELECT outcome FROM wf_step WHERE run_id = ? AND step = ? AND attempt = ?", place)
            if row := kept.fetchone():
                return _summary(_loads(row[0]))
            last = approvals.latest(tx, plan["id"]) or {}
            outputs = _outputs(tx, identity)
            started = _step_record("wf.step_started", place, self._now(), key, role=step["role"], action=step["action"])
            records.put(tx, started)
        self.tell(started)
        if last.get("status") == "denied":
            outcome: Record = {
                "status": "failed", "failure": "permanent", "duration_ms": 0,
                "reason": f"{last.get('approver')} denied the plan while it ran",
            }  # fmt: skip
        elif step["action"] == "wait":
            outcome = {"status": "succeeded", "output": "", "duration_ms": round(step["wait_s"] * 1000)}
        else:
            given = {
                "ROADMAP_IDEMPOTENCY_KEY": key, "ROADMAP_RUN_ID": identity, "ROADMAP_STEP": step["name"],
                "ROADMAP_ATTEMPT": str(attempt), "ROADMAP_STATE": str(self._state.path.absolute()),
            }  # fmt: skip
            lookup = _lookup(identity, plan["directory"], outputs)
            around = replace(self.around, scope=plan.get("scope"))
            outcome = steps.perform(step, lookup, Path(plan["directory"]), given, around)
        if outcome["status"] == "failed" and outcome["failure"] != "permanent" and attempt < step["attempts"]:
            outcome["retry_after_s"] = retry_after(step["retry"], attempt)
        finished = _step_record("wf.step_finished", place, self._now(), key, started_id=started["id"], **outcome)
        with state.write() as tx:
            records.put(tx, finished)
            tx.execute(
                "INSERT INTO wf_step(run_id, step, attempt, workflow, duration_ms, outcome) VALUES (?, ?, ?, ?, ?, ?)",
                (*place, plan["workflow"], outcome["duration_ms"], _dumps(outcome)),
            )
        self.tell(finished)
        return _summary(outcome)

    def _finish(self, state: State, identity: str, plan: Record, failed: Record | None) -> Record:
        at = self._now()
        status = "failed" if failed else "succeeded"
        found: Record = {
            "kind": "wf.run_finished",
            "id": content_id("wf.run_finished", run_id=identity),
            "at": clock.stamp(at),
            "run_id": identity,
            "plan_id": plan["id"],
            "workflow": plan["workflow"],
            "status": status,
        }
        with state.write() as tx:
            row = tx.execute("SELECT decision_id, finished_at FROM wf_run WHERE run_id = ?", (identity,)).fetchone()
            count = tx.execute("SELECT count(DISTINCT step) FROM wf_step WHERE run_id = ?", (identity,)).fetchone()[0]
            found |= {"steps_count": len(plan["steps"]), "done_steps_count": count - bool(failed)}
            if failed:
                found |= {"failed_step": failed["step"], "failure": failed["failure"], "reason": failed["reason"]}
            if row[1] is None:
                records.put(tx, found)
                sql = "UPDATE wf_run SET status = ?, finished_at = ? WHERE run_id = ?"
                tx.execute(sql, (status, clock.stamp(at), identity))
                settle(tx, row[0], f"failed at {failed['step']}: {failed['reason']}" if failed else "succeeded", at)
        self.tell(found)
        return {"status": status}


def idempotency_key(identity: str, step: str) -> str:
    """The key under which a step's effect happens at most once: the same for every attempt and after every crash."""
    return content_id("wf.step", run_id=identity, step=step).removeprefix("wf_")


def retry_after(retry: Mapping[str, Any], attempt: int) -> float:
    """Seconds to wait after a failed attempt: exponential, with a random part so that many do not come back at once."""
    wait = min(retry["first_s"] * retry["factor"] ** (attempt - 1), retry["most_s"])
    return float(round(wait * (1 + retry["jitter_ratio"] * random.uniform(-1, 1)), 3))


def _lookup(identity: str, directory: str, outputs: Mapping[str, Any]) -> Callable[[str], Any]:
    def lookup(name: str) -> Any:
        head, *rest = name.split(".")
        if head == "steps" and len(rest) >= 2 and rest[1] == "output" and rest[0] in outputs:
            return placeholders.reach(outputs[rest[0]], rest[2:], name)
        if name == "run.id":
            return identity
        if name == "run.directory":
            return directory
        raise DataError(f"there is no value for ${{{name}}}", code="missing_value")

    return lookup


def _outputs(tx: Connection, identity: str) -> dict[str, Any]:
    rows = tx.execute("SELECT step, outcome FROM wf_step WHERE run_id = ? ORDER BY step, attempt", (identity,))
    return {step: found["output"] for step, text in rows if "output" in (found := _loads(text))}


def _step_record(kind: str, place: tuple[str, str, int], at: datetime, key: str, **more: Any) -> Record:
    identity, step, attempt = place
    name = run_id(kind, at)
    if kind == "wf.step_finished":
        name = content_id(kind, run_id=identity, step=step, attempt=attempt)
    return {
        "kind": kind,
        "id": name,
        "at": clock.stamp(at),
        "run_id": identity,
        "step": step,
        "attempt": attempt,
        "idempotency_key": key,
        **more,
    }


def _summary(outcome: Record) -> Record:
    """What the engine keeps of an outcome: all that decides how the run goes on, and no output."""
    return {key: outcome[key] for key in ("status", "failure", "reason", "retry_after_s") if key in outcome}


def _dumps(value: Record) -> str:
    import orjson

    return orjson.dumps(value).decode()


def _loads(text: str) -> Record:
    import orjson

    found: Record = orjson.loads(text)
    return found
