"""Recall and consolidation on an encrypted state: what is found, what is remembered, what is forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadmap_cli.core import clock, schemas
from roadmap_cli.core.errors import DataError, UsageError
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.life.consolidate import facts, gist, nightly, rarity
from roadmap_cli.life.proof import checking, graphs
from roadmap_cli.life.proof.found import Asked
from roadmap_cli.life.recall import activation, answering, indexing
from roadmap_cli.life.recall.answering import Wanted
from roadmap_cli.life.recall.session import Recall
from roadmap_cli.life.storing import store
from roadmap_cli.retrieval import dates
from roadmap_cli.retrieval.terms import Terms
from roadmap_cli.state import migrate, records
from roadmap_cli.state.connection import connect
from roadmap_cli.state.store import MIGRATIONS, State
from roadmap_cli.why import decisions

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
CHAT = [
    ("2026-10-03T18:02", "Noor", "We found a flat. I moved to Utrecht last week, the canal is right outside."),
    ("2026-10-03T18:04", "Ines", "Do you still have the spare key for the allotment?"),
    ("2026-10-03T18:05", "Noor", "It lies under the blue watering can behind the shed."),
    ("2026-10-17T09:30", "Noor", "For the dinner: I'm allergic to walnuts, please no pesto."),
    ("2026-10-17T09:33", "Ines", "Noted! Then I make the pumpkin soup for everybody on Saturday."),
]


def message(at: str, sender: str, text: str) -> Record:
    return {
        "kind": "life.message", "id": content_id("life.message", at=at, text=text), "at": f"{at}:00.000Z",
        "channel": "chat", "thread": "Noor", "sender": sender, "text": text,
    }  # fmt: skip


def measured(day: str, hour: int, value: float) -> Record:
    return {
        "kind": "life.measurement", "id": content_id("life.measurement", day=day, hour=hour), "metric": "steps",
        "at": f"{day}T{hour:02}:00:00.000Z", "date": day, "value": value, "unit": "count",
    }  # fmt: skip


@pytest.fixture
def state() -> Iterator[State]:
    connection = connect(":memory:", None, wait_s=1)
    known = [each for each in migrate.known(MIGRATIONS) if each.family in ("base", "life")]
    migrate.apply(connection, known, now=lambda: NOW)
    from pathlib import Path

    yield State(Path("memory"), connection, mode="write", dry_run=False, key=None, held=None)
    connection.close()


@pytest.fixture
def recall(state: State) -> Iterator[Recall]:
    add(state, [message(*each) for each in CHAT])
    terms = Terms()
    yield Recall(state, terms, None, lambda: NOW)
    terms.close()


def add(state: State, given: list[Record]) -> None:
    with state.write() as tx:
        store.add(tx, given, format_name="jsonl")


def take_in(state: State) -> int:
    return indexing.take_in(state, stop=lambda: False)


def texts(recall: Recall, question: str, **wanted: Any) -> list[str]:
    return [hit["text"] for hit in recall.ask(question, Wanted(**wanted))[0]]


def consolidate(state: State, recall: Recall, now: datetime = NOW) -> list[Record]:
    take_in(state)
    with state.read() as tx:
        spans = nightly.due(tx, now.date().isoformat())
        tells = rarity.of_words(nightly.Rarity(tx), recall.terms)
    made = []
    for span in spans:
        made += nightly.consolidate(state, span, rarity=tells, embedder=None, share=0.3, now=now, command="test").new
    return made


def test_a_hit_tells_what_it_is_why_it_was_found_and_what_record_it_is(state, recall):
    assert take_in(state) == len(CHAT)
    hits, numbers = recall.ask("where does the spare key lie?", Wanted(limit=2))
    assert {hit["text"].split(": ")[1][:12] for hit in hits} == {"Do you still", "It lies unde"}
    assert [hit["rank"] for hit in hits] == [1, 2]
    assert hits[1]["why"].startswith("says 'spare', 'key'")
    assert hits[1]["terms"] == ["spare", "kei"]
    assert len(numbers) == 2
    with state.read() as tx:
        assert all(decisions.resolves(tx, hit["record_id"]) for hit in hits)


def test_taking_in_again_adds_nothing_and_what_comes_later_is_added(state, recall):
    take_in(state)
    assert take_in(state) == 0
    add(state, [message("2026-11-01T08:00", "Ines", "The plumber comes on Tuesday.")])
    assert take_in(state) == 1
    assert texts(recall, "when does the plumber come?", limit=1) == ["2026-11-01 Ines: The plumber comes on Tuesday."]


def test_limits_of_time_and_kind_are_hard(state, recall):
    take_in(state)
    assert texts(recall, "key", since="2026-10-10T00:00:00.000Z") == []
    assert len(texts(recall, "key", until="2026-10-10T00:00:00.000Z")) >= 2
    assert texts(recall, "key", kinds=("life.event",)) == []


def test_a_day_of_a_metric_is_one_item_that_is_made_anew_when_more_comes(state, recall):
    add(state, [measured("2026-10-05", 8, 4000), measured("2026-10-05", 18, 2500)])
    take_in(state)
    assert texts(recall, "steps", kinds=("life.measurement",)) == ["2026-10-05 steps sum of 2 6500 count"]
    add(state, [measured("2026-10-05", 20, 500)])
    assert take_in(state) == 1
    again = Recall(state, recall.terms, None, lambda: NOW)
    hit = again.ask("steps", Wanted(kinds=("life.measurement",)))[0][0]
    assert (hit["text"], len(hit["source_ids"])) == ("2026-10-05 steps sum of 3 7000 count", 3)


def told_by(device: str, metric: str, start: str, end: str, value: float, **more: Any) -> Record:
    return {
        "kind": "life.measurement", "id": content_id("life.measurement", device=device, metric=metric, start=start),
        "metric": metric, "at": f"2026-10-{start}:00.000Z", "ends_at": f"2026-10-{end}:00.000Z", "date": "2026-10-05",
        "value": value, "unit": "min", "device": device, **more,
    }  # fmt: skip


def test_what_several_devices_told_of_a_day_counts_once(state, recall):
    add(
        state,
        [
            told_by("iPhone", "steps", "05T09:00", "05T10:00", 1000, unit="count"),
            told_by("Watch", "steps", "05T09:00", "05T10:00", 1200, unit="count"),
            told_by("iPhone", "steps", "05T20:00", "05T20:10", 400, unit="count"),
            told_by("Watch", "sleep", "05T00:00", "05T02:30", 150, stage="core"),
            told_by("Watch", "sleep", "05T02:30", "05T03:00", 30, stage="awake"),
            told_by("Watch", "sleep", "05T03:00", "05T06:30", 210, stage="rem"),
            told_by("AutoSleep", "sleep", "05T00:00", "05T06:30", 390, stage="asleep"),
            told_by("Calm", "mindful_time", "05T07:00", "05T07:10", 10),
            told_by("Calm", "mindful_time", "05T21:00", "05T21:20", 20),
            told_by("Scale", "body_mass", "05T07:00", "05T07:00", 81, unit="kg"),
            told_by("Scale", "body_mass", "05T21:00", "05T21:00", 82, unit="kg"),
        ],
    )
    take_in(state)
    said = {text[11:] for text in texts(recall, "5 October 2026", kinds=("life.measurement",), limit=9)}
    assert said == {
        "steps sum of 2 1600 count", "sleep sum of 3 360 min", "mindful time sum of 2 30 min", "body mass last 82 kg",
    }  # fmt: skip


def test_a_deleted_record_leaves_nothing_behind_to_be_found(state, recall):
    consolidate(state, recall)
    take_in(state)
    key = message(*CHAT[2])["id"]
    with state.write() as tx:
        tx.execute("DELETE FROM life_message WHERE id = ?", (key,))
        tx.execute("DELETE FROM record WHERE id = ?", (key,))
        assert tx.execute("SELECT count(*) FROM life_item_stem WHERE term = 'shed'").fetchone() == (0,)
        assert tx.execute("SELECT count(*) FROM record WHERE body LIKE '%shed%'").fetchone() == (0,)
    fresh = Recall(state, recall.terms, None, lambda: NOW)
    assert not any("shed" in text for text in texts(fresh, "what is behind the shed?", memory=None))


def test_no_question_is_an_error_and_an_empty_state_has_no_answer(state, recall):
    for wrong in (None, "", "  ", 5, "\udc80x"):
        with pytest.raises(DataError):
            recall.ask(wrong, Wanted())
    assert recall.ask("key", Wanted()) == ([], [])


def test_what_was_shown_is_noted_and_more_present(state, recall):
    take_in(state)
    _, numbers = recall.ask("spare key", Wanted(limit=1))
    recall.shown(numbers)
    with state.read() as tx:
        assert tx.execute("SELECT item, rank FROM life_access").fetchall() == [(numbers[0], 1)]
    before = recall._items.prior.copy()
    again = Recall(state, recall.terms, None, lambda: NOW + timedelta(seconds=1))
    again.ask("spare key", Wanted())
    place = list(again._items.numbers).index(numbers[0])
    assert again._items.prior[place] > before[place]


def test_each_line_of_memory_says_only_words_of_the_records_it_cites(state, recall):
    made = consolidate(state, recall)
    lines = [record for record in made if record["kind"] == "life.memory"]
    assert lines
    with state.read() as tx:
        for line in lines:
            said = " ".join(str(records.get(tx, id)) for id in line["sources"])
            assert all(word.strip(":;,") in said for word in line["text"].split())
            assert decisions.get(tx, line["why_id"])["evidence_ids"]


def test_the_same_days_give_nothing_new_and_late_data_opens_one_again(state, recall):
    first = consolidate(state, recall)
    assert first
    assert consolidate(state, recall) == []
    late = message("2026-10-03T19:00", "Ines", "Bring the ladder and the wheelbarrow for the apple harvest.")
    add(state, [late])
    again = consolidate(state, recall)
    assert any(late["id"] in record["sources"] for record in again)
    assert all(record["at"].startswith("2026-10-03") for record in again)


def test_today_is_not_over(state, recall):
    add(state, [message("2026-11-23T07:00", "Ines", "The heating engineer rang at seven.")])
    assert not any("engineer" in record["text"] for record in consolidate(state, recall))


def test_a_newer_fact_ends_an_older_one_whichever_is_learned_first(state, recall):
    add(state, [message("2026-11-02T10:00", "Noor", "I moved to Lisbon, finally by the sea.")])
    consolidate(state, recall)
    add(state, [message("2026-09-01T10:00", "Noor", "I live in Gouda for now.")])
    consolidate(state, recall)
    with state.read() as tx:
        rows = tx.execute(
            "SELECT object, true_from, true_until FROM life_memory WHERE relation = 'lives_in' ORDER BY true_from"
        ).fetchall()
        ended = list(decisions.find(tx, kind="life.fact_ended"))
    assert [row[0] for row in rows] == ["gouda", "utrecht", "lisbon"]
    assert rows[-1][2] is None
    assert all(row[2] is not None for row in rows[:-1])
    assert len(ended) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I'm allergic to walnuts, sorry.", ("allergic_to", "walnuts")),
        ("My sister Ana visits us.", ("sister_is", "Ana")),
        ("My favourite film is Stalker.", ("favourite_film", "Stalker")),
        ("I can't stand coriander.", ("dislikes", "coriander")),
        ("I work as a nurse.", ("works_as", "nurse")),
        ("I'm planning to learn Dutch.", ("plans", "learn Dutch")),
        ("Would I love swimming?", None),
        ("You know I love swimming, right?! :)", None),
        ("I don't think I work as a nurse for long.", None),
        ("Ines said I live in Rome.", None),
        ("I no longer work at Acme.", None),
        ("I love the view and the quiet.", None),
        ("I love the music of Bach.", ("likes", "the music of Bach")),
        ("I'm going to the theatre.", None),
        ("I joined a rowing club last week - it's great!", ("started", "a rowing club")),
        ("My daughter Mia's birthday was fun.", ("daughter_is", "Mia")),
        ("I'm originally from Porto.", ("comes_from", "Porto")),
        ("I have two small dogs at home.", ("has", "two small dogs")),
        ("I speak Dutch and Polish.", ("speaks", "Dutch and Polish")),
        ("Ich wohne jetzt in Graz.", ("lives_in", "Graz")),
        ("Ich bin leider nicht allergisch gegen Nüsse.", None),
        ("Ich bin allergisch gegen Nüsse.", ("allergic_to", "Nüsse")),
        ("If I live in Rome, I will call.", None),
        ("I love it.", None),
        ("> I live in Paris", None),
    ],
)
def test_facts_are_taken_where_the_words_are_sure(text, expected):
    found = [(fact.relation, fact.object) for fact in facts.told(message("2026-10-03T18:02", "Noor", text))]
    assert found == ([expected] if expected else [])


def test_the_time_of_a_fact_is_the_one_the_sentence_names():
    (fact,) = facts.told(message("2026-10-17T18:02", "Noor", "I moved to Utrecht yesterday."))
    assert fact.true_from == "2026-10-16"


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300))
def test_any_text_gives_facts_lines_and_questions_or_a_data_error(text):
    assert all(fact.object and fact.subject == "Noor" for fact in facts.told(message("2026-10-03T18:02", "Noor", text)))
    made = gist.lines([gist.Said("Noor", text), gist.Said("", text)], lambda word: 1.0)
    assert all(line.text and line.sources for line in made)


def test_a_gist_is_about_a_tenth_of_the_words():
    said = [gist.Said(name, f"{text} And some more words that belong to number {n}.") for n, (_, name, text) in
            enumerate(CHAT * 10)]  # fmt: skip
    made = gist.lines(said, lambda word: 1 + len(word) / 5)
    words = sum(len(line.text.split()) for line in made)
    assert 0.07 < words / sum(len(one.text.split()) for one in said) < 0.13


def test_use_brings_back_what_time_takes():
    for model in (activation.base_level, activation.retrievability):
        assert model([100.0]) < model([10.0])
        assert model([100.0, 1.0]) > model([100.0])
    assert 0 < activation.retrievability([10_000.0]) < activation.retrievability([0.0]) == 1.0


def test_times_are_dates_or_stamps():
    assert clock.stamp(clock.date_or_time("2026-03-05")) == "2026-03-05T00:00:00.000Z"
    assert clock.stamp(clock.date_or_time("2026-03-05T12:00:00+01:00")) == "2026-03-05T11:00:00.000Z"
    for text in ("yesterday", "", "2026-02-30", "2026-03-05T12:00:00"):
        with pytest.raises(UsageError):
            clock.date_or_time(text)


def test_a_reason_is_never_empty():
    assert answering.why_of([], [], []) == "nearest of what there is"


def test_a_dry_run_takes_in_for_the_moment_and_keeps_nothing(state, recall):
    dry = State(state.path, state._connection, mode="write", dry_run=True, key=None, held=None)
    spans, tells = nightly.plan(dry, NOW.date().isoformat(), stop=lambda: False)
    assert [span.day for span in spans] == ["2026-10-03", "2026-10-17"]
    assert tells is not None
    assert tells("walnut") > tells("the")
    with state.read() as tx:
        assert tx.execute("SELECT count(*) FROM life_item").fetchone() == (0,)


def test_a_fact_that_ended_says_until_when_it_was_true(state, recall):
    add(state, [message("2026-11-02T10:00", "Noor", "I moved to Lisbon, finally by the sea.")])
    consolidate(state, recall)
    take_in(state)
    hits, _ = recall.ask("where does Noor live in?", Wanted(kinds=("life.fact",), memory=True))
    by_place = {hit["text"].split(" (")[0].split()[-1]: hit for hit in hits}
    assert by_place["Utrecht"]["true_until"] == "2026-11-02"
    assert by_place["Utrecht"]["text"].endswith("(until 2026-11-02)")
    assert "true_until" not in by_place["Lisbon"]


@settings(max_examples=40, deadline=None)
@given(st.text(st.sampled_from("ab .!\U0001f600ß"), max_size=4000))
def test_a_long_text_is_taken_in_pieces_that_leave_nothing_out(text):
    found = indexing.pieces(text)
    assert "".join("".join(found).split()) == "".join(text.split())
    assert all(len(piece) <= indexing.LONG for piece in found)


def test_the_end_of_a_long_mail_is_found_by_what_it_means(state):
    class Pointing:
        """A model whose vectors point one way for walnuts and another for the rest."""

        name, dimensions, has_states = "pointing", 2, False

        def embed(self, texts: list[str], *, purpose: str) -> Any:
            import numpy

            return numpy.array([[0.0, 1.0] if "walnut" in text else [1.0, 0.0] for text in texts], numpy.float32)

    mail = message("2026-10-03T18:02", "Noor", "The weather is fine here. " * 120 + "By the way: no walnuts.")
    add(state, [mail, message("2026-10-03T18:05", "Ines", "Fine weather.")])
    take_in(state)
    model: Any = Pointing()
    indexing.embed(state, model, stop=lambda: False, advance=lambda count: None)
    terms = Terms()
    hit = Recall(state, terms, model, lambda: NOW).ask("walnut", Wanted(limit=1))[0][0]
    terms.close()
    assert hit["record_id"] == mail["id"]
    with state.read() as tx:
        items = answering.Items.load(tx, ("pointing", 2), NOW)
        assert items is not None
        assert items.corpus.pieces is not None
        assert items.corpus.pieces[0].shape == (5, 2)


def test_the_source_of_a_line_that_bears_most_on_the_question_comes_first(state, recall):
    from roadmap_cli.life.recall import sources

    take_in(state)
    said = "Noor: flat Utrecht canal; blue watering can shed; allergic walnuts pesto"
    line = sources.Cited(said, ["a", "b", "c"], 7.0, 0)
    odd = sources.Cited("Noor: no parts at all", ["d", "e"], 6.0, 1)
    with state.read() as tx:
        items = answering.Items.load(tx, None, NOW)
        assert items is not None
        for text, best in (("who is allergic?", "c"), ("what is behind the shed?", "b"), ("nothing of it", "a")):
            question = answering.Question.of(text, recall.terms, None)
            found = sources.best_first(question, [odd, line], items.corpus, recall.terms, None)
            assert found[0] == [("d", 6.0), ("e", 6.0)]
            assert found[1][0] == (best, 7.0)
            assert sorted(name for name, _ in found[1]) == ["a", "b", "c"]


def test_what_has_no_vector_yet_is_judged_by_its_words_beside_what_has_one(state, recall):
    import dataclasses

    import numpy

    from roadmap_cli.retrieval.evidence import Question, find

    take_in(state)
    with state.read() as tx:
        items = answering.Items.load(tx, None, NOW)
        assert items is not None
        known = numpy.array([True, True, False, True, True])
        vectors = numpy.where(known[:, None], numpy.float32([[0.6, 0.8]]), numpy.float32(0))
        corpus = dataclasses.replace(items.corpus, vectors=vectors, known=known)
        asked = Question.of("watering can", recall.terms, None)
        asked = dataclasses.replace(asked, vector=numpy.float32([0.6, 0.8]))
        found = find(corpus, asked)
        assert found.best(1) == [2]
        without = find(dataclasses.replace(corpus, known=None), asked)
        assert float(without.scores[2]) < float(found.scores[2])


def test_what_is_not_taken_in_yet_is_found_by_words_in_any_form_and_case(state, recall):
    recall._records_left = True
    assert texts(recall, "WATERED can", limit=1) == [
        "2026-10-03 Noor: It lies under the blue watering can behind the shed."
    ]
    with state.read() as tx:
        left = indexing.missing(tx, None)
    assert 0 < left.records < len(CHAT)
    assert recall._beginnings("studies 100% Mütter") == ["studi", "100", "mütter"]
    assert indexing.take_in_holding(state, ["100%", "_\\"]) == 0


# -- what a question means ---------------------------------------------------------------------------------------------


def event(at: str, title: str, **more: Any) -> Record:
    return {
        "kind": "life.event", "id": content_id("life.event", at=at, title=title), "at": f"{at}:00.000Z",
        "ends_at": f"{at}:30.000Z", "title": title, "uid": f"{at} {title}", "people": [], **more,
    }  # fmt: skip


def transaction(day: str, payee: str, amount: str, **more: Any) -> Record:
    return {
        "kind": "life.transaction", "id": content_id("life.transaction", day=day, payee=payee, amount=amount),
        "at": f"{day}T00:00:00.000Z", "date": day, "payee": payee, "amount": amount, "currency": "EUR", **more,
    }  # fmt: skip


BANK = [
    transaction("2026-10-09", "Lieferando.de", "-20.10"), transaction("2026-11-06", "Lieferando.de", "-24.11"),
    transaction("2026-11-13", "Lieferando.de", "-25.60"), transaction("2026-11-14", "Deliveroo", "-9.90"),
    transaction("2025-11-14", "Lieferando.de", "-99.00"), transaction("2026-11-14", "Cafe Lisboa", "-3.50"),
    transaction("2026-11-05", "PAYMENT THANK YOU", "-120.00"), transaction("2026-11-03", "Vattenfall Strom", "-88.00"),
    transaction("2026-10-26", "ACME GmbH", "3420.50"), transaction("2026-11-16", "AMAZON EU", "-31.00"),
]  # fmt: skip


@pytest.fixture
def days(state: State, recall: Recall) -> Recall:
    add(state, BANK)
    records = [
        event("2026-08-03T00:00", "Holiday Alentejo, 3 to 16 August"), event("2026-12-03T09:00", "Dentist Dr. Costa"),
        event("2026-12-03T08:00", "Standup"), event("2026-11-12T08:00", "Standup"), event("2027-11-12T08:00", "Standup"),
        event("2026-07-01T18:00", "Choir"),
    ]  # fmt: skip
    with state.write() as tx:
        store.add(tx, [jsonl_group(each) for each in records], format_name="jsonl")
    take_in(state)
    return recall


def jsonl_group(record: Record) -> Any:
    from roadmap_cli.life.kinds.items import Group

    return Group(record["uid"], True, "", "", "", (record,))


def test_another_word_for_the_same_thing_and_a_season_find_it(days):
    hits, _ = days.ask("what did I do on my summer vacation?", Wanted())
    assert hits[0]["text"] == "2026-08-03 Holiday Alentejo, 3 to 16 August"
    assert hits[0]["why"].startswith("says 'vacation' in another word; from the time you name (")
    assert "2026-06-01..2026-08-31" in hits[0]["times"]
    assert hits[0]["terms"] == []
    assert hits[0]["other_words"] == ["vacat"]


def test_a_question_that_looks_back_is_not_answered_by_what_is_to_come(days):
    found = texts(days, "what did I do in November? Standup?", limit=50)
    assert "2026-11-12 Standup" in found
    assert not [text for text in found if text[:10] > "2026-11-23"]
    assert "2026-12-03 Dentist Dr. Costa" in texts(days, "when is the dentist?", limit=50)


def sums(recall: Recall, question: str, **wanted: Any) -> list[Record]:
    found = [each for each in recall.ask(question, Wanted(**wanted))[0] if each["kind"] == "life.sum"]
    for each in found:
        assert not list(schemas.problems(each)), each
    return found


@pytest.mark.parametrize(
    ("question", "amount", "count"),
    [
        ("how much did I spend on Lieferando in November?", "49.71", 2),
        ("how much did I spend on Lieferando in November 2025?", "99.00", 1),
        ("what did I pay for food delivery in November?", "59.61", 3),
        ("how much did I spend on eating out in November 2026?", "63.11", 4),
        ("how much did I spend on Lieferando and Deliveroo this year?", "79.71", 4),
        ("how much have we paid for electricity?", "88.00", 1),
        ("how much have I spent on Lieferando since October?", "69.81", 3),
        ("how much did I spend in October?", "20.10", 1),
        ("how much did I spend on Lieferando before November?", "119.10", 2),
        ("how much did I spend on Lieferando after October?", "49.71", 2),
        ("how much did I spend on Lieferando from October to November?", "69.81", 3),
        ("how much did I spend on Lieferando until the end of October 2026?", "119.10", 2),
        ("wie viel habe ich vor November für Lieferando bezahlt?", "119.10", 2),
        ("how much did I spend on Lieferando before 2026?", "99.00", 1),
        ("how much did I earn last month?", "3420.50", 1),
        ("how much did I spend in November without Lieferando?", "252.40", 5),
        ("how much did I spend in November apart from Lieferando and the electricity?", "164.40", 4),
        ("what did I pay for food delivery in November except Deliveroo?", "49.71", 2),
        ("wie viel habe ich im November für Lieferdienste ohne Deliveroo bezahlt?", "49.71", 2),
        ("how much did I spend on Lieferando in Q4 2025?", "99.00", 1),
        ("how much did I spend on Lieferando in the second half of 2026?", "69.81", 3),
        ("wie viel habe ich in KW 46 für Lieferando bezahlt?", "25.60", 1),
    ],
)
def test_payments_a_question_is_about_are_added_up(days, question, amount, count):
    (found,) = sums(days, question)
    assert (found["amount"], found["count"], found["currency"]) == (amount, count, "EUR")
    assert len(found["evidence_ids"]) == count
    hits, numbers = days.ask(question, Wanted())
    assert {hit["record_id"] for hit in hits[1:]} == set(found["evidence_ids"])
    assert all(hit["counted"] for hit in hits[1:])
    assert len(numbers) == count


@pytest.mark.parametrize(
    "question",
    [
        "how much did I spend on the spare key?",
        "what did Noor pay for food delivery?",
        "where is Lieferando?",
        "how much did I spend at the zoo?",
        "how much did I spend in November without the rent?",
        "how much did I spend in November without Lieferando and the zoo?",
        "how much did I spend without rent in November at Lieferando?",
        "without Lieferando, how much did I spend at Deliveroo?",
        "how much did I not spend on Lieferando?",
        "how much did I spend on Lieferando on 11/06/2026?",
        "how much did I spend on Lieferando in the last quarter of 2026?",
        "how much did I spend on Lieferando on Fridays?",
        "how much did I spend on Lieferando in 2027?",
    ],
)
def test_what_is_about_no_payments_is_not_added_up(days, question):
    assert sums(days, question) == []


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("how much did I spend on Deliveroo in October?",
         "nothing paid, 2026-10-01 to 2026-10-31: Deliveroo; 1 payment at other times, 2026-11-14"),
        ("what did I pay for food delivery on 5 November?",
         "nothing paid, 2026-11-05: delivery; 5 payments at other times, 2025-11-14 to 2026-11-14"),
        ("how much did I spend on Lieferando in May?",
         "no payment of 2026-05-01 to 2026-05-31 is stored: Lieferando.de; "
         "4 payments at other times, 2025-11-14 to 2026-11-13"),
        ("how much did I spend on Deliveroo before November?",
         "nothing paid, until 2026-10-31: Deliveroo; 1 payment at other times, 2026-11-14"),
        ("how much did I earn after October?",
         "nothing received, 2026-11-01 to 2026-11-23: ACME GmbH; 1 payment at other times, 2026-10-26"),
        ("how much did I earn in November?",
         "nothing received, 2026-11-01 to 2026-11-23: ACME GmbH; 1 payment at other times, 2026-10-26"),
    ],
)  # fmt: skip
def test_where_nothing_was_paid_in_a_named_time_that_is_the_answer(days, state, question, text):
    found, numbers = days.ask(question, Wanted())
    assert ([each["text"] for each in found], numbers) == ([text], [])
    assert sums(days, question)[0] | {"amount": "0", "count": 0, "evidence_ids": []} == found[0]
    with state.read() as tx:
        claims = list(checking.check_record(tx, found[0], graphs.Again(tx)))
        assert [claim.name for claim in claims if claim.problem] == []
        wrong = list(checking.check_record(tx, found[0] | {"since": "2026-10-09"}, graphs.Again(tx)))
    assert "since" in [claim.name for claim in wrong if claim.problem]


def test_what_happened_on_another_day_is_not_of_the_one_named_and_is_not_said_to_be(days, state):
    lasting = event("2026-11-07T00:00", "Conference", ends_at="2026-11-10T00:00:00.000Z", all_day=True)
    with state.write() as tx:
        store.add(tx, [jsonl_group(lasting)], format_name="jsonl")
    add(state, [message("2026-11-13T20:00", "Ines", "The standup went on for ever!")])
    take_in(state)
    days = Recall(state, days.terms, None, lambda: NOW)
    cut = texts(days, "what was on 12 November?", cut=True)
    assert "2026-11-12 Standup" in cut
    assert not [text for text in cut if text[:10] not in ("2026-11-12", "2026-11-13")]
    hits = {hit["text"]: hit["why"] for hit in days.ask("what did I do on 12 November? Standup?", Wanted(limit=50))[0]}
    assert "; from the time you name (2026-11-12)" in hits["2026-11-12 Standup"]
    told = hits["2026-11-13 Ines: The standup went on for ever!"]
    assert "near, but not from, the time you name (" in told
    hits = {hit["text"]: hit["why"] for hit in days.ask("Standup 12 November 2026", Wanted(limit=50))[0]}
    others = {text: why for text, why in hits.items() if text[:10] != "2026-11-12" and "Ines" not in text}
    assert {"2026-12-03 Standup", "2027-11-12 Standup"} <= set(others)
    assert not [why for why in others.values() if "not from the time you name (" not in why]
    for day, is_of in (("6", False), ("7", True), ("9", True), ("10", False)):
        found = days.ask(f"where was I on {day} November?", Wanted(limit=50))[0]
        why = next((hit["why"] for hit in found if hit["text"] == "2026-11-07 Conference"), "")
        assert why.startswith("from the time you name") == is_of, (day, why)


def test_what_comes_next_and_what_was_last_go_by_time(days, state):
    records = [
        *(event(f"2026-{day}T18:00", "Choir") for day in ("11-05", "11-19", "12-10", "12-17")),
        *(event(f"2026-{day}T18:00", "Choir rehearsal with a long name") for day in ("11-12", "12-01", "12-08")),
    ]
    with state.write() as tx:
        store.add(tx, [jsonl_group(each) for each in records], format_name="jsonl")
    add(state, [message("2026-11-22T20:00", "Ines", "Choir, choir, choir, next choir, when?")])
    take_in(state)
    days = Recall(state, days.terms, None, lambda: NOW)

    def dates_of(question: str, **wanted: Any) -> list[str]:
        hits = days.ask(question, Wanted(**wanted))[0]
        with state.read() as tx:
            asked = Asked(tx, days.terms, None)
            claims = [claim for hit in hits for claim in checking.check_record(tx, hit, graphs.Again(tx), asked)]
        assert [(claim.name, claim.told, claim.again) for claim in claims if claim.problem] == []
        assert not [problem for hit in hits for problem in schemas.problems(hit)]
        return [hit["text"][5:10] for hit in hits]

    ahead = ["12-01", "12-08", "12-10", "12-17"]
    for question in ("when is choir next", "When's the next choir?", "when do I have choir?", "next choir"):
        assert dates_of(question, cut=True) == ahead, question
    assert dates_of("when is choir next?", limit=2) == ahead[:2]
    assert dates_of("when is choir next?", limit=5) == [*ahead, "11-22"], "then the others, as they bear on it"
    assert dates_of("when is the next choir after all this?", since="2026-12-09T00:00:00.000Z", cut=True) == ahead[2:]
    assert dates_of("when is my next appointment?", limit=3, cut=True) == ["12-01", "12-03", "12-03"]
    assert dates_of("when was I last at choir?", cut=True) == ["11-19", "11-12", "11-05", "07-01"]
    assert dates_of("when did I last pay Lieferando?", cut=True)[1:] == ["11-13", "11-06", "10-09", "11-14"]


def test_what_was_cancelled_is_neither_next_nor_last_nor_remembered(state, recall):
    given = [
        event("2026-05-12T08:00", "Dentist"), event("2026-11-10T08:00", "Dentist", status="cancelled"),
        event("2026-11-25T08:00", "Dentist", status="cancelled"), event("2026-12-09T08:00", "Dentist"),
    ]  # fmt: skip
    with state.write() as tx:
        store.add(tx, [jsonl_group(each) for each in given], format_name="jsonl")
    take_in(state)
    assert texts(recall, "when is the dentist next?", limit=1) == ["2026-12-09 Dentist"]
    assert texts(recall, "when was I last at the dentist?", limit=1) == ["2026-05-12 Dentist"]
    assert "2026-11-25 Dentist (cancelled)" in texts(recall, "dentist")
    remembered = [each for each in consolidate(state, recall) if "Dentist" in each["text"]]
    assert [each["sources"] for each in remembered] == [[given[0]["id"]]]


@pytest.mark.parametrize(
    ("question", "way"),
    [
        ("when is choir next", 1), ("what is my next meeting?", 1), ("wann ist der nächste Chor?", 1),
        ("when is choir next week?", 1), ("what do I do next week?", 0), ("when was choir?", 0),
        ("when was I last at the dentist?", -1), ("what did I do last week?", 0), ("what happened last November?", 0),
        ("how long did it last?", 0), ("what is Noor's last name?", 0), ("when do I usually swim?", 0),
        ("wann war ich zuletzt beim Zahnarzt?", -1), ("where is the spare key?", 0),
    ],
)  # fmt: skip
def test_which_questions_ask_for_the_next_or_the_last(question, way):
    assert dates.turn(question) == way


def test_a_sum_keeps_to_the_limits_and_is_proved(days, state):
    assert sums(days, "how much did I spend on Lieferando?", kinds=("life.event",)) == []
    (found,) = sums(days, "how much did I spend on Lieferando?", since="2026-11-10T00:00:00.000Z")
    assert found["amount"] == "25.60"
    with state.read() as tx:
        claims = list(checking.check_record(tx, found, graphs.Again(tx)))
        assert [claim.name for claim in claims if claim.problem] == []
        wrong = list(checking.check_record(tx, found | {"amount": "26.60"}, graphs.Again(tx)))
    assert [claim.name for claim in wrong if claim.problem] == ["amount"]


def test_a_reader_gets_what_bears_clearly_and_more_if_so_many_are_asked_for(days):
    assert texts(days, "when is the dentist?", cut=True) == ["2026-12-03 Dentist Dr. Costa"]
    assert len(texts(days, "when is the dentist?")) > 1
    key = texts(days, "where does the spare key lie?", cut=True)
    assert not [text for text in key if text[:10] != "2026-10-03"], "of a chat also what stands beside it"
