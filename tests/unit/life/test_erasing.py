"""Erase and export: nothing is forgotten by either, what rested on erased records says so, nothing is left in the file."""

from __future__ import annotations

import os
import re
import resource
import stat
from datetime import UTC, datetime

import pyrage
import pytest

from roadmap_cli.core.errors import CannotCreate
from roadmap_cli.life import exporting, grounds, holdings
from roadmap_cli.life.erasing import erasure, tables
from roadmap_cli.life.erasing.doomed import Wanted
from roadmap_cli.life.formats.jsonl import item
from roadmap_cli.life.storing.store import add
from roadmap_cli.life.watch import watching
from roadmap_cli.state import records
from roadmap_cli.state.keys import KeySource
from roadmap_cli.state.store import State
from roadmap_cli.why import decisions

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
WORD = "zqsentinelword"


def test_every_table_of_the_schema_is_in_the_list_and_no_other(tx):
    in_schema = set(tables.names(tx))
    assert in_schema == set(holdings.BY_TABLE), "say in life/holdings.py how export and erase treat a new table"
    for each in holdings.HOLDINGS:
        references = {parent for table, _, parent, _, _ in tables.references(tx) if table == each.table}
        assert (each.how == "record") == ("record" in references), each
        assert each.how != "follows" or references or each.table in ("life_measurement", "life_item_words"), each
        if each.how == "place":
            columns = {row[1] for row in tx.execute(f"PRAGMA table_info({each.table})")}
            assert each.column in columns


def test_the_kinds_that_tell_are_those_that_are_ingested():
    from roadmap_cli.life.formats import jsonl

    assert set(jsonl.KINDS) <= holdings.TOLD


def fill(tx, ingest, example):
    ingest(example["calendar.ics"])
    ingest(example["bank.ofx"])
    given, _ = watching.watch(tx, NOW, watching.Settings(), command="life-watch")
    return {each["pattern"]: each for each in given}


def test_what_rested_on_erased_records_says_erased_and_the_rest_stays(tx, ingest, example):
    given = fill(tx, ingest, example)
    spending, overload = given["spending_EUR"], given["overload"]
    found = erasure.erase(tx, Wanted(kinds=frozenset(["life.transaction"])), NOW)
    assert found.records == {"life.transaction": 456}
    assert found.outputs == {"life.warning": 1}
    shell = records.get(tx, spending["id"])
    assert (shell["kind"], shell["was"], shell["text"]) == ("life.erased", "life.warning", "erased")
    why = decisions.get(tx, spending["why_id"])
    assert (why["what"], "facts" in why) == ("erased", False)
    assert len(set(why["evidence_ids"]) - {each for each in why["evidence_ids"] if each.startswith("why_")}) == 1
    assert all(decisions.resolves(tx, each) for each in why["evidence_ids"])
    assert next(grounds.chain(tx, spending["id"]))["text"] == "erased"
    assert records.get(tx, overload["id"]) == overload
    assert decisions.get(tx, overload["why_id"])["what"].startswith("overload")
    assert tx.execute("PRAGMA foreign_key_check").fetchall() == []


def test_a_person_goes_with_all_their_addresses(tx):
    at = "2026-11-20T10:00:00.000Z"
    contact = {"kind": "life.contact", "at": at, "name": "Priya Raman", "emails": ["priya@x.org"], "uid": "c1"}
    message = {"kind": "life.message", "at": at, "channel": "mail", "sender": "priya@x.org", "text": "hello"}
    other = {"kind": "life.message", "at": at, "channel": "mail", "sender": "priyanka@x.org", "text": "hello"}
    add(tx, [item(contact), item(message), item(other)], format_name="jsonl")
    found = erasure.erase(tx, Wanted(people=("priya raman",)), NOW)
    assert found.records == {"life.contact": 1, "life.message": 1}
    assert [record["sender"] for record in records.find(tx, kind="life.message")] == ["priyanka@x.org"]
    assert tx.execute("SELECT count(*) FROM life_message").fetchone() == (1,)


