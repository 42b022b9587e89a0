"""The drivers there are, made for one failure: the one place where the loop learns of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from roadmap_cli.agent import memory, source
from roadmap_cli.agent.driver import Candidate, Case, Driver, Problem, Verdict
from roadmap_cli.agent.drivers.treesitter import Screens, TreeSitter
from roadmap_cli.agent.languages import spectra
from roadmap_cli.agent.project import Project, is_test
from roadmap_cli.agent.search import ranked
from roadmap_cli.agent.signature import Signature

if TYPE_CHECKING:
    from roadmap_cli.state.store import State

_PARTIAL_KEPT = 4


@dataclass(frozen=True, slots=True)
class World:
    """What drivers may use beside the problem itself.

    `narrow` runs a partly repaired project once more, traced, and gives the case that is left (None if nothing useful
    is); `left` gives the tokens and the money that may still be spent (None is no limit); `run_id` is for the ledger.
    `screens` tries candidates of JavaScript and Go by the batch; None if the test command does not run such.
    """

    state: State
    run_id: str
    environ: Mapping[str, str]
    signatures: Sequence[Signature]
    framework: str
    narrow: Callable[[Candidate], Case | None]
    left: Callable[[], tuple[int | None, float | None]]
    screens: Screens | None = None


def drivers_for(world: World, project: Project, case: Case) -> list[Driver]:
    """The drivers that can work on this failure."""
    found: list[Driver] = [Replay(world, project)]
    if world.framework == "command" and spectra.sources(project) and (world.screens or not project.sources()):
        with world.state.read() as tx:
            found.append(TreeSitter(memory.priors(tx), screens=world.screens))
    else:
        found.append(Templates(world, project, case))
    return found


class Replay:
    """Proposes what mended the same failure before: exact signatures before loose ones."""

    name = "replay"

    def __init__(self, world: World, project: Project) -> None:
        self._project = project
        with world.state.read() as tx:
            self._known = memory.fixes(tx, world.signatures)

    def candidates(self, problem: Problem) -> Iterator[Candidate]:
        """Each remembered fix that fits the files as they are now."""
        for fix in self._known:
            changed = reapplied(self._project, fix)
            if changed:
                name = next(iter(changed))
                yield Candidate(changed, f"replay:{fix.id}", fix.template, name, 1, "", 1.0, False)

    def told(self, verdict: Verdict) -> None:
        """Nothing rests on it here: how often a fix helped is counted in memory."""


def reapplied(project: Project, fix: memory.Fix) -> dict[str, str]:
    """The files with a remembered fix made again, wherever its lines are now; empty if one of its places is gone."""
    changed: dict[str, str] = {}
    for block in fix.blocks:
        same_name = [
            n
            for n in (*project.sources(), *spectra.sources(project))
            if n.rpartition("/")[2] == block.file.rpartition("/")[2]
        ]
        for name in dict.fromkeys([block.file, *same_name]):
            if name not in project.files or is_test(name):
                continue
            try:
                text = changed.get(name) or project.files[name].decode()
            except UnicodeDecodeError:
                continue
            again = source.reapply(block, text)
            if again is not None:
                changed[name] = again
                break
        else:
            return {}
    return changed


class Templates:
    """Proposes small edits by templates at suspect lines: one edit, then a second on top of what helped."""

    name = "template"

    def __init__(self, world: World, project: Project, case: Case) -> None:
        self._world, self._project, self._case = world, project, case
        self._partial: list[Verdict] = []
        with world.state.read() as tx:
            self._weights = memory.priors(tx)

    def candidates(self, problem: Problem) -> Iterator[Candidate]:
        """All single edits, then pairs on top of the best partial ones."""
        yield from self._ranked(problem.case, {}, "")
        partial = sorted(self._partial, key=lambda verdict: (verdict.failing, -verdict.candidate.score))
        for step in partial[:_PARTIAL_KEPT]:
            narrowed = self._world.narrow(step.candidate)
            if narrowed is not None:
                yield from self._ranked(narrowed, step.candidate.changed, step.candidate.patch)

    def told(self, verdict: Verdict) -> None:
        """What helped in part is built upon."""
        if verdict.outcome in ("partial", "regressed"):
            self._partial.append(verdict)

    def _ranked(self, case: Case, base: Mapping[str, str], first: str) -> Iterator[Candidate]:
        pytest = self._world.framework == "pytest"
        for candidate in ranked(self._project, case, base, self._weights, pytest=pytest):
            if not source.compiles(candidate.changed[candidate.file]):
                continue
            if first:
                both = hashlib.sha256(f"{first}+{candidate.patch}".encode()).hexdigest()[:32]
                yield replace(candidate, patch=both)
            else:
                yield candidate
