"""Doing one step: start its program, feed it, watch the clock, say how it ended.

The rule kept here: when a step is over, for whatever reason, no process of it is left; and what it did is reported
truthfully, never guessed.
"""

from __future__ import annotations

import hashlib
import os
import selectors
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from roadmap_cli.core.errors import DataError, Unavailable
from roadmap_cli.core.records import Record
from roadmap_cli.wf.actions import MOST_OUTPUT, Stopped, connections, failed
from roadmap_cli.wf.language import placeholders
from roadmap_cli.wf.running import confinement

MOST_ERROR_TAIL = 4096
_GRACE_S = 2.0
_LOOK_EVERY_S = 0.1
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER", "LOGNAME")
_INHERITED_PREFIXES = ("ROADMAP_", "XDG_")

#: Exit codes after which another try may succeed, and after which it cannot (see core.errors).
_TRANSIENT = frozenset({69, 75})
_PERMANENT = frozenset({2, 65, 66, 73, 78, 126, 127})


@dataclass(slots=True)
class Surroundings:
    """What every step of a run shares: the environment, the descriptor of the run's lock, and the wish to stop."""

    environ: Mapping[str, str]
    lease: int
    stop: threading.Event = field(default_factory=threading.Event)
    scope: Sequence[str] | None = None  # the plan's: what its programs may see (see `confinement`)
    secrets: Sequence[connections.Secret] = ()  # their values stand in nothing that is kept


def perform(
    step: Record, lookup: Callable[[str], Any], directory: Path, given: Mapping[str, str], around: Surroundings
) -> Record:
    """Do a planned step and return its outcome; raises only Stopped.

    `lookup` gives values of earlier steps, `given` are variables that go into its environment. The outcome has
    ``status`` (succeeded or failed), ``duration_ms``, the ``output`` of a success, and for a failure the ``failure``
    class (transient, permanent or unknown), a ``reason``, and the ``exit_code`` and ``error_tail`` if there are any.
    """
    began = time.monotonic()
    try:
        outcome = _performed(step, lookup, directory, given, around)
    except (DataError, Unavailable) as error:
        outcome = failed("permanent", error.message)
    kept: Record = connections.redacted(outcome, around.secrets)
    kept["duration_ms"] = round((time.monotonic() - began) * 1000)
    return kept


def _performed(
    step: Record, lookup: Callable[[str], Any], directory: Path, given: Mapping[str, str], around: Surroundings
) -> Record:
    for each in step.get("files", ()):
        _unchanged(each)
    environ = _environ(around.environ)
    environ |= {key: placeholders.as_text(placeholders.filled(value, lookup)) for key, value in _environment(step)}
    environ |= given
    command = ["/bin/sh", "-c", step["shell"]] if step["action"] == "shell" else _arguments(step["command"], lookup)
    program = shutil.which(command[0], path=environ.get("PATH")) if "/" not in command[0] else command[0]
    if program is None:
        return failed("permanent", f"there is no program {command[0]!r}", exit_code=127)
    stdin = b""
    if "input" in step:
        stdin = placeholders.as_text(placeholders.filled(step["input"], lookup)).encode()
    shown = confinement.confined([program, *command[1:]], step, around.scope, directory, environ)
    try:
        child = _Child(shown.argv, stdin, directory, environ, (around.lease, *shown.descriptors))
    except OSError as error:
        return failed(
            "permanent", f"{command[0]!r} cannot be run: {(error.strerror or str(error)).lower()}", exit_code=126
        )
    finally:
        shown.close()
    problem = child.watch(step["timeout_s"], around.stop)
    child.is_confined = bool(shown.descriptors)
    return _outcome(step, child, problem, around.secrets)


def _outcome(step: Record, child: _Child, problem: str | None, secrets: Sequence[connections.Secret] = ()) -> Record:
    is_cut = len(child.errors) >= MOST_ERROR_TAIL
    tail = connections.redacted_tail(child.errors.decode(errors="replace"), secrets, is_cut=is_cut)
    if problem == "timeout":
        return failed("transient", f"not done after {step['timeout_s']:g} s", error_tail=tail)
    if problem == "output":
        return failed("permanent", f"more than {MOST_OUTPUT} bytes of output", error_tail=tail)
    code = child.code
    if code < 0:
        return failed("transient", f"ended by signal {-code}", exit_code=128 - code, error_tail=tail)
    if code:
        failure = "transient" if code in _TRANSIENT else "permanent" if code in _PERMANENT else "unknown"
        told = tail.strip().split("\n")
        while len(told) > 1 and ": hint: " in told[-1]:  # what to do comes after what is wrong, in our commands
            told.pop()
        last = told[-1][:200]
        reason = f"ended with exit code {code}" + (f": {last}" if last else "")
        return failed(failure, reason, exit_code=code, error_tail=tail)
    try:
        output = _read_output(child.output, step["output"])
    except DataError as error:
        return failed("permanent", error.message, exit_code=0, error_tail=tail)
    return {"status": "succeeded", "exit_code": 0, "output": output}


def _read_output(data: bytes, sort: str) -> Any:
    """Text without its last line end; JSON: one value, or a list if there is one on each line; or records: always a
    list of the values of the lines, empty if there is none.
    """
    import orjson

    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise DataError(f"the output is not UTF-8 at byte {error.start + 1}") from None
    if sort == "text":
        return text.removesuffix("\n")
    if sort == "json":
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            pass
    try:
        values = [orjson.loads(line) for line in text.splitlines() if line.strip()]
    except orjson.JSONDecodeError as error:
        raise DataError(f"the output is not JSON: {str(error).lower()}") from None
    if not values and sort == "json":
        raise DataError("the output is not JSON: it is empty", hint="with 'output: records' that is an empty list")
    return values


