"""Whether a condition holds for a value: the one meaning of each test, for triggers, for steps, and for what is checked
beforehand.

The rule kept here: a condition on what is not there does not hold, unless it asks for exactly that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from roadmap_cli.core.records import Record
from roadmap_cli.wf.language import patterns, placeholders
from roadmap_cli.wf.language.templates import TESTS, Clause

#: What stands for a value that an event does not have; None counts as not there, too.
ABSENT = object()

#: Tells whether a value is what a condition asks for.
Test = Callable[[Any], bool]


def is_absent(value: Any) -> bool:
    """Whether there is no value."""
    return value is ABSENT or value is None


def ready(test: str, expected: Any) -> Test:
    """The function that tells whether a value passes a test. `expected` of ``matches`` is a compiled pattern.

    Empty text is there for every test but ``exists``: what a step that was skipped would have said is empty, too.
    """
    match test:
        case "exists":
            return lambda value: (value is not ABSENT and value is not None and value != "") is expected
        case "equals" if type(expected) is str:
            return lambda value: type(value) is str and value == expected
        case "equals":
            return lambda value: not is_absent(value) and same(value, expected)
        case "one_of" if all(type(each) is str for each in expected):
            texts = frozenset(expected)
            return lambda value: type(value) is str and value in texts
        case "one_of":
            return lambda value: not is_absent(value) and any(same(value, each) for each in expected)
        case "matches":
            return lambda value: not is_absent(value) and patterns.whole(expected, placeholders.as_text(value))
        case "more":
            return lambda value: (number := _number(value)) is not None and number > expected
    return lambda value: (number := _number(value)) is not None and number < expected


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal and of one type; whole numbers and others are of one."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other
    return type(one) is type(other) and bool(one == other)


def of(clause: Clause) -> Test:
    """The function that tells whether a value passes a condition as it was read."""
    return ready(clause.test, clause.pattern if clause.test == "matches" else clause.expected)


def passes(clause: Clause, value: Any) -> bool:
    """Whether a value passes a condition as it was read."""
    return of(clause)(value)


def planned(clause: Record, find: Callable[[str], Any]) -> bool:
    """Whether a condition as it stands in a plan holds; `find` gives the value of a field, None for none.

    Raises DataError for a pattern that is none.
    """
    test = next(each for each in TESTS if each in clause)
    expected = patterns.compiled(str(clause[test])) if test == "matches" else clause[test]
    return ready(test, expected)(find(clause["field"]))


def _number(value: Any) -> float | None:
    """A number, or text that is one; truth values are none."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None
