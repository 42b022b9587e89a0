"""Runs of approved plans in the state: which there are, how they are begun, and what a person may want of them.

The rule kept here: a plan is begun once, by an approval that holds at that moment; whatever else becomes of its run is
decided where it is done (`running.engine`), never from outside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError, Negative
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.state import records
from roadmap_cli.state.store import State
from roadmap_cli.wf.approving import answering, approvals, refusals
from roadmap_cli.wf.audit import log
from roadmap_cli.wf.measures import costs
from roadmap_cli.wf.planning import keeping, plansteps
from roadmap_cli.wf.rights import grants
from roadmap_cli.wf.running import graph, journal, life, local, plans, values
from roadmap_cli.wf.running.engine import Claim
from roadmap_cli.wf.running.graph import UNDO, Active, Unit
from roadmap_cli.wf.running.life import retry_after as retry_after
from roadmap_cli.wf.running.scene import Scene
from roadmap_cli.wf.running.scene import idempotency_key as idempotency_key
from roadmap_cli.why.decisions import decide

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

#: Statuses of a run that has ended.
ENDED = frozenset({"succeeded", "failed", "cancelled"})
_HERE = "NOT EXISTS (SELECT 1 FROM wf_progress p WHERE p.run_id = r.run_id AND p.place IS NOT NULL)"


def identity(plan_id: str) -> str:
    """The id of the run of a plan: it has one."""
    return content_id("wf.run", plan_id=plan_id)


def standing(tx: Connection, plan_id: str, at: datetime) -> tuple[str, Record]:
    """What may be done with a plan now (see `approvals.standing`), and the plan."""
    plan = keeping.stored_plan(tx, plan_id)
    return approvals.standing(tx, plan, at)[0], plan


def has_begun(tx: Connection, plan_id: str) -> bool:
    """Whether a plan has a run, ended or not."""
    return tx.execute("SELECT 1 FROM wf_run WHERE plan_id = ?", (plan_id,)).fetchone() is not None


def ended(tx: Connection, plan_id: str) -> str | None:
    """How the run of a plan ended (succeeded, failed, cancelled); None if it has not, or never began."""
    row = tx.execute("SELECT status FROM wf_run WHERE plan_id = ? AND finished_at IS NOT NULL", (plan_id,)).fetchone()
    return str(row[0]) if row else None


def priority(plan: Record) -> int:
    """How urgent a plan is, 0 to 9."""
    found = plan.get("priority", 5)
    return min(max(found, 0), 9) if isinstance(found, int) else 5


def ready(tx: Connection, at: datetime, warn: Callable[[str], None] = lambda words: None) -> list[Claim]:
    """Plans whose last approval holds and that were never begun, the most urgent first, then in order of approval.

    One that is not what its hash says is warned of and left alone: it must not keep the others waiting.
    """
    rows = tx.execute(
        "SELECT plan_id FROM wf_approval WHERE plan_id NOT IN (SELECT plan_id FROM wf_run)"
        " GROUP BY plan_id ORDER BY max(number)"
    ).fetchall()
    claims = []
    for (name,) in rows:
        try:
            status, plan = standing(tx, name, at)
        except DataError as error:
            warn(str(error))
            continue
        if status == "approved":
            claims.append(Claim(identity(name), name, priority(plan)))
    return sorted(claims, key=lambda claim: -claim.priority)


def unfinished(tx: Connection, at: datetime) -> list[Claim]:
    """Runs that can go on: cut off, due, or answered, oldest first. Some may be another process's, at work now."""
    rows = tx.execute(
        "SELECT r.run_id, r.status, p.priority, p.wake_at, p.wait_s, p.wanted FROM wf_run r"
        f" LEFT JOIN wf_progress p USING (run_id) WHERE r.finished_at IS NULL AND r.status != 'paused' AND {_HERE}"
        " ORDER BY r.started_at, r.run_id"
    ).fetchall()
    return [
        Claim(run_id, None, 5 if urgency is None else urgency)
        for run_id, status, urgency, wake_at, wait_s, wanted in rows
        if status != "waiting" or wanted or _is_due(wake_at, wait_s, at) or _is_answered(tx, run_id, at)
    ]


