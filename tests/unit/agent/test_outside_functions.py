"""What is wrong outside of functions: a stray statement, a name that nothing binds, an import that fails."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from roadmap_cli.agent.code.source import Source, compiles
from roadmap_cli.agent.templates import names, statements, unparsable
from roadmap_cli.agent.testing import localise

sys.path.insert(0, str(Path(__file__).parent))
from bench_ground import of_kind, open_state, project, repair

STRAY = "class A:\n    '''Doc.'''\n\n    step = 1\n    stray\n\n    def go(self, a):\n        return a + self.step\n"
TEST_A = "from a import A\ndef test_go():\n    assert A().go(1) == 2\n"


def test_statements_outside_of_functions_may_be_left_out_whole_lines_at_once() -> None:
    source = Source("a.py", (STRAY + "\n\nif A:\n    stray()\n").encode())
    texts = [source.apply(edit) for edit in statements.outside(source)]
    assert all(map(compiles, texts))
    assert STRAY.replace("    stray\n", "") + "\n\nif A:\n    stray()\n" in texts
    assert STRAY + "\n\nif A:\n    pass\n" in texts
    assert not [text for text in texts if "Doc" not in text or "return" not in text]
    [best] = [edit for edit in statements.outside(source) if edit.weight > 1]
    assert best.line == 5


def test_pieces_hold_what_no_function_does() -> None:
    source = Source("a.py", b"@made(x)\nclass A(B):\n    at = y\n    def go(self):\n        return z\nif w:\n    v\n")
    found = [source.segment(piece) for piece in statements.pieces(source.tree)]  # type: ignore[arg-type]
    assert sorted(found) == ["B", "at = y", "made(x)", "v", "w"]


def test_a_name_that_nothing_binds_is_exchanged_for_a_near_one_or_imported() -> None:
    source = Source(
        "a.py", b"'''Doc.'''\nfrom __future__ import annotations\nSTEP = 1\n\nat = STPE + math.pi\nd = Path()\n"
    )
    texts = {edit.template + " " + source.apply(edit) for edit in names.unknown(source, [source.tree])}
    assert "near_name " + source.text.replace("STPE", "STEP") in texts
    for line in ("import math\n", "from pathlib import Path\n"):
        assert "import_name " + source.text.replace("STEP =", line + "STEP =", 1) in texts
    starred = Source("a.py", b"from b import *\nat = STPE\n")
    assert list(names.unknown(starred, [starred.tree])) == []


def test_where_an_error_was_raised_stands_first_among_equals() -> None:
    lines = {"a.py": {1: 1.0, 3: 1.0}}
    error = {"frames": [{"file": "test_a.py", "line": 1}, {"file": "a.py", "line": 3}, {"file": None, "line": 9}]}
    assert localise.top(lines, 5, localise.raised([error], lines)) == [("a.py", 3, 1.0), ("a.py", 1, 1.0)]


def test_a_line_that_makes_a_file_no_python_is_left_out_or_ended() -> None:
    text = b"def f(a)\n    return a\n"
    assert [(edit.template, edit.start, edit.text) for edit in unparsable.edits(text, {1: 1.0})] == [
        ("add_colon", 8, ":")
    ]
    assert [edit.template for edit in unparsable.edits(b"a = 1\nx y\n", {2: 1.0, 1: 0.5, 9: 0.5})] == ["drop_line"]
    assert list(unparsable.edits(b"a = 1\n", {1: 1.0})) == []
    assert list(unparsable.edits(b"a = '\xff'\nx y\n", {2: 1.0})) == []


@pytest.mark.parametrize(
    ("text", "line", "mended"),
    [(STRAY, 5, "-    stray\n"), (STRAY.replace("stray", "stray word"), 5, "-    stray word\n")],
)
def test_an_import_that_fails_is_mended_where_it_fails(tmp_path: Path, text: str, line: int, mended: str) -> None:
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    folder = project(tmp_path / "p", a__py=text, test_a__py=TEST_A)
    with open_state(tmp_path) as state:
        status, records = repair(state, folder, bounds={"candidates": 40, "rival_seconds": 0.05})
    [suspicion], [fix] = of_kind(records, "agent.suspicion"), of_kind(records, "agent.fix")
    assert suspicion["lines"][0] == {"file": "a.py", "line": line, "suspicion_ratio": 1.0}
    assert {each["line"] for each in suspicion["lines"]} <= set(range(1, text.count("\n") + 1))
    assert (status, fix["line"]) == ("fixed", line)
    assert mended in fix["diff"]
