"""Repair by search: rank the edits that templates allow by suspicion and prior, run each against the failing tests.

The rule it keeps: nothing is called a repair here before the whole suite, in a session of its own, is green.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from roadmap_cli.agent import localise, source, statements
from roadmap_cli.agent.bench import Bench, TestRun, is_green
from roadmap_cli.agent.driver import Candidate, Case, Verdict
from roadmap_cli.agent.project import Project, is_test
from roadmap_cli.agent.source import Edit, Source

_PARTIAL_KEPT = 4


def ranked(
    project: Project, case: Case, base: Mapping[str, str], weights: Mapping[str, float], *, pytest: bool
) -> list[Candidate]:
    """All one-edit candidates on top of `base`, the most promising first, each resulting text once."""
    found: list[Candidate] = []
    seen: set[tuple[str, str]] = set()
    for name, lines in case.suspicion.items():
        if name not in project.files or is_test(name):
            continue
        content = base[name].encode() if name in base else project.files[name]
        try:
            parsed = Source(name, content)
        except (SyntaxError, UnicodeDecodeError, ValueError, RecursionError):
            continue
        for edit in statements.edits(parsed):
            suspicion = _suspicion(parsed, edit, lines)
            if not suspicion:
                continue
            text = parsed.apply(edit)
            if (name, text) in seen or text == parsed.text:
                continue
            seen.add((name, text))
            scope = parsed.scope_of(edit.start)
            run_at_import = scope is not None and any(
                number in case.imported.get(name, ()) for number in range(scope.node.body[0].lineno, _last(scope) + 1)
            )
            found.append(
                Candidate(
                    {**base, name: text}, parsed.patch_id(edit), edit.template, name, edit.line,
                    scope.name if scope else "", suspicion * edit.weight * weights.get(edit.template, 1.0),
                    pytest and parsed.in_body(edit.start) and not run_at_import,
                )
            )  # fmt: skip
    found.sort(key=lambda candidate: (-candidate.score, candidate.file, candidate.line, candidate.patch))
    return found


def _last(scope: source.Scope) -> int:
    last = scope.node.body[-1]
    return last.end_lineno or last.lineno


def _suspicion(parsed: Source, edit: Edit, lines: Mapping[int, float]) -> float:
    """Of the lines an edit touches the most suspect; a line of a longer statement counts by the statement's start."""
    last = edit.line + parsed.content[edit.start : edit.end].count(b"\n")
    own = max((lines.get(number, 0.0) for number in range(edit.line, last + 1)), default=0.0)
    return own or max((lines.get(number, 0.0) * 0.8 for number in range(edit.line - 3, edit.line)), default=0.0)


class Search:
    """Runs candidates on a bench. `pause` says when to stop, `note` is told every verdict."""

    def __init__(
        self, bench: Bench, project: Project, *, tried: Collection[str], weights: Mapping[str, float], pytest: bool,
        pause: Callable[[], bool], note: Callable[[Verdict], None],
    ) -> None:  # fmt: skip
        self._bench, self._project = bench, project
        self._tried = set(tried)
        self._weights, self._pytest = weights, pytest
        self._pause, self._note = pause, note
        self._unloadable = 0
        self.skipped = 0
        self.paused = False

    def find(self, case: Case, base: Mapping[str, str], *, first: str = "", depth: int = 2) -> Verdict | None:
        """The first confirmed candidate, with one edit, then with two; None if there is none or it was paused."""
        partial: list[Verdict] = []
        for candidate in self._fresh(ranked(self._project, case, base, self._weights, pytest=self._pytest), first):
            verdict = self.judge(candidate, case)
            self._note(verdict)
            if verdict.outcome == "confirmed":
                return verdict
            if verdict.outcome in ("partial", "regressed"):
                partial.append(verdict)
        if depth < 2 or self.paused:
            return None
        partial.sort(key=lambda verdict: (verdict.failing, -verdict.candidate.score))
        for step in partial[:_PARTIAL_KEPT]:
            narrowed = self._narrowed(step.candidate, case)
            if narrowed is not None:
                found = self.find(narrowed, step.candidate.changed, first=step.candidate.patch, depth=depth - 1)
                if found or self.paused:
                    return found
        return None

    def _fresh(self, candidates: Iterable[Candidate], first: str) -> Iterator[Candidate]:
        for candidate in candidates:
            if first:
                both = hashlib.sha256(f"{first}+{candidate.patch}".encode()).hexdigest()[:32]
                candidate = Candidate(candidate.changed, both, f"{candidate.template}", *_rest(candidate))
            if candidate.patch in self._tried:
                self.skipped += 1
                continue
            if not source.compiles(candidate.changed[candidate.file]):
                continue
            if self._pause():
                self.paused = True
                return
            self._tried.add(candidate.patch)
            yield candidate

    def judge(self, candidate: Candidate, case: Case) -> Verdict:
        """Run a candidate: the failing tests first, and if they pass the whole suite in a new session."""
        selecting = case.selecting
        if selecting:
            quick = self._quick(candidate, case, selecting)
            left = len(selecting) - len(set(quick.passing) & set(selecting))
            if not quick.finished or left:
                return Verdict(
                    candidate, "partial" if quick.finished and left < len(selecting) else "refuted", left, quick
                )
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

    def _narrowed(self, candidate: Candidate, case: Case) -> Case | None:
        """The case that is left after a step that mended a part of it."""
        run = self._bench.run(
            candidate.changed, trace=self._project.sources(), test_seconds=case.test_seconds * 4,
            seconds=case.run_seconds * 4,
        )  # fmt: skip
        if not run.finished or not run.failing:
            return None
        suspicion = localise.ochiai(run.lines, run.failing, run.passing) if run.lines else case.suspicion
        failing = [test for test in run.failing if test in case.failing] + [
            test for test in run.failing if test not in case.failing
        ]
        return Case(failing, case.known, case.test_seconds, suspicion, case.imported)


def _rest(candidate: Candidate) -> tuple[str, int, str, float, bool]:
    return candidate.file, candidate.line, candidate.function, candidate.score, candidate.swap
