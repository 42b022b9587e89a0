"""Tests known again by what they say: a name and the text of the test, so that one that was rewritten is a new one."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Mapping

_LENGTH = 12


def of_tests(files: Mapping[str, bytes], tests: Iterable[str]) -> dict[str, str]:
    """Test id → fingerprint (hex). Of tests that are no Python functions by their ids, the id alone counts."""
    texts: dict[str, dict[str, str]] = {}
    found: dict[str, str] = {}
    for test in tests:
        file, _, name = test.partition("::")
        if file not in texts:
            texts[file] = _functions(files.get(file, b""))
        text = texts[file].get(name.partition("[")[0], "")
        found[test] = hashlib.sha256(f"{test}\0{text}".encode("utf-8", "surrogatepass")).hexdigest()[:_LENGTH]
    return found


def _functions(content: bytes) -> dict[str, str]:
    """The code of a module's functions and methods, decorators included, by their names as pytest joins them."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError):
        return {}
    found: dict[str, str] = {}
    waiting: list[tuple[str, ast.AST]] = [("", tree)]
    while waiting:
        prefix, owner = waiting.pop()
        for node in ast.iter_child_nodes(owner):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found[prefix + node.name] = ast.dump(node)
            elif isinstance(node, ast.ClassDef):
                waiting.append((f"{prefix}{node.name}::", node))
    return found
