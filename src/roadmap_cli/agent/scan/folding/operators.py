"""Operators on two values, and slices."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import replace

from roadmap_cli.agent.scan.folding.paths import path_join
from roadmap_cli.agent.scan.folding.texts import joined
from roadmap_cli.agent.scan.folding.work import FAILURES, LIMIT
from roadmap_cli.agent.scan.values import Const, Sequence, Text, Unknown, Value


def binary(left: Value, right: Value, operator: ast.operator) -> Value:
    """The result of an operator on two values."""
    if isinstance(operator, ast.Add):
        if isinstance(left, Sequence) and isinstance(right, Sequence):
            return Sequence((*left.items, *right.items)[:512])
        if isinstance(left, Sequence) or isinstance(right, Sequence):
            known = left if isinstance(left, Sequence) else right
            assert isinstance(known, Sequence)
            rest = ((Unknown(),),)
            return Sequence((*known.items, *rest) if known is left else (*rest, *known.items))
        if isinstance(left, Const) and isinstance(right, Const) and not isinstance(left.value, bytes):
            return _number(left.value, right.value, operator)
        return joined(left, right)
    if isinstance(operator, ast.Div) and isinstance(left, Text) and left.is_path:
        return path_join(left, right)
    if isinstance(operator, ast.Div) and isinstance(right, Text) and right.is_path:
        return replace(right, whole=False) if right.text.startswith("/") else Unknown()
    if isinstance(operator, ast.Mod) and isinstance(left, Text):
        return _percent(left, right)
    if isinstance(operator, ast.Mult):
        for one, two in ((left, right), (right, left)):
            if isinstance(one, Text) and isinstance(two, Const) and isinstance(two.value, int):
                if one.whole and 0 <= len(one.text) * two.value <= LIMIT:
                    return replace(one, text=one.text * two.value)
                return Text(one.text[:64], False, "unknown", trail=one.trail)
    if isinstance(left, Const) and isinstance(right, Const):
        return _number(left.value, right.value, operator)
    if isinstance(left, Unknown) and left.origin != "unknown":
        return left
    return Unknown()


def _number(left: object, right: object, operator: ast.operator) -> Value:
    if not (isinstance(left, int) and isinstance(right, int)) or max(abs(left), abs(right)) > 1 << 32:
        return Unknown()
    try:
        match operator:
            case ast.Add():
                return Const(left + right)
            case ast.Sub():
                return Const(left - right)
            case ast.Mult():
                return Const(left * right)
            case ast.BitXor():
                return Const(left ^ right)
            case ast.BitOr():
                return Const(left | right)
            case ast.BitAnd():
                return Const(left & right)
            case ast.FloorDiv():
                return Const(left // right)
            case ast.Mod():
                return Const(left % right)
            case ast.RShift() if right < 64:
                return Const(left >> right)
            case ast.LShift() if right < 32:
                return Const(left << right)
    except ZeroDivisionError:
        pass
    return Unknown()


def _percent(left: Text, right: Value) -> Value:
    if not left.whole:
        return left
    given: list[Value] = (
        [item[0] if len(item) == 1 else Unknown() for item in right.items] if isinstance(right, Sequence) else [right]
    )
    texts = [each.text for each in given if isinstance(each, Text) and each.whole]
    if len(texts) == len(given) and sum(map(len, texts)) < LIMIT and not re.search(r"%[^%]{0,8}\d{3}", left.text):
        try:
            return Text(left.text % tuple(texts), trail=left.trail)
        except FAILURES:
            return Unknown()
    head = left.text.partition("%")[0]
    first = given[0] if given else Unknown()
    if isinstance(first, Text) and left.text[len(head) :].startswith("%s"):
        return Text(head + first.text, False, first.origin or "unknown", trail=left.trail)
    return Text(head, False, first.origin if isinstance(first, Unknown) else "unknown", trail=left.trail)


def sliced(base: Value, bounds: list[object]) -> Iterable[Value]:
    """A slice of a text or of bytes whose bounds are known."""
    if any(bound is not None and not isinstance(bound, int) for bound in bounds) or bounds[2] == 0:
        return (Unknown(trail=base.trail),)
    whole = [bound if isinstance(bound, int) else None for bound in bounds]
    cut = slice(whole[0], whole[1], whole[2])
    if isinstance(base, Text) and base.whole:
        return (Text(base.text[cut], trail=base.trail),)
    if isinstance(base, Const) and isinstance(base.value, bytes):
        return (Const(base.value[cut], trail=base.trail),)
    if isinstance(base, Sequence):
        return (Sequence(base.items[cut]),)
    return (base,) if isinstance(base, Unknown) else (Unknown(trail=base.trail),)
