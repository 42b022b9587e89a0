"""Carry the streams of a sandboxed program, and end it when it goes over a limit that the kernel does not hold.

The program never gets a descriptor of ours: bytes pass through pipes, unchanged, or, on the way to a terminal, with
escape sequences other than colours made visible. Wall time, total processor time, output size, disk use, new files,
and, where no control group holds it, memory are watched here.
"""

from __future__ import annotations

import os
import selectors
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from roadmap_cli.agent.sandbox import Process, Sandbox
from roadmap_cli.agent.sandbox.cgroup import Use
from roadmap_cli.agent.sandbox.tame import Tamed

_CHUNK = 1 << 16
_LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended. `stopped_by` names the limit that ended it: wall, cpu, output, memory, disk, inodes, file.

    `limits_met` names every limit that was met, also if the program went on: one of its processes may have been killed
    for the memory it took, or not been started at all. `use` is what it used.
    """

    exit_code: int
    stopped_by: str | None
    seconds: float
    output_bytes: int
    limits_met: tuple[str, ...] = ()
    use: Use = field(default_factory=Use)


def carry(sandbox: Sandbox, process: Process, stdin: int, stdout: int, stderr: int) -> Ended:
    """Connect the program to three descriptors until it ends. Raises Unavailable if it could not be started.

    BrokenPipeError if the reader of `stdout` or `stderr` goes away: the program is ended and the error goes on.
    """
    started = time.monotonic()
    popen = process.popen
    assert popen.stdin
    assert popen.stdout
    assert popen.stderr
    watch = _Watch(sandbox, process)
    moved, stopped = 0, None
    ways = {popen.stdout.fileno(): stdout, popen.stderr.fileno(): stderr}
    tamed = {source: Tamed() for source, sink in ways.items() if os.isatty(sink)}
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
                passed = data[:room]
                _write_all(ways[key.fd], tamed[key.fd](passed) if key.fd in tamed else passed)
                moved += len(passed)
                if len(data) > room:
                    stopped = stopped or "output"
                if not data or stopped:
                    ready.unregister(key.fd)
                    del ways[key.fd]
            if feed.eager:
                feed.read()
        while not stopped and not process.ended(_LOOK_S):  # it closed its streams, and goes on
            stopped = "wall" if time.monotonic() - started > sandbox.limits.wall_s else watch.exceeded()
    if stopped:
        process.kill()
    code = process.wait()
    use = process.use()
    use = replace(use, cpu_s=max(use.cpu_s or 0.0, watch.cpu_s),
                  memory_peak_bytes=max(use.memory_peak_bytes or 0, watch.memory_bytes))  # fmt: skip
    if stopped is None and code:
        stopped = _kernel_stopped(code, use, sandbox.limits.cpu_s)
    met = {stopped} if stopped else set()
    met |= {"memory"} if use.memory_kills else set()
    met |= {"processes"} if use.processes_refused else set()
    return Ended(code, stopped, time.monotonic() - started, moved, tuple(sorted(met)), use)


def _kernel_stopped(code: int, use: Use, cpu_s: int) -> str | None:
    """The limit behind a signal that the kernel sent."""
    number = code - 128
    if number == signal.SIGXFSZ:
        return "file"
    # looked at ten times a second: up to 0.2 s of the limit may not have been seen before the kernel's signal
    if number == signal.SIGXCPU or (number == signal.SIGKILL and (use.cpu_s or 0.0) >= min(0.9 * cpu_s, cpu_s - 0.2)):
        return "cpu"
    return "memory" if use.memory_kills else None


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
    """Looks at what no kernel limit holds: total processor time, growth of real folders, memory without a group."""

    def __init__(self, sandbox: Sandbox, process: Process) -> None:
        self._sandbox, self._process = sandbox, process
        self._memory = "memory_watchdog" in sandbox.protections
        self._places = {folder: self._free_now(folder) for folder in sandbox.real_folders}
        self._used = {folder: folder_use(folder) for folder in sandbox.real_folders}
        self._next = time.monotonic() + _LOOK_S
        self.cpu_s = 0.0
        self.memory_bytes = 0

    @staticmethod
    def _free_now(folder: Path) -> tuple[int, int]:
        place = os.statvfs(folder)
        return place.f_bfree * place.f_frsize, place.f_ffree

    def exceeded(self) -> str | None:
        """The limit that is exceeded now, looked at ten times a second."""
        if time.monotonic() < self._next:
            return None
        self._next = time.monotonic() + _LOOK_S
        limits = self._sandbox.limits
        spent = self._process.cpu_s()
        if spent is None:
            spent = sum(map(_cpu_s, descendants(self._process.pid)))
            self.cpu_s = max(self.cpu_s, spent)
        if spent > limits.cpu_s:
            return "cpu"
        if self._memory:
            taken = self._memory_bytes()
            self.memory_bytes = max(self.memory_bytes, taken)
            if taken > limits.memory_bytes:
                return "memory"
        for folder, (free, files) in self._places.items():
            free_now, files_now = self._free_now(folder)
            if free - free_now > limits.disk_bytes or files - files_now > limits.inodes:
                # the file system may be filling from elsewhere: only the folder itself convicts
                size, count = folder_use(folder)
                if size - self._used[folder][0] > limits.disk_bytes:
                    return "disk"
                if count - self._used[folder][1] > limits.inodes:
                    return "inodes"
                self._places[folder] = (free_now, files_now)
        return "inodes" if self._inside_files() > limits.inodes else None

    def _memory_bytes(self) -> int:
        return sum(map(_resident_bytes, descendants(self._process.pid))) + self._inside()[0]

    def _inside_files(self) -> int:
        return self._inside()[1]

    def _inside(self) -> tuple[int, int]:
        """Bytes and files in the sandbox's own file systems, as its processes see them."""
        for pid in descendants(self._process.pid):
            try:
                if Path(f"/proc/{pid}/root/tmp/home").is_dir() and not Path(f"/proc/{pid}/root").samefile("/"):
                    places = [os.statvfs(f"/proc/{pid}/root/{name}") for name in ("tmp", "dev/shm")]
                    return (sum((p.f_blocks - p.f_bfree) * p.f_frsize for p in places),
                            sum(p.f_files - p.f_ffree for p in places))  # fmt: skip
            except OSError:
                continue
        return 0, 0


def _cpu_s(pid: int) -> float:
    """Processor time of a process and of those it waited for (proc(5): fields 14 to 17)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError):
        return 0.0


def _resident_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def folder_use(folder: Path) -> tuple[int, int]:
    """Bytes allocated on disk by everything in a folder, and how many entries it has."""
    total = count = 0
    for place, folders, files in os.walk(folder):
        count += len(folders) + len(files)
        for name in files:
            with suppress(OSError):
                total += os.lstat(Path(place, name)).st_blocks * 512
    return total, count
