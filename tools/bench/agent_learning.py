"""What the repair search learns: the second half of a set of tasks, cold against after learning on the first half.

    tools/bench/agent_learning.py FILE [--seconds S] [--keep OUTCOMES]

FILE is a HumanEvalPack JSON Lines file (bigcode-project/octopack, MIT: not part of this project). Every candidate edit
of a task is run once in the sandbox, its failing test first and the whole suite if that passes, and what came of it
kept. Then searches are replayed from these outcomes: cold, every edit of a line as likely as any other; learned, with
the counts that cold searches of the first half have left behind, by `memory.Priors`; by hand, with the templates' own
weights, for comparison. All start from the same suspicion (Ochiai). A search ends with the first edit that makes all
tests pass, or after CANDIDATES of them, which is what ten seconds allow. Halves are those of the file's order, and
twenty drawn at random, for one half is too small to tell much.
Prints JSON: bench.figure records.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import statistics
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "src"))
DATA = ROOT.parent / "shared" / "data" / "humanevalfix-python-dev.jsonl"
CANDIDATES = 400
HALVES = 20
#: Suspicion counts cubed beside the factors: a template decides between places that are about equally suspect.
POWER = 3

from roadmap_cli.agent import context as contexts  # noqa: E402
from roadmap_cli.agent import localise, search, signature, toolchain  # noqa: E402
from roadmap_cli.agent import project as projects  # noqa: E402
from roadmap_cli.agent.bench import Bench  # noqa: E402
from roadmap_cli.agent.driver import Case  # noqa: E402
from roadmap_cli.agent.memory.learning import Priors  # noqa: E402
from roadmap_cli.agent.sandbox import Limits  # noqa: E402
from roadmap_cli.agent.source import Source, compiles  # noqa: E402


@dataclass(frozen=True, slots=True)
class Trial:
    """A candidate edit: where and what, how suspect its place, and whether all tests passed with it."""

    template: str
    context: dict[str, str]
    suspicion: float
    weight: float
    order: tuple[Any, ...]
    good: bool


def tests_of(task: dict[str, Any]) -> str:
    """The task's assertions as one test each, which is what localisation needs."""
    tree = ast.parse(task["test"])
    lines = [f"from code_ import {task['entry_point']} as candidate", ""]
    count = 0
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "check":
            shared: list[str] = []
            argument = node.args.args[0].arg
            for inner in node.body:
                if isinstance(inner, ast.Assert):
                    count += 1
                    body = "\n".join([*shared, ast.unparse(inner)])
                    lines += [f"def test_{count}():", f"    {argument} = candidate", textwrap.indent(body, "    "), ""]
                else:
                    shared.append(ast.unparse(inner))
            if not count:
                lines += [
                    "def test_all():",
                    f"    {argument} = candidate",
                    textwrap.indent("\n".join(shared), "    "),
                    "",
                ]
        elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
            lines += [ast.unparse(node), ""]
    return "\n".join(lines)


