"""Plans as they stand in the state: under the hash that names them, and never another one.

The rule kept here: what is hashed is all that decides what will be done (steps, values, programs' files, folder, who
asks, for which event), and nothing else. An approval of the hash is an approval of exactly that.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, canonical
from roadmap_cli.state import records
from roadmap_cli.wf.audit import log
from roadmap_cli.why.decisions import decide

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

#: What says nothing about what will be done, and so is not hashed.
VOLATILE = frozenset(
    {"kind", "id", "at", "plan_hash", "from_id", "estimate", "confidence_ratio", "confidence", "dry_run"}
)


def plan_hash(found: Record) -> str:
    """SHA-256 (hex) of the RFC 8785 form of all of a plan that is not `VOLATILE`."""
    return hashlib.sha256(canonical({key: value for key, value in found.items() if key not in VOLATILE})).hexdigest()


def keep(tx: Connection, found: Record, *, command: str, at: datetime) -> Record:
    """Store a plan with the decision that made it; a plan stored before comes back as it was stored."""
    if not records.put(tx, found):
        return records.get(tx, found["id"]) or found
    tx.execute(
        "INSERT INTO wf_plan(plan_id, match_id, plan_hash, workflow, risk, requested_by) VALUES (?, ?, ?, ?, ?, ?)",
        (found["id"], found["match_id"], found["plan_hash"], found["workflow"], found["risk"], found["requested_by"]),
    )
    names = ", ".join(step["name"] for step in found["steps"])
    decide(
        tx, kind="wf.planned", what=f"planned {found['workflow']!r}: {names}",
        why=f"event matched its trigger; risk is {found['risk']}", evidence=[found["match_id"], found["id"]],
        command=command, at=at, authorised_by=found["requested_by"],
    )  # fmt: skip
    log.append(
        tx, action="plan.planned", user=f"user:{found['requested_by']}", resource=found["id"], outcome="done",
        why=f"risk is {found['risk']}", at=at, plan_hash=found["plan_hash"], match_id=found["match_id"],
    )  # fmt: skip
    return found


def stored_plan(tx: Connection, plan_id: str) -> Record:
    """A plan as it stands in the state, checked against its own hash. Raises DataError if not there, or changed."""
    found = records.get(tx, plan_id)
    row = tx.execute("SELECT plan_hash FROM wf_plan WHERE plan_id = ?", (plan_id,)).fetchone()
    if found is None or row is None or found.get("kind") != "wf.plan":
        raise DataError(f"plan {plan_id!r} is not in this state", code="unknown_plan")
    if plan_hash(found) != row[0] or found["plan_hash"] != row[0]:
        raise DataError(f"plan {plan_id!r} is not what its hash says", code="plan_changed")
    return found
