"""Many processes at once, killed at any moment: nothing lost, nothing half, nothing in the clear."""

from __future__ import annotations

import os
import random
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from roadmap_cli.core import paths
from roadmap_cli.core.clock import system
from roadmap_cli.state import backup, keys, records, store, upkeep
from roadmap_cli.state.store import MIGRATIONS, KeySource, State

WORKER = Path(__file__).with_name("state_worker.py")
SOURCE = Path(store.__file__).parents[2]


class Place:
    """A home and a temporary folder, and processes that use them."""

    def __init__(self, root: Path):
        self.home, self.temporary = root / "home", root / "temporary"
        self.temporary.mkdir(parents=True)
        self.environ = {"HOME": str(self.home)}
        self.path = paths.state_file(self.environ)

    def start(self, action: str, *arguments: object) -> subprocess.Popen[bytes]:
        folders = {name: str(self.temporary) for name in ("TMPDIR", "SQLITE_TMPDIR")}
        command = [sys.executable, str(WORKER), action, str(self.home), *map(str, arguments)]
        environ = {**os.environ, **folders, "PYTHONPATH": str(SOURCE)}
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ, cwd=self.temporary
        )

    def killed(self, action: str, *arguments: object, after_s: float) -> tuple[list[str], bool]:
        """What a process announced before it was killed, and whether it was (or had finished by itself)."""
        process = self.start(action, *arguments)
        time.sleep(after_s)
        process.kill()
        out, err = process.communicate()
        assert process.returncode in (0, -signal.SIGKILL), err.decode()
        return out.decode().splitlines(), process.returncode != 0

    def open(self, mode: str = "write", migrations: str = MIGRATIONS) -> State:
        return State.open(
            self.path,
            mode=mode,  # type: ignore[arg-type]
            keys=KeySource(self.environ),
            now=system,
            migrations=migrations,
            wait_s=10,
        )

    def sound(self) -> None:
        """Every check passes."""
        with self.open("read") as state:
            assert [each for each in upkeep.check(state) if not each.ok] == []

    def names(self) -> set[str]:
        return {each.name for each in self.path.parent.iterdir()}


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


@pytest.fixture
def chance():
    """Random moments; the seed is in the report of a failure."""
    seed = secrets.randbits(32)
    sys.stdout.write(f"seed {seed}\n")
    return random.Random(seed)


def finish(processes):
    for process in processes:
        _, err = process.communicate(timeout=240)
        assert process.returncode == 0, err.decode()


def test_six_processes_open_a_new_state_at_once(place):
    for _ in range(3):
        finish([place.start("first") for _ in range(6)])
    with place.open("read") as state, state.read() as tx:
        assert len(list(records.find(tx))) == 18
    assert place.names() == {"state.db", "state.db.key", "state.db.lock"}


