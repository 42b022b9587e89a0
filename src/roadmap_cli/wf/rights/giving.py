"""What wf-grant does: find out whether somebody may give, give, and write it into the audit log.

The first grant in a state makes who gives it its owner. Only the system's owner of the state file may give it: until
then there is nobody else to ask, and whoever may open the file could have made it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.errors import Negative, UsageError
from roadmap_cli.core.records import Record, canonical
from roadmap_cli.wf import people
from roadmap_cli.wf.audit import log
from roadmap_cli.wf.rights import grants, identities, judging, stored

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

_CLAIMED = "the first grant in this state: who gave it owns its rights"


@dataclass(frozen=True, slots=True)
class Giver:
    """Who gives: the name, why, whether the state file is theirs by the system's word, and a key to prove the name."""

    name: str
    because: str
    owns_file: bool
    command: str
    at: datetime
    key_file: Path | None = None

    def by(self, proof: str) -> grants.By:
        """The same for what is stored, with how the name was shown to be theirs."""
        return grants.By(self.name, self.because, self.command, self.at, proof)


def role(
    tx: Connection,
    giver: Giver,
    subject: str,
    name: str,
    *,
    patterns: Sequence[str] = (),
    workflows: Sequence[str] = (),
    until: datetime | None = None,
) -> list[Record]:
    """Give a role; the wf.grant records, in front the owner's if this is the first grant."""
    subject = grants.spelled_subject(subject)
    found = _claimed(tx, giver) if not (name == "owner" and people.are_same(subject[5:], giver.name)) else []
    details = {"subject": subject, "role": name, "scope": list(patterns), "workflows": list(workflows)}

    def given(proof: str) -> Record:
        return grants.give(tx, subject, name, patterns=patterns, workflows=workflows, until=until, by=giver.by(proof))

    return [*found, _done(tx, giver, name, subject, details, given)]


def loan(
    tx: Connection,
    giver: Giver,
    subject: str,
    grant_id: str,
    *,
    until: datetime,
    patterns: Sequence[str] = (),
    workflows: Sequence[str] = (),
) -> list[Record]:
    """Lend a part of a grant one has; no right to grant is needed, but the name must be proven if it can be."""
    subject = grants.spelled_subject(subject)
    proof = _proof(tx, giver, "lend", {"subject": subject, "grant": grant_id, "scope": list(patterns)})
    if proof == "claimed" and identities.is_bound(tx, giver.name):
        raise Negative(f"a key of {giver.name!r} is registered, and the name was only claimed",
                       hint="prove it: --sign-with KEYFILE", code="not_proven")  # fmt: skip
    found = grants.lend(tx, subject, grant_id, patterns=patterns, workflows=workflows, until=until, by=giver.by(proof))
    _log(tx, giver, "lent", found, (grant_id,))
    return [found]


def membership(tx: Connection, giver: Giver, name: str, group: str, *, until: datetime | None = None) -> list[Record]:
    """Put somebody into a group."""
    person = people.user(name)
    details = {"name": people.spelled(person), "group": group}

    def given(proof: str) -> Record:
        return grants.enter(tx, person, group, until=until, by=giver.by(proof))

    return [_done(tx, giver, "group", f"user:{people.spelled(person)}", details, given)]


def identity(tx: Connection, giver: Giver, name: str, text: str) -> list[Record]:
    """Register a key or an account of somebody."""
    person = people.user(name)
    details = {"name": people.spelled(person), "identity": text}

    def given(proof: str) -> Record:
        return grants.bind(tx, person, text, by=giver.by(proof))

    return [_done(tx, giver, "identity", f"user:{people.spelled(person)}", details, given)]


def policies(tx: Connection, giver: Giver, name: str, source: str) -> list[Record]:
    """Store policies of one's own. Who may not store them does not learn whether they are valid."""
    digest = hashlib.sha256(source.encode()).hexdigest()

    def given(proof: str) -> Record:
        return stored.keep(tx, name, source, by=giver.name, because=giver.because, command=giver.command,
                           at=giver.at, proof=proof)  # fmt: skip

    return [_done(tx, giver, "policy", None, {"policies": name, "sha256": digest}, given)]


