"""What lies outside a grant waits for a person: requests bound to a plan's hash, answers that end by themselves.

The rules kept here. What counts is what stands in the state; a record in a pipe is none. A plan that differs in one
letter has another hash and is another request. One task asks once: the same plan of the same run has one open request.
An approval is good for that plan, in that run, until its time is over, and once unless it was given for the whole run.
Every function works inside the caller's immediate transaction (`State.write`), so of two that take the same approval
at once one gets it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.clock import parse, stamp
from roadmap_cli.core.errors import DataError, Negative, UsageError
from roadmap_cli.core.records import Record, canonical, run_id

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

#: How long a request waits for an answer, and how long an answer holds, unless said otherwise.
WAITS, HOLDS = timedelta(days=1), timedelta(hours=1)
LONGEST = timedelta(days=30)
_ROW = (
    "request_id, plan_hash, run_id, status, asked_at, expires_at, decided_at, decided_by, why, valid_until, is_once,"
    " uses, decision_id"
)
_OPERATIONS = 1000


@dataclass(frozen=True, slots=True)
class Request:
    """A stored request. `status` is how it stands at a moment: waiting, approved, denied, used, expired."""

    id: str
    plan_hash: str
    run_id: str
    status: str
    asked_at: str
    expires_at: str
    decided_at: str | None
    decided_by: str | None
    why: str | None
    valid_until: str | None
    is_once: bool
    uses: int
    decision_id: str | None
    plan: Mapping[str, Any]

    def record(self) -> Record:
        """The agent.request record as it stands."""
        record: Record = {
            "kind": "agent.request", "id": self.id, "at": self.asked_at, "status": self.status,
            "plan_hash": self.plan_hash,
            "project": self.plan["project"], "operation_count": len(self.plan["operations"]),
            "groups": groups(self.plan), "operations": list(self.plan["operations"]), "expires_at": self.expires_at,
        }  # fmt: skip
        for name, value in (
            ("run_id", self.run_id or None), ("command", self.plan.get("command")), ("decided_at", self.decided_at),
            ("decided_by", self.decided_by), ("why", self.why), ("valid_until", self.valid_until),
            ("decision_id", self.decision_id),
        ):  # fmt: skip
            if value is not None:
                record[name] = value
        if self.decided_at is not None:
            record |= {"once": self.is_once, "use_count": self.uses}
        return record


#: An approval is a request that was approved and still holds.
Approval = Request


def plan_hash(plan: Mapping[str, Any]) -> str:
    """The name of a plan: SHA-256 of its canonical JSON (RFC 8785), hex. Raises DataError if it is no plan."""
    return hashlib.sha256(canonical(_checked(plan))).hexdigest()


def request(
    tx: Connection, plan: Mapping[str, Any], *, at: datetime, command: str, run: str = "", waits: timedelta = WAITS
) -> Request:
    """Ask for what a plan holds; gives the open request of the same plan and run, if any: nobody is asked twice.

    `plan` is {"project", "operations": [{"capability", "access", "group", …}, …], "command"?}; see `scan.grant.plan`.
    A denied one stays denied until it expires. Raises DataError if it is no plan, or asks for nothing.
    """
    from roadmap_cli.state import records

    checked = _checked(plan)
    name = plan_hash(checked)
    for row in tx.execute(
        f"SELECT {_ROW} FROM agent_request WHERE plan_hash = ? AND run_id = ? ORDER BY asked_at DESC, request_id DESC",
        (name, run),
    ).fetchall():
        known = _request(tx, row, at)
        if known.status in ("waiting", "approved", "denied"):
            return known
    new = Request(
        run_id("agent.request", at), name, run, "waiting", stamp(at), stamp(at + waits), None, None, None, None,
            True, 0, None,
        checked,
    )  # fmt: skip
    records.put(tx, {**new.record(), "asked_by": command})
    tx.execute(
        f"INSERT INTO agent_request ({_ROW}) VALUES (?, ?, ?, 'waiting', ?, ?, NULL, NULL, NULL, NULL, 1, 0, NULL)",
        (new.id, name, run, new.asked_at, new.expires_at),
    )
    return new


def standing(tx: Connection, plan_hash: str, at: datetime, *, run: str = "") -> Approval | None:
    """The approval of exactly this plan that holds now, or None. It is not used up by asking; see `use`.

    An approval given to a request without a run holds for any run of that plan.
    """
    for row in tx.execute(
        f"SELECT {_ROW} FROM agent_request WHERE plan_hash = ? AND run_id IN (?, '') AND status = 'approved'"
        " ORDER BY run_id = '', decided_at DESC",
        (plan_hash, run),
    ).fetchall():
        found = _request(tx, row, at)
        if found.status == "approved":
            return found
    return None


def use(tx: Connection, plan_hash: str, at: datetime, *, run: str = "") -> Approval:
    """Take the approval of a plan for one use. Of two that try at once for a single one, the second is refused.

    Raises Negative (code ``needs_approval``) if none holds.
    """
    found = standing(tx, plan_hash, at, run=run)
    if found is None:
        raise Negative(f"no approval holds for plan {plan_hash[:12]}", code="needs_approval", hint="agent-approve list")
    taken = tx.execute(
        "UPDATE agent_request SET uses = uses + 1, status = CASE is_once WHEN 1 THEN 'used' ELSE status END"
        " WHERE request_id = ? AND status = 'approved' AND (is_once = 0 OR uses = 0)",
        (found.id,),
    )
    if taken.rowcount != 1:
        raise Negative(
            f"the approval of plan {plan_hash[:12]} is used up", code="needs_approval", hint="agent-approve list"
        )
    if found.decision_id is not None:
        from roadmap_cli.why.decisions import settle

        settle(tx, found.decision_id, f"used {found.uses + 1} time{'s' if found.uses else ''}", at)
    return get(tx, found.id, at)


def decide(
    tx: Connection, request_id: str, *, is_approved: bool, who: str, why: str, at: datetime, command: str,
    holds: timedelta = HOLDS, once: bool = True, expected_hash: str | None = None,
) -> Request:  # fmt: skip
    """A person's answer to a request, stored with a why.decision that roadmap-why explains.

    An approval that holds may be taken back by denying it. Raises DataError for an unknown request and for one that has
    another hash than the person has seen, Negative for one that is over (expired, used, denied), UsageError for a time
    that is too long.
    """
    from roadmap_cli.state import records
    from roadmap_cli.why import decisions

    found = get(tx, request_id, at)
    if expected_hash is not None and not (len(expected_hash) >= 8 and found.plan_hash.startswith(expected_hash)):
        raise DataError(f"request {found.id!r} has hash {found.plan_hash}, not {expected_hash}", code="other_plan")
    if holds > LONGEST:
        raise UsageError(f"an approval holds {LONGEST.days} days at most")
    open_ = ("waiting",) if is_approved else ("waiting", "approved")
    if found.status not in open_:
        by = f" by {found.decided_by}" if found.decided_by and found.status in ("denied", "approved", "used") else ""
        raise Negative(f"request {found.id!r} is {found.status}{by}", code=found.status)
    status = "approved" if is_approved else "denied"
    if not records.get(tx, found.id):  # the evidence must be there
        records.put(tx, found.record())
    until = stamp(at + holds) if is_approved else None
    told = "; ".join(f"{g['capability']} {', '.join(g['targets'][:3])}" for g in groups(found.plan)[:6])
    decision = decisions.decide(
        tx, kind=f"agent.request_{status}", what=f"{status} {len(found.plan['operations'])} operations: {told}"[:500],
        why=why.strip() or "no reason given", evidence=[found.id], command=command, at=at, authorised_by=f"user:{who}",
        run_id=found.run_id or None, facts={"plan_hash": found.plan_hash, "once": once,
            **({"valid_until": until} if until else {})},
    )  # fmt: skip
    tx.execute(
        "UPDATE agent_request SET status = ?, decided_at = ?, decided_by = ?, why = ?, valid_until = ?, is_once = ?,"
        " decision_id = ? WHERE request_id = ?",
        (status, stamp(at), f"user:{who}", decision["why"], until, int(once), decision["id"], found.id),
    )
    return get(tx, found.id, at)


def get(tx: Connection, request_id: str, at: datetime) -> Request:
    """A request by its id, or by the only one that its beginning fits. Raises DataError."""
    rows = tx.execute(
        f"SELECT {_ROW} FROM agent_request WHERE request_id = ?1"
        " OR (length(?1) >= 8 AND substr(request_id, 1, length(?1)) = ?1) LIMIT 2",
        (request_id,),
    ).fetchall()
    exact = [row for row in rows if row[0] == request_id] or rows
    if not exact:
        raise DataError(f"no request {request_id!r}", code="unknown_request", hint="agent-approve list --all")
    if len(exact) > 1:
        raise DataError(f"more than one request begins with {request_id!r}", code="unknown_request")
    return _request(tx, exact[0], at)


def every(tx: Connection, at: datetime) -> Iterator[Request]:
    """All requests, oldest first."""
    for row in tx.execute(f"SELECT {_ROW} FROM agent_request ORDER BY asked_at, request_id").fetchall():
        yield _request(tx, row, at)


def groups(plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A plan's operations by capability and access, with what they are about, as a person is asked."""
    found: dict[tuple[str, str], list[str]] = {}
    for each in plan["operations"]:
        found.setdefault((each["capability"], each.get("access", "")), []).append(each.get("group", ""))
    return [
        {"capability": capability, "access": access, "targets": sorted(set(targets))}
        for (capability, access), targets in sorted(found.items())
    ]


