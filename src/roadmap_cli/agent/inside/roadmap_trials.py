"""Many candidates on one loaded session: functions exchanged in place, the deciding assertions run by plain calls.

A trial only refutes or recommends: what passes here is run again as a whole suite in a session of its own. Candidates
of one batch share a process; if the unchanged code no longer behaves as before at the batch's end, the batch says so
and is run again with a process for each. A candidate that hangs where no signal reaches it costs only itself.
"""

# Any Python from 3.8 on runs this, pytest names its methods, and files are handled at the level of the system.
# ruff: noqa: B905, BLE001, D102, D103, PTH118

from __future__ import annotations

import copy
import functools
import hashlib
import inspect
import json
import os
import resource
import signal
import sys
import time
from typing import Any

from roadmap_exchange import Exchange, digest  # type: ignore[import-not-found]
from roadmap_inputs import generated, plain, short, type_of  # type: ignore[import-not-found]
from roadmap_recorder import TimeLimit  # type: ignore[import-not-found]

_STALL_S, _AGAIN_S, _GRACE_S = 10.0, 0.002, 0.1
_HEADROOM = 64 << 20


class Clock:
    """A limit on processor time that raises TimeLimit in the code that runs, again and again until it leaves.

    The alarm rings by the wall clock, which is exact to microseconds where timers of processor time are not, and looks
    at the processor time then; code that only waits is stopped some time later. A single operation that takes long,
    such as a power with many digits, hears no signal: after some more time the process is ended by one that needs none.
    """

    def __init__(self) -> None:
        self.armed = self.expired = False
        self.until = self.at_last = 0.0
        signal.signal(signal.SIGALRM, self.ring)
        signal.signal(signal.SIGPROF, signal.SIG_DFL)

    def ring(self, number: Any, frame: Any) -> Any:
        if self.armed and (time.thread_time() >= self.until or time.monotonic() >= self.at_last):
            self.expired = True
            raise TimeLimit("took too long")

    def start(self, seconds: Any) -> Any:
        self.expired, self.armed = False, True
        self.until, self.at_last = time.thread_time() + seconds, time.monotonic() + 1 + 20 * seconds
        signal.setitimer(signal.ITIMER_REAL, seconds, max(_AGAIN_S, seconds / 4))
        signal.setitimer(signal.ITIMER_PROF, 3 * seconds + _GRACE_S)

    def stop(self) -> Any:
        self.armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)


class Probe:
    """One test as a call. Tests with fixtures go through pytest's own protocol."""

    def __init__(self, item: Any) -> None:
        self.item = item
        self.call = self.plain(item)
        self.starved = False

    def neighbour(self) -> Any:
        others = (i for i in self.item.session.items if i.parent is self.item.parent and i is not self.item)
        return next(others, None)

    @staticmethod
    def plain(item: Any) -> Any:
        given = dict(getattr(getattr(item, "callspec", None), "params", {}))
        target = getattr(item, "obj", None)
        if type(item).__name__ != "Function" or not callable(target) or inspect.iscoroutinefunction(target):
            return None
        if any(mark.name != "parametrize" for mark in item.iter_markers()) or getattr(item, "_indirect", None):
            return None
        if not set(item.fixturenames) <= set(given) or set(inspect.signature(target).parameters) != set(given):
            return None
        return functools.partial(target, **given) if given else target

    def passes(self) -> Any:
        """Whether it passes. TimeLimit leaves it; everything else is a failure."""
        if self.call is None:
            from _pytest.runner import runtestprotocol

            # with a neighbour as the next, fixtures of the module and above stay
            reports = runtestprotocol(self.item, log=False, nextitem=self.neighbour())
            return all(r.passed for r in reports) and any(r.when == "call" for r in reports)
        try:
            self.call()
        except TimeLimit:
            raise
        except BaseException as error:
            self.starved = isinstance(error, MemoryError)
            return False
        return True


