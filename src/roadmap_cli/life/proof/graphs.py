"""Entities and relations resolved again from what the records mention, and these mentions read again.

The graph is made anew in memory, as it was when it was last brought up to date, and each number and name of what is
believed now compared with it. An earlier version is held against the one that is kept: what was known then is gone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from roadmap_cli.core import clock
from roadmap_cli.core.records import Record
from roadmap_cli.life.graph import assembling, evidence, extraction, finding, relations, versions
from roadmap_cli.life.graph.verbs import sentence
from roadmap_cli.state import records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.graph.acts import Act
    from roadmap_cli.life.graph.assembling import Graph
    from roadmap_cli.life.graph.counting import Relation
    from roadmap_cli.state.connection import Connection

Claims = Iterator[tuple[str, Any, Any]]
#: Fields that say how a record was asked for, not what is known.
_ASKED = frozenset(("kind", "depth", "from_id", "is_forgotten", "relation_id", "dry_run"))


def record_of(tx: Connection, id: str) -> Record | None:
    """The present version of an entity or relation by its id, or its latest."""
    found = finding.relation(tx, id)
    if found is not None:
        return found
    row = tx.execute(
        "SELECT id, learned_at, superseded_at, sort, name, body, confidence, mention_count, first_at, last_at, is_user,"
        " why_id FROM life_entity WHERE id = ? ORDER BY superseded_at IS NULL DESC, superseded_at DESC LIMIT 1",
        (id,),
    ).fetchone()
    return finding.entity_record(row) if row else None


@dataclass(slots=True)
class Again:
    """The graph made again, once for all that is asked."""

    tx: Connection
    _graph: Graph | None = None
    _told: dict[tuple[str, str, str], tuple[Relation, Act | None]] = field(default_factory=dict)
    _made_at: str = ""

    def graph(self) -> Graph:
        """The graph as it follows from all that was read when it was last made."""
        if self._graph is None:
            row = self.tx.execute("SELECT at FROM life_graph_made").fetchone()
            self._made_at = str(row[0]) if row else ""
            built = assembling.graph(
                self.tx, clock.parse(self._made_at) if row else clock.parse("1970-01-01T00:00:00Z")
            )
            said = evidence.stream(self.tx, self._made_at)
            told = relations.derive(built.evidence, built.outcome.cluster, built.entities, said)
            for each, act in versions.with_acts(built, told):
                self._told[versions.key_of(built, each)] = (each, act)
            self._graph = built
        return self._graph

    def entity(self, told: Record) -> Claims:
        """Claims of a life.entity."""
        if told.get("superseded_at"):
            yield from self._kept(told, "life_entity")
            return
        found = next((each for each in self.graph().entities.values() if each.id == told["id"]), None)
        again: Record = {}
        if found is not None:
            trail = found.trail
            again = {
                **found.body(), "id": found.id, "at": trail.last, "sort": found.sort, "name": found.name,
                "confidence": found.confidence, "mention_count": trail.count, "first_at": trail.first,
                "last_at": trail.last,
            } | ({"is_user": True} if found.is_user else {})  # fmt: skip
        for name, value in told.items():
            if name not in _ASKED and name not in ("learned_at", "why_id"):
                yield name, value, again.get(name)
        yield from self._kept_times(told, "life_entity")

    def relation(self, told: Record) -> Claims:
        """Claims of a life.relation, and that what it rests on still mentions what was read there."""
        if told.get("superseded_at"):
            yield from self._kept(told, "life_relation")
            return
        graph = self.graph()
        each, _ = self._told.get((told["a_id"], told["relation"], told["b_id"]), (None, None))
        again: Record = {}
        if each is not None:
            trail = each.trail
            a, b = graph.entities[each.a], graph.entities[each.b]
            again = {
                "relation": each.relation, "a_id": a.id, "a_name": a.name, "b_id": b.id, "b_name": b.name,
                "text": sentence(each.relation, a.name, b.name), "valid_from": each.valid_from,
                "confidence": each.confidence, "evidence_count": trail.count, "at": trail.last or each.valid_from,
                "first_at": trail.first or each.valid_from, "last_at": trail.last or each.valid_from,
            } | ({"valid_to": each.valid_to} if each.valid_to else {}) | (
                {"detail": _plain(each.detail)} if each.detail else {})  # fmt: skip
            for name in trail.ids():
                yield f"mentions of {name}", *self._mentions(name)
        for name, value in told.items():
            if name not in _ASKED and name not in ("id", "learned_at", "why_id"):
                yield name, value, again.get(name)
        yield from self._kept_times(told, "life_relation")

    def found(self, decision: Record) -> Claims:
        """Claims of a life.relation_found decision whose relation is believed now."""
        row = self.tx.execute(
            "SELECT a_id, relation, b_id FROM life_relation WHERE why_id = ? AND superseded_at IS NULL",
            (decision["id"],),
        ).fetchone()
        if row is None:
            return
        graph = self.graph()
        each, act = self._told[row[0], row[1], row[2]]
        what, why, ids, facts = versions.words_related(self.tx, graph, each, act)
        yield "what", decision["what"], what
        yield "why", decision["why"], why
        yield "facts", decision["facts"], _plain(facts)
        yield "evidence", decision["evidence_ids"], ids

    def resolved(self, decision: Record) -> Claims:
        """Claims of a life.entity_resolved decision whose entity is believed now; scores if nothing came since."""
        row = self.tx.execute(
            "SELECT id, learned_at FROM life_entity WHERE why_id = ? AND superseded_at IS NULL", (decision["id"],)
        ).fetchone()
        if row is None:
            return
        graph = self.graph()
        entity = next((each for each in graph.entities.values() if each.id == row[0]), None)
        if entity is None:
            yield "entity", row[0], None
            return
        what, why, ids = versions.words_one(self.tx, graph.evidence, entity)
        yield "what", decision["what"], what
        yield "confidence", decision["facts"]["confidence"], entity.confidence
        if row[1] == self._made_at:
            yield "why", decision["why"], why
            yield "evidence", decision["evidence_ids"], ids

    def _mentions(self, name: str) -> tuple[list[str], list[str]]:
        """What is kept of what a record mentions, and what the rules find in it."""
        record = records.get(self.tx, name)
        rows = self.tx.execute(
            """SELECT key, role, form FROM life_graph_mention JOIN life_graph_atom ON number = atom
               WHERE record_id = ?""",
            (name,),
        ).fetchall()
        again = {(each.key, each.role, each.form) for each in extraction.mentions(record)} if record else set()
        (read,) = self.tx.execute("SELECT max(rules) FROM life_graph_read WHERE record_id = ?", (name,)).fetchone()
        kept = {tuple(row) for row in rows}
        if read is not None and read >= 1000:  # a model has found more than the rules do
            kept &= again
        return sorted("|".join(map(str, each)) for each in kept), sorted("|".join(map(str, each)) for each in again)

    def _kept(self, told: Record, table: str) -> Claims:
        """An earlier version, as it is kept."""
        stored = self._version(told, table)
        for name, value in told.items():
            if name not in _ASKED and name not in ("a_name", "b_name", "text"):
                yield name, value, stored.get(name)

    def _kept_times(self, told: Record, table: str) -> Claims:
        stored = self._version(told, table)
        for name in ("learned_at", "why_id"):
            if name in told:
                yield name, told[name], stored.get(name)

    def _version(self, told: Record, table: str) -> Mapping[str, Any]:
        if table == "life_relation":
            return finding.relation(self.tx, told["id"]) or {}
        row = self.tx.execute(
            "SELECT id, learned_at, superseded_at, sort, name, body, confidence, mention_count, first_at, last_at,"
            " is_user, why_id FROM life_entity WHERE id = ? AND learned_at = ?",
            (told["id"], told.get("learned_at")),
        ).fetchone()
        return finding.entity_record(row) if row else {}


def _plain(value: Any) -> Any:
    """As JSON has it."""
    import orjson

    return orjson.loads(orjson.dumps(value))
