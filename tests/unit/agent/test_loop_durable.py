"""What a run leaves behind when it ends in the middle, and what the next one makes of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from roadmap_cli.agent.code import project as projects
from roadmap_cli.agent.loop import Bounds, Loop, World
from roadmap_cli.agent.repair import judge, portfolio
from roadmap_cli.agent.repair.breaker import Breaker, Move
from roadmap_cli.agent.repair.driver import Candidate, Problem, Verdict
from roadmap_cli.agent.runs import journal
from roadmap_cli.agent.testing import confirm
from roadmap_cli.core import clock

sys.path.insert(0, str(Path(__file__).parent))
from bench_ground import TEST, of_kind, open_state, project, repair

OVERLAP = "def overlap(a, b, c, d):\n    return a < d or c < b\n"
TESTS = (
    "from span import overlap\ndef test_yes():\n    assert overlap(1, 5, 4, 8)\ndef test_no():\n"
    "    assert not overlap(1, 2, 3, 4)\n"
)


class Killed(BaseException):
    """Ends a run on the spot."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with the overlap bug."""
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    return project(tmp_path / "p", span__py=OVERLAP, test_span__py=TESTS)


def until(state, folder: Path, stop: tuple[str, str], monkeypatch: pytest.MonkeyPatch, **choices: object) -> list[dict]:
    """Run the loop until it would note that a step begins or ends; what it had announced by then."""
    seen: list[dict] = []
    when, key = stop
    real = getattr(journal, when)

    def stopped(tx, run_id, *rest):
        if key in rest[:2]:
            raise Killed
        return real(tx, run_id, *rest)

    world = World(state, "agent-loop", clock.system, time.monotonic, {"PATH": os.defpath}, sys.executable, print)
    loop = Loop(world, Bounds(), folder=folder, test=TEST, **choices)  # type: ignore[arg-type]

    def go() -> None:
        for record in loop.records():
            seen.append(record)
            loop.told(record)

    with monkeypatch.context() as patched:
        patched.setattr(journal, when, stopped)
        with pytest.raises(Killed):
            go()
    return seen


@pytest.mark.parametrize(
    "stop",
    [
        ("end", "test:trace"),
        pytest.param(("begin", "reflect"), marks=pytest.mark.slow),
        pytest.param(("begin", "apply"), marks=pytest.mark.slow),
        ("end", "apply"),
    ],
    ids=".".join,
)
def test_stopped_at_a_step_it_goes_on_behind_it(
    tmp_path: Path, folder: Path, stop: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_state(tmp_path) as state:
        first = until(state, folder, stop, monkeypatch, apply=True)
        name = first[0]["run_id"]
        status, records = repair(state, None, None, resume=name)
        with state.read() as tx:
            steps = journal.steps(tx, name)
            stored = journal.records(tx, name)
    assert status == "fixed"
    assert records[-1]["applied"] is True
    assert "a < d and c < b" in (folder / "span.py").read_text()
    assert sorted(path.name for path in folder.iterdir()) == ["span.py", "test_span.py"]
    assert all(step.done for step in steps), [step.key for step in steps if not step.done]
    ids = [record["id"] for record in first + records]
    assert len(ids) == len(set(ids)), "no record twice"
    assert set(ids) == {record["id"] for record, _ in stored}, "and none lost"
    assert all(announced for _, announced in stored)
    assert len(of_kind(first + records, "agent.fix")) == 1
    if stop[1] == "apply":
        assert records[-1]["candidate_count"] == 0
        assert not of_kind(records, "agent.test_result")


def test_what_the_output_holds_counts_more_than_what_is_noted(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_state(tmp_path) as state:
        first = until(state, folder, ("begin", "apply"), monkeypatch, apply=True)
        there = {record["id"] for record in first if record["kind"] != "agent.suspicion"}
        _, records = repair(state, None, None, resume=first[0]["run_id"], seen=lambda run: there)
    assert [r["kind"] for r in records] == ["agent.run_started", "agent.suspicion", "agent.step", "agent.run_finished"]


def test_half_written_files_are_finished_by_whatever_runs_next(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "other.py").write_text("from span import overlap\n")
    with open_state(tmp_path) as state:
        until(state, folder, ("end", "apply"), monkeypatch, apply=True)
        (folder / f".other.py{projects.PART}").write_text("left")
        with state.write() as tx:  # as if two files were to be written, and one is
            [(name, step)] = journal.open_effects(tx, str(folder))
            detail = step.detail
            detail["before"]["other.py"] = ["ZnJvbSBzcGFuIGltcG9ydCBvdmVybGFwCg==", False]
            detail["after"]["other.py"] = ["eCA9IDEK", False]
            journal.begin(tx, name, "apply", "apply", step.digest, step.begun_at, detail)
        status, _ = repair(state, folder)
    assert (folder / "other.py").read_text() == "x = 1\n"
    assert not list(folder.glob(f".*{projects.PART}"))
    assert status in ("fixed", "already_green")


def test_a_branch_is_made_once_and_the_folder_left_alone(tmp_path: Path, folder: Path) -> None:
    git = ["git", "-C", str(folder)]
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "1"], check=True)
    with open_state(tmp_path) as state:
        status, records = repair(state, folder, branch="agent/fix")
        again, _ = repair(state, None, None, resume=records[0]["run_id"], branch="agent/fix")
    assert (status, again) == ("fixed", "fixed")
    assert (folder / "span.py").read_text() == OVERLAP
    shown = subprocess.run([*git, "show", "agent/fix"], check=True, capture_output=True, text=True).stdout
    assert "+    return a < d and c < b" in shown
    assert f"Agent-Run: {records[0]['run_id']}" in shown
    assert records[-1]["branch"] == "agent/fix"
    log = subprocess.run([*git, "rev-list", "--count", "agent/fix"], check=True, capture_output=True, text=True).stdout
    assert log == "2\n"


