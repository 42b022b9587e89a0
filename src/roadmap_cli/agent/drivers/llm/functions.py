"""Whole Python functions put in the place of those that are there, with imports and new functions they bring along."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from roadmap_cli.agent.drivers.llm.naming import tree_of
from roadmap_cli.agent.drivers.llm.placing import NoPlaceError

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_BEGINS = re.compile(r"\s*(?:@\w|(?:async\s+)?def\s+\w|class\s+\w|import\s+\w|from\s+[\w.]+\s+import\b)")


@dataclass(frozen=True, slots=True)
class Span:
    """A function or class in a text: its qualified name (without ``<locals>``), lines from 1, decorators included."""

    name: str
    first: int
    last: int
    line: int
    column: int
    node: _Function | ast.ClassDef


def spans(tree: ast.AST, prefix: str = "") -> Iterator[Span]:
    """All functions and classes of a tree, outer ones first. May raise RecursionError for a very deep one."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, _Function | ast.ClassDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            name = prefix + node.name
            yield Span(name, first, node.end_lineno or node.lineno, node.lineno, node.col_offset, node)
            yield from spans(node, name + ".")
        elif not isinstance(node, ast.expr):
            yield from spans(node, prefix)


def dedented(text: str) -> str:
    """A block of code without the indentation that all its lines have."""
    return textwrap.dedent(text)


def defined(text: str) -> list[str]:
    """The names of the functions and classes at the top of a block of code."""
    tree = tree_of(dedented(text))
    return [node.name for node in tree.body if isinstance(node, _Function | ast.ClassDef)] if tree else []


def loose(lines: Sequence[str]) -> list[str]:
    """Code that stands in prose without a fence: from its first line to the last that is as deep or begins another."""
    start = next((number for number, line in enumerate(lines) if _BEGINS.match(line)), None)
    if start is None:
        return []
    found = list[str]()
    depth = len(lines[start]) - len(lines[start].lstrip())
    for line in lines[start:]:
        deep = len(line) - len(line.lstrip()) > depth
        if line.strip() and not deep and not _BEGINS.match(line) and line.strip()[:1] not in (")", "]", "}", "@", "#"):
            break
        found.append(line)
    return found


