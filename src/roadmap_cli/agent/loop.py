"""The loop: plan (run the tests, localise), execute (ask drivers), test (in the sandbox), reflect (store, learn).

The rule it keeps: success is only what the whole suite says, twice; whatever else ends the loop is named, stored with
the run's id, and can be resumed. Each step is in the journal before and after it is done: killed at any time, the next
run goes on behind the last step that was done, and finds out by what is on disk how far an effect had come.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadmap_cli.agent import (
    confirm,
    detect,
    effects,
    git,
    goal_checks,
    journal,
    memory,
    portfolio,
    probing,
    reflection,
    registry,
    signature,
    toolchain,
    voting,
)
from roadmap_cli.agent import judge as judges
from roadmap_cli.agent import project as projects
from roadmap_cli.agent.attempt import (
    FIRST_TEST_S,
    Attempt,
    Plausible,
    blocks_of,
    case_of,
    construct_of,
    is_allowed,
    reaching,
    suite_of,
    suspect,
)
from roadmap_cli.agent.bench import Bench, TestRun
from roadmap_cli.agent.breaker import Budget, Move, Spent, exceeded, left
from roadmap_cli.agent.diary import Diary, Seen
from roadmap_cli.agent.driver import Candidate, Case, Problem, Verdict
from roadmap_cli.agent.languages import spectra, variants
from roadmap_cli.agent.network import needs_network
from roadmap_cli.agent.patch import File
from roadmap_cli.agent.portfolio import Arm
from roadmap_cli.agent.report import Report
from roadmap_cli.agent.sandbox import Limits
from roadmap_cli.agent.source import Block
from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import DataError, Negative, UsageError
from roadmap_cli.core.records import Record, content_id, run_id

if TYPE_CHECKING:
    from roadmap_cli.agent.outlet import Outlet
    from roadmap_cli.models.ledger import Ledger
    from roadmap_cli.net.transport import Transport
    from roadmap_cli.state.store import Connection, State

_FLUSH_S = 0.2
_RESTARTS = 5
_RIVALS, _RIVAL_S = 3, 0.4
#: Drivers whose proposals are not made of the project itself.
_WRITTEN_BY_OTHERS = ("llm", "replay")
#: How often a failing test is run again, with the repair and without it, before either is believed.
_REPEATS = 4
#: Read by agents as instructions; here they are text like any other, and named so that it can be seen.
_CONTEXT = ("AGENTS.md", "CONTRIBUTING.md", ".cursorrules")
#: How a run can end well.
SUCCESS = frozenset({"fixed", "already_green"})


@dataclass(frozen=True, slots=True)
class Bounds:
    """When to stop: candidates and seconds of this invocation, tokens and money of the run, one run of all tests.

    `rival_seconds` is how long it may look for other edits that pass as well, once one is found.
    """

    candidates: int = 100_000
    seconds: float = 120.0
    suite_seconds: float = 120.0
    memory_bytes: int = 1 << 30
    tokens: int | None = None
    cost: float | None = None
    rival_seconds: float = 4.0


@dataclass(frozen=True, slots=True)
class World:
    """What the loop may use of the outside: state, clocks, environment, the interpreter that runs it.

    `progress` is told now and then what is being done, how much of the time is used (seconds), and a word on it;
    `stopping` says that it should come to an end. `model` is the language model that proposes, too: None asks none, an
    empty name the default one; `ledger` gives the ledger of a run's calls, `transport` the way to an endpoint.
    """

    state: State
    command: str
    now: Callable[[], datetime]
    timer: Callable[[], float]
    environ: Mapping[str, str]
    interpreter: str
    detail: Callable[[str], None]
    progress: Callable[[str, float, str], None] = field(default=lambda phase, seconds, words: None)
    stopping: Callable[[], bool] = field(default=lambda: False)
    model: str | None = None
    ledger: Callable[[str], Ledger] | None = None
    transport: Callable[[], Transport] | None = None


def job_of(folder: Path) -> str:
    """A name for a project, the same in every process: what a lock is named after."""
    return hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]


def folder_of(state: State, token: str) -> Path:
    """The folder of a run. Raises DataError if there is no such run."""
    with state.read() as tx:
        found = memory.run(tx, token)
    if found is None:
        raise DataError(f"no run {token!r} to resume", code="no_run")
    return Path(found.project)


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
        self._world, self._bounds = world, bounds
        self._tell, self._resume = tell_candidates, resume is not None
        self.status, self.reason = "running", ""
        self.applied = False
        self.branch: git.Branch | None = None
        stored = self._stored(resume) if resume else None
        folder = Path(stored.project) if stored else folder
        if folder is None:
            raise UsageError("a project folder is needed", hint=f"{world.command} --test 'pytest -q' DIRECTORY")
        effects.finish_half_done(world.state, folder.resolve(), stamp(world.now()))
        if branch:
            git.check_start(folder)
        self._project = projects.read(folder)
        self._digest = self._project.digest
        self._line = signature.source_lines(self._project.files)
        test = stored.test_command if stored else test
        self._chosen_by = ""
        if test is None:
            test = self._detected(folder)
        self._command = toolchain.understand(test, self._project.root, world.environ, world.interpreter)
        previous = stored or self._unfinished(test)
        if previous is not None and previous.digest != self._digest:
            if not self._is_after(previous):
                raise DataError(
                    f"{folder}: changed since run {previous.id} began", code="changed_meanwhile",
                    hint=f"start anew: {world.command} --test {test!r} {folder}",
                )  # fmt: skip
            self._digest = previous.digest
        self.id = previous.id if previous else run_id("agent.run", world.now())
        self._resumed = previous is not None
        self._before = previous.candidates if previous else 0
        self._report = Report(self.id, world.now)
        settings: dict[str, Any] = {}
        if previous:
            with world.state.read() as tx:
                known_goal, settings, _ = journal.goal(tx, self.id)
            goal = goal or known_goal
        inherits = self._resume
        self.goal = goal
        self._apply = apply or (inherits and bool(settings.get("apply")))
        self._branch = branch or (settings.get("branch") if inherits else None)
        checks = goal_checks.derive(goal, self._project) if goal and self._command.framework != "command" else {}
        working = self._project.with_files(checks)
        limits = Limits(wall_s=bounds.seconds + 600, cpu_s=int(bounds.seconds) + 600, memory_bytes=bounds.memory_bytes)
        self._bench = Bench(working, self._command, limits)
        self._scans = scans
        self._outlet: Outlet | None = None
        self._suite = suite_of(working, test)
        self._signature: str | None = None
        self._pending: list[memory.Attempt] = []
        self._candidates: list[Record] = []
        self._tried, self._rounds, self._skipped = 0, 0, 0
        self._known_bad: set[str] = set()
        self._flushed = self._started = world.timer()
        self._diary = Diary(
            world.state, world.now, world.timer, self.id, self._report, (self._digest, self._command.text),
            resumed=self._resumed, resume=self._resume, seen=seen,
        )  # fmt: skip

    def _detected(self, folder: Path) -> str:
        found = detect.test_command(self._project.files)
        if found is None:
            raise Negative(
                f"{folder}: no tests are found, so nothing can be claimed", code="no_tests",
                hint="write one, or name the command that runs them with --test COMMAND",
            )  # fmt: skip
        self._chosen_by = found.because
        return found.command

    @property
    def project(self) -> Path:
        """The folder it works on, resolved."""
        return self._project.root

    @property
    def chosen(self) -> tuple[str, str] | None:
        """The test command and what it was chosen by, if none was given."""
        return (self._command.text, self._chosen_by) if self._chosen_by else None

    @property
    def tried(self) -> int:
        """Candidates run so far, by this invocation."""
        return self._tried

    @property
    def left_out(self) -> tuple[str, ...]:
        """In words, what of the project is not in the copy."""
        return self._project.left_out

    @property
    def job(self) -> str:
        """What its lock is named after."""
        return job_of(self._project.root)

    def records(self) -> Iterator[Record]:
        """Run it, and yield what happens: started, steps, test results, suspicion, the fix, finished.

        Each record is in the state before it is yielded; call `told` once it has reached its place.
        """
        self._diary.write(self._begin_run)
        try:
            if self._scans and not self._may_run():
                return
            with self._bench:
                context = [name for name in _CONTEXT if name in self._project.files]
                yield self._diary.kept(self._report.started(
                    self._project, self._command, self._digest, self._resumed, self._bench.open(), self._chosen_by,
                    self.goal, context))  # fmt: skip
                yield from self._diary.announced_before()
                yield from self._work()
        finally:
            if self._outlet:
                self._outlet.close()
            self._flush()
            status = "paused" if self.status == "running" else self.status
            self._diary.write(lambda tx: memory.set_status(tx, self.id, status, self._signature, self._diary.at()))
            self._diary.write(lambda tx: journal.set_reason(tx, self.id, self.reason or None))
            if status not in ("paused", "breaker"):
                self._diary.write(lambda tx: journal.let_go(tx, self.id))
        yield self._diary.kept(self._report.finished(
            self.status, self.reason, self._tried, self._before + self._tried, self._spent_s(), self.applied,
            self.branch, self._tokens_and_cost()))  # fmt: skip

    def _may_run(self) -> bool:
        """Whether what the project's code would do outside the sandbox's grant is nothing, or is approved."""
        from roadmap_cli.agent.gate import approach

        gate = approach(
            self._world.state, self._bench.sandbox.grant, self._command.argv, run=self.id, at=self._world.now(),
            command=self._world.command, contents=self._project.files,
        )  # fmt: skip
        if gate.request is not None:
            kinds = sorted({str(operation["capability"]) for operation in gate.request.plan["operations"]})
            self.status, self.reason = (
                "needs_approval",
                f"{', '.join(kinds)}: {gate.request.status} as {gate.request.id}",
            )
            return False
        if gate.hosts and self._world.transport:
            from roadmap_cli.agent.outlet import Outlet

            self._outlet = Outlet(self._world.transport, gate.hosts, self._world.environ)
        self._bench.sandbox.widen(gate.grant.readable, self._outlet)
        return True

    def told(self, record: Record) -> None:
        """Note that a record has reached the output."""
        self._diary.told(record)

    def _begin(self, step: str, key: str, *parts: object, detail: Any = None) -> journal.Step | None:
        self._world.progress(step, self._spent_s(), "")
        return self._diary.begin(step, key, *parts, detail=detail)

    def _begin_run(self, tx: Connection) -> None:
        memory.start_run(tx, self.id, str(self._project.root), self._command.text, self._digest, self._diary.at())
        journal.set_goal(tx, self.id, self.goal, {"apply": self._apply, "branch": self._branch, **asdict(self._bounds)})

    # -- plan ------------------------------------------------------------------------------------------------------

    def _work(self) -> Iterator[Record]:
        with self._world.state.read() as tx:
            reflected = journal.find(tx, self.id, "reflect")
        if reflected and reflected.done and reflected.detail:
            yield from self._effects(reflected.detail)
            return
        first, before = yield from self._test("before")
        if not first.failing:
            yield from self._nothing_fails(first)
            return
        offline = frozenset(test for test in first.failing if needs_network(first.outcomes[test].get("error")))
        if offline == set(first.failing):
            self.status = "needs_network"
            return
        signatures = [
            signature.of(t, first.outcomes[t].get("error"), self._line) for t in first.failing if t not in offline
        ]
        self._signature = signature.of_all(signatures)
        with self._world.state.read() as tx:
            self._known_bad = set(memory.refuted(tx, self._signature, self._suite))
            experience = journal.drivers(tx)
            self._rounds = sum(step.step == "execute" for step in journal.steps(tx, self.id))
        attempt = Attempt(case_of(first, offline), before, signatures, set(offline))
        attempt.judge = judges.Judge(
            self._bench, attempt.case, self._command.framework,
            judges.held_out(attempt.case.failing, set(attempt.case.known) - set(attempt.case.failing)),
            frozenset(offline), max(attempt.case.run_seconds, 5 + 4 * first.seconds),
        )  # fmt: skip
        drivers = registry.drivers_for(self._for_drivers(attempt), self._project)
        attempt.arms = [Arm(driver, (0, 0.0)) for driver in drivers]
        for arm in attempt.arms:
            arm.experience = experience.get(arm.name, (0, 0.0))
        yield from self._search(attempt)

    def _nothing_fails(self, first: TestRun) -> Iterator[Record]:
        if first.finished and first.exit_code == 0 and first.passing:
            again, _ = yield from self._test("again")
            if not judges.green(again, first.passing):
                self.status = "unstable"
            else:
                checked = not self.goal or any(goal_checks.NAME.removesuffix(".py") in test for test in first.passing)
                self.status = "already_green" if checked else "unchecked"
        elif first.finished and not first.passing:
            self.status = "no_tests"
        else:
            self.status = "hanging" if first.timed_out else "broken"

    def _test(self, phase: str, test_seconds: float = FIRST_TEST_S) -> Generator[Record, None, tuple[TestRun, Record]]:
        """Run the whole suite as the project stands; gives the run and its record. ``trace`` also sees lines."""
        key, since = f"test:{phase}", self._world.timer()
        found = self._begin("test", key, self._bounds.suite_seconds)
        if found and found.detail:
            return TestRun(**found.detail["run"]), found.detail["record"]
        if phase == "trace":
            run = self._bench.run(
                {}, trace=self._project.sources(), values=True, test_seconds=test_seconds,
                seconds=self._bounds.suite_seconds * 4,
            )  # fmt: skip
            if self._command.framework == "command" and run.failing:
                run = replace(run, lines=spectra.lines(self._bench, self._project, self._command, run))
        else:
            run = self._bench.run({}, test_seconds=test_seconds, seconds=self._bounds.suite_seconds)
        record = None if phase == "trace" else self._report.test_result(phase, run)
        step = self._diary.end("test", key, "green" if judges.green(run, ()) else "red", since,
                         {"run": asdict(run), "record": record or {}}, record)  # fmt: skip
        if record:
            yield record
        yield step
        return run, record or {}

    def _locate(self, attempt: Attempt) -> Iterator[Record]:
        """Run the suite once more with its lines seen: what differs is flaky, what failing tests run is suspect."""
        case, judge = attempt.case, attempt.judged
        run, _ = yield from self._test("trace", max(1.0, 5 * case.test_seconds))
        attempt.lines = run.lines
        was = set(case.failing)
        now = {test for test in run.failing if test not in attempt.excluded}
        flaky = sorted(was ^ now) if run.finished else []
        if flaky:
            if not self._diary.earlier("agent.test_result", phase="again"):
                yield self._diary.kept(self._report.test_result("again", run, flaky))
            attempt.excluded.update(flaky)
            case.failing = [test for test in case.failing if test not in flaky]
            case.known = [test for test in case.known if test not in flaky]
            judge.excluded = frozenset(attempt.excluded)
            judge.held_out -= judge.excluded
            if not case.failing:
                self.status = "unstable"
                return
        suspect(self._project, case, run, self._suspects())
        attempt.hypotheses = self._think(case, run)
        probing.prepare(self._bench, self._project, case, judge.held_out | judge.excluded)
        attempt.suspicion = self._diary.earlier("agent.suspicion")
        if attempt.suspicion is None:
            attempt.suspicion = self._diary.kept(self._report.suspicion(case.suspicion, bool(run.lines)))
            yield attempt.suspicion

    def _think(self, case: Case, run: TestRun) -> Sequence[reflection.Hypothesis]:
        """Say why the tests fail, as hypotheses that the outcome will confirm or refute."""
        errors = {test: run.outcomes[test].get("error") for test in case.failing if test in run.outcomes}
        failures = [(test, signature.of(test, error, self._line)) for test, error in errors.items()]
        case.errors = {**case.errors, **{test: error for test, error in errors.items() if error}}
        thought: list[reflection.Hypothesis] = []
        self._diary.write(
            lambda tx: thought.extend(
                reflection.think(
                    tx, self.id, failures, self._project.files, errors, case.suspicion, at=self._diary.at()
                )
            )
        )
        return thought

    def _lessons(self, attempt: Attempt) -> list[str]:
        """What is remembered of failures like this one; a model is told of it."""
        if self._world.model is None:
            return []
        with self._world.state.read() as tx:
            found = memory.recall(tx, attempt.signatures, self.goal or "", at=self._world.now())
        return [lesson.text for lesson in found]

    def _suspects(self) -> list[str]:
        """The files that may hold the fault."""
        if self._command.framework == "command":
            return [*self._project.sources(), *spectra.sources(self._project)]
        return self._project.sources()

    # -- execute and test --------------------------------------------------------------------------------------------

    def _for_drivers(self, attempt: Attempt) -> registry.World:
        world = self._world
        return registry.World(
            world.state, self.id, world.environ, attempt.signatures, self._command.framework,
            lambda: left(self._budget(), self._spend), self._known_bad, world.model,
            world.ledger(self.id) if world.ledger else None, world.transport,
            lambda: self._must_stop() is not None, world.detail,
            (lambda case: variants.screen(self._bench, self._project, self._command, case, attempt.judged.held_out))
            if spectra.language(self._command) else None,
        )  # fmt: skip

    def _search(self, attempt: Attempt) -> Iterator[Record]:
        problem = Problem(self._project, attempt.case, self.goal or "", self._lessons(attempt), attempt.hypotheses)
        while not attempt.plausible:
            arm = portfolio.best(attempt.arms)
            stopped = self._must_stop()
            if stopped or arm is None:
                self._stop(stopped, attempt)
                return
            if arm.localises and attempt.suspicion is None:
                yield from self._locate(attempt)
                if self.status != "running":
                    return
            yield from self._round(attempt, arm, problem, portfolio.round_seconds(arm, attempt.arms))
        last = attempt.plausible[-1]
        arm = last.arm
        if arm.name != "replay":
            until = self._world.timer() + min(self._bounds.rival_seconds, max(_RIVAL_S, arm.seconds))
            while len(attempt.plausible) <= _RIVALS and not arm.done and not self._must_stop():
                left_s = until - self._world.timer()
                if left_s <= 0:
                    break
                yield from self._round(attempt, arm, problem, left_s, rivals=True)
            attempt.searched_on = True
        yield from self._settle(attempt)

    def _round(
        self, attempt: Attempt, arm: Arm, problem: Problem, seconds: float, *, rivals: bool = False
    ) -> Iterator[Record]:
        """Stay with one driver for some seconds, or until it has something plausible."""
        self._rounds += 1
        key, since = f"execute:{self._rounds}", self._world.timer()
        self._begin("execute", key, arm.name)
        tried, hits, step = arm.tried, 0, 0
        while self._world.timer() - since < seconds and not arm.done and not self._must_stop():
            at = self._world.timer()
            room = max(1, self._bounds.candidates - self._tried)
            some = self._some(attempt, arm, problem, min(judges.BATCHES[min(step, len(judges.BATCHES) - 1)], room))
            arm.seconds += self._world.timer() - at
            step += 1
            self._world.progress("execute", self._spent_s(), f"{self._tried} candidates, {arm.name}")
            yield from self._candidates_told()
            good = [Plausible(verdict, arm) for verdict in some if verdict.outcome == "confirmed"]
            attempt.plausible += good
            hits += len(good)
            if hits and (not rivals or len(attempt.plausible) > _RIVALS):
                break
        self._flush()
        yield from self._candidates_told()
        outcome = "plausible" if hits else arm.why_done or ("limit" if self._must_stop() else "nothing")
        spent = self._world.timer() - since
        self._diary.write(
            lambda tx: journal.note_driver(tx, arm.name, arm.tried - tried, int(hits > 0 and not rivals), spent)
        )
        yield self._diary.end("execute", key, outcome, since, asked=arm.name, candidate_count=arm.tried - tried)

    def _some(self, attempt: Attempt, arm: Arm, problem: Problem, count: int) -> list[Verdict]:
        """Ask for some proposals and judge them; those that are known to be no repair are left out."""
        proposed = arm.propose(problem, count)
        if not proposed:
            self._world.detail(f"{arm.name}: {arm.why_done}")
        fresh: list[Candidate] = []
        for candidate in proposed:
            if candidate.patch in self._known_bad or not is_allowed(candidate) or self._reaches_further(arm, candidate):
                self._skipped += 1
                self._watch(arm, Move(candidate.patch, new=False))
            else:
                self._known_bad.add(candidate.patch)
                fresh.append(candidate)
        judge = attempt.judged
        found: list[Verdict] = []
        for verdict in (
            [judge.judge(each, at_once=True) for each in fresh] if arm.name == "replay" else (judge.judge_many(fresh))
        ):
            arm.tried += 1
            self._reflect_on(verdict, arm)
            arm.driver.told(verdict)
            failing = [t for t in verdict.run.failing if t not in attempt.excluded]
            error = signature.of_all([signature.of(t, verdict.run.outcomes[t].get("error")) for t in failing])
            self._watch(arm, Move(verdict.candidate.patch, new=True, error=error if failing else ""))
            found.append(verdict)
        return found

    def _reaches_further(self, arm: Arm, candidate: Candidate) -> bool:
        """Whether what others wrote would do more than the project did when its run was let begin."""
        if not self._scans or arm.name not in _WRITTEN_BY_OTHERS:
            return False
        from roadmap_cli.agent.gate import reaches_further

        more = reaches_further(candidate.changed, self._project.files, self._bench.sandbox.grant)
        if more:
            self._known_bad.add(candidate.patch)
            self._world.detail(f"{arm.name}: a proposal is not run, for it would do more: {', '.join(more[:3])}")
        return bool(more)

    def _watch(self, arm: Arm, move: Move) -> None:
        if arm.iterates and arm.breaker.note(move):
            arm.close(f"breaker: {arm.breaker.open}")

    def _must_stop(self) -> str | None:
        if self._bench.restarts > _RESTARTS:
            return "broken"
        if self._world.stopping():
            return "interrupted"
        return exceeded(self._budget(), self._spend())

    def _budget(self) -> Budget:
        bounds = self._bounds
        return Budget(bounds.candidates, bounds.seconds, bounds.tokens, bounds.cost)

    def _spend(self) -> Spent:
        tokens, cost = (0, 0.0)
        if self._bounds.tokens is not None or self._bounds.cost is not None:
            tokens, cost = self._tokens_and_cost()
        return Spent(self._tried, self._spent_s(), tokens, cost)

    def _tokens_and_cost(self) -> tuple[int, float]:
        with self._world.state.read() as tx:
            return journal.spent(tx, self.id)

    def _stop(self, stopped: str | None, attempt: Attempt) -> None:
        broken = [arm for arm in attempt.arms if arm.breaker.open]
        if stopped == "broken":
            self.status = "broken"
        elif stopped:
            self.status, self.reason = "paused", stopped
        elif broken:
            self.status, self.reason = "breaker", str(broken[0].breaker.open)
        else:
            self.status = "exhausted"
        self._world.detail(f"{self._tried} candidates run, {self._skipped} skipped as refuted before")

    # -- reflect -----------------------------------------------------------------------------------------------------

    def _reflect_on(self, verdict: Verdict, arm: Arm) -> None:
        candidate = verdict.candidate
        if arm.name == "replay":
            worked = verdict.outcome == "confirmed"
            self._world.detail(f"replay of {candidate.patch}: {'green' if worked else 'not green'}")
            if not worked:  # one that works is counted when it is stored anew
                fix = candidate.patch.removeprefix("replay:")
                self._diary.write(lambda tx: memory.note_replay(tx, fix, False, self._diary.at()))
            return
        self._tried += 1
        named = next(iter(verdict.run.failing), "")
        place = f"{candidate.file}:{candidate.line} in {candidate.function or 'the module'}"
        error = (verdict.run.outcomes.get(named, {}).get("error") or {}).get("message", "") if arm.iterates else ""
        self._pending.append(
            memory.Attempt(
                candidate.patch, candidate.template, verdict.outcome, verdict.failing, error=str(error),
                what=place if arm.iterates else "",
            )
        )  # fmt: skip
        if self._tell:
            self._candidates.append(self._report.candidate(verdict))
        if verdict.outcome == "confirmed" or self._world.timer() - self._flushed >= _FLUSH_S:
            self._flush()

    def _candidates_told(self) -> Iterator[Record]:
        """Records of the candidates that are in the state by now."""
        if not self._pending:
            told, self._candidates = self._candidates, []
            yield from told

    def _flush(self) -> None:
        """Store the attempts made since the last time."""
        self._flushed = self._world.timer()
        if self._pending and self._signature:
            attempts, self._pending = self._pending, []
            name = self._signature
            self._diary.write(
                lambda tx: memory.note_attempts(tx, self.id, name, self._suite, attempts, self._diary.at())
            )

    def _settle(self, attempt: Attempt) -> Iterator[Record]:
        """Choose among what is plausible, weigh the evidence, prove it once more, store, and only then have effects."""
        since = self._world.timer()
        self._begin("confirm", "confirm", [found.verdict.candidate.patch for found in attempt.plausible])
        made = confirm.Checks()
        verdicts = [found.verdict for found in attempt.plausible]
        elected = voting.elected(self._bench, self._project, verdicts, attempt.case) if len(verdicts) > 1 else None
        attempt.plausible.sort(key=lambda found: found.verdict is not elected)
        if attempt.plausible[0].arm.name != "replay":
            made = confirm.checks(
                self._bench, self._project, self._command.framework, self._command.arguments,
                [found.verdict.candidate.changed for found in attempt.plausible], attempt.case.failing,
            )  # fmt: skip
        count = len(attempt.plausible)
        chosen = confirm.choose(made, count)
        found = attempt.plausible[chosen]
        evidence = self._evidence(attempt, found)
        confirm.weigh(evidence, made, chosen, count)
        verdict, why = evidence.verdict()
        yield self._diary.end("confirm", "confirm", verdict, since, why=why)
        since = self._world.timer()
        self._begin("test", "test:after", found.verdict.candidate.patch)
        proof = attempt.judged.whole(found.verdict.candidate.changed)
        after = self._report.test_result("after", proof)
        green = judges.green(proof, attempt.case.known, attempt.excluded)
        if green and found.arm.name != "replay":
            green = attempt.judged.stands(found.verdict.candidate.changed, _REPEATS)
        step = self._diary.end("test", "test:after", "green" if green else "red", since, first=after)
        yield after
        yield step
        if not green:
            self.status = "unstable"
            return
        yield from self._remember(attempt, found, evidence, after)

    def _evidence(self, attempt: Attempt, found: Plausible) -> confirm.Evidence:
        evidence = confirm.Evidence(excluded=len(attempt.excluded), searched_on=attempt.searched_on)
        held = attempt.judged.held_out
        evidence.held_out = len(held)
        if found.arm.name == "replay":
            pattern = found.verdict.candidate.patch.removeprefix("replay:")
            with self._world.state.read() as tx:
                earlier = self._earlier(tx, pattern, "")
            evidence.earlier = str(earlier[-1].get("verdict", "plausible")) if earlier else "plausible"
        evidence.held_out_failing = sum(test in held for test in attempt.case.failing)
        functions = confirm.changed_functions(self._project, found.verdict.candidate.changed)
        evidence.held_out_reaching = reaching(self._project, attempt.lines, held, functions)
        return evidence

    def _remember(
        self, attempt: Attempt, found: Plausible, evidence: confirm.Evidence, after: Record
    ) -> Iterator[Record]:
        """Store fix and decision, with all they rest on, and the end of the step in one transaction; then announce."""
        since = self._world.timer()
        self._begin("reflect", "reflect")
        candidate, driver = found.verdict.candidate, found.arm.name
        changed = candidate.changed
        new = self._project.with_changes(changed)
        was = {name: self._project.file(name) for name in changed}
        parts = [block for name in sorted(changed) for block in blocks_of(self._project, name, changed[name])]
        pattern = content_id("agent.fix", blocks=[repr(part) for part in parts])
        fix = self._report.fix(
            candidate, was, new, driver, pattern, evidence, [s.exact for s in attempt.signatures],
            sorted(attempt.excluded), attempt.judged.overfit,
        )  # fmt: skip
        detail = {"changed": dict(changed), "fix_id": fix["id"], "at": fix["at"]}
        fix, step = self._stored_fix(attempt, found, fix, after, parts, since, detail)
        yield fix
        yield step
        yield from self._effects({**detail, "fix": fix})

    def _stored_fix(
        self, attempt: Attempt, found: Plausible, fix: Record, after: Record, parts: list[Block], since: float,
        detail: dict[str, Any],
    ) -> tuple[Record, Record]:  # fmt: skip
        from roadmap_cli.state import records
        from roadmap_cli.why import decisions

        driver, before = found.arm.name, attempt.before
        stored = [record for record in self._report.kept if record["kind"] != "agent.candidate"]
        step = self._report.step("reflect", "reflect", "stored", self._world.timer() - since)
        with self._world.state.write() as tx:
            if self._world.state.dry_run:  # what earlier transactions said is gone
                self._begin_run(tx)
            records.put_many(tx, stored)
            changed = found.verdict.candidate.changed
            was = {name: self._project.files[name].decode() for name in changed if name in self._project.files}
            now = {name: changed[name] for name in was}
            candidate = found.verdict.candidate
            lessons = found.arm.driver.lessons(candidate)
            memory.note_choice(tx, fix["pattern_id"], lessons, self._diary.at())
            memory.learn(
                tx, fix_id=fix["pattern_id"], run_id=self.id, driver=driver, template=fix["template"], blocks=parts,
                was=was, changed=now, signatures=attempt.signatures, at=self._diary.at(),
                cause=reflection.conclude(tx, self.id, was, now, fix["template"], self._diary.at()),
                construct=construct_of(self._project, candidate),
            )  # fmt: skip
            evidence = [before["id"], after["id"], fix["id"]]
            if driver == "replay":
                pattern = found.verdict.candidate.patch.removeprefix("replay:")
                evidence += [earlier["id"] for earlier in self._earlier(tx, pattern, fix["id"])]
            elif attempt.suspicion is not None:
                evidence.insert(1, attempt.suspicion["id"])
            decision = decisions.decide(
                tx, kind="agent.fix_chosen", what=f"change {fix['file']} line {fix['line']} by {driver}",
                why=self._report.reason(fix, before, after), evidence=evidence, command=self._world.command,
                at=self._world.now(), run_id=self.id,
                facts={"candidates": self._tried, "driver": driver, "template": fix["template"],
                       "verdict": fix["verdict"]},
            )  # fmt: skip
            fix = {**fix, "decision_id": decision["id"]}
            journal.tell(tx, self.id, [fix, step])
            journal.end(tx, self.id, "reflect", "stored", self._diary.at(), {**detail, "fix": fix})
        return fix, step

    def _earlier(self, tx: Connection, pattern: str, but: str) -> list[Record]:
        """The stored records of the fix that is replayed now."""
        from roadmap_cli.state import records

        found = [r for r in records.find(tx, kind="agent.fix") if r.get("pattern_id") == pattern and r["id"] != but]
        return found[-1:]

    # -- effects -----------------------------------------------------------------------------------------------------

    def _effects(self, stored: Mapping[str, Any]) -> Iterator[Record]:
        """Do what was asked for beyond finding the repair, once: what is on disk, or in git, says whether it was."""
        changed: dict[str, str] = stored["changed"]
        if self._branch and not self._world.state.dry_run:
            yield from self._commit(stored["fix"], changed)
        if self._apply and not self._world.state.dry_run:
            yield from self._written(changed)
        self.status = "fixed"

    def _written(self, changed: Mapping[str, str]) -> Iterator[Record]:
        since = self._world.timer()
        with self._world.state.read() as tx:
            done = journal.find(tx, self.id, "apply")
        if done and done.done:
            self.applied = done.outcome in ("written", "there")
            return
        after = self._project.with_changes(changed)
        before = (
            effects.thawed(done.detail["before"])
            if done and done.detail
            else {n: self._project.file(n) for n in changed}
        )
        self._begin(
            "apply", "apply", sorted(changed), detail={"before": effects.frozen(before), "after": effects.frozen(after)}
        )
        did = projects.replace(self._project.root, before, after)
        self.applied = True
        yield self._diary.end("apply", "apply", "written" if did else "there", since, files=sorted(changed))

    def _commit(self, fix: Record, changed: Mapping[str, str]) -> Iterator[Record]:
        since = self._world.timer()
        assert self._branch
        key = f"branch:{self._branch}"
        after = self._project.with_changes(changed)
        before: dict[str, File | None] = {name: self._project.file(name) for name in changed}
        with self._world.state.read() as tx:
            applied = journal.find(tx, self.id, "apply")
        if applied and applied.detail:  # the folder may hold the repair already
            before = effects.thawed(applied.detail["before"])
        self._begin("branch", key, sorted(changed))
        self.branch = effects.commit(self._project.root, self._branch, before, after, fix, self.id)
        yield self._diary.end("branch", key, "made" if self.branch.made else "there", since, branch=self._branch,
                        commit=self.branch.commit)  # fmt: skip

    # -- the ground --------------------------------------------------------------------------------------------------

    def _stored(self, token: str) -> memory.Run:
        with self._world.state.read() as tx:
            found = memory.run(tx, token)
        if found is None:
            raise DataError(f"no run {token!r} to resume", code="no_run")
        return found

    def _unfinished(self, test: str) -> memory.Run | None:
        """The run to go on with: interrupted or paused on these files, or on these files before it wrote to them."""
        root = str(self._project.root)
        with self._world.state.read() as tx:
            found = memory.unfinished(tx, root, test, self._digest)
            if found:
                return found
            rows = tx.execute(
                "SELECT r.id FROM agent_run r JOIN agent_step s ON s.run_id = r.id AND s.step = 'apply'"
                " WHERE r.project = ? AND r.test_command = ? AND r.status IN ('running', 'paused')"
                " ORDER BY r.started_at DESC, r.id DESC LIMIT 5",
                (root, test),
            ).fetchall()
            runs = [memory.run(tx, name) for (name,) in rows]
        return next((run for run in runs if run and self._is_after(run)), None)

    def _is_after(self, run: memory.Run) -> bool:
        """Whether the project is what a run read, but for what the run itself wrote."""
        with self._world.state.read() as tx:
            step = journal.find(tx, run.id, "apply")
        if step is None or not step.detail:
            return False
        return self._project.with_files(effects.thawed(step.detail["before"])).digest == run.digest

    def _spent_s(self) -> float:
        return self._world.timer() - self._started