# -- drivers and their breaker -----------------------------------------------------------------------------------------


class Stubborn:
    """A driver that has one idea."""

    name = "llm"

    def __init__(self, patches: list[str]) -> None:
        self.patches = patches
        self.verdicts: list[str] = []

    def candidates(self, problem: Problem) -> Iterator[Candidate]:
        for patch in self.patches:
            text = f"def overlap(a, b, c, d):\n    return {patch}\n"
            yield Candidate({"span.py": text}, patch, "model", "span.py", 2, "overlap", 1.0, False)

    def told(self, verdict: Verdict) -> None:
        self.verdicts.append(verdict.outcome)


@pytest.mark.parametrize(
    ("patches", "reason"),
    [
        pytest.param(["True"] * 9, "identical_action", marks=pytest.mark.slow),
        pytest.param(["True", "1"] * 5, "ping_pong", marks=pytest.mark.slow),
        (["True", "1", "2", "3", "4"], "same_error"),
    ],
)
def test_a_driver_that_leads_nowhere_is_stopped_and_said(
    tmp_path: Path, folder: Path, patches: list[str], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from roadmap_cli.agent.drivers import registry

    driver = Stubborn(patches)
    monkeypatch.setattr(registry, "drivers_for", lambda world, project: [driver])
    with open_state(tmp_path) as state:
        status, records = repair(state, folder)
        with state.read() as tx:
            assert journal.goal(tx, records[0]["run_id"])[2] == reason
    assert (status, records[-1]["reason"]) == ("breaker", reason)
    assert not of_kind(records, "agent.fix")
    assert len(driver.verdicts) <= 4


def test_a_driver_may_not_touch_tests_or_leave_the_project(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from roadmap_cli.agent.drivers import registry

    class Cheat(Stubborn):
        def candidates(self, problem: Problem) -> Iterator[Candidate]:
            for name in ("test_span.py", "../out.py", ".git/hooks/pre-commit", "conftest.py"):
                yield Candidate({name: "def test_yes(): pass\n"}, name, "model", name, 1, "", 1.0, False)

    driver = Cheat([])
    monkeypatch.setattr(registry, "drivers_for", lambda world, project: [driver])
    with open_state(tmp_path) as state:
        status, _ = repair(state, folder)
    assert status == "exhausted"
    assert driver.verdicts == []


def arm(name: str, hits: int = 0, spent: float = 0.0, now: float = 0.0) -> portfolio.Arm:
    driver = Stubborn([])
    driver.name = name  # type: ignore[misc]
    return portfolio.Arm(driver, (hits, spent), Breaker(), now)


def test_drivers_are_asked_by_the_repairs_to_expect_from_the_next_second() -> None:
    arms = [arm("llm"), arm("synthesis"), arm("template"), arm("replay")]
    order = []
    while found := portfolio.best(arms):
        order.append(found.name)
        found.close("done")
    assert order == ["replay", "synthesis", "template", "llm"]
    assert portfolio.best([arm("template", now=60.0), arm("llm")]).name == "llm", "what finds nothing makes way"  # type: ignore[union-attr]
    assert portfolio.best([arm("template", 1, 1000.0), arm("llm", 40, 1000.0)]).name == "llm"  # type: ignore[union-attr]
    tried = arm("template")
    assert 0.5 <= portfolio.round_seconds(tried, [tried, arm("llm")]) <= 10.0
    watched = arm("llm")
    watched.breaker.note(Move("a", new=True))
    assert watched.iterates
    assert not arm("template").iterates


# -- evidence ----------------------------------------------------------------------------------------------------------


def test_tests_are_held_out_by_their_names_alone() -> None:
    failing, passing = [f"f{n}" for n in range(9)], [f"p{n}" for n in range(20)]
    held = judge.held_out(failing, passing)
    assert held == judge.held_out(reversed(failing), reversed(passing))
    assert (len(held & set(failing)), len(held & set(passing))) == (2, 5)
    assert judge.held_out(["f"], []) == frozenset()
    assert len(judge.held_out(["f", "g"], [])) == 1, "one is left to choose by"
    assert judge.held_out(["collect:a.py", "command"], []) == frozenset()


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [
        ({}, "plausible"),
        ({"held_out_failing": 2}, "confirmed"),
        ({"held_out_failing": 2, "excluded": 1}, "plausible"),
        ({"held_out_failing": 2, "changed_on_recorded": 1}, "plausible"),
        ({"held_out_failing": 2, "checks": 50, "rivals": 2, "disagreements": 1}, "plausible"),
        ({"checks": 50, "searched_on": True}, "confirmed"),
        ({"checks": 50, "searched_on": True, "inputs": 1}, "plausible"),
        ({"checks": 50, "searched_on": True, "inputs": 2}, "confirmed"),
        ({"checks": 5, "searched_on": True}, "plausible"),
        ({"checks": 50}, "plausible"),
        ({"checks": 50, "held_out_reaching": 1}, "confirmed"),
        ({"rivals": 1, "searched_on": True}, "plausible"),
        ({"earlier": "confirmed"}, "confirmed"),
        ({"earlier": "plausible"}, "plausible"),
    ],
)
def test_what_makes_a_repair_confirmed(evidence: dict, verdict: str) -> None:
    got, why = confirm.Evidence(**evidence).verdict()
    assert got == verdict
    assert why


@pytest.mark.slow
def test_edits_that_pass_by_chance_make_it_plausible_only(tmp_path: Path, folder: Path) -> None:
    with open_state(tmp_path) as state:
        _, records = repair(state, folder)
    [fix] = of_kind(records, "agent.fix")
    assert fix["verdict"] == "plausible"
    assert fix["rival_count"] > 0
    assert fix["disagreement_count"] > 0
    assert fix["check_count"] >= 20


def test_tests_that_pin_the_behaviour_down_confirm_it(tmp_path: Path, folder: Path) -> None:
    (folder / "test_span.py").write_text(
        "import pytest\nfrom span import overlap\n"
        "@pytest.mark.parametrize('a,b,c,d', [(a, a + l, c, c + m) for a in range(3) for l in (1, 2) for c in range(4)"
        " for m in (1, 3)])\ndef test_it(a, b, c, d):\n    assert overlap(a, b, c, d) == bool(set(range(a, b)) & set(range(c, d)))\n"
    )
    with open_state(tmp_path) as state:
        _, records = repair(state, folder)
    [fix] = of_kind(records, "agent.fix")
    assert "a < d and c < b" in fix["diff"]
    assert fix["verdict"] == "confirmed", fix
    assert fix["held_out_failed_count"] > 0
    assert fix["changed_on_recorded_count"] == 0


@pytest.mark.slow
def test_stopped_at_any_step_it_ends_the_same(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = ["test:before", "execute:1", "test:trace", "execute:2", "confirm", "test:after", "reflect", "apply"]
    for number, stop in enumerate((when, key) for key in keys for when in ("begin", "end")):
        (tmp_path / f"s{number}").mkdir()
        (folder / "span.py").write_text(OVERLAP)
        with open_state(tmp_path / f"s{number}") as state:
            first = until(state, folder, stop, monkeypatch, apply=True)
            status, records = repair(state, None, None, resume=first[0]["run_id"])
        assert (stop, status, records[-1]["applied"]) == (stop, "fixed", True)
        assert "a < d and c < b" in (folder / "span.py").read_text()
        ids = [record["id"] for record in first + records]
        assert len(ids) == len(set(ids)), stop
