"""Which option is better in what, and whether that decides: dominance and the person's own order, no made-up score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from roadmap_cli.life.choosing.facts import Option
from roadmap_cli.life.values.checking import Alignment
from roadmap_cli.life.values.order import Order

#: The area of life a criterion stands for, where the person's order can speak about it.
AREAS: Mapping[str, tuple[str, ...]] = {
    "money": ("money", "income", "savings", "finances"),
    "time": ("rest", "free time", "time"),
    "sleep": ("sleep", "rest", "health"),
}


@dataclass(slots=True)
class Weighed:
    """What was computed for one option, as far as options are compared by it."""

    option: Option
    present_value: dict[str, Decimal] = field(default_factory=dict)
    hours_week: float = 0.0
    collisions: int = 0
    sleep_lost: float = 0.0
    alignment: Alignment = field(default_factory=lambda: Alignment(0))

    @property
    def broken(self) -> set[str]:
        """The rules it is in conflict with."""
        return {str(each["rule"]) for each in self.alignment.conflicts}

    @property
    def served(self) -> set[str]:
        """The rules it supports."""
        return {str(each["rule"]) for each in self.alignment.supports}

    @property
    def may_bring_more(self) -> bool:
        """Whether something it would bring is not known."""
        return any(not each.get("cost") for each in self.option.unknown)

    @property
    def may_cost_more(self) -> bool:
        """Whether a cost of it is not known."""
        return any(each.get("cost") for each in self.option.unknown)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of two options: what the first is better in, what the second, and which one that decides for, if any."""

    better: tuple[str, ...]
    worse: tuple[str, ...]
    open: tuple[str, ...]
    winner: int
    """1: the first, -1: the second, 0: the data does not decide, or they are equal."""
    by: tuple[str, ...] = ()
    """The chain of areas that decided, if the person's order did."""


def compare(one: Weighed, other: Weighed, order: Order) -> Verdict:
    """Hold two options against each other, criterion by criterion."""
    better: list[str] = []
    worse: list[str] = []
    unsure: list[str] = []
    for unit in sorted({*one.present_value, *other.present_value}):
        gap = one.present_value.get(unit, Decimal()) - other.present_value.get(unit, Decimal())
        ahead, behind = (one, other) if gap > 0 else (other, one)
        if gap and (ahead.may_cost_more or behind.may_bring_more):
            unsure.append(f"money in {unit}")
        elif gap:
            (better if gap > 0 else worse).append(f"money in {unit}")
        elif one.may_cost_more or other.may_cost_more:
            unsure.append(f"money in {unit}")
    for name, mine, theirs in (
        ("time", one.hours_week, other.hours_week),
        ("free calendar", one.collisions, other.collisions),
        ("sleep", one.sleep_lost, other.sleep_lost),
    ):
        if mine != theirs:
            (better if mine < theirs else worse).append(name)
    if one.broken != other.broken:
        if one.broken < other.broken:
            better.append("values kept")
        elif other.broken < one.broken:
            worse.append("values kept")
        else:
            better.append("values kept")
            worse.append("values kept")
    if one.served != other.served:
        if one.served > other.served:
            better.append("values served")
        elif other.served > one.served:
            worse.append("values served")
        else:
            better.append("values served")
            worse.append("values served")
    winner, by = _winner(better, worse, unsure, order)
    return Verdict(tuple(better), tuple(worse), tuple(unsure), winner, by)


def best(weighed: Sequence[Weighed], order: Order) -> int | None:
    """The option that wins against every other, if one does."""
    for number, one in enumerate(weighed):
        others = [each for place, each in enumerate(weighed) if place != number]
        if all(compare(one, other, order).winner == 1 for other in others):
            return number
    return None


def _winner(
    better: Sequence[str], worse: Sequence[str], unsure: Sequence[str], order: Order
) -> tuple[int, tuple[str, ...]]:
    against = [*worse, *unsure]
    if better and not against:
        return 1, ()
    if worse and not [*better, *unsure]:
        return -1, ()
    forward = [_chain(better, each, order) for each in against]
    if better and all(forward):
        return 1, forward[0] or ()
    back = [_chain(worse, each, order) for each in [*better, *unsure]]
    if worse and all(back):
        return -1, back[0] or ()
    return 0, ()


def _chain(upper: Sequence[str], lower: str, order: Order) -> tuple[str, ...] | None:
    """How the person's order puts one of the criteria above another, as areas from the highest down."""
    for name in upper:
        for high in AREAS.get(name.partition(" in ")[0], ()):
            for low in AREAS.get(lower.partition(" in ")[0], ()):
                path = order.path(high, low)
                if path:
                    return tuple(path)
    return None
