"""Rules by how what came out differs from what was expected: by one, negated, reversed, cut short, of another type."""

from __future__ import annotations

import ast
import math
import operator
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from roadmap_cli.agent.reflection.ground import UNKNOWN, Failure, Ground, Hypothesis, literal

_STEPS = {
    "step": 2.5,
    "number": 2.0,
    "range_step": 2.5,
    "compare": 2.0,
    "bound_step": 2.0,
    "index_step": 1.5,
    "augmented": 1.3,
    "drop_operand": 1.5,
    "operator": 1.3,
}
_ENDS = {
    "range_step": 3.0,
    "slice": 3.0,
    "compare": 2.5,
    "bound_step": 2.5,
    "number": 1.5,
    "index_end": 2.0,
    "index_step": 1.5,
}
_LOGIC = {
    "negate": 2.5,
    "compare": 2.5,
    "and_or": 2.5,
    "boolean": 2.0,
    "drop_unary": 2.0,
    "function": 2.0,
    "operator": 1.3,
    "drop_condition": 2.0,
    "add_condition": 1.5,
}
_FILTER = {
    "compare": 2.5,
    "add_condition": 2.0,
    "drop_condition": 2.0,
    "and_or": 2.0,
    "negate": 2.0,
    "function": 1.5,
    "fixed_condition": 1.3,
}
_EARLY = {"move_out": 3.5, "jump": 2.5, "negate": 1.5, "compare": 1.5, "drop_statement": 1.5, "move_in": 1.5}
_ORDER = {
    "function": 2.5,
    "convert": 2.5,
    "drop_call": 2.0,
    "slice": 2.5,
    "swap_operands": 2.0,
    "swap_arguments": 2.0,
    "compare": 1.5,
    "sign": 2.0,
    "boolean": 2.0,
    "swap_statements": 1.5,
}
_ARITHMETIC = {"operator": 3.0, "number": 2.0, "drop_operand": 2.5, "swap_operands": 2.0, "augmented": 2.0, "step": 1.3}
_NOTHING = {
    "missing_return": 4.0,
    "add_return": 4.0,
    "return_none": 1.5,
    "initial_value": 2.0,
    "move_out": 1.5,
    "compare": 1.3,
}
_STARTS = {
    "augmented": 2.5,
    "move_in": 2.0,
    "negate": 2.0,
    "compare": 2.0,
    "initial_value": 2.5,
    "accumulate": 2.5,
    "jump": 1.5,
    "variable": 1.5,
    "drop_condition": 1.5,
    "range_step": 1.5,
}
_TYPES = {"convert": 4.0, "drop_call": 2.5, "function": 2.0, "operator": 1.5, "variable": 1.3}
_TEXTS = {"text": 3.0, "function": 2.5, "drop_call": 2.0, "slice": 1.5, "split_once": 1.3}


@dataclass(frozen=True, slots=True)
class Difference:
    """A relation between the actual and the expected value: its kind, in words, and what it favours."""

    kind: str
    words: str
    confidence: float
    favours: Mapping[str, float]


def by_difference(failure: Failure, ground: Ground) -> Iterator[Hypothesis]:
    """What both sides of a failed assertion suggest."""
    name = failure.type.rpartition(".")[2]
    if name == "Failed" and "DID NOT RAISE" in failure.message:
        yield from _at(
            failure,
            ground,
            Difference(
                "raises_nothing",
                "a case that must be refused is let through",
                0.5,
                {**_FILTER, "drop_statement": 1.5, "bound_step": 2.0, "number": 1.5},
            ),
        )
        return
    if name not in ("AssertionError", "Exit") or (failure.inner and _asserts_itself(failure)):
        return
    sides = _sides(failure, ground)
    if sides is None:
        return
    actual, expected, sure = sides
    for difference in relations(actual, expected):
        yield from _at(failure, ground, difference, 1.0 if sure else 0.7)
    found = _operator(failure, ground, actual, expected)
    if found:
        yield from _at(failure, ground, found)


