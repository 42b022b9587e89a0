"""What the agent remembers in the state: runs and where they stand, refuted patches, fixes by error signature, priors.

Every function works inside the caller's transaction; nothing here decides, it only stores and finds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from roadmap_cli.agent.signature import Signature
from roadmap_cli.agent.source import Block

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

_PRIOR_TRIALS, _PRIOR_HITS = 30.0, 0.5


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
    """One candidate that was run: its patch, template, outcome and how many tests failed with it."""

    patch: str
    template: str
    outcome: str
    failing: int


@dataclass(frozen=True, slots=True)
class Fix:
    """A remembered fix: the changed blocks, and how well it has fared."""

    id: str
    template: str
    blocks: tuple[Block, ...]
    level: str


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
    """Note how a run stands."""
    tx.execute(
        "UPDATE agent_run SET status = ?, signature = coalesce(?, signature), updated_at = ? WHERE id = ?",
        (status, signature, at, run_id),
    )


def refuted(tx: Connection, signature: str, suite: str) -> frozenset[str]:
    """The patches that are known not to repair this failure."""
    rows = tx.execute(
        "SELECT patch FROM agent_attempt WHERE signature = ? AND suite = ? AND outcome != 'confirmed'",
        (signature, suite),
    )
    return frozenset(patch for (patch,) in rows)


def note_attempts(
    tx: Connection, run_id: str, signature: str, suite: str, attempts: Sequence[Attempt], at: str
) -> None:
    """Store what was tried, and count it for the run and the templates."""
    tx.executemany(
        "INSERT OR REPLACE INTO agent_attempt (signature, suite, patch, run_id, outcome, failing, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(signature, suite, a.patch, run_id, a.outcome, a.failing, at) for a in attempts],
    )
    tx.executemany(
        "INSERT INTO agent_template (template, tried, confirmed) VALUES (?, 1, ?)"
        " ON CONFLICT (template) DO UPDATE SET tried = tried + 1, confirmed = confirmed + excluded.confirmed",
        [(name, int(a.outcome == "confirmed")) for a in attempts for name in a.template.split("+")],
    )
    tx.execute(
        "UPDATE agent_run SET candidates = candidates + ?, updated_at = ? WHERE id = ?", (len(attempts), at, run_id)
    )


def priors(tx: Connection) -> dict[str, float]:
    """What experience says of each template: a factor on its hand-set prior, 1 without experience.

    Smoothed hit rate against the mean rate of all templates, its square root taken, kept within a factor of four.
    """
    rows = list(tx.execute("SELECT template, tried, confirmed FROM agent_template"))
    tried, hits = sum(row[1] for row in rows), sum(row[2] for row in rows)
    if not hits:
        return {}
    mean = hits / tried
    rates = {name: (good + _PRIOR_HITS) / (count + _PRIOR_HITS / mean) / mean for name, count, good in rows}
    return {name: max(0.25, min(4.0, rate**0.5)) for name, rate in rates.items()}


def store_fix(
    tx: Connection, fix_id: str, run_id: str, driver: str, template: str, blocks: Iterable[Block],
    signatures: Iterable[Signature], at: str,
) -> None:  # fmt: skip
    """Remember a fix under the signatures of all the tests it mended; a known fix is confirmed once more."""
    tx.execute(
        "INSERT INTO agent_fix (id, run_id, driver, template, blocks, confirmed, refuted, at)"
        " VALUES (?, ?, ?, ?, ?, 1, 0, ?)"
        " ON CONFLICT (id) DO UPDATE SET confirmed = confirmed + 1, at = excluded.at",
        (fix_id, run_id, driver, template, json.dumps([asdict(block) for block in blocks]), at),
    )
    for signature in signatures:
        for level, name in (("exact", signature.exact), ("loose", signature.loose)):
            tx.execute("INSERT OR IGNORE INTO agent_fix_signature VALUES (?, ?, ?)", (name, level, fix_id))


def note_replay(tx: Connection, fix_id: str, worked: bool, at: str) -> None:
    """Count a replay of a remembered fix."""
    column = "confirmed" if worked else "refuted"
    tx.execute(f"UPDATE agent_fix SET {column} = {column} + 1, at = ? WHERE id = ?", (at, fix_id))


def fixes(tx: Connection, signatures: Sequence[Signature], limit: int = 20) -> list[Fix]:
    """Remembered fixes for failing tests: exact before loose, then by matching tests, then by how they have fared."""
    found: dict[str, Fix] = {}
    for level in ("exact", "loose"):
        names = sorted({getattr(signature, level) for signature in signatures})[:500]
        marks = ", ".join("?" * len(names))
        rows = tx.execute(
            "SELECT f.id, f.template, f.blocks FROM agent_fix_signature s JOIN agent_fix f ON f.id = s.fix_id"
            f" WHERE s.level = ? AND s.signature IN ({marks}) AND f.refuted <= f.confirmed + 3"
            " GROUP BY f.id ORDER BY count(*) DESC, f.confirmed - f.refuted DESC, f.at DESC LIMIT ?",
            (level, *names, limit),
        )
        for fix_id, template, text in rows:
            blocks = tuple(
                Block(b["file"], *(tuple(b[part]) for part in ("above", "before", "after", "below")))
                for b in json.loads(text)
            )
            found.setdefault(fix_id, Fix(fix_id, template, blocks, level))
    return list(found.values())[:limit]
