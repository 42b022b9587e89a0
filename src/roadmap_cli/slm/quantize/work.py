"""Hands a task to the worker process and tells how it goes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from roadmap_cli.core.errors import CannotCreate, DataError, RoadmapError, Unavailable

_ROOT = Path(__file__).parents[3]
_START = (
    "import sys; sys.path.insert(0, sys.argv[1]); from roadmap_cli.slm.quantize.worker import main; sys.exit(main())"
)


def run(
    task: Mapping[str, Any],
    *,
    where: str,
    environ: Mapping[str, str],
    event: Callable[[dict[str, Any]], None] = lambda _: None,
) -> dict[str, Any]:
    """Do a task in a process of its own; the fields of its last event.

    `where` is the file a message is about. Raises DataError (a model llama.cpp does not take, or gives up on),
    CannotCreate (the disk is full), Unavailable (no llama-cpp-python, no memory). The child ends with this process.
    """
    with tempfile.TemporaryFile() as said:  # a pipe that nobody empties would hold the child up
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _START, str(_ROOT)], env={**environ, "GGML_NO_BACKTRACE": "1"}, text=True,
            encoding="utf-8", errors="replace", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said,
        )  # fmt: skip
        last: dict[str, Any] = {}
        try:
            if process.stdin is None or process.stdout is None:
                raise AssertionError("two pipes were asked for")
            with contextlib.suppress(BrokenPipeError), process.stdin as sink:
                sink.write(json.dumps(dict(task)) + "\n")
            for last in _events(process.stdout):
                event(last)
            process.wait()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            if process.stdout:
                process.stdout.close()
        said.seek(0)
        words = said.read(1 << 20).decode("utf-8", "replace").strip().splitlines()
    if last.get("event") == "done" and process.returncode == 0:
        return last
    raise _failure(task, last, process.returncode, words, where)


def _failure(task: Mapping[str, Any], last: Mapping[str, Any], code: int, words: list[str], where: str) -> RoadmapError:
    target = task.get("target")
    if target and _is_full(Path(target)):
        return CannotCreate(
            "no space left on device", where=str(Path(target).parent), hint="make room, then run it again"
        )
    if last.get("event") == "failed":
        message, name = str(last["message"]), str(last["code"])
        if name in ("no_llama", "no_memory"):
            return Unavailable(message, where=where if name == "no_memory" else None, code=name)
        return DataError(message, where=where, code=name)
    asserted = [line for line in words if "ASSERT" in line]
    said = (asserted or words or ["no reason given"])[-1][:200]
    if code == -signal.SIGKILL:
        return Unavailable(
            "the process that computed was killed, probably for want of memory", where=where, code="no_memory"
        )
    if code < 0:
        return DataError(
            f"llama.cpp gave up on it ({signal.Signals(-code).name}): {said}", where=where, code="bad_model"
        )
    return Unavailable(f"the process that computes ended with {code}: {said}", where=where)


def _is_full(target: Path) -> bool:
    """Whether the place of a target has less than a mebibyte left."""
    try:
        free = os.statvfs(target.parent)
    except OSError:
        return False
    return free.f_bavail * free.f_frsize < 1 << 20


def _events(stream: Any) -> Iterator[dict[str, Any]]:
    """The events on a worker's output; what is no event is passed over."""
    for line in stream:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and "event" in event:
            yield event