def _asserts_itself(failure: Failure) -> bool:
    """Whether the assertion stands in the project itself, not in a test."""
    return bool(failure.frames) and failure.frames[-1] == failure.inner


def _at(failure: Failure, ground: Ground, difference: Difference, share: float = 1.0) -> Iterator[Hypothesis]:
    place = ground.suspect(failure)
    if place is None:
        return
    file, line = place
    function = ground.function(file, line)
    where = function or file
    yield Hypothesis(
        difference.kind,
        f"{where}: {difference.words}",
        file,
        line,
        function,
        difference.confidence * share,
        difference.favours,
        "the test's two sides become equal",
    )


def _sides(failure: Failure, ground: Ground) -> tuple[Any, Any, bool] | None:
    """The actual value, the expected one, and whether it is sure which is which."""
    if failure.op in ("==", "is", "<", "<=", ">", ">="):
        left, right = literal(failure.left), literal(failure.right)
        if left is UNKNOWN and right is UNKNOWN:
            return None
        actual_first = _actual_is_first(failure, ground)
        if actual_first is False:
            return right, left, True
        return left, right, actual_first is True
    frame = failure.asserting
    if frame is None or failure.op:
        return None
    statement = ground.statement(frame.file, frame.line)
    if isinstance(statement, ast.Assert) and isinstance(statement.test, ast.Call | ast.UnaryOp):
        wanted = not (isinstance(statement.test, ast.UnaryOp) and isinstance(statement.test.op, ast.Not))
        return not wanted, wanted, True
    return None


def _actual_is_first(failure: Failure, ground: Ground) -> bool | None:
    """Whether the left side is what the project computes: told by which one calls something, and which is a literal."""
    found = _compared(failure, ground)
    if found is None:
        return None
    told = [_is_given(side) for side in found]
    if told[0] != told[1]:
        return told[1]
    named = [
        isinstance(side, ast.Name) and side.id.startswith(("expect", "want", "answer", "correct")) for side in found
    ]
    return named[1] if named[0] != named[1] else None


def _compared(failure: Failure, ground: Ground) -> tuple[ast.expr, ast.expr] | None:
    """The two expressions that the failed assertion compares."""
    frame = failure.asserting
    statement = ground.statement(frame.file, frame.line) if frame else None
    if isinstance(statement, ast.Assert):
        compares = [n for n in ast.walk(statement.test) if isinstance(n, ast.Compare) and len(n.ops) == 1]
        return (compares[0].left, compares[0].comparators[0]) if compares else None
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call) and len(statement.value.args) >= 2:
        return statement.value.args[0], statement.value.args[1]
    return None


def _is_given(node: ast.expr) -> bool:
    """Whether an expression is written out in the test: no call of anything but Python's own types."""
    own = {"set", "list", "tuple", "dict", "frozenset", "float", "int", "str", "bytes", "sorted", "range", "Decimal"}
    for inner in ast.walk(node):
        if isinstance(inner, ast.Call) and not (isinstance(inner.func, ast.Name) and inner.func.id in own):
            return False
    return not isinstance(node, ast.Name)


def relations(actual: Any, expected: Any, depth: int = 0) -> Iterator[Difference]:
    """How two values differ, the most telling first."""
    if actual is UNKNOWN or expected is UNKNOWN:
        if actual is None or expected is None:
            yield from _to_none(actual)
        return
    if isinstance(actual, bool) and isinstance(expected, bool):
        if actual != expected:
            yield Difference("negated", f"gives {actual} where {expected} is expected", 0.5, _LOGIC)
    elif actual is None or expected is None:
        yield from _to_none(actual)
    elif isinstance(actual, int | float) and isinstance(expected, int | float) and not isinstance(actual, bool):
        yield from _numbers(actual, expected)
    elif isinstance(actual, str) and isinstance(expected, str):
        yield from _texts(actual, expected)
    elif isinstance(actual, list | tuple) and type(actual) is type(expected):
        yield from _sequences(list(actual), list(expected), depth)
    elif isinstance(actual, dict) and isinstance(expected, dict):
        yield from _mappings(actual, expected, depth)
    elif isinstance(actual, set | frozenset) and isinstance(expected, set | frozenset):
        yield from _members(Counter(actual), Counter(expected))
    else:
        yield from _kinds(actual, expected)


