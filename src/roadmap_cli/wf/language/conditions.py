"""What a trigger asks of one event, made ready once so that a hundred thousand events are held against it quickly.

The rule kept here: a condition that finds nothing does not hold, and a trigger without conditions matches nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from roadmap_cli.core.records import Record
from roadmap_cli.wf.language import patterns
from roadmap_cli.wf.language.templates import Clause, Trigger

ABSENT = object()
_MOST_SHOWN = 200

Test = Callable[[Any], bool]
Getter = Callable[[Record], Any]


def field(event: Record, path: str) -> Any:
    """The value of an event at a dotted path such as ``data.labels.service``; names with dots are found too."""
    return getter(path)(event)


def is_absent(value: Any) -> bool:
    """Whether `field` found nothing."""
    return value is ABSENT or value is None


def getter(path: str) -> Getter:
    """The function that finds the value at a path."""
    names = path.split(".")
    ways = [(".".join(names[place:]), name) for place, name in enumerate(names)]

    def get(event: Record) -> Any:
        value: Any = event
        for rest, name in ways:
            if type(value) is not dict:
                return ABSENT
            if rest in value:
                return value[rest]
            value = value.get(name, ABSENT)
        return ABSENT

    return get


@dataclass(frozen=True, slots=True)
class Part:
    """The conditions on one event, and the free text it should be like."""

    clauses: tuple[Clause, ...]
    tests: tuple[tuple[Getter, Test], ...]
    type: str | None
    text: str

    @property
    def weight(self) -> int:
        """How many things it asks for: what makes one trigger more specific than another."""
        return len(self.clauses) + bool(self.text)

    def holds(self, event: Record) -> bool:
        """Whether every condition holds; the text is not looked at."""
        for get, test in self.tests:  # noqa: SIM110  a generator would cost more than the tests
            if not test(get(event)):
                return False
        return True

    def shown(self, event: Record) -> list[Record]:
        """Each condition with what it found."""
        found: list[Record] = []
        for clause, (get, _) in zip(self.clauses, self.tests, strict=True):
            value = get(event)
            expected = clause.pattern.pattern if clause.pattern else clause.expected
            shown = "" if value is ABSENT else str(value)[:_MOST_SHOWN]
            found.append({"field": clause.field, "test": clause.test, "expected": expected, "found": shown})
        return found


def part(trigger: Trigger) -> Part:
    """The conditions that a trigger, or a part of one, has itself."""
    own = (("source", trigger.source), ("type", trigger.type))
    clauses = [Clause(name, "equals", value) for name, value in own if value is not None]
    clauses = [*clauses, *trigger.clauses]
    tests = tuple((getter(clause.field), test(clause)) for clause in clauses)
    return Part(tuple(clauses), tests, trigger.type, trigger.text)


def test(clause: Clause) -> Test:
    """The function that tells whether a value is what a clause asks for."""
    expected = clause.expected
    match clause.test:
        case "exists":
            return lambda value: is_absent(value) is not expected
        case "equals":
            kind = type(expected)
            return lambda value: type(value) is kind and bool(value == expected)
        case "one_of" if all(type(each) is str for each in expected):
            texts = frozenset(expected)
            return lambda value: type(value) is str and value in texts
        case "one_of":
            return lambda value: any(type(value) is type(each) and value == each for each in expected)
        case "more":
            return lambda value: (number := _number(value)) is not None and number > expected
        case "less":
            return lambda value: (number := _number(value)) is not None and number < expected
    pattern = clause.pattern
    return lambda value: not is_absent(value) and pattern is not None and patterns.whole(pattern, _text(value))


def keys(group: Sequence[str]) -> Callable[[Record], list[Any] | None]:
    """The function that gives the values of a correlation key, or None if the event lacks one.

    An item may name several fields, ``data.labels.service | data.service``: the first that is there counts, so that
    events of different sources come together.
    """
    ways = [[getter(name.strip()) for name in item.split("|")] for item in group]

    def values(event: Record) -> list[Any] | None:
        found: list[Any] = []
        for getters in ways:
            value = next((value for get in getters if not is_absent(value := get(event))), None)
            if value is None:
                return None
            found.append(value)
        return found

    return values


def _text(value: Any) -> str:
    return value if type(value) is str else str(value)


def _number(value: Any) -> float | None:
    """A number, or text that is one; truth values are none."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None
