"""What cannot run is said before it is tried, by the policies of the run, with what mends it; and people see it whole."""

from __future__ import annotations

import io
import shlex
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from attack_ground import NOW, Company, company

from roadmap_cli.core.errors import Negative
from roadmap_cli.core.records import Record
from roadmap_cli.state.store import State
from roadmap_cli.wf import sources
from roadmap_cli.wf.approving import approvals, listing
from roadmap_cli.wf.language import loading
from roadmap_cli.wf.planning import keeping, planner
from roadmap_cli.wf.rights import explaining, giving, mending
from roadmap_cli.wf.running import foresight, permission

ROOT = Path(__file__).parents[3]
LIBRARY = ROOT / "src" / "roadmap_cli" / "wf" / "library"
needs_bwrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")


@pytest.fixture
def place(state: State, tmp_path: Path) -> Company:
    """The company, founded."""
    return company(state, tmp_path)


def typed(place: Company, tx: Any, command: str) -> None:
    """Do as an owner what a mend says, word by word."""
    words = shlex.split(command)
    assert words[0] == "wf-grant"
    assert words[-2:] == ["--because", "TEXT"]
    options = dict[str, list[str]]()
    for flag, value in zip(words[2::2], words[3::2], strict=True):
        options.setdefault(flag, []).append(value)
    giving.role(tx, place.giver("olga"), words[1], options["--role"][0], patterns=options.get("--scope", ()))


@needs_bwrap
def test_what_is_foreseen_is_what_the_run_is_told(place: Company) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, ""), ({"by": "eve"}, "no right to delete run:psql"), ({"scope": []}, "programs-need-a-scope"),
        ({"scope": ["database:orders"]}, "programs-need-a-scope"), ({"scope": ["run:other"]}, "outside-the-scope"),
        ({"step": {"role": "data"}}, "data-is-read-only"), ({"by": "rita", "effects": ("read",)}, ""),
    ]  # fmt: skip
    with place.state.write() as tx:
        for more, why in cases:
            plan = place.plan(tx, **more)
            found = foresight.obstacle(tx, plan, NOW)
            assert (why in str(found)) if why else found is None, more
            place.decide(tx, plan, "bob")
            verdict = permission.weighed_step(tx, plan, plan["steps"][0], NOW)
            assert verdict.is_allowed == (found is None), more
            if found:
                assert verdict.why == found.why, more


@needs_bwrap
def test_the_mend_typed_by_an_owner_mends(place: Company) -> None:
    second = {"name": "undo", "action": "shell", "role": "operations", "needs": [], "shell": "x", "output": "text",
              "effects": ["write"], "permissions": [], "risk": "low", "timeout_s": 1.0, "attempts": 1}  # fmt: skip
    with place.state.write() as tx:
        plan = place.plan(tx, by="eve", scope=["run:psql", "run:sh"])
        plan = {**plan, "steps": [*plan["steps"], second]}
        plan["plan_hash"] = keeping.plan_hash(plan)
        found = foresight.obstacle(tx, plan, NOW)
        assert found
        assert found.mend == "wf-grant eve --role operator --scope 'run:psql' --scope 'run:sh' --because TEXT"
        typed(place, tx, found.mend)
        assert foresight.obstacle(tx, plan, NOW) is None
        old = foresight.obstacle(tx, place.plan(tx, by="mallory", scope=[]), NOW)
        assert old  # what no right mends is said first; what they lack besides is not forgotten
        assert old.mend
        assert old.mend.startswith("make the plan anew with wf-plan")
        assert old.mend.endswith("wf-grant mallory --role operator --scope 'run:psql' --because TEXT")


def test_who_may_not_approve_is_told_what_to_type(place: Company) -> None:
    with place.state.write() as tx:
        plan = place.plan(tx)
        for explained in (explaining.explain(tx, "eve", "approve", each, role=None, at=NOW) for each in (plan["id"],)):
            assert explained["missing"] == "wf-grant eve --role approver --scope 'run:psql' --because TEXT"
        by_name = explaining.explain(tx, "eve", "approve", "run:psql", role=None, at=NOW)
        assert (by_name["allowed"], by_name["missing"]) == (False, explained["missing"])
        with pytest.raises(Negative) as refused:
            place.decide(tx, plan, "eve")
        assert refused.value.hint == f"an owner gives it: {explained['missing']}"
        typed(place, tx, explained["missing"])
        assert place.decide(tx, plan, "eve")["status"] == "approved"
        assert explaining.explain(tx, "eve", "approve", "run:psql", role=None, at=NOW)["allowed"]
        assert not explaining.explain(tx, "eve", "approve", "run:sh", role=None, at=NOW)["allowed"]


