"""The loop on small real projects: it repairs, remembers, resumes, and never claims what the tests do not say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from roadmap_cli.agent import memory
from roadmap_cli.agent.code.project import read
from roadmap_cli.agent.repair.driver import Case
from roadmap_cli.agent.repair.judge import Judge
from roadmap_cli.agent.sandbox import Limits
from roadmap_cli.agent.testing.bench import Bench
from roadmap_cli.agent.testing.toolchain import understand
from roadmap_cli.core.errors import DataError
from roadmap_cli.why import decisions

sys.path.insert(0, str(Path(__file__).parent))
from bench_ground import TEST, of_kind, open_state, project, repair

BUGS = {
    "median_of_even_count": (
        "def median(values):\n    ordered = sorted(values)\n    middle = len(ordered) // 2\n    if len(ordered) % 2:\n"
        "        return ordered[middle]\n    return (ordered[middle] + ordered[middle + 1]) / 2\n",
        "from code_ import median\ndef test_odd():\n    assert median([3, 1, 2]) == 2\n"
        "def test_even():\n    assert median([4, 1, 2, 3]) == 2.5\n",
    ),
    "page_count": (
        "def pages(items, size):\n    if items == 0:\n        return 0\n    return items // size + 1\n",
        "from code_ import pages\ndef test_pages():\n    assert [pages(n, 10) for n in (0, 1, 9, 10, 11, 20)] == [0, 1, 1, 1, 2, 2]\n",
    ),
    "interval_overlap": (
        "def overlap(a, b, c, d):\n    '''Whether [a, b) and [c, d) share a point.'''\n    return a < d or c < b\n",
        "from code_ import overlap\ndef test_yes():\n    assert overlap(1, 5, 4, 8)\ndef test_no():\n    assert not overlap(1, 2, 3, 4)\n",
    ),
    "shared_default": (
        "def collect(item, into=[]):\n    into.append(item)\n    return into\n",
        "from code_ import collect\ndef test_fresh():\n    assert collect(1) == [1]\n    assert collect(2) == [2]\n"
        "def test_given():\n    assert collect(1, [0]) == [0, 1]\n",
    ),
    "endless_loop": (
        "def digits(number):\n    found = []\n    while number >= 0:\n        found.append(number % 10)\n        number //= 10\n"
        "    return found[::-1]\n",
        "from code_ import digits\ndef test_digits():\n    assert digits(1203) == [1, 2, 0, 3]\n",
    ),
    "return_in_loop": (
        "def total(prices, tax):\n    result = 0\n    for price in prices:\n        result += price * (1 + tax)\n"
        "        return result\n",
        "from code_ import total\ndef test_total():\n    assert total([10, 20], 0.5) == 45\ndef test_one():\n    assert total([10], 0) == 10\n",
    ),
}


@pytest.fixture(scope="module", autouse=True)
def _bubblewrap() -> None:
    works = subprocess.run(["bwrap", "--unshare-pid", "--ro-bind", "/", "/", "true"], check=False, capture_output=True)
    if works.returncode:
        pytest.skip(f"bubblewrap cannot work here: {works.stderr.decode()}")


@pytest.mark.parametrize("name", BUGS)
def test_repairs_a_bug(name: str, tmp_path: Path) -> None:
    code, tests = BUGS[name]
    folder = tmp_path / "p"
    folder.mkdir()
    (folder / "code_.py").write_text(code)
    (folder / "test_code.py").write_text(tests)
    with open_state(tmp_path) as state:
        status, records = repair(state, folder)
    assert status == "fixed", records[-1]
    [fix] = of_kind(records, "agent.fix")
    assert (folder / "code_.py").read_text() == code, "nothing is written without --apply"
    patched = subprocess.run(
        ["patch", "-p1"], cwd=folder, input=fix["diff"], text=True, capture_output=True, check=False
    )
    assert patched.returncode == 0, patched.stdout
    green = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], cwd=folder, capture_output=True, check=False
    )
    assert green.returncode == 0, green.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with the overlap bug."""
    code, tests = BUGS["interval_overlap"]
    return project(tmp_path / "p", span__py=code, test_span__py=tests.replace("code_", "span"))


