"""Each claim of memories, facts, entities, relations and hits is checked: a change of any one of them is seen."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from roadmap_cli.core.records import Record, content_id
from roadmap_cli.life.consolidate import nightly, rarity
from roadmap_cli.life.graph import building, finding
from roadmap_cli.life.proof import checking, found, graphs
from roadmap_cli.life.recall.answering import Wanted
from roadmap_cli.life.recall.session import Recall
from roadmap_cli.life.storing import store
from roadmap_cli.retrieval.terms import Terms
from roadmap_cli.state import migrate, records
from roadmap_cli.state.connection import connect
from roadmap_cli.state.store import MIGRATIONS, State

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
CHAT = [
    ("2026-10-03T18:02", "Noor", "We found a flat for 940 EUR. I live in Utrecht now, the canal is right outside."),
    ("2026-10-03T18:04", "Ines", "Do you still have the spare key for the allotment?"),
    ("2026-10-03T18:05", "Noor", "It lies under the blue watering can behind the shed."),
    ("2026-10-17T09:30", "Noor", "For the dinner on 24 October: I'm allergic to walnuts, please no pesto."),
    ("2026-10-17T09:33", "Ines", "Noted! Then I make the pumpkin soup for everybody on Saturday at 19:30."),
    ("2026-11-02T08:10", "Noor", "I live in Leiden now, the train takes 35 minutes."),
]
CONTACT: Record = {
    "kind": "life.contact", "id": "contact_1", "at": "2026-09-01T10:00:00.000Z", "name": "Noor Haddad",
    "emails": ["noor@example.org"], "organization": "Canal Works",
}  # fmt: skip


def message(at: str, sender: str, text: str) -> Record:
    return {
        "kind": "life.message", "id": content_id("life.message", at=at, text=text), "at": f"{at}:00.000Z",
        "channel": "chat", "thread": "Noor", "sender": sender, "text": text,
    }  # fmt: skip


@pytest.fixture(scope="module")
def life() -> Iterator[Recall]:
    connection = connect(":memory:", None, wait_s=1)
    known = [each for each in migrate.known(MIGRATIONS) if each.family in ("base", "life")]
    migrate.apply(connection, known, now=lambda: NOW)
    state = State(Path("memory"), connection, mode="write", dry_run=False, key=None, held=None)
    with state.write() as tx:
        store.add(tx, [CONTACT, *(message(*each) for each in CHAT)], format_name="jsonl")
    terms = Terms()
    recall = Recall(state, terms, None, lambda: NOW)
    recall.take_in(0, None)  # type: ignore[arg-type]
    spans, of_stems = nightly.plan(state, "2026-11-23", stop=lambda: False)
    assert of_stems
    worth = rarity.of_words(of_stems, terms)
    for span in spans:
        nightly.consolidate(state, span, rarity=worth, embedder=None, share=0.4, now=NOW, command="life-consolidate")
    building.build(state, NOW, command="life-graph")
    recall.take_in(0, None)  # type: ignore[arg-type]
    yield recall
    terms.close()
    connection.close()


def given(life: Recall, kind: str) -> list[Record]:
    """All records of a kind, as they come through a pipe."""
    if kind == "life.memory_hit":
        hits = life.ask("who is allergic to walnuts on 17 October 2026?", Wanted(limit=3))[0]
        return [*hits, *life.ask("where does Noor live?", Wanted(limit=4, memory=True))[0]]
    with life.state.read() as tx:
        if kind == "life.entity":
            return finding.entities(tx, finding.Times())
        if kind == "life.relation":
            return finding.relations(tx, finding.Times())
        rows = tx.execute("SELECT id FROM record WHERE kind = ? ORDER BY id", (kind,)).fetchall()
        return [record for (name,) in rows if (record := records.get(tx, name))]


def problems(life: Recall, record: Record) -> list[str]:
    with life.state.read() as tx:
        asked = found.Asked(tx, life.terms, None)
        claims = list(checking.check_record(tx, record, graphs.Again(tx), asked))
    assert claims
    return [f"{claim.name}: {claim.problem}" for claim in claims if claim.problem]


@contextmanager
def changed(life: Recall) -> Iterator[Any]:
    """A transaction that leaves nothing behind."""
    with life.state.write() as tx:
        tx.execute("SAVEPOINT changed")
        try:
            yield tx
        finally:
            tx.execute("ROLLBACK TO changed")
            tx.execute("RELEASE changed")


def changes(value: Any) -> Iterator[Any]:
    """A value with one leaf of it changed, for each leaf."""
    if isinstance(value, dict):
        for name, each in value.items():
            for other in changes(each):
                yield {**value, name: other}
    elif isinstance(value, list):
        for place, each in enumerate(value):
            for other in changes(each):
                yield [*value[:place], other, *value[place + 1 :]]
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, (int, float)):
        yield value + 0.5
    elif isinstance(value, str):
        digit = next((place for place, each in enumerate(value) if each.isdigit()), None)
        if digit is None:
            yield f"{value} 7"
        else:
            yield f"{value[:digit]}{(int(value[digit]) + 1) % 10}{value[digit + 1 :]}"


#: What asks, and is no answer: the question and its time make other claims fail, the kind chooses the check.
FREE = ("kind", "question", "asked_at", "searched", "rank")


@pytest.mark.parametrize("kind", ["life.memory", "life.fact", "life.entity", "life.relation", "life.memory_hit"])
def test_all_holds_and_each_change_of_a_record_is_seen(life, kind):
    some = given(life, kind)
    assert some
    for record in some:
        assert problems(life, record) == []
    for record in [*some[:2], *some[-1:]]:
        for name in record:
            if name in FREE:
                continue
            for other in changes(copy.deepcopy(record[name])):
                assert problems(life, {**record, name: other}), f"{kind} {name}: {other!r} is not seen"


def test_every_decision_holds_and_each_changed_number_of_one_is_seen(life):
    import orjson

    kinds = ("life.consolidated", "life.fact_ended", "life.relation_found", "life.entity_resolved")
    seen = set()
    with life.state.read() as tx:
        rows = tx.execute("SELECT id, decision, what, why, facts FROM decision ORDER BY id").fetchall()
    for name, kind, what, why, facts in rows:
        if kind not in kinds:
            continue
        with life.state.read() as tx:
            assert [each for each in checking.check(tx, name) if each.problem] == []
        if kind in seen:
            continue
        seen.add(kind)
        told = orjson.loads(facts) if facts else {}
        tried = [("what", each) for each in changes(what)]
        tried += [("why", each) for each in changes(why)]
        kept = [each for each in changes(told) if each.get("share") == told.get("share")]
        tried += [("facts", orjson.dumps(each).decode()) for each in kept]
        for column, other in tried:
            with changed(life) as tx:
                tx.execute(f"UPDATE decision SET {column} = ? WHERE id = ?", (other, name))
                assert [each for each in checking.check(tx, name) if each.problem], f"{kind} {column}: {other}"
    assert seen >= {"life.consolidated", "life.fact_ended", "life.relation_found"}


def test_a_changed_source_is_seen_in_what_was_made_from_it(life):
    (old,) = [each for each in given(life, "life.fact") if each["object"] == "Leiden"]
    line = next(each for each in given(life, "life.memory") if old["sources"][0] in each["sources"])
    with changed(life) as tx:
        for was, other in (("Leiden", "London"), ("35", "53")):
            tx.execute("UPDATE record SET body = replace(body, ?, ?) WHERE id = ?", (was, other, old["sources"][0]))
        for each in (old, line):
            assert [claim for claim in checking.check_record(tx, each, graphs.Again(tx)) if claim.problem], each
    assert problems(life, old) == []


def test_hits_in_another_order_are_seen(life):
    first, second, *rest = given(life, "life.memory_hit")[:3]
    with life.state.read() as tx:
        for some, holds in (
            ([first, second, *rest], True),
            ([first | {"rank": 2}, second | {"rank": 1}, *rest], first["score"] == second["score"]),
            ([first, second | {"rank": 1}, *rest], False),
        ):
            asked, graph = found.Asked(tx, life.terms, None), graphs.Again(tx)
            claims = [claim for each in some for claim in checking.check_record(tx, each, graph, asked)]
            assert all(not claim.problem for claim in claims) == holds