def put(text: str, files: Mapping[str, str], targets: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The files that a block of code changes, with their new text.

    Functions and classes of the block take the place of those of the same name: of a target, else of the only one. A
    block that has all that a file has is a new version of the whole file. Raises NoPlaceError.
    """
    block = dedented(text)
    tree = tree_of(block)
    if tree is None:
        raise NoPlaceError("the code is not valid Python")
    try:
        own = {span.name: span for span in spans(tree)}
        there = {name: list(spans(found)) for name, code in files.items() if (found := tree_of(code)) is not None}
    except RecursionError:
        raise NoPlaceError("the code is nested too deeply") from None
    tops = [node for node in tree.body if isinstance(node, _Function | ast.ClassDef)]
    if not tops:
        raise NoPlaceError("there is no function in the code")
    whole = _whole(block, tree, files)
    if whole is not None:
        return whole
    placed: dict[str, list[tuple[Span, list[Span]]]] = {}
    fresh: list[Span] = []
    for node in tops:
        span = own[node.name]
        if isinstance(node, ast.ClassDef):
            pairs, new = _class(span, own, there, targets)
        else:
            pairs, new = _one(span, there, targets)
        for name, old, mine in pairs:
            placed.setdefault(name, []).append((old, mine))  # the first of mine in its place, the others behind it
        fresh += [each for each in new if not each.name.startswith("test_")]  # an example of its use, say
    if not placed:
        raise NoPlaceError(f"no function {tops[0].name[:60]!r} is in the files shown")
    if len(placed) > 1 and fresh:
        raise NoPlaceError("it is not clear which file the new functions belong to")
    lines = block.split("\n")
    return {name: _made(files[name], pairs, fresh, lines, tree) for name, pairs in placed.items()}


_Pairs = list[tuple[str, Span, list[Span]]]


def _one(span: Span, there: Mapping[str, list[Span]], targets: Sequence[tuple[str, str]]) -> tuple[_Pairs, list[Span]]:
    """The place of a function by its bare name."""
    every = [
        (name, old)
        for name, olds in there.items()
        for old in olds
        if old.name.rpartition(".")[2] == span.name and isinstance(old.node, _Function)
    ]
    wanted = [_bare(function) for _, function in targets]
    for file, function in targets:
        for name, old in every:
            if name == file and old.name == _bare(function):
                return [(name, old, [span])], []
    if not every:
        return [], [span]
    top = [(name, old) for name, old in every if "." not in old.name] or every
    if len(top) > 1:
        raise NoPlaceError(
            f"there are {len(top)} functions {span.name[:60]!r}; asked for were {', '.join(wanted)[:200]}"
        )
    return [(top[0][0], top[0][1], [span])], []


def _class(
    span: Span, own: Mapping[str, Span], there: Mapping[str, list[Span]], targets: Sequence[tuple[str, str]]
) -> tuple[_Pairs, list[Span]]:
    """The place of a class: whole if it has all methods of the old one, else its methods one by one."""
    olds = [(name, old) for name, found in there.items() for old in found if old.name == span.name]
    files = {file for file, function in targets if _bare(function).startswith(span.name + ".")}
    olds = [(name, old) for name, old in olds if name in files] or olds
    if len(olds) > 1:
        raise NoPlaceError(f"there are {len(olds)} classes {span.name[:60]!r}")
    if not olds:
        return [], [span]
    file, old = olds[0]
    if not isinstance(old.node, ast.ClassDef):
        raise NoPlaceError(f"{span.name[:60]!r} is not a class")
    before = {each.name: each for each in there[file]}
    assert isinstance(span.node, ast.ClassDef)
    if _members(old.node) <= _members(span.node):
        return [(file, old, [span])], []
    pairs = [
        (file, before[name], [mine])
        for node in span.node.body
        if isinstance(node, _Function) and (name := f"{span.name}.{node.name}") in before and (mine := own.get(name))
    ]
    if not pairs:
        raise NoPlaceError(f"class {span.name[:60]!r} has none of the methods that are there")
    names = [f"{span.name}.{node.name}" for node in span.node.body if isinstance(node, _Function)]
    pairs[-1][2].extend(own[name] for name in names if name not in before)
    return pairs, []


def _members(node: ast.ClassDef) -> set[str]:
    return {name for each in node.body for name in _names(each)}


def _names(node: ast.stmt) -> Iterator[str]:
    """The names that a statement gives a meaning to."""
    if isinstance(node, _Function | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Import | ast.ImportFrom):
        for alias in node.names:
            yield (alias.asname or alias.name).partition(".")[0]
    elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            for each in ast.walk(target):
                if isinstance(each, ast.Name):
                    yield each.id


def _whole(block: str, tree: ast.Module, files: Mapping[str, str]) -> dict[str, str] | None:
    """The one file that has nothing but what a block has, too: then the block is the new file."""
    mine = {name for node in tree.body for name in _names(node)}
    found = []
    for name, text in files.items():
        old = tree_of(text)
        if old is None:
            continue
        theirs = {each for node in old.body for each in _names(node)}
        other = [node for node in old.body if not any(True for _ in _names(node)) and not _is_docstring(node, old)]
        enough = len([node for node in old.body if isinstance(node, _Function | ast.ClassDef)]) > 1 or len(theirs) > 1
        if theirs and theirs <= mine and enough and len(other) <= _statements(tree):
            found.append(name)
    if len(found) != 1:
        return None
    before = files[found[0]]
    text = block.strip("\n") + "\n"
    return {found[0]: text.replace("\n", "\r\n") if "\r\n" in before else text}


def _statements(tree: ast.Module) -> int:
    return sum(not any(True for _ in _names(node)) and not _is_docstring(node, tree) for node in tree.body)


def _is_docstring(node: ast.stmt, tree: ast.Module) -> bool:
    return node is tree.body[0] and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _bare(function: str) -> str:
    return function.replace("<locals>.", "")


def _made(
    before: str, pairs: Sequence[tuple[Span, list[Span]]], fresh: Sequence[Span], block: Sequence[str], tree: ast.Module
) -> str:
    """A file with functions exchanged, new ones before the first of them, and imports it does not have yet."""
    ends = "\r\n" if "\r\n" in before else "\n"
    lines = before.replace("\r\n", "\n").split("\n")
    pairs = sorted(pairs, key=lambda pair: -pair[0].first)
    if any(earlier[0].last >= later[0].first for later, earlier in pairwise(pairs)):
        raise NoPlaceError("the functions in the code overlap")
    for old, group in pairs:
        bare = group[0].first == group[0].line
        first = old.line if old.first < old.line and bare else old.first  # decorators are kept
        body, example = list[str](), lines[old.line - 1]
        for mine in group:
            body += [""] * bool(body)
            body += _indented(block[mine.first - 1 : mine.last], mine.column, old.column, example)
        lines[first - 1 : old.last] = body
    if fresh:
        tops = [
            node for node in (tree_of(before) or ast.Module([], [])).body if isinstance(node, _Function | ast.ClassDef)
        ]
        first = pairs[-1][0].first
        top = max((span for span in map(_first, tops) if span <= first), default=first)
        new = [line for span in fresh for line in [*block[span.first - 1 : span.last], "", ""]]
        lines[top - 1 : top - 1] = new
    missing = _missing_imports(before, tree, block)
    if missing:
        at = _after_imports(before)
        lines[at:at] = missing
    return ends.join(lines)


def _first(node: _Function | ast.ClassDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _indented(lines: Sequence[str], have: int, wanted: int, example: str) -> list[str]:
    """Lines moved from one column to another."""
    if wanted >= have:
        more = example[:wanted][: wanted - have] if have == 0 else " " * (wanted - have)
        return [more + line if line.strip() else line for line in lines]
    less = have - wanted
    return [line[less:] if not line[:less].strip() else line for line in lines]


def _missing_imports(before: str, tree: ast.Module, block: Sequence[str]) -> list[str]:
    """The lines of imports at the top of a block that the file does not have."""
    old = tree_of(before)
    have = {ast.unparse(node) for node in old.body if isinstance(node, ast.Import | ast.ImportFrom)} if old else set()
    names = {name for node in old.body for name in _names(node)} if old else set()
    found = list[str]()
    for node in tree.body:
        if not isinstance(node, ast.Import | ast.ImportFrom) or ast.unparse(node) in have:
            continue
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            continue
        if set(_names(node)) <= names:
            continue
        found += block[node.lineno - 1 : node.end_lineno]
    return found


def _after_imports(before: str) -> int:
    """The line (from 0) at which a further import may stand."""
    tree = tree_of(before)
    at = 0
    for node in tree.body if tree else ():
        is_import = isinstance(node, ast.Import | ast.ImportFrom)
        if not is_import and not (tree and _is_docstring(node, tree)):
            break
        at = node.end_lineno or node.lineno
    return at
