"""Bodies of functions put together of terms: expressions, loops over elements, conditionals."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from roadmap_cli.agent.enumeration.evidence import evidence
from roadmap_cli.agent.enumeration.examples import Example
from roadmap_cli.agent.enumeration.grammar import BOOL, ERROR, LIST, NUMBER, TEXT, applied, is_sane, power, times
from roadmap_cli.agent.enumeration.terms import Enumerator, Term


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
                    if term.kind in (LIST, TEXT, "tuple") and term.text not in looped and len(looped) < 14:
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
        if term.kind == BOOL and ERROR not in term.values and len(set(term.values)) == 2:
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
        truths = [t for t in terms if t.kind == BOOL and ERROR not in t.values][:250]
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
            if term.kind == NUMBER:
                yield from add(f"sum({term.text} for {name} in {whole})", term.size, sum, term.values)
                yield from add(f"max({term.text} for {name} in {whole})", term.size + 1, max, term.values)
                yield from add(f"min({term.text} for {name} in {whole})", term.size + 1, min, term.values)
            if term.kind == TEXT:
                yield from add(f"''.join({term.text} for {name} in {whole})", term.size, "".join, term.values)
                yield from add(f"' '.join({term.text} for {name} in {whole})", term.size + 1, " ".join, term.values)
            pairs = list(zip(elements, term.values, strict=True))
            if term.text != name and term.kind in (NUMBER, TEXT):
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
                    if term.kind == NUMBER:
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
                            if not is_sane(value):
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
        ("{a} + {x}", lambda a, x: a + x), ("{a} * {x}", times), ("{a} - {x}", lambda a, x: a - x),
        ("{x} + {a}", lambda a, x: x + a), ("max({a}, {x})", max), ("min({a}, {x})", min),
        ("{a} * 10 + {x}", lambda a, x: a * 10 + x), ("{a} * 2 + {x}", lambda a, x: a * 2 + x),
        ("{a} ^ {x}", lambda a, x: a ^ x), ("{a} + {x} ** 2", lambda a, x: a + power(x, 2)),
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
