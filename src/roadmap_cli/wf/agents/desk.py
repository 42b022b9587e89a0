"""Where an agent does its task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    from roadmap_cli.wf.actions import Context


def work(spec: Record, step: Record, context: Context) -> Record:
    """Do a task."""
    raise NotImplementedError