def _to_none(actual: Any) -> Iterator[Difference]:
    if actual is None:
        yield Difference("returns_nothing", "gives None where a value is expected", 0.7, _NOTHING)
    else:
        yield Difference(
            "value_where_none",
            "gives a value where None is expected",
            0.45,
            {**_FILTER, "return_none": 3.0, "initial_value": 2.0, "move_out": 1.5},
        )


def _kinds(actual: Any, expected: Any) -> Iterator[Difference]:
    one, two = type(actual).__name__, type(expected).__name__
    if isinstance(actual, list | tuple | set) and isinstance(expected, list | tuple | set):
        same = sorted(map(repr, actual)) == sorted(map(repr, expected))
        yield Difference("other_container", f"gives a {one} where a {two} is expected", 0.65 if same else 0.4, _TYPES)
    elif str(actual) == str(expected):
        yield Difference("other_type", f"gives {actual!r}, a {one}, where a {two} is expected", 0.7, _TYPES)
    elif isinstance(actual, list | tuple) and expected in list(actual):
        yield Difference(
            "container_for_item", f"gives a {one} where its item is expected", 0.5, {**_TYPES, "slice": 2.0}
        )
    elif isinstance(actual, bool) or isinstance(expected, bool):
        yield Difference("other_type", f"gives {actual!r} where {expected!r} is expected", 0.4, {**_LOGIC, **_TYPES})
    else:
        yield Difference("other_type", f"gives a {one} where a {two} is expected", 0.4, _TYPES)


def _numbers(actual: float, expected: float) -> Iterator[Difference]:
    told = f"gives {actual!r} where {expected!r} is expected"
    if actual == expected or math.isnan(actual) or math.isnan(expected):
        return
    if math.isinf(actual):
        yield Difference("returns_initial_value", f"{told}: the starting value", 0.6, _STARTS)
        return
    if abs(actual - expected) == 1:
        yield Difference("differs_by_one", f"{told}: one too {'many' if actual > expected else 'few'}", 0.6, _STEPS)
    if actual == -expected:
        yield Difference(
            "sign_flipped",
            f"{told}: the sign is flipped",
            0.7,
            {"sign": 3.5, "swap_operands": 3.0, "drop_unary": 3.0, "operator": 2.0, "number": 1.3},
        )
        return
    if not math.isinf(expected) and isinstance(expected, float) and actual in (int(expected), round(expected)):
        yield Difference(
            "cut_to_an_integer",
            f"{told}: the fraction is lost",
            0.65,
            {"operator": 3.0, "function": 2.5, "drop_call": 2.5, "convert": 1.5},
        )
    elif isinstance(actual, float) and float(expected).is_integer() and expected in (math.floor(actual), round(actual)):
        yield Difference(
            "fraction_left", f"{told}: a fraction is left", 0.6, {"operator": 3.0, "function": 2.5, "convert": 2.5}
        )
    if actual and expected and not math.isinf(expected):
        ratio = actual / expected
        for factor in (ratio, 1 / ratio):
            if abs(factor - round(factor)) < 1e-9 and 2 <= round(factor) <= 1000:
                way = "large" if abs(actual) > abs(expected) else "small"
                yield Difference("off_by_a_factor", f"{told}: {round(factor)} times too {way}", 0.5, _ARITHMETIC)
                return
    if actual in (0, 1) and abs(expected) > 1:
        yield Difference("returns_initial_value", f"{told}: as if nothing was added up", 0.4, _STARTS)
    elif abs(actual - expected) != 1:
        yield Difference("other_number", told, 0.25, {**_ARITHMETIC, "compare": 1.5, "variable": 1.3, "move_out": 1.3})


