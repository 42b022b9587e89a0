"""Entities and relations into the state, as versions: what is believed now closes what was believed before.

Bi-temporal: valid_from and valid_to say when a thing is true, learned_at and superseded_at when it was believed. What
only counts more (one meeting more, a later mail) stays the same version; other dates, names or members are a new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.records import content_id
from roadmap_cli.life.graph.acts import Act
from roadmap_cli.life.graph.counting import Relation
from roadmap_cli.life.graph.entities import Entity
from roadmap_cli.life.graph.evidence import KEPT, Evidence, Trail, pair
from roadmap_cli.life.graph.verbs import sentence
from roadmap_cli.why import decisions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.graph.assembling import Graph
    from roadmap_cli.state.connection import Connection

#: Pairs of atoms that the decision on an entity names.
_TOLD_PAIRS = 6


@dataclass(slots=True)
class Changed:
    """How many entities and relations got a new version, and how many pairs are doubtful."""

    entities: int = 0
    relations: int = 0
    questions: int = 0


def store(tx: Connection, graph: Graph, told: Iterable[Relation], now: datetime, *, command: str) -> Changed:
    """Store a graph. The caller commits."""
    changed = Changed()
    relations = with_acts(graph, list(told))
    linked = {number for each, _ in relations for number in (each.a, each.b)}
    shown = {
        cluster: each
        for cluster, each in graph.entities.items()
        if not each.is_hidden and (cluster in linked or _stands_alone(each))
    }
    changed.entities = _store_entities(tx, graph, shown, now, command)
    changed.relations = _store_relations(tx, graph, relations, now, command)
    _store_members(tx, graph, shown)
    changed.questions = _store_questions(tx, graph, shown)
    return changed


def _stands_alone(entity: Entity) -> bool:
    """Whether it is shown without any relation: what merely has a domain or a chat of two is not."""
    return any(atom.type not in "dt" for atom in entity.atoms)


def with_acts(graph: Graph, told: list[Relation]) -> list[tuple[Relation, Act | None]]:
    """The relations, with the user's word over that of the records."""
    found: dict[tuple[int, str, int], tuple[Relation, Act | None]] = {
        (each.a, each.relation, each.b): (each, None) for each in told
    }
    for a, relation, b, said, act in graph.said.relations:
        key = (graph.outcome.cluster[a], relation, graph.outcome.cluster[b])
        turned = (key[2], relation, key[0])
        if turned in found and relation in ("knows", "colleague_of", "family_of"):
            key = turned
        if said.get("is_wrong"):
            found.pop(key, None)
            continue
        if graph.entities[key[0]].is_hidden or graph.entities[key[2]].is_hidden or key[0] == key[2]:
            continue
        old = found[key][0] if key in found else None
        trail = old.trail if old else Trail()
        since = str(said.get("since") or (old.valid_from if old else act.at))
        until = said.get("until") or (old.valid_to if old and not said.get("since") else None)
        detail = dict(old.detail) if old else {}
        found[key] = (Relation(*key, trail, since, until, 1.0, detail | {"said_by": "user"}), act)
    return list(found.values())


# -- entities ------------------------------------------------------------------------------------------------------


def _store_entities(tx: Connection, graph: Graph, shown: Mapping[int, Entity], now: datetime, command: str) -> int:
    import orjson

    known = {
        name: (sort, label, body, bool(is_user), confidence, learned, why)
        for name, sort, label, body, is_user, confidence, learned, why in tx.execute(
            "SELECT id, sort, name, body, is_user, confidence, learned_at, why_id FROM life_entity"
            " WHERE superseded_at IS NULL"
        )
    }
    at, changed = stamp(now), 0
    present: set[str] = set()
    for cluster in sorted(shown, key=lambda number: shown[number].id):
        entity = shown[cluster]
        present.add(entity.id)
        body = orjson.dumps(entity.body()).decode()
        old = known.get(entity.id)
        trail = entity.trail
        if old and old[:5] == (entity.sort, entity.name, body, entity.is_user, entity.confidence):
            tx.execute(
                "UPDATE life_entity SET mention_count = ?, first_at = ?, last_at = ?"
                " WHERE id = ? AND learned_at = ? AND (mention_count, first_at, last_at) <> (?, ?, ?)",
                (trail.count, trail.first, trail.last, entity.id, old[5], trail.count, trail.first, trail.last),
            )
            continue
        changed += 1
        _close(tx, "life_entity", entity.id, at)
        why = _why_one(tx, graph.evidence, entity, now, command) if entity.joined else None
        tx.execute(
            "INSERT INTO life_entity (id, learned_at, sort, name, search, body, confidence, mention_count, first_at,"
            " last_at, is_user, why_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                entity.id, at, entity.sort, entity.name, entity.search(), body, entity.confidence, trail.count,
                trail.first, trail.last, int(entity.is_user), why,
            ),
        )  # fmt: skip
    for gone in known.keys() - present:
        changed += 1
        _close(tx, "life_entity", gone, at)
    return changed


