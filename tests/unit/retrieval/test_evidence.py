"""Late interaction and the choice of evidence, on small texts."""

from __future__ import annotations

from collections import Counter
from datetime import date

import numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from roadmap_cli.retrieval import dates, evidence, late
from roadmap_cli.retrieval.evidence import Corpus, Question, find
from roadmap_cli.retrieval.terms import Terms

SAID = [
    ("Ada", "The spare key lies under the flower pot.", date(2026, 5, 2)),
    ("Ben", "Is it the blue one?", date(2026, 5, 2)),
    ("Ada", "Yes, behind the shed.", date(2026, 5, 2)),
    ("Ben", "My train leaves at nine.", date(2026, 6, 9)),
    ("Ada", "I planted tomatoes.", date(2026, 7, 4)),
]


def corpus() -> tuple[Corpus, Terms]:
    terms = Terms()
    stems = terms.split([f"{name}: {text}" for name, text, _ in SAID])
    counts = [Counter(some) for some in stems]

    def postings(stem: str) -> tuple[list[int], list[int]]:
        places = [place for place, held in enumerate(counts) if held[stem]]
        return places, [counts[place][stem] for place in places]

    day = numpy.array([each.toordinal() for _, _, each in SAID])
    made = Corpus(
        postings=postings,
        beside=day[1:] == day[:-1],
        lengths=numpy.array([len(some) for some in stems], numpy.float32),
        words=numpy.array([len(text.split()) for _, text, _ in SAID]),
        asks=numpy.array([text.endswith("?") for _, text, _ in SAID], numpy.float32),
        tells_time=numpy.array([bool(dates.TIME_WORDS.search(text)) for _, text, _ in SAID], numpy.float32),
        day=day,
        speakers=["Ada", "Ben"],
        speaker=numpy.array([0, 1, 0, 1, 0]),
    )
    return made, terms


def best(question: str, **more: object) -> list[int]:
    made, terms = corpus()
    found = find(made, Question.of(question, terms, None, date(2026, 8, 1)), **more)  # type: ignore[arg-type]
    return [int(found.places[each]) for each in found.best(5)]


def test_words_beside_count_and_a_time_in_the_question_is_evidence():
    assert best("where is the spare key?")[0] == 0
    assert set(best("where is the spare key?")[:3]) == {0, 1, 2}
    assert best("what happened in June 2026?")[0] == 3


def test_a_named_speaker_lifts_what_they_say():
    assert best("what did Ben say?")[0] in (1, 3)


def test_what_is_not_allowed_is_not_found_and_a_prior_is_added():
    allowed = numpy.array([False, True, True, True, True])
    assert 0 not in best("where is the spare key?", allowed=allowed)
    prior = numpy.array([0, 0, 0, 0, 100], numpy.float32)
    assert best("where is the spare key?", prior=prior)[0] == 4


def test_only_the_best_of_many_get_all_signals(monkeypatch):
    monkeypatch.setattr(evidence, "CHOSEN", 2)
    assert best("where is the spare key?")[0] == 0
    assert len(best("where is the spare key?")) == 2


def test_the_direction_of_neighbours_keeps_within_a_sitting():
    vectors = numpy.eye(5, dtype=numpy.float32)
    beside = numpy.array([True, True, False, False])
    found = evidence.wide(vectors, beside, numpy.arange(5))
    assert (found > 0).tolist() == [
        [True, True, True, False, False],
        [True, True, True, False, False],
        [True, True, True, False, False],
        [False, False, False, True, False],
        [False, False, False, False, True],
    ]
    assert (evidence.wide(vectors, beside, numpy.array([2, 4])) == found[[2, 4]]).all()


def test_pieces_are_put_together_to_their_words():
    assert late.whole(["play", "##ing", "a", "guitar", "##s"]) == ["playing", "playing", "a", "guitars", "guitars"]
    assert late.whole([]) == []


def test_late_interaction_takes_the_nearest_word_of_each_text():
    asked = numpy.array([[1, 0], [0, 1]], numpy.float32)
    states = numpy.array([[1, 0], [0.6, 0.8], [0, 1]], numpy.float32)
    met = late.met(asked, states, numpy.array([2, 0, 1]))
    assert numpy.allclose(met, [[1, 0, 0], [0.8, 0, 1]])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 5), st.integers(1, 8), st.randoms(use_true_random=False))
def test_packed_states_come_back_nearly_as_they_were(count, width, random):
    states = numpy.array(
        [[random.choice((-1, 1)) * random.uniform(0.01, 1) for _ in range(width)] for _ in range(count)], numpy.float32
    )
    states = states.reshape(count, width)
    states /= numpy.maximum(numpy.linalg.norm(states, axis=1, keepdims=True), 1e-9)
    back = late.unpacked(late.packed(states), width)
    assert back.shape == states.shape
    assert ((back * states).sum(axis=1) > 0.999).all()


def test_stop_words_and_marks_are_left_out_unless_nothing_else_is_there():
    states = numpy.arange(6, dtype=numpy.float32).reshape(3, 2)
    assert late.kept(["the", "key", "."], states)[0] == ["key"]
    assert late.kept(["the", "."], states[:2])[0] == ["the", "."]


def test_word_by_word_only_the_best_of_many_are_met_but_as_many_as_are_wanted(monkeypatch):
    made, terms = corpus()
    eye = numpy.eye(5, dtype=numpy.float32)
    met = []

    def states(places):
        met.append(len(places))
        return eye[places], numpy.ones(len(places), int)

    monkeypatch.setattr(evidence, "CHOSEN", 3)
    monkeypatch.setattr(evidence, "MET", 1)
    from dataclasses import replace

    made = replace(made, vectors=eye, states=states)
    question = replace(Question.of("where is the spare key?", terms, None), vector=eye[0], states=eye[:1])
    question = replace(question, state_stems=["key"])
    assert len(find(made, question).places) == 1
    assert met == [2]  # the best, and the one beside it
    assert len(find(made, question, least=4).places) == 4
