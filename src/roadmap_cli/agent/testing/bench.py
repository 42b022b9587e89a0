"""The test bench: runs a project's tests in one sandbox, whole or a few, as it stands or with some files changed.

The rule it keeps: a run is green only if the tests say so themselves. Every test known from the first run must have
been run and passed; a session that ended early, lost tests or was stopped is never green, whatever its exit status.
"""

from __future__ import annotations

import hashlib
import json
import re
import select
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from roadmap_cli.agent import adapters
from roadmap_cli.agent.code.project import Project
from roadmap_cli.agent.sandbox import Grant, Limits, Process, Sandbox
from roadmap_cli.agent.testing.toolchain import TestCommand
from roadmap_cli.core.errors import Unavailable

#: A worker's answer has at most the output and the report of one run in it, each of which is bounded.
_MOST_ANSWER_BYTES = 256 << 20
_WORKER = Path(__file__).parents[1] / "inside" / "worker.py"
_START_S = 60.0


@dataclass(frozen=True, slots=True)
class TestRun:
    """What one run of tests said. `outcomes`: status, seconds and error of each test by its id."""

    outcomes: Mapping[str, Mapping[str, Any]]
    finished: bool
    exit_code: int | None
    timed_out: bool
    output: str
    seconds: float
    lines: Mapping[str, Mapping[str, Sequence[int]]] = field(default_factory=dict)
    unloadable: bool = False

    def with_status(self, *wanted: str) -> list[str]:
        """The ids of tests with one of the given statuses, in the order they ran."""
        return [test for test, outcome in self.outcomes.items() if outcome["status"] in wanted]

    @property
    def failing(self) -> list[str]:
        """Tests that failed, could not be set up, or never ended."""
        return self.with_status("failed", "error", "started")

    @property
    def passing(self) -> list[str]:
        """Tests that passed."""
        return self.with_status("passed")


@dataclass(frozen=True, slots=True)
class Probes:
    """Tests taken apart: one for each assertion where that is possible, and what was seen while they ran.

    `overlay` holds the test files that have been split. `failing` and `passing` are ids in them; `limit` is processor
    time that a candidate may take for all of them, in seconds. `types` says which types a function's variables have
    had: file:line:name of the function → variable → names of types; "return" is what it returned. `endless` are
    those of the failing ones that did not end by themselves.
    """

    overlay: Mapping[str, str]
    failing: tuple[str, ...]
    passing: tuple[str, ...]
    limit: float
    types: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    endless: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Trial:
    """How a candidate did in a quick run: failing tests that pass now, those left, passing ones that fail now.

    `word` says why there is no result: unloadable (it needs a new session), invalid, hung, died, late (not run).
    """

    mended: int = 0
    left: int = -1
    broken: int = 0
    word: str = ""

    @property
    def passes(self) -> bool:
        """Whether everything passed: then, and only then, a whole run is worth it."""
        return not self.word and not self.left and not self.broken


#: A change of one file as replacements (start, end, text) of its original bytes.
Change = tuple[str, Sequence[tuple[int, int, str]]]


