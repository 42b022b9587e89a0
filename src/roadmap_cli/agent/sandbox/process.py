"""A program in a sandbox, from its start to its end: killed with all it started, waited for, what it used."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import IO

from roadmap_cli.agent.sandbox import cgroup
from roadmap_cli.core.errors import Unavailable

USERNS_HINT = "unprivileged user namespaces must be allowed: sysctl kernel.unprivileged_userns_clone=1"


class Process:
    """A running sandbox. `close` ends everything in it and frees what was made for it; it is a context manager."""

    def __init__(self, popen: subprocess.Popen[bytes], group: cgroup.Group | None, status: IO[bytes]) -> None:
        self.popen = popen
        self._group = group
        self._status = status
        self._exit_code: int | None = None
        self._usage: resource.struct_rusage | None = None

    @property
    def pid(self) -> int:
        """The process id of bubblewrap itself."""
        return self.popen.pid

    def child(self) -> int:
        """The process id of what runs inside, as it is called outside. Raises Unavailable."""
        line = self._status.readline()
        if not line:
            raise Unavailable("bubblewrap could not make the sandbox", hint="see its message above; " + USERNS_HINT)
        return int(json.loads(line)["child-pid"])

    def kill(self) -> None:
        """End bubblewrap and its process 1, and with that, by the process namespace, everything inside.

        Not left to --die-with-parent alone: bubblewrap's process 1 asks for it only when its set-up is done, and one
        whose parent died before would run on. The parent is stopped first so that it cannot start it meanwhile.
        """
        if self.popen.returncode is not None:
            return
        with suppress(ProcessLookupError):
            os.kill(self.popen.pid, signal.SIGSTOP)
            _wait_stopped(self.popen.pid)
            for child in children(self.popen.pid):
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            os.kill(self.popen.pid, signal.SIGKILL)

    def wait(self) -> int:
        """The program's exit code (128 + N after signal N), or -9 if the sandbox was killed from here.

        Raises Unavailable if the program was never started because the sandbox could not be made.
        """
        code = self._reap()
        if self._exit_code is None:
            for line in self._status.read().splitlines():
                self._exit_code = json.loads(line).get("exit-code", self._exit_code)
        if self._exit_code is None and code > 0:
            raise Unavailable("bubblewrap could not make the sandbox", hint="see its message above; " + USERNS_HINT)
        return code if self._exit_code is None else self._exit_code

    def _reap(self) -> int:
        """As `popen.wait`, keeping what the kernel says was used."""
        if self.popen.returncode is None:
            try:
                _, status, self._usage = os.wait4(self.popen.pid, 0)
                self.popen.returncode = os.waitstatus_to_exitcode(status)
            except ChildProcessError:  # somebody else waited for it
                pass
        return self.popen.wait()

    def ended(self, seconds: float) -> bool:
        """Whether bubblewrap ends within some seconds; its exit code is still to be asked for."""
        if self.popen.returncode is not None:
            return True
        watched = os.pidfd_open(self.popen.pid)
        try:
            return bool(select.select([watched], [], [], seconds)[0])
        finally:
            os.close(watched)

    def use(self) -> cgroup.Use:
        """What was used: by the control group's count, else by that of the processes that were waited for."""
        use = self._group.use() if self._group else cgroup.Use()
        if self._usage is not None:
            waited = self._usage.ru_utime + self._usage.ru_stime
            memory = use.memory_peak_bytes or self._usage.ru_maxrss * 1024
            use = replace(use, cpu_s=max(use.cpu_s or 0.0, waited), memory_peak_bytes=memory)
        return use

    def cpu_s(self) -> float | None:
        """Processor seconds used so far, None if no control group counts them."""
        return self._group.cpu_s() if self._group else None

    def close(self) -> None:
        """Kill what still runs, close the pipes, remove the control group."""
        self.kill()
        for stream in (self.popen.stdin, self.popen.stdout, self.popen.stderr):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()
        self._reap()
        self._status.close()
        if self._group is not None:
            self._group.remove()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def children(pid: int) -> list[int]:
    """The processes that a process of one thread started and that still run."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _wait_stopped(pid: int) -> None:
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return
        if state in "TtZX":
            return
        time.sleep(0.001)
