"""Runs of plans: the graph, retries, waits, conditions, loops, undoing, questions, gates, wishes, forks."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from tests.unit.wf.plans import NOW, Doing, Time, all_done, approved, claim, engine, event_row, step

from roadmap_cli.core.errors import DataError, Negative
from roadmap_cli.core.records import Record
from roadmap_cli.state import records
from roadmap_cli.state.store import State
from roadmap_cli.wf.approving import approvals, tasks
from roadmap_cli.wf.rights import giving
from roadmap_cli.wf.running import life, plans, runs

pytestmark = pytest.mark.usefixtures("state")


@pytest.fixture
def doing() -> Doing:
    return Doing()


def last(told: list[Record]) -> Record:
    return told[-1]


def ends(told: list[Record]) -> list[str]:
    return [each["step"] for each in told if each["kind"] == "wf.step_finished"]


def audit(state: State) -> list[tuple[str, str]]:
    import orjson

    with state.read() as tx:
        rows = tx.execute("SELECT body FROM wf_audit ORDER BY seq").fetchall()
    return [(data["action"], data["outcome"]) for (body,) in rows if (data := orjson.loads(body)["data"])]


def answer(state: State, text: str, by: str = "bob") -> Record:
    with state.write() as tx:
        waiting = list(tasks.waiting(tx))
        assert len(waiting) == 1
        return tasks.answer(tx, waiting[0]["id"], text, by=by, at=NOW)


def test_what_needs_nothing_is_done_together_and_the_rest_in_order(state: State, doing: Doing) -> None:
    steps = [step(f"s{n}", "sleep", "0.05") for n in range(6)]
    plan = approved(state, *steps, step("end", needs=tuple(each["name"] for each in steps)))
    told = all_done(state, doing, plan, jobs=3)
    assert last(told)["status"] == "succeeded"
    assert doing.most == 3
    assert doing.names[-1] == "end"
    assert [kind for kind, _ in audit(state) if kind.startswith("run.")] == ["run.started", "run.finished"]
    assert audit(state).count(("step.started", "allowed")) == audit(state).count(("step.finished", "done")) == 7


def test_a_plan_runs_once(state: State, doing: Doing) -> None:
    plan = approved(state, step("a"))
    all_done(state, doing, plan)
    assert all_done(state, doing, plan) == []
    assert doing.names == ["a"]


def test_values_go_from_step_to_step_and_nulls_are_empty(state: State, doing: Doing) -> None:
    never = [{"field": "inputs.name", "equals": "no"}]
    plan = approved(
        state, step("a", "value", "x"), step("b", "ok", when=never),
        step("c", "ok", "${steps.a.output}/${steps.b.output}/${steps.b.status}", needs=("a", "b")),
    )  # fmt: skip
    told = all_done(state, doing, plan)
    assert doing.commands[-1] == ["ok", "x//skipped"]
    assert last(told)["status"] == "succeeded"
    assert [each["status"] for each in told if each.get("step") == "b"] == ["skipped"]


@pytest.mark.parametrize(
    ("clause", "is_done"),
    [
        ({"field": "steps.a.output", "equals": 7}, True), ({"field": "steps.a.output", "equals": "7"}, False),
        ({"field": "steps.a.output", "more": 6}, True), ({"field": "steps.a.output", "less": 7}, False),
        ({"field": "steps.a.output", "matches": "[0-9]"}, True), ({"field": "steps.a.output", "one_of": [1, 7]}, True),
        ({"field": "steps.a.output.x", "exists": False}, True), ({"field": "event.type", "equals": "t"}, True),
        ({"field": "steps.a.output", "equals": True}, False), ({"field": "no.such", "exists": True}, False),
    ],
)  # fmt: skip
def test_conditions(state: State, doing: Doing, clause: Record, is_done: bool) -> None:
    plan = approved(state, step("a", "value", "${index}", each=[1]), step("b", when=[clause], needs=("a",)))
    plan = approved(state, step("a", action="command", command=["value", 7]), step("b", when=[clause], needs=("a",)))
    told = all_done(state, doing, plan)
    assert last(told)["status"] == "succeeded"
    assert ("b" in doing.names) is is_done


def test_a_loop_does_each_item_a_few_at_a_time_and_joins(state: State, doing: Doing) -> None:
    plan = approved(
        state, step("list", command=["value", ["x", {"n": 2}, 3]]),
        step("each", "ok", "${index}:${item}", each="${steps.list.output}", parallel=2, needs=("list",)),
        step("nothing", each=[]),
        step("join", "ok", "${steps.each.output}${steps.nothing.output}", needs=("each", "nothing")),
    )  # fmt: skip
    told = all_done(state, doing, plan)
    assert last(told)["status"] == "succeeded"
    assert sorted(name for name in doing.names if "[" in name) == ["each[0]", "each[1]", "each[2]"]
    assert doing.commands[-1] == ["ok", '["0:x","1:{\\"n\\":2}","2:3"][]']
    assert doing.most <= 2


@pytest.mark.parametrize("each", ["text", list(range(1001))])
def test_a_loop_over_what_is_no_list_or_too_long_fails(state: State, doing: Doing, each: Any) -> None:
    told = all_done(state, doing, approved(state, step("each", each=each)))
    assert (last(told)["status"], last(told)["failure"]) == ("failed", "permanent")
    assert doing.names == []


def test_a_sub_workflow_has_names_and_inputs_of_its_own(state: State, doing: Doing) -> None:
    inner = [step("a", "value", "${inputs.n}"), step("b", "ok", "${steps.a.output}!", needs=("a",))]
    sub = step(
        "sub", action="workflow", workflow={"template": "t", "inputs": {"n": "${steps.a.output}"}, "steps": inner}
    )
    del sub["command"]
    sub["needs"] = ["a"]
    plan = approved(state, step("a", "value", "outer"), sub, step("z", "ok", "${steps.sub.output.b}", needs=("sub",)))
    told = all_done(state, doing, plan)
    assert last(told)["status"] == "succeeded"
    assert doing.names == ["a", "sub/a", "sub/b", "z"]
    assert doing.commands[-1] == ["ok", "outer!"]


def test_passing_failures_are_tried_again_and_others_not(state: State, doing: Doing) -> None:
    retry = {"first_s": 0.01, "factor": 1.0, "most_s": 0.01, "jitter_ratio": 0.0}
    plan = approved(state, step("a", "until", "3", attempts=3, retry=retry))
    told = all_done(state, doing, plan)
    assert last(told)["status"] == "succeeded"
    assert doing.names == ["a"] * 3
    assert len({key for _, key in doing.begun}) == 1
    assert [kind for kind, _ in audit(state) if kind == "step.retried"] == ["step.retried"] * 2
    told = all_done(state, doing, approved(state, step("b", "permanent", attempts=3, retry=retry)))
    assert last(told)["status"] == "failed"
    assert doing.names.count("b") == 1


def test_a_failed_run_undoes_what_was_done_backwards(state: State, doing: Doing) -> None:
    undo = {"command": ["ok", "undo ${output}"]}
    plan = approved(
        state, step("a", "ok", "1", compensate=undo), step("b", "ok", "2", needs=("a",), compensate=undo),
        step("c", "ok", needs=("b",)), step("d", "permanent", needs=("c",), compensate=undo), step("e", needs=("d",)),
    )  # fmt: skip
    told = all_done(state, doing, plan)
    assert doing.names == ["a", "b", "c", "d", "compensate:b", "compensate:a"]
    assert doing.commands[-2:] == [["ok", "undo 2"], ["ok", "undo 1"]]
    end = last(told)
    assert (end["status"], end["failed_step"], end["compensated"]) == ("failed", "d", ["b", "a"])
    assert audit(state).count(("step.compensated", "done")) == 2


def test_undoing_goes_on_where_it_was_killed(state: State, doing: Doing) -> None:
    undo = {"command": ["sleep", "30"]}
    plan = approved(state, step("a", compensate=undo), step("b", "permanent", needs=("a",)))
    with engine(state, doing) as made:
        made.claim([claim(plan)])
        while "compensate:a" not in doing.names:
            made.turn()
            made.rest()
    with state.read() as tx:
        assert tx.execute("SELECT status FROM wf_run").fetchone() == ("compensating",)
    doing.did = lambda *_: {"status": "succeeded", "output": ""}  # type: ignore[method-assign]
    told = all_done(state, doing)
    assert last(told)["compensated"] == ["a"]
    assert doing.names == ["a", "b", "compensate:a", "compensate:a"]


def test_what_cannot_be_undone_is_a_persons_matter(state: State, doing: Doing) -> None:
    undo = {"command": ["permanent"]}
    plan = approved(state, step("a", compensate=undo), step("b", "permanent", needs=("a",)))
    told = all_done(state, doing, plan)
    assert last(told)["kind"] == "wf.run_waiting"
    assert all_done(state, doing) == []
    answer(state, "skip")
    told = all_done(state, doing)
    assert (last(told)["status"], last(told)["not_compensated"]) == ("failed", ["a"])


@pytest.mark.parametrize(("word", "status"), [("skip", "succeeded"), ("stop", "failed"), ("retry", "succeeded")])
def test_a_person_says_what_follows_from_a_failure(state: State, doing: Doing, word: str, status: str) -> None:
    plan = approved(state, step("a", "until", "2", on_failure="escalate"), step("b", "ok", needs=("a",)))
    told = all_done(state, doing, plan)
    task = next(each for each in told if each["kind"] == "wf.task")
    assert (task["sort"], task["choices"]) == ("escalation", ["retry", "skip", "stop"])
    assert task["question"].startswith("step 'a' of ")
    assert " failed in every attempt: " in task["question"]
    assert last(told)["task_ids"] == [task["id"]]
    answer(state, word)
    told = all_done(state, doing)
    assert last(told)["status"] == status
    assert doing.names == {"skip": ["a", "b"], "stop": ["a"], "retry": ["a", "a", "b"]}[word]


def test_an_unknown_end_of_what_reaches_outside_goes_to_a_person(state: State, doing: Doing) -> None:
    assert plans.on_failure(step("a", effects=["network"]), "unknown", 1.0) == "escalate"
    assert plans.on_failure(step("a", effects=["network"]), "permanent", 1.0) == "stop"
    assert plans.on_failure(step("a", effects=["write"]), "unknown", 1.0) == "stop"
    told = all_done(state, doing, approved(state, step("b", "unknown")))
    assert last(told)["status"] == "failed"
    assert plans.on_failure(step("a"), "unknown", 0.2) == "escalate"


def test_a_failure_may_be_gone_on_from(state: State, doing: Doing) -> None:
    plan = approved(
        state, step("a", "permanent", on_failure="continue"), step("b", "ok", "<${steps.a.output}>", needs=("a",))
    )
    told = all_done(state, doing, plan)
    assert last(told)["status"] == "succeeded"
    assert doing.commands[-1] == ["ok", "<>"]


def test_a_step_waits_for_leave_bound_to_its_values(state: State, doing: Doing) -> None:
    allowed = {"group": "ops", "timeout": "4h"}
    plan = approved(
        state, step("v", "value", "x"), step("a", "ok", "${steps.v.output}", approval=allowed, needs=("v",))
    )
    told = all_done(state, doing, plan)
    task = next(each for each in told if each["kind"] == "wf.task")
    assert (task["sort"], task["assignee"], task["expires_at"]) == ("approval", "group:ops", "2026-11-23T13:00:00.000Z")
    assert doing.names == ["v"]
    answer(state, "approve")
    assert last(all_done(state, doing))["status"] == "succeeded"
    assert doing.names == ["v", "a"]


def test_leave_denied_or_never_given_fails_the_step(state: State, doing: Doing) -> None:
    all_done(state, doing, approved(state, step("a", approval=True)))
    answer(state, "deny")
    told = all_done(state, doing)
    assert "denied it" in last(told)["reason"]
    now = Time()
    all_done(state, doing, approved(state, step("b", approval={"timeout": "1h"})), now=now)
    now.on(hours=2)
    told = all_done(state, doing, now=now)
    assert "nobody approved it in time" in last(told)["reason"]
    assert doing.names == []


def test_an_answer_is_an_output(state: State, doing: Doing) -> None:
    ask = step("ask", action="human", human={"question": "Which?", "choices": ["x", "y"]})
    plan = approved(state, ask, step("a", "ok", "${steps.ask.output}", needs=("ask",)))
    assert last(all_done(state, doing, plan))["waits_for"] == ["question"]
    answer(state, "y")
    assert last(all_done(state, doing))["status"] == "succeeded"
    assert doing.commands == [["ok", "y"]]


def put_event(state: State, n: int, **data: Any) -> None:
    event = {"kind": "wf.event", "id": f"wf_e{n}", "at": "2026-11-23T09:00:00.000Z", "type": "done", "data": data}
    with state.write() as tx:
        records.put(tx, event)
        event_row(tx, event)


def test_a_step_waits_for_an_event_that_came_after_it_began(state: State, doing: Doing) -> None:
    put_event(state, 1, job="x")
    spec = {"type": "done", "where": [{"field": "data.job", "equals": "${steps.v.output}"}], "timeout": "1h"}
    plan = approved(
        state, step("v", "value", "x"), step("e", action="event", event=spec, needs=("v",)),
        step("a", "ok", "${steps.e.output.data.size}", needs=("e",)),
    )  # fmt: skip
    assert last(all_done(state, doing, plan))["waits_for"] == ["event"]
    put_event(state, 2, job="other")
    assert all_done(state, doing) == []
    put_event(state, 3, job="x", size=5)
    assert last(all_done(state, doing))["status"] == "succeeded"
    assert doing.commands[-1] == ["ok", 5]


def test_a_long_wait_holds_no_process_and_ends_whatever_the_clock_does(state: State, doing: Doing) -> None:
    now = Time()
    plan = approved(state, step("w", action="wait", wait_s=3600.0), step("a", needs=("w",)))
    told = all_done(state, doing, plan, now=now)
    assert (last(told)["kind"], last(told)["wake_at"]) == ("wf.run_waiting", "2026-11-23T10:00:00.000Z")
    assert [each.name for each in Path(state.path).parent.glob("*.lock")] == ["state.db.lock"]
    now.on(minutes=59)
    assert all_done(state, doing, now=now) == []
    now.on(hours=-30)  # set back: the wait must not last 31 hours
    told = all_done(state, doing, now=now)
    assert (last(told)["kind"], last(told)["wake_at"]) == ("wf.run_waiting", "2026-11-22T04:59:00.000Z")
    now.on(minutes=61)
    assert last(all_done(state, doing, now=now))["status"] == "succeeded"
    assert doing.names == ["a"]


def test_a_question_is_not_over_when_a_clock_that_was_set_back_is_put_right(state: State, doing: Doing) -> None:
    now = Time()
    told = all_done(state, doing, approved(state, step("ask", action="human", human={"question": "Which?"})), now=now)
    assert last(told)["kind"] == "wf.run_waiting"
    now.on(hours=-2000)
    all_done(state, doing, now=now)
    now.on(hours=2000)
    assert not [each for each in all_done(state, doing, now=now) if each["kind"] == "wf.step_finished"]


def test_a_short_wait_is_sat_out_by_a_clock_that_stands_still(state: State, doing: Doing) -> None:
    plan = approved(state, step("w", action="wait", wait_s=0.05), step("a", needs=("w",)))
    assert last(all_done(state, doing, plan))["status"] == "succeeded"


def test_a_dependency_that_fails_is_left_alone_and_tried_by_one(state: State, doing: Doing) -> None:
    now = Time()
    plans = [approved(state, step("a", "transient", dependency="crm"), name=f"n{n}") for n in range(5)]
    all_done(state, doing, *plans, now=now)
    assert len(doing.names) == 5
    more = [approved(state, step("a", "sleep", "0.05", dependency="crm"), name=f"m{n}") for n in range(3)]
    told = all_done(state, doing, *more, now=now, hold_s=0)
    assert [each["waits_for"] for each in told if each["kind"] == "wf.run_waiting"] == [["dependency"]] * 3
    assert len(doing.names) == 5
    assert ("dependency.opened", "refused") in audit(state)
    now.on(seconds=31)
    with engine(state, doing, now) as made:
        with state.read() as tx:
            made.claim(runs.unfinished(tx, now()))
        made.turn()
        assert len(made._flying) == 1  # the probe
        told = list(made.work())
    assert [each["status"] for each in told if each["kind"] == "wf.run_finished"] == ["succeeded"] * 3


def test_so_many_acts_per_time(state: State, doing: Doing) -> None:
    limits = {"crm": {"rate": 2, "per": "0.4s"}}
    plans = [approved(state, step("a", dependency="crm"), name=f"n{n}", limits=limits) for n in range(4)]
    began = time.monotonic()
    now = lambda: NOW.fromtimestamp(NOW.timestamp() + time.monotonic() - began, NOW.tzinfo)  # noqa: E731
    told = all_done(state, doing, *plans, now=now)
    assert sum(each["kind"] == "wf.run_finished" for each in told) == 4
    assert time.monotonic() - began >= 0.39


def test_urgent_runs_go_first_and_a_workflow_has_so_many_at_a_time(state: State, doing: Doing) -> None:
    plans = [approved(state, step("a", "ok", str(n)), name=f"n{n}", priority=n) for n in (1, 9, 5)]
    all_done(state, doing, *plans, jobs=1)
    assert [words[1] for words in doing.commands] == ["9", "5", "1"]
    many = [approved(state, step("b", "sleep", "0.03"), name=f"m{n}", concurrency=2) for n in range(5)]
    doing.most = 0
    told = all_done(state, doing, *many)
    assert sum(each["kind"] == "wf.run_finished" for each in told) == 5
    assert doing.most == 2


def test_a_step_that_may_not_is_refused_and_told(state: State, doing: Doing) -> None:
    told = all_done(state, doing, approved(state, step("a", role="analysis", effects=["write"])))
    assert (last(told)["status"], last(told)["failure"]) == ("failed", "permanent")
    assert "may not write" in last(told)["reason"]
    assert ("right.refused", "refused") in audit(state)
    assert doing.names == []


def test_cancelled_it_stops_what_is_being_done_and_undoes_the_rest(state: State, doing: Doing) -> None:
    plan = approved(
        state,
        step("a", compensate={"command": ["ok"]}),
        step("b", "sleep", "30", needs=("a",)),
        step("c", needs=("b",)),
    )
    run_id = runs.identity(plan)

    def cancelled() -> None:
        while "b" not in doing.names:
            time.sleep(0.01)
        with state.sibling() as other:
            runs.wish(other, run_id, "cancel", by="bob", at=NOW)

    thread = threading.Thread(target=cancelled)
    thread.start()
    told = all_done(state, doing, plan)
    thread.join()
    assert (last(told)["status"], last(told)["reason"]) == ("cancelled", "user:bob cancelled it")
    assert doing.names == ["a", "b", "compensate:a"]
    with pytest.raises(Negative, match="is over"):
        runs.wish(state, run_id, "pause", by="bob", at=NOW)


def test_who_has_no_right_to_its_plan_stops_no_run(state: State, doing: Doing) -> None:
    plan = approved(state, step("w", action="wait", wait_s=9e6))
    all_done(state, doing, plan)
    run_id = runs.identity(plan)
    with state.write() as tx:
        giving.role(tx, giving.Giver("olga", "because", True, "test", NOW), "rita", "reader")
    for wanted in ("cancel", "pause", "unpause"):
        with pytest.raises(Negative, match="no right to deny"):
            runs.wish(state, run_id, wanted, by="rita", at=NOW)
    assert audit(state).count(("run.refused", "refused")) == 3
    assert all_done(state, doing) == []
    runs.wish(state, run_id, "cancel", by="olga", at=NOW)
    assert last(all_done(state, doing))["status"] == "cancelled"


def test_a_parked_run_is_cancelled_or_paused(state: State, doing: Doing) -> None:
    plan = approved(
        state, step("a", compensate={"command": ["ok"]}), step("w", action="wait", wait_s=9e6, needs=("a",))
    )
    all_done(state, doing, plan)
    run_id = runs.identity(plan)
    runs.wish(state, run_id, "pause", by="bob", at=NOW)
    assert last(all_done(state, doing))["kind"] == "wf.run_paused"
    assert all_done(state, doing) == []
    runs.wish(state, run_id, "unpause", by="bob", at=NOW)
    assert last(all_done(state, doing))["kind"] == "wf.run_waiting"
    runs.wish(state, run_id, "cancel", by="bob", at=NOW)
    assert last(all_done(state, doing))["status"] == "cancelled"
    assert doing.names == ["a", "compensate:a"]
    with pytest.raises(DataError, match="not in this state"):
        runs.wish(state, "wf_none", "cancel", by="bob", at=NOW)


def test_a_fork_reuses_what_came_before_and_needs_leave_of_its_own(state: State, doing: Doing) -> None:
    undo = {"command": ["ok", "undo"]}
    plan = approved(
        state, step("a", "ok", "1", compensate=undo), step("b", "until", "2", needs=("a",)), step("c", needs=("b",)),
        step("x", "ok", "9"),
    )  # fmt: skip
    all_done(state, doing, plan)
    doing.begun.clear()
    forked = runs.fork(state, runs.identity(plan), "b", by="carol", command="test", at=NOW)
    assert forked["requested_by"] == "carol"
    assert set(forked["fork"]["reused"]) == {"a", "x"}
    with state.write() as tx:
        assert approvals.standing(tx, forked, NOW)[0] == "waiting"
        approvals.consider(tx, forked, is_strict=False, command="test", at=NOW)
    told = all_done(state, doing, forked["id"])
    assert doing.names == ["b"]  # fails again, and what another run did is not undone
    assert last(told)["status"] == "failed"
    with pytest.raises(DataError, match="it has a, b, c, x"):
        runs.fork(state, runs.identity(plan), "nope", by="carol", command="test", at=NOW)


def test_a_step_that_keeps_ending_its_process_is_not_begun_for_ever(
    state: State, doing: Doing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(life, "MOST_CUTS", 2)
    plan = approved(state, step("a", "sleep", "30"))
    for number in range(3):
        with engine(state, doing) as made:
            made.claim([claim(plan)])
            while len(doing.names) <= number:
                made.turn()
                made.rest()
    told = all_done(state, doing)
    assert last(told)["waits_for"] == ["escalation"]
    assert "its process ended 2 times" in next(each["reason"] for each in told if each["kind"] == "wf.step_finished")
    assert len(doing.names) == 3
    answer(state, "skip")
    assert last(all_done(state, doing))["status"] == "succeeded"


def test_what_ended_while_it_was_being_stopped_is_kept(state: State, doing: Doing) -> None:
    plan = approved(state, step("a", "value", "x"), step("b", needs=("a",)))
    with engine(state, doing) as made:
        made.claim([claim(plan)])
        made.turn()
        time.sleep(0.05)
    told = all_done(state, doing)
    assert last(told)["status"] == "succeeded"
    assert doing.names == ["a", "b"]


def test_a_signal_as_a_rest_ends_does_not_make_it_last_for_ever(state: State, doing: Doing) -> None:
    """A worker that rested so heard nothing more; queue.SimpleQueue waits for a time below zero: without an end."""
    over, main = threading.Event(), threading.get_ident()

    def signals() -> None:
        while not over.wait(0.001):
            signal.pthread_kill(main, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, lambda *_: time.sleep(0.0005))
    sender = threading.Thread(target=signals)
    try:
        with engine(state, doing) as made:
            sender.start()
            began = time.monotonic()
            for _ in range(200):
                made.rest(0.003)
            assert time.monotonic() - began < 20
    finally:
        over.set()
        sender.join()
        signal.signal(signal.SIGUSR1, before)


def test_a_plan_that_was_changed_keeps_no_other_from_running(state: State, doing: Doing) -> None:
    bad, good = approved(state, step("a"), name="bad"), approved(state, step("b"), name="good")
    with state.write() as tx:
        tx.execute("UPDATE record SET body = replace(body, '\"ok\"', '\"rm\"') WHERE id = ?", (bad,))
    warned: list[str] = []
    with state.read() as tx:
        claims = runs.ready(tx, NOW, warned.append)
    assert [each.plan_id for each in claims] == [good]
    assert "not what its hash says" in warned[0]
    with engine(state, doing) as made:
        made.claim([claim(bad), claim(good)])
        told = list(made.work())
        assert [str(each) for each in made.problems] == [f"plan {bad!r} is not what its hash says"]
    assert last(told)["status"] == "succeeded"
    assert doing.names == ["b"]


def test_a_denial_stops_a_run_at_its_next_step(state: State, doing: Doing) -> None:
    plan = approved(state, step("a", "sleep", "0.1"), step("b", needs=("a",)))
    with engine(state, doing) as made:
        made.claim([claim(plan)])
        made.turn()
        with state.write() as tx:
            approvals.decide_on(
                tx,
                plan,
                approver="bob",
                is_approved=False,
                why="no",
                valid_s=1,
                expected_hash=None,
                command="t",
                at=NOW,
            )
        told = list(made.work())
    assert "denied the plan" in last(told)["reason"]
    assert doing.names == ["a"]


def test_a_run_that_takes_too_long_fails_and_is_undone(state: State, doing: Doing) -> None:
    undo = {"command": ["ok"]}
    plan = approved(state, step("a", compensate=undo), step("b", "sleep", "30", needs=("a",)), timeout_s=0.2)
    told = all_done(state, doing, plan)
    assert (last(told)["status"], last(told)["reason"]) == ("failed", "not done after 0.2 s")
    assert doing.names == ["a", "b", "compensate:a"]
    now = Time()
    wait = approved(state, step("w", action="wait", wait_s=7200.0), timeout_s=3600, name="long")
    assert last(all_done(state, doing, wait, now=now))["wake_at"].startswith("2026-11-23T09:59:59")
    now.on(hours=1, seconds=1)
    assert last(all_done(state, doing, now=now))["reason"] == "not done after 3600 s"