def test_second_meeting_is_solved_by_replay_wherever_the_lines_have_moved(tmp_path: Path, folder: Path) -> None:
    with open_state(tmp_path) as state:
        first, _ = repair(state, folder)
        (folder / "span.py").write_text("'''Moved.'''\n\nimport math\n\n\n" + (folder / "span.py").read_text())
        second, records = repair(state, folder)
    assert (first, second) == ("fixed", "fixed")
    assert of_kind(records, "agent.fix")[0]["driver"] == "replay"
    assert records[-1]["candidate_count"] == 0
    tests_ms = of_kind(records, "agent.test_result")[0]["duration_ms"]
    own_ms = records[-1]["duration_ms"] - tests_ms
    assert own_ms < max(2000, 8 * tests_ms), "beyond the first run of the tests themselves; more on a busy machine"


def test_the_fix_is_a_decision_with_evidence(tmp_path: Path, folder: Path) -> None:
    with open_state(tmp_path) as state:
        _, records = repair(state, folder)
        [fix] = of_kind(records, "agent.fix")
        with state.read() as tx:
            chain = list(decisions.chain(tx, fix["decision_id"]))
    assert {"agent.test_result", "agent.suspicion", "agent.fix"} <= {record["kind"] for record in chain}
    assert [r["phase"] for r in chain if r["kind"] == "agent.test_result"] == ["before", "after"]


def test_apply_writes_the_fix(tmp_path: Path, folder: Path) -> None:
    (folder / "span.py").chmod(0o755)
    with open_state(tmp_path) as state:
        _, records = repair(state, folder, apply=True)
        assert records[-1]["applied"] is True
        assert "a < d and c < b" in (folder / "span.py").read_text()
        assert (folder / "span.py").stat().st_mode & 0o777 == 0o755
        status, _ = repair(state, folder)
    assert status == "already_green"
    assert sorted(path.name for path in folder.iterdir()) == ["span.py", "test_span.py"]


def test_apply_refuses_what_changed_meanwhile(tmp_path: Path, folder: Path) -> None:
    from roadmap_cli.agent.code.project import apply

    before = read(folder)
    (folder / "span.py").write_text("# mine\n")
    with pytest.raises(DataError, match="changed while"):
        apply(before, {"span.py": "# theirs\n"})
    assert (folder / "span.py").read_text() == "# mine\n"


def test_a_limit_pauses_and_the_next_run_repeats_nothing(tmp_path: Path, folder: Path) -> None:
    (folder / "test_span.py").write_text(
        "from span import overlap\ndef test_a():\n    assert overlap(1, 2, 3, 4) == 'never'\n"
    )
    seen: list[str] = []
    with open_state(tmp_path) as state:
        status, first = repair(state, folder, bounds={"candidates": 5}, tell_candidates=True)
        assert status == "paused"
        _, second = repair(state, folder, bounds={"candidates": 5}, tell_candidates=True)
        _, third = repair(state, folder, bounds={"candidates": 5}, tell_candidates=True, resume=first[0]["run_id"])
    runs = [first, second, third]
    seen = [record["patch"] for records in runs for record in of_kind(records, "agent.candidate")]
    assert len(seen) == len(set(seen)) == 15
    assert {records[0]["run_id"] for records in runs} == {first[0]["run_id"]}
    assert [records[-1]["total_candidate_count"] for records in runs] == [5, 10, 15]
    assert not any(of_kind(records, "agent.fix") for records in runs)


def test_resuming_after_a_change_is_refused(tmp_path: Path, folder: Path) -> None:
    (folder / "test_span.py").write_text("def test_a():\n    assert False\n")
    with open_state(tmp_path) as state:
        _, records = repair(state, folder, bounds={"candidates": 1})
        (folder / "new.py").write_text("x = 1\n")
        with pytest.raises(DataError, match="changed since"):
            repair(state, folder, resume=records[0]["run_id"])


