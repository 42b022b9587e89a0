"""What is read out of a model's reply: four formats in any mix of prose, each edit in the one place it fits, or nowhere."""

from __future__ import annotations

import difflib
import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadmap_cli.agent.code.source import compiles
from roadmap_cli.agent.drivers.llm import edits, functions, naming
from roadmap_cli.agent.drivers.llm.edits import Reading, read, read_calls
from roadmap_cli.agent.drivers.llm.shown import Shown

SPAN = "import math\n\nLIMIT = 3\n\n\ndef overlap(a, b, c, d):\n    return a < d or c < b\n\n\ndef width(a, b):\n    return b - a\n"
SHAPES = (
    "class Box:\n    def __init__(self, w):\n        self.w = w\n\n    @property\n    def area(self):\n        return self.w\n\n"
    "    def grow(self, by):\n        self.w -= by\n\n\nclass Ball:\n    def grow(self, by):\n        pass\n"
)
SHOWN = Shown(
    {"src/span.py": SPAN, "src/shapes.py": SHAPES}, [("src/span.py", "overlap"), ("src/shapes.py", "Box.grow")]
)
FIXED = SPAN.replace("a < d or c < b", "a < d and c < b")


def only(reading: Reading) -> dict[str, str]:
    assert len(reading.proposals) == 1, reading
    return dict(reading.proposals[0].changed)


# -- formats that are understood ---------------------------------------------------------------------------------------

FUNCTION = "def overlap(a, b, c, d):\n    return a < d and c < b\n"
BLOCK = "<<<<<<< SEARCH\n    return a < d or c < b\n=======\n    return a < d and c < b\n>>>>>>> REPLACE"
DIFF = (
    "--- a/src/span.py\n+++ b/src/span.py\n@@ -5,4 +5,4 @@\n \n def overlap(a, b, c, d):\n-    return a < d or c < b\n"
    "+    return a < d and c < b\n \n"
)


@pytest.mark.parametrize(
    ("reply", "form"),
    [
        (f"Sure!\n```python\n{FUNCTION}```\nThat is it.", "function"),
        (f"~~~~py\n{FUNCTION}~~~~", "function"),
        (f"   1. Here:\n   ```python\n   {FUNCTION.replace(chr(10), chr(10) + '   ')}\n   ```", "function"),
        (FUNCTION, "function"),
        (f"The corrected function is:\n\n{FUNCTION}\nIt now needs both.", "function"),
        (f"<think>Let me see: def overlap(): pass</think>\n```\n{FUNCTION}```", "function"),
        (f"Both must hold.\n</think>\n\n```\n{FUNCTION}```", "function"),
        (f"```python\n{FUNCTION}", "function"),
        (f"```python\r\n{FUNCTION.replace(chr(10), chr(13) + chr(10))}```", "function"),
        ("```python\n6 | def overlap(a, b, c, d):\n7 |     return a < d and c < b\n```", "function"),
        (f"```python\n{FIXED}```", "function"),
        (f"src/span.py\n{BLOCK}", "search"),
        (f"**`span.py`**:\n```python\n{BLOCK}\n```", "search"),
        (f"```python:src/span.py\n{BLOCK}\n```", "search"),
        (BLOCK, "search"),
        (BLOCK.replace("    return", "return"), "search"),
        (BLOCK.replace("or c < b\n", "or c < b   \n"), "search"),
        (BLOCK.replace("SEARCH\n", "SEARCH\n\n").replace("\n=======\n", "\n\n=======\n\n"), "search"),
        (f"I change it:\n```diff\n{DIFF}```", "diff"),
        (DIFF, "diff"),
        (DIFF.replace("-5,4 +5,4", "-90,4 +90,4"), "diff"),
        (DIFF.replace("@@ -5,4 +5,4 @@", "@@ ... @@"), "diff"),
        (DIFF.replace("\n \n", "\n\n"), "diff"),
    ],
)  # fmt: skip
def test_a_change_is_understood_however_it_is_written(reply: str, form: str) -> None:
    reading = read(reply, SHOWN)
    assert only(reading) == {"src/span.py": FIXED}, reading.problems
    assert reading.proposals[0].format == form


def test_a_method_keeps_its_decorator_and_its_depth_and_its_class() -> None:
    area = read("```python\ndef area(self):\n    return self.w ** 2\n```", SHOWN)
    assert "    @property\n    def area(self):\n        return self.w ** 2\n" in only(area)["src/shapes.py"]
    grow = read("```python\nclass Box:\n    def grow(self, by):\n        self.w += by\n```", SHOWN)
    assert only(grow)["src/shapes.py"] == SHAPES.replace("-=", "+=")
    bare = read("```python\n    def grow(self, by):\n        self.w += by\n```", SHOWN)
    assert only(bare)["src/shapes.py"] == SHAPES.replace("-=", "+="), "the target, not the other class's"