def test_a_twin_that_stays_is_counted_again(tx, ingest, example):
    ingest(example["bank.ofx"])
    ingest(example["bank.csv"])
    twins = tx.execute("SELECT count(*) FROM life_transaction WHERE same_as IS NOT NULL").fetchone()[0]
    assert twins > 400
    (first,) = tx.execute("SELECT id FROM life_transaction WHERE format = 'ofx' LIMIT 1").fetchone()
    source = records.get(tx, first)["source_id"]
    erasure.erase(tx, Wanted(sources=(source,)), NOW)
    assert tx.execute("SELECT count(*) FROM life_transaction WHERE same_as IS NOT NULL").fetchone() == (0,)
    assert not any("same_as_id" in each for each in records.find(tx, kind="life.transaction"))


def test_records_of_a_file_of_records_know_their_line_and_go_with_it(tx, ingest):
    line = b'{"kind":"life.message","at":"2026-11-20T10:00:00Z","channel":"mail","text":"x"}\n'
    ingest(b"\n" + line)
    (message,) = records.find(tx, kind="life.message")
    assert (message["source"], message["source_line"]) == ("file", 2)
    assert next(grounds.chain(tx, message["id"]))["where"] == "file:2"
    assert erasure.erase(tx, Wanted(sources=("file",)), NOW).records == {"life.message": 1}


def test_only_the_time_that_is_named_goes(tx, ingest, example):
    ingest(example["bank.ofx"])
    erasure.erase(tx, Wanted(since="2026-03-01T00:00:00.000Z", until="2026-04-01T00:00:00.000Z"), NOW)
    months = {each["date"][:7] for each in records.find(tx, kind="life.transaction")}
    assert "2026-03" not in months
    assert {"2026-02", "2026-04"} <= months


def test_tables_made_by_others_are_swept_by_their_references(tx, monkeypatch):
    """A table added later is erased by its foreign keys, an index made from records is emptied, words and all."""
    tx.execute("CREATE TABLE life_later (id TEXT PRIMARY KEY REFERENCES record (id), x TEXT) STRICT")
    tx.execute("CREATE TABLE life_below (n INTEGER PRIMARY KEY, later TEXT NOT NULL REFERENCES life_later (id)) STRICT")
    tx.execute("CREATE VIRTUAL TABLE life_words USING fts5 (text)")
    more = (*holdings.HOLDINGS, holdings.Holding("life_words", "derived"))
    monkeypatch.setattr(holdings, "HOLDINGS", more)
    message = item({"kind": "life.message", "at": "2026-11-20T10:00:00.000Z", "channel": "mail", "text": WORD})
    add(tx, [message], format_name="jsonl")
    tx.execute("INSERT INTO life_later VALUES (?, 'x')", (message["id"],))
    tx.execute("INSERT INTO life_below VALUES (1, ?)", (message["id"],))
    tx.execute("INSERT INTO life_words (text) VALUES (?)", (WORD,))
    erasure.erase(tx, Wanted(ids=frozenset([message["id"]])), NOW)
    for table in ("life_later", "life_below", "life_words"):
        assert tx.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    for (block,) in tx.execute("SELECT block FROM life_words_data").fetchall():
        assert WORD.encode() not in bytes(block)


def test_copies_of_other_families_lose_their_body_and_what_names_it_is_counted(tx):
    tx.execute("CREATE TABLE slm_sync_revision (record_id TEXT NOT NULL, body TEXT) STRICT")
    message = item({"kind": "life.message", "at": "2026-11-20T10:00:00.000Z", "channel": "mail", "text": WORD})
    add(tx, [message], format_name="jsonl")
    tx.execute("INSERT INTO slm_sync_revision VALUES (?, ?), ('other', 'stays')", (message["id"], WORD))
    records.put(tx, {"kind": "wf.event", "id": "wf_1", "at": "2026-11-20T10:00:00.000Z", "from_id": message["id"]})
    found = erasure.erase(tx, Wanted(ids=frozenset([message["id"]])), NOW)
    assert tx.execute("SELECT body FROM slm_sync_revision ORDER BY record_id = 'other'").fetchall() == [
        (None,),
        ("stays",),
    ]
    assert found.others == 1


