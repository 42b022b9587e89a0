"""Why somebody may or may not do something: `wf-grant --check`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from roadmap_cli.core import clock
from roadmap_cli.core.errors import UsageError
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.state import records
from roadmap_cli.wf import people
from roadmap_cli.wf.language.templates import EFFECT_RISK
from roadmap_cli.wf.planning import keeping
from roadmap_cli.wf.rights import cedar, grants, judging, mending, scope, stored

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

GIVING = ("grant", "revoke")
JUDGING = ("approve", "deny")
ACTIONS = ("compute", *EFFECT_RISK, *JUDGING, *GIVING)


def explain(tx: Connection, name: str, action: str, target: str, *, role: str | None, at: datetime) -> Record:
    """A wf.verdict: whether a user may do an action to a resource, which policies say so, or what is missing.

    For effects the question is put as if the plan were approved and had no scope; `role` asks for an agent's role, too.
    `approve` and `deny` take the id of a plan, or a resource as if a plan of somebody else touched it; `grant` and
    `revoke` what is given: a role, group, identity or policy.
    Raises UsageError for an unknown action, DataError for an unknown plan or what is no resource.
    """
    person = people.user(name)
    targets: tuple[str, ...] = ()
    if action in GIVING:
        verdict = judging.may_give(tx, person, target, to=None, is_proven=True, at=at, action=action)
    elif action in JUDGING and ":" in target:
        targets = (scope.spelled(target),)
        verdict = judging.may_judge_target(tx, person, action, targets[0], at)
    elif action in JUDGING:
        plan = keeping.stored_plan(tx, target)
        targets = scope.of_plan(plan)
        verdict = judging.may_judge(tx, plan, person, action, is_proven=True, same_hash=True, is_denied=False, at=at)
    elif action in ACTIONS:
        targets = (scope.spelled(target),)
        verdict = judging.may_do(tx, person, role, action, targets[0], at)
    else:
        raise UsageError(f"unknown action {action!r}", hint=f"one of {', '.join(ACTIONS)}")
    reasons = cedar.reasons(stored.text(tx) + "\n" + grants.policies(grants.held(tx, person, at)))
    found: Record = {
        "kind": "wf.verdict",
        "id": content_id("wf.verdict", user=people.spelled(person), action=action, target=target, at=clock.stamp(at)),
        "at": clock.stamp(at), "user": f"user:{people.spelled(person)}", "action": action, "resource": target,
        "allowed": verdict.is_allowed, "why": verdict.why,
        "policies": [{"id": each, "why": reasons.get(each, "")} for each in verdict.policy_ids],
        "grants": [_brief(tx, each) for each in grants.held(tx, person, at)],
    }  # fmt: skip
    if role:
        found["role"] = role
    if verdict.lacks_right:
        found["missing"] = _missing(person, action, targets)
    return found


def _brief(tx: Connection, grant: grants.Grant) -> Record:
    kept = records.get(tx, grant.id) or {}
    return {"id": grant.id, "role": grant.role, "scope": list(grant.scope), "until": grant.until,
            "because": kept.get("because")}  # fmt: skip


def _missing(name: str, action: str, targets: tuple[str, ...]) -> str:
    """The narrowest grant that would allow it."""
    if action in GIVING:
        return mending.giving(name)
    return mending.judging(name, targets) if action in JUDGING else mending.acting(name, [action], targets)
