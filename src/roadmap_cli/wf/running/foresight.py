"""Whether the steps of a plan could be done, looked at before anything is: what stops them, and what would mend it.

The same policies are asked as when the steps are done, as if the plan were approved; what becomes known only in the run
is not weighed. A plan without an obstacle may still be refused then: rights end, values turn out otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadmap_cli.confine import program
from roadmap_cli.core.errors import DataError, Unavailable
from roadmap_cli.core.records import Record
from roadmap_cli.state import records
from roadmap_cli.wf.approving import approvals
from roadmap_cli.wf.language.scope import confines
from roadmap_cli.wf.language.templates import PROGRAMS, Template
from roadmap_cli.wf.planning import keeping
from roadmap_cli.wf.rights import mending, scope
from roadmap_cli.wf.running import permission

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

#: Our commands that make a sandbox of their own; within another none can be made.
_SANDBOXED = frozenset({"agent-loop", "agent-sandbox"})
#: Our commands that work on the state.
_OURS = re.compile(r"(life|wf|slm|roadmap)-[a-z]+\Z")
_EVERY_RIGHT = '@id("every-right") @why("as if every right were given") permit(principal is User, action, resource);'
_ANEW = "make the plan anew with wf-plan: its scope then names its programs"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What keeps a step from being done, in words, and what to do about it if that is known."""

    step: str
    why: str
    mend: str | None = None

    def __str__(self) -> str:
        return f"step {self.step!r}: {self.why}"


def obstacle(tx: Connection, plan: Record, at: datetime) -> Obstacle | None:
    """What would keep a plan from being done once it is approved; None if nothing is known.

    That is the first step that cannot be done whatever rights are given, else the first for which who asked for the
    plan lacks a right. The mend gives all the rights they lack for it.
    """
    ground = replace(permission.ground(tx, plan, at), is_approved=True, denied_by=None)
    entitled = replace(ground, user=replace(ground.user, policies=f"{ground.user.policies}\n{_EVERY_RIGHT}"))
    worst: Obstacle | None = None
    first: Obstacle | None = None
    lacks: dict[str, None] = {}
    effects: set[str] = set()
    for step in scope.steps(plan):
        verdict = permission.weighed_step(tx, plan, step, at, lambda *_: ground, is_filled=False)
        if verdict.lacks_right:
            lacks.update(dict.fromkeys(scope.of_step(step, plan["directory"])))
            effects |= set(step["effects"])
            first = first or Obstacle(step["name"], verdict.why)
            verdict = permission.weighed_step(tx, plan, step, at, lambda *_: entitled, is_filled=False)
        if not verdict.is_allowed:
            mend = _ANEW if "programs-need-a-scope" in verdict.policy_ids else None
            worst = worst or Obstacle(step["name"], verdict.why, mend)
        worst = worst or _unconfined(step, plan.get("scope"), Path(plan["directory"]))
    found = worst or first
    if found is None or not lacks:
        return found
    give = mending.acting(ground.user.name, effects, lacks)
    return replace(found, mend=f"{found.mend}; and: {give}" if found.mend else give)


def stopped(tx: Connection, at: datetime) -> Iterator[tuple[Record, Obstacle]]:
    """The plans that wait or may begin, and those whose runs are under way, that cannot be done as things are."""
    rows = tx.execute(
        "SELECT plan_id FROM wf_run WHERE finished_at IS NULL UNION SELECT plan_id FROM wf_approval"
        " WHERE plan_id NOT IN (SELECT plan_id FROM wf_run) ORDER BY plan_id"
    ).fetchall()
    for (plan_id,) in rows:
        try:
            plan = keeping.stored_plan(tx, plan_id)
        except DataError:
            continue  # it is not what its hash says, and never begins
        if approvals.weighed(tx, plan, at) in ("waiting", "approved", "expired") and (found := obstacle(tx, plan, at)):
            yield plan, found


def unfit(template: Template) -> Obstacle | None:
    """What keeps a template's programs from running where rights are given, where each is held to its folder."""
    for step in template.steps:
        if step.action in PROGRAMS:
            planned: Record = {
                "name": step.name, "action": step.action, "command": list(step.command), "on_failure": step.on_failure,
            }  # fmt: skip
            if found := _unconfined(planned, [*template.scope, "run:*"], Path("/work")):
                return found
    return None


def failure(tx: Connection, finished: Record, at: datetime) -> tuple[str, str | None]:
    """How a run ended that did not succeed, in words, and what would let its plan be done, as far as that is known."""
    words = f"run {finished['run_id']} {finished['status']}"
    words += f" in step {finished['failed_step']!r}" if finished.get("failed_step") else ""
    reason = finished.get("reason", "")
    mend = None
    if reason.startswith("not allowed: ") and records.get(tx, finished["plan_id"]):  # else another state has the plan
        found = obstacle(tx, keeping.stored_plan(tx, finished["plan_id"]), at)
        mend = found.mend if found else None
    return f"{words}: {reason}" if reason else words, mend


def _unconfined(step: Record, patterns: Any, directory: Path) -> Obstacle | None:
    """Why the program of a step cannot be held within a scope, or does not do its work in it."""
    if step["action"] not in PROGRAMS or not confines(patterns):
        return None
    name = str(step["command"][0]).rpartition("/")[2] if step.get("command") else ""
    if name in _SANDBOXED:
        return Obstacle(step["name"], f"{name} makes a sandbox of its own, and within the scope of a plan it cannot")
    if _OURS.match(name) and step.get("on_failure") != "continue":
        return Obstacle(
            step["name"], f"{name} needs the state, which the programs of a plan with a scope are not shown"
        )
    try:
        program.command(["true"], directory=directory).close()
    except Unavailable as error:
        return Obstacle(step["name"], error.message, error.hint)
    except DataError as error:  # a folder in which everything lies
        return Obstacle(step["name"], error.message, "run it in a folder of its own: wf-plan --directory FOLDER")
    return None
