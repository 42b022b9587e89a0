"""Where an agent does its task: what it may read is brought to it, what it says is held against it and kept.

The rule kept here: a task gets the values of its step and the files of its scope, and nothing else; what it answers is
stored as a wf.message with the evidence it cites, in one transaction with the decision and the audit log.
"""

from __future__ import annotations

import importlib
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.state import records
from roadmap_cli.wf.actions import Context, connections, once, scope, succeeded
from roadmap_cli.wf.agents import tasks
from roadmap_cli.why.decisions import decide

#: Most bytes of one file that are read; of a longer one the end.
MOST_FILE = 32 * 1024 * 1024
#: Who gives a task.
ORCHESTRATOR = "orchestrator"


@dataclass(frozen=True, slots=True)
class Work:
    """What came of a task: the output, the evidence it cites, and in words what was found and why."""

    output: Record
    what: str
    why: str
    evidence: Sequence[Record] = ()
    certainty_ratio: float | None = None


class Model(Protocol):
    """A model as a task asks it: text in, a value that fits a schema out, or None if there is no budget for it."""

    def ask(self, system: str, text: str, schema: Mapping[str, Any], *, most_tokens: int) -> Any:
        """The value, or None."""


@dataclass(slots=True)
class Desk:
    """What a task works with."""

    spec: Record
    step: Record
    context: Context
    model: Model | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        """The time."""
        return self.context.now()

    def files(self) -> dict[str, str]:
        """The files of the task, by path. Raises DataError for one that is missing or, links followed, outside."""
        return {path: self._read(path) for path in self.spec.get("files", [])}

    def _read(self, path: str) -> str:
        place = Path(os.path.realpath(self.context.directory), path)
        real = os.path.realpath(place)
        named = os.path.normpath(place)
        if real != named:  # a link must not lead out of what was allowed
            scope.refuse_outside([f"file:{real}"], [*self.context.scope, f"file:{named}"])
        try:
            descriptor = os.open(real, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
            with os.fdopen(descriptor, "rb") as file:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode):
                    raise DataError(f"{path!r} is not a file", code="no_file")
                if status.st_size > MOST_FILE:
                    file.seek(status.st_size - MOST_FILE)
                    file.readline()
                    self.notes.append(f"{path}: only the last {MOST_FILE} bytes were read")
                return file.read(MOST_FILE).decode(errors="replace")
        except OSError as error:
            raise DataError(f"{path!r} cannot be read: {(error.strerror or '').lower()}", code="no_file") from None


def work(spec: Record, step: Record, context: Context) -> Record:
    """The outcome of a task; what was said is kept."""
    from roadmap_cli.wf.agents import models

    task = importlib.import_module(f"roadmap_cli.wf.agents.{tasks.TASKS[spec['task']].module}")
    with models.opened(spec, step, context) as model:
        desk = Desk(spec, step, context, model)
        found: Work = task.work(spec, desk)
        notes = [*desk.notes, *(model.notes if model else ())]
    output = {**found.output} | ({"notes": notes} if notes else {})
    output = connections.redacted(output, connections.every(context.environ))
    _keep(found, output, spec, step, context)
    return succeeded(output)


def evidence(sort: str, source: str, text: str, at: datetime | None, now: datetime, **more: Any) -> Record:
    """A wf.evidence record: a thing seen that a claim can cite. `sort` says of which sort."""
    place = str(more.get("number", more.get("key", "")))
    found: Record = {
        "kind": "wf.evidence",
        "id": content_id("wf.evidence", sort=sort, source=source, text=text, place=place),
        "at": clock.stamp(at or now),
        "sort": sort,
        "source": source,
        "text": text,
    }
    return found | {key: value for key, value in more.items() if value not in (None, "")}


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
