"""What stands in a planned step, read in one place: waits, dependencies, limits, retries, what undoes it."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, canonical

#: How an attempt that failed is tried again where the plan says nothing.
RETRY: Mapping[str, float] = {"first_s": 1.0, "factor": 2.0, "most_s": 60.0, "jitter_ratio": 0.2}
#: Undoing is worth several tries, whatever the step itself was worth.
UNDO_ATTEMPTS = 4
#: Programs that say nothing about what is depended on: the script they run does.
_INTERPRETER = re.compile(r"(python|perl|ruby|node|bash|dash|sh|zsh|env|nice|timeout|nohup)[0-9.]*\Z")
_LENGTH = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|h|d|w)?\Z")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, None: 1.0}
#: What is put into before the right to do it is asked for. The text of a shell step is never put into.
FILLED = ("command", "input", "environment", "http", "sql", "slack", "jira", "mail", "agent", "human", "event")
#: A run of unknown end is worth a person's look where an effect is of one of these.
GRAVE = frozenset({"network", "message", "change", "delete", "access", "money"})
#: Outputs of all instances of a loop, or all steps of a sub-workflow, together, as JSON.
MOST_JOINED = 16 * 1024 * 1024
#: Below this a plan is not sure of itself, and what fails for an unknown reason goes to a person.
LOW_CONFIDENCE = 0.5


def seconds(spec: Mapping[str, Any], name: str) -> float | None:
    """A length of time of a plan: ``NAME_s`` as a number, or ``NAME`` as a number or text such as ``30s`` or ``4h``.

    None if neither is there. Raises DataError for what is no length of time.
    """
    value = spec.get(f"{name}_s", spec.get(name))
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e10:
        return float(value)
    parts = _LENGTH.match(value.strip()) if isinstance(value, str) else None
    if not parts:
        raise DataError(f"{name!r} is not a length of time: {value!r}", code="bad_length")
    return min(float(parts[1]) * _UNIT_S[parts[2]], 1e10)


def subject_hash(step: Record) -> str:
    """SHA-256 (hex) of the canonical form of a step with its values: what an answer is bound to."""
    return hashlib.sha256(canonical(step)).hexdigest()


def dependency(step: Mapping[str, Any]) -> str | None:
    """What a step with its values depends on: the name the template gives, else its host, database or program.

    None for what depends on nothing: waits, questions, and the text of a shell.
    """
    named = step.get("dependency")
    if isinstance(named, str):
        return named
    match step["action"]:
        case "command":
            return _program(step["command"])
        case "http":
            host = urlsplit(str(step["http"].get("url", ""))).hostname
            return f"host:{host}" if host else None
        case "sql":
            return f"database:{step['sql'].get('database', '')}"
        case "slack" | "jira" | "mail" | "agent":
            return str(step["action"])
    return None


def _program(command: list[str]) -> str | None:
    for word in command:
        name = os.path.basename(word)  # noqa: PTH119 - a word of a command, not a path of ours
        if not word.startswith("-") and not _INTERPRETER.match(name):
            return f"program:{name}"
    return f"program:{os.path.basename(command[0])}" if command else None  # noqa: PTH119


def limit(plan: Mapping[str, Any], name: str) -> tuple[float, float] | None:
    """The rate a plan sets for a dependency: so many acts within so many seconds; None if it sets none."""
    limits = plan.get("limits") or {}
    found = limits.get(name) or limits.get(name.partition(":")[2])
    if not isinstance(found, Mapping):
        return None
    rate, per_s = float(found.get("rate", 0)), seconds(found, "per") or 60.0
    return (rate, per_s) if rate > 0 and per_s > 0 else None


def attempts(step: Mapping[str, Any]) -> int:
    """How often a step is tried at most."""
    return max(int(step.get("attempts", 1)), 1)


def undoing(step: Record, unit: str) -> Record | None:
    """The step that undoes one that was done, or None if the plan has none."""
    spec = step.get("compensate")
    if not isinstance(spec, dict):
        return None
    found: Record = {
        "role": step["role"], "effects": [], "output": "text", "timeout_s": step.get("timeout_s", 300.0),
        "attempts": max(attempts(step), UNDO_ATTEMPTS), "retry": step.get("retry", RETRY), **spec,
        "name": f"compensate:{unit}", "needs": [],
    }  # fmt: skip
    if "action" not in found:
        found["action"] = next((name for name in ("command", "shell", *FILLED) if name in spec), "command")
    return found


def on_failure(step: Mapping[str, Any], failure: str, confidence: float) -> str:
    """What follows when a step has failed for good: ``stop``, ``continue`` or ``escalate``.

    The plan's word counts. Where it says nothing but ``stop``, an unknown end of what reaches beyond this machine, or
    of a plan that is not sure of itself, is a person's matter: nobody knows whether it was done.
    """
    chosen = step.get("on_failure", "stop")
    if chosen in ("continue", "escalate"):
        return str(chosen)
    is_grave = not GRAVE.isdisjoint(step.get("effects", ()))
    return "escalate" if failure == "unknown" and (is_grave or confidence < LOW_CONFIDENCE) else "stop"


def expires(timeout_s: float | None, default_s: float) -> timedelta:
    """How long an answer is waited for."""
    return timedelta(seconds=min(default_s if timeout_s is None else timeout_s, 1e8))
