"""Revisions of a plan in the state: what changed, why, and which is the newest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, content_id

if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a revision. `field` "" with `before` None: the thing came in; with `after` None: it went out."""

    origin_id: str
    sort: str
    field: str
    before: Any
    after: Any


def record(
    tx: Connection,
    *,
    plan: Record,
    things: Sequence[Record],
    changes: Sequence[Change],
    what: str,
    why: str,
    evidence: Sequence[str],
    command: str,
    at: datetime,
    facts: Mapping[str, Any],
) -> Record:
    """Store a revision with its decision; gives its edl.edit record."""
    from roadmap_cli.state import records
    from roadmap_cli.why import decisions

    records.put_many(tx, [plan, *things])
    decided = decisions.decide(
        tx, kind="edl.edit_made", what=what, why=why, evidence=evidence, command=command, at=at, run_id=plan["id"],
        facts=facts,
    )  # fmt: skip
    told: Record = {
        "kind": "edl.edit",
        "id": content_id("edl.edit", plan_id=plan["id"]),
        "at": clock.stamp(at),
        "plan_id": plan["id"],
        "root_id": plan.get("root_id", plan["id"]),
        "what": what,
        "why": why,
        "evidence": list(evidence),
        "changes": [asdict(change) for change in changes],
        "why_id": decided["id"],
    }
    if plan.get("parent_id"):
        told["parent_id"] = plan["parent_id"]
    records.put(tx, told)
    return told


def head(tx: Connection, root_id: str | None = None) -> tuple[Record, list[Record], list[Record]]:
    """The newest revision of a project, its cuts, titles and cues, and its sources. Raises DataError if none is."""
    from roadmap_cli.state import records

    newest: Record | None = None
    for edit in records.find(tx, kind="edl.edit"):
        if root_id in (None, edit.get("root_id")):
            newest = edit
    name = newest["plan_id"] if newest else root_id
    plan = records.get(tx, name) if name else None
    if plan is None:
        for each in records.find(tx, kind="edl.plan"):
            plan = each if root_id in (None, each["id"], each.get("root_id")) else plan
    if plan is None:
        raise DataError("no plan is stored", hint="edl-plan makes one", code="no_plan")
    things = [
        each
        for kind in ("edl.cut", "edl.title", "edl.cue")
        for each in records.find(tx, kind=kind)
        if each.get("plan_id") == plan["id"]
    ]
    used = {each.get("source_id") for each in things}
    return plan, things, [each for each in records.find(tx, kind="edl.source") if each["id"] in used]
