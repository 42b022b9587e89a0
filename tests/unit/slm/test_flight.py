"""Order, turns and fullness of prompts in flight, over a batch whose answers come when told to."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadmap_cli.core.errors import DataError, RoadmapError, TryLater
from roadmap_cli.models.conversation.batch import Batch, Result
from roadmap_cli.models.conversation.chat import Message, Options, Reply
from roadmap_cli.slm.flight import HELD, Flight
from roadmap_cli.slm.prompts import Prompt


class DiceBatch(Batch):
    """A batch that answers in a random order with what was asked."""

    def __init__(self, width: int, seed: int) -> None:
        self.name, self.width = "dice", width
        self._dice = random.Random(seed)
        self._asked: dict[int, str] = {}
        self.closed = False

    @property
    def flying(self) -> int:
        return len(self._asked)

    def submit(self, key: int, messages: Sequence[Message], options: Options) -> None:
        if messages[0]["content"] == "refused":
            raise DataError("refused at once")
        self._asked[key] = messages[0]["content"]

    def wait(self) -> list[Result]:
        keys = self._dice.sample(sorted(self._asked), self._dice.randint(1, len(self._asked)))
        found: list[Result] = []
        for key in keys:
            text = self._asked.pop(key)
            failed: RoadmapError | None = DataError("failed later") if text == "failing" else None
            found.append((key, failed or Reply(text, "dice", "stop", 1)))
        return found

    def close(self) -> None:
        self.closed = True


def prompt(text: str) -> Prompt:
    return Prompt(({"role": "user", "content": text},), Options())


COURSES = st.lists(st.sampled_from(["fine", "failing", "refused", "passing"]), max_size=60)


@given(course=COURSES, width=st.integers(1, 9), seed=st.integers(0, 99), ordered=st.booleans())
@settings(deadline=None)
def test_everything_is_told_once_and_in_order_if_asked(course: list[str], width: int, seed: int, ordered: bool) -> None:
    batch = DiceBatch(width, seed)
    flight: Flight[int] = Flight(lambda: batch, ordered=ordered)
    told: list[tuple[int, object]] = []
    for number, what in enumerate(course):
        if what == "passing":
            flight.put(number)
        else:
            flight.ask(number, prompt(what))
        told += flight.told()
        while flight.full:
            flight.work()
            told += flight.told()
        assert batch.flying <= width
        assert number - len(told) <= HELD * width + 1
    while flight.busy:
        flight.work()
        told += flight.told()
    numbers = [number for number, _ in told]
    assert sorted(numbers) == list(range(len(course)))
    assert not ordered or numbers == sorted(numbers)
    for number, result in told:
        kind = {"fine": Reply, "failing": DataError, "refused": DataError, "passing": type(None)}[course[number]]
        assert type(result) is kind


def test_the_model_is_opened_for_the_first_prompt_and_closed_at_the_end() -> None:
    opened: list[DiceBatch] = []

    def opening() -> Batch:
        opened.append(DiceBatch(2, 0))
        return opened[-1]

    flight: Flight[str] = Flight(opening, ordered=True)
    flight.put("passing")
    assert list(flight.told()) == [("passing", None)]
    assert not opened
    flight.ask("a", prompt("fine"))
    flight.ask("b", prompt("fine"))
    assert (len(opened), flight.busy, flight.full) == (1, True, True)
    flight.close()
    assert opened[0].closed


def test_what_is_no_fault_of_the_prompt_goes_through() -> None:
    class Busy(DiceBatch):
        def submit(self, key: int, messages: Sequence[Message], options: Options) -> None:
            raise TryLater("busy")

    flight: Flight[str] = Flight(lambda: Busy(1, 0), ordered=True)
    with pytest.raises(TryLater):
        flight.ask("a", prompt("fine"))
