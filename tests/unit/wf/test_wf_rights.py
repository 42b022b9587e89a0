"""Rights given, lent and taken back; who may do what, and why: on a real state, by Cedar."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attack_ground import NOW, Company, company
from hypothesis import given, settings
from hypothesis import strategies as st

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError, Negative, RoadmapError, UsageError
from roadmap_cli.state.store import State
from roadmap_cli.wf import people
from roadmap_cli.wf.approving import answering, approvals, escalation, refusals, replies, showing, tasks
from roadmap_cli.wf.rights import cedar, explaining, giving, grants, identities, judging, stored
from roadmap_cli.wf.running import mirror, permission, remembered

ROOT = Path(__file__).parents[3]
HOUR = timedelta(hours=1)


@pytest.fixture
def place(state: State, tmp_path: Path) -> Company:
    """The company, founded."""
    return company(state, tmp_path)


def logged(state: State) -> list[tuple[str, str]]:
    """Action and outcome of every entry of the audit log."""
    import orjson

    with state.read() as tx:
        bodies = [orjson.loads(body) for (body,) in tx.execute("SELECT body FROM wf_audit ORDER BY seq")]
    return [(each["data"]["action"], each["data"]["outcome"]) for each in bodies]


def test_the_policies_that_come_along_fit_their_schema_and_say_why() -> None:
    import cedarpy

    assert cedarpy.validate_policies(cedar.shipped_text(), cedar.schema_text()).validation_passed
    found = cedar.shipped()
    assert len(found) > 20
    assert all(found.values())


def test_until_something_is_given_whoever_opens_the_state_may_act(state: State) -> None:
    giver = giving.Giver("olga", "because", True, "test", NOW)
    with state.write() as tx:
        assert explaining.explain(tx, "anybody", "delete", "database:x", role=None, at=NOW)["allowed"]
        first, second = giving.role(tx, giver, "alice", "reader")
    assert (first["grants"], first["subject"], second["subject"]) == ("owner", "user:olga", "user:alice")
    with state.read() as tx:
        found = explaining.explain(tx, "anybody", "delete", "database:x", role=None, at=NOW)
    assert not found["allowed"]
    assert found["why"] == "no permit matched: user 'anybody' has no right to delete database:x"
    assert found["missing"] == "wf-grant anybody --role operator --scope 'database:x' --because TEXT"


def test_the_first_grant_is_given_by_who_owns_the_file(state: State) -> None:
    with state.write() as tx, pytest.raises(Negative, match="by who owns its file"):
        giving.role(tx, giving.Giver("eve", "because", False, "test", NOW), "eve", "owner")


def test_who_may_deny_a_plan_may_stop_its_run(place: Company) -> None:
    def steered(name: str, key_file: Path | None = None) -> str:
        return answering.steered(tx, plan, "wf_run", "cancel", name=name, key_file=key_file, at=NOW)

    with place.state.write() as tx:
        plan = place.plan(tx)
        assert [steered(name) for name in ("alice", "bob", "olga")] == ["claimed"] * 3
        for name in ("zed", "rita"):
            with pytest.raises(Negative, match="no right to deny"):
                steered(name)
        with pytest.raises(Negative, match="the name was only claimed"):
            steered("frank")
        with pytest.raises(Negative, match="not registered"):
            steered("frank", place.keys["eve"])
        assert steered("frank", place.keys["frank"]) == "signature"


def test_a_verdict_names_the_policies_of_user_and_role(place: Company) -> None:
    with place.state.write() as tx:
        plan = place.plan(tx)
        place.decide(tx, plan, "bob")
        verdict = permission.may_perform(tx, plan, plan["steps"][0], NOW)
        assert verdict.is_allowed
        assert verdict.policy_ids == (f"grant:{place.ids['alice operator']}", "agent-operations")
        refused = permission.may_perform(tx, plan, {**plan["steps"][0], "role": "data"}, NOW)
    assert not refused.is_allowed
    assert refused.policy_ids == ("data-is-read-only",)
    assert "change nothing" in refused.why
    assert logged(place.state)[-2:] == [("right.allowed", "allowed"), ("right.refused", "refused")]


def test_what_is_remembered_is_what_the_state_says(place: Company) -> None:
    """Rights given, taken back, lent, ended, votes, policies, undone transactions, clocks set back: 300 at random."""
    rng = random.Random(20261128)
    with place.state.write() as tx:
        plan = place.plan(tx)
        place.decide(tx, plan, "bob", valid_s=3 * 86400)
    text = '@id("freeze") forbid(principal, action in Action::"act", resource);'
    verdicts, at, fresh = set[bool](), NOW, remembered.Remembered()
    for number in range(300):
        at += timedelta(hours=rng.choice((0, 0, 0, 1, 5, -2)))
        with suppress(RoadmapError), place.state.write() as tx:
            match rng.randrange(9):
                case 0:
                    giving.role(tx, place.giver("olga", at), "alice", "operator", until=at + 2 * HOUR)
                case 1:
                    known = [name for (name,) in tx.execute("SELECT grant_id FROM wf_grant WHERE revoked_at IS NULL")]
                    giving.revocation(tx, place.giver("olga", at), rng.choice(known))
                case 2:
                    giving.policies(tx, place.giver("olga", at), "freeze", text if rng.random() < 0.3 else "")
                case 3:
                    place.decide(tx, plan, rng.choice(("bob", "carol")), at=at, valid_s=3600 * rng.randrange(1, 9))
                case 4 if number > 250:
                    place.decide(tx, plan, "bob", at=at, word=False)
                case 5:
                    tx.execute("UPDATE wf_vote SET expires_at = ? WHERE number = 1", (clock.stamp(at + HOUR),))
                case _:
                    pass
            place.allowed(tx, plan, at)
            if rng.random() < 0.2:
                raise DataError("undone")
        with place.state.read() as tx:
            found = permission.weighed_step(tx, plan, plan["steps"][0], at)
            assert fresh.weighed_step(tx, plan, plan["steps"][0], at) == found
            verdicts.add(place.allowed(tx, plan, at))
    assert verdicts == {True, False}


def test_a_worker_elsewhere_lets_a_run_go_on_whose_approval_ended_meanwhile(place: Company) -> None:
    with place.state.write() as tx:
        plan = place.plan(tx)
        place.decide(tx, plan, "bob")
    with place.state.read() as tx:
        known, said = mirror.rights(tx), mirror.of_plan(tx, plan["id"])
    for has_begun in (False, True):
        there = mirror.Mirror(lambda: NOW)
        there.take(known)
        if has_begun:
            there.know(plan, said, "wf_run_1", clock.stamp(NOW))
        else:
            there._insert("wf_approval", said["wf_approval"])
        verdict = permission.weighed_step(there.connection, plan, plan["steps"][0], NOW + 2 * HOUR)
        assert verdict.is_allowed == has_begun
        there.close()


def test_each_table_of_rights_marks_its_changes(state: State) -> None:
    with state.read() as tx:
        rows = tx.execute("SELECT tbl_name, sql FROM sqlite_schema WHERE type = 'trigger' AND name LIKE 'wf_ground_%'")
        found = {
            (table, word) for table, sql in rows for word in ("INSERT", "UPDATE", "DELETE") if f" {word} ON" in sql
        }
        tables = {name for (name,) in tx.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    wanted = (set(mirror.RIGHTS) | {"wf_vote", "wf_approval"}) & tables
    assert found == {(table, word) for table in wanted for word in ("INSERT", "UPDATE", "DELETE")}


def test_an_owners_policy_forbids_what_grants_allow(place: Company) -> None:
    text = '@id("freeze") @why("release freeze") forbid(principal, action in Action::"act", resource);'
    with place.state.write() as tx:
        plan = place.plan(tx)
        place.decide(tx, plan, "bob")
        assert place.allowed(tx, plan)
        [found] = giving.policies(tx, place.giver("olga"), "freeze", text)
        assert found["policies"] == [{"id": "freeze", "why": "release freeze"}]
        assert permission.weighed_step(tx, plan, plan["steps"][0], NOW).policy_ids == ("freeze",)
        giving.policies(tx, place.giver("olga"), "freeze", "")
        assert place.allowed(tx, plan)
        assert [each["version"] for each in stored.history(tx)] == [1, 2]


def test_policies_that_another_file_of_the_same_name_takes_back_are_told(place: Company) -> None:
    one, two, three = (f'@id("{name}") forbid(principal, action, resource);' for name in ("one", "two", "three"))
    with place.state.write() as tx:

        def ended(text: str, name: str = "own") -> list[str] | None:
            return stored.keep(tx, name, text, by="olga", because="x", command="test", at=NOW).get("ended")

        with pytest.raises(DataError, match="no set of policies is called 'own'; there is none"):
            ended("")
        assert ended(f"{one}\n{two}") is None
        assert ended(f"{one}\n{three}") == ["two"]
        assert ended(two, "other") is None
        with pytest.raises(DataError, match=r"no set of policies is called 'own\.cedar'; there are 'other', 'own'"):
            ended("\n", "own.cedar")
        assert ended("") == ["one", "three"]
        assert stored.text(tx) == two


def test_a_policy_that_fails_is_named_with_why(place: Company) -> None:
    text = """@id("first") permit(principal, action == Action::"begin", resource);
        @id("over") @why("so") forbid(principal, action == Action::"begin", resource)
        when { context.approvals + 9223372036854775807 > 0 };"""
    failure = "policy 'over' cannot be evaluated: integer overflow while attempting to add"
    with place.state.write() as tx:
        giving.policies(tx, place.giver("olga"), "own", text)
        plan = place.plan(tx)
        found = place.decide(tx, plan, "bob")
        assert found["status"] == "waiting"
        assert f"may not begin plan {plan['id']!r}: {failure}" in found["why"]
        assert found["policy_ids"][-1] == "over"
        verdict = judging.may_begin(tx, plan, [], by_policy=False, at=NOW)
        assert "may not begin" in verdict.why
        assert "nobody has approved it (policy nothing-begins-unapproved)" in verdict.why
        text = '@id("name") forbid(principal, action, resource) when { 9223372036854775807 + 1 > 0 };'
        giving.policies(tx, place.giver("olga"), "own", text)
        verdict = judging.may_do(tx, "alice", None, "read", "database:orders", NOW)
        assert (verdict.is_allowed, verdict.lacks_right, verdict.policy_ids) == (False, False, ("name",))


@pytest.mark.parametrize(
    "text",
    [
        "permit(principal, action, resource);", '@id("X y") permit(principal, action, resource);', "nonsense", "// only words",
        '@id("no-self-approval") permit(principal, action, resource);',
        '@id("a") permit(principal, action, resource) when { resource.owner == "x" };',
        '@id("a") permit(principal, action == Action::"fly", resource);',
        '@id("a") permit(principal, action, resource); @id("a") forbid(principal, action, resource);',
        '@id("a") permit(principal == ?principal, action, resource);',
    ],
)  # fmt: skip
def test_policies_that_do_not_fit_are_not_stored(place: Company, text: str) -> None:
    with place.state.write() as tx:
        with pytest.raises(DataError):
            giving.policies(tx, place.giver("olga"), "own", text)
        assert stored.text(tx) == ""


@given(st.text(max_size=60))
@settings(max_examples=150, deadline=None)
def test_nothing_but_a_data_error_leaves_the_reading_of_policies(text: str) -> None:
    try:
        cedar.checked(text)
    except DataError:
        return


@given(st.text(max_size=30))
@settings(max_examples=200, deadline=None)
def test_a_name_has_one_spelling(text: str) -> None:
    try:
        name = people.user(text)
    except UsageError:
        return
    assert people.user(name) == name
    assert people.spelled(people.spelled(name)) == people.spelled(name)
    assert people.are_same(name, name.upper())


@given(st.text(max_size=80))
@settings(max_examples=150, deadline=None)
def test_nothing_but_a_usage_error_leaves_the_reading_of_identities(text: str) -> None:
    for each in (text, f"slack:{text}", f"mail:{text}", f"ssh-ed25519 {text}", f"age1{text}"):
        try:
            identities.read(each)
        except UsageError:
            continue


def test_a_loan_ends_with_its_ground_and_with_the_lenders_membership(place: Company) -> None:
    with place.state.write() as tx:
        giving.role(tx, place.giver("olga"), "group:night", "approver")
        membership = giving.membership(tx, place.giver("olga"), "nina", "night")[0]["id"]
        [(ground,)] = tx.execute("SELECT grant_id FROM wf_grant WHERE subject = 'group:night'").fetchall()
        [loan] = giving.loan(tx, place.giver("nina"), "eve", ground, until=NOW + 5 * 24 * HOUR)
        assert [each.id for each in grants.held(tx, "eve", NOW)] == [loan["id"]]
        giving.revocation(tx, place.giver("olga"), membership)
        assert grants.held(tx, "eve", NOW) == []
        assert [each["status"] for each in grants.listed(tx, NOW, "eve")] == ["void"]


def test_who_lent_takes_back_and_nobody_else(place: Company) -> None:
    with place.state.write() as tx:
        [loan] = giving.loan(tx, place.giver("dave"), "eve", place.ids["dave approver"], until=NOW + HOUR)
        with pytest.raises(Negative):
            giving.revocation(tx, place.giver("bob"), loan["id"])
        giving.revocation(tx, place.giver("dave"), loan["id"])
        with pytest.raises(Negative, match="was taken back"):
            giving.revocation(tx, place.giver("olga"), loan["id"])


def test_two_people_one_of_them_proven(place: Company) -> None:
    with place.state.write() as tx:
        giving.policies(tx, place.giver("olga"), "own", (ROOT / "examples/wf/rights.cedar").read_text())
        plan = place.plan(tx)
        first = place.decide(tx, plan, "bob")
        assert (first["status"], first["approvers"]) == ("waiting", ["user:bob"])
        assert "high risk needs two people" in first["why"]
        second = answering.signed(tx, plan["id"], "frank", place.keys["frank"], is_approved=True, why="seen",
                                  valid_s=60.0, expected_hash=None, command="test", at=NOW)  # fmt: skip
        assert (second["status"], second["proof"], second["approvers"]) == (
            "approved", "signature", ["user:bob", "user:frank"],
        )  # fmt: skip


def test_a_match_that_is_unsure_waits_for_a_person_although_its_risk_is_low(place: Company) -> None:
    with place.state.write() as tx:
        for ratio, status in ((0.9, "approved"), (0.3, "waiting")):
            plan = place.plan(tx, effects=(), risk="low", confidence_ratio=ratio, inputs={"n": str(ratio)})
            found = approvals.consider(tx, plan, is_strict=False, command="test", at=NOW)
            assert found["status"] == status
    assert "below 50 percent" in found["why"]


def test_a_refusal_is_logged_though_nothing_was_done(place: Company) -> None:
    with place.state.write() as tx:
        plan = place.plan(tx)
    before = len(logged(place.state))
    with (
        pytest.raises(Negative),
        refusals.logged(place.state, action="plan", user="alice", resource=plan["id"], at=NOW) as tx,
    ):
        place.decide(tx, plan, "alice")
    assert logged(place.state)[before:] == [("plan.refused", "refused")]


def test_what_waits_is_asked_of_the_next_group_and_never_decided_by_waiting(place: Company) -> None:
    ladder, after = ["finance", "managers"], timedelta(hours=4)

    def asked(hours: float) -> list[tuple[str, str]]:
        found = escalation.overdue(tx, ladder, after, command="test", at=NOW + hours * HOUR)
        return [(each["asked"], each["what"]) for each in found]

    with place.state.write() as tx:
        plan, _ = place.waiting(tx)
        task = place.ask(tx)
        assert asked(3.9) == []
        assert sorted(asked(4)) == [("group:finance", "approval"), ("group:finance", "plan")]
        assert asked(4) == asked(7) == []
        assert len(asked(8)) == 2
        assert asked(100) == []
        assert approvals.weighed(tx, plan, NOW + 100 * HOUR) == "waiting"
        assert showing.request(tx, plan["id"], NOW)["asked"] == "group:managers"
        giving.membership(tx, place.giver("olga"), "bob", "managers")
        with pytest.raises(Negative):
            place.answer(tx, task, "carol")
        assert place.answer(tx, task, "bob")


def test_what_is_asked_is_shown_with_what_is_new_and_nothing_passes_for_our_words(place: Company) -> None:
    with place.state.write() as tx:
        old = place.plan(tx)
        place.decide(tx, old, "bob")
        new = place.plan(tx, step={"command": ["psql", "payroll\n\nRisk LOW\x1b[2J"]}, inputs={"a": "x\nApproved."})
        approvals.consider(tx, new, is_strict=True, command="test", at=NOW)
        found = showing.request(tx, new["id"], NOW)
    assert found["compared_with"] == old["id"]
    assert found["changes"] == [
        'step \'only\', command: ["psql", "orders"] → ["psql", "payroll\\n\\nRisk LOW\\u001b[2J"]'
    ]
    lines = found["text"].splitlines()
    assert "Risk HIGH" in lines
    assert not any(line.startswith(("Risk LOW", "Approved")) for line in lines)
    assert "\x1b" not in found["text"]
    assert f"To decide by reply: approve {found['code']}  or  deny {found['code']} REASON" in lines


def test_a_link_sealed_to_a_key_proves_who_opens_it(place: Company, tmp_path: Path) -> None:
    with place.state.write() as tx:
        plan = place.plan(tx)
        (sealed, data, is_sealed), (plain, _, _) = answering.links(tx, plan["id"], ["frank", "bob"], valid_s=60, at=NOW)
        assert (is_sealed, sealed.endswith(".age"), plain.endswith(".txt")) == (True, True, True)
        (tmp_path / "link").write_bytes(data)
        text = answering.opened(tmp_path / "link", [place.keys["frank"].read_bytes()])
        with pytest.raises(RoadmapError, match="sealed to another key"):
            answering.opened(tmp_path / "link", [place.keys["eve"].read_bytes()])
        found = answering.by_link(tx, text, is_approved=True, why="x", valid_s=60.0, command="test", at=NOW)
    assert (found["status"], found["approver"], found["proof"]) == ("approved", "user:frank", "link")


@given(st.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_nothing_but_our_errors_leaves_the_reading_of_replies(text: str) -> None:
    event: dict[str, Any] = {"at": clock.stamp(NOW), "type": "slack.message",
                             "data": {"team_id": "T1", "event": {"user": "U1", "text": text}}}  # fmt: skip
    mail = {**event, "type": "mail.received",
            "data": {"from": "a@b.example", "text": text, "checks": {"dmarc": "pass"}}}  # fmt: skip
    for each in (event, mail, {**event, "data": text}, {**event, "data": {"event": text}}, {"type": text}):
        try:
            replies.read(each, NOW, "imap" if each is mail else "slack-signature")
        except (DataError, Negative):
            continue


def test_a_question_is_answered_by_who_is_asked(place: Company) -> None:
    with place.state.write() as tx:
        task = place.ask(tx, sort="question", assignee="user:eve")
        found = answering.task(tx, task["id"], "tuesday", name="eve", key_file=None, command="test", at=NOW)
        assert (found["answer"], found["answered_by"]) == ("tuesday", "user:eve")
        assert list(tasks.waiting(tx)) == []


def test_ten_thousand_decisions_take_seconds_not_minutes(place: Company) -> None:
    """A guard on the order of magnitude; the bench has the figure."""
    with place.state.write() as tx:
        plan = place.plan(tx)
        place.decide(tx, plan, "bob")
        began = time.process_time()
        for _ in range(100):
            assert permission.weighed_step(tx, plan, plan["steps"][0], NOW).is_allowed
        assert time.process_time() - began < 1.0


def test_a_time_that_is_over_is_no_end(place: Company) -> None:
    with place.state.write() as tx, pytest.raises(UsageError):
        giving.role(tx, place.giver("olga"), "x", "reader", until=datetime(2020, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("action", "spec", "inside", "outside"),
    [
        ("http", {"origin": "https://Jira.Example", "method": "GET"}, "host:jira.example", "host:*.evil"),
        ("http", {"origin": "https://jira.example:8443", "method": "GET"}, "host:jira.example", "host:jira.example:443"),
        ("sql", {"database": "orders", "change": False}, "database:orders", "database:order"),
        ("slack", {"do": "post", "channel": "#ops-night"}, "channel:#ops*", "channel:#op"),
        ("jira", {"do": "comment", "issue": "OPS-12"}, "project:OPS", "project:OPSX"),
        ("mail", {"to": ["ann@corp.example"], "cc": ["bob@corp.example"]}, "mailbox:*@corp.example", "mailbox:ann@corp.example"),
        ("agent", {"files": ["/var/log/app/x.log"]}, "file:/var/log/app/*", "file:/var/log/ap"),
        ("command", ["psql"], "run:psql", "run:psq"),
        ("shell", "psql", "run:sh", "run:psql"),
    ],
)  # fmt: skip
def test_a_step_of_each_sort_is_held_by_the_plans_scope_and_by_its_users(
    place: Company, action: str, spec: Any, inside: str, outside: str
) -> None:
    step = {"action": action, action: spec, "effects": ["read"], "role": "data", "command": spec}
    with place.state.write() as tx:
        giving.role(tx, place.giver("olga"), "mona", "operator", patterns=[inside])
        giving.role(tx, place.giver("olga"), "nils", "operator", patterns=[outside])

        def allowed(by: str, scope: list[str]) -> tuple[bool, str]:
            plan = place.plan(tx, by=by, effects=("read",), scope=[*scope, "file:/nowhere"])
            verdict = permission.weighed_step(tx, plan, {**plan["steps"][0], **step}, NOW)
            return verdict.is_allowed, verdict.why

        assert allowed("mona", [inside]) == (True, allowed("mona", [inside])[1]), allowed("mona", [inside])
        assert "outside the scope" in allowed("mona", [outside])[1] or action in ("command", "shell")
        assert "no permit matched" in allowed("nils", [inside])[1]
        if action in ("command", "shell"):  # a scope that names programs holds them, too
            assert "outside the scope" in allowed("mona", [outside])[1]


def test_who_approves_what_is_known_only_in_the_run_may_approve_all_of_its_sort(place: Company) -> None:
    step = {"action": "http", "http": {"origin": "https://${steps.a.output}", "method": "GET"}}
    with place.state.write() as tx:
        for name, pattern in (("mona", "host:jira.example"), ("nils", "host:*")):
            giving.role(tx, place.giver("olga"), name, "approver", patterns=[pattern])
        plan = place.plan(tx, effects=("network",), step=step)
        with pytest.raises(Negative, match="no permit matched"):
            place.decide(tx, plan, "mona")
        assert place.decide(tx, plan, "nils")["status"] == "approved"
