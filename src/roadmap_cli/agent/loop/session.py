"""What the phases of one run share: the project, its tests in a sandbox, the diary, and how the run stands."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from roadmap_cli.agent import memory
from roadmap_cli.agent.code import git
from roadmap_cli.agent.code.project import Project
from roadmap_cli.agent.loop.diary import Diary
from roadmap_cli.agent.loop.report import Report
from roadmap_cli.agent.loop.world import Bounds, World
from roadmap_cli.agent.repair.breaker import Budget, Spent, exceeded
from roadmap_cli.agent.runs import journal
from roadmap_cli.agent.testing.bench import Bench
from roadmap_cli.agent.testing.signature import SourceLine
from roadmap_cli.agent.testing.toolchain import TestCommand

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

_RESTARTS = 5


@dataclass(slots=True)
class Session:
    """One run, from now on. `status` says how it ended or stands, `reason` what by.

    `digest` is of the files as the run read them first, `suite` names its tests, `line` gives a line of a file. `tried`
    counts the candidates run by this invocation, `rounds` those of the search so far, `hardcoded` the changes that
    passed because they give the expected value and nothing else; `driver` found the repair, if there is one.
    With `scans` what others write may do no more than the project may.
    """

    world: World
    bounds: Bounds
    id: str
    project: Project
    command: TestCommand
    digest: str
    goal: str | None
    bench: Bench
    report: Report
    diary: Diary
    suite: str
    line: SourceLine
    started: float
    apply: bool = False
    to_branch: str | None = None
    scans: bool = False
    status: str = "running"
    reason: str = ""
    signature: str | None = None
    tried: int = 0
    rounds: int = 0
    hardcoded: int = 0
    driver: str = ""
    skipped: int = 0
    applied: bool = False
    branch: git.Branch | None = None

    def begin(self, step: str, key: str, *parts: object, detail: Any = None) -> journal.Step | None:
        """Begin a step and tell so; the stored one if it is done already and what came out of it is kept."""
        self.world.progress(step, self.spent_s(), "")
        return self.diary.begin(step, key, *parts, detail=detail)

    def enter(self, tx: Connection) -> None:
        """Note that the run is on its way, and what it was asked for."""
        memory.start_run(tx, self.id, str(self.project.root), self.command.text, self.digest, self.diary.at())
        asked = {"apply": self.apply, "branch": self.to_branch, **asdict(self.bounds)}
        journal.set_goal(tx, self.id, self.goal, asked)

    def spent_s(self) -> float:
        """Seconds since this invocation began."""
        return self.world.timer() - self.started

    @property
    def budget(self) -> Budget:
        """What this invocation may use."""
        bounds = self.bounds
        return Budget(bounds.candidates, bounds.seconds, bounds.tokens, bounds.cost)

    def spent(self) -> Spent:
        """What it has used; tokens and cost are looked up only if they are bounded."""
        tokens, cost = (0, 0.0)
        if self.bounds.tokens is not None or self.bounds.cost is not None:
            tokens, cost = self.tokens_and_cost()
        return Spent(self.tried, self.spent_s(), tokens, cost)

    def tokens_and_cost(self) -> tuple[int, float]:
        """What the run's calls of models have used."""
        with self.world.state.read() as tx:
            return journal.spent(tx, self.id)

    def must_stop(self) -> str | None:
        """Why no more may be tried: broken, interrupted, or the limit that is reached; None if it may."""
        if self.bench.restarts > _RESTARTS:
            return "broken"
        if self.world.stopping():
            return "interrupted"
        return exceeded(self.budget, self.spent())
