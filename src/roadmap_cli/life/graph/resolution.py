"""Which atoms are one person: pairs that may be are found by blocks, weighed, and joined from the surest down.

Weights are log-odds that add up, as Fellegi and Sunter (1969) add agreement weights; frequent names weigh less.
A cluster never joins another against the user's word, nor where names or birthdays contradict. The outcome depends on
the set of atoms alone: ties are broken by their keys.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from roadmap_cli.life.graph import grouping, identities, names
from roadmap_cli.life.graph.evidence import Atom, Evidence, Pair, pair
from roadmap_cli.life.graph.names import Level, Name
from roadmap_cli.life.graph.nicknames import COMMON_FAMILY_NAMES, FAMILY

#: Natural log-odds from which two are one, and from which the user is asked.
MERGE, ASK = 2.0, -0.5
#: Of the chance that any two of a block are one.
PRIOR = -4.0
#: What agreement of names weighs.
NAME_WEIGHTS = {
    Level.CONFLICT: -9.0, Level.UNTOLD: 0.0, Level.GIVEN: 1.2, Level.FAMILY_CHANGED: -2.0, Level.INITIAL: 2.2,
    Level.TYPO: 4.6, Level.NICKNAME: 5.2, Level.PART: 5.6, Level.EXACT: 7.0,
}  # fmt: skip
LINK_WEIGHTS = {
    "user": 14.0,
    "email": 11.0,
    "phone": 9.0,
    "signature_phone": 8.0,
    "signature_email": 6.0,
    "same": 12.0,
    "named": 4.0,
}
_COMMON, _COMMON_GIVEN = 0.7, 0.6
_COMMON_NAMES = frozenset(map(names.spelt, COMMON_FAMILY_NAMES))
_OWN = frozenset(map(names.spelt, FAMILY))
_LARGEST_BLOCK = 400
_FEW_FORMS = 6


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


class _Person:
    """What pairs of atoms are compared by."""

    def __init__(self, atom: Atom) -> None:
        self.atom = atom
        told: dict[Name, int] = {}
        self.hinted = False
        for form, count in sorted(atom.forms.items(), key=lambda each: (-each[1], each[0])):
            name = names.parse(form)
            if name is not None and not name.family and name.given[0] in _OWN:
                continue  # "Mum" names whoever the user's is
            if name is not None and len(told) < _FEW_FORMS:
                told[name] = told.get(name, 0) + count
        if atom.type == "e":
            hint = identities.hint(atom.value)
            name = names.parse(hint) if hint else None
            if name is not None:
                self.hinted = not any(each.family for each in told)
                told.setdefault(name, 0)
        if any(name.family for name in told) and atom.type in "ep":
            told = {name: count for name, count in told.items() if name.family}
        self.names = tuple(told)
        self.domain = identities.organisation_domain(atom.value) if atom.type == "e" else None
        handle = identities.handle(atom.value) if atom.type == "e" else None
        self.handle = names.spelt(handle) if handle else None
        self.is_role = atom.type == "e" and identities.is_role(atom.value)

    @property
    def main(self) -> Name | None:
        """Its most frequent name."""
        return self.names[0] if self.names else None


def level(a: Iterable[Name], b: Iterable[Name]) -> Level:
    """The best agreement of any names of two; UNTOLD if either has none."""
    return max((names.agree(x, y) for x in a for y in b), default=Level.UNTOLD)


def resolve(evidence: Evidence, words: Iterable[Word] = ()) -> Outcome:
    """Join the atoms that stand for one: people by weight, all others by the rules of `grouping`."""
    people = {
        number: _Person(atom)
        for number, atom in evidence.atoms.items()
        if atom.sort == "person" or (atom.type == "y" and _may_be_person(atom))
    }
    weigh = _Weigher(evidence, people)
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


def _candidates(evidence: Evidence, people: Mapping[int, _Person]) -> list[tuple[int, int]]:
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


class _Weigher:
    """Weighs pairs."""

    def __init__(self, evidence: Evidence, people: Mapping[int, _Person]) -> None:
        self.evidence = evidence
        self.people = people
        self.given = Counter(word for person in people.values() if person.main for word in {person.main.given[0]})
        self.total = max(sum(self.given.values()), 1)
        owners: dict[int, set[int]] = defaultdict(set)
        for (a, b), roles in evidence.links.items():
            for one, other in ((a, b), (b, a)):
                if ("email" in roles or "phone" in roles) and one in people and people[one].atom.type == "c":
                    owners[other].add(one)
        self.owners = owners
        self.held: dict[int, set[int]] = defaultdict(set)
        for identifier, holders in owners.items():
            for holder in holders:
                self.held[holder].add(identifier)

    def __call__(self, a: int, b: int) -> Pair:
        one, other = self.people[a], self.people[b]
        score, why = PRIOR, []
        linked = self.evidence.links.get(pair(a, b))
        if linked:
            weight, words = self._link(a, b, linked)
            score += weight
            why.append(words)
        agreement = level(one.names, other.names)
        fits = list(self._handles(one, other)) if agreement <= Level.INITIAL else []
        if linked and linked.keys() == {"named"} and agreement in (Level.CONFLICT, Level.UNTOLD) and not fits:
            return Pair(a, b, -20.0, (), True)
        weight = NAME_WEIGHTS[agreement]
        if agreement is Level.CONFLICT and (one.hinted or other.hinted):
            weight = -3.0
        if agreement is Level.CONFLICT and linked:
            calls = not all(each.main and each.main.family for each in (one, other))  # "Mum" is a name for anybody
            weight = -3.0 if calls else -6.0
        if agreement > Level.FAMILY_CHANGED:
            weight += self._rarity(one, other)
            why.append(_WORDS[agreement])
        elif agreement in (Level.GIVEN, Level.FAMILY_CHANGED, Level.CONFLICT):
            why.append(_WORDS[agreement])
        score += weight
        for weight, words in (*fits, *self._attributes(one, other), *self._context(a, b)):
            score += weight
            why.append(words)
        return Pair(a, b, round(score, 4), tuple(why), not linked)

    def _link(self, a: int, b: int, roles: Counter[str]) -> tuple[float, str]:
        role = max(sorted(roles), key=lambda each: LINK_WEIGHTS.get(each, 0.0))
        weight = LINK_WEIGHTS.get(role, 0.0)
        holders = self.owners.get(b if self.people[a].atom.type == "c" else a, set())
        if len(holders) > 1 and not self._one_name(holders):
            weight = weight / 2 - 1  # a landline, an address of a household: it tells a family, not a person
            return weight, f"{_LINKS[role]}, which others have, too"
        return weight, _LINKS[role]

    def _one_name(self, holders: set[int]) -> bool:
        mains = [self.people[each].main for each in sorted(holders)]
        told = [each for each in mains if each is not None]
        return all(names.agree(told[0], each) >= Level.INITIAL for each in told[1:]) if told else True

    def _rarity(self, one: _Person, other: _Person) -> float:
        """What the frequency of the name takes away: a common family name, a given name many here have."""
        main = one.main or other.main
        if main is None or not main.family:
            return 0.0
        weight = -_COMMON if main.family in _COMMON_NAMES else 0.0
        share = max(self.given[main.given[0]] - 2, 0) / self.total
        return weight - min(_COMMON_GIVEN, 12 * share)

    def _handles(self, one: _Person, other: _Person) -> Iterable[tuple[float, str]]:
        for first, second in ((one, other), (other, one)):
            if first.handle and second.names:
                best = max((_handle_fits(first.handle, name) for name in second.names), default=0.0)
                if best:
                    yield best, "the address is made of the name"
                    return
        if one.handle and one.handle == other.handle and len(one.handle) > 5 and not (one.names and other.names):
            yield 4.0, "the same word before the @"

    def _attributes(self, one: _Person, other: _Person) -> Iterable[tuple[float, str]]:
        if one.atom.birthdays and other.atom.birthdays:
            same = any(_same_day(x, y) for x in one.atom.birthdays for y in other.atom.birthdays)
            yield (5.0, "the same birthday") if same else (-10.0, "other birthdays")
        if one.atom.organisations & other.atom.organisations:
            yield 1.5, "the same organisation"
        elif one.atom.organisations and other.atom.organisations:
            yield -1.0, "other organisations"
        for first, second in ((one, other), (other, one)):
            if first.domain and any(self._is_domain_of(first.domain, each) for each in second.atom.organisations):
                yield 1.5, "an address at the organisation"
        if one.atom.addresses & other.atom.addresses:
            yield 2.0, "the same postal address"
        if one.domain and other.domain:
            if one.domain == other.domain:
                yield -0.5, "two addresses of one organisation"
            elif one.atom.trail.last < other.atom.trail.first or other.atom.trail.last < one.atom.trail.first:
                yield 0.8, "one address follows the other in time"
            else:
                yield -1.2, "addresses of two organisations at one time"
        kinds = {one.atom.type, other.atom.type}
        if kinds == {"c"}:
            yield self._entries(one.atom.number, other.atom.number)
        if kinds == {"c", "n"} and any(form in one.atom.forms for form in other.atom.forms):
            single = not (one.main and one.main.family)
            yield (6.2 if single else 3.0), "written as in the address book"

    def _is_domain_of(self, domain: str, organisation: int) -> bool:
        label = names.fold(domain.split(".")[0]).replace(" ", "")
        words = self.evidence.atoms[organisation].value.split()
        return label in ("".join(words), words[0])

    def _entries(self, a: int, b: int) -> tuple[float, str]:
        """Two entries of address books: copies share a number or an address; two that share none of many are two."""
        mine, theirs = self.held.get(a, set()), self.held.get(b, set())
        if mine & theirs:
            return 1.0, "two entries that share a number or an address"
        if any(self.evidence.atoms[x].type == self.evidence.atoms[y].type for x in mine for y in theirs):
            return -2.5, "two entries of address books that share nothing"
        return -0.5, "two entries of address books"

    def _context(self, a: int, b: int) -> Iterable[tuple[float, str]]:
        together = self.evidence.beside.get(pair(a, b), 0)
        if together:
            yield (-2.5 if together == 1 else -4.5), "both addressed in the same records"
        mine, theirs = self.evidence.circles.get(a), self.evidence.circles.get(b)
        if not mine or not theirs:
            return
        users = self.evidence.users
        shared = [each for each in mine if each in theirs and each not in users]
        if shared:
            near = math.fsum(1 / math.log(2 + len(self.evidence.circles[each])) for each in shared)
            yield min(2.5, 0.9 * near), "the same people around both"
        elif len(mine.keys() - users.keys()) > 3 and len(theirs.keys() - users.keys()) > 3:
            yield -0.8, "other people around them"


def _handle_fits(handle: str, name: Name) -> float:
    first, last = name.given[0], name.family.replace(" ", "")
    if not last:
        return 2.5 if names.same_given(handle, first) else 0.0
    if handle == first:
        return 1.0
    if last and handle in (first + last, last + first):
        return 5.5
    if last and handle.endswith(last) and names.same_given(handle.removesuffix(last), first):
        return 4.5
    if last and len(last) > 2 and handle in (first[0] + last, last + first[0], first + last[0]):
        return 3.4
    return 1.5 if handle == last and len(last) > 3 else 0.0


def _months_later(moment: str) -> str:
    """The day three months after a moment, near enough to compare with."""
    year, month = int(moment[:4]), int(moment[5:7]) + 3
    return f"{year + (month - 1) // 12}-{(month - 1) % 12 + 1:02}{moment[7:10]}"


def _same_day(a: str, b: str) -> bool:
    if a.startswith("--") or b.startswith("--"):
        return a[-5:] == b[-5:]
    return a == b


_WORDS = {
    Level.CONFLICT: "other names", Level.GIVEN: "the given name fits", Level.FAMILY_CHANGED: "another family name",
    Level.INITIAL: "family name and initial agree", Level.TYPO: "names agree but for a letter",
    Level.NICKNAME: "names agree by a nickname", Level.PART: "names agree but for a middle name",
    Level.EXACT: "the same name",
}  # fmt: skip
_LINKS = {
    "email": "a contact has the address", "phone": "a contact has the number",
    "signature_phone": "mails are signed with the number", "signature_email": "mails are signed with the address",
    "named": "titles of small meetings name one who is there",
    "same": "the contact is that organisation", "user": "both send what the user writes",
}  # fmt: skip


class _Joining:
    """Union-find with vetoes."""

    def __init__(self, evidence: Evidence, people: Mapping[int, _Person], words: Iterable[Word]) -> None:
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
        return bool(born and also) and not any(_same_day(x, y) for x in born for y in also)

    def _join(self, a: int, b: int) -> None:
        one, other = self.cluster[a], self.cluster[b]
        if len(self.members[one]) < len(self.members[other]):
            one, other = other, one
        for each in self.members[other]:
            self.cluster[each] = one
        self.members[one] += self.members.pop(other)