def test_a_part_of_a_class_may_bring_methods_of_its_own() -> None:
    reply = "```python\nclass Box:\n    def grow(self, by):\n        self.w = self.more(by)\n\n    def more(self, by):\n        return self.w + by\n```"
    text = only(read(reply, SHOWN))["src/shapes.py"]
    assert (
        text.index("def area")
        < text.index("def grow")
        < text.index("    def more(self, by):\n        return self.w + by\n")
    )
    assert text.index("def more") < text.index("class Ball")


def test_what_a_function_brings_along_has_its_place() -> None:
    reply = (
        "```python\nimport math\nfrom itertools import pairwise\n\ndef meets(a, d):\n    return a < d\n\n"
        "def overlap(a, b, c, d):\n    return meets(a, d) and meets(c, b)\n```"
    )
    text = only(read(reply, SHOWN))["src/span.py"]
    assert text.startswith("import math\nfrom itertools import pairwise\n")
    assert text.index("def meets") < text.index("def overlap")
    assert compiles(text)
    assert text.count("import math") == 1
    assert text.endswith("def width(a, b):\n    return b - a\n")


def test_a_fence_in_a_docstring_closes_nothing() -> None:
    code = (
        'def overlap(a, b, c, d):\n    """As in\n\n```\noverlap(1, 2, 3, 4)\n```\n    """\n    return a < d and c < b\n'
    )
    assert "return a < d and c < b" in only(read(f"```python\n{code}```\nDone.", SHOWN))["src/span.py"]


def test_code_may_hold_the_divider() -> None:
    title = "TITLE = '''\nName\n=======\n'''\nSIZE = 1\n"
    shown = Shown({"a.py": title})
    reply = "<<<<<<< SEARCH\nName\n=======\n'''\nSIZE = 1\n=======\nName\n=======\n'''\nSIZE = 2\n>>>>>>> REPLACE"
    assert only(read(reply, shown)) == {"a.py": title.replace("= 1", "= 2")}


def test_several_blocks_are_one_change_and_several_versions_are_several() -> None:
    other = "<<<<<<< SEARCH\n    return b - a\n=======\n    return abs(b - a)\n>>>>>>> REPLACE"
    text = only(read(f"{BLOCK}\n\nand\n\n{other}", SHOWN))["src/span.py"]
    assert "and c < b" in text
    assert "abs(b - a)" in text
    second = FUNCTION.replace("and", "&")
    versions = read(f"```python\n{FUNCTION}```\nor\n```python\n{second}```", SHOWN)
    assert len(versions.proposals) == 2
    both = read(f"```python\n{FUNCTION}```\n```python\ndef width(a, b):\n    return abs(a - b)\n```", SHOWN)
    assert "and c < b" in only(both)["src/span.py"]
    assert "abs(a - b)" in only(both)["src/span.py"]


def test_other_languages_take_blocks_and_whole_files_and_keep_their_line_ends() -> None:
    script = "function add(a, b) {\r\n  return a - b;\r\n}\r\nmodule.exports = { add };\r\n"
    shown = Shown({"lib/add.js": script})
    block = "<<<<<<< SEARCH\n  return a - b;\n=======\n  return a + b;\n>>>>>>> REPLACE"
    assert only(read(block, shown)) == {"lib/add.js": script.replace("-", "+")}
    whole = script.replace("-", "+").replace("\r\n", "\n")
    assert only(read(f"```js\n{whole}```", shown)) == {"lib/add.js": script.replace("-", "+")}
    assert not read("```js\nconsole.log(1);\n```", shown).proposals