@pytest.mark.parametrize(
    "forgery",
    ["import os\n    os._exit(0)", "import sys\n    sys.exit(0)", "import os, signal\n    os.kill(os.getpid(), signal.SIGKILL)",
     "import os\n    os.write(3, b'{}')\n    os._exit(0)",
     "import pytest\n    pytest.exit('done', returncode=0)",
     "import pytest\n    pytest.skip('not today')",
     "open('test_span.py', 'w').write('def test_yes(): pass')\n    import os\n    os._exit(0)"],
)  # fmt: skip
def test_a_run_that_leaves_early_is_not_green(tmp_path: Path, folder: Path, forgery: str) -> None:
    from roadmap_cli.agent.repair.judge import green
    from roadmap_cli.agent.sandbox import Limits
    from roadmap_cli.agent.testing.bench import Bench
    from roadmap_cli.agent.testing.toolchain import understand

    known = ["test_span.py::test_yes", "test_span.py::test_no"]
    command = understand("pytest -q", folder, {"PATH": "/nonexistent"}, sys.executable)
    cheat = {"span.py": f"def overlap(a, b, c, d):\n    {forgery}\n"}
    good = {"span.py": "def overlap(a, b, c, d):\n    return a < d and c < b\n"}
    with Bench(read(folder), command, Limits()) as bench:
        for swap in (False, True):
            run = bench.run(cheat, swap=swap, test_seconds=2, seconds=20)
            assert not green(run, known), run
        assert green(bench.run(good, test_seconds=2, seconds=20), known)


def test_unittest_and_a_plain_command(tmp_path: Path) -> None:
    code = "def clamp(value, low, high):\n    return max(low, max(value, high))\n"
    tests = (
        "import unittest\nfrom limits import clamp\nclass Clamp(unittest.TestCase):\n"
        "    def test_inside(self):\n        self.assertEqual(clamp(5, 0, 10), 5)\n"
        "    def test_above(self):\n        self.assertEqual(clamp(50, 0, 10), 10)\n"
        "    def test_below(self):\n        self.assertEqual(clamp(-5, 0, 10), 0)\n"
        "if __name__ == '__main__':\n    unittest.main()\n"
    )
    folder = project(tmp_path / "p", limits__py=code, test_limits__py=tests)
    for number, test in enumerate(("python3 -m unittest", f"{sys.executable} test_limits.py")):
        place = tmp_path / f"state{number}"
        place.mkdir()
        with open_state(place) as state:
            status, records = repair(state, folder, test)
        assert status == "fixed", (test, records)
        assert "min(value, high)" in of_kind(records, "agent.fix")[0]["diff"]


def test_two_faults_need_two_edits(tmp_path: Path) -> None:
    code = "def low(xs):\n    return max(xs)\n\n\ndef high(xs):\n    return min(xs)\n"
    tests = "from ends import high, low\ndef test_low():\n    assert low([2, 1, 3]) == 1\ndef test_high():\n    assert high([2, 1, 3]) == 3\n"
    folder = project(tmp_path / "p", ends__py=code, test_ends__py=tests)
    with open_state(tmp_path) as state:
        status, records = repair(state, folder)
    assert status == "fixed", records[-1]
    assert "+    return min(xs)" in of_kind(records, "agent.fix")[0]["diff"]


@pytest.mark.parametrize(
    ("test_file", "status"),
    [
        ("x = 1\n", "no_tests"),
        ("def test_a():\n    pass\n", "already_green"),
        (
            "import os, time\ndef test_a():\n    assert time.time_ns() // 1000 % 2 or os.urandom(1)[0] < 250 and 0\n",
            None,
        ),
        ("import time\ntime.sleep(100)\n", "hanging"),
        ("import os\nos._exit(0)\n", "broken"),
    ],
)
def test_what_is_not_a_plain_failure_is_named(tmp_path: Path, test_file: str, status: str | None) -> None:
    folder = project(tmp_path / "p", span__py="def f():\n    return 1\n", test_a__py=test_file)
    with open_state(tmp_path) as state:
        got, records = repair(state, folder, bounds={"suite_seconds": 2.0, "candidates": 20})
    assert got == status if status else got != "fixed"
    assert not of_kind(records, "agent.fix")


