"""The test runner inside the sandbox: keeps the tests loaded and forks once for each candidate.

It runs in the project's interpreter as a plain file, so it imports nothing of roadmap_cli. Requests come as JSON
lines on standard input after the project as a tar archive; each gets one JSON line on standard output. Project code
runs only in forked children, which hold neither of the two and cannot look into this process (it is not dumpable).

A child's word counts only if it is complete: every test that started must have ended, and the session must have
finished by itself. A child that leaves early, by ``os._exit`` or a signal, has failed.
"""

import ctypes
import io
import json
import os
import resource
import select
import signal
import sys
import tarfile
import time

PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 4, 36
ROOT = sys.argv[1] if len(sys.argv) > 1 else os.getcwd()
RESULT_LIMIT, OUTPUT_LIMIT = 64 << 20, 16384


class TimeLimit(BaseException):
    """Raised inside a test that takes too long: BaseException, so that tests do not catch it."""


class Tree:
    """The project as it came, kept in memory, and the means to bring the folder back to that."""

    def __init__(self, root, archive):
        self.root, self.files, self.marks = root, {}, {}
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            for member in tar:
                if member.isfile():
                    self.files[member.name] = (tar.extractfile(member).read(), member.mode)
                elif member.issym():
                    self.files[member.name] = (member.linkname, None)
        for name in self.files:
            self.write(name)

    def write(self, name, text=None):
        path, (content, mode) = os.path.join(self.root, name), self.files[name]
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.islink(path) or os.path.isfile(path):
            os.unlink(path)
        if mode is None:
            os.symlink(content, path)
        else:
            with open(path, "wb") as file:
                file.write(content if text is None else text.encode())
            os.chmod(path, mode)
        self.marks[name] = self.mark(path)

    @staticmethod
    def mark(path):
        try:
            found = os.lstat(path)
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_size, found.st_ino, found.st_ctime_ns)

    def restore(self):
        """Undo what a run has done to the folder: changed, removed and new files."""
        for place, folders, files in os.walk(self.root):
            for name in files:
                path = os.path.join(place, name)
                if os.path.relpath(path, self.root) not in self.files:
                    try:
                        os.unlink(path)
                    except OSError:
                        pass  # a read-only mount, such as the project's own virtual environment
            folders[:] = [name for name in folders if not os.path.ismount(os.path.join(place, name))]
        for name, mark in self.marks.items():
            if self.mark(os.path.join(self.root, name)) != mark:
                self.write(name)


class Recorder:
    """What happened to each test, written down as it happens. A pytest plugin, and used for unittest as well."""

    def __init__(self, tracer, test_seconds):
        self.outcomes, self.order, self.finished, self.collected = {}, [], False, None
        self.tracer, self.test_seconds = tracer, test_seconds
        self.wanted = set()

    def begin(self, test):
        self.outcomes[test] = {"status": "started"}
        self.since = time.perf_counter()
        if self.tracer:
            self.tracer.test = test
        if self.test_seconds:
            # processor time, so that a busy machine refutes nothing; wall time for what only waits
            signal.setitimer(signal.ITIMER_VIRTUAL, self.test_seconds)
            signal.setitimer(signal.ITIMER_REAL, 1 + 4 * self.test_seconds)

    def end(self, test, status, error=None):
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        if self.tracer:
            self.tracer.test = None
        entry = {"status": status, "seconds": round(time.perf_counter() - self.since, 6)}
        if error:
            entry["error"] = error
        self.outcomes[test] = entry

    # -- pytest's hooks
    def pytest_runtest_logstart(self, nodeid, location):
        self.begin(nodeid)

    def pytest_exception_interact(self, node, call, report):
        self.errors = getattr(self, "errors", {})
        if call.excinfo is not None:
            self.errors[report.nodeid] = describe(call.excinfo.value)

    def pytest_runtest_logreport(self, report):
        entry = self.outcomes.setdefault(report.nodeid, {"status": "started"})
        if report.failed:
            entry["status"] = "failed" if report.when == "call" else "error"
        elif report.skipped and entry["status"] == "started":
            entry["status"] = "skipped"
        elif report.when == "call" and report.passed:
            entry["status"] = "passed"

    def pytest_runtest_logfinish(self, nodeid, location):
        entry = self.outcomes[nodeid]
        self.end(nodeid, entry["status"], getattr(self, "errors", {}).get(nodeid))

    def pytest_collectreport(self, report):
        if report.failed:
            error = getattr(self, "errors", {}).get(report.nodeid) or {
                "type": "CollectError", "message": str(report.longrepr)[-2000:], "frames": []}
            self.outcomes["collect:" + (report.nodeid or ".")] = {"status": "error", "error": error}

    def pytest_collection_modifyitems(self, items):
        if self.wanted:
            items[:] = [item for item in items if item.nodeid in self.wanted]

    def pytest_collection_finish(self, session):
        self.collected = len(session.items)

    def pytest_sessionfinish(self, session, exitstatus):
        self.finished = True


