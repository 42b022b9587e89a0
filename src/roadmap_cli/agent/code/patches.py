"""The identity of a change: the same one has the same name in every run, from every driver, wherever its lines stand.

What counts is the code of the functions (or module-level statements) that differ, before and after, without comments,
layout and positions. So a function that has moved, a comment added elsewhere, or a model that proposes what a template
has tried already make no new patch.
"""

from __future__ import annotations

import ast
import hashlib
import re
import textwrap
from collections.abc import Mapping

from roadmap_cli.agent.code.source import plain


class Identity:
    """Names changes of a project's files. Made once for the files as they are; parses what it needs."""

    def __init__(self, was: Mapping[str, str]) -> None:
        self._was = was
        self._parsed: dict[str, list[_Part] | None] = {}

    def of(self, changed: Mapping[str, str]) -> str:
        """The name (hex) of a change, given the texts of the changed files."""
        parts = []
        for file in sorted(changed):
            before, after = self._was.get(file, ""), changed[file]
            if before != after:
                parts.append(repr((file, self._difference(file, before, after))))
        return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]

    def _difference(self, file: str, before: str, after: str) -> object:
        if file not in self._parsed:
            self._parsed[file] = _parts(before) if file.endswith(".py") else None
        parts = self._parsed[file]
        if parts is not None:
            found = _within(parts, before, after)
            if found is not None:
                return found
            now = _parts(after)
            if now is not None:
                return _whole(parts, now)
        return _plain(before), _plain(after)


class _Part:
    """A function or module-level statement: qualified name, lines (from 0, end excluded), shape of the code."""

    __slots__ = ("end", "name", "shape", "start")

    def __init__(self, name: str, start: int, end: int, shape: str) -> None:
        self.name, self.start, self.end, self.shape = name, start, end, shape


def _parts(text: str) -> list[_Part] | None:
    try:
        tree = ast.parse(plain(text))
    except (SyntaxError, ValueError, RecursionError):
        return None
    return _collect(tree.body, "")


def _collect(body: list[ast.stmt], prefix: str) -> list[_Part]:
    found: list[_Part] = []
    for node in body:
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))]) - 1
        if isinstance(node, ast.ClassDef):
            found += _collect(node.body, f"{prefix}{node.name}.")
            head = ast.ClassDef(**{**dict(ast.iter_fields(node)), "body": []})
            found.append(_Part(f"{prefix}{node.name}", first, first + 1, ast.dump(head)))
        else:
            name = node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else ""
            found.append(_Part(prefix + name, first, node.end_lineno or first + 1, ast.dump(node)))
    return found


def _within(parts: list[_Part], before: str, after: str) -> object | None:
    """The change of a text within one part, without parsing the rest; None if it goes beyond."""
    old, new = before.splitlines(), after.splitlines()
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    around = [part for part in parts if part.start <= start and len(old) - end <= part.end and start < part.end]
    if len(around) != 1:
        return None
    part = around[0]
    text = textwrap.dedent("\n".join(new[part.start : len(new) - (len(old) - part.end)]))
    try:
        body = ast.parse(plain(text)).body
    except (SyntaxError, ValueError, RecursionError):
        return None
    if len(body) != 1:
        return None
    return [(part.name, part.shape, ast.dump(body[0]))]


def _whole(before: list[_Part], after: list[_Part]) -> object:
    """What parts are gone and what parts are new, by name and shape."""
    old, new = [(part.name, part.shape) for part in before], [(part.name, part.shape) for part in after]
    gone, come = [each for each in old if each not in new], [each for each in new if each not in old]
    if len(gone) == len(come) == 1 and gone[0][0] == come[0][0]:
        return [(gone[0][0], gone[0][1], come[0][1])]
    return gone, come


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