def test_calls_of_tools() -> None:
    edit = json.dumps(
        {"file": "src/span.py", "search": "    return a < d or c < b", "replace": "    return a < d and c < b"}
    )
    assert only(read_calls([("propose_edit", edit)], SHOWN)) == {"src/span.py": FIXED}
    whole = json.dumps({"file": "span.py", "name": "overlap", "code": FUNCTION})
    assert only(read_calls([("propose_function", whole)], SHOWN)) == {"src/span.py": FIXED}
    for name, arguments, words in [
        ("propose_edit", edit[:-9], "whole JSON"),
        ("propose_edit", "[]", "whole JSON"),
        ("propose_edit", '{"file": "src/span.py"}', "no 'search'"),
        ("propose_edit", edit.replace("src/span.py", "/etc/passwd"), "not one of those shown"),
        ("run_shell", "{}", "no tool"),
    ]:
        reading = read_calls([(name, arguments)], SHOWN)
        assert not reading.proposals
        assert words in reading.problems[0]


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ("", "no code"),
        ("I am sorry, I cannot help.", "no code"),
        (f"```python\n{SPAN}```", edits.UNCHANGED),
        ("```python\ndef overlap(a, b, c, d):\n    '''New words.'''\n    # and a comment\n    return (a < d) or (c < b)\n```", edits.UNCHANGED),
        ("```python\ndef overlap(a, b, c, d)\n    return\n```", "valid Python"),
        ("```python\ndef other():\n    return 1\n```", "no function 'other'"),
        ("```python\nx = 1\n```", "no function in the code"),
        ("```python\ndef overlap(a, b, c, d):\n    # ... rest of the code unchanged\n```", "leaves a part out"),
        (BLOCK.replace("a < d or", "a > d or"), "in none of the files"),
        (BLOCK.replace("    return a < d or c < b", ""), "no lines to search"),
        (BLOCK.replace(">>>>>>> REPLACE", ""), "no '=======' or no"),
        (f"tests/test_span.py\n{BLOCK}", "not one of those shown"),
        (f"../../etc/cron.d/x.py\n{BLOCK}", "not one of those shown"),
        (DIFF.replace("src/span.py", "setup.py"), "not shown"),
        (DIFF.replace("b/src/span.py", "/dev/null").replace("a/src/span.py", "/dev/null"), "not shown"),
        (DIFF.replace("-    return a < d or c < b", "-    return 1"), "not in the file"),
        (BLOCK.replace("and", "\x1b[31mand"), "nobody sees"),
        (BLOCK.replace("and c", "and \u202ec"), "nobody sees"),
        (BLOCK.replace("return a < d and", "return a < d and and"), "not valid Python"),
        ("```python\ndef grow(self, by):\n    return 1\n```", "2 functions 'grow'"),
    ],
)  # fmt: skip
def test_a_problem_is_told_in_words(reply: str, words: str) -> None:
    shown = Shown(SHOWN.files, SHOWN.targets[:1])
    reading = read(reply, shown)
    assert not reading.proposals
    assert any(words in problem for problem in reading.problems), reading.problems


def test_what_fits_in_several_places_is_refused() -> None:
    twice = Shown({"a.py": "def f():\n    x = 1\n    return x\n\ndef g():\n    x = 1\n    return x\n"})
    block = "<<<<<<< SEARCH\n    x = 1\n=======\n    x = 2\n>>>>>>> REPLACE"
    assert "2 places" in read(block, twice).problems[0]
    hunk = "--- a/a.py\n+++ b/a.py\n@@ -40 +40 @@\n-    x = 1\n+    x = 2\n"
    assert "2 places" in read(hunk, twice).problems[0]
    assert only(read(hunk.replace("40", "6"), twice))["a.py"].endswith("x = 2\n    return x\n"), "unless it names one"
    files = Shown({"a.py": "x = 1\n", "b.py": "x = 1\n"})
    assert "2 files" in read("<<<<<<< SEARCH\nx = 1\n=======\nx = 2\n>>>>>>> REPLACE", files).problems[0]


def test_context_of_a_diff_may_be_wrong_only_a_little() -> None:
    lines = [f"v{number} = {number}" for number in range(12)]
    shown = Shown({"a.py": "\n".join(lines) + "\n"})

    def hunk(*wrong: int) -> str:
        body = [f" v{n} = {'9' * 3 if n in wrong else n}" for n in range(2, 5)] + ["-v5 = 5", "+v5 = 55"]
        return "--- a/a.py\n+++ b/a.py\n@@ -3,6 +3,6 @@\n" + "\n".join([*body, " v6 = 6", " v7 = 7"]) + "\n"

    for wrong in ((), (2,), (2, 3)):
        text = only(read(hunk(*wrong), shown))["a.py"]
        assert text == shown.files["a.py"].replace("v5 = 5\n", "v5 = 55\n"), "the file's own context stays"
    assert not read(hunk(4), shown).proposals
    assert not read(hunk(2, 3, 4), shown).proposals


def test_a_reply_that_was_cut_off_is_no_change() -> None:
    assert read(f"```python\n{FUNCTION[:-9]}", SHOWN, cut_off=True).problems == [edits.CUT_OFF]
    assert edits.CUT_OFF in read(BLOCK[:-30], SHOWN, cut_off=True).problems
    assert edits.CUT_OFF in read(DIFF[:-8], SHOWN, cut_off=True).problems
    assert only(read(f"```python\n{FUNCTION}```\nAs you can s", SHOWN, cut_off=True)) == {"src/span.py": FIXED}


# -- names of changes --------------------------------------------------------------------------------------------------


