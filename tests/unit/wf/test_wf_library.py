"""The templates that come along: each planned from its recorded event, and its programs run in a folder like a real one."""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from roadmap_cli.core.records import Record
from roadmap_cli.wf import sources
from roadmap_cli.wf.language import clauses, conditions, loading, placeholders
from roadmap_cli.wf.planning import keeping, planner, plansteps
from roadmap_cli.wf.running import steps
from roadmap_cli.wf.sources import alertmanager

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples" / "wf"
LIBRARY = ROOT / "src" / "roadmap_cli" / "wf" / "library"
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
NAMES = (
    "access",
    "escalation",
    "handover",
    "incident",
    "invoice",
    "onboarding",
    "quality",
    "rollback",
    "security",
    "weekly",
)
#: Set off by records of other commands in a pipe: life-watch and wf-metrics alerts.
NEWS = ("alert", "warning")
KNOWN = {each.workflow: each for each in loading.load_all([LIBRARY])}
SETTINGS = {
    "channels": dict.fromkeys(("release", "oncall", "support", "security", "people", "data"), "#test"),
    "jira": {"support": "SUP", "security": "SEC"},
    "report": {"mail": "boss@example.com"},
}


def event_of(name: str) -> Record:
    if name == "incident":
        return alertmanager.from_body(json.loads((EXAMPLES / "alertmanager.json").read_bytes()), NOW)[0]
    return sources.read_body("jsonl", (EXAMPLES / f"{name}.json").read_bytes(), NOW)[-1]


def plan_of(name: str, folder: Path, settings: Mapping[str, Any] | None = None, event: Record | None = None) -> Record:
    template = loading.load(LIBRARY / f"{name}.yaml")
    match = {"id": "wf_match", "template_sha256": template.sha256}
    return planner.plan(
        template, match, event or event_of(name), requested_by="alice", directory=folder, at=NOW, known=KNOWN,
        settings=settings or {},
    )  # fmt: skip


class Runs:
    """Does the steps of a plan one after the other with the real programs; people answer as the test says."""

    def __init__(self, plan: Record, folder: Path, answers: Mapping[str, str]):
        self.plan, self.folder, self.answers = plan, folder, answers
        self.done: list[tuple[str, Record, Any]] = []
        self.reader, self.writer = os.pipe()
        environ = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        self.around = steps.Surroundings(environ, self.writer, threading.Event())

    def close(self) -> None:
        os.close(self.reader)
        os.close(self.writer)

    def all(self, upto: int | None = None) -> dict[str, Any]:
        return self.through(self.plan["steps"][:upto], self.plan["inputs"], "")

    def through(self, planned: list[Record], inputs: Record, before: str) -> dict[str, Any]:
        outputs: dict[str, Any] = {}
        for step in planned:
            find = self.finder(outputs, inputs)
            if not all(clauses.planned(each, find) for each in step.get("when", ())):
                outputs[step["name"]] = None
                continue
            if "each" in step:
                items = placeholders.filled(step["each"], find)
                outputs[step["name"]] = [
                    self.once(step, self.finder(outputs, inputs, item=item, index=at), f"{before}{step['name']}[{at}]")
                    for at, item in enumerate(items)
                ]
            else:
                outputs[step["name"]] = self.once(step, find, f"{before}{step['name']}")
        return outputs

    def finder(self, outputs: Record, inputs: Record, **more: Any) -> Callable[[str], Any]:
        def find(name: str) -> Any:
            head, *rest = name.split(".")
            if head == "steps":
                value = outputs[rest[0]]
                return None if value is None else placeholders.reach(value, rest[2:], name)
            if head == "run":
                return "run-1" if rest == ["id"] else str(self.folder)
            return placeholders.reach({"inputs": inputs, **more}[head], rest, name)

        return find

    def once(self, step: Record, find: Callable[[str], Any], name: str) -> Any:
        if step["action"] == "human":
            return self.answers[name]
        if step["action"] == "workflow":
            inputs = placeholders.filled(step["workflow"]["inputs"], find)
            return self.through(step["workflow"]["steps"], inputs, f"{name}/")
        given = {"ROADMAP_IDEMPOTENCY_KEY": name.replace("/", "-")}
        outcome = steps.perform(step, find, self.folder, given, self.around)
        assert outcome["status"] == "succeeded", (name, outcome)
        self.done.append((name, step, outcome["output"]))
        return outcome["output"]

    def undo(self) -> None:
        for name, step, output in reversed(self.done):
            if "compensate" in step:
                deed = {"name": name, **step["compensate"]}
                find = lambda field, output=output: placeholders.reach({"output": output}, field.split("."), field)  # noqa: E731
                outcome = steps.perform(
                    deed, find, self.folder, {"ROADMAP_IDEMPOTENCY_KEY": f"undo-{name}"}, self.around
                )
                assert outcome["status"] == "succeeded", (name, outcome)


