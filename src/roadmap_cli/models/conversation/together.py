"""Several requests at once to one endpoint: as many as the user's file says that it takes (`width`).

Each goes out on a thread of its own with a transport of its own, which judges and records it as any other; what comes
back is written into the ledger by the thread that asks for it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import Empty, Queue
from typing import TYPE_CHECKING

from roadmap_cli.core.errors import RoadmapError, Unavailable
from roadmap_cli.models.conversation.batch import Batch, Result
from roadmap_cli.models.conversation.chat import Asked, Infill, Message, Options, Reply, Tally, check_asked, settle

if TYPE_CHECKING:
    from roadmap_cli.models.conversation.endpoint import EndpointChat
    from roadmap_cli.models.ledger import Ledger
    from roadmap_cli.net.transport import Transport

#: How long `close` waits for requests that are under way before it leaves them to themselves.
_PATIENCE_S = 1.0
_LOOK_S = 0.2


@dataclass(slots=True, eq=False)
class _Flying:
    """A request on its way."""

    key: int
    messages: Asked
    options: Options
    started: float = field(default_factory=time.perf_counter)


class EndpointBatch(Batch):
    """Up to `width` requests in flight at an endpoint.

    What is under way when it is closed is a cancelled call in the ledger; the endpoint may still count it.
    """

    def __init__(
        self,
        chat: Callable[[Transport, Ledger | None], EndpointChat],
        *,
        transport: Transport,
        ledger: Ledger | None,
        width: int,
        purpose: str = "batch",
    ) -> None:
        """`chat` opens the endpoint with a transport and a ledger. Raises what that raises."""
        self._open, self._transport, self._ledger, self._purpose = chat, transport, ledger, purpose
        self._chat = chat(transport, None)
        self.name, self.width = self._chat.name, width
        self.takes_tools, self.takes_infill = self._chat.takes_tools, self._chat.takes_infill
        self._flying: dict[int, _Flying] = {}
        self._todo: Queue[_Flying | None] = Queue()
        self._done: Queue[tuple[_Flying, Reply | RoadmapError, Ledger | None]] = Queue()
        self._workers: list[threading.Thread] = []
        self._transports: list[Transport] = []

    @property
    def context_size(self) -> int | None:
        """Tokens that prompt and reply may have together, or None if the user's file does not say."""
        return self._chat.context_size

    def count_tokens(self, text: str) -> int:
        """How many tokens a text may be."""
        return self._chat.count_tokens(text)

    def price(self, prompt_tokens: int, completion_tokens: int) -> tuple[int | None, str | None]:
        """What a call would cost in millionths of a currency, and the currency; None if no price is known."""
        return self._chat.price(prompt_tokens, completion_tokens)

    @property
    def flying(self) -> int:
        """Requests without an answer yet."""
        return len(self._flying)

    def submit(self, key: int, messages: Sequence[Message] | Infill, options: Options) -> None:
        """Send a request, or let it wait for one of those before it."""
        options.check(takes_tools=self.takes_tools)
        flying = _Flying(key, check_asked(messages, takes_infill=self.takes_infill), options)
        self._flying[key] = flying
        if len(self._workers) < min(self.width, len(self._flying)):
            transport = self._transport.separate()
            self._transports.append(transport)
            worker = threading.Thread(target=self._work, args=(transport,), daemon=True)
            self._workers.append(worker)
            worker.start()
        self._todo.put(flying)

    def wait(self, stop: Callable[[], bool] | None = None) -> list[Result]:
        """Block until at least one request is answered; those that are, their calls written down."""
        found = list[Result]()
        while self._flying and (not found or not self._done.empty()):
            try:
                flying, result, ledger = self._done.get(timeout=_LOOK_S if stop else None)
            except Empty:
                if stop and stop():
                    break
                continue
            if self._flying.pop(flying.key, None) is None:
                continue
            if self._ledger is not None and ledger is not None:
                self._ledger.join(ledger)
            found.append((flying.key, result))
        if self._ledger is not None and found:
            self._ledger.flush()
        return found

    def close(self) -> None:
        """Give up what is in flight, a row of the ledger each."""
        flying, self._flying = list(self._flying.values()), {}
        while not self._todo.empty():
            self._todo.get_nowait()
        for _ in self._workers:
            self._todo.put(None)
        for each in flying:
            settle(
                "", Tally(), model=self.name, provider=self._chat.provider, purpose=self._purpose,
                messages=each.messages, options=each.options, started=each.started, price=(None, None),
                ledger=self._ledger, cancelled=True,
            )  # fmt: skip
        if self._ledger is not None:
            self._ledger.flush()
        end = time.monotonic() + _PATIENCE_S
        for worker in self._workers:
            worker.join(max(0.0, end - time.monotonic()))
        for worker, transport in zip(self._workers, self._transports, strict=True):
            if not worker.is_alive():
                transport.close()
        self._chat.close()

    def _work(self, transport: Transport) -> None:
        """One request after the other, until told to end."""
        while (flying := self._todo.get()) is not None:
            ledger = self._ledger.separate() if self._ledger is not None else None
            result: Reply | RoadmapError = Unavailable(f"the thread for {self.name!r} ended", code="bad_reply")
            try:
                with self._open(transport, ledger) as chat:
                    result = chat.ask(flying.messages, flying.options, purpose=self._purpose)
            except RoadmapError as error:
                result = error
            finally:
                self._done.put((flying, result, ledger))
