"""What the loop and its drivers say to each other: the failure to repair, proposals, and what the tests said of them.

A driver proposes; it never runs anything itself and never calls its own proposal a repair. Proposals come lazily, the
most promising first, so that a cheap driver can be left for a better one at any point.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from roadmap_cli.agent.code.project import Project
    from roadmap_cli.agent.preference import Lesson
    from roadmap_cli.agent.reflection import Hypothesis
    from roadmap_cli.agent.testing.bench import Probes, TestRun
    from roadmap_cli.agent.testing.localise import Suspicion

_SELECTING = 5


@dataclass(frozen=True, slots=True)
class Candidate:
    """The project's changed files with one edit or more, and where they came from.

    `patch` names the change (the same change has the same name in every run), `template` the template, the model or
    the lesson it came from; `score` orders it among its driver's; `swap` allows to exchange functions in a loaded
    session instead of loading the tests anew. `edits` says the same as `changed[file]` as replacements of the
    original file's bytes (start, end, text), in order and apart, if only this file has changed.
    """

    changed: Mapping[str, str]
    patch: str
    template: str
    file: str
    line: int
    function: str
    score: float
    swap: bool
    edits: tuple[tuple[int, int, str], ...] = ()

    def holds(self, other: Candidate) -> bool:
        """Whether it is another candidate and something more besides."""
        return self.file == other.file and bool(other.edits) and set(other.edits) < set(self.edits)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the tests said of a candidate: confirmed, partial, regressed, refuted, or hardcoded; `run` decided it."""

    candidate: Candidate
    outcome: str
    failing: int
    run: TestRun


@dataclass(slots=True)
class Case:
    """The failure to repair: which tests must become green, which must stay so, and how long a test may take.

    `errors` holds for each failing test what the bench says of its error (type, message, frames).
    """

    failing: list[str]
    known: list[str]
    test_seconds: float
    suspicion: Suspicion
    imported: Mapping[str, Collection[int]] = field(default_factory=dict)
    errors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    probes: Probes | None = None

    @property
    def selecting(self) -> list[str]:
        """The failing tests that candidates are tried on first; none if they could not even be collected."""
        return [] if any(t.startswith("collect:") for t in self.failing) else self.failing[:_SELECTING]

    @property
    def run_seconds(self) -> float:
        """How long a whole run may take."""
        return 10.0 + self.test_seconds * min(20, len(self.known) + len(self.failing))


@dataclass(frozen=True, slots=True)
class Problem:
    """All that a driver may look at.

    `lessons` are what memory holds of failures like this one, the nearest first; `hypotheses` say why the tests fail.
    """

    project: Project
    case: Case
    goal: str = ""
    lessons: Sequence[str] = ()
    hypotheses: Sequence[Hypothesis] = ()


class Driver(Protocol):
    """A way of finding repairs: replay, templates, synthesis, a language model."""

    name: str

    def candidates(self, problem: Problem) -> Iterator[Candidate]:
        """Proposals, the most promising first. Raises Unavailable if it cannot work here at all."""

    def told(self, verdict: Verdict) -> None:
        """What the tests said of one of its proposals; the next ones may rest on it."""

    def lessons(self, candidate: Candidate) -> list[Lesson]:
        """What it teaches of edits that one of its proposals was the repair; nothing for a driver without templates."""
