"""When to stop what leads nowhere: pure bookkeeping over what was tried and what came of it.

Two kinds of end. A *budget* is used up: the run pauses and can go on. A *breaker* opens: what a driver does repeats
itself, and more of it would only cost; it is not asked again. Patterns after the loops that users of coding agents
report: identical actions, the same error again and again, two actions in turn, proposals that are nothing new.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

#: How often the same must happen before a breaker opens.
IDENTICAL, SAME_ERROR, PING_PONG, NOTHING_NEW = 3, 3, 4, 5


@dataclass(frozen=True, slots=True)
class Move:
    """One thing a driver did: what (a patch's name), whether that was new, and the error that was left (a signature).

    `error` is empty if nothing was run or nothing failed.
    """

    action: str
    new: bool
    error: str = ""


@dataclass(slots=True)
class Breaker:
    """Watches one driver's moves. `open` is the reason once it has opened, and stays."""

    open: str | None = None
    _moves: deque[Move] = field(default_factory=lambda: deque(maxlen=max(IDENTICAL, PING_PONG, NOTHING_NEW)))
    _errors: deque[str] = field(default_factory=lambda: deque(maxlen=SAME_ERROR))

    def note(self, move: Move) -> str | None:
        """Take one more move into account. The reason if the breaker is open now: identical_action, ping_pong,
        same_error, no_new_patch; else None."""
        if self.open:
            return self.open
        self._moves.append(move)
        if move.new:
            self._errors.append(move.error)
        self.open = self._identical() or self._ping_pong() or self._same_error() or self._nothing_new()
        return self.open

    def _identical(self) -> str | None:
        last = [move.action for move in self._moves][-IDENTICAL:]
        return "identical_action" if len(last) == IDENTICAL and len(set(last)) == 1 else None

    def _ping_pong(self) -> str | None:
        last = [move.action for move in self._moves][-PING_PONG:]
        turns = len(last) == PING_PONG and last[0] == last[2] and last[1] == last[3] and last[0] != last[1]
        return "ping_pong" if turns else None

    def _same_error(self) -> str | None:
        full = len(self._errors) == SAME_ERROR and all(self._errors)
        return "same_error" if full and len(set(self._errors)) == 1 else None

    def _nothing_new(self) -> str | None:
        last = list(self._moves)[-NOTHING_NEW:]
        return "no_new_patch" if len(last) == NOTHING_NEW and not any(move.new for move in last) else None


@dataclass(frozen=True, slots=True)
class Budget:
    """What one invocation may use. None is no limit; seconds are wall time, `cost` is in units of the currency."""

    candidates: int | None = 2000
    seconds: float | None = 120.0
    tokens: int | None = None
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """What it has used so far."""

    candidates: int = 0
    seconds: float = 0.0
    tokens: int = 0
    cost: float = 0.0


def exceeded(budget: Budget, spent: Spent) -> str | None:
    """The first limit that is reached (iterations, seconds, tokens, cost), or None."""
    pairs: tuple[tuple[str, float | None, float], ...] = (
        ("iterations", budget.candidates, spent.candidates),
        ("seconds", budget.seconds, spent.seconds),
        ("tokens", budget.tokens, spent.tokens),
        ("cost", budget.cost, spent.cost),
    )
    return next((name for name, limit, used in pairs if limit is not None and used >= limit), None)


def left(budget: Budget, spend: Callable[[], Spent]) -> tuple[int | None, float | None]:
    """Tokens and cost that are left: for a driver that must not begin what would go over. None is no limit."""
    spent = spend()
    tokens = None if budget.tokens is None else max(0, budget.tokens - spent.tokens)
    return tokens, None if budget.cost is None else max(0.0, budget.cost - spent.cost)
