"""Workflow templates as frozen shapes, with the tables of effects and roles. `loading.py` reads them from files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roadmap_cli.wf.yamlfile import Document

#: What an effect means for risk. A step without effects changes nothing that outlives it.
EFFECT_RISK: Mapping[str, str] = {
    "read": "low",
    "write": "low",
    "network": "medium",
    "message": "medium",
    "change": "high",
    "delete": "high",
    "access": "high",
    "money": "high",
}
#: The roles and the effects each of them may have.
ROLE_EFFECTS: Mapping[str, frozenset[str]] = {
    "communication": frozenset({"read", "network", "message"}),
    "data": frozenset({"read", "network"}),
    "analysis": frozenset({"read"}),
    "documentation": frozenset({"read", "write"}),
    "operations": frozenset({"read", "write", "network", "change", "delete", "access", "money"}),
}
RISKS = ("low", "medium", "high")


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of a template: where, how bad (``error`` or ``warning``), a stable code and words."""

    name: str
    line: int
    severity: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Clause:
    """One condition on a field of an event: ``equals``, ``matches``, ``one_of``, ``exists``, ``more`` or ``less``."""

    field: str
    test: str
    expected: Any
    pattern: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True)
class Trigger:
    """What sets a workflow off: one event, or several that belong together.

    `text` asks for likeness in meaning; `window_s` and `count` for so many events within so long; `group` names the
    fields whose values must be the same in all of them; `sequence` for events in this order, `any` for one of several,
    `cooldown_s` for how long the same group is then left alone.
    """

    source: str | None = None
    type: str | None = None
    clauses: tuple[Clause, ...] = ()
    text: str = ""
    window_s: float = 0.0
    count: int = 1
    group: tuple[str, ...] = ()
    sequence: tuple[Trigger, ...] = ()
    any: tuple[Trigger, ...] = ()
    cooldown_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Input:
    """A value the workflow needs: from a field of the event, else a default."""

    name: str
    source: str | None
    default: Any
    required: bool
    pattern: re.Pattern[str] | None


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a step is tried, and how long to wait between (seconds; jitter is a ratio of the wait)."""

    attempts: int = 1
    first_s: float = 1.0
    factor: float = 2.0
    most_s: float = 60.0
    jitter_ratio: float = 0.2


@dataclass(frozen=True, slots=True)
class Step:
    """One step: an action of one sort (``command``, ``shell`` or ``wait``) done by a role."""

    name: str
    role: str
    action: str
    command: tuple[str, ...] = ()
    shell: str = ""
    wait_s: float = 0.0
    needs: tuple[str, ...] = ()
    stdin: Any = None
    environment: Mapping[str, str] | None = None
    files: tuple[str, ...] = ()
    output: str = "text"
    effects: tuple[str, ...] = ()
    timeout_s: float = 300.0
    cost_usd: float = 0.0
    retry: Retry = Retry()


@dataclass(frozen=True, slots=True)
class Template:
    """A template that may be used: it has no error."""

    workflow: str
    version: int
    description: str
    directory: Path
    sha256: str
    trigger: Trigger
    inputs: tuple[Input, ...]
    steps: tuple[Step, ...]
    document: Document