def test_what_a_plan_touches_cannot_become_another_command() -> None:
    for target in ("run:a'b $(touch x)", "run:$(touch x)", "file:a;b", "run:`x`"):
        words = shlex.split(mending.judging("o'neil", [target, "plan:w"]))
        assert words == ["wf-grant", "o'neil", "--role", "approver", "--scope", target, "--because", "TEXT"]


def test_the_first_right_names_what_waits_and_can_no_longer_run(place: Company) -> None:
    with place.state.write() as tx:
        tx.execute("DELETE FROM wf_grant")  # as before anything was given
        waiting = place.plan(tx, scope=[])
        begun = place.plan(tx, scope=[], inputs={"n": 2})
        ended = place.plan(tx, scope=[], inputs={"n": 3})
        for plan in (waiting, begun, ended):
            approvals.consider(tx, plan, is_strict=True, command="test", at=NOW)
        for plan in (begun, ended):
            place.decide(tx, plan, "bob")
            place.begin(tx, plan)
        tx.execute("UPDATE wf_run SET finished_at = started_at WHERE plan_id = ?", (ended["id"],))
        assert list(foresight.stopped(tx, NOW)) == []
        giving.role(tx, giving.Giver("olga", "because", True, "test", NOW), "bob", "approver")
        found = {plan["id"]: str(why) for plan, why in foresight.stopped(tx, NOW)}
    assert found.keys() == {waiting["id"], begun["id"]}
    assert all(
        "step 'only': role 'operations' may not delete run:psql: where rights" in each for each in found.values()
    )


# -- the workflows that come along, where rights are given -----------------------------------------------------------


@needs_bwrap
@pytest.mark.parametrize("name", ["access", "escalation", "handover", "incident", "invoice", "onboarding", "quality",
                                  "rollback", "security", "weekly"])  # fmt: skip
def test_each_that_comes_along_can_run_where_rights_are_given(place: Company, name: str, webhook: Record) -> None:
    from roadmap_cli.wf.sources import alertmanager

    known = {each.workflow: each for each in loading.load_all([LIBRARY])}
    template = loading.load(LIBRARY / f"{name}.yaml")
    folder = ROOT / "examples" / "wf"
    event = (
        alertmanager.from_body(webhook, NOW)[0] if name == "incident"
        else sources.read_body("jsonl", (folder / f"{name}.json").read_bytes(), NOW)[-1]
    )  # fmt: skip
    match = {"id": "wf_match", "template_sha256": template.sha256}

    def plan(**more: Any) -> Record:
        return planner.plan(template, match, event, requested_by="olga", directory=place.folder, at=NOW, known=known,
                            **more)  # fmt: skip

    with place.state.write() as tx:
        before = foresight.obstacle(tx, plan(), NOW)
        assert before
        assert "programs-need-a-scope" in before.why
        assert foresight.obstacle(tx, plan(holds_programs=True), NOW) is None
    assert foresight.unfit(template) is None


def test_a_scope_that_holds_programs_already_is_left_as_it_is(write: Callable[[str, str], Path]) -> None:
    steps = """
  - {name: a, role: operations, command: [./tool, x], effects: [change], compensate: {shell: "undo", effects: [change]}}
"""
    for scope, expected in (("", ["run:/srv/tool", "run:sh"]), ("scope: ['file:logs/*']\n", ["file:logs/*"])):
        path = write("w.yaml", f"workflow: w\nversion: 1\ntrigger: {{type: t}}\n{scope}steps:{steps}")
        template = loading.load(path)
        match = {"id": "m", "template_sha256": template.sha256}
        event = {"id": "e", "kind": "wf.event", "data": {}}
        found = planner.plan(
            template, match, event, requested_by="a", directory=Path("/srv"), at=NOW, holds_programs=True
        )
        assert found["scope"] == expected


def test_a_workflow_that_no_scope_can_hold_is_named() -> None:
    found = foresight.unfit(loading.load(ROOT / "examples" / "wf" / "repair.yaml"))
    assert found
    assert "agent-loop makes a sandbox of its own" in str(found)


