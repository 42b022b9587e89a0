"""Runs and where they stand, patches that were tried, and the last iterations of a run: short-term memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from roadmap_cli.agent.memory import lessons
from roadmap_cli.agent.testing import signature as signatures
from roadmap_cli.agent.testing.signature import Signature

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

#: How many iterations of a run are kept: what came before is in the refuted patches and the counts.
KEPT = 5
_WORDS = 4000


@dataclass(frozen=True, slots=True)
class Run:
    """A run as stored."""

    id: str
    project: str
    test_command: str
    digest: str
    status: str
    candidates: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One candidate that was run: its patch, template, outcome and how many tests failed with it.

    `what` is the edit in words or as a diff,
    `error` what the first failing test said, `hypothesis` the id of the hypothesis it rested on: for short-term memory.
    """

    patch: str
    template: str
    outcome: str
    failing: int
    what: str = ""
    error: str = ""
    hypothesis: str | None = None


@dataclass(frozen=True, slots=True)
class Iteration:
    """One of the last iterations of a run: what was tried, on which hypothesis, and what came of it."""

    number: int
    what: str
    template: str
    outcome: str
    failing: int
    error: str
    hypothesis: str
    at: str

    @property
    def text(self) -> str:
        """The iteration as a paragraph for a prompt."""
        lines = [f"Attempt {self.number} ({self.template}): {self.outcome}, {self.failing} tests failing."]
        if self.hypothesis:
            lines.append(f"Because: {self.hypothesis}")
        lines.append(self.what.rstrip())
        if self.error:
            lines.append(f"Then: {self.error}")
        return "\n".join(lines)


_RUN = "SELECT id, project, test_command, digest, status, candidates FROM agent_run"


def run(tx: Connection, run_id: str) -> Run | None:
    """A run by its id."""
    row = tx.execute(f"{_RUN} WHERE id = ?", (run_id,)).fetchone()
    return Run(*row) if row else None


def unfinished(tx: Connection, project: str, test_command: str, digest: str) -> Run | None:
    """The latest run of the same command on the same files that was interrupted or paused."""
    row = tx.execute(
        f"{_RUN} WHERE project = ? AND test_command = ? AND digest = ? AND status IN ('running', 'paused')"
        " ORDER BY started_at DESC, id DESC LIMIT 1",
        (project, test_command, digest),
    ).fetchone()
    return Run(*row) if row else None


def start_run(tx: Connection, run_id: str, project: str, test_command: str, digest: str, at: str) -> None:
    """Store a new run, or mark a stored one as running again."""
    tx.execute(
        "INSERT INTO agent_run (id, project, test_command, digest, status, candidates, started_at, updated_at)"
        " VALUES (?, ?, ?, ?, 'running', 0, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET status = 'running', updated_at = excluded.updated_at",
        (run_id, project, test_command, digest, at, at),
    )


def set_status(tx: Connection, run_id: str, status: str, signature: str | None, at: str) -> None:
    """Note how a run stands; if it ended without a repair, what was tried in vain becomes a lesson."""
    tx.execute(
        "UPDATE agent_run SET status = ?, signature = coalesce(?, signature), updated_at = ? WHERE id = ?",
        (status, signature, at, run_id),
    )
    if signature is not None and status in ("paused", "exhausted"):
        lessons.note_unsolved(tx, run_id, signature, at)


def refuted(tx: Connection, signature: str, suite: str) -> frozenset[str]:
    """The patches that are known not to repair this failure."""
    rows = tx.execute(
        "SELECT patch FROM agent_attempt WHERE signature = ? AND suite = ? AND outcome != 'confirmed'",
        (signature, suite),
    )
    return frozenset(patch for (patch,) in rows)


def hardcoded(tx: Connection, signature: str, suite: str) -> int:
    """How many patches are known to pass for this failure only because they give the expected value."""
    row = tx.execute(
        "SELECT count(*) FROM agent_attempt WHERE signature = ? AND suite = ? AND outcome = 'hardcoded'",
        (signature, suite),
    ).fetchone()
    return int(row[0])


def note_failure(tx: Connection, failures: Sequence[tuple[str, Signature]], at: str) -> str:
    """Store which tests failed in a run, as (test, signature), and with what; gives the run's signature."""
    name = signatures.of_all([each for _, each in failures])
    tx.executemany(
        "INSERT INTO agent_failure (run_signature, exact, loose, version, test, error, message, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET at = excluded.at",
        [(name, s.exact, s.loose, signatures.VERSION, test, s.type, s.message, at) for test, s in failures],
    )
    return name


def note_attempts(
    tx: Connection, run_id: str, signature: str, suite: str, attempts: Sequence[Attempt], at: str
) -> None:
    """Store what was tried, and count it for the run and the failure."""
    tx.executemany(
        "INSERT OR REPLACE INTO agent_attempt (signature, suite, patch, run_id, outcome, failing, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(signature, suite, a.patch, run_id, a.outcome, a.failing, at) for a in attempts],
    )
    counted = Counter((a.template, a.outcome) for a in attempts)
    tx.executemany(
        "INSERT INTO agent_tried (run_signature, template, outcome, count) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET count = count + excluded.count",
        [(signature, template, outcome, count) for (template, outcome), count in counted.items()],
    )
    _keep_iterations(tx, run_id, [a for a in attempts if a.what], at)
    tx.execute(
        "UPDATE agent_run SET candidates = candidates + ?, updated_at = ? WHERE id = ?", (len(attempts), at, run_id)
    )


def note_iteration(tx: Connection, run_id: str, attempt: Attempt, at: str) -> None:
    """Keep one iteration of a run: for a driver whose proposals are few and not counted with templates."""
    _keep_iterations(tx, run_id, [attempt], at)


def _keep_iterations(tx: Connection, run_id: str, attempts: Sequence[Attempt], at: str) -> None:
    if not attempts:
        return
    query = "SELECT coalesce(max(number), 0) FROM agent_iteration WHERE run_id = ?"
    last = tx.execute(query, (run_id,)).fetchone()[0]
    first = last + len(attempts) - min(KEPT, len(attempts)) + 1
    tx.executemany(
        "INSERT INTO agent_iteration (run_id, number, what, template, outcome, failing, error, hypothesis, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (run_id, number, a.what[:_WORDS], a.template, a.outcome, a.failing, a.error[:500], a.hypothesis, at)
            for number, a in enumerate(attempts[-KEPT:], first)
        ],
    )
    tx.execute("DELETE FROM agent_iteration WHERE run_id = ? AND number <= ?", (run_id, last + len(attempts) - KEPT))


def short_term(tx: Connection, run_id: str, limit: int = KEPT) -> list[Iteration]:
    """The last iterations of a run, the oldest first."""
    rows = tx.execute(
        "SELECT i.number, i.what, i.template, i.outcome, i.failing, i.error, coalesce(h.statement, ''), i.at"
        " FROM agent_iteration i LEFT JOIN agent_hypothesis h ON h.id = i.hypothesis"
        " WHERE i.run_id = ? ORDER BY i.number DESC LIMIT ?",
        (run_id, limit),
    )
    return [Iteration(*row) for row in rows][::-1]
