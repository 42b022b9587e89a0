"""Many requests in flight at one model, whoever answers: an engine here, a warm server, an endpoint.

Whoever asks keeps as many in flight as `width` says and takes the answers as they finish. Every call is a row of the
ledger before its answer is told.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from roadmap_cli.core.errors import RoadmapError
from roadmap_cli.models.conversation.chat import (
    Asked,
    Chat,
    Infill,
    Message,
    Options,
    Reply,
    Tally,
    allow,
    check_asked,
    estimated_tokens,
    settle,
)

if TYPE_CHECKING:
    from roadmap_cli.models.ledger import Ledger

Result = tuple[int, Reply | RoadmapError]


class Batch(ABC):
    """Requests in flight. Use it in a `with` block, or `close` it: what has no answer by then is given up.

    `takes_tools` and `takes_infill` say what else than conversation the model understands, `is_estimate` that
    `count_tokens` only guesses.
    """

    name: str
    width: int
    remark: str = ""
    takes_tools = False
    takes_infill = False
    is_estimate = True

    def __enter__(self) -> Batch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    @abstractmethod
    def flying(self) -> int:
        """Requests without an answer yet."""

    @property
    def context_size(self) -> int | None:
        """Tokens that prompt and reply may have together, or None if nobody says."""
        return None

    def count_tokens(self, text: str) -> int:
        """How many tokens a text is; an estimate where the model cannot be asked. Not while requests are in flight."""
        return estimated_tokens(text)

    def price(self, prompt_tokens: int, completion_tokens: int) -> tuple[int | None, str | None]:
        """What a call would cost in millionths of a currency, and the currency; None if no price is known."""
        return 0, None

    @abstractmethod
    def submit(self, key: int, messages: Sequence[Message] | Infill, options: Options) -> None:
        """Ask under a key of the caller's. Raises DataError and UsageError at once for what cannot be asked."""

    @abstractmethod
    def wait(self, stop: Callable[[], bool] | None = None) -> list[Result]:
        """Block until at least one request is answered; those that are. Nothing in flight gives nothing.

        `stop` is asked now and then whether to come back with nothing; a single request to an endpoint is not left.
        """

    def results(self) -> Iterator[Result]:
        """Answers as they come, until nothing is in flight."""
        while self.flying:
            yield from self.wait()

    @abstractmethod
    def close(self) -> None:
        """Give up what is in flight and let go of memory and connections."""


@dataclass(slots=True)
class _Flying:
    """A request in the engine."""

    key: int
    messages: Asked
    options: Options
    tally: Tally
    started: float
    said: list[str] = field(default_factory=list)


