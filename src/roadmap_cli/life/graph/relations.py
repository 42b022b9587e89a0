"""What holds between entities, since when and until when: added up over all records, then judged.

Every relation is a function of the records that name both sides. What lasts by being repeated (knowing, attending,
paying) is over once it has been silent far longer than it usually is, measured against the latest record of that sort.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from roadmap_cli.life.graph import names
from roadmap_cli.life.graph.entities import GROUP_PEOPLE, Entity
from roadmap_cli.life.graph.evidence import Evidence, Said, Trail
from roadmap_cli.life.graph.identities import is_role, organisation_domain
from roadmap_cli.life.graph.nicknames import FAMILY, RELATIVES

#: What relations are called, and what each says of its two sides.
RELATIONS = {
    "knows": "{a} and {b} know each other",
    "family_of": "{a} is family of {b}",
    "works_at": "{a} works at {b}",
    "colleague_of": "{a} and {b} work at the same place",
    "member_of": "{a} is a member of {b}",
    "attends": "{a} attends {b}",
    "part_of": "{a} is part of {b}",
    "lives_at": "{a} lives at {b}",
    "visits": "{a} visits {b}",
    "located_in": "{b} is where {a} is",
    "owns": "{a} owns {b}",
    "banks_at": "{a} banks at {b}",
    "pays": "{a} pays {b}",
    "introduced": "{a} introduced {b}",
}
BOTH_WAYS = frozenset(("knows", "colleague_of"))
_CIRCLE = 12
_KNOW_EACH_OTHER = 6
_NIGHTS = 5
#: That somebody is known whose mails were never answered: it may be a newsletter under a person's name.
_UNANSWERED = 0.4
_SILENT_DAYS = 90
_LEFT_DAYS = 200
#: Mails from an address before its silence says more than an entry of the address book.
_TELLING = 4
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


class Deriver:
    """Takes records one by one (`add`), then judges (`relations`)."""

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

    # -- judgement -------------------------------------------------------------------------------------------------

    def relations(self) -> list[Relation]:
        """What holds, each once."""
        found: dict[Key, Relation] = {}
        self._from_contacts(found)
        self._from_addresses(found)
        self._families(found)
        for key, tally in self.tallies.items():
            if tally.trail.count and key not in found and key[1] in _JUDGES:
                judged = _JUDGES[key[1]](self, key, tally)
                if judged is not None:
                    found[key] = judged
        self._colleagues(found)
        return list(found.values())

    def _repeated(self, key: Key, tally: Tally, confidence: float, kind: str, **detail: Any) -> Relation:
        """A relation that lasts by being repeated."""
        trail = tally.trail
        span = _days(trail.first, trail.last)
        usual = span / (trail.count - 1) if trail.count > 1 else 0.0
        latest = max((self.latest.get(each, "") for each in kind.split()), default="")
        is_over = bool(latest) and _days(trail.last, latest) > max(_SILENT_DAYS, 5 * usual)
        valid_to = trail.last if is_over else None
        return Relation(*key, trail, trail.first, valid_to, round(min(confidence, 0.99), 3), detail)

    def _judge_knows(self, key: Key, tally: Tally) -> Relation | None:
        counts = tally.counts
        met = counts["meetings"] + counts["sent"]
        if key[0] == self.user:
            if not met and not counts["contact"] and counts["received"] < 3:
                return None
            sure = 0.95 if counts["contact"] or (counts["sent"] and counts["received"]) else 0.0
            confidence = max(sure, 1 - 0.6 * 0.75 ** (met + 0.3 * counts["received"]))
            if not met and not counts["contact"] and not counts["chats"]:
                confidence = min(confidence, _UNANSWERED)
        else:
            if counts["together"] < 3 and not counts["contact"]:
                return None
            confidence = 0.9 if counts["contact"] else 1 - 0.6 * 0.85 ** counts["together"]
        detail: dict[str, Any] = {name: counts[name] for name in sorted(counts) if counts[name]}
        detail["days"] = len(tally.days)
        made = self._repeated(key, tally, confidence, "life.message life.event", **detail)
        if not met and not counts["received"] and not counts["together"]:
            made.valid_to = None  # an address book does not tell that somebody is forgotten
        return made

    def _judge_pays(self, key: Key, tally: Tally) -> Relation | None:
        if len(tally.days) < 3:
            return None
        days = sorted(tally.days)
        gaps = sorted(_days(a, b) for a, b in pairwise(days))
        middle = gaps[len(gaps) // 2]
        regular = sum(abs(gap - middle) <= max(4, 0.2 * middle) for gap in gaps) >= 0.7 * len(gaps)
        period = next((name for name, low, high in _PERIODS if low <= middle <= high), None) if regular else None
        amount, times = sorted(tally.words.items(), key=lambda each: (-each[1], each[0]))[0]
        detail: dict[str, Any] = {"payments": tally.counts["payments"]}
        detail |= {"period": period} if period else {}
        detail |= {"usual_amount": amount} if times > 1 and times >= 0.5 * tally.counts["payments"] else {}
        return self._repeated(key, tally, 0.98 if period else 0.9, "life.transaction", **detail)

    def _judge_attends(self, key: Key, tally: Tally) -> Relation | None:
        if tally.trail.count < 2:
            return None
        return self._repeated(key, tally, 0.95, "life.event", times=tally.trail.count)

    def _judge_part_of(self, key: Key, tally: Tally) -> Relation | None:
        if tally.trail.count < 2:
            return None
        return self._repeated(key, tally, 1 - 0.7 * 0.7**tally.trail.count, "life.event life.message")

    def _judge_member_of(self, key: Key, tally: Tally) -> Relation | None:
        thread = any(atom.type == "t" for atom in self.entities[key[2]].atoms)
        if thread and len(self.threads.get(key[2], ())) < GROUP_PEOPLE:
            return None
        made = self._repeated(key, tally, 0.95, "life.message")
        if not thread:
            made.valid_to = None
        return made

    def _judge_lives_at(self, key: Key, tally: Tally) -> Relation | None:
        if tally.trail.count < _NIGHTS:
            return None
        rivals = [
            other
            for (a, relation, b), other in self.tallies.items()
            if relation == "lives_at" and a == key[0] and b != key[2] and _overlap(other.trail, tally.trail)
        ]
        if any(other.trail.count > tally.trail.count for other in rivals):
            return None
        return self._repeated(key, tally, 0.9, "life.place_visit", nights=tally.trail.count)

    def _judge_visits(self, key: Key, tally: Tally) -> Relation | None:
        if tally.trail.count < 2:
            return None
        return self._repeated(key, tally, 0.95, "life.place_visit life.event", times=tally.trail.count)

    def _judge_always(self, key: Key, tally: Tally) -> Relation | None:
        made = self._repeated(key, tally, 0.95, "")
        made.valid_to = None
        return made

    def _judge_introduced(self, key: Key, tally: Tally) -> Relation | None:
        return Relation(*key, tally.trail, tally.trail.first, None, 0.8)

    # -- work, homes, families -------------------------------------------------------------------------------------

    def _from_contacts(self, found: dict[Key, Relation]) -> None:
        """Where people work and live by their contacts: until the version that no longer says so."""
        for whose in sorted(self.versions, key=lambda number: self.evidence.atoms[number].key):
            cluster = self.cluster[whose]
            if not self._is_person(cluster) or self.entities[cluster].is_hidden:
                continue
            versions = sorted(self.versions[whose], key=lambda each: (each[0], each[1]))
            for relation, told in (
                ("works_at", [(at, name, firms) for at, name, firms, _ in versions]),
                ("lives_at", [(at, name, homes) for at, name, _, homes in versions]),
            ):
                for target in sorted({each for *_, named in told for each in named}, key=self._key):
                    if not self.entities[target].is_hidden and target != cluster:
                        self._told(found, (cluster, relation, target), told)

    def _told(self, found: dict[Key, Relation], key: Key, versions: list[tuple[str, str, frozenset[int]]]) -> None:
        trail, last = Trail(), 0
        for place, version in enumerate(versions):
            if key[2] in version[2]:
                trail.add(version[0], version[1])
                last = place
        until = versions[last + 1][0] if last + 1 < len(versions) else None
        words = self.tallies[key].words if key in self.tallies else Counter[str]()
        title = sorted(words.items(), key=lambda each: (-each[1], each[0]))[0][0] if words else ""
        self._merge(found, Relation(*key, trail, trail.first, until, 0.92, {"title": title} if title else {}))

    def _merge(self, found: dict[Key, Relation], new: Relation) -> None:
        """One relation told twice: it began with the earlier, and is over when all say so."""
        key = (new.a, new.relation, new.b)
        old = found.get(key)
        if old is None:
            found[key] = new
            return
        old.trail = union(old.trail, new.trail)
        old.valid_from = min(old.valid_from, new.valid_from)
        old.valid_to = None if None in (old.valid_to, new.valid_to) else max(old.valid_to or "", new.valid_to or "")
        old.confidence = round(1 - (1 - old.confidence) * (1 - new.confidence), 3)
        old.detail |= new.detail

    def _from_addresses(self, found: dict[Key, Relation]) -> None:
        """Where people work by the domain of their addresses, while these are in use."""
        spans: dict[int, list[tuple[str, str, int, Trail]]] = defaultdict(list)
        for number in sorted(self.firm_of, key=lambda each: self.evidence.atoms[each].key):
            atom, cluster = self.evidence.atoms[number], self.cluster[number]
            organisation = self.cluster[self.firm_of[number]]
            if not atom.trail.count or not self._is_employed(number) or cluster == organisation:
                continue
            if self.entities[cluster].is_hidden or self.entities[organisation].is_hidden:
                continue
            spans[cluster].append((atom.trail.first, atom.trail.last, organisation, atom.trail))
        latest = max(self.latest.get("life.message", ""), self.latest.get("life.event", ""))
        for cluster, told in spans.items():
            for first, last, organisation, trail in told:
                after = [other for other in told if other[2] != organisation and other[0] > first and other[1] > last]
                left = bool(after) and min(other[0] for other in after) <= _later(last, 400)
                usual = _days(first, last) / max(trail.count - 1, 1)
                silent = bool(latest) and _days(last, latest) > max(_LEFT_DAYS, 5 * usual)
                confidence = round(1 - 0.5 * 0.8 ** min(trail.count, 20), 3)
                until = last if left or silent else None
                known = found.get((cluster, "works_at", organisation))
                if known is not None and until and trail.count >= _TELLING and known.trail.last < last:
                    known.valid_to = until  # an entry of the address book is seldom brought up to date
                self._merge(found, Relation(cluster, "works_at", organisation, trail, first, until, confidence))
        self._succeed(found)
        for key, each in found.items():
            if key[1] == "works_at" and key in self.tallies and self.tallies[key].trail.count:
                each.trail = self.tallies[key].trail

    def _succeed(self, found: dict[Key, Relation]) -> None:
        """A contact that still names an employer is outdated once mails come from another's domain, and only those."""
        mine: dict[int, list[Relation]] = defaultdict(list)
        for (a, relation, _), each in found.items():
            if relation == "works_at":
                mine[a].append(each)
        for jobs in mine.values():
            open_ones = [each for each in jobs if each.valid_to is None]
            for each in open_ones:
                later = [
                    other
                    for other in open_ones
                    if other is not each and other.valid_from > each.valid_from and other.valid_from > each.trail.last
                ]
                if later:
                    each.valid_to = min(other.valid_from for other in later)

    def _families(self, found: dict[Key, Relation]) -> None:
        """Words such as Mum for one's own, and, weakly, one family name at one address."""
        homes: dict[tuple[int, str], list[int]] = defaultdict(list)
        for cluster in sorted(self.entities, key=self._key):
            entity = self.entities[cluster]
            if entity.sort != "person" or entity.is_hidden:
                continue
            kinds = {
                FAMILY[word] for atom in entity.atoms for text in atom.forms if (word := names.fold(text)) in FAMILY
            }
            if kinds and self.user is not None and cluster != self.user:
                key = (cluster, "family_of", self.user)
                named = [atom for atom in entity.atoms if any(names.fold(text) in FAMILY for text in atom.forms)]
                trail = union(*(atom.trail for atom in named))
                found[key] = Relation(*key, trail, trail.first, None, 0.95, {"kind": sorted(kinds)[0]})
            name = names.parse(entity.name)
            if name is not None and name.family:
                for place in {self.cluster[number] for atom in entity.atoms for number in atom.addresses}:
                    homes[place, name.family].append(cluster)
        for key, tally in self.tallies.items():
            if key[1] == "family_of":
                kind = sorted(tally.words.items(), key=lambda each: (-each[1], each[0]))
                detail = {"kind": kind[0][0]} if kind else {}
                self._merge(found, Relation(*key, tally.trail, tally.trail.first, None, 0.97, detail))
        for people in homes.values():
            for a in people:
                for b in people:
                    known = any((x, "family_of", y) in found for x, y in ((a, b), (b, a)))
                    if self._key(a) < self._key(b) and not known:
                        atoms = [atom for each in (a, b) for atom in self.entities[each].atoms if atom.addresses]
                        trail = union(*(atom.trail for atom in atoms))
                        weak = {"kind": "one name at one address"}
                        found[a, "family_of", b] = Relation(a, "family_of", b, trail, trail.first, None, 0.5, weak)

    def _colleagues(self, found: dict[Key, Relation]) -> None:
        """Who works where the user works, in the time both did."""
        jobs = [each for each in found.values() if each.relation == "works_at"]
        for mine in [each for each in jobs if each.a == self.user]:
            for theirs in jobs:
                if theirs.b != mine.b or theirs.a == self.user or self.user is None:
                    continue
                start = max(mine.valid_from, theirs.valid_from)
                ends = [each for each in (mine.valid_to, theirs.valid_to) if each]
                until = min(ends, default=None)
                if until is not None and until <= start:
                    continue
                trail = union(theirs.trail, mine.trail)
                key = (self.user, "colleague_of", theirs.a)
                confidence = round(mine.confidence * theirs.confidence, 3)
                where = {"at": self.entities[mine.b].name}
                self._merge(found, Relation(*key, trail, start, until, confidence, where))


