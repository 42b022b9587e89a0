"""Several faults at once: failing tests that reach different functions are mended group by group, then put together.

Each group is searched by itself: its tests choose, and no test that passed may fail. What mends the groups becomes one
repair only if the whole suite is green with all of it; a group that is mended alone is at least a part of the way.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from roadmap_cli.agent.code.project import Project, is_test
from roadmap_cli.agent.code.source import Source
from roadmap_cli.agent.drivers.templates import spliced
from roadmap_cli.agent.loop.attempt import Attempt, Plausible, suspect
from roadmap_cli.agent.loop.session import Session
from roadmap_cli.agent.repair import judge as judges
from roadmap_cli.agent.repair import probing, voting
from roadmap_cli.agent.repair.driver import Candidate, Case
from roadmap_cli.agent.testing import signature

#: Functions by file and qualified name.
Reach = frozenset[tuple[str, str]]
_JOINED = 4


def groups(project: Project, lines: Mapping[str, Any], failing: Sequence[str]) -> tuple[list[list[str]], bool]:
    """Failing tests that reach the same functions together; none if that does not part them.

    Functions that all of them reach do not bind them; the flag says whether there are such.
    """
    reached = _reached(project, lines, failing)
    shared = frozenset.intersection(*reached.values()) if reached else frozenset()
    found: list[tuple[set[tuple[str, str]], list[str]]] = []
    for test in failing:
        own = set(reached[test] - shared)
        if not own:
            return [], bool(shared)
        joined = [group for group in found if group[0] & own]
        tests = [each for _, tests in joined for each in tests]
        found = [group for group in found if group not in joined]
        found.append((own.union(*(functions for functions, _ in joined)), [*tests, test]))
    parts = [tests for _, tests in found]
    return (sorted(parts, key=lambda tests: failing.index(tests[0])) if len(parts) > 1 else []), bool(shared)


def _reached(project: Project, lines: Mapping[str, Any], failing: Sequence[str]) -> dict[str, Reach]:
    """For each test the functions of the project of which it runs a line."""
    spans: dict[str, list[tuple[str, int, int]]] = {}
    found: dict[str, Reach] = {}
    for test in failing:
        own: set[tuple[str, str]] = set()
        for file, numbers in lines.get(test, {}).items():
            if is_test(file):
                continue
            if file not in spans:
                spans[file] = _spans(project, file)
            own |= {(file, name) for name, first, last in spans[file] if any(first <= n <= last for n in numbers)}
        found[test] = frozenset(own)
    return found


def _spans(project: Project, file: str) -> list[tuple[str, int, int]]:
    """The functions of a file: name, first and last line of the body."""
    try:
        scopes = Source(file, project.files[file]).scopes
    except (KeyError, SyntaxError, ValueError, RecursionError):
        return []
    bodies = [(scope.name, scope.node.body) for scope in scopes if scope.node.body]
    return [(name, body[0].lineno, body[-1].end_lineno or body[-1].lineno) for name, body in bodies]


def part(session: Session, attempt: Attempt, tests: Sequence[str], sources: Sequence[str]) -> Attempt:
    """The attempt to mend some of the failing tests, the others being left out of account."""
    whole, traced = attempt.case, attempt.traced
    assert traced is not None
    others = set(whole.failing).difference(tests)
    errors = {test: whole.errors[test] for test in tests if test in whole.errors}
    known = [test for test in whole.known if test not in others]
    case = Case(list(tests), known, whole.test_seconds, {}, whole.imported, errors)
    suspect(session.project, case, traced, sources)
    excluded = attempt.excluded | others
    held_out = judges.held_out(tests, set(known).difference(tests)) - excluded
    judge = judges.Judge(session.bench, case, attempt.judge.framework, held_out, frozenset(excluded),
                         attempt.judge.whole_seconds)  # fmt: skip
    probing.prepare(session.bench, session.project, case, held_out | excluded)
    mine = [hypothesis for hypothesis in attempt.hypotheses if not others.intersection(hypothesis.evidence)]
    found = [signature.of(test, errors.get(test), session.line) for test in tests]
    return Attempt(case, attempt.before, found, excluded, judge, suspicion=attempt.suspicion, lines=attempt.lines,
                   hypotheses=mine, traced=traced)  # fmt: skip


def put_together(session: Session, attempt: Attempt, parts: Sequence[Attempt]) -> Iterator[Plausible]:
    """Repairs of all parts as one, each proved by the whole suite: the elected of each, then a rival of one of them.

    The tests that were held out of the parts' searches are those held out of the whole.
    """
    ordered = [elected_first(session, each) for each in parts]
    choices = [[found[0] for found in ordered]]
    for at, found in enumerate(ordered):
        choices += [[*choices[0][:at], rival, *choices[0][at + 1 :]] for rival in found[1:]]
    held_out, attempt.judge.held_out = attempt.judge.held_out, frozenset().union(*(p.judge.held_out for p in parts))
    count = 0
    for chosen in choices[:_JOINED]:
        candidate = joined(session.project, [each.verdict.candidate for each in chosen])
        if candidate is None:
            continue
        verdict = attempt.judge.judge(candidate, at_once=True)
        if verdict.outcome == "confirmed":
            count += 1
            yield Plausible(verdict, chosen[0].arm)
        elif not count:
            break  # the parts do not go together
    if count:
        attempt.searched_on = all(each.searched_on for each in parts)
    else:
        attempt.judge.held_out = held_out


def elected_first(session: Session, attempt: Attempt) -> list[Plausible]:
    """What is plausible, the one to give first, then by rank."""
    verdicts = [found.verdict for found in attempt.plausible]
    elected = voting.elected(session.bench, session.project, verdicts, attempt.case) if len(verdicts) > 1 else None
    return sorted(
        attempt.plausible,
        key=lambda found: (found.verdict is not elected, voting.rank(found.verdict.candidate)),
    )


def joined(project: Project, candidates: Sequence[Candidate]) -> Candidate | None:
    """Several changes as one; None if they are in each other's way."""
    if len(candidates) == 1:
        return candidates[0]
    edits: dict[str, set[tuple[int, int, str]]] = defaultdict(set)
    changed: dict[str, str] = {}
    for candidate in candidates:
        if candidate.edits:
            edits[candidate.file].update(candidate.edits)
        elif changed.keys() & candidate.changed.keys():
            return None
        else:
            changed.update(candidate.changed)
    for file, spans in edits.items():
        places = sorted(spans)
        if file in changed or any(a[1] > b[0] or a[:2] == b[:2] for a, b in pairwise(places)):
            return None
        changed[file] = spliced(project.files[file], places)
    first = candidates[0]
    names = "+".join(sorted(candidate.patch for candidate in candidates))
    only = tuple(sorted(edits[first.file])) if len(changed) == 1 and first.file in edits else ()
    return Candidate(
        changed, hashlib.sha256(names.encode()).hexdigest()[:32], "+".join(c.template for c in candidates), first.file,
        first.line, "", min(candidate.score for candidate in candidates), False, only,
    )  # fmt: skip
