"""Work that waits for somebody else, in a thread of its own, with a deadline and an eye on the wish to stop.

A time-out of a socket is for each read; a server that sends a byte a second would hold a step for ever. The deadline
here is for all of it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from roadmap_cli.core.errors import TryLater
from roadmap_cli.net.transport import Transport
from roadmap_cli.wf.actions import Context, Stopped

Found = TypeVar("Found")
_LOOK_EVERY_S = 0.05
_GRACE_S = 1.0


def watched(
    work: Callable[[], Found], *, timeout_s: float, stop: threading.Event, cancel: Callable[[], None] | None = None
) -> Found:
    """What `work` returns, or its error. At the deadline or the wish to stop `cancel` is called, and it is left alone.

    Raises TryLater (timed_out) and Stopped. What is left alone must not use a connection of the caller's.
    """
    results: list[Found] = []
    errors: list[BaseException] = []
    done = threading.Event()

    def body() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits for it
            errors.append(error)
        finally:
            done.set()

    thread = threading.Thread(target=body, name="wf-action", daemon=True)
    thread.start()
    ends_at = time.monotonic() + timeout_s
    while not done.wait(min(_LOOK_EVERY_S, max(ends_at - time.monotonic(), 0.001))):
        if not stop.is_set() and time.monotonic() < ends_at:
            continue
        if cancel is not None:
            with suppress(Exception):
                cancel()
            done.wait(_GRACE_S)
        if results:
            break
        if stop.is_set():
            raise Stopped
        raise TryLater(f"not done after {timeout_s:g} s", code="timed_out")
    thread.join(_GRACE_S)
    if errors:
        raise errors[0]
    return results[0]


def over_network(
    context: Context,
    work: Callable[[Transport], Found],
    *,
    timeout_s: float,
    cancel: Callable[[], None] | None = None,
) -> Found:
    """What `work` returns that is given a transport over a state of its own. Raises as `watched` does."""
    guarded = Transport(
        context.state,
        command=context.command,
        offline=bool(context.environ.get("ROADMAP_OFFLINE")),
        now=context.now,
        environ=context.environ,
    )
    try:
        own = guarded.separate()
    except ValueError:  # a dry run: nothing is sent, and nothing has to be waited for
        with guarded:
            return work(guarded)

    def body() -> Found:
        with own:
            return work(own)

    return watched(body, timeout_s=timeout_s, stop=context.stop, cancel=cancel)
