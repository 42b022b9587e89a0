"""The questions to Cedar: may this step be done, this plan begin, this person approve, answer, give?

The rule kept here: every question is put whole (who, what, to which resource, under which circumstances), every part of
it comes from the state and not from who asks, and a question that cannot be put is answered with no.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.wf.approving import people
from roadmap_cli.wf.audit import log
from roadmap_cli.wf.language.templates import EFFECT_RISK
from roadmap_cli.wf.rights import cedar, grants, identities, scope, stored

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

#: How sure the match of a plan was where the plan does not say.
_SURE = 100


_SAID = {"Plan": "plan", "Task": "question", "Right": "the right"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether something is allowed, why in words, and the ids of the policies that decided."""

    is_allowed: bool
    why: str
    policy_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Side:
    """One principal of a question: how it is called, and what Cedar needs to know of it."""

    sort: str
    name: str
    words: str
    policies: str
    entities: list[Record]


@dataclass(frozen=True, slots=True)
class Ground:
    """What all steps of a plan are weighed on: who asked for it, the policies, and what others said to it."""

    user: _Side
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
    from roadmap_cli.wf.approving import approvals

    user = _user(tx, plan["requested_by"], at)
    denied_by = approvals.denied_by(tx, plan["id"])
    return Ground(user, stored.text(tx), grants.is_claimed(tx), _is_approved(tx, plan, at), denied_by)


def weighed_step(
    tx: Connection, plan: Record, step: Record, at: datetime,
    read: Callable[[Connection, Record, datetime], Ground] = ground,
) -> Verdict:  # fmt: skip
    """What `may_perform` answers, without a trace; `read` gives what `ground` does."""
    try:
        resources = scope.of_step(step, plan["directory"]) or ("plan:" + plan["workflow"],)
    except DataError as error:
        return Verdict(False, error.message)
    effects = sorted(set(step["effects"])) or ["compute"]
    if unknown := [each for each in effects if each != "compute" and each not in EFFECT_RISK]:
        return Verdict(False, f"nobody knows what the effect {unknown[0]!r} is")
    patterns = plan.get("scope")
    found = read(tx, plan, at)
    if found.denied_by:
        return Verdict(False, f"{found.denied_by} denied the plan")
    about = {
        "workflow": plan["workflow"], "risk": plan["risk"], "claimed": found.is_claimed,
        "scoped": scope.confines(patterns), "approved": found.is_approved,
    }  # fmt: skip
    agent = _Side("Agent", step["role"], f"role {step['role']!r}", "", [cedar.entity("Agent", step["role"])])
    questions = []
    for side in (found.user, agent):
        for effect in effects:
            for each in resources:
                inside = each.startswith("plan:") or scope.is_allowed_by(patterns, each)
                questions.append((side, effect, each, {**about, "target": each, "in_scope": inside}))
    subjects = [_resource(each) for each in resources]
    return _joined(found.policies, questions, (found.user, agent), subjects, "Resource")


def may_do(tx: Connection, name: str, role: str | None, action: str, target: str, at: datetime) -> Verdict:
    """Whether a user, and a role for them, may have an effect on a resource under an approved plan within its scope."""
    about = {
        "workflow": "", "risk": "low", "claimed": grants.is_claimed(tx), "scoped": True, "approved": True,
        "target": target, "in_scope": True,
    }  # fmt: skip
    sides = [_user(tx, name, at)]
    if role:
        sides.append(_Side("Agent", role, f"role {role!r}", "", [cedar.entity("Agent", role)]))
    questions = [(side, action, target, about) for side in sides]
    return _joined(stored.text(tx), questions, sides, [_resource(target)], "Resource")


def may_begin(
    tx: Connection, plan: Record, voters: Sequence[tuple[str, bool]], *, by_policy: bool, at: datetime
) -> Verdict:
    """Whether a plan may begin with the approvals it has: of which people, and whether each was proven."""
    user = _user(tx, plan["requested_by"], at)
    about = {
        "target": "plan:" + plan["workflow"], "workflow": plan["workflow"], "claimed": grants.is_claimed(tx),
        "approvals": len(voters), "proven": sum(proven for _, proven in voters), "by_policy": by_policy,
        "groups": sorted({group for name, _ in voters for group in grants.groups(tx, name, at)}),
    }  # fmt: skip
    # What is asked here is whether there are approvals enough: the requester's own grants have no say in it.
    bare = _Side(user.sort, user.name, user.words, stored.text(tx), user.entities)
    return _joined(stored.text(tx), [(bare, "begin", plan["id"], about)], (bare,), _plan(plan), "Plan")


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
    side = _user(tx, name, at, counted)
    about = {
        "workflow": plan["workflow"], "claimed": grants.is_claimed(tx), "own": people.are_same(name, requester),
        "proven": is_proven, "same_hash": same_hash, "denied": is_denied, "assigned": True,
    }  # fmt: skip
    questions = [(side, verdict, plan["id"], {**about, "target": each}) for each in targets]
    return _joined(stored.text(tx), questions, (side,), _plan(plan), "Plan")


def may_answer(
    tx: Connection, task: Record, name: str, *, assignee: str | None, is_proven: bool, same_hash: bool, at: datetime
) -> Verdict:
    """Whether a person may answer a wf.task."""
    side = _user(tx, name, at)
    about = {
        "target": f"task:{task['sort']}", "workflow": task.get("workflow", ""), "claimed": grants.is_claimed(tx),
        "own": people.are_same(name, task["requested_by"]), "proven": is_proven, "same_hash": same_hash,
        "denied": False, "assigned": _is_assigned(tx, name, assignee, at),
    }  # fmt: skip
    subject = [cedar.entity("Task", task["id"], sort=task["sort"])]
    return _joined(stored.text(tx), [(side, "answer", task["id"], about)], (side,), subject, "Task")


