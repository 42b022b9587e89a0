"""What the loop is asked: one goal each, from options, a record, or a line of text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from roadmap_cli.agent.loop import Bounds
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, require

#: Limits that a record may carry, and what they are called here. They can only be lower than the command's own.
_LIMITS: Mapping[str, str] = {
    "max_iterations": "candidates", "seconds": "seconds", "suite_seconds": "suite_seconds",
    "max_tokens_total": "tokens", "max_cost": "cost",
}  # fmt: skip
_TEXT_LIMIT = 20_000


@dataclass(frozen=True, slots=True)
class Goal:
    """A project folder, perhaps words, perhaps a test command, and limits."""

    folder: Path
    text: str | None
    test: str | None
    bounds: Bounds


def from_record(record: Record, bounds: Bounds, folder: Path | None, test: str | None) -> Goal:
    """The goal of an agent.goal record; what it does not say is as given. Raises DataError."""
    text = record.get("goal")
    if text is not None and (not isinstance(text, str) or len(text) > _TEXT_LIMIT):
        raise DataError(f"field 'goal' is not a text of at most {_TEXT_LIMIT} characters", code="wrong_type")
    named = require(record, "folder", str) if "folder" in record or folder is None else None
    command = require(record, "test", str) if "test" in record else test
    lower: dict[str, Any] = {}
    for name, own in _LIMITS.items():
        if name in record:
            value = require(record, name, (int, float))
            if value <= 0:
                raise DataError(f"field {name!r} is not above 0: {value}", code="wrong_type")
            limit = getattr(bounds, own)
            lower[own] = value if limit is None else min(value, limit)
    for own in ("candidates", "tokens"):
        if own in lower:
            lower[own] = int(lower[own])
    place = Path(named) if named is not None else folder
    assert place is not None
    return Goal(place, text, command, replace(bounds, **lower))
