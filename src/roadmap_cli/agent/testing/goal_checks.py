"""Checks that a goal in words brings along: its ``>>>`` examples and ``assert`` lines, as tests beside the project's.

They are put into a test file of their own that exists only in the sandbox. A name in them is taken from the one file
of the project that defines it; an example with a name that nothing defines is no check.
"""

from __future__ import annotations

import ast
import builtins
import doctest
from collections.abc import Iterator, Mapping

from roadmap_cli.agent.code.patch import File
from roadmap_cli.agent.code.project import Project, is_test

#: The file's name: tests by it, so nothing proposes to change it.
NAME = "test_agent_goal.py"
_LIMIT = 50


def derive(goal: str, project: Project) -> dict[str, File | None]:
    """The test file for a goal's examples; empty if it has none that can be run."""
    where = _definitions(project)
    tests: list[str] = []
    imports: set[str] = set()
    for statement in _statements(goal):
        names = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
        own = {
            node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        wanted = {name for name in names - own if not hasattr(builtins, name)}
        if not wanted or not all(len(where.get(name, ())) == 1 for name in wanted):
            continue
        imports |= {f"from {where[name][0]} import {name}" for name in wanted}
        tests.append(f"    def test_example_{len(tests) + 1}(self):\n        {ast.unparse(statement)}\n")
        if len(tests) >= _LIMIT:
            break
    if not tests:
        return {}
    first = "".join(f"        {line}\n" for line in sorted(imports))
    text = "import unittest\n\n\nclass Goal(unittest.TestCase):\n" + "\n".join(
        test.replace(":\n", f":\n{first}", 1) for test in tests
    )
    return {NAME: File(text.encode())}


def _statements(goal: str) -> Iterator[ast.stmt]:
    """Each example as one ``assert`` statement."""
    try:
        examples = doctest.DocTestParser().get_examples(goal)
    except ValueError:
        examples = []
    for example in examples:
        if example.want.strip() and not example.want.startswith("Traceback"):
            yield from _parsed(f"assert repr({example.source.strip()}) == {example.want.strip()!r}")
    for line in goal.splitlines():
        if line.strip().startswith("assert "):
            yield from _parsed(line.strip())


def _parsed(text: str) -> Iterator[ast.stmt]:
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError):
        return
    if len(body) == 1 and isinstance(body[0], ast.Assert):
        yield body[0]


def _definitions(project: Project) -> Mapping[str, list[str]]:
    """Module-level names → the modules that define them, by the name under which tests at the top import them."""
    found: dict[str, list[str]] = {}
    for name in project.sources():
        if is_test(name):
            continue
        parts = name.removesuffix(".py").split("/")
        if parts[0] == "src":
            parts = parts[1:]
        if parts[-1] == "__init__":
            parts = parts[:-1]
        if not parts or not all(part.isidentifier() for part in parts):
            continue
        try:
            tree = ast.parse(project.files[name])
        except (SyntaxError, ValueError, RecursionError):
            continue
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found.setdefault(node.name, []).append(".".join(parts))
    return found
