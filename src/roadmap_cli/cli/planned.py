"""A workflow's plan on a terminal: what would be done, by whom, what it needs, and what is dangerous about it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Any

from roadmap_cli.cli.render import one_line
from roadmap_cli.cli.terminal import visible
from roadmap_cli.core.records import Record

_STYLES = {"low": "green", "medium": "yellow", "high": "bold red"}
_SEVERITY = {"error": "bold red", "warning": "yellow"}
_MOST_SHOWN = 100


def draw(records: Sequence[Record], console: Any) -> None:
    """Plans whole; findings as lines of a compiler; anything else as its fields."""
    from rich.text import Text

    for record in records:
        match record.get("kind"):
            case "wf.plan":
                _plan(record, console)
            case "wf.finding":
                line = Text(visible(f"{record['file']}:{record['line']}: "), style="bold")
                line.append(record["severity"], style=_SEVERITY.get(record["severity"], ""))
                line.append(visible(f": {record['message']} [{record['code']}]"))
                console.print(line, soft_wrap=True)
            case "wf.graph":
                console.print(Text(visible(record["text"])), soft_wrap=True, end="")
            case _:
                told = ", ".join(f"{key} {one_line(value)}" for key, value in record.items() if key not in ("id", "at"))
                console.print(Text(told), soft_wrap=True, overflow="ellipsis", no_wrap=True)


def _plan(plan: Record, console: Any) -> None:
    from rich.text import Text

    from roadmap_cli.wf.planning import boxes, plansteps

    title = Text(visible(f"{plan['workflow']} {plan['version']}"), style="bold")
    title.append(visible(f" for event {plan['event_id']}, asked by {plan['requested_by']}"), style="dim")
    console.print(title, soft_wrap=True)
    line = Text("risk ")
    line.append(plan["risk"], style=_STYLES[plan["risk"]])
    line.append("; waits for approval" if plan["approval_needed"] else "; may run by policy")
    line.append("".join(f"; {each}" for each in _figures(plan)))
    console.print(line)
    for each in plan.get("confidence", ()) if not _is_new(plan) else ():
        console.print(Text(visible(f"  {each['ratio']:.0%} {each['factor']}: {each['why']}"), style="dim"))
    picture = boxes.draw(plan["steps"], console.width)
    for row in picture or ():
        text = Text()
        for piece, risk in row:
            text.append(piece, style=_STYLES.get(risk, "dim"))
        console.print(text, no_wrap=True, overflow="crop")
    for name, step in plansteps.walk(plan["steps"]):
        _step(name, step, console)
    if plan["scope"]:
        console.print(Text(visible(f"scope {', '.join(plan['scope'])}"), style="dim"))
    console.print(Text(visible(f"runs in {plan['directory']}"), style="dim"), soft_wrap=True)
    console.print(Text(f"{plan['id']}  hash {plan['plan_hash']}", style="dim"), soft_wrap=True)


def _figures(plan: Record) -> Iterator[str]:
    estimate = plan.get("estimate", {})
    if "longest_s" in estimate:
        probable = f"probably {_time(estimate['duration_s'])}" if "duration_s" in estimate else "duration unknown"
        yield f"{probable}, at most {_time(estimate['longest_s'])}"
        limit = plan.get("budget", {}).get("usd")
        within = f" of {limit:g}" if limit is not None else ""
        yield f"probably {estimate['cost_usd']:.2f} USD, at most {float(plan['cost_usd']):.2f}{within}"
    if "tokens" in estimate:
        yield f"probably {estimate['tokens']} tokens"
    if _is_new(plan):
        yield "confidence unknown: it has never run"
    elif "confidence_ratio" in plan:
        yield f"confidence {plan['confidence_ratio']:.0%}"


def _is_new(plan: Record) -> bool:
    """Whether neither the workflow nor a step of it has run: what stands for confidence then is a rule's, not seen."""
    estimate = plan.get("estimate", {})
    return bool(estimate.get("past_runs_count") == 0 == estimate.get("known_steps_ratio"))


def _step(name: str, step: Record, console: Any) -> None:
    from rich.text import Text

    line = Text("! " if step["risk"] == "high" else "  ", style=_STYLES[step["risk"]])
    line.append(visible(name), style=_STYLES["high"] if step["risk"] == "high" else "bold")
    line.append(f"  {step['role']}  ", style="dim")
    line.append(_shortened(doing(step)))
    console.print(line, no_wrap=True, overflow="ellipsis")
    notes = [f"{step['risk']} risk: {', '.join(step['effects'])}"] if step["effects"] else []
    notes += step.get("risk_reasons", [])
    if "resources" in step and "workflow" not in step:
        notes.append(f"touches {', '.join(step['resources'])}")
    if "when" in step:
        notes.append(f"only if {' and '.join(map(_clause, step['when']))}")
    if "each" in step:
        items = step["each"]
        times = f"{len(items)} items" if isinstance(items, list) else str(items)
        notes.append(f"for each of {times}, {step['parallel']} at a time")
    if "approval" in step:
        notes.append(f"asks {step['approval'].get('group', 'somebody who may')} first")
    if "compensate" in step:
        notes.append(f"undone by {doing(step['compensate'])}")
    if step["attempts"] > 1:
        notes.append(f"tried up to {step['attempts']} times")
    for each in notes:
        console.print(Text(f"    {_shortened(each)}", style="dim"), no_wrap=True, overflow="ellipsis")


def doing(step: Record) -> str:
    """What a step does, in a line."""
    action = step["action"]
    if "left_out" in step:
        return f"left out: {step['left_out']}"
    match action:
        case "command":
            return shlex.join(map(str, step["command"]))
        case "shell":
            return f"sh -c {step['shell']}"
        case "wait":
            return f"wait {_time(step['wait_s'])}"
        case "workflow":
            return f"workflow {step['workflow']['template']}"
        case "human":
            return f"asks: {step['human']['question']}"
    pairs = ", ".join(f"{key} {one_line(each)}" for key, each in step[action].items() if each not in ("", [], {}, None))
    return f"{action} {pairs}"


def _clause(clause: Record) -> str:
    return ", ".join(f"{clause['field']} {key} {one_line(each)}" for key, each in clause.items() if key != "field")


def _shortened(text: str) -> str:
    line = visible(" ".join(text.split()))
    return line if len(line) <= _MOST_SHOWN else f"{line[: _MOST_SHOWN - 1]}…"


def _time(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"
