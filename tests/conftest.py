"""What all tests share: a clean world for every command, and the transcripts as test items."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tools")]

import transcripts  # noqa: E402

#: Runs a command line (list of words) from bin/ in a clean world and gives what came of it.
Shell = Callable[..., subprocess.CompletedProcess[bytes]]


#: Generated examples are the same in every default run, so that it never fails by chance; with the slow tests, and with
#: --hypothesis-profile=searching, new ones are looked for each time.
settings.register_profile("same", derandomize=True)
settings.register_profile("searching")


def pytest_configure(config: pytest.Config) -> None:
    """A shell without job control, and nohup, start what runs in the background with signals ignored; children inherit it."""
    if not config.getoption("--hypothesis-profile", None):
        settings.load_profile("same" if config.getoption("-m") == "not slow" else "searching")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the person's own settings, or those of the make that runs it, which another make would take over."""
    for name in list(os.environ):
        own = name.startswith(("ROADMAP_", "XDG_")) and name != "ROADMAP_MODELS"
        if own or name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"):
            monkeypatch.delenv(name)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home directory."""
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def world(home: Path) -> dict[str, str]:
    """The environment in which commands run in tests."""
    (home / "tmp").mkdir()
    return transcripts.world(home)


@pytest.fixture
def installed(world: dict[str, str]) -> Callable[..., dict[str, str]]:
    """An environment as cron gives it, with some commands where pip puts them."""

    def made(*names: str) -> dict[str, str]:
        folder = Path(world["HOME"]) / ".local/bin"
        folder.mkdir(parents=True)
        for name in names:
            program = folder / name
            program.write_text(f'#!/bin/sh\nexec {ROOT}/bin/{name} "$@"\n')
            program.chmod(0o755)
        return {**world, "PATH": f"{folder}:/usr/local/bin:/usr/bin:/bin"}

    return made


@pytest.fixture
def shell(world: dict[str, str]) -> Shell:
    """Run one command and wait for it."""

    def run(words: Sequence[str], stdin: bytes | None = b"", **more: Any) -> subprocess.CompletedProcess[bytes]:
        environment = {**world, **more.pop("env", {})}
        program = str(ROOT / "bin" / words[0]) if (ROOT / "bin" / words[0]).exists() else words[0]
        return subprocess.run(
            [program, *words[1:]], input=stdin, env=environment, capture_output="stdout" not in more, timeout=120,
            check=False, cwd=more.pop("cwd", ROOT), **more,
        )  # fmt: skip

    return run


# -- transcripts -------------------------------------------------------------------------------------------------------


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Each tests/transcripts/*.md is a test."""
    if file_path.suffix == ".md" and file_path.parent == transcripts.FOLDER:
        found: pytest.Collector = TranscriptFile.from_parent(parent, path=file_path)
        return found
    return None


class TranscriptFile(pytest.File):
    """A file of shell sessions."""

    def collect(self) -> Iterator[pytest.Item]:
        """One item: the steps share a home."""
        yield TranscriptItem.from_parent(self, name=self.path.stem)


class TranscriptItem(pytest.Item):
    """All steps of a file, in order, in one temporary home."""

    def runtest(self) -> None:
        """Run it."""
        transcripts.hold(self.path)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:
        """What was expected and what came."""
        error = excinfo.value
        return str(error if isinstance(error, transcripts.TranscriptError) else super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it stands."""
        return self.path, 0, f"transcript {self.name}"
