"""Doing one step that asks a service or an agent; programs are done by `steps`, what waits by the runner.

The rule kept here: what is outside the plan's scope, what the step does not declare as its effect and what its role has
no tool for is refused, with its values put in, before anything is done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from roadmap_cli.core.errors import DataError, RoadmapError
from roadmap_cli.core.records import Record
from roadmap_cli.wf.actions import MOST_OUTPUT, Context, Stopped, classified, failed
from roadmap_cli.wf.language import roles, scope, services


def perform(step: Record, context: Context) -> Record:
    """Do a planned step of one of `SERVICES` and return its outcome, as `steps.perform` does; raises only Stopped.

    The values of earlier steps are put in here, once. The outcome of a failure may have ``retry_after_s``, the wait
    that the other side asked for.
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

    if context.stop.is_set():
        raise Stopped
    spec = services.filled(step, context.lookup)
    touched: list[str] = services.module(step["action"]).resources(spec)
    try:
        _refuse(step, spec, touched, context.scope)
    except DataError as error:
        with context.state.write() as tx:
            once.note(tx, context, step, f"{step['action']}.refused", touched, "refused", error.message)
        raise
    outcome: Record = _performer(step["action"])(spec, step, context)
    if outcome["status"] == "succeeded" and _size(outcome["output"]) > MOST_OUTPUT:
        return failed("permanent", f"more than {MOST_OUTPUT} bytes of output")
    return outcome


def _performer(action: str) -> Callable[[Record, Record, Context], Record]:
    """What does an action; imported when a step of its sort is done."""
    match action:
        case "http":
            from roadmap_cli.wf.actions.http import perform
        case "sql":
            from roadmap_cli.wf.actions.sql import perform
        case "slack":
            from roadmap_cli.wf.actions.slack import perform
        case "jira":
            from roadmap_cli.wf.actions.jira import perform
        case "mail":
            from roadmap_cli.wf.actions.mail import perform
        case "agent":
            from roadmap_cli.wf.agents.assigning import perform
        case _:
            raise KeyError(action)
    return perform


def _refuse(step: Record, spec: Record, touched: Sequence[str], allowed: Sequence[str]) -> None:
    """Raise DataError if the role has no tool for it, an effect is not declared, or a resource is out of scope."""
    roles.refuse_tool(step["role"], step["action"], spec)
    for choices in services.effects(step["action"], spec):
        if not set(choices) & set(step["effects"]):
            what = f"step {step['name']!r} does not declare effect {' or '.join(map(repr, choices))}"
            raise DataError(what, code="undeclared_effect")
    scope.refuse_outside(touched, allowed)


def _size(value: Any) -> int:
    import orjson

    try:
        return len(orjson.dumps(value))
    except TypeError as error:
        raise DataError(f"the output is not JSON: {str(error).lower()}") from None
