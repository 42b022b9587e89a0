"""Many candidates in one loaded session: each is judged rightly whatever the others do, and the folder is put back."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from roadmap_cli.agent.code.project import read
from roadmap_cli.agent.drivers.synthesis import Synthesis
from roadmap_cli.agent.repair.driver import Case, Problem, Verdict
from roadmap_cli.agent.repair.probing import prepare
from roadmap_cli.agent.repair.search import Search
from roadmap_cli.agent.sandbox import Limits
from roadmap_cli.agent.testing.bench import Bench, Trial
from roadmap_cli.agent.testing.toolchain import understand

sys.path.insert(0, str(Path(__file__).parent))
from bench_ground import TEST, project

CODE = '''import functools

seen = []


def scale(n, by=2):
    """Twice."""
    return n * 3


@functools.lru_cache
def cached(n):
    return n + 2


def both(row):
    total = 0
    for n in row:
        total += scale(n)
    return total


def later(n):
    raise NotImplementedError
'''
TESTS = """import pytest
from shop import both, cached, later, scale, seen

def test_scale():
    assert scale(1) == 2
    assert scale(0) == 0
    assert scale(5) == 10
    assert not seen

def test_both():
    assert both([1, 2]) == 6

@pytest.mark.parametrize("n", [3, 4])
def test_cached(n):
    assert cached(n) == n + 1

def test_later(tmp_path):
    assert later(3) == 10
    assert later(0) == 1
    assert later(-2) == 5
    assert later(10) == 101
