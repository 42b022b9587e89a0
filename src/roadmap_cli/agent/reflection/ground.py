"""What reflection looks at: failures with their frames and values, the project's sources, suspicion, recent changes."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from roadmap_cli.agent.code.project import is_test
from roadmap_cli.agent.code.source import Scope, Source


class _Unknown:
    def __repr__(self) -> str:
        return "unknown"


#: A value that could not be read back from its text.
UNKNOWN = _Unknown()
_LENGTH = re.compile(r" len=(\d+)\Z")


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """Why a test fails, in one sentence, and what speaks for it.

    `confidence` is from 0 to 1. `favours` maps templates to factors above 1. `evidence` are ids: of records, of past
    hypotheses, of tests. `predicts` is what would be seen if it holds. `id` is set when it is stored.
    """

    kind: str
    statement: str
    file: str
    line: int
    function: str
    confidence: float
    favours: Mapping[str, float] = field(default_factory=dict)
    predicts: str = ""
    evidence: tuple[str, ...] = ()
    id: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame of the project on a traceback, and what its variables held, as text."""

    file: str
    function: str
    line: int
    values: Mapping[str, str]

    def value(self, name: str) -> Any:
        """A variable's value, read back from its text; UNKNOWN if it cannot be."""
        return literal(self.values[name]) if name in self.values else UNKNOWN

    def length(self, name: str) -> int | None:
        """A variable's length, also of one whose text was cut off."""
        text = self.values.get(name, "")
        cut = _LENGTH.search(text)
        if cut:
            return int(cut[1])
        value = literal(text)
        return len(value) if isinstance(value, list | tuple | str | dict | set | bytes | range) else None


@dataclass(frozen=True, slots=True)
class Failure:
    """One failing test: its error, the project's frames from the outermost in, and both sides of its assertion."""

    test: str
    type: str
    message: str
    frames: tuple[Frame, ...]
    op: str = ""
    left: str = ""
    right: str = ""

    @classmethod
    def of(cls, test: str, error: Mapping[str, Any] | None) -> Failure:
        """From what the bench says of a test's error."""
        error = error or {}
        frames = tuple(
            Frame(frame["file"], frame["function"], frame["line"], frame.get("values", {}))
            for frame in error.get("frames", ())
            if frame.get("file")
        )
        sides = error.get("compared") or {}
        return cls(
            test, str(error.get("type", "NoResult")), str(error.get("message", "")), frames,
            sides.get("op", ""), sides.get("left", ""), sides.get("right", ""),
        )  # fmt: skip

    @property
    def inner(self) -> Frame | None:
        """The innermost frame that is not in a test."""
        return next((frame for frame in reversed(self.frames) if not is_test(frame.file)), None)

    @property
    def asserting(self) -> Frame | None:
        """The innermost frame in a test."""
        return next((frame for frame in reversed(self.frames) if is_test(frame.file)), None)


