"""What a run rests on: its plan, how its units stand, outcomes, breakers, buckets, questions; whoever keeps it.

The rule kept here: one transaction for all that happened since the last, on the disk before anything rests on it. So
the end of one step and the beginning of the next cost one commit, and so do those of many runs at a time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError, TryLater
from roadmap_cli.core.records import Record
from roadmap_cli.state.store import State
from roadmap_cli.wf import rights
from roadmap_cli.wf.running.gates import Breaker, Bucket
from roadmap_cli.wf.running.graph import OVER, Active, Unit, due

if TYPE_CHECKING:
    pass

_UNIT = "unit, status, attempt, most, cuts, waits_for, wake_at, wait_s, task_id, cursor, position, is_reused"


class Tx(Protocol):
    """One transaction of a journal. What is read is what was committed, or what this transaction wrote to memory."""

    def execute(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """Read; ``?`` stand for values."""

    def peek(self, sql: str) -> Any:
        """Read what others may be changing, without holding them off."""

    def write(self, sql: str, values: Sequence[Any]) -> None:
        """Write, now or at the end of the transaction."""

    def put(self, record: Record) -> None:
        """Store a record."""

    def log(self, **entry: Any) -> None:
        """Append to the audit log (see `audit.log.append`)."""

    def decide(self, **decision: Any) -> str:
        """Store a decision (see `why.decisions.decide`); its id."""

    def settle(self, decision_id: str, outcome: str, at: datetime) -> None:
        """Note how a decision turned out."""

    def ask(self, **question: Any) -> Record:
        """Ask a person (see `tasks.ask`)."""

    def task(self, task_id: str) -> Record | None:
        """A question with how it stands."""

    def expire(self, task_id: str, at: datetime) -> None:
        """Nobody answered in time."""

    def may(self, plan: Record, step: Record, at: datetime) -> rights.Verdict:
        """Whether a step may be done (see `permission.may_perform`), and nobody has denied its plan while it ran."""

    def event_cursor(self) -> int:
        """The place of the newest event."""

    def events(self, cursor: int) -> Iterator[tuple[int, Record]]:
        """Events that came after a place, oldest first, each with its own."""

    def sealed(self, text: str, *about: str) -> str:
        """Text as it is stored; `about` names what it belongs to, so that it cannot be put in another's place."""

    def opened(self, text: str, *about: str) -> str:
        """What `sealed` was given."""

    def row(self, run_id: str) -> Record | None:
        """A run: plan, event, status, priority, decision_id, ending, wanted; None if there is none."""

    def stand(
        self, run: Active, status: str, *, wake_at: str | None = None, wait_s: float | None = None,
        finished: str | None = None,
    ) -> None:  # fmt: skip
        """Keep how a run stands."""


class Journal(Protocol):
    """Where runs are kept: one for a process, used by one thread."""

    def transaction(self) -> Any:
        """A context that gives a `Tx`, and commits durably at its end."""

    def has_changed(self) -> bool:
        """Whether somebody else may have written since this was last asked."""

    def hold(self, run_id: str) -> tuple[int, int] | None:
        """Take a run: a descriptor for its programs, and a fencing token; None if another process has it."""

    def release(self, run: Active) -> None:
        """Let go of a run."""

    def is_held(self, run: Active) -> bool:
        """Whether this process still has a run; False ends all work on it."""

    def sibling(self) -> State:
        """A state for another thread; the caller closes it."""

    def wishes(self) -> dict[str, str]:
        """What people want of runs: ``cancel`` or ``pause``, and by whom."""

    def close(self) -> None:
        """Let go of everything."""


def load(tx: Tx, run_id: str, lease: int, token: int, now: datetime) -> Active | None:
    """A run that was begun, as it stands, for the process that holds it; None if there is none."""
    row = tx.row(run_id)
    if row is None:
        return None
    run = Active(run_id, row["plan"], row["priority"], row["status"], row["event"], lease=lease, token=token)
    run.decision_id, run.wanted = row["decision_id"], row["wanted"]
    run.ending = loads(row["ending"]) if row["ending"] else None
    if isinstance(most_s := run.plan.get("timeout_s"), int | float):
        over_at = clock.stamp(clock.parse(row["started_at"]) + timedelta(seconds=min(float(most_s), 1e9)))
        run.deadline = time.monotonic() + remaining(over_at, float(most_s), now)
    for each in tx.execute(f"SELECT {_UNIT} FROM wf_unit WHERE run_id = ? ORDER BY unit", (run_id,)).fetchall():
        unit = Unit(*each[:11])
        unit.is_reused = bool(each[11])
        _stands(run, unit)
        run.last_position = max(run.last_position, unit.position or 0)
        if unit.status == "waiting" and unit.wait_s is not None and unit.wake_at is not None:
            late_s = (clock.parse(unit.wake_at) - now).total_seconds() - unit.wait_s
            # The clock was set back. What people were told of the end of a question stays: else it would be over
            # for them, unasked, as soon as the clock is put right again.
            if late_s > 1 and unit.task_id is None:
                unit.wake_at = clock.stamp(now + timedelta(seconds=unit.wait_s))
                if lease >= 0:
                    keep(tx, run, unit)
            due(unit, remaining(unit.wake_at, unit.wait_s, now))
    rows = tx.execute("SELECT step, attempt, outcome FROM wf_step WHERE run_id = ? ORDER BY step, attempt", (run_id,))
    for name, attempt, text in rows.fetchall():
        outcome = loads(tx.opened(text, run_id, name, str(attempt)))
        if "output" in outcome:
            run.outputs[name] = outcome["output"]
        if name not in run.units:  # a run begun before there were units
            _adopt(tx, run, name, attempt, outcome)
    return run


