"""Who allows a plan: approvals that name its hash, end by themselves, and never come from who asked for it.

The rule kept here: what counts is what stands in the state. A record in a pipe can name an approval; it cannot be one.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError, Negative
from roadmap_cli.core.records import Record, require, run_id
from roadmap_cli.state import records
from roadmap_cli.wf import people, rights
from roadmap_cli.wf.approving import tickets
from roadmap_cli.wf.audit import log
from roadmap_cli.wf.language.templates import RISKS
from roadmap_cli.wf.planning import keeping
from roadmap_cli.wf.rights import mending, scope
from roadmap_cli.why.decisions import decide

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection


def consider(tx: Connection, plan: Record, *, is_strict: bool, command: str, at: datetime) -> Record:
    """The standing of a plan that comes by the pipe: what was decided before, a stored policy's approval, or waiting.

    An approval that has expired is asked for again; a denial stands.
    """
    kept = keeping.stored_plan(tx, require(plan, "id", str))
    if plan.get("plan_hash") != kept["plan_hash"]:
        what = f"plan {kept['id']!r} in the input has another hash than the one in the state"
        raise DataError(what, code="other_plan")
    last = latest(tx, kept["id"])
    if last and not (last["status"] == "approved" and weighed(tx, kept, at) != "approved"):
        return last
    policy = None if is_strict else _policy(tx, kept["risk"])
    if policy is None:
        return _record(tx, kept, "waiting", at, command=command, why=_waiting(kept, is_strict))
    name, most_risk, valid_s = policy
    verdict = rights.may_begin(tx, kept, [], by_policy=True, at=at)
    if not verdict.is_allowed:
        return _record(tx, kept, "waiting", at, command=command, why=verdict.why, policy_ids=verdict.policy_ids)
    why = f"risk {kept['risk']} is within policy {name!r}, which allows up to {most_risk}"
    return _record(
        tx, kept, "approved", at, command=command, why=why, approver=f"policy:{name}",
        expires_at=at + timedelta(seconds=valid_s), policy_ids=verdict.policy_ids,
    )  # fmt: skip


def decide_on(
    tx: Connection,
    plan_id: str,
    *,
    approver: str,
    is_approved: bool,
    why: str,
    valid_s: float,
    expected_hash: str | None,
    command: str,
    at: datetime,
    proof: str = "claimed",
    is_proven: bool = False,
    evidence: str | None = None,
) -> Record:
    """A person's answer to a plan, bound to its hash; returns what follows from it, as the plan's wf.approval.

    `proof` says how it was shown who it is (claimed, signature, link, slack, mail), `evidence` is the signature or the
    event. An approval that is not enough by itself leaves the plan waiting, for others.
    Raises Negative if this person may not (see `rights.may_judge`); DataError if the plan is unknown or has another
    hash than the one the person has seen.
    """
    plan = keeping.stored_plan(tx, plan_id)
    if expected_hash is not None and expected_hash != plan["plan_hash"]:
        raise DataError(f"plan {plan_id!r} has hash {plan['plan_hash']}, not {expected_hash}", code="other_plan")
    word = "approve" if is_approved else "deny"
    verdict = judged(tx, plan, approver, word, is_proven=is_proven, at=at)
    expires_at = at + timedelta(seconds=valid_s) if is_approved else None
    tx.execute(
        "INSERT INTO wf_vote(plan_id, plan_hash, voter, verdict, proof, is_proven, evidence, at, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (plan_id, plan["plan_hash"], f"user:{approver}", word, proof, int(is_proven), evidence, clock.stamp(at),
         clock.stamp(expires_at) if expires_at else None),
    )  # fmt: skip
    if not is_approved:
        return _record(
            tx, plan, "denied", at, command=command, why=why, approver=f"user:{approver}", proof=proof,
            policy_ids=verdict.policy_ids,
        )  # fmt: skip
    voters = counted(tx, plan, at)
    begins = rights.may_begin(tx, plan, voters, by_policy=False, at=at)
    names = [f"user:{name}" for name, _ in voters]
    ids = tuple(dict.fromkeys((*verdict.policy_ids, *begins.policy_ids)))
    if not begins.is_allowed:
        more = f"approved by {', '.join(names)}; not enough yet: {begins.why}"
        return _record(tx, plan, "waiting", at, command=command, why=more, proof=proof, approvers=names, policy_ids=ids,
                       voter=f"user:{approver}")  # fmt: skip
    return _record(
        tx, plan, "approved", at, command=command, why=why, approver=f"user:{approver}", expires_at=expires_at,
        proof=proof, approvers=names, policy_ids=ids,
    )  # fmt: skip


def judged(tx: Connection, plan: Record, name: str, word: str, *, is_proven: bool, at: datetime) -> rights.Verdict:
    """That a person may ``approve`` or ``deny`` a plan. Raises Negative if not (see `rights.may_judge`)."""
    denier = denied_by(tx, plan["id"])
    verdict = rights.may_judge(
        tx, plan, name, word, is_proven=is_proven, same_hash=True, is_denied=denier is not None, at=at
    )
    if not verdict.is_allowed:
        raise _refusal(verdict, plan, name, denier)
    return verdict


def standing(tx: Connection, plan: Record, at: datetime) -> tuple[str, Record | None]:
    """Whether a plan may run: ``approved``, ``waiting``, ``denied``, ``expired``, ``refused``; and its last approval.

    ``refused`` is an approval that does not fit: given for another hash, by who asked for the plan, or by somebody
    who has no right to it any more.
    """
    return weighed(tx, plan, at), latest(tx, plan["id"])


def weighed(tx: Connection, plan: Record, at: datetime) -> str:
    """The standing of a plan by what people said and what they may say now, not by what was made of it then."""
    last = latest(tx, plan["id"])
    if denied_by(tx, plan["id"]) is not None or (last and last["status"] == "denied"):
        return "denied"
    if last is None:
        return "waiting"
    by_policy = (last.get("approver") or "").startswith("policy:") and last["status"] == "approved"
    if by_policy and last["plan_hash"] != plan["plan_hash"]:
        return "refused"
    holds = by_policy and not _is_over(last, at)
    voters = counted(tx, plan, at)
    if (voters or holds) and rights.may_begin(tx, plan, voters, by_policy=holds, at=at).is_allowed:
        return "approved"
    if last["status"] == "waiting":
        return "waiting"
    return "expired" if last["plan_hash"] == plan["plan_hash"] and _is_over(last, at) else "refused"


def counted(tx: Connection, plan: Record, at: datetime) -> list[tuple[str, bool]]:
    """Who has approved a plan so that it counts now, each once, and whether they had proven who they are.

    An approval counts while it has not expired, for the hash it was given for, and only if its giver may still give it.
    """
    found: dict[str, tuple[str, bool]] = {}
    rows = tx.execute(
        "SELECT voter, is_proven FROM wf_vote WHERE plan_id = ? AND plan_hash = ? AND verdict = 'approve'"
        " AND expires_at > ? ORDER BY number",
        (plan["id"], plan["plan_hash"], clock.stamp(at)),
    ).fetchall()
    for voter, proven in rows:
        name = voter.removeprefix("user:")
        verdict = rights.may_judge(
            tx, plan, name, "approve", is_proven=bool(proven), same_hash=True, is_denied=False, at=at
        )
        if verdict.is_allowed:
            key = people.skeleton(name)
            found[key] = (name, bool(proven) or (key in found and found[key][1]))
    return list(found.values())


def latest(tx: Connection, plan_id: str) -> Record | None:
    """The last wf.approval of a plan; its columns, not its text, say what it is worth."""
    row = tx.execute(
        "SELECT approval_id, plan_hash, status, approver, expires_at FROM wf_approval"
        " WHERE plan_id = ? ORDER BY number DESC LIMIT 1",
        (plan_id,),
    ).fetchone()
    if row is None:
        return None
    kept = records.get(tx, row[0]) or {}
    columns = {"plan_hash": row[1], "status": row[2], "approver": row[3], "expires_at": row[4]}
    return {**kept, **{key: value for key, value in columns.items() if value is not None}}


def denied_by(tx: Connection, plan_id: str) -> str | None:
    """Who denied a plan first: a denial stands, whatever is said after it."""
    for sql in (
        "SELECT voter FROM wf_vote WHERE plan_id = ? AND verdict = 'deny' ORDER BY number LIMIT 1",
        "SELECT approver FROM wf_approval WHERE plan_id = ? AND status = 'denied' ORDER BY number LIMIT 1",
    ):
        row = tx.execute(sql, (plan_id,)).fetchone()
        if row and row[0]:
            return str(row[0])
    return None


def waiting(tx: Connection) -> Iterator[Record]:
    """The plans that wait for a person, oldest first, each as its last wf.approval."""
    rows = tx.execute(
        "SELECT plan_id FROM wf_approval a WHERE status = 'waiting' AND number ="
        " (SELECT max(number) FROM wf_approval b WHERE b.plan_id = a.plan_id) ORDER BY number"
    ).fetchall()
    for (plan_id,) in rows:
        found = latest(tx, plan_id)
        if found:
            yield found


def _policy(tx: Connection, risk: str) -> tuple[str, str, int] | None:
    for name, most_risk, valid_s in tx.execute(
        "SELECT name, most_risk, valid_s FROM wf_policy WHERE is_active = 1 ORDER BY name"
    ):
        if most_risk in RISKS and RISKS.index(risk) <= RISKS.index(most_risk):
            return name, most_risk, valid_s
    return None


def _record(
    tx: Connection,
    plan: Record,
    status: str,
    at: datetime,
    *,
    command: str,
    why: str,
    approver: str | None = None,
    expires_at: datetime | None = None,
    proof: str | None = None,
    approvers: list[str] | None = None,
    policy_ids: tuple[str, ...] = (),
    voter: str | None = None,
) -> Record:
    found: Record = {
        "kind": "wf.approval",
        "id": run_id("wf.approval", at),
        "at": clock.stamp(at),
        "plan_id": plan["id"],
        "plan_hash": plan["plan_hash"],
        "workflow": plan["workflow"],
        "risk": plan["risk"],
        "requested_by": plan["requested_by"],
        "status": status,
        "why": why,
    }
    if approver:
        found["approver"] = approver
    if expires_at:
        found["expires_at"] = clock.stamp(expires_at)
    more = {"proof": proof, "approvers": approvers, "policy_ids": list(policy_ids) or None}
    found |= {key: value for key, value in more.items() if value is not None}
    if status == "waiting":
        found["code"] = tickets.code(tx, plan["id"], plan["plan_hash"])
    records.put(tx, found)
    tx.execute(
        "INSERT INTO wf_approval(approval_id, plan_id, plan_hash, status, approver, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (found["id"], plan["id"], plan["plan_hash"], status, approver, found.get("expires_at")),
    )
    words = {"approved": "approved", "denied": "denied", "waiting": "left for a person to approve"}
    decide(
        tx, kind=f"wf.plan_{status}", what=f"{words[status]} plan {plan['id']} of {plan['workflow']!r}", why=why,
        evidence=[plan["id"], found["id"]], command=command, at=at,
        authorised_by=approver or voter or "policy:approval-needed",
    )  # fmt: skip
    log.append(
        tx, action=f"plan.{status}", user=approver or voter or f"user:{plan['requested_by']}", resource=plan["id"],
        outcome={"approved": "allowed", "denied": "refused", "waiting": "asked"}[status], why=why, at=at,
        plan_hash=plan["plan_hash"], approval_id=found["id"], proof=proof, policy_ids=list(policy_ids) or None,
    )  # fmt: skip
    return found


def _waiting(plan: Record, is_strict: bool) -> str:
    if plan["risk"] == "low" or is_strict:
        return f"risk is {plan['risk']} and no policy may answer for a person"
    steps = [step["name"] for step in plan["steps"] if step["risk"] != "low"]
    return f"risk is {plan['risk']} because of {', '.join(steps)}; no stored policy allows that"


def _refusal(verdict: rights.Verdict, plan: Record, name: str, denied_by: str | None) -> Negative:
    plan_id = plan["id"]
    if "no-self-approval" in verdict.policy_ids:
        return Negative(f"{name!r} asked for plan {plan_id!r} and cannot approve it", code="self_approval")
    if "a-denial-stands" in verdict.policy_ids:
        return Negative(f"plan {plan_id!r} was denied by {denied_by}, and a denial stands", code="denied")
    hint = None
    if "bound-names-are-proven" in verdict.policy_ids:
        hint = "prove it: --sign-with KEYFILE, or a link"
    elif verdict.lacks_right:
        hint = f"an owner gives it: {mending.judging(name, scope.of_plan(plan))}"
    return Negative(verdict.why, hint=hint, code="not_allowed")


def _is_over(approval: Record, at: datetime) -> bool:
    return "expires_at" not in approval or clock.parse(approval["expires_at"]) <= at
