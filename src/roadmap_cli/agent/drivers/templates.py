"""The template driver: one edit, then two, best first by suspicion, prior and what the tests said of parts of it.

One-edit candidates are ranked by the suspicion of the lines they touch times their template's prior. Two edits are
made of one-edit candidates that stand apart: those of which one alone already mended some assertions come early,
those made in the same way at several places next, other pairs late. All orders are one order, by score.
"""

from __future__ import annotations

import ast
import hashlib
import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, pairwise

from roadmap_cli.agent.code.context import Contexts
from roadmap_cli.agent.code.project import is_test
from roadmap_cli.agent.code.source import Edit, Scope, Source, trimmed
from roadmap_cli.agent.drivers.ranking import Orders, Ranked, Spans, lessons, rare
from roadmap_cli.agent.preference import SEVERAL, Lesson, Preference, Traits, words
from roadmap_cli.agent.reflection import bias
from roadmap_cli.agent.repair.driver import Candidate, Case, Problem, Verdict
from roadmap_cli.agent.templates import insertions, missing, names, statements, unparsable
from roadmap_cli.agent.templates.vocabulary import Vocabulary, literals

_WAVE = 12
_PAIRS, _PARTIALS = 400, 12
_PAIR_FACTOR, _PARTIAL_FACTOR, _SAME_FACTOR = 0.02, 1.0, 0.5
_CEILING = 5.0
_UNNAMED = 0.1


class Templates:
    """The driver. `preference` is what experience says of edits; by default, what was set by hand."""

    name = "template"

    def __init__(
        self, preference: Preference | None = None, *, pytest: bool = True, tried: Collection[str] = ()
    ) -> None:
        self._preference, self._pytest = preference or Preference(), pytest
        self._tried = set(tried)
        self._sources: dict[str, Source] = {}
        self._around: dict[str, Contexts] = {}
        self._level = 0.0
        self._ranked: list[Ranked] = []
        self._orders = Orders(_PAIRS, _PAIR_FACTOR)
        self._known: dict[str, Ranked] = {}
        self._proposed: dict[str, Ranked] = {}
        self._steps: list[tuple[float, Ranked]] = []
        self.skipped = 0

    def candidates(self, problem: Problem) -> Iterator[Candidate]:
        """Proposals, the most promising first."""
        case = problem.case
        yield from self._unparsable(problem)
        waves = _waves(problem, self._sources)
        seen: set[tuple[str, Spans]] = set()
        while True:
            if waves and waves[0][0] * _CEILING > self._orders.top:
                self._add(problem, [scope for _, scope in _taken(waves)])
                continue
            if not self._orders:
                return
            ranked = self._orders.next()
            if ranked is None or (ranked.file, ranked.edits) in seen:
                continue
            seen.add((ranked.file, ranked.edits))
            candidate = self._candidate(ranked, case)
            if candidate.patch in self._tried:
                self.skipped += 1
                continue
            self._tried.add(candidate.patch)
            self._known[candidate.patch] = ranked
            self._proposed[candidate.patch] = ranked
            yield candidate

    def told(self, verdict: Verdict) -> None:
        """What mended a part is worth a second edit."""
        ranked = self._known.pop(verdict.candidate.patch, None)
        if ranked is None or len(ranked.edits) > 1 or verdict.outcome not in ("partial", "regressed"):
            return
        if len(self._steps) < _PARTIALS:
            self._steps.append((_PARTIAL_FACTOR * ranked.score**0.5 / (2 + 0.5 * verdict.failing), ranked))
            self._orders.begin(*self._steps[-1])

    def lessons(self, candidate: Candidate) -> list[Lesson]:
        """What it teaches that this proposal was the repair."""
        ranked = self._proposed.get(candidate.patch)
        return lessons(ranked, self._ranked) if ranked else []

    # -- ranking ---------------------------------------------------------------------------------------------------

    def _add(self, problem: Problem, places: Sequence[tuple[str, Scope | None]]) -> None:
        """Rank the edits of some functions, and start the orders of one edit and of two anew."""
        found = list(self._ranked)
        for file, scope in places:
            found += self._of_scope(problem, self._sources[file], scope)
        found += _alike(found)
        found.sort(key=lambda each: (-each.score, each.file, each.line, each.edits))
        self._ranked = found
        self._orders.restart(found, self._steps)

    def _of_scope(self, problem: Problem, source: Source, scope: Scope | None) -> list[Ranked]:
        case = problem.case
        lines = case.suspicion[source.name]
        inner = [s for s in source.scopes if scope and s.start >= scope.start and s.end <= scope.end]
        constants = _constants(problem, source, scope)
        vocabulary = {id(s.node): _vocabulary(source, s, case, constants, inner) for s in inner}
        named = _named(problem, source, scope)
        roots: list[ast.AST] = [scope.node] if scope else statements.pieces(source.tree)
        pools = [statements.edits(source, roots, inner), names.unknown(source, roots)]
        if scope is None:
            pools.append(statements.outside(source))
        else:
            pools += [missing.expressions(source, vocabulary), insertions.statements(source, vocabulary)]
        found: list[tuple[Edit, tuple[int, int, str], float]] = []
        for edit in chain.from_iterable(pools):
            suspicion = suspicion_of(source, edit, lines)
            place = trimmed(source.content, edit)
            if suspicion and edit.weight and (place[0] != place[1] or place[2]):
                found.append((edit, place, suspicion))
        counts = Counter(edit.template for edit, _, _ in found)
        seen = [self._traits(problem, source, edit, place, how, counts[edit.template]) for edit, place, how in found]
        self._level = self._level or self._preference.level(seen)
        best: dict[tuple[int, int, str], Ranked] = {}
        for (edit, place, _), traits in zip(found, seen, strict=True):
            score = named * self._level * self._preference.score(traits)
            known = best.get(place)
            if known is None or known.score < score:
                best[place] = Ranked(score, source.name, (place,), edit.template, edit.line, (traits,))
        return list(best.values())

    def _traits(
        self, problem: Problem, source: Source, edit: Edit, place: tuple[int, int, str], suspicion: float, count: int
    ) -> Traits:
        around = self._around.setdefault(source.name, Contexts(source))
        favour = 1.0
        if problem.hypotheses:
            scope = source.scope_of(place[0])
            favour = bias(problem.hypotheses, edit.template, source.name, edit.line, scope.name if scope else "")
        return Traits(
            words(edit.template, (place,), around.names(edit)), math.log(suspicion), math.log(edit.weight),
            math.log(favour), rare(count),
        )  # fmt: skip

    def _unparsable(self, problem: Problem) -> Iterator[Candidate]:
        """What makes a file Python again: nothing else could be said of it before that."""
        for name, lines in problem.case.suspicion.items():
            if not name.endswith(".py") or name not in problem.project.files or is_test(name):
                continue
            content = problem.project.files[name]
            for edit in unparsable.edits(content, lines):
                place = (edit.start, edit.end, edit.text)
                patch = hashlib.sha256(b"\0".join([name.encode(), repr(place).encode(), content])).hexdigest()[:32]
                if patch in self._tried:
                    self.skipped += 1
                    continue
                self._tried.add(patch)
                score = lines[edit.line] * edit.weight
                changed = {name: spliced(content, [place])}
                yield Candidate(changed, patch, edit.template, name, edit.line, "", score, False, (place,))

    # -- candidates ------------------------------------------------------------------------------------------------

    def _candidate(self, ranked: Ranked, case: Case) -> Candidate:
        source = self._sources[ranked.file]
        patches = [source.patch_id(_edit(place, ranked)) for place in ranked.edits]
        patch = patches[0] if len(patches) == 1 else hashlib.sha256("+".join(patches).encode()).hexdigest()[:32]
        starts = [_within(source, start, end) for start, end, _ in ranked.edits]
        scope = source.scope_of(starts[0])
        imported = case.imported.get(ranked.file, ())
        run_at_import = scope is not None and any(
            number in imported for number in range(scope.node.body[0].lineno, (scope.node.body[-1].end_lineno or 0) + 1)
        )
        in_body = all(source.in_body(start) for start in starts)
        return Candidate(
            {ranked.file: spliced(source.content, ranked.edits)}, patch, ranked.template, ranked.file, ranked.line,
            scope.name if scope else "", ranked.score, self._pytest and in_body and not run_at_import, ranked.edits,
        )  # fmt: skip


