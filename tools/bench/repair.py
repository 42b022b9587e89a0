"""Figures of repair without a language model: plausible, exact, in agreement with the reference, and at what cost.

Input is a HumanEvalPack file (JSON lines: declaration, buggy_solution, canonical_solution, test) or a folder of
projects, each a folder whose tests fail (with --reference, a folder of the same names with the correct files). Each
task runs on the real bench and search in the sandbox. Limits are processor time of the agent and its sandbox
together, so that a busy machine refutes nothing; wall time is told beside it. "Plausible" is that the whole suite is
green; "wrong" is a plausible repair that differs from the reference on an input like those of the tests.

Prints one JSON record per task and one bench.figure per summary figure.
Usage: python tools/bench/repair.py FILE|FOLDER [--seconds S] [--only MOD:REM] [--priors hand|flat|learned]
       [--learn-on FILE] [--learn-only MOD:REM] [--docstrings] [--driver template|synthesis] [--blank] [--jobs N]
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from spending import spent_by

ROOT = Path(__file__).resolve().parents[2]
sys.path[:1] = [str(ROOT / "src"), str(ROOT / "tools")]  # without this folder: a module here is called queue
TEST = "pytest -q -p no:hypothesispytest -p no:randomly -p no:cov"


def figure(name, value, unit, peer="", peer_value=None, **more):
    record = {"kind": "bench.figure", "name": name, "value": round(value, 3), "unit": unit}
    if peer:
        record |= {"peer": peer, "peer_value": round(peer_value, 3)}
        record |= {"ratio": round(value / peer_value, 3)} if peer_value else {}
    print(json.dumps(record | more), flush=True)


# -- tasks ---------------------------------------------------------------------------------------------------------------


def of_pack(line, docstrings, blank):
    """A HumanEvalPack line as a project: one module, one test file."""
    task = json.loads(line)
    head = task["prompt"] if docstrings else task["declaration"]
    body = "    raise NotImplementedError\n" if blank else task["buggy_solution"]
    tree = ast.parse(task["test"])
    before, inner = [], []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "check":
            inner = node.body
        elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
            before.append(node)
    # the parameter of `check` has the function's own name
    test = ast.parse("from solution import *\n\ndef test_it():\n    pass\n")
    test.body[-1].body = inner
    test.body[1:1] = before
    return {
        "name": task["task_id"], "type": "missing body" if blank else task["bug_type"], "file": "solution.py",
        "files": {"solution.py": head + body, "test_solution.py": ast.unparse(test) + "\n"},
        "reference": head + task["canonical_solution"], "function": task["entry_point"],
        "goal": f"Fix bugs in {task['entry_point']}.",
    }  # fmt: skip


def of_folder(folder, reference):
    """A project as it lies in a folder."""
    files = {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*.py"))}
    right = {}
    if reference:
        right = {
            name: (reference / folder.name / name).read_text()
            for name in files
            if (reference / folder.name / name).is_file()
        }
    changed = [name for name in right if right[name] != files[name] and not Path(name).name.startswith("test_")]
    return {
        "name": folder.name, "type": "project", "files": files, "folder": str(folder), "function": None,
        "file": changed[0] if changed else None, "reference": right[changed[0]] if changed else None,
    }  # fmt: skip


def tasks(path, only, chosen):
    if path.is_dir():
        found = [of_folder(p, chosen.reference) for p in sorted(path.iterdir()) if p.is_dir()]
    else:
        found = [
            of_pack(line, chosen.docstrings, chosen.blank) for line in path.read_text().splitlines() if line.strip()
        ]
    if only:
        modulus, rest = map(int, only.split(":"))
        numbers = [
            int("".join(c for c in task["name"].rpartition("/")[2] if c.isdigit()) or at)
            for at, task in enumerate(found)
        ]
        found = [task for task, number in zip(found, numbers, strict=True) if number % modulus == rest]
    if chosen.tasks:
        found = [task for task in found if task["name"].rpartition("/")[2] in chosen.tasks.split(",")]
    if not found:
        sys.exit(f"{path}: no task is left of those by {only or chosen.tasks or 'its name'}")
    return found


# -- one task ------------------------------------------------------------------------------------------------------------


def plain_tree(text):
    tree = ast.parse(text)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and len(body) > 1
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
        ):
            del body[0]
    return ast.dump(tree)


def first_case(bench):
    """The case after a plain run; the search's preparation traces."""
    from roadmap_cli.agent.repair.driver import Case

    first = bench.run({}, test_seconds=2.0, seconds=60)
    if not first.failing:
        return None
    slowest = max((first.outcomes[test].get("seconds", 0.0) for test in first.passing), default=0.1)
    known = [
        test
        for test in first.outcomes
        if first.outcomes[test]["status"] != "skipped" and not test.startswith("collect:")
    ]
    errors = {test: first.outcomes[test].get("error") or {} for test in first.failing}
    return Case(first.failing, known, min(5.0, max(0.2, 10 * slowest)), {}, errors=errors)


