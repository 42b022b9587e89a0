"""How many small programs a language model repairs by itself: one JSON record for each, and one for all of them.

    llm_repair.py [PROGRAM]...    without a name, all of them

MODEL is a name as `agent-loop` takes it (the default model of the registry without one), SAMPLES how often it is asked
in a round (4), ROUNDS how many rounds (2), SECONDS the longest time for a program (120). Each program is a project with
one fault and its tests; what the model proposes is judged by the whole suite in the sandbox, as in `agent-loop`.
"repaired" means that all tests passed; each program also has further tests that were not shown, and "held_out" says
whether those pass, too.

TASKS names a file of HumanEvalFix tasks (humanevalpack.jsonl) to be taken instead, COUNT how many from its beginning:
the examples of the task are shown, the task's own tests are held out. Tasks whose examples pass already are left out.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from helping import tell_help

if TYPE_CHECKING:
    from roadmap_cli.agent.code.project import Project
    from roadmap_cli.agent.testing.bench import Bench

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "src"))
MODEL = os.environ.get("MODEL") or None
SAMPLES, ROUNDS = int(os.environ.get("SAMPLES", "4")), int(os.environ.get("ROUNDS", "2"))
SECONDS = float(os.environ.get("SECONDS", "120"))

#: name → (code, shown tests, held-out assertions)
PROGRAMS: dict[str, tuple[str, list[str] | str, list[str] | str]] = {
    "add": ("def add(a, b):\n    return a - b\n", ["add(2, 3) == 5", "add(0, 0) == 0"], ["add(-1, 4) == 3"]),
    "is_even": ("def is_even(n):\n    return n % 2 == 1\n", ["is_even(4)", "not is_even(7)"], ["is_even(0)", "not is_even(-3)"]),
    "largest": (
        "def largest(values):\n    best = values[0]\n    for value in values:\n        if value < best:\n            best = value\n    return best\n",
        ["largest([3, 9, 2]) == 9", "largest([5]) == 5"], ["largest([-4, -2, -9]) == -2"],
    ),
    "last": ("def last(values):\n    return values[len(values)]\n", ["last([1, 2, 3]) == 3", "last('ab') == 'b'"], ["last([7]) == 7"]),
    "greet": ("def greet(name):\n    return 'Hello, ' + nam + '!'\n", ["greet('Ann') == 'Hello, Ann!'"], ["greet('') == 'Hello, !'"]),
    "factorial": (
        "def factorial(n):\n    result = 0\n    for i in range(1, n + 1):\n        result *= i\n    return result\n",
        ["factorial(5) == 120", "factorial(1) == 1"], ["factorial(0) == 1", "factorial(7) == 5040"],
    ),
    "vowels": (
        "def vowels(text):\n    count = 0\n    for letter in text:\n        if letter in 'aeio':\n            count += 1\n    return count\n",
        ["vowels('queue') == 4", "vowels('sky') == 0"], ["vowels('unusual') == 4"],
    ),
    "overlap": (
        "def overlap(a, b, c, d):\n    '''Whether [a, b) and [c, d) share a point.'''\n    return a < d or c < b\n",
        ["overlap(1, 5, 4, 8)", "not overlap(1, 2, 3, 4)"], ["not overlap(3, 4, 1, 2)", "overlap(0, 9, 2, 3)"],
    ),
    "celsius": (
        "def celsius(fahrenheit):\n    return fahrenheit - 32 * 5 / 9\n", ["celsius(212) == 100", "celsius(32) == 0"], ["celsius(-40) == -40"],
    ),
    "unique": (
        "def unique(values):\n    seen = set()\n    found = []\n    for value in values:\n        if value in seen:\n            found.append(value)\n"
        "            seen.add(value)\n    return found\n",
        ["unique([1, 2, 1, 3, 2]) == [1, 2, 3]"], ["unique('abca') == ['a', 'b', 'c']", "unique([]) == []"],
    ),
    "median": (
        "def median(values):\n    ordered = sorted(values)\n    middle = len(ordered) // 2\n    if len(ordered) % 2:\n        return ordered[middle]\n"
        "    return (ordered[middle] + ordered[middle + 1]) / 2\n",
        ["median([3, 1, 2]) == 2", "median([4, 1, 2, 3]) == 2.5"], ["median([5]) == 5", "median([1, 9]) == 5"],
    ),
    "reverse_words": (
        "def reverse_words(text):\n    return ' '.join(reversed(text))\n",
        ["reverse_words('one two three') == 'three two one'"], ["reverse_words('a') == 'a'", "reverse_words('x y') == 'y x'"],
    ),
}  # fmt: skip


def main() -> None:
    from roadmap_cli.core import clock
    from roadmap_cli.state.keys import KeySource
    from roadmap_cli.state.store import State

    if os.environ.get("TASKS"):
        PROGRAMS.clear()
        PROGRAMS.update(_tasks(Path(os.environ["TASKS"]), int(os.environ.get("COUNT", "20"))))
    names = sys.argv[1:] or list(PROGRAMS)
    repaired = held_out = asked = 0
    spent = 0.0
    with tempfile.TemporaryDirectory() as home:
        environ = {
            **os.environ, "ROADMAP_MODELS": os.environ.get("ROADMAP_MODELS", str(ROOT / ".cache" / "models")),
        }  # fmt: skip
        keys = KeySource({"HOME": home}, None)
        with State.open(Path(home) / "state.db", mode="write", keys=keys, now=clock.system) as state:
            for name in names:
                told = _one(name, Path(home) / name, state, environ)
                asked += told["stopped"] != "left out"
                print(json.dumps(told), flush=True)
                repaired += told["repaired"] is True
                held_out += told["held_out"] is True
                spent += float(str(told["seconds"]))
    print(
        json.dumps(
            {
                "figure": "llm_repair",
                "model": MODEL or "default",
                "programs": asked,
                "repaired": repaired,
                "held_out": held_out,
                "seconds": round(spent, 1),
            }
        )
    )


def _tasks(file: Path, count: int) -> dict[str, tuple[str, str, str]]:
    """HumanEvalFix tasks as programs: the faulty one, its examples, its tests."""
    found = {}
    for line in file.read_text().splitlines()[:count]:
        task = json.loads(line)
        found[task["entry_point"]] = (task["prompt"] + task["buggy_solution"], task["example_test"], task["test"])
    return found


def _one(name: str, folder: Path, state: object, environ: dict[str, str]) -> dict[str, object]:
    from roadmap_cli.agent.code import project
    from roadmap_cli.agent.drivers.llm import LlmDriver, Settings
    from roadmap_cli.agent.repair.driver import Case, Problem
    from roadmap_cli.agent.repair.judge import Judge
    from roadmap_cli.agent.testing import localise
    from roadmap_cli.core import clock
    from roadmap_cli.models.ledger import Ledger
    from roadmap_cli.net.transport import Transport

    code, shown, hidden = PROGRAMS[name]
    _write(folder, name, code, shown)
    read = project.read(folder)
    with _bench(read, environ) as bench:
        first = bench.run({}, trace=read.sources(), test_seconds=5, seconds=60)
        if not first.failing:
            return {"program": name, "repaired": None, "held_out": None, "stopped": "left out", "seconds": 0.0}
        errors = {test: first.outcomes[test].get("error") or {} for test in first.failing}
        suspicion = localise.ochiai(first.lines, first.failing, first.passing)
        case = Case(first.failing, list(first.outcomes), 1.0, suspicion, errors=errors)
        started = time.monotonic()
        transport = Transport(state, command="agent-loop", offline=False, now=clock.system, environ=environ)  # type: ignore[arg-type]
        ledger = Ledger(state, "agent-loop", clock.system, run_id=f"bench_{name}")  # type: ignore[arg-type]
        driver = LlmDriver(
            environ=environ, ledger=ledger, transport=transport, model=MODEL,
            settings=Settings(samples=SAMPLES, rounds=ROUNDS), stop=lambda: time.monotonic() - started > SECONDS,
        )  # fmt: skip
        judge = Judge(bench, case, "pytest", whole_seconds=case.run_seconds)
        outcomes: list[str] = []
        changed: dict[str, str] = {}
        for candidate in driver.candidates(Problem(read, case)):
            verdict = judge.judge(candidate)
            driver.told(verdict)
            outcomes.append(verdict.outcome)
            if verdict.outcome == "confirmed":
                changed = dict(candidate.changed)
                break
        seconds = time.monotonic() - started
        transport.close()
    with state.read() as tx:  # type: ignore[attr-defined]
        row = tx.execute(
            "SELECT count(*), sum(prompt_tokens), sum(completion_tokens) FROM model_call WHERE run_id = ?",
            (f"bench_{name}",),
        ).fetchone()
        formats = tx.execute("SELECT body FROM record WHERE kind = 'agent.model_asked' ORDER BY at, id").fetchall()
    mine = [record for (text,) in formats if (record := json.loads(text)).get("run_id") == f"bench_{name}"]
    return {
        "program": name, "repaired": bool(changed), "held_out": bool(changed) and _passes(name, changed, hidden, folder.with_name(f"{name}-held-out"), environ),
        "candidates": len(outcomes), "calls": row[0], "prompt_tokens": row[1], "completion_tokens": row[2],
        "usable": sum(record["usable_count"] for record in mine), "unchanged": sum(record["unchanged_count"] for record in mine),
        "stopped": driver.stopped or "repaired", "seconds": round(seconds, 1),
    }  # fmt: skip


def _passes(name: str, changed: dict[str, str], hidden: list[str] | str, folder: Path, environ: dict[str, str]) -> bool:
    """Run the tests that were not shown, in a sandbox like the others."""
    from roadmap_cli.agent.code import project
    from roadmap_cli.agent.repair import judge

    _write(folder, name, changed["code_.py"], hidden)
    with _bench(project.read(folder), environ) as bench:
        run = bench.run({}, test_seconds=5, seconds=60)
    return judge.green(run, list(run.outcomes)) and len(run.passing) == (1 if isinstance(hidden, str) else len(hidden))


def _write(folder: Path, name: str, code: str, tests: list[str] | str) -> None:
    folder.mkdir()
    (folder / "code_.py").write_text(code)
    if isinstance(tests, str):
        body = tests.replace(f"\ncheck({name})", "\n")
        (folder / "test_code.py").write_text(f"from code_ import *\n\n{body}\n\ndef test_all():\n    check({name})\n")
        return
    bodies = [f"def test_{number}():\n    assert {words}\n" for number, words in enumerate(tests)]
    (folder / "test_code.py").write_text(f"from code_ import {name}\n\n\n" + "\n\n".join(bodies))


def _bench(read: Project, environ: dict[str, str]) -> Bench:
    from roadmap_cli.agent.sandbox import Limits
    from roadmap_cli.agent.testing import toolchain
    from roadmap_cli.agent.testing.bench import Bench

    command = toolchain.understand("pytest -q -p no:hypothesispytest", read.root, environ, sys.executable)
    return Bench(read, command, Limits(wall_s=900, cpu_s=900, memory_bytes=1 << 30))


if __name__ == "__main__":
    tell_help(__doc__)
    main()
