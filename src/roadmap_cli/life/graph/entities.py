"""From clusters of atoms to entities: what each is called, what sort it is, what belongs to it."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from roadmap_cli.life.graph import identities, names
from roadmap_cli.life.graph.evidence import Atom, Evidence, Pair, Trail
from roadmap_cli.life.graph.resolution import Outcome

#: Which atom an entity is named after, and takes its id from: the surest first.
_RANK = "ceopdylgstjan"
#: Records that must name a capitalised pair of words before it is a project.
PROJECT_RECORDS = 3
GROUP_PEOPLE = 3


@dataclass(slots=True)
class Entity:
    """One entity as it is believed now."""

    id: str
    sort: str
    name: str
    atoms: list[Atom]
    trail: Trail
    confidence: float
    joined: list[Pair] = field(default_factory=list)
    is_user: bool = False
    is_hidden: bool = False
    """Forgotten by the user, or no entity of its own: it is kept apart, and not shown."""

    def body(self) -> dict[str, Any]:
        """What is told of it, sorted: the same atoms give the same."""
        emails = sorted(atom.value for atom in self.atoms if atom.type == "e")
        phones = sorted({form for atom in self.atoms if atom.type == "p" for form in _numbers(atom)})
        shown = {form for atom in self.atoms for form in atom.forms if not identities.phone(form)} - {self.name}
        found: dict[str, Any] = {"names": sorted(shown)} if shown else {}
        found |= {"emails": emails} if emails else {}
        found |= {"phones": phones} if phones else {}
        birthdays = sorted(
            {day for atom in self.atoms for day in atom.birthdays}, key=lambda day: (day[:2] == "--", day)
        )
        found |= {"birthday": birthdays[0]} if birthdays else {}
        found["atoms"] = sorted(atom.key for atom in self.atoms)
        return found

    def search(self) -> str:
        """Its names, and what stands before the @ of its addresses, folded, between spaces."""
        body = self.body()
        told = [self.name, *body.get("names", ()), *(each.split("@")[0] for each in body.get("emails", ()))]
        words = {names.fold(each) for each in told} - {""}
        return f" {' | '.join(sorted(words))} "


def _numbers(atom: Atom) -> list[str]:
    return sorted(form for form in atom.forms if identities.phone(form)) or [atom.value]


def root(atoms: Iterable[Atom]) -> Atom:
    """The atom an entity takes its id from: of the surest kind, the first by key."""
    return min(atoms, key=lambda atom: (_RANK.index(atom.type), atom.key))


def form(
    evidence: Evidence,
    outcome: Outcome,
    *,
    hidden: Iterable[int],
    said: Mapping[int, Mapping[str, str]],
    users: Iterable[int],
) -> dict[int, Entity]:
    """The entity of each cluster by its number. `hidden` and `users` are numbers of atoms; `said` is what the user
    corrected, by atom."""
    forgotten, ours = set(hidden), set(users)
    joined: dict[int, list[Pair]] = defaultdict(list)
    for each in outcome.joined:
        joined[outcome.cluster[each.a]].append(each)
    people = {
        key
        for number, members in outcome.members.items()
        if any(evidence.atoms[each].sort == "person" for each in members)
        for each in members
        for key in _name_keys(evidence.atoms[each])
    }
    found: dict[int, Entity] = {}
    for cluster, members in outcome.members.items():
        atoms = sorted((evidence.atoms[each] for each in members), key=lambda atom: atom.key)
        trail = Trail()
        for atom in atoms:
            trail.take(atom.trail)
        corrections: dict[str, str] = {}
        for atom in atoms:
            corrections |= said.get(atom.number, {})
        sort = corrections.get("sort") or _sort(atoms)
        entity = Entity(
            root(atoms).id,
            sort,
            corrections.get("name") or _name(atoms),
            atoms,
            trail,
            _confidence(joined[cluster]),
            sorted(joined[cluster], key=lambda each: (-each.score, each.why)),
            is_user=any(each in ours for each in members),
            is_hidden=any(each in forgotten for each in members) or not trail.count,
        )
        if all(atom.key.startswith("j:?") for atom in atoms):
            folded = " ".join(sorted(atoms[0].value[1:].split()))
            entity.is_hidden |= trail.count < PROJECT_RECORDS or folded in people
        found[cluster] = entity
    return found


def _name_keys(atom: Atom) -> set[str]:
    return {name.key for text in atom.forms if (name := names.parse(text)) is not None and name.family}


def _sort(atoms: list[Atom]) -> str:
    """A person if anything in it is a person's own; an office's address is not."""
    sorts = Counter(
        atom.sort for atom in atoms if not (atom.type == "e" and identities.is_role(atom.value)) or len(atoms) == 1
    )
    if "person" in sorts and not (any(atom.type in "od" for atom in atoms) or _is_organised(atoms)):
        return "person"
    if len(atoms) == 1 and atoms[0].type == "e" and identities.is_role(atoms[0].value):
        return "organization"
    return sorted(sorts, key=lambda sort: (sort == "person", -sorts[sort], sort))[0] if sorts else "organization"


def _is_organised(atoms: list[Atom]) -> bool:
    return any(atom.type == "c" and atom.sort == "organization" for atom in atoms)


def _name(atoms: list[Atom]) -> str:
    """The name it is best known by: a contact's, else the full name written most often, else what there is."""
    told: Counter[str] = Counter()
    hints = [identities.hint(atom.value) for atom in atoms if atom.type == "e"]
    spelt = {name.key for hint in hints if hint and (name := names.parse(hint)) is not None}  # no slip of the pen twice
    for atom in atoms:
        weight = 1000 if atom.type == "c" and atom.roles["contact"] else 500 if atom.type == "o" else 1
        for text, count in atom.forms.items():
            if not identities.phone(text):
                name = names.parse(text) if atom.sort == "person" else None
                full = 20 if name is not None and name.is_full else 1
                full *= 5 if name is not None and name.key in spelt else 1
                told[text] += (10 + min(count, 50)) * weight * full
    if told:
        best = sorted(told.items(), key=lambda each: (-each[1], -len(each[0]), each[0]))[0][0]
        return _straight(best)
    for letter in "edpnyl":
        for atom in atoms:
            if atom.type == letter:
                hint = identities.hint(atom.value) if letter == "e" else None
                if letter == "n":
                    return atom.value.rpartition(":")[2].title()
                return hint.title() if hint else atom.value
    return atoms[0].value


def _straight(text: str) -> str:
    """A name in the order it is spoken: "Raman, Priya" is Priya Raman."""
    match = re.fullmatch(r"([^,]+),\s*([^,]+)", text)
    if match and names.parse(text) is not None and not any(letter.isdigit() for letter in text):
        return f"{match[2].strip()} {match[1].strip()}"
    return text


def _confidence(joined: list[Pair]) -> float:
    """That all its atoms are one: of its weakest bond."""
    if not joined:
        return 1.0
    weakest = min(each.score for each in joined)
    return round(1 / (1 + math.exp(-min(weakest, 12.0))), 3)
