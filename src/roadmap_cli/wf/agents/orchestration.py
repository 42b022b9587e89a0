"""Task ``plan_next``: which specialist is next, by rules over what is there; stops at the goal or when nothing is left.

``goal`` and the ``when`` of each step are conditions on values: {value, and one of equals, one_of, exists, more, less}.
"""

from __future__ import annotations

from typing import Any

from roadmap_cli.core.records import Record
from roadmap_cli.models import budget
from roadmap_cli.models.budget import Budget
from roadmap_cli.wf.actions import once
from roadmap_cli.wf.agents.desk import Desk, Work
from roadmap_cli.wf.evidence import evidence
from roadmap_cli.wf.language.services import tasks


def work(spec: Record, desk: Desk) -> Work:
    """Say who is next: ``next`` (a name), ``role`` and ``task``; or ``is_done``, or why nobody is."""
    tasks.check(spec)
    facts = []
    held = [_holds(each) for each in spec["goal"]]
    record = evidence(
        "value", desk.step["name"], f"{sum(held)} of {len(held)} conditions of the goal hold", None, desk.now
    )
    output: Record = {
        "is_done": all(held) and bool(held),
        "goal_ratio": round(sum(held) / max(len(held), 1), 4),
        "evidence_ids": [record["id"]],
    }
    if output["is_done"]:
        output["why"] = "the goal is reached"
        return Work(output, "the goal is reached", output["why"], [record])
    stopped = _stopped(spec, desk)
    if stopped:
        output |= {"is_stopped": True, "why": stopped}
        return Work(output, "nobody is asked any more", stopped, [record])
    for each in spec["steps"]:
        if each.get("done") not in (None, "", False):
            facts.append(f"{each['name']} is done")
        elif all(_holds(clause) for clause in each.get("when", [])):
            output |= {"next": each["name"], "role": each["role"], "task": each["task"]}
            output["why"] = f"{each['name']} is the first that is not done and whose conditions hold"
            return Work(output, f"{each['role']} is next: {each['name']}", output["why"], [record])
        else:
            facts.append(f"{each['name']} waits")
    output |= {"is_stopped": True, "why": "no step is left whose conditions hold: " + ", ".join(facts)}
    return Work(output, "nobody is next", output["why"], [record])


def _stopped(spec: Record, desk: Desk) -> str | None:
    """Why no more may be asked: too many messages in the run, or the plan's budget is gone."""
    run = once.run_id(desk.context)
    most = spec.get("most", 20)
    with desk.context.state.read() as tx:
        (count,) = tx.execute(
            "SELECT count(*) FROM record WHERE kind = 'wf.message' AND body ->> 'run_id' = ?"
            " AND body ->> 'from' <> 'orchestrator'",
            (run,),
        ).fetchone()
        before = budget.spent(tx, Budget(f"run:{run}", "ever", None, None), desk.context.now())
    if count >= most:
        return f"{count} answers were given, and {most} is the most"
    given = desk.context.plan.get("budget")
    if isinstance(given, dict):
        usd, tokens = given.get("usd"), given.get("tokens")
        if usd and before.microunits >= usd * 1e6:
            return f"the budget of {usd:g} USD is gone"
        if tokens and before.tokens >= tokens:
            return f"the budget of {tokens} tokens is gone"
    return None


def _holds(clause: Record) -> bool:
    value = clause.get("value")
    test = next(each for each in tasks.TESTS if each in clause)
    wanted = clause[test]
    match test:
        case "equals":
            return bool(value == wanted)
        case "one_of":
            return value in wanted if isinstance(wanted, list) else False
        case "exists":
            return (value not in (None, "")) is bool(wanted)
    number, limit = _number(value), _number(wanted)
    if number is None or limit is None:
        return False
    return number > limit if test == "more" else number < limit


def _number(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None
