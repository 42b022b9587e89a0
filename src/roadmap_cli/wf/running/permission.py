"""Whether a step may be done now: by the rights of who asked and of the acting role, the plan's scope and standing.

The rule kept here: every part of the question comes from the state and not from who asks, and a question that cannot be
put is answered with no.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.wf import people
from roadmap_cli.wf.approving import approvals
from roadmap_cli.wf.audit import log
from roadmap_cli.wf.language.scope import confines
from roadmap_cli.wf.language.templates import EFFECT_RISK
from roadmap_cli.wf.rights import Verdict, asking, grants, scope, stored

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection


@dataclass(frozen=True, slots=True)
class Ground:
    """What all steps of a plan are weighed on: who asked for it, the policies, and what others said to it."""

    user: asking.Side
    policies: str
    is_claimed: bool
    is_approved: bool
    denied_by: str | None


def may_perform(tx: Connection, plan: Record, step: Record, at: datetime) -> Verdict:
    """Whether the role of a step may do it now for who asked for the plan. `step` has its values put in.

    The answer goes into the audit log, in the caller's write transaction.
    """
    verdict = weighed_step(tx, plan, step, at)
    log.append(
        tx, action="right.allowed" if verdict.is_allowed else "right.refused",
        user=f"user:{people.spelled(plan['requested_by'])}", agent=step["role"], resource=str(plan["id"]),
        outcome="allowed" if verdict.is_allowed else "refused", why=verdict.why, at=at, step=step.get("name"),
        plan_hash=plan.get("plan_hash"), policy_ids=list(verdict.policy_ids),
    )  # fmt: skip
    return verdict


def ground(tx: Connection, plan: Record, at: datetime) -> Ground:
    """What the steps of a plan are weighed on at a time, read from the state."""
    user = asking.user(tx, plan["requested_by"], at)
    denied_by = approvals.denied_by(tx, plan["id"])
    return Ground(user, stored.text(tx), grants.is_claimed(tx), _is_approved(tx, plan, at), denied_by)


def weighed_step(
    tx: Connection, plan: Record, step: Record, at: datetime,
    read: Callable[[Connection, Record, datetime], Ground] = ground, *, is_filled: bool = True,
) -> Verdict:  # fmt: skip
    """What `may_perform` answers, without a trace; `read` gives what `ground` does.

    Of a step whose values are not put in yet (`is_filled`), only what it is known to touch is weighed.
    """
    try:
        touched = scope.of_step(step, plan["directory"])
    except DataError as error:
        return Verdict(False, error.message)
    resources = [each for each in touched if is_filled or not each.endswith(":*")] or ["plan:" + plan["workflow"]]
    effects = sorted(set(step["effects"])) or ["compute"]
    if unknown := [each for each in effects if each != "compute" and each not in EFFECT_RISK]:
        return Verdict(False, f"nobody knows what the effect {unknown[0]!r} is")
    patterns = plan.get("scope")
    found = read(tx, plan, at)
    if found.denied_by:
        return Verdict(False, f"{found.denied_by} denied the plan")
    about = {
        "workflow": plan["workflow"], "risk": plan["risk"], "claimed": found.is_claimed,
        "scoped": confines(patterns), "approved": found.is_approved,
    }  # fmt: skip
    agent = asking.agent(step["role"])
    questions = []
    for side in (found.user, agent):
        for effect in effects:
            for each in resources:
                inside = each.startswith("plan:") or scope.is_allowed_by(patterns, each)
                questions.append((side, effect, each, {**about, "target": each, "in_scope": inside}))
    subjects = [asking.resource(each) for each in resources]
    return asking.ask(found.policies, questions, (found.user, agent), subjects, "Resource")


def _is_approved(tx: Connection, plan: Record, at: datetime) -> bool:
    """Whether the approval a plan has, or had when it began, is worth something still."""
    last = approvals.latest(tx, plan["id"])
    if last is None:
        return False
    standing = approvals.weighed(tx, plan, at)
    if standing == "approved":
        return True
    begun = tx.execute("SELECT started_at FROM wf_run WHERE plan_id = ?", (plan["id"],)).fetchone()
    return standing == "expired" and begun is not None
