"""Values of the wrong kind: None where something is needed, types that do not go together, zero, values refused."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from roadmap_cli.agent.code.source import Scope
from roadmap_cli.agent.reflection.exceptions.saying import GUARD, TYPES, said
from roadmap_cli.agent.reflection.ground import UNKNOWN, Failure, Frame, Ground, Hypothesis, evaluate

_NO_VALUE = {
    "missing_return": 4.0,
    "add_return": 4.0,
    "move_out": 2.0,
    "initial_value": 2.0,
    "return_none": 1.5,
    "function": 1.5,
    "drop_call": 1.5,
}


def none_where_a_value_is(failure: Failure, frame: Frame, ground: Ground) -> Iterator[Hypothesis]:
    """A value is None where one is needed: a function that falls off its end, or a name set to None."""
    by_name: dict[str, list[tuple[str, Scope]]] = {}
    for file, scope in ground.functions():
        by_name.setdefault(scope.name.rpartition(".")[2], []).append((file, scope))
    empty = {name for name, text in frame.values.items() if text == "None"}
    called: list[str] = []
    around = ground.scope(frame.file, frame.line)
    for node in ground.nodes(frame.file, frame.line):
        if isinstance(node, ast.Call):
            called.append(_called(node))
    for node in ast.walk(around.node) if around else ():
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            targets = {n.id for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name)}
            if targets & empty:
                called.insert(0, _called(node.value))
    for name in called:
        for file, made in by_name.get(name, ()):
            if falls_off(made.node):
                last = made.node.body[-1]
                yield Hypothesis(
                    "missing_return",
                    f"{made.name} ends without a return on some path, so its caller gets None",
                    file,
                    last.end_lineno or last.lineno,
                    made.name,
                    0.75,
                    _NO_VALUE,
                    f"{made.name} returns a value on every path",
                )
                return
    if empty:
        names = ", ".join(sorted(empty))
        yield said(
            "none_where_a_value_is_needed",
            f"{names} is None in {frame.function}",
            frame,
            0.5,
            {**_NO_VALUE, **GUARD},
            f"{names} holds a value at this line",
        )
    else:
        yield said(
            "none_where_a_value_is_needed",
            f"a value is None in {frame.function}: {failure.message}",
            frame,
            0.4,
            {**_NO_VALUE, **GUARD},
            "the value is there",
        )


def _called(node: ast.Call) -> str:
    function = node.func
    if isinstance(function, ast.Name):
        return function.id
    return function.attr if isinstance(function, ast.Attribute) else ""


def falls_off(node: ast.AST) -> bool:
    """Whether a function returns a value on some path and can fall off its end on another, or never returns one."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    inner = [n for n in ast.walk(node) if isinstance(n, ast.Yield | ast.YieldFrom)]
    return not inner and not _always_leaves(node.body)


def _always_leaves(body: list[ast.stmt]) -> bool:
    if not body:
        return False
    last = body[-1]
    match last:
        case ast.Return():
            return last.value is not None
        case ast.Raise():
            return True
        case ast.If():
            return _always_leaves(last.body) and _always_leaves(last.orelse)
        case ast.With() | ast.AsyncWith():
            return _always_leaves(last.body)
        case ast.Try():
            ends = [_always_leaves(last.orelse or last.body), *(_always_leaves(h.body) for h in last.handlers)]
            return _always_leaves(last.finalbody) or all(ends)
        case ast.While(test=ast.Constant(value=True)):
            return not any(isinstance(n, ast.Break) for n in ast.walk(last))
        case ast.Match():
            return all(_always_leaves(case.body) for case in last.cases)
    return False


