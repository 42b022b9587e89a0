"""Doing an attempt in a thread: a program, or an action that reaches further, with all it needs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from roadmap_cli.core.clock import Clock
from roadmap_cli.core.errors import RoadmapError
from roadmap_cli.core.records import Record
from roadmap_cli.models import budget
from roadmap_cli.state.store import State
from roadmap_cli.wf import actions
from roadmap_cli.wf.actions import connections
from roadmap_cli.wf.measures import costs
from roadmap_cli.wf.running import performing, steps
from roadmap_cli.wf.running.scene import Launch


class Acting:
    """Does attempts, each thread with a state of its own. Close it when the threads are gone."""

    def __init__(self, sibling: Callable[[], State], state: Path, environ: Mapping[str, str], command: str, now: Clock):
        self._sibling = sibling
        self._path = state
        self._environ = environ
        self._command = command
        self._now = now
        self._own = threading.local()
        self._states: list[State] = []

    def __call__(self, launch: Launch) -> Record:
        """The outcome of an attempt. Raises Stopped."""
        step, run = launch.step, launch.run
        lookup = run.lookup(launch.place)
        directory = Path(run.plan["directory"])
        secrets = connections.every(self._environ)
        if step["action"] in ("command", "shell"):
            given = {
                "ROADMAP_IDEMPOTENCY_KEY": launch.key, "ROADMAP_RUN_ID": run.run_id, "ROADMAP_STEP": launch.unit.name,
                "ROADMAP_ATTEMPT": str(launch.attempt), "ROADMAP_STATE": str(self._path.absolute()),
                budget.VARIABLE: "\n".join(costs.accounts(run.plan, run.run_id, launch.unit.name, step["role"])),
            }  # fmt: skip
            around = steps.Surroundings(self._environ, run.lease, run.stop, run.plan.get("scope"), secrets)
            return steps.perform(step, lookup, directory, given, around)
        began = time.monotonic()
        context = actions.Context(
            state=self._state(), plan=run.plan, lookup=lookup, directory=directory, environ=self._environ,
            key=launch.key, command=self._command, now=self._now, stop=run.stop,
            scope=tuple(run.plan.get("scope", ())),
        )  # fmt: skip
        try:
            outcome: Record = dict(performing.perform(step, context))
        except RoadmapError as error:
            outcome = {"status": "failed", "failure": "permanent", "reason": error.message}
        outcome = connections.redacted(outcome, secrets)
        outcome.setdefault("duration_ms", round((time.monotonic() - began) * 1000))
        return outcome

    def _state(self) -> State:
        found: State | None = getattr(self._own, "state", None)
        if found is None:
            found = self._own.state = self._sibling()
            self._states.append(found)
        return found

    def close(self) -> None:
        """Let go of the states."""
        for each in self._states:
            each.close()
