"""A person is erased out of the graph, recall and long-term memory: every name of theirs, in every table and page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from roadmap_cli.life import exporting
from roadmap_cli.life.consolidate import nightly, rarity
from roadmap_cli.life.erasing import erasure, tables
from roadmap_cli.life.erasing.doomed import Wanted
from roadmap_cli.life.formats import jsonl
from roadmap_cli.life.graph import acting, acts, building, finding
from roadmap_cli.life.graph.finding import Times
from roadmap_cli.life.recall import indexing
from roadmap_cli.life.recall.answering import Wanted as Asked
from roadmap_cli.life.recall.session import Recall
from roadmap_cli.life.storing import store
from roadmap_cli.retrieval.terms import Terms
from roadmap_cli.state import records
from roadmap_cli.state.keys import KeySource
from roadmap_cli.state.store import State
from roadmap_cli.why import decisions

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
ME = "alex@example.org"
#: Words that only stand in what is of the person, or names them.
TRACES = ("zqpriya", "zqraman", "p.work@zqcorp.example", "5512345678", "551 234", "zqsecret", "zqcorp")


def message(number, sender, to, at, text="", **more):
    return {
        "kind": "life.message", "id": f"life_m{number}", "at": f"{at}.000Z", "channel": "mail", "sender": sender,
        "recipients": to, "text": text, **more,
    }  # fmt: skip


LIFE = [
    {"kind": "life.contact", "at": "2026-01-01T00:00:00.000Z", "uid": "me", "name": "Alex Sommer", "emails": [ME]},
    {"kind": "life.contact", "at": "2026-01-01T00:00:00.000Z", "uid": "p", "name": "Zqpriya Zqraman", "emails": ["zqpriya@example.org"], "phones": ["+915512345678"]},
    {"kind": "life.contact", "at": "2026-01-01T00:00:00.000Z", "uid": "t", "name": "Thomas Okafor", "emails": ["tom@example.org"], "phones": ["+4930555019"]},
    message(1, "p.work@zqcorp.example", [ME], "2026-10-03T18:02:00", "the zqsecret draft. Best regards,\nZqpriya Zqraman\nTel. +91 551 234-5678", sender_name="Zqraman, Zqpriya"),
    message(2, ME, ["p.work@zqcorp.example"], "2026-10-03T18:05:00", "I moved to Zqsecretville last week.", sent_by_user=True),
    message(3, "tom@example.org", [ME], "2026-10-03T19:00:00", "I live in Lisbon, near the harbour and the old lighthouse.", sender_name="Thomas Okafor"),
    message(4, "tom@example.org", [ME], "2026-10-04T19:00:00", "We talked about the harbour tour on Saturday.", sender_name="Thomas Okafor"),
    message(5, "tom@example.org", [ME, "zqpriya@example.org"], "2026-10-05T19:00:00", "I moved to Utrecht.", sender_name="Thomas Okafor"),
    message(6, "t.okafor@halden.io", [ME], "2026-10-06T19:00:00", "From the new office: the lighthouse keys are here.", sender_name="Thomas Okafor"),
    {"kind": "life.event", "at": "2026-10-07T10:00:00.000Z", "ends_at": "2026-10-07T11:00:00.000Z", "title": "Coffee with zqpriya", "people": ["zqpriya@example.org", ME]},
    {"kind": "life.event", "at": "2026-10-08T10:00:00.000Z", "ends_at": "2026-10-08T11:00:00.000Z", "title": "Lighthouse tour", "people": ["tom@example.org", ME]},
    *({"kind": "life.measurement", "metric": "steps", "at": f"2026-10-0{day}T{hour}:00:00.000Z", "date": f"2026-10-0{day}", "value": 1000.5 + hour, "unit": "count"} for day in (3, 4) for hour in (10, 12)),
]  # fmt: skip


def ready(records_):
    return [jsonl.item(dict(each)) for each in records_]


def work(state, now=NOW):
    """What the nightly commands do: graph, index, memory."""
    built = building.build(state, now, command="life-graph build")
    indexing.take_in(state, stop=lambda: False)
    terms = Terms()
    with state.read() as tx:
        spans = nightly.due(tx, now.date().isoformat())
        tells = rarity.of_words(nightly.Rarity(tx), terms)
    made = []
    for span in spans:
        made += nightly.consolidate(
            state, span, rarity=tells, embedder=None, share=0.5, now=now, command="life-consolidate"
        ).new
    indexing.take_in(state, stop=lambda: False)
    terms.close()
    return built, made


@pytest.fixture
def state(tmp_path, monkeypatch) -> Iterator[State]:
    monkeypatch.setenv("HOME", str(tmp_path))
    keys = KeySource({"HOME": str(tmp_path)}, None)
    with State.open(tmp_path / "state.db", mode="write", keys=keys, now=lambda: NOW) as made:
        with made.write() as tx:
            store.add(tx, ready(LIFE), format_name="jsonl")
            tx.execute(_part(tx))
        work(made)
        yield made


def _part(tx):
    """A row with every column of life_part that must be given."""
    told = {"source": "'file'", "name": "'/m/chat with zqpriya zqraman.txt'"}
    for _, name, kind, required, default, _ in tx.execute("PRAGMA table_info(life_part)").fetchall():
        if name not in told and required and default is None:
            told[name] = "0" if kind in ("INTEGER", "REAL") else "'{}'"
    return f"INSERT INTO life_part ({', '.join(told)}) VALUES ({', '.join(told.values())})"


def everything(state, decrypted):
    """The pages of the file, decrypted, lower case: rows, indexes, words of the full-text index, free pages."""
    state._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return decrypted(state.path, state._key).lower()


def acted(state):
    context = acting.Context("life-graph", NOW)
    with state.write() as tx:
        acting.correct(tx, "zqpriya@example.org", context, name="Zqpriya the Great", sort=None, is_user=False)
        acting.relate(
            tx, "tom@example.org", "knows", "zqpriya@example.org", context, since=None, until=None, wrong=False
        )
        acting.correct(tx, "tom@example.org", context, name="Tom O.", sort=None, is_user=False)


def dangling(tx):
    ids = tx.execute(
        """SELECT evidence_id FROM evidence WHERE evidence_id NOT IN (SELECT id FROM record)
           AND evidence_id NOT IN (SELECT id FROM decision)"""
    ).fetchall()
    return ids + tx.execute("PRAGMA foreign_key_check").fetchall()


def test_every_name_of_a_person_goes_and_what_was_said_of_others_stays(state, decrypted):
    acted(state)
    before = everything(state, decrypted)
    assert all(each.encode() in before for each in ("zqpriya", "p.work@zqcorp.example", "zqsecretville"))
    with state.write() as tx:
        found = erasure.erase(tx, Wanted(people=("zqpriya@example.org",)), NOW)
        assert found.records["life.contact"] == 1, "only theirs"
        assert found.records["life.message"] == 3, "the mail from and to their other address goes, too"
        assert found.records["life.memory"] >= 1
        assert dangling(tx) == []
        assert [act.said for act in acts.every(tx)] == [{"name": "Tom O."}]
        assert decisions.get(tx, acts.every(tx)[0].why_id)["why"] == "the user said so"
    erasure.compact(state, wait_s=1)
    after = everything(state, decrypted)
    assert {each: after.count(each.encode()) for each in TRACES} == dict.fromkeys(TRACES, 0)
    built, made = work(state)
    assert built.changed is not None
    with state.read() as tx:
        names = {each["name"] for each in finding.entities(tx, Times())}
        assert names >= {"Tom O.", "Alex Sommer"}
        believed = str(list(finding.entities(tx, Times()))).casefold()
        assert not any(each in believed for each in TRACES)
        assert dangling(tx) == []
    terms = Terms()
    hits, _ = Recall(state, terms, None, lambda: NOW).ask("where are the lighthouse keys?", Asked(limit=3))
    terms.close()
    assert hits[0]["record_id"] == "life_m6"
    assert not any(trace in each["text"].casefold() for each in made for trace in TRACES)
    again = everything(state, decrypted)
    assert not any(each.encode() in again for each in TRACES)


def test_a_fact_that_an_erased_one_had_ended_holds_again(state):
    """Tom lives in Lisbon; a mail that also went to the erased person said he moved, so that ends no more."""
    open_ended = (
        "SELECT object FROM life_memory WHERE relation = 'lives_in' AND subject LIKE 'thomas%' AND true_until IS NULL"
    )
    with state.write() as tx:
        assert tx.execute(open_ended).fetchall() == [("utrecht",)]
        erasure.erase(tx, Wanted(ids=frozenset(["life_m5"])), NOW)
        assert tx.execute(open_ended).fetchall() == [("lisbon",)]
        assert dangling(tx) == []
    later = message(7, "tom@example.org", [ME], "2026-11-01T19:00:00", "I moved to Porto.", sender_name="Thomas Okafor")
    with state.write() as tx:
        store.add(tx, ready([later]), format_name="jsonl")
    work(state)
    with state.read() as tx:
        assert tx.execute(open_ended).fetchall() == [("porto",)]


def test_the_end_of_a_fact_is_judged_again_by_those_that_stay(state):
    later = message(7, "tom@example.org", [ME], "2026-11-01T19:00:00", "I moved to Porto.", sender_name="Thomas Okafor")
    with state.write() as tx:
        store.add(tx, ready([later]), format_name="jsonl")
    work(state)
    with state.write() as tx:
        erasure.erase(tx, Wanted(ids=frozenset(["life_m5"])), NOW)
        rows = tx.execute("SELECT object, true_until FROM life_memory WHERE relation = 'lives_in' AND subject LIKE 'thomas%' ORDER BY 1").fetchall()  # fmt: skip
    assert [each[0] for each in rows if each[1] is None] == ["porto"]
    assert dict(rows)["lisbon"] is not None


def test_a_day_of_a_metric_goes_with_its_measurements(state):
    with state.write() as tx:
        days = "SELECT day FROM life_item WHERE record_id IS NULL ORDER BY day"
        assert tx.execute(days).fetchall() == [("2026-10-03",), ("2026-10-04",)]
        since, until = "2026-10-03T11:00:00.000Z", "2026-10-04T00:00:00.000Z"
        erasure.erase(tx, Wanted(kinds=frozenset(["life.measurement"]), since=since, until=until), NOW)
        assert tx.execute(days).fetchall() == [("2026-10-04",)]
    indexing.take_in(state, stop=lambda: False)
    with state.read() as tx:
        (covers,) = tx.execute("SELECT covers FROM life_item WHERE metric = 'steps' AND day = '2026-10-03'").fetchone()
    assert covers == 1, "what stays of the day is found again"


def test_an_organisation_stays_while_one_of_its_addresses_does(state):
    with state.write() as tx:
        erasure.erase(tx, Wanted(ids=frozenset(["life_m1", "life_m2"])), NOW)
        domains = {key for (key,) in tx.execute("SELECT key FROM life_graph_atom WHERE key LIKE 'd:%'")}
    assert "d:halden.io" in domains
    assert "d:zqcorp.example" not in domains


def test_what_comes_anew_of_an_erased_person_is_new(state):
    with state.write() as tx:
        erasure.erase(tx, Wanted(people=("Zqpriya Zqraman",)), NOW)
    fresh = message(8, "zqpriya@example.org", [ME], "2026-11-10T08:00:00", "Hello again")
    with state.write() as tx:
        store.add(tx, ready([fresh]), format_name="jsonl")
    work(state)
    with state.read() as tx:
        entity = finding.one(tx, "zqpriya@example.org")
    assert (entity["mention_count"], entity.get("phones")) == (1, None)


def test_a_first_name_in_the_graph_is_nobodys_alone(state):
    other = message(9, "x@example.org", [ME], "2026-11-10T08:00:00", "Thomas Mann wrote The Magic Mountain")
    with state.write() as tx:
        store.add(tx, ready([other]), format_name="jsonl")
        erasure.erase(tx, Wanted(people=("Thomas Okafor",)), NOW)
        assert records.get(tx, "life_m9") is not None
        assert records.get(tx, "life_m6") is None, "the graph knows this address to be his"


def test_all_goes_and_what_was_exported_comes_back(state, decrypted):
    acted(state)
    with state.read() as tx:
        exported = list(exporting.lines(tx))
        told = sorted(each for (each,) in tx.execute("SELECT id FROM record WHERE kind <> 'life.memory' AND kind <> 'life.fact'"))  # fmt: skip
    with state.write() as tx:
        erasure.erase(tx, Wanted(everything=True), NOW)
        for table in tables.names(tx):
            assert tx.execute(f'SELECT count(*) FROM "{table}"').fetchone() == (0,), table
        assert tx.execute("SELECT count(*) FROM record").fetchone() == (0,)
        assert tx.execute("SELECT count(*) FROM decision").fetchone() == (0,)
    erasure.compact(state, wait_s=1)
    after = everything(state, decrypted)
    assert not any(each.encode() in after for each in (*TRACES, "lighthouse", "okafor"))
    import orjson

    again = [orjson.loads(each) for each in exported]
    with state.write() as tx:
        store.add(tx, [jsonl.item(each) for each in again if each["kind"] in jsonl.KINDS], format_name="jsonl")
        assert sorted(each for (each,) in tx.execute("SELECT id FROM record")) == told
    work(state)