def _is_due(wake_at: str | None, wait_s: float | None, at: datetime) -> bool:
    """Whether a wait is over; also if the clock was set back so far that it would last longer than it was meant to."""
    if wake_at is None or wait_s is None:
        return False
    left_s = (clock.parse(wake_at) - at).total_seconds()
    return left_s <= 0 or left_s > wait_s + 1


def _is_answered(tx: Connection, run_id: str, at: datetime) -> bool:
    """Whether a person or an event has answered one of a run's questions, or a question's time is over."""
    answered = tx.execute(
        "SELECT 1 FROM wf_unit u JOIN wf_task t USING (task_id) WHERE u.run_id = ? AND u.status = 'waiting'"
        " AND (t.status != 'waiting' OR t.expires_at <= ?) LIMIT 1",
        (run_id, clock.stamp(at)),
    ).fetchone()
    if answered:
        return True
    newest = tx.execute("SELECT max(rowid) FROM wf_event").fetchone()[0] or 0
    waiting = tx.execute(
        "SELECT unit, cursor FROM wf_unit WHERE run_id = ? AND status = 'waiting' AND waits_for = 'event'"
        " AND cursor < ?",
        (run_id, newest),
    ).fetchall()
    if not waiting:
        return False
    kept = local.LocalTx(tx)
    run = journal.load(kept, run_id, -1, 0, at)
    return run is not None and any(_has_come(kept, run, name, cursor) for name, cursor in waiting)


def _has_come(kept: local.LocalTx, run: Active, name: str, cursor: int) -> bool:
    place = life.where(run, name)
    spec = values.filled(place.step, run.lookup(place))["event"]
    return any(life.matches(spec, event, run, place) for _, event in kept.events(cursor))


def begin(scene: Scene, claim: Claim, *, is_shared: bool = False) -> bool:
    """Begin a plan whose approval holds; False if as many runs of its workflow are under way as it allows at a time.

    A plan whose approval holds no longer is left alone. Raises DataError for one that is not what its hash says.
    """
    assert isinstance(scene.tx, local.LocalTx)
    assert claim.plan_id is not None
    tx = scene.tx.connection
    plan = keeping.stored_plan(tx, claim.plan_id)
    verdict, approval = approvals.standing(tx, plan, scene.at)
    if verdict != "approved" or approval is None:
        return True
    most = None if is_shared else plan.get("concurrency")
    if isinstance(most, int) and under_way(tx, plan["workflow"]) >= most:
        return False
    spec = plan.get("fork")
    before = _forked(scene.tx, spec, scene.at) if isinstance(spec, dict) else None
    scene.tell(_begun(tx, claim.run_id, plan, approval, command=scene.command, at=scene.at))
    if is_shared:
        tx.execute("UPDATE wf_progress SET place = 'shared' WHERE run_id = ?", (claim.run_id,))
    scene.log(
        Active(claim.run_id, plan, 0), "run.started", "allowed", f"{approval['approver']} approved exactly this plan",
        approval_id=approval["id"], plan_id=plan["id"],
    )  # fmt: skip
    if isinstance(spec, dict) and before is not None:
        _reuse(scene.tx, Active(claim.run_id, plan, 0), spec, before)
    return True


def under_way(tx: Connection, workflow: str) -> int:
    """How many runs of a workflow are under way."""
    row = tx.execute(
        "SELECT count(*) FROM wf_progress JOIN wf_run USING (run_id) WHERE workflow = ? AND finished_at IS NULL",
        (workflow,),
    ).fetchone()
    return int(row[0])


