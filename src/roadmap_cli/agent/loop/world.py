"""What a run of the loop may use of the outside, and when it must stop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from roadmap_cli.models.ledger import Ledger
    from roadmap_cli.net.transport import Transport
    from roadmap_cli.state.store import State


@dataclass(frozen=True, slots=True)
class Bounds:
    """When to stop: candidates and seconds of this invocation, tokens and money of the run, one run of all tests.

    `rival_seconds` is how long it may look for other edits that pass as well, once one is found.
    """

    candidates: int = 100_000
    seconds: float = 120.0
    suite_seconds: float = 120.0
    memory_bytes: int = 1 << 30
    tokens: int | None = None
    cost: float | None = None
    rival_seconds: float = 4.0


@dataclass(frozen=True, slots=True)
class World:
    """What the loop may use of the outside: state, clocks, environment, the interpreter that runs it.

    `progress` is told now and then what is being done, how much of the time is used (seconds), and a word on it;
    `stopping` says that it should come to an end. `model` is the language model that proposes, too: None asks none, an
    empty name the default one; `ledger` gives the ledger of a run's calls, `transport` the way to an endpoint.
    """

    state: State
    command: str
    now: Callable[[], datetime]
    timer: Callable[[], float]
    environ: Mapping[str, str]
    interpreter: str
    detail: Callable[[str], None]
    progress: Callable[[str, float, str], None] = field(default=lambda phase, seconds, words: None)
    stopping: Callable[[], bool] = field(default=lambda: False)
    model: str | None = None
    ledger: Callable[[str], Ledger] | None = None
    transport: Callable[[], Transport] | None = None
