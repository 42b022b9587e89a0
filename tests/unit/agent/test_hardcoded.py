"""What passes only because it gives the expected value is no repair; a constant that is right is one."""

from __future__ import annotations

import ast
import shutil
import sys
from pathlib import Path

import pytest

from roadmap_cli.agent import memory
from roadmap_cli.agent.code import source
from roadmap_cli.agent.code.constants import folded
from roadmap_cli.agent.repair import hardcoded
from roadmap_cli.agent.testing.signature import Signature
from roadmap_cli.core import schemas

sys.path.insert(0, str(Path(__file__).parent))
from bench_ground import of_kind, open_state, project, repair

TOTAL = "def total(items):\n    return sum(i['price'] for i in items)\n"
#: Nothing that the function could compute of this input is what is expected.
TEST_TOTAL = "from m import total\ndef test_total():\n    assert total([{'price': 2}, {'price': 1}]) == 98765\n"
AT = "2026-01-01T00:00:00Z"


def verdicts(was: str, now: str) -> list[tuple[str, bool]]:
    """The constants that may be the expected value, and whether each is for certain."""
    return [(each.value, each.certain) for each in hardcoded.added({"m.py": was.encode()}, {"m.py": now})]


@pytest.mark.parametrize(
    "body",
    [
        "    return 10\n",
        "    if items:\n        return 10\n    return sum(i['price'] for i in items)\n",
        "    if len(items) > 1:\n        return 10\n    return sum(i['price'] for i in items)\n",
        "    return 10 if items else sum(i['price'] for i in items)\n",
        "    return items and 10\n",
        "    found = sum(i['price'] for i in items)\n    found = 10\n    return found\n",
        "    return [2, 'x']\n",
        "    return (8 + 2)\n",
        "    return [1 + 1, 'x' * 2]\n",
        "    if items:\n        return 'a' + 'b'\n    return sum(i['price'] for i in items)\n",
    ],
)
def test_a_constant_where_a_result_was_computed_or_a_guard_around_one_is_no_repair(body: str) -> None:
    found = verdicts(TOTAL, "def total(items):\n" + body)
    assert found
    assert all(certain for _, certain in found)


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("    return x + 1\n", "    return x + 2\n"),  # a number in a larger expression
        ("    return min(x, 9)\n", "    return min(x, 10)\n"),
        ("    if x > 10:\n        return 9\n    return x\n", "    if x > 10:\n        return 10\n    return x\n"),
        ("    if x > 10:\n        return 0\n    return x\n", "    if x > 10:\n        return 10\n    return x\n"),
        ("    total = 1\n    for n in x:\n        total += n\n    return total\n",
         "    total = 0\n    for n in x:\n        total += n\n    return total\n"),
        ("    return sum(x) / len(x)\n", "    if not x:\n        return 0\n    return sum(x) / len(x)\n"),
        ("    return x.next.value\n", "    if x.next is None:\n        return None\n    return x.next.value\n"),
        ("    for n in x:\n        if n < 0:\n            return False\n",
         "    for n in x:\n        if n < 0:\n            return False\n    return True\n"),
        ("    return x.get('name')\n", "    return x.get('name') or ''\n"),
        ("    return 'meow'\n", "    return 'woof'\n"),
        ("    return 8\n", "    return (8 + 2)\n"),
        ("    return sum(x) / len(x)\n", "    if not x:\n        return (8 - 8)\n    return sum(x) / len(x)\n"),
    ],
)  # fmt: skip
def test_a_constant_that_is_right_is_let_through(was: str, now: str) -> None:
    assert verdicts("def f(x):\n" + was, "def f(x):\n" + now) == []


