"""Waiting for requests: each told once as it ends, what is open at last, and no endless wait."""

from __future__ import annotations

import pytest

from queueing import Hands, Place
from roadmap_cli.core.errors import Negative
from roadmap_cli.slm.queue import outcome, requests


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path, Hands())


def test_each_is_told_once_as_it_ends(place):
    first, second = place.add("one"), place.add("two")
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) in (3, 5):
            with place.open() as other, other.write() as tx:
                requests.cancel(tx, [second if len(pauses) == 3 else first], place.clock())

    with place.open() as state:
        told = [each.id for each in outcome.settled(state, [first, second, first], sleep=sleep)]
    assert told == [second, first]
    assert pauses == [0.25, 0.5, 1.0, 0.25, 0.5]


def test_what_is_open_when_the_time_is_over_comes_last(place):
    first, second = place.add("one"), place.add("two")
    with place.open() as state, state.write() as tx:
        requests.cancel(tx, [second], place.clock())
    passed = [0.0]

    def sleep(seconds: float) -> None:
        passed[0] += seconds

    with place.open() as state:
        found = outcome.settled(state, [first, second], limit_s=60, sleep=sleep, passed=lambda: passed[0])
        assert [(each.id, each.state) for each in found] == [(second, "cancelled"), (first, "waiting")]
    assert passed[0] == pytest.approx(60)


def test_nothing_to_wait_for_and_an_unknown_id(place):
    place.add("one")
    with place.open() as state:
        assert list(outcome.settled(state, [])) == []
        with pytest.raises(Negative):
            list(outcome.settled(state, ["slm.request_none"]))
