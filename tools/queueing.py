"""A queue in a small world for tests and benchmarks: a model that only repeats, a clock and a battery at hand.

The model is a real `models.conversation.batch.Batch`; what a prompt says decides how it fares: ``poison`` is refused, ``flaky``
comes to nothing until its model is mended, all else is repeated.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from roadmap_cli.core.errors import DataError, TryLater
from roadmap_cli.models.conversation.batch import Batch, Result
from roadmap_cli.models.conversation.chat import Message, Options, Reply, check_messages
from roadmap_cli.slm.device.power import Power
from roadmap_cli.slm.queue import requests, timing
from roadmap_cli.slm.queue.burst import Drain
from roadmap_cli.state.store import KeySource, State

START = datetime(2026, 11, 23, 9, tzinfo=UTC)


@dataclass(slots=True)
class Hands:
    """A clock that is set by hand."""

    moment: datetime = START

    def __call__(self) -> datetime:
        """The moment it was set to."""
        return self.moment

    def pass_by(self, length: timedelta) -> None:
        """Let time pass, or run backwards."""
        self.moment += length


def power(**known: object) -> Power:
    """What is known of energy; by default the mains, a cool device, and nobody at it."""
    values = {
        "on_battery": False, "percent": None, "charging": None, "power_saver": False, "temperature_c": 50.0,
        "is_hot": False, "is_metered": False, "is_idle": True, **known,
    }  # fmt: skip
    return Power(**values)  # type: ignore[arg-type]


@dataclass(slots=True)
class Repeating(Batch):
    """A model that repeats the last message; `spend` is told how many replies it has just made."""

    name: str = "repeating"
    width: int = 8
    is_mended: bool = True
    on_event: Callable[[str], None] = lambda what: None
    spend: Callable[[int], None] = lambda count: None
    asked: list[str] = field(default_factory=list)
    _flying: list[tuple[int, str]] = field(default_factory=list)

    @property
    def flying(self) -> int:
        """Requests without an answer yet."""
        return len(self._flying)

    def submit(self, key: int, messages: Sequence[Message], options: Options) -> None:
        """Take in a request."""
        options.check()
        text = check_messages(messages)[-1]["content"]
        if text.startswith("poison"):
            raise DataError("the prompt is longer than the context", code="too_long")
        self.asked.append(text)
        self._flying.append((key, text))
        self.on_event("submit")

    def wait(self) -> list[Result]:
        """All that is in flight, answered."""
        self.on_event("wait")
        flying, self._flying = self._flying, []
        self.spend(len(flying))
        return [(key, self._answer(text)) for key, text in flying]

    def close(self) -> None:
        """Forget what is in flight."""
        self._flying = []

    def _answer(self, text: str) -> Reply | TryLater:
        if text.startswith("flaky") and not self.is_mended:
            return TryLater("the model is busy", code="busy")
        if text.startswith("killer") and not self.is_mended:
            os._exit(9)
        return Reply(text, self.name, "stop", 1, prompt_tokens=1, completion_tokens=1)


class Place:
    """A folder with a state in it, opened as commands open it."""

    def __init__(self, folder: Path, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.path = folder / "state.db"
        self._keys = KeySource({"HOME": str(folder)}, None)

    def open(self, clock: Callable[[], datetime] | None = None) -> State:
        """The state, for writing."""
        return State.open(self.path, mode="write", keys=self._keys, wait_s=20, now=clock or self.clock)

    def add(self, prompt: str, *, priority: str = "normal", within: timedelta | None = None, late: bool = False) -> str:
        """Put a request aside; its id."""
        at = self.clock()
        made = requests.new(
            {"prompt": prompt}, at=at, priority=priority, options={"max_tokens": 8, "temperature": 0.0},
            due_at=None if within is None else at + within, is_late_fine=late,
        )  # fmt: skip
        with self.open() as state, state.write() as tx:
            requests.add(tx, [made])
        return made.id


def drain(
    state: State,
    *,
    now: Callable[[], datetime],
    model: Batch,
    device: Power | Callable[[], Power] | None = None,
    rules: timing.Rules | None = None,
) -> Drain:
    """One pass over the queue with that model."""
    looked = device if callable(device) else lambda: device or power()
    return Drain(
        state=state, now=now, power=looked, open_model=lambda name: model, rules=rules or timing.Rules(),
        command="slm-queue drain", sleep=lambda seconds: None,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hour:
    """What came of a stretch of time with requests: when each burst was, and how each request fared."""

    bursts: tuple[datetime, ...]
    drains: int
    delays_s: tuple[float, ...]
    late: int
    unanswered: int

    @property
    def most_in_an_hour(self) -> int:
        """Bursts in the hour that had most of them, wherever it begins."""
        hour = timedelta(hours=1)
        return max((sum(first <= each < first + hour for each in self.bursts) for first in self.bursts), default=0)

    def delay_s(self, share: float) -> float:
        """The delay that a share of the requests did not exceed."""
        ordered = sorted(self.delays_s)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def simulate(
    folder: Path,
    arrivals: Sequence[timedelta],
    *,
    priority: str,
    within: timedelta | None,
    every: timedelta,
    lasting: timedelta,
    device: Callable[[datetime], Power] = lambda at: power(),
    reply_s: float = 5.0,
) -> Hour:
    """Let requests arrive and drains come as time passes, in a real state; a reply takes `reply_s` seconds."""
    hands = Hands()
    place = Place(folder, hands)
    model = Repeating(spend=lambda count: hands.pass_by(timedelta(seconds=reply_s * count)))
    waiting = sorted(arrivals)
    bursts: list[datetime] = []
    drains = 0
    rules = timing.Rules(every=every, reply_s=reply_s)
    tick = START
    with place.open() as state:
        while tick <= START + lasting:
            while waiting and START + waiting[0] <= tick:
                hands.moment = START + waiting.pop(0)
                made = requests.new(
                    {"prompt": "word"}, at=hands.moment, priority=priority, options={"max_tokens": 8},
                    due_at=None if within is None else hands.moment + within,
                )  # fmt: skip
                with state.write() as tx:
                    requests.add(tx, [made])
            hands.moment = tick
            work = drain(state, now=hands, model=model, device=lambda: device(hands.moment), rules=rules)
            drains += 1
            began = hands.moment
            if any(record["kind"] == "slm.burst" for record in work.run()):
                bursts.append(began)
            tick += every * max(1, -(-(hands.moment - tick) // every))
        with state.read() as tx:
            found = requests.every(tx)
    answered = [each for each in found if each.state == "answered" and each.settled_at is not None]
    return Hour(
        tuple(bursts),
        drains,
        tuple((each.settled_at - each.at).total_seconds() for each in answered if each.settled_at),
        sum(
            each.due_at is not None and each.settled_at is not None and each.settled_at > each.due_at
            for each in answered
        ),
        len(found) - len(answered),
    )
