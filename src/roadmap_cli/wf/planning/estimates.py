"""How long and how dear a plan will probably be, and how sure that is: from past runs where there are any.

The rule kept here: a figure says what it rests on. Nothing known is said to be nothing known, not guessed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.records import Record
from roadmap_cli.wf.language.templates import MOST_ITEMS, Budget
from roadmap_cli.wf.planning import plansteps

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

#: At most so many past runs are looked at.
_MOST_RUNS = 200
#: The factor for steps that have never run, and that for the success of a workflow that has never run.
_NEW_STEPS = 0.5
_NEW_RUNS = 2


@dataclass(frozen=True, slots=True)
class Past:
    """What past runs say of one step: how often it was tried, how long that took, how often it succeeded."""

    count: int = 0
    mean_ms: float = 0.0
    succeeded: int = 0


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
    """How long and how dear a plan will probably be.

    `duration_s` is that of the longest way through the steps with the means of past runs, there if one of them has run
    before or all of them only wait; `longest_s` is that with every time-out and attempt used up; `cost_usd` the mean of
    what past runs' model calls cost (``past_runs_count`` of them), else the template's word; `known_steps_ratio` the
    share of steps that have run before.
    """
    past = _past(tx, found["workflow"], found["steps"], "")
    runs = _runs(tx, found["workflow"])
    known = [each.count > 0 for each in past.values()]
    record: Record = {}
    if any(known) or all(step["action"] in ("wait", "workflow") for _, step in plansteps.walk(found["steps"])):
        probable = _longest(found["steps"], "", lambda step, name: _probable_s(step, name, past))
        record["duration_s"] = round(probable, 3)
    record |= {
        "longest_s": round(min(_longest(found["steps"], "", _most_s), found.get("timeout_s", float("inf"))), 3),
        "cost_usd": float(found["cost_usd"]) if runs.mean_usd is None else round(runs.mean_usd, 6),
        "known_steps_ratio": round(sum(known) / len(known), 4),
        "past_runs_count": runs.count,
    }
    if runs.mean_tokens is not None:
        record["tokens"] = round(runs.mean_tokens)
    if runs.count:
        record["past_success_ratio"] = round(runs.succeeded / runs.count, 4)
    return record


def confidence(tx: Connection, found: Record, match: Record) -> tuple[float, list[Record]]:
    """How sure it is that a plan is the right one and will do, 0 to 1: the product of its factors, and these.

    Certainty of the match; share of steps that have run before (a new step counts half); success of past runs of the
    workflow if there were any, with two good ones added so that a first failure does not decide all; success of its
    weakest step; and what is known of the plan before it runs (a loop over a list not known yet, a wait for somebody or
    something).
    """
    past = _past(tx, found["workflow"], found["steps"], "")
    runs = _runs(tx, found["workflow"])
    known = sum(each.count > 0 for each in past.values())
    factors = [_factor("match", float(match.get("certainty_ratio", 1.0)), "how sure the trigger is of the event")]
    ratio = (known + _NEW_STEPS * (len(past) - known)) / len(past)
    factors.append(_factor("known steps", ratio, f"{known} of {len(past)} steps have run before"))
    if runs.count:
        why = f"{runs.succeeded} of {runs.count} past runs succeeded"
        factors.append(_factor("past runs", (runs.succeeded + _NEW_RUNS) / (runs.count + _NEW_RUNS), why))
    tried = {name: each for name, each in past.items() if each.count}
    if tried:
        name = min(tried, key=lambda each: (_success(tried[each]), each))
        if _success(tried[name]) < 1:
            why = f"step {name!r} succeeded in {tried[name].succeeded} of {tried[name].count} attempts"
            factors.append(_factor("weakest step", _success(tried[name]), why))
    open_steps = [step["name"] for step in found["steps"] if isinstance(step.get("each"), str)]
    if open_steps:
        why = f"the number of items of {', '.join(open_steps)} is not known yet"
        factors.append(_factor("open loops", 0.9 ** len(open_steps), why))
    product = 1.0
    for each in factors:
        product *= each["ratio"]
    return round(product, 4), factors


def _factor(name: str, ratio: float, why: str) -> Record:
    return {"factor": name, "ratio": round(min(max(ratio, 0.0), 1.0), 4), "why": why}


def _success(past: Past) -> float:
    """The share of attempts that succeeded, with one good one added."""
    return (past.succeeded + 1) / (past.count + 1)


def _past(tx: Connection, workflow: str, steps: Sequence[Record], before: str, pattern: str = "") -> dict[str, Past]:
    """What past runs say of each step; the instances of a loop (``NAME[0]``, ``NAME[1]/SUBSTEP``) are taken together.

    `pattern` is `before` as SQLite's GLOB has it. What was skipped says nothing.
    """
    found: dict[str, Past] = {}
    for step in steps:
        name, glob = f"{before}{step['name']}", f"{pattern}{step['name']}"
        if "each" in step:
            glob += "[[]*]"
        if "workflow" in step:
            found |= _past(tx, workflow, step["workflow"]["steps"], f"{name}/", f"{glob}/")
            continue
        if "[" in glob:  # a name has no sign of GLOB's own; what comes before the first loop narrows the search
            first = glob.partition("[")[0]
            where = "step > ? AND step < ? AND step GLOB ?"
            values: tuple[str, ...] = (f"{first}[", f"{first}\\", glob)
        else:
            where, values = "step = ?", (name,)
        count, mean, succeeded = tx.execute(
            "SELECT count(*), avg(duration_ms), sum(status = 'succeeded') FROM"
            " (SELECT duration_ms, json_extract(outcome, '$.status') AS status FROM wf_step"
            f" WHERE workflow = ? AND {where} LIMIT ?) WHERE status IN ('succeeded', 'failed')",
            (workflow, *values, _MOST_RUNS),
        ).fetchone()
        found[name] = Past(int(count), float(mean or 0.0), int(succeeded or 0))
    return found


@dataclass(frozen=True, slots=True)
class _Runs:
    """What the newest finished runs of a workflow say; money and tokens are those of model calls, None if none did."""

    count: int
    succeeded: int
    mean_usd: float | None
    mean_tokens: float | None


def _runs(tx: Connection, workflow: str) -> _Runs:
    """The newest finished runs; calls of models are charged to the account ``run:ID`` (see models.budget)."""
    rows = tx.execute(
        "SELECT r.status, (SELECT json_array(sum(CASE WHEN currency = 'USD' THEN price_microunits END),"
        " sum(coalesce(prompt_tokens, 0) + coalesce(completion_tokens, 0))) FROM model_account a"
        " JOIN model_call m ON m.run_id = a.run_id WHERE a.account = 'run:' || r.run_id)"
        " FROM wf_run r JOIN wf_plan p ON p.plan_id = r.plan_id"
        " WHERE p.workflow = ? AND r.finished_at IS NOT NULL ORDER BY r.finished_at DESC LIMIT ?",
        (workflow, _MOST_RUNS),
    ).fetchall()
    spent = [json.loads(text) for _, text in rows]
    prices = [price for price, _ in spent if price is not None]
    tokens = [number for _, number in spent if number is not None]
    return _Runs(
        len(rows),
        sum(status == "succeeded" for status, _ in rows),
        sum(prices) / len(prices) / 1e6 if prices else None,
        sum(tokens) / len(tokens) if tokens else None,
    )


def _longest(steps: Sequence[Record], before: str, seconds: Any) -> float:
    """The time of the longest way through steps that are in order; a sub-workflow takes as long as its own."""
    ends: dict[str, float] = {}
    for step in steps:
        name = f"{before}{step['name']}"
        begins = max((ends[need] for need in step["needs"] if need in ends), default=0.0)
        inner = _longest(step["workflow"]["steps"], f"{name}/", seconds) if "workflow" in step else None
        ends[step["name"]] = begins + (inner if inner is not None else seconds(step, name)) * _rounds(step)
    return max(ends.values(), default=0.0)


def _rounds(step: Record) -> int:
    """How many times a loop's items follow each other; a list that is not known counts once."""
    items = step.get("each")
    return -(-len(items) // step["parallel"]) if isinstance(items, list) else 1


def _probable_s(step: Record, name: str, past: dict[str, Past]) -> float:
    known = past.get(name, Past())
    return known.mean_ms / 1000 if known.count else float(step.get("wait_s", 0.0))


def _most_s(step: Record, name: str) -> float:
    del name
    spec = step.get(step["action"])
    waits = float(spec.get("timeout_s", 0.0)) if isinstance(spec, dict) else 0.0
    once = float(step.get("wait_s", 0.0)) or waits or float(step["timeout_s"])
    approval = float(step.get("approval", {}).get("timeout_s", 0.0))
    retry = step.get("retry", {"first_s": 0.0, "factor": 1.0, "most_s": 0.0})
    pauses = sum(
        min(retry["first_s"] * retry["factor"] ** (attempt - 1), retry["most_s"])
        for attempt in range(1, int(step["attempts"]))
    )
    return approval + once * int(step["attempts"]) + float(pauses)
