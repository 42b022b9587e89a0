"""What a step can do, one module for each sort of action; `perform` finds the one a planned step names.

A module has ``NAME`` (the field of a template's step), ``read(reader, value, way)`` that checks what stands there and
gives it in one shape, ``needed(spec)`` that names the permissions beyond those of its effects, ``resources(spec)`` that
names what it touches (``host:…``, ``database:…``, ``channel:…``, ``project:…``, ``mailbox:…``, ``file:…``), and
``perform(step, context)``. Programs (``command``, ``shell``) are done by `wf.steps`; what waits (``wait``, ``event``,
``human``, ``workflow``) by the runner.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    from roadmap_cli.core.clock import Clock
    from roadmap_cli.state.store import State

#: Modules by action; imported when a step of theirs is done.
MODULES: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Context:
    """What an action works with.

    `lookup` gives the values of earlier steps, `key` is the idempotency key of the step (the same in every attempt),
    `state` a state of the thread's own, `scope` the resources the plan allows, and `stop` the wish to end.
    """

    state: State
    plan: Record
    lookup: Callable[[str], Any]
    directory: Path
    environ: Mapping[str, str]
    key: str
    command: str
    now: Clock
    stop: threading.Event
    scope: tuple[str, ...] = ()
