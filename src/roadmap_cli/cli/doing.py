"""Runs as they go, for a person's eyes: what each step came to, why one failed, and what a person is asked."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

from roadmap_cli.cli.render import one_line
from roadmap_cli.cli.terminal import counted
from roadmap_cli.core.records import Record

_MARKS = {"succeeded": ("✓", "green"), "skipped": ("-", "dim"), "failed": ("✗", "bold red"), "cancelled": ("✗", "bold")}


def task(record: Record) -> Iterator[str]:
    """A question as the person who is to answer it needs it: what, of whom, until when, and how."""
    who = f" of {record['assignee']}" if record.get("assignee") else ""
    yield f"{record['at']}  {record['sort']}{who}: {record.get('question', '')}"
    if record.get("status", "waiting") != "waiting":
        by = f" by {record['answered_by']}" if record.get("answered_by") else ""
        yield f"  {record['status']}{by}: {record.get('answer', '')}"
        return
    asker = f", asked for by {record['requested_by']}" if record.get("requested_by") else ""
    until = f", until {record['expires_at']}" if record.get("expires_at") else ""
    yield f"  step {record.get('step', '')} of run {record.get('run_id', '')}{asker}{until}"
    choices = "|".join(shlex.quote(str(each)) for each in record.get("choices") or ())
    yield f"  wf-approve --task {record['id']} --answer {choices or 'TEXT'}"


def waiting(record: Record) -> Iterator[str]:
    """A plan that waits, as the person who is to decide on it needs it: what, of whom, by whom, and how."""
    yield f"{record['at']}  plan of {record.get('workflow', '')}, risk {record.get('risk', '')}: {record['why']}"
    yield f"  plan {record['plan_id']}, asked for by {record.get('requested_by', '')}"
    yield f"  touches {', '.join(record['touches']) or 'nothing outside the run'}"
    if "may_approve" not in record:
        yield f"  may be approved by anybody but {record.get('requested_by', '')}"
    elif names := [each.removeprefix("user:") for each in record["may_approve"]]:
        yield f"  may be approved by {', '.join(names)}"
    else:
        yield "  may be approved by nobody: no right that was given covers it, 'wf-grant --check' says what is missing"
    yield "  waits without an end; once approved it may begin for 24 hours, or --valid-hours"
    yield f"  wf-approve --show {record['plan_id']}"
    yield f"  wf-approve --approve {record['plan_id']} --as NAME --because TEXT"


class Progress:
    """One line for each thing that happens, as it happens."""

    def __init__(self, console: Any) -> None:
        self._console = console

    def add(self, record: Record) -> None:
        """Show a record."""
        at = str(record.get("at", ""))[11:19]
        match record.get("kind"):
            case "wf.run_started" | "wf.run_resumed" as kind:
                kept = record.get("kept_steps_count")
                what = (
                    "goes on" + (f", {counted(kept, 'step')} kept" if kept else "")
                    if kind == "wf.run_resumed"
                    else "begins"
                )
                self._line(f"{at}  run {record['run_id']} {what}", "bold")
            case "wf.step_started":
                again = f", attempt {record['attempt']}" if record.get("attempt", 1) > 1 else ""
                self._line(f"{at}    {record['step']} …{again}", "dim")
            case "wf.step_finished":
                mark, style = _MARKS.get(record["status"], ("·", ""))
                took = f", {record['duration_ms'] / 1000:.1f} s" if record.get("duration_ms") else ""
                why = f": {record['reason']}" if record.get("reason") else ""
                self._line(f"{at}  {mark} {record['step']} {record['status']}{took}{why}", style)
            case "wf.task":
                for line in task(record):
                    self._line(
                        f"          ? {line.split('  ', 1)[1]}" if line[0] != " " else f"          {line}", "yellow"
                    )
            case "wf.run_waiting":
                self._line(f"{at}  run {record['run_id']} waits for {', '.join(record['waits_for'])}", "yellow")
            case "wf.run_paused":
                self._line(f"{at}  run {record['run_id']} is paused", "yellow")
            case "wf.run_finished":
                style = "bold green" if record["status"] == "succeeded" else "bold red"
                why = f": {record['reason']}" if record.get("reason") else ""
                undone = f"; undone: {', '.join(record['compensated'])}" if record.get("compensated") else ""
                self._line(f"{at}  run {record['run_id']} {record['status']}{why}{undone}", style)
            case "wf.plan":
                said = "needs approval" if record.get("approval_needed") else "needs no approval"
                self._line(f"{at}  plan {record['id']} of {record['workflow']}, risk {record['risk']}, {said}")
            case kind:
                cells = (record.get(name) for name in ("id", "plan_id", "workflow", "status", "message"))
                self._line("  ".join([f"{at}  {kind}", *(one_line(each) for each in cells if each)]), "dim")

    def rest(self) -> None:
        """Everything was shown at once."""

    def _line(self, text: str, style: str = "") -> None:
        self._console.print(one_line(text), style=style or None, markup=False, highlight=False, soft_wrap=True)
