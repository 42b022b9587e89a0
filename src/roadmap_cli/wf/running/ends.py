"""How a run ends: what was done is undone backwards if it failed or was cancelled, and its end is told.

The rule kept here: undoing goes in the reverse order of doing, one at a time, and what cannot be undone is a person's
matter, never passed over in silence (H. Garcia-Molina and K. Salem, Sagas, SIGMOD 1987).
"""

from __future__ import annotations

from roadmap_cli.core.records import Record, content_id, run_id
from roadmap_cli.wf.running import life, plans
from roadmap_cli.wf.running.graph import OVER, UNDO, Active, Unit, locate
from roadmap_cli.wf.running.scene import Scene


def go_on(scene: Scene, run: Active) -> None:
    """Go on with a run that is ending: once nothing is being done any more, undo what is left, then end it."""
    if run.doing:
        return
    for unit in list(run.units.values()):
        if not unit.name.startswith(UNDO) and unit.status in ("waiting", "running"):
            was_cut = unit.status == "running"
            if unit.task_id:
                scene.tx.expire(unit.task_id, scene.at)
            scene.over(run, unit, "cancelled")
            why = "cut off; whether it was done is not known" if was_cut else "given up while it waited"
            scene.log(run, "step.cancelled", "done", why, unit=unit.name)
    undone = _next(run)
    if undone is None:
        finish(scene, run)
        return
    name = f"{UNDO}{undone.name}"
    if name not in run.units:
        life.begin(scene, run, life.where(run, name))
    elif run.units[name].status == "running":
        life.again(scene, run, run.units[name])
    if run.units.get(name) is not None and run.is_over(name):
        go_on(scene, run)


def _next(run: Active) -> Unit | None:
    """What is to be undone next: of all that was done, or may have been, the last. Nothing that came from a fork."""
    found = [
        unit
        for unit in run.units.values()
        if not unit.name.startswith(UNDO)
        and not unit.is_reused
        and unit.attempt > 0
        and (unit.status == "succeeded" or (unit.status == "cancelled"))
        and run.statuses.get(f"{UNDO}{unit.name}") not in OVER
        and _is_leaf(run, unit)
        and plans.undoing(locate(run, unit.name).step, unit.name)
    ]
    return max(found, key=lambda unit: unit.position or 0, default=None)


def _is_leaf(run: Active, unit: Unit) -> bool:
    """Whether a unit was done itself: what joins a loop was not, its instances were."""
    return not ("each" in locate(run, unit.name).step and not unit.name.endswith("]"))


def finish(scene: Scene, run: Active) -> None:
    """Tell and keep the end of a run."""
    ending = run.ending or {"status": "succeeded"}
    run.status = ending["status"]
    steps = run.plan["steps"]
    found: Record = {
        "kind": "wf.run_finished", "id": content_id("wf.run_finished", run_id=run.run_id), "at": scene.stamp,
        "run_id": run.run_id, "plan_id": run.plan["id"], "workflow": run.plan["workflow"], "status": run.status,
        "steps_count": len(steps),
        "done_steps_count": sum(run.statuses.get(step["name"]) == "succeeded" for step in steps),
    }  # fmt: skip
    for name, key in (("failed_step", "step"), ("failure", "failure"), ("reason", "reason")):
        if ending.get(key):
            found[name] = ending[key]
    done = sorted(
        (unit for unit in run.units.values() if unit.name.startswith(UNDO)), key=lambda unit: unit.position or 0
    )
    for name, status in (("compensated", "succeeded"), ("not_compensated", "skipped")):
        if names := [unit.name.removeprefix(UNDO) for unit in done if unit.status == status]:
            found[name] = names
    scene.tell(found)
    scene.tx.stand(run, run.status, finished=scene.stamp)
    words = {
        "succeeded": "succeeded",
        "failed": f"failed{' at ' if ending.get('step') else ''}{ending.get('step')}: {ending.get('reason')}",
        "cancelled": f"cancelled: {ending.get('reason')}",
    }[run.status]
    scene.tx.settle(run.decision_id, words, scene.at)
    if done:
        scene.tx.decide(
            kind="wf.compensated", what=f"undid {', '.join(found.get('compensated', ['nothing']))}",
            why=f"the run of {run.plan['workflow']!r} {words}", evidence=[found["id"]], command=scene.command,
            at=scene.at, authorised_by="policy:compensation", run_id=run.run_id,
        )  # fmt: skip
    scene.log(
        run, f"run.{'cancelled' if run.status == 'cancelled' else 'finished'}",
        "done" if run.status != "failed" else "failed", f"run {run.status}",
    )  # fmt: skip
    scene.ended.append(run)


