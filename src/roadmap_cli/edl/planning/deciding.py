"""A plan's decisions in the state, so that every cut can be asked why: style, shot and source are its evidence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from roadmap_cli.core.records import Record, content_id
from roadmap_cli.edl.planning import Plan

if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection
    from roadmap_cli.state.store import State


def settle(state: State, plan: Plan, evidence: Sequence[Record], command: str, at: datetime) -> list[Record]:
    """Store a plan's evidence and decisions in one transaction; give its header and cuts, each with its `why_id`.

    A plan made before from the same shots and words is found again, with the decisions it was stored with.
    """
    from roadmap_cli.state import records
    from roadmap_cli.why import decisions

    with state.write() as tx:
        records.put_many(tx, evidence)
        known = _known(tx, plan)
        if known:
            return known
        style = decisions.decide(
            tx,
            kind=plan.style.decision,
            what=plan.style.what,
            why=plan.style.why,
            evidence=plan.style.evidence,
            command=command,
            at=at,
            run_id=plan.header["id"],
            facts=plan.style.facts,
        )
        made = [{**plan.header, "why_id": style["id"]}]
        for choice in plan.choices:
            decided = decisions.decide(
                tx,
                kind=choice.decision,
                what=choice.what,
                why=choice.why,
                evidence=[*choice.evidence, style["id"]],
                command=command,
                at=at,
                run_id=plan.header["id"],
                facts=choice.facts,
            )
            if choice.record:
                made.append({**choice.record, "why_id": decided["id"]})
        records.put_many(tx, made)
    return made


def _known(tx: Connection, plan: Plan) -> list[Record]:
    """The stored header and cuts of the same plan, with the sources where they are now; empty if it is new."""
    from roadmap_cli.state import records

    header = records.get(tx, plan.header["id"])
    if header is None:
        return []
    found = [header]
    for choice in plan.choices:
        if choice.record:
            name = content_id("edl.cut", plan_id=plan.header["id"], position=choice.record["position"])
            stored = records.get(tx, name)
            if stored is None:
                return []
            found.append({**stored, "source": choice.record["source"]})
    return found