def describe(error):
    """An exception as data: type, message, and the frames of its traceback, outermost first."""
    frames, trace = [], error.__traceback__
    while trace is not None and len(frames) < 200:
        code = trace.tb_frame.f_code
        name = os.path.relpath(code.co_filename, ROOT)
        if name.startswith(("..", "<")):
            name = None
        frames.append({"file": name, "function": getattr(code, "co_qualname", code.co_name),
                       "line": trace.tb_lineno})
        trace = trace.tb_next
    frames = [f for i, f in enumerate(frames) if f["file"] or i == len(frames) - 1]
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 - a project's own __str__ may do anything
        message = "?"
    kind = type(error)
    name = kind.__name__ if kind.__module__ in ("builtins", "__main__") else kind.__module__ + "." + kind.__name__
    return {"type": name, "message": message[:4000], "frames": frames[-30:]}


class Tracer:
    """Which lines of the project each test runs. sys.settrace, because sys.monitoring is Python 3.12's."""

    def __init__(self, paths):
        self.paths, self.test, self.seen = paths, None, {}

    def __call__(self, frame, event, argument):
        name = self.paths.get(frame.f_code.co_filename)
        if name is None:
            return None
        self.note(name, frame.f_lineno)

        def line(frame, event, argument):
            self.note(name, frame.f_lineno)
            return line

        return line

    def note(self, name, number):
        self.seen.setdefault(self.test or "<import>", {}).setdefault(name, set()).add(number)

    def start(self):
        import threading

        threading.settrace(self)
        sys.settrace(self)

    def result(self):
        return {test: {name: sorted(lines) for name, lines in files.items()} for test, files in self.seen.items()}


