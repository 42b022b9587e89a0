"""Plan: run the tests, say what fails and why, and where the fault probably is."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, replace

from roadmap_cli.agent import reflection
from roadmap_cli.agent.languages import spectra
from roadmap_cli.agent.loop.attempt import FIRST_TEST_S, Attempt, case_of, suspect
from roadmap_cli.agent.loop.session import Session
from roadmap_cli.agent.repair import judge as judges
from roadmap_cli.agent.repair import probing
from roadmap_cli.agent.repair.driver import Case
from roadmap_cli.agent.testing import goal_checks, signature
from roadmap_cli.agent.testing.bench import TestRun
from roadmap_cli.agent.testing.network import needs_network
from roadmap_cli.core.records import Record


def attempt(session: Session) -> Generator[Record, None, Attempt | None]:
    """Run the tests; gives the failure to work on, or None: then the session's status says why there is none."""
    first, before = yield from _test(session, "before")
    if not first.failing:
        yield from _nothing_fails(session, first)
        return None
    offline = frozenset(test for test in first.failing if needs_network(first.outcomes[test].get("error")))
    if offline == set(first.failing):
        session.status = "needs_network"
        return None
    signatures = [
        signature.of(t, first.outcomes[t].get("error"), session.line) for t in first.failing if t not in offline
    ]
    session.signature = signature.of_all(signatures)
    case = case_of(first, offline)
    judge = judges.Judge(
        session.bench, case, session.command.framework,
        judges.held_out(case.failing, set(case.known) - set(case.failing)),
        offline, max(case.run_seconds, 5 + 4 * first.seconds),
    )  # fmt: skip
    return Attempt(case, before, signatures, set(offline), judge)


def locate(session: Session, found: Attempt) -> Iterator[Record]:
    """Run the suite once more with its lines seen: what differs is flaky, what failing tests run is suspect."""
    case, judge = found.case, found.judge
    run, _ = yield from _test(session, "trace", max(1.0, 5 * case.test_seconds))
    found.lines, found.traced = run.lines, run
    was = set(case.failing)
    now = {test for test in run.failing if test not in found.excluded}
    flaky = sorted(was ^ now) if run.finished else []
    if flaky:
        if not session.diary.earlier("agent.test_result", phase="again"):
            yield session.diary.kept(session.report.test_result("again", run, flaky))
        found.excluded.update(flaky)
        case.failing = [test for test in case.failing if test not in flaky]
        case.known = [test for test in case.known if test not in flaky]
        judge.excluded = frozenset(found.excluded)
        judge.held_out -= judge.excluded
        if not case.failing:
            session.status = "unstable"
            return
    suspect(session.project, case, run, suspects(session))
    found.hypotheses = _think(session, case, run)
    probing.prepare(session.bench, session.project, case, judge.held_out | judge.excluded)
    found.suspicion = session.diary.earlier("agent.suspicion")
    if found.suspicion is None:
        found.suspicion = session.diary.kept(session.report.suspicion(case, bool(run.lines)))
        yield found.suspicion


def _nothing_fails(session: Session, first: TestRun) -> Iterator[Record]:
    if first.finished and first.exit_code == 0 and first.passing:
        again, _ = yield from _test(session, "again")
        if not judges.green(again, first.passing):
            session.status = "unstable"
        else:
            checks = goal_checks.NAME.removesuffix(".py")
            checked = not session.goal or any(checks in test for test in first.passing)
            session.status = "already_green" if checked else "unchecked"
    elif first.finished and not first.passing:
        session.status = "no_tests"
    else:
        session.status = "hanging" if first.timed_out else "broken"


def _test(
    session: Session, phase: str, test_seconds: float = FIRST_TEST_S
) -> Generator[Record, None, tuple[TestRun, Record]]:
    """Run the whole suite as the project stands; gives the run and its record. ``trace`` also sees lines."""
    key, since, suite_seconds = f"test:{phase}", session.world.timer(), session.bounds.suite_seconds
    found = session.begin("test", key, suite_seconds)
    if found and found.detail:
        return TestRun(**found.detail["run"]), found.detail["record"]
    if phase == "trace":
        run = session.bench.run(
            {}, trace=session.project.sources(), values=True, test_seconds=test_seconds, seconds=suite_seconds * 4
        )
        if session.command.framework == "command" and run.failing:
            run = replace(run, lines=spectra.lines(session.bench, session.project, session.command, run))
    else:
        run = session.bench.run({}, test_seconds=test_seconds, seconds=suite_seconds)
    record = None if phase == "trace" else session.report.test_result(phase, run)
    step = session.diary.end("test", key, "green" if judges.green(run, ()) else "red", since,
                             {"run": asdict(run), "record": record or {}}, record)  # fmt: skip
    if record:
        yield record
    yield step
    return run, record or {}


def _think(session: Session, case: Case, run: TestRun) -> Sequence[reflection.Hypothesis]:
    """Say why the tests fail, as hypotheses that the outcome will confirm or refute."""
    errors = {test: run.outcomes[test].get("error") for test in case.failing if test in run.outcomes}
    failures = [(test, signature.of(test, error, session.line)) for test, error in errors.items()]
    case.errors = {**case.errors, **{test: error for test, error in errors.items() if error}}
    reached = {test: run.lines[test] for test in errors if run.lines.get(test)}
    thought: list[reflection.Hypothesis] = []
    at = session.diary.at
    session.diary.write(
        lambda tx: thought.extend(
            reflection.think(
                tx, session.id, failures, session.project.files, errors, case.suspicion, at=at(), reached=reached
            )
        )
    )
    return thought


def suspects(session: Session) -> list[str]:
    """The files that may hold the fault."""
    if session.command.framework == "command":
        return [*session.project.sources(), *spectra.sources(session.project)]
    return session.project.sources()