def type_error(failure: Failure, frame: Frame, ground: Ground) -> Iterator[Hypothesis]:
    """Operands that do not go together, arguments that do not fit, a value of the wrong kind."""
    words = failure.message
    if "NoneType" in words:
        yield from none_where_a_value_is(failure, frame, ground)
        return
    pair = re.search(r"'(\w+)' and '(\w+)'", words) or re.search(r"can only concatenate (\w+) \(not \"(\w+)\"\)", words)
    if pair:
        names = [f"{name} is {text[:40]}" for name, text in frame.values.items() if _kind_of(text) in pair.groups()]
        detail = f" ({'; '.join(names[:3])})" if names else ""
        yield said(
            "mixed_types",
            f"{pair[1]} and {pair[2]} meet in one operation{detail}",
            frame,
            0.65,
            TYPES,
            f"both sides are {pair[1]} or both {pair[2]}",
        )
        return
    counted = re.search(r"(\w+)\(\) (?:missing|takes)", words)
    if counted or "positional argument" in words or "keyword argument" in words:
        name = counted[1] if counted else "a function"
        yield said(
            "wrong_arguments",
            f"{name} is called with other arguments than it takes",
            frame,
            0.6,
            {
                "drop_argument": 4.0,
                "swap_arguments": 2.0,
                "function": 2.0,
                "variable": 1.5,
                "attribute": 1.5,
                "mutable_default": 1.5,
            },
            f"{name} is called as it is defined",
        )
        return
    if (
        "not iterable" in words
        or "not subscriptable" in words
        or "not callable" in words
        or "object cannot be" in words
    ):
        yield said(
            "wrong_kind_of_value",
            f"a value is not of the kind this line needs: {words[:100]}",
            frame,
            0.5,
            {**TYPES, "drop_call": 3.0},
            "the value is of the kind that the line needs",
        )
        return
    yield said(
        "wrong_type",
        f"a value has a type that this line cannot take: {words[:100]}",
        frame,
        0.4,
        TYPES,
        "the value has the type that the line needs",
    )


def _kind_of(text: str) -> str:
    try:
        return type(ast.literal_eval(text)).__name__
    except (ValueError, SyntaxError):
        return text[1:-1].partition("(")[0] if text.startswith("<") else text.partition("(")[0]


def zero(failure: Failure, frame: Frame, ground: Ground) -> Iterator[Hypothesis]:
    """A division by zero: which divisor it was."""
    for node in ground.nodes(frame.file, frame.line):
        divides = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.FloorDiv | ast.Mod)
        if isinstance(node, ast.BinOp) and divides and evaluate(node.right, frame) in (0, UNKNOWN):
            yield said(
                "division_by_zero",
                f"{ground.text(node.right)} is 0 when {ground.text(node)} runs",
                frame,
                0.6,
                {**GUARD, "swap_operands": 2.5, "operator": 2.0, "number": 1.5, "variable": 2.0, "step": 1.5},
                f"{ground.text(node.right)} is not 0 there, or the case is dealt with before",
            )
            return
    yield said(
        "division_by_zero", f"a division by zero in {frame.function}", frame, 0.45, GUARD, "the divisor is not 0"
    )


def value_error(failure: Failure, frame: Frame, ground: Ground) -> Iterator[Hypothesis]:
    """A value that is refused: parts to unpack, a text that is no number, nothing where something is needed."""
    words = failure.message
    if "unpack" in words:
        yield said(
            "wrong_number_of_parts",
            f"a value has another number of parts than are unpacked: {words[:80]}",
            frame,
            0.6,
            {"split_once": 3.0, "function": 2.5, "slice": 2.0, "drop_argument": 1.5},
            "the parts are as many",
        )
    elif "invalid literal" in words or "could not convert" in words:
        yield said(
            "not_a_number",
            f"a text that is no number is converted: {words[:80]}",
            frame,
            0.55,
            {**GUARD, "function": 2.5, "slice": 2.0, "variable": 1.5, "drop_call": 1.5},
            "only numbers are converted",
        )
    elif "empty" in words:
        yield said(
            "empty_where_items_are_needed",
            f"there are no items where at least one is needed: {words[:80]}",
            frame,
            0.55,
            {**GUARD, "negate": 2.0},
            "the empty case is dealt with before",
        )
    elif "not in list" in words or "substring not found" in words or "is not in" in words:
        yield said(
            "not_found",
            f"what is looked for is not there: {words[:80]}",
            frame,
            0.5,
            {**GUARD, "function": 3.0, "variable": 2.0, "text": 1.5},
            "its absence is dealt with",
        )
    else:
        yield said(
            "value_refused",
            f"{frame.function} refuses a value: {words[:80]}",
            frame,
            0.35,
            {**GUARD, "negate": 2.0, "and_or": 2.0},
            "the value is accepted",
        )
