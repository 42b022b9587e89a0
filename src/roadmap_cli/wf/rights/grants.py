"""Who was given which role over what, for how long, by whom; lent on in parts, never in more; and taken back.

The rule kept here: a grant is worth what the chain it hangs on is worth. One that was lent ends with the one it was
lent from, with its lender's membership, and with the first of their ends.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError, Negative, UsageError
from roadmap_cli.core.records import Record, run_id
from roadmap_cli.state import records
from roadmap_cli.wf import people
from roadmap_cli.wf.rights import cedar, identities, scope
from roadmap_cli.why.decisions import decide

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

#: The roles of people, and the actions of each in Cedar.
ROLES = {
    "owner": "",
    "operator": 'Action::"act", Action::"answer"',
    "approver": 'Action::"approve", Action::"deny", Action::"answer"',
    "reader": 'Action::"compute", Action::"read"',
}
MOST_LENT_DEEP = 3
LONGEST_LOAN = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class By:
    """Who gives or takes, why, by which command, when, and how it was shown that it is they (claimed, signature)."""

    name: str
    because: str
    command: str
    at: datetime
    proof: str = "claimed"


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant as it stands; `chain` are the grants it hangs on, itself first."""

    id: str
    subject: str
    role: str
    scope: tuple[str, ...]
    workflows: tuple[str, ...]
    given_by: str
    until: str | None
    chain: tuple[str, ...]
    lenders: tuple[str, ...]


def is_claimed(tx: Connection) -> bool:
    """Whether anybody was ever given a right: from then on only what was given counts, even if it was taken back."""
    return tx.execute("SELECT 1 FROM wf_grant LIMIT 1").fetchone() is not None


def groups(tx: Connection, name: str, at: datetime) -> tuple[str, ...]:
    """The groups somebody is in at a time."""
    rows = tx.execute(
        "SELECT DISTINCT group_name FROM wf_member WHERE user_name = ? AND revoked_at IS NULL"
        " AND (until IS NULL OR until > ?) ORDER BY group_name",
        (people.spelled(name), clock.stamp(at)),
    )
    return tuple(each for (each,) in rows)


def held(tx: Connection, name: str, at: datetime) -> list[Grant]:
    """The grants somebody has at a time, their own and those of their groups, but none that lost its ground."""
    subjects = [f"user:{people.spelled(name)}", *(f"group:{each}" for each in groups(tx, name, at))]
    marks = ", ".join("?" * len(subjects))
    rows = tx.execute(
        f"SELECT grant_id FROM wf_grant WHERE revoked_at IS NULL AND subject IN ({marks}) ORDER BY given_at, grant_id",
        subjects,
    ).fetchall()
    return [found for (each,) in rows if (found := standing(tx, each, at))]


def standing(tx: Connection, grant_id: str, at: datetime) -> Grant | None:
    """A grant if it holds at a time, with all it hangs on; else None."""
    now = clock.stamp(at)
    chain: list[str] = []
    lenders: list[str] = []
    until: str | None = None
    first: tuple[str, ...] | None = None
    inner: tuple[list[str], list[str]] | None = None
    following: str | None = grant_id
    while following is not None:
        row = tx.execute(
            "SELECT grant_id, subject, role, scope, workflows, given_by, until, lent_from FROM wf_grant"
            " WHERE grant_id = ? AND revoked_at IS NULL AND (until IS NULL OR until > ?)",
            (following, now),
        ).fetchone()
        if row is None or len(chain) > MOST_LENT_DEEP or row[0] in chain:
            return None
        patterns, flows = json.loads(row[3]), json.loads(row[4])
        if inner is not None:
            # What was lent may have been written into the table by hand: it counts only as a part of its ground.
            if row[2] != (first or row)[2] or not _is_part(inner, (patterns, flows)):
                return None
            if not _is_holder(tx, lenders[-1], row[1], at):
                return None
        inner = (patterns, flows)
        first = first or row
        chain.append(row[0])
        until = min(filter(None, (until, row[6])), default=None)
        following = row[7]
        if following is not None:
            lenders.append(row[5].removeprefix("user:"))
    assert first is not None
    return Grant(
        first[0], first[1], first[2], tuple(json.loads(first[3])), tuple(json.loads(first[4])), first[5], until,
        tuple(chain), tuple(lenders),
    )  # fmt: skip


