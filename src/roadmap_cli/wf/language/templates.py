"""Workflow templates as frozen shapes, with the table of effects. `loading.py` reads them from files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from roadmap_cli.wf.language.yamlfile import Document

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
RISKS = ("low", "medium", "high")
#: What a step can do. The first two are programs, the next four are the runner's own, the rest stand in `wf.actions`.
PROGRAMS = ("command", "shell")
WAITS = ("wait", "event", "human", "workflow")
SERVICES = ("http", "sql", "slack", "jira", "mail", "agent")
ACTIONS = (*PROGRAMS, *WAITS, *SERVICES)
#: What happens when a step has failed for good.
ON_FAILURE = ("stop", "continue", "escalate")
#: The tests of a clause.
TESTS = ("equals", "matches", "one_of", "exists", "more", "less")
MOST_ITEMS = 1000
MOST_SUBWORKFLOWS = 4


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
    """One condition on a field of an event, an input or an output; `test` is one of `TESTS`."""

    field: str
    test: str
    expected: Any
    pattern: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True)
class Trigger:
    """What sets a workflow off: one event, or several that belong together.

    `text` asks for likeness in meaning; `window_s` and `count` for so many events within so long; `group` names the
    fields whose values must be the same in all of them; `sequence` for events in this order, `all` for one of each in
    any order, `any` for one of several, `cooldown_s` for how long the same group is then left alone.
    """

    source: str | None = None
    type: str | None = None
    clauses: tuple[Clause, ...] = ()
    text: str = ""
    window_s: float = 0.0
    count: int = 1
    group: tuple[str, ...] = ()
    sequence: tuple[Trigger, ...] = ()
    all: tuple[Trigger, ...] = ()
    any: tuple[Trigger, ...] = ()
    cooldown_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Input:
    """A value the workflow needs: from a field of the event, from the user's settings, else a default."""

    name: str
    source: str | None
    default: Any
    required: bool
    pattern: re.Pattern[str] | None
    setting: str | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a step is tried, and how long to wait between (seconds; jitter is a ratio of the wait)."""

    attempts: int = 1
    first_s: float = 1.0
    factor: float = 2.0
    most_s: float = 60.0
    jitter_ratio: float = 0.2


@dataclass(frozen=True, slots=True)
class Budget:
    """The most something may cost: US dollars, tokens of models. None: no limit of its own."""

    usd: float | None = None
    tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Approval:
    """A person's leave before a step: of which group, and how long to wait for it."""

    group: str | None = None
    timeout_s: float = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """Something to be done by a role: one action with its fields, what it changes, and how patient one is with it.

    `spec` holds the fields of an action that is neither a program nor a wait, as in the template, durations as
    ``…_s`` in seconds. Values in it may hold placeholders.
    """

    role: str
    action: str
    command: tuple[str, ...] = ()
    shell: str = ""
    wait_s: float = 0.0
    spec: Mapping[str, Any] = field(default_factory=dict)
    stdin: Any = None
    environment: Mapping[str, str] | None = None
    files: tuple[str, ...] = ()
    output: str = "text"
    effects: tuple[str, ...] = ()
    timeout_s: float = 300.0
    cost_usd: float = 0.0
    retry: Retry = Retry()
    dependency: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Deed):
    """One step of a workflow: a deed, when it is done, how often, and what becomes of its failure."""

    name: str
    description: str = ""
    needs: tuple[str, ...] = ()
    when: tuple[Clause, ...] = ()
    each: Any = None
    parallel: int = 4
    compensate: Deed | None = None
    on_failure: str = "stop"
    approval: Approval | None = None
    budget: Budget = Budget()


@dataclass(frozen=True, slots=True)
class Limit:
    """How often a dependency may be used: `rate` times in `per_s` seconds."""

    rate: int
    per_s: float


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
    owner: str = ""
    priority: int = 5
    budget: Budget = Budget()
    scope: tuple[str, ...] = ()
    limits: Mapping[str, Limit] = field(default_factory=dict)
    concurrency: int | None = None
    schedule: str | None = None
    timeout_s: float | None = None