def _adopt(tx: Tx, run: Active, name: str, attempt: int, outcome: Record) -> None:
    if outcome["status"] == "succeeded":
        unit = Unit(name, "succeeded", attempt, attempt, position=run.next_position())
        keep(tx, run, unit)


def _stands(run: Active, unit: Unit) -> None:
    run.units[unit.name] = unit
    run.statuses[unit.name] = unit.status
    if unit.status in OVER:
        run.live.pop(unit.name, None)
    else:
        run.live[unit.name] = unit


def keep(tx: Tx, run: Active, unit: Unit) -> None:
    """Store how a unit stands."""
    _stands(run, unit)
    tx.write(
        f"INSERT INTO wf_unit(run_id, {_UNIT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (run_id, unit) DO UPDATE SET status = excluded.status, attempt = excluded.attempt,"
        " most = excluded.most, cuts = excluded.cuts, waits_for = excluded.waits_for, wake_at = excluded.wake_at,"
        " wait_s = excluded.wait_s, task_id = excluded.task_id, cursor = excluded.cursor,"
        " position = excluded.position",
        (
            run.run_id, unit.name, unit.status, unit.attempt, unit.most, unit.cuts, unit.waits_for, unit.wake_at,
            unit.wait_s, unit.task_id, unit.cursor, unit.position, int(unit.is_reused),
        ),
    )  # fmt: skip


def keep_outcome(tx: Tx, run: Active, unit: Unit, outcome: Record) -> None:
    """Store how an attempt ended."""
    tx.write(
        "INSERT INTO wf_step(run_id, step, attempt, workflow, duration_ms, outcome) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (run_id, step, attempt) DO NOTHING",
        (
            run.run_id, unit.name, unit.attempt, run.plan["workflow"], outcome["duration_ms"],
            tx.sealed(dumps(outcome), run.run_id, unit.name, str(unit.attempt)),
        ),
    )  # fmt: skip


def breakers(tx: Tx) -> dict[str, Breaker]:
    """How all dependencies have fared that did not fare well; read without holding anybody off."""
    rows = tx.peek("SELECT dependency, failures, opened_at, open_s, probe, probe_until FROM wf_breaker").fetchall()
    return {row[0]: Breaker(row[1], _moment(row[2]), row[3], row[4], _moment(row[5])) for row in rows}


def breaker(tx: Tx, name: str) -> Breaker:
    """How a dependency has fared."""
    row = tx.execute(
        "SELECT failures, opened_at, open_s, probe, probe_until FROM wf_breaker WHERE dependency = ?", (name,)
    ).fetchone()
    if row is None:
        return Breaker()
    return Breaker(row[0], _moment(row[1]), row[2], row[3], _moment(row[4]))


def keep_breaker(tx: Tx, name: str, found: Breaker) -> None:
    """Store how a dependency fares."""
    tx.execute(
        "INSERT INTO wf_breaker(dependency, failures, opened_at, open_s, probe, probe_until) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (dependency) DO UPDATE SET failures = excluded.failures, opened_at = excluded.opened_at,"
        " open_s = excluded.open_s, probe = excluded.probe, probe_until = excluded.probe_until",
        (name, found.failures, _stamp(found.opened_at), found.open_s, found.probe, _stamp(found.probe_until)),
    )


def bucket(tx: Tx, name: str) -> Bucket | None:
    """The tokens of a dependency with a limit; None if nobody took one yet."""
    row = tx.execute("SELECT tokens, at FROM wf_bucket WHERE dependency = ?", (name,)).fetchone()
    return Bucket(row[0], clock.parse(row[1])) if row else None


def keep_bucket(tx: Tx, name: str, found: Bucket) -> None:
    """Store the tokens of a dependency."""
    tx.execute(
        "INSERT INTO wf_bucket(dependency, tokens, at) VALUES (?, ?, ?)"
        " ON CONFLICT (dependency) DO UPDATE SET tokens = excluded.tokens, at = excluded.at",
        (name, found.tokens, clock.stamp(found.at)),
    )


def remaining(wake_at: str, wait_s: float, now: datetime) -> float:
    """Seconds left of a wait: never more than all of it, whatever was done to the clock."""
    return min(max((clock.parse(wake_at) - now).total_seconds(), 0.0), wait_s)


def _moment(text: str | None) -> datetime | None:
    return clock.parse(text) if text else None


def _stamp(moment: datetime | None) -> str | None:
    return clock.stamp(moment) if moment else None


def dumps(value: Any) -> str:
    """JSON text."""
    import orjson

    try:
        return orjson.dumps(value).decode()
    except TypeError as error:
        raise DataError(f"not JSON: {str(error).lower()}", code="not_json") from None


def loads(text: str) -> Any:
    """What JSON text says."""
    import orjson

    return orjson.loads(text)


def busy(run_id: str) -> TryLater:
    """Another process works on a run."""
    return TryLater(
        f"run {run_id!r} is being worked on by another process, or a program one of its steps left behind",
        hint="run it again later, or wait longer with --wait SECONDS",
        code="run_busy",
    )
