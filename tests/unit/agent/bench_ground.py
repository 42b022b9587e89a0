"""What the agent's tests share: small programs in the sandbox, small projects, an open state."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from roadmap_cli.agent.loop import Bounds, Loop, World
from roadmap_cli.agent.sandbox import Grant, Limits, Sandbox, relay
from roadmap_cli.agent.testing import toolchain
from roadmap_cli.core import clock
from roadmap_cli.core.records import Record
from roadmap_cli.state.keys import KeySource
from roadmap_cli.state.store import State

#: Without the plugin that takes longest to load.
TEST = "pytest -q -p no:hypothesispytest"


@dataclass(frozen=True)
class Said:
    """How a sandboxed program ended and what it printed."""

    code: int
    out: str
    err: str
    stopped_by: str | None
    protections: tuple[str, ...]


def confined(project: Path, script: str, *, limits: Limits | None = None, private: bool = False) -> Said:
    """Run a Python script in the sandbox."""
    readable = toolchain.understand("python3 -V", project, {"PATH": os.defpath}, sys.executable).readable
    sandbox = Sandbox(Grant(project, private=private, readable=readable), limits or Limits(wall_s=20))
    out, err = os.memfd_create("out"), os.memfd_create("err")
    nothing = os.open(os.devnull, os.O_RDONLY)
    with sandbox.start([sys.executable, "-I", "-c", script]) as process:
        ended = relay.carry(sandbox, process, nothing, out, err)
    sandbox.leftovers()
    texts = [os.pread(fd, 1 << 20, 0).decode(errors="replace") for fd in (out, err)]
    for descriptor in (out, err, nothing):
        os.close(descriptor)
    return Said(ended.exit_code, texts[0], texts[1], ended.stopped_by, sandbox.protections)


@contextmanager
def open_state(folder: Path) -> Iterator[State]:
    """A state of its own, with an identity of its own."""
    environ = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config")}
    with State.open(folder / "state.db", mode="write", keys=KeySource(environ, None), now=clock.system) as state:
        yield state


def project(folder: Path, **files: str) -> Path:
    """A project folder; `name__py` is written as name.py."""
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def repair(state: State, folder: Path | None, test: str | None = TEST, **choices: object) -> tuple[str, list[Record]]:
    """Run the loop; its status and records."""
    world = World(state, "agent-loop", clock.system, time.monotonic, {"PATH": os.defpath, "HOME": str(folder)},
                  sys.executable, lambda text: None)  # fmt: skip
    bounds = Bounds(**{"candidates": 3000, "seconds": 60.0, "rival_seconds": 0.3, **choices.pop("bounds", {})})  # type: ignore[dict-item]
    loop = Loop(world, bounds, folder=folder, test=test, **choices)  # type: ignore[arg-type]
    records = []
    for record in loop.records():
        records.append(record)
        loop.told(record)
    return loop.status, records


def of_kind(records: list[Record], kind: str) -> list[Record]:
    """The records of one kind."""
    return [record for record in records if record["kind"] == kind]
