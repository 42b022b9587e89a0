"""Expressions that map given arguments to given results, found by building them up from small ones.

Bottom-up enumeration with observational equivalence (Albarghouthi, Gulwani, Kincaid, CAV 2013; TRANSIT, Udupa et
al., PLDI 2013): of all expressions with the same values on the examples only the smallest is kept. Conditionals are
put together from expressions that are right on parts of the examples, as in EUSolver (Alur et al., TACAS 2017);
loops are comprehensions, aggregates and folds whose inner expressions are enumerated over the elements.

A program that is long for what the examples say fits them by chance. So one is given out only if it takes fewer bits
to write down than the examples' results (minimum description length, Rissanen 1978): seven true-or-false results pin
down `all(x < limit for x in row)`, but no formula of ten operations.

Only this grammar's own operations run here, on plain values and bounded in size; no code of a project does.
"""

from __future__ import annotations

import math
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from roadmap_cli.agent.examples import Example

_BIG, _LONG = 10**12, 2000


class _Error:
    """The value of an expression that raises."""

    def __repr__(self) -> str:
        return "!"


ERROR = _Error()


@dataclass(frozen=True, slots=True)
class Term:
    """An expression: its text, how many operations it has, its values on the examples, their type."""

    text: str
    size: int
    values: tuple[Any, ...]
    kind: str


def _item(row: Any, index: Any) -> Any:
    return row[index]


def _power(base: Any, exponent: Any) -> Any:
    if abs(base) > 1000 or not -8 <= exponent <= 40:
        raise ValueError
    return base**exponent


def _rounded(value: Any, digits: Any) -> Any:
    if not -6 <= digits <= 12:
        raise ValueError  # with many digits before the point it takes for ever
    return round(value, digits)


def _times(one: Any, two: Any) -> Any:
    if isinstance(one, str | list) and (two > 100 or len(one) > 100):
        raise ValueError
    return one * two


def _upto(stop: Any) -> Any:
    return list(range(min(stop, _LONG)))


