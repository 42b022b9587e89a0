"""All that the mentions of the stored records say of each atom, added up: a function of the set of records."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter

from roadmap_cli.life.graph.extraction import VALUES
from roadmap_cli.life.graph.identities import organisation_domain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

#: A record that names more people than this tells little of who knows whom: a mailing list, an all-hands.
SMALL_CIRCLE = 12
#: Records kept as evidence of one matter: the earliest and the latest; how many there are is counted.
KEPT = 24
_TRIM_AT = 6 * KEPT
#: Roles that put a person into a record as one of several at the same time.
SIDE_BY_SIDE = frozenset(("recipient", "attendee"))
PRESENT = SIDE_BY_SIDE | {"sender", "organizer", "named"}


@dataclass(slots=True)
class Trail:
    """Records a matter rests on: their number, the earliest and latest moment, and some of them by time."""

    count: int = 0
    first: str = ""
    last: str = ""
    _kept: list[tuple[str, str]] = field(default_factory=list)

    def add(self, at: str, record_id: str) -> None:
        """One record more; each is given once."""
        self.count += 1
        if not self.first or at < self.first:
            self.first = at
        self.last = max(self.last, at)
        self._kept.append((at, record_id))
        if len(self._kept) > _TRIM_AT:
            self._trim()

    def take(self, other: Trail) -> None:
        """All records of another one; those both have count twice."""
        if not other.count:
            return
        self.count += other.count
        self.first = min(self.first, other.first) if self.first else other.first
        self.last = max(self.last, other.last)
        self._kept = sorted({*self._kept, *other._kept})
        self._trim()

    def _trim(self) -> None:
        """Keep the earliest and the latest: the same ones in whatever order they came."""
        self._kept.sort()
        if len(self._kept) > KEPT:
            self._kept = self._kept[: KEPT // 2] + self._kept[-(KEPT // 2) :]

    def kept(self) -> list[tuple[str, str]]:
        """Moments and ids of records by time: all of them up to KEPT, else the first and the last."""
        self._trim()
        return list(self._kept)

    def ids(self) -> list[str]:
        """Their ids."""
        return [record_id for _, record_id in self.kept()]


@dataclass(slots=True)
class Atom:
    """What is known of one atom."""

    number: int
    key: str
    id: str
    sort: str
    forms: Counter[str] = field(default_factory=Counter)
    trail: Trail = field(default_factory=Trail)
    birthdays: set[str] = field(default_factory=set)
    organisations: set[int] = field(default_factory=set)
    addresses: set[int] = field(default_factory=set)
    roles: Counter[str] = field(default_factory=Counter)

    @property
    def type(self) -> str:
        """The letter before its key's colon: c contact, e mail address, p number, n name, o organisation …"""
        return self.key[0]

    @property
    def value(self) -> str:
        """Its key without the letter."""
        return self.key[2:]


@dataclass(slots=True)
class Said:
    """One record, as far as it matters here: `people` are numbers of atoms of those present with their role."""

    id: str
    kind: str
    at: str
    mentions: list[tuple[int, str, str]]


