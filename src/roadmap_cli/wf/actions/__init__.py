"""What steps do at services, one module for each: HTTP, SQL, Slack, Jira, mail; and what any action works with.

A module has ``perform(spec, step, context)``, which is given a spec whose values are put in and that was found to be
within role, effects and scope (`wf.running.performing`). What a template may ask is `wf.language.services`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.errors import RoadmapError, TryLater, Unavailable
from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    from roadmap_cli.core.clock import Clock
    from roadmap_cli.state.store import State

#: The most that may come of a step, bytes of JSON or of a program's output.
MOST_OUTPUT = 1024 * 1024


class Stopped(BaseException):
    """The run is to stop here and to be taken up again later. Not an Exception: nobody may count it as a failure."""


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


def succeeded(output: Any, **more: Any) -> Record:
    """The outcome of a step that did what it should."""
    return {"status": "succeeded", "output": output, **more}


def failed(failure: str, reason: str, **more: Any) -> Record:
    """The outcome of a step that did not; `failure` is ``transient``, ``permanent`` or ``unknown``.

    What of `more` is None or an empty text is left out.
    """
    told = {key: value for key, value in more.items() if value is not None and value != ""}
    return {"status": "failed", "failure": failure, "reason": reason, **told}


def classified(error: RoadmapError) -> str:
    """The class of a failure by its error: what may pass by itself is ``transient``."""
    if error.code == "unknown_outcome":
        return "unknown"
    return "transient" if isinstance(error, TryLater | Unavailable) else "permanent"
