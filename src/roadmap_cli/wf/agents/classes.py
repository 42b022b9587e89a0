"""Task ``classify``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from roadmap_cli.core.errors import DataError


def choices(value: Sequence[Any]) -> list[dict[str, Any]]:
    """The choices of a template: each with ``name``, and ``words`` or ``examples`` that speak for it."""
    if len(value) < 2 or not all(isinstance(each, dict) and isinstance(each.get("name"), str) for each in value):
        raise DataError("'choices' must be at least two tables with a name", code="bad_choices")
    return list(value)
