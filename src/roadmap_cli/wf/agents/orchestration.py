"""Task ``plan_next``: which specialist is next, by rules over what is there; stops at the goal or when nothing is left.

``goal`` and the ``when`` of each step are conditions on values: {value, and one of equals, one_of, exists, more, less}.
"""

from __future__ import annotations

from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.models import budget
from roadmap_cli.models.budget import Budget
from roadmap_cli.wf.actions import once
from roadmap_cli.wf.agents import roles, tasks
from roadmap_cli.wf.agents.desk import Desk, Work, evidence

TESTS = ("equals", "one_of", "exists", "more", "less")


def work(spec: Record, desk: Desk) -> Work:
    """Say who is next: ``next`` (a name), ``role`` and ``task``; or ``is_done``, or why nobody is."""
    check(spec)
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
    test = next(each for each in TESTS if each in clause)
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


def check(spec: Record) -> None:
    """Raise DataError if goal and steps do not fit together."""
    for clause in [*spec.get("goal", []), *(one for each in spec.get("steps", []) for one in _clauses(each))]:
        if not isinstance(clause, dict) or "value" not in clause or sum(test in clause for test in TESTS) != 1:
            raise DataError(f"a condition needs 'value' and one of {', '.join(TESTS)}", code="bad_condition")
    names = set()
    for each in spec.get("steps", []):
        if not isinstance(each, dict) or not all(isinstance(each.get(key), str) for key in ("name", "role", "task")):
            raise DataError("each of 'steps' needs name, role and task", code="bad_steps")
        if each["name"] in names:
            raise DataError(f"step {each['name'][:60]!r} is there twice", code="bad_steps")
        names.add(each["name"])
        if each["role"] not in roles.TOOLS or each["task"] not in tasks.TASKS:
            raise DataError(f"unknown role or task: {each['role'][:60]!r}, {each['task'][:60]!r}", code="bad_steps")
        if f"agent:{each['task']}" not in roles.TOOLS[each["role"]]:
            raise DataError(f"role {each['role']!r} has no tool 'agent:{each['task']}'", code="no_tool")


def _clauses(step: Any) -> list[Any]:
    found = step.get("when", []) if isinstance(step, dict) else []
    return found if isinstance(found, list) else [found]
