"""Graphs of plans: as boxes on a terminal, for Graphviz (read by the real one), for Mermaid; and what plans are worth."""

from __future__ import annotations

import io
import json
import os
import random
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.wf.plans import matched

from roadmap_cli.core.records import Record
from roadmap_cli.state import records
from roadmap_cli.state.store import State
from roadmap_cli.wf import events, sources
from roadmap_cli.wf.language import loading
from roadmap_cli.wf.planning import boxes, estimates, graph, keeping, planner
from roadmap_cli.wf.sources import alertmanager

ROOT = Path(__file__).parents[3]
LIBRARY = ROOT / "src" / "roadmap_cli" / "wf" / "library"
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
Simple = Callable[..., Path]


def step(name: str, *needs: str, risk: str = "low", **more: Any) -> Record:
    return {"name": name, "action": "command", "role": "data", "needs": list(needs), "risk": risk, **more}


def onboarding(folder: Path) -> Record:
    known = {each.workflow: each for each in loading.load_all([LIBRARY])}
    [event] = sources.read_body("jsonl", (ROOT / "examples/wf/onboarding.json").read_bytes(), NOW)
    template = known["onboarding"]
    match = {"id": "m", "template_sha256": template.sha256}
    return planner.plan(template, match, event, requested_by="a", directory=folder, at=NOW, known=known)


def graphs(seed: int) -> list[Record]:
    rng = random.Random(seed)
    count = rng.randint(1, 9)
    names = [f"s{number}" for number in range(count)]
    return [
        step(name, *[each for each in names[:at] if rng.random() < 0.35], risk=rng.choice(["low", "high"]))
        for at, name in enumerate(names)
    ]


SIDES = {
    "│": "ud", "─": "lr", "┌": "dr", "┐": "dl", "└": "ur", "┘": "ul", "├": "udr", "┤": "udl", "┬": "lrd", "┴": "lru", "┼": "udlr",
}  # fmt: skip
MOVES = {"u": (-1, 0), "d": (1, 0), "l": (0, -1), "r": (0, 1)}


def reached(rows: list[str], names: list[str]) -> set[tuple[str, str]]:
    """The pairs of boxes that lines lead down from one to the other, found by following the signs."""
    width = max(map(len, rows))
    grid = [row.ljust(width) for row in rows]
    places = {}
    for at, row in enumerate(grid):
        for found in re.finditer(r"[│║] +(s\d+) +[│║]", row):
            places[found[1]] = (at, found.start(), found.end() - 1)
    assert set(places) == set(names)
    inside = {
        (row, column): name
        for name, (at, left, right) in places.items() for row in range(at - 1, at + 3) for column in range(left, right + 1)
    }  # fmt: skip
    pairs = set()
    for name, (at, left, right) in places.items():
        waiting = [(at + 3, column) for column in range(left, right + 1)]
        waiting = [
            (row, column) for row, column in waiting if row < len(grid) and "u" in SIDES.get(grid[row][column], "")
        ]
        seen = set(waiting)
        while waiting:
            row, column = waiting.pop()
            for side in SIDES[grid[row][column]]:
                if side == "u":
                    continue
                there = (row + MOVES[side][0], column + MOVES[side][1])
                if there in seen or there[0] >= len(grid):
                    continue
                if there in inside:
                    assert side == "d", "a line goes into a box from above only"
                    pairs.add((name, inside[there]))
                elif grid[there[0]][there[1]] in SIDES:
                    seen.add(there)
                    waiting.append(there)
    return pairs


@given(st.integers(0, 10**6))
def test_every_line_of_a_graph_is_in_its_picture(seed: int) -> None:
    steps = graphs(seed)
    picture = boxes.draw(steps, 400)
    assert picture
    rows = ["".join(text for text, _ in row) for row in picture]
    wanted = {(need, name) for name, needs in graph.reduced(steps).items() for need in needs}
    assert wanted <= reached(rows, [each["name"] for each in steps]), "\n".join(rows)