def _close(tx: Connection, table: str, name: str, at: str) -> None:
    """End a version; one that began at this very moment was never believed."""
    tx.execute(f"DELETE FROM {table} WHERE id = ? AND superseded_at IS NULL AND learned_at = ?", (name, at))
    tx.execute(f"UPDATE {table} SET superseded_at = ? WHERE id = ? AND superseded_at IS NULL", (at, name))


def _why_one(tx: Connection, evidence: Evidence, entity: Entity, now: datetime, command: str) -> str:
    """The decision that its atoms are one, resting on records that link them or name each."""
    what, told, cited = words_one(tx, evidence, entity)
    made = decisions.decide(
        tx, kind="life.entity_resolved", what=what, why=told, evidence=cited, command=command, at=now,
        facts={"confidence": entity.confidence},
    )  # fmt: skip
    return str(made["id"])


def words_one(tx: Connection, evidence: Evidence, entity: Entity) -> tuple[str, str, list[str]]:
    """What that decision says, why, and what it cites."""
    cited: list[str] = []
    reasons: list[str] = []
    for each in entity.joined:
        link = evidence.link_trails.get(pair(each.a, each.b))
        if link is not None:
            cited += link.ids()[:2]
        else:
            cited += [*evidence.atoms[each.a].trail.ids()[:1], *evidence.atoms[each.b].trail.ids()[:1]]
        words = f"{_said(evidence, each.a)} and {_said(evidence, each.b)}: {', '.join(each.why)}"
        reasons.append(f"{words} ({each.score:+.1f})" if each.score < 50 else words)
    more = len(reasons) - _TOLD_PAIRS
    told = "; ".join(reasons[:_TOLD_PAIRS]) + (f"; and {more} more" if more > 0 else "")
    cited = list(dict.fromkeys(each for each in cited if decisions.resolves(tx, each)))[: 4 * KEPT]
    return f"{entity.name} is one {entity.sort}: {len(entity.atoms)} names and addresses", told, cited


def _said(evidence: Evidence, number: int) -> str:
    atom = evidence.atoms[number]
    if atom.type == "e" or not atom.forms:
        return atom.value
    return min(atom.forms.items(), key=lambda each: (-each[1], each[0]))[0]


# -- relations -----------------------------------------------------------------------------------------------------


def _store_relations(
    tx: Connection, graph: Graph, told: list[tuple[Relation, Act | None]], now: datetime, command: str
) -> int:
    import orjson

    known = {
        (a, relation, b): row
        for a, relation, b, *row in tx.execute(
            "SELECT a_id, relation, b_id, id, valid_from, valid_to, confidence, evidence_count, last_at, detail, why_id"
            " FROM life_relation WHERE superseded_at IS NULL"
        )
    }
    at, changed = stamp(now), 0
    for each, act in sorted(told, key=lambda one: key_of(graph, one[0])):
        key = key_of(graph, each)
        detail = orjson.dumps(each.detail, option=orjson.OPT_SORT_KEYS).decode()
        trail = each.trail
        first, last = trail.first or each.valid_from, trail.last or each.valid_from
        old = known.pop(key, None)
        if old and (old[1], old[2]) == (each.valid_from, each.valid_to) and _class(old[3]) == _class(each.confidence):
            name = old[0]
            if (old[3], old[4], old[5], old[6]) == (each.confidence, trail.count, last, detail):
                continue
            tx.execute("UPDATE life_relation SET why_id = NULL WHERE id = ?", (name,))
            _drop(tx, old[7])
        else:
            changed += 1
            if old:
                _close(tx, "life_relation", old[0], at)
            name = content_id("life.relation", a=key[0], relation=key[1], b=key[2], learned_at=at)
        why = _why_related(tx, graph, each, act, now, command)
        tx.execute(
            "INSERT INTO life_relation (id, a_id, relation, b_id, valid_from, valid_to, learned_at, confidence,"
            " evidence_count, first_at, last_at, detail, why_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET valid_from = excluded.valid_from, valid_to = excluded.valid_to,"
            " confidence = excluded.confidence, evidence_count = excluded.evidence_count, first_at = excluded.first_at,"
            " last_at = excluded.last_at, detail = excluded.detail, why_id = excluded.why_id",
            (
                name, *key, each.valid_from, each.valid_to, at, each.confidence, trail.count, first, last, detail, why,
            ),
        )  # fmt: skip
    for gone in known.values():
        changed += 1
        _close(tx, "life_relation", gone[0], at)
    return changed