class Bench:
    """A sandbox with the project in it, made on first use and made again if it dies. A context manager."""

    def __init__(self, project: Project, command: TestCommand, limits: Limits) -> None:
        self.project, self._command = project, command
        readable = (*command.readable, _WORKER.parent, *project.environments)
        self.sandbox = Sandbox(Grant(project.root, private=True, readable=readable, environ=command.environ), limits)
        self._process: Process | None = None
        self._buffer = b""
        self._loaded: set[str] = set()
        self.restarts = self.disturbed = 0

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def open(self) -> tuple[str, ...]:
        """Make the sandbox now; the names of the protections in force. Raises Unavailable."""
        self._started()
        return self.sandbox.protections

    def close(self) -> None:
        """End the sandbox and everything in it."""
        if self._process is not None:
            self._process.close()
            self._process = None
        self._buffer = b""
        self._loaded.clear()

    def run(
        self,
        changed: Mapping[str, str],
        *,
        tests: Iterable[str] = (),
        trace: Iterable[str] = (),
        swap: bool = False,
        values: bool = False,
        test_seconds: float | None,
        seconds: float,
    ) -> TestRun:
        """Run tests (all, unless some are named) with some files changed.

        `test_seconds` is processor time of one test, `seconds` wall time of all. `trace` names the files whose executed
        lines are wanted; `swap` lets the bench keep the tests loaded and exchange changed functions in a fork of that;
        with `values` errors tell what variables held, secrets left out.
        """
        request = {
            "files": dict(changed), "tests": list(tests), "trace": list(trace), "swap": swap, "values": values,
            "test_seconds": test_seconds, "seconds": seconds, "argv": list(self._command.argv),
            "memory_bytes": self.sandbox.limits.memory_bytes, "printed": self._command.framework == "command",
        }  # fmt: skip
        started = time.monotonic()
        answer = self._ask(request, seconds + 10)
        spent = time.monotonic() - started
        if answer is None:
            self.close()
            self.restarts += 1
            return TestRun({}, False, None, spent >= seconds, "", spent)
        outcomes = answer.get("outcomes", {})
        if self._command.framework == "command":
            outcomes = _outcomes_of_command(answer, self.project.root, self._command.style)
        return TestRun(
            outcomes, bool(answer.get("finished")), answer.get("exit"),
            bool(answer.get("timed_out")), answer.get("output", ""), spent, answer.get("lines", {}),
            bool(answer.get("unloadable")),
        )  # fmt: skip

    def program(self, changed: Mapping[str, str], argv: Sequence[str], *, seconds: float) -> str | None:
        """Run a program of ours beside the project, some files changed: what it writes to ``{report}``, or None."""
        request = {
            "files": dict(changed), "argv": [self._command.interpreter, *argv], "seconds": seconds, "spawn": True,
            "memory_bytes": self.sandbox.limits.memory_bytes,
        }  # fmt: skip
        answer = self._ask(request, seconds + 10)
        if answer is None:
            self.close()
            self.restarts += 1
            return None
        report = answer.get("report")
        return report if isinstance(report, str) and answer.get("exit") == 0 else None

    # -- one loaded session, many candidates ------------------------------------------------------------------------

    @property
    def loads(self) -> bool:
        """Whether candidates can be tried in a loaded session."""
        return self._command.framework == "pytest"

    def trials(
        self, changes: Sequence[Change], probes: Probes, *, seconds: float, alone: bool = False, sentinel: bool = True
    ) -> list[Trial]:
        """Try changes on the probes, each in turn, in wall time `seconds`; what there was no time for is `late`.

        They share a forked process, and are run again `alone`, each in one of its own, if they have disturbed it.
        """
        request = {
            "ask": "trials", "candidates": list(changes), "failing": list(probes.failing),
            "passing": list(probes.passing), "limit": probes.limit, "alone": alone,
            "sentinel": [t for t in probes.failing if t not in probes.endless][:4] if sentinel and not alone else None,
        }  # fmt: skip
        started = time.monotonic()
        answer = self._ask_loaded(request, probes.overlay, seconds)
        if answer is None:
            return [Trial(word="unloadable")] * len(changes)
        left = seconds - (time.monotonic() - started)
        if not answer["clean"] and left > 0:
            self.disturbed += 1
            return self.trials(changes, probes, seconds=left, alone=True)
        found = [Trial(word=said) if isinstance(said, str) else Trial(*said) for said in answer["results"]]
        return found + [Trial(word="late")] * (len(changes) - len(found))

    def observe(
        self, overlay: Mapping[str, str], files: Sequence[str], sources: Sequence[str], *, limit: float, seconds: float
    ) -> Any:
        """What is seen while the tests of some files run.

        `types` are those of the sources' variables; `times` says of each test whether it passes, its processor time
        in seconds, and whether it was stopped at `limit` (seconds).
        """
        request = {"ask": "observe", "files_of": list(files), "sources": list(sources), "limit": limit}
        return self._ask_loaded(request, overlay, seconds) or {}

    def compare(
        self, function: tuple[str, int], file: str, changes: Sequence[Change], probes: Probes, *, count: int,
        seed: int, limit: float, seconds: float,
    ) -> Any:  # fmt: skip
        """What a function (name and line) does under each change on inputs like those that the tests give it.

        `outcomes` holds a row for the unchanged code and one for each change; see `roadmap_trials.compare`.
        """
        request = {
            "ask": "compare", "function": list(function), "file": file, "candidates": list(changes), "count": count,
            "seed": seed, "limit": limit, "tests": [*probes.passing, *probes.failing],
        }  # fmt: skip
        return self._ask_loaded(request, probes.overlay, seconds) or {}

    def _ask_loaded(self, request: Mapping[str, Any], overlay: Mapping[str, str], seconds: float) -> Any:
        self._started()
        words = json.dumps(overlay, sort_keys=True)
        session = hashlib.sha256(words.encode()).hexdigest()[:16] if overlay else ""
        request = {**request, "session": session, "seconds": seconds}
        if session not in self._loaded:
            request = {**request, "overlay": dict(overlay), "files": {}}
        else:
            request = {**request, "files": {}}
        answer = self._ask(request, seconds + _START_S)
        if answer is None:
            self.close()
            self.restarts += 1
            return None
        if answer.get("unloadable"):
            self._loaded.discard(session)
            return None
        self._loaded.add(session)
        return answer

    def _ask(self, request: Mapping[str, Any], seconds: float) -> Any:
        process = self._started()
        assert process.popen.stdin
        try:
            process.popen.stdin.write(json.dumps(request).encode() + b"\n")
            process.popen.stdin.flush()
        except BrokenPipeError:
            return None
        return self._answer(process, seconds)

    def _started(self) -> Process:
        if self._process is not None:
            return self._process
        command = self._command
        argv = [command.interpreter, str(_WORKER), str(self.project.root), command.framework, *command.arguments]
        process = self.sandbox.start(argv)
        self._process = process
        archive = self.project.archive()
        assert process.popen.stdin
        try:
            process.popen.stdin.write(f"{len(archive)}\n".encode() + archive)
            process.popen.stdin.flush()
        except BrokenPipeError:
            pass  # it says why on standard error
        if self._answer(process, _START_S) is None:
            process.kill()
            assert process.popen.stderr
            words = process.popen.stderr.read(4000).decode(errors="replace").strip().splitlines()
            self.close()
            raise Unavailable(
                f"the tests cannot be started in the sandbox: {words[-1] if words else 'no answer'}",
                hint=f"does '{command.interpreter} -m {command.framework} --version' work?",
            )
        return process

    def _answer(self, process: Process, seconds: float) -> Any:
        assert process.popen.stdout
        descriptor = process.popen.stdout.fileno()
        deadline = time.monotonic() + seconds
        parts, size = [self._buffer], len(self._buffer)
        while b"\n" not in parts[-1]:
            left = deadline - time.monotonic()
            if left <= 0 or size > _MOST_ANSWER_BYTES or not select.select([descriptor], [], [], left)[0]:
                return None
            data = process.popen.stdout.read1(1 << 20)  # type: ignore[attr-defined]
            if not data:
                return None
            parts.append(data)
            size += len(data)
        line, _, self._buffer = b"".join(parts).partition(b"\n")
        return answered(line)


