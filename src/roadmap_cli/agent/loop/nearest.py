"""What came nearest to a repair when none was found: told with the tests it turns green, never written anywhere."""

from __future__ import annotations

from collections.abc import Iterator

from roadmap_cli.agent.loop.attempt import Attempt
from roadmap_cli.agent.loop.session import Session
from roadmap_cli.agent.repair import judge as judges
from roadmap_cli.agent.repair.driver import Candidate
from roadmap_cli.core.records import Record

#: No further candidate is run whole after so many seconds: the run has used up its own by then.
_SECONDS = 10.0


def told(session: Session, attempt: Attempt) -> Iterator[Record]:
    """The record of the edit that turns the most failing tests green and breaks none, if there is one."""
    if session.status not in ("paused", "exhausted", "breaker") or session.world.stopping():
        return
    since, tests = session.world.timer(), list[str]()
    best: Candidate | None = None
    for _, candidate in attempt.nearest:
        if session.world.timer() - since >= _SECONDS:
            break
        mends = mended(attempt, candidate)
        if len(mends) > len(tests):
            best, tests = candidate, mends
    if best is not None:
        was = {name: session.project.file(name) for name in best.changed}
        now = session.project.with_changes(best.changed)
        yield session.diary.kept(session.report.partial(best, was, now, tests, len(attempt.case.failing)))


def mended(attempt: Attempt, candidate: Candidate) -> list[str]:
    """The failing tests that a change turns green, by a run of the whole suite; none if it breaks one that passed."""
    run = attempt.judge.whole(candidate.changed)
    passing = judges.with_sums(run)
    failing = attempt.case.failing
    kept = [test for test in attempt.case.known if test not in failing and test not in attempt.excluded]
    if not run.finished or any(test not in passing for test in kept):
        return []
    return [test for test in failing if test in passing]
