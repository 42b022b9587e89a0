"""The concrete plan before anything happens: every step with its values put in, and a hash that names it.

The rule kept here: what is hashed is all that decides what will be done (steps, values, programs' files, folder, who
asks, for which event), and nothing else. An approval of the hash is an approval of exactly that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, canonical, content_id, require
from roadmap_cli.state import records
from roadmap_cli.wf import lint, matching, patterns, placeholders
from roadmap_cli.wf.templates import EFFECT_RISK, RISKS, Finding, Step, Template
from roadmap_cli.why.decisions import decide

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

#: What says nothing about what will be done, and so is not hashed.
VOLATILE = frozenset({"kind", "id", "at", "plan_hash", "from_id", "estimate", "dry_run"})
#: First words of the placeholders that get their value when the step begins.
LATER = ("steps", "run")


def plan(
    template: Template, match: Record, event: Record, *, requested_by: str, directory: Path, at: datetime
) -> Record:
    """The wf.plan for a match. Raises DataError for a missing or refused input or a template changed meanwhile."""
    if template.sha256 != match.get("template_sha256"):
        raise DataError(
            f"template {template.workflow!r} has changed since event {event['id']!r} was matched",
            hint="send the event through wf-match again",
            code="template_changed",
        )
    values = inputs(template, event)
    steps = [_step(template, each, values, event) for each in lint.order(template.steps)[0]]
    found: Record = {
        "kind": "wf.plan",
        "id": "",
        "at": clock.stamp(at),
        "match_id": match["id"],
        "event_id": event["id"],
        "workflow": template.workflow,
        "version": template.version,
        "template_sha256": template.sha256,
        "requested_by": requested_by,
        "directory": str(directory),
        "inputs": values,
        "steps": steps,
        "permissions": sorted({each for step in steps for each in step["permissions"]}),
        "risk": max((step["risk"] for step in steps), key=RISKS.index),
        "approval_needed": any(step["risk"] != "low" for step in steps),
        "high_risk_steps": [step["name"] for step in steps if step["risk"] == "high"],
        "cost_usd": f"{sum(each.cost_usd * each.retry.attempts for each in template.steps):.4f}",
    }
    digest = plan_hash(found)
    found["id"] = content_id("wf.plan", plan_hash=digest)
    found["plan_hash"] = digest
    return found


def plan_hash(found: Record) -> str:
    """SHA-256 (hex) of the RFC 8785 form of all of a plan that is not `VOLATILE`."""
    return hashlib.sha256(canonical({key: value for key, value in found.items() if key not in VOLATILE})).hexdigest()


def inputs(template: Template, event: Record) -> Record:
    """The values of a template's inputs for an event. Raises DataError if one is missing or refused by its pattern."""
    values: Record = {}
    for each in template.inputs:
        value = matching.field(event, each.source) if each.source else None
        if matching.is_absent(value):
            value = each.default
        if value is None:
            if each.required:
                raise DataError(
                    f"input {each.name!r} is missing: the event has no {each.source!r}",
                    where=template.document.where(("inputs", each.name)),
                    code="missing_input",
                )
            value = ""
        if each.pattern and not patterns.whole(each.pattern, placeholders.as_text(value)):
            raise DataError(
                f"input {each.name!r} is refused: {placeholders.as_text(value)[:60]!r} is not {each.pattern.pattern!r}",
                where=template.document.where(("inputs", each.name)),
                code="refused_input",
            )
        values[each.name] = value
    return values