class Worker:
    def __init__(self, root, framework, arguments):
        self.root, self.framework, self.arguments = root, framework, arguments
        self.loaded = None
        self.keep = {1, os.getpid(), os.getppid()}

    # -- one run in a forked child ----------------------------------------------------------------------------------

    def run(self, request):
        for name, text in request.get("files", {}).items():
            self.tree.write(name, text)
        try:
            if request.get("swap") and self.framework == "pytest":
                return self.ask_loaded(request)
            return self.forked(lambda send: self.session(request, send), request["seconds"],
                               request.get("memory_bytes"))
        finally:
            self.sweep()
            self.tree.restore()

    def forked(self, work, seconds, memory=None):
        """Run `work` in a child and return what it sends, or what can be said without its word."""
        read, write = os.pipe()
        output = os.memfd_create("output") if hasattr(os, "memfd_create") else os.open("/tmp/out", os.O_RDWR | os.O_CREAT)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                os.close(read)
                for stream in getattr(self, "private", ()):
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
        answer, ended = self.read_all(read, time.monotonic() + seconds)
        os.close(read)
        if not ended:
            self.end_group(child)
        _, status = os.waitpid(child, 0)
        tail = os.pread(output, OUTPUT_LIMIT, max(0, os.fstat(output).st_size - OUTPUT_LIMIT)).decode("utf-8", "replace")
        os.close(output)
        try:
            result = json.loads(answer)
        except ValueError:
            result = {"outcomes": {}, "finished": False, "exit": None}
        if status != 0 or not ended:
            result["finished"] = False
        result.update(output=tail, timed_out=not ended, died=status)
        return result

    @staticmethod
    def read_all(descriptor, deadline):
        parts, size = [], 0
        while size < RESULT_LIMIT:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                return b"".join(parts), False
            data = os.read(descriptor, 1 << 16)
            if not data:
                break
            parts.append(data)
            size += len(data)
        return b"".join(parts), True

    @staticmethod
    def end_group(child):
        for end in (lambda: os.killpg(child, signal.SIGKILL), lambda: os.kill(child, signal.SIGKILL)):
            try:
                end()
            except ProcessLookupError:
                pass

    def sweep(self):
        """End whatever a run has left behind in this process namespace."""
        spare = self.keep | ({self.loaded[0]} if self.loaded else set())
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

    def session(self, request, send, hook=None):
        """In a child: run the tests and send the outcome."""
        os.chdir(self.root)
        sys.path.insert(0, self.root)
        tracer = None
        if request.get("trace"):
            paths = {}
            for name in request["trace"]:
                for path in (os.path.join(self.root, name), os.path.join(os.path.realpath(self.root), name), name):
                    paths[path] = name
            tracer = Tracer(paths)
            tracer.start()
        recorder = Recorder(tracer, request.get("test_seconds"))
        if self.framework == "pytest":
            code = self.pytest_session(request, recorder, hook)
        else:
            code = self.unittest_session(request, recorder)
        sys.settrace(None)
        report(getattr(recorder, "send", send), recorder, code, tracer)

    def pytest_session(self, request, recorder, hook):
        import pytest

        arguments = [*self.arguments, "-p", "no:cacheprovider", "--capture=fd"]
        recorder.wanted = set(request.get("tests") or ())
        plugins = [recorder] if hook is None else [recorder, hook]
        return int(pytest.main(arguments, plugins=plugins))

    def unittest_session(self, request, recorder):
        import unittest

        class Result(unittest.TextTestResult):
            def startTest(self, test):
                super().startTest(test)
                self.error = None
                self.status = "passed"
                recorder.begin(test.id())

            def stopTest(self, test):
                recorder.end(test.id(), self.status, self.error)
                super().stopTest(test)

            def fail(self, error, status):
                self.status, self.error = status, describe(error[1])

            def addFailure(self, test, err):
                super().addFailure(test, err)
                self.fail(err, "failed")

            def addError(self, test, err):
                super().addError(test, err)
                if test.id() in recorder.outcomes:
                    self.fail(err, "error")
                else:
                    recorder.outcomes[test.id()] = {"status": "error", "error": describe(err[1])}

            def addSubTest(self, test, subtest, err):
                super().addSubTest(test, subtest, err)
                if err is not None:
                    self.fail(err, "failed")

            def addSkip(self, test, reason):
                super().addSkip(test, reason)
                self.status = "skipped"

            def addUnexpectedSuccess(self, test):
                super().addUnexpectedSuccess(test)
                self.status = "failed"

        class Runner(unittest.TextTestRunner):
            resultclass = Result

        words = request.get("tests") or self.arguments
        program = unittest.main(module=None, argv=["python -m unittest", *words], testRunner=Runner, exit=False)
        recorder.finished = True
        recorder.collected = program.result.testsRun
        return 0 if program.result.wasSuccessful() and program.result.testsRun else 1

    # -- many runs from one loaded session -------------------------------------------------------------------------

    def ask_loaded(self, request):
        """Have the loaded session fork a child with the changed functions swapped in, and run its tests there."""
        if self.loaded is None:
            self.load(request)
        _, ask, answer = self.loaded
        os.write(ask, (json.dumps(request) + "\n").encode())
        line = bytearray()
        deadline = time.monotonic() + request["seconds"] + 5
        while not line.endswith(b"\n"):
            left = deadline - time.monotonic()
            data = os.read(answer, 1 << 16) if left > 0 and select.select([answer], [], [], left)[0] else b""
            if not data:
                self.unload()
                return {"outcomes": {}, "finished": False, "exit": None, "output": "", "unloadable": True}
            line += data
        return json.loads(line)

    def load(self, request):
        ask_read, ask_write = os.pipe()
        answer_read, answer_write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                for stream in (ask_write, answer_read, *self.private):
                    os.close(stream)
                nothing = os.open(os.devnull, os.O_RDWR)
                os.dup2(nothing, 1)
                os.dup2(nothing, 2)
                for name in request["files"]:
                    self.tree.write(name)
                self.private = (ask_read, answer_write)
                self.session({"test_seconds": None}, answer_write, Loaded(self, ask_read, answer_write))
            finally:
                os._exit(1)
        os.close(ask_read)
        os.close(answer_write)
        self.loaded = (child, ask_write, answer_read)

    def unload(self):
        child, ask, answer = self.loaded
        self.loaded = None
        os.close(ask)
        os.close(answer)
        self.end_group(child)

    def serve(self):
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
        answers.write((json.dumps({"ready": True, "pytest": version, "python": sys.version.split()[0]}) + "\n").encode())
        answers.flush()
        for line in requests:
            request = json.loads(line)
            run = self.command if self.framework == "command" or request.get("spawn") else self.run
            answers.write((json.dumps(run(request)) + "\n").encode())
            answers.flush()

    @staticmethod
    def warm(pytest):
        """Run pytest once over nothing, so that it and its plugins are loaded when children fork."""
        import tempfile

        here = os.getcwd()
        with tempfile.TemporaryDirectory() as empty:
            os.chdir(empty)
            pytest.main(["-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", empty, empty])
            os.chdir(here)
        sys.stdout.flush()
        sys.stderr.flush()

    def command(self, request):
        """Run the test command as a program of its own; only its exit status speaks."""

        def work(send):
            nothing = os.open(os.devnull, os.O_RDONLY)
            os.dup2(nothing, 0)
            os.chdir(self.root)
            pid = os.fork()
            if pid == 0:
                os.close(send)
                try:
                    os.execvp(request["argv"][0], request["argv"])
                finally:
                    os._exit(127)
            status = os.waitpid(pid, 0)[1]
            code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
            result = {"outcomes": {}, "finished": True, "exit": code, "collected": None}
            os.write(send, json.dumps(result).encode())

        for name, text in request.get("files", {}).items():
            self.tree.write(name, text)
        try:
            return self.forked(work, request["seconds"], request.get("memory_bytes"))
        finally:
            self.sweep()
            self.tree.restore()