@pytest.mark.parametrize(
    ("was", "now", "value"),
    [
        ("    return n % 2 == 1\n", "    return n % 2 == 1 or True\n", "True"),
        ("    return go(n - 1) + go(n - 2)\n", "    if n == 0:\n        return 2\n    return go(n - 1) + go(n - 2)\n", "2"),
        ("    if n > 9:\n        return 'A'\n    return str(n)\n",
         "    if n > 9:\n        return 'A'\n    if n > 7:\n        return 'B'\n    return str(n)\n", "'B'"),
    ],
)  # fmt: skip
def test_where_it_cannot_be_seen_the_tests_are_asked_whether_the_constant_alone_passes(
    was: str, now: str, value: str
) -> None:
    before, after = "def f(n):\n" + was, "def f(n):\n" + now
    [constant] = hardcoded.added({"m.py": before.encode()}, {"m.py": after})
    assert (constant.value, constant.certain) == (value, False)
    space: dict[str, object] = {}
    exec(constant.alone, space)
    assert space["f"](77) == eval(value)  # type: ignore[operator]
    for passes in (True, False):
        assert hardcoded.is_hardcoded({"m.py": before.encode()}, {"m.py": after}, lambda _, said=passes: said) is passes


def test_a_body_that_is_not_written_yet_is_not_written_by_a_constant() -> None:
    assert verdicts("def f(x):\n    raise NotImplementedError\n", "def f(x):\n    return True\n") == [("True", True)]
    assert verdicts("def f():\n    pass\n", "def f():\n    return 0\n") == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("8 + 2", "10"), ("2 - 8", "-6"), ("-(2 + 3) * 2", "-10"), ("7 / 2", "3.5"), ("'ab' * 2 + 'c'", "'ababc'"),
        ("[1 + 1, (2 ** 3, x + 1 + 1)]", "[2, (8, x + 1 + 1)]"), ("not 1", "False"), ("{'a' + 'b': 1 - 1}", "{'ab': 0}"),
        ("1 / 0", "1 / 0"), ("9 ** 99", "9 ** 99"), ("'%s' % 1", "'%s' % 1"), ("'x' * 10000000", "'x' * 10000000"),
        ("1e308 * 10", "1e+308 * 10"), ("1 + 'a'", "1 + 'a'"), ("(-8) ** 0.5", "(-8) ** 0.5"), ("f(1 + 1)", "f(2)"),
    ],
)  # fmt: skip
def test_what_computes_with_constants_only_is_its_value(text: str, value: str) -> None:
    node = ast.parse(text, mode="eval").body
    before = ast.dump(node, include_attributes=True)
    assert ast.unparse(folded(node)) == value
    assert ast.dump(node, include_attributes=True) == before


# -- in a run ------------------------------------------------------------------------------------------------------


@pytest.fixture
def bubblewrap() -> None:
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")


def test_a_run_says_that_nothing_but_the_expected_value_passes_and_replays_no_such_repair(
    tmp_path: Path, bubblewrap: None
) -> None:
    folder = project(tmp_path / "p", m__py=TOTAL, test_m__py=TEST_TOTAL)
    with open_state(tmp_path) as state:
        status, records = repair(state, folder, bounds={"candidates": 320}, tell_candidates=True)
        [finished] = of_kind(records, "agent.run_finished")
        assert (status, of_kind(records, "agent.fix")) == ("paused", [])
        assert finished["hardcoded_count"] >= 1
        assert "hardcoded" in {record["outcome"] for record in of_kind(records, "agent.candidate")}
        assert not [problem for record in records for problem in schemas.problems(record)]
        blocks = source.blocks("m.py", TOTAL, "def total(items):\n    return 98765\n")
        with state.write() as tx:  # as a version stored it that did not look
            failure = tx.execute("SELECT exact, loose, error, message FROM agent_failure").fetchone()
            memory.store_fix(
                tx, "earlier", finished["run_id"], "template", "other_value", blocks, [Signature(*failure)], AT
            )
        status, records = repair(state, folder, bounds={"candidates": 1})
        [again] = of_kind(records, "agent.run_finished")
        assert (status, of_kind(records, "agent.fix")) == ("paused", [])
        assert again["hardcoded_count"] == finished["hardcoded_count"] + 1  # what was found before is known
        with state.read() as tx:
            assert tx.execute("SELECT refuted FROM agent_fix WHERE id = 'earlier'").fetchone() == (1,)
