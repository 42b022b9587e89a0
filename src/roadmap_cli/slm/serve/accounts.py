"""The server's dealings with the state: one thread that opens it when there is something to write, and lets it go.

The state is open only while calls come in: an idle server holds no lock, so that `roadmap-keys rekey` and a restore
need not wait for it. What is asked for together is committed together.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from roadmap_cli.core.errors import RoadmapError
from roadmap_cli.state.connection import Connection
from roadmap_cli.state.store import State

T = TypeVar("T")
#: How long the state stays open after the last write.
LINGER_S = 3.0
_Work = tuple[Callable[[Connection], Any], "Future[Any]"]


class Accounts:
    """Runs functions over a transaction of the state, one after the other, in a thread of its own."""

    def __init__(self, open_state: Callable[[], State]) -> None:
        self._open_state = open_state
        self._work: queue.Queue[_Work | None] = queue.Queue()
        self._thread = threading.Thread(target=self._run, name="accounts", daemon=True)
        self._thread.start()

    def write(self, work: Callable[[Connection], T]) -> asyncio.Future[T]:
        """Run `work` in a write transaction; the result comes when it is committed. Raises what the state raises."""
        found: Future[T] = Future()
        self._work.put((work, found))
        return asyncio.wrap_future(found)

    def close(self, wait_s: float) -> None:
        """Write what is waiting and let the state go."""
        self._work.put(None)
        self._thread.join(wait_s)

    def _run(self) -> None:
        state: State | None = None
        while True:
            try:
                first = self._work.get(timeout=LINGER_S) if state else self._work.get()
            except queue.Empty:
                if state:
                    state.close()
                state = None
                continue
            batch, ending = [first] if first else [], first is None
            while not self._work.empty():
                more = self._work.get()
                if more is None:
                    ending = True
                else:
                    batch.append(more)
            if batch:
                state = self._commit(state, batch)
            if ending:
                if state:
                    state.close()
                return

    def _commit(self, state: State | None, batch: list[_Work]) -> State | None:
        """Run a batch in one transaction; if one of it fails, each in its own."""
        try:
            state = state or self._open_state()
            with state.write() as tx:
                results = [work(tx) for work, _ in batch]
        except Exception as error:  # noqa: BLE001  handed on to whoever asked
            if len(batch) > 1 and not (isinstance(error, RoadmapError) and state is None):
                for each in batch:
                    state = self._commit(state, [each])
                return state
            for _, found in batch:
                _settle(found, error=error)
            return state
        for (_, found), result in zip(batch, results, strict=True):
            _settle(found, result)
        return state


def _settle(found: Future[Any], result: Any = None, error: Exception | None = None) -> None:
    if not found.set_running_or_notify_cancel():
        return
    if error is None:
        found.set_result(result)
    else:
        found.set_exception(error)
