"""Execute and test: the driver that promises most is asked for proposals, and each is judged by the tests."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from roadmap_cli.agent import memory
from roadmap_cli.agent.drivers import registry
from roadmap_cli.agent.languages import spectra, variants
from roadmap_cli.agent.loop import nearest, parting, planning
from roadmap_cli.agent.loop.attempt import Attempt, Plausible, is_allowed, not_loaded
from roadmap_cli.agent.loop.session import Session
from roadmap_cli.agent.loop.tried import Tried
from roadmap_cli.agent.repair import judge as judges
from roadmap_cli.agent.repair import portfolio
from roadmap_cli.agent.repair.breaker import Move, left
from roadmap_cli.agent.repair.driver import Candidate, Case, Problem, Verdict
from roadmap_cli.agent.repair.portfolio import Arm
from roadmap_cli.agent.runs import journal
from roadmap_cli.agent.testing import signature
from roadmap_cli.core.records import Record

_RIVALS, _RIVAL_S = 3, 0.4
#: After the first of some proposals the next are waited for so long; then those that came are judged.
_GATHERING_S = 1.0
#: How long one edit for all is looked for before each group of failing tests is searched by itself (seconds): groups
#: that have no function in common, and those that have one, in which the one fault may be.
_ALONE_S, _BOUND_S = 1.5, 10.0
#: Drivers whose proposals are not made of the project itself.
_WRITTEN_BY_OTHERS = ("llm", "replay")


class Search:
    """Looks for candidates with which all tests pass; they are left in the attempt."""

    def __init__(self, session: Session, attempt: Attempt, tried: Tried, until: float | None = None) -> None:
        """With `until` (by the world's timer) it works on a part of what fails, and may end with nothing."""
        self._session, self._attempt, self._tried, self._until = session, attempt, tried, until
        self._parts: tuple[list[list[str]], float] | None = None
        with session.world.state.read() as tx:
            tried.known_bad |= memory.refuted(tx, attempt.name, session.suite)
            if until is None:
                session.hardcoded += memory.hardcoded(tx, attempt.name, session.suite)
            experience = journal.drivers(tx)
            rounds = sum(step.step == "execute" for step in journal.steps(tx, session.id))
        session.rounds = max(session.rounds, rounds)
        drivers = registry.drivers_for(self._for_drivers(), session.project)
        attempt.arms = [Arm(driver, (0, 0.0)) for driver in drivers]
        if until is not None:
            attempt.arms = [arm for arm in attempt.arms if arm.name not in _WRITTEN_BY_OTHERS]
        for arm in attempt.arms:
            arm.experience = experience.get(arm.name, (0, 0.0))

    def _for_drivers(self) -> registry.World:
        session, world = self._session, self._session.world
        return registry.World(
            world.state, session.id, world.environ, self._attempt.signatures, session.command.framework,
            lambda: left(session.budget, session.spent), self._tried.known_bad, world.model,
            world.ledger(session.id) if world.ledger else None, world.transport,
            lambda: session.must_stop() is not None, world.detail,
            self._screen if spectra.language(session.command) else None,
        )  # fmt: skip

    def _screen(self, case: Case) -> variants.Variants | None:
        session = self._session
        return variants.screen(session.bench, session.project, session.command, case, self._attempt.judge.held_out)

    def records(self) -> Iterator[Record]:
        """Search until something is plausible, and then on for rivals; else the session's status says what ended it."""
        session, attempt = self._session, self._attempt
        problem = Problem(session.project, attempt.case, session.goal or "", self._lessons(), attempt.hypotheses)
        while not attempt.plausible:
            arm = portfolio.best(attempt.arms)
            stopped = self._must_stop()
            if not stopped and self._parts and (arm is None or self._searched_s() >= self._parts[1]):
                yield from self._by_parts(self._parts[0])
                self._parts = None
                continue
            if stopped or arm is None:
                if self._until is None:
                    self._ended(stopped)
                    yield from nearest.told(session, attempt)
                return
            if arm.localises and attempt.suspicion is None:
                yield from planning.locate(session, attempt)
                if session.status != "running":
                    return
                self._part()
            seconds = portfolio.round_seconds(arm, attempt.arms)
            if self._parts:
                seconds = min(seconds, max(_ALONE_S, self._parts[1] - self._searched_s()))
            yield from self._round(arm, problem, seconds)
        if not attempt.searched_on:
            yield from self._rivals(attempt.plausible[-1].arm, problem)

    def _searched_s(self) -> float:
        return sum(arm.seconds for arm in self._attempt.arms)

    def _must_stop(self) -> str | None:
        late = self._until is not None and self._session.world.timer() >= self._until
        return "late" if late else self._session.must_stop()

    # -- several faults --------------------------------------------------------------------------------------------

    def _part(self) -> None:
        """See whether the failing tests fall into groups, and after how long to search for each by itself."""
        session, attempt = self._session, self._attempt
        if self._until is None and session.command.framework != "command" and attempt.lines:
            parts, bound = parting.groups(session.project, attempt.lines, attempt.case.failing)
            self._parts = (parts, _BOUND_S if bound else _ALONE_S) if parts else None

    def _by_parts(self, parts: list[list[str]]) -> Iterator[Record]:
        """Search for each group of tests by itself, and for all as one; some mended are kept as what came near."""
        session, attempt = self._session, self._attempt
        mended: list[Attempt] = []
        for at, tests in enumerate(parts):
            left = (session.bounds.seconds - session.spent_s()) / (len(parts) - at + 1)
            part = parting.part(session, attempt, tests, planning.suspects(session))
            tried = self._tried.of_part(part.name)
            try:
                yield from Search(session, part, tried, session.world.timer() + max(0.0, left)).records()
            finally:
                tried.store()
            if part.plausible:
                mended.append(part)
            for left_over, candidate in part.nearest:
                attempt.note_near(candidate, left_over + len(attempt.case.failing) - len(tests))
            if session.must_stop():
                break
        if len(mended) == len(parts):
            attempt.plausible += parting.put_together(session, attempt, mended)
        firsts = [parting.elected_first(session, part)[0].verdict.candidate for part in mended]
        near = parting.joined(session.project, firsts) if firsts and not attempt.plausible else None
        if near is not None:
            attempt.note_near(near, 0)  # of what mends whole groups there is nothing nearer

    def _lessons(self) -> list[str]:
        """What is remembered of failures like this one; a model is told of it."""
        session = self._session
        if session.world.model is None:
            return []
        with session.world.state.read() as tx:
            found = memory.recall(tx, self._attempt.signatures, session.goal or "", at=session.world.now())
        return [lesson.text for lesson in found]

    def _ended(self, stopped: str | None) -> None:
        session = self._session
        broken = [arm for arm in self._attempt.arms if arm.breaker.open]
        if stopped == "broken":
            session.status = "broken"
        elif stopped:
            session.status, session.reason = "paused", stopped
        elif broken:
            session.status, session.reason = "breaker", str(broken[0].breaker.open)
        else:
            session.status = "exhausted"
            session.reason = "hardcoded" if session.hardcoded else not_loaded(self._attempt.case)
        session.world.detail(f"{session.tried} candidates run, {session.skipped} skipped as refuted before")

    def _rivals(self, arm: Arm, problem: Problem) -> Iterator[Record]:
        """Other edits that pass as well, for a while: what is chosen among several is believed more."""
        session, attempt = self._session, self._attempt
        if arm.name == "replay":
            return
        until = session.world.timer() + min(session.bounds.rival_seconds, max(_RIVAL_S, arm.seconds))
        while len(attempt.plausible) <= _RIVALS and not arm.done and not self._must_stop():
            left_s = until - session.world.timer()
            if left_s <= 0:
                break
            yield from self._round(arm, problem, left_s, rivals=True)
        attempt.searched_on = True

    def _round(self, arm: Arm, problem: Problem, seconds: float, *, rivals: bool = False) -> Iterator[Record]:
        """Stay with one driver for some seconds, or until it has something plausible."""
        session, attempt, world = self._session, self._attempt, self._session.world
        session.rounds += 1
        key, since = f"execute:{session.rounds}", world.timer()
        session.begin("execute", key, arm.name)
        tried, hits, step = arm.tried, 0, 0
        while world.timer() - since < seconds and not arm.done and not self._must_stop():
            at = world.timer()
            room = max(1, session.bounds.candidates - session.tried)
            some = self._some(arm, problem, min(judges.BATCHES[min(step, len(judges.BATCHES) - 1)], room))
            arm.seconds += world.timer() - at
            step += 1
            world.progress("execute", session.spent_s(), f"{session.tried} candidates, {arm.name}")
            yield from self._tried.records()
            good = [Plausible(verdict, arm) for verdict in some if verdict.outcome == "confirmed"]
            attempt.plausible += good
            hits += len(good)
            if hits and (not rivals or len(attempt.plausible) > _RIVALS):
                break
        self._tried.store()
        yield from self._tried.records()
        outcome = "plausible" if hits else arm.why_done or ("limit" if self._must_stop() else "nothing")
        spent = world.timer() - since
        session.diary.write(
            lambda tx: journal.note_driver(tx, arm.name, arm.tried - tried, int(hits > 0 and not rivals), spent)
        )
        of: dict[str, Any] = {} if self._until is None else {"test_count": len(attempt.case.failing)}
        yield session.diary.end("execute", key, outcome, since, asked=arm.name, candidate_count=arm.tried - tried, **of)

    def _some(self, arm: Arm, problem: Problem, count: int) -> list[Verdict]:
        """Ask for some proposals and judge them; those that are known to be no repair are left out."""
        came: list[float] = []

        def late() -> bool:
            came.append(self._session.world.timer())
            return came[-1] - came[0] >= _GATHERING_S

        proposed = arm.propose(problem, count, late)
        if not proposed:
            self._session.world.detail(f"{arm.name}: {arm.why_done}")
        fresh: list[Candidate] = []
        known_bad = self._tried.known_bad
        for candidate in proposed:
            if candidate.patch in known_bad or not is_allowed(candidate) or self._reaches_further(arm, candidate):
                self._session.skipped += 1
                _watch(arm, Move(candidate.patch, new=False))
            else:
                known_bad.add(candidate.patch)
                fresh.append(candidate)
        judge, excluded = self._attempt.judge, self._attempt.excluded
        judged = map(partial(judge.judge, at_once=True), fresh) if arm.name == "replay" else judge.judge_many(fresh)
        found: list[Verdict] = []
        for verdict in judged:
            arm.tried += 1
            self._tried.note(verdict, arm)
            arm.driver.told(verdict)
            failing = [t for t in verdict.run.failing if t not in excluded]
            error = signature.of_all([signature.of(t, verdict.run.outcomes[t].get("error")) for t in failing])
            _watch(arm, Move(verdict.candidate.patch, new=True, error=error if failing else ""))
            if verdict.outcome == "partial":
                self._attempt.note_near(verdict.candidate, verdict.failing)
            found.append(verdict)
        return found

    def _reaches_further(self, arm: Arm, candidate: Candidate) -> bool:
        """Whether what others wrote would do more than the project did when its run was let begin."""
        session = self._session
        if not session.scans or arm.name not in _WRITTEN_BY_OTHERS:
            return False
        from roadmap_cli.agent.loop.gate import reaches_further

        more = reaches_further(candidate.changed, session.project.files, session.bench.sandbox.grant)
        if more:
            self._tried.known_bad.add(candidate.patch)
            session.world.detail(f"{arm.name}: a proposal is not run, for it would do more: {', '.join(more[:3])}")
        return bool(more)


def _watch(arm: Arm, move: Move) -> None:
    if arm.iterates and arm.breaker.note(move):
        arm.close(f"breaker: {arm.breaker.open}")
