"""The shape of a function that folds a call, and the bounds it keeps to."""

from __future__ import annotations

import ast
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterable
from collections.abc import Sequence as Ordered

from roadmap_cli.agent.scan.evaluation import Evaluation
from roadmap_cli.agent.scan.program import Scope
from roadmap_cli.agent.scan.values import Name, Value

LIMIT = 1 << 18
FAILURES = (ValueError, TypeError, KeyError, IndexError, AttributeError, LookupError, OverflowError, EOFError, OSError,
             zlib.error, lzma.LZMAError, MemoryError, gzip.BadGzipFile, RecursionError)  # fmt: skip


#: What a call of something of the outside gives: who evaluates, the call, its scope, the depth, what is called.
Work = Callable[[Evaluation, ast.Call, Scope, int, Name], Iterable[Value]]


def first(flow: Evaluation, node: ast.Call, scope: Scope, depth: int, position: int = 0) -> Ordered[Value]:
    """What stands at a place among the arguments; nothing if there is none."""
    return flow.of(node.args[position], scope, depth) if len(node.args) > position else ()


def given_back(flow: Evaluation, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    """A function that gives what it is given."""
    return first(flow, node, scope, depth)
