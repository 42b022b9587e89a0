"""Task ``plan_next``."""

from __future__ import annotations

from roadmap_cli.core.records import Record


def check(spec: Record) -> None:
    """Raise DataError if goal and steps do not fit together."""
