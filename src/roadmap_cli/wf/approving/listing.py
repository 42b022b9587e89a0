"""What waits for a person, with what they must know to decide: plans, and the questions of runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.wf import rights
from roadmap_cli.wf.approving import answering, approvals
from roadmap_cli.wf.planning import keeping
from roadmap_cli.wf.rights import grants, scope

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection


def waiting(tx: Connection, at: datetime) -> Iterator[Record]:
    """Each plan as its last wf.approval, with what it touches and who may approve it; then each wf.task.

    A plan that is not what its hash says comes without: nobody can approve it.
    """
    for found in approvals.waiting(tx):
        try:
            plan = keeping.stored_plan(tx, found["plan_id"])
            more: Record = {"touches": list(scope.of_plan(plan))}
        except DataError:
            yield found
            continue
        if grants.is_claimed(tx):
            more["may_approve"] = [f"user:{each}" for each in deciders(tx, plan, at)]
        yield {**found, **more}
    yield from answering.tasks_waiting(tx)


def deciders(tx: Connection, plan: Record, at: datetime) -> list[str]:
    """The people who may approve a plan now by a right they were given, if they prove their names where they must."""
    names = {each["subject"].partition(":")[2] for each in grants.listed(tx, at) if each["subject"].startswith("user:")}
    return [
        name for name in sorted(names)
        if rights.may_judge(
            tx, plan, name, "approve", is_proven=True, same_hash=True, is_denied=False, at=at
        ).is_allowed
    ]  # fmt: skip
