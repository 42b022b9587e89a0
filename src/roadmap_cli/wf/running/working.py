"""What a worker does all day: looks for what is ready, does it, and ends politely."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from types import FrameType
from typing import Any

from roadmap_cli.core.clock import Clock
from roadmap_cli.core.errors import TryLater, Unavailable
from roadmap_cli.core.records import Record
from roadmap_cli.state.store import State
from roadmap_cli.wf.approving import approvals
from roadmap_cli.wf.running import runs
from roadmap_cli.wf.running.engine import Engine

#: How often it looks for runs to take up while it has none, and while it has.
LOOK_S = 0.5
#: How often while there is more than it took.
HUNGRY_S = 0.02
_MOST_AWAY_S = 30.0
#: How long what is being done has to end when nobody reads any more.
UNHEARD_S = 5.0


def work(engine: Engine, now: Clock, warn: Callable[[str], None], *, once: bool) -> Iterator[Record]:
    """Take up what is ready, again and again; what happens, as it is committed.

    With `once` it ends when nothing is ready. A database that is away is waited for, ever longer, up to half a minute.
    """
    looked, away_s, is_hungry = 0.0, 0.0, True
    told: set[str] = set()

    def warn_once(words: str) -> None:
        if words not in told:
            told.add(words)
            warn(words)

    while True:
        try:
            if engine.room and time.monotonic() - looked >= (HUNGRY_S if is_hungry else LOOK_S):
                engine.given_up()  # others have them by now
                found = engine.find(now(), warn_once)
                engine.claim(found)
                is_hungry = bool(found)
                looked = time.monotonic()
            yield from engine.turn()
            for problem in engine.problems:
                warn_once(str(problem))
            engine.problems.clear()
            away_s = 0.0
        except (Unavailable, TryLater) as error:
            if once:
                raise
            warn_once(str(error))
            away_s = min(max(away_s * 2, 0.5), _MOST_AWAY_S)
            time.sleep(away_s)
        if engine.is_draining and engine.is_idle():
            return
        if not engine.active_count:
            engine.given_up()  # others have them
            if once and not away_s:
                engine.claim(engine.find(now(), warn_once))
                yield from engine.turn()
                if not engine.active_count:
                    return
                continue
        engine.rest(LOOK_S)


def ready(state: State, at: datetime, warn: Callable[[str], None]) -> Iterator[Record]:
    """What would be begun: the approvals that hold of plans that were never begun."""
    with state.read() as tx:
        found = [approvals.latest(tx, claim.plan_id or "") for claim in runs.ready(tx, at, warn)]
    yield from (each for each in found if each is not None)


@contextmanager
def unheard(engine: Engine, grace_s: float = UNHEARD_S) -> Iterator[None]:
    """Where whoever reads what happens goes away (the generator is closed), what is being done may end first.

    Else its effects would be there and its end not: it would be done again, with the same key.
    """
    try:
        yield
    except GeneratorExit:
        engine.finish(grace_s)
        raise


@contextmanager
def ended_by_signal(drain: Callable[[], None]) -> Iterator[None]:
    """SIGTERM and SIGINT let the work end politely; a second one ends it as they do without this."""
    before: dict[int, Any] = {}

    def politely(number: int, _: FrameType | None) -> None:
        back()
        drain()

    def back() -> None:
        for each, handler in before.items():
            signal.signal(each, handler)
        before.clear()

    if threading.current_thread() is threading.main_thread():  # elsewhere, who embeds it handles signals
        for number in (signal.SIGTERM, signal.SIGINT):
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, politely)
    try:
        yield
    finally:
        back()
