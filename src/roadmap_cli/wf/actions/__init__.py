"""What a step can do, one module for each sort of action; `perform` finds the one a planned step names.

A module has ``NAME`` (the field of a template's step), ``read(reader, value, way)`` that checks what stands there and
gives it in one shape, ``needed(spec)`` that names the permissions beyond those of its effects, ``resources(spec)`` that
names what it touches (``host:…``, ``database:…``, ``channel:…``, ``project:…``, ``mailbox:…``, ``file:…``),
``effects(spec)`` that names the effects the step must declare for it (one of each tuple), ``settled(spec)`` that checks
it once all values are put in, and ``perform(spec, step, context)``. Programs (``command``, ``shell``) are done by
`wf.running.steps`; what waits (``wait``, ``event``, ``human``, ``workflow``) by the runner.
"""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.errors import DataError, RoadmapError, TryLater, Unavailable
from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    from roadmap_cli.core.clock import Clock
    from roadmap_cli.state.store import State

#: Modules by action; imported when a step of theirs is read or done.
MODULES: Mapping[str, str] = {
    name: f"roadmap_cli.wf.actions.{name}" for name in ("http", "sql", "slack", "jira", "mail", "agent")
}
#: The most that may come of a step, bytes of JSON: what a program's step may give, too.
MOST_OUTPUT = 1024 * 1024


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


def module(name: str) -> Any:
    """The module of an action. Raises KeyError for a name that is not among `MODULES`."""
    return importlib.import_module(MODULES[name])


def filled(step: Record, lookup: Callable[[str], Any]) -> Record:
    """The spec of a planned step's action with the values of earlier steps put in, each found to fit its place.

    Once only: what looks like a placeholder in a value that was put in is text. Raises DataError.
    """
    from roadmap_cli.wf.language import placeholders

    found = module(step["action"])

    def given(name: str) -> Any:
        value = lookup(name)
        return _Null("null") if value is None else value  # None would leave the placeholder as it stands

    spec = placeholders.filled(step[step["action"]], given)
    settled: Record = found.settled(_with_nulls(spec))
    return settled


class _Null(str):
    """Nothing, while values are put in: ``null`` within a text, None where it stands alone."""

    __slots__ = ()


def _with_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_nulls(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_nulls(each) for each in value]
    return None if isinstance(value, _Null) else value


def resources(step: Record, lookup: Callable[[str], Any]) -> list[str]:
    """What a planned step touches, the values of earlier steps put in. Raises DataError if one is missing."""
    found: list[str] = module(step["action"]).resources(filled(step, lookup))
    return found


def perform(step: Record, context: Context) -> Record:
    """Do a planned step of one of `MODULES` and return its outcome, as `running.steps` does; raises only Stopped.

    The values of earlier steps are put in here, by `filled`. What is outside `Context.scope`, what the step does not
    declare as its effect and what its role has no tool for is refused before anything is done. The outcome of a failure
    may have ``retry_after_s``, the wait that the other side asked for.
    """
    began = time.monotonic()
    try:
        outcome = _performed(step, context)
    except RoadmapError as error:
        outcome = failed(classified(error), str(error) + (f" ({error.hint})" if error.hint else ""))
        if (wait_s := getattr(error, "retry_after_s", None)) is not None:
            outcome["retry_after_s"] = wait_s
    except Exception as error:  # noqa: BLE001 - a bug here must end the step, not the run; its text may hold data
        outcome = failed("unknown", f"a bug in action {step['action']!r}: {type(error).__name__}")
    outcome["duration_ms"] = round((time.monotonic() - began) * 1000)
    return outcome


def _performed(step: Record, context: Context) -> Record:
    from roadmap_cli.wf.actions import once
    from roadmap_cli.wf.running.steps import Stopped

    if context.stop.is_set():
        raise Stopped
    found = module(step["action"])
    spec = filled(step, context.lookup)
    try:
        refuse(step, spec, context.scope)
    except DataError as error:
        with context.state.write() as tx:
            touched = found.resources(spec)
            once.note(tx, context, step, f"{step['action']}.refused", touched, "refused", error.message)
        raise
    outcome: Record = found.perform(spec, step, context)
    if outcome["status"] == "succeeded" and _size(outcome["output"]) > MOST_OUTPUT:
        return failed("permanent", f"more than {MOST_OUTPUT} bytes of output")
    return outcome


def refuse(step: Record, spec: Record, allowed: Sequence[str]) -> None:
    """Raise DataError if the role has no tool for it, an effect is not declared, or a resource is out of scope."""
    from roadmap_cli.wf.actions import scope
    from roadmap_cli.wf.agents import roles

    found = module(step["action"])
    roles.refuse_tool(step["role"], step["action"], spec)
    for choices in found.effects(spec):
        if not set(choices) & set(step["effects"]):
            what = f"step {step['name']!r} does not declare effect {' or '.join(map(repr, choices))}"
            raise DataError(what, code="undeclared_effect")
    scope.refuse_outside(found.resources(spec), allowed)


def succeeded(output: Any, **more: Any) -> Record:
    """The outcome of a step that did what it should."""
    return {"status": "succeeded", "output": output, **more}


def failed(failure: str, reason: str, **more: Any) -> Record:
    """The outcome of a step that did not; `failure` is ``transient``, ``permanent`` or ``unknown``."""
    return {
        "status": "failed", "failure": failure, "reason": reason,
        **{key: value for key, value in more.items() if value is not None},
    }  # fmt: skip


def classified(error: RoadmapError) -> str:
    """The class of a failure by its error: what may pass by itself is ``transient``."""
    if error.code == "unknown_outcome":
        return "unknown"
    return "transient" if isinstance(error, TryLater | Unavailable) else "permanent"


def _size(value: Any) -> int:
    import orjson

    try:
        return len(orjson.dumps(value))
    except TypeError as error:
        raise DataError(f"the output is not JSON: {str(error).lower()}") from None
