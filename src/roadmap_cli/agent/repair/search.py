"""Running what drivers propose: many candidates tried quickly, each promising one run whole, the best of those chosen.

The rule it keeps: nothing is called a repair here before the whole suite, in a session of its own, is green.

Several changes may pass all tests, and some of them only because the tests are few. So the search goes on for a
while after the first, and chooses among those found (`voting`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from roadmap_cli.agent.code.project import Project
from roadmap_cli.agent.repair.driver import Driver, Problem, Verdict
from roadmap_cli.agent.repair.judge import BATCHES, Judge
from roadmap_cli.agent.repair.voting import elected
from roadmap_cli.agent.testing.bench import Bench

_POOL = 12


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the search goes on after the first repair: seconds, a share of the time so far, least score of a rival.

    `rival` is relative to the best repair's score: what is less likely than that is not waited for.
    """

    seconds: float = 0.6
    share: float = 0.5
    most: float = 3.0
    rival: float = 0.1


class Search:
    """Runs candidates on a bench. `pause` says when to stop, `room` how many may follow; `note` is told verdicts."""

    def __init__(
        self, bench: Bench, project: Project, *, pytest: bool,
        pause: Callable[[], bool], note: Callable[[Verdict], None], room: Callable[[], int] | None = None,
        patience: Patience | None = None, timer: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._bench, self._project = bench, project
        self._pytest = pytest
        self._pause, self._note, self._room = pause, note, room
        self._patience, self._timer = patience or Patience(), timer
        self.paused = False
        self.plausible: list[Verdict] = []

    # -- finding ---------------------------------------------------------------------------------------------------

    def run(self, driver: Driver, problem: Problem) -> Verdict | None:
        """The best confirmed candidate of a driver; None if it has none, or if it was paused before the first."""
        case = problem.case
        self.plausible = []
        judge = Judge(self._bench, case, "pytest" if self._pytest else "", whole_seconds=case.run_seconds)
        proposals = driver.candidates(problem)
        since = self._timer()
        until: float | None = None
        step = 0
        while True:
            if self._pause():
                self.paused = not self.plausible
                break
            size = BATCHES[min(step, len(BATCHES) - 1)]
            if self._room is not None:
                size = max(1, min(size, self._room()))
            batch = list(islice(proposals, size))
            if not batch:
                break
            step += 1
            for verdict in judge.judge_many(batch):
                self._note(verdict)
                driver.told(verdict)
                if verdict.outcome == "confirmed":
                    self.plausible.append(verdict)
            if self.plausible:
                if until is None:
                    until = self._timer() + min(
                        self._patience.most, self._patience.seconds + self._patience.share * (self._timer() - since)
                    )
                best = max(verdict.candidate.score for verdict in self.plausible)
                late = batch[-1].score < self._patience.rival * best
                if late or self._timer() >= until or len(self.plausible) >= _POOL:
                    break
        return elected(self._bench, self._project, self.plausible, case)
