"""Opening, reading, writing: what is made, what is left alone, what each failure says."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from roadmap_cli.core.errors import CannotCreate, ConfigError, DataError, RoadmapError, TryLater
from roadmap_cli.state import connection, keys, records, rekey


def fill(home, event, count=50):
    with home.open() as state, state.write() as tx:
        records.put_many(tx, [event(number, text="x" * 500) for number in range(count)])


def test_what_is_written_is_read_by_the_next_process_that_opens_it(home, event):
    fill(home, event, 3)
    with home.open("read") as state, state.read() as tx:
        assert [each["id"] for each in records.find(tx)] == ["life_0000", "life_0001", "life_0002"]


def test_the_file_is_encrypted_and_looks_like_nothing(home, event):
    fill(home, event)
    content = home.path.read_bytes()
    assert not content.startswith(b"SQLite")
    assert b"life_" not in content
    assert b"CREATE TABLE" not in content


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_directories_are_0700_and_files_0600_whatever_the_umask(home, event, umask):
    old = os.umask(umask)
    try:
        with home.open() as state, state.write() as tx:
            records.put(tx, event(1))
            modes = {each: stat.S_IMODE(each.stat().st_mode) for each in (*home.path.parent.iterdir(), home.identity)}
    finally:
        os.umask(old)
    assert {each.name for each in modes} >= {"state.db", "state.db-wal", "state.db-shm", "state.db.key", "identity.txt"}
    assert set(modes.values()) == {0o600}
    for folder in (home.path.parent, home.path.parent.parent, home.identity.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_reading_without_a_file_gives_an_empty_state_and_makes_nothing(home):
    with home.open("read") as state, state.read() as tx:
        assert list(records.find(tx)) == []
    assert not home.root.exists()


def test_a_dry_run_without_a_file_makes_nothing(home, event):
    with home.open(dry_run=True) as state:
        with state.write() as tx:
            assert records.put(tx, event(1))
        with state.read() as tx:
            assert records.get(tx, "life_0001") is None
    assert not home.root.exists()


@pytest.mark.parametrize("how", [{"mode": "read"}, {"mode": "write", "dry_run": True}])
def test_reading_and_dry_runs_leave_every_file_as_it_was(home, event, how):
    fill(home, event)
    before = home.files()
    with home.open(**how) as state:
        with state.read() as tx:
            assert len(list(records.find(tx))) == 50
        if how["mode"] == "write":
            with state.write() as tx:
                assert records.put_many(tx, [event(1000 + number, text="y" * 900) for number in range(5000)]) == 5000
    assert home.files() == before


def test_a_state_opened_for_reading_cannot_be_written(home, event):
    fill(home, event)
    with home.open("read") as state:
        with pytest.raises(ValueError, match="reading"), state.write():
            pass
        with pytest.raises(CannotCreate), state.read() as tx:
            records.put(tx, event(99))


def test_an_error_inside_a_transaction_leaves_nothing_of_it(home, event):
    with home.open() as state:
        with pytest.raises(DataError), state.write() as tx:
            records.put_many(tx, [event(1), {"kind": "life.event"}])
        with state.read() as tx:
            assert records.get(tx, "life_0001") is None
        with state.write() as tx:
            assert records.put(tx, event(1))


def test_a_snapshot_does_not_see_what_others_commit_meanwhile(home, event):
    fill(home, event, 1)
    with home.open("read") as reader, home.open() as writer:
        with reader.read() as tx:
            assert len(list(records.find(tx))) == 1
            with writer.write() as other:
                records.put(other, event(5))
            assert len(list(records.find(tx))) == 1
        with reader.read() as tx:
            assert len(list(records.find(tx))) == 2


def test_a_second_writer_waits_as_long_as_it_was_told_and_then_says_try_later(home, event):
    fill(home, event, 1)
    with home.open() as one, home.open(wait_s=0.2) as two, one.write():
        begin = time.monotonic()
        with pytest.raises(TryLater) as failure, two.write():
            pass
        assert 0.15 < time.monotonic() - begin < 2
    assert failure.value.exit == 75
    assert failure.value.hint
    assert failure.value.where == str(home.path)


def test_settings_of_a_connection(home):
    with home.open() as state, state.read() as tx:
        found = {
            name: tx.execute(f"PRAGMA {name}").fetchone()[0]
            for name in (
                "journal_mode",
                "synchronous",
                "foreign_keys",
                "temp_store",
                "application_id",
                "cipher_page_size",
            )
        }
    assert found == {
        "journal_mode": "wal",
        "synchronous": 1,
        "foreign_keys": 1,
        "temp_store": 2,
        "application_id": connection.APPLICATION_ID,
        "cipher_page_size": "8192",
    }


def test_an_empty_file_from_mktemp_becomes_a_state(home, event):
    home.path.parent.mkdir(parents=True)
    home.path.touch()
    fill(home, event, 2)
    with home.open("read") as state, state.read() as tx:
        assert len(list(records.find(tx))) == 2


def test_a_name_with_signs_that_mean_something_in_a_uri(home, event):
    path = home.root / "a b%20?x=1#y" / "ö.db"
    with home.open(path=path) as state, state.write() as tx:
        records.put(tx, event(1))
    assert path.stat().st_size > 0
    with home.open("read", path=path) as state, state.read() as tx:
        assert records.get(tx, "life_0001")


def test_a_symbolic_link_stays_one_and_leads_to_the_same_state(home, event):
    fill(home, event, 3)
    link = home.root / "link.db"
    link.symlink_to(home.path)
    rekey.rekey(link, home.keys())
    assert link.is_symlink()
    with home.open("read", path=link) as one, home.open("read") as two, one.read() as left, two.read() as right:
        assert list(records.find(left)) == list(records.find(right)) != []
    assert {each.name for each in home.root.iterdir() if each.is_file() or each.is_symlink()} == {"link.db"}


def fails(home, **options) -> RoadmapError:
    """The failure at opening for reading and for writing: the same, and nothing is touched."""
    before = home.files()
    seen = []
    for mode in ("read", "write"):
        with pytest.raises(RoadmapError) as failure:
            home.open(mode, **options).close()
        seen.append(failure.value)
    assert home.files() == before
    assert (seen[0].message, seen[0].code) == (seen[1].message, seen[1].code)
    assert seen[0].hint
    assert "\n" not in str(seen[0])
    return seen[0]


def test_wrong_key(home, event):
    fill(home, event)
    content = keys.read(str(home.path), home.keys())
    content.key = bytes(32)
    keys.write(str(home.path), content)
    failure = fails(home)
    assert (failure.exit, failure.code) == (78, "state_damaged")


@pytest.mark.parametrize("size", [0, 1, 15, 100, 8191])
def test_cut_off_within_the_first_page(home, event, size):
    fill(home, event)
    os.truncate(home.path, size)
    failure = fails(home)
    assert failure.exit == 78
    assert f"cut off after {size} bytes" in failure.message


def test_a_bit_changed_in_the_first_page(home, event):
    fill(home, event)
    for place in (0, 20, 4000, 8191):
        content = bytearray(home.path.read_bytes())
        content[place] ^= 1
        home.path.write_bytes(content)
        failure = fails(home)
        assert (failure.exit, failure.code) == (78, "state_damaged")
        content[place] ^= 1
        home.path.write_bytes(content)


def test_a_bit_changed_in_the_middle_or_a_cut_off_end_is_found_when_read(home, event):
    fill(home, event, 400)
    whole = home.path.read_bytes()
    flipped = bytearray(whole)
    for page in range(20, len(whole) // 8192):
        flipped[page * 8192 + 777] ^= 0x10
    for content in (bytes(flipped), whole[: len(whole) // 2 + 1000]):
        home.path.write_bytes(content)
        with pytest.raises(ConfigError) as failure, home.open("read") as state, state.read() as tx:
            list(records.find(tx))
        assert failure.value.code == "state_damaged"


def test_a_plain_database_and_another_applications_are_told_apart(home, event):
    import sqlite3

    fill(home, event)
    plain = home.root / "plain.db"
    with sqlite3.connect(plain) as other:
        other.execute("CREATE TABLE a (b)")
        other.execute("INSERT INTO a VALUES (zeroblob(20000))")
    other.close()
    shutil.copy(plain, home.path)
    assert "plain SQLite" in fails(home).message
    home.path.unlink()
    made = connection.create(str(home.path), keys.read(str(home.path), home.keys()).key, wait_s=1)
    made.execute("PRAGMA application_id = 5")
    made.execute("CREATE TABLE a (b)")
    made.close()
    assert "not a state file of roadmap" in fails(home).message


def test_a_missing_key_file_is_said_and_none_is_made(home, event):
    fill(home, event)
    (home.path.parent / "state.db.key").unlink()
    assert fails(home).code == "no_key_file"


def test_a_directory_in_its_place(home):
    home.path.mkdir(parents=True)
    with pytest.raises(RoadmapError) as failure:
        home.open()
    assert failure.value.exit in (73, 78)


def test_a_parent_that_is_a_file(home):
    home.root.mkdir()
    (home.root / "file").touch()
    with pytest.raises(CannotCreate) as failure:
        home.open(path=home.root / "file" / "state.db")
    assert failure.value.hint


def test_vectors_load_without_their_package(home):
    with home.open() as state:
        state.vectors()
        state.vectors()
        with state.write() as tx:
            tx.execute("CREATE VIRTUAL TABLE life_vector USING vec0(embedding float[3])")
            tx.execute("INSERT INTO life_vector (rowid, embedding) VALUES (1, '[1, 0, 0]'), (2, '[0, 1, 0]')")
            found = tx.execute("SELECT rowid FROM life_vector WHERE embedding MATCH '[0, 2, 0]' AND k = 1").fetchall()
    assert found == [(2,)]
    assert "sqlite_vec" not in sys.modules


def test_another_connection_shares_the_file_and_may_be_used_by_a_thread(home, event):
    from threading import Thread

    with home.open() as state:
        other = state.another()
        worker = Thread(target=lambda: (records.put(other, event(1)), other.close()))
        worker.start()
        worker.join()
        with state.read() as tx:
            assert records.get(tx, "life_0001")
    with home.open("read") as state, pytest.raises(ValueError, match="writing"):
        state.another()


def test_opening_imports_little():
    """What `click` and Python have not loaded anyway stays out of the path of each command."""
    script = (
        "import sys, datetime, pathlib; from roadmap_cli.state.store import State, KeySource;"
        "home = sys.argv[1]; keys = KeySource({'HOME': home}); now = lambda: datetime.datetime.now(datetime.UTC);"
        "path = pathlib.Path(home, 'state.db');"
        "State.open(path, mode='write', keys=keys, now=now).close() if len(sys.argv) > 2 else"
        " State.open(path, mode='read', keys=keys, now=now).close(); print(*sorted(sys.modules))"
    )
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "PYTHONPATH": str(Path(connection.__file__).parents[2])}
        for more in (["make"], []):
            loaded = subprocess.run(
                [sys.executable, "-c", script, folder, *more], env=environ, check=True, capture_output=True, text=True
            ).stdout.split()
    heavy = {"orjson", "numpy", "sqlite_utils", "sqlite_vec", "hashlib", "asyncio", "logging", "subprocess", "inspect"}
    heavy |= {"dataclasses", "roadmap_cli.state.migrate", "roadmap_cli.state.rekey", "roadmap_cli.core.records"}
    assert heavy & set(loaded) == set()


@pytest.mark.parametrize("way", ["read", "write"])
def test_a_signal_that_comes_as_a_transaction_begins_leaves_none_open(home, event, way):
    """Else what tidies up afterwards could begin none of its own."""
    import sys

    with home.open() as state:

        def interrupt(frame, what, argument):
            if frame.f_code.co_filename.endswith("state/store.py") and frame.f_code.co_name == way:
                if what == "line" and state._connection.in_transaction:
                    sys.settrace(None)
                    raise KeyboardInterrupt
                return interrupt
            return None

        sys.settrace(interrupt)
        try:
            with pytest.raises(KeyboardInterrupt), getattr(state, way)():
                pass
        finally:
            sys.settrace(None)
        with state.write() as tx:
            records.put(tx, event(1))
