"""Whoever evaluates the expressions of a program: what those that help with it may ask."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Protocol

from roadmap_cli.agent.scan.program import Scope
from roadmap_cli.agent.scan.values import Name, Value


class Evaluation(Protocol):
    """Evaluates the expressions of one program: `dataflow.Flow`."""

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
