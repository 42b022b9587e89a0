"""How long and how dear a plan will probably be, and how sure that is: from past runs where there are any."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.records import Record
from roadmap_cli.wf.templates import MOST_ITEMS, Budget

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection


def most_usd(steps: Sequence[Record], budget: Budget) -> float:
    """The most that a plan can cost by the template's word: every attempt of every step, within its budgets."""
    total = 0.0
    for step in steps:
        if "workflow" in step:
            each = most_usd(step["workflow"]["steps"], Budget())
        else:
            each = float(step.get("cost_usd", 0.0)) * int(step["attempts"])
        if "each" in step:
            each *= len(step["each"]) if isinstance(step["each"], list) else MOST_ITEMS
        limit: Any = step.get("budget", {}).get("usd")
        total += each if limit is None else min(each, limit)
    return total if budget.usd is None else min(total, budget.usd)


def estimate(tx: Connection, found: Record) -> Record:
    """How long and how dear a plan will probably be: from past runs of the same steps where there are any."""
    total_ms, known = 0.0, 0
    for step in found["steps"]:
        mean, count = tx.execute(
            "SELECT avg(duration_ms), count(*) FROM wf_step WHERE workflow = ? AND step = ?",
            (found["workflow"], step["name"]),
        ).fetchone()
        total_ms += mean if count else step.get("wait_s", 0) * 1000
        known += bool(count)
    longest = sum(step.get("wait_s", step["timeout_s"]) * step["attempts"] for step in found["steps"])
    return {
        "duration_s": round(total_ms / 1000, 3),
        "longest_s": longest,
        "cost_usd": float(found["cost_usd"]),
        "known_steps_ratio": round(known / len(found["steps"]), 4),
    }
