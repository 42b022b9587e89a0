"""What folding needs of whoever evaluates expressions, and the bounds it keeps to."""

from __future__ import annotations

import ast
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterable
from collections.abc import Sequence as Ordered
from typing import Protocol

from roadmap_cli.agent.scan.program import Scope
from roadmap_cli.agent.scan.values import Name, Value

LIMIT = 1 << 18
FAILURES = (ValueError, TypeError, KeyError, IndexError, AttributeError, LookupError, OverflowError, EOFError, OSError,
             zlib.error, lzma.LZMAError, MemoryError, gzip.BadGzipFile, RecursionError)  # fmt: skip


class Evaluation(Protocol):
    """Whoever evaluates expressions (`dataflow.Flow`): what folding asks of it."""

    @property
    def folder(self) -> str:
        """The working directory, empty if it is not known."""

    def of(self, node: ast.AST | None, scope: Scope, depth: int = 0) -> tuple[Value, ...]:
        """All that an expression may stand for."""

    def names(self, node: ast.AST, scope: Scope) -> list[Name]:
        """The names of the outside that an expression may stand for."""

    def constant(self, node: ast.AST | None, scope: Scope) -> object:
        """The one constant an expression stands for; None if it has several or none."""

    def items_of(self, value: Value) -> Iterable[Value]:
        """The elements of what is iterated over."""


#: What a call of something of the outside gives: who evaluates, the call, its scope, the depth, what is called.
Work = Callable[[Evaluation, ast.Call, Scope, int, Name], Iterable[Value]]


def first(flow: Evaluation, node: ast.Call, scope: Scope, depth: int, position: int = 0) -> Ordered[Value]:
    """What stands at a place among the arguments; nothing if there is none."""
    return flow.of(node.args[position], scope, depth) if len(node.args) > position else ()


def given_back(flow: Evaluation, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    """A function that gives what it is given."""
    return first(flow, node, scope, depth)
