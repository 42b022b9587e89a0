"""How much speaks for two atoms being one person: weights of evidence, as log-odds that add up.

After Fellegi and Sunter (1969), who add agreement weights; a frequent name weighs less than a rare one.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from roadmap_cli.life.graph import identities, names
from roadmap_cli.life.graph.evidence import Atom, Evidence, Pair, pair
from roadmap_cli.life.graph.names import Level, Name
from roadmap_cli.life.graph.nicknames import COMMON_FAMILY_NAMES, FAMILY

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
_FEW_FORMS = 6
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
    "same": "the contact is that organisation", "user": "both are the user",
}  # fmt: skip


class Person:
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


class Weigher:
    """Weighs pairs."""

    def __init__(self, evidence: Evidence, people: Mapping[int, Person]) -> None:
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
        """The pair with its log-odds and reasons. Symmetric but for the order of the two."""
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

    def _rarity(self, one: Person, other: Person) -> float:
        """What the frequency of the name takes away: a common family name, a given name many here have."""
        main = one.main or other.main
        if main is None or not main.family:
            return 0.0
        weight = -_COMMON if main.family in _COMMON_NAMES else 0.0
        share = max(self.given[main.given[0]] - 2, 0) / self.total
        return weight - min(_COMMON_GIVEN, 12 * share)

    def _handles(self, one: Person, other: Person) -> Iterable[tuple[float, str]]:
        for first, second in ((one, other), (other, one)):
            if first.handle and second.names:
                best = max((_handle_fits(first.handle, name) for name in second.names), default=0.0)
                if best:
                    yield best, "the address is made of the name"
                    return
        if one.handle and one.handle == other.handle and len(one.handle) > 5 and not (one.names and other.names):
            yield 4.0, "the same word before the @"

    def _attributes(self, one: Person, other: Person) -> Iterable[tuple[float, str]]:
        if one.atom.birthdays and other.atom.birthdays:
            same = any(same_day(x, y) for x in one.atom.birthdays for y in other.atom.birthdays)
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


def same_day(a: str, b: str) -> bool:
    """Whether two birthdays are one; one of them may lack its year (--MM-DD)."""
    if a.startswith("--") or b.startswith("--"):
        return a[-5:] == b[-5:]
    return a == b