def _texts(actual: str, expected: str) -> Iterator[Difference]:
    told = f"gives {actual[:30]!r} where {expected[:30]!r} is expected"
    if actual == expected:
        return
    if actual.casefold() == expected.casefold():
        yield Difference(
            "other_case", f"{told}: only upper and lower case differ", 0.7, {"function": 4.0, "drop_call": 3.0}
        )
    elif "".join(actual.split()) == "".join(expected.split()):
        yield Difference("other_whitespace", f"{told}: only whitespace differs", 0.7, {**_TEXTS, "text": 3.5})
    elif expected and actual == expected[::-1]:
        yield Difference("reversed", f"{told}: the order is reversed", 0.7, _ORDER)
    elif not actual:
        yield Difference("empty_result", f"{told}: nothing came out", 0.5, _STARTS)
    elif len(expected) - len(actual) == 1 and (expected.startswith(actual) or expected.endswith(actual)):
        end = "last" if expected.startswith(actual) else "first"
        yield Difference(f"misses_{end}", f"{told}: the {end} character is missing", 0.65, {**_ENDS, "text": 1.5})
    elif len(actual) - len(expected) == 1 and (actual.startswith(expected) or actual.endswith(expected)):
        end = "last" if actual.startswith(expected) else "first"
        yield Difference(
            f"one_more_{end}",
            f"{told}: one character too many at the {'end' if end == 'last' else 'start'}",
            0.6,
            {**_ENDS, "text": 1.5, "function": 1.5},
        )
    elif expected.startswith(actual):
        yield Difference("stops_early", f"{told}: it stops early", 0.55, _EARLY)
    elif Counter(actual) == Counter(expected):
        yield Difference("other_order", f"{told}: the same characters in another order", 0.55, _ORDER)
    else:
        yield Difference("other_text", told, 0.3, _TEXTS)


def _sequences(actual: list[Any], expected: list[Any], depth: int) -> Iterator[Difference]:
    if actual == expected:
        return
    many, wanted = len(actual), len(expected)
    if not actual:
        yield Difference(
            "empty_result", f"gives nothing where {wanted} items are expected", 0.5, {**_STARTS, **_FILTER}
        )
    elif wanted - many == 1 and actual in (expected[:-1], expected[1:]):
        end = "last" if actual == expected[:-1] else "first"
        yield Difference(f"misses_{end}", f"the {end} item is missing", 0.7, _ENDS)
    elif many - wanted == 1 and expected in (actual[:-1], actual[1:]):
        end = "last" if expected == actual[:-1] else "first"
        yield Difference(
            f"one_more_{end}", f"one item too many at the {'end' if end == 'last' else 'start'}", 0.65, _ENDS
        )
    elif many > 1 and actual == expected[::-1]:
        yield Difference("reversed", "the items come in reversed order", 0.75, _ORDER)
    elif actual == expected[:many]:
        yield Difference("stops_early", f"stops after {many} of {wanted} items", 0.6, _EARLY)
    elif many == 1 and actual[0] == expected:
        yield Difference(
            "nested", "the items are in a list too many", 0.65, {"function": 3.5, "convert": 2.0, "drop_call": 2.0}
        )
    elif _flat(actual) == expected or _flat(expected) == actual:
        yield Difference("nested", "the items are nested otherwise", 0.6, {"function": 3.5, "convert": 2.0})
    else:
        yield from _other_items(actual, expected, depth)


def _flat(items: list[Any]) -> list[Any]:
    flat: list[Any] = []
    for item in items:
        flat.extend(item if isinstance(item, list | tuple) else [item])
    return flat