class LocalBatch(Batch):
    """A model in this process, its requests decoded together.

    `latency_ms` of a reply counts from `submit`. `width` None: what this machine is known to do best (`Width`), found
    out while it works. What else is in flight changes how numbers are rounded, and so may change a reply (see
    `engine`); with a width of 1 nothing does.
    """

    is_estimate = False

    def __init__(
        self,
        name: str,
        path: Path,
        *,
        ledger: Ledger | None,
        width: int | None = None,
        context_size: int | None = None,
        threads: int | None = None,
        purpose: str = "batch",
        memory: Path | None = None,
        remark: str = "",
    ) -> None:
        """`memory` is the file in which the best width is remembered, `remark` what is to be said of the file.

        Raises what `Engine` raises.
        """
        from roadmap_cli.models.conversation.engine import Engine, EngineSettings
        from roadmap_cli.models.conversation.width import Width

        self.name, self.remark = name, remark
        self._ledger, self._purpose = ledger, purpose
        if ledger is not None:
            ledger.held = True  # those that are finished together are committed together
        self._width = Width(path, fixed=width, threads=threads, memory=memory)
        most = self._width.most
        settings = EngineSettings(context_size, sequences=most, threads=threads, exact=most == 1)
        self._engine = Engine(name, path, settings)
        self._requests: dict[int, _Flying] = {}
        self.takes_infill = self._engine.takes_infill

    @property
    def width(self) -> int:  # type: ignore[override]
        """Requests worth having in flight, as far as is known by now."""
        return self._width.now

    @property
    def context_size(self) -> int:
        """Tokens that prompt and reply may have together."""
        return self._engine.context_size

    def count_tokens(self, text: str) -> int:
        """How many tokens a text is."""
        return self._engine.count_tokens(text)

    @property
    def flying(self) -> int:
        """Requests without an answer yet."""
        return len(self._requests)

    def submit(self, key: int, messages: Sequence[Message] | Infill, options: Options) -> None:
        """Ask under a key of the caller's; a request that cannot be asked is a row of the ledger, too."""
        options.check()
        checked = check_asked(messages, takes_infill=self.takes_infill)
        if self._ledger is not None and self._ledger.accounts:
            allow(self._ledger, checked, options, self.price)
        flying = _Flying(key, checked, options, Tally(), time.perf_counter())
        try:
            ticket = self._engine.submit(checked, options, flying.tally)
        except RoadmapError as error:
            self._settle(flying, error)
            self._commit()
            raise
        self._requests[ticket] = flying

    def wait(self, stop: Callable[[], bool] | None = None) -> list[Result]:
        """Work until at least one request is answered; those that are, their calls written down."""
        from roadmap_cli.models.conversation.engine import Done, Failed

        engine, requests, finished = self._engine, self._requests, list[Result]()
        while requests and not finished and not (stop and stop()):
            began = time.perf_counter()
            events = engine.step()
            self._width.learn(engine.written, engine.read, time.perf_counter() - began)
            for event in events:
                if isinstance(event, Done):
                    flying = requests.pop(event.ticket)
                    finished.append((flying.key, self._settle(flying, None)))
                elif isinstance(event, Failed):
                    flying = requests.pop(event.ticket)
                    finished.append((flying.key, self._settle(flying, event.error)))
                else:
                    requests[event.ticket].said.append(event.text)
        self._commit()
        return finished

    def close(self) -> None:
        """Give up what is in flight, a row of the ledger each, and free the model."""
        try:
            for flying in self._requests.values():
                self._settle(flying, None, cancelled=True)
            self._requests.clear()
            self._commit()
        finally:
            self._width.remember()
            self._engine.close()

    def _commit(self) -> None:
        if self._ledger is not None:
            self._ledger.flush()

    def _settle(self, flying: _Flying, error: RoadmapError | None, *, cancelled: bool = False) -> Reply | RoadmapError:
        return settle(
            "".join(flying.said),
            flying.tally,
            model=self.name,
            provider="local",
            purpose=self._purpose,
            messages=flying.messages,
            options=flying.options,
            started=flying.started,
            price=(0, None),
            ledger=self._ledger,
            error=error,
            cancelled=cancelled,
        )


class ChatBatch(Batch):
    """One request after the other, for a model that is asked by itself: an endpoint.

    Whoever runs it limits how many requests come at once, and each goes through the guarded transport, whose record
    of what left the device is one thread's work. So there is one in flight.
    """

    width = 1

    def __init__(self, chat: Chat, *, purpose: str = "batch") -> None:
        self.name = chat.name
        self._chat, self._purpose = chat, purpose
        self.takes_tools, self.takes_infill = chat.takes_tools, chat.takes_infill
        self._waiting: list[tuple[int, Asked, Options]] = []

    @property
    def flying(self) -> int:
        """Requests without an answer yet."""
        return len(self._waiting)

    @property
    def context_size(self) -> int | None:
        """Tokens that prompt and reply may have together, or None if the provider does not say."""
        return self._chat.context_size

    def count_tokens(self, text: str) -> int:
        """How many tokens a text is; an estimate at an endpoint."""
        return self._chat.count_tokens(text)

    def price(self, prompt_tokens: int, completion_tokens: int) -> tuple[int | None, str | None]:
        """What a call would cost in millionths of a currency, and the currency; None if no price is known."""
        return self._chat.price(prompt_tokens, completion_tokens)

    def submit(self, key: int, messages: Sequence[Message] | Infill, options: Options) -> None:
        """Take in a request; it is asked in `wait`."""
        options.check(takes_tools=self.takes_tools)
        self._waiting.append((key, check_asked(messages, takes_infill=self.takes_infill), options))

    def wait(self, stop: Callable[[], bool] | None = None) -> list[Result]:
        """Ask the next request and wait for its answer."""
        if not self._waiting:
            return []
        key, messages, options = self._waiting.pop(0)
        try:
            return [(key, self._chat.ask(messages, options, purpose=self._purpose))]
        except RoadmapError as error:
            return [(key, error)]

    def close(self) -> None:
        """Forget what was not asked."""
        self._waiting.clear()
        self._chat.close()
