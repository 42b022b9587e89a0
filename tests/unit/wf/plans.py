"""Events matched, plan records made and approved directly, and an engine whose steps are done by a function."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from roadmap_cli.core import clock
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.state import records
from roadmap_cli.state.store import Connection, State
from roadmap_cli.wf.approving import approvals
from roadmap_cli.wf.language.templates import Template
from roadmap_cli.wf.matching import deciding
from roadmap_cli.wf.matching.matcher import Matcher
from roadmap_cli.wf.planning import keeping
from roadmap_cli.wf.running import leases, local, runs
from roadmap_cli.wf.running.engine import Claim, Engine
from roadmap_cli.wf.running.scene import Launch

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def matched(tx: Connection, event: Record, templates: Sequence[Template], chosen: str | None = None) -> Record | None:
    """The wf.match that comes of an event, stored; None if there is none. `chosen` is a person's choice."""
    ready = Matcher(templates)
    taken = deciding.take(tx, ready, ready.judge([event]), command="test", at=NOW, chosen=chosen)
    return taken.matches[0] if taken.matches else None


@contextmanager
def lease(path: Path, run_id: str) -> Iterator[int]:
    """Hold a run for the time of the block."""
    descriptor = leases.take(path, run_id)
    assert descriptor is not None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def step(name: str, *words: str, needs: tuple[str, ...] = (), **more: Any) -> Record:
    """A planned step whose command is `words`."""
    return {
        "name": name, "action": "command", "role": "operations", "needs": list(needs),
        "command": list(words) or ["ok", name], "output": "text", "effects": [], "permissions": [], "risk": "low",
        "timeout_s": 10.0, "attempts": 1, **more,
    }  # fmt: skip


def approved(state: State, *steps: Record, name: str = "w", at: datetime = NOW, **more: Any) -> str:
    """Store a plan of these steps with all it rests on, approved; its id."""
    event: Record = {"kind": "wf.event", "id": content_id("wf.event", n=name), "at": clock.stamp(at), "type": "t"}
    match: Record = {"kind": "wf.match", "id": content_id("wf.match", n=name), "at": clock.stamp(at)}
    plan: Record = {
        "kind": "wf.plan", "id": "", "at": clock.stamp(at), "match_id": match["id"], "event_id": event["id"],
        "workflow": "w", "version": 1, "template_sha256": "0", "requested_by": "alice", "directory": "/",
        "inputs": {"name": name}, "steps": list(steps), "permissions": [], "risk": "low", "approval_needed": False,
        "high_risk_steps": [], "cost_usd": "0", **more,
    }  # fmt: skip
    plan["plan_hash"] = keeping.plan_hash(plan)
    plan["id"] = content_id("wf.plan", plan_hash=plan["plan_hash"])
    with state.write() as tx:
        records.put(tx, event)
        records.put(tx, match)
        event_row(tx, event)
        tx.execute(
            "INSERT INTO wf_match(match_id, event_id, workflow, is_ambiguous) VALUES (?, ?, 'w', 0)"
            " ON CONFLICT DO NOTHING", (match["id"], event["id"]),
        )  # fmt: skip
        keeping.keep(tx, plan, command="test", at=at)
        approvals.consider(tx, plan, is_strict=False, command="test", at=at)
    return str(plan["id"])


def event_row(tx: Any, event: Record) -> None:
    """The row of an event."""
    tx.execute(
        "INSERT INTO wf_event(event_id, source, type, received_at, delivery_count)"
        " VALUES (?, 's', ?, ?, 1) ON CONFLICT DO NOTHING",
        (event["id"], event.get("type", "t"), event["at"]),
    )


class Doing:
    """Does steps by their first word, and remembers what was begun, in order."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, str]] = []
        self.commands: list[list[str]] = []
        self.effects: dict[str, str] = {}
        self.most = self.now = 0

    def __call__(self, launch: Launch) -> Record:
        from roadmap_cli.wf.running import values

        found = values.filled(launch.step, launch.run.lookup(launch.place))["command"]
        word, *rest = [str(each) for each in found]
        self.begun.append((launch.unit.name, launch.key))
        self.commands.append(found)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            return {"duration_ms": 1, **self.did(launch, word, rest, found)}
        finally:
            self.now -= 1

    def did(self, launch: Launch, word: str, rest: list[str], found: list[Any]) -> Record:
        """The outcome."""
        match word:
            case "ok":
                self.effects[launch.key] = launch.unit.name
                return {"status": "succeeded", "output": rest[0] if rest else ""}
            case "value":
                return {"status": "succeeded", "output": found[1]}
            case "sleep":
                launch.run.stop.wait(float(rest[0]))
                if launch.run.stop.is_set():
                    from roadmap_cli.wf.actions import Stopped

                    raise Stopped
                return {"status": "succeeded", "output": ""}
            case "until":  # fails until this attempt
                if launch.attempt >= int(rest[0]):
                    return {"status": "succeeded", "output": f"at {launch.attempt}"}
                return {"status": "failed", "failure": "transient", "reason": "not yet"}
        return {"status": "failed", "failure": word, "reason": f"it was {word}"}

    @property
    def names(self) -> list[str]:
        """What was begun, in order."""
        return [name for name, _ in self.begun]


class Time:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at

    def on(self, **length: float) -> None:
        """Let time go on, or back."""
        self.at += timedelta(**length)


@contextmanager
def engine(state: State, doing: Callable[[Launch], Record], now: Any = lambda: NOW, **more: Any) -> Iterator[Engine]:
    """An engine on the state."""
    made = Engine(local.Local(state), doing, begin=runs.begin, now=now, command="test", **more)
    try:
        yield made
    finally:
        made.close()


def all_done(
    state: State, doing: Callable[[Launch], Record], *plan_ids: str, now: Any = lambda: NOW, **more: Any
) -> list[Record]:
    """Run plans until nothing more happens, and what can go on of those there are; everything told."""
    with engine(state, doing, now, **more) as made:
        with state.read() as tx:
            made.claim(runs.unfinished(tx, now()))
            made.claim(
                [Claim(runs.identity(name), name, runs.priority(keeping.stored_plan(tx, name))) for name in plan_ids]
            )
        began = time.monotonic()
        found = []
        for record in made.work():
            found.append(record)
            assert time.monotonic() - began < 30
        return found


def claim(plan_id: str) -> Claim:
    """The claim for a plan."""
    return Claim(runs.identity(plan_id), plan_id)
