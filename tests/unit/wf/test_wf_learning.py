"""Learning from runs: what is proposed and what is not, replays, edits that touch one field, and taking back."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadmap_cli.core.errors import DataError, Negative
from roadmap_cli.state import records
from roadmap_cli.state.store import Connection, State
from roadmap_cli.wf import library
from roadmap_cli.wf.language.loading import load, load_all
from roadmap_cli.wf.language.templates import Template
from roadmap_cli.wf.learning import editing, evaluating, history, judging, proposals, replaying, similar
from roadmap_cli.wf.learning.history import Attempt, Past
from roadmap_cli.wf.learning.judging import Change

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
TEMPLATE = """# what a person wrote
workflow: nightly
version: 3
steps:
  - name: fetch   # slow on Mondays
    role: data
    command: [echo, a]
    effects: [read]
    timeout: 30s  # since March
  - name: store
    role: data
    needs: [fetch]
    command: [echo, b]
    effects: [read]
    retry: {attempts: 3, first: 1s}
"""


def past(
    outcomes: list[list[tuple[int, str]]], *, timeout: float = 30, attempts: int = 1, name: str = "fetch"
) -> list[Past]:
    """Runs of one step: for each a list of (milliseconds, how it ended: ok, over, or a failure class)."""
    step = {"name": name, "timeout_s": timeout, "attempts": attempts, "action": "command", "command": ["x"]}
    runs = []
    for number, tries in enumerate(outcomes):
        found = tuple(
            Attempt(at, took, "succeeded") if how == "ok"
            else Attempt(at, took, "failed", "transient", f"not done after {timeout:g} s") if how == "over"
            else Attempt(at, took, "failed", how, "ended with exit code 1")
            for at, (took, how) in enumerate(tries, 1)
        )  # fmt: skip
        runs.append(Past(f"r{number}", found[-1].status, {name: step}, {name: found}))
    return runs


def proposed(runs: list[Past]) -> list[tuple[str, float, float]]:
    return [(each.field, each.old, each.new) for each in judging.changes(runs)]


def test_a_time_that_ends_what_was_about_to_succeed_is_raised():
    runs = past([[(25_000, "ok")]] * 10 + [[(30_000, "over")]] * 4)
    assert proposed(runs) == [("timeout", 30, 60)]
    played = replaying.replay(runs, judging.changes(runs)[0])
    assert (played.runs_count, played.same_count, played.worse_count, played.unknown_count) == (14, 10, 0, 4)


def test_a_time_that_only_prolongs_hanging_is_lowered():
    runs = past([[(700, "ok")]] * 30 + [[(30_000, "over")]] * 5)
    assert proposed(runs) == [("timeout", 30, 3)]
    assert replaying.replay(runs, judging.changes(runs)[0]).saved_s == 135.0


def test_another_attempt_is_given_where_failures_pass_and_taken_where_none_helps():
    assert proposed(past([[(10, "ok")], [(10, "unknown")]] * 10)) == [("attempts", 1, 3)]
    flaky = [[(10, "unknown"), (10, "ok")]] * 10 + [[(10, "unknown"), (10, "unknown")]] * 4
    assert proposed(past(flaky, attempts=2)) == [("attempts", 2, 4)]
    hopeless = [[(10, "unknown")] * 3] * 6 + [[(10, "ok")]] * 20
    runs = past(hopeless, attempts=3)
    assert proposed(runs) == [("attempts", 3, 1)]
    played = replaying.replay(runs, judging.changes(runs)[0])
    assert (played.worse_count, played.saved_s) == (0, 0.1)


@pytest.mark.parametrize(
    "outcomes",
    [
        [[(10, "ok")]] * 50,
        [[(10, "ok")]] * 50 + [[(30_000, "over")]] * 2,  # too few to say anything
        [[(10, "permanent")]] * 20 + [[(10, "ok")]] * 20,  # another attempt would be as bad
        [[(10, "unknown")]] * 20,  # they do not pass by themselves
        [],
    ],
)
def test_nothing_is_proposed_without_cause(outcomes: list[list[tuple[int, str]]]):
    assert proposed(past(outcomes)) == []


def test_what_happened_under_another_number_of_attempts_does_not_count():
    old, new = past([[(10, "unknown"), (10, "ok")]] * 20, attempts=2), past([[(10, "ok")]] * 3, attempts=3)
    assert proposed([*old, *new]) == []


def test_a_replay_never_takes_what_it_cannot_know_for_a_success():
    change = Change("fetch", "attempts", 3, 1, "", (), 1, 0, 0, 0)
    runs = past([[(10, "unknown"), (10, "ok")]], attempts=3)
    assert replaying.replay(runs, change).worse_count == 1
    shorter = Change("fetch", "timeout", 30, 5, "", (), 1, 0, 0, 0)
    assert replaying.replay(past([[(6000, "ok")]]), shorter).worse_count == 1


@given(st.integers(0, 300), st.integers(0, 300))
def test_the_interval_of_a_share_holds_it(hits: int, more: int):
    low, high = judging.wilson(hits, hits + more)
    share = hits / (hits + more) if hits + more else 0.5
    assert 0 <= low <= share <= high <= 1


def test_the_interval_is_wilsons():
    """Newcombe 1998, Statistics in Medicine 17, table I: 81 of 263 and 15 of 148."""
    assert [round(each, 4) for each in judging.wilson(81, 263)] == [0.2553, 0.3662]
    assert [round(each, 4) for each in judging.wilson(15, 148)] == [0.0624, 0.1605]


@pytest.fixture
def nightly(tmp_path: Path) -> Callable[[], Template]:
    (tmp_path / "own").mkdir(exist_ok=True)
    (tmp_path / "own" / "nightly.yaml").write_text(TEMPLATE)
    return lambda: load(tmp_path / "own" / "nightly.yaml")


def change(step: str, field: str, old: float, new: float) -> Change:
    return Change(step, field, old, new, "because", (), 10, 0.5, 0.3, 0.7)


def test_an_edit_touches_one_field_and_the_version(nightly: Callable[[], Template]):
    text = editing.edited(nightly(), change("fetch", "timeout", 30, 90))
    assert text == TEMPLATE.replace("timeout: 30s", "timeout: 90s").replace("version: 3", "version: 4")
    text = editing.edited(nightly(), change("store", "attempts", 3, 1))
    assert text == TEMPLATE.replace("attempts: 3", "attempts: 1").replace("version: 3", "version: 4")
    text = editing.edited(nightly(), change("fetch", "attempts", 1, 3))
    assert "  - name: fetch   # slow on Mondays\n    retry: {attempts: 3}\n" in text
    text = editing.edited(nightly(), change("store", "timeout", 300, 3600))
    assert "  - name: store\n    timeout: 1h\n" in text
    assert editing.diff(TEMPLATE, text, "nightly.yaml").count("\n+") == 3


def test_an_edit_of_another_template_or_text_is_refused(nightly: Callable[[], Template], tmp_path: Path):
    with pytest.raises(DataError, match="no longer"):
        editing.edited(nightly(), change("fetch", "timeout", 20, 90))
    with pytest.raises(DataError, match="no longer"):
        editing.edited(nightly(), change("gone", "timeout", 30, 90))
    odd = tmp_path / "odd.yaml"
    odd.write_text(
        "workflow: odd\nversion: 1\nsteps: [{name: fetch, role: data, command: [echo], effects: [read], timeout: 30s}]\n"
    )
    with pytest.raises(DataError, match="by hand"):
        editing.edited(load(odd), change("fetch", "timeout", 30, 90))


def test_every_step_of_the_library_can_be_edited_or_is_refused_in_words():
    edited = 0
    for template in load_all([Path(library.__file__).parent]):
        for step in template.steps:
            for each in (
                change(step.name, "timeout", step.timeout_s, step.timeout_s + 1),
                change(step.name, "attempts", step.retry.attempts, step.retry.attempts + 1),
            ):
                try:
                    editing.edited(template, each)
                    edited += 1
                except DataError as error:
                    assert error.code == "unsafe_edit"
    assert edited > 20


def add_run(tx: Connection, number: int, run: Past, workflow: str = "nightly") -> None:
    at = (NOW + timedelta(minutes=number)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    event = {"kind": "wf.event", "id": f"e{number}", "at": at, "source": "jsonl", "type": "t", "subject": "s"}
    records.put(
        tx, event | {"data": {"service": "checkout" if number % 2 else "search", "text": f"pool full {number}"}}
    )
    records.put(tx, {"kind": "wf.plan", "id": f"p{number}", "at": at, "steps": list(run.steps.values())})
    tx.execute(
        "INSERT INTO wf_event(event_id, source, type, received_at, delivery_count) VALUES (?, 'jsonl', 't', ?, 1)",
        (f"e{number}", at),
    )
    tx.execute("INSERT INTO wf_match VALUES (?, ?, ?, 0)", (f"m{number}", f"e{number}", workflow))
    tx.execute("INSERT INTO wf_plan VALUES (?, ?, 'h', ?, 'low', 'ann')", (f"p{number}", f"m{number}", workflow))
    sql = (
        "INSERT INTO wf_run(run_id, plan_id, status, started_at, finished_at, decision_id) VALUES (?, ?, ?, ?, ?, 'd')"
    )
    tx.execute(sql, (f"r{number}", f"p{number}", run.status, at, at))
    import orjson

    for unit, tries in run.units.items():
        for each in tries:
            told = {"status": each.status, "failure": each.failure, "reason": each.reason}
            tx.execute(
                "INSERT INTO wf_step(run_id, step, attempt, workflow, duration_ms, outcome) VALUES (?, ?, ?, ?, ?, ?)",
                (f"r{number}", unit, each.number, workflow, each.duration_ms, orjson.dumps(told).decode()),
            )


def fill(state: State, runs: list[Past], first: int = 0) -> None:
    with state.write() as tx:
        for number, run in enumerate(runs, first):
            add_run(tx, number, run)


SLOW: list[list[tuple[int, str]]] = [[(25_000, "ok")]] * 10 + [[(30_000, "over")]] * 4


def test_a_proposal_is_accepted_and_taken_back_to_the_byte(
    state: State, nightly: Callable[[], Template], tmp_path: Path
):
    fill(state, past(SLOW))
    path = tmp_path / "own" / "nightly.yaml"
    how: dict[str, Any] = {"by": "ann", "command": "wf-learn", "at": NOW}
    with state.write() as tx:
        (found,) = proposals.propose(tx, nightly(), command="wf-learn", at=NOW)
        (again,) = proposals.propose(tx, nightly(), command="wf-learn", at=NOW + timedelta(hours=1))
    assert found == again
    assert "-    timeout: 30s  # since March\n+    timeout: 1m  # since March\n" in found["diff"]
    with state.write() as tx:
        proposals.accept(tx, found["id"], {"nightly": nightly()}, path.parent, **how)
    assert "timeout: 1m  # since March" in path.read_text()
    assert (nightly().version, nightly().steps[0].timeout_s) == (4, 60)
    with pytest.raises(Negative, match="is accepted"), state.write() as tx:
        proposals.accept(tx, found["id"], {"nightly": nightly()}, path.parent, **how)
    changed = path.read_text()
    path.write_text(changed + "# mine\n")
    with pytest.raises(Negative, match="was changed since"), state.write() as tx:
        proposals.roll_back(tx, found["id"], **how)
    path.write_text(changed)
    with state.write() as tx:
        assert proposals.roll_back(tx, found["id"], **how)["status"] == "rolled_back"
    assert path.read_text() == TEMPLATE
    with state.read() as tx:
        actions = [
            row[0] for row in tx.execute("SELECT json_extract(CAST(body AS TEXT), '$.data.action') FROM wf_audit")
        ]
    assert actions == ["proposal.made", "proposal.accepted", "proposal.rolled_back"]


def test_a_rejected_proposal_comes_again_only_with_twice_the_runs(state: State, nightly: Callable[[], Template]):
    fill(state, past(SLOW))
    with state.write() as tx:
        (found,) = proposals.propose(tx, nightly(), command="wf-learn", at=NOW)
        proposals.reject(tx, found["id"], by="ann", command="wf-learn", at=NOW)
        assert list(proposals.propose(tx, nightly(), command="wf-learn", at=NOW)) == []
        assert [each["status"] for each in proposals.known(tx)] == ["rejected"]
    fill(state, past(SLOW), first=14)
    with state.write() as tx:
        assert len(list(proposals.propose(tx, nightly(), command="wf-learn", at=NOW))) == 1


def test_a_template_that_comes_along_is_copied_with_its_files(state: State, tmp_path: Path):
    shipped = {each.workflow: each for each in load_all([Path(library.__file__).parent])}["incident-triage"]
    step = shipped.steps[0]
    runs = past([[(int(step.timeout_s * 800), "ok")]] * 10 + [[(int(step.timeout_s * 1000), "over")]] * 4,
                timeout=step.timeout_s, attempts=step.retry.attempts, name=step.name)  # fmt: skip
    with state.write() as tx:
        for number, run in enumerate(runs):
            add_run(tx, number, run, "incident-triage")
        (found,) = [each for each in proposals.propose(tx, shipped, command="c", at=NOW) if each["field"] == "timeout"]
        folder = tmp_path / "workflows"
        proposals.accept(tx, found["id"], {"incident-triage": shipped}, folder, by="ann", command="c", at=NOW)
    own = load(folder / Path(shipped.document.name).name)
    assert own.steps[0].timeout_s == 2 * step.timeout_s
    assert all((folder / name).is_file() for each in own.steps for name in each.files)
    with state.write() as tx:
        proposals.roll_back(tx, found["id"], by="ann", command="c", at=NOW)
    assert list(folder.iterdir()) == []


def test_no_proposal_lets_a_workflow_do_more(nightly: Callable[[], Template]):
    """Whatever is drawn: only how long and how often a step tries differs."""
    chance = random.Random(5)
    for _ in range(60):
        outcomes = [
            [(chance.randrange(30_000), chance.choice(["ok", "over", "unknown", "transient"]))] for _ in range(40)
        ]
        for each in judging.changes(past(outcomes)):
            before = nightly()
            path = Path(before.document.name)
            path.write_text(editing.edited(before, each))
            after = load(path)
            assert after.scope == before.scope
            assert [(one.effects, one.role, one.action, one.command, one.approval) for one in after.steps] == [
                (one.effects, one.role, one.action, one.command, one.approval) for one in before.steps
            ]
            path.write_text(TEMPLATE)


def test_steps_are_evaluated_with_their_intervals(state: State):
    fill(state, past(SLOW))
    with state.read() as tx:
        (found,) = evaluating.steps("nightly", history.of(tx, "nightly"), NOW)
    assert (found["count"], found["succeeded_ratio"], found["timed_out_count"]) == (14, 0.7143, 4)
    assert found["low_ratio"] < 0.7143 < found["high_ratio"]
    assert (found["median_ms"], found["most_frequent_reason"]) == (25_000, "not done after 30 s")


def test_past_runs_with_a_like_event_are_found(state: State):
    fill(state, past(SLOW))
    event = {"kind": "wf.event", "id": "new", "at": "2026-11-24T00:00:00.000Z", "source": "jsonl", "type": "t"}
    event |= {"subject": "s", "data": {"service": "checkout", "text": "pool full 5"}}
    with state.read() as tx:
        found = similar.runs(tx, event, NOW, most=3)
        other = similar.runs(tx, {**event, "source": "x", "type": "y", "subject": "z", "data": {"a": "b"}}, NOW)
    assert len(found) == 3
    assert {each["run_id"] for each in found} <= {f"r{number}" for number in range(1, 14, 2)}
    assert found[0]["likeness_ratio"] >= found[-1]["likeness_ratio"]
    assert "service" in found[0]["shared"]
    assert other == []


def test_units_of_loops_belong_to_their_step():
    assert history.step_of("fetch[12]") == "fetch"
    assert history.step_of("sub/fetch") is None
    assert history.step_of("compensate:fetch") is None
