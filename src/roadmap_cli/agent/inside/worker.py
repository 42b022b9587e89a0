"""The test runner inside the sandbox: keeps the tests loaded and forks once for each candidate.

It runs in the project's interpreter as a plain file, so it imports nothing of roadmap_cli. Requests come as JSON
lines on standard input after the project as a tar archive; each gets one JSON line on standard output. Project code
runs only in forked children, which hold neither of the two and cannot look into this process (it is not dumpable).

A child's word counts only if it is complete: every test that started must have ended, and the session must have
finished by itself. A child that leaves early, by ``os._exit`` or a signal, has failed.
"""

# Any Python from 3.8 on runs this, pytest names its methods, and files are handled at the level of the system.
# ruff: noqa: D101, D102, PTH102, PTH106, PTH108, PTH109, PTH118, PTH208, SIM105

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import stat
import sys
import time
from typing import Any

from roadmap_loaded import Loaded  # type: ignore[import-not-found]
from roadmap_recorder import Recorder, Tracer, report, too_long, unittest_session  # type: ignore[import-not-found]
from roadmap_tree import Tree  # type: ignore[import-not-found]

PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 4, 36
RESULT_LIMIT, OUTPUT_LIMIT, REPORT_LIMIT = 64 << 20, 16384, 16 << 20


def nameless() -> int:
    """A file without a name, for what a child prints: in memory, or in /tmp where a sandbox counts no memory."""
    try:
        return os.memfd_create("output")
    except (AttributeError, OSError):
        import tempfile

        with tempfile.TemporaryFile(buffering=0) as file:
            return os.dup(file.fileno())


