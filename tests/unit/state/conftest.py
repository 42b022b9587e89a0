"""A home of its own for each test, and a state in it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from roadmap_cli.core import paths
from roadmap_cli.state.store import KeySource, State

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def now() -> datetime:
    return NOW


class Home:
    """A user's home directory, the state in it and the keys that open it."""

    def __init__(self, root: Path):
        self.root = root
        self.environ = {"HOME": str(root)}
        self.path = paths.state_file(self.environ)
        self.identity = paths.identity_file(self.environ)

    def keys(self, identity: Path | None = None, **environ: str) -> KeySource:
        return KeySource({**self.environ, **environ}, identity)

    def open(self, mode: str = "write", **options: object) -> State:
        options = {"keys": self.keys(), "now": now, "wait_s": 5.0, **options}
        return State.open(options.pop("path", self.path), mode=mode, **options)  # type: ignore[arg-type]

    def killed_at(self, step: int, work: Callable[[], object]) -> bool:
        """Do work in a process that is killed as it touches files for the `step`-th time; whether it came to that."""
        child = os.fork()
        if child == 0:
            left = step

            def watch(event: str, arguments: tuple[object, ...]) -> None:
                nonlocal left
                touches = event in ("os.remove", "os.rename", "os.link", "os.truncate", "os.mkdir", "os.chmod")
                if touches or (event == "open" and str(arguments[0]).startswith(str(self.root))):
                    left -= 1
                    if left < 0:
                        os.kill(os.getpid(), signal.SIGKILL)

            status = 1
            try:
                sys.addaudithook(watch)
                work()
                status = 0
            finally:
                os._exit(status)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert ended in (0, -signal.SIGKILL)
        return ended != 0

    def files(self) -> dict[str, bytes]:
        return {str(each.relative_to(self.root)): each.read_bytes() for each in self.root.rglob("*") if each.is_file()}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def event() -> Callable[..., dict[str, object]]:
    def make(number: int, **fields: object) -> dict[str, object]:
        return {"kind": "life.event", "id": f"life_{number:04d}", "at": "2026-11-23T09:00:00.000Z", **fields}

    return make
