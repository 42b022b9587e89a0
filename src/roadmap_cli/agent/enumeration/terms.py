"""Terms over named columns of values, by size, of each behaviour one."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from roadmap_cli.agent.enumeration.grammar import BINARY, UNARY, applied, kind_of


@dataclass(frozen=True, slots=True)
class Term:
    """An expression: its text, how many operations it has, its values on the examples, their type."""

    text: str
    size: int
    values: tuple[Any, ...]
    kind: str


class Enumerator:
    """Terms over named columns of values, by size, of each behaviour one."""

    def __init__(self, columns: dict[str, tuple[Any, ...]], constants: Sequence[Any], deadline: float) -> None:
        self.by_size: dict[int, list[Term]] = defaultdict(list)
        self._keys: set[str] = set()
        self._deadline = deadline
        self.count = len(next(iter(columns.values()), ()))
        for name, values in columns.items():
            self.add(name, 1, values)
        for constant in constants:
            self.add(repr(constant), 1, (constant,) * self.count)

    def add(self, text: str, size: int, values: tuple[Any, ...]) -> Term | None:
        """Keep a term unless one of the same behaviour is known."""
        kind = kind_of(values)
        if kind == "error":
            return None
        key = repr(values)
        if key in self._keys:
            return None
        self._keys.add(key)
        term = Term(text, size, values, kind)
        self.by_size[size].append(term)
        return term

    @property
    def late(self) -> bool:
        """Whether the time is over."""
        return time.process_time() > self._deadline

    def grow(self, size: int) -> Iterator[Term]:
        """The new terms of a size, made of smaller ones; those added from outside first."""
        yield from list(self.by_size[size])
        for term in list(self.by_size[size - 1]):
            for kind, text, function in UNARY:
                if kind == term.kind:
                    made = self.add(text.format(term.text), size, applied(function, term.values))
                    if made:
                        yield made
            if self.late:
                return
        for left in range(1, size - 1):
            right = size - 1 - left
            pools: dict[str, list[Term]] = defaultdict(list)
            for term in list(self.by_size[right]):
                pools[term.kind].append(term)
            for one in list(self.by_size[left]):
                for first, second, text, operation, turns in BINARY:
                    if first != one.kind or (turns and left > right):
                        continue
                    for number, two in enumerate(pools[second]):
                        if not number & 255 and self.late:
                            return
                        values = applied(operation, one.values, two.values)
                        made = self.add(text.format(one.text, two.text), size, values)
                        if made:
                            yield made
                if self.late:
                    return