def _request(tx: Connection, row: tuple[Any, ...], at: datetime) -> Request:
    from roadmap_cli.state import records

    stored = records.get(tx, row[0])
    if stored is None:
        raise DataError(f"the record of request {row[0]!r} is missing", code="unknown_request")
    plan: dict[str, Any] = {"project": stored["project"], "operations": stored["operations"]}
    if "command" in stored:
        plan["command"] = stored["command"]
    if plan_hash(plan) != row[1]:
        raise DataError(f"request {row[0]!r} is not what its hash says", code="plan_changed")
    status, until = row[3], row[9]
    ends = until if status == "approved" else row[5]
    if status in ("waiting", "approved", "denied") and (ends is None or parse(ends) <= at):
        status = "expired"
    return Request(
        row[0],
        row[1],
        row[2],
        status,
        row[4],
        row[5],
        row[6],
        row[7],
        row[8],
        until,
        bool(row[10]),
        row[11],
        row[12],
        plan,
    )


def _checked(plan: Mapping[str, Any]) -> dict[str, Any]:
    """A plan in its one form: operations sorted, each once, nothing else in it."""
    project, operations, command = plan.get("project"), plan.get("operations"), plan.get("command")
    if not isinstance(project, str) or not isinstance(operations, list):
        raise DataError("a plan has a project and operations", code="bad_plan")
    if len(operations) > _OPERATIONS:
        raise DataError(f"a plan has {_OPERATIONS} operations at most", code="bad_plan")
    told: list[dict[str, str]] = []
    for each in operations:
        if not isinstance(each, Mapping) or not isinstance(each.get("capability"), str):
            raise DataError("an operation of a plan has a capability", code="bad_plan")
        known = {name: each[name] for name in ("capability", "access", "group", "digest") if each.get(name)}
        if any(not isinstance(value, str) for value in known.values()):
            raise DataError("an operation of a plan is made of texts", code="bad_plan")
        told.append(known)
    unique = {canonical(each): each for each in told}
    checked: dict[str, Any] = {"project": project, "operations": [unique[key] for key in sorted(unique)]}
    if command is not None:
        if not isinstance(command, list) or any(not isinstance(word, str) for word in command):
            raise DataError("a plan's command is a list of words", code="bad_plan")
        if command:
            checked["command"] = list(command)
    return checked
