"""The tasks an agent can be given, and which fields each takes in a template."""

from __future__ import annotations

import os.path
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.wf.language import roles

#: Fields that every task takes.
COMMON = ("task", "model", "evidence")
#: How a parameter of a query is found in a question.
TAKES = ("number", "date", "quoted", "words", "one_of")
#: How a condition of ``plan_next`` compares its value.
TESTS = ("equals", "one_of", "exists", "more", "less")
MOST_CHOICES = 50


@dataclass(frozen=True, slots=True)
class Task:
    """One task: what each field of it is, and the fields that must be there."""

    fields: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()


TASKS: Mapping[str, Task] = {
    "summarise_logs": Task(
        {"logs": "any", "files": "texts", "baseline": "any", "since": "text", "until": "text", "most": "count"},
    ),
    "root_cause": Task(
        {"logs": "any", "files": "texts", "metrics": "any", "changes": "any", "alerts": "any", "depends": "any",
         "started": "text", "service": "text", "least_certainty": "ratio"},
        ("started",),
    ),
    "compose_message": Task({"about": "any", "audience": "literal", "most": "count"}, ("about",)),
    "write_report": Task({"title": "text", "parts": "list", "path": "text"}, ("title", "parts")),
    "query_data": Task(
        {"question": "text", "database": "name", "queries": "queries", "least_certainty": "ratio"},
        ("question", "database", "queries"),
    ),
    "classify": Task({"text": "any", "choices": "list", "least_certainty": "ratio"}, ("text", "choices")),
    "plan_next": Task({"goal": "list", "steps": "list", "most": "count"}, ("goal", "steps")),
}  # fmt: skip


def every_field() -> tuple[str, ...]:
    """The fields of all tasks."""
    return tuple(sorted({each for task in TASKS.values() for each in task.fields}))


def check(spec: Record) -> None:
    """Raise DataError if the fields of a task do not fit together."""
    match spec["task"]:
        case "summarise_logs" | "root_cause":
            if not (spec.get("logs") or spec.get("files") or spec.get("metrics") or spec.get("alerts")):
                raise DataError(f"task {spec['task']!r} needs 'logs' or 'files'", code="missing_field")
        case "query_data":
            names = [each["name"] for each in spec.get("queries", ())]
            if not names or len(set(names)) != len(names):
                raise DataError("each of 'queries' needs a name of its own", code="bad_queries")
        case "classify":
            choices(spec.get("choices", []))
        case "plan_next":
            _check_next(spec)


def choices(value: Sequence[Any]) -> list[dict[str, Any]]:
    """The choices of a template: each with ``name``, and ``words`` or ``examples`` that speak for it."""
    if not 2 <= len(value) <= MOST_CHOICES:
        raise DataError(f"there must be 2 to {MOST_CHOICES} 'choices'", code="bad_choices")
    for each in value:
        if not isinstance(each, dict) or not isinstance(each.get("name"), str) or not each["name"]:
            raise DataError("each of 'choices' must be a table with a name", code="bad_choices")
        for key in ("words", "examples"):
            if not isinstance(each.get(key, []), list) or not all(
                isinstance(one, str | int | float) for one in each.get(key, [])
            ):
                raise DataError(f"{key!r} of choice {each['name'][:60]!r} must be a list of texts", code="bad_choices")
    names = [each["name"] for each in value]
    if len(set(names)) != len(names):
        raise DataError("two of 'choices' have the same name", code="bad_choices")
    return list(value)


def _check_next(spec: Record) -> None:
    """Raise DataError if goal and steps do not fit together."""
    for clause in [*spec.get("goal", []), *(one for each in spec.get("steps", []) for one in _clauses(each))]:
        if not isinstance(clause, dict) or "value" not in clause or sum(test in clause for test in TESTS) != 1:
            raise DataError(f"a condition needs 'value' and one of {', '.join(TESTS)}", code="bad_condition")
    names = set()
    for each in spec.get("steps", []):
        if not isinstance(each, dict) or not all(isinstance(each.get(key), str) for key in ("name", "role", "task")):
            raise DataError("each of 'steps' needs name, role and task", code="bad_steps")
        if each["name"] in names:
            raise DataError(f"step {each['name'][:60]!r} is there twice", code="bad_steps")
        names.add(each["name"])
        if each["role"] not in roles.TOOLS or each["task"] not in TASKS:
            raise DataError(f"unknown role or task: {each['role'][:60]!r}, {each['task'][:60]!r}", code="bad_steps")
        if f"agent:{each['task']}" not in roles.TOOLS[each["role"]]:
            raise DataError(f"role {each['role']!r} has no tool 'agent:{each['task']}'", code="no_tool")


def _clauses(step: Any) -> list[Any]:
    found = step.get("when", []) if isinstance(step, dict) else []
    return found if isinstance(found, list) else [found]


def plain_path(path: str) -> str:
    """A path without ``.``, ``..`` and doubled slashes, for the scope; links are followed when it is opened."""
    return os.path.normpath(path)
