"""What somebody who is asked to approve must see: the plan in words, its risk, and what is new since the last time.

The rule kept here: what is shown is made from the stored plan whose hash is approved, and values from events are shown
so that they cannot pass for words of ours: on one line, quoted, control characters visible.
"""

from __future__ import annotations

import json
import shlex
from datetime import datetime
from typing import TYPE_CHECKING, Any

from roadmap_cli.core import clock
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.state import records
from roadmap_cli.wf.approving import approvals
from roadmap_cli.wf.language.templates import EFFECT_RISK
from roadmap_cli.wf.planning import keeping
from roadmap_cli.wf.rights import scope

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

_LONGEST = 300
#: What makes a step another one than the last time, and so is compared.
_COMPARED = ("role", "action", "effects", "command", "shell", "http", "sql", "slack", "jira", "mail", "agent", "event",
             "human", "workflow", "when", "each", "compensate", "input", "environment", "needs", "on_failure",
             "approval", "files", "wait_s")  # fmt: skip


def request(tx: Connection, plan_id: str, at: datetime) -> Record:
    """The wf.request for a plan: what it will do, in words, its risk, its code, and changes since the last approved."""
    plan = keeping.stored_plan(tx, plan_id)
    status, last = approvals.standing(tx, plan, at)
    before = _before(tx, plan)
    found: Record = {
        "kind": "wf.request", "id": content_id("wf.request", plan_id=plan_id, at=clock.stamp(at)),
        "at": clock.stamp(at), "plan_id": plan_id, "plan_hash": plan["plan_hash"], "workflow": plan["workflow"],
        "risk": plan["risk"], "requested_by": plan["requested_by"], "status": status,
        "touches": _touched(plan), "steps": [_step(each) for each in scope.steps(plan)],
        "changes": changes(before, plan) if before else [],
    }  # fmt: skip
    if "scope" in plan:
        found["scope"] = plan["scope"]
    if before:
        found["compared_with"] = before["id"]
    if last and "code" in last:
        found["code"] = last["code"]
    if (asked := _asked(tx, plan_id)) is not None:
        found["asked"] = asked
    found["text"] = "\n".join(_lines(plan, found))
    return found


def changes(before: Record, plan: Record) -> list[str]:
    """What a plan does that the last approved one of its workflow did not, step by step, in words."""
    old = {step["name"]: step for step in before["steps"]}
    new = {step["name"]: step for step in plan["steps"]}
    found = [f"step {name!r} is new" for name in new if name not in old]
    found += [f"step {name!r} is gone" for name in old if name not in new]
    for name in new.keys() & old.keys():
        for field in _COMPARED:
            if old[name].get(field) != new[name].get(field):
                was, now = _differing(old[name].get(field), new[name].get(field))
                found.append(f"step {name!r}, {field}: {was} → {now}")
    for field in ("version", "directory", "scope", "budget"):
        if before.get(field) != plan.get(field):
            was, now = _differing(before.get(field), plan.get(field))
            found.append(f"{field}: {was} → {now}")
    return sorted(found)


def _before(tx: Connection, plan: Record) -> Record | None:
    row = tx.execute(
        "SELECT p.plan_id FROM wf_plan p JOIN wf_approval a ON a.plan_id = p.plan_id"
        " WHERE p.workflow = ? AND p.plan_id <> ? AND a.status = 'approved' ORDER BY a.number DESC LIMIT 1",
        (plan["workflow"], plan["id"]),
    ).fetchone()
    return records.get(tx, row[0]) if row else None


def _asked(tx: Connection, subject: str) -> str | None:
    row = tx.execute(
        "SELECT group_name FROM wf_escalation WHERE subject = ? ORDER BY level DESC LIMIT 1", (subject,)
    ).fetchone()
    return f"group:{row[0]}" if row else None


def _touched(plan: Record) -> list[str]:
    return list(scope.of_plan(plan))


def _step(step: Record) -> str:
    effects = ", ".join(f"{each} ({EFFECT_RISK.get(each, 'unknown')})" for each in step["effects"]) or "no effect"
    match step["action"]:
        case "command":
            what = "run " + shlex.join(str(each) for each in step["command"])
        case "shell":
            what = "run in a shell: " + step["shell"]
        case "wait":
            what = f"wait {step['wait_s']:g} s"
        case action:
            what = f"{action}: {_shown(step.get(action))}"
    return f"{step['name']} ({step['role']}; {effects}): {_line(what)}"


def _lines(plan: Record, found: Record) -> list[str]:
    lines = [
        f"{plan['requested_by']!r} asks to run {plan['workflow']!r}, version {plan['version']}.",
        f"Risk {plan['risk'].upper()}",
        f"Plan {plan['id']}", f"Hash {plan['plan_hash']}", "", "It will:",
    ]  # fmt: skip
    lines += [f"  {number}. {each}" for number, each in enumerate(found["steps"], 1)]
    lines += ["", f"It touches: {', '.join(found['touches']) or 'nothing outside the run'}",
              f"In the folder: {_line(str(plan['directory']))}"]  # fmt: skip
    if plan.get("inputs"):
        lines += ["", "Values from the event (data, not instructions):"]
        lines += [f"  {key} = {_shown(value)}" for key, value in plan["inputs"].items()]
    if "compared_with" in found:
        lines += ["", f"Since the last approved plan of this workflow ({found['compared_with']}):"]
        lines += [f"  {each}" for each in found["changes"] or ["nothing but its values"]]
    else:
        lines += ["", "No plan of this workflow was approved before."]
    if "code" in found:
        lines += ["", f"To decide by reply: approve {found['code']}  or  deny {found['code']} REASON"]
    return lines


def _shown(value: Any) -> str:
    return _line(json.dumps(value, ensure_ascii=False, sort_keys=True))


def _differing(old: Any, new: Any) -> tuple[str, str]:
    """Two values as `_shown` shows them, of long ones only where they begin to differ."""
    texts = [json.dumps(each, ensure_ascii=False, sort_keys=True) for each in (old, new)]
    if max(map(len, texts)) <= _LONGEST:
        return _shown(old), _shown(new)
    begins = next((at for at, (was, now) in enumerate(zip(*texts, strict=False)) if was != now), min(map(len, texts)))
    start = max(begins - 40, 0)
    was, now = (("…" if start else "") + _line(each[start : start + _LONGEST]) for each in texts)
    return was, now


def _line(text: str) -> str:
    shown = "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}… ({len(shown)} characters)"
