"""The tree-sitter driver: template edits for JavaScript, TypeScript and Go, one edit, then two on top of what helped.

Edits are ranked by the suspicion of their lines times the prior of their template; with a screen they are tried
quickly by the batch: those that mend the failing tests are proposed (or, if there are none in a batch, the one that
comes nearest), and those that mend some of them are what a second edit is put upon.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice, pairwise

from roadmap_cli.agent import languages
from roadmap_cli.agent.code.project import Project, is_test
from roadmap_cli.agent.code.source import Edit, trimmed
from roadmap_cli.agent.drivers.ranking import Orders, Ranked, Spans, lessons, rare
from roadmap_cli.agent.languages.syntax import Tree
from roadmap_cli.agent.preference import SEVERAL, Lesson, Preference, Traits, words
from roadmap_cli.agent.repair.driver import Candidate, Case, Problem, Verdict
from roadmap_cli.agent.testing.bench import Trial
from roadmap_cli.agent.testing.localise import Suspicion
from roadmap_cli.core.errors import DataError, Unavailable

_BATCHES = (12, 24, 48)
_PAIRS, _PARTIALS, _ALIKE = 600, 8, (2, 5)
_PAIR_FACTOR, _PARTIAL_FACTOR, _ALIKE_FACTOR = 0.004, 0.5, 0.4

#: So many lines are looked at together; a weight hardly ever above.
_LINES, _CEILING = 300, 3.0
_EVERYWHERE = "everywhere_"


#: Tries candidates by the batch, in their order; None for one it can say nothing of.
Screen = Callable[[Sequence[Candidate]], Sequence[Trial | None]]
#: Gives the screen for a case; None if its tests cannot be run so.
Screens = Callable[[Case], Screen | None]


class TreeSitter:
    """The driver. `preference` is what experience says of edits; `tried` are patches not to propose again.

    `screens` gives a way to try them quickly, asked for when the first proposal is.
    """

    name = "template"

    def __init__(
        self, preference: Preference | None = None, *, tried: Collection[str] = (), screens: Screens | None = None
    ) -> None:
        self._preference, self._screens = preference or Preference(), screens
        self._proposed: dict[str, Ranked] = {}
        self._level = 0.0
        self._tried = set(tried)
        self._trees: dict[str, Tree] = {}
        self._known: dict[str, Ranked] = {}
        self._partial: list[tuple[float, Ranked]] = []
        self._orders = Orders(_PAIRS, _PAIR_FACTOR)
        self._ranked: list[Ranked] = []
        self._waves: list[tuple[float, Suspicion]] = []
        self.skipped = 0
        self.screened = 0
        self.unscreened = 0

    def candidates(self, problem: Problem) -> Iterator[Candidate]:
        """Proposals, the most promising first. Raises Unavailable if there is nothing here that it can read."""
        self._waves = _waves(problem.project, problem.case)
        if not self._waves:
            raise Unavailable("no suspect file in a language with a grammar")
        every = self._in_order(problem.project)
        screen = self._screens(problem.case) if self._screens else None
        if screen is None:
            for candidate in every:
                self.unscreened += 1
                yield candidate
            return
        step = 0
        while batch := list(islice(every, _BATCHES[min(step, len(_BATCHES) - 1)])):
            step += 1
            yield from self._screened(screen, batch)

    def told(self, verdict: Verdict) -> None:
        """What mended a part is worth a second edit."""
        if verdict.outcome in ("partial", "regressed"):
            self._built_upon(verdict.candidate, verdict.failing)

    def lessons(self, candidate: Candidate) -> list[Lesson]:
        """What it teaches that this proposal was the repair."""
        ranked = self._proposed.get(candidate.patch)
        return lessons(ranked, self._ranked) if ranked else []

    def _screened(self, screen: Screen, batch: list[Candidate]) -> Iterator[Candidate]:
        """Those of a batch that pass, and those that nothing is known of; if there are none, the nearest one."""
        said = list(zip(batch, screen(batch), strict=True))
        refuted = [(trial, candidate) for candidate, trial in said if trial is not None and not trial.passes]
        for trial, candidate in refuted:
            if trial.mended:
                self._built_upon(candidate, trial.left + trial.broken)
        passing = [candidate for candidate, trial in said if trial is not None and trial.passes]
        unsaid = [candidate for candidate, trial in said if trial is None]
        self.screened += len(passing) + len(refuted)
        self.unscreened += len(unsaid)
        yield from passing
        yield from unsaid
        if not passing and not unsaid:  # whoever asks is to have a say now and then
            yield min(refuted, key=lambda entry: entry[0].left + entry[0].broken)[1]

    def _built_upon(self, candidate: Candidate, left: int) -> None:
        ranked = self._known.pop(candidate.patch, None)
        if ranked is not None and len(ranked.edits) == 1 and len(self._partial) < _PARTIALS:
            self._partial.append((_PARTIAL_FACTOR * ranked.score**0.5 / (1 + left), ranked))
            self._orders.begin(*self._partial[-1])

    # -- ranking ---------------------------------------------------------------------------------------------------

    def _add(self, project: Project, wave: Suspicion) -> None:
        """Rank the edits of some more lines, and start the orders of one edit and of two anew."""
        found = [each for each in self._ranked if not each.template.startswith(_EVERYWHERE)]
        for name, lines in wave.items():
            found += self._of_file(project, name, lines)
        found += self._alike(found)
        found.sort(key=lambda each: (-each.score, each.file, each.line, each.edits))
        self._ranked = found
        self._orders.restart(found, self._partial)

    def _of_file(self, project: Project, name: str, lines: Mapping[int, float]) -> list[Ranked]:
        language = languages.of(name)
        assert language is not None
        try:
            tree = self._trees.get(name) or language.parse(name, project.files[name])
        except DataError:
            return []
        self._trees[name] = tree
        edits = [edit for edit in language.edits(tree, lines) if edit.weight]
        counts = Counter(edit.template for edit in edits)
        found: list[tuple[Edit, tuple[int, int, str], Traits]] = []
        for edit in edits:
            place = trimmed(tree.content, edit)
            near = max(lines.get(edit.line - 1, 0.0), lines.get(edit.line + 1, 0.0))
            suspicion = lines.get(edit.line, 0.0) or 0.5 * near
            if suspicion and (place[0] != place[1] or place[2]):
                traits = Traits(
                    words(edit.template, (place,)), math.log(suspicion), math.log(edit.weight), 0.0,
                    rare(counts[edit.template]),
                )  # fmt: skip
                found.append((edit, place, traits))
        self._level = self._level or self._preference.level([traits for _, _, traits in found])
        best: dict[tuple[int, int, str], Ranked] = {}
        for edit, place, traits in found:
            score = self._level * self._preference.score(traits)
            known = best.get(place)
            if known is None or known.score < score:
                best[place] = Ranked(score, name, (place,), edit.template, edit.line, (traits,))
        return list(best.values())

    def _alike(self, found: Sequence[Ranked]) -> list[Ranked]:
        """The same edit at all the places of one function where it can be made, two to five of them."""
        groups: dict[tuple[object, ...], list[Ranked]] = {}
        for each in found:
            (start, end, text), tree = each.edits[0], self._trees[each.file]
            scope = tree.scope_of(start)
            if end > start and end - start <= 30:
                key = (each.file, scope.start if scope else -1, each.template, tree.between(start, end), text)
                groups.setdefault(key, []).append(each)
        made = []
        for group in groups.values():
            edits = tuple(sorted(each.edits[0] for each in group))
            apart = all(one[1] <= two[0] for one, two in pairwise(edits))
            if _ALIKE[0] <= len(group) <= _ALIKE[1] and apart:
                first = group[0]
                score = max(each.score for each in group) * _ALIKE_FACTOR
                traits = tuple(replace(each, words=(*each.words, SEVERAL)) for each in first.traits)
                made.append(Ranked(score, first.file, edits, f"{_EVERYWHERE}{first.template}", first.line, traits))
        return made

    def _in_order(self, project: Project) -> Iterator[Candidate]:
        """One edit, and two, in one order by score; sound ones, each once."""
        seen: set[tuple[str, Spans] | bytes] = set()  # edits, and digests of what came of them
        while self._orders or self._waves:
            if self._waves and _CEILING * self._waves[0][0] > self._orders.top:
                self._add(project, self._waves.pop(0)[1])
                continue
            ranked = self._orders.next()
            if ranked is None or (ranked.file, ranked.edits) in seen:
                continue
            seen.add((ranked.file, ranked.edits))
            candidate = self._candidate(ranked)
            if candidate is None:
                continue
            digest = hashlib.sha256(candidate.changed[candidate.file].encode()).digest()
            if digest in seen:
                continue
            seen.add(digest)
            if candidate.patch in self._tried:
                self.skipped += 1
                continue
            self._tried.add(candidate.patch)
            self._known[candidate.patch] = ranked
            self._proposed[candidate.patch] = ranked
            yield candidate

    def _candidate(self, ranked: Ranked) -> Candidate | None:
        tree = self._trees[ranked.file]
        content = tree.apply(ranked.edits)
        if not tree.sound(content):
            return None
        scope = tree.scope_of(ranked.edits[0][0])
        return Candidate(
            {ranked.file: content.decode()}, tree.patch_id(ranked.edits), ranked.template, ranked.file, ranked.line,
            scope.name if scope else "", ranked.score, False,
        )  # fmt: skip


def _waves(project: Project, case: Case) -> list[tuple[float, Suspicion]]:
    """The suspect lines in lots, the most suspect first, each with the greatest suspicion in it."""
    lines = [
        (value, name, line) for name, suspect in case.suspicion.items() for line, value in suspect.items()
        if value > 0 and name in project.files and languages.knows(name) and not is_test(name)
    ]  # fmt: skip
    lines.sort(key=lambda entry: (-entry[0], entry[1], entry[2]))
    found = []
    for at in range(0, len(lines), _LINES):
        wave: Suspicion = {}
        for value, name, line in lines[at : at + _LINES]:
            wave.setdefault(name, {})[line] = value
        found.append((lines[at][0], wave))
    return found