def answered(line: bytes) -> Any:
    """What a worker said; None for what is no JSON object: the code that is tried may say anything in its name."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


_FRAME = re.compile(r'^\s*File "([^"]+)", line (\d+), in (.+)$')


def _outcomes_of_command(answer: Mapping[str, Any], root: Path, style: str) -> dict[str, dict[str, Any]]:
    """The tests of a command by its report; else it counts as one test, with the last Python traceback it printed."""
    output = answer.get("output", "")
    report = answer.get("report")
    found = adapters.outcomes(answer.get("exit"), bool(answer.get("finished")), report, answer.get("printed", output),
                              style, _words_of_command(output, root))  # fmt: skip
    for outcome in found.values():
        for frame in (outcome.get("error") or {}).get("frames", ()):
            frame["file"] = _inside(frame.get("file"), root)
    return found


def _inside(file: object, root: Path) -> str | None:
    """A frame's file relative to the project; None for one outside of it."""
    if not isinstance(file, str):
        return None
    path = Path(file)
    if path.is_absolute():
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else None
    return path.as_posix() if ".." not in path.parts and (root / path).is_file() else None


def _words_of_command(output: str, root: Path) -> dict[str, Any]:
    frames: list[dict[str, Any]] = []
    words = ""
    for line in output.splitlines():
        if line.startswith("Traceback (most recent"):
            frames = []
        found = _FRAME.match(line)
        if found:
            frames.append({"file": found[1], "function": found[3], "line": int(found[2])})
        if line.strip():
            words = line.strip()
    kind, colon, message = words.partition(": ")
    error = {"type": kind, "message": message} if colon and kind.isidentifier() else {"type": "Exit", "message": words}
    return {**error, "frames": frames}