def trials(task: dict[str, Any], seconds: float) -> list[Trial] | None:
    """Every candidate of a task, run; None if its tests do not fail plainly."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "p"
        folder.mkdir()
        (folder / "code_.py").write_text(task["declaration"] + task["buggy_solution"])
        (folder / "test_code.py").write_text(tests_of(task))
        project = projects.read(folder)
        environ = {"PATH": os.defpath, "HOME": place}
        command = toolchain.understand("pytest -q -p no:hypothesispytest", project.root, environ, sys.executable)
        with Bench(project, command, Limits(wall_s=600, cpu_s=600)) as bench:
            first = bench.run({}, trace=project.sources(), test_seconds=5, seconds=30)
            if not first.finished or not first.failing:
                return None
            known = list(first.outcomes)
            suspicion = localise.ochiai(first.lines, first.failing, first.passing)
            case = Case(first.failing, known, 0.5, suspicion)
            error = signature.of(first.failing[0], first.outcomes[first.failing[0]].get("error")).type
            runner = search.Search(
                bench, project, tried=(), weights={}, pytest=True, pause=lambda: False, note=lambda v: None
            )
            return list(_tried(project, case, runner, error, time.monotonic() + seconds))


def _tried(project: Any, case: Case, runner: Any, error: str, until: float) -> Iterator[Trial]:
    source = Source("code_.py", project.files["code_.py"])
    around = contexts.Contexts(source)
    known = {}
    for edit in search.statements.edits(source):
        known.setdefault(source.apply(edit), edit)
    for candidate in search.ranked(project, case, {}, {}, pytest=True):
        text = candidate.changed["code_.py"]
        if time.monotonic() > until:
            print("out of time", file=sys.stderr)
            return
        if not compiles(text):
            continue
        edit = known[text]
        suspicion = candidate.score / edit.weight
        verdict = runner.judge(candidate, case)
        order = (candidate.file, candidate.line, candidate.patch)
        found = around.of(edit, error)
        yield Trial(candidate.template, found, suspicion, edit.weight, order, verdict.outcome == "confirmed")


class Memory:
    """What searches leave behind, counted as the state does."""

    def __init__(self) -> None:
        self.templates: dict[str, tuple[int, int]] = {}
        self.trials: dict[tuple[str, str, str], tuple[int, int]] = {}

    def note(self, trial: Trial) -> None:
        """Count a trial."""
        tried, good = self.templates.get(trial.template, (0, 0))
        self.templates[trial.template] = tried + 1, good + trial.good
        for feature, value in contexts.joined(trial.context):
            key = trial.template, feature, value
            tried, good = self.trials.get(key, (0, 0))
            self.trials[key] = tried + 1, good + trial.good


def searched(trials: Sequence[Trial], score: Any, limit: int) -> tuple[int | None, list[Trial]]:
    """How many candidates until all tests pass, None if it was not found; and those that were run."""
    ranked = sorted(trials, key=lambda trial: (-score(trial), trial.order))
    for number, trial in enumerate(ranked[:limit], 1):
        if trial.good:
            return number, ranked[:number]
    return None, ranked[:limit]


def cold(trial: Trial) -> float:
    return trial.suspicion


def compared(first: Sequence[list[Trial]], second: Sequence[list[Trial]], limit: int) -> dict[str, float]:
    """Cold and learned searches of the second half."""
    memory = Memory()
    for task in first:
        for trial in searched(task, cold, limit)[1]:
            memory.note(trial)
    priors = Priors(memory.templates, memory.trials)
    before = [searched(task, cold, limit)[0] for task in second]
    after = [
        searched(task, lambda t: t.suspicion**POWER * priors.factor(t.template, t.context), limit)[0] for task in second
    ]
    hand = [searched(task, lambda t: t.suspicion**POWER * t.weight, limit)[0] for task in second]
    both = [(b, a) for b, a in zip(before, after, strict=True) if b and a]
    ratios = sum(b for b, _ in both) / max(1, sum(a for _, a in both))
    ours = [(h, a) for h, a in zip(hand, after, strict=True) if h and a]
    return {
        "tasks": len(second), "solved_cold": sum(map(bool, before)), "solved_learned": sum(map(bool, after)),
        "solved_hand": sum(map(bool, hand)), "mean_cold": statistics.mean(b for b, _ in both),
        "mean_learned": statistics.mean(a for _, a in both), "ratio": ratios,
        "median_cold": statistics.median(b for b, _ in both), "median_learned": statistics.median(a for _, a in both),
        "mean_hand": statistics.mean(h for h, _ in ours), "mean_learned_of_hand": statistics.mean(a for _, a in ours),
    }  # fmt: skip


def figures(found: dict[str, float], name: str) -> None:
    for key, value in found.items():
        print(json.dumps({"kind": "bench.figure", "name": f"agent_learning.{name}.{key}", "value": round(value, 3)}))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", nargs="?", type=Path, default=DATA)
    parser.add_argument("--seconds", type=float, default=60.0, help="most time for the candidates of one task")
    parser.add_argument("--keep", type=Path, help="keep the outcomes here, and use them if they are there")
    chosen = parser.parse_args()
    if not chosen.file.exists():
        print(f"agent_learning: {chosen.file} is not there; nothing measured", file=sys.stderr)
        return 0
    if chosen.keep and chosen.keep.exists():
        kept = [json.loads(line) for line in chosen.keep.read_text().splitlines()]
        ran = [[Trial(**{**trial, "order": tuple(trial["order"])}) for trial in task] for task in kept]
    else:
        ran = []
        for line in chosen.file.read_text().splitlines():
            task = json.loads(line)
            started = time.monotonic()
            found = trials(task, chosen.seconds)
            print(
                task["task_id"],
                len(found or ()),
                sum(t.good for t in found or ()),
                f"{time.monotonic() - started:.1f} s",
                file=sys.stderr,
            )
            ran.append(found or [])
        if chosen.keep:
            text = "".join(json.dumps([{n: getattr(t, n) for n in t.__slots__} for t in task]) + "\n" for task in ran)
            chosen.keep.write_text(text)
    ran = [task for task in ran if task]
    half = len(ran) // 2
    figures(compared(ran[:half], ran[half:], CANDIDATES), "in_order")
    halves = []
    for seed in range(HALVES):
        mixed = random.Random(seed).sample(ran, len(ran))
        halves.append(compared(mixed[:half], mixed[half:], CANDIDATES))
    figures({key: statistics.mean(each[key] for each in halves) for key in halves[0]}, "random_halves")
    ratios = sorted(each["ratio"] for each in halves)
    figures({"lowest": ratios[0], "highest": ratios[-1]}, "random_halves.ratio")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
