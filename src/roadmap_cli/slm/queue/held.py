"""That a process works on requests: a lock the kernel frees when it dies, and a heartbeat while it lives.

The lock tells at once that a killed process will not answer; the heartbeat keeps the leases of one that lives.
"""

from __future__ import annotations

import glob
import threading
from contextlib import suppress
from pathlib import Path

from roadmap_cli.core.clock import Clock
from roadmap_cli.core.errors import RoadmapError, TryLater
from roadmap_cli.slm.queue import requests
from roadmap_cli.state import lock
from roadmap_cli.state.store import State


class Held:
    """The lock that says that this process lives, under a name of its own beside the state."""

    def __init__(self, state_path: Path, token: str) -> None:
        self.name = token
        self._state = state_path
        for path in state_path.parent.glob(f"{glob.escape(state_path.name)}.slm-*.lock"):
            self.is_held(path.name[len(state_path.name) + 1 : -len(".lock")])  # left behind by one that was killed
        own = _lock_file(state_path, token)
        self._lock = lock.take(str(own), alone=True, wait_s=1)
        while not own.exists():  # another process looked just before it was locked, and took it for one left behind
            self._lock = lock.take(str(own), alone=True, wait_s=1)

    def is_held(self, name: str) -> bool:
        """Whether the process of a name lives. The file of one that does not is removed."""
        if not name:
            return False
        path = _lock_file(self._state, name)
        try:
            found = lock.take(str(path), alone=True, wait_s=0, create=False)
        except TryLater:
            return True
        if found is not None:
            with suppress(OSError):
                path.unlink()
            found.release()
        return False

    def release(self) -> None:
        """Let go, and leave no file."""
        with suppress(OSError):
            _lock_file(self._state, self.name).unlink()
        if self._lock:
            self._lock.release()


def _lock_file(state_path: Path, name: str) -> Path:
    return state_path.with_name(f"{state_path.name}.{name}.lock")


class Heartbeat:
    """Lengthens the leases of a process from a thread of its own: one reply may take longer than a lease."""

    def __init__(self, state: State, by: str, now: Clock, *, every_s: float = requests.LEASE.total_seconds() / 3):
        self._state, self._by, self._now, self._every_s = state, by, now, every_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="queue-heartbeat", daemon=True)

    def start(self) -> None:
        """Begin; the first beat comes after the interval, so that a short burst has none."""
        self._thread.start()

    def stop(self) -> None:
        """End. May be called before the start, and twice."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _beat(self) -> None:
        from sqlcipher3 import dbapi2

        while not self._ended.wait(self._every_s):
            with suppress(RoadmapError, dbapi2.Error):  # a beat that is missed is made up for by the next
                connection = self._state.another()
                try:
                    connection.execute("BEGIN IMMEDIATE")
                    requests.keep(connection, by=self._by, now=self._now())
                    connection.execute("COMMIT")
                finally:
                    connection.close()
