"""Who works on a run: a lock the kernel frees, which the programs of the run's steps hold as well.

The rule kept here: a run is taken up again only when the process that worked on it and every program that process had
started for it are gone. A clock that jumps, or a lease that runs out too early, cannot break it.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path


def take(state: Path, run_id: str) -> int | None:
    """Take a run: a descriptor that holds it until it is closed, here and in every program that got it.

    None if somebody else holds it.
    """
    path = _path(state, run_id)
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(descriptor, path):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # the file was removed while we opened it: its lock holds nobody off any more


def forget(state: Path, run_id: str) -> None:
    """Remove the lock file of a run whose end is committed, while it is still held."""
    with suppress(FileNotFoundError):
        Path(_path(state, run_id)).unlink()


def _path(state: Path, run_id: str) -> str:
    return f"{state}.{run_id}.lock"


def _is_at(descriptor: int, path: str) -> bool:
    try:
        found = os.stat(path)  # noqa: PTH116 - the same call as for the descriptor
    except FileNotFoundError:
        return False
    own = os.fstat(descriptor)
    return (found.st_dev, found.st_ino) == (own.st_dev, own.st_ino)
