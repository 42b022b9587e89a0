"""A plan's decisions in the state, so that every cut can be asked why it is there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.records import Record
from roadmap_cli.edl.planning.planned import Choice, Plan

if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection
    from roadmap_cli.state.store import State


def settle(state: State, plan: Plan, evidence: Sequence[Record], command: str, at: datetime) -> list[Record]:
    """Store a plan's evidence and decisions in one transaction; give its header, cuts, titles and cues, each with its
    `why_id`. The plan becomes the newest revision of its project.

    A plan made before from the same records and words is found again, with the decisions it was stored with.
    """
    from roadmap_cli.edl.history import revisions
    from roadmap_cli.state import records

    with state.write() as tx:
        records.put_many(tx, evidence)
        made = _known(tx, plan) or _decided(tx, plan, command, at)
        revisions.record(
            tx,
            plan=made[0],
            things=made[1:],
            changes=(),
            what=plan.style.what,
            why=plan.style.why,
            evidence=[made[0]["why_id"]],
            command=command,
            at=at,
            facts={"cuts": plan.header["cut_count"], "length_frames": plan.header["length_frames"]},
            sources=[record for record in evidence if record["kind"] == "edl.source"],
        )
    return made


def _decided(tx: Connection, plan: Plan, command: str, at: datetime) -> list[Record]:
    """Store the decisions: the style, then what is part of others, then those; give the records with their `why_id`."""
    from roadmap_cli.why import decisions

    run = {"command": command, "at": at, "authorised_by": "user", "run_id": plan.header["id"]}
    (style,) = decisions.decide_all(tx, [_told(plan.style, run, ())])
    parts = [part for choice in plan.choices for part in choice.parts]
    stored = decisions.decide_all(tx, [_told(part, run, (style[0],)) for part in parts]) if parts else []
    names = {id(part): row[0] for part, row in zip(parts, stored, strict=True)}
    told = [_told(choice, run, (style[0], *(names[id(part)] for part in choice.parts))) for choice in plan.choices]
    rows = decisions.decide_all(tx, told)
    things = [
        {**choice.record, "why_id": row[0]} for choice, row in zip(plan.choices, rows, strict=True) if choice.record
    ]
    return [{**plan.header, "why_id": style[0]}, *things]


def _told(choice: Choice, run: dict[str, Any], more: Sequence[str]) -> dict[str, Any]:
    return {
        "kind": choice.decision,
        "what": choice.what,
        "why": choice.why,
        "evidence": [*choice.evidence, *more],
        "facts": dict(choice.facts),
        **run,
    }


def _known(tx: Connection, plan: Plan) -> list[Record]:
    """The stored header and things of the same plan, with the sources where they are now; empty if it is new."""
    from roadmap_cli.state import records

    header = records.get(tx, plan.header["id"])
    if header is None:
        return []
    found = [header]
    for record in plan.records:
        stored = records.get(tx, record["id"])
        if stored is None:
            return []
        found.append({**stored, "source": record["source"]} if "source" in record else stored)
    return found