class Trials:
    """Answers the requests that need a loaded session: trials, observations, comparisons."""

    def __init__(self, worker: Any, session: Any) -> None:
        self.worker = worker
        self.items = {item.nodeid: item for item in session.items}
        self.exchange = Exchange(worker.root, lambda name: worker.tree.files[name][0])
        self.known: Any = {}
        self.memory = _HEADROOM

    def answer(self, request: Any) -> Any:
        return getattr(self, request["ask"])(request)

    def probes(self, names: Any) -> Any:
        return [Probe(self.items[name]) for name in names if name in self.items]

    # -- trials ----------------------------------------------------------------------------------------------------

    def trials(self, request: Any) -> Any:
        """One result for each candidate: [mended, left, broken], or a word why there is none."""
        wanted = request["candidates"]
        results: Any = []
        deadline = time.monotonic() + request["seconds"]
        alone = request.get("alone", False)
        clean = True
        while len(results) < len(wanted) and clean and time.monotonic() < deadline:
            start, stop = len(results), len(results) + 1 if alone else len(wanted)
            said, last, ended = self.spoken(request, start, stop, deadline)
            if last is None and said and request.get("sentinel") is not None:
                # ended by one candidate, so nobody has looked whether those before it disturbed one another
                again, last, _ = self.spoken(request, start, start + len(said), deadline)
                clean = last is None or last.get("clean", True)
                said, last = again, None
            elif last is not None:
                clean = last.get("clean", True)
            for key, result in said if clean else ():
                results.append(result)
                if key:
                    self.known[key] = result
            if last is not None and last.get("late"):
                break
            if last is None and clean and len(results) < stop:
                results.append("hung" if not ended else "died")
        if not clean:
            self.known.clear()
        return {"results": results, "clean": clean}

    def spoken(self, request: Any, start: Any, stop: Any, deadline: Any) -> Any:
        """Run a batch in a child: results with their keys, its last word or None, whether it ended by itself."""
        lines, ended = self.worker.spoken(
            lambda send: self.batch(request, send, start, stop, deadline),
            max(0.1, deadline - time.monotonic()) + _STALL_S,
            stall=_STALL_S + 4 * request["limit"],
        )
        last = lines.pop() if lines and isinstance(lines[-1], dict) else None
        return lines, last, ended

    def batch(self, request: Any, send: Any, start: Any, stop: Any, deadline: Any) -> Any:
        failing, passing = self.probes(request["failing"]), self.probes(request["passing"])
        confine(self.memory)
        clock = Clock()
        known: Any = {}
        probed = hashlib.sha256(json.dumps([request["failing"], request["passing"]]).encode()).hexdigest()[:8]
        for index in range(start, stop):
            if time.monotonic() > deadline:
                tell(send, {"late": True})
                return
            name, edits = request["candidates"][index]
            key: Any = None
            try:
                pairs = self.exchange.codes(name, edits)
                key = probed + digest(pairs) if pairs else None
            except Exception:
                tell(send, [None, "invalid"])
                continue
            if pairs is None:
                result: Any = "unloadable"
            else:
                result = self.known.get(key) or known.get(key)
                if result is None:
                    result = known[key] = self.judge(pairs, failing, passing, clock, request["limit"])
            tell(send, [key, result])
        looked = request.get("sentinel")
        tell(send, {"clean": looked is None or self.unchanged(self.probes(looked), passing, clock, request["limit"])})

    def unchanged(self, failing: Any, passing: Any, clock: Any, limit: Any) -> Any:
        """Whether the unchanged code still fails and passes as it did before the candidates ran."""
        self.exchange.clear()
        wanted = [(probe, False) for probe in failing] + [(probe, True) for probe in passing]
        return all(self.timed(probe, clock, 4 * limit)[0] == passes for probe, passes in wanted)

    @staticmethod
    def timed(probe: Any, clock: Any, limit: Any) -> Any:
        """Whether a probe passes, and its processor time; a limit counts as a failure."""
        since = time.thread_time()
        try:
            clock.start(limit)
            passes = probe.passes()
            clock.stop()
        except TimeLimit:
            passes = False
        finally:
            clock.stop()
        return passes and not clock.expired, time.thread_time() - since, clock.expired or probe.starved

    def judge(self, pairs: Any, failing: Any, passing: Any, clock: Any, limit: Any) -> Any:
        before = [(function, function.__code__) for function, _ in pairs]
        self.exchange.clear()
        for function, code in pairs:
            function.__code__ = code
        mended = left = broken = 0
        try:
            clock.start(limit)
            for probe in failing:
                if probe.passes() and not clock.expired:
                    mended += 1
                else:
                    left += 1
                if clock.expired:
                    break
            for probe in passing if mended and not clock.expired else ():
                if not probe.passes() or clock.expired:
                    broken += 1
                    if broken > 2 or clock.expired:
                        break
            clock.stop()
        except TimeLimit:
            clock.stop()
            left += 1
        finally:
            clock.stop()
            for function, code in before:
                function.__code__ = code
        if clock.expired:
            return [0, len(failing), 0]
        return [mended, len(failing) - mended, broken]

    # -- observations ------------------------------------------------------------------------------------------------

    def observe(self, request: Any) -> Any:
        """Which types the project's variables have, by file, line of the function and name; and how long tests take."""
        lines, _ = self.worker.spoken(lambda send: self.watch(request, send), request["seconds"])
        seen = lines[-1] if lines and isinstance(lines[-1], dict) else {}
        self.memory = _HEADROOM + 4 * seen.get("grown_bytes", 0)
        return seen

    def watch(self, request: Any, send: Any) -> Any:
        paths = {os.path.join(self.worker.root, name): name for name in request["sources"]}
        found: Any = {}
        confine(4 * _HEADROOM)
        clock = Clock()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        def enter(frame: Any, event: Any, argument: Any) -> Any:
            name = paths.get(frame.f_code.co_filename)
            if name is None:
                return None
            place = found.setdefault(f"{name}:{frame.f_code.co_firstlineno}:{frame.f_code.co_name}", {})
            if place.setdefault("#", 0) >= 200:
                return None
            place["#"] += 1

            def leave(frame: Any, event: Any, argument: Any) -> Any:
                if event in ("return", "exception"):
                    for variable, value in frame.f_locals.items():
                        note(place, variable, value)
                    if event == "return" and argument is not None:
                        note(place, "return", argument)
                return leave

            leave(frame, "return", None)  # the arguments as they came
            frame.f_trace_lines = False
            return leave

        def note(place: Any, variable: Any, value: Any) -> Any:
            kinds = place.setdefault(variable, [])
            kind = type_of(value)
            if kind not in kinds and len(kinds) < 4:
                kinds.append(kind)

        times: Any = {}
        probes = [Probe(i) for name, i in self.items.items() if name.partition("::")[0] in request["files_of"]]
        for probe in probes:
            times[probe.item.nodeid] = self.timed(probe, clock, request["limit"] / 10)
        for probe in [probe for probe in probes if times[probe.item.nodeid][2]]:
            times[probe.item.nodeid] = self.timed(probe, clock, request["limit"])
            if times[probe.item.nodeid][2]:
                break  # what waits for ever in one of them does so in all
        quick = [probe for probe in probes if not times[probe.item.nodeid][2]]
        for probe in quick[:60] or probes[:1]:
            sys.settrace(enter)
            try:
                clock.start(request["limit"])
                probe.passes()
                clock.stop()
            except TimeLimit:
                pass
            finally:
                sys.settrace(None)
                clock.stop()
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        tell(send, {"types": found, "times": times, "grown_bytes": 1024 * grown})

    # -- comparison --------------------------------------------------------------------------------------------------

    def compare(self, request: Any) -> Any:
        """What each candidate's function does on the inputs that the tests give it and on others like them.

        The first of `outcomes` is the unchanged code's. An outcome is a hash of the result and of the arguments
        afterwards, or the name of an error in brackets.
        """
        lines, ended = self.worker.spoken(
            lambda send: self.call_all(request, send), request["seconds"], stall=_STALL_S + 40 * request["limit"]
        )
        rows = [line for line in lines if isinstance(line, list)]
        rest = lines[-1] if lines and isinstance(lines[-1], dict) else {}
        return {"outcomes": rows, "inputs": rest.get("inputs", []), "finished": ended and bool(rest)}

    def call_all(self, request: Any, send: Any) -> Any:
        confine(self.memory)
        clock = Clock()
        _, _, functions, _, _ = self.exchange.of_file(request["file"])
        targets = [(place, f) for place, live in functions.items() for f in live if list(place) == request["function"]]
        if not targets:
            tell(send, {"inputs": []})
            return
        target = targets[0][1]
        seen = self.arguments(target.__code__, request, clock)
        inputs = generated(seen, request["count"], request["seed"])
        for name, edits in [[request["file"], []], *request["candidates"]]:
            try:
                pairs = self.exchange.codes(name, edits) if edits else []
            except Exception:
                pairs = None
            if pairs is None:
                tell(send, [])
                continue
            before = [(function, function.__code__) for function, _ in pairs]
            for function, code in pairs:
                function.__code__ = code
            row = []
            slow = 0
            for arguments in inputs:
                self.exchange.clear()
                row.append(self.outcome(target, arguments, clock, request["limit"]) if slow < 6 else "(slow)")
                slow += row[-1] == "(TimeLimit)"
            for function, code in before:
                function.__code__ = code
            tell(send, row)
        tell(send, {"inputs": [short(value) for value in inputs[:200]]})

    def arguments(self, code: Any, request: Any, clock: Any) -> Any:
        """The arguments of the outermost calls of a function while the tests run."""
        seen: Any = []
        names = code.co_varnames[: code.co_argcount]
        depth = [0]

        def called(frame: Any, event: Any, argument: Any) -> Any:
            if frame.f_code is not code:
                return
            if event == "call":
                depth[0] += 1
                if depth[0] == 1 and len(seen) < 300:
                    try:
                        seen.append(copy.deepcopy([frame.f_locals[n] for n in names]))
                    except Exception:
                        return
            elif event == "return":
                depth[0] -= 1

        for probe in self.probes(request["tests"]):
            depth[0] = 0
            sys.setprofile(called)
            try:
                clock.start(request["limit"])
                probe.passes()
                clock.stop()
            except TimeLimit:
                pass
            finally:
                sys.setprofile(None)
                clock.stop()
        return seen

    @staticmethod
    def outcome(target: Any, arguments: Any, clock: Any, limit: Any) -> Any:
        try:
            given = copy.deepcopy(arguments)
            clock.start(limit)
            result = target(*given)
            if inspect.isgenerator(result):
                result = list(zip(range(1000), result))
            words = plain(result) + " after " + plain(given)
            clock.stop()
        except TimeLimit:
            return "(TimeLimit)"
        except BaseException as error:
            return "(" + type(error).__name__ + ")"
        finally:
            clock.stop()
        return hashlib.sha256(words.encode("utf-8", "replace")).hexdigest()[:12]


def confine(more: Any) -> Any:
    """Lower the memory that candidates may take to what is in use and `more` bytes: what eats it up takes long."""
    with open("/proc/self/statm") as file:  # noqa: PTH123
        used = int(file.read().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = used + more
    for known in (soft, hard):
        if known != resource.RLIM_INFINITY:
            limit = min(limit, known)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def tell(send: Any, value: Any) -> Any:
    data = json.dumps(value).encode() + b"\n"
    while data:
        data = data[os.write(send, data) :]