_N, _S, _L, _B = "number", "str", "list", "bool"
#: Unary operations: type of the operand, text, function.
UNARY: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    (_N, "-{}", lambda v: -v), (_N, "abs({})", abs), (_N, "str({})", str), (_N, "({} + 1)", lambda v: v + 1),
    (_N, "({} - 1)", lambda v: v - 1), (_N, "({} * 2)", lambda v: v * 2), (_N, "({} // 2)", lambda v: v // 2),
    (_N, "({} % 2)", lambda v: v % 2), (_N, "({} % 10)", lambda v: v % 10), (_N, "({} // 10)", lambda v: v // 10),
    (_N, "({} ** 2)", lambda v: _power(v, 2)), (_N, "int({})", int), (_N, "round({})", round), (_N, "range({})", _upto),
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
    (_N, _N, "({} * {})", _times, True), (_N, _N, "({} // {})", lambda a, b: a // b, False),
    (_N, _N, "({} % {})", lambda a, b: a % b, False), (_N, _N, "({} / {})", lambda a, b: a / b, False),
    (_N, _N, "({} ** {})", _power, False), (_N, _N, "max({}, {})", max, True), (_N, _N, "min({}, {})", min, True),
    (_N, _N, "({} == {})", lambda a, b: a == b, True), (_N, _N, "({} < {})", lambda a, b: a < b, False),
    (_N, _N, "({} <= {})", lambda a, b: a <= b, False), (_N, _N, "({} != {})", lambda a, b: a != b, True),
    (_N, _N, "({} % {} == 0)", lambda a, b: a % b == 0, False), (_N, _N, "math.gcd({}, {})", math.gcd, True),
    (_N, _N, "round({}, {})", _rounded, False),
    (_N, _N, "range({}, {})", lambda a, b: list(range(a, min(b, a + _LONG))), False),
    (_N, _N, "range({}, {} + 1)", lambda a, b: list(range(a, min(b + 1, a + _LONG))), False),
    (_S, _S, "({} + {})", lambda a, b: a + b, False), (_S, _S, "({} == {})", lambda a, b: a == b, True),
    (_S, _S, "({} in {})", lambda a, b: a in b, False), (_S, _S, "{}.count({})", str.count, False),
    (_S, _S, "{}.split({})", str.split, False), (_S, _S, "{}.startswith({})", str.startswith, False),
    (_S, _S, "{}.endswith({})", str.endswith, False), (_S, _S, "{}.replace({}, '')", lambda a, b: a.replace(b, ""),
                                                       False),
    (_S, _S, "{}.find({})", str.find, False), (_S, _N, "{}[{}]", _item, False), (_S, _N, "({} * {})", _times, False),
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
        return _B
    if isinstance(value, int | float):
        return _N
    return "none" if value is None else type(value).__name__


def _sane(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return abs(value) < _BIG
    return len(value) <= _LONG if isinstance(value, str | list | tuple) else isinstance(value, dict | type(None))


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
        found.append(value if value is ERROR or _sane(value) else ERROR)
    return tuple(found)


class Enumerator:
    """Terms over named columns of values, by size, of each behaviour one."""

    def __init__(self, columns: dict[str, tuple[Any, ...]], constants: Sequence[Any], deadline: float) -> None:
        self.by_size: dict[int, list[Term]] = defaultdict(list)
        self._keys: set[str] = set()
        self._deadline = deadline
        self.count = len(next(iter(columns.values()), ()))
        for name, values in columns.items():
            self.add(name, 1, values)
        for constant in constants:
            self.add(repr(constant), 1, (constant,) * self.count)

    def add(self, text: str, size: int, values: tuple[Any, ...]) -> Term | None:
        """Keep a term unless one of the same behaviour is known."""
        kind = kind_of(values)
        if kind == "error":
            return None
        key = repr(values)
        if key in self._keys:
            return None
        self._keys.add(key)
        term = Term(text, size, values, kind)
        self.by_size[size].append(term)
        return term

    @property
    def late(self) -> bool:
        """Whether the time is over."""
        return time.process_time() > self._deadline

    def grow(self, size: int) -> Iterator[Term]:
        """The new terms of a size, made of smaller ones; those added from outside first."""
        yield from list(self.by_size[size])
        for term in list(self.by_size[size - 1]):
            for kind, text, function in UNARY:
                if kind == term.kind:
                    made = self.add(text.format(term.text), size, applied(function, term.values))
                    if made:
                        yield made
            if self.late:
                return
        for left in range(1, size - 1):
            right = size - 1 - left
            pools: dict[str, list[Term]] = defaultdict(list)
            for term in list(self.by_size[right]):
                pools[term.kind].append(term)
            for one in list(self.by_size[left]):
                for first, second, text, operation, turns in BINARY:
                    if first != one.kind or (turns and left > right):
                        continue
                    for number, two in enumerate(pools[second]):
                        if not number & 255 and self.late:
                            return
                        values = applied(operation, one.values, two.values)
                        made = self.add(text.format(one.text, two.text), size, values)
                        if made:
                            yield made
                if self.late:
                    return


class Synthesiser:
    """Bodies for a function of the given parameters that map every example's arguments to its result.

    `seconds` of processor time bound the work.
    """

    def __init__(
        self, parameters: Sequence[str], examples: Sequence[Example], constants: Sequence[Any], seconds: float
    ) -> None:
        self._parameters, self._examples = parameters, examples
        self._deadline = time.process_time() + seconds
        self._seconds = seconds
        self._columns = {name: tuple(_listed(e.arguments[at]) for e in examples) for at, name in enumerate(parameters)}
        self._constants = list(constants)
        self._evidence = evidence([example.result for example in examples])
        self._terms = Enumerator(self._columns, constants, self._deadline)
        self._partial: dict[tuple[bool, ...], Term] = {}
        self._conditions: dict[tuple[Any, ...], Term] = {}

    def solutions(self, most_size: int = 7) -> Iterator[str]:
        """Expressions, the smallest first, and after them conditionals and folds (as bodies of several lines)."""
        looped: set[str] = set()
        for size in range(1, most_size + 1):
            for term in self._terms.grow(size):
                answer = self._checked(term)
                if answer:
                    yield answer
                if self._terms.late:
                    break
            if size in (1, 2, 3):
                for term in list(self._terms.by_size[size]):
                    if term.kind in (_L, _S, "tuple") and term.text not in looped and len(looped) < 14:
                        looped.add(term.text)
                        yield from self._over(term)
            yield from self._conditional()
            if self._terms.late:
                break

    def _checked(self, term: Term) -> str | None:
        """The body if a term is right everywhere; else it is kept for what it is right on."""
        right = tuple(_agrees(v, e) for v, e in zip(term.values, self._examples, strict=True))
        if all(right):
            if self._bits(term.text, term.size) > self._evidence:
                return None
            return f"return {_turned(term.text, self._examples[0].result)}"
        if any(right) and right not in self._partial:
            self._partial[right] = term
        if term.kind == _B and ERROR not in term.values and len(set(term.values)) == 2:
            self._conditions.setdefault(term.values, term)
        return None

    def _bits(self, text: str, size: int) -> float:
        """About how many bits a program takes: two an operation, fewer if it uses all that it is given."""
        used = sum(bool(re.search(rf"\b{name}\b", text)) for name in self._parameters)
        unusual = len(re.findall(r"(?<![\w.])(?:[3-9]|\d\d+)(?![\w.])|'[^']+'", text))
        return 2.0 * size - 1.5 * used + 3.0 * (len(self._parameters) - used) + 2.0 * unusual

    # -- loops -----------------------------------------------------------------------------------------------------

    def _over(self, rows: Term) -> Iterator[str]:
        """Comprehensions, aggregates and folds over the elements of a term."""
        places = [(at, value) for at, row in enumerate(rows.values) if row is not ERROR for value in row]
        if not places or len(places) > 1500:
            return
        name = next(n for n in ("x", "item", "each", "one") if n not in self._parameters)
        inner_columns = {name: tuple(value for _, value in places)}
        inner_columns |= {p: tuple(column[at] for at, _ in places) for p, column in self._columns.items()}
        share = min(self._deadline, time.process_time() + self._seconds / 10)
        inner = Enumerator(inner_columns, self._constants[:10], share)
        terms = [term for size in (1, 2, 3) for term in inner.grow(size) if name in term.text]
        truths = [t for t in terms if t.kind == _B and ERROR not in t.values][:250]
        mapped = [t for t in terms if ERROR not in t.values][:400]
        for made in self._aggregates(rows, name, places, truths, mapped):
            answer = self._checked(made)
            if answer:
                yield answer
            if self._terms.late:
                return
        yield from self._folds(rows, name)

    def _aggregates(
        self, rows: Term, name: str, places: list[tuple[int, Any]], truths: list[Term], mapped: list[Term]
    ) -> Iterator[Term]:
        whole = rows.text
        count = len(self._examples)

        def add(text: str, size: int, per: Callable[[list[Any]], Any], chosen: Sequence[Any]) -> Iterator[Term]:
            groups: list[Any] = [[] for _ in range(count)]
            for (at, _), value in zip(places, chosen, strict=True):
                if value is not _SKIP:
                    groups[at].append(value)
            columns = [ERROR if row is ERROR else group for row, group in zip(rows.values, groups, strict=True)]
            term = self._terms.add(text, rows.size + size, applied(per, columns))
            if term:
                yield term

        elements = [value for _, value in places]
        for term in mapped:
            if term.text != name:
                yield from add(f"[{term.text} for {name} in {whole}]", term.size, list, term.values)
            if term.kind == _N:
                yield from add(f"sum({term.text} for {name} in {whole})", term.size, sum, term.values)
                yield from add(f"max({term.text} for {name} in {whole})", term.size + 1, max, term.values)
                yield from add(f"min({term.text} for {name} in {whole})", term.size + 1, min, term.values)
            if term.kind == _S:
                yield from add(f"''.join({term.text} for {name} in {whole})", term.size, "".join, term.values)
                yield from add(f"' '.join({term.text} for {name} in {whole})", term.size + 1, " ".join, term.values)
            pairs = list(zip(elements, term.values, strict=True))
            if term.text != name and term.kind in (_N, _S):
                key = f"key=lambda {name}: {term.text}"
                yield from add(f"sorted({whole}, {key})", term.size + 1, _by_key, pairs)
                yield from add(f"max({whole}, {key})", term.size + 1, _most, pairs)
                yield from add(f"min({whole}, {key})", term.size + 1, _least, pairs)
        for truth in truths:
            yield from add(f"all({truth.text} for {name} in {whole})", truth.size, all, truth.values)
            yield from add(f"any({truth.text} for {name} in {whole})", truth.size, any, truth.values)
            kept = [value if holds else _SKIP for value, holds in zip(elements, truth.values, strict=True)]
            tail = f"for {name} in {whole} if {truth.text}"
            yield from add(f"[{name} {tail}]", truth.size, list, kept)
            yield from add(f"sum(1 {tail})", truth.size, len, kept)
            yield from add(f"sum({name} {tail})", truth.size + 1, sum, kept)
            yield from add(f"''.join({name} {tail})", truth.size + 1, "".join, kept)
            for term in mapped[:30]:
                if term.text != name and not self._terms.late:
                    both = [v if holds else _SKIP for v, holds in zip(term.values, truth.values, strict=True)]
                    yield from add(f"[{term.text} {tail}]", truth.size + term.size, list, both)
                    if term.kind == _N:
                        yield from add(f"sum({term.text} {tail})", truth.size + term.size + 1, sum, both)

    def _folds(self, rows: Term, name: str) -> Iterator[str]:
        """An accumulator that each element changes, and the list of its values on the way."""
        steps = _fold_steps()
        wanted = [e.result for e in self._examples]
        for start in (0, 1, ""):
            for text, function in steps:
                if self._terms.late:
                    return
                lasts, ways, good = [], [], True
                for row in rows.values:
                    if row is ERROR:
                        good = False
                        break
                    value: Any = start
                    way = []
                    try:
                        for element in row:
                            value = function(value, element)
                            way.append(value)
                            if not _sane(value):
                                raise ValueError
                    except (TypeError, ValueError, ArithmeticError, AttributeError):
                        good = False
                        break
                    lasts.append(value)
                    ways.append(way)
                if not good:
                    continue
                step = text.format(a="result", x=name)
                if all(_agrees(v, e) for v, e in zip(lasts, self._examples, strict=True)):
                    yield f"result = {start!r}\nfor {name} in {rows.text}:\n    result = {step}\nreturn result"
                if ways == wanted:
                    yield (f"result, found = {start!r}, []\nfor {name} in {rows.text}:\n    result = {step}\n"
                           "    found.append(result)\nreturn found")  # fmt: skip

    # -- conditionals ----------------------------------------------------------------------------------------------

    def _conditional(self) -> Iterator[str]:
        """`a if c else b`, and a chain of two conditions, of terms that are right on parts."""
        every = (1 << len(self._examples)) - 1
        partial = [
            (_mask(right), term)
            for right, term in sorted(self._partial.items(), key=lambda pair: (pair[1].size, -sum(pair[0])))[:250]
        ]
        conditions = [
            (_mask(truth), term)
            for truth, term in sorted(self._conditions.items(), key=lambda pair: pair[1].size)[:1500]
        ]
        found: list[tuple[int, str]] = []
        for at, (one, first) in enumerate(partial):
            for two, second in partial[at + 1 :]:
                if one | two != every:
                    continue
                for truth, condition in conditions:
                    # right on all: the one where the condition holds and the other where it does not
                    if truth & ~one == 0 and every & ~truth & ~two == 0:
                        found.append(_branching(condition, first, second))
                        break
                    if truth & ~two == 0 and every & ~truth & ~one == 0:
                        found.append(_branching(condition, second, first))
                        break
                if len(found) > 12 or self._terms.late:
                    break
            if len(found) > 12 or self._terms.late:
                break
        for size, text in sorted(found)[:3]:
            if self._bits(text, size + 3) <= self._evidence:
                yield text


def _mask(truths: Sequence[bool]) -> int:
    """Truths as the bits of a number, the first the lowest."""
    return sum(1 << at for at, truth in enumerate(truths) if truth)


def _branching(condition: Term, first: Term, second: Term) -> tuple[int, str]:
    size = condition.size + first.size + second.size
    return size, f"if {condition.text}:\n    return {first.text}\nreturn {second.text}"


def evidence(results: Sequence[Any]) -> float:
    """About how many bits results carry: those that are all alike next to none, whole numbers by their size."""
    kinds = Counter(repr(result) for result in results)
    if all(isinstance(result, bool | None) for result in results):
        shares = [count / len(results) for count in kinds.values()]
        return len(results) * -sum(share * math.log2(share) for share in shares)
    return sum(_content(result) for result in {repr(result): result for result in results}.values())


def _content(value: Any) -> float:
    if isinstance(value, bool) or value is None:
        return 1.0
    if isinstance(value, int | float):
        return min(16.0, 1.0 + math.log2(1 + abs(value))) + 4.0 * isinstance(value, float)
    if isinstance(value, str):
        return 2.0 + 3.0 * min(len(value), 20)
    if isinstance(value, dict):
        return 2.0 + sum(_content(k) + _content(v) for k, v in list(value.items())[:20])
    return 2.0 + sum(_content(item) for item in list(value)[:20]) if isinstance(value, list | tuple | set) else 1.0


class _Skip:
    """An element that a filter leaves out."""


_SKIP = _Skip()


def _by_key(pairs: list[Any]) -> Any:
    return [value for value, _ in sorted(pairs, key=lambda pair: pair[1])]


def _most(pairs: list[Any]) -> Any:
    return max(pairs, key=lambda pair: pair[1])[0]


def _least(pairs: list[Any]) -> Any:
    return min(pairs, key=lambda pair: pair[1])[0]


def _fold_steps() -> list[tuple[str, Callable[[Any, Any], Any]]]:
    return [
        ("{a} + {x}", lambda a, x: a + x), ("{a} * {x}", _times), ("{a} - {x}", lambda a, x: a - x),
        ("{x} + {a}", lambda a, x: x + a), ("max({a}, {x})", max), ("min({a}, {x})", min),
        ("{a} * 10 + {x}", lambda a, x: a * 10 + x), ("{a} * 2 + {x}", lambda a, x: a * 2 + x),
        ("{a} ^ {x}", lambda a, x: a ^ x), ("{a} + {x} ** 2", lambda a, x: a + _power(x, 2)),
        ("{a} * 10 + int({x})", lambda a, x: a * 10 + int(x)), ("{a} * 2 + int({x})", lambda a, x: a * 2 + int(x)),
        ("{a} + abs({x})", lambda a, x: a + abs(x)), ("{a} + int({x})", lambda a, x: a + int(x)),
    ]  # fmt: skip


def _listed(value: Any) -> Any:
    """Sets are kept in order, as lists: the grammar's own operations make no sets."""
    return sorted(value, key=repr) if isinstance(value, set | frozenset) else value


def _agrees(value: Any, example: Example) -> bool:
    wanted = _listed(example.result)
    if value is ERROR:
        return False
    if isinstance(value, int | float) and isinstance(wanted, int | float) and not isinstance(value, bool):
        if isinstance(wanted, bool):
            return False
        return math.isclose(value, wanted, rel_tol=1e-6, abs_tol=1e-9) if example.close else bool(value == wanted)
    if isinstance(value, list) and isinstance(example.result, tuple):
        return bool(tuple(value) == wanted)
    return type(value) is type(wanted) and bool(value == wanted)


def _turned(text: str, wanted: Any) -> str:
    """The expression with the type that the result has."""
    if isinstance(wanted, tuple) and not text.startswith("tuple("):
        return f"tuple({text})"
    if isinstance(wanted, set):
        return f"set({text})"
    if isinstance(wanted, list) and text.startswith(("range(", "set(", "sorted(set")):
        return f"list({text})" if text.startswith("range(") else f"sorted({text})" if text.startswith("set(") else text
    return text
