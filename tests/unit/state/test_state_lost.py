"""What is not a state, or was one: nothing is made over it, and its loss is not passed over."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from roadmap_cli.core.errors import ConfigError
from roadmap_cli.state import backup, recipients, records, rekey
from roadmap_cli.state.store import MIGRATIONS


def now() -> datetime:
    return datetime(2026, 11, 23, 9, tzinfo=UTC)


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


def _migrated(home, root: Path) -> None:
    home.open(migrations=str(root)).close()


@pytest.mark.parametrize("empty", [False, True], ids=["nothing there", "an empty file there"])
def test_a_state_whose_making_was_killed_at_any_step_is_made(home, tmp_path, empty):
    """What was never there is not told to be lost or damaged, though its key file may be there already."""
    base = tmp_path / "migrations" / "base"
    base.mkdir(parents=True)
    shutil.copy(Path(MIGRATIONS, "base", "0001_base.sql"), base)
    root = base.parent
    steps = 0
    while True:
        home = type(home)(tmp_path / str(steps))
        if empty:
            home.path.parent.mkdir(parents=True)
            home.path.touch()
        if not home.killed_at(steps, partial(_migrated, home, root)):
            break
        if steps % 2:
            home.open("read", migrations=str(root)).close()
        home.open(migrations=str(root)).close()
        with home.open("read", migrations=str(root)) as state, state.read() as tx:
            assert not list(records.find(tx))
        assert sorted(each.name for each in home.path.parent.glob("state.db*") if ".tmp-" not in each.name) == [
            "state.db", "state.db.key", "state.db.lock",
        ]  # fmt: skip
        steps += 1
    assert steps > 20


WORKS = {
    "rekey": lambda home, root: rekey.rekey(home.path, home.keys()),
    "restore": lambda home, root: backup.restore(home.path, home.keys(), home.root / "copy.db", now=now),
    "backup": lambda home, root: backup.backup(home.path, home.keys(), home.root / "copy.db", replace=True),
    "rotate": lambda home, root: recipients.rotate(home.path, home.keys(), now=now),
    "migrate": _migrated,
}


@pytest.mark.parametrize("work", WORKS)
def test_what_is_killed_at_any_step_leaves_the_state_and_its_backup(home, tmp_path, event, work):
    root = tmp_path / "migrations"
    (root / "base").mkdir(parents=True)
    shutil.copy(Path(MIGRATIONS, "base", "0001_base.sql"), root / "base")
    with home.open(migrations=str(root)) as state, state.write() as tx:
        records.put_many(tx, [event(number) for number in range(1, 41)])
    backup.backup(home.path, home.keys(), home.root / "copy.db")
    (root / "life").mkdir()
    steps, killed = 0, True
    while killed:
        if work == "migrate":
            (root / "life" / f"{steps + 1:04d}_more.sql").write_text(f"CREATE TABLE life_t{steps} (n INTEGER) STRICT;")
        killed = home.killed_at(steps, partial(WORKS[work], home, root))
        for mode in ("read", "write"):
            with home.open(mode, migrations=str(root)) as state, state.read() as tx:
                assert len(list(records.find(tx))) == 40
        with home.open("read", path=home.root / "copy.db", migrations=str(root)) as state, state.read() as tx:
            assert len(list(records.find(tx))) == 40
        for kept in home.path.parent.glob("state.db.bak-*"):
            kept.unlink()
        steps += 1
    assert steps > 8