def policies(found: Sequence[Grant]) -> str:
    """Grants as policies of Cedar's, each named ``grant:ID``."""
    return "\n".join(_policy(each) for each in found)


def _policy(grant: Grant) -> str:
    sort, _, name = grant.subject.partition(":")
    principal = (
        f"principal == User::{cedar.quoted(name)}" if sort == "user" else f"principal in Group::{cedar.quoted(name)}"
    )
    action = "action" if grant.role == "owner" else f"action in [{ROLES[grant.role]}]"
    tests = []
    if "*" not in grant.scope:
        # What touches nothing outside the run (waiting, asking, thinking) is within every scope.
        wanted = [each for pattern in (*grant.scope, "plan:*") for each in scope.widened(pattern)]
        tests.append("(" + " || ".join(f"context.target like {cedar.quoted(each)}" for each in wanted) + ")")
    if grant.workflows:
        names = ", ".join(cedar.quoted(each) for each in grant.workflows)
        tests.append(f"[{names}].contains(context.workflow)")
    when = f" when {{ {' && '.join(tests)} }}" if tests else ""
    return (
        f'@id("grant:{grant.id}") @why("{grant.role} by grant") permit(principal, action, resource)'.replace(
            "(principal, action, resource)", f"({principal}, {action}, resource)"
        )
        + f"{when};"
    )


def give(
    tx: Connection,
    subject: str,
    role: str,
    *,
    patterns: Sequence[str],
    workflows: Sequence[str],
    until: datetime | None,
    by: By,
) -> Record:
    """Store a grant and return its wf.grant. The caller has found that who gives it may."""
    if role not in ROLES:
        raise UsageError(f"unknown role {role!r}", hint=f"one of {', '.join(ROLES)}")
    spelled = [scope.spelled(each) for each in patterns] or ["*"]
    return _give(tx, subject, role, spelled, sorted(set(workflows)), until, by, None)


def lend(
    tx: Connection,
    subject: str,
    grant_id: str,
    *,
    patterns: Sequence[str],
    workflows: Sequence[str],
    until: datetime,
    by: By,
) -> Record:
    """Give on a part of a grant one has. Raises Negative for more than one has, DataError for a grant there is not.

    A loan has an end, of at most 90 days and not after its ground's; ownership is not lent; at most three deep.
    """
    ground = standing(tx, grant_id, by.at)
    if ground is None:
        raise DataError(f"grant {grant_id!r} does not hold", hint="'wf-grant' lists them", code="unknown_grant")
    if not _is_holder(tx, by.name, ground.subject, by.at):
        raise Negative(f"{by.name!r} does not have grant {grant_id!r}", code="not_holder")
    if ground.role == "owner":
        raise Negative("ownership is not lent", hint="give a role instead", code="not_lent")
    if len(ground.chain) >= MOST_LENT_DEEP:
        raise Negative(f"grant {grant_id!r} was lent on {MOST_LENT_DEEP - 1} times already", code="lent_too_deep")
    if until - by.at > LONGEST_LOAN:
        raise Negative(f"nothing is lent for longer than {LONGEST_LOAN.days} days", code="too_long")
    if ground.until is not None and clock.stamp(until) > ground.until:
        raise Negative(f"grant {grant_id!r} ends at {ground.until}", hint="lend it for less long", code="too_long")
    spelled = [scope.spelled(each) for each in patterns] or list(ground.scope)
    flows = sorted(set(workflows)) or list(ground.workflows)
    if not _is_part((spelled, flows), (list(ground.scope), list(ground.workflows))):
        what = f"grant {grant_id!r} covers {', '.join(ground.scope)}, not all of {', '.join(spelled)}"
        raise Negative(what, code="more_than_one_has")
    if people.are_same(subject.partition(":")[2], by.name) and subject.startswith("user:"):
        raise Negative("nothing is lent to oneself", code="self_loan")
    return _give(tx, subject, ground.role, spelled, flows, until, by, grant_id)


