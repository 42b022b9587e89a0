"""Copies of the state and their way back; checks; questions."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pyrage
import pytest
from sqlcipher3 import dbapi2

from roadmap_cli.core.errors import CannotCreate, ConfigError, InputMissing, RoadmapError, UsageError
from roadmap_cli.state import backup, connection, keys, recipients, records, rekey, upkeep
from roadmap_cli.why import decisions


def now() -> datetime:
    return datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.fixture
def used(home, event):
    with home.open() as state, state.write() as tx:
        records.put_many(tx, [event(number, text=f"word{number}") for number in range(100)])
        decisions.decide(
            tx, kind="life.warned", what="w", why="y", evidence=["life_0001"], command="life-watch", at=now()
        )
    return home


def count(home, **options) -> int:
    with home.open("read", **options) as state, state.read() as tx:
        return len(list(records.find(tx)))


def is_sound(home) -> bool:
    try:
        return count(home) == 100
    except ConfigError:
        return False


def test_a_backup_of_a_state_in_use_is_encrypted_private_and_whole(used, event, tmp_path):
    goal = tmp_path / "copy.db"
    with used.open() as state, state.write() as tx:
        records.put(tx, event(500))
        assert backup.backup(used.path, used.keys(), goal) == goal.stat().st_size
    assert sorted(each.name for each in tmp_path.glob("copy*")) == ["copy.db", "copy.db.key"]
    assert {stat.S_IMODE(each.stat().st_mode) for each in tmp_path.glob("copy*")} == {0o600}
    assert b"word5" not in goal.read_bytes()
    assert count(used, path=goal) == 100, "what was not committed is not in it"


def test_a_backup_does_not_overwrite_unless_told(used, tmp_path):
    backup.backup(used.path, used.keys(), tmp_path / "copy.db")
    with pytest.raises(CannotCreate):
        backup.backup(used.path, used.keys(), tmp_path / "copy.db")
    backup.backup(used.path, used.keys(), tmp_path / "copy.db", replace=True)
    with pytest.raises(UsageError):
        backup.backup(used.path, used.keys(), used.path, replace=True)
    with pytest.raises(InputMissing):
        backup.backup(tmp_path / "none.db", used.keys(), tmp_path / "other.db")


def test_restore_brings_back_what_was_and_keeps_what_is_replaced(used, event, tmp_path):
    backup.backup(used.path, used.keys(), tmp_path / "copy.db")
    with used.open() as state, state.write() as tx:
        records.put(tx, event(500))
    kept = backup.restore(used.path, used.keys(), tmp_path / "copy.db", now=now)
    assert count(used) == 100
    assert Path(kept).name == "state.db.bak-2026-11-23T090000Z"
    assert count(used, path=Path(kept)) == 101
    backup.restore(used.path, used.keys(), kept, now=now)
    assert count(used) == 101


def test_restore_after_the_state_the_key_file_or_both_are_lost_or_damaged(used, tmp_path):
    backup.backup(used.path, used.keys(), tmp_path / "copy.db")
    key = used.path.parent / "state.db.key"

    def broken(path):
        path.write_bytes(b"rubbish" * 3000)

    for damage in (
        lambda: shutil.rmtree(used.path.parent),
        lambda: broken(used.path),
        lambda: broken(key),
        lambda: (broken(used.path), broken(key)),
        lambda: key.unlink(),
        lambda: used.path.unlink(),
        lambda: os.truncate(used.path, used.path.stat().st_size // 2 + 1000),
    ):
        damage()
        assert not is_sound(used)
        backup.restore(used.path, used.keys(), tmp_path / "copy.db", now=now)
        assert count(used) == 100


def test_restore_keeps_out_who_was_removed_meanwhile(used, tmp_path):
    theirs = pyrage.x25519.Identity.generate()
    place = tmp_path / "theirs"
    place.write_text(str(theirs))
    place.chmod(0o600)
    recipients.add(used.path, used.keys(), str(theirs.to_public()), now=now, label="theirs")
    backup.backup(used.path, used.keys(), tmp_path / "copy.db")
    recipients.remove(used.path, used.keys(), "theirs")
    rekey.rekey(used.path, used.keys())
    present = keys.read(str(used.path), used.keys()).key
    backup.restore(used.path, used.keys(), tmp_path / "copy.db", now=now)
    assert keys.read(str(used.path), used.keys()).key == present
    assert count(used) == 100
    with pytest.raises(ConfigError):
        count(used, keys=used.keys(place))


def test_a_backup_that_is_damaged_changes_nothing(used, tmp_path):
    goal = tmp_path / "copy.db"
    backup.backup(used.path, used.keys(), goal)
    content = bytearray(goal.read_bytes())
    content[len(content) // 2] ^= 1
    goal.write_bytes(content)
    before = used.files()
    with pytest.raises(ConfigError) as failure:
        backup.restore(used.path, used.keys(), goal, now=now)
    assert failure.value.where == str(goal)
    (tmp_path / "copy.db.key").unlink()
    with pytest.raises(ConfigError):
        backup.restore(used.path, used.keys(), goal, now=now)
    with pytest.raises(InputMissing):
        backup.restore(used.path, used.keys(), tmp_path / "none", now=now)
    with pytest.raises(UsageError):
        backup.restore(used.path, used.keys(), used.path, now=now)
    assert used.files() == before


@pytest.fixture
def damaged(used):
    """A state with one changed bit in a page nobody reads, and a backup of it from before."""
    with used.open() as state, state.write() as tx:
        tx.execute("CREATE TABLE life_gone (text TEXT) STRICT")
        tx.execute("INSERT INTO life_gone VALUES (hex(randomblob(100000)))")
        tx.execute("DROP TABLE life_gone")
    backup.backup(used.path, used.keys(), used.root / "good.db")
    content = bytearray(used.path.read_bytes())
    content[-5000] ^= 1
    used.path.write_bytes(content)
    return used


def test_a_damaged_state_takes_no_good_backups_place(damaged, tmp_path):
    good = damaged.root / "good.db"
    before = damaged.files()
    for goal in (good, tmp_path / "new.db"):
        with pytest.raises(ConfigError, match="it is damaged") as failure:
            backup.backup(damaged.path, damaged.keys(), goal, replace=True)
        assert failure.value.hint == "put a backup in its place: roadmap-state restore FILE"
    assert damaged.files() == before
    assert not (tmp_path / "new.db").exists()
    assert count(damaged) == 100
    kept = backup.restore(damaged.path, damaged.keys(), good, now=now)
    assert count(damaged) == 100
    assert kept is not None
    with pytest.raises(ConfigError) as failure:
        backup.restore(damaged.path, damaged.keys(), kept, now=now)
    assert failure.value.where == kept
    damaged.path.write_bytes(Path(kept).read_bytes())
    with pytest.raises(ConfigError) as failure:
        backup.backup(damaged.path, damaged.keys(), tmp_path / "new.db")
    assert failure.value.hint == f"put a backup in its place: roadmap-state restore {kept}"


def test_a_damaged_state_is_not_rekeyed_nor_half_read(damaged):
    with pytest.raises(ConfigError, match="it is damaged"):
        rekey.rekey(damaged.path, damaged.keys())
    assert count(damaged) == 100
    made, _ = connection.connect_ours(str(damaged.path), keys.read(str(damaged.path), damaged.keys()).keys, wait_s=1)
    with pytest.raises(dbapi2.DatabaseError, match="malformed"):
        connection.copy_to_memory(made, wait_s=1)
    made.close()


def test_restore_waits_for_those_who_use_the_state(used, tmp_path):
    backup.backup(used.path, used.keys(), tmp_path / "copy.db")
    with used.open("read"), pytest.raises(RoadmapError) as failure:
        backup.restore(used.path, used.keys(), tmp_path / "copy.db", now=now, wait_s=0.1)
    assert failure.value.exit == 75


def test_a_plain_export_only_when_wished_and_with_row_ids_as_they_were(used, tmp_path):
    with used.open() as state, state.write() as tx:
        tx.execute("CREATE TABLE life_note (text TEXT) STRICT")
        tx.executemany("INSERT INTO life_note VALUES (?)", [(f"note{number}",) for number in range(50)])
        tx.execute("DELETE FROM life_note WHERE rowid % 2")
        tx.execute("CREATE VIRTUAL TABLE life_words USING fts5 (text, content='life_note')")
        tx.execute("INSERT INTO life_words (life_words) VALUES ('rebuild')")
    goal = tmp_path / "plain.db"
    with pytest.raises(UsageError, match="not be encrypted"):
        backup.export_plain(used.path, used.keys(), goal, plain_ok=False)
    assert not goal.exists()
    assert backup.export_plain(used.path, used.keys(), goal, plain_ok=True) == goal.stat().st_size
    assert stat.S_IMODE(goal.stat().st_mode) == 0o600
    plain = sqlite3.connect(goal)
    assert plain.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert plain.execute("SELECT count(*) FROM record").fetchone() == (100,)
    query = "SELECT rowid, text FROM life_note WHERE rowid IN (SELECT rowid FROM life_words WHERE life_words MATCH ?)"
    assert plain.execute(query, ("note41",)).fetchall() == [(42, "note41")]
    assert plain.execute("PRAGMA application_id").fetchone() == (connection.APPLICATION_ID,)
    assert plain.execute("PRAGMA user_version").fetchone()[0] > 0
    plain.close()
    assert not list(tmp_path.glob("plain.db?*"))


KILLED = """
import os, signal, sys
from roadmap_cli.state import backup
from roadmap_cli.state.identity import KeySource

