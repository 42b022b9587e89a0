"""Past runs of a workflow as what they did: each attempt of each step, how long it took, and how it ended."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.records import Record
from roadmap_cli.state import records

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

#: So many of the last runs are looked at.
MOST_RUNS = 500
_INSTANCE = re.compile(r"\[\d+\]\Z")
_TIMED_OUT = re.compile(r"not done after ")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a step: its number from 1, milliseconds, how it ended and why."""

    number: int
    duration_ms: int
    status: str
    failure: str = ""
    reason: str = ""

    @property
    def timed_out(self) -> bool:
        """Whether it was ended because its time was over."""
        return self.status == "failed" and _TIMED_OUT.match(self.reason) is not None


@dataclass(frozen=True, slots=True)
class Past:
    """A run that ended: which, how, under which plan, and the attempts of each of its units in order."""

    run_id: str
    status: str
    steps: Mapping[str, Record]
    units: Mapping[str, tuple[Attempt, ...]] = field(default_factory=dict)


def of(tx: Connection, workflow: str, most: int = MOST_RUNS) -> list[Past]:
    """The last runs of a workflow that ended by themselves, oldest first."""
    rows = tx.execute(
        "SELECT r.run_id, r.status, r.plan_id FROM wf_run r JOIN wf_plan p USING (plan_id)"
        " WHERE p.workflow = ? AND r.status IN ('succeeded', 'failed') ORDER BY r.started_at DESC, r.run_id LIMIT ?",
        (workflow, most),
    ).fetchall()
    return [Past(run_id, status, _steps(tx, plan_id), _units(tx, run_id)) for run_id, status, plan_id in rows[::-1]]


def workflows(tx: Connection) -> list[str]:
    """The workflows that have run."""
    sql = "SELECT DISTINCT p.workflow FROM wf_run r JOIN wf_plan p USING (plan_id) ORDER BY 1"
    return [row[0] for row in tx.execute(sql)]


def step_of(unit: str) -> str | None:
    """The step of the template that a unit is an instance of; None for one of a sub-workflow or a compensation."""
    return None if "/" in unit or ":" in unit else _INSTANCE.sub("", unit)


def of_step(runs: list[Past], step: str) -> Iterator[tuple[Past, tuple[Attempt, ...]]]:
    """The attempts of a step, run by run and instance by instance."""
    for run in runs:
        for unit, attempts in run.units.items():
            if step_of(unit) == step:
                yield run, attempts


def _steps(tx: Connection, plan_id: str) -> dict[str, Record]:
    plan = records.get(tx, plan_id) or {}
    return {step["name"]: step for step in plan.get("steps", ())}


def _units(tx: Connection, run_id: str) -> dict[str, tuple[Attempt, ...]]:
    import orjson

    found: dict[str, list[Attempt]] = {}
    rows: Any = tx.execute(
        "SELECT step, attempt, duration_ms, outcome FROM wf_step WHERE run_id = ? ORDER BY step, attempt", (run_id,)
    )
    for unit, number, duration, text in rows:
        told = orjson.loads(text)
        attempt = Attempt(number, duration, told.get("status", ""), told.get("failure", ""), told.get("reason", ""))
        found.setdefault(unit, []).append(attempt)
    return {unit: tuple(attempts) for unit, attempts in found.items()}