def park(scene: Scene, run: Active, wake_at: str | None, wait_s: float | None) -> None:
    """Let a run wait without a process: until a time, or until a person or an event answers."""
    waiting = [unit for unit in run.units.values() if unit.status == "waiting"]
    run.status = "waiting"
    record: Record = {
        "kind": "wf.run_waiting", "id": run_id("wf.run_waiting", scene.at), "at": scene.stamp, "run_id": run.run_id,
        "plan_id": run.plan["id"], "workflow": run.plan["workflow"],
        "waits_for": sorted({unit.waits_for or "" for unit in waiting}),
        "steps": sorted(unit.name for unit in waiting),
    }  # fmt: skip
    if wake_at:
        record["wake_at"] = wake_at
    if names := sorted(unit.task_id for unit in waiting if unit.task_id):
        record["task_ids"] = names
    scene.tell(record)
    scene.tx.stand(run, "waiting", wake_at=wake_at, wait_s=wait_s)
    scene.log(run, "run.waiting", "done", f"waits for {', '.join(record['waits_for'])}")
    scene.ended.append(run)


def pause(scene: Scene, run: Active) -> None:
    """Let a run rest until a person wants it to go on."""
    run.status = "paused"
    record: Record = {
        "kind": "wf.run_paused", "id": run_id("wf.run_paused", scene.at), "at": scene.stamp, "run_id": run.run_id,
        "plan_id": run.plan["id"], "workflow": run.plan["workflow"],
    }  # fmt: skip
    scene.tell(record)
    scene.tx.stand(run, "paused")
    scene.log(run, "run.paused", "done", "a person wants it to rest")
    scene.ended.append(run)


def cancel(scene: Scene, run: Active, by: str) -> None:
    """Let a run end: what is being done is stopped, what was done is undone."""
    if run.ending is None:
        run.ending = {"status": "cancelled", "reason": f"{by} cancelled it"}
        run.status = "compensating"
        scene.tx.stand(run, run.status)
        scene.log(run, "run.cancelling", "done", f"{by} cancelled it")
    run.wanted = None


def time_out(scene: Scene, run: Active) -> None:
    """Let a run fail that took longer than its plan allows: what is being done is stopped, what was done is undone."""
    most_s = float(run.plan["timeout_s"])
    run.ending = {"status": "failed", "step": "", "failure": "transient", "reason": f"not done after {most_s:g} s"}
    run.status = "compensating"
    scene.tx.stand(run, run.status)
    scene.log(run, "run.timed_out", "failed", run.ending["reason"])


def resume(scene: Scene, run: Active) -> None:
    """Tell that a run is taken up where it was left."""
    if run.status == "waiting":
        run.status = "compensating" if run.ending else "running"
        scene.tx.stand(run, run.status)
    record: Record = {
        "kind": "wf.run_resumed", "id": run_id("wf.run_resumed", scene.at), "at": scene.stamp, "run_id": run.run_id,
        "plan_id": run.plan["id"],
        "kept_steps_count": sum(each in OVER for each in run.statuses.values()),
    }  # fmt: skip
    scene.tell(record)
    scene.log(run, "run.resumed", "done", "taken up where it was left")
