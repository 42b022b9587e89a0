"""A pytest session that stops after collection and is forked once for each candidate."""

# Any Python from 3.8 on runs this, pytest names its methods, and files are handled at the level of the system.
# ruff: noqa: B023, D102, PTH118

from __future__ import annotations

import gc
import json
import os
from types import FunctionType
from typing import Any

from roadmap_exchange import pair_codes  # type: ignore[import-not-found]
from roadmap_recorder import Recorder, report  # type: ignore[import-not-found]
from roadmap_trials import Trials  # type: ignore[import-not-found]


class Loaded:
    """A pytest plugin that stops a session after collection and forks it for each candidate."""

    def __init__(self, worker: Any, ask: Any, answer: Any) -> None:
        self.worker, self.ask, self.answer = worker, os.fdopen(ask, "rb"), answer
        self.functions: Any = {}

    def pytest_runtestloop(self, session: Any) -> Any:
        gc.collect()
        live = [item for item in gc.get_objects() if type(item) is FunctionType]
        trials = Trials(self.worker, session)
        gc.freeze()  # what is shared with the children stays shared
        for line in self.ask:
            request = json.loads(line)
            if request.get("ask"):
                os.write(self.answer, (json.dumps(trials.answer(request)) + "\n").encode())
                continue
            swapped = self.swap(request, live)
            if swapped is None:
                result = {"outcomes": {}, "finished": False, "exit": None, "output": "", "unloadable": True}
            else:
                wanted = set(request["tests"] or ())
                items = [item for item in session.items if not wanted or item.nodeid in wanted]
                result = self.worker.forked(
                    lambda send: self.child(session, items, swapped, request, send),
                    request["seconds"],
                    request.get("memory_bytes"),
                )
            os.write(self.answer, (json.dumps(result) + "\n").encode())
        os._exit(0)

    def child(self, session: Any, items: Any, swapped: Any, request: Any, send: Any) -> Any:
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

    def swap(self, request: Any, live: Any) -> Any:
        """Pairs of live function and new code, or None if some change is not inside a function."""
        pairs = []
        for name, text in request["files"].items():
            path = os.path.join(self.worker.root, name)
            if path not in self.functions:
                self.functions[path] = [f for f in live if f.__code__.co_filename == path]
            before = self.worker.tree.files[name][0]
            codes: Any = {}
            pair_codes(compile(before, path, "exec"), compile(text.encode(), path, "exec"), codes)
            for function in self.functions[path]:
                code = codes.get((function.__code__.co_name, function.__code__.co_firstlineno))
                if code is None:
                    continue
                if len(code.co_freevars) != len(function.__code__.co_freevars):
                    return None
                pairs.append((function, code))
        return pairs or None
