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
    rows = tx.execute(
        "SELECT text FROM wf_cedar a WHERE number = (SELECT max(number) FROM wf_cedar b WHERE b.name = a.name)"
        " ORDER BY name"
    )
    return "\n".join(each for (each,) in rows if each)


def keep(
    tx: Connection, name: str, source: str, *, by: str, because: str, command: str, at: datetime, proof: str = "claimed"
) -> Record:
    """Store the next version of a set of policies and return its wf.policy; an empty text takes the set back.

    Raises DataError for policies that do not fit the schema, or whose ids stand in another set already; Negative for
    the text that is in force.
    """
    if not name or not name.isprintable() or len(name) > 128:
        raise UsageError(f"not a name for policies: {name!r}")
    ids = cedar.checked(source) if source.strip() else {}
    for other, others in tx.execute(
        "SELECT name, text FROM wf_cedar a WHERE name <> ? AND number ="
        " (SELECT max(number) FROM wf_cedar b WHERE b.name = a.name)",
        (name,),
    ).fetchall():
        if twice := ids.keys() & cedar.checked(others).keys() if others else ():
            raise DataError(f"policy {min(twice)!r} stands in {other!r} already", code="duplicate_policy")
    last = tx.execute("SELECT text FROM wf_cedar WHERE name = ? ORDER BY number DESC LIMIT 1", (name,)).fetchone()
    if last is not None and last[0] == source:
        raise Negative(f"these policies are in force as {name!r} already", code="same_policy")
    if last is None and not ids:
        raise DataError("there is no policy in it", code="bad_policy")
    digest = hashlib.sha256(source.encode()).hexdigest()
    (count,) = tx.execute("SELECT count(*) FROM wf_cedar WHERE name = ?", (name,)).fetchone()
    found: Record = {
        "kind": "wf.policy", "id": run_id("wf.policy", at), "at": clock.stamp(at), "name": name, "version": count + 1,
        "policies": [{"id": key, "why": value} for key, value in ids.items()], "sha256": digest, "text": source,
        "stored_by": f"user:{by}", "because": because, "proof": proof,
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
