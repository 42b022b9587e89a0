"""The times that words name, in English and German, against a day."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadmap_cli.retrieval import dates, unread

TODAY = date(2026, 11, 28)  # a Saturday


@pytest.mark.parametrize(
    ("words", "first", "last"),
    [
        ("last spring", "2026-03-01", "2026-05-31"),
        ("last winter", "2025-12-01", "2026-02-28"),
        ("next summer", "2027-06-01", "2027-08-31"),
        ("the spring of 2024", "2024-03-01", "2024-05-31"),
        ("last March", "2026-03-01", "2026-03-31"),
        ("last December", "2025-12-01", "2025-12-31"),
        ("next March", "2027-03-01", "2027-03-31"),
        ("early May 2023", "2023-05-01", "2023-05-10"),
        ("late February 2024", "2024-02-21", "2024-02-29"),
        ("last weekend", "2026-11-21", "2026-11-22"),
        ("this weekend", "2026-11-28", "2026-11-29"),
        ("next year", "2027-01-01", "2027-12-31"),
        ("next month", "2026-12-01", "2026-12-31"),
        ("two weeks ago", "2026-11-11", "2026-11-17"),
        ("a couple of months ago", "2026-09-13", "2026-10-13"),
        ("in the last three weeks", "2026-11-07", "2026-11-28"),
        ("the day before yesterday", "2026-11-26", "2026-11-26"),
        ("last night", "2026-11-27", "2026-11-28"),
        ("next Friday", "2026-12-04", "2026-12-04"),
        ("three days before 9 June 2023", "2023-06-06", "2023-06-06"),
        ("since March", "2026-03-01", "2026-11-28"),
        ("since December", "2025-12-01", "2026-11-28"),
        ("since the 3rd of November", "2026-11-03", "2026-11-28"),
        ("since last summer", "2026-06-01", "2026-11-28"),
        ("since summer", "2026-06-01", "2026-11-28"),
        ("seit dem 3. November 2025", "2025-11-03", "2026-11-28"),
        ("since two weeks ago", "2026-11-11", "2026-11-28"),
        ("since 2024", "2024-01-01", "2026-11-28"),
        ("the week before 9 June 2023", "2023-06-02", "2023-06-08"),
        ("the weekend before June 9, 2023", "2023-06-03", "2023-06-04"),
        ("the Friday after 2023-06-09", "2023-06-16", "2023-06-16"),
        ("two months after 31 December 2023", "2024-02-14", "2024-03-15"),
        ("the month before last spring", "2026-02-01", "2026-02-28"),
        ("vorgestern", "2026-11-26", "2026-11-26"),
        ("vor zwei Wochen", "2026-11-11", "2026-11-17"),
        ("letzten Sommer", "2026-06-01", "2026-08-31"),
        ("letztes Frühjahr", "2026-03-01", "2026-05-31"),
        ("nächsten Montag", "2026-11-30", "2026-11-30"),
        ("am 3. Mai 2024", "2024-05-03", "2024-05-03"),
        ("am 3.5.2024", "2024-05-03", "2024-05-03"),
        ("zwei Wochen vor dem 3. Mai 2024", "2024-04-16", "2024-04-22"),
        ("im Sommer 2024", "2024-06-01", "2024-08-31"),
        ("on Friday", "2026-11-27", "2026-11-27"),
        ("since Monday", "2026-11-23", "2026-11-28"),
        ("before Monday", "0001-01-01", "2026-11-22"),
        ("am Freitag", "2026-11-27", "2026-11-27"),
        ("before October", "0001-01-01", "2026-09-30"),
        ("before December", "0001-01-01", "2025-11-30"),
        ("until the end of October", "0001-01-01", "2026-10-31"),
        ("until yesterday", "0001-01-01", "2026-11-27"),
        ("before summer", "0001-01-01", "2026-05-31"),
        ("vor dem 3. Mai 2024", "0001-01-01", "2024-05-02"),
        ("bis Mai", "0001-01-01", "2026-05-31"),
        ("after 9 June 2023", "2023-06-10", "9999-12-31"),
        ("after December", "2026-01-01", "9999-12-31"),
        ("nach dem 3.5.2024", "2024-05-04", "9999-12-31"),
        ("from March to May", "2026-03-01", "2026-05-31"),
        ("from November until February", "2025-11-01", "2026-02-28"),
        ("between March and May 2025", "2025-03-01", "2025-05-31"),
        ("2024-2025", "2024-01-01", "2025-12-31"),
        ("from the 3rd of May to last Friday", "2026-05-03", "2026-11-27"),
        ("zwischen dem 3. Mai 2024 und dem 9. Juni 2024", "2024-05-03", "2024-06-09"),
        ("the week before 9 June 2023 until July 2023", "2023-06-02", "2023-07-31"),
        ("Q2 2026", "2026-04-01", "2026-06-30"),
        ("2025-Q4", "2025-10-01", "2025-12-31"),
        ("the second quarter of 2026", "2026-04-01", "2026-06-30"),
        ("im ersten Quartal", "2026-01-01", "2026-03-31"),
        ("im 3. Quartal 2025", "2025-07-01", "2025-09-30"),
        ("the first half of 2026", "2026-01-01", "2026-06-30"),
        ("the second half of the year 2025", "2025-07-01", "2025-12-31"),
        ("H1", "2026-01-01", "2026-06-30"),
        ("im zweiten Halbjahr 2025", "2025-07-01", "2025-12-31"),
        ("from Q1 to Q3 2026", "2026-01-01", "2026-09-30"),
        ("the first half of October 2025", "2025-10-01", "2025-10-15"),
        ("week 40", "2026-09-28", "2026-10-04"),
        ("KW 1/2026", "2025-12-29", "2026-01-04"),
        ("13/06/2026", "2026-06-13", "2026-06-13"),
        ("06/13/2026", "2026-06-13", "2026-06-13"),
    ],
)
def test_words_for_a_time(words, first, last):
    assert [(str(span.first), str(span.last)) for span in dates.spans(f"What was {words}?", TODAY)] == [(first, last)]


@pytest.mark.parametrize(
    "words",
    [
        "I may march on",
        "what did they fall for",
        "what do we do on Fridays",
        "spring rolls",
        "30 February 2023",
        "2023-13-01 ago",
    ],
)
def test_what_is_no_time_names_none_of_its_month(words):
    assert all(span.first.year == 2023 and span.last.month == 12 for span in dates.spans(words, TODAY))


def test_a_season_without_a_year_is_that_of_each_year():
    found = dates.spans("what did we grow in the summer?", TODAY, (2023, 2024))
    assert [span.first for span in found] == [date(2023, 6, 1), date(2024, 6, 1)]
    assert dates.spans("what did we do last summer?", None) == []


@pytest.mark.parametrize(
    ("words", "first", "last"),
    [
        ("what is on until Friday, 2027-01-08?", "2026-11-28", "2027-01-08"),
        ("what is on until Friday?", "2026-11-28", "2026-12-04"),
        ("what is on Friday?", "2026-12-04", "2026-12-04"),
        ("who comes on Saturday?", "2026-11-28", "2026-11-28"),
        ("what is planned before March?", "2026-11-28", "2027-02-28"),
        ("what is planned after next week?", "2026-12-07", "9999-12-31"),
        ("which payments are due until December?", "2026-11-28", "2026-12-31"),
        ("all receipts before May 2026", "0001-01-01", "2026-04-30"),
    ],
)
def test_what_does_not_look_back_means_what_is_to_come(words, first, last):
    found = dates.spans(words, TODAY, (2024, 2027))
    assert (str(found[-1].first), str(found[-1].last)) == (first, last)


def test_two_times_without_a_word_between_them_stay_two():
    assert len(dates.spans("What was in March and May 2025?", TODAY)) == 2
    assert len(dates.spans("Was it 2023 or 2024 to you?", TODAY)) == 2


@pytest.mark.parametrize(
    ("words", "whole"),
    [
        ("in Q2 2026", True),
        ("on Monday, 16 November", True),
        ("from 3 October to 5 October", True),
        ("on 11/06/2026", False),
        ("am 11.06.", False),
        ("on 31 November", False),
        ("from 3 to 5 October", False),
        ("in week 40 to 42", False),
        ("in weeks 40 to 42", False),
        ("in the first and second quarter", False),
        ("in the last quarter", False),
        ("in the second half of last year", False),
        ("in the last week of October", False),
        ("in early 2026", False),
        ("on Fridays", False),
    ],
)
def test_a_time_is_read_wholly_or_known_not_to_be(words, whole):
    question = f"how much did I pay {words}?"
    assert unread.tells_time(unread.beside(question, dates.named(question, TODAY))) != whole


_WORDS = (
    "Q2 quarter second half of the year week 53 KW 13/06/2023 11/06/2023 to and until since between last next this 999 two the week day weekend months ago before after vor dem 9999 0001-01-01 May 31 31. February "
    "spring Friday yesterday 2023-02-30 winter letzten"
)
_BITS = st.sampled_from(sorted(_WORDS.split()))


@given(st.lists(_BITS, max_size=8), st.dates())
def test_no_words_break_the_calendar(words, today):
    for span in dates.spans(" ".join(words), today, (2022, 2023)):
        assert span.first <= span.last
        span.closeness(today)


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)))
def test_last_and_next_lie_on_either_side(today):
    for unit in ("week", "month", "year", "spring", "winter", "Monday", "March"):
        (before,), (after,) = dates.spans(f"last {unit}", today), dates.spans(f"next {unit}", today)
        assert before.last < today < after.last
        assert after.first - before.last >= timedelta(1)