def _other_items(actual: list[Any], expected: list[Any], depth: int) -> Iterator[Difference]:
    one, two = Counter(map(repr, actual)), Counter(map(repr, expected))
    if one == two:
        ordered = False
        with suppress(TypeError):
            ordered = expected == sorted(expected) or expected == sorted(expected, reverse=True)
        kind, words = (
            ("not_sorted", "the items are not sorted")
            if ordered
            else ("other_order", "the same items in another order")
        )
        yield Difference(kind, words, 0.65, {**_ORDER, "convert": 3.0 if ordered else 1.5})
    elif len(actual) == len(expected):
        pairs = [(a, e) for a, e in zip(actual, expected, strict=True) if a != e]
        if depth < 2:
            for inner in relations(*pairs[0], depth + 1):
                yield Difference(
                    inner.kind,
                    f"{len(pairs)} of {len(actual)} items differ; the first {inner.words}",
                    inner.confidence * 0.85,
                    inner.favours,
                )
    else:
        yield from _members(one, two)


def _members(actual: Counter[Any], expected: Counter[Any]) -> Iterator[Difference]:
    if actual == expected:
        return
    missing, extra = (expected - actual).total(), (actual - expected).total()
    if set(actual) == set(expected) and not missing:
        yield Difference(
            "repeated", f"{extra} items come more than once", 0.6, {**_FILTER, "convert": 2.5, "jump": 2.0}
        )
    elif not extra:
        yield Difference("misses_some", f"{missing} items are missing", 0.5, {**_FILTER, **_ENDS, "jump": 1.5})
    elif not missing:
        yield Difference("has_extra", f"{extra} items are too many", 0.5, {**_FILTER, **_ENDS})
    else:
        yield Difference(
            "other_items", f"{missing} items are missing and {extra} too many", 0.3, {**_FILTER, "variable": 1.3}
        )


def _mappings(actual: dict[Any, Any], expected: dict[Any, Any], depth: int) -> Iterator[Difference]:
    if actual == expected:
        return
    if set(actual) != set(expected):
        swapped = False
        with suppress(TypeError):
            swapped = actual == {value: key for key, value in expected.items()}
        if swapped:
            yield Difference(
                "keys_and_values_swapped",
                "keys and values are swapped",
                0.75,
                {"variable": 3.0, "swap_arguments": 2.0, "swap_operands": 2.0},
            )
        else:
            yield from _members(Counter(actual.keys()), Counter(expected.keys()))
        return
    pairs = [(actual[key], expected[key]) for key in expected if actual[key] != expected[key]]
    if depth < 2 and pairs:
        for inner in relations(*pairs[0], depth + 1):
            yield Difference(
                inner.kind,
                f"{len(pairs)} of {len(expected)} values differ; the first {inner.words}",
                inner.confidence * 0.85,
                inner.favours,
            )


_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "/": operator.truediv,
    "%": operator.mod,
    "**": operator.pow,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
}


def _operator(failure: Failure, ground: Ground, actual: Any, expected: Any) -> Difference | None:
    """Both values as arithmetic on two numbers of the test's call: then the wrong operator has a name."""
    found = _compared(failure, ground)
    if found is None or isinstance(actual, bool) or isinstance(expected, bool):
        return None
    if not isinstance(actual, int | float) or not isinstance(expected, int | float) or actual == expected:
        return None
    call = next((node for side in found for node in ast.walk(side) if isinstance(node, ast.Call)), None)
    given = [literal(ast.unparse(argument)) for argument in call.args] if call else []
    numbers = [value for value in given if isinstance(value, int | float) and not isinstance(value, bool)]
    for one in numbers:
        for two in numbers:
            if one is two:
                continue
            said = _explaining(one, two, actual)
            wanted = _explaining(one, two, expected)
            if said and wanted and len(said) == 1 == len(wanted) and said != wanted:
                words = f"gives {one} {said[0]} {two}, expected is {one} {wanted[0]} {two}"
                return Difference(
                    "wrong_operator", words, 0.6, {"operator": 4.0, "augmented": 3.0, "swap_operands": 1.5}
                )
    return None


def _explaining(one: float, two: float, value: float) -> list[str]:
    found = []
    for sign, function in _OPERATORS.items():
        try:
            if abs(one) < 1e6 and abs(two) < 64 and function(one, two) == value:
                found.append(sign)
        except (TypeError, ValueError, ZeroDivisionError, OverflowError):
            continue
    return found
