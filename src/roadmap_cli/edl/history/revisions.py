"""Revisions of a plan in the state: recorded with what, why and evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from roadmap_cli.core import clock
from roadmap_cli.core.records import Record, content_id

if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection


@dataclass(frozen=True, slots=True)
class Change:
    """One field of one thing that a revision changed."""

    origin_id: str
    sort: str
    field: str
    before: Any
    after: Any


def record(
    tx: Connection, *, plan: Record, things: Sequence[Record], changes: Sequence[Change] = (), what: str, why: str,
    evidence: Sequence[str], command: str, at: datetime, facts: Mapping[str, Any] | None = None,
    sources: Sequence[Record] = (),
) -> Record:  # fmt: skip
    """Store a revision with its decision, and give its edl.edit record. A plan stored already is left as it is.

    Raises DataError if the evidence does not resolve.
    """
    from roadmap_cli.state import records
    from roadmap_cli.why import decisions

    name = content_id("edl.edit", plan_id=plan["id"])
    known = records.get(tx, name)
    if known:
        return known
    records.put_many(tx, [plan, *things])
    decided = decisions.decide(
        tx, kind="edl.edit_made", what=what, why=why, evidence=evidence, command=command, at=at, run_id=plan["id"],
        facts=facts,
    )  # fmt: skip
    edit: Record = {
        "kind": "edl.edit", "id": name, "at": clock.stamp(at), "plan_id": plan["id"], "root_id": plan["id"],
        "what": what, "why": why, "evidence": list(evidence), "changes": [], "command": command,
        "why_id": decided["id"],
    }  # fmt: skip
    records.put(tx, edit)
    return edit
