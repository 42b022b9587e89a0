"""One step as a real child process: every way it can end."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.unit.wf import plans

from roadmap_cli.core.records import Record
from roadmap_cli.wf import actions
from roadmap_cli.wf.running import leases, runs, steps

PYTHON = sys.executable


@pytest.fixture
def around(tmp_path: Path) -> Iterator[steps.Surroundings]:
    """Surroundings with a held lease."""
    with plans.lease(tmp_path / "state.db", "run") as lease:
        yield steps.Surroundings({"PATH": "/usr/bin:/bin", "SECRET": "x", "ROADMAP_STATE": "s"}, lease)


def done(around: steps.Surroundings, folder: Path, given: Mapping[str, str] | None = None, **more: Any) -> Record:
    step = {"action": "command", "output": "text", "timeout_s": 10.0, **more}
    return steps.perform(step, lambda name: {"v": 1, "name": name}, folder, given or {}, around)


def code(text: str) -> list[str]:
    return [PYTHON, "-c", text]


def test_input_output_and_environment(around: steps.Surroundings, tmp_path: Path) -> None:
    text = "import json,os,sys; print(json.dumps([json.load(sys.stdin), sorted(os.environ)]))"
    found = done(around, tmp_path, {"GIVEN": "g"}, command=code(text), input={"x": "${steps.a.output}"}, output="json")
    value, names = found["output"]
    assert value == {"x": {"v": 1, "name": "steps.a.output"}}
    assert {"GIVEN", "ROADMAP_STATE"} <= set(names)
    assert "SECRET" not in names


@pytest.mark.parametrize(
    ("command", "failure", "reason"),
    [
        (code("import sys; sys.exit(75)"), "transient", "exit code 75"),
        (code("import sys; sys.exit('no such thing')"), "unknown", "exit code 1: no such thing"),
        (code("import sys; sys.exit(65)"), "permanent", "exit code 65"),
        (code("import os; os.kill(os.getpid(), 9)"), "transient", "signal 9"),
        (["no-such-program"], "permanent", "no program"),
        (["/etc/passwd"], "permanent", "cannot be run"),
        (code("print('x' * 2_000_000)"), "permanent", "bytes of output"),
        (code("import os; os.write(1, b'\\xff')"), "permanent", "not UTF-8"),
    ],
)
def test_failures_are_told_apart(
    around: steps.Surroundings, tmp_path: Path, command: list[str], failure: str, reason: str
) -> None:
    found = done(around, tmp_path, command=command)
    assert (found["status"], found["failure"]) == ("failed", failure)
    assert reason in found["reason"]


def test_too_slow_is_ended_with_all_its_children(around: steps.Surroundings, tmp_path: Path) -> None:
    began = time.monotonic()
    length = f"61.{os.getpid()}"  # nobody else on the machine sleeps so long
    shell = f"trap '' TERM; sleep {length} & sleep {length}"
    found = done(around, tmp_path, action="shell", shell=shell, timeout_s=0.3)
    assert (found["failure"], found["reason"]) == ("transient", "not done after 0.3 s")
    assert time.monotonic() - began < 8

    def running() -> str:
        return subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout

    ends = time.monotonic() + 10  # killed they are; on a busy machine the kernel takes its time to end them
    while f"sleep {length}" in running():
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_a_left_behind_child_does_not_hold_the_step(around: steps.Surroundings, tmp_path: Path) -> None:
    began = time.monotonic()
    found = done(around, tmp_path, action="shell", shell="sleep 62.5 & echo done")
    assert found["output"] == "done"
    assert time.monotonic() - began < 5


def test_much_input_that_nobody_reads(around: steps.Surroundings, tmp_path: Path) -> None:
    assert done(around, tmp_path, command=["true"], input="x" * 1_000_000)["status"] == "succeeded"
    assert done(around, tmp_path, command=["wc", "-c"], input="x" * 1_000_000)["output"].strip() == "1000000"


def test_asked_to_stop_it_stops(around: steps.Surroundings, tmp_path: Path) -> None:
    threading.Timer(0.2, around.stop.set).start()
    with pytest.raises(actions.Stopped):
        done(around, tmp_path, command=["sleep", "63.5"])


def test_an_output_of_lines_is_a_list(around: steps.Surroundings, tmp_path: Path) -> None:
    assert done(around, tmp_path, command=["printf", '{"a":1}\n{"a":2}\n'], output="json")["output"] == [
        {"a": 1},
        {"a": 2},
    ]
    assert done(around, tmp_path, command=["true"], output="json")["failure"] == "permanent"
    for text, values in (("", []), ('{"a":1}\n', [{"a": 1}]), ('{"a":1}\n\n{"a":2}', [{"a": 1}, {"a": 2}])):
        assert done(around, tmp_path, command=["printf", text], output="records")["output"] == values
    assert done(around, tmp_path, command=["echo", "{"], output="records")["failure"] == "permanent"


def test_a_run_is_held_by_one_and_by_its_programs(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    with plans.lease(state, "r") as lease:
        assert leases.take(state, "r") is None
        with plans.lease(state, "other"):
            pass
        left = subprocess.Popen(["sleep", "1"], pass_fds=(lease,))
    assert leases.take(state, "r") is None
    assert left.wait(5) == 0
    with plans.lease(state, "r"):
        pass
    leases.forget(state, "r")
    leases.forget(state, "r")
    assert not list(tmp_path.glob("*.r.lock"))


def test_waits_between_tries_grow_to_a_limit() -> None:
    retry = {"first_s": 1.0, "factor": 2.0, "most_s": 5.0, "jitter_ratio": 0.0}
    assert [runs.retry_after(retry, attempt) for attempt in (1, 2, 3, 4)] == [1, 2, 4, 5]
    assert all(0.5 <= runs.retry_after({**retry, "jitter_ratio": 0.5}, 1) <= 1.5 for _ in range(100))