def _unchanged(pinned: Record) -> None:
    try:
        digest = hashlib.sha256(Path(pinned["path"]).read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(f"{pinned['path']!r} cannot be read: {(error.strerror or '').lower()}") from None
    if digest != pinned["sha256"]:
        raise DataError(f"{pinned['path']!r} has changed since the plan was made")


def _arguments(command: Sequence[str], lookup: Callable[[str], Any]) -> list[str]:
    found: list[str] = []
    for part in command:
        text = placeholders.as_text(placeholders.filled(part, lookup))
        placeholders.refuse_option(part, text, found)
        found.append(text)
    return found


def _environment(step: Record) -> list[tuple[str, str]]:
    return list(step.get("environment", {}).items())


def _environ(environ: Mapping[str, str]) -> dict[str, str]:
    """What a step sees of the environment: where things are, and nothing that happens to lie about."""
    return {key: each for key, each in environ.items() if key in _INHERITED or key.startswith(_INHERITED_PREFIXES)}


class _Child:
    """A running program, its process group, and what it has written so far."""

    def __init__(self, command: Sequence[str], stdin: bytes, directory: Path, environ: Mapping[str, str],
                 inherited: tuple[int, ...]):  # fmt: skip
        # setpriv (util-linux) asks the kernel to kill the program when we die; it needs no code between fork and exec.
        setpriv = shutil.which("setpriv", path="/usr/bin:/bin")
        guarded = [setpriv, "--pdeathsig", "KILL", "--", *command] if setpriv else list(command)
        if setpriv and not os.access(command[0], os.X_OK):
            raise PermissionError(13, "Permission denied", command[0])
        self.process = subprocess.Popen(
            guarded,
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=directory,
            env=environ,
            start_new_session=True,
            pass_fds=inherited,
        )
        self.is_confined = False
        self.stdin = memoryview(stdin)
        self.output = b""
        self.errors = b""

    @property
    def code(self) -> int:
        """The exit code; negative for a signal, which bubblewrap tells as the shell does."""
        code = self.process.returncode
        return 128 - code if self.is_confined and code > 128 else code

    def watch(self, timeout_s: float, stop: threading.Event) -> str | None:
        """Wait for the end: None if it came by itself, ``timeout`` or ``output`` if not. Raises Stopped."""
        deadline = time.monotonic() + timeout_s
        try:
            with selectors.DefaultSelector() as selector:
                return self._exchange(selector, deadline, stop)
        finally:
            self._end()

    def _exchange(self, selector: selectors.BaseSelector, deadline: float, stop: threading.Event) -> str | None:
        ended = os.pidfd_open(self.process.pid)
        try:
            selector.register(ended, selectors.EVENT_READ, None)
            for pipe, wanted in (
                (self.process.stdout, selectors.EVENT_READ),
                (self.process.stderr, selectors.EVENT_READ),
            ):
                self._add(selector, pipe, wanted)
            self._add(selector, self.process.stdin, selectors.EVENT_WRITE)
            while True:
                left = deadline - time.monotonic()
                if stop.is_set():
                    raise Stopped
                if left <= 0:
                    return "timeout"
                events = selector.select(min(left, _LOOK_EVERY_S))
                is_over = False
                for key, _ in events:
                    if key.data is None:
                        is_over = True
                    else:
                        self._serve(selector, key.data)
                if len(self.output) > MOST_OUTPUT:
                    return "output"
                if is_over:
                    self._drain()
                    return "output" if len(self.output) > MOST_OUTPUT else None
        finally:
            os.close(ended)

    @staticmethod
    def _add(selector: selectors.BaseSelector, pipe: IO[bytes] | None, wanted: int) -> None:
        if pipe is not None:
            os.set_blocking(pipe.fileno(), False)
            selector.register(pipe, wanted, pipe)

    def _serve(self, selector: selectors.BaseSelector, pipe: IO[bytes]) -> None:
        if pipe == self.process.stdin:
            try:
                self.stdin = self.stdin[os.write(pipe.fileno(), self.stdin[:65536]) :]
            except BlockingIOError:
                return
            except BrokenPipeError:
                self.stdin = self.stdin[:0]
            if not self.stdin:
                selector.unregister(pipe)
                pipe.close()
        elif not self._read(pipe):
            selector.unregister(pipe)

    def _read(self, pipe: IO[bytes]) -> bool:
        try:
            data = os.read(pipe.fileno(), 65536)
        except BlockingIOError:
            return True
        if pipe is self.process.stdout:
            self.output += data
        else:
            self.errors = (self.errors + data)[-MOST_ERROR_TAIL:]
        return bool(data)

    def _drain(self) -> None:
        """Take what the pipes still hold; what a left-behind grandchild may write later does not count."""
        for pipe in (self.process.stdout, self.process.stderr):
            while pipe and not pipe.closed and len(self.output) <= MOST_OUTPUT:
                before = len(self.output), self.errors
                if not self._read(pipe) or before == (len(self.output), self.errors):
                    break

    def _end(self) -> None:
        """End the whole process group: politely if the program still runs, then for certain."""
        with suppress(ProcessLookupError, PermissionError):
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGTERM)
                with suppress(subprocess.TimeoutExpired):
                    self.process.wait(_GRACE_S)
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