@pytest.mark.parametrize("times", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_six_processes_read_modify_write_and_none_is_lost(place, times):
    finish([place.start("increment", times) for _ in range(6)])
    with place.open("read") as state, state.read() as tx:
        assert records.get(tx, "counter") == {"n": 6 * times}


def found_in_the_clear(root: Path, word: str) -> list[str]:
    spellings = [word.encode(spelling) for spelling in ("utf-8", "utf-16-le", "utf-16-be")]
    return [
        str(each)
        for each in root.rglob("*")
        if each.is_file() and any(spelling in each.read_bytes() for spelling in spellings)
    ]


@pytest.mark.parametrize("rounds", [5, pytest.param(40, marks=pytest.mark.slow)])
def test_killed_writers_lose_nothing_announced_leave_nothing_half_and_nothing_in_the_clear(place, chance, rounds):
    word = f"sentinel{secrets.token_hex(12)}"
    announced: dict[str, int] = {}
    slowness = 1.0  # of a busy machine, on which a process takes seconds to begin
    for _ in range(rounds):
        processes = [place.start("write", word) for _ in range(2)]
        time.sleep(slowness * chance.uniform(0.25, 1.2))
        for process in processes:
            process.kill()
        assert found_in_the_clear(place.home.parent, word) == []  # while the log of the killed is still there
        for process in processes:
            out, err = process.communicate()
            assert process.returncode == -signal.SIGKILL, err.decode()
            whole = out.decode()[: out.decode().rfind("\n") + 1].splitlines()
            announced |= {name: int(count) for name, count in (line.split() for line in whole)}
        slowness *= 1 if announced else 2
        with place.open("read") as state, state.read() as tx:
            batches: dict[str, int] = {}
            for record in records.find(tx):
                batch = record["id"].rpartition("_")[0]
                batches[batch] = batches.get(batch, 0) + 1
            decided = tx.execute("SELECT count(*) FROM decision").fetchone()[0]
        assert announced.items() <= batches.items()
        assert set(batches.values()) <= {20, 3000}
        assert decided == len(batches)
        assert found_in_the_clear(place.home.parent, word) == []
    assert announced, "no round lasted long enough to store anything"
    place.sound()
    plain = place.home / "plain.db"
    backup.export_plain(place.path, KeySource(place.environ), plain, plain_ok=True)
    assert found_in_the_clear(place.home.parent, word) == [str(plain)], "the search itself works"


@pytest.mark.parametrize("rounds", [4, pytest.param(15, marks=pytest.mark.slow)])
def test_a_killed_migration_goes_on_where_it_was(place, chance, tmp_path, rounds):
    root = tmp_path / "migrations"
    (root / "base").mkdir(parents=True)
    (root / "base" / "0001_base.sql").write_bytes(Path(MIGRATIONS, "base", "0001_base.sql").read_bytes())
    with place.open(migrations=str(root)) as state, state.write() as tx:
        records.put_many(
            tx, [{"kind": "a", "id": f"a_{number}", "at": "2026-01-01T00:00:00Z"} for number in range(2000)]
        )
    (root / "life").mkdir()
    total = kills = 0
    for _ in range(rounds):
        for _ in range(10):
            total += 1
            Path(root, "life", f"{total:04d}_step.sql").write_text(
                f"CREATE TABLE life_step{total} (n INTEGER) STRICT;"
                f"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 20000)"
                f" INSERT INTO life_step{total} SELECT n FROM c;"
                f"INSERT INTO life_step{total} SELECT n FROM life_step{total};"
            )
        kills += place.killed("migrate", root, after_s=chance.uniform(0.05, 0.5) if kills else 0.15)[1]
        with place.open("read", migrations=str(root)) as state, state.read() as tx:
            assert len(list(records.find(tx, kind="a"))) == 2000
        with place.open(migrations=str(root)) as state, state.read() as tx:
            for number in range(1, total + 1):
                assert tx.execute(f"SELECT count(*) FROM life_step{number}").fetchone() == (40000,)
            assert tx.execute("PRAGMA user_version").fetchone() == (total + 1,)
        for kept in place.path.parent.glob("*.bak-*"):
            kept.unlink()
    assert kills, "no migration lasted long enough to be killed"


@pytest.mark.parametrize("action", ["rekeys", "restores"])
@pytest.mark.parametrize("rounds", [6, pytest.param(30, marks=pytest.mark.slow)])
def test_a_killed_rekey_or_restore_leaves_a_state_that_opens_with_everything_in_it(place, chance, action, rounds):
    with place.open() as state, state.write() as tx:
        records.put_many(
            tx,
            [
                {"kind": "a", "id": f"a_{number}", "at": "2026-01-01T00:00:00Z", "text": "x" * 1000}
                for number in range(1500)
            ],
        )
    for _ in range(rounds):
        place.killed(action, after_s=chance.uniform(0.15, 0.7))
        for mode in ("read", "write"):
            with place.open(mode) as state, state.read() as tx:
                assert len(list(records.find(tx))) == 1500
        assert keys.read(str(place.path), KeySource(place.environ)).next_key is None
        assert not {name for name in place.names() if name.endswith((".rekey", ".restore", ".new"))}
    place.sound()
