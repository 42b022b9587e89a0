"""Tests with many assertions split into one test for each, so that a failing assertion does not hide the others.

A split test says more about where a fault is and how near a candidate came; it never replaces the whole test, which
alone can confirm a repair. What comes before an assertion stays before it. An earlier assertion is kept as a plain
evaluation where it may change what a later one sees, and left out where it only calls functions with constants.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Mapping, Sequence

from roadmap_cli.agent.code.source import plain

_PART = "__part"
_LIMIT = 60


def split(text: str) -> str | None:
    """A test module with its tests split, or None if there is nothing to split."""
    try:
        tree = ast.parse(plain(text))
    except (SyntaxError, ValueError, RecursionError):
        return None
    changed = False
    owners: list[ast.Module | ast.ClassDef] = [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))]
    for owner in owners:
        body: list[ast.stmt] = []
        for node in owner.body:
            parts = list(_parts(node)) if isinstance(node, ast.FunctionDef) and node.name.startswith("test") else []
            changed = changed or len(parts) > 1
            body += parts if len(parts) > 1 else [node]
        owner.body = body
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n" if changed else None


def whole(test: str) -> str:
    """The id of the test that a part was split from; a test's own id is returned as it is."""
    head, mark, rest = test.partition(_PART)
    return head + rest.lstrip("0123456789") if mark else test


def sound(parts: Mapping[str, bool], wholes: Mapping[str, bool]) -> bool:
    """Whether parts (id → passes) say the same as the tests they come from: all pass, or one at least does not."""
    told: dict[str, bool] = {}
    for test, passes in parts.items():
        told[whole(test)] = told.get(whole(test), True) and passes
    return all(told.get(test, passes) == passes for test, passes in wholes.items())


def _parts(function: ast.FunctionDef) -> Iterator[ast.FunctionDef]:
    found = [at for at, node in enumerate(function.body) if _asserts(node)]
    if not 1 < len(found) <= _LIMIT:
        return
    local = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    local |= {argument.arg for argument in ast.walk(function.args) if isinstance(argument, ast.arg)}
    for number, at in enumerate(found, 1):
        after = {n.id for node in function.body[at:] for n in ast.walk(node) if isinstance(n, ast.Name)}
        before = [kept for node in function.body[:at] for kept in _before(node, local, after)]
        part = copy.copy(function)
        part.name = f"{function.name}{_PART}{number}"
        part.body = [*copy.deepcopy(before), function.body[at]]
        yield part


def _asserts(node: ast.stmt) -> bool:
    """Whether a statement asserts something itself: an assert, a call of assertX or raises, a loop around those."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        return False
    for inner in ast.walk(node):
        if isinstance(inner, ast.Assert):
            return True
        if isinstance(inner, ast.Call):
            name = getattr(inner.func, "attr", getattr(inner.func, "id", ""))
            if name.startswith("assert") or name in ("raises", "fail"):
                return True
    return False


def _before(node: ast.stmt, local: set[str], after: set[str]) -> Sequence[ast.stmt]:
    """What an earlier statement leaves in front of a later assertion that uses the names `after`."""
    if not _asserts(node):
        return [node]
    names = [inner for inner in ast.walk(node) if isinstance(inner, ast.Name)]
    stored = {inner.id for inner in names if isinstance(inner.ctx, ast.Store)}
    used = {inner.id for inner in names}
    if not (used - stored) & local and not stored & after:
        return []
    if not any(isinstance(inner, ast.Call) for inner in ast.walk(node)) and not stored:
        return []
    handler = ast.ExceptHandler(type=ast.Name("Exception", ast.Load()), name=None, body=[ast.Pass()])
    return [ast.Try(body=[node], handlers=[handler], orelse=[], finalbody=[])]
