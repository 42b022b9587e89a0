"""Which of several changes that pass all tests to give: those that behave alike stand for one another.

Some changes pass only because the tests are few. What they do on inputs like the tests' own groups them; the group with
the greatest sum of scores wins (Chen et al., "CodeT", ICLR 2023, and the semantic voting before it), and within the
group the candidate with the best score.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from roadmap_cli.agent import source
from roadmap_cli.agent.bench import Bench
from roadmap_cli.agent.driver import Candidate, Case, Verdict
from roadmap_cli.agent.project import Project

_UNLIKE = 0.2


def elected(bench: Bench, project: Project, plausible: Sequence[Verdict], case: Case) -> Verdict | None:
    """The repair to give out of those that are confirmed."""
    ranked = sorted(plausible, key=lambda verdict: -_voice(verdict.candidate))
    if len(ranked) < 2 or case.probes is None:
        return ranked[0] if ranked else None
    groups = _groups(bench, project, ranked, case)
    if groups is None:
        return ranked[0]
    weight: dict[tuple[str, ...], float] = {}
    for verdict, group in zip(ranked, groups, strict=True):
        weight[group] = weight.get(group, 0.0) + _voice(verdict.candidate)
    top = max(weight, key=lambda group: weight[group])
    return next(verdict for verdict, group in zip(ranked, groups, strict=True) if group == top)


def _groups(bench: Bench, project: Project, ranked: Sequence[Verdict], case: Case) -> list[tuple[str, ...]] | None:
    """For each candidate what it does on inputs like those of the tests: equal tuples behave alike."""
    assert case.probes
    first = ranked[0].candidate
    places = {(v.candidate.file, outermost(project, v.candidate)) for v in ranked if v.candidate.edits}
    if len(places) != 1:
        return None
    [(file, place)] = places
    if place is None:
        return None
    answer = bench.compare(
        place, file, [(v.candidate.file, v.candidate.edits) for v in ranked], case.probes, count=150, seed=1,
        limit=max(0.05, case.probes.limit), seconds=5.0,
    )  # fmt: skip
    rows = answer.get("outcomes", [])[1:]
    if len(rows) != len(ranked) or not all(rows) or first.file != file:
        return None
    return [tuple(row) for row in rows]


def outermost(project: Project, candidate: Candidate) -> tuple[str, int] | None:
    """The outermost function that a candidate changes: its name and the line its code begins on."""
    parsed = source.Source(candidate.file, project.files[candidate.file])
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
