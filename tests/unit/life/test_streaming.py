"""Streams of numbers: what stands out is told once, at once, from the past alone."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadmap_cli.life.watch.streaming import Stream

STEP = 1800.0


def scores(values: list[float], warm_up: int = 100) -> list[float]:
    stream = Stream(warm_up)
    return [stream.update(place * STEP, value) for place, value in enumerate(values)]


def days(count: int, seed: int = 1) -> list[float]:
    chance = random.Random(seed)
    return [10 + 5 * math.sin(2 * math.pi * place / 48) + chance.gauss(0, 0.3) for place in range(48 * count)]


def test_a_spike_and_a_missing_afternoon_stand_out_most() -> None:
    values = days(14)
    values[500] += 9
    for place in range(600, 618):
        values[place] = 10.0
    found = scores(values)
    assert max(range(len(found)), key=found.__getitem__) in range(500, 503)
    assert max(found[600:640]) > max(found[120:495]), "a flat stretch in the middle of the range is not seen"


def test_what_comes_later_changes_nothing_said_before() -> None:
    values = days(8)
    assert scores([*values, *[1e6] * 50])[: len(values)] == scores(values)


def test_it_is_silent_while_it_learns_and_after_an_alarm_as_high() -> None:
    values = days(10)
    for place in (50, 300, 305):
        values[place] = 100.0 if place != 305 else 60.0
    found = scores(values)
    assert found[:100] == [0.0] * 100
    assert found[300] > 0.5
    assert found[305] == 0.0


@settings(max_examples=8, deadline=None)
@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=40, max_size=60))
def test_any_numbers_give_scores_below_one(values: list[float]) -> None:
    assert all(0 <= score < 1 for score in scores(values, warm_up=20))


def test_a_warm_up_that_teaches_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="20"):
        Stream(5)
