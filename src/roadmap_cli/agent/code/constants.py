"""The values of expressions that hold nothing but constants, without running anything."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow, ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_, ast.BitXor: operator.xor, ast.LShift: operator.lshift, ast.RShift: operator.rshift,
}  # fmt: skip
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Not: operator.not_, ast.Invert: operator.invert,
}  # fmt: skip
#: Larger than this nothing is multiplied or raised to a power.
_LARGE = 1 << 20


def folded(node: ast.expr) -> ast.expr:
    """The expression with each part that computes with constants only as its value: ``[8 + 2, x]`` is ``[10, x]``."""
    return _Folding().visit(node)  # type: ignore[no-any-return]


class _Folding(ast.NodeTransformer):
    """Makes new nodes; those of the tree it is given stay as they are."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        fields = {name: self._field(value) for name, value in ast.iter_fields(node)}
        return ast.copy_location(type(node)(**fields), node)

    def _field(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._field(each) for each in value]
        return self.visit(value) if isinstance(value, ast.AST) else value

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        left, right = self.visit(node.left), self.visit(node.right)
        kept = ast.copy_location(ast.BinOp(left, node.op, right), node)
        one, two = _value(left), _value(right)
        if one is None or two is None or type(node.op) not in _BINARY or not _is_small(node.op, one, two):
            return kept
        return _made(lambda: _BINARY[type(node.op)](one, two), kept)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        operand = self.visit(node.operand)
        kept = ast.copy_location(ast.UnaryOp(node.op, operand), node)
        value = _value(operand)
        return kept if value is None else _made(lambda: _UNARY[type(node.op)](value), kept)


def _value(node: ast.expr) -> Any:
    """The number or text that a node is; None for any other."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _value(node.operand)
        return -value if isinstance(value, int | float) else None
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str | bytes):
        return node.value
    return None


def _is_small(sign: ast.operator, one: Any, two: Any) -> bool:
    """Whether a result cannot be large."""
    if isinstance(sign, ast.Pow | ast.LShift):
        return isinstance(one, int | float) and isinstance(two, int | float) and abs(one) < _LARGE and abs(two) <= 64
    sizes = [len(each) if isinstance(each, str | bytes) else abs(each) for each in (one, two)]
    texts = isinstance(one, str | bytes) or isinstance(two, str | bytes)
    return not (texts and isinstance(sign, ast.Mod)) and (not texts or sizes[0] * sizes[1] < _LARGE)


def _made(compute: Callable[[], Any], kept: ast.expr) -> ast.expr:
    """The value as a node; the expression itself if it has none that can be written out."""
    try:
        value = compute()
        written = ast.parse(repr(value), mode="eval").body
    except (ArithmeticError, TypeError, ValueError, SyntaxError):
        return kept
    number = written.operand if isinstance(written, ast.UnaryOp) else written
    return ast.copy_location(written, kept) if isinstance(number, ast.Constant) else kept
