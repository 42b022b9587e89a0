"""Which of several changes that pass all tests to give: those that behave alike stand for one another.

Some changes pass only because the tests are few. What they do on inputs like the tests' own groups them; the group with
the greatest sum of scores wins (semantic voting; Chen et al., "CodeT", ICLR 2023), less where it hangs
and another does not, and within the group the best score, then the least edit. Several ways to rewrite one place, and
one text put in at several places, speak once; a statement that is added counts less than a word changed in one that is
there. To share most inputs with the others is no merit: what passes by chance is often near the faulty code.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Sequence

from roadmap_cli.agent.code import source
from roadmap_cli.agent.code.project import Project
from roadmap_cli.agent.repair.driver import Candidate, Case, Verdict
from roadmap_cli.agent.testing.bench import Bench

_UNLIKE = 0.2
_ADDED = 0.5
_HANGS = frozenset({"(TimeLimit)", "(slow)"})
#: What one candidate does, input by input.
Row = tuple[str, ...]


def elected(bench: Bench, project: Project, plausible: Sequence[Verdict], case: Case) -> Verdict | None:
    """The repair to give out of those that are confirmed."""
    ranked = sorted(plausible, key=lambda verdict: rank(verdict.candidate))
    if len(ranked) < 2 or case.probes is None:
        return ranked[0] if ranked else None
    rows = _rows(bench, project, ranked, case)
    if rows is None:
        return ranked[0]
    return ranked[chosen([verdict.candidate for verdict in ranked], rows)]


def chosen(ranked: Sequence[Candidate], rows: Sequence[Row]) -> int:
    """The place of the one to give among candidates, the best first, by what each does on the same inputs."""
    known = [at for at in range(len(rows[0])) if all(row[at] != "(slow)" for row in rows)]
    groups = [tuple(row[at] for at in known) if known else row for row in rows]
    weights = {group: _weight([c for c, own in zip(ranked, groups, strict=True) if own == group]) for group in groups}
    top = max(weights, key=lambda group: weights[group] * _lives(group, weights))
    return groups.index(top)


def rank(candidate: Candidate) -> tuple[float, int]:
    """The order of candidates before anything is known of what they do: by voice, then the least longer or shorter."""
    return -_voice(candidate), sum(abs(len(text) - (end - start)) for start, end, text in candidate.edits)


def _weight(alike: Sequence[Candidate]) -> float:
    """What candidates of one behaviour weigh together: of those that are one idea the best counts."""
    ideas: list[Candidate] = []
    for candidate in sorted(alike, key=rank):
        if not any(_are_one_idea(candidate, other) for other in ideas):
            ideas.append(candidate)
    return sum(_voice(candidate) for candidate in ideas)


def _are_one_idea(one: Candidate, two: Candidate) -> bool:
    """Whether two changes rewrite the same place, or put in the same text."""
    if one.file != two.file or not one.edits or not two.edits:
        return False
    texts = [["".join(text.split()) for _, _, text in each.edits] for each in (one, two)]
    if _adds(one) and _adds(two) and texts[0] == texts[1]:
        return True
    return any(a[0] == b[0] or (a[0] < b[1] and b[0] < a[1]) for a in one.edits for b in two.edits)


def _lives(group: Row, groups: Collection[Row]) -> float:
    """The share of inputs on which a behaviour does not hang, beyond those on which every one does."""
    hung = {other: sum(outcome in _HANGS for outcome in other) / max(1, len(other)) for other in groups}
    return 1.0 - hung[group] + min(hung.values())


def _rows(bench: Bench, project: Project, ranked: Sequence[Verdict], case: Case) -> list[Row] | None:
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
    unlike = _UNLIKE if len(candidate.edits) > 1 and len(kinds) > 1 else 1.0
    return candidate.score * unlike * (_ADDED if _adds(candidate) else 1.0)


def _adds(candidate: Candidate) -> bool:
    """Whether it puts a statement where none was."""
    return any(start == end and "\n" in text for start, end, text in candidate.edits)
