"""What is not a state, or was one: nothing is made over it, and its loss is not passed over."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from roadmap_cli.core.errors import ConfigError
from roadmap_cli.state import records
from roadmap_cli.state.store import MIGRATIONS


def test_a_state_that_was_removed_is_missed(home):
    with home.open():
        pass
    home.path.unlink()
    for mode in ("read", "write"):
        with pytest.raises(ConfigError, match="missing, though its key file is there"):
            home.open(mode)
    assert not home.path.exists()


def test_a_pipe_or_a_device_is_never_replaced(home):
    home.path.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(home.path)
    with pytest.raises(ConfigError, match="not a regular file"):
        home.open()
    assert home.path.is_fifo()


def _killed_at_step(home, step: int, migrations: str) -> bool:
    """Whether making a state was killed as it changed the home for the `step`-th time."""
    child = os.fork()
    if child == 0:
        left = step

        def hook(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal left
            changes = event in ("os.remove", "os.rename", "os.truncate", "os.mkdir", "os.chmod", "sqlite3.connect")
            if changes or (event == "open" and str(arguments[0]).startswith(str(home.root))):
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        try:
            home.open(migrations=migrations).close()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


@pytest.mark.parametrize("empty", [False, True], ids=["nothing there", "an empty file there"])
def test_a_state_whose_making_was_killed_at_any_step_is_made(home, tmp_path, empty):
    """What was never there is not told to be lost or damaged, though its key file may be there already."""
    base = tmp_path / "migrations" / "base"
    base.mkdir(parents=True)
    shutil.copy(Path(MIGRATIONS, "base", "0001_base.sql"), base)
    root = str(base.parent)
    steps = 0
    while True:
        home = type(home)(tmp_path / str(steps))
        if empty:
            home.path.parent.mkdir(parents=True)
            home.path.touch()
        if not _killed_at_step(home, steps, root):
            break
        if steps % 2:
            home.open("read", migrations=root).close()
        home.open(migrations=root).close()
        with home.open("read", migrations=root) as state, state.read() as tx:
            assert not list(records.find(tx))
        assert sorted(each.name for each in home.path.parent.glob("state.db*") if ".tmp-" not in each.name) == [
            "state.db", "state.db.key", "state.db.lock",
        ]  # fmt: skip
        steps += 1
    assert steps > 20