def _step(template: Template, step: Step, values: Record, event: Record) -> Record:
    """One step with all values put in that are known before the run."""

    def known(name: str) -> Any:
        head, *rest = name.split(".")
        match head:
            case "inputs":
                return placeholders.reach(values, rest, name)
            case "event":
                return placeholders.reach(event, rest, name)
        return str(template.directory)

    def put_in(value: Any) -> Any:
        return placeholders.planned(value, known, LATER)

    found: Record = {"name": step.name, "action": step.action, "role": step.role, "needs": sorted(step.needs)}
    match step.action:
        case "command":
            found["command"] = []
            for part in step.command:
                text = placeholders.as_text(put_in(part))
                placeholders.refuse_option(part, text, found["command"])
                found["command"].append(text)
        case "shell":
            found["shell"] = step.shell
        case "wait":
            found["wait_s"] = step.wait_s
    if step.stdin is not None:
        found["input"] = put_in(step.stdin)
    if step.environment:
        found["environment"] = {key: placeholders.as_text(put_in(value)) for key, value in step.environment.items()}
    if step.files:
        found["files"] = [_pinned(template, name) for name in step.files]
    found |= {
        "output": step.output,
        "effects": sorted(step.effects),
        "permissions": permissions(step),
        "risk": risk(step),
        "timeout_s": step.timeout_s,
        "attempts": step.retry.attempts,
    }
    if step.retry.attempts > 1:
        found["retry"] = {
            "first_s": step.retry.first_s,
            "factor": step.retry.factor,
            "most_s": step.retry.most_s,
            "jitter_ratio": step.retry.jitter_ratio,
        }
    return found


def _pinned(template: Template, name: str) -> Record:
    try:
        data = (template.directory / name).read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {name!r}: {error.strerror}", code="missing_file") from None
    return {"path": str(template.directory / name), "sha256": hashlib.sha256(data).hexdigest()}


def risk(step: Step) -> str:
    """The risk of a step: that of its gravest effect."""
    return max((EFFECT_RISK[effect] for effect in step.effects), key=RISKS.index, default="low")


def permissions(step: Step) -> list[str]:
    """What a step must be allowed: its effects as its role, and the program it runs."""
    program = {"command": f"run:{Path(step.command[0]).name}" if step.command else "", "shell": "run:sh"}
    needed = {f"{step.role}:{effect}" for effect in step.effects}
    return sorted(needed | ({program[step.action]} if step.action in program else set()))


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


def keep(tx: Connection, found: Record, *, command: str, at: datetime) -> Record:
    """Store a plan with the decision that made it; a plan stored before comes back as it was stored."""
    if not records.put(tx, found):
        return records.get(tx, found["id"]) or found
    tx.execute(
        "INSERT INTO wf_plan(plan_id, match_id, plan_hash, workflow, risk, requested_by) VALUES (?, ?, ?, ?, ?, ?)",
        (found["id"], found["match_id"], found["plan_hash"], found["workflow"], found["risk"], found["requested_by"]),
    )
    names = ", ".join(step["name"] for step in found["steps"])
    decide(
        tx, kind="wf.planned", what=f"planned {found['workflow']!r}: {names}",
        why=f"event matched its trigger; risk is {found['risk']}", evidence=[found["match_id"], found["id"]],
        command=command, at=at, authorised_by=found["requested_by"],
    )  # fmt: skip
    return found


def stored(tx: Connection, match: Record) -> tuple[Record, Record]:
    """The match and the event a plan rests on, as they stand in the state. Raises DataError if they do not.

    What comes by the pipe only names them: a match that this state has not made is not planned.
    """
    kept = records.get(tx, require(match, "id", str))
    if kept is None or kept.get("kind") != "wf.match":
        raise DataError(f"match {match['id']!r} is not in this state", code="unknown_match")
    event = records.get(tx, kept["event_id"])
    if event is None:
        raise DataError(f"event {kept['event_id']!r} is not in this state", code="unknown_event")
    return kept, event


def findings(found: Sequence[Finding], at: datetime) -> list[Record]:
    """The wf.finding records for what the check of templates found."""
    return [
        {
            "kind": "wf.finding",
            "id": content_id("wf.finding", file=each.name, line=each.line, code=each.code, message=each.message),
            "at": clock.stamp(at),
            "file": each.name,
            "line": each.line,
            "severity": each.severity,
            "code": each.code,
            "message": each.message,
        }
        for each in found
    ]
