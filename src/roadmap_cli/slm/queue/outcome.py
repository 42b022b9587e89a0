"""Waiting for requests to come to an end, for a script that goes on with the replies."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from roadmap_cli.slm.queue import requests
from roadmap_cli.slm.queue.requests import Request

if TYPE_CHECKING:
    from roadmap_cli.state.store import State

#: Seconds between two looks at the state; the pause doubles from the first to the second.
FIRST_LOOK_S, LAST_LOOK_S = 0.25, 4.0


def settled(
    state: State,
    ids: Sequence[str],
    *,
    limit_s: float | None = None,
    sleep: Callable[[float], None] = time.sleep,
    passed: Callable[[], float] = time.monotonic,
) -> Iterator[Request]:
    """Requests as they come to their end; those still open once `limit_s` seconds have passed come last.

    Raises Negative for an id there is not.
    """
    begun, pause = passed(), FIRST_LOOK_S
    left = list(dict.fromkeys(ids))
    while left:
        with state.read() as tx:
            found = requests.find(tx, left)
        ended = [each for each in found if each.state not in requests.OPEN]
        yield from ended
        gone = {each.id for each in ended}
        left = [name for name in left if name not in gone]
        rest = LAST_LOOK_S if limit_s is None else limit_s - (passed() - begun)
        if left and rest <= 0:
            yield from (each for each in found if each.id not in gone)
            return
        if left:
            pause = FIRST_LOOK_S if ended else pause
            sleep(min(pause, rest))
            pause = min(2 * pause, LAST_LOOK_S)