def test_a_test_that_alternates_is_called_flaky(tmp_path: Path) -> None:
    test = (
        "import pathlib, sys\ndef test_a():\n    import span\n    assert span.f() == 1\n"
        "def test_flaky():\n    import sys\n    assert sys.gettrace() is not None\n"
    )
    folder = project(tmp_path / "p", span__py="def f():\n    return 1\n", test_a__py=test)
    with open_state(tmp_path) as state:
        status, records = repair(state, folder)
    assert status == "unstable"
    assert of_kind(records, "agent.test_result")[1]["flaky"] == ["test_a.py::test_flaky"]


SHARED = BUGS["shared_default"][0]
OWN = SHARED.replace("into=[]):\n", "into=None):\n    into = [] if into is None else into\n")
TWO_IN_ORDER = (
    "from shared import collect\ndef test_one():\n    assert collect(1) == [1]\n"
    "def test_two():\n    assert collect(2) == [2]\n"
)


def test_what_an_earlier_test_leaves_behind_is_mended(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", shared__py=SHARED, test_shared__py=TWO_IN_ORDER)
    with open_state(tmp_path) as state:
        status, records = repair(state, folder)
    assert status == "fixed", records[-1]
    assert of_kind(records, "agent.fix")[0]["template"] == "mutable_default"


@pytest.mark.parametrize(
    ("failing", "stands"),
    [
        (["test_shared.py::test_two"], True),
        (["test_shared.py::test_one"], False),
        ([f"test_chance.py::test_chance[{number}]" for number in range(5)], False),
    ],
)
def test_a_change_stands_by_what_fails_alone_or_in_its_order_and_not_by_chance(
    tmp_path: Path, failing: list[str], stands: bool
) -> None:
    folder = project(
        tmp_path / "p", shared__py=SHARED, test_shared__py=TWO_IN_ORDER,
        test_chance__py="import os\nimport pytest\n@pytest.mark.parametrize('number', range(5))\n"
        "def test_chance(number):\n    assert os.urandom(1)[0] % 2\n",
    )  # fmt: skip
    command = understand(TEST, folder, {"PATH": "/nonexistent"}, sys.executable)
    with Bench(read(folder), command, Limits()) as bench:
        judge = Judge(bench, Case(failing, failing, 2.0, {}), "pytest")
        assert judge.stands({"shared.py": OWN}, 4) is stands


def test_dry_run_changes_nothing(tmp_path: Path, folder: Path) -> None:
    from roadmap_cli.core import clock
    from roadmap_cli.state.keys import KeySource
    from roadmap_cli.state.store import State

    before = read(folder).digest
    environ = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    path = tmp_path / "state.db"
    with State.open(path, mode="write", keys=KeySource(environ, None), now=clock.system, dry_run=True) as state:
        status, records = repair(state, folder, apply=True)
    assert status == "fixed"
    assert records[-1]["applied"] is False
    assert read(folder).digest == before
    assert not path.exists()


def test_tests_are_never_edited(tmp_path: Path) -> None:
    folder = project(
        tmp_path / "p",
        span__py="def f():\n    return 1\n",
        test_a__py="from span import f\ndef test_a():\n    assert f() == 1 + 1 + 1 + 1\n",
    )
    with open_state(tmp_path) as state:
        _, records = repair(state, folder, tell_candidates=True, bounds={"candidates": 100})
    assert {record["file"] for record in of_kind(records, "agent.candidate")} <= {"span.py"}


def test_what_was_refuted_is_known_for_the_same_tests_only(tmp_path: Path) -> None:
    with open_state(tmp_path) as state, state.write() as tx:
        memory.start_run(tx, "agent_r", "/p", "t", "d", "2026-11-23T09:00:00.000Z")
        attempts = [memory.Attempt(f"p{n}", "compare", "confirmed" if n < 5 else "refuted", 1) for n in range(20)]
        attempts += [memory.Attempt(f"q{n}", "variable", "refuted", 1) for n in range(200)]
        memory.note_attempts(tx, "agent_r", "s", "u", attempts, "2026-11-23T09:00:00.000Z")
        assert len(memory.refuted(tx, "s", "u")) == 215
        assert memory.refuted(tx, "s", "other") == frozenset()
