"""Whether a condition holds for a value: the one meaning of each test, for steps and for what is checked beforehand.

The rule kept here: a condition on what is not there does not hold, unless it asks for exactly that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from roadmap_cli.core.records import Record
from roadmap_cli.wf.language import patterns, placeholders
from roadmap_cli.wf.language.templates import TESTS, Clause


def holds(test: str, expected: Any, value: Any) -> bool:
    """Whether a value, None for none, passes a test. `expected` of ``matches`` is a compiled pattern.

    Empty text is there for every test but ``exists``: what a step that was skipped would have said is empty, too.
    """
    if test == "exists":
        return (value is not None and value != "") is expected
    if value is None:
        return False
    match test:
        case "equals":
            return same(value, expected)
        case "one_of":
            return any(same(value, each) for each in expected)
        case "matches":
            return patterns.whole(expected, placeholders.as_text(value))
    try:
        number = float(value)
    except (TypeError, ValueError):
        return False
    return bool(number > expected if test == "more" else number < expected)


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal and of one type; whole numbers and others are of one."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other
    return type(one) is type(other) and bool(one == other)


def passes(clause: Clause, value: Any) -> bool:
    """Whether a value passes a condition as it was read."""
    return holds(clause.test, clause.pattern if clause.test == "matches" else clause.expected, value)


def planned(clause: Record, find: Callable[[str], Any]) -> bool:
    """Whether a condition as it stands in a plan holds; `find` gives the value of a field, None for none.

    Raises DataError for a pattern that is none.
    """
    test = next(each for each in TESTS if each in clause)
    expected = patterns.compiled(str(clause[test])) if test == "matches" else clause[test]
    return holds(test, expected, find(clause["field"]))
