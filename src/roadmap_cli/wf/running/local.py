"""The engine on the state of this machine, ready to use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from roadmap_cli.core.clock import Clock
from roadmap_cli.state.store import State
from roadmap_cli.wf.running import journal, runs
from roadmap_cli.wf.running.acting import Acting
from roadmap_cli.wf.running.engine import Claim, Engine


@dataclass(frozen=True, slots=True)
class Settings:
    """How an engine works: the environment of its steps, the command it is part of, the clock, how many steps it does
    at a time, and how long it holds a run that waits.
    """

    environ: Mapping[str, str]
    command: str
    now: Clock
    jobs: int = 8
    hold_s: float = 60.0


@contextmanager
def opened(state: State, settings: Settings) -> Iterator[Engine]:
    """An engine that does runs from the state; what it holds when the block ends goes on another time."""

    def find(at: datetime, warn: Callable[[str], None], fresh: bool) -> list[Claim]:
        with state.read() as tx:
            return runs.unfinished(tx, at) + (runs.ready(tx, at, warn) if fresh else [])

    acting = Acting(state.sibling, state.path, settings.environ, settings.command, settings.now)
    engine = Engine(
        journal.Local(state), acting, begin=runs.begin, now=settings.now, command=settings.command,
        jobs=settings.jobs, hold_s=settings.hold_s, find=find,
    )  # fmt: skip
    try:
        yield engine
    finally:
        engine.close()
        acting.close()
