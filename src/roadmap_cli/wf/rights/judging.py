"""Whether a plan may begin, and whether a person may approve, answer or give.

The rule kept here: every question is put whole (who, what, to which resource, under which circumstances), every part of
it comes from the state and not from who asks, and a question that cannot be put is answered with no.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.wf import people
from roadmap_cli.wf.rights import asking, cedar, grants, scope, stored
from roadmap_cli.wf.rights.asking import Verdict

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

#: How sure the match of a plan was where the plan does not say.
_SURE = 100


def may_do(tx: Connection, name: str, role: str | None, action: str, target: str, at: datetime) -> Verdict:
    """Whether a user, and a role for them, may have an effect on a resource under an approved plan within its scope."""
    about = {
        "workflow": "", "risk": "low", "claimed": grants.is_claimed(tx), "scoped": True, "approved": True,
        "target": target, "in_scope": True,
    }  # fmt: skip
    sides = [asking.user(tx, name, at)]
    if role:
        sides.append(asking.agent(role))
    questions = [(side, action, target, about) for side in sides]
    return asking.ask(stored.text(tx), questions, sides, [asking.resource(target)], "Resource")


def may_begin(
    tx: Connection, plan: Record, voters: Sequence[tuple[str, bool]], *, by_policy: bool, at: datetime
) -> Verdict:
    """Whether a plan may begin with the approvals it has: of which people, and whether each was proven."""
    user = asking.user(tx, plan["requested_by"], at)
    about = {
        "target": "plan:" + plan["workflow"], "workflow": plan["workflow"], "claimed": grants.is_claimed(tx),
        "approvals": len(voters), "proven": sum(proven for _, proven in voters), "by_policy": by_policy,
        "groups": sorted({group for name, _ in voters for group in grants.groups(tx, name, at)}),
    }  # fmt: skip
    # What is asked here is whether there are approvals enough: the requester's own grants have no say in it.
    bare = asking.Side(user.sort, user.name, user.words, stored.text(tx), user.entities)
    return asking.ask(stored.text(tx), [(bare, "begin", plan["id"], about)], (bare,), _plan(plan), "Plan")


def may_judge(
    tx: Connection,
    plan: Record,
    name: str,
    verdict: str,
    *,
    is_proven: bool,
    same_hash: bool,
    is_denied: bool,
    at: datetime,
) -> Verdict:
    """Whether a person may ``approve`` or ``deny`` a plan: with a right over all it touches, as somebody else.

    A right that was lent to them, by whatever way, by who asked for the plan does not count.
    """
    requester = plan["requested_by"]
    try:
        targets = scope.of_plan(plan) or ("plan:" + plan["workflow"],)
    except DataError as error:
        return Verdict(False, error.message)
    counted = [
        each for each in grants.held(tx, name, at)
        if verdict != "approve" or not any(people.are_same(lender, requester) for lender in each.lenders)
    ]  # fmt: skip
    side = asking.user(tx, name, at, counted)
    about = {
        "workflow": plan["workflow"], "claimed": grants.is_claimed(tx), "own": people.are_same(name, requester),
        "proven": is_proven, "same_hash": same_hash, "denied": is_denied, "assigned": True,
    }  # fmt: skip
    questions = [(side, verdict, plan["id"], {**about, "target": each}) for each in targets]
    return asking.ask(stored.text(tx), questions, (side,), _plan(plan), "Plan")


def may_judge_target(tx: Connection, name: str, verdict: str, target: str, at: datetime) -> Verdict:
    """Whether a person may ``approve`` or ``deny`` a plan of low risk of somebody else that touches a resource."""
    plan: Record = {"id": "any", "workflow": "", "risk": "low", "steps": []}
    side = asking.user(tx, name, at)
    about = {
        "target": target, "workflow": "", "claimed": grants.is_claimed(tx), "own": False, "proven": True,
        "same_hash": True, "denied": False, "assigned": True,
    }  # fmt: skip
    return asking.ask(stored.text(tx), [(side, verdict, plan["id"], about)], (side,), _plan(plan), "Plan")


def may_answer(
    tx: Connection, task: Record, name: str, *, assignee: str | None, is_proven: bool, same_hash: bool, at: datetime
) -> Verdict:
    """Whether a person may answer a wf.task."""
    side = asking.user(tx, name, at)
    about = {
        "target": f"task:{task['sort']}", "workflow": task.get("workflow", ""), "claimed": grants.is_claimed(tx),
        "own": people.are_same(name, task["requested_by"]), "proven": is_proven, "same_hash": same_hash,
        "denied": False, "assigned": _is_assigned(tx, name, assignee, at),
    }  # fmt: skip
    subject = [cedar.entity("Task", task["id"], sort=task["sort"])]
    return asking.ask(stored.text(tx), [(side, "answer", task["id"], about)], (side,), subject, "Task")


def may_give(
    tx: Connection, name: str, what: str, *, to: str | None, is_proven: bool, at: datetime, action: str = "grant"
) -> Verdict:
    """Whether a person may ``grant`` or ``revoke``: a role, ``group``, ``identity`` or ``policy``."""
    side = asking.user(tx, name, at)
    is_own = to is not None and people.are_same(name, to.partition(":")[2])
    about = {
        "target": f"right:{what}", "workflow": "", "claimed": grants.is_claimed(tx), "proven": is_proven, "own": is_own
    }  # fmt: skip
    subject = [cedar.entity("Right", what, role=what)]
    return asking.ask(stored.text(tx), [(side, action, what, about)], (side,), subject, "Right")


def _plan(plan: Record) -> list[Record]:
    effects = sorted({effect for step in scope.steps(plan) for effect in step["effects"]})
    sure = plan.get("confidence_ratio")
    percent = int(sure * 100) if isinstance(sure, int | float) and not isinstance(sure, bool) else _SURE
    above: list[tuple[str, str]] = [("Workflow", plan["workflow"])]
    attributes: dict[str, Any] = {"workflow": plan["workflow"], "risk": plan["risk"], "effects": effects}
    found = cedar.entity("Plan", plan["id"], above, confidence_percent=percent, **attributes)
    return [found, cedar.entity("Workflow", plan["workflow"])]


def _is_assigned(tx: Connection, name: str, assignee: str | None, at: datetime) -> bool:
    if not assignee:
        return True
    sort, _, wanted = assignee.partition(":")
    if sort == "group":
        # In a state where nobody has been given a right there are no groups, either.
        return people.spelled(wanted) in grants.groups(tx, name, at) or not grants.is_claimed(tx)
    return people.spelled(name) == people.spelled(wanted if sort == "user" else assignee)