def _within(source: Source, start: int, end: int) -> int:
    """Where an edit begins; what is added at a function's end still belongs to the function."""
    return start - 1 if start == end and not source.in_body(start) else start


def suspicion_of(source: Source, edit: Edit, lines: Mapping[int, float]) -> float:
    """Of the lines an edit touches the most suspect; a line of a longer statement counts by the statement's start."""
    last = edit.line + source.content[edit.start : edit.end].count(b"\n")
    own = max((lines.get(number, 0.0) for number in range(edit.line, min(last, edit.line + 60) + 1)), default=0.0)
    return own or max((lines.get(number, 0.0) * 0.8 for number in range(edit.line - 3, edit.line)), default=0.0)


def spliced(data: bytes, edits: Sequence[tuple[int, int, str]]) -> str:
    """A file's text with replacements that stand apart."""
    parts, at = [], 0
    for start, end, text in sorted(edits):
        parts += [data[at:start], text.encode()]
        at = end
    return b"".join([*parts, data[at:]]).decode()


def _edit(place: tuple[int, int, str], ranked: Ranked) -> Edit:
    return Edit(*place, ranked.template, 1.0, ranked.line)


def _alike(found: Sequence[Ranked]) -> list[Ranked]:
    """The same edit made at all the places of a function where it can be made, two to five of them."""
    groups: dict[tuple[str, str, str], list[Ranked]] = defaultdict(list)
    for each in found:
        if len(each.edits) == 1 and not each.template.startswith(("insert", "wrap_in", "everywhere")):
            start, end, text = each.edits[0]
            if end > start or len(text) < 8:
                groups[each.file, each.template, f"{end - start}:{text}"].append(each)
    made = []
    for group in groups.values():
        if 2 <= len(group) <= 5:
            places = sorted(each.edits[0] for each in group)
            if all(a[1] < b[0] for a, b in pairwise(places)):
                top = max(group, key=lambda each: each.score)
                traits = tuple(replace(each, words=(*each.words, SEVERAL)) for each in top.traits)
                made.append(Ranked(_SAME_FACTOR * top.score, top.file, tuple(places), f"{top.template}+{top.template}",
                                    top.line, traits))  # fmt: skip
    return made


