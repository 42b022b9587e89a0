"""A run's failure, and what is known of it as the run goes on."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from roadmap_cli.agent.code.context import Contexts
from roadmap_cli.agent.code.project import Project, is_test
from roadmap_cli.agent.code.source import Block, Edit, Source, blocks
from roadmap_cli.agent.reflection import Hypothesis
from roadmap_cli.agent.repair.driver import Candidate, Case, Verdict
from roadmap_cli.agent.repair.judge import Judge
from roadmap_cli.agent.repair.portfolio import Arm
from roadmap_cli.agent.testing import localise, signature
from roadmap_cli.agent.testing.bench import TestRun
from roadmap_cli.agent.testing.signature import Signature
from roadmap_cli.core.records import Record

#: Processor time of one test, in seconds, before it is known how long tests take.
FIRST_TEST_S = 5.0
_NEAREST = 3


@dataclass(frozen=True, slots=True)
class Plausible:
    """A candidate with which all tests pass, and where it came from."""

    verdict: Verdict
    arm: Arm


@dataclass(slots=True)
class Attempt:
    """What a run knows of the failure it works on.

    `traced` is the run that told lines, `nearest` what came nearest to a repair: how much was left, and the candidate.
    """

    case: Case
    before: Record
    signatures: list[Signature]
    excluded: set[str]
    judge: Judge
    arms: list[Arm] = field(default_factory=list)
    suspicion: Record | None = None
    lines: Mapping[str, Any] = field(default_factory=dict)
    plausible: list[Plausible] = field(default_factory=list)
    searched_on: bool = False
    hypotheses: Sequence[Hypothesis] = ()
    traced: TestRun | None = None
    nearest: list[tuple[int, Candidate]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The name of the failure: what was tried on it is stored under it."""
        return signature.of_all(self.signatures)

    def note_near(self, candidate: Candidate, left: int) -> None:
        """Keep a candidate that mends some of the tests, if it is among those with the fewest left."""
        self.nearest.append((left, candidate))
        self.nearest.sort(key=lambda near: (near[0], -near[1].score))
        del self.nearest[_NEAREST:]


def construct_of(project: Project, candidate: Candidate) -> str:
    """The kind of Python code that a candidate edits; "" of others and of those whose place is not known."""
    if not candidate.edits or not candidate.file.endswith(".py"):
        return ""
    try:
        source = Source(candidate.file, project.files[candidate.file])
    except (KeyError, SyntaxError, ValueError, RecursionError):
        return ""
    start, end, text = candidate.edits[0]
    return Contexts(source).construct(Edit(start, end, text, candidate.template, 1.0, candidate.line))


def suite_of(project: Project, test: str) -> str:
    """A name for the tests: their command and the content of their files."""
    tests = {name: data for name, data in project.files.items() if is_test(name)}
    suite = hashlib.sha256(test.encode())
    for name in sorted(tests):
        suite.update(f"\0{name}\0".encode() + hashlib.sha256(tests[name]).digest())
    return suite.hexdigest()[:32]


def is_allowed(candidate: Candidate) -> bool:
    """A proposal may not touch tests, protected files, or anything outside the project."""
    return all(
        not is_test(name) and not name.startswith("/") and not {"..", ".git"} & set(name.split("/"))
        for name in candidate.changed
    )


def blocks_of(project: Project, name: str, text: str) -> list[Block]:
    """What changes in a file, by its text and what stands around it."""
    return blocks(name, project.files[name].decode() if name in project.files else "", text)


def reaching(
    project: Project, lines: Mapping[str, Any], tests: Collection[str], functions: list[tuple[str, str, int]]
) -> int:
    """How many tests run lines of functions."""
    spans: dict[str, list[tuple[int, int]]] = {}
    for file, name, _ in functions:
        parsed = Source(file, project.files[file])
        node = next(scope.node for scope in parsed.scopes if scope.name == name)
        last = node.body[-1]
        spans.setdefault(file, []).append((node.body[0].lineno, last.end_lineno or last.lineno))
    count = 0
    for test in tests:
        ran = lines.get(test, {})
        count += any(a <= line <= b for file in spans for line in ran.get(file, ()) for a, b in spans[file])
    return count


def case_of(first: TestRun, offline: Collection[str]) -> Case:
    """The failure to repair, by the first run of the tests, without those that need the network."""
    failing = [test for test in first.failing if test not in offline]
    known = [test for test in first.outcomes if first.outcomes[test]["status"] != "skipped"]
    known = [test for test in known if not test.startswith("collect:") and test not in offline]
    slowest = max((first.outcomes[test].get("seconds", 0.0) for test in first.passing), default=0.1)
    errors = {test: first.outcomes[test].get("error") or {} for test in failing}
    return Case(failing, known, min(FIRST_TEST_S, max(0.2, 10 * slowest)), {}, errors=errors)


def not_loaded(case: Case) -> str:
    """Why the first test file cannot be loaded, if no failing test could be run at all: the file and its error."""
    if not case.failing or not all(test.startswith("collect:") for test in case.failing):
        return ""
    error = case.errors.get(case.failing[0]) or {}
    words = f"{error.get('type', '')}: {error.get('message', '')}".strip(": ").partition("\n")[0]
    return f"{case.failing[0].removeprefix('collect:')} cannot be loaded: {words or 'no error is told'}"[:300]


#: How suspect lines are that an import ran before it failed on another, against that one.
_BEFORE = 0.5


def _import_failed(case: Case, run: TestRun, sources: Sequence[str]) -> None:
    """Where an import failed the line that failed is more suspect than those that it ran before."""
    errors = [run.outcomes.get(test, {}).get("error") or {} for test in case.failing if test.startswith("collect:")]
    failed = localise.raised(errors, sources)
    for lines in case.suspicion.values() if failed else ():
        lines.update({line: value * _BEFORE for line, value in lines.items()})
    for file, line in failed:
        case.suspicion.setdefault(file, {})[line] = 1.0


def suspect(project: Project, case: Case, run: TestRun, sources: Sequence[str]) -> None:
    """Put into the case where the fault probably is, by a traced run of all tests; without lines, in all `sources`."""
    passing = [test for test in run.passing if test in case.known]
    case.suspicion = localise.ochiai(run.lines, case.failing, passing) if run.lines else {}
    _import_failed(case, run, sources)
    imported = run.lines.get(localise.IMPORT, {}) if run.lines else {}
    case.imported = {name: frozenset(numbers) for name, numbers in imported.items()}
    if not case.suspicion:
        sizes = {name: len(project.files[name].splitlines()) for name in sources}
        case.suspicion = localise.unknown(sizes)
        for test in case.failing:
            for frame in (run.outcomes.get(test, {}).get("error") or {}).get("frames", ()):
                if frame.get("file") in case.suspicion:
                    case.suspicion[frame["file"]][frame["line"]] = 1.0
