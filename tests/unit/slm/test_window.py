"""Windows: what stays, what goes, why, and in which order."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadmap_cli.core.errors import DataError
from roadmap_cli.retrieval import dates
from roadmap_cli.retrieval.terms import Terms
from roadmap_cli.slm.window import prompt
from roadmap_cli.slm.window.conversation import Message, named, read, sittings
from roadmap_cli.slm.window.window import Budget, Conversation

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
FACTS = [
    "The spare key is under the blue flower pot.",
    "Our flight to Oslo leaves at seven on Friday.",
    "My sister Ingrid plays the cello in an orchestra.",
    "The wifi password changed to something with pineapples.",
    "I finally repaired the gutter behind the shed.",
]


def chatter(count: int) -> list[Message]:
    lines = ["That is nice to hear.", "What did you do then?", "It rained all day here.", "I made soup again."]
    return [
        Message(
            "user" if number % 2 else "assistant", f"{lines[number % 4]} {number}", at=NOW + timedelta(minutes=number)
        )
        for number in range(count)
    ]


def held(messages: list[Message], budget: int) -> Conversation:
    conversation = Conversation(Budget(budget))
    conversation.add(messages, sittings(messages))
    return conversation


def test_a_needle_anywhere_in_a_long_chat_is_found():
    for place in (0, 13, 100, 290):
        for fact, question in zip(FACTS, ["where is the spare key", "when is our flight", "who plays the cello",
                                          "what is the wifi password", "did I repair the gutter"], strict=True):  # fmt: skip
            messages = chatter(300)
            messages[place] = Message("user", fact, at=messages[place].at)
            window = held(messages, 120).window(question)
            assert any(one.content == fact for one in window.shown), (place, fact)
            assert window.used <= 120


def test_fixed_messages_stay_and_the_order_is_system_pinned_old_recent():
    messages = [*chatter(20), Message("system", "Be brief.")]
    messages[7] = Message("user", "Never call me Bob.", pinned=True)
    window = held(messages, 40).window("soup")
    assert [one.content for one in window.shown[:2]] == ["Be brief.", "Never call me Bob."]
    later = [one.message for one in window.shown[2:]]
    assert later == sorted(later)
    assert {16, 17, 18, 19} <= set(later)


def test_everything_stays_where_it_fits():
    conversation = held(chatter(6), 1000)
    window = conversation.window(5)
    assert not window.archived
    assert {fate.why for fate in window.kept} == {"all of it fits", "among the last turns", "the question"}


def test_what_has_to_stay_but_does_not_fit_is_said():
    with pytest.raises(DataError, match="what has to stay has 4 words, more than the 3"):
        held([Message("user", "one two three four")], 3).window(0)


def test_recent_turns_give_way_before_the_question_does():
    window = held([Message("assistant", "a b c d e f"), Message("user", "what now then")], 6).window(1)
    assert [one.content for one in window.shown] == ["what now then"]


def test_parts_of_a_long_message_are_shown_with_gaps():
    long = "\n\n".join(
        f"Paragraph {number} tells of nothing in particular. " + "filler words " * 40 for number in range(8)
    )
    long += "\n\nThe treasure is buried below the old oak tree. " + "more filler " * 30
    messages = [Message("user", long), *chatter(10)]
    window = held(messages, 300).window("where is the treasure buried")
    shown = next(one for one in window.shown if one.message == 0)
    assert not shown.is_whole
    assert "[…]" in shown.content
    assert "old oak tree" in shown.content


def test_a_running_window_grows_only_at_its_end_until_it_must_be_cut():
    conversation = held([], 200)
    previous, reuses = None, []
    everything = chatter(120)
    for number, message in enumerate(everything):
        conversation.add([message], [0])
        if message.role == "user":
            window = conversation.window(number, previous=previous)
            reuses.append(window.reuse)
            previous = window.order
            assert window.used <= 200
    kept = [reuse for reuse in reuses if reuse is not None]
    assert sum(reuse > 0.8 for reuse in kept) > 0.6 * len(kept)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["user", "assistant", "system"]), st.text(max_size=80), st.booleans()), max_size=25
    ),
    st.text(max_size=60),
    st.integers(1, 60),
    st.integers(0, 6),
)
def test_nothing_is_lost_whatever_comes(items, question, budget, recent):
    messages = [Message(role, content, pinned=pinned) for role, content, pinned in items]
    conversation = held(messages, budget)
    try:
        window = conversation.window(question, recent=recent)
    except DataError:
        return
    assert window.used <= budget
    fates = sorted([*window.kept, *window.archived], key=lambda fate: fate.part.key)
    assert [fate.part for fate in fates] == conversation.parts
    whole: dict[int, str] = {}
    for fate in fates:
        whole[fate.part.message] = whole.get(fate.part.message, "") + conversation.text(fate.part)
        assert fate.why
    assert whole == {place: message.content for place, message in enumerate(messages)}
    sent = prompt.messages(window.shown, messages, question)
    assert all(one["role"] != other["role"] for one, other in pairwise(sent))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(st.text(alphabet=st.characters(max_codepoint=127), max_size=40), st.text(max_size=40)), max_size=6
    )
)
def test_the_short_way_to_stems_is_as_the_tokenizer_goes(texts):
    terms = Terms()
    assert terms.split(texts) == terms._tokenized(texts)
    assert terms.split(texts) == terms._tokenized(texts)
    terms.close()


def test_stems_of_words():
    terms = Terms()
    assert terms.split(["Running dogs ran."]) == [["run", "dog", "ran"]]
    assert terms.split(["Café 東京"]) == [["cafe", "東", "京"]]
    assert terms.telling("When did they adopt the dogs?") == ["adopt", "dog"]
    assert terms.telling("who are you") == ["who", "ar", "you"]
    terms.close()


def test_speakers_are_read_from_the_text_where_nearly_all_messages_begin_with_one():
    said = [Message("user", f"{name}: hello {number}") for number, name in enumerate(["Ana", "Ben"] * 4)]
    assert {message.name for message in named(said)} == {"Ana", "Ben"}
    assert {message.name for message in named([*said, Message("user", "Note: x", name="Z")])} == {None, "Z"}
    mixed = [Message("user", f"word{number} and: more") for number in range(10)]
    assert {message.name for message in named(mixed)} == {None}


def test_sittings_end_with_a_long_silence_or_a_new_session():
    times = [NOW, NOW + timedelta(hours=1), NOW + timedelta(hours=9)]
    assert sittings([Message("user", "a", at=at) for at in times]) == [0, 0, 1]
    assert sittings([Message("user", "a", session=name) for name in "aabbb"]) == [0, 0, 1, 1, 1]
    assert sittings([Message("user", "a")] * 25)[-2:] == [0, 1]


@pytest.mark.parametrize(
    ("question", "day"),
    [
        ("What happened on 3 May 2023?", date(2023, 5, 3)),
        ("What happened on May 3rd, 2023?", date(2023, 5, 4)),
        ("Who came in May 2023", date(2023, 5, 20)),
        ("who came in may 2023", None),
        ("Where were we on 2023-05-03?", date(2023, 5, 3)),
        ("What did I buy in December?", date(2022, 12, 24)),
        ("What did I eat yesterday?", date(2023, 6, 4)),
        ("Whom did I meet two weeks ago?", date(2023, 5, 22)),
        ("What did we plan last Monday?", date(2023, 5, 29)),
        ("What did we plan last month?", date(2023, 5, 31)),
        ("Anything in 2022?", date(2022, 2, 2)),
    ],
)
def test_times_that_a_question_names(question, day):
    found = dates.spans(question, date(2023, 6, 5), (2022, 2023))
    if day is None:
        assert not any(span.closeness(date(2023, 5, 20)) and span.last < date(2023, 12, 1) for span in found)
    else:
        assert max(span.closeness(day) for span in found) == 1.0


@given(st.text(max_size=200))
def test_no_question_breaks_the_dates(text):
    dates.spans(text, date(2023, 6, 5), (2022, 2023))


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"content": "a"}, "field 'role' is None"),
        ({"role": "user"}, "field 'content' is missing"),
        ({"role": "user", "content": 3}, "field 'content' is not text"),
        ({"role": "user", "content": "a", "at": "soon"}, "not a time"),
        ({"role": "user", "content": "a", "pinned": "yes"}, "neither true nor false"),
        ({"role": "user", "content": "\ud800"}, "surrogate"),
        ({"role": "user", "content": [{"type": "image_url"}]}, "no part with text"),
    ],
)
def test_what_is_no_message(record, words):
    with pytest.raises(DataError, match=words):
        read(record)
