"""Giving a task to an agent, and keeping what was said.

The rule kept here: what an agent answers is stored as a wf.message with the evidence it cites, in one transaction with
the decision and the audit log.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from roadmap_cli.core import clock
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.state import records
from roadmap_cli.wf.actions import Context, connections, once, succeeded
from roadmap_cli.wf.agents import models
from roadmap_cli.wf.agents.desk import Desk, Work
from roadmap_cli.why.decisions import decide

#: Who gives a task.
ORCHESTRATOR = "orchestrator"


def perform(spec: Record, step: Record, context: Context) -> Record:
    """Do the task. Output: that of the task, each claim with ids of its evidence."""
    work = _worker(spec["task"])
    with models.opened(spec, step, context) as model:
        desk = Desk(spec, step, context, model)
        found = work(spec, desk)
        notes = [*desk.notes, *(model.notes if model else ())]
    output = {**found.output} | ({"notes": notes} if notes else {})
    output = connections.redacted(output, connections.every(context.environ))
    _keep(found, output, spec, step, context)
    return succeeded(output)


def _worker(task: str) -> Callable[[Record, Desk], Work]:
    """What does a task; imported when it is given."""
    match task:
        case "summarise_logs":
            from roadmap_cli.wf.agents.summaries import work
        case "root_cause":
            from roadmap_cli.wf.agents.causes import work
        case "compose_message":
            from roadmap_cli.wf.agents.messages import work
        case "write_report":
            from roadmap_cli.wf.agents.reports import work
        case "query_data":
            from roadmap_cli.wf.agents.questions import work
        case "classify":
            from roadmap_cli.wf.agents.classes import work
        case "plan_next":
            from roadmap_cli.wf.agents.orchestration import work
        case _:
            raise KeyError(task)
    return work


def _keep(found: Work, output: Record, spec: Record, step: Record, context: Context) -> None:
    """Store the question, the answer, what it cites and the decision: all of it or nothing."""
    at = context.now()
    run = once.run_id(context)
    asked = {
        key: value for key, value in spec.items() if key in ("task", "question", "title", "goal", "model", "started")
    }
    given = [each for each in _ids(spec.get("evidence")) if isinstance(each, str)]
    with context.state.write() as tx:
        known = [each for each in given if records.get(tx, each)]
        cited = list(dict.fromkeys([*(each["id"] for each in found.evidence), *known]))
        records.put_many(tx, connections.redacted(list(found.evidence), connections.every(context.environ)))
        question = _message(context, step, ORCHESTRATOR, step["role"], spec["task"], asked, known, at, run)
        answer = _message(context, step, step["role"], ORCHESTRATOR, spec["task"], output, cited, at, run)
        answer["request_id"] = question["id"]
        if found.certainty_ratio is not None:
            answer["certainty_ratio"] = found.certainty_ratio
        records.put(tx, question)
        is_new = records.put(tx, answer)
        if is_new:
            decide(
                tx, kind="wf.task_done", what=found.what, why=found.why, evidence=[answer["id"], *cited],
                command=context.command, at=at, run_id=run,
                authorised_by=str(context.plan.get("requested_by") or "user"),
            )  # fmt: skip
        once.note(
            tx,
            context,
            step,
            f"agent.{spec['task']}",
            [answer["id"]],
            "done",
            "by a model" if "model" in spec else "by rules",
        )
    output["message_id"] = answer["id"]


def _message(
    context: Context, step: Record, sender: str, receiver: str, task: str, content: Any, cited: list[str],
    at: datetime, run: str | None,
) -> Record:  # fmt: skip
    found: Record = {
        "kind": "wf.message",
        "id": content_id("wf.message", key=context.key, sender=sender, receiver=receiver, task=task),
        "at": clock.stamp(at),
        "from": sender,
        "to": receiver,
        "task": task,
        "step": step["name"],
        "content": content,
        "evidence_ids": cited,
    }
    return found | ({"run_id": run} if run else {})


def _ids(value: Any) -> list[Any]:
    if isinstance(value, list):
        return [inner for each in value for inner in _ids(each)]
    return [value] if value else []