def solve(task, chosen, preference):
    from roadmap_cli.agent.code.project import read
    from roadmap_cli.agent.drivers.templates import Templates
    from roadmap_cli.agent.repair.driver import Problem
    from roadmap_cli.agent.repair.probing import prepare
    from roadmap_cli.agent.repair.search import Patience, Search
    from roadmap_cli.agent.sandbox import Limits
    from roadmap_cli.agent.testing import toolchain
    from roadmap_cli.agent.testing.bench import Bench

    result = {"kind": "bench.task", "task": task["name"], "type": task["type"], "plausible": False}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "p")
        if task.get("folder"):
            shutil.copytree(task["folder"], place)
        else:
            place.mkdir()
            for name, text in task["files"].items():
                (place / name).write_text(text)
        project = read(place)
        command = toolchain.understand(TEST, place, {"PATH": os.environ["PATH"]}, sys.executable)
        own = time.process_time()
        with Bench(project, command, Limits(wall_s=600, cpu_s=600)) as bench:
            bench.open()
            began = time.monotonic()

            def cpu():
                sandbox = spent_by(bench._process.pid) if bench._process else 0.0
                return time.process_time() - own + sandbox

            case = first_case(bench)
            if case is None:
                return result | {"word": "no failing test"}

            def note(verdict):
                if verdict.outcome == "confirmed":
                    result.setdefault("first_at", sum(tried))
                tried.append(1)

            tried = []
            search = Search(
                bench, project, pytest=True, note=note, patience=Patience(most=chosen.patience),
                pause=lambda: cpu() > chosen.seconds or time.monotonic() - began > 8 * chosen.seconds,
            )  # fmt: skip
            prepare(bench, project, case)
            ready, prepared = time.monotonic(), cpu()
            problem = Problem(project, case, task.get("goal", ""))
            if chosen.driver == "synthesis":
                from roadmap_cli.agent.drivers.synthesis import Synthesis

                driver = Synthesis()
            else:
                driver = Templates(preference)
            found = search.run(driver, problem)
            wall, used = time.monotonic() - began, cpu()
            result |= {
                "plausible": found is not None, "candidates": len(tried), "wall_s": round(wall, 2), "cpu_s": round(used, 2),
                "per_s": round(len(tried) / max(1e-3, time.monotonic() - ready)), "paused": search.paused,
                "prepared_cpu_s": round(prepared, 2),
                "probes": [len(case.probes.failing), len(case.probes.passing)] if case.probes else None,
                "disturbed": bench.disturbed,
            }  # fmt: skip
            if found is not None:
                text = found.candidate.changed.get(task["file"], "")
                result |= {"template": found.candidate.template, "alternatives": len(search.plausible)}
                result["lessons"] = [] if chosen.driver == "synthesis" else driver.lessons(found.candidate)
                if chosen.verbose:
                    import difflib

                    before = task["files"][task["file"]].splitlines()
                    result["diff"] = [
                        line
                        for line in difflib.unified_diff(before, text.splitlines(), n=0, lineterm="")
                        if line[:2] not in ("--", "++", "@@")
                    ]
                if task["reference"] and text:
                    result["exact"] = plain_tree(text) == plain_tree(task["reference"])
                    result |= agreement(bench, task, found, case)
    return result


def agreement(bench, task, found, case):
    """On how many inputs like those of the tests the repair and the reference differ."""
    from roadmap_cli.agent.code.source import Edit, trimmed
    from roadmap_cli.agent.repair import voting

    before = task["files"][task["file"]].encode()
    place = voting.outermost(bench.project, found.candidate)
    if task["function"]:
        node = next(n for n in ast.parse(before).body if isinstance(n, ast.FunctionDef) and n.name == task["function"])
        place = (node.name, node.lineno)
    if place is None or case.probes is None:
        return {}
    pair = []
    for text in (found.candidate.changed[task["file"]], task["reference"]):
        pair.append((task["file"], [trimmed(before, Edit(0, len(before), text, "", 1.0, 1))]))
    answer = bench.compare(place, task["file"], pair, case.probes, count=500, seed=20261127, limit=0.2, seconds=90)
    rows = answer.get("outcomes", [])
    if len(rows) != 3 or not rows[1] or not rows[2]:
        return {"agreement": "unknown"}
    pairs = [(own, right) for own, right in zip(rows[1], rows[2], strict=True) if not right.startswith("(")]
    differing = [
        at
        for at, (own, right) in enumerate(zip(rows[1], rows[2], strict=True))
        if not right.startswith("(") and own != right
    ]
    told = {"inputs": len(pairs), "differing": len(differing)}
    if differing:
        told["example"] = [answer["inputs"][at] for at in differing if at < len(answer["inputs"])][:2]
    return told