def enter(
    tx: Connection,
    name: str,
    group: str,
    *,
    until: datetime | None,
    by: By,
) -> Record:
    """Put somebody into a group."""
    found = _record(by, "group", subject=f"user:{people.spelled(name)}", group=spelled_group(group), until=until,
                    proof=by.proof)  # fmt: skip
    tx.execute(
        "INSERT INTO wf_member(grant_id, group_name, user_name, given_by, given_at, until) VALUES (?, ?, ?, ?, ?, ?)",
        (found["id"], found["group"], people.spelled(name), found["given_by"], found["at"], found.get("until")),
    )
    return _kept(tx, found, f"put {name!r} into group {found['group']!r}", by)


def bind(
    tx: Connection,
    name: str,
    identity: str,
    *,
    by: By,
) -> Record:
    """Register a key or account of somebody. Raises Negative if it is another's already."""
    sort, value = identities.read(identity)
    if other := identities.owner(tx, sort, value):
        raise Negative(f"that {sort} identity is {other}'s already", code="identity_taken")
    found = _record(by, "identity", subject=f"user:{people.spelled(name)}", identity=f"{sort}:{value}",
                    proof=by.proof)  # fmt: skip
    tx.execute(
        "INSERT INTO wf_identity(grant_id, user_name, sort, value, given_by, given_at) VALUES (?, ?, ?, ?, ?, ?)",
        (found["id"], people.spelled(name), sort, value, found["given_by"], found["at"]),
    )
    return _kept(tx, found, f"registered a {sort} identity of {name!r}", by)


def revoke(tx: Connection, grant_id: str, *, by: By) -> Record:
    """Take back a grant, a membership or an identity. Raises DataError for an unknown one, Negative if it is over.

    The last owner's grant stays: a state without an owner could never be changed again.
    """
    for table in ("wf_grant", "wf_member", "wf_identity"):
        row = tx.execute(f"SELECT revoked_at FROM {table} WHERE grant_id = ?", (grant_id,)).fetchone()
        if row is None:
            continue
        if row[0] is not None:
            raise Negative(f"grant {grant_id!r} was taken back at {row[0]}", code="revoked")
        if table == "wf_grant" and _is_last_owner(tx, grant_id, by.at):
            raise Negative("the last owner cannot be taken away", hint="make somebody else owner first",
                           code="last_owner")  # fmt: skip
        stamp = clock.stamp(by.at)
        tx.execute(
            f"UPDATE {table} SET revoked_at = ?, revoked_by = ? WHERE grant_id = ?",
            (stamp, f"user:{by.name}", grant_id),
        )
        kept = records.get(tx, grant_id) or {}
        found = {**kept, "id": run_id("wf.grant", by.at), "at": stamp, "status": "revoked", "revokes": grant_id,
                 "given_by": f"user:{by.name}", "because": by.because}  # fmt: skip
        return _kept(tx, found, f"took back {grant_id}", by, [grant_id])
    raise DataError(f"grant {grant_id!r} is not in this state", hint="'wf-grant' lists them", code="unknown_grant")