def _begun(tx: Connection, run_id: str, plan: Record, approval: Record, *, command: str, at: datetime) -> Record:
    found: Record = {
        "kind": "wf.run_started", "id": content_id("wf.run_started", run_id=run_id), "at": clock.stamp(at),
        "run_id": run_id, "plan_id": plan["id"], "plan_hash": plan["plan_hash"], "approval_id": approval["id"],
        "workflow": plan["workflow"],
    }  # fmt: skip
    records.put(tx, found)
    decision = decide(
        tx, kind="wf.run_started", what=f"began {plan['workflow']!r} as planned in {plan['id']}",
        why=f"{approval['approver']} approved exactly this plan: {approval['why']}",
        evidence=[approval["id"], plan["id"], plan["match_id"], plan["event_id"], found["id"]],
        command=command, at=at, authorised_by=approval["approver"], run_id=run_id,
    )  # fmt: skip
    tx.execute(
        "INSERT INTO wf_run(run_id, plan_id, status, started_at, decision_id) VALUES (?, ?, 'running', ?, ?)",
        (run_id, plan["id"], clock.stamp(at), decision["id"]),
    )
    tx.execute(
        "INSERT INTO wf_progress(run_id, workflow, priority) VALUES (?, ?, ?)",
        (run_id, plan["workflow"], priority(plan)),
    )
    costs.lay_down(tx, plan, run_id, at)
    return found


# -- what a person wants of a run --------------------------------------------------------------------------------------


def wish(state: State, run_id: str, wanted: str, *, by: str, key_file: Path | None = None, at: datetime) -> str:
    """Note that somebody wants a run to ``cancel`` or ``pause``, or to go on (``unpause``); its status before.

    Who works on the run does it, or who takes it up next. Raises DataError for an unknown run, Negative if it has
    ended, is not paused, or this person may not (see `answering.steered`).
    """
    with refusals.logged(state, action="run", user=by, resource=run_id, at=at) as tx:
        row = tx.execute("SELECT status, plan_id FROM wf_run WHERE run_id = ?", (run_id,)).fetchone()
        if row is None:
            raise DataError(f"run {run_id!r} is not in this state", code="unknown_run")
        status, plan_id = row
        if status in ENDED:
            raise Negative(f"run {run_id!r} is over: it {status}", code="run_over")
        plan = keeping.stored_plan(tx, plan_id)
        proof = answering.steered(tx, plan, run_id, wanted, name=by, key_file=key_file, at=at)
        if wanted == "unpause":
            found = tx.execute("SELECT wanted, ending FROM wf_progress WHERE run_id = ?", (run_id,)).fetchone()
            if status != "paused" and not (found and str(found[0]).startswith("pause")):
                raise Negative(f"run {run_id!r} is not paused", code="not_paused")
            now = "compensating" if found and found[1] else "running"
            if status == "paused":
                tx.execute("UPDATE wf_run SET status = ? WHERE run_id = ?", (now, run_id))
            # Of a shared run the database must hear of it.
            tx.execute(
                "UPDATE wf_progress SET wanted = CASE WHEN place IS NULL THEN NULL ELSE 'unpause' END"
                " WHERE run_id = ?", (run_id,),
            )  # fmt: skip
        else:
            if status == "paused" and wanted == "pause":
                return str(status)
            tx.execute(
                "INSERT INTO wf_progress(run_id, workflow, priority, wanted) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (run_id) DO UPDATE SET wanted = excluded.wanted",
                (run_id, plan["workflow"], priority(plan), f"{wanted} user:{by}"),
            )
            if status == "paused":  # a paused run that is cancelled is taken up for that
                tx.execute("UPDATE wf_run SET status = 'running' WHERE run_id = ?", (run_id,))
        log.append(
            tx, action=f"run.{wanted}_asked", user=f"user:{by}", resource=run_id, outcome="asked",
            why=f"{by} wants the run to {wanted}", at=at, run_id=run_id, plan_id=plan_id, proof=proof,
        )  # fmt: skip
    return str(status)


# -- forks -------------------------------------------------------------------------------------------------------------


