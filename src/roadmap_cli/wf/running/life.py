"""The life of one step: asked for, allowed, begun, ended, tried again, given up.

The rule kept here: before each attempt its right is asked for with the values put in, and the beginning is committed;
what has ended is never begun again.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, canonical
from roadmap_cli.wf.language import placeholders
from roadmap_cli.wf.rights import Verdict
from roadmap_cli.wf.running import gates, journal, plans, values
from roadmap_cli.wf.running.graph import UNDO, Active, Passed, Place, Unit, locate
from roadmap_cli.wf.running.scene import Launch, Scene, fresh, idempotency_key

#: A step whose process ended this often while it was being done is not begun again without a person's word.
MOST_CUTS = 20
#: How long a question waits for its answer where the plan does not say.
ANSWER_S = 7 * 86400.0
#: Done by a thread; all others the runner does itself.
WAITING = frozenset({"wait", "event", "human"})
#: What the sorts of failure are called to a person.
_FAILED: Mapping[str, str] = {
    "transient": "failed in every attempt", "permanent": "failed for good",
    "unknown": "failed, and how far it came is not known",
}  # fmt: skip


def begin(scene: Scene, run: Active, place: Place) -> bool:
    """Begin a unit, or let it wait for what it needs. False if there is no room for it now: it is as it was."""
    step, name = place.step, place.unit
    if step["action"] not in WAITING and scene.free <= 0:
        return False
    unit = fresh(run, name, step)
    try:
        filled = values.filled(step, run.lookup(place))
        verdict = _right(scene, run, unit, filled)
        if not verdict.is_allowed:
            _never_began(scene, run, place, unit, verdict.why)
            return True
        if step.get("approval") and not name.startswith(UNDO) and not _is_approved(scene, run, unit, filled):
            return True
        match step["action"]:
            case "wait":
                _note_start(scene, run, unit, filled, verdict)
                scene.waits(run, unit, "time", float(step["wait_s"]))
            case "human":
                _ask_question(scene, run, unit, filled, verdict)
            case "event":
                _note_start(scene, run, unit, filled, verdict)
                unit.cursor = scene.tx.event_cursor()
                scene.waits(run, unit, "event", plans.seconds(step["event"], "timeout"))
            case _:
                if not _is_shut(scene, run, unit, filled):
                    _launch(scene, run, place, unit, filled, verdict)
    except DataError as error:
        _never_began(scene, run, place, unit, error.message)
    return True


def again(scene: Scene, run: Active, unit: Unit) -> bool:
    """Begin a unit again whose attempt was cut off by the end of its process: the same attempt, with the same key."""
    if scene.free <= 0:
        return False
    place = where(run, unit.name)
    unit.cuts += 1
    if unit.cuts > MOST_CUTS:
        outcome: Record = {
            "status": "failed", "failure": "unknown", "duration_ms": 0,
            "reason": f"its process ended {MOST_CUTS} times while it was being done",
        }  # fmt: skip
        _finished(scene, run, place, unit, outcome, None)
        return True
    unit.attempt -= 1
    return begin(scene, run, place)


def go_on(scene: Scene, run: Active, unit: Unit, is_due: bool) -> bool:
    """Look whether what a waiting unit waits for has come; False if it still waits, or there is no room for it."""
    place = where(run, unit.name)
    match unit.waits_for:
        case "time":
            if is_due:
                wait_ms = round(float(place.step["wait_s"]) * 1000)
                outcome: Record = {"status": "succeeded", "output": "", "duration_ms": wait_ms}
                _finished(scene, run, place, unit, outcome, None)
            return is_due
        case "event":
            return _event(scene, run, place, unit, is_due)
        case "question" | "approval" | "escalation":
            return _answered(scene, run, place, unit, is_due)
    return is_due and begin(scene, run, place)


def finished(scene: Scene, launch: Launch, outcome: Record) -> None:
    """An attempt has ended."""
    run, unit = launch.run, launch.unit
    run.doing.discard(unit.name)
    if unit.status != "running" or unit.attempt != launch.attempt:
        return  # kept already, by a commit whose answer was lost
    if launch.gate is not None:
        before, who = scene.breaker(launch.gate), f"{run.run_id} {unit.name}"
        after = gates.after(before, who, outcome.get("failure"), scene.at)
        if after != before:
            before = journal.breaker(scene.tx, launch.gate)
            after = gates.after(before, who, outcome.get("failure"), scene.at)
            journal.keep_breaker(scene.tx, launch.gate, after)
            if after.opened_at is not None and before.opened_at != after.opened_at:
                what = f"{launch.gate} failed {after.failures} times in a row: left alone for {after.open_s:g} s"
                scene.log(run, "dependency.opened", "refused", what, unit=unit.name, dependency=launch.gate)
    _finished(scene, run, launch.place, unit, outcome, launch.started_id)


def cut(scene: Scene, launch: Launch) -> None:
    """An attempt was stopped by us: by the end of this process, or because the run is cancelled."""
    run, unit = launch.run, launch.unit
    run.doing.discard(unit.name)
    if run.ending:
        scene.over(run, unit, "cancelled")
        scene.log(run, "step.cancelled", "done", "ended because the run ends", unit=unit.name)


def passed(scene: Scene, run: Active, found: Passed) -> None:
    """A unit ends without being done: skipped, or joined from its parts, or it cannot be done."""
    place = found.place
    unit = fresh(run, place.unit, place.step)
    if found.status == "failed":
        _never_began(scene, run, place, unit, found.why)
        return
    if found.status == "skipped":
        _skip(scene, run, place, unit, found.why)
        return
    if len(journal.dumps(found.output)) > plans.MOST_JOINED:
        why = f"its outputs together are more than {plans.MOST_JOINED} bytes"
        _never_began(scene, run, place, unit, why)
        return
    scene.over(run, unit, "succeeded", found.output)


def where(run: Active, name: str) -> Place:
    """Where a unit stands; for what undoes another, beside it, with its output. Raises DataError if it is unknown."""
    if not name.startswith(UNDO):
        return locate(run, name)
    if name not in run.places:
        of = locate(run, name.removeprefix(UNDO))
        step = plans.undoing(of.step, of.unit)
        if step is None:
            raise DataError(f"nothing undoes {of.unit!r}", code="unknown_step")
        more = {**of.more, "output": run.outputs.get(of.unit)}
        run.places[name] = Place(step, name, of.prefix, more)
    return run.places[name]


def retry_after(retry: Mapping[str, Any], attempt: int) -> float:
    """Seconds to wait after a failed attempt: exponential, with a random part so that many do not come back at once."""
    try:
        wait = min(retry["first_s"] * retry["factor"] ** (attempt - 1), retry["most_s"])
    except OverflowError:
        wait = retry["most_s"]
    return float(round(wait * (1 + retry["jitter_ratio"] * random.uniform(-1, 1)), 3))


# -- before an attempt -------------------------------------------------------------------------------------------------


def _right(scene: Scene, run: Active, unit: Unit, filled: Record) -> Verdict:
    """Whether a step may be done now. A refusal goes into the audit log."""
    verdict = scene.tx.may(run.plan, filled, scene.at)
    if verdict.is_allowed:
        return verdict
    verdict = Verdict(False, f"not allowed: {verdict.why}", verdict.policy_ids)
    scene.log(
        run, "right.refused", "refused", verdict.why, unit=unit.name, agent=filled["role"],
        policy_ids=list(verdict.policy_ids),
    )  # fmt: skip
    return verdict


def _is_approved(scene: Scene, run: Active, unit: Unit, filled: Record) -> bool:
    """Whether a person allowed exactly this step; else it waits for that, or has failed."""
    spec = filled["approval"] if isinstance(filled["approval"], dict) else {}
    group = spec.get("group")
    asked = scene.tx.ask(
        run_id=run.run_id, step=unit.name, sort="approval", question=f"May {filled['role']} do step {unit.name!r}?",
        subject_hash=plans.subject_hash(filled), requested_by=run.plan["requested_by"].removeprefix("user:"),
        at=scene.at, choices=("approve", "deny"), assignee=f"group:{group}" if group else None,
        expires_at=scene.at + plans.expires(plans.seconds(spec, "timeout"), ANSWER_S),
    )  # fmt: skip
    stands = scene.tx.task(asked["id"]) or asked
    if stands.get("answer") == "approve":
        return True
    if stands.get("status", "waiting") != "waiting":
        place = where(run, unit.name)
        by = stands.get("answered_by", "nobody")
        why = f"{by} denied it" if stands["status"] == "answered" else "nobody approved it in time"
        _never_began(scene, run, place, unit, why)
        return False
    scene.told.append(asked)
    _await_answer(scene, run, unit, "approval", asked)
    return False


def _is_shut(scene: Scene, run: Active, unit: Unit, filled: Record) -> bool:
    """Whether the step must wait for its dependency: it fares badly, or enough was asked of it for now."""
    name = plans.dependency(filled)
    if name is None:
        return False
    before = scene.breaker(name)
    if before.opened_at is not None:
        before = journal.breaker(scene.tx, name)
    who = f"{run.run_id} {unit.name}"
    after, wait_s = gates.try_breaker(before, who, scene.at, float(filled.get("timeout_s", 300.0)) + 10)
    if after != before:
        journal.keep_breaker(scene.tx, name, after)
    if wait_s is not None:
        if unit.waits_for != "dependency":
            why = f"{name} has failed {after.failures} times in a row; it is tried again in {wait_s:.0f} s"
            scene.log(run, "step.delayed", "refused", why, unit=unit.name, dependency=name)
        scene.waits(run, unit, "dependency", wait_s)
        return True
    if rate := plans.limit(run.plan, name):
        tokens, wait_s = gates.take(journal.bucket(scene.tx, name), *rate, scene.at)
        journal.keep_bucket(scene.tx, name, tokens)
        if wait_s is not None:
            scene.waits(run, unit, "rate", wait_s)
            return True
    return False


def _launch(scene: Scene, run: Active, place: Place, unit: Unit, filled: Record, verdict: Verdict) -> None:
    started = _note_start(scene, run, unit, filled, verdict)
    unit.rest()
    unit.status = "running"
    journal.keep(scene.tx, run, unit)
    run.doing.add(unit.name)
    scene.free -= 1
    key = idempotency_key(run.run_id, unit.name)
    gate = plans.dependency(filled)
    scene.launches.append(Launch(run, place, unit, place.step, unit.attempt, key, started["id"], gate))


def _note_start(scene: Scene, run: Active, unit: Unit, filled: Record, verdict: Verdict) -> Record:
    """Tell that an attempt begins, and on what right."""
    unit.attempt += 1
    key = idempotency_key(run.run_id, unit.name)
    started = scene.step_record("wf.step_started", run, unit, key, role=filled["role"], action=filled["action"])
    scene.tell(started)
    scene.log(
        run, "step.started", "allowed", verdict.why, unit=unit.name, agent=filled["role"], attempt=unit.attempt,
        policy_ids=list(verdict.policy_ids),
    )  # fmt: skip
    return started


def _never_began(scene: Scene, run: Active, place: Place, unit: Unit, why: str) -> None:
    unit.attempt += 1
    outcome: Record = {"status": "failed", "failure": "permanent", "reason": why, "duration_ms": 0}
    _finished(scene, run, place, unit, outcome, None)


# -- what is waited for ------------------------------------------------------------------------------------------------


def _ask_question(scene: Scene, run: Active, unit: Unit, filled: Record, verdict: Verdict) -> None:
    spec = filled["human"]
    _note_start(scene, run, unit, filled, verdict)
    asked = scene.tx.ask(
        run_id=run.run_id, step=unit.name, sort="question", question=placeholders.as_text(spec["question"]),
        subject_hash=plans.subject_hash(filled), requested_by=run.plan["requested_by"].removeprefix("user:"),
        at=scene.at, choices=tuple(map(str, spec.get("choices", ()))), assignee=spec.get("assignee"),
        expires_at=scene.at + plans.expires(plans.seconds(spec, "timeout"), ANSWER_S),
    )  # fmt: skip
    scene.told.append(asked)
    _await_answer(scene, run, unit, "question", asked)


def _await_answer(scene: Scene, run: Active, unit: Unit, sort: str, asked: Record) -> None:
    from roadmap_cli.core import clock

    wait_s = (clock.parse(asked["expires_at"]) - clock.parse(asked["at"])).total_seconds()
    scene.waits(run, unit, sort, wait_s, asked["id"])


def _answered(scene: Scene, run: Active, place: Place, unit: Unit, is_due: bool) -> bool:
    stands = scene.tx.task(unit.task_id or "") or {"status": "expired"}
    if stands["status"] == "waiting":
        if not is_due:
            return False
        scene.tx.expire(unit.task_id or "", scene.at)
        stands = {**stands, "status": "expired"}
    answer, by = stands.get("answer"), stands.get("answered_by", "nobody")
    match unit.waits_for:
        case "approval":
            if answer != "approve":
                why = f"{by} denied it" if answer else "nobody approved it in time"
                _never_began(scene, run, place, unit, why)
                return True
            return begin(scene, run, place)
        case "question":
            if answer is None:
                outcome: Record = {"status": "failed", "failure": "permanent", "reason": "nobody answered in time"}
            else:
                outcome = {"status": "succeeded", "output": answer, "answered_by": by}
            _finished(scene, run, place, unit, {**outcome, "duration_ms": 0}, None)
            return True
    scene.log(run, "step.escalated", "done", f"{by} said: {answer or 'nothing in time'}", unit=unit.name)
    if answer == "retry":
        unit.most = unit.attempt + plans.attempts(place.step)
        unit.cuts = 0
        if begin(scene, run, place):
            return True
        scene.waits(run, unit, "retry", 0.0)
        return True
    if answer == "skip":
        _skip(scene, run, place, unit, f"{by} let it be skipped")
    elif unit.name.startswith(UNDO):
        _skip(scene, run, place, unit, "nobody said in time how to undo it")
    else:
        why = f"{by} stopped the run" if answer else "nobody said in time what to do about the failure"
        _stop(scene, run, unit, {"failure": "unknown", "reason": why})
    return True


def _event(scene: Scene, run: Active, place: Place, unit: Unit, is_due: bool) -> bool:
    spec = values.filled(place.step, run.lookup(place))["event"]
    last = unit.cursor or 0
    for position, event in scene.tx.events(last):
        last = position
        if matches(spec, event, run, place):
            outcome: Record = {"status": "succeeded", "output": event, "event_id": event["id"], "duration_ms": 0}
            _finished(scene, run, place, unit, outcome, None)
            return True
    if is_due:
        outcome = {"status": "failed", "failure": "permanent", "reason": "no such event came in time", "duration_ms": 0}
        _finished(scene, run, place, unit, outcome, None)
        return True
    if last != unit.cursor:
        unit.cursor = last
        journal.keep(scene.tx, run, unit)
    return False


def matches(spec: Record, event: Record, run: Active, place: Place) -> bool:
    """Whether an event is the one a step waits for."""
    if any(name in spec and spec[name] != event.get(name) for name in ("type", "source")):
        return False
    # Values were put in already: a condition sees nothing but the event.
    return values.hold(spec.get("where", ()), values.in_record(event))


# -- after an attempt --------------------------------------------------------------------------------------------------


def _finished(scene: Scene, run: Active, place: Place, unit: Unit, outcome: Record, started_id: str | None) -> None:
    """Keep how an attempt ended, and decide what follows."""
    step = place.step
    failure = outcome.get("failure")
    retries = failure is not None and failure != "permanent" and unit.attempt < unit.most and not (
        run.ending and not unit.name.startswith(UNDO)
    )  # fmt: skip
    if retries:
        wait_s = retry_after({**plans.RETRY, **step.get("retry", {})}, unit.attempt)
        outcome["retry_after_s"] = round(min(max(wait_s, outcome.get("retry_after_s", 0.0)), 86400.0), 3)
    key = idempotency_key(run.run_id, unit.name)
    more = {"started_id": started_id} if started_id else {}
    if unit.name.startswith(UNDO):
        more["compensates"] = unit.name.removeprefix(UNDO)
    told = scene.step_record("wf.step_finished", run, unit, key, **more, **outcome)
    scene.tell(told)
    journal.keep_outcome(scene.tx, run, unit, outcome)
    action = "step.compensated" if unit.name.startswith(UNDO) else "step.retried" if retries else "step.finished"
    scene.log(
        run, action, "done" if failure is None else "failed",
        f"failed: {failure}" if failure else "done", unit=unit.name, agent=step["role"],
        attempt=unit.attempt, failure=failure, output_hash=_output_hash(outcome),
    )  # fmt: skip
    if failure is None:
        scene.over(run, unit, "succeeded", outcome["output"])
    elif retries:
        scene.waits(run, unit, "retry", outcome["retry_after_s"])
    else:
        _given_up(scene, run, place, unit, outcome, told["id"])


def _given_up(scene: Scene, run: Active, place: Place, unit: Unit, outcome: Record, evidence: str) -> None:
    """A unit has failed for good: stop, go on without it, or ask a person."""
    is_undo = unit.name.startswith(UNDO)
    is_deadly = unit.cuts > MOST_CUTS
    chosen = "escalate" if is_undo or is_deadly else plans.on_failure(place.step, outcome["failure"], run.confidence)
    if run.ending and not is_undo:
        chosen = "stop"
    if chosen == "continue":
        scene.over(run, unit, "failed")
        return
    if chosen == "stop":
        _stop(scene, run, unit, outcome)
        return
    choices = ("retry", "skip") if is_undo else ("retry", "skip", "stop")
    what = f"undoing {unit.name.removeprefix(UNDO)!r}" if is_undo else f"step {unit.name!r}"
    subject: Record = {"run_id": run.run_id, "unit": unit.name, "attempt": unit.attempt}
    asked = scene.tx.ask(
        run_id=run.run_id, step=unit.name, sort="escalation",
        question=f"{what} of {run.plan['workflow']!r} {_FAILED[outcome['failure']]}: {outcome['reason'][:300]}",
        subject_hash=hashlib.sha256(canonical(subject)).hexdigest(),
        requested_by=run.plan["requested_by"].removeprefix("user:"), at=scene.at, choices=choices,
        expires_at=scene.at + timedelta(seconds=ANSWER_S),
    )  # fmt: skip
    scene.tx.decide(
        kind="wf.escalated", what=f"asked a person about {what}",
        why=f"it {_FAILED[outcome['failure']]}, and the plan leaves that to a person or nobody knows what was done",
        evidence=[evidence, asked["id"]], command=scene.command, at=scene.at,
        authorised_by="policy:on-failure", run_id=run.run_id,
    )  # fmt: skip
    scene.told.append(asked)
    _await_answer(scene, run, unit, "escalation", asked)


def _stop(scene: Scene, run: Active, unit: Unit, outcome: Record) -> None:
    """The run fails: nothing new begins, what was done is undone."""
    scene.over(run, unit, "failed")
    if run.ending is None:
        run.ending = {
            "status": "failed", "step": unit.name, "failure": outcome["failure"], "reason": outcome["reason"],
        }  # fmt: skip
        run.status = "compensating"
        scene.tx.stand(run, run.status)


def _skip(scene: Scene, run: Active, place: Place, unit: Unit, why: str) -> None:
    scene.over(run, unit, "skipped")
    key = idempotency_key(run.run_id, unit.name)
    record = scene.step_record("wf.step_finished", run, unit, key, status="skipped", reason=why, duration_ms=0)
    scene.tell(record)
    scene.log(run, "step.skipped", "done", why, unit=unit.name, agent=place.step["role"])


def _output_hash(outcome: Record) -> str | None:
    if "output" not in outcome:
        return None
    return hashlib.sha256(journal.dumps(outcome["output"]).encode()).hexdigest()
