"""One at a time, and freed by the kernel."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from roadmap_cli.core.errors import TryLater, UsageError
from roadmap_cli.state import lock


def test_a_second_one_waits_and_then_says_try_later(tmp_path):
    with lock.one_at_a_time(tmp_path / "state.db", "life-watch", 1):
        begin = time.monotonic()
        with pytest.raises(TryLater) as failure, lock.one_at_a_time(tmp_path / "state.db", "life-watch", 0.2):
            pass
        assert 0.19 < time.monotonic() - begin < 2
        assert failure.value.exit == 75
        with lock.one_at_a_time(tmp_path / "state.db", "life-ingest", 0):
            pass
    with lock.one_at_a_time(tmp_path / "state.db", "life-watch", 0):
        pass


def test_a_killed_process_lets_go(tmp_path):
    script = (
        "import sys, time; from roadmap_cli.state import lock\n"
        "with lock.one_at_a_time(sys.argv[1], 'job', 5): print('held', flush=True); time.sleep(60)"
    )
    environ = {"PYTHONPATH": str(Path(lock.__file__).parents[2])}
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "state.db")], stdout=subprocess.PIPE, env=environ
    )
    assert child.stdout
    assert child.stdout.readline() == b"held\n"
    with pytest.raises(TryLater), lock.one_at_a_time(tmp_path / "state.db", "job", 0):
        pass
    child.kill()
    child.wait()
    child.stdout.close()
    with lock.one_at_a_time(tmp_path / "state.db", "job", 0):
        pass


@pytest.mark.parametrize("job", ["", "a/b", "../x", ".hidden", "a b", "a\0b"])
def test_a_job_is_a_plain_word(tmp_path, job):
    with pytest.raises(UsageError), lock.one_at_a_time(tmp_path / "state.db", job, 0):
        pass
