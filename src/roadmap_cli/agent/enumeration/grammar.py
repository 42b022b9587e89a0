"""The operations that expressions are made of, on plain values and bounded in size."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

_BIGGEST, LONGEST = 10**12, 2000
#: Types of values; others are by the names of their Python types.
NUMBER, TEXT, LIST, BOOL = "number", "str", "list", "bool"


class _Error:
    """The value of an expression that raises."""

    def __repr__(self) -> str:
        return "!"


ERROR = _Error()


def _item(row: Any, index: Any) -> Any:
    return row[index]


def power(base: Any, exponent: Any) -> Any:
    """A power, none that would be endless."""
    if abs(base) > 1000 or not -8 <= exponent <= 40:
        raise ValueError
    return base**exponent


def _rounded(value: Any, digits: Any) -> Any:
    if not -6 <= digits <= 12:
        raise ValueError  # with many digits before the point it takes for ever
    return round(value, digits)


def times(one: Any, two: Any) -> Any:
    """A product, no row or text that would be endless."""
    if isinstance(one, str | list) and (two > 100 or len(one) > 100):
        raise ValueError
    return one * two


def _upto(stop: Any) -> Any:
    return list(range(min(stop, LONGEST)))


_N, _S, _L, _B = NUMBER, TEXT, LIST, BOOL  # short, for the tables
#: Unary operations: type of the operand, text, function.
UNARY: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    (_N, "-{}", lambda v: -v), (_N, "abs({})", abs), (_N, "str({})", str), (_N, "({} + 1)", lambda v: v + 1),
    (_N, "({} - 1)", lambda v: v - 1), (_N, "({} * 2)", lambda v: v * 2), (_N, "({} // 2)", lambda v: v // 2),
    (_N, "({} % 2)", lambda v: v % 2), (_N, "({} % 10)", lambda v: v % 10), (_N, "({} // 10)", lambda v: v // 10),
    (_N, "({} ** 2)", lambda v: power(v, 2)), (_N, "int({})", int), (_N, "round({})", round), (_N, "range({})", _upto),
    (_N, "range(1, {} + 1)", lambda v: _upto(v + 1)[1:]), (_N, "bin({})[2:]", lambda v: bin(v)[2:]),
    (_N, "chr({})", chr),
    (_N, "({} % 2 == 0)", lambda v: v % 2 == 0), (_N, "({} > 0)", lambda v: v > 0), (_N, "({} < 0)", lambda v: v < 0),
    (_N, "({} == 0)", lambda v: v == 0), (_N, "({} % 2 == 1)", lambda v: v % 2 == 1),
    (_S, "len({})", len), (_S, "{}.lower()", str.lower), (_S, "{}.upper()", str.upper),
    (_S, "{}[::-1]", lambda v: v[::-1]),
    (_S, "{}.split()", str.split), (_S, "{}.strip()", str.strip), (_S, "int({})", int), (_S, "ord({})", ord),
    (_S, "{}.swapcase()", str.swapcase), (_S, "{}.title()", str.title), (_S, "{}.capitalize()", str.capitalize),
    (_S, "{}.isdigit()", str.isdigit), (_S, "{}.isalpha()", str.isalpha), (_S, "{}.isupper()", str.isupper),
    (_S, "{}.islower()", str.islower), (_S, "{}[0]", lambda v: v[0]), (_S, "{}[-1]", lambda v: v[-1]),
    (_S, "{}[1:]", lambda v: v[1:]), (_S, "{}[:-1]", lambda v: v[:-1]), (_S, "list({})", list),
    (_S, "set({})", lambda v: sorted(set(v))), (_S, "''.join(sorted({}))", lambda v: "".join(sorted(v))),
    (_S, "{}.splitlines()", str.splitlines), (_S, "float({})", float),
    (_L, "len({})", len), (_L, "sum({})", sum), (_L, "max({})", max), (_L, "min({})", min), (_L, "sorted({})", sorted),
    (_L, "{}[::-1]", lambda v: v[::-1]), (_L, "{}[0]", lambda v: v[0]), (_L, "{}[-1]", lambda v: v[-1]),
    (_L, "{}[1:]", lambda v: v[1:]), (_L, "{}[:-1]", lambda v: v[:-1]), (_L, "''.join({})", "".join),
    (_L, "' '.join({})", " ".join), (_L, "sorted(set({}))", lambda v: sorted(set(v))), (_L, "tuple({})", tuple),
    (_L, "{}[::2]", lambda v: v[::2]), (_L, "{}[1::2]", lambda v: v[1::2]), (_L, "', '.join({})", ", ".join),
    (_L, "math.prod({})", lambda v: math.prod(v)), (_L, "list(dict.fromkeys({}))", lambda v: list(dict.fromkeys(v))),
    (_L, "(not {})", lambda v: not v), (_S, "(not {})", lambda v: not v),
    (_B, "(not {})", lambda v: not v), (_B, "int({})", int), ("tuple", "list({})", list),
    ("tuple", "sorted({})", sorted),
    ("tuple", "sum({})", sum), ("tuple", "len({})", len), ("tuple", "{}[0]", lambda v: v[0]),
    ("tuple", "{}[1]", lambda v: v[1]),
    ("tuple", "{}[-1]", lambda v: v[-1]), ("dict", "list({})", list), ("dict", "len({})", len),
    ("dict", "sorted({})", sorted),
    ("dict", "list({}.values())", lambda v: list(v.values())), ("dict", "list({}.items())", lambda v: list(v.items())),
)  # fmt: skip
#: Binary operations: types of the operands, text, function, whether the order of the operands does not matter.
BINARY: tuple[tuple[str, str, str, Callable[[Any, Any], Any], bool], ...] = (
    (_N, _N, "({} + {})", lambda a, b: a + b, True), (_N, _N, "({} - {})", lambda a, b: a - b, False),
    (_N, _N, "({} * {})", times, True), (_N, _N, "({} // {})", lambda a, b: a // b, False),
    (_N, _N, "({} % {})", lambda a, b: a % b, False), (_N, _N, "({} / {})", lambda a, b: a / b, False),
    (_N, _N, "({} ** {})", power, False), (_N, _N, "max({}, {})", max, True), (_N, _N, "min({}, {})", min, True),
    (_N, _N, "({} == {})", lambda a, b: a == b, True), (_N, _N, "({} < {})", lambda a, b: a < b, False),
    (_N, _N, "({} <= {})", lambda a, b: a <= b, False), (_N, _N, "({} != {})", lambda a, b: a != b, True),
    (_N, _N, "({} % {} == 0)", lambda a, b: a % b == 0, False), (_N, _N, "math.gcd({}, {})", math.gcd, True),
    (_N, _N, "round({}, {})", _rounded, False),
    (_N, _N, "range({}, {})", lambda a, b: list(range(a, min(b, a + LONGEST))), False),
    (_N, _N, "range({}, {} + 1)", lambda a, b: list(range(a, min(b + 1, a + LONGEST))), False),
    (_S, _S, "({} + {})", lambda a, b: a + b, False), (_S, _S, "({} == {})", lambda a, b: a == b, True),
    (_S, _S, "({} in {})", lambda a, b: a in b, False), (_S, _S, "{}.count({})", str.count, False),
    (_S, _S, "{}.split({})", str.split, False), (_S, _S, "{}.startswith({})", str.startswith, False),
    (_S, _S, "{}.endswith({})", str.endswith, False), (_S, _S, "{}.replace({}, '')", lambda a, b: a.replace(b, ""),
                                                       False),
    (_S, _S, "{}.find({})", str.find, False), (_S, _N, "{}[{}]", _item, False), (_S, _N, "({} * {})", times, False),
    (_S, _N, "{}[:{}]", lambda a, b: a[:b], False), (_S, _N, "{}[{}:]", lambda a, b: a[b:], False),
    (_S, _L, "{}.join({})", str.join, False), (_S, _L, "({} in {})", lambda a, b: a in b, False),
    (_L, _L, "({} + {})", lambda a, b: a + b, False), (_L, _L, "({} == {})", lambda a, b: a == b, True),
    (_L, _N, "{}[{}]", _item, False), (_L, _N, "{}[:{}]", lambda a, b: a[:b], False),
    (_L, _N, "{}[{}:]", lambda a, b: a[b:], False),
    (_L, _N, "{}.count({})", list.count, False), (_L, _S, "{}.count({})", list.count, False),
    (_N, _L, "({} in {})", lambda a, b: a in b, False),
    (_L, _N, "({} + [{}])", lambda a, b: [*a, b], False), (_L, _N, "{}.index({})", list.index, False),
    (_B, _B, "({} and {})", lambda a, b: a and b, True), (_B, _B, "({} or {})", lambda a, b: a or b, True),
    (_L, _L, "list(zip({}, {}))", lambda a, b: list(zip(a, b, strict=False)), False),
    (_L, _L, "set({}) & set({})", lambda a, b: sorted(set(a) & set(b)), True), ("dict", _S, "{}[{}]", _item, False),
    ("dict", _N, "{}[{}]", _item, False), (_S, "dict", "({} in {})", lambda a, b: a in b, False),
)  # fmt: skip


def kind_of(values: Sequence[Any]) -> str:
    """The common type of values, errors left out: number, bool, str, list, tuple, dict, none, mixed."""
    kinds = {_kind(value) for value in values if value is not ERROR}
    return kinds.pop() if len(kinds) == 1 else "mixed" if kinds else "error"


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return BOOL
    if isinstance(value, int | float):
        return NUMBER
    return "none" if value is None else type(value).__name__


def is_sane(value: Any) -> bool:
    """Whether a value is of a bounded size and type."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return abs(value) < _BIGGEST
    return len(value) <= LONGEST if isinstance(value, str | list | tuple) else isinstance(value, dict | type(None))


def applied(function: Callable[..., Any], *columns: Sequence[Any]) -> tuple[Any, ...]:
    """An operation on the values of its operands, example by example."""
    found = []
    for given in zip(*columns, strict=True):
        value: Any = ERROR
        if ERROR not in given:
            try:
                value = function(*given)
            except (TypeError, ValueError, IndexError, KeyError, ArithmeticError, AttributeError, MemoryError):
                value = ERROR
        found.append(value if value is ERROR or is_sane(value) else ERROR)
    return tuple(found)