"""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    works = subprocess.run(["bwrap", "--unshare-pid", "--ro-bind", "/", "/", "true"], check=False, capture_output=True)
    if works.returncode:
        pytest.skip(f"bubblewrap cannot work here: {works.stderr.decode()}")
    folder = project(tmp_path_factory.mktemp("trials") / "p", shop__py=CODE, test_code__py=TESTS)
    command = understand(TEST, folder, {"PATH": "/nonexistent"}, sys.executable)
    with Bench(read(folder), command, Limits()) as opened:
        yield opened


def searching(bench: Bench, notes: list[Verdict] | None = None) -> tuple[Search, Case]:
    run = bench.run({}, test_seconds=2, seconds=20)
    assert run.finished
    case = Case(run.failing, list(run.outcomes), 0.5, {})
    search = Search(
        bench, bench.project, pytest=True, pause=lambda: False,
        note=notes.append if notes is not None else lambda verdict: None,
    )  # fmt: skip
    prepare(bench, bench.project, case)
    return search, case


def change(old: str, new: str) -> tuple[str, list[tuple[int, int, str]]]:
    start = CODE.index(old)
    return "shop.py", [(start, start + len(old), new)]


def test_the_tests_are_taken_apart_and_the_code_is_watched(bench: Bench) -> None:
    _, case = searching(bench)
    assert case.probes
    assert {"test_code.py::test_scale__part1", "test_code.py::test_scale__part3"} <= set(case.probes.failing)
    assert "test_code.py::test_scale__part2" in case.probes.passing
    line = CODE[: CODE.index("def scale")].count("\n") + 1
    assert case.probes.types[f"shop.py:{line}:scale"] == {"#": 6, "n": ["int"], "by": ["int"], "return": ["int"]} or (
        case.probes.types[f"shop.py:{line}:scale"]["return"] == ["int"]
    )
    scores = case.suspicion["shop.py"]
    assert scores[line + 2] > 0.4


def test_each_candidate_is_judged_by_itself(bench: Bench) -> None:
    _, case = searching(bench)
    assert case.probes
    scale = [t for t in case.probes.failing if "scale" in t or "both" in t]
    probes = replace(case.probes, failing=tuple(scale))
    body = "return n * 3"
    words = [
        "return n * 2", "return n * 4", "return 9 ** 9 ** 9", "while True: pass", "return [0] * 10 ** 10", "import os; os._exit(0)",
        "return n *", "seen.append(n); return n * 2", "return n * by", "raise KeyboardInterrupt", "import os; os.kill(os.getpid(), 9)",
        "return n + n",
    ]  # fmt: skip
    started = time.monotonic()
    found = bench.trials([change(body, word) for word in words], probes, seconds=60)
    passed = {word for word, trial in zip(words, found, strict=True) if trial.passes}
    assert passed == {"return n * 2", "return n * by", "return n + n"}, found
    assert [found[2].word, found[5].word, found[6].word, found[10].word] == ["", "died", "invalid", "hung"]
    assert time.monotonic() - started < 50
    assert bench.trials([change(body, "while True: pass")], probes, seconds=0.0) == [Trial(word="late")]


def test_what_disturbs_the_process_costs_no_other_its_chance(bench: Bench) -> None:
    """A candidate that leaves something behind makes the batch run again, each candidate in a process of its own."""
    _, case = searching(bench)
    assert case.probes
    probes = replace(case.probes, failing=tuple(t for t in case.probes.failing if "scale" in t))
    before = bench.disturbed
    found = bench.trials(
        [change("return n * 3", "seen.append(n); return n * 2"), change("return n * 3", "return n * 2")],
        probes,
        seconds=30,
    )
    assert [trial.passes for trial in found] == [False, True]
    assert bench.disturbed == before + 1


def test_caches_hold_nothing_from_the_candidate_before(bench: Bench) -> None:
    _, case = searching(bench)
    assert case.probes
    probes = replace(case.probes, failing=tuple(t for t in case.probes.failing if "cached" in t))
    assert len(probes.failing) == 2
    found = bench.trials([change("return n + 2", f"return n + {k}") for k in (3, 1, 0)], probes, seconds=30)
    assert [trial.passes for trial in found] == [False, True, False]


def test_a_changed_file_is_put_back_before_the_next_run(bench: Bench) -> None:
    right = CODE.replace("n * 3", "n * 2")
    assert "test_code.py::test_scale" in bench.run({"shop.py": right}, test_seconds=2, seconds=20).passing
    assert "test_code.py::test_scale" in bench.run({}, test_seconds=2, seconds=20).failing


def test_what_behaves_alike_is_seen_on_other_inputs(bench: Bench) -> None:
    _, case = searching(bench)
    assert case.probes
    line = CODE[: CODE.index("def scale")].count("\n") + 1
    changes = [
        change("return n * 3", word) for word in ("return n * 2", "return n + n", "return abs(n) * 2 if n < 4 else 0")
    ]
    answer = bench.compare(("scale", line), "shop.py", changes, case.probes, count=40, seed=1, limit=0.1, seconds=20)
    unchanged, one, two, three = answer["outcomes"]
    assert len(answer["inputs"]) == len(one) >= 8
    assert one == two
    assert one not in (unchanged, three)


def test_a_missing_function_is_synthesised_and_confirmed_whole(tmp_path: Path) -> None:
    code = "def later(n):\n    raise NotImplementedError\n"
    folder = project(
        tmp_path / "p",
        shop__py=code,
        test_code__py="from shop import later\n" + TESTS[TESTS.index("def test_later") :],
    )
    command = understand(TEST, folder, {"PATH": "/nonexistent"}, sys.executable)
    notes: list[Verdict] = []
    with Bench(read(folder), command, Limits()) as bench:
        search, case = searching(bench, notes)
        found = search.run(Synthesis(2.0), Problem(read(folder), case))
    assert found is not None
    assert found.outcome == "confirmed"
    assert found.run.passing == ["test_code.py::test_later"], "the whole test, not its parts"
    space: dict[str, object] = {}
    exec(found.candidate.changed["shop.py"], space)
    assert space["later"](7) == 50  # type: ignore[operator]
    assert all(verdict.outcome in ("confirmed", "regressed", "refuted") for verdict in notes)
