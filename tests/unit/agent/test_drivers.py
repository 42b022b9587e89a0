"""What the drivers propose, seen without running it: the right change is among the first for common slips."""

from __future__ import annotations

import ast
import json
import math
from pathlib import Path

import pytest

from roadmap_cli.agent import enumeration, preference
from roadmap_cli.agent.code.patches import Identity
from roadmap_cli.agent.code.project import Project
from roadmap_cli.agent.code.source import Source, compiles
from roadmap_cli.agent.drivers.synthesis import Synthesis, is_missing
from roadmap_cli.agent.drivers.templates import Templates, spliced
from roadmap_cli.agent.enumeration import examples
from roadmap_cli.agent.enumeration.examples import Example
from roadmap_cli.agent.preference import FLAT, Lesson, Preference, Traits
from roadmap_cli.agent.repair.driver import Case, Problem, Verdict
from roadmap_cli.agent.templates import statements
from roadmap_cli.agent.testing import asserts
from roadmap_cli.agent.testing.bench import Probes, TestRun

#: A slip of each class: the types that a trace would tell, the code, and how its changed lines read when right.
SLIPS = {
    "missing_call": (
        {"a": ["int"], "b": ["int"]}, "def gap(a, b):\n    return a - b\n", "return abs(a - b)"),
    "missing_method": (
        {"text": ["str"]}, "def same(text, other):\n    return text == other.lower()\n", "text.lower() == other.lower()"),
    "missing_operand": (
        {"price": ["float"], "tax": ["float"]}, "def gross(price, tax):\n    return price\n", "return (price + tax)"),
    "missing_condition": (
        {"n": ["int"], "limit": ["int"]}, "def inside(n, limit):\n    if n >= 0:\n        return True\n    return False\n",
        "if n >= 0 and n < limit:"),
    "missing_guard": (
        {"row": ["list[int]"], "return": ["int"]}, "def top(row):\n    best = row[0]\n    return best\n", "if not row:"),
    "missing_step": (
        {"n": ["int"], "i": ["int"]}, "def count(n):\n    i = 0\n    while i < n:\n        print(i)\n    return i\n", "i += 1"),
    "missing_else": (
        {"x": ["int"], "sign": ["int"]}, "def sign_of(x):\n    sign = 0\n    if x > 0:\n        sign = 1\n    return sign\n",
        "sign -= 1"),
    "missing_filter": (
        {"row": ["list[int]"], "x": ["int"]}, "def positive(row):\n    return [x for x in row]\n", "for x in row if x > 0]"),
    "superfluous_statement": (
        {"row": ["list[int]"]}, "def last(row):\n    row = row[:]\n    row.sort()\n    return row[-1]\n",
        "    row = row[:]\n    pass\n"),
    "wrong_variable": (
        {"width": ["int"], "height": ["int"]}, "def area(width, height):\n    return width * width\n", "width * height"),
    "wrong_literal": (
        {"kind": ["str"]}, "def colour(kind):\n    return 'gren' if kind == 'grass' else 'green'\n", "return 'green' if"),
    "wrong_number": (
        {"n": ["int"], "return": ["int"]}, "def wait(n):\n    if n > 2:\n        return 40\n    return n\n", "return 42\n"),
    "swapped_elements": (
        {"x": ["int"], "y": ["int"]}, "def point(x, y):\n    return [y, x]\n", "return [x, y]"),
    "swapped_names": (
        {"a": ["int"], "b": ["int"]}, "def less(a, b):\n    done = a - b + a\n    return done\n", "done = b - a + b"),
    "both_truths": (
        {"n": ["int"]}, "def odd(n):\n    if n % 2:\n        return False\n    return True\n",
        "        return True\n    return False"),
    "wrong_order_of_matrices": (
        {}, "def turned(point, matrix):\n    return point @ matrix\n", "(matrix @ point)"),
    "every_operator": (
        {"a": ["bool"], "b": ["bool"], "c": ["bool"]}, "def any_of(a, b, c):\n    return a and b and c\n", "(a or b or c)"),
    "other_function": (
        {"row": ["list[int]"]}, "def total(row):\n    return len(row)\n", "return sum(row)"),
    "other_end": (
        {"row": ["list[int]"], "i": ["int"]}, "def mirrored(row, i):\n    return row[len(row) - i]\n", "len(row) - i - 1"),
    "other_bounds": (
        {"n": ["int"]}, "def upto(n):\n    return list(range(n))\n", "range(1, n + 1)"),
    "if_for_elif": (
        {"n": ["int"], "word": ["str"]},
        "def name(n):\n    word = 'many'\n    if n == 0:\n        word = 'none'\n    if n == 1:\n        word = 'one'\n    return word\n",
        "    elif n == 1:"),
    "set_for_added": (
        {"amount": ["int"]}, "def pay(till, amount):\n    till.total = amount\n    return till\n", "till.total += amount"),
    "set_for_added_in_a_loop": (
        {"row": ["list[int]"], "i": ["int"]},
        "def running(row):\n    for i in range(1, len(row)):\n        row[i] = row[i - 1]\n    return row\n",
        "row[i] += row[i - 1]"),
}  # fmt: skip


