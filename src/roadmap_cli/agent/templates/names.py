"""Repair templates for names that nothing binds: a name that is near, or the import that is missing."""

from __future__ import annotations

import ast
import builtins
import difflib
import sys
from collections.abc import Iterator, Sequence

from roadmap_cli.agent.code.source import Edit, Source

_NEAR, _LIKENESS = 3, 0.6
#: Where names come from that are often used without being imported.
_HOMES = {
    "abc": "ABC abstractmethod", "collections": "Counter OrderedDict defaultdict deque namedtuple",
    "collections.abc": "Callable Iterable Iterator Mapping Sequence", "contextlib": "contextmanager suppress",
    "copy": "deepcopy", "dataclasses": "dataclass field", "datetime": "date timedelta timezone",
    "decimal": "Decimal", "enum": "Enum", "fractions": "Fraction", "functools": "lru_cache partial reduce wraps",
    "itertools": "accumulate chain combinations permutations product", "math": "ceil floor gcd sqrt",
    "pathlib": "Path", "typing": "Any Dict List Optional Tuple Union",
}  # fmt: skip
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}


def unknown(source: Source, roots: Sequence[ast.AST]) -> Iterator[Edit]:
    """Edits for the names under some nodes that neither the file nor Python knows."""
    known = bound(source.tree)
    if "*" in known:
        return
    known |= set(dir(builtins)) | {"__file__", "__name__", "__doc__", "__class__", "__path__"}
    for root in roots:
        for node in ast.walk(root):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in known:
                yield from _instead(source, node, sorted(known))


def bound(tree: ast.AST) -> set[str]:
    """Every name that is bound anywhere in a tree; ``*`` is one of them if something is imported by it."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                found.add(name)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found.add(node.name)
            case ast.arg():
                found.add(node.arg)
            case ast.Import() | ast.ImportFrom():
                found |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
            case ast.Global() | ast.Nonlocal():
                found |= set(node.names)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                found.add(name)
            case ast.MatchMapping(rest=str(name)):
                found.add(name)
    return found


def _instead(source: Source, node: ast.Name, known: Sequence[str]) -> Iterator[Edit]:
    start, end = source.span(node)
    for at, other in enumerate(difflib.get_close_matches(node.id, known, _NEAR, _LIKENESS)):
        yield Edit(start, end, other, "near_name", 4.0 / (1 + at), node.lineno)
    text = ""
    if node.id in _HOME:
        text = f"from {_HOME[node.id]} import {node.id}\n"
    elif node.id in sys.stdlib_module_names:
        text = f"import {node.id}\n"
    if text:
        place = _first(source)
        yield Edit(place, place, text, "import_name", 4.0, node.lineno)


def _first(source: Source) -> int:
    """Where an import may stand: before the first statement that is no docstring and no import of the future."""
    for node in source.tree.body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not docstring and not (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            line = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", ()))])
            return source.line_span(line, line)[0]
    return len(source.content)
