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
from roadmap_cli.wf import planning
from roadmap_cli.wf.templates import RISKS
from roadmap_cli.why.decisions import decide

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection


def stored_plan(tx: Connection, plan_id: str) -> Record:
    """A plan as it stands in the state, checked against its own hash. Raises DataError if not there, or changed."""
    found = records.get(tx, plan_id)
    row = tx.execute("SELECT plan_hash FROM wf_plan WHERE plan_id = ?", (plan_id,)).fetchone()
    if found is None or row is None or found.get("kind") != "wf.plan":
        raise DataError(f"plan {plan_id!r} is not in this state", code="unknown_plan")
    if planning.plan_hash(found) != row[0] or found["plan_hash"] != row[0]:
        raise DataError(f"plan {plan_id!r} is not what its hash says", code="plan_changed")
    return found


def consider(tx: Connection, plan: Record, *, is_strict: bool, command: str, at: datetime) -> Record:
    """The standing of a plan that comes by the pipe: what was decided before, a stored policy's approval, or waiting.

    An approval that has expired is asked for again; a denial stands.
    """
    kept = stored_plan(tx, require(plan, "id", str))
    if plan.get("plan_hash") != kept["plan_hash"]:
        what = f"plan {kept['id']!r} in the input has another hash than the one in the state"
        raise DataError(what, code="other_plan")
    last = latest(tx, kept["id"])
    if last and not (last["status"] == "approved" and _is_over(last, at)):
        return last
    policy = None if is_strict else _policy(tx, kept["risk"])
    if policy is None:
        return _record(tx, kept, "waiting", at, command=command, why=_waiting(kept, is_strict))
    name, most_risk, valid_s = policy
    why = f"risk {kept['risk']} is within policy {name!r}, which allows up to {most_risk}"
    return _record(
        tx, kept, "approved", at, command=command, why=why, approver=f"policy:{name}",
        expires_at=at + timedelta(seconds=valid_s),
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
) -> Record:
    """A person's answer to a plan, bound to its hash.

    Raises Negative if the approver is who asked for it or the plan has been denied; DataError if the plan is unknown or
    has another hash than the one the person has seen.
    """
    plan = stored_plan(tx, plan_id)
    if expected_hash is not None and expected_hash != plan["plan_hash"]:
        raise DataError(f"plan {plan_id!r} has hash {plan['plan_hash']}, not {expected_hash}", code="other_plan")
    if is_approved and _is_requester(approver, plan["requested_by"]):
        raise Negative(f"{approver!r} asked for plan {plan_id!r} and cannot approve it", code="self_approval")
    last = latest(tx, plan_id)
    if last and last["status"] == "denied" and is_approved:
        raise Negative(f"plan {plan_id!r} was denied by {last['approver']}, and a denial stands", code="denied")
    return _record(
        tx, plan, "approved" if is_approved else "denied", at, command=command, why=why, approver=f"user:{approver}",
        expires_at=at + timedelta(seconds=valid_s) if is_approved else None,
    )  # fmt: skip


def standing(tx: Connection, plan: Record, at: datetime) -> tuple[str, Record | None]:
    """Whether a plan may run: ``approved``, ``waiting``, ``denied``, ``expired``, ``refused``; and its last approval.

    ``refused`` is an approval that does not fit: given for another hash, or by who asked for the plan.
    """
    last = latest(tx, plan["id"])
    if last is None or last["status"] == "waiting":
        return "waiting", last
    if last["status"] == "denied":
        return "denied", last
    if last["plan_hash"] != plan["plan_hash"] or _is_requester(last["approver"], plan["requested_by"]):
        return "refused", last
    return ("expired" if _is_over(last, at) else "approved"), last


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
    records.put(tx, found)
    tx.execute(
        "INSERT INTO wf_approval(approval_id, plan_id, plan_hash, status, approver, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (found["id"], plan["id"], plan["plan_hash"], status, approver, found.get("expires_at")),
    )
    words = {"approved": "approved", "denied": "denied", "waiting": "left for a person to approve"}
    decide(
        tx, kind=f"wf.plan_{status}", what=f"{words[status]} plan {plan['id']} of {plan['workflow']!r}", why=why,
        evidence=[plan["id"], found["id"]], command=command, at=at, authorised_by=approver or "policy:approval-needed",
    )  # fmt: skip
    return found


def _waiting(plan: Record, is_strict: bool) -> str:
    if plan["risk"] == "low" or is_strict:
        return f"risk is {plan['risk']} and no policy may answer for a person"
    steps = [step["name"] for step in plan["steps"] if step["risk"] != "low"]
    return f"risk is {plan['risk']} because of {', '.join(steps)}; no stored policy allows that"


def _is_requester(approver: str | None, requested_by: str) -> bool:
    """Whether two names are one person's: compared without the prefix, without case, without outer blanks."""

    def bare(name: str) -> str:
        return name.removeprefix("user:").strip().casefold()

    return approver is not None and bare(approver) == bare(requested_by)


def _is_over(approval: Record, at: datetime) -> bool:
    return "expires_at" not in approval or clock.parse(approval["expires_at"]) <= at