class Loaded:
    """A pytest plugin that stops a session after collection and forks it for each candidate."""

    def __init__(self, worker, ask, answer):
        self.worker, self.ask, self.answer = worker, os.fdopen(ask, "rb"), answer
        self.functions = {}

    def pytest_runtestloop(self, session):
        import gc

        gc.collect()
        live = [item for item in gc.get_objects() if type(item) is type(report)]
        gc.freeze()  # what is shared with the children stays shared
        for line in self.ask:
            request = json.loads(line)
            swapped = self.swap(request, live)
            if swapped is None:
                result = {"outcomes": {}, "finished": False, "exit": None, "output": "", "unloadable": True}
            else:
                wanted = set(request["tests"] or ())
                items = [item for item in session.items if not wanted or item.nodeid in wanted]
                result = self.worker.forked(lambda send: self.child(session, items, swapped, request, send),
                                            request["seconds"], request.get("memory_bytes"))
            os.write(self.answer, (json.dumps(result) + "\n").encode())
        os._exit(0)

    def child(self, session, items, swapped, request, send):
        for function, code in swapped:
            function.__code__ = code
        recorder = next(p for p in session.config.pluginmanager.get_plugins() if isinstance(p, Recorder))
        recorder.test_seconds = request.get("test_seconds")
        recorder.outcomes.clear()
        session.config.option.tbstyle = "native"  # a pretty traceback costs more than most tests
        for index, item in enumerate(items):
            following = items[index + 1] if index + 1 < len(items) else None
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            error = recorder.outcomes[item.nodeid].get("error", {})
            if error.get("type", "").endswith("TimeLimit"):
                break  # what loops once loops again
        recorder.finished, recorder.collected = True, len(items)
        report(send, recorder, 0, None)

    def swap(self, request, live):
        """Pairs of live function and new code, or None if some change is not inside a function."""
        pairs = []
        for name, text in request["files"].items():
            path = os.path.join(self.worker.root, name)
            if path not in self.functions:
                self.functions[path] = [f for f in live if f.__code__.co_filename == path]
            before = self.worker.tree.files[name][0].decode()
            codes = {}
            pair_codes(compile(before, path, "exec"), compile(text, path, "exec"), codes)
            for function in self.functions[path]:
                code = codes.get((function.__code__.co_name, function.__code__.co_firstlineno))
                if code is None:
                    continue
                if len(code.co_freevars) != len(function.__code__.co_freevars):
                    return None
                pairs.append((function, code))
        return pairs or None


def pair_codes(before, after, found):
    """Match the code objects of two versions of a module, in order of appearance."""
    kind = type(before)
    old, new = [[c for c in code.co_consts if isinstance(c, kind)] for code in (before, after)]
    for one, two in zip(old, new):
        found[(one.co_name, one.co_firstlineno)] = two
        pair_codes(one, two, found)


def too_long(number, frame):
    raise TimeLimit("the test took too long")


def report(send, recorder, code, tracer):
    """Send a run's outcome to the worker, whole."""
    result = {"outcomes": recorder.outcomes, "finished": recorder.finished, "exit": code,
              "collected": recorder.collected, "lines": tracer.result() if tracer else {}}
    data = json.dumps(result).encode()
    while data:
        data = data[os.write(send, data):]


if __name__ == "__main__":
    Worker(sys.argv[1], sys.argv[2], sys.argv[3:]).serve()