def test_high_risk_has_double_lines_and_its_mark() -> None:
    picture = boxes.draw([step("a"), step("b", "a", risk="high")], 80)
    assert picture
    assert next(text for row in picture for text, risk in row if risk == "high").startswith("╔═")


def test_what_does_not_fit_is_not_drawn() -> None:
    assert boxes.draw([step(f"s{number}") for number in range(9)], 80) is None
    assert boxes.draw([step(f"s{number}") for number in range(200)], 10**6) is None
    assert boxes.draw([], 80) is None


@given(st.integers(0, 10**6))
def test_lines_left_out_follow_from_those_that_stay(seed: int) -> None:
    steps = graphs(seed)
    kept = graph.reduced(steps)

    def above(name: str, needs: dict[str, list[str]]) -> set[str]:
        return set(needs[name]).union(*(above(each, needs) for each in needs[name]))

    whole = {each["name"]: each["needs"] for each in steps}
    assert all(above(name, kept) == above(name, whole) for name in whole)


def test_graphviz_reads_what_is_written_for_it(tmp_path: Path) -> None:
    if not shutil.which("dot"):
        pytest.skip("Graphviz (dot) is not installed")
    plan = onboarding(tmp_path)
    for found in (plan, {**plan, "workflow": 'odd "name"\\', "steps": graphs(7)}):
        text = graph.text(found, "dot")
        done = subprocess.run(["dot", "-Tplain"], input=text, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        kinds = [line.split()[0] for line in done.stdout.splitlines()]
        assert kinds.count("edge") == text.count(" -> ")
        assert kinds.count("node") == text.count("[label=")


#: The lines that Mermaid's flowcharts have, as far as they are used here.
MERMAID = re.compile(
    r"flowchart TD|\s*(subgraph s[0-9x]+\[\"[^\"]+\"\]|end|s[0-9x]+(\[\"[^\"]+\"\]|\{\{\"[^\"]+\"\}\}):::(low|medium|high)"
    r"|s[0-9x]+ --> s[0-9x]+|classDef (low|medium|high) stroke:#[0-9a-f]{6},stroke-width:[12]px)"
)


def test_mermaid_has_a_line_for_each_thing_and_no_other(tmp_path: Path) -> None:
    plan = onboarding(tmp_path)
    text = graph.text(plan, "mermaid")
    assert all(MERMAID.fullmatch(line) for line in text.splitlines()), text
    assert text.count("subgraph") == text.count("\n  end") == 1
    assert text.count(" --> ") == text_edges(plan)


def text_edges(plan: Record) -> int:
    inner = [each["workflow"]["steps"] for each in plan["steps"] if "workflow" in each]
    return sum(len(needs) for steps in (plan["steps"], *inner) for needs in graph.reduced(steps).values())


def test_a_plan_on_a_terminal_says_what_matters_and_shows_no_escape(tmp_path: Path) -> None:
    from rich.console import Console

    from roadmap_cli.cli.planned import draw

    plan = onboarding(tmp_path)
    plan["inputs"]["person"] = plan["steps"][0]["command"][-1] = "\x1b[31mred"
    with io.StringIO() as out:
        draw(
            [{**plan, "estimate": {"duration_s": 70.0, "longest_s": 9000.0, "cost_usd": 0.1}, "confidence_ratio": 0.5}],
            Console(file=out, width=100),
        )
        text = out.getvalue()
    assert "\x1b" not in text
    for words in (
        "risk high",
        "probably 1.17 min, at most 2.5 h",
        "confidence 50%",
        "! accesses/grant",
        "for each of",
        plan["plan_hash"],
    ):
        assert words in text, words


def test_what_has_never_run_has_no_figures_made_up(tmp_path: Path) -> None:
    from rich.console import Console

    from roadmap_cli.cli.planned import draw

    estimate = {"longest_s": 9000.0, "cost_usd": 0.0, "known_steps_ratio": 0.0, "past_runs_count": 0}
    why = [{"factor": "known steps", "ratio": 0.5, "why": "0 of 3 steps have run before"}]
    with io.StringIO() as out:
        plan = {**onboarding(tmp_path), "estimate": estimate, "confidence_ratio": 0.5, "confidence": why}
        draw([plan], Console(file=out, width=200))
        text = out.getvalue()
    assert "duration unknown, at most 2.5 h" in text
    assert "confidence unknown: it has never run" in text
    assert "50%" not in text


# -- what past runs say ------------------------------------------------------------------------------------------------


def stored(state: State, webhook: Record, path: Path) -> tuple[Record, Record]:
    template = loading.load(path)
    with state.write() as tx:
        [event] = events.keep(tx, alertmanager.from_body(webhook, NOW))
        match = matched(tx, event, [template])
        assert match
        plan = planner.plan(template, match, event, requested_by="alice", directory=path.parent, at=NOW)
        return keeping.keep(tx, plan, command="test", at=NOW), match


def past_run(tx: Any, plan: Record, number: int, outcome: str, duration_ms: int, price: int | None) -> None:
    name = f"wf_run{number}"
    tx.execute(
        "INSERT INTO wf_plan(plan_id, match_id, plan_hash, workflow, risk, requested_by) VALUES (?, ?, ?, ?, 'low', 'a')",
        (f"wf_plan{number}", plan["match_id"], str(number), plan["workflow"]),
    )
    tx.execute(
        "INSERT INTO wf_run(run_id, plan_id, status, started_at, finished_at, decision_id) VALUES (?, ?, ?, 'x', ?, 'd')",
        (name, f"wf_plan{number}", outcome, f"2026-11-{number:02d}"),
    )
    tx.execute(
        "INSERT INTO wf_step(run_id, step, attempt, workflow, duration_ms, outcome) VALUES (?, 'only', 1, ?, ?, ?)",
        (name, plan["workflow"], duration_ms, json.dumps({"status": outcome})),
    )
    if price is not None:
        tx.execute(
            "INSERT INTO model_call(id, at, command, run_id, model, provider, purpose, prompt_tokens, price_microunits, currency)"
            " VALUES (?, 'x', 'wf-run', ?, 'm', 'local', 'chat', 100, ?, 'USD')",
            (f"call{number}", f"charge{number}", price),
        )
        tx.execute("INSERT INTO model_account(run_id, account) VALUES (?, ?)", (f"charge{number}", f"run:{name}"))


def test_estimates_and_confidence_rest_on_past_runs(state: State, webhook: Record, simple: Simple) -> None:
    plan, match = stored(state, webhook, simple())
    with state.read() as tx:
        assert estimates.estimate(tx, plan) == {
            "longest_s": 300.0, "cost_usd": 0.0, "known_steps_ratio": 0.0, "past_runs_count": 0,
        }  # fmt: skip
        first, factors = estimates.confidence(tx, plan, match)
    assert first == 0.5
    assert {each["factor"]: each["ratio"] for each in factors} == {"match": 1.0, "known steps": 0.5}
    with state.write() as tx:
        past_run(tx, plan, 1, "succeeded", 2000, 30_000)
        past_run(tx, plan, 2, "succeeded", 4000, 10_000)
    with state.read() as tx:
        found = estimates.estimate(tx, plan)
        good, _ = estimates.confidence(tx, plan, match)
        half, _ = estimates.confidence(tx, plan, {**match, "certainty_ratio": 0.5})
    assert found == {
        "duration_s": 3.0, "longest_s": 300.0, "cost_usd": 0.02, "known_steps_ratio": 1.0, "past_runs_count": 2,
        "tokens": 100, "past_success_ratio": 1.0,
    }  # fmt: skip
    assert (good, half) == (1.0, 0.5)
    with state.write() as tx:
        for number in range(3, 7):
            past_run(tx, plan, number, "failed", 1000, None)
    with state.read() as tx:
        bad, factors = estimates.confidence(tx, plan, match)
    assert bad < 0.3
    assert "step 'only' succeeded in 2 of 6 attempts" in [each["why"] for each in factors]


def test_the_instances_of_a_loop_are_taken_together_and_what_was_skipped_says_nothing(
    state: State, webhook: Record, simple: Simple
) -> None:
    plan, match = stored(state, webhook, simple())
    inner = {**plan["steps"][0], "name": "inner", "needs": []}
    outer = {
        **inner,
        "name": "outer",
        "action": "workflow",
        "each": "${steps.x.output}",
        "parallel": 4,
        "workflow": {"steps": [inner]},
    }
    looped = {**plan, "steps": [outer, {**inner, "name": "rare"}]}
    with state.write() as tx:
        past_run(tx, plan, 1, "succeeded", 1000, None)
        for name, status, duration_ms in (
            ("outer[0]/inner", "succeeded", 100),
            ("outer[1]/inner", "failed", 300),
            ("outer[0]/innermost", "failed", 9),
            ("rare", "skipped", 0),
        ):
            tx.execute(
                "INSERT INTO wf_step(run_id, step, attempt, workflow, duration_ms, outcome) VALUES ('wf_run1', ?, 1, ?, ?, ?)",
                (name, plan["workflow"], duration_ms, json.dumps({"status": status})),
            )
    with state.read() as tx:
        found = estimates.estimate(tx, looped)
        _, factors = estimates.confidence(tx, looped, match)
    assert (found["duration_s"], found["known_steps_ratio"]) == (0.2, 0.5)
    assert "step 'outer/inner' succeeded in 1 of 2 attempts" in [each["why"] for each in factors]


def test_the_probable_time_is_that_of_the_longest_way(
    state: State, webhook: Record, write: Callable[[str, str], Path]
) -> None:
    lines = "".join(f"  - {{name: {name}, role: data, needs: [{needs}], wait: {wait}, effects: []}}\n" for name, needs, wait in
                    (("a", "", "10s"), ("b", "a", "20s"), ("c", "a", "5s"), ("d", "b, c", "1s")))  # fmt: skip
    path = write("t.yaml", "workflow: t\nversion: 1\ntrigger: {type: alertmanager.alert.firing}\nsteps:\n" + lines)
    plan, _ = stored(state, webhook, path)
    with state.read() as tx:
        found = estimates.estimate(tx, plan)
    assert (found["duration_s"], found["longest_s"]) == (31.0, 31.0)


def test_an_estimate_is_no_part_of_what_is_approved(state: State, webhook: Record, simple: Simple) -> None:
    plan, _match = stored(state, webhook, simple())
    with state.read() as tx:
        more = {"estimate": estimates.estimate(tx, plan), "confidence_ratio": 0.1, "confidence": []}
        assert records.get(tx, plan["id"])
    assert keeping.plan_hash({**plan, **more}) == plan["plan_hash"]


@pytest.mark.slow
def test_mermaid_itself_reads_what_is_written_for_it(tmp_path: Path) -> None:
    modules = os.environ.get("MERMAID_FOLDER", "")
    if not modules or not shutil.which("node"):
        pytest.skip("MERMAID_FOLDER names no folder in which npm has installed mermaid and jsdom, or node is missing")
    script = Path(modules) / "roadmap-check.mjs"
    script.write_text(
        "import { JSDOM } from 'jsdom'; import fs from 'fs';\n"
        "globalThis.window = new JSDOM('').window; globalThis.document = window.document;\n"
        "const mermaid = (await import('mermaid')).default;\n"
        "console.log((await mermaid.parse(fs.readFileSync(0, 'utf8'))).diagramType);\n"
    )
    text = graph.text(onboarding(tmp_path), "mermaid")
    for given_text, code in ((text, 0), (text.replace("-->", "-+->"), 1)):
        done = subprocess.run(
            ["node", script.name], cwd=modules, input=given_text, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr
    script.unlink()