class Worker:
    def __init__(self, root: Any, framework: Any, arguments: Any) -> None:
        self.root, self.framework, self.arguments = root, framework, arguments
        self.loaded: Any = {}
        self.tree: Any = None
        self.private: Any = ()
        self.keep = {1, os.getpid(), os.getppid()}

    # -- one run in a forked child ----------------------------------------------------------------------------------

    def run(self, request: Any) -> Any:
        for name, text in request.get("files", {}).items():
            self.tree.write(name, text)
        try:
            if request.get("ask"):
                return self.ask_loaded(request)
            if request.get("swap") and self.framework == "pytest":
                return self.ask_loaded(request)
            return self.forked(
                lambda send: self.session(request, send), request["seconds"], request.get("memory_bytes")
            )
        finally:
            self.sweep()
            self.tree.restore()

    def forked(self, work: Any, seconds: Any, memory: Any = None, printed: Any = 0) -> Any:
        """Run `work` in a child and return what it sends, or what can be said without its word.

        With `printed` what it printed comes whole, up to so many bytes.
        """
        answer, ended, status, tail, whole = self.spawned(work, seconds, memory, printed=printed)
        try:
            result = json.loads(answer)
        except ValueError:
            result = {"outcomes": {}, "finished": False, "exit": None}
        if status != 0 or not ended:
            result["finished"] = False
        result.update(output=tail, timed_out=not ended, died=status)
        if printed:
            result["printed"] = whole
        return result

    def spoken(self, work: Any, seconds: Any, stall: Any = None) -> Any:
        """Run `work` in a child: the JSON lines it sent, and whether it ended by itself."""
        answer, ended, status, _, _ = self.spawned(work, seconds, None, stall)
        lines = []
        for line in answer.split(b"\n")[:-1]:
            try:
                lines.append(json.loads(line))
            except ValueError:
                break
        return lines, ended and status == 0

    def spawned(self, work: Any, seconds: Any, memory: Any = None, stall: Any = None, printed: Any = 0) -> Any:
        """Run `work` in a child: what it sent, whether it ended in time, its status, its output's end and beginning.

        The beginning is `printed` bytes long. With `stall` it is also ended when it has sent nothing for that many
        seconds.
        """
        read, write = os.pipe()
        output = nameless()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                os.close(read)
                for stream in self.private:
                    os.close(stream)
                os.dup2(output, 1)
                os.dup2(output, 2)
                os.setpgid(0, 0)
                if memory:
                    resource.setrlimit(resource.RLIMIT_AS, (memory, resource.getrlimit(resource.RLIMIT_AS)[1]))
                signal.signal(signal.SIGALRM, too_long)
                signal.signal(signal.SIGVTALRM, too_long)
                work(write)
                code = 0
            finally:
                os._exit(code)
        os.close(write)
        answer, ended = self.read_all(read, time.monotonic() + seconds, stall)
        os.close(read)
        if not ended:
            self.end_group(child)
        _, status = os.waitpid(child, 0)
        tail = os.pread(output, OUTPUT_LIMIT, max(0, os.fstat(output).st_size - OUTPUT_LIMIT)).decode(
            "utf-8", "replace"
        )
        whole = os.pread(output, printed, 0).decode("utf-8", "replace")
        os.close(output)
        return answer, ended, status, tail, whole

    @staticmethod
    def read_all(descriptor: Any, deadline: Any, stall: Any = None) -> Any:
        parts: list[bytes] = []
        size = 0
        while size < RESULT_LIMIT:
            left = deadline - time.monotonic()
            left = min(left, stall) if stall else left
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                return b"".join(parts), False
            data = os.read(descriptor, 1 << 16)
            if not data:
                break
            parts.append(data)
            size += len(data)
        return b"".join(parts), True

    @staticmethod
    def end_group(child: Any) -> Any:
        for end in (os.killpg, os.kill):
            try:
                end(child, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def sweep(self) -> Any:
        """End whatever a run has left behind in this process namespace."""
        spare = self.keep | {loaded[0] for loaded in self.loaded.values()}
        for name in os.listdir("/proc"):
            if name.isdigit() and int(name) not in spare:
                try:
                    os.kill(int(name), signal.SIGKILL)
                except (ProcessLookupError, PermissionError):
                    continue
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass

    def session(self, request: Any, send: Any, hook: Any = None) -> Any:
        """In a child: run the tests and send the outcome."""
        os.chdir(self.root)
        sys.path.insert(0, self.root)
        tracer = None
        if request.get("trace"):
            paths: dict[str, Any] = {}
            for name in request["trace"]:
                for path in (os.path.join(self.root, name), os.path.join(os.path.realpath(self.root), name), name):
                    paths[path] = name
            tracer = Tracer(paths)
            tracer.start()
        recorder = Recorder(tracer, request.get("test_seconds"))
        recorder.values = bool(request.get("values"))
        if self.framework == "pytest":
            code = self.pytest_session(request, recorder, hook)
        else:
            code = unittest_session(self.arguments, request, recorder)
        sys.settrace(None)
        report(send, recorder, code, tracer)

    def pytest_session(self, request: Any, recorder: Any, hook: Any) -> Any:
        import pytest

        arguments = [*self.arguments, "-p", "no:cacheprovider", "--capture=fd"]
        recorder.wanted = set(request.get("tests") or ())
        plugins = [recorder] if hook is None else [recorder, hook]
        return int(pytest.main(arguments, plugins=plugins))

    # -- many runs from one loaded session -------------------------------------------------------------------------

    def ask_loaded(self, request: Any) -> Any:
        """Have the loaded session fork a child with the changed functions swapped in, and run its tests there."""
        name = request.get("session", "")
        if name not in self.loaded:
            self.load(name, request)
        _, ask, answer = self.loaded[name]
        os.write(ask, (json.dumps(request) + "\n").encode())
        line = bytearray()
        deadline = time.monotonic() + request["seconds"] + 5
        while not line.endswith(b"\n"):
            left = deadline - time.monotonic()
            data = os.read(answer, 1 << 16) if left > 0 and select.select([answer], [], [], left)[0] else b""
            if not data:
                self.unload(name)
                return {"outcomes": {}, "finished": False, "exit": None, "output": "", "unloadable": True}
            line += data
        return json.loads(line)

    def load(self, session: Any, request: Any) -> Any:
        """Load the tests once, as they stand or with the request's own versions of them."""
        ask_read, ask_write = os.pipe()
        answer_read, answer_write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                others = [stream for loaded in self.loaded.values() for stream in loaded[1:]]
                for stream in (ask_write, answer_read, *self.private, *others):
                    os.close(stream)
                nothing = os.open(os.devnull, os.O_RDWR)
                os.dup2(nothing, 1)
                os.dup2(nothing, 2)
                for name in request["files"]:
                    self.tree.write(name)
                for name, text in request.get("overlay", {}).items():
                    self.tree.write(name, text)
                self.private = (ask_read, answer_write)
                self.session({"test_seconds": None}, answer_write, Loaded(self, ask_read, answer_write))
            finally:
                os._exit(1)
        os.close(ask_read)
        os.close(answer_write)
        self.loaded[session] = (child, ask_write, answer_read)

    def unload(self, session: Any) -> Any:
        child, ask, answer = self.loaded.pop(session)
        os.close(ask)
        os.close(answer)
        self.end_group(child)

    def serve(self) -> Any:
        """Read the project, then answer requests until standard input ends."""
        libc = ctypes.CDLL(None)
        libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        sys.dont_write_bytecode = True
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
        self.private = (requests.fileno(), answers.fileno())
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)
        size = int(requests.readline())
        self.tree = Tree(self.root, requests.read(size))
        version = None
        if self.framework == "pytest":
            import pytest

            version = pytest.__version__
            self.warm(pytest)
        elif self.framework == "unittest":
            import unittest  # noqa: F401 - loaded once, here, for all children
        answers.write(
            (json.dumps({"ready": True, "pytest": version, "python": sys.version.split()[0]}) + "\n").encode()
        )
        answers.flush()
        for line in requests:
            request = json.loads(line)
            run = self.command if self.framework == "command" or request.get("spawn") else self.run
            answers.write((json.dumps(run(request)) + "\n").encode())
            answers.flush()

    def warm(self, pytest: Any) -> Any:
        """Run pytest once over nothing, so that it and its plugins are loaded when children fork."""
        import tempfile

        here = os.getcwd()
        with tempfile.TemporaryDirectory() as empty:
            os.chdir(empty)
            words = self.arguments
            plugins = [word for at, word in enumerate(words) if word == "-p" or (at and words[at - 1] == "-p")]
            pytest.main(["-q", *plugins, "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", empty, empty])
            os.chdir(here)
        sys.stdout.flush()
        sys.stderr.flush()

    def command(self, request: Any) -> Any:
        """Run a program of its own: its exit status, what it printed, and what it wrote to ``{report}`` in its words.

        The report's place is outside the project and new each time, so nothing in the project can have put it there.
        """
        place = os.path.join("/tmp", "report-" + os.urandom(12).hex())
        os.mkdir(place, 0o700)
        report = os.path.join(place, "report")
        argv = [word.replace("{report}", report) for word in request["argv"]]

        def work(send: Any) -> Any:
            nothing = os.open(os.devnull, os.O_RDONLY)
            os.dup2(nothing, 0)
            os.chdir(self.root)
            pid = os.fork()
            if pid == 0:
                os.close(send)
                try:
                    os.execvp(argv[0], argv)
                finally:
                    os._exit(127)
            status = os.waitpid(pid, 0)[1]
            code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
            result = {"outcomes": {}, "finished": True, "exit": code, "collected": None}
            os.write(send, json.dumps(result).encode())

        for name, text in request.get("files", {}).items():
            self.tree.write(name, text)
        try:
            limit = REPORT_LIMIT if request.get("printed") else 0
            result = self.forked(work, request["seconds"], request.get("memory_bytes"), limit)
            self.sweep()
            text = self.report_text(report)
            if text is not None:
                result["report"] = text
            return result
        finally:
            self.sweep()
            self.tree.restore()
            for name in os.listdir(place):
                try:
                    os.unlink(os.path.join(place, name))
                except OSError:
                    pass
            try:
                os.rmdir(place)
            except OSError:
                pass

    @staticmethod
    def report_text(path: Any) -> Any:
        """A report's text, if it is a plain file of a bearable size."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return None
        try:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode) or about.st_size > REPORT_LIMIT:
                return None
            parts: list[bytes] = []
            while True:
                data = os.read(descriptor, 1 << 20)
                if not data:
                    return b"".join(parts).decode("utf-8", "replace")
                parts.append(data)
        finally:
            os.close(descriptor)


if __name__ == "__main__":
    sys.path.pop(0)  # this folder: the project must not find our modules
    Worker(sys.argv[1], sys.argv[2], sys.argv[3:]).serve()