def key_of(graph: Graph, each: Relation) -> tuple[str, str, str]:
    """The ids of its entities, around its name."""
    return graph.entities[each.a].id, each.relation, graph.entities[each.b].id


def _class(confidence: float) -> int:
    """Confidence that changes within a fifth is no news."""
    return min(int(confidence * 5), 4)


def _drop(tx: Connection, why_id: str | None) -> None:
    """Remove the decision that another takes the place of, which counts more records; unless something cites it."""
    if why_id and next(decisions.citing(tx, why_id), None) is None:
        tx.execute("DELETE FROM decision WHERE id = ?", (why_id,))


def _why_related(tx: Connection, graph: Graph, each: Relation, act: Act | None, now: datetime, command: str) -> str:
    """The decision that a relation holds."""
    what, why, cited, facts = words_related(tx, graph, each, act)
    made = decisions.decide(
        tx, kind="life.relation_found", what=what, why=why, evidence=cited, command=command, at=now, facts=facts
    )
    return str(made["id"])


def words_related(
    tx: Connection, graph: Graph, each: Relation, act: Act | None
) -> tuple[str, str, list[str], dict[str, Any]]:
    """What that decision says, why, what it cites, and its facts."""
    what = sentence(each.relation, graph.entities[each.a].name, graph.entities[each.b].name)
    span = f"{each.valid_from[:10]} to {each.valid_to[:10] if each.valid_to else 'now'}"
    ids = [name for name in each.trail.ids() if decisions.resolves(tx, name)]
    part = f", of which the first and the last {len(ids)} are cited" if len(ids) < each.trail.count else ""
    facts = {"records": each.trail.count, **each.detail, "confidence": each.confidence}
    words = f"{each.trail.count} record{'s' if each.trail.count != 1 else ''} say so{part}"
    cited = [*([act.why_id] if act else []), *ids]
    return f"{what}, {span}", "the user said so" if act else words, cited, facts


# -- the rest ------------------------------------------------------------------------------------------------------


def _store_members(tx: Connection, graph: Graph, shown: Mapping[int, Entity]) -> None:
    """Which entity each atom belongs to, so that any of its ids finds it."""
    wanted = {number: shown[cluster].id for number, cluster in graph.outcome.cluster.items() if cluster in shown}
    known = dict(tx.execute("SELECT number, entity_id FROM life_graph_atom").fetchall())
    tx.executemany(
        "UPDATE life_graph_atom SET entity_id = ? WHERE number = ?",
        [(wanted.get(number), number) for number, old in known.items() if wanted.get(number) != old],
    )


def _store_questions(tx: Connection, graph: Graph, shown: Mapping[int, Entity]) -> int:
    best: dict[tuple[str, str], tuple[float, str]] = {}
    for each in graph.outcome.asked:
        a, b = graph.outcome.cluster[each.a], graph.outcome.cluster[each.b]
        if a not in shown or b not in shown:
            continue
        first, second = sorted((shown[a].id, shown[b].id))
        why = ", ".join(each.why)
        if (first, second) not in best or (each.score, why) > best[first, second]:
            best[first, second] = (each.score, why)
    tx.execute("DELETE FROM life_graph_question")
    tx.executemany(
        "INSERT INTO life_graph_question (a_id, b_id, score, why) VALUES (?, ?, ?, ?)",
        [(*key, *value) for key, value in sorted(best.items())],
    )
    return len(best)
