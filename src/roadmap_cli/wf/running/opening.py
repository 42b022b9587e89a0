"""An engine ready to use: on the state of this machine, or on a database that many machines share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from roadmap_cli.core.clock import Clock
from roadmap_cli.core.errors import Unavailable
from roadmap_cli.state.store import State
from roadmap_cli.wf.running import local, runs
from roadmap_cli.wf.running.acting import Acting
from roadmap_cli.wf.running.engine import Claim, Engine

if TYPE_CHECKING:
    from roadmap_cli.net.transport import Transport


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
def on_state(state: State, settings: Settings) -> Iterator[Engine]:
    """An engine that does runs from the state; what it holds when the block ends goes on another time."""

    def find(at: datetime, warn: Callable[[str], None], fresh: bool) -> list[Claim]:
        with state.read() as tx:
            return runs.unfinished(tx, at) + (runs.ready(tx, at, warn) if fresh else [])

    acting = Acting(state.sibling, state.path, settings.environ, settings.command, settings.now)
    engine = Engine(
        local.Local(state), acting, begin=runs.begin, now=settings.now, command=settings.command,
        jobs=settings.jobs, hold_s=settings.hold_s, find=find,
    )  # fmt: skip
    try:
        yield engine
    finally:
        engine.close()
        acting.close()


@contextmanager
def on_database(state: State, text: str, settings: Settings, transport: Callable[[], Transport]) -> Iterator[Engine]:
    """An engine on the shared database that `text` names (see `Place`).

    What this state has approved is given to it; what was done of it is drawn in here. Raises ConfigError, Unavailable.
    """
    from roadmap_cli.wf.running.exchange import Exchange
    from roadmap_cli.wf.running.place import Place
    from roadmap_cli.wf.running.shared import Shared

    place = Place(text)
    done: Callable[[str, int, int], None] = lambda outcome, received, sent: None  # noqa: E731
    if not place.is_local:
        bare = f"postgresql://{place.host}:{place.port}/"
        _, done = transport().admit(
            place.host, place.port, method="POSTGRES", url=bare, purpose="workflow", kinds=("wf.plan",)
        )
    kept = Shared(state, place, settings.now)
    exchange = Exchange(state, kept, settings.command, settings.now)
    acting = Acting(state.sibling, state.path, settings.environ, settings.command, settings.now)

    def find(at: datetime, warn: Callable[[str], None], fresh: bool) -> list[Claim]:
        engine.tell(exchange.both_ways(warn, fresh))
        return kept.find(at, warn, fresh)

    engine = Engine(
        kept, acting, begin=lambda scene, claim: True, now=settings.now, command=settings.command, jobs=settings.jobs,
        hold_s=settings.hold_s, find=find, publish=exchange.publish, is_greedy=False,
    )  # fmt: skip
    try:
        yield engine
    finally:
        engine.stop()
        with suppress(Unavailable):
            exchange.draw()
        engine.close()
        acting.close()
        done("done", 0, 0)
