"""Which driver to ask next: the one with the most repairs to expect from the next second.

Repairs come to a driver as a Poisson process of unknown rate; a Gamma prior over the rate (so many repairs in so many
seconds, before anything is known) and what the state remembers give the rate to expect. Time spent in this run without
a repair counts against it, so a driver that finds nothing makes way for the next. What is remembered counts for no
more than a few hours: a driver that has become better is tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from roadmap_cli.agent.repair.breaker import Breaker
from roadmap_cli.agent.repair.driver import Candidate, Driver, Problem
from roadmap_cli.core.errors import ConfigError, TryLater, Unavailable

#: Before anything is known: repairs in seconds.
PRIORS: Mapping[str, tuple[float, float]] = {
    "replay": (0.8, 0.8), "template": (0.6, 20.0), "synthesis": (0.3, 5.0), "llm": (0.5, 60.0),
}  # fmt: skip
_UNKNOWN = (0.3, 30.0)
_REMEMBERED_S = 3600.0


@dataclass(slots=True)
class Arm:
    """A driver in a run: its proposals, what it has cost, and whether it is done."""

    driver: Driver
    experience: tuple[int, float]
    breaker: Breaker = field(default_factory=Breaker)
    seconds: float = 0.0
    tried: int = 0
    done: bool = False
    why_done: str = ""
    _proposals: Iterator[Candidate] | None = None

    @property
    def name(self) -> str:
        """The driver's name; ``templates`` is ``template`` in all that is stored."""
        return {"templates": "template"}.get(self.driver.name, self.driver.name)

    @property
    def localises(self) -> bool:
        """Whether it looks at where the fault probably is; only replay does not."""
        return bool(getattr(self.driver, "localises", self.name != "replay"))

    @property
    def iterates(self) -> bool:
        """Whether its next proposal is an answer to the last verdict, as a model's is: then a breaker watches it."""
        return bool(getattr(self.driver, "iterates", self.name == "llm"))

    @property
    def rate(self) -> float:
        """Repairs to expect per second."""
        repairs, seconds = PRIORS.get(self.name, _UNKNOWN)
        hits, spent = self.experience
        share = min(1.0, _REMEMBERED_S / spent) if spent else 1.0
        return (repairs + hits * share) / (seconds + spent * share + self.seconds)

    def propose(self, problem: Problem, count: int = 1, late: Callable[[], bool] = lambda: False) -> list[Candidate]:
        """The next proposals, at most `count`; fewer if there are no more, and why is in `why_done`.

        No more are waited for when, after one of them, it is `late`: where a driver tries much before it proposes.
        From a driver that iterates there is one at a time, since the next is an answer to it.
        """
        if self.done:
            return []
        found: list[Candidate] = []
        try:
            if self._proposals is None:
                self._proposals = self.driver.candidates(problem)
            for candidate in islice(self._proposals, 1 if self.iterates else count):
                found.append(candidate)
                if late():
                    break
        except (Unavailable, ConfigError, TryLater) as error:
            self.close(f"unavailable: {error}")
            return found
        if not found:
            stopped = getattr(self.driver, "stopped", None)
            self.close(f"{stopped}: {getattr(self.driver, 'reason', '')}".rstrip(": ") if stopped else "exhausted")
        return found

    def close(self, why: str) -> None:
        """Ask it no more."""
        self.done, self.why_done = True, why


def best(arms: Iterable[Arm]) -> Arm | None:
    """The arm to ask next; None if all are done. Among equals the first."""
    return max((arm for arm in arms if not arm.done), key=lambda arm: arm.rate, default=None)


def round_seconds(arm: Arm, arms: Iterable[Arm]) -> float:
    """How long to stay with an arm before looking again: until the next best would be the better one, 0.5 to 10 s."""
    others = [other.rate for other in arms if other is not arm and not other.done]
    if not others:
        return 10.0
    hits = arm.rate * _denominator(arm)
    return min(10.0, max(0.5, hits / max(others) - _denominator(arm)))


def _denominator(arm: Arm) -> float:
    _, seconds = PRIORS.get(arm.name, _UNKNOWN)
    _, spent = arm.experience
    share = min(1.0, _REMEMBERED_S / spent) if spent else 1.0
    return seconds + spent * share + arm.seconds
