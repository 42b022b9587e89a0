"""What happened in a test session, written down as it happens: outcomes, errors, executed lines."""

# Any Python from 3.8 on runs this, pytest names its methods, and files are handled at the level of the system.
# ruff: noqa: B905, D102, D103, PTH109

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from typing import Any

from roadmap_values import FRAMES, compared, locals_of, sides_of  # type: ignore[import-not-found]

ROOT = sys.argv[1] if len(sys.argv) > 1 else os.getcwd()


class TimeLimit(BaseException):
    """Raised inside a test that takes too long: BaseException, so that tests do not catch it."""


class Recorder:
    """What happened to each test, written down as it happens. A pytest plugin, and used for unittest as well."""

    def __init__(self, tracer: Any, test_seconds: Any) -> None:
        self.outcomes: Any = {}
        self.finished: Any = False
        self.collected: Any = None
        self.since = 0.0
        self.errors: Any = {}
        self.tracer, self.test_seconds = tracer, test_seconds
        self.wanted: Any = set()
        self.values: Any = False
        self.compared: Any = None

    def begin(self, test: Any) -> Any:
        self.outcomes[test] = {"status": "started"}
        self.since = time.perf_counter()
        self.compared = None
        if self.tracer:
            self.tracer.test = test
            self.tracer.start()  # an overflow of the stack in the test before has ended it
        if self.test_seconds:
            # processor time, so that a busy machine refutes nothing; wall time for what only waits
            signal.setitimer(signal.ITIMER_VIRTUAL, self.test_seconds)
            signal.setitimer(signal.ITIMER_REAL, 1 + 4 * self.test_seconds)

    def end(self, test: Any, status: Any, error: Any = None) -> Any:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        if self.tracer:
            self.tracer.test = None
        entry = {"status": status, "seconds": round(time.perf_counter() - self.since, 6)}
        if error:
            entry["error"] = error
        self.outcomes[test] = entry

    # -- pytest's hooks
    def pytest_runtest_logstart(self, nodeid: Any, location: Any) -> Any:
        self.begin(nodeid)

    def pytest_exception_interact(self, node: Any, call: Any, report: Any) -> Any:
        if call.excinfo is not None:
            error = call.excinfo.value
            if type(error).__name__ == "CollectError" and error.__cause__ is not None:
                error = error.__cause__  # why a file could not be imported, not that pytest says so
            self.errors[report.nodeid] = describe(error, self.values)
            if self.values and self.compared and call.excinfo.errisinstance(AssertionError):
                self.errors[report.nodeid].setdefault("compared", self.compared)

    def pytest_assertrepr_compare(self, op: Any, left: Any, right: Any) -> Any:
        if self.values:
            self.compared = compared(op, left, right)

    def pytest_runtest_logreport(self, report: Any) -> Any:
        entry = self.outcomes.setdefault(report.nodeid, {"status": "started"})
        if report.failed:
            entry["status"] = "failed" if report.when == "call" else "error"
        elif report.skipped and entry["status"] == "started":
            entry["status"] = "skipped"
        elif report.when == "call" and report.passed:
            entry["status"] = "passed"

    def pytest_runtest_logfinish(self, nodeid: Any, location: Any) -> Any:
        entry = self.outcomes[nodeid]
        self.end(nodeid, entry["status"], self.errors.get(nodeid))

    def pytest_collectreport(self, report: Any) -> Any:
        if report.failed:
            error = self.errors.get(report.nodeid) or {
                "type": "CollectError",
                "message": str(report.longrepr)[-2000:],
                "frames": [],
            }
            self.outcomes["collect:" + (report.nodeid or ".")] = {"status": "error", "error": error}

    def pytest_collection_modifyitems(self, items: Any) -> Any:
        if self.wanted:
            items[:] = [item for item in items if item.nodeid in self.wanted]

    def pytest_collection_finish(self, session: Any) -> Any:
        self.collected = len(session.items)

    def pytest_sessionfinish(self, session: Any, exitstatus: Any) -> Any:
        self.finished = True


