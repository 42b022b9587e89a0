"""Which organisations and places are one: by their spelling, by domains of mail, by street and number."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from roadmap_cli.life.graph import identities, names
from roadmap_cli.life.graph.evidence import Atom, Evidence, Pair, pair

_SURE, _LIKELY = 10.0, 5.0
#: A domain shorter than this is too common a word to know a firm by.
_TELLING_LETTERS = 5
_NUMBERED = re.compile(r"\d+\s?[a-z]?")


def pairs(evidence: Evidence) -> Iterator[Pair]:
    """Pairs that are one, each with why."""
    yield from _linked(evidence)
    yield from _organisations(evidence)
    yield from _places(evidence)


def _linked(evidence: Evidence) -> Iterator[Pair]:
    """An organisation's own entry of an address book, with its addresses and numbers."""
    for (a, b), roles in evidence.links.items():
        sorts = {evidence.atoms[a].type, evidence.atoms[b].type}
        if "same" in roles:
            yield Pair(a, b, _SURE + 2, ("the contact is that organisation",))
        elif "c" in sorts and {"email", "phone"} & roles.keys():
            contact = evidence.atoms[a if evidence.atoms[a].type == "c" else b]
            if contact.sort == "organization":
                yield Pair(a, b, _SURE, ("the organisation's entry has it",))


def _compact(text: str) -> str:
    return text.replace(" ", "")


def _organisations(evidence: Evidence) -> Iterator[Pair]:
    by_name: dict[str, list[Atom]] = defaultdict(list)
    domains: dict[str, Atom] = {}
    for atom in evidence.atoms.values():
        if atom.sort == "organization" and atom.type in "oy":
            by_name[_compact(atom.value)].append(atom)
        elif atom.type == "d":
            domains[atom.value] = atom
    for same in by_name.values():
        ordered = sorted(same, key=lambda atom: atom.key)
        for other in ordered[1:]:
            yield Pair(ordered[0].number, other.number, _SURE, ("the same name",))
    for domain, atom in domains.items():
        label = _compact(names.fold(domain.split(".")[0]))
        for other in by_name.get(label, ()):
            yield Pair(atom.number, other.number, _SURE - 1, ("the domain is the name",))
    yield from _begun_alike(evidence, domains)
    yield from _offices(evidence, domains)
    yield from _told_by_contacts(evidence, domains)


def _begun_alike(evidence: Evidence, domains: dict[str, Atom]) -> Iterator[Pair]:
    """A domain, and the only organisation of the contacts whose name begins with it."""
    by_first: dict[str, list[Atom]] = defaultdict(list)
    for atom in evidence.atoms.values():
        if atom.type == "o":
            by_first[atom.value.split()[0]].append(atom)
    for domain, atom in domains.items():
        label = _compact(names.fold(domain.split(".")[0]))
        same = by_first.get(label, [])
        if len(label) >= _TELLING_LETTERS and len({_compact(each.value) for each in same}) == 1:
            yield Pair(*pair(atom.number, same[0].number), _LIKELY - 1, ("the domain is how its name begins",))


def _offices(evidence: Evidence, domains: dict[str, Atom]) -> Iterator[Pair]:
    """Addresses of an office or a machine are the organisation's."""
    for atom in evidence.atoms.values():
        if atom.type == "e" and identities.is_role(atom.value):
            domain = identities.organisation_domain(atom.value)
            if domain in domains:
                yield Pair(atom.number, domains[domain].number, _LIKELY, ("an office's address at the domain",))


def _told_by_contacts(evidence: Evidence, domains: dict[str, Atom]) -> Iterator[Pair]:
    """An organisation and a domain that contacts name together, if the domain is spelt like it or most agree."""
    together: dict[tuple[int, int], set[int]] = defaultdict(set)
    holders: dict[int, set[int]] = defaultdict(set)
    for (a, b), roles in evidence.links.items():
        if "email" not in roles:
            continue
        contact, address = (a, b) if evidence.atoms[a].type == "c" else (b, a)
        domain = domains.get(identities.organisation_domain(evidence.atoms[address].value) or "")
        if domain is None or evidence.atoms[contact].type != "c":
            continue
        for organisation in evidence.atoms[contact].organisations:
            together[domain.number, organisation].add(contact)
            holders[domain.number].add(contact)
    for (domain_number, organisation), contacts in together.items():
        label = _compact(names.fold(evidence.atoms[domain_number].value.split(".")[0]))
        name = _compact(evidence.atoms[organisation].value)
        words = evidence.atoms[organisation].value.split()
        initials = "".join(word[0] for word in words)
        spelt = names.similarity(label, name) >= 0.85 or label.startswith(words[0]) or label == initials
        most = len(contacts) >= 2 and len(contacts) >= 0.7 * len(holders[domain_number])
        if spelt or most:
            first, second = pair(domain_number, organisation)
            yield Pair(first, second, _LIKELY, (f"{len(contacts)} contacts have both",))


def _places(evidence: Evidence) -> Iterator[Pair]:
    by_street: dict[str, list[Atom]] = defaultdict(list)
    for atom in evidence.atoms.values():
        if atom.sort == "place":
            for street in {street for form in atom.forms or (atom.value,) for street in _streets(form)}:
                by_street[street].append(atom)
    for same in by_street.values():
        ordered = sorted(same, key=lambda atom: atom.key)
        for i, one in enumerate(ordered[:50]):
            for other in ordered[i + 1 : 50]:
                first, second = _codes(one), _codes(other)
                if not first or not second or first & second:
                    yield Pair(*pair(one.number, other.number), _LIKELY, ("the same street and number",))


def _streets(form: str) -> Iterator[str]:
    """Street and number of an address, in one spelling; none for what has no number."""
    for part in re.split(r"[,\n;]", form):
        folded = re.sub(r"(str|strasse)\b", "strasse", names.fold(part))
        folded = re.sub(r"\bst\b", "street", re.sub(r"\bave\b", "avenue", re.sub(r"\brd\b", "road", folded)))
        words = folded.split()
        numbers = [word for word in words if _NUMBERED.fullmatch(word) and len(word) < 5]
        letters = [word for word in words if word.isalpha() and len(word) > 3]
        if len(numbers) == 1 and letters and len(words) <= 6:
            yield " ".join(sorted(words))


def _codes(atom: Atom) -> set[str]:
    """What looks like a postal code."""
    return {code for form in atom.forms or (atom.value,) for code in re.findall(r"\b\d{5}\b", form)}