def problem(code: str, types: dict[str, list[str]], tests: str = "", failing: str = "test_code.py::test_a") -> Problem:
    files = {"code.py": code.encode(), "test_code.py": tests.encode()}
    project = Project(Path("/nowhere"), files, dict.fromkeys(files, 0o644), {}, ())
    lines = dict.fromkeys(range(1, code.count("\n") + 1), 1.0)
    first = next(node for node in ast.parse(code).body if isinstance(node, ast.FunctionDef))
    probes = Probes({}, (failing,), (), 0.1, {f"code.py:{first.lineno}:{first.name}": types})
    return Problem(project, Case([failing], [failing], 1.0, {"code.py": lines}, probes=probes))


@pytest.mark.parametrize("slip", SLIPS)
def test_the_right_change_is_proposed_for(slip: str) -> None:
    types, code, wanted = SLIPS[slip]
    for number, candidate in enumerate(Templates().candidates(problem(code, types))):
        assert candidate.changed["code.py"] == spliced(code.encode(), candidate.edits)
        if wanted in candidate.changed["code.py"]:
            assert compiles(candidate.changed["code.py"])
            break
        assert number < 4000, f"{wanted!r} is not among the first 4000"
    else:
        pytest.fail(f"{wanted!r} is never proposed")


def test_edits_of_a_first_line_leave_a_byte_order_mark_where_it_is() -> None:
    content = "\ufeffdef gap(a, b): return a - b\nx = 1\n".encode()
    source = Source("code.py", content)
    made = [source.apply(edit) for edit in statements.edits(source)]
    assert "\ufeffdef gap(a, b): return b - a\nx = 1\n" in [text.replace("(b - a)", "b - a") for text in made]
    assert all(text.startswith("\ufeff") and compiles(text) for text in made)
    assert Identity({"code.py": content.decode()}).of({"code.py": made[0]}) == Identity(
        {"code.py": content.decode()[1:]}
    ).of({"code.py": made[0][1:]})


def test_most_proposals_are_programs_and_each_comes_once() -> None:
    types, code, _ = SLIPS["missing_else"]
    texts = []
    for candidate in Templates().candidates(problem(code, types)):
        texts.append(candidate.changed["code.py"])
        if len(texts) == 3000:
            break
    assert len(set(texts)) > 0.99 * len(texts)
    assert sum(compiles(text) for text in texts) > 0.98 * len(texts)


def test_what_is_set_is_added_to_only_where_there_may_be_something_to_add_to() -> None:
    text = (
        "class Till:\n    def __init__(self, total):\n        self.total = total\n"
        "    def pay(self, amount, by):\n        self.total = amount\n        self.open = amount > 0\n        self.by = {}\n"
        "        self.by[by] = self.by[by] + 1\n        self.count = 1\n        self.last = 0\n        self.name = 'till'\n"
    )
    source = Source("till.py", text.encode())
    found = {edit.line for edit in statements.edits(source) if edit.template == "accumulate"}
    assert [text.splitlines()[line - 1].strip() for line in sorted(found)] == ["self.total = amount", "self.count = 1"]


def test_what_mended_a_part_is_carried_on_with() -> None:
    code = "def low(xs):\n    return max(xs)\n\n\ndef high(xs):\n    return min(xs)\n"
    wanted = code.replace("max", "MIN").replace("min", "max").replace("MIN", "min")

    def place(told: bool) -> int:
        driver = Templates()
        for number, candidate in enumerate(driver.candidates(problem(code, {}))):
            text = candidate.changed["code.py"]
            if text == wanted:
                return number
            outcome = "partial" if told and text == code.replace("max", "min") else "refuted"
            driver.told(Verdict(candidate, outcome, 1, TestRun({}, True, None, False, "", 0.0)))
        return 10**9

    assert place(told=True) < 60 < place(told=False)