@dataclass(slots=True)
class Evidence:
    """All atoms, and what ties two of them."""

    atoms: dict[int, Atom]
    links: dict[tuple[int, int], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Pairs (lesser number first) that a record says are one: contact with its address, signature with its number."""
    link_trails: dict[tuple[int, int], Trail] = field(default_factory=lambda: defaultdict(Trail))
    beside: Counter[tuple[int, int]] = field(default_factory=Counter)
    """In how many records two stand side by side, as two recipients do."""
    circles: dict[int, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    """With whom an atom stands in records that name few, and how often."""
    users: Counter[int] = field(default_factory=Counter)
    """Atoms the records say are the user."""
    peopled_events: int = 0


@dataclass(frozen=True, slots=True)
class Pair:
    """Two atoms, the log-odds that they are one, and what speaks for and against."""

    a: int
    b: int
    score: float
    why: tuple[str, ...]
    by_name_only: bool = False


def pair(a: int, b: int) -> tuple[int, int]:
    """Two numbers in order."""
    return (a, b) if a < b else (b, a)


def atoms(tx: Connection) -> dict[int, Atom]:
    """All atoms by number, nothing known of them yet."""
    return {
        number: Atom(number, key, name, sort)
        for number, key, name, sort in tx.execute("SELECT number, key, id, sort FROM life_graph_atom")
    }


def stream(tx: Connection, until: str) -> Iterator[Said]:
    """Every record up to a moment that was read and counts.

    Events that were moved or withdrawn do not, nor what is only booked, nor what two statements tell twice.
    """
    left_out = {
        name
        for (name,) in tx.execute(
            "SELECT id FROM life_event WHERE is_current = 0"
            " UNION ALL SELECT id FROM life_transaction WHERE same_as IS NOT NULL"
        )
    }
    rows = tx.execute(
        "SELECT m.record_id, r.kind, r.at, m.atom, m.role, m.form FROM life_graph_mention AS m"
        " JOIN life_graph_read AS r ON r.record_id = m.record_id WHERE r.at <= ? ORDER BY m.record_id",
        (until,),
    )
    for record_id, group in groupby(rows, key=itemgetter(0)):
        if record_id in left_out:
            continue
        found = list(group)
        yield Said(record_id, found[0][1], found[0][2], [(row[3], row[4], row[5]) for row in found])


def gather(tx: Connection, until: str) -> Evidence:
    """Add up what all records up to a moment say of each atom."""
    evidence = Evidence(atoms(tx))
    for said in stream(tx, until):
        _add(evidence, said)
    if not evidence.users:
        _guess_user(evidence)
    first, *more = sorted(evidence.users, key=lambda number: evidence.atoms[number].key) or [0]
    for number in more:
        evidence.links[pair(first, number)]["user"] += 1
        evidence.link_trails[pair(first, number)].take(evidence.atoms[number].trail)
    by_key = {atom.key: atom for atom in evidence.atoms.values() if atom.type == "d"}
    for atom in evidence.atoms.values():  # a domain is mentioned where its addresses are
        if atom.type == "e" and (domain := by_key.get(f"d:{organisation_domain(atom.value)}")):
            domain.trail.take(atom.trail)
    return evidence


def _add(evidence: Evidence, said: Said) -> None:
    seen: set[int] = set()
    for number, role, form in said.mentions:
        atom = evidence.atoms[number]
        atom.roles[role] += 1
        if form and role not in VALUES:
            atom.forms[form] += 1
        if role == "sender_user":
            evidence.users[number] += 1
        if number not in seen:
            seen.add(number)
            atom.trail.add(said.at, said.id)
    if said.kind == "life.contact":
        _add_contact(evidence, said)
        return
    if said.kind == "life.transaction":
        return
    _add_signature(evidence, said)
    _add_named(evidence, said)
    present = sorted({number for number, role, _ in said.mentions if role in PRESENT})
    if said.kind == "life.event" and any(role == "attendee" for _, role, _ in said.mentions):
        evidence.peopled_events += 1
    if not 1 < len(present) <= SMALL_CIRCLE:
        return
    sides = {number for number, role, _ in said.mentions if role in SIDE_BY_SIDE}
    for i, a in enumerate(present):
        for b in present[i + 1 :]:
            evidence.circles[a][b] += 1
            evidence.circles[b][a] += 1
            if a in sides and b in sides:
                evidence.beside[a, b] += 1


def _add_contact(evidence: Evidence, said: Said) -> None:
    whose = next((number for number, role, _ in said.mentions if role == "contact"), None)
    if whose is None:
        return
    contact = evidence.atoms[whose]
    for number, role, form in said.mentions:
        if role in ("email", "phone", "same"):
            evidence.links[pair(whose, number)][role] += 1
            evidence.link_trails[pair(whose, number)].add(said.at, said.id)
        elif role == "birthday":
            contact.birthdays.add(form)
        elif role == "organization":
            contact.organisations.add(number)
        elif role == "address":
            contact.addresses.add(number)


def _add_signature(evidence: Evidence, said: Said) -> None:
    sender = next((number for number, role, _ in said.mentions if role == "sender"), None)
    if sender is None:
        return
    for number, role, _ in said.mentions:
        if role in ("signature_phone", "signature_email") and number != sender:
            evidence.links[pair(sender, number)][role] += 1
            evidence.link_trails[pair(sender, number)].add(said.at, said.id)


def _add_named(evidence: Evidence, said: Said) -> None:
    """A name in the title of a small meeting is that of somebody who is there."""
    named = {number for number, role, _ in said.mentions if role == "named"}
    there = {number for number, role, _ in said.mentions if role in ("attendee", "organizer")} - named
    if len(there) <= 4:
        for a in named:
            for b in there:
                evidence.links[pair(a, b)]["named"] += 1
                evidence.link_trails[pair(a, b)].add(said.at, said.id)


def _guess_user(evidence: Evidence) -> None:
    """Without a word of any source, the user is the one address that stands in most events with people."""
    if evidence.peopled_events < 5:
        return
    counts = [
        (atom.roles["attendee"] + atom.roles["organizer"], atom.key, number)
        for number, atom in evidence.atoms.items()
        if atom.type == "e"
    ]
    if not counts:
        return
    counts.sort(key=lambda each: (-each[0], each[1]))
    if counts[0][0] >= 0.6 * evidence.peopled_events and (len(counts) == 1 or counts[0][0] > 1.3 * counts[1][0]):
        evidence.users[counts[0][2]] += counts[0][0]
