"""Many commands of one pipeline make the state at the same moment: none waits for another that waits for it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OPEN = """
import sys; sys.path.insert(0, sys.argv[1])
from pathlib import Path
from roadmap_cli.core import clock
from roadmap_cli.state.keys import KeySource
from roadmap_cli.state.store import State
home = Path(sys.argv[2])
state = State.open(home / "s" / "state.db", mode="write", keys=KeySource({"HOME": str(home)}), wait_s=20, now=clock.system)
print("open", flush=True)
sys.stdin.read()  # as a command of a pipeline does, holding the state open
"""


@pytest.mark.parametrize("round_", range(4))
def test_each_gets_the_state_though_none_lets_go_of_it(tmp_path, round_):
    begin = time.monotonic()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, str(ROOT / "src"), str(tmp_path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        for _ in range(6)
    ]  # fmt: skip
    try:
        for process in processes:
            assert process.stdout
            assert process.stdout.readline() == b"open\n"
    finally:
        for process in processes:
            process.communicate()
    assert time.monotonic() - begin < 15
