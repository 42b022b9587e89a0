"""The surroundings of an edit, in a few words: what kind of code is edited, and what becomes of its names."""

from __future__ import annotations

import ast
import re
from collections import Counter

from roadmap_cli.agent.code.source import Edit, Source

_NAME = re.compile(r"[A-Za-z_]\w*")


class Contexts:
    """The surroundings of edits in one file. Made once for a file, asked for each edit."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._uses: dict[int, tuple[frozenset[str], Counter[str]]] = {}

    def construct(self, edit: Edit) -> str:
        """The kind of code an edit is in, as lessons name it: its statement, and its place in that."""
        place, statement = "module", ""
        waiting: list[tuple[ast.AST, str, str]] = [(self._source.tree, "module", "")]
        while waiting:
            node, place, statement = waiting.pop()
            for name, value in ast.iter_fields(node):
                for child in value if isinstance(value, list) else [value]:
                    if not isinstance(child, ast.stmt | ast.expr):
                        continue
                    start, end = self._source.span(child)
                    if start <= edit.start and edit.end <= end:
                        here = type(child).__name__ if isinstance(child, ast.stmt) else statement
                        waiting = [(child, f"{type(node).__name__}.{name}", here)]
        return place if not statement or place.startswith(f"{statement}.") else f"{statement} {place}".strip()

    def names(self, edit: Edit) -> str:
        """What an edit does to the names of its function: whether one comes into use, or goes out of it."""
        before = self._source.content[edit.start : edit.end].decode("utf-8", "replace")
        scope = self._source.scope_of(edit.start)
        if scope is None:
            return ""
        if id(scope.node) not in self._uses:
            self._uses[id(scope.node)] = _bound_and_used(scope.node)
        bound, used = self._uses[id(scope.node)]
        old, new = Counter(_NAME.findall(before)), Counter(_NAME.findall(edit.text))
        if any(name in bound and not used[name] for name in new - old):
            return "brings one into use"
        if any(name in bound and used[name] <= count for name, count in (old - new).items()):
            return "takes the last use"
        return ""


def _bound_and_used(node: ast.AST) -> tuple[frozenset[str], Counter[str]]:
    """The names that a function binds, and how often it reads each name."""
    bound = {inner.arg for inner in ast.walk(node) if isinstance(inner, ast.arg)} - {"self", "cls"}
    used: Counter[str] = Counter()
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            if isinstance(inner.ctx, ast.Store):
                bound.add(inner.id)
            else:
                used[inner.id] += 1
    return frozenset(bound), used
