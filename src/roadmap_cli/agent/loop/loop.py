"""One run of the loop, from its beginning to its end: the phases in their order, and how it ended."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadmap_cli.agent import memory
from roadmap_cli.agent.code import git
from roadmap_cli.agent.loop import effects, planning, settling
from roadmap_cli.agent.loop.attempt import suite_of
from roadmap_cli.agent.loop.beginning import begin
from roadmap_cli.agent.loop.diary import Diary, Seen
from roadmap_cli.agent.loop.report import Report
from roadmap_cli.agent.loop.searching import Search
from roadmap_cli.agent.loop.session import Session
from roadmap_cli.agent.loop.tried import Tried
from roadmap_cli.agent.loop.world import Bounds, World
from roadmap_cli.agent.runs import journal
from roadmap_cli.agent.sandbox import Limits
from roadmap_cli.agent.testing import goal_checks, signature
from roadmap_cli.agent.testing.bench import Bench
from roadmap_cli.core.records import Record, run_id

if TYPE_CHECKING:
    from roadmap_cli.agent.sandbox.outlet import Outlet

#: Read by agents as instructions; here they are text like any other, and named so that it can be seen.
_CONTEXT = ("AGENTS.md", "CONTRIBUTING.md", ".cursorrules")
#: How a run can end well.
SUCCESS = frozenset({"fixed", "already_green"})


class Loop:
    """One run of the loop on one project. `records` does the work; `status` says how it ended, `reason` what by."""

    def __init__(
        self, world: World, bounds: Bounds, *, folder: Path | None, test: str | None = None, resume: str | None = None,
        apply: bool = False, branch: str | None = None, tell_candidates: bool = False, goal: str | None = None,
        seen: Seen = lambda run: None, scans: bool = False,
    ) -> None:  # fmt: skip
        """Read the project and find its tests' program. Hold the lock of `job_of` meanwhile and until it is done.

        `resume` is the id of a run to go on with: then no record is announced again that was announced already, by
        `seen` (the ids of a run's records that the output holds) or else by what is noted in the state.
        Raises UsageError, DataError, InputMissing, Unavailable, Negative (no tests).
        """
        beginning = begin(world, folder, test, resume, branches=bool(branch))
        project, command, previous = beginning.project, beginning.command, beginning.previous
        asked: dict[str, Any] = {}
        if previous:
            with world.state.read() as tx:
                known_goal, asked, _ = journal.goal(tx, previous.id)
            goal = goal or known_goal
        if resume:
            apply, branch = apply or bool(asked.get("apply")), branch or asked.get("branch")
        checks = goal_checks.derive(goal, project) if goal and command.framework != "command" else {}
        working = project.with_files(checks)
        limits = Limits(wall_s=bounds.seconds + 600, cpu_s=int(bounds.seconds) + 600, memory_bytes=bounds.memory_bytes)
        name = previous.id if previous else run_id("agent.run", world.now())
        report = Report(name, world.now)
        diary = Diary(
            world.state, world.now, world.timer, name, report, (beginning.digest, command.text),
            resumed=previous is not None, resume=bool(resume), seen=seen,
        )  # fmt: skip
        self._session = Session(
            world, bounds, name, project, command, beginning.digest, goal, Bench(working, command, limits), report,
            diary, suite_of(working, beginning.test), signature.source_lines(project.files), world.timer(),
            apply, branch, scans,
        )  # fmt: skip
        self._tried = Tried(self._session, tell=tell_candidates)
        self._chosen_by = beginning.chosen_by
        self._resumed, self._before = previous is not None, previous.candidates if previous else 0
        self._outlet: Outlet | None = None

    @property
    def id(self) -> str:
        """The run's id."""
        return self._session.id

    @property
    def status(self) -> str:
        """How it ended, or ``running``."""
        return self._session.status

    @property
    def reason(self) -> str:
        """What it ended by, where the status alone does not say it."""
        return self._session.reason

    @property
    def applied(self) -> bool:
        """Whether the repair is in the project's folder."""
        return self._session.applied

    @property
    def branch(self) -> git.Branch | None:
        """The branch that holds the repair."""
        return self._session.branch

    @property
    def project(self) -> Path:
        """The folder it works on, resolved."""
        return self._session.project.root

    @property
    def chosen(self) -> tuple[str, str] | None:
        """The test command and what it was chosen by, if none was given."""
        return (self._session.command.text, self._chosen_by) if self._chosen_by else None

    @property
    def tried(self) -> int:
        """Candidates run so far, by this invocation."""
        return self._session.tried

    @property
    def hardcoded(self) -> int:
        """How many changes passed only because they give the value that the tests expect."""
        return self._session.hardcoded

    @property
    def left_out(self) -> tuple[str, ...]:
        """In words, what of the project is not in the copy."""
        return self._session.project.left_out

    @property
    def unread(self) -> list[str]:
        """The project's Python files that no change can be proposed to, since they are not UTF-8."""
        return self._session.project.unread()

    def told(self, record: Record) -> None:
        """Note that a record has reached the output."""
        self._session.diary.told(record)

    def records(self) -> Generator[Record, None, None]:
        """Run it, and yield what happens: started, steps, test results, suspicion, the fix, finished.

        Each record is in the state before it is yielded; call `told` once it has reached its place.
        """
        session, diary, report = self._session, self._session.diary, self._session.report
        diary.write(session.enter)
        try:
            if session.scans and not self._may_run():
                return
            with session.bench:
                context = [name for name in _CONTEXT if name in session.project.files]
                yield diary.kept(report.started(
                    session.project, session.command, session.digest, self._resumed, session.bench.open(),
                    self._chosen_by, session.goal, context))  # fmt: skip
                yield from diary.announced_before()
                yield from self._work()
        finally:
            self._close()
        yield diary.kept(report.finished(
            session.status, session.reason, session.tried, self._before + session.tried, session.spent_s(),
            session.applied, session.branch, session.tokens_and_cost(), session.driver, session.hardcoded))  # fmt: skip

    def _work(self) -> Iterator[Record]:
        session = self._session
        with session.world.state.read() as tx:
            reflected = journal.find(tx, session.id, "reflect")
        if reflected and reflected.done and reflected.detail:
            yield from effects.carry_out(session, reflected.detail)
            return
        attempt = yield from planning.attempt(session)
        if attempt is None:
            return
        yield from Search(session, attempt, self._tried).records()
        if attempt.plausible:
            stored = yield from settling.settle(session, attempt)
            if stored is not None:
                yield from effects.carry_out(session, stored)

    def _close(self) -> None:
        """Whatever happened: nothing goes on, what was tried is stored, and how the run stands."""
        session, diary = self._session, self._session.diary
        if self._outlet:
            self._outlet.close()
        self._tried.store()
        status = "paused" if session.status == "running" else session.status
        diary.write(lambda tx: memory.set_status(tx, session.id, status, session.signature, diary.at()))
        diary.write(lambda tx: journal.set_reason(tx, session.id, session.reason or None))
        if status not in ("paused", "breaker"):
            diary.write(lambda tx: journal.let_go(tx, session.id))

    def _may_run(self) -> bool:
        """Whether what the project's code would do outside the sandbox's grant is nothing, or is approved."""
        from roadmap_cli.agent.loop.gate import approach

        session, world = self._session, self._session.world
        gate = approach(
            world.state, session.bench.sandbox.grant, session.command.argv, run=session.id, at=world.now(),
            command=world.command, contents=session.project.files,
        )  # fmt: skip
        if gate.request is not None:
            kinds = sorted({str(operation["capability"]) for operation in gate.request.plan["operations"]})
            session.status = "needs_approval"
            session.reason = f"{', '.join(kinds)}: {gate.request.status} as {gate.request.id}"
            return False
        if gate.hosts and world.transport:
            from roadmap_cli.agent.sandbox.outlet import Outlet

            self._outlet = Outlet(world.transport, gate.hosts, world.environ)
        session.bench.sandbox.widen(gate.grant.readable, self._outlet)
        return True
