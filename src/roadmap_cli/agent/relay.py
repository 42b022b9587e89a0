"""Carry the streams of a sandboxed program, and end it when it goes over a limit that the kernel does not hold.

The program never gets a descriptor of ours: bytes pass through pipes, unchanged. Wall time, output size, and, where
no control group holds them, memory and disk use are watched here.
"""

from __future__ import annotations

import os
import selectors
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from roadmap_cli.agent.sandbox import Process, Sandbox

_CHUNK = 1 << 16
_LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended. `stopped_by` names the limit that ended it: wall, output, memory or disk."""

    exit_code: int
    stopped_by: str | None
    seconds: float
    output_bytes: int


def carry(sandbox: Sandbox, process: Process, stdin: int, stdout: int, stderr: int) -> Ended:
    """Connect the program to three descriptors until it ends. Raises Unavailable if it could not be started.

    BrokenPipeError if the reader of `stdout` or `stderr` goes away: the program is ended and the error goes on.
    """
    started = time.monotonic()
    popen = process.popen
    assert popen.stdin
    assert popen.stdout
    assert popen.stderr
    watch = _Watch(sandbox, process.pid)
    moved, stopped = 0, None
    ways = {popen.stdout.fileno(): stdout, popen.stderr.fileno(): stderr}
    with selectors.DefaultSelector() as ready, _Feed(ready, stdin, popen.stdin) as feed:
        for source in ways:
            ready.register(source, selectors.EVENT_READ)
        while ways:
            left = sandbox.limits.wall_s - (time.monotonic() - started)
            stopped = stopped or ("wall" if left <= 0 else watch.exceeded())
            if stopped:
                process.kill()
            for key, _ in ready.select(0.0 if feed.eager else max(0.0, min(left, _LOOK_S))):
                if key.fd not in ways:
                    feed.advance(key.fd)
                    continue
                data = os.read(key.fd, _CHUNK)
                room = sandbox.limits.output_bytes - moved
                _write_all(ways[key.fd], data[:room])
                moved += min(len(data), room)
                if len(data) > room:
                    stopped = stopped or "output"
                if not data or stopped:
                    ready.unregister(key.fd)
                    del ways[key.fd]
            if feed.eager:
                feed.read()
    if stopped:
        process.kill()
    code = process.wait()
    return Ended(code, stopped, time.monotonic() - started, moved)


class _Feed:
    """Our input on its way into the program: one chunk at a time, and only as fast as the program takes it.

    `eager` is true while the next step is reading a regular file, which is always ready and cannot be watched.
    """

    def __init__(self, ready: selectors.BaseSelector, source: int, sink: IO[bytes]) -> None:
        self._ready, self._source, self._sink = ready, source, sink
        self._pending = memoryview(b"")
        os.set_blocking(sink.fileno(), False)
        self.eager = False
        self._want_input()

    def __enter__(self) -> _Feed:
        return self

    def __exit__(self, *_: object) -> None:
        self._finish()

    def _want_input(self) -> None:
        try:
            self._ready.register(self._source, selectors.EVENT_READ)
        except PermissionError:  # epoll: a regular file
            self.eager = True
        except (ValueError, OSError):  # closed, or the same descriptor as one of the program's: nothing to read
            self._finish()

    def read(self) -> None:
        """Take the next chunk of input and wait for the program to be ready for it."""
        self.eager = False
        try:
            self._pending = memoryview(os.read(self._source, _CHUNK))
        except OSError:
            self._pending = memoryview(b"")
        if self._pending:
            self._ready.register(self._sink, selectors.EVENT_WRITE)
        else:
            self._finish()

    def advance(self, descriptor: int) -> None:
        """Do the next step on a descriptor that is ready."""
        if descriptor == self._source:
            self._ready.unregister(self._source)
            self.read()
            return
        try:
            self._pending = self._pending[os.write(descriptor, self._pending) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._ready.unregister(self._sink)
            self._finish()
            return
        if not self._pending:
            self._ready.unregister(self._sink)
            self._want_input()

    def _finish(self) -> None:
        if not self._sink.closed:
            with suppress(KeyError):
                self._ready.unregister(self._sink)
            with suppress(BrokenPipeError):
                self._sink.close()


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def descendants(pid: int) -> Iterator[int]:
    """The processes below one, itself included."""
    yield pid
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in file.read_text().split():
                yield from descendants(int(child))


class _Watch:
    """Looks at total memory (without a control group) and at how much the real folder has grown."""

    def __init__(self, sandbox: Sandbox, pid: int) -> None:
        self._sandbox, self._pid = sandbox, pid
        self._memory = "memory_watchdog" in sandbox.protections
        self._disk = not sandbox.grant.private
        self._free = self._free_now()
        self._used = folder_bytes(sandbox.grant.project) if self._disk else 0
        self._next = time.monotonic() + _LOOK_S

    def _free_now(self) -> int:
        place = os.statvfs(self._sandbox.grant.project)
        return place.f_bfree * place.f_frsize

    def exceeded(self) -> str | None:
        if time.monotonic() < self._next:
            return None
        self._next = time.monotonic() + _LOOK_S
        limits = self._sandbox.limits
        if self._memory and sum(map(_resident_bytes, descendants(self._pid))) > limits.memory_bytes:
            return "memory"
        if self._disk and self._free - self._free_now() > limits.disk_bytes:
            # the file system may be filling from elsewhere: only the folder itself convicts
            if folder_bytes(self._sandbox.grant.project) - self._used > limits.disk_bytes:
                return "disk"
            self._free = self._free_now()
        return None


def _resident_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def folder_bytes(folder: Path) -> int:
    """Bytes allocated on disk by everything in a folder."""
    total = 0
    for place, _, files in os.walk(folder):
        for name in files:
            with suppress(OSError):
                total += os.lstat(Path(place, name)).st_blocks * 512
    return total
