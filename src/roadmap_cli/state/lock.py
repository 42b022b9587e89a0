"""Locks that the kernel frees when a process dies: flock on a small file beside the state.

A command holds the state's lock shared while the state is open; what replaces the file holds it alone.
"""

# Descriptors, modes and exact errors of the operating system are the point here.

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager

from roadmap_cli.core.errors import TryLater, UsageError
from roadmap_cli.state import files
from roadmap_cli.state.failures import of_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from os import PathLike

#: Seconds between two tries, growing from the first to the second.
TRY_EVERY_S = (0.001, 0.05)


class Lock:
    """A held lock. `release` may be called twice."""

    __slots__ = ("_descriptor",)

    def __init__(self, descriptor: int):
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def take(path: str, *, alone: bool, wait_s: float, create: bool = True) -> Lock | None:
    """Take the lock file at `path`, shared or alone, trying for `wait_s` seconds.

    Without `create` a missing lock file is not made and None is returned.
    Raises TryLater if others do not let go in time, OSError if the file cannot be made.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o600)
    except OSError:
        if create:
            raise
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
    try:
        if create and os.fstat(descriptor).st_mode & 0o777 != 0o600:
            os.fchmod(descriptor, 0o600)  # the umask took something away
        _wait(descriptor, fcntl.LOCK_EX if alone else fcntl.LOCK_SH, time.monotonic() + wait_s, path)
    except BaseException:
        os.close(descriptor)
        raise
    return Lock(descriptor)


@contextmanager
def alone(name: str, *, wait_s: float) -> Iterator[None]:
    """Hold the lock of a file alone: of the state, then no other process has it open. Raises TryLater, OSError."""
    held = take(name + files.LOCK, alone=True, wait_s=wait_s)
    try:
        yield
    finally:
        if held:
            held.release()


def alone_unless(name: str, settled: Callable[[], bool], work: Callable[[], None], *, wait_s: float) -> None:
    """Do `work` holding the lock of a file alone, unless what it is for has been settled by another meanwhile.

    Without the second look a pipeline would wait for itself: while one command waits to be alone, the next, for which
    the work is done already, may hold the lock shared and wait for the first one's output. Raises TryLater, OSError.
    """
    deadline = time.monotonic() + wait_s
    pause, longest = TRY_EVERY_S
    while not settled():
        try:
            with alone(name, wait_s=0):
                if not settled():
                    work()
                return
        except TryLater:
            if time.monotonic() >= deadline:
                raise
            time.sleep(pause)
            pause = min(pause * 2, longest)


@contextmanager
def one_at_a_time(path: str | PathLike[str], job: str, wait_s: float) -> Iterator[None]:
    """Let one process at a time do `job` on the state at `path`: for cron.

    The lock file is named after the job (``state.db.life-watch.lock``) and stays; the kernel frees it when the
    process dies. Raises TryLater after `wait_s` seconds, UsageError for a job name that is no plain word.
    """
    if not job or not all(letter.isalnum() or letter in "-_." for letter in job) or job.startswith("."):
        raise UsageError(f"not a name for a job: {job!r}")
    state = os.path.realpath(path)
    name = f"{state}.{job}{files.LOCK}"
    try:
        files.make_directory(os.path.dirname(state))
        held = take(name, alone=True, wait_s=wait_s)
    except OSError as error:
        raise of_file(error, name) from error
    try:
        yield
    finally:
        if held:
            held.release()


def _wait(descriptor: int, operation: int, deadline: float, path: str) -> None:
    pause, longest = TRY_EVERY_S
    while True:
        try:
            fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TryLater(
                    "in use by another command",
                    where=path,
                    hint="run it again when that is done, or wait longer with --wait SECONDS",
                    code="busy",
                ) from None
            time.sleep(min(pause, left))
            pause = min(pause * 2, longest)
