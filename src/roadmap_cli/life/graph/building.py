"""Building the graph: new records are read in batches that are each committed; then everything is resolved at once.

Killed anywhere and run again it comes to the same end: what was read is marked in the transaction that stores it, and
resolving is one transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from roadmap_cli.core.clock import stamp
from roadmap_cli.life.graph import acts, assembling, evidence, extraction, relations, versions
from roadmap_cli.life.graph.identities import organisation_domain
from roadmap_cli.state import records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.core.records import Record
    from roadmap_cli.life.graph.recognition import Recognizer
    from roadmap_cli.state.connection import Connection
    from roadmap_cli.state.store import State

#: Records read in one transaction.
BATCH_RECORDS = 2000
#: Added to the number of the rules where texts were read by a model, too.
_RECOGNIZED = 1000


@dataclass(slots=True)
class Built:
    """What a build came to."""

    read: int = 0
    changed: versions.Changed | None = None

    def words(self) -> str:
        """Such as `read 214 records; 12 entities and 30 relations new or changed, 3 questions`."""
        if self.changed is None:
            return f"read {self.read} records; nothing changed"
        return (
            f"read {self.read} records; {self.changed.entities} entities and {self.changed.relations} relations "
            f"new or changed, {self.changed.questions} doubtful pairs"
        )


def build(
    state: State, now: datetime, *, command: str, anew: bool = False, recognizer: Recognizer | None = None
) -> Built:
    """Bring the graph up to date with the stored records and acts. `anew` reads every record again.

    `recognizer` finds more names in texts; what was read without one is then read again, and what was read with one
    stays so.

    Raises what the state raises. A dry run does it all in one transaction, which is rolled back.
    """
    built = Built()
    if anew and not state.dry_run:
        with state.write() as tx:
            tx.execute("UPDATE life_graph_read SET rules = 0")
    while not state.dry_run:
        with state.write() as tx:
            count = read(tx, BATCH_RECORDS, recognizer)
        built.read += count
        if count < BATCH_RECORDS:
            break
    with state.write() as tx:
        built.read += read(tx, -1, recognizer)
        built.changed = resolve(tx, now, command=command, anew=anew)
    return built


def read(tx: Connection, limit: int, recognizer: Recognizer | None = None) -> int:
    """Read at most `limit` records that were not read yet (-1: all); how many there were. The caller commits."""
    import orjson

    marks = ", ".join("?" for _ in extraction.KINDS)
    known = "g.rules" if recognizer else f"g.rules % {_RECOGNIZED}"
    rules = extraction.RULES + (_RECOGNIZED if recognizer else 0)
    found = tx.execute(
        f"SELECT r.id, r.body FROM record AS r WHERE r.kind IN ({marks}) AND NOT EXISTS"
        f" (SELECT 1 FROM life_graph_read AS g WHERE g.record_id = r.id AND {known} = ?) LIMIT ?",
        (*extraction.KINDS, rules, limit),
    )
    reader = _Reader(tx, rules, recognizer)
    count = 0
    for _, body in found.fetchall():
        reader.take(orjson.loads(body))
        count += 1
    reader.store()
    return count


class _Reader:
    """Holds what records mention until it is stored."""

    def __init__(self, tx: Connection, rules: int, recognizer: Recognizer | None) -> None:
        self.tx = tx
        self.rules = rules
        self.recognizer = recognizer
        self.numbers: dict[str, int] = dict(tx.execute("SELECT key, number FROM life_graph_atom"))
        self.mentions: list[tuple[str, int, str, str]] = []
        self.records: list[tuple[str, str, str, int]] = []

    def take(self, record: Record) -> None:
        """Take one record."""
        name = str(record["id"])
        self.records.append((name, str(record["kind"]), str(record["at"]), self.rules))
        found = extraction.mentions(record)
        for mention in [*found, *self.recognizer(record)] if self.recognizer else found:
            number = self._number(mention.key, mention.sort)
            self.mentions.append((name, number, mention.role, mention.form))

    def _number(self, key: str, sort: str) -> int:
        number = self.numbers.get(key)
        if number is None:
            (number,) = self.tx.execute(
                "INSERT INTO life_graph_atom (key, id, sort) VALUES (?, ?, ?) RETURNING number",
                (key, extraction.atom_id(key), sort),
            ).fetchone()
            self.numbers[key] = number
            domain = organisation_domain(key[2:]) if key.startswith("e:") else None
            if domain:
                self._number(f"d:{domain}", "organization")
        return number

    def store(self) -> None:
        """Store it, in place of what was read of the same records by other rules."""
        ids = [(name,) for name, *_ in self.records]
        self.tx.executemany("DELETE FROM life_graph_mention WHERE record_id = ?", ids)
        self.tx.executemany(
            "INSERT INTO life_graph_read (record_id, kind, at, rules) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (record_id) DO UPDATE SET kind = excluded.kind, at = excluded.at, rules = excluded.rules",
            self.records,
        )
        self.tx.executemany(
            "INSERT INTO life_graph_mention (record_id, atom, role, form) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            sorted(self.mentions),
        )


def resolve(tx: Connection, now: datetime, *, command: str, anew: bool = False) -> versions.Changed | None:
    """Bring entities and relations up to date; None if nothing they rest on has changed. The caller commits."""
    digest = _digest(tx, now)
    made = tx.execute("SELECT digest FROM life_graph_made").fetchone()
    if made and made[0] == digest and not anew:
        return None
    built = assembling.graph(tx, now)
    told = relations.derive(built.evidence, built.outcome.cluster, built.entities, evidence.stream(tx, stamp(now)))
    changed = versions.store(tx, built, told, now, command=command)
    tx.execute(
        "INSERT INTO life_graph_made (one, digest, at) VALUES (1, ?, ?)"
        " ON CONFLICT (one) DO UPDATE SET digest = excluded.digest, at = excluded.at",
        (digest, stamp(now)),
    )
    return changed


def _digest(tx: Connection, now: datetime) -> str:
    """Of all the graph rests on: which records were read, which of them count, and the acts."""
    digest = hashlib.sha256(f"{extraction.RULES}".encode())
    for part in _counted(tx, now):
        digest.update(part.encode() + b"\n")
    return digest.hexdigest()


def _counted(tx: Connection, now: datetime) -> Iterator[str]:
    yield str(tx.execute("SELECT count(*) FROM life_graph_read WHERE at <= ?", (stamp(now),)).fetchone()[0])
    for query in (
        "SELECT count(*), min(record_id), max(record_id) FROM life_graph_read",
        "SELECT count(*), '', '' FROM life_graph_mention",
    ):
        yield "|".join(map(str, tx.execute(query).fetchone()))
    for query in (
        "SELECT id FROM life_event WHERE is_current = 0 ORDER BY id",
        "SELECT id FROM life_transaction WHERE same_as IS NOT NULL ORDER BY id",
    ):
        yield ""
        yield from (name for (name,) in tx.execute(query))
    for act in acts.every(tx):
        yield act.id


def records_of(tx: Connection, relation: tuple[str, str, str], now: datetime) -> list[str]:
    """The ids of all records that a present relation (ids of two entities around its name) rests on, by time."""
    built = assembling.graph(tx, now)
    clusters = {each.id: cluster for cluster, each in built.entities.items()}
    a, name, b = relation
    if a not in clusters or b not in clusters:
        return []
    wanted = (clusters[a], name, clusters[b])
    deriver = relations.Deriver(built.evidence, built.outcome.cluster, built.entities, wanted)
    for said in evidence.stream(tx, stamp(now)):
        deriver.add(said)
    found = next((each for each in deriver.relations() if (each.a, each.relation, each.b) == wanted), None)
    ids = set(deriver.records) | set(found.trail.ids() if found else ())
    moments = {each: at for each, at in ((i, _moment(tx, i)) for i in ids) if at}
    return sorted(moments, key=lambda each: (moments[each], each))


def _moment(tx: Connection, record_id: str) -> str:
    row = tx.execute("SELECT at FROM life_graph_read WHERE record_id = ?", (record_id,)).fetchone()
    return str(row[0]) if row else ""


def with_records(tx: Connection, found: list[Record], now: datetime) -> list[Record]:
    """The same records, each relation followed by all stored records it rests on, with its `relation_id`."""
    told: list[Record] = []
    for each in found:
        told.append(each)
        if each["kind"] == "life.relation":
            for name in records_of(tx, (each["a_id"], each["relation"], each["b_id"]), now):
                record = records.get(tx, name)
                if record is not None:
                    told.append({**record, "relation_id": each["id"]})
    return told
