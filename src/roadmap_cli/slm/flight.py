"""Several prompts in flight at a model, their answers told in the order of the questions or as they come.

What needs no answer (a record that passes through, a line that is none) takes its turn among them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from roadmap_cli.core.errors import DataError, RoadmapError
from roadmap_cli.models.conversation.batch import Batch
from roadmap_cli.models.conversation.chat import Reply
from roadmap_cli.slm.prompts import Prompt

T = TypeVar("T")
#: For each request in flight, how many answers may wait for one before them.
HELD = 8


@dataclass(slots=True, eq=False)
class _Turn(Generic[T]):
    item: T
    result: Reply | RoadmapError | None = None
    done: bool = False


class Flight(Generic[T]):
    """Prompts on their way. Each comes with an item of the caller's, which comes back with its answer."""

    def __init__(self, opening: Callable[[], Batch], *, ordered: bool) -> None:
        """`opening` opens the model when the first prompt is there."""
        self._opening = opening
        self._batch: Batch | None = None
        self._ordered = ordered
        self._turns: deque[_Turn[T]] = deque()  # in order: all that is not told; else: what is to be told
        self._flying: dict[int, _Turn[T]] = {}
        self._keys = 0

    @property
    def busy(self) -> bool:
        """Whether an answer is still to come."""
        return bool(self._flying)

    @property
    def full(self) -> bool:
        """Whether another prompt would only wait."""
        if self._batch is None or not self._flying:
            return False
        return len(self._flying) >= self._batch.width or len(self._turns) >= HELD * self._batch.width

    @property
    def width(self) -> int:
        """Prompts in flight at the most, by now."""
        return self._batch.width if self._batch else 0

    @property
    def remark(self) -> str:
        """What is to be said of the model that answers, if anything."""
        return self._batch.remark if self._batch else ""

    def ask(self, item: T, prompt: Prompt) -> None:
        """Send a prompt on its way; a DataError at once is its answer."""
        if self._batch is None:
            self._batch = self._opening()
        turn = _Turn(item)
        self._keys += 1
        try:
            self._batch.submit(self._keys, prompt.messages, prompt.options)
        except DataError as error:
            turn.result, turn.done = error, True
            self._turns.append(turn)
            return
        self._flying[self._keys] = turn
        if self._ordered:
            self._turns.append(turn)

    def put(self, item: T, result: RoadmapError | None = None) -> None:
        """Something that is told in its turn without having been asked."""
        self._turns.append(_Turn(item, result, done=True))

    def work(self) -> None:
        """Wait until at least one answer has come."""
        if self._batch is None:
            return
        for key, result in self._batch.wait():
            turn = self._flying.pop(key)
            turn.result, turn.done = result, True
            if not self._ordered:
                self._turns.append(turn)

    def told(self) -> Iterator[tuple[T, Reply | RoadmapError | None]]:
        """What may be told by now."""
        while self._turns and self._turns[0].done:
            turn = self._turns.popleft()
            yield turn.item, turn.result

    def close(self) -> None:
        """Give up what is in flight."""
        if self._batch is not None:
            self._batch.close()
            self._batch = None