def _waves(problem: Problem, sources: dict[str, Source]) -> list[tuple[float, tuple[str, Scope | None]]]:
    """The outermost functions (None: a module's own statements) by the suspicion of their most suspect line."""
    project, case = problem.project, problem.case
    found: list[tuple[float, tuple[str, Scope | None]]] = []
    for name, lines in case.suspicion.items():
        if name not in project.files or is_test(name):
            continue
        try:
            source = Source(name, project.files[name])
        except (SyntaxError, UnicodeDecodeError, ValueError, RecursionError):
            continue
        sources[name] = source
        left = dict(lines)
        outer = [s for s in source.scopes if not any(o.start < s.start and s.end <= o.end for o in source.scopes)]
        for scope in outer:
            numbers = range(scope.node.lineno, (scope.node.end_lineno or 0) + 1)  # type: ignore[union-attr]
            inside = [left.pop(number) for number in numbers if number in left]
            if inside and max(inside) > 0:
                found.append((max(inside), (name, scope)))
        if left and max(left.values()) > 0:
            found.append((0.5 * max(left.values()), (name, None)))
    return sorted(found, key=lambda wave: -wave[0])


def _named(problem: Problem, source: Source, scope: Scope | None) -> float:
    """1 for a function that the goal names, and if it names none; less for the others."""
    words = set(re.findall(r"[A-Za-z_]\w*", problem.goal))
    names = {each.name.rpartition(".")[2] for each in source.scopes} & words
    return 1.0 if not names or (scope is not None and scope.name.rpartition(".")[2] in names) else _UNNAMED


def _taken(waves: list[tuple[float, tuple[str, Scope | None]]]) -> list[tuple[float, tuple[str, Scope | None]]]:
    taken, waves[:] = waves[:_WAVE], waves[_WAVE:]
    return taken


def _constants(problem: Problem, source: Source, scope: Scope | None) -> list[object]:
    """Constants of a function, of the failing tests, of the module's other statements and of the goal's words."""
    found: dict[str, object] = {}
    trees: list[ast.AST] = [scope.node] if scope else [source.tree]
    wanted: dict[str, set[str]] = defaultdict(set)
    for test in problem.case.failing:
        file, _, rest = test.partition("::")
        wanted[file].add(rest.rpartition("::")[2].partition("[")[0])
    for file, tests in list(wanted.items())[:4]:
        if file not in problem.project.files:
            continue
        try:
            module = ast.parse(problem.project.files[file])
        except (SyntaxError, ValueError, RecursionError):
            continue
        trees += [n for n in ast.walk(module) if isinstance(n, ast.FunctionDef) and n.name in tests][:8]
    for tree in trees:
        for value in literals(tree):
            found.setdefault(repr(value), value)
    return list(found.values())[:120]


def _vocabulary(
    source: Source, scope: Scope, case: Case, constants: Sequence[object], around: Sequence[Scope]
) -> Vocabulary:
    types = dict(guessed(scope.node))
    node = scope.node
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    if case.probes:
        for place, variables in case.probes.types.items():
            file, line, name = place.rsplit(":", 2)
            if file == source.name and first <= int(line) <= (node.end_lineno or 0):
                own = name == node.name and int(line) in (first, node.lineno)
                for variable, kinds in variables.items():
                    if variable[0] not in ".#" and (own or variable != "return"):
                        types[variable] = list(kinds)
    words = Vocabulary(source, scope, types, constants)
    for outer in around:
        if outer is not scope and outer.start <= scope.start and scope.end <= outer.end:
            for name in Vocabulary(source, outer, {}, ()).bound:
                words.bound.setdefault(name, [0])
    return words


_ANNOTATED = {"int": "int", "float": "float", "str": "str", "bool": "bool", "list": "list", "List": "list",
              "dict": "dict",
              "Dict": "dict", "set": "set", "Set": "set", "tuple": "tuple", "Tuple": "tuple",
              "Sequence": "list"}  # fmt: skip


def guessed(node: ast.AST) -> dict[str, list[str]]:
    """Types of variables as far as annotations and constants tell."""
    found: dict[str, list[str]] = {}
    for inner in ast.walk(node):
        match inner:
            case ast.arg(arg=name, annotation=ast.Name(id=word) | ast.Subscript(value=ast.Name(id=word))):
                found.setdefault(name, []).append(_ANNOTATED.get(word, word))
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=value)) if value is not None:
                found.setdefault(name, []).append(type(value).__name__)
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.List() | ast.ListComp()):
                found.setdefault(name, []).append("list")
            case ast.For(target=ast.Name(id=name), iter=ast.Call(func=ast.Name(id="range" | "len"))):
                found.setdefault(name, []).append("int")
    return found
