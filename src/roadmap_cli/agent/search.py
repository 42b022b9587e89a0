"""Running what drivers propose: many candidates tried quickly, each promising one run whole, the best of those chosen.

The rule it keeps: nothing is called a repair here before the whole suite, in a session of its own, is green.

Several changes may pass all tests, and some of them only because the tests are few. So the search goes on for a
while after the first, and chooses among those found by what they do on inputs like the tests' own: candidates that
behave alike stand for one another, and the group with the greatest sum of scores wins (Chen et al., "CodeT", ICLR
2023, and the semantic voting before it); within the group the candidate with the best score.
"""

from __future__ import annotations

import ast
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

from roadmap_cli.agent import asserts, localise, source
from roadmap_cli.agent.bench import Bench, TestRun, Trial, is_green
from roadmap_cli.agent.driver import Candidate, Case, Driver, Probes, Problem, Verdict
from roadmap_cli.agent.drivers.templates import Templates
from roadmap_cli.agent.project import Project, is_test

_BATCHES = (8, 16, 32, 64)
_FAILING, _PASSING = 40, 120
_POOL = 12
_UNLIKE = 0.2
_NOTHING = TestRun({}, True, None, False, "", 0.0)


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
        self, bench: Bench, project: Project, *, tried: Collection[str], weights: Mapping[str, float], pytest: bool,
        pause: Callable[[], bool], note: Callable[[Verdict], None], room: Callable[[], int] | None = None,
        patience: Patience | None = None, timer: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._bench, self._project = bench, project
        self._tried = set(tried)
        self._weights, self._pytest = weights, pytest
        self._pause, self._note, self._room = pause, note, room
        self._patience, self._timer = patience or Patience(), timer
        self._unloadable = 0
        self.skipped = 0
        self.paused = False
        self.plausible: list[Verdict] = []

    # -- finding ---------------------------------------------------------------------------------------------------

    def find(self, case: Case, base: Mapping[str, str]) -> Verdict | None:
        """The best confirmed candidate of the template driver; None if there is none or it was paused."""
        if base:
            raise ValueError("the template driver starts from the project as it stands")
        driver = Templates(self._weights, pytest=self._pytest, tried=self._tried)
        self.prepare(case)
        found = self.run(driver, Problem(self._project, case))
        self.skipped += driver.skipped
        return found

    def run(self, driver: Driver, problem: Problem) -> Verdict | None:
        """The best confirmed candidate of a driver; None if it has none, or if it was paused before the first."""
        case = problem.case
        self.plausible = []
        proposals = driver.candidates(problem)
        since = self._timer()
        until: float | None = None
        step = 0
        while True:
            if self._pause():
                self.paused = not self.plausible
                break
            size = _BATCHES[min(step, len(_BATCHES) - 1)]
            if self._room is not None:
                size = max(1, min(size, self._room()))
            batch = self._taken(proposals, size)
            if not batch:
                break
            step += 1
            for verdict in self.judge_many(batch, case):
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
        return self.chosen(case)

    @staticmethod
    def _taken(proposals: Iterator[Candidate], size: int) -> list[Candidate]:
        taken = []
        for candidate in proposals:
            taken.append(candidate)
            if len(taken) >= size:
                break
        return taken

    # -- judging ---------------------------------------------------------------------------------------------------

    def judge_many(self, candidates: Sequence[Candidate], case: Case) -> Iterator[Verdict]:
        """Judge candidates, in order. The quick trials of all come first, then each that passed is run whole."""
        quick = [c for c in candidates if c.swap and c.edits and case.probes and self._bench.loads]
        trials: dict[int, Trial] = {}
        if quick and case.probes:
            seconds = 2.0 + 0.2 * len(quick) + 2 * case.probes.limit * len(quick)
            tried = self._bench.trials([(c.file, c.edits) for c in quick], case.probes, seconds=seconds)
            trials = {id(candidate): trial for candidate, trial in zip(quick, tried, strict=True)}
        for candidate in candidates:
            trial = trials.get(id(candidate))
            if trial is None or trial.word in ("unloadable", "late"):
                yield self.judge(candidate, case)
            elif trial.passes:
                yield self._judge_whole(candidate, case)
            else:
                left = trial.left if not trial.word else len(case.failing)
                outcome = "partial" if trial.mended and not trial.broken else "refuted"
                yield Verdict(candidate, outcome, max(1, left + trial.broken), _NOTHING)

    def judge(self, candidate: Candidate, case: Case) -> Verdict:
        """Run a candidate: the failing tests first, and if they pass the whole suite in a new session."""
        if not all(source.compiles(text) for name, text in candidate.changed.items() if name.endswith(".py")):
            return Verdict(candidate, "refuted", len(case.failing), _NOTHING)
        selecting = case.selecting
        if selecting:
            quick = self._quick(candidate, case, selecting)
            left = len(selecting) - len(set(quick.passing) & set(selecting))
            if not quick.finished or left:
                return Verdict(
                    candidate, "partial" if quick.finished and left < len(selecting) else "refuted", left, quick
                )
        return self._judge_whole(candidate, case)

    def _judge_whole(self, candidate: Candidate, case: Case) -> Verdict:
        run = self.whole(candidate.changed, case)
        if is_green(run, case.known):
            return Verdict(candidate, "confirmed", 0, run)
        return Verdict(candidate, "regressed" if run.finished else "refuted", max(1, len(run.failing)), run)

    def _quick(self, candidate: Candidate, case: Case, selecting: list[str]) -> TestRun:
        seconds = 2.0 + case.test_seconds * len(selecting)
        swap = candidate.swap and self._unloadable < 3
        run = self._bench.run(
            candidate.changed, tests=selecting, swap=swap, test_seconds=case.test_seconds, seconds=seconds
        )
        if run.unloadable:
            self._unloadable += 1
            run = self._bench.run(candidate.changed, tests=selecting, test_seconds=case.test_seconds, seconds=seconds)
        return run

    def whole(self, changed: Mapping[str, str], case: Case) -> TestRun:
        """Run the whole suite in a session of its own."""
        return self._bench.run(changed, test_seconds=case.test_seconds, seconds=case.run_seconds)

    # -- preparing -------------------------------------------------------------------------------------------------

    def prepare(self, case: Case) -> None:
        """Take the failing tests apart, and see what types the suspect code's variables have; both go into the case.

        Nothing is changed if the tests cannot be loaded. Tests whose parts do not say what they say stay whole.
        """
        if not self._bench.loads or not case.selecting or case.probes is not None:
            return
        files = list(dict.fromkeys(test.partition("::")[0] for test in case.failing))
        overlay: dict[str, str] = {}
        for name in files:
            text = self._project.files.get(name, b"").decode(errors="replace")
            parts = asserts.split(text) if is_test(name) else None
            if parts:
                overlay[name] = parts
        sources = [name for name in case.suspicion if not is_test(name)] or self._project.sources()
        seen = self._observed(overlay, files, sources, case)
        if seen is None and overlay:
            overlay, seen = {}, self._observed({}, files, sources, case)
        if seen is None:
            return
        times = seen["times"]
        failing = [test for test in times if not times[test][0]]
        passing = sorted((test for test in times if times[test][0]), key=lambda test: times[test][1])[:_PASSING]
        endless = [test for test in failing if times[test][2]]
        failing.sort(key=lambda test: times[test][1])
        if overlay or not case.suspicion:
            self._sharpen(case, overlay, sources, [*passing, *(t for t in failing if t not in endless), *endless[:2]])
        failing = failing[:_FAILING]
        if not failing:
            return
        usual = [times[test][1] for test in (*passing, *failing) if not times[test][2]]
        total = sum(usual)
        unknown = (0.001 + 2 * max(usual, default=0.005)) * (len(passing) + len(failing) - len(usual))
        limit = 0.004 + min(12 * total, 0.1 + 4 * total) + unknown
        case.probes = Probes(
            overlay, tuple(failing), tuple(passing), limit, seen["types"], frozenset(endless).intersection(failing)
        )

    def _observed(
        self, overlay: Mapping[str, str], files: Sequence[str], sources: Sequence[str], case: Case
    ) -> dict[str, Any] | None:
        """What the loaded session says of the tests of some files; None if it contradicts what their whole run said."""
        wholes = {t: t not in case.failing for t in (*case.failing, *case.known) if t.partition("::")[0] in files}
        limit = min(0.8, case.test_seconds)
        seen = self._bench.observe(overlay, files, sources, limit=limit, seconds=2 * case.run_seconds)
        if not seen or not asserts.sound({test: said[0] for test, said in seen["times"].items()}, wholes):
            return None
        return dict(seen)

    def _sharpen(self, case: Case, overlay: Mapping[str, str], sources: Sequence[str], tests: Sequence[str]) -> None:
        """Suspicion by which lines failing and passing parts of tests run, with what the whole tests said."""
        run = self._bench.run(
            overlay,
            tests=tests,
            trace=sources,
            test_seconds=max(0.3, case.test_seconds / 3),
            seconds=2 * case.run_seconds,
        )
        finer = localise.ochiai(run.lines, run.failing, run.passing) if run.finished and run.failing else {}
        if finer:
            if not case.imported:
                imported = run.lines.get(localise.IMPORT, {})
                case.imported = {name: frozenset(numbers) for name, numbers in imported.items()}
            case.suspicion = {
                name: {
                    number: sqrt(value * case.suspicion.get(name, {}).get(number, value))
                    for number, value in lines.items()
                }
                for name, lines in finer.items()
            }

    # -- choosing --------------------------------------------------------------------------------------------------

    def chosen(self, case: Case) -> Verdict | None:
        """The repair to give out of those that are confirmed."""
        ranked = sorted(self.plausible, key=lambda verdict: -_voice(verdict.candidate))
        if len(ranked) < 2 or case.probes is None:
            return ranked[0] if ranked else None
        groups = self._groups(ranked, case)
        if groups is None:
            return ranked[0]
        weight: dict[tuple[str, ...], float] = {}
        for verdict, group in zip(ranked, groups, strict=True):
            weight[group] = weight.get(group, 0.0) + _voice(verdict.candidate)
        top = max(weight, key=lambda group: weight[group])
        return next(verdict for verdict, group in zip(ranked, groups, strict=True) if group == top)

    def _groups(self, ranked: Sequence[Verdict], case: Case) -> list[tuple[str, ...]] | None:
        """For each candidate what it does on inputs like those of the tests: equal tuples behave alike."""
        assert case.probes
        first = ranked[0].candidate
        places = {(v.candidate.file, self._outermost(v.candidate)) for v in ranked if v.candidate.edits}
        if len(places) != 1:
            return None
        [(file, place)] = places
        if place is None:
            return None
        answer = self._bench.compare(
            place, file, [(v.candidate.file, v.candidate.edits) for v in ranked], case.probes, count=150, seed=1,
            limit=max(0.05, case.probes.limit), seconds=5.0,
        )  # fmt: skip
        rows = answer.get("outcomes", [])[1:]
        if len(rows) != len(ranked) or not all(rows) or first.file != file:
            return None
        return [tuple(row) for row in rows]

    def _outermost(self, candidate: Candidate) -> tuple[str, int] | None:
        """The outermost function that a candidate changes: its name and the line its code begins on."""
        parsed = source.Source(candidate.file, self._project.files[candidate.file])
        start, end, _ = candidate.edits[0]
        start -= start == end and not parsed.in_body(start)
        around = [scope for scope in parsed.scopes if scope.start <= start < scope.end]
        if not around:
            return None
        node = min(around, key=lambda scope: scope.start).node
        if isinstance(node, ast.Module):
            return None
        return node.name, min([node.lineno, *(d.lineno for d in node.decorator_list)])


def _voice(candidate: Candidate) -> float:
    """How much a candidate counts in the choice: its score; of two unlike edits each must have been needed."""
    kinds = set(candidate.template.split("+"))
    return candidate.score * (_UNLIKE if len(candidate.edits) > 1 and len(kinds) > 1 else 1.0)