Run = Callable[..., tuple[Runs, dict[str, Any]]]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Run a template on a copy of its example folder."""
    begun: list[Runs] = []

    def runs(
        name: str, event: Record | None = None, upto: int | None = None, **answers: str
    ) -> tuple[Runs, dict[str, Any]]:
        folder = tmp_path / "work"
        shutil.copytree(EXAMPLES / name, folder, symlinks=True)
        if name == "rollback":
            (folder / "deploy/current").symlink_to("releases/2026-11-23-2")
        begun.append(Runs(plan_of(name, folder, event=event), folder, answers))
        return begun[-1], begun[-1].all(upto)

    yield runs
    for each in begun:
        each.close()


def test_there_are_ten_and_two_for_news_of_the_toolchain_itself_and_no_fault_in_them() -> None:
    assert loading.check_all([LIBRARY]) == []
    assert len(KNOWN) == len(NAMES) + len(NEWS) == 12


@pytest.mark.parametrize("name", NAMES)
def test_each_is_planned_from_its_event_with_and_without_settings(name: str, tmp_path: Path) -> None:
    bare = plan_of(name, tmp_path)
    assert keeping.plan_hash(bare) == bare["plan_hash"]
    everything = list(plansteps.walk(bare["steps"]))
    assert not any(step["action"] in ("slack", "jira", "mail", "http") for _, step in everything)
    full = plan_of(name, tmp_path, SETTINGS)
    left_out = [step["left_out"] for _, step in everything if "left_out" in step]
    reached = [
        step["action"] for _, step in plansteps.walk(full["steps"]) if step["action"] in ("slack", "jira", "mail")
    ]
    assert sorted(reached) == sorted(left_out)
    assert not any("left_out" in step for _, step in plansteps.walk(full["steps"]))


@pytest.mark.parametrize("name", ["access", "invoice", "rollback", "quality", "escalation", "onboarding"])
def test_the_trigger_of_each_holds_for_its_event(name: str) -> None:
    event = event_of(name)
    trigger = loading.load(LIBRARY / f"{name}.yaml").trigger
    assert event["type"] in {trigger.type, *(each.type for each in trigger.any)}
    assert all(clauses.passes(each, conditions.field(event, each.field)) for each in trigger.clauses)


def test_a_failed_deployment_is_rolled_back_verified_and_can_be_undone(run: Run) -> None:
    runs, outputs = run("rollback")
    assert outputs["inspect"]["verdict"] == "roll back"
    assert outputs["verify"] == {"current": "2026-11-22-1", "is_whole": True}
    assert (runs.folder / "deploy/current").resolve().name == "2026-11-22-1"
    assert "7 of 20 requests" in (runs.folder / "rollback-checkout-2026-11-23-2.md").read_text()
    assert [name for name, step in plansteps.walk(runs.plan["steps"]) if step["risk"] == "high"] == ["switch"]
    runs.undo()
    assert (runs.folder / "deploy/current").resolve().name == "2026-11-23-2"


def test_access_is_given_once_by_the_owners_word_and_taken_back_when_undone(run: Run) -> None:
    runs, outputs = run("access", decide="grant")
    assert outputs["grant"]["is_new"] is True
    assert "mira.lang,ledger,read,grant" in (runs.folder / "access.csv").read_text()
    runs.undo()
    assert "mira.lang,ledger" not in (runs.folder / "access.csv").read_text()


def test_access_that_is_refused_is_not_given(run: Run) -> None:
    runs, outputs = run("access", decide="refuse")
    assert outputs["grant"] is None
    assert "mira.lang,ledger" not in (runs.folder / "access.csv").read_text()


def test_the_hand_over_names_who_and_what_is_open(run: Run) -> None:
    runs, outputs = run("handover")
    assert (outputs["gather"]["leaving"], outputs["gather"]["coming"], outputs["fill"]) == ("ben", "cleo", None)
    assert [each["service"] for each in outputs["gather"]["still_open"]] == ["mail"]
    assert "raise connection pool" in (runs.folder / outputs["page"]["path"]).read_text().split("## Noisiest")[0]


def test_an_invoice_in_doubt_is_asked_about_booked_once_and_reversed_when_undone(run: Run) -> None:
    runs, outputs = run("invoice", decide="pay")
    assert outputs["check"]["verdict"] == "ask"
    assert outputs["verdict"] == "yes"
    assert (runs.folder / "finance/ledger.csv").read_text().count("R-4471") == 1
    runs.undo()
    assert "R-4471,Nordlicht Elektro,1840.50,EUR,PO-3318,reversal" in (runs.folder / "finance/ledger.csv").read_text()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"number": "R-4398"}, "booked already"),
        ({"iban": "DE02120300000000202051"}, "not the one"),
        ({"supplier": "Alte Spedition"}, "blocked"),
        ({"supplier": "Nobody"}, "no supplier"),
        ({"order": "PO-3319"}, "another supplier's"),
    ],
)
def test_an_invoice_that_is_wrong_is_never_booked(run: Run, change: Record, why: str) -> None:
    genuine = event_of("invoice")
    runs, _ = run("invoice", {**genuine, "data": {**genuine["data"], **change}}, upto=4)
    check, outputs = runs.done[0][2], [name for name, _, _ in runs.done]
    assert (check["verdict"], outputs) == ("refuse", ["check", "verdict"])
    assert why in check["why"]


def test_an_upset_customer_of_weight_is_level_one(run: Run) -> None:
    _, outputs = run("escalation", take="jo")
    assert outputs["judge"]["level"] == 1
    assert outputs["judge"]["open_count"] == 2
    assert outputs["take"] == "jo"


def test_a_week_is_held_against_those_before(run: Run) -> None:
    runs, outputs = run("weekly")
    unusual = {each["figure"] for each in outputs["measure"]["unusual"]}
    assert {"shop.refunds", "shop.minutes_down"} <= unusual
    assert "shop.orders" not in unusual
    assert (runs.folder / "week-2026-11-22.md").read_text().startswith("# Week 2026-11-16 to 2026-11-22")


def test_an_address_that_got_in_is_critical_and_blocked_until_undone(run: Run) -> None:
    runs, outputs = run("security")
    assert outputs["look"]["severity"] == "critical"
    assert outputs["look"]["entered"] == ["deploy"]
    assert "203.0.113.77" in (runs.folder / "blocked.csv").read_text()
    runs.undo()
    assert "203.0.113.77" not in (runs.folder / "blocked.csv").read_text()


def test_onboarding_asks_for_each_access_by_the_usual_request(run: Run) -> None:
    answers = {"accesses[0]/decide": "grant", "accesses[1]/decide": "refuse"}
    runs, outputs = run("onboarding", **answers)
    assert [each["check"]["verdict"] for each in outputs["accesses"]] == ["ask", "ask"]
    rows = (runs.folder / "access.csv").read_text().splitlines()[1:]
    assert [row.split(",")[:3] for row in rows] == [["nina.roth", "wiki", "read"]]
    [step] = [step for step in runs.plan["steps"] if step["name"] == "accesses"]
    assert step["workflow"]["inputs"]["system"] == "${item.system}"
    assert runs.plan["risk"] == "high"


def test_a_bad_table_is_set_aside_and_comes_back_when_undone(run: Run) -> None:
    runs, outputs = run("quality")
    broken = {each["rule"]: each["lines"] for each in outputs["check"]["broken"]}
    assert broken == {
        "order unique": [5], "customer required": [4], "day matches_day": [6], "amount number": [8],
        "amount least 0": [7, 8], "currency one_of EUR USD": [9],
    }  # fmt: skip
    assert not (runs.folder / "orders.csv").exists()
    runs.undo()
    assert (runs.folder / "orders.csv").exists()


def test_what_lies_in_a_cache_of_python_is_not_run(run: Run, tmp_path: Path) -> None:
    """A compiled module beside a pinned file would be run in its place, and no hash would tell."""
    import py_compile

    template = tmp_path / "t"
    template.mkdir()
    (template / "helper.py").write_text("WORD = 'good'\n")
    (template / "main.py").write_text("import helper; print(helper.WORD)\n")
    py_compile.compile(str(template / "helper.py"))
    [cached] = (template / "__pycache__").iterdir()
    (tmp_path / "evil.py").write_text("WORD = 'evil'\n")
    evil = Path(py_compile.compile(str(tmp_path / "evil.py"), cfile=str(tmp_path / "evil.pyc")) or "").read_bytes()
    cached.write_bytes(cached.read_bytes()[:16] + evil[16:])
    text = "workflow: t\nversion: 1\nsteps: [{name: a, role: data, command: [%s, '${template.directory}/main.py'], files: [main.py, helper.py], effects: []}]\n"
    (template / "t.yaml").write_text(text % sys.executable)
    found = loading.load(template / "t.yaml")
    plan = planner.plan(
        found,
        {"id": "m", "template_sha256": found.sha256},
        event_of("weekly"),
        requested_by="a",
        directory=tmp_path,
        at=NOW,
    )
    runs, _ = run("weekly")
    for environment, word in ((plan["steps"][0]["environment"], "good"), ({}, "evil")):
        outcome = steps.perform({**plan["steps"][0], "environment": environment}, str, tmp_path, {}, runs.around)
        assert outcome["output"] == word


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/../../b"])
def test_no_program_of_a_template_leaves_the_folder_of_its_run(name: str, tmp_path: Path) -> None:
    import subprocess

    for program in (["quality.py", "check", name, "rules.csv"], ["access.py", "grant", "s", name, "p", "s", "l"]):
        command = [sys.executable, str(LIBRARY / program[0]), *program[1:]]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "outside the folder" in done.stderr