def attempt(arguments):
    task, chosen, preference = arguments
    try:
        return solve(task, chosen, preference)
    except Exception as error:  # one broken task must not end the others
        import traceback

        return {"kind": "bench.task", "task": task["name"], "type": task["type"], "plausible": False,
                "error": f"{type(error).__name__}: {error}", "trace": traceback.format_exc()[-600:]}  # fmt: skip


# -- all of them ---------------------------------------------------------------------------------------------------------


def run(found, chosen, preference, label):
    from concurrent.futures import ProcessPoolExecutor

    results = []
    with ProcessPoolExecutor(max_workers=min(2, chosen.jobs)) as pool:
        for result in pool.map(attempt, [(task, chosen, preference) for task in found]):
            told(result, label)
            results.append(result)
    return results


def told(result, label):
    print(json.dumps({k: v for k, v in result.items() if k != "lessons"} | {"run": label}), flush=True)


def learn(found, chosen, preference):
    """One task after the other, as a person's days bring them; each repair is learned from before the next."""
    results, lessons = [], []
    for task in found:
        result = attempt((task, chosen, preference))
        for lesson in result.get("lessons", ()):
            lessons.append(lesson)
            preference.learn(lessons)
        told(result, "learning")
        results.append(result)
    return results


def summary(results, label, chosen):
    total = len(results)
    good = [r for r in results if r["plausible"]]
    told = {"run": label, "limit_s": chosen.seconds}
    figure("plausible", len(good), "tasks", "all", total, share=round(len(good) / max(1, total), 3), **told)
    figure("exact", sum(bool(r.get("exact")) for r in good), "tasks", "plausible", len(good), **told)
    compared = [r for r in good if "differing" in r and r["inputs"]]
    wrong = [r for r in compared if r["differing"]]
    figure(
        "differ from the reference on some generated input",
        len(wrong),
        "tasks",
        "plausible and compared",
        len(compared),
        **told,
    )
    figure("differ on more than 2 % of inputs", sum(r["differing"] > 0.02 * r["inputs"] for r in compared), "tasks",
           "plausible and compared", len(compared), **told)  # fmt: skip
    figure("not compared", len(good) - len(compared), "tasks", **told)
    for kind in sorted({r["type"] for r in results}):
        these = [r for r in results if r["type"] == kind]
        figure(f"plausible: {kind}", sum(r["plausible"] for r in these), "tasks", "all", len(these), **told)
    for name in ("candidates", "wall_s", "cpu_s", "per_s"):
        values = [r[name] for r in results if name in r]
        if values:
            figure(
                f"{name}, median",
                statistics.median(values),
                name,
                mean=round(statistics.fmean(values), 2),
                most=max(values),
                **told,
            )
    if good:
        firsts = [r["first_at"] for r in good if "first_at" in r]
        if firsts:
            figure("candidates before the first repair, median", statistics.median(firsts), "candidates",
                   mean=round(statistics.fmean(firsts), 1), **told)  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--only", default="")
    parser.add_argument("--tasks", default="")
    parser.add_argument("--priors", choices=["hand", "flat", "learned"], default="hand")
    parser.add_argument("--learn-on", type=Path)
    parser.add_argument("--learn-only", default="")
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--docstrings", action="store_true")
    parser.add_argument("--blank", action="store_true")
    parser.add_argument("--driver", choices=["template", "synthesis"], default="template")
    parser.add_argument("--patience", type=float, default=3.0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--verbose", action="store_true")
    chosen = parser.parse_args()
    found = tasks(chosen.path, chosen.only, chosen)
    from roadmap_cli.agent.preference import FLAT, Preference

    if chosen.priors != "learned":
        results = run(found, chosen, Preference(start=FLAT) if chosen.priors == "flat" else None, chosen.priors)
        summary(results, chosen.priors, chosen)
        return
    learned = Preference(start=FLAT)
    lessons = learn(tasks(chosen.learn_on or chosen.path, chosen.learn_only, chosen), chosen, learned)
    summary(lessons, "learning", chosen)
    flat = run(found, chosen, Preference(start=FLAT), "flat")
    summary(flat, "flat", chosen)
    after = run(found, chosen, learned, "learned")
    summary(after, "learned", chosen)
    both = [
        (a["first_at"] + 1, b["first_at"] + 1)
        for a, b in zip(flat, after, strict=True)
        if a["plausible"] and b["plausible"]
    ]
    for name, mean in (
        ("mean", statistics.fmean),
        ("median", statistics.median),
        ("geometric mean", statistics.geometric_mean),
    ):
        if both:
            one, two = (mean([pair[at] for pair in both]) for at in (0, 1))
            figure(f"candidates of tasks solved by both, {name}: flat over learned", one / two, "times fewer",
                   flat=round(one, 1), learned=round(two, 1), tasks=len(both))  # fmt: skip


if __name__ == "__main__":
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
