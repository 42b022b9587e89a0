"""What the tests say of a candidate: the failing tests first, then the whole suite in a session of its own.

A part of the tests is held out: it has no say in which candidate is chosen while there are several, so that passing it
is evidence. Which tests these are follows from their names alone. The rule it keeps: nothing is called a repair before
the whole suite, held-out tests included, is green, nor what is green because it gives the value that the tests expect.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from roadmap_cli.agent.code import source
from roadmap_cli.agent.repair import hardcoded
from roadmap_cli.agent.repair.driver import Candidate, Case, Verdict
from roadmap_cli.agent.testing.bench import Bench, TestRun, Trial

_SHARE = 4  # one test in so many is held out
_SELECTING = 5
_UNLOADABLE = 3
_REPEAT_S = 1.0
#: How many candidates to judge together: few at first, since the first may do.
BATCHES = (8, 16, 32, 64)
#: The run of a candidate whose quick trials were all that was run.
_TRIED = TestRun({}, True, None, False, "", 0.0)
_IN_PACKAGE = re.compile(r"(.+?)\.(?:Test|Example|Fuzz)")


def held_out(failing: Iterable[str], passing: Iterable[str]) -> frozenset[str]:
    """A quarter of the tests by the hash of their names: of the failing ones only if two or more are left to choose by.

    Tests that could not even be collected are never held out.
    """
    kept: set[str] = set()
    for group, leave in ((sorted(set(failing)), 1), (sorted(set(passing)), 0)):
        named = [test for test in group if not test.startswith("collect:") and test != "command"]
        order = sorted(named, key=lambda test: hashlib.sha256(test.encode()).digest())
        count = min(len(named) // _SHARE or (len(named) > 1 and leave), max(0, len(named) - leave))
        kept.update(order[: int(count)])
    return frozenset(kept)


@dataclass(slots=True)
class Judge:
    """Judges candidates on a bench. `excluded` are tests that say nothing (flaky, in need of the network)."""

    bench: Bench
    case: Case
    framework: str
    held_out: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()
    whole_seconds: float = 60.0
    overfit: int = 0
    _unloadable: int = 0
    _alone: dict[str, bool] = field(default_factory=dict)

    @property
    def selecting(self) -> list[str]:
        """The failing tests that a candidate is tried on first; none if the tests cannot be run one by one."""
        if self.framework == "command" or any(test.startswith("collect:") for test in self.case.failing):
            return []
        return [test for test in self.case.failing if test not in self.held_out][:_SELECTING]

    def judge(self, candidate: Candidate, *, at_once: bool = False) -> Verdict:
        """Run a candidate: confirmed, partial (some failing tests mended), regressed (others broken) or refuted.

        What is green but gives the expected value and nothing else is hardcoded.
        `at_once`: the whole suite without a look at the failing tests first, for what will probably pass.
        """
        if not all(source.compiles(text) for name, text in candidate.changed.items() if name.endswith(".py")):
            return Verdict(candidate, "refuted", len(self.case.failing), _TRIED)
        selecting = [] if at_once else self.selecting
        if selecting:
            quick = self._quick(candidate, selecting)
            left = len(selecting) - len(set(quick.passing) & set(selecting))
            if not quick.finished or left:
                some = quick.finished and left < len(selecting)
                return Verdict(candidate, "partial" if some else "refuted", left, quick)
        run = self.whole(candidate.changed)
        if green(run, self.case.known, self.excluded):
            given = hardcoded.is_hardcoded(self.bench.project.files, candidate.changed, self._passes_alone)
            return Verdict(candidate, "hardcoded" if given else "confirmed", 0, run)
        failing = [test for test in run.failing if test not in self.excluded]
        if run.finished and failing and set(failing) <= self.held_out:
            self.overfit += 1
        if not selecting and run.finished and failing:
            mended = len(set(self.case.failing) & set(run.passing))
            broken = [test for test in failing if test not in self.case.failing]
            if mended:
                return Verdict(candidate, "regressed" if broken else "partial", len(failing), run)
            return Verdict(candidate, "refuted", len(failing), run)
        return Verdict(candidate, "regressed" if run.finished else "refuted", max(1, len(failing)), run)

    def judge_many(self, candidates: Sequence[Candidate]) -> Iterator[Verdict]:
        """Judge candidates, in order. The quick trials of all come first, then each that passed is run whole."""
        probes = self.case.probes
        quick = [c for c in candidates if c.swap and c.edits] if probes is not None and self.bench.loads else []
        trials: dict[int, Trial] = {}
        if quick and probes is not None:
            seconds = 2.0 + 0.2 * len(quick) + 2 * probes.limit * len(quick)
            tried = self.bench.trials([(c.file, c.edits) for c in quick], probes, seconds=seconds)
            trials = {id(candidate): trial for candidate, trial in zip(quick, tried, strict=True)}
        for candidate in candidates:
            trial = trials.get(id(candidate))
            if trial is None or trial.word in ("unloadable", "late"):
                yield self.judge(candidate)
            elif trial.passes:
                yield self.judge(candidate, at_once=True)
            else:
                left = trial.left if not trial.word else len(self.case.failing)
                outcome = "partial" if trial.mended and not trial.broken else "refuted"
                yield Verdict(candidate, outcome, max(1, left + trial.broken), _TRIED)

    def whole(self, changed: Mapping[str, str]) -> TestRun:
        """Run the whole suite in a session of its own."""
        return self.bench.run(changed, test_seconds=self.case.test_seconds, seconds=self.whole_seconds)

    def _passes_alone(self, constant: hardcoded.Constant) -> bool:
        """Whether all tests pass with a function that gives nothing but a constant."""
        if constant.alone not in self._alone:
            run = self.whole({constant.file: constant.alone})
            self._alone[constant.alone] = green(run, self.case.known, self.excluded)
        return self._alone[constant.alone]

    def stands(self, changed: Mapping[str, str], repeats: int) -> bool:
        """Whether the failing tests fail without a change and pass with it, again and again: else they are flaky."""
        if self.framework == "command":
            tests, repeats = [], 1
        else:
            tests = [test for test in self.case.failing if not test.startswith("collect:")][:_SELECTING]
            if not tests:
                return True
        wanted = set(tests or self.case.failing)
        stood = self._stood(changed, tests, wanted, repeats)
        if stood is None:  # some fail only after others, by what those leave behind, or they are flaky
            stood = self._stood(changed, [], wanted, repeats)
        return bool(stood)

    def _stood(self, changed: Mapping[str, str], tests: list[str], wanted: set[str], repeats: int) -> bool | None:
        """Whether what is wanted fails without a change and passes with it; None if it passes without, run alone.

        Without `tests` all are run, in their order.
        """
        seconds = self.whole_seconds if not tests else 5.0 + self.case.test_seconds * len(tests)
        least = 1 if tests else 2
        began = time.monotonic()
        for turn in range(repeats):
            if turn >= least and time.monotonic() - began > _REPEAT_S:
                break  # a test that hangs is not made to hang again and again
            for files, good in (({}, False), (changed, True)):
                run = self.bench.run(files, tests=tests, test_seconds=self.case.test_seconds, seconds=seconds)
                if not good and wanted & set(run.passing):
                    return None if tests else False
                if good and not wanted <= with_sums(run):
                    return False
        return True

    def _quick(self, candidate: Candidate, selecting: list[str]) -> TestRun:
        seconds = 2.0 + self.case.test_seconds * len(selecting)
        swap = candidate.swap and self._unloadable < _UNLOADABLE
        run = self.bench.run(
            candidate.changed, tests=selecting, swap=swap, test_seconds=self.case.test_seconds, seconds=seconds
        )
        if run.unloadable:
            self._unloadable += 1
            run = self.bench.run(
                candidate.changed, tests=selecting, test_seconds=self.case.test_seconds, seconds=seconds
            )
        return run


def green(run: TestRun, known: Iterable[str], excluded: Collection[str] = ()) -> bool:
    """Whether a run proves that every known test passes: finished, none lost, and nothing failing but what is excluded.

    The exit status must say so as well, unless an excluded test explains it.
    """
    failing = set(run.failing)
    if not run.finished or run.timed_out or not failing <= set(excluded):
        return False
    if run.exit_code != 0 and not failing:
        return False
    passed = with_sums(run)
    return all(test in passed for test in known if test not in excluded)


def with_sums(run: TestRun) -> set[str]:
    """Passing tests, and those that are the sum of such parts: they are no entry of their own in a report.

    A test that breaks off before its first part (``TestX/part``) is known by its own name, a Go package that does not
    build by the package's, a program that does not start as ``command``; once mended, they are known by their parts.
    """
    found = set(run.passing)
    if found and run.exit_code == 0:
        found.add("command")
    for test in list(found):
        of_package = _IN_PACKAGE.match(test)
        if of_package:
            found.add(of_package[1])
        place = test.find("/")
        while place > 0:
            found.add(test[:place])
            place = test.find("/", place + 1)
    return found
