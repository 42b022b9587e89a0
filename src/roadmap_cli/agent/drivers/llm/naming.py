"""What a change is called, and what no change may hide.

The same change has the same name in every run, however the model spelled it: comments, docstrings, quotes and line
breaks of Python do not count, nor does where in the file its function stands.
"""

from __future__ import annotations

import ast
import hashlib
import unicodedata
import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache

from roadmap_cli.agent.code.source import plain

_CONTEXT = 2


def tree_of(text: str) -> ast.Module | None:
    """The syntax tree of a Python text, or None if it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(plain(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


@lru_cache(maxsize=64)
def normalised(name: str, text: str) -> tuple[str, ...]:
    """The lines of a file that matter, in one spelling."""
    tree = tree_of(text) if name.endswith(".py") else None
    if tree is not None:
        try:
            return tuple(ast.unparse(_without_docstrings(tree)).splitlines())
        except (RecursionError, ValueError):
            pass
    return tuple(line.rstrip() for line in text.splitlines() if line.strip())


def is_same(name: str, before: str, after: str) -> bool:
    """Whether two versions of a file do the same, as far as their spelling tells."""
    return before == after or normalised(name, before) == normalised(name, after)


def patch_id(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """The name of a change of files: 32 hexadecimal digits."""
    total = hashlib.sha256(b"text change 1")
    for name in sorted(after):
        old, new = normalised(name, before[name]), normalised(name, after[name])
        if old == new:
            continue
        top = _common(old, new)
        bottom = _common(old[top:][::-1], new[top:][::-1])
        gone, come = old[top : len(old) - bottom], new[top : len(new) - bottom]
        parts = [name, *_surroundings(name, old, top), "\n".join(gone), "\n".join(come)]
        total.update("\0".join(parts).encode(errors="replace") + b"\0\0")
    return total.hexdigest()[:32]


def size(before: Mapping[str, str], after: Mapping[str, str]) -> int:
    """How many lines that matter a change takes away and brings."""
    count = 0
    for name, text in after.items():
        old, new = normalised(name, before[name]), normalised(name, text)
        top = _common(old, new)
        bottom = _common(old[top:][::-1], new[top:][::-1])
        count += len(old) + len(new) - 2 * (top + bottom)
    return count


def hidden(before: str, after: str) -> str | None:
    """The name of a character that a change brings in and nobody sees: controls, marks of direction; None if none."""
    for character in sorted(set(after) - set(before)):
        category = unicodedata.category(character)
        if category in ("Cf", "Cc", "Cs", "Co", "Zl", "Zp") and character not in "\n\t":
            return f"U+{ord(character):04X}"
    return None


def _surroundings(name: str, lines: Sequence[str], at: int) -> list[str]:
    """The function (or class) around a line and how far in it stands, or the lines above where there is none."""
    tree = tree_of("\n".join(lines)) if name.endswith(".py") else None
    if tree is None:
        return ["", "\n".join(lines[max(0, at - _CONTEXT) : at])]
    names, first, found = list[str](), 1, list[ast.stmt](tree.body)
    while True:
        inner = next(
            (
                each
                for each in found
                if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
                and each.lineno <= at + 1 <= (each.end_lineno or each.lineno)
            ),
            None,
        )
        if inner is None:
            break
        names.append(inner.name)
        first, found = inner.lineno, inner.body
    return [".".join(names), str(at + 1 - first) if names else "\n".join(lines[max(0, at - _CONTEXT) : at])]


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if (
                isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):  # fmt: skip
                node.body = node.body[1:] or [ast.Pass()]
    return tree