def test_nothing_is_left_in_the_decrypted_pages(tmp_path, monkeypatch, decrypted):
    monkeypatch.setenv("HOME", str(tmp_path))
    keys = KeySource({"HOME": str(tmp_path)}, None)
    path = tmp_path / "state.db"
    with State.open(path, mode="write", keys=keys, now=lambda: NOW) as state:
        with state.write() as tx:
            for number in range(300):
                message = {
                    "kind": "life.message",
                    "at": "2026-11-20T10:00:00.000Z",
                    "channel": "mail",
                    "text": f"{WORD} {number}",
                }
                add(tx, [item(message)], format_name="jsonl")
            first = next(records.find(tx, kind="life.message"))["id"]
            decisions.decide(tx, kind="life.noted", what=WORD, why=WORD, evidence=[first], command="life-x", at=NOW,
                             facts={"word": WORD})  # fmt: skip
            tx.execute(
                "INSERT INTO model_call (id, at, command, model, provider, purpose, input_json) VALUES ('m', 't', 'life-x', 'm', 'p', 'x', ?)",
                (f'["{WORD}"]',),
            )
        key = state._key
        state._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert WORD.encode() in decrypted(path, key), "the word was never there: the test would show nothing"
        with state.write() as tx:
            erasure.erase(tx, Wanted(kinds=frozenset(["life.message"])), NOW)
        erasure.compact(state, wait_s=1)
        assert state._connection.execute("PRAGMA freelist_count").fetchone() == (0,)
    pages = decrypted(path, key)
    assert pages.count(b"it rested on records that were erased") == 1
    assert WORD.encode() not in pages
    assert not re.search(WORD.encode(), b"".join(each.read_bytes() for each in tmp_path.rglob("*") if each.is_file()))


def test_what_is_erased_stays_so_if_the_disk_has_no_room_to_write_the_file_anew(tmp_path):
    keys = KeySource({"HOME": str(tmp_path)}, None)
    event = {"kind": "life.event", "at": "2026-11-20T10:00:00.000Z", "text": "x" * 1000}
    with State.open(tmp_path / "s.db", mode="write", keys=keys, now=lambda: NOW) as state:
        with state.write() as tx:
            records.put_many(tx, [{**event, "id": f"life_{number}"} for number in range(500)])
        with state.write() as tx:
            erasure.erase(tx, Wanted(ids=frozenset(f"life_{number}" for number in range(250))), NOW)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        try:
            with pytest.raises(CannotCreate, match="it is erased, but the disk takes no more"):
                erasure.compact(state, wait_s=1)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        erasure.compact(state, wait_s=1)
        with state.read() as tx:
            assert len(list(records.find(tx, kind="life.event"))) == 250


def test_everything_is_exported_encrypted_and_opens_with_the_identity(tmp_path, tx, ingest, example, monkeypatch):
    fill(tx, ingest, example)
    lines = list(exporting.lines(tx))
    assert sum(b'"life.transaction"' in line.split(b",", 1)[0] for line in lines) == 456
    for table in holdings.BY_TABLE:
        (count,) = tx.execute(f"SELECT count(*) FROM {table}").fetchone()
        assert sum(f'"table":"{table}"'.encode() in line for line in lines) == count
    from roadmap_cli.state import export

    keys = KeySource({"HOME": str(tmp_path)}, None)
    with State.open(tmp_path / "s.db", mode="write", keys=keys, now=lambda: NOW):
        pass
    target = tmp_path / "out.age"
    reader = exporting.Reader(iter(lines))
    export.write(target, reader, (tmp_path / "s.db", keys))
    assert reader.line_count == len(lines)
    assert target.stat().st_mode & 0o777 == 0o600
    secret = [each.secret for each in keys.identities()]
    assert pyrage.decrypt(target.read_bytes(), secret) == b"".join(lines)
    assert not list(tmp_path.glob("*.tmp-*"))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    export.write(pipe, exporting.Reader(iter([b"line\n"])), None)
    assert os.read(reading, 100) == b"line\n"
    assert stat.S_ISFIFO(pipe.stat().st_mode), "what is no file is never replaced"
