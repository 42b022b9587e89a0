"""The tools of the project, asked for help, say what they are and do nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = sorted(
    path
    for path in (*(ROOT / "tools").glob("*.py"), *(ROOT / "tools" / "bench").glob("*.py"))
    if '__name__ == "__main__"' in path.read_text("utf-8")
)


@pytest.mark.parametrize("path", TOOLS, ids=lambda path: path.name)
def test_help_comes_before_any_work(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    assert ast.get_docstring(tree)
    begin = next(
        node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"
    )
    is_told = ast.unparse(begin.body[0]) == "tell_help(__doc__)"
    assert is_told or "ArgumentParser(" in path.read_text("utf-8")


def test_help_of_a_tool_is_its_docstring() -> None:
    path = ROOT / "tools" / "gen_links.py"
    environ = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tools'}", "PATH": "/usr/bin:/bin"}
    for word in ("-h", "--help"):
        done = subprocess.run([sys.executable, path, word], env=environ, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == ast.get_docstring(ast.parse(path.read_text("utf-8")))
