"""What holds between entities, since when and until when: judged by what `counting` has added up.

Every relation is a function of the records that name both sides. What lasts by being repeated (knowing, attending,
paying) is over once it has been silent far longer than it usually is, measured against the latest record of that sort.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from roadmap_cli.life.graph import names
from roadmap_cli.life.graph.counting import Counting, Key, Relation, Tally
from roadmap_cli.life.graph.counting import days_between as _days
from roadmap_cli.life.graph.entities import GROUP_PEOPLE, Entity
from roadmap_cli.life.graph.evidence import Evidence, Said, Trail
from roadmap_cli.life.graph.nicknames import FAMILY

_NIGHTS = 5
#: That somebody is known whose mails were never answered: it may be a newsletter under a person's name.
_UNANSWERED = 0.4
_SILENT_DAYS = 90
_LEFT_DAYS = 200
#: Mails from an address before its silence says more than an entry of the address book.
_TELLING = 4


class Deriver(Counting):
    """Takes records one by one (`add`), then judges (`relations`)."""

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


def _later(moment: str, days: int) -> str:
    return (datetime.fromisoformat(moment) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _overlap(a: Trail, b: Trail) -> bool:
    """Whether two trails run beside one another for more than a tenth of the shorter one."""
    common = _days(max(a.first, b.first), min(a.last, b.last))
    return common > 0.1 * min(_days(a.first, a.last), _days(b.first, b.last))