def test_the_same_change_has_the_same_name_however_it_is_spelled() -> None:
    def name(before: str, after: str) -> str:
        return naming.patch_id({"a.py": before}, {"a.py": after})

    plain = name(SPAN, FIXED)
    assert name(SPAN, FIXED.replace("a < d and c < b", "(a<d) and   (c<b)  # both")) == plain
    moved = "'''Moved.'''\n\nimport re\n\nOTHER = 1\n"
    assert name(moved + SPAN, moved + FIXED) == plain, "what stands elsewhere in the file does not count"
    assert name(SPAN, SPAN.replace(" or ", " and ").replace("b - a", "a - b")) != plain
    assert name(SPAN, SPAN.replace("or", "and").replace("width", "breadth")) != plain
    twins = "def f(x):\n    return x + 1\n\n\ndef g(x):\n    return x + 1\n"
    first, second = twins.replace("+ 1", "+ 2", 1), "+ 2".join(twins.rsplit("+ 1", 1))
    assert name(twins, first) != name(twins, second), "the same words in another function are another change"
    assert len(plain) == 32


# -- hostile replies ---------------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    ["```", "```python\n", "~~~", "<<<<<<< SEARCH\n", "=======\n", ">>>>>>> REPLACE\n", "--- a/src/span.py\n", "+++ b/src/span.py\n",
     "@@ -1,3 +1,3 @@\n", "@@\n", "-    return b - a\n", "+    return a\n", " \n", "\n", "def overlap(a, b, c, d):\n", "    return 1\n",
     "class Box:\n", "    def grow(self, by):\n", "@", "(", "'''", '"""', "<think>", "</think>", "src/span.py\n", "\x00", "\u202e",
     "\ud800", "if x:\n", "\t", "# ... existing code ...\n", "1 | ", "lambda: " * 40, "[" * 300, "-" * 50, "async ", "\\\n", "{", "f'{",
     "    return a < d or c < b\n", "    return a < d and c < b\n"]
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(PIECES, st.text(max_size=12)), max_size=40).map("".join), st.booleans())
def test_nothing_a_model_says_makes_it_fail_or_touch_another_file(reply: str, cut_off: bool) -> None:
    for reading in (read(reply, SHOWN, cut_off=cut_off), read_calls([("propose_edit", reply), (reply, "{}")], SHOWN)):
        assert reading.proposals or reading.problems
        for proposal in reading.proposals:
            assert set(proposal.changed) <= set(SHOWN.files)
            for name, text in proposal.changed.items():
                assert compiles(text)
                assert text != SHOWN.files[name]
                assert naming.hidden(SHOWN.files[name], text) is None


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200), st.text(max_size=200))
def test_names_of_any_two_texts_can_be_made(before: str, after: str) -> None:
    files = {"a.py": before}, {"a.py": after}
    assert len(naming.patch_id(*files)) == 32
    assert naming.size(*files) >= 0
    assert naming.is_same("a.txt", before, before)


@pytest.mark.parametrize(
    "piece",
    ["```\n", "<<<<<<< SEARCH\n", "=======\n", "@@\n-a\n", "a" * 79 + "\n", "def overlap(a, b, c, d):\n", "# ... rest of", "<think>", "`",
     "<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE\n", "--- a/src/span.py\n+++ b/src/span.py\n", "(", "~~~\n'''\n", " "],
)  # fmt: skip
def test_a_long_hostile_reply_takes_no_more_than_its_length(piece: str) -> None:
    text = (piece * (edits.LONGEST_REPLY // len(piece) + 9))[: edits.LONGEST_REPLY + 5]
    started = time.process_time()
    read(text, SHOWN)
    assert time.process_time() - started < 2.0


# -- real code ---------------------------------------------------------------------------------------------------------

REAL = [Path(edits.__file__).parents[2] / "sandbox" / "sandbox.py"]


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_every_function_of_real_files_can_be_changed_in_every_format(path: Path) -> None:
    text = path.read_text()
    lines = text.split("\n")
    tree = naming.tree_of(text)
    assert tree is not None
    changed_count = 0
    for span in functions.spans(tree):
        if hasattr(span.node, "bases") or (len(span.node.body) == 1 and hasattr(span.node.body[0], "value")):
            continue
        indent = " " * (span.column + 4)
        expected = "\n".join([*lines[: span.last], f"{indent}assert True, 'new'", *lines[span.last :]])
        shown = Shown({"a/b.py": text}, [("a/b.py", span.name)])
        whole = [*lines[span.first - 1 : span.last], f"{indent}assert True, 'new'"]
        diff = "".join(
            f"{line}\n"
            for line in difflib.unified_diff(lines, expected.split("\n"), "a/a/b.py", "b/a/b.py", lineterm="", n=3)
        )
        above = lines[span.first - 1 : span.last]
        block = "\n".join(
            ["<<<<<<< SEARCH", *above, "=======", *above, f"{indent}assert True, 'new'", ">>>>>>> REPLACE"]
        )
        for reply in ("\n".join(["```python", *whole, "```"]), functions.dedented("\n".join(whole)), diff, block):
            assert only(read(reply, shown)) == {"a/b.py": expected}, (span.name, reply[:300])
        changed_count += 1
    assert changed_count > 5
