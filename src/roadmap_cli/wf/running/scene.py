"""What happens to runs within one transaction, and how it is told: records, entries of the audit log, what to launch.

The rule kept here: nothing is told, and nothing is launched, that is not committed first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from roadmap_cli.core import clock
from roadmap_cli.core.records import Record, content_id, run_id
from roadmap_cli.wf.running import journal, plans
from roadmap_cli.wf.running.gates import Breaker
from roadmap_cli.wf.running.graph import Active, Place, Unit, due


@dataclass(frozen=True, slots=True)
class Launch:
    """An attempt whose beginning is committed, for a thread to do."""

    run: Active
    place: Place
    unit: Unit
    step: Record
    attempt: int
    key: str
    started_id: str
    gate: str | None


@dataclass(slots=True)
class Scene:
    """One transaction: when it is, what it tells, what it launches, and how many attempts may still begin."""

    tx: journal.Tx
    at: datetime
    command: str
    free: int
    told: list[Record] = field(default_factory=list)
    launches: list[Launch] = field(default_factory=list)
    ended: list[Active] = field(default_factory=list)
    _breakers: dict[str, Breaker] | None = None

    def breaker(self, name: str) -> Breaker:
        """How a dependency has fared, as it was when it was first looked at; what is decided on it is read again."""
        if self._breakers is None:
            self._breakers = journal.breakers(self.tx)
        return self._breakers.get(name) or Breaker()

    @property
    def stamp(self) -> str:
        """The time, as it stands in records."""
        return clock.stamp(self.at)

    def tell(self, record: Record) -> None:
        """Store a record, and tell it once that is committed."""
        self.tx.put(record)
        self.told.append(record)

    def log(
        self, run: Active, action: str, outcome: str, why: str, *, unit: str | None = None, agent: str | None = None,
        **more: Any,
    ) -> None:  # fmt: skip
        """Append to the audit log what happened to a run, or to a unit of it."""
        user = str(run.plan["requested_by"])
        self.tx.log(
            action=action, user=user if ":" in user else f"user:{user}", agent=agent, resource=run.run_id,
            outcome=outcome, why=why, at=self.at, run_id=run.run_id, step=unit, plan_hash=run.plan["plan_hash"], **more,
        )  # fmt: skip

    def step_record(self, kind: str, run: Active, unit: Unit, key: str, **more: Any) -> Record:
        """A record about an attempt of a unit."""
        return {
            "kind": kind, "id": run_id(kind, self.at), "at": self.stamp, "run_id": run.run_id, "step": unit.name,
            "attempt": unit.attempt, "idempotency_key": key, **more,
        }  # fmt: skip

    def waits(
        self, run: Active, unit: Unit, what: str, wait_s: float | None = None, task_id: str | None = None
    ) -> None:
        """Let a unit wait: for so long, or until a question is answered or an event comes."""
        unit.status, unit.waits_for, unit.task_id, unit.wait_s, unit.wake_at = "waiting", what, task_id, wait_s, None
        unit.due = None
        if wait_s is not None:
            unit.wake_at = clock.stamp(self.at + timedelta(seconds=wait_s))
            due(unit, wait_s)
        journal.keep(self.tx, run, unit)

    def over(self, run: Active, unit: Unit, status: str, output: Any = None) -> None:
        """Let a unit end."""
        unit.rest()
        unit.status = status
        unit.position = run.next_position()
        if status == "succeeded":
            run.outputs[unit.name] = output
        journal.keep(self.tx, run, unit)


def idempotency_key(run: str, step: str) -> str:
    """The key under which a step's effect happens at most once: the same for every attempt and after every crash."""
    return content_id("wf.step", run_id=run, step=step).removeprefix("wf_")


def fresh(run: Active, name: str, step: Record) -> Unit:
    """A unit about to begin."""
    return run.units.get(name) or Unit(name, most=plans.attempts(step))