def revocation(tx: Connection, giver: Giver, grant_id: str) -> list[Record]:
    """Take back a grant, a membership or an identity. Who lent it may take it back without another right."""
    details = {"grant": grant_id}
    row = tx.execute("SELECT given_by, lent_from FROM wf_grant WHERE grant_id = ?", (grant_id,)).fetchone()
    is_lender = bool(row and row[1] and people.spelled(row[0]) == people.spelled(giver.name))

    def taken(proof: str) -> Record:
        return grants.revoke(tx, grant_id, by=giver.by(proof))

    if is_lender and not (identities.is_bound(tx, giver.name) and giver.key_file is None):
        _proof(tx, giver, "revoke", details)
        found = taken("claimed")
        _log(tx, giver, "revoked", found, ())
        return [found]
    return [_done(tx, giver, "revocation", None, details, taken, action="revoke")]


def _claimed(tx: Connection, giver: Giver) -> list[Record]:
    """Make the giver the owner if nobody was given anything yet."""
    if grants.is_claimed(tx):
        return []
    _needs_file(giver)
    found = grants.give(
        tx, f"user:{people.spelled(giver.name)}", "owner", patterns=(), workflows=(), until=None,
        by=grants.By(giver.name, _CLAIMED, giver.command, giver.at),
    )  # fmt: skip
    _log(tx, giver, "granted", found, ("unclaimed",))
    return [found]


def _done(
    tx: Connection,
    giver: Giver,
    what: str,
    to: str | None,
    details: Mapping[str, Any],
    work: Callable[[str], Record],
    action: str = "grant",
) -> Record:
    """Ask whether the giver may, do it, log it. Raises Negative if not."""
    if not giver.because.strip():
        raise UsageError("a right is given or taken for a reason", hint="--because TEXT")
    if not grants.is_claimed(tx):
        _needs_file(giver)
    proof = _proof(tx, giver, action, {"what": what, **details})
    verdict = judging.may_give(tx, giver.name, what, to=to, is_proven=proof != "claimed", at=giver.at, action=action)
    if not verdict.is_allowed:
        hint = "prove the name: --sign-with KEYFILE" if "bound-names-are-proven" in verdict.policy_ids else None
        raise Negative(verdict.why, hint=hint, code="not_allowed")
    found = work(proof)
    verb = {"revoke": "revoked"}.get(action, "policy_stored" if what == "policy" else "granted")
    _log(tx, giver, verb, found, verdict.policy_ids)
    return found


def _needs_file(giver: Giver) -> None:
    if not giver.owns_file:
        raise Negative("nobody has been given a right in this state, and the first is given by who owns its file",
                       code="not_owner")  # fmt: skip


def _proof(tx: Connection, giver: Giver, action: str, details: Mapping[str, Any]) -> str:
    """``signature`` if the giver signed exactly this with a registered key, ``claimed`` without a key file."""
    if giver.key_file is None:
        return "claimed"
    digest = hashlib.sha256(canonical(dict(details))).hexdigest()
    said = identities.statement(action, giver.command, digest, giver.name, giver.at)
    if not identities.is_signed(tx, giver.name, said, identities.sign(said, giver.key_file)):
        raise Negative(f"that key is not registered as one of {giver.name!r}", code="unknown_key")
    return "signature"


def _log(tx: Connection, giver: Giver, verb: str, found: Record, policy_ids: Sequence[str]) -> None:
    log.append(
        tx, action=f"right.{verb}", user=f"user:{people.spelled(giver.name)}", resource=found["id"],
        outcome="done", why=found["because"], at=giver.at, policy_ids=list(policy_ids) or None,
    )  # fmt: skip
