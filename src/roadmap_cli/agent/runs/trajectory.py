"""A run as a trajectory of mini-swe-agent, for the viewers and scripts that read its ``.traj.json`` files.

Format ``mini-swe-agent-1.1``: ``info`` (model_stats, config, mini_version, exit_status, submission), ``messages``
(role, content, extra) and ``trajectory_format``; an assistant's message holds its actions in ``extra.actions``, the
answer to it return code and output, and the last message has the role ``exit``. What no shell command did here is
told as what it was: an action's ``command`` is then a comment.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from roadmap_cli import __version__
from roadmap_cli.agent.runs.history import History, line
from roadmap_cli.core.clock import parse
from roadmap_cli.core.records import Record

FORMAT = "mini-swe-agent-1.1"
_EXIT = {"fixed": "Submitted", "already_green": "Submitted", "paused": "LimitsExceeded", "breaker": "LimitsExceeded"}


def trajectory(history: History) -> dict[str, Any]:
    """The run as one JSON object."""
    summary, fix = history.summary, history.fix
    submission = fix["diff"] if fix else ""
    status = _EXIT.get(summary["status"], summary["status"])
    agent = {"project": summary["project"], "test": summary["test"], "run_id": summary["id"]}
    cost = sum(call.get("price_microunits") or 0 for call in history.calls) / 1e6
    leave = {
        "role": "exit", "content": submission or summary["status"],
        "extra": {"exit_status": status, "submission": submission, "timestamp": _seconds(summary["updated_at"])},
    }  # fmt: skip
    return {
        "info": {
            "model_stats": {"instance_cost": cost, "api_calls": len(history.calls)},
            "config": {
                "agent": agent, "agent_type": "roadmap_cli.agent.loop.Loop",
                "model": {"model_name": _models(history)}, "model_type": "", "environment": {"cwd": summary["project"]},
                "environment_type": "roadmap_cli.agent.sandbox.Sandbox",
            },
            "mini_version": f"roadmap-cli {__version__}", "exit_status": status, "submission": submission,
        },
        "messages": [*_messages(history), leave],
        "trajectory_format": FORMAT, "instance_id": summary["id"],
    }  # fmt: skip


def _models(history: History) -> str:
    names = sorted({str(call.get("model")) for call in history.calls})
    return ", ".join(names) or "none: search by tests"


def _messages(history: History) -> Iterator[dict[str, Any]]:
    summary = history.summary
    yield {"role": "system", "content": "agent-loop: repairs a project until its failing tests pass, in a sandbox."}
    task = summary.get("goal") or f"Make the tests of {summary['project']} pass: {summary['test']}"
    yield {"role": "user", "content": task, "extra": {"timestamp": _seconds(summary["at"])}}
    for record in history.records:
        yield from _turn(record, summary["test"])


def _turn(record: Record, test: str) -> Iterator[dict[str, Any]]:
    what, says = line(record)
    at = _seconds(record["at"])
    match record["kind"]:
        case "agent.test_result":
            command, code = test, int(record.get("exit_code", 1 if record["failed_count"] else 0))
            output = "\n".join([says, *(f"FAILED {name}" for name in record["failed"]), record.get("output", "")])
        case "agent.step" if record["step"] != "test":
            command, code = f"# {record['step']} {record.get('asked', record['key'])}", 0
            output = says
        case "agent.fix":
            command, code, output = f"# git apply: {record['verdict_reason']}", 0, record["diff"]
        case "agent.suspicion":
            command, code, output = f"# localise by {record['method']}", 0, says
        case _:
            return
    action = {"command": command, "tool_call_id": record["id"]}
    yield {
        "role": "assistant",
        "content": f"{what}: {command}",
        "extra": {"actions": [action], "timestamp": at, "cost": 0.0},
    }
    extra = {"returncode": code, "raw_output": output, "timestamp": at}
    yield {
        "role": "user",
        "content": f"<returncode>{code}</returncode>\n<output>\n{output.rstrip()}\n</output>",
        "extra": extra,
    }


def _seconds(at: str) -> float:
    return parse(at).timestamp()
