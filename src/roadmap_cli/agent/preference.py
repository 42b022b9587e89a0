"""Which of many edits is the repair: a preference over what edits are like, learned from the failures that were solved.

A conditional logit (McFadden 1974): the chance that an edit is the one is its share of exp(sum of weights) among all
edits of the same failure. A failure that was solved is a lesson: the edit that repaired it against those that did not
or would not have. Weights are learned by steps of Adagrad (Duchi, Hazan, Singer 2011) on the new lesson and some old
ones, pulled towards where they began, so that little experience changes little.

Measured on 82 bugs, learned from one half and run on the other (tools/bench/repair.py --priors learned): 7 times fewer
candidates before the repair than by suspicion alone (geometric mean of 35; by the median 6, by the mean 4 times).
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: Where the weights of the four numbers begin: the hand-set weights of the templates hold until experience says more.
START = {"suspicion": 1.0, "hand": 1.0, "favour": 0.5, "rarity": 0.0}
#: The same without what people think they know: suspicion alone.
FLAT = {"suspicion": 1.0, "hand": 0.0, "favour": 0.0, "rarity": 0.0}

_RATE, _PULL, _PULL_NUMBERS = 0.3, 0.5, 0.05
_PASSES, _REPLAYED = 3, 40
#: Of the edits that were no repair, so many of the best and so many of the others stand in a lesson.
_BEST, _OTHERS = 100, 100
_SIZES = (1, 3, 7, 15, 31)
_LEAST_SHARE = 1e-5
#: The word of one edit made at several places.
SEVERAL = "several places"


def size_of(edit: tuple[int, int, str]) -> str:
    """The class of an edit (start, end, text) by the characters it puts in or takes away, the larger of both."""
    size = max(edit[1] - edit[0], len(edit[2]))
    return next((f"size/{limit}" for limit in _SIZES if size <= limit), "size/more")


def words(template: str, edits: Sequence[tuple[int, int, str]], names: str = "") -> tuple[str, ...]:
    """What edits are like, in words that weights are learned for: template, its family, size, what becomes of names.

    A family is the first word of a template's name; `names` is what `context.Contexts.names` says.
    """
    parts = sorted(set(template.split("+")))
    found = [*parts, *sorted({f"{part.partition('_')[0]}/" for part in parts}), size_of(edits[0])]
    if len(edits) > 1:
        found.append(SEVERAL)
    return (*found, names) if names else tuple(found)


@dataclass(frozen=True, slots=True)
class Traits:
    """What one edit is like: `words`, and four natural logarithms.

    `suspicion` is that of its lines, `hand` its template's weight as set by hand, `favour` how much likelier the
    hypotheses on the failure make it, `rarity` minus that of how many edits its template makes in the same function.
    """

    words: tuple[str, ...]
    suspicion: float = 0.0
    hand: float = 0.0
    favour: float = 0.0
    rarity: float = 0.0

    @property
    def numbers(self) -> tuple[tuple[str, float], ...]:
        """The four by their names."""
        return (("suspicion", self.suspicion), ("hand", self.hand), ("favour", self.favour), ("rarity", self.rarity))


@dataclass(frozen=True, slots=True)
class Lesson:
    """One solved failure: the edit that was the repair, and others, each standing for so many like it."""

    chosen: Traits
    others: tuple[tuple[float, Traits], ...]

    @classmethod
    def of(cls, chosen: Traits, others: Sequence[Traits]) -> Lesson:
        """From all other edits, best first: the best, and a sample of the rest (the same each time)."""
        best, rest = others[:_BEST], others[_BEST:]
        sample = random.Random(len(others)).sample(rest, min(_OTHERS, len(rest)))
        each = len(rest) / max(1, len(sample))
        return cls(chosen, tuple([(1.0, one) for one in best] + [(each, one) for one in sample]))

    def stored(self) -> dict[str, Any]:
        """As JSON values."""
        return {"chosen": _stored(self.chosen), "others": [[round(n, 3), *_stored(one)] for n, one in self.others]}

    @classmethod
    def restored(cls, value: Mapping[str, Any]) -> Lesson:
        """What `stored` gave."""
        return cls(_restored(value["chosen"]), tuple((row[0], _restored(row[1:])) for row in value["others"]))


def _stored(traits: Traits) -> list[Any]:
    return [list(traits.words), *(round(value, 4) for _, value in traits.numbers)]


def _restored(row: Sequence[Any]) -> Traits:
    return Traits(tuple(row[0]), *row[1:])


class Preference:
    """Weights for words and numbers. `weights` and `spreads` (Adagrad's sums of squares) as learned so far."""

    def __init__(
        self, weights: Mapping[str, float] | None = None, spreads: Mapping[str, float] | None = None, *,
        start: Mapping[str, float] = START,
    ) -> None:  # fmt: skip
        self._start = start
        self.weights: dict[str, float] = {**start, **(weights or {})}
        self.spreads: dict[str, float] = dict(spreads or {})

    def score(self, traits: Traits) -> float:
        """How an edit compares with others of the same failure: above 0; only ratios mean anything."""
        return math.exp(min(40.0, self._value(traits)))

    def level(self, edits: Sequence[Traits]) -> float:
        """What to multiply scores with so that the best of some edits has the score it had before anything was learned.

        Scores of two edits together, and of places not looked at yet, are set by hand on that scale.
        """
        if not edits:
            return 1.0
        began = max(sum(self._start.get(name, 0.0) * number for name, number in each.numbers) for each in edits)
        return math.exp(min(40.0, began - max(map(self._value, edits))))

    def _value(self, traits: Traits) -> float:
        get = self.weights.get
        return sum(get(word, 0.0) for word in traits.words) + sum(get(name, 0.0) * n for name, n in traits.numbers)

    def learn(self, lessons: Sequence[Lesson]) -> None:
        """Learn from the last of some lessons, going over earlier ones again."""
        if not lessons:
            return
        chance = random.Random(len(lessons))
        for _ in range(_PASSES):
            earlier = lessons[:-1]
            for lesson in (lessons[-1], *chance.sample(earlier, min(_REPLAYED, len(earlier)))):
                self._step(lesson, len(lessons))

    def _step(self, lesson: Lesson, count: int) -> None:
        rows = [(1.0, lesson.chosen), *lesson.others]
        values = [math.log(number) + self._value(traits) for number, traits in rows]
        top = max(values)
        shares = [math.exp(value - top) for value in values]
        whole = sum(shares)
        slope: defaultdict[str, float] = defaultdict(float)
        for at, (share, (_, traits)) in enumerate(zip(shares, rows, strict=True)):
            push = float(at == 0) - share / whole
            if abs(push) < _LEAST_SHARE:
                continue
            for word in traits.words:
                slope[word] += push
            for name, number in traits.numbers:
                slope[name] += push * number
        for name, value in slope.items():
            pull = _PULL_NUMBERS if name in self._start else _PULL
            now = self.weights.get(name, 0.0)
            value -= pull / count * (now - self._start.get(name, 0.0))
            spread = self.spreads.get(name, 1.0) + value * value
            self.spreads[name] = spread
            self.weights[name] = now + _RATE * value / math.sqrt(spread)
