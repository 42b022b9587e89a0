"""Events, matches, plans and approvals on a real state: exactly once, never silently, never by oneself."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.unit.wf.plans import matched

from roadmap_cli.core.errors import DataError, Negative
from roadmap_cli.core.records import Record
from roadmap_cli.state import records
from roadmap_cli.state.store import State
from roadmap_cli.wf import events, sources
from roadmap_cli.wf.approving import approvals
from roadmap_cli.wf.language import loading
from roadmap_cli.wf.planning import keeping, planner
from roadmap_cli.wf.sources import alertmanager

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
Simple = Callable[..., Path]


def plan_of(state: State, webhook: Record, path: Path, requested_by: str = "alice") -> Record:
    """All the way from a webhook to a stored plan."""
    template = loading.load(path)
    with state.write() as tx:
        [event] = events.keep(tx, alertmanager.from_body(webhook, NOW))
        match = matched(tx, event, [template])
        assert match
        found = planner.plan(template, match, event, requested_by=requested_by, directory=path.parent, at=NOW)
        return keeping.keep(tx, found, command="test", at=NOW)


def answer(state: State, plan_id: str, **more: Any) -> Record:
    given = {
        "approver": "bob", "is_approved": True, "why": "seen", "valid_s": 60.0, "expected_hash": None,
        "command": "test", "at": NOW,
    }  # fmt: skip
    with state.write() as tx:
        return approvals.decide_on(tx, plan_id, **{**given, **more})


def standing(state: State, plan: Record, at: datetime = NOW) -> str:
    with state.read() as tx:
        return approvals.standing(tx, plan, at)[0]


def test_a_repeated_alert_is_the_same_event_until_it_is_resolved(state: State, webhook: Record) -> None:
    again = copy.deepcopy(webhook)
    resolved = copy.deepcopy(webhook)
    resolved["alerts"][0] |= {"status": "resolved", "endsAt": "2026-11-23T09:10:00Z"}
    later = copy.deepcopy(webhook)
    later["alerts"][0]["startsAt"] = "2026-11-24T08:54:12.483123456Z"
    ids = {alertmanager.from_body(each, NOW)[0]["id"] for each in (webhook, again, resolved, later)}
    assert len(ids) == 3


def test_only_an_event_that_went_its_way_is_held_back(state: State, webhook: Record, simple: Simple) -> None:
    def deliver() -> int:
        with state.write() as tx:
            return len(events.keep(tx, alertmanager.from_body(webhook, NOW)))

    assert deliver() == 1
    assert deliver() == 1  # nobody has matched it yet: the pipeline was killed
    plan = plan_of(state, webhook, simple())
    assert deliver() == 1  # planned, and nobody was asked yet
    with state.write() as tx:
        approvals.consider(tx, plan, is_strict=True, command="test", at=NOW)
    assert deliver() == 0
    with state.read() as tx:
        assert list(events.unfinished(tx)) == []
        assert tx.execute("SELECT delivery_count FROM wf_event").fetchone()[0] >= 4


@pytest.mark.parametrize(
    "change",
    [
        {"version": "3"},
        {"alerts": None},
        {"alerts": [3]},
        {"alerts": [{"status": "firing", "labels": {}, "startsAt": "soon"}]},
        {"alerts": [{"status": "odd", "labels": {}, "startsAt": "2026-11-23T09:00:00Z"}]},
    ],
)
def test_what_is_no_webhook_is_refused_whole(webhook: Record, change: Record) -> None:
    with pytest.raises(DataError):
        alertmanager.from_body({**webhook, **change}, NOW)


def test_giant_and_broken_bodies_are_refused() -> None:
    for body in (b"x" * (events.MOST_BYTES + 1), b"{", b"[]", b"\xff"):
        with pytest.raises(DataError):
            sources.read_body("alertmanager", body, NOW)


def test_objects_have_one_identity_each() -> None:
    cloud = {"specversion": "1.0", "id": "7", "source": "s", "type": "t", "data": {"a": 1}}
    record = {"kind": "life.warning", "id": "life_x", "at": "2026-11-23T08:00:00Z"}
    drafts = [events.draft(each, NOW) for each in (cloud, record, {"b": 1, "a": 2}, {"a": 2, "b": 1})]
    found = events.named(drafts)
    assert found[0]["dedupe_key"] == "cloudevents:s:7"
    assert (found[1]["type"], found[1]["at"]) == ("life.warning", "2026-11-23T08:00:00.000Z")
    assert found[2]["id"] == found[3]["id"]


def test_two_equal_templates_are_a_question_and_a_person_answers(state: State, webhook: Record, simple: Simple) -> None:
    [event] = alertmanager.from_body(webhook, NOW)
    known = [loading.load(simple(name)) for name in ("one", "two")]
    with state.write() as tx:
        found = matched(tx, event, known)
        chosen = matched(tx, event, known, "two")
        with pytest.raises(DataError):
            matched(tx, event, known, "three")
    assert found
    assert found["ambiguous"]
    assert [each["workflow"] for each in found["candidates"]] == ["one", "two"]
    assert "workflow" not in found
    assert chosen
    assert (chosen["workflow"], chosen["certainty_ratio"], chosen["ambiguous"]) == ("two", 1.0, False)


def test_the_template_with_more_conditions_wins(state: State, webhook: Record, simple: Simple) -> None:
    [event] = alertmanager.from_body(webhook, NOW)
    narrow = simple("narrow")
    clause = "trigger: {type: alertmanager.alert.firing, where: [{field: data.labels.service, matches: 'check.*'}]}"
    narrow.write_text(narrow.read_text().replace("trigger: {type: alertmanager.alert.firing}", clause))
    with state.write() as tx:
        found = matched(tx, event, [loading.load(simple("wide")), loading.load(narrow)])
    assert found
    assert (found["workflow"], found["certainty_ratio"]) == ("narrow", 0.6667)
    assert found["clauses"][1]["found"] == "checkout"
    other = {**event, "id": "wf_event_other", "data": {**event["data"], "labels": {"service": "other"}}}
    with state.write() as tx:
        assert matched(tx, other, [loading.load(narrow)]) is None


@pytest.mark.parametrize("value", ["--delete", "-rf"])
def test_a_value_cannot_become_an_option(state: State, webhook: Record, simple: Simple, value: str) -> None:
    path = simple(more="    command: [ls, '${inputs.x}']", x={"from": "data.labels.service"})
    webhook["alerts"][0]["labels"]["service"] = value
    with pytest.raises(DataError, match="would be read as an option"):
        plan_of(state, webhook, path)


def test_inputs_missing_or_refused_are_named(state: State, webhook: Record, simple: Simple) -> None:
    with pytest.raises(DataError, match="input 'x' is missing"):
        plan_of(state, webhook, simple(x={"from": "data.labels.nowhere"}))
    with pytest.raises(DataError, match="input 'x' is refused"):
        plan_of(state, webhook, simple(x={"from": "data.labels.service", "pattern": "[0-9]+"}))


def test_the_hash_covers_what_is_done_and_only_that(state: State, webhook: Record, simple: Simple) -> None:
    plan = plan_of(state, webhook, simple())
    assert keeping.plan_hash(plan) == plan["plan_hash"]
    assert keeping.plan_hash({**plan, "at": "x", "estimate": {}}) == plan["plan_hash"]
    for change in ({"directory": "/"}, {"requested_by": "bob"}, {"event_id": "e"}, {"steps": []}):
        assert keeping.plan_hash({**plan, **change}) != plan["plan_hash"]


def test_low_risk_is_approved_by_the_policy_and_says_so(state: State, webhook: Record, simple: Simple) -> None:
    plan = plan_of(state, webhook, simple())
    with state.write() as tx:
        found = approvals.consider(tx, plan, is_strict=False, command="test", at=NOW)
    assert (found["status"], found["approver"], found["expires_at"]) == (
        "approved", "policy:low-risk", "2026-11-23T10:00:00.000Z",
    )  # fmt: skip
    assert standing(state, plan) == "approved"
    assert standing(state, plan, NOW + timedelta(hours=1)) == "expired"


@pytest.mark.parametrize("effects", ["network", "message", "delete", "change", "access", "money", "read, delete"])
def test_more_than_low_risk_waits(state: State, webhook: Record, simple: Simple, effects: str) -> None:
    path = simple(effects=effects)
    if effects == "message":
        path.write_text(path.read_text().replace("operations", "communication"))
    plan = plan_of(state, webhook, path)
    with state.write() as tx:
        assert approvals.consider(tx, plan, is_strict=False, command="test", at=NOW)["status"] == "waiting"
    assert standing(state, plan) == "waiting"


@pytest.mark.parametrize("name", ["alice", "ALICE", " alice ", "user:alice", "Alice"])
def test_nobody_approves_what_they_asked_for(state: State, webhook: Record, simple: Simple, name: str) -> None:
    plan = plan_of(state, webhook, simple(effects="delete"), "alice")
    with pytest.raises(Negative):
        answer(state, plan["id"], approver=name)
    assert standing(state, plan) == "waiting"


def test_attacks_on_approvals_come_to_nothing(state: State, webhook: Record, simple: Simple) -> None:
    plan = plan_of(state, webhook, simple(effects="delete"))
    with pytest.raises(DataError):
        answer(state, plan["id"], expected_hash="0" * 64)
    with pytest.raises(DataError):
        answer(state, "wf_unknown")
    with state.write() as tx, pytest.raises(DataError):
        approvals.consider(tx, {**plan, "plan_hash": "0" * 64}, is_strict=False, command="test", at=NOW)
    with state.write() as tx:  # an approval of another plan's hash, slipped into the table
        tx.execute(
            "INSERT INTO wf_approval(approval_id, plan_id, plan_hash, status, approver, expires_at)"
            " VALUES ('x', ?, ?, 'approved', 'user:bob', '2030-01-01T00:00:00.000Z')",
            (plan["id"], "0" * 64),
        )
    assert standing(state, plan) == "refused"
    answer(state, plan["id"])
    assert standing(state, plan) == "approved"
    with state.write() as tx:  # the plan itself, changed after the approval
        body = {**plan, "steps": [{**plan["steps"][0], "command": ["rm", "-rf", "/"]}]}
        tx.execute("UPDATE record SET body = ? WHERE id = ?", (json.dumps(body), plan["id"]))
    with state.read() as tx, pytest.raises(DataError):
        keeping.stored_plan(tx, plan["id"])


def test_a_denial_stands(state: State, webhook: Record, simple: Simple) -> None:
    plan = plan_of(state, webhook, simple())
    answer(state, plan["id"], is_approved=False)
    with state.write() as tx:
        assert approvals.consider(tx, plan, is_strict=False, command="test", at=NOW)["status"] == "denied"
    with pytest.raises(Negative):
        answer(state, plan["id"], approver="carol")
    assert standing(state, plan) == "denied"


def test_every_decision_cites_what_is_stored(state: State, webhook: Record, simple: Simple) -> None:
    plan = plan_of(state, webhook, simple())
    answer(state, plan["id"])
    with state.read() as tx:
        cited = [each for (each,) in tx.execute("SELECT evidence_id FROM evidence")]
        assert cited
        assert all(records.get(tx, each) for each in cited)
