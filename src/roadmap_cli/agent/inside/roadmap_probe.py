"""Checks that the tests do not have, made from their own inputs; runs in the sandbox, in the project's interpreter.

``record`` runs the tests and writes down with which arguments they reach some functions. ``compare`` calls a function
with those arguments, and with small changes of them, and writes down what came of each call in a form that can be
compared between two versions of the function. Both write JSON to the path given first.
"""

# Any Python from 3.8 on runs this, pytest names its methods, and files are handled at the level of the system.
# ruff: noqa: D102, D103, PTH109, PTH110, PTH118, PTH122, PTH123, RUF005

from __future__ import annotations

import ast
import hashlib
import importlib
import json
import os
import random
import re
import signal
import sys
import time
from itertools import islice
from typing import Any

TEXT_LIMIT, CALLS_LIMIT, CALLS_OF_A_TEST = 2000, 300, 20
CALL_S, WALL_S, TEST_S, HANGS = 0.1, 0.5, 1.0, 4
PLAIN = (int, float, str, bytes, bool, type(None))


class TimeLimit(BaseException):
    """A call took too long."""


def plain(value: Any, depth: int = 0) -> bool:
    """Whether a value is made of literals only."""
    if isinstance(value, PLAIN) and type(value) in PLAIN:
        return not (isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))))
    if depth > 6 or type(value) not in (list, tuple, dict, set) or len(value) > 200:
        return False
    if isinstance(value, dict):
        return all(plain(k, depth + 1) and plain(v, depth + 1) for k, v in value.items())
    return all(plain(item, depth + 1) for item in value)


class Calls:
    """Writes down calls of some functions: a profile function, so that nothing of the project is replaced."""

    def __init__(self, targets: Any) -> None:
        self.targets = {(path, name, line): index for index, (path, name, line) in enumerate(targets)}
        self.test: Any = None
        self.found: Any = []
        self.seen: Any = set()
        self.counts: Any = {}
        self.failing: Any = set()

    def __call__(self, frame: Any, event: Any, argument: Any) -> None:
        if event != "call":
            return
        code = frame.f_code
        index = self.targets.get((code.co_filename, code.co_name, code.co_firstlineno))
        if index is None or len(self.found) >= CALLS_LIMIT or self.counts.get(self.test, 0) >= CALLS_OF_A_TEST:
            return
        own, named = frame.f_locals, code.co_varnames
        positional = [own[name] for name in named[: code.co_argcount]]
        at = code.co_argcount + code.co_kwonlyargcount
        keywords = {name: own[name] for name in named[code.co_argcount : at]}
        if code.co_flags & 4:
            positional += own[named[at]]
            at += 1
        if code.co_flags & 8:
            keywords.update(own[named[at]])
        if not plain(positional) or not plain(keywords):
            return
        text = repr((positional, keywords))
        if len(text) > TEXT_LIMIT or (index, text, self.test) in self.seen:
            return
        self.seen.add((index, text, self.test))
        self.counts[self.test] = self.counts.get(self.test, 0) + 1
        self.found.append({"function": index, "call": text, "test": self.test})

    # -- pytest's hooks
    def pytest_runtest_logstart(self, nodeid: Any, location: Any) -> None:
        self.test = nodeid

    def pytest_runtest_setup(self, item: Any) -> None:
        self.begin()

    def pytest_runtest_teardown(self, item: Any) -> None:
        self.end()

    def begin(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, TEST_S)
        sys.setprofile(self)

    @staticmethod
    def end() -> None:
        sys.setprofile(None)
        signal.setitimer(signal.ITIMER_REAL, 0)

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self.failing.add(report.nodeid)


def record(spec: Any) -> Any:
    root = os.getcwd()
    signal.signal(signal.SIGALRM, too_long)
    calls = Calls([(os.path.join(root, file), name, line) for file, name, line in spec["functions"]])
    if spec["framework"] == "pytest":
        import pytest

        pytest.main([*spec["arguments"], "-p", "no:cacheprovider", "--capture=fd", "-q"], plugins=[calls])
    else:
        import unittest

        class Result(unittest.TextTestResult):
            def startTest(self, test: Any) -> None:
                super().startTest(test)
                calls.test = test.id()
                calls.begin()

            def stopTest(self, test: Any) -> None:
                calls.end()
                super().stopTest(test)

            def addFailure(self, test: Any, err: Any) -> None:
                super().addFailure(test, err)
                calls.failing.add(test.id())

            def addError(self, test: Any, err: Any) -> None:
                super().addError(test, err)
                calls.failing.add(test.id())

        class Runner(unittest.TextTestRunner):
            resultclass = Result  # type: ignore[assignment]

        unittest.main(module=None, argv=["unittest", *spec["arguments"]], testRunner=Runner, exit=False)
    calls.end()
    return {"calls": calls.found, "failing": sorted(calls.failing)}


# -- variants of values ------------------------------------------------------------------------------------------------


