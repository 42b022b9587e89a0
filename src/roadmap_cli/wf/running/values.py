"""The values a step works with: outputs of others, inputs, the item of a loop; and the conditions on them.

The rule kept here: a value is data. A condition compares it and never runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.wf.language import patterns, placeholders
from roadmap_cli.wf.running.plans import FILLED

#: What `values` of a run gives: outputs by name, statuses by name, the plan's and the surroundings' values.
Lookup = Callable[[str], Any]
MOST_ITEMS = 1000
_TESTS = ("equals", "matches", "one_of", "exists", "more", "less")
_ABSENT = object()


def lookup(
    *, run_id: str, plan: Record, event: Record | None, outputs: Mapping[str, Any], statuses: Mapping[str, str],
    prefix: str = "", more: Mapping[str, Any] | None = None,
) -> Lookup:  # fmt: skip
    """Gives values by their names as templates write them, ``steps.x.output.y`` and the like.

    `prefix` is that of the sub-workflow the step belongs to (``NAME/``), `more` holds the first words that are the
    step's own (``item``, ``index``, ``output``, ``inputs``). The lookup raises DataError for what is not there. An
    output that is null (a step that was skipped) is empty text.
    """
    own = more or {}

    def found(name: str) -> Any:
        head, *rest = name.split(".")
        if head in own:
            return _shown(placeholders.reach(own[head], rest, name))
        if head == "steps" and len(rest) >= 2 and prefix + rest[0] in statuses:
            if rest[1] == "output":
                output = outputs.get(prefix + rest[0])
                return "" if output is None else _shown(placeholders.reach(output, rest[2:], name))
            if rest[1] == "status" and len(rest) == 2:
                return statuses[prefix + rest[0]]
        if head == "inputs":
            return _shown(in_record(plan.get("inputs", {}))(".".join(rest)))
        if head == "event" and event is not None:
            return _shown(in_record(event)(".".join(rest)))
        if name == "run.id":
            return run_id
        if name == "run.directory":
            return plan["directory"]
        raise DataError(f"there is no value for ${{{name}}}", code="missing_value")

    return found


def _shown(value: Any) -> Any:
    return "" if value is None else value


def filled(step: Record, find: Lookup) -> Record:
    """A step with all its values put in. Raises DataError for a value that is missing."""
    return {key: placeholders.filled(value, find) if key in FILLED else value for key, value in step.items()}


def items(step: Record, find: Lookup) -> list[Any]:
    """The items of a step's ``each``. Raises DataError if it is no list, or has more than 1,000."""
    found = placeholders.filled(step["each"], find)
    if found == "":
        return []  # the output of a step that was skipped
    if not isinstance(found, list):
        raise DataError(f"'each' of step {step['name']!r} is no list", code="bad_each")
    if len(found) > MOST_ITEMS:
        raise DataError(f"'each' of step {step['name']!r} has {len(found)} items; {MOST_ITEMS} are the most")
    return found


def hold(clauses: Sequence[Record], find: Lookup) -> bool:
    """Whether all conditions hold. Raises DataError for one that is none."""
    for clause in clauses:
        test = next((each for each in _TESTS if each in clause), None)
        name = clause.get("field")
        expected = clause.get(test) if test else None
        if test is None and clause.get("test") in _TESTS:  # the form of templates.Clause
            test, expected = clause["test"], clause.get("expected")
        if test is None or not isinstance(name, str):
            raise DataError(f"not a condition: {str(clause)[:80]}", code="bad_clause")
        try:
            value = find(name)
        except DataError:
            value = _ABSENT
        # A pattern is the template's text: no value is ever put into it.
        if not _holds(test, expected if test == "matches" else placeholders.filled(expected, find), value):
            return False
    return True


def in_record(record: Record) -> Lookup:
    """Gives the fields of a record by their dotted paths; names with dots are found, too."""

    def found(path: str) -> Any:
        value: Any = record
        rest = path
        while rest:
            if isinstance(value, dict) and rest in value:
                return value[rest]
            head, _, rest = rest.partition(".")
            if isinstance(value, list) and head.isdigit() and int(head) < len(value):
                value = value[int(head)]
            elif isinstance(value, dict) and head in value:
                value = value[head]
            else:
                raise DataError(f"no field {path!r}")
        return value

    return found


def _holds(test: str, expected: Any, value: Any) -> bool:
    is_there = value is not _ABSENT and value is not None and value != ""
    if test == "exists":
        return is_there is bool(expected)
    if value is _ABSENT or value is None:
        return False
    match test:
        case "equals":
            return _same(value, expected)
        case "one_of":
            return isinstance(expected, list) and any(_same(value, each) for each in expected)
        case "more" | "less":
            try:
                number, bound = float(value), float(expected)
            except (TypeError, ValueError):
                return False
            return number > bound if test == "more" else number < bound
    return patterns.whole(patterns.compiled(str(expected)), placeholders.as_text(value))


def _same(value: Any, expected: Any) -> bool:
    """Equal and of the same sort: 1 is not true, and 1 is 1.0 as JSON has it."""
    if isinstance(value, bool) or isinstance(expected, bool):
        return type(value) is type(expected) and bool(value == expected)
    if isinstance(value, int | float) and isinstance(expected, int | float):
        return value == expected
    return type(value) is type(expected) and bool(value == expected)
