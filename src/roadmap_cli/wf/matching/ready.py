"""A template with its trigger made ready: what is looked up, tested and counted for each event is worked out once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.wf.language import clauses, conditions
from roadmap_cli.wf.language.templates import Clause, Template, Trigger
from roadmap_cli.wf.matching.windows import Shape

#: Parts of a sequence: each is a bit of a number in the state.
MOST_PARTS = 60


@dataclass(frozen=True, slots=True)
class Ready:
    """A template with its trigger made ready."""

    template: Template
    base: conditions.Part
    any: tuple[conditions.Part, ...]
    pieces: tuple[conditions.Part, ...]
    """The parts of a sequence, or of what must all be there."""
    keys: Callable[[Record], list[Any] | None]
    shape: Shape
    tests: tuple[tuple[conditions.Getter, clauses.Test], ...]
    """What `base` asks for besides the type, by which it is looked up."""
    types: frozenset[str] | None
    """The types of event that can hold; None: any."""

    @property
    def is_stateful(self) -> bool:
        """Whether it asks of more than the one event."""
        return bool(self.shape.window_ms and (self.shape.count > 1 or self.shape.parts)) or self.shape.cooldown_ms > 0


def ready(template: Template) -> Ready:
    """A template made ready. Raises DataError for a trigger of too many parts."""
    trigger = template.trigger
    schedule = template.schedule
    if schedule and trigger == Trigger():
        trigger = _by_time(template.workflow)
    base = conditions.part(trigger)
    choices = tuple(conditions.part(each) for each in trigger.any)
    if schedule and trigger is template.trigger and not (trigger.sequence or trigger.all):
        choices = (*choices, conditions.part(_by_time(template.workflow)))
    pieces = tuple(conditions.part(each) for each in trigger.sequence or trigger.all)
    if len(pieces) > MOST_PARTS:
        where = template.document.where(("trigger",))
        raise DataError(f"a trigger of more than {MOST_PARTS} parts", where=where, code="too_many_parts")
    shape = Shape(
        name=f"{template.workflow} {template.sha256[:16]}",
        window_ms=int(trigger.window_s * 1000),
        count=trigger.count if not pieces else 1,
        parts=len(pieces),
        is_ordered=bool(trigger.sequence),
        cooldown_ms=int(trigger.cooldown_s * 1000),
    )
    kinds: frozenset[str] | None = None
    if base.type is not None:
        kinds = frozenset({base.type})
    elif (parts := (*choices, *pieces)) and all(part.type is not None for part in parts):
        kinds = frozenset(part.type for part in parts if part.type is not None)
    tests = tuple(
        pair
        for clause, pair in zip(base.clauses, base.tests, strict=True)
        if not (clause.field == "type" and clause.test == "equals" and clause.expected == base.type)
    )
    return Ready(template, base, choices, pieces, conditions.keys(trigger.group), shape, tests, kinds)


def _by_time(workflow: str) -> Trigger:
    """The trigger of a template with a schedule: its own times."""
    return Trigger(source="cron", clauses=(Clause("data.workflow", "equals", workflow),))
