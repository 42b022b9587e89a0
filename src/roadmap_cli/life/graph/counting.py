"""What the records say of every two entities, counted; what follows from it is judged in `relations`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from roadmap_cli.life.graph.entities import Entity
from roadmap_cli.life.graph.evidence import Evidence, Said, Trail
from roadmap_cli.life.graph.identities import is_role, organisation_domain
from roadmap_cli.life.graph.nicknames import RELATIVES
from roadmap_cli.life.graph.verbs import BOTH_WAYS

_CIRCLE = 12
_KNOW_EACH_OTHER = 6
Key = tuple[int, str, int]


@dataclass(slots=True)
class Relation:
    """One relation as it is believed now; a and b are numbers of clusters."""

    a: int
    relation: str
    b: int
    trail: Trail
    valid_from: str
    valid_to: str | None
    confidence: float
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Tally:
    """What is counted of a pair before it is judged."""

    trail: Trail = field(default_factory=Trail)
    counts: Counter[str] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)
    days: set[str] = field(default_factory=set)
    last_id: str = ""


class Counting:
    """Takes records one by one and counts, of every two entities, what they say."""

    def __init__(
        self,
        evidence: Evidence,
        cluster: Mapping[int, int],
        entities: Mapping[int, Entity],
        wanted: Key | None = None,
    ) -> None:
        self.evidence = evidence
        self.cluster = cluster
        self.entities = entities
        self.wanted = wanted
        self.records: set[str] = set()
        """All records the wanted relation rests on."""
        domains = {atom.value: number for number, atom in evidence.atoms.items() if atom.type == "d"}
        self.firm_of = {
            number: domains[domain]
            for number, atom in evidence.atoms.items()
            if atom.type == "e" and (domain := organisation_domain(atom.value)) in domains
        }
        """The domain's atom of each address at one."""
        self.trails: dict[int, Trail] = defaultdict(Trail)
        """The records that mention each entity, each once."""
        self.user = min((n for n, each in entities.items() if each.is_user), default=None)
        self.tallies: dict[Key, Tally] = defaultdict(Tally)
        self.latest: dict[str, str] = {}
        self.threads: dict[int, set[int]] = defaultdict(set)
        self.versions: dict[int, list[tuple[str, str, frozenset[int], frozenset[int]]]] = defaultdict(list)
        """Of each contact's atom: moment, record, clusters of its organisations and of its places."""

    # -- records ---------------------------------------------------------------------------------------------------

    def add(self, said: Said) -> None:
        """One record."""
        self.latest[said.kind] = max(self.latest.get(said.kind, ""), said.at)
        roles: dict[str, list[int]] = defaultdict(list)
        for number, role, _ in said.mentions:
            cluster = self.cluster[number]
            if cluster not in roles[role]:
                roles[role].append(cluster)
        numbers = {number for number, *_ in said.mentions}
        domains = {self.cluster[self.firm_of[number]] for number in numbers if number in self.firm_of}
        for cluster in {self.cluster[number] for number in numbers} | domains:
            self.trails[cluster].add(said.at, said.id)
        for number in numbers:
            if number in self.firm_of and self._is_employed(number):
                self._count(self.cluster[number], "works_at", self.cluster[self.firm_of[number]], said)
        handler = _HANDLERS.get(said.kind)
        if handler:
            handler(self, said, roles)

    def _is_employed(self, number: int) -> bool:
        return self._is_person(self.cluster[number]) and not is_role(self.evidence.atoms[number].value)

    def _count(self, a: int | None, relation: str, b: int | None, said: Said, *what: str) -> None:
        """One record more for a relation of two different entities that are shown."""
        if a is None or b is None or a == b or self.entities[a].is_hidden or self.entities[b].is_hidden:
            return
        if relation in BOTH_WAYS and (b == self.user or (a != self.user and self._key(b) < self._key(a))):
            a, b = b, a
        tally = self.tallies[a, relation, b]
        if tally.last_id != said.id:
            tally.last_id = said.id
            tally.trail.add(said.at, said.id)
            if (a, relation, b) == self.wanted:
                self.records.add(said.id)
        tally.counts.update(what)
        if relation in ("knows", "pays"):
            tally.days.add(said.at[:10])

    def _key(self, cluster: int) -> str:
        return self.entities[cluster].id

    def _is_person(self, cluster: int) -> bool:
        return self.entities[cluster].sort == "person"

    def _message(self, said: Said, roles: Mapping[str, list[int]]) -> None:
        sender = roles["sender"][0] if roles["sender"] else None
        recipients = [each for each in roles["recipient"] if each != sender]
        thread = roles["thread"][0] if roles["thread"] else None
        if thread is not None and sender is not None:
            self.threads[thread].add(sender)
        if sender is not None and sender == self.user:
            for other in recipients[:_CIRCLE]:
                if self._is_person(other):
                    self._count(self.user, "knows", other, said, "sent")
        elif sender is not None and self._is_person(sender):
            self._count(self.user, "knows", sender, said, *(("received",) if thread is None else ("received", "chats")))
        circle = [each for each in dict.fromkeys([*roles["sender"], *recipients]) if self._is_person(each)]
        self._each_other(circle, said)
        for project in roles["project"]:
            for each in [*circle, self.user]:
                if each is not None and len(circle) <= _CIRCLE:
                    self._count(each, "part_of", project, said)
        if thread is not None and sender is not None:
            self._count(sender, "member_of", thread, said)
        if roles["introduces"] and sender is not None and sender != self.user:
            for other in recipients:
                if other != self.user and self._is_person(other) and self.entities[other].trail.first == said.at:
                    self._count(sender, "introduced", other, said)

    def _each_other(self, circle: list[int], said: Said) -> None:
        others = [each for each in circle if each != self.user]
        if len(others) <= _KNOW_EACH_OTHER:
            for i, a in enumerate(others):
                for b in others[i + 1 :]:
                    self._count(a, "knows", b, said, "together")

    def _event(self, said: Said, roles: Mapping[str, list[int]]) -> None:
        present = list(dict.fromkeys([*roles["attendee"], *roles["organizer"], *roles["named"]]))
        people = [each for each in present if self._is_person(each)]
        others = [each for each in people if each != self.user]
        if len(others) <= _CIRCLE:
            what = ("meetings", "one_to_one") if len(others) == 1 else ("meetings",)
            for each in others:
                self._count(self.user, "knows", each, said, *what)
            self._each_other(others, said)
        for series in roles["series"]:
            for each in people:
                self._count(each, "attends", series, said)
            if self.user is not None and self.user not in people:
                self._count(self.user, "attends", series, said)
            for place in roles["location"]:
                self._count(series, "located_in", place, said)
            for project in roles["project"]:
                self._count(series, "part_of", project, said)
        for project in roles["project"]:
            for each in people if len(people) <= _CIRCLE else ():
                self._count(each, "part_of", project, said)
        for place in roles["location"]:
            self._count(self.user, "visits", place, said, "events")

    def _contact(self, said: Said, roles: Mapping[str, list[int]]) -> None:
        whose = next((number for number, role, _ in said.mentions if role == "contact"), None)
        if whose is None:
            return
        cluster = self.cluster[whose]
        places, organisations = frozenset(roles["address"]), frozenset(roles["organization"])
        self.versions[whose].append((said.at, said.id, organisations, places))
        if self._is_person(cluster):
            self._count(self.user, "knows", cluster, said, "contact")
            for relation, targets in (("works_at", organisations), ("lives_at", places)):
                for target in targets:
                    self._count(cluster, relation, target, said)
            for group in roles["group"]:
                self._count(cluster, "member_of", group, said)
        types = {number: form for number, role, form in said.mentions if role == "relation_type"}
        for number, told in types.items():
            other = self.cluster[number]
            kind = next((kind for part, kind in RELATIVES.items() if part in told), None)
            relation = "family_of" if kind else "knows"
            self._count(other, relation, cluster, said, *(("contact",) if relation == "knows" else ()))
            if kind and (other, relation, cluster) in self.tallies:
                self.tallies[other, relation, cluster].words[kind] += 1
        for title in (form for _, role, form in said.mentions if role == "title"):
            for organisation in organisations:
                self.tallies[cluster, "works_at", organisation].words[title] += 1

    def _transaction(self, said: Said, roles: Mapping[str, list[int]]) -> None:
        for account in roles["account"]:
            self._count(self.user, "owns", account, said)
        for bank in roles["institution"]:
            self._count(self.user, "banks_at", bank, said)
            for account in roles["account"]:
                self._count(account, "located_in", bank, said)
        for _, role, form in said.mentions:
            if role in ("paid_out", "paid_in"):
                payee = roles["payee"][0]
                a, b = (self.user, payee) if role == "paid_out" else (payee, self.user)
                self._count(a, "pays", b, said, "payments")
                if a is not None and b is not None and (a, "pays", b) in self.tallies:
                    self.tallies[a, "pays", b].words[form] += 1

    def _visit(self, said: Said, roles: Mapping[str, list[int]]) -> None:
        stays = [(self.cluster[number], form) for number, role, form in said.mentions if role == "stay"]
        for place, until in stays:
            self._count(self.user, "visits", place, said, "visits")
            if _is_night(said.at, until):
                self._count(self.user, "lives_at", place, said, "nights")


_HANDLERS: dict[str, Callable[[Counting, Said, Mapping[str, list[int]]], None]] = {
    "life.contact": Counting._contact,
    "life.event": Counting._event,
    "life.message": Counting._message,
    "life.place_visit": Counting._visit,
    "life.transaction": Counting._transaction,
}


def days_between(a: str, b: str) -> float:
    """Days from one moment or date to another."""
    return (datetime.fromisoformat(b) - datetime.fromisoformat(a)).total_seconds() / 86400


def _is_night(start: str, end: str) -> bool:
    """Whether a stay is at least six hours long and holds some of the hours from 0 to 5 (UTC, for want of a zone)."""
    hours = days_between(start, end) * 24
    begin = datetime.fromisoformat(start)
    return hours >= 6 and (begin.hour <= 5 or begin.hour + hours >= 26)
