"""What outranks what: a partial order of areas. What does not follow from the rules is not decided."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise


@dataclass(slots=True)
class Order:
    """The direct priorities, each with the ids of the values that say it."""

    above: dict[str, dict[str, list[str]]] = field(default_factory=lambda: defaultdict(dict))

    @classmethod
    def of(cls, chains: Iterable[tuple[str, Sequence[str]]]) -> Order:
        """From (id of the value, areas from the highest down)."""
        made = cls()
        for name, chain in chains:
            for better, worse in pairwise(chain):
                made.above[better].setdefault(worse, []).append(name)
        return made

    def path(self, better: str, worse: str) -> list[str] | None:
        """The shortest chain of areas from one down to another; None if it does not follow. Both ends included."""
        if better == worse:
            return None
        waiting, seen = [[better]], {better}
        while waiting:
            reached = waiting.pop(0)
            for name in sorted(self.above.get(reached[-1], ())):
                if name == worse:
                    return [*reached, name]
                if name not in seen:
                    seen.add(name)
                    waiting.append([*reached, name])
        return None

    def ids(self, path: Sequence[str]) -> list[str]:
        """The ids of the values a chain rests on."""
        return [self.above[better][worse][0] for better, worse in pairwise(path)]

    def outranks(self, better: str, worse: str) -> bool:
        """Whether it follows that the one is above the other."""
        return self.path(better, worse) is not None

    def cycle(self) -> list[str] | None:
        """A chain of areas that comes back to its first, if there is one."""
        for name in sorted(self.above):
            for lower in sorted(self.above[name]):
                back = self.path(lower, name)
                if back:
                    return [name, *back]
        return None

    def areas(self) -> list[str]:
        """Every area that is named, highest first as far as the order goes."""
        names = sorted({*self.above, *(worse for lower in self.above.values() for worse in lower)})
        placed: list[str] = []
        while names:
            free = next((name for name in names if not any(self.outranks(other, name) for other in names)), names[0])
            placed.append(free)
            names.remove(free)
        return placed