def test_experience_and_the_goal_change_the_order() -> None:
    types, code, _ = SLIPS["wrong_variable"]
    first = next(Templates(Preference({"operator": 20.0})).candidates(problem(code, types)))
    assert first.template == "operator"
    code = "def one(n):\n    return n - 1\n\n\ndef two(n):\n    return n - 2\n"
    named = problem(code, {})
    named = Problem(named.project, named.case, "two() gives less than it should")
    assert next(Templates().candidates(named)).function == "two"


def test_a_preference_learns_what_repairs_are_like() -> None:
    """Ten failures in which the fourth edit of five was the repair, for it is a comparison; suspicion says nothing."""
    kinds = ("variable", "number", "call_swap", "compare", "statement_delete")
    edits = [Traits(preference.words(kind, ((0, 1, "x"),)), math.log(0.9 - at / 100)) for at, kind in enumerate(kinds)]
    learned = Preference(start=FLAT)
    assert [learned.score(edit) for edit in edits] == pytest.approx([0.9, 0.89, 0.88, 0.87, 0.86])
    lessons = []
    for _ in range(10):
        lessons.append(Lesson.of(edits[3], [edit for edit in edits if edit is not edits[3]]))
        learned.learn(lessons)
    assert max(edits, key=learned.score) is edits[3]
    assert learned.score(edits[3]) > 5 * learned.score(edits[0])
    unseen = Traits(preference.words("slice_low", ((0, 40, "x"),)), math.log(0.5))
    assert learned.score(unseen) == pytest.approx(0.5 ** learned.weights["suspicion"])
    again = Preference(learned.weights, learned.spreads, start=FLAT)
    assert again.score(edits[3]) == learned.score(edits[3])


def test_a_lesson_stands_for_all_edits_and_is_kept_as_it_was() -> None:
    others = [Traits((f"t{at}",), suspicion=-at / 1000) for at in range(1000)]
    lesson = Lesson.of(Traits(("right",)), others)
    assert sum(number for number, _ in lesson.others) == pytest.approx(1000)
    assert [traits for _, traits in lesson.others[:100]] == others[:100]
    assert Lesson.restored(json.loads(json.dumps(lesson.stored()))).chosen == lesson.chosen
    assert len(Lesson.restored(lesson.stored()).others) == 200


# -- tests taken apart -------------------------------------------------------------------------------------------------

MANY = """
from code import f, Stack

def test_plain():
    limit = 3
    assert f(1) == 1
    for n in range(limit):
        assert f(n) == n
    assert f(2) == 2

def test_state(tmp_path):
    stack = Stack()
    stack.push(1)
    assert stack.pop() == 1
    assert stack.empty()

def test_one():
    assert f(0) == 0
"""


def test_each_assertion_becomes_a_test_with_what_it_needs() -> None:
    text = asserts.split(MANY)
    assert text is not None
    functions = {node.name: ast.unparse(node) for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}
    assert list(functions) == [
        *(f"test_plain__part{n}" for n in (1, 2, 3)),
        *(f"test_state__part{n}" for n in (1, 2)),
        "test_one",
    ]
    assert "f(1)" not in functions["test_plain__part3"], "an assertion on constants changes nothing for the next"
    assert "stack.pop()" in functions["test_state__part2"], "a call on an object of the test may"
    assert "tmp_path" in functions["test_state__part2"]
    assert asserts.split("def test_a():\n    assert 1\n") is None
    assert asserts.split("def test_(:\n") is None


def test_parts_must_say_what_the_whole_says() -> None:
    wholes = {"t.py::test_a": False, "t.py::test_b[x]": True}
    good = {"t.py::test_a__part1": True, "t.py::test_a__part2": False, "t.py::test_b__part1[x]": True}
    assert asserts.whole("t.py::test_b__part12[x]") == "t.py::test_b[x]"
    assert asserts.sound(good, wholes)
    assert not asserts.sound({**good, "t.py::test_a__part2": True}, wholes)
    assert not asserts.sound({**good, "t.py::test_b__part1[x]": False}, wholes)


# -- synthesis ---------------------------------------------------------------------------------------------------------


