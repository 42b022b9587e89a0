"""The concrete plan before anything happens: every step with its values put in, and a hash that names it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, content_id, require
from roadmap_cli.state import records
from roadmap_cli.wf.language.templates import RISKS, Budget, Finding, Template
from roadmap_cli.wf.planning import estimates, keeping, plansteps, risks

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection


def plan(
    template: Template,
    match: Record,
    event: Record,
    *,
    requested_by: str,
    directory: Path,
    at: datetime,
    known: Mapping[str, Template] | None = None,
    settings: Mapping[str, Any] | None = None,
    holds_programs: bool = False,
) -> Record:
    """The wf.plan for a match. `known` are the templates that it may put in, `settings` the user's.

    With `holds_programs`, as where rights are given, a scope that leaves open what programs may see names the programs
    of the steps: then they see the folder of the run and nothing else.

    Raises DataError for a missing or refused input, a template changed meanwhile, a resource outside the scope, or a
    sub-workflow that is not there or goes too deep.
    """
    if template.sha256 != match.get("template_sha256"):
        raise DataError(
            f"template {template.workflow!r} has changed since event {event['id']!r} was matched",
            hint="send the event through wf-match again",
            code="template_changed",
        )
    settings = settings or {}
    values = plansteps.inputs(template, event, settings)
    sensitive = risks.sensitive(settings)
    steps = plansteps.Planner(known or {}, event, settings, sensitive).steps(template, values)
    everything = list(plansteps.walk(steps))
    scope = plansteps.scope(template, values, everything)
    if holds_programs:
        scope = plansteps.holding(scope, everything, str(directory))
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
        "scope": scope,
        "priority": template.priority,
        "permissions": sorted({each for _, step in everything for each in step["permissions"]}),
        "risk": max((step["risk"] for _, step in everything), key=RISKS.index),
        "approval_needed": any(step["risk"] != "low" for _, step in everything),
        "high_risk_steps": [name for name, step in everything if step["risk"] == "high" and "workflow" not in step],
        "cost_usd": f"{estimates.most_usd(steps, template.budget):.4f}",
    }
    if template.owner:
        found["owner"] = template.owner
    if template.budget != Budget():
        found["budget"] = plansteps.budget(template.budget)
    if template.limits:
        found["limits"] = {name: {"rate": each.rate, "per_s": each.per_s} for name, each in template.limits.items()}
    if template.concurrency is not None:
        found["concurrency"] = template.concurrency
    if template.timeout_s is not None:
        found["timeout_s"] = template.timeout_s
    digest = keeping.plan_hash(found)
    found["id"] = content_id("wf.plan", plan_hash=digest)
    found["plan_hash"] = digest
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