def changed(value: Any, chance: random.Random) -> Any:
    """A value near another one."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return chance.choice([value + 1, value - 1, 0, 1, -value, value * 2, value + chance.randint(-10, 10)])
    if isinstance(value, float):
        return chance.choice([value + 1.0, value - 0.5, -value, value * 2, 0.0])
    if isinstance(value, str):
        return changed_text(value, chance)
    if isinstance(value, bytes):
        return value[: len(value) // 2] if value else b"a"
    if isinstance(value, (list, tuple)):
        return type(value)(changed_items(list(value), chance))
    if isinstance(value, dict):
        items = list(value.items())
        if items and chance.random() < 0.6:
            key, old = chance.choice(items)
            return {**value, key: changed(old, chance)}
        return dict(items[1:])
    if isinstance(value, set):
        items = sorted(value, key=repr)
        return set(changed_items(items, chance)) if items else {1}
    return value


def changed_text(value: str, chance: random.Random) -> str:
    if not value:
        return chance.choice(["a", " ", "0"])
    at = chance.randrange(len(value))
    return chance.choice(
        [value[:at] + value[at + 1 :], value[:at] + value[at] + value[at:], value[::-1], "", value.swapcase()]
        + [value[:at] + chance.choice("ab01 .-") + value[at + 1 :], value + value]
    )


def changed_items(items: Any, chance: random.Random) -> Any:
    if not items:
        return [chance.choice([0, 1])]
    at = chance.randrange(len(items))
    way = chance.randrange(7)
    if way == 0:
        return items[:at] + items[at + 1 :]
    if way == 1:
        return items[:at] + [items[at]] + items[at:]
    if way == 2:
        return items[::-1]
    if way == 3:
        return items[: at + 1]
    if way == 4:
        other = chance.randrange(len(items))
        items = list(items)
        items[at], items[other] = items[other], items[at]
        return items
    return items[:at] + [changed(items[at], chance)] + items[at + 1 :]


def inputs(calls: Any, count: Any) -> Any:
    """The recorded calls, then variants of them: the same for the same calls."""
    chance = random.Random(hashlib.sha256(json.dumps(calls).encode()).hexdigest())
    every = [ast.literal_eval(call) for call in calls]
    seen = {repr(entry) for entry in every}
    more: list[Any] = []
    for _ in range(count * 10):
        if len(more) >= count or not every:
            break
        positional, keywords = ast.literal_eval(repr(chance.choice(every)))
        slots = [(positional, at) for at in range(len(positional))] + [(keywords, name) for name in keywords]
        if not slots:
            break
        for _ in range(chance.choice([1, 1, 2])):
            place, key = chance.choice(slots)
            place[key] = changed(place[key], chance)
        entry = (positional, keywords)
        if repr(entry) not in seen and len(repr(entry)) <= 4 * TEXT_LIMIT:
            seen.add(repr(entry))
            more.append(entry)
    return every + more


# -- calls -------------------------------------------------------------------------------------------------------------


def load(file: Any) -> Any:
    """Import a file of the project under the name that its package gives it."""
    folder, name = os.path.split(os.path.join(os.getcwd(), file))
    parts = [os.path.splitext(name)[0]]
    while os.path.exists(os.path.join(folder, "__init__.py")):
        folder, part = os.path.split(folder)
        parts.insert(0, part)
    if parts[-1] == "__init__":
        parts.pop()
    sys.path[:0] = [folder, os.getcwd()]
    return importlib.import_module(".".join(parts))


def told(value: Any) -> str:
    """A value as text that is equal for equal values: no addresses, floats to nine digits."""
    if hasattr(value, "__next__"):
        value = list(islice(value, 1000))
    text = repr(value)[:100_000]
    text = re.sub(r"0x[0-9a-fA-F]+", "0x", text)
    return re.sub(r"-?\d+\.\d+(?:e[+-]?\d+)?", lambda found: f"{float(found[0]):.9g}", text)


def outcome(function: Any, call: Any) -> str:
    positional, keywords = call
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, CALL_S)
        signal.setitimer(signal.ITIMER_REAL, WALL_S)
        try:
            result = told(function(*positional, **keywords))
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)
        text = f"v{result}\0{told(positional)}"
    except TimeLimit:
        return "t"
    except BaseException as error:  # noqa: BLE001 - whatever the project raises is an outcome
        return f"e{type(error).__name__}"
    return "v" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def too_long(number: Any, frame: Any) -> None:
    raise TimeLimit


def compare(spec: Any) -> Any:
    every = inputs(spec["calls"], spec["count"])
    deadline = time.monotonic() + spec["seconds"]
    signal.signal(signal.SIGVTALRM, too_long)
    signal.signal(signal.SIGALRM, too_long)
    function = getattr(load(spec["file"]), spec["function"])
    results: list[str] = []
    for call in every:  # what hangs again and again is not asked further
        over = time.monotonic() > deadline or results.count("t") >= HANGS
        results.append("-" if over else outcome(function, call))
    return {"recorded": len(spec["calls"]), "results": results}


if __name__ == "__main__":
    report, mode, place = sys.argv[1:4]
    with open(place) as file:
        wanted = json.load(file)
    sys.path[0] = os.getcwd()  # not this folder: the project must not find our modules
    answer = record(wanted) if mode == "record" else compare(wanted)
    with open(report, "w") as file:
        json.dump(answer, file)
