"""Who works on a run: a lock the kernel frees, which the programs of the run's steps hold as well.

The rule kept here: a run is taken up again only when the process that worked on it and every program that process had
started for it are gone. A clock that jumps, or a lease that runs out too early, cannot break it.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from roadmap_cli.core.errors import TryLater

_TRY_EVERY_S = 0.05


@contextmanager
def hold(state: Path, run_id: str, wait_s: float) -> Iterator[int]:
    """Hold a run for the time of the block; gives a descriptor to hand down to its programs.

    Raises TryLater if somebody else holds it for longer than `wait_s`. The file goes with `forget`.
    """
    path = _path(state, run_id)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + wait_s
        while not _taken(descriptor):
            if time.monotonic() >= deadline:
                raise TryLater(
                    f"run {run_id!r} is being worked on by another process, or a program one of its steps left behind",
                    hint="run it again later, or wait longer with --wait SECONDS",
                    code="run_busy",
                )
            time.sleep(_TRY_EVERY_S)
        yield descriptor
    finally:
        os.close(descriptor)


def forget(state: Path, run_id: str) -> None:
    """Remove the lock file of a run whose end is committed: whoever still waits for it will see that it has ended."""
    with suppress(FileNotFoundError):
        Path(_path(state, run_id)).unlink()


def _path(state: Path, run_id: str) -> str:
    return f"{state}.{run_id}.lock"


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
