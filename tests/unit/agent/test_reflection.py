"""Why tests fail, told from small programs that really fail: run once in the sandbox, all of them together."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from roadmap_cli.agent import memory, reflection
from roadmap_cli.agent.code.project import Project, read
from roadmap_cli.agent.code.source import blocks
from roadmap_cli.agent.reflection import Ground, Hypothesis, differences, outcome
from roadmap_cli.agent.reflection.ground import Failure
from roadmap_cli.agent.sandbox import Limits
from roadmap_cli.agent.testing import bench as benches
from roadmap_cli.agent.testing import localise, signature, toolchain
from roadmap_cli.agent.testing.bench import Bench

sys.path.insert(0, str(Path(__file__).parent))
from bench_ground import open_state

AT = "2026-11-23T09:00:00.000Z"

#: name: code, body of the test, the rule that must come first, words of its statement, a template that it favours.
FAILING = {
    "off_by_one": (
        "def last_sum(xs):\n    total = 0\n    for i in range(len(xs) + 1):\n        total += xs[i]\n    return total\n",
        "assert last_sum([1, 2, 3]) == 6", "off_by_one_index", "i is 3, one beyond the 3 items of xs", "range_step",
    ),
    "empty": (
        "def first(xs):\n    return xs[0]\n",
        "assert first([]) is None", "index_of_empty", "xs is empty", "add_condition",
    ),
    "no_return": (
        "def clean(text):\n    text = text.strip()\n    if text:\n        return text.lower()\n\n\ndef words(text):\n"
        "    return clean(text).split()\n",
        "assert words('  ') == []", "missing_return", "clean ends without a return on some path", "missing_return",
    ),
    "text_and_number": (
        "def label(count):\n    name = 'item '\n    return name + count\n",
        "assert label(3) == 'item 3'", "mixed_types", "str and int meet", "convert",
    ),
    "near_key": (
        "def price(entry):\n    return entry['prise']\n",
        "assert price({'price': 3}) == 3", "misspelt_key", "no key 'prise', but one 'price'", "text",
    ),
    "key_type": (
        "def look(table, key):\n    return table[str(key)]\n",
        "assert look({1: 'a'}, 1) == 'a'", "key_of_other_type", "has the key 1, not '1'", "drop_call",
    ),
    "near_name": (
        "def area(width, height):\n    return width * hieght\n",
        "assert area(2, 3) == 6", "misspelt_name", "'height' is near", "variable",
    ),
    "near_attribute": (
        "class Box:\n    def __init__(self):\n        self.items = []\n\n    def add(self, x):\n        self.item.append(x)\n",
        "b = Box()\n    b.add(1)\n    assert b.items == [1]", "unknown_attribute", "'items' is near", "attribute",
    ),
    "unbound": (
        "def sign(x):\n    if x > 0:\n        found = 1\n    elif x < 0:\n        found = -1\n    return found\n",
        "assert sign(0) == 0", "read_before_set", "found is read on a path that never sets it", "initial_value",
    ),
    "zero": (
        "def mean(xs):\n    return sum(xs) / len(xs)\n",
        "assert mean([]) == 0", "division_by_zero", "len(xs) is 0", "add_condition",
    ),
    "stuck_recursion": (
        "def power(base, n):\n    if n == 0:\n        return 1\n    return base * power(base, n)\n",
        "assert power(2, 3) == 8", "recursion_stands_still", "calls itself with the same base, n", "step",
    ),
    "no_base": (
        "def fib(n):\n    if n == 1:\n        return 1\n    return fib(n - 1) + fib(n - 2)\n",
        "assert fib(4) == 3", "no_base_case", "past its base case", "compare",
    ),
    "stuck_loop": (
        "def halve(n):\n    steps = 0\n    while n > 1:\n        steps += 1\n    return steps\n",
        "assert halve(8) == 3", "loop_stands_still", "nothing in the loop changes n", "augmented",
    ),
    "endless_loop": (
        "def digits(n):\n    found = []\n    while n >= 0:\n        found.append(n % 10)\n        n //= 10\n    return found\n",
        "assert digits(12) == [2, 1]", "loop_never_ends", "n >= 0 stays true (n is 0)", "compare",
    ),
    "parts": (
        "def pair(text):\n    key, value = text.split('=')\n    return key, value\n",
        "assert pair('a=b=c') == ('a', 'b=c')", "wrong_number_of_parts", "too many values", "split_once",
    ),
    "one_less": (
        "def count_to(n):\n    return len(range(1, n))\n",
        "assert count_to(5) == 5", "differs_by_one", "gives 4 where 5 is expected: one too few", "range_step",
    ),
    "negated": (
        "def is_adult(age):\n    return age < 18\n",
        "assert is_adult(20) == True", "negated", "gives False where True is expected", "negate",
    ),
    "plain_truth": (
        "def is_even(n):\n    return n % 2 == 1\n",
        "assert is_even(4)", "negated", "gives False where True is expected", "compare",
    ),
    "nothing": (
        "def double(x):\n    x * 2\n",
        "assert double(2) == 4", "returns_nothing", "gives None where a value is expected", "add_return",
    ),
    "reverse": (
        "def back(xs):\n    return list(xs)\n",
        "assert back([1, 2, 3]) == [3, 2, 1]", "reversed", "reversed order", "slice",
    ),
    "unsorted": (
        "def ranks(xs):\n    return list(set(xs))\n",
        "assert ranks([33, 1, 17, 2]) == [1, 2, 17, 33]", "not_sorted", "not sorted", "convert",
    ),
    "short": (
        "def evens(xs):\n    found = []\n    for x in xs:\n        if x % 2 == 0:\n            found.append(x)\n"
        "            return found\n    return found\n",
        "assert evens([2, 4, 6]) == [2, 4, 6]", "stops_early", "stops after 1 of 3 items", "move_out",
    ),
    "case": (
        "def shout(text):\n    return text\n",
        "assert shout('abc') == 'ABC'", "other_case", "only upper and lower case differ", "function",
    ),
    "minus": (
        "def gap(a, b):\n    return a - b\n",
        "assert gap(3, 5) == 2", "sign_flipped", "the sign is flipped", "swap_operands",
    ),
    "operator": (
        "def both(a, b):\n    return a + b\n",
        "assert both(3, 5) == 15", "wrong_operator", "gives 3 + 5, expected is 3 * 5", "operator",
    ),
    "lets_through": (
        "def withdraw(balance, amount):\n    if amount < balance - 100:\n        raise ValueError('too much')\n"
        "    return balance - amount\n",
        "import pytest\n    with pytest.raises(ValueError):\n        withdraw(10, 20)", "raises_nothing", "let through", "compare",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, benches.TestRun]:
    """All failing programs as one project, run once with values and coverage."""
    works = subprocess.run(["bwrap", "--unshare-pid", "--ro-bind", "/", "/", "true"], check=False, capture_output=True)
    if works.returncode:
        pytest.skip(f"bubblewrap cannot work here: {works.stderr.decode()}")
    folder = tmp_path_factory.mktemp("p")
    for name, (code, test, *_) in FAILING.items():
        (folder / f"m_{name}.py").write_text(code)
        (folder / f"test_{name}.py").write_text(f"from m_{name} import *\ndef test_it():\n    {test}\n")
    (folder / "m_secret.py").write_text(
        "import os\nclass Login:\n    def __init__(self):\n        self.user, self.password = 'ann', 'hunter2'\n"
        "    def __repr__(self):\n        raise SystemExit('the project was asked')\n\n"
        "def connect(url, api_key):\n    login, env, header = Login(), os.environ, {'Authorization': 'Bearer abcdef123456'}\n"
        "    long = list(range(1000))\n    raise OSError('no')\n"
    )
    (folder / "test_secret.py").write_text(
        "from m_secret import connect\ndef test_it():\n    connect('https://ann:hunter2@example.org/', 'sk-1234567890abcdefgh')\n"
    )
    project = read(folder)
    command = toolchain.understand(
        "pytest -q -p no:hypothesispytest", project.root, {"PATH": os.defpath}, sys.executable
    )
    with Bench(project, command, Limits(wall_s=60)) as bench:
        run = bench.run({}, trace=project.sources(), values=True, test_seconds=0.2, seconds=50)
    assert run.finished, run.output
    return project, run


def reflected(ran: tuple[Project, benches.TestRun], name: str, **more: object) -> list[Hypothesis]:
    """What reflection says of one of them, as if it were alone."""
    project, run = ran
    test = f"test_{name}.py::test_it"
    files = {file: project.files[file] for file in (f"m_{name}.py", f"test_{name}.py")}
    error = run.outcomes[test].get("error")
    return reflection.reflect(files, {test: error}, localise.ochiai(run.lines, [test], []), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", FAILING)
def test_the_cause_is_named(ran: tuple[Project, benches.TestRun], name: str) -> None:
    _, _, kind, words, template = FAILING[name]
    found = reflected(ran, name)
    assert found, ran[1].outcomes[f"test_{name}.py::test_it"]
    best = found[0]
    assert best.kind == kind, [(h.kind, h.statement, h.confidence) for h in found]
    assert words in best.statement, best.statement
    assert best.file == f"m_{name}.py"
    assert best.line > 0
    assert best.favours.get(template, 1) > 1
    assert 0 < best.confidence <= 0.95
    assert best.predicts
    assert best.evidence == (f"test_{name}.py::test_it",)
    assert reflection.bias(found, template, best.file, best.line) > 1


def test_values_are_told_without_secrets_and_without_running_the_project(ran: tuple[Project, benches.TestRun]) -> None:
    error = ran[1].outcomes["test_secret.py::test_it"]["error"]
    assert error["type"] == "OSError"
    [frame] = [frame for frame in error["frames"] if frame["file"] == "m_secret.py"]
    told = json.dumps(error)
    for secret in ("hunter2", "abcdef123456", "1234567890abcdefgh"):
        assert secret not in told
    assert frame["values"]["login"] == "Login(user='ann', password=<redacted>)"
    assert frame["values"]["env"] == "<environ>"
    assert frame["values"]["api_key"] == "<redacted>"
    assert frame["values"]["long"].endswith("len=1000")
    assert len(frame["values"]["long"]) < 260
    assert frame["values"]["url"] == "'https://<redacted>@example.org/'"


def test_without_being_asked_the_bench_tells_no_values(tmp_path: Path, ran: tuple[Project, benches.TestRun]) -> None:
    project, _ = ran
    command = toolchain.understand(
        "pytest -q -p no:hypothesispytest", project.root, {"PATH": os.defpath}, sys.executable
    )
    with Bench(project, command, Limits(wall_s=60)) as bench:
        run = bench.run({}, tests=["test_empty.py::test_it"], test_seconds=1, seconds=20)
    error = run.outcomes["test_empty.py::test_it"]["error"]
    assert "compared" not in error
    assert not any("values" in frame for frame in error["frames"])


def test_unittest_tells_both_sides(tmp_path: Path, ran: tuple[Project, benches.TestRun]) -> None:
    (tmp_path / "calc.py").write_text("def inc(x):\n    return x\n")
    (tmp_path / "test_calc.py").write_text(
        "import unittest\nfrom calc import inc\nclass T(unittest.TestCase):\n    def test_inc(self):\n"
        "        self.assertEqual(inc(3), 4)\n"
    )
    project = read(tmp_path)
    command = toolchain.understand("python3 -m unittest", project.root, {"PATH": os.defpath}, sys.executable)
    with Bench(project, command, Limits(wall_s=60)) as bench:
        run = bench.run({}, trace=project.sources(), values=True, test_seconds=1, seconds=20)
    [test] = run.failing
    assert run.outcomes[test]["error"]["compared"] == {"op": "==", "left": "3", "right": "4"}
    found = reflection.reflect(
        project.files, {test: run.outcomes[test]["error"]}, localise.ochiai(run.lines, [test], [])
    )
    assert (found[0].kind, found[0].function) == ("differs_by_one", "inc")


# -- without a sandbox ---------------------------------------------------------------------------------------------

FILES = {
    "a.py": b"def f(x):\n    if x:\n        return 1\n    return 2\n\n\ndef g(x):\n    return x\n",
    "test_a.py": b"from a import f\ndef test_f():\n    assert f(0) == 3\n",
}
SUSPICION = {"a.py": {2: 0.5, 4: 1.0}}
ERROR = {
    "type": "AssertionError", "message": "assert 2 == 3", "frames": [{"file": "test_a.py", "function": "test_f", "line": 3}],
    "compared": {"op": "==", "left": "2", "right": "3"},
}  # fmt: skip


def test_many_tests_with_one_cause_make_one_hypothesis_of_more_confidence() -> None:
    one = reflection.reflect(FILES, {"t1": ERROR}, SUSPICION)[0]
    two = reflection.reflect(FILES, {"t1": ERROR, "t2": ERROR}, SUSPICION, evidence=["agent_1"])[0]
    assert two.confidence > one.confidence
    assert two.evidence == ("agent_1", "t1", "t2")


def test_what_was_changed_lately_is_suspected() -> None:
    before = FILES["a.py"].decode().replace("return 2", "return 3")
    lines = reflection.changed_lines(before, FILES["a.py"].decode())
    assert lines == [4]
    plain = {h.kind: h for h in reflection.reflect(FILES, {"t": ERROR}, SUSPICION)}
    found = {h.kind: h for h in reflection.reflect(FILES, {"t": ERROR}, SUSPICION, changed={"a.py": lines})}
    assert "changed_lately" not in plain
    assert found["changed_lately"].function == "f"
    assert found["differs_by_one"].confidence > plain["differs_by_one"].confidence
    assert reflection.changed_lines("a\nb\nc\n", "a\nc\n") == [2]


@pytest.mark.parametrize(
    "error",
    [
        None, {}, {"type": "X", "message": "", "frames": []},
        {"type": "AssertionError", "message": "", "frames": [], "compared": {"op": "==", "left": "[1, …", "right": "<Foo>"}},
        {"type": "IndexError", "message": "", "frames": [{"file": "gone.py", "function": "f", "line": 99}]},
        {"type": "TypeError", "message": "NoneType", "frames": [{"file": "a.py", "function": "f", "line": 999}]},
        {"type": "KeyError", "message": "[", "frames": [{"file": "a.py", "function": "f", "line": 2, "values": {"x": "{[]: 1}"}}]},
        {"type": "RecursionError", "message": "", "frames": [{"file": "a.py", "function": "f", "line": 2}] * 3},
        {"type": "roadmap_recorder.TimeLimit", "message": "", "frames": [{"file": "a.py", "function": "f", "line": 2}]},
    ],
)  # fmt: skip
def test_poor_evidence_makes_no_noise(error: dict[str, object] | None) -> None:
    for hypothesis in reflection.reflect({**FILES, "bad.py": b"def ("}, {"t": error}, {}):
        assert hypothesis.statement
        assert hypothesis.confidence < 0.8
    assert Failure.of("t", error).test == "t"
    assert Ground({"bad.py": b"\xff"}, {}).statement("bad.py", 1) is None


@pytest.mark.parametrize(
    ("actual", "expected", "kind"),
    [
        ([1, 2], [1, 2, 3], "misses_last"), ([2, 3], [1, 2, 3], "misses_first"), ([1, 2, 3, 4], [1, 2, 3], "one_more_last"),
        ([0, 1, 2], [1, 2], "one_more_first"), ([[1], [2]], [1, 2], "nested"), ([1, 1, 2, 2], [1, 2], "repeated"),
        ([3, 5], [1, 2, 3, 4, 5], "misses_some"), ([9, 1, 8, 2], [1, 2], "has_extra"), ([2, 3, 4], [1, 2, 3], "differs_by_one"),
        ("a b", "ab", "other_whitespace"), ("abc", "cba", "reversed"), ("", "abc", "empty_result"), ("ab", "abc", "misses_last"),
        (2.0, 2.7, "cut_to_an_integer"), (2.5, 2, "fraction_left"), (6, 12, "off_by_a_factor"), (0, 17, "returns_initial_value"),
        (float("inf"), 3, "returns_initial_value"), ("3", 3, "other_type"), ((1, 2), [1, 2], "other_container"), ([5], 5, "container_for_item"),
        ({"a": 1}, {"a": 2}, "differs_by_one"), ({1: "a"}, {"a": 1}, "keys_and_values_swapped"), ({"a": 1}, {"a": 1, "b": 2}, "misses_some"),
        ({1, 2, 3}, {1, 2}, "has_extra"), (7, None, "value_where_none"),
    ],
)  # fmt: skip
def test_differences(actual: object, expected: object, kind: str) -> None:
    found = list(differences.relations(actual, expected))
    assert found[0].kind == kind, found
    assert not list(differences.relations(expected, expected)) or expected is None


# -- how it turns out ----------------------------------------------------------------------------------------------


def test_hypotheses_turn_out_and_the_next_time_counts_it(tmp_path: Path) -> None:
    found = reflection.reflect(FILES, {"t": ERROR}, SUSPICION)
    failures = [("t", signature.of("t", ERROR))]
    with open_state(tmp_path) as state, state.write() as tx:
        memory.start_run(tx, "agent_r1", "/p", "t", "d", AT)
        name = memory.note_failure(tx, failures, AT)
        stored = reflection.store(tx, "agent_r1", name, found, AT)
        assert reflection.store(tx, "agent_r1", name, found, AT) == stored, "a resumed run does not make them anew"
        assert {record["status"] for record in outcome.of_run(tx, "agent_r1")} == {"open"}
        [best] = [h for h in stored if h.kind == "differs_by_one"]
        settled = dict(reflection.settle(tx, "agent_r1", {"a.py": [4]}, {"a.py": ["f"]}, "number", AT))
        assert settled[best.id] == "confirmed"
        again = {h.kind: h for h in reflection.weigh(tx, found, [failures[0][1]])}
        assert again["differs_by_one"].confidence > best.confidence
        assert best.id in again["differs_by_one"].evidence
        elsewhere = {
            h.kind: h for h in reflection.weigh(tx, found, [signature.of("u", {**ERROR, "message": "assert 'x'"})])
        }
        assert best.confidence < elsewhere["differs_by_one"].confidence < again["differs_by_one"].confidence
        assert outcome.rates(tx)["differs_by_one"] == (1, 0)

        memory.start_run(tx, "agent_r2", "/p", "t", "d", AT)
        reflection.store(tx, "agent_r2", name, found, AT)
        settled = dict(reflection.settle(tx, "agent_r2", {"a.py": [8]}, {"a.py": ["g"]}, "number", AT))
        assert set(settled.values()) == {"refuted"}
        assert not reflection.settle(tx, "agent_r2", {"a.py": [4]}, {}, "number", AT), "settled once"
        assert outcome.rates(tx)["differs_by_one"] == (1, 1)
        assert outcome.of_run(tx, "agent_r2")[0]["settled_at"] == AT


def test_a_repair_by_another_template_refutes_and_a_models_name_does_not(tmp_path: Path) -> None:
    found = reflection.reflect(FILES, {"t": ERROR}, SUSPICION)
    with open_state(tmp_path) as state, state.write() as tx:
        for run, template, expected in (("r1", "swap_arguments", "refuted"), ("r2", "smollm2", "confirmed")):
            memory.start_run(tx, run, "/p", "t", "d", AT)
            stored = reflection.store(tx, run, "sig", [h for h in found if h.kind == "differs_by_one"], AT)
            settled = reflection.settle(
                tx, run, {"a.py": [4]}, {"a.py": ["f"]}, template, AT, known=["swap_arguments", "number"]
            )
            assert settled == [(stored[0].id, expected)]


def test_from_a_failure_to_a_lesson_that_names_its_cause(tmp_path: Path, ran: tuple[Project, benches.TestRun]) -> None:
    project, run = ran
    test = "test_minus.py::test_it"
    files = {name: project.files[name] for name in ("m_minus.py", "test_minus.py")}
    errors = {test: run.outcomes[test]["error"]}
    found = signature.of(test, errors[test], signature.source_lines(files))
    was = {"m_minus.py": files["m_minus.py"].decode()}
    now = {"m_minus.py": was["m_minus.py"].replace("a - b", "(b - a)")}
    parts = blocks("m_minus.py", was["m_minus.py"], now["m_minus.py"])
    with open_state(tmp_path) as state, state.write() as tx:
        memory.start_run(tx, "agent_r1", "/p", "t", "d", AT)
        supposed = reflection.think(
            tx, "agent_r1", [(test, found)], files, errors, localise.ochiai(run.lines, [test], []), at=AT
        )
        assert supposed[0].id
        cause = reflection.conclude(tx, "agent_r1", was, now, "swap_operands", AT)
        assert cause == "gap: gives -2 where 2 is expected: the sign is flipped"
        memory.learn(
            tx, fix_id="agent_f", run_id="agent_r1", driver="template", template="swap_operands", blocks=parts, was=was,
            changed=now, signatures=[found], at=AT, construct="Return.value", cause=cause,
        )  # fmt: skip
        best = memory.recall(tx, [found], "", at=AT)[0]
        assert best.level == "exact"
        assert f"Cause: {cause}" in best.text
        assert "+     return (b - a)" in best.text
        assert outcome.of_run(tx, "agent_r1")[0]["status"] == "confirmed"


def test_values_belong_to_the_place_that_their_own_test_runs() -> None:
    """Two faults: what one test saw is not said of the function that only the other one runs."""
    files = {"shop.py": b"def slots(n):\n    return n\n\n\ndef price(n):\n    return n\n"}
    said = {"type": "AssertionError", "frames": []}
    errors = {
        "t.py::test_price": {
            **said,
            "message": "assert 2.0 == 8.0",
            "compared": {"op": "==", "left": "2.0", "right": "8.0"},
        },
        "t.py::test_slots": {**said, "message": "assert 3 == 4", "compared": {"op": "==", "left": "3", "right": "4"}},
    }
    suspicion = {"shop.py": {2: 0.7, 6: 0.7}}
    reached = {"t.py::test_price": {"shop.py": [6]}, "t.py::test_slots": {"shop.py": [2]}}
    found = reflection.reflect(files, errors, suspicion, reached=reached)
    told = [hypothesis for hypothesis in found if "where" in hypothesis.statement]
    assert {(h.function, h.evidence) for h in told} >= {
        ("price", ("t.py::test_price",)), ("slots", ("t.py::test_slots",))}  # fmt: skip
    assert not any("8.0" in h.statement for h in told if h.function == "slots")