def kill(event, arguments):
    if event == sys.argv[3] or event == "os.rename":
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(kill)
backup.export_plain(sys.argv[1], KeySource(dict(os.environ)), sys.argv[2], plain_ok=True)
"""


@pytest.mark.parametrize("moment", ["os.link", "os.chmod"])
def test_a_plain_export_that_is_killed_leaves_nothing_to_read(used, tmp_path, moment):
    place = tmp_path / "out"
    place.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(used.path), str(place / "plain.db"), moment],
        env={**os.environ, **used.environ, "PYTHONPATH": str(Path(backup.__file__).parents[2])}, capture_output=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert [each.name for each in place.iterdir() if each.stat().st_size] == []


def test_a_plain_export_takes_the_place_of_a_file_with_its_own_mode(used, tmp_path):
    goal = tmp_path / "plain.db"
    goal.write_text("before")
    goal.chmod(0o644)
    backup.export_plain(used.path, used.keys(), goal, plain_ok=True, replace=True)
    assert stat.S_IMODE(goal.stat().st_mode) == 0o600
    assert sqlite3.connect(goal).execute("SELECT count(*) FROM record").fetchone() == (100,)
    assert [each.name for each in tmp_path.glob("*plain.db*")] == ["plain.db"]


def test_a_sound_state_passes_every_check(used):
    with used.open("read") as state:
        found = upkeep.check(state)
    assert {each.name for each in found} >= {"seals", "structure", "references", "evidence"}
    assert [each for each in found if not each.ok] == []


def test_checks_find_what_is_wrong(used):
    with used.open() as state, state.write() as tx:
        tx.execute("CREATE VIRTUAL TABLE life_words USING fts5 (text)")
        tx.executemany("INSERT INTO life_words VALUES (?)", [(f"word{number}",) for number in range(50)])
    with used.open() as state, state.write() as tx:
        tx.execute("DELETE FROM life_words_data WHERE id > 10")
        tx.execute("DELETE FROM record WHERE id = 'life_0001'")
    path, content = str(used.path), keys.read(str(used.path), used.keys())
    made = connection.connect(path, content.key, wait_s=1)
    made.execute("PRAGMA foreign_keys = OFF")
    made.execute("INSERT INTO outcome VALUES ('nowhere', 0, 'x', 'y')")
    made.close()
    with used.open("read") as state:
        found = {each.name: each for each in upkeep.check(state)}
    assert {name for name, each in found.items() if not each.ok} >= {"references", "evidence", "full_text.life_words"}
    assert "1 citation resolves to nothing" in found["evidence"].detail
    assert found["seals"].ok


def test_checks_find_a_changed_bit_in_a_page_nobody_reads(used):
    with used.open() as state, state.write() as tx:
        tx.execute("CREATE TABLE life_gone (text TEXT) STRICT")
        tx.execute("INSERT INTO life_gone VALUES (hex(randomblob(100000)))")
        tx.execute("DROP TABLE life_gone")
    content = bytearray(used.path.read_bytes())
    content[-5000] ^= 1
    used.path.write_bytes(content)
    with used.open("read") as state:
        found = {each.name: each for each in upkeep.check(state)}
    assert not found["seals"].ok
    assert "page" in found["seals"].detail


def test_a_question_in_sql(used):
    with used.open("read") as state:
        rows = upkeep.query(
            state, "SELECT id, length(body) AS size, x'00ff' AS raw FROM record WHERE id = ?", ["life_0007"]
        )
        assert rows == [{"id": "life_0007", "size": rows[0]["size"], "raw": {"$base64": True, "encoded": "AP8="}}]
        assert upkeep.query(state, "PRAGMA table_info(record)")[0]["name"] == "id"
        assert upkeep.query(
            state, "WITH RECURSIVE n(i) AS (SELECT 1 UNION SELECT i+1 FROM n WHERE i<3) SELECT i FROM n"
        )


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM record",
        "INSERT INTO record VALUES ('a','b','c','{}') RETURNING id",
        "UPDATE record SET kind = 'x' RETURNING id",
        "DROP TABLE record",
        "ATTACH '{folder}/out.db' AS o KEY ''",
        "SELECT sqlcipher_export('main')",
        "VACUUM INTO '{folder}/out.db'",
        "PRAGMA query_only = OFF",
        "PRAGMA user_version = 99",
        "PRAGMA user_version(99)",
        "PRAGMA rekey = 'x'",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA writable_schema = ON",
        "SELECT load_extension('x')",
        "COMMIT",
        "SAVEPOINT a",
        "BEGIN",
        "SELECT 1; DELETE FROM record",
        "SELEC 1",
        "",
        "SELECT ?",
        "SELECT * FROM nowhere",
    ],
)
@pytest.mark.parametrize("mode", ["read", "write"])
def test_a_question_that_would_do_something_is_refused(used, tmp_path, sql, mode):
    before = used.path.read_bytes()
    with used.open(mode) as state:
        with pytest.raises(UsageError):
            upkeep.query(state, sql.replace("{folder}", str(tmp_path)))
        assert upkeep.query(state, "SELECT count(*) AS n FROM record") == [{"n": 100}]
    assert used.path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["home"]


def test_facts_about_a_state(used):
    with used.open("read") as state:
        found = upkeep.facts(state)
    assert found["rows"]["record"] == 100
    assert found["migrations"][0] == "base/0001_base.sql"
    assert found["bytes"] == used.path.stat().st_size
