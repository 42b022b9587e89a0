"""What tests and docstrings say of a function by example: arguments and the result they ask for."""

from __future__ import annotations

import ast
import doctest
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_LIMIT = 60


@dataclass(frozen=True, slots=True)
class Example:
    """Arguments by position and the wanted result; `close` if a number near it will do."""

    arguments: tuple[Any, ...]
    result: Any
    close: bool = False


def of_tests(trees: Mapping[str, ast.AST], function: str) -> list[Example]:
    """The examples that assertions give of a function by its name, each once."""
    found: dict[str, Example] = {}
    for tree in trees.values():
        for node in ast.walk(tree):
            for example in _of_node(node, function):
                found.setdefault(repr(example.arguments), example)
                if len(found) >= _LIMIT:
                    return list(found.values())
    return list(found.values())


def of_docstring(text: str, function: str) -> list[Example]:
    """The examples of a docstring's prompts."""
    found = []
    try:
        prompts = doctest.DocTestParser().get_examples(text)
    except ValueError:
        return []
    for prompt in prompts:
        try:
            call = ast.parse(prompt.source.strip(), mode="eval").body
            wanted = ast.literal_eval(prompt.want.strip())
        except (SyntaxError, ValueError):
            continue
        arguments = _arguments(call, function)
        if arguments is not None:
            found.append(Example(arguments, wanted))
    return found


def _of_node(node: ast.AST, function: str) -> Iterator[Example]:
    match node:
        case ast.Assert(test=test):
            yield from _of_test(test, function)
        case ast.Call(func=ast.Attribute(attr="assertEqual" | "assertEquals" | "assertListEqual"), args=[one, two, *_]):
            yield from _of_test(ast.Compare(one, [ast.Eq()], [two]), function)
        case ast.Call(func=ast.Attribute(attr="assertTrue"), args=[one, *_]):
            yield from _of_test(one, function)
        case ast.Call(func=ast.Attribute(attr="assertFalse"), args=[one, *_]):
            yield from _of_test(ast.UnaryOp(ast.Not(), one), function)


def _of_test(test: ast.expr, function: str) -> Iterator[Example]:
    """`f(…) == x`, `x == f(…)`, `f(…) is x`, `f(…)`, `not f(…)`, `abs(f(…) - x) < small`, and lists of those."""
    match test:
        case ast.Compare(left=one, ops=[ast.Eq() | ast.Is()], comparators=[two]):
            for call, wanted in ((one, two), (two, one)):
                arguments = _arguments(call, function)
                if arguments is None:
                    continue
                value = _value(wanted)
                if value is not _NONE:
                    close = isinstance(wanted, ast.Call) and getattr(wanted.func, "attr", "") == "approx"
                    yield Example(arguments, value, close or isinstance(value, float))
                return
        case ast.Compare(
            left=ast.Call(func=ast.Name(id="abs") | ast.Attribute(attr="fabs"),
                          args=[ast.BinOp(left=call, op=ast.Sub(), right=wanted)]),
            ops=[ast.Lt() | ast.LtE()],
        ):  # fmt: skip
            arguments, value = _arguments(call, function), _value(wanted)
            if arguments is not None and value is not _NONE:
                yield Example(arguments, value, True)
        case ast.UnaryOp(op=ast.Not(), operand=call):
            arguments = _arguments(call, function)
            if arguments is not None:
                yield Example(arguments, False)
        case ast.Call():
            arguments = _arguments(test, function)
            if arguments is not None:
                yield Example(arguments, True)
        case ast.BoolOp(op=ast.And(), values=values):
            for value in values:
                yield from _of_test(value, function)


class _Nothing:
    """No value."""


_NONE = _Nothing()


def _arguments(call: ast.expr, function: str) -> tuple[Any, ...] | None:
    if not isinstance(call, ast.Call) or call.keywords:
        return None
    if getattr(call.func, "id", getattr(call.func, "attr", "")) != function:
        return None
    values = tuple(_value(argument) for argument in call.args)
    return None if any(value is _NONE for value in values) else values


def _value(node: ast.expr) -> Any:
    """A constant expression's value: literals, arithmetic on numbers, tuple(…) and the like of literals."""
    if isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords:
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        inner = _value(node.args[0])
        makers: dict[str, Any] = {
            "tuple": tuple,
            "list": list,
            "set": set,
            "sorted": sorted,
            "str": str,
            "approx": lambda v: v,
        }
        try:
            return makers[name](inner) if name in makers and inner is not _NONE else _NONE
        except TypeError:
            return _NONE
    if isinstance(node, ast.BinOp):
        left, right = _value(node.left), _value(node.right)
        if isinstance(left, int | float) and isinstance(right, int | float):
            try:
                match node.op:
                    case ast.Add():
                        return left + right
                    case ast.Sub():
                        return left - right
                    case ast.Mult():
                        return left * right
                    case ast.Div():
                        return left / right
            except (ArithmeticError, ValueError):
                return _NONE
        return _NONE
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return _NONE
