"""The tasks an agent can be given, and which fields each takes in a template."""

from __future__ import annotations

import os.path
from collections.abc import Mapping
from dataclasses import dataclass, field

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record

#: Fields that every task takes.
COMMON = ("task", "model", "evidence")
#: How a parameter of a query is found in a question.
TAKES = ("number", "date", "quoted", "words", "one_of")


@dataclass(frozen=True, slots=True)
class Task:
    """One task: its module, what each field of it is, and the fields that must be there."""

    module: str
    fields: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()


TASKS: Mapping[str, Task] = {
    "summarise_logs": Task(
        "summaries",
        {"logs": "any", "files": "texts", "baseline": "any", "since": "text", "until": "text", "most": "count"},
    ),
    "root_cause": Task(
        "causes",
        {"logs": "any", "files": "texts", "metrics": "any", "changes": "any", "alerts": "any", "depends": "any",
         "started": "text", "service": "text", "least_certainty": "ratio"},
        ("started",),
    ),
    "compose_message": Task("messages", {"about": "any", "audience": "literal", "most": "count"}, ("about",)),
    "write_report": Task("reports", {"title": "text", "parts": "list", "path": "text"}, ("title", "parts")),
    "query_data": Task(
        "questions",
        {"question": "text", "database": "name", "queries": "queries", "least_certainty": "ratio"},
        ("question", "database", "queries"),
    ),
    "classify": Task("classes", {"text": "any", "choices": "list", "least_certainty": "ratio"}, ("text", "choices")),
    "plan_next": Task("orchestration", {"goal": "list", "steps": "list", "most": "count"}, ("goal", "steps")),
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
            from roadmap_cli.wf.agents import classes

            classes.choices(spec.get("choices", []))
        case "plan_next":
            from roadmap_cli.wf.agents import orchestration

            orchestration.check(spec)


def plain_path(path: str) -> str:
    """A path without ``.``, ``..`` and doubled slashes, for the scope; links are followed when it is opened."""
    return os.path.normpath(path)
