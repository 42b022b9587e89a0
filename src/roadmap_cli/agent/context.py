"""The surroundings of an edit, in a few words: what is edited, where it stands, and into what.

Two edits by the same template are not equally likely to be right: `<` to `<=` in the test of a while is, `<` to `!=`
in an argument is not. What these words are worth is learned (`memory.Priors`).
"""

from __future__ import annotations

import ast
import builtins
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from roadmap_cli.agent.source import Edit, Source

_NAME = re.compile(r"[A-Za-z_]\w*")
_TOKEN = re.compile(r"[A-Za-z_]\w*|\d+(?:\.\d+)?|\"[^\"\n]*\"|'[^'\n]*'|[^\w\s]+|\s+")
_WORDS = """
and or not in is if else for while return break continue pass None True False lambda append extend pop get keys values
items add discard remove insert index find rfind strip lstrip rstrip split rsplit join lower upper startswith endswith
replace sort reverse copy count title capitalize isdigit isalpha isalnum isspace
"""
_KEPT = frozenset(dir(builtins)) | frozenset(_WORDS.split())


class Contexts:
    """The surroundings of edits in one file. Made once for a file, asked for each edit."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._nodes: list[tuple[int, int, ast.AST, str, str, bool]] = []
        self._found: dict[tuple[int, int], tuple[str, str, str, str]] = {}
        self._uses: dict[int, tuple[frozenset[str], Counter[str]]] = {}
        self._walk(source.tree, "", "module", False)

    def _walk(self, node: ast.AST, field: str, statement: str, loop: bool) -> None:
        if isinstance(node, ast.stmt | ast.expr):
            start, end = self._source.span(node)
            self._nodes.append((start, end, node, field, statement, loop))
        kind = type(node).__name__
        inside = loop or isinstance(node, ast.For | ast.While | ast.AsyncFor | ast.comprehension)
        inside = inside and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for name, value in ast.iter_fields(node):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    here = type(child).__name__ if isinstance(child, ast.stmt) else statement
                    self._walk(child, f"{kind}.{name}", here, inside)

    def of(self, edit: Edit, error: str = "") -> dict[str, str]:
        """What surrounds an edit: `error` (class of the failure), `node`, `place`, `statement`, `loop`, `change`, and
        `names` if one comes into use by it or goes out of use.

        `loop` is yes for what a loop runs again and again, its test included. `construct` joins statement and place:
        the kind of code, as lessons name it.
        """
        key = (edit.start, edit.end)
        if key not in self._found:
            self._found[key] = self._look(edit)
        node, place, statement, loop = self._found[key]
        before = self._source.content[edit.start : edit.end].decode("utf-8", "replace")
        construct = place if not statement or place.startswith(f"{statement}.") else f"{statement} {place}".strip()
        found = {
            "node": node, "place": place, "statement": statement, "loop": loop, "construct": construct,
            "change": change(before, edit.text),
        }  # fmt: skip
        if names := self._names(edit, before):
            found["names"] = names
        if error:
            found["error"] = error
        return found

    def _names(self, edit: Edit, before: str) -> str:
        """What an edit does to the names of its function: whether one comes into use, or goes out of it."""
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

    def _look(self, edit: Edit) -> tuple[str, str, str, str]:
        best: tuple[int, int, ast.AST, str, str, bool] | None = None
        for entry in self._nodes:
            if entry[0] <= edit.start and edit.end <= entry[1] and (best is None or _inner(entry, best)):
                best = entry
        if best is None:
            return "", "", "module", "no"
        return type(best[2]).__name__, best[3], best[4], "yes" if best[5] else "no"


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


def _inner(one: tuple[Any, ...], two: tuple[Any, ...]) -> bool:
    return bool(one[1] - one[0] <= two[1] - two[0])


def change(before: str, after: str) -> str:
    """An edit with its names abstracted: what is common to both ends left out, other names ``x``, texts ``s``.

    ``n + 1`` to ``n - 1`` is ``+→-``; ``xs`` to ``xs[1:]`` is ``→[1:]``; ``low`` to ``high`` is ``x→x``.
    """
    one, two = _TOKEN.findall(before), _TOKEN.findall(after)
    start = 0
    while start < min(len(one), len(two)) and one[start] == two[start]:
        start += 1
    end = 0
    while end < min(len(one), len(two)) - start and one[-1 - end] == two[-1 - end]:
        end += 1
    return f"{_abstract(one[start : len(one) - end])}→{_abstract(two[start : len(two) - end])}"


def _abstract(tokens: list[str]) -> str:
    words = []
    for token in tokens:
        if token.isspace():
            continue
        if token[0] in "'\"":
            words.append("s" if len(token) > 2 else "''")
        elif token[0].isdigit():
            words.append(token if token in ("0", "1", "2") else "n")
        elif (token[0].isalpha() or token[0] == "_") and token not in _KEPT:
            words.append("x")
        else:
            words.append(token)
    return " ".join(words)[:40]


_SINGLE = ("change", "construct", "statement", "place", "loop", "names", "error", "hypothesis")
_PAIRS = (("change", "place"), ("change", "error"))


def joined(context: Mapping[str, str]) -> list[tuple[str, str]]:
    """The features that trials are counted by, as (name, value): each alone, and the pairs that say more together."""
    single = [(name, context[name]) for name in _SINGLE if context.get(name)]
    return [
        *single,
        *((f"{a}+{b}", f"{context[a]} | {context[b]}") for a, b in _PAIRS if context.get(a) and context.get(b)),
    ]
