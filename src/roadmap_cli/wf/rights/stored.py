"""The policies an owner has stored: checked against the schema, in versions, each with who and why.

The rule kept here: nothing is stored that Cedar has not validated, and no version is ever changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError, Negative, UsageError
from roadmap_cli.core.records import Record, content_id, run_id
from roadmap_cli.state import records
from roadmap_cli.wf.rights import cedar
from roadmap_cli.why.decisions import decide

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection


def text(tx: Connection) -> str:
    """All stored policies in force, one after the other."""
    return "\n".join(_in_force(tx).values())


def _in_force(tx: Connection) -> dict[str, str]:
    """The last text of each set, in the order of their names; none of a set that was taken back."""
    rows = tx.execute(
        "SELECT name, text FROM wf_cedar a WHERE number = (SELECT max(number) FROM wf_cedar b WHERE b.name = a.name)"
        " ORDER BY name"
    )
    return {name: text for name, text in rows if text.strip()}


def keep(
    tx: Connection, name: str, source: str, *, by: str, because: str, command: str, at: datetime, proof: str = "claimed"
) -> Record:
    """Store the next version of a set of policies and return its wf.policy; an empty text takes the set back.

    The record names those of the version before that are no longer in force (`ended`).
    Raises DataError for policies that do not fit the schema, whose ids stand in another set already, or for nothing
    under a name that no set has; Negative for the text that is in force.
    """
    if not name or not name.isprintable() or len(name) > 128:
        raise UsageError(f"not a name for policies: {name!r}")
    ids = cedar.checked(source) if source.strip() else {}
    sets = _in_force(tx)
    last = sets.pop(name, None)
    for other, others in sets.items():
        if twice := ids.keys() & cedar.checked(others).keys():
            raise DataError(f"policy {min(twice)!r} stands in {other!r} already", code="duplicate_policy")
    if last == source:
        raise Negative(f"these policies are in force as {name!r} already", code="same_policy")
    if last is None and not ids:
        if source.strip():
            raise DataError("there is no policy in it", code="bad_policy")
        known = f"there are {', '.join(map(repr, sets))}" if sets else "there is none"
        raise DataError(f"no set of policies is called {name!r}; {known}", code="unknown_policies")
    ended = [each for each in cedar.checked(last) if each not in ids] if last else []
    digest = hashlib.sha256(source.encode()).hexdigest()
    (count,) = tx.execute("SELECT count(*) FROM wf_cedar WHERE name = ?", (name,)).fetchone()
    found: Record = {
        "kind": "wf.policy", "id": run_id("wf.policy", at), "at": clock.stamp(at), "name": name, "version": count + 1,
        "policies": [{"id": key, "why": value} for key, value in ids.items()], "sha256": digest, "text": source,
        "stored_by": f"user:{by}", "because": because, "proof": proof, **({"ended": ended} if ended else {}),
    }  # fmt: skip
    tx.execute(
        "INSERT INTO wf_cedar(name, text, sha256, stored_by, stored_at, why) VALUES (?, ?, ?, ?, ?, ?)",
        (name, source, digest, f"user:{by}", found["at"], because),
    )
    records.put(tx, found)
    decide(
        tx, kind="wf.policy_stored", what=f"stored version {count + 1} of the policies {name!r}", why=because,
        evidence=[found["id"]], command=command, at=at, authorised_by=f"user:{by}",
    )  # fmt: skip
    return found


def history(tx: Connection) -> Iterator[Record]:
    """Every version of every set, oldest first."""
    yield from sorted(records.find(tx, kind="wf.policy"), key=lambda each: (each["at"], each["name"], each["version"]))


def shipped(at: datetime) -> Record:
    """The policies that come along, as a wf.policy of the same form."""
    source = cedar.shipped_text()
    digest = hashlib.sha256(source.encode()).hexdigest()
    return {
        "kind": "wf.policy", "id": content_id("wf.policy", sha256=digest), "at": clock.stamp(at), "name": "shipped",
        "version": 1, "policies": [{"id": key, "why": value} for key, value in cedar.shipped().items()],
        "sha256": digest, "text": source, "stored_by": "policy:shipped", "because": "they come along and always hold",
    }  # fmt: skip
