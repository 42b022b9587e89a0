"""Which atoms are one: pairs that may be are found by blocks, weighed, and joined from the surest down.

A cluster never joins another against the user's word, nor where names or birthdays contradict. The outcome depends on
the set of atoms alone: ties are broken by their keys.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from roadmap_cli.life.graph import grouping, names
from roadmap_cli.life.graph.evidence import Atom, Evidence, Pair, pair
from roadmap_cli.life.graph.names import Level, Name
from roadmap_cli.life.graph.weighing import Person, Weigher, level, same_day

#: Natural log-odds from which two are one, and from which the user is asked.
MERGE, ASK = 2.0, -0.5
_LARGEST_BLOCK = 400


@dataclass(slots=True)
class Outcome:
    """`cluster` is the least number of each atom's cluster; `joined` the pairs that made them; `asked` the doubtful."""

    cluster: dict[int, int]
    members: dict[int, list[int]]
    joined: list[Pair] = field(default_factory=list)
    asked: list[Pair] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Word:
    """The user's word on two atoms: they are one, or are not. Later words are stronger."""

    a: int
    b: int
    together: bool


def resolve(evidence: Evidence, words: Iterable[Word] = ()) -> Outcome:
    """Join the atoms that stand for one: people by weight, all others by the rules of `grouping`."""
    people = {
        number: Person(atom)
        for number, atom in evidence.atoms.items()
        if atom.sort == "person" or (atom.type == "y" and _may_be_person(atom))
    }
    weigh = Weigher(evidence, people)
    pairs = sorted(
        [
            *(found for a, b in _candidates(evidence, people) if (found := weigh(a, b)).score >= ASK),
            *grouping.pairs(evidence),
        ],
        key=lambda each: (-each.score, *sorted((evidence.atoms[each.a].key, evidence.atoms[each.b].key))),
    )
    return _Joining(evidence, people, words).run(pairs)


def _may_be_person(atom: Atom) -> bool:
    """Whether a payee is written as a person's full name."""
    return any(name is not None and name.is_full for name in map(names.parse, atom.forms))


def _candidates(evidence: Evidence, people: Mapping[int, Person]) -> list[tuple[int, int]]:
    """Pairs worth a comparison: linked by a record, or in one block by name."""
    found = {each for each in evidence.links if each[0] in people and each[1] in people}
    blocks: dict[str, list[int]] = defaultdict(list)
    for number, person in people.items():
        if person.is_role:
            continue
        keys: set[str] = set()
        for name in person.names:
            keys.update(_block_keys(name))
        if person.handle:
            keys.add(f"h:{person.handle}")
        if person.atom.type in "cn":
            keys.update(f"w:{form}" for form in person.atom.forms)
        for key in keys:
            blocks[key].append(number)
    for members in blocks.values():
        if 1 < len(members) <= _LARGEST_BLOCK:
            for i, a in enumerate(members):
                found.update(pair(a, b) for b in members[i + 1 :])
    return [(a, b) for a, b in found if a != b]


def _block_keys(name: Name) -> Iterable[str]:
    given = name.given[0]
    if not name.family:
        return [f"g:{group}" for group in names.given_groups(given)] + [f"h:{given}"]
    keys = [f"x:{name.key}", f"f:{name.family}:{given[0]}"]
    keys += [f"f:{given}:{name.family[0]}"]  # the family name may stand first
    keys += [f"n:{group}:{name.family[:2]}" for word in (given,) for group in names.given_groups(word)]
    keys += [f"n:{given}:{name.family[1:3]}"]
    keys += [f"g:{group}" for group in names.given_groups(given)]
    first, last = given, name.family.replace(" ", "")
    keys += [
        f"h:{each}" for each in (first + last, first[0] + last, first + last[0], last + first[0], last, last + first)
    ]
    return keys


def _months_later(moment: str) -> str:
    """The day three months after a moment, near enough to compare with."""
    year, month = int(moment[:4]), int(moment[5:7]) + 3
    return f"{year + (month - 1) // 12}-{(month - 1) % 12 + 1:02}{moment[7:10]}"