def describe(error: Any, values: Any = False) -> Any:
    """An exception as data: type, message, chain of causes, and the frames of its traceback, outermost first.

    With `values` the last frames of the project tell what their variables held, and an assertion its two sides.
    """
    frames: list[dict[str, Any]] = []
    live: list[Any] = []
    trace = error.__traceback__
    while trace is not None and len(frames) < 200:
        code = trace.tb_frame.f_code
        name: str | None = os.path.relpath(code.co_filename, ROOT)
        assert name
        if name.startswith(("..", "<")):
            name = None
        frames.append({"file": name, "function": getattr(code, "co_qualname", code.co_name), "line": trace.tb_lineno})
        live.append(trace.tb_frame)
        trace = trace.tb_next
    if values:
        for frame, entry in [pair for pair in zip(live, frames) if pair[1]["file"]][-FRAMES:]:
            entry["values"] = locals_of(frame)
    frames = [f for i, f in enumerate(frames) if f["file"] or i == len(frames) - 1]
    if isinstance(error, SyntaxError) and error.filename and error.lineno:  # no frame is there yet
        name = os.path.relpath(error.filename, ROOT)
        if not name.startswith(("..", "<")):
            frames.append({"file": name, "function": "<module>", "line": error.lineno})
    said = {"type": type_of(error), "message": message_of(error), "frames": frames[-30:]}
    chain: list[Any] = []
    cause = error
    while len(chain) < 5:
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
        if cause is None or cause is error:
            break
        chain.append({"type": type_of(cause), "message": message_of(cause)[:500]})
    if chain:
        said["chain"] = chain
    return said


def message_of(error: Any) -> Any:
    try:
        return str(error)[:4000]
    except Exception:  # noqa: BLE001 - a project's own __str__ may do anything
        return "?"


def type_of(error: Any) -> Any:
    kind = type(error)
    return kind.__name__ if kind.__module__ in ("builtins", "__main__") else kind.__module__ + "." + kind.__name__


class Tracer:
    """Which lines of the project each test runs. sys.settrace, because sys.monitoring is Python 3.12's."""

    def __init__(self, paths: Any) -> None:
        self.paths, self.test = paths, None
        self.seen: Any = {}

    def __call__(self, frame: Any, event: Any, argument: Any) -> Any:
        name = self.paths.get(frame.f_code.co_filename)
        if name is None:
            return None
        self.note(name, frame.f_lineno)

        def line(frame: Any, event: Any, argument: Any) -> Any:
            self.note(name, frame.f_lineno)
            return line

        return line

    def note(self, name: Any, number: Any) -> Any:
        if not number:  # where a module begins, some versions of Python say line 0, others none
            return
        self.seen.setdefault(self.test or "<import>", {}).setdefault(name, set()).add(number)

    def start(self) -> Any:
        threading.settrace(self)
        sys.settrace(self)

    def result(self) -> Any:
        return {test: {name: sorted(lines) for name, lines in files.items()} for test, files in self.seen.items()}


def unittest_session(arguments: Any, request: Any, recorder: Any) -> Any:
    import unittest

    class Result(unittest.TextTestResult):
        def startTest(self, test: Any) -> Any:
            super().startTest(test)
            self.error: Any = None
            self.status = "passed"
            recorder.begin(test.id())

        def stopTest(self, test: Any) -> Any:
            recorder.end(test.id(), self.status, self.error)
            super().stopTest(test)

        def fail(self, error: Any, status: Any, sides: Any = None) -> Any:
            said = describe(error[1], recorder.values)
            self.status, self.error = status, {**said, "compared": sides} if sides else said

        def addFailure(self, test: Any, err: Any) -> Any:
            sides = sides_of(err[1]) if recorder.values else None  # unittest cuts its own frames off
            super().addFailure(test, err)
            self.fail(err, "failed", sides)

        def addError(self, test: Any, err: Any) -> Any:
            super().addError(test, err)
            if test.id() in recorder.outcomes:
                self.fail(err, "error")
            else:
                recorder.outcomes[test.id()] = {"status": "error", "error": describe(err[1])}

        def addSubTest(self, test: Any, subtest: Any, err: Any) -> Any:
            super().addSubTest(test, subtest, err)
            if err is not None:
                self.fail(err, "failed")

        def addSkip(self, test: Any, reason: Any) -> Any:
            super().addSkip(test, reason)
            self.status = "skipped"

        def addUnexpectedSuccess(self, test: Any) -> Any:
            super().addUnexpectedSuccess(test)
            self.status = "failed"

    class Runner(unittest.TextTestRunner):
        resultclass = Result  # type: ignore[assignment]

    words = request.get("tests") or arguments
    program = unittest.main(module=None, argv=["python -m unittest", *words], testRunner=Runner, exit=False)
    recorder.finished = True
    recorder.collected = program.result.testsRun
    return 0 if program.result.wasSuccessful() and program.result.testsRun else 1


def too_long(number: Any, frame: Any) -> Any:
    raise TimeLimit("the test took too long")


def report(send: Any, recorder: Any, code: Any, tracer: Any) -> Any:
    """Send a run's outcome to the worker, whole."""
    result = {
        "outcomes": recorder.outcomes,
        "finished": recorder.finished,
        "exit": code,
        "collected": recorder.collected,
        "lines": tracer.result() if tracer else {},
    }
    data = json.dumps(result).encode()
    while data:
        data = data[os.write(send, data) :]