def test_a_warning_that_nobody_can_look_at_again_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(LIBRARY))
    import warning as program  # type: ignore[import-not-found]

    monkeypatch.setenv("PATH", "/nowhere")
    assert program.weighed({}) == {"line": "What to do about it could not be computed.", "options": []}
    assert all(program.still(each, "x")["is_open"] for each in (None, ""))
    assert "life-watch" in program.still(None, "x")["text"]
    assert program.still([], "x") == {"is_open": False, "text": ""}


# -- on a terminal -----------------------------------------------------------------------------------------------------


def drawn(picture: Callable[[list[Record], Any], None], records: Iterable[Record], width: int = 80) -> list[str]:
    from rich.console import Console

    with io.StringIO() as out:
        picture(list(records), Console(file=out, width=width))
        return out.getvalue().splitlines()


def test_a_verdict_says_yes_or_no_and_what_would_mend_it(place: Company) -> None:
    from roadmap_cli.commands.wf import grant

    with place.state.write() as tx:
        no = explaining.explain(tx, "eve", "change", "file:site/live.html", role=None, at=NOW)
        yes = explaining.explain(tx, "alice", "delete", "database:orders", role="operations", at=NOW)
    lines = drawn(grant._picture, [no, yes], 200)
    assert lines[0] == "no: eve change file:site/live.html"
    assert "  mend it  wf-grant eve --role operator --scope 'file:site/live.html' --because TEXT" in lines
    assert "yes: alice delete database:orders, acting as operations" in lines
    assert any(each.startswith("  has      operator over") for each in lines)


def test_a_plan_that_waits_is_listed_with_all_that_who_decides_must_know(place: Company) -> None:
    from roadmap_cli.commands.wf import approve

    with place.state.write() as tx:
        plan, _ = place.waiting(tx)
        [found] = [each for each in listing.waiting(tx, NOW) if each.get("plan_id") == plan["id"]]
    assert found["touches"] == ["run:psql"]
    assert {"user:bob", "user:olga"} <= set(found["may_approve"])
    assert not {"user:alice", "user:eve", "user:rita"} & set(found["may_approve"])
    text = "\n".join(drawn(approve._picture, [found], 200))
    for words in (
        "asked for by alice",
        "touches run:psql",
        "bob",
        "24 hours",
        f"wf-approve --approve {plan['id']} --as NAME",
    ):
        assert words in text, words


def test_the_log_at_80_columns_shows_what_happened_and_a_verdict_in_words() -> None:
    from roadmap_cli.commands.wf import audit

    entries = [
        {"kind": "wf.audit_entry", "seq": seq, "at": f"2026-11-2{day}T15:43:28.471Z", "action": "right.refused",
         "outcome": "refused", "user": "user:alice", "agent": "data", "resource": "wf_" + "x" * 60}
        for seq, day in ((8, 3), (9, 4))
    ]  # fmt: skip
    lines = drawn(audit._entries, entries)
    assert lines[1:3] == [
        "2026-11-23, UTC",
        f"8    15:43:28  right.refused  refused  user:alice  data   wf_{'x' * 18}…",
    ]
    assert lines[3] == "2026-11-24, UTC"
    base = {"kind": "wf.audit_verified", "ok": True, "size": 11, "problems_count": 0}
    for more, words in (
        ({"checkpoints_count": 0, "is_signed": False}, "✓ the log of 11 entries is consistent in itself; never signed"),
        ({"checkpoints_count": 1, "is_signed": True}, "✓ the log of 11 entries is sound, and begins as 1 signed"),
        ({"checkpoints_count": 0, "is_signed": True}, "held against no signed checkpoint"),
        (
            {"checkpoints_count": 0, "is_signed": False, "ok": False, "problems_count": 2},
            "✗ the log of 11 entries is not",
        ),
    ):
        assert words in drawn(audit._verified, [{**base, **more}])[0]


def test_one_step_that_was_kept_is_one_step() -> None:
    from roadmap_cli.cli.doing import Progress

    def draw(records: list[Record], console: Any) -> None:
        for each in records:
            Progress(console).add(each)

    resumed = {"kind": "wf.run_resumed", "at": "2026-11-23T09:00:00.000Z", "run_id": "wf_r"}
    lines = drawn(draw, [{**resumed, "kept_steps_count": 1}, {**resumed, "kept_steps_count": 2}])
    assert [each[10:] for each in lines] == ["run wf_r goes on, 1 step kept", "run wf_r goes on, 2 steps kept"]