class _Joining:
    """Union-find with vetoes."""

    def __init__(self, evidence: Evidence, people: Mapping[int, Person], words: Iterable[Word]) -> None:
        self.evidence = evidence
        self.people = people
        latest: dict[tuple[int, int], bool] = {}
        for word in words:
            latest.pop(pair(word.a, word.b), None)
            latest[pair(word.a, word.b)] = word.together
        self.latest = latest
        self.apart: dict[int, set[int]] = defaultdict(set)
        for (a, b), together in latest.items():
            if not together:
                self.apart[a].add(b)
                self.apart[b].add(a)
        self.cluster = {number: number for number in evidence.atoms}
        self.members = {number: [number] for number in evidence.atoms}
        self.full: dict[int, set[Name]] = {}
        for number, person in people.items():
            self.full[number] = {name for name in person.names if name.is_full and not person.hinted}

    def run(self, pairs: list[Pair]) -> Outcome:
        """Join by the user's word, then by evidence from the surest down; what is between the thresholds is asked."""
        outcome = Outcome(self.cluster, self.members)
        for (a, b), together in reversed(self.latest.items()):  # of words that contradict one another the last holds
            if together and self.cluster[a] != self.cluster[b] and not self._forbidden(a, b):
                self._join(a, b)
                outcome.joined.append(Pair(a, b, 99.0, ("the user said so",), False))
        rivals = self._rivals(pairs)
        for _ in range(2):  # again: what rivalled in the first round may have become one by its end
            outcome.asked = []
            for each in pairs:
                if self.cluster[each.a] == self.cluster[each.b] or self._forbidden(each.a, each.b):
                    continue
                doubtful = each.score < MERGE or (
                    each.by_name_only and (self._has_rival(each, rivals) or self._works_twice(each))
                )
                if not doubtful and not self._contradicts(each.a, each.b, lenient=not each.by_name_only):
                    self._join(each.a, each.b)
                    outcome.joined.append(each)
                elif not self._contradicts(each.a, each.b):
                    outcome.asked.append(each)
        outcome.asked = [each for each in outcome.asked if self.cluster[each.a] != self.cluster[each.b]]
        return outcome

    def _rivals(self, pairs: list[Pair]) -> dict[int, list[tuple[float, int]]]:
        """For each written name, whom else it may stand for."""
        found: dict[int, list[tuple[float, int]]] = defaultdict(list)
        for each in pairs:
            if each.by_name_only:
                found[each.a].append((each.score, each.b))
                found[each.b].append((each.score, each.a))
        return found

    def _has_rival(self, each: Pair, rivals: Mapping[int, list[tuple[float, int]]]) -> bool:
        """Whether a bare name would fit another cluster nearly as well, which is not this one."""
        for bare, chosen in ((each.a, each.b), (each.b, each.a)):
            if self.evidence.atoms[bare].type not in "ny":
                continue
            for score, other in rivals.get(bare, ()):
                if (
                    score > each.score - 1.5
                    and self.cluster[other] not in (self.cluster[chosen], self.cluster[bare])
                    and (score >= ASK and self._contradicts_or_unsure(other, chosen))
                ):
                    return True
        return False

    def _works_twice(self, each: Pair) -> bool:
        """Whether one of both clusters used a firm's address for months in which the other used another firm's."""
        if each.score >= MERGE + 3:
            return False
        mine, theirs = (self._firms(number) for number in (each.a, each.b))
        return any(
            domain != other and min(last, until)[:10] > _months_later(max(first, since))
            for domain, first, last in mine
            for other, since, until in theirs
        ) and not {domain for domain, *_ in mine} & {domain for domain, *_ in theirs}

    def _firms(self, number: int) -> list[tuple[str, str, str]]:
        found = []
        for each in self.members[self.cluster[number]]:
            atom, person = self.evidence.atoms[each], self.people.get(each)
            if person is not None and person.domain and atom.trail.count >= 3:
                found.append((person.domain, atom.trail.first, atom.trail.last))
        return found

    def _contradicts_or_unsure(self, a: int, b: int) -> bool:
        one, other = self.people[a], self.people[b]
        return one.atom.type not in "ny" or level(one.names, other.names) is Level.CONFLICT

    def _forbidden(self, a: int, b: int) -> bool:
        """Whether the user said of any two of both clusters that they are not one."""
        if not self.apart:
            return False
        theirs = set(self.members[self.cluster[b]])
        return any(self.apart.get(each, set()) & theirs for each in self.members[self.cluster[a]])

    def _contradicts(self, a: int, b: int, *, lenient: bool = False) -> bool:
        """Whether any full names of both clusters are other people's, or their birthdays differ.

        `lenient`: a record links the two, so that another family name may be a new one.
        """
        mine, theirs = self.members[self.cluster[a]], self.members[self.cluster[b]]
        ours = {name for each in mine for name in self.full.get(each, ())}
        others = {name for each in theirs for name in self.full.get(each, ())}
        if ours and others and level(ours, others) is Level.FAMILY_CHANGED and not lenient:
            return True
        if ours and others:
            worst = min(names.agree(x, y) for x in ours for y in others)
            if worst is Level.CONFLICT:
                return True
        born = {day for each in mine for day in self.evidence.atoms[each].birthdays}
        also = {day for each in theirs for day in self.evidence.atoms[each].birthdays}
        return bool(born and also) and not any(same_day(x, y) for x in born for y in also)

    def _join(self, a: int, b: int) -> None:
        one, other = self.cluster[a], self.cluster[b]
        if len(self.members[one]) < len(self.members[other]):
            one, other = other, one
        for each in self.members[other]:
            self.cluster[each] = one
        self.members[one] += self.members.pop(other)
