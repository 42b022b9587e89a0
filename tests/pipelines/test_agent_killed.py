"""agent-loop killed at any time: the next one goes on, tries nothing twice, and ends the same."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEST = f"{sys.executable} -m pytest -q -p no:hypothesispytest"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the example."""
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    return Path(shutil.copytree(ROOT / "examples/fix-the-parser", tmp_path / "fix-the-parser"))


def _start(world: dict[str, str], folder: Path, *more: str) -> subprocess.Popen[bytes]:
    words = [str(ROOT / "bin/agent-loop"), "--test", TEST, "--candidates", *more, str(folder)]
    return subprocess.Popen(words, env=world, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def _sandboxes(folder: Path) -> int:
    count = 0
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            count += str(folder).encode() in file.read_bytes() and b"worker.py" in file.read_bytes()
        except OSError:
            continue
    return count


def _kill_and_finish(world: dict[str, str], folder: Path, after: list[float]) -> list[dict[str, object]]:
    for seconds in after:
        running = _start(world, folder)
        time.sleep(seconds)
        running.send_signal(signal.SIGKILL)
        running.communicate()
        for _ in range(100):
            if not _sandboxes(folder):
                break
            time.sleep(0.05)
        assert not _sandboxes(folder), "the sandbox has outlived its parent"
    last = _start(world, folder)
    out, err = last.communicate(timeout=240)
    records = [json.loads(line) for line in out.splitlines()]
    assert last.returncode == 0, err.decode()
    assert records[-1]["status"] == "fixed"
    return records


def test_killed_twice_it_goes_on_and_repeats_nothing(world: dict[str, str], folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    records = _kill_and_finish(world, folder, [2.5, 4.0])
    patches = [record["patch"] for record in records if record["kind"] == "agent.candidate"]
    assert len(patches) == len(set(patches))
    assert records[-1]["total_candidate_count"] == records[-1]["candidate_count"] or records[0]["resumed"]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.slow
def test_killed_at_random_times(world: dict[str, str], folder: Path) -> None:
    chance = random.Random(20261123)
    records = _kill_and_finish(world, folder, [chance.uniform(0.05, 6) for _ in range(20)])
    patches = [record["patch"] for record in records if record["kind"] == "agent.candidate"]
    assert len(patches) == len(set(patches))
    stored = subprocess.run(
        [str(ROOT / "bin/roadmap-why"), str(records[-2]["decision_id"])], env=world, capture_output=True, check=True
    )
    assert b"agent.test_result" in stored.stdout


def test_a_second_loop_on_the_same_folder_waits_its_turn(world: dict[str, str], folder: Path) -> None:
    first = _start(world, folder)
    time.sleep(1.5)
    second = _start(world, folder, "--wait", "0.1")
    _, err = second.communicate(timeout=60)
    first.kill()
    first.communicate()
    assert second.returncode == 75, err.decode()