def fork(state: State, run_id: str, step: str, *, by: str, command: str, at: datetime) -> Record:
    """A new plan like that of a run, which reuses the outputs of all that does not come after a step.

    It is a new act: it has a hash of its own, which covers what is reused, and needs an approval of its own. Raises
    DataError for an unknown run or step.
    """
    with state.write() as tx:
        row = tx.execute("SELECT plan_id FROM wf_run WHERE run_id = ?", (run_id,)).fetchone()
        if row is None:
            raise DataError(f"run {run_id!r} is not in this state", code="unknown_run")
        plan = keeping.stored_plan(tx, row[0])
        run = journal.load(local.LocalTx(tx), run_id, -1, 0, at)
        names = [each["name"] for each in plan["steps"]]
        if step not in names:
            raise DataError(f"run {run_id!r} has no step {step!r}; it has {', '.join(names)}", code="unknown_step")
        after = _after(plan["steps"], step)
        assert run is not None
        reused = {
            unit.name: _hash(run.outputs.get(unit.name))
            for unit in run.units.values()
            if unit.status in ("succeeded", "skipped") and not unit.name.startswith(UNDO)
            and graph.locate(run, unit.name.partition("/")[0]).step["name"] not in after
        }  # fmt: skip
        if grants.is_claimed(tx):
            steps = list(plansteps.walk(plan["steps"]))
            plan = {**plan, "scope": plansteps.holding(plan.get("scope") or [], steps, plan["directory"])}
        found: Record = {
            **plan, "at": clock.stamp(at), "requested_by": f"user:{by}" if ":" in plan["requested_by"] else by,
            "fork": {"run_id": run_id, "from_step": step, "reused": reused},
        }  # fmt: skip
        found.pop("plan_hash")
        found["id"] = ""
        digest = keeping.plan_hash(found)
        found["id"] = content_id("wf.plan", plan_hash=digest)
        found["plan_hash"] = digest
        kept = keeping.keep(tx, found, command=command, at=at)
        log.append(
            tx, action="run.forked", user=f"user:{by}", resource=run_id, outcome="asked",
            why=f"{by} wants it done again from {step!r}", at=at, run_id=run_id, plan_id=kept["id"],
            plan_hash=kept["plan_hash"], step=step,
        )  # fmt: skip
    return kept


def _after(steps: Sequence[Record], step: str) -> set[str]:
    """A step and all that needs it, directly or not."""
    found = {step}
    while more := {each["name"] for each in steps if not found.isdisjoint(each["needs"])} - found:
        found |= more
    return found


def _reuse(tx: local.LocalTx, run: Active, spec: Record, before: Active) -> None:
    """Give a forked run the outputs that its plan names."""
    for name in spec["reused"]:
        old = before.units[name]
        unit = Unit(name, old.status, old.attempt, old.attempt, position=run.next_position(), is_reused=True)
        journal.keep(tx, run, unit)
        if name in before.outputs and old.attempt > 0:
            row = tx.execute(
                "SELECT outcome FROM wf_step WHERE run_id = ? AND step = ? ORDER BY attempt DESC LIMIT 1",
                (spec["run_id"], name),
            ).fetchone()
            if row is not None:
                journal.keep_outcome(tx, run, unit, {**journal.loads(row[0]), "duration_ms": 0})


def _forked(tx: local.LocalTx, spec: Record, at: datetime) -> Active:
    """The run a plan was forked from. Raises DataError if its outputs are not what they were."""
    before = journal.load(tx, spec["run_id"], -1, 0, at)
    if before is None:
        raise DataError(f"run {spec['run_id']!r} is not in this state", code="unknown_run")
    for name, digest in spec["reused"].items():
        if name not in before.units or _hash(before.outputs.get(name)) != digest:
            raise DataError(f"the output of {name!r} of run {spec['run_id']!r} is not what it was", code="fork_changed")
    return before


def _hash(value: Any) -> str:
    return plans.subject_hash({"value": value})