class Ground:
    """The project and what running it has shown. Files are parsed when a rule first asks."""

    def __init__(
        self, files: Mapping[str, bytes], suspicion: Mapping[str, Mapping[int, float]],
        changed: Mapping[str, Collection[int]] | None = None,
        reached: Mapping[str, Mapping[str, Collection[int]]] | None = None,
    ) -> None:  # fmt: skip
        """`suspicion`: file → line → Ochiai; `changed`: file → lines that differ from what was green before.

        `reached`: test → file → lines that it runs, of tests for which that is known.
        """
        self.files, self.suspicion, self.changed, self.reached = files, suspicion, changed or {}, reached or {}
        self._parsed: dict[str, Source | None] = {}

    def source(self, file: str) -> Source | None:
        """A parsed file; None if it is not Python."""
        if file not in self._parsed:
            try:
                self._parsed[file] = Source(file, self.files[file])
            except (KeyError, SyntaxError, UnicodeDecodeError, ValueError, RecursionError):
                self._parsed[file] = None
        return self._parsed[file]

    def scope(self, file: str, line: int) -> Scope | None:
        """The innermost function around a line."""
        source = self.source(file)
        if source is None:
            return None
        around = [s for s in source.scopes if s.node.body and _first(s) <= line <= _last(s)]
        return max(around, key=_first) if around else None

    def function(self, file: str, line: int) -> str:
        """The qualified name of the function around a line; empty at module level."""
        scope = self.scope(file, line)
        return scope.name if scope else ""

    def functions(self) -> Iterator[tuple[str, Scope]]:
        """Every function of the files that are not tests, as (file, scope)."""
        for file in sorted(self.files):
            source = self.source(file) if file.endswith(".py") and not is_test(file) else None
            for scope in source.scopes if source else ():
                yield file, scope

    def nodes(self, file: str, line: int) -> list[ast.AST]:
        """The nodes of the statement that a line belongs to, of a compound one only its head."""
        statement = self.statement(file, line)
        return list(_head(statement)) if statement is not None else []

    def statement(self, file: str, line: int) -> ast.stmt | None:
        """The innermost statement around a line."""
        source = self.source(file)
        if source is None:
            return None
        found: ast.stmt | None = None
        for node in ast.walk(source.tree):
            if not isinstance(node, ast.stmt) or not node.lineno <= line <= (node.end_lineno or node.lineno):
                continue
            if found is None or node.lineno > found.lineno or (node.end_lineno or 0) < (found.end_lineno or 0):
                found = node
        return found

    def text(self, node: ast.AST) -> str:
        """A node as source text, on one line, cut off where it is long."""
        text = " ".join(ast.unparse(node).split())
        return text if len(text) <= 80 else text[:79] + "…"

    def suspect(self, failure: Failure) -> tuple[str, int] | None:
        """The most suspect line that the test runs; of equally suspect ones the last of the first function."""
        own = self.reached.get(failure.test)
        ranked = sorted(
            ((value, file, line) for file, lines in self.suspicion.items() if not is_test(file)
             for line, value in lines.items() if own is None or line in own.get(file, ())),
            key=lambda entry: (-entry[0], entry[1], entry[2]),
        )  # fmt: skip
        if ranked:
            best = [entry for entry in ranked if entry[0] == ranked[0][0]]
            scope = self.function(best[0][1], best[0][2])
            same = [e for e in best if e[1] == best[0][1] and self.function(e[1], e[2]) == scope]
            return same[-1][1], same[-1][2]
        return (failure.inner.file, failure.inner.line) if failure.inner else None


def _first(scope: Scope) -> int:
    return scope.node.lineno if not isinstance(scope.node, ast.Module) else 1


def _last(scope: Scope) -> int:
    last = scope.node.body[-1]
    return last.end_lineno or last.lineno


def _head(statement: ast.stmt) -> Iterator[ast.AST]:
    """A statement's nodes without those of the statements inside it."""
    yield statement
    for child in ast.iter_child_nodes(statement):
        if not isinstance(child, ast.stmt):
            yield from ast.walk(child)


def literal(text: str) -> Any:
    """A value read back from its text; UNKNOWN if it is no literal, or was cut off."""
    text = text.strip()
    if text in ("inf", "-inf", "nan"):
        return float(text)
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return set() if text == "set()" else UNKNOWN


def evaluate(node: ast.AST, frame: Frame) -> Any:
    """The value of a simple expression in a frame: names, numbers, ``len``, ``+ - * //``; UNKNOWN for all else."""
    match node:
        case ast.Constant():
            return node.value
        case ast.Name():
            return frame.value(node.id)
        case ast.UnaryOp(op=ast.USub()):
            value = evaluate(node.operand, frame)
            return -value if isinstance(value, int | float) else UNKNOWN
        case ast.Call(func=ast.Name(id="len"), args=[ast.Name(id=name)]):
            size = frame.length(name)
            return UNKNOWN if size is None else size
        case ast.BinOp():
            left, right = evaluate(node.left, frame), evaluate(node.right, frame)
            if isinstance(left, int) and isinstance(right, int):
                match node.op:
                    case ast.Add():
                        return left + right
                    case ast.Sub():
                        return left - right
                    case ast.Mult():
                        return left * right
                    case ast.FloorDiv() if right:
                        return left // right
    return UNKNOWN


def changed_lines(before: str, after: str) -> list[int]:
    """The lines (from 1) of `after` that `before` does not have; beside a removal, the line that follows it."""
    old, new = before.splitlines(), after.splitlines()
    found: set[int] = set()
    for tag, _, _, start, end in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            found.update(range(start + 1, max(end, start + 1) + 1))
    return sorted(line for line in found if line <= max(1, len(new)))


def own_names(scope: Scope) -> list[str]:
    """The names a function knows: its arguments, and what it assigns."""
    names: dict[str, None] = {}
    for node in ast.walk(scope.node):
        if isinstance(node, ast.arg):
            names[node.arg] = None
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names[node.id] = None
    return list(names)