def test_examples_are_read_from_assertions_and_prompts() -> None:
    tree = ast.parse(
        "def test():\n    assert f(1, [2]) == (3,)\n    assert 4 == m.f(-1, [])\n    assert not f(0, [])\n"
        "    assert abs(f(2, []) - 1.5) < 1e-6\n    self.assertEqual(f(3, [1]), 'x')\n    assert f(x, []) == 2\n    assert g(1) == 1\n"
    )
    found = examples.of_tests({"t": tree}, "f")
    assert [(e.arguments, e.result) for e in found] == [
        ((1, [2]), (3,)), ((-1, []), 4), ((0, []), False), ((2, []), 1.5), ((3, [1]), "x"),
    ]  # fmt: skip
    assert [e.close for e in found] == [False, False, False, True, False]
    [prompt] = examples.of_docstring("Twice.\n\n>>> f(2, [])\n4\n>>> import os\n", "f")
    assert prompt == Example((2, []), 4)


@pytest.mark.parametrize(
    ("parameters", "pairs", "asked", "wanted"),
    [
        (("a", "b"), [((3, 4), 7), ((10, -2), 8), ((0, 5), 5)], (100, 11), 111),
        (("text",), [(("abc",), "CBA"), (("Xy",), "YX"), (("",), "")], ("hello",), "OLLEH"),
        (("row",), [(([1, -2, 3],), [1, 3]), (([-1],), []), (([5, 0, -7],), [5])], ([4, -4, 9],), [4, 9]),
        (("row", "most"), [(([1, 2], 3), True), (([4, 2], 3), False), (([3], 3), False), (([], 3), True), (([9, 1], 9), False),
                           (([8, 1], 9), True), (([2, 7, 1], 7), False), (([2, 6, 1], 7), True)], ([1, 5, 2], 6), True),
        (("n",), [((5,), 5), ((-5,), 5), ((12,), 12), ((-300,), 300)], (-41,), 41),
        (("row",), [(([1, 2, 3],), 14), (([4],), 16), (([5, 6],), 61)], ([10, 1],), 101),
        (("words",), [((["a", "bcd"],), "bcd"), ((["pear", "fig", "banana"],), "banana"), ((["x"],), "x")],
         (["one", "three", "two"],), "three"),
        (("digits",), [(([1, 2, 3],), 123), (([9, 0],), 90), (([4, 5, 6, 7],), 4567)], ([8, 8],), 88),
    ],
)  # fmt: skip
def test_bodies_are_found_that_hold_beyond_the_examples(parameters, pairs, asked, wanted) -> None:  # type: ignore[no-untyped-def]
    known = [Example(arguments, result) for arguments, result in pairs]
    body = next(enumeration.Synthesiser(parameters, known, (0, 1, 2, "", " "), 10.0).solutions())
    lines = body.replace("\n", "\n    ")
    space: dict[str, object] = {}
    exec(f"import math\ndef f({', '.join(parameters)}):\n    {lines}\n", space)
    assert all(space["f"](*arguments) == result for arguments, result in pairs)  # type: ignore[operator]
    assert space["f"](*asked) == wanted, body  # type: ignore[operator]


def test_too_few_examples_pin_nothing_down() -> None:
    known = [Example((n,), truth) for n, truth in ((3, True), (14, False), (159, True), (26, False))]
    assert not list(enumeration.Synthesiser(("n",), known, (0, 1, 2), 0.5).solutions(5))[1:], "one guess at most"
    rows = [Example(([n, n * 7 % 5],), truth) for n, truth in ((3, True), (4, False))]
    assert list(enumeration.Synthesiser(("row",), rows, (0, 1, 2), 0.5).solutions(4)) == []


def test_missing_functions_are_filled_in_place() -> None:
    code = (
        '"""Kept."""\n\n\ndef double(n):\n    """Twice n."""\n    raise NotImplementedError\n\n\n'
        "def twice(m):\n    return m * 2\n"
    )
    tests = "from code import double\ndef test_a():\n    assert double(4) == 8\n    assert double(11) == 22\n    assert double(-3) == -6\n"
    found = list(Synthesis(1.0).candidates(problem(code, {}, tests)))
    first = found[0].changed["code.py"]
    assert first.startswith('"""Kept."""\n\n\ndef double(n):\n    """Twice n."""\n    return ')
    assert first.endswith("\n\n\ndef twice(m):\n    return m * 2\n")
    donors = [c.changed["code.py"] for c in found if c.template == "donor"]
    assert any("    return n * 2" in text for text in donors), "a like function's body, in this one's names"
    assert all(compiles(candidate.changed["code.py"]) for candidate in found)


def test_what_counts_as_missing() -> None:
    source = Source("a.py", b"def a(): pass\ndef b():\n    'doc'\ndef c():\n    return 1\ndef d():\n    ...\n")
    assert [is_missing(scope.node) for scope in source.scopes] == [True, True, False, True]