_HANDLERS: dict[str, Callable[[Deriver, Said, Mapping[str, list[int]]], None]] = {
    "life.contact": Deriver._contact,
    "life.event": Deriver._event,
    "life.message": Deriver._message,
    "life.place_visit": Deriver._visit,
    "life.transaction": Deriver._transaction,
}
_JUDGES: dict[str, Callable[[Deriver, Key, Tally], Relation | None]] = {
    "knows": Deriver._judge_knows,
    "pays": Deriver._judge_pays,
    "attends": Deriver._judge_attends,
    "part_of": Deriver._judge_part_of,
    "member_of": Deriver._judge_member_of,
    "lives_at": Deriver._judge_lives_at,
    "visits": Deriver._judge_visits,
    "located_in": Deriver._judge_always,
    "owns": Deriver._judge_always,
    "banks_at": Deriver._judge_always,
    "introduced": Deriver._judge_introduced,
}
_PERIODS = (
    ("weekly", 6, 8), ("two_weekly", 13, 15), ("monthly", 26, 34), ("quarterly", 84, 98), ("yearly", 350, 380)
)  # fmt: skip


def derive(
    evidence: Evidence, cluster: Mapping[int, int], entities: Mapping[int, Entity], said: Iterable[Said]
) -> list[Relation]:
    """All relations that the records tell. The trail of each entity becomes that of the records that mention it."""
    deriver = Deriver(evidence, cluster, entities)
    for each in said:
        deriver.add(each)
    for number, trail in deriver.trails.items():
        entities[number].trail = trail
    return deriver.relations()


def union(*trails: Trail) -> Trail:
    """The records that trails keep, each once: for what does not rest on a count."""
    made = Trail()
    for at, record_id in sorted({each for trail in trails for each in trail.kept()}):
        made.add(at, record_id)
    return made


def _days(a: str, b: str) -> float:
    """Days from one moment or date to another."""
    return (datetime.fromisoformat(b) - datetime.fromisoformat(a)).total_seconds() / 86400


def _later(moment: str, days: int) -> str:
    return (datetime.fromisoformat(moment) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _is_night(start: str, end: str) -> bool:
    """Whether a stay is at least six hours long and holds some of the hours from 0 to 5 (UTC, for want of a zone)."""
    hours = _days(start, end) * 24
    begin = datetime.fromisoformat(start)
    return hours >= 6 and (begin.hour <= 5 or begin.hour + hours >= 26)


def _overlap(a: Trail, b: Trail) -> bool:
    """Whether two trails run beside one another for more than a tenth of the shorter one."""
    common = _days(max(a.first, b.first), min(a.last, b.last))
    return common > 0.1 * min(_days(a.first, a.last), _days(b.first, b.last))
