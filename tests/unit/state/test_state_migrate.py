"""Schemas that change: each step whole or not at all, with a copy before, and never of a newer file."""

from __future__ import annotations

import hashlib
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from roadmap_cli.core.errors import ConfigError
from roadmap_cli.state import backup, keys, migrate, records
from roadmap_cli.state.store import MIGRATIONS


def now() -> datetime:
    return datetime(2026, 11, 23, 9, tzinfo=UTC)


#: Released migration files never change: a state that has one applied would not be what the next one expects.
FROZEN = {
    "base/0001_base.sql": "42c501ade6ef69b9874524a19599e5718fd46d2943f4c65620eee4c183d26c27",
}


def test_released_migrations_are_as_they_were_released():
    found = {
        f"{each.family}/{each.file}": hashlib.sha256(each.text().encode()).hexdigest()
        for each in migrate.known(MIGRATIONS)
    }
    assert {name: found.get(name) for name in FROZEN} == FROZEN


def test_tables_are_strict_carry_their_familys_name_and_every_column_is_explained(home):
    with home.open() as state, state.read() as tx:
        tables = tx.execute(
            "SELECT name, strict, sql FROM pragma_table_list JOIN sqlite_schema USING (name)"
            " WHERE schema = 'main' AND pragma_table_list.type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
    assert len(tables) >= 8
    for name, strict, sql in tables:
        assert strict, name
        above = ""
        for line in sql.splitlines()[1:-1]:
            told = "--" in line or above.strip().startswith("--")
            assert told or line.strip().startswith(("PRIMARY KEY", "UNIQUE", "FOREIGN KEY", "CHECK")), (name, line)
            above = line


@pytest.fixture
def root(tmp_path):
    """A folder of migrations that can be added to."""
    shutil.copytree(Path(MIGRATIONS) / "base", tmp_path / "migrations" / "base")
    return tmp_path / "migrations"


def add(root, name, text):
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text(text)


def test_a_new_migration_is_applied_once_after_a_copy_that_can_be_restored(home, event, root):
    with home.open(migrations=str(root)) as state, state.write() as tx:
        records.put(tx, event(1))
    add(root, "life/0001_event.sql", "CREATE TABLE life_event (id TEXT PRIMARY KEY) STRICT; -- done; really\n")
    for _ in range(2):
        with home.open(migrations=str(root)) as state, state.read() as tx:
            assert tx.execute("SELECT count(*) FROM life_event").fetchone() == (0,)
            assert tx.execute("PRAGMA user_version").fetchone() == (len(list((root / "base").iterdir())) + 1,)
            assert records.get(tx, "life_0001")
    kept = home.path.parent / f"state.db.bak-{len(list((root / 'base').iterdir())):04d}"
    assert sorted(each.name for each in home.path.parent.glob("*.bak*")) == [kept.name, kept.name + ".key"]
    assert not kept.read_bytes().startswith(b"SQLite")
    assert b"life_" not in kept.read_bytes()
    backup.restore(home.path, home.keys(), kept, now=now, migrations=str(root))
    with home.open(migrations=str(root), mode="read") as state, state.read() as tx:
        assert records.get(tx, "life_0001")


@pytest.mark.parametrize("how", [{"mode": "read"}, {"mode": "write", "dry_run": True}])
def test_reading_an_older_state_shows_the_present_schema_and_changes_nothing(home, event, root, how):
    with home.open(migrations=str(root)) as state, state.write() as tx:
        records.put(tx, event(1))
    add(root, "life/0001_event.sql", "CREATE TABLE life_event (id TEXT PRIMARY KEY) STRICT;")
    before = home.files()
    with home.open(migrations=str(root), **how) as state, state.read() as tx:
        assert tx.execute("SELECT count(*) FROM life_event").fetchone() == (0,)
        assert records.get(tx, "life_0001")
    assert home.files() == before


def test_a_migration_that_fails_leaves_nothing_of_itself_and_all_before_it(home, root):
    with home.open(migrations=str(root)):
        pass
    add(root, "life/0001_good.sql", "CREATE TABLE life_good (id TEXT) STRICT;")
    add(root, "life/0002_bad.sql", "CREATE TABLE life_half (id TEXT) STRICT; INSERT INTO nowhere VALUES (1);")
    with pytest.raises(Exception, match="nowhere"):
        home.open(migrations=str(root))
    add(root, "life/0002_bad.sql", "CREATE TABLE life_whole (id TEXT) STRICT;")
    with home.open(migrations=str(root)) as state, state.read() as tx:
        names = {name for (name,) in tx.execute("SELECT name FROM sqlite_schema WHERE name LIKE 'life_%'")}
        assert {"life_good", "life_whole"} <= names
        assert "life_half" not in names


def test_a_migration_that_leaves_broken_references_is_refused(home, root):
    with home.open(migrations=str(root)):
        pass
    add(
        root,
        "life/0001_a.sql",
        "CREATE TABLE life_a (id INTEGER PRIMARY KEY) STRICT;"
        "CREATE TABLE life_b (a INTEGER REFERENCES life_a (id)) STRICT; INSERT INTO life_b VALUES (5);",
    )
    with pytest.raises(ConfigError, match="life_b"):
        home.open(migrations=str(root))


@pytest.mark.parametrize("newer", ["life/0001_later.sql", "zzz/0001_family.sql"])
def test_a_newer_state_is_left_as_it_is(home, root, newer):
    add(root, newer, "CREATE TABLE life_later (id TEXT) STRICT;")
    with home.open(migrations=str(root)):
        pass
    (root / newer).unlink()
    before = {name: content for name, content in home.files().items() if not name.endswith(".lock")}
    for extra in (None, "wf/0001_other.sql"):  # with as many files of another kind it is found in the list
        if extra:
            add(root, extra, "CREATE TABLE wf_other (id TEXT) STRICT;")
            add(root, "wf/0002_more.sql", "CREATE TABLE wf_more (id TEXT) STRICT;")
        for mode in ("read", "write"):
            with pytest.raises(ConfigError) as failure:
                home.open(mode, migrations=str(root))
            assert (failure.value.exit, failure.value.code) == (78, "state_newer")
    assert {name: content for name, content in home.files().items() if not name.endswith(".lock")} == before


def test_a_migration_with_a_vector_table(home, root):
    add(root, "life/0001_v.sql", "CREATE VIRTUAL TABLE life_vector USING vec0(embedding float[2]);")
    with home.open("read", migrations=str(root)) as state, state.read() as tx:
        assert tx.execute("SELECT count(*) FROM life_vector").fetchone() == (0,)
    with home.open(migrations=str(root)) as state:
        state.vectors()
        with state.write() as tx:
            tx.execute("INSERT INTO life_vector (rowid, embedding) VALUES (1, '[1, 2]')")


def test_a_gap_in_the_numbers_is_a_broken_installation(root):
    add(root, "life/0002_b.sql", "")
    with pytest.raises(ConfigError, match="number 1"):
        migrate.known(str(root))


def test_statements_are_split_as_sqlite_reads_them():
    text = """-- a comment; with a semicolon
    CREATE TABLE a (b TEXT DEFAULT ';'); CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM a; SELECT ';'; END;
    /* the end; */ -- really"""
    assert len(list(migrate.statements(text))) == 2
    with pytest.raises(ValueError, match="complete"):
        list(migrate.statements("CREATE TABLE a (b); SELECT"))


def test_the_state_before_it_has_a_name_is_made_anew_after_a_kill(home):
    made = keys.make
    home.path.parent.mkdir(parents=True)
    made(str(home.path), home.keys(), now)
    (home.path.parent / "state.db.new").write_bytes(b"half")
    with home.open():
        pass
    assert not (home.path.parent / "state.db.new").exists()
    with home.open("read"):
        pass