def listed(tx: Connection, at: datetime, name: str | None = None) -> Iterator[Record]:
    """All grants, memberships and identities that were not taken back, oldest first, each with how it stands."""
    now = clock.stamp(at)
    rows = tx.execute(
        "SELECT id FROM record WHERE id IN (SELECT grant_id FROM wf_grant WHERE revoked_at IS NULL"
        " UNION ALL SELECT grant_id FROM wf_member WHERE revoked_at IS NULL"
        " UNION ALL SELECT grant_id FROM wf_identity WHERE revoked_at IS NULL) ORDER BY rowid"
    ).fetchall()
    found = [each for (key,) in rows if (each := records.get(tx, key))]
    mine = (
        {name and f"user:{people.spelled(name)}", *(f"group:{each}" for each in groups(tx, name, at))} if name else None
    )
    for each in found:
        if mine is not None and each["subject"] not in mine:
            continue
        over = each.get("until") is not None and each["until"] <= now
        lost = each["grants"] not in ("group", "identity") and standing(tx, each["id"], at) is None
        yield {**each, "status": "expired" if over else "void" if lost else "given"}


def spelled_group(name: str) -> str:
    """A group's name in its one spelling. Raises UsageError for what is none."""
    return people.spelled(people.user(name.removeprefix("group:")))


def spelled_subject(name: str) -> str:
    """``group:NAME`` or ``user:NAME`` in its one spelling. Raises UsageError for what is none."""
    if name.startswith("group:"):
        return f"group:{spelled_group(name)}"
    return f"user:{people.spelled(people.user(name))}"


def _give(
    tx: Connection,
    subject: str,
    role: str,
    patterns: list[str],
    workflows: list[str],
    until: datetime | None,
    by: By,
    lent_from: str | None,
) -> Record:
    found = _record(by, role, subject=subject, scope=patterns, workflows=workflows or None, until=until,
                    lent_from=lent_from, proof=by.proof)  # fmt: skip
    tx.execute(
        "INSERT INTO wf_grant(grant_id, subject, role, scope, workflows, given_by, lent_from, given_at, until)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (found["id"], subject, role, json.dumps(patterns), json.dumps(workflows), found["given_by"], lent_from,
         found["at"], found.get("until")),
    )  # fmt: skip
    verb = "lent" if lent_from else "gave"
    return _kept(tx, found, f"{verb} {subject} the role {role!r} over {', '.join(patterns)}", by,
                 [lent_from] if lent_from else [])  # fmt: skip


def _record(by: By, what: str, *, until: datetime | None = None, **more: object) -> Record:
    if until is not None and until <= by.at:
        raise UsageError("a grant that has ended before it begins")
    found: Record = {
        "kind": "wf.grant", "id": run_id("wf.grant", by.at), "at": clock.stamp(by.at), "grants": what,
        "status": "given", "given_by": f"user:{by.name}", "because": by.because,
    }  # fmt: skip
    if until is not None:
        found["until"] = clock.stamp(until)
    return found | {key: value for key, value in more.items() if value is not None}


def _kept(tx: Connection, found: Record, what: str, by: By, evidence: Sequence[str] = ()) -> Record:
    records.put(tx, found)
    decide(
        tx, kind="wf.granted" if found["status"] == "given" else "wf.revoked", what=what, why=found["because"],
        evidence=[found["id"], *evidence], command=by.command, at=by.at, authorised_by=found["given_by"],
    )  # fmt: skip
    return found


def _is_holder(tx: Connection, name: str, subject: str, at: datetime) -> bool:
    sort, _, held_by = subject.partition(":")
    return held_by == people.spelled(name) if sort == "user" else held_by in groups(tx, name, at)


def _is_part(inner: tuple[list[str], list[str]], outer: tuple[list[str], list[str]]) -> bool:
    flows = not outer[1] or (bool(inner[1]) and set(inner[1]) <= set(outer[1]))
    return flows and ("*" in outer[0] or scope.includes(outer[0], inner[0]))


def _is_last_owner(tx: Connection, grant_id: str, at: datetime) -> bool:
    rows = tx.execute(
        "SELECT grant_id FROM wf_grant WHERE role = 'owner' AND scope = '[\"*\"]' AND workflows = '[]'"
        " AND until IS NULL AND revoked_at IS NULL AND subject LIKE 'user:%'"
    ).fetchall()
    owners = [each for (each,) in rows if standing(tx, each, at)]
    return owners == [grant_id]
