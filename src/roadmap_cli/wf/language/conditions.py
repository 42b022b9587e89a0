"""What a trigger asks of one event, made ready once so that a hundred thousand events are held against it quickly.

The rule kept here: a condition that finds nothing does not hold, and a trigger without conditions matches nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from roadmap_cli.core.records import Record
from roadmap_cli.wf.language.clauses import ABSENT, Test, is_absent, of
from roadmap_cli.wf.language.templates import Clause, Trigger

_MOST_SHOWN = 200

Getter = Callable[[Record], Any]


def field(event: Record, path: str) -> Any:
    """The value of an event at a dotted path such as ``data.labels.service``; names with dots are found too."""
    return getter(path)(event)


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
    tests = tuple((getter(clause.field), of(clause)) for clause in clauses)
    return Part(tuple(clauses), tests, trigger.type, trigger.text)


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