def may_give(
    tx: Connection, name: str, what: str, *, to: str | None, is_proven: bool, at: datetime, action: str = "grant"
) -> Verdict:
    """Whether a person may ``grant`` or ``revoke``: a role, ``group``, ``identity`` or ``policy``."""
    side = _user(tx, name, at)
    is_own = to is not None and people.are_same(name, to.partition(":")[2])
    about = {
        "target": f"right:{what}", "workflow": "", "claimed": grants.is_claimed(tx), "proven": is_proven, "own": is_own
    }  # fmt: skip
    subject = [cedar.entity("Right", what, role=what)]
    return _joined(stored.text(tx), [(side, action, what, about)], (side,), subject, "Right")


def _joined(
    policies: str,
    questions: Sequence[tuple[_Side, str, str, Record]],
    sides: Sequence[_Side],
    subjects: Sequence[Record],
    sort: str,
) -> Verdict:
    """All questions must be allowed, by stored policies and those of the sides; the first that is not says why."""
    policies = "\n".join(dict.fromkeys(filter(None, (policies, *(side.policies for side in sides)))))
    entities = {(each["uid"]["type"], each["uid"]["id"]): each for side in sides for each in side.entities}
    entities |= {(each["uid"]["type"], each["uid"]["id"]): each for each in subjects}
    requests = [
        {"principal": {"type": side.sort, "id": side.name}, "action": {"type": "Action", "id": action},
         "resource": {"type": sort, "id": name}, "context": about}
        for side, action, name, about in questions
    ]  # fmt: skip
    answers = cedar.ask(requests, policies, list(entities.values()))
    decided: dict[str, None] = {}
    for (side, action, name, about), answer in zip(questions, answers, strict=True):
        if not answer.is_allowed:
            target = about["target"] if sort == "Resource" else f"{_SAID[sort]} {name!r}"
            if not answer.policy_ids and sort == "Plan":
                target += f", which touches {about['target']}"
            return Verdict(False, _refusal(side, action, target, answer, policies), answer.policy_ids)
        decided.update(dict.fromkeys(answer.policy_ids))
    words = " and ".join(dict.fromkeys(side.words for side, *_ in questions))
    acts = ", ".join(dict.fromkeys(action for _, action, *_ in questions))
    return Verdict(True, f"{words} may {acts} by {', '.join(decided)}", tuple(decided))


def _refusal(side: _Side, action: str, target: str, answer: cedar.Answer, policies: str) -> str:
    if not answer.policy_ids:
        return f"no permit matched: {side.words} has no right to {action} {target}"
    reasons = cedar.reasons(policies)
    why = "; ".join(f"{reasons.get(each) or 'forbidden'} (policy {each})" for each in answer.policy_ids)
    return f"{side.words} may not {action} {target}: {why}"


def _user(tx: Connection, name: str, at: datetime, held: Sequence[grants.Grant] | None = None) -> _Side:
    spelled = people.spelled(name)
    found = grants.held(tx, name, at) if held is None else held
    above = [("Group", each) for each in grants.groups(tx, name, at)]
    entity = cedar.entity("User", spelled, above, bound=identities.is_bound(tx, name))
    return _Side("User", spelled, f"user {name!r}", grants.policies(found),
                 [entity, *(cedar.entity(*each) for each in above)])  # fmt: skip


def _resource(text: str) -> Record:
    sort, _, name = text.partition(":")
    return cedar.entity("Resource", text, sort=sort, name=name)


def _plan(plan: Record) -> list[Record]:
    effects = sorted({effect for step in scope.steps(plan) for effect in step["effects"]})
    sure = plan.get("confidence_ratio")
    percent = int(sure * 100) if isinstance(sure, int | float) and not isinstance(sure, bool) else _SURE
    above: list[tuple[str, str]] = [("Workflow", plan["workflow"])]
    attributes: dict[str, Any] = {"workflow": plan["workflow"], "risk": plan["risk"], "effects": effects}
    found = cedar.entity("Plan", plan["id"], above, confidence_percent=percent, **attributes)
    return [found, cedar.entity("Workflow", plan["workflow"])]


def _is_approved(tx: Connection, plan: Record, at: datetime) -> bool:
    """Whether the approval a plan has, or had when it began, is worth something still."""
    from roadmap_cli.wf.approving import approvals

    last = approvals.latest(tx, plan["id"])
    if last is None:
        return False
    standing = approvals.weighed(tx, plan, at)
    if standing == "approved":
        return True
    begun = tx.execute("SELECT started_at FROM wf_run WHERE plan_id = ?", (plan["id"],)).fetchone()
    return standing == "expired" and begun is not None


def _is_assigned(tx: Connection, name: str, assignee: str | None, at: datetime) -> bool:
    if not assignee:
        return True
    sort, _, wanted = assignee.partition(":")
    if sort == "group":
        # In a state where nobody has been given a right there are no groups, either.
        return people.spelled(wanted) in grants.groups(tx, name, at) or not grants.is_claimed(tx)
    return people.spelled(name) == people.spelled(wanted if sort == "user" else assignee)
