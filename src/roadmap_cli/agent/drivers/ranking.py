"""The order in which edits are proposed, whatever the language: one edit, then two, all by one score."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass

from roadmap_cli.agent.preference import Lesson, Traits

#: Replacements of bytes: start, end, new text.
Spans = tuple[tuple[int, int, str], ...]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A one-edit candidate (or one edit at several places, or two edits) of one file, with its score.

    `traits` are what it is like, of two edits both's.
    """

    score: float
    file: str
    edits: Spans
    template: str
    line: int
    traits: tuple[Traits, ...] = ()


def lessons(chosen: Ranked, ranked: Sequence[Ranked]) -> list[Lesson]:
    """What it teaches that one of the ranked was the repair: one lesson for each of its edits."""
    others = [each.traits[0] for each in ranked if each.traits and each.traits[0] not in chosen.traits]
    return [Lesson.of(traits, others) for traits in chosen.traits]


def rare(count: int) -> float:
    """The rarity of an edit whose template makes so many in the same function."""
    return -math.log(max(1, count))


class Orders:
    """Several orders of the same ranked edits, each scaled by a factor and put upon a first edit or none, as one.

    Of the best `pairs` edits each begins an order of pairs, scaled by its score times `factor`.
    """

    def __init__(self, pairs: int, factor: float) -> None:
        self._pairs, self._factor = pairs, factor
        self._ranked: Sequence[Ranked] = ()
        self._heap: list[tuple[float, int, float, Ranked | None, int]] = []
        self._count = 0

    def __bool__(self) -> bool:
        return bool(self._heap)

    @property
    def top(self) -> float:
        """The best score there is; 0 if there is nothing."""
        return -self._heap[0][0] if self._heap else 0.0

    def restart(self, ranked: Sequence[Ranked], steps: Sequence[tuple[float, Ranked]]) -> None:
        """Begin anew with edits, best first; `steps` are first edits that helped, each with its factor."""
        self._ranked = ranked
        self._heap.clear()
        self.begin(1.0, None)
        for factor, step in steps:
            self.begin(factor, step)
        for first in range(min(self._pairs, len(ranked))):
            if len(ranked[first].edits) == 1:
                self.begin(self._factor * ranked[first].score, ranked[first], first + 1)

    def begin(self, factor: float, first: Ranked | None, at: int = 0) -> None:
        """Begin an order upon a first edit, with the edit at a place among the ranked."""
        if at < len(self._ranked):
            self._count += 1
            heapq.heappush(self._heap, (-factor * self._ranked[at].score, self._count, factor, first, at))

    def next(self) -> Ranked | None:
        """The best of all orders; None if its second edit does not stand apart from its first."""
        _, _, factor, first, at = heapq.heappop(self._heap)
        second = self._ranked[at]
        self.begin(factor, first, at + 1)
        return second if first is None else _joined(first, second, factor * second.score)


def _joined(first: Ranked, second: Ranked, score: float) -> Ranked | None:
    """Two edits of one file that stand apart; None if they do not."""
    if first.file != second.file or len(second.edits) > 1:
        return None
    one, two = first.edits[0], second.edits[0]
    if one[0] <= two[1] and two[0] <= one[1]:
        return None
    template = f"{first.template}+{second.template}"
    traits = (*first.traits, *second.traits)
    return Ranked(score, first.file, tuple(sorted((one, two))), template, min(first.line, second.line), traits)
