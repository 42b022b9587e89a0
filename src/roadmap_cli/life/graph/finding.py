"""Looking into the graph: by name, by time, around somebody, between two. Reads versions; nothing is derived here."""

from __future__ import annotations

import heapq
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from roadmap_cli.core.clock import parse, stamp
from roadmap_cli.core.errors import DataError, UsageError
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.life.graph import identities, names
from roadmap_cli.life.graph.closeness import Close
from roadmap_cli.life.graph.verbs import sentence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

_ENTITY = (
    "id, learned_at, superseded_at, sort, name, body, confidence, mention_count, first_at, last_at, is_user, why_id"
)
_RELATION = (
    "id, a_id, relation, b_id, valid_from, valid_to, learned_at, superseded_at, confidence, evidence_count, first_at,"
    " last_at, detail, why_id"
)
_ID = re.compile(r"life_[a-z2-7]{26}")
#: A word of so few letters is only found whole, a longer one also as a beginning.
_SHORT = 2
#: How like a name must be that is found by likeness.
_LIKE = 0.86


@dataclass(frozen=True, slots=True)
class Times:
    """When it is to be true (from, up to), and as it was known at a moment; None: ever, and now."""

    true_from: str | None = None
    true_until: str | None = None
    known: str | None = None

    @classmethod
    def of(cls, at: str | None, known_at: str | None) -> Times:
        """From the words of options: a date, which is the whole day, or a time. Raises UsageError."""
        first, last = _span(at, "--at") if at else (None, None)
        known = _span(known_at, "--known-at")[1] if known_at else None
        return cls(first, last, known)

    def where(self, table: str = "") -> tuple[str, list[str]]:
        """The condition on versions: present ones, or those of a moment."""
        prefix = f"{table}." if table else ""
        if self.known is None:
            return f"{prefix}superseded_at IS NULL", []
        return (
            f"{prefix}learned_at <= ? AND ({prefix}superseded_at IS NULL OR {prefix}superseded_at > ?)",
            [self.known, self.known],
        )

    def holds(self, record: Record) -> bool:
        """Whether a relation is true in that time."""
        if self.true_from is None or self.true_until is None:
            return True
        return bool(record["valid_from"] <= self.true_until and record.get("valid_to", "9") >= self.true_from)


def _span(text: str, option: str) -> tuple[str, str]:
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            day = datetime.combine(date.fromisoformat(text), datetime.min.time(), parse("2000-01-01T00:00:00Z").tzinfo)
            return stamp(day), stamp(day + timedelta(days=1) - timedelta(milliseconds=1))
        moment = stamp(parse(text))
    except (ValueError, DataError):
        raise UsageError(f"not a date or time: {text!r}", hint=f"{option} 2026-05-01") from None
    return moment, moment


def entity_record(row: Sequence[Any]) -> Record:
    """A version of an entity as a record."""
    import orjson

    name, learned, superseded, sort, label, body, confidence, count, first, last, is_user, why = row
    record: Record = {"kind": "life.entity", "id": name, "at": last, "sort": sort, "name": label}
    told = orjson.loads(body)
    record |= {field: told[field] for field in ("names", "emails", "phones", "birthday") if field in told}
    record |= {"is_user": True} if is_user else {}
    record |= {"confidence": confidence, "mention_count": count, "first_at": first, "last_at": last}
    record |= {"learned_at": learned} | ({"superseded_at": superseded} if superseded else {})
    record["atoms"] = told["atoms"]
    return record | ({"why_id": why} if why else {})


def relation_record(row: Sequence[Any], labels: dict[str, str]) -> Record:
    """A version of a relation as a record; `labels` are names of entities by id."""
    import orjson

    name, a, relation, b, since, until, learned, superseded, confidence, count, first, last, detail, why = row
    record: Record = {"kind": "life.relation", "id": name, "at": last, "relation": relation}
    record |= {"a_id": a, "a_name": labels.get(a, a), "b_id": b, "b_name": labels.get(b, b)}
    record |= {"text": sentence(relation, record["a_name"], record["b_name"])}
    record |= {"valid_from": since} | ({"valid_to": until} if until else {})
    record |= {"learned_at": learned} | ({"superseded_at": superseded} if superseded else {})
    record |= {"confidence": confidence, "evidence_count": count, "first_at": first, "last_at": last}
    told = orjson.loads(detail)
    record |= {"detail": told} if told else {}
    return record | ({"why_id": why} if why else {})


def entities(
    tx: Connection, times: Times, *, sort: str | None = None, limit: int | None = None, ids: Iterable[str] | None = None
) -> list[Record]:
    """Entities, the most mentioned first."""
    where, values = times.where()
    if sort:
        where, values = f"{where} AND sort = ?", [*values, sort]
    chosen = None if ids is None else sorted(set(ids))
    if chosen is not None:
        where, values = f"{where} AND id IN ({', '.join('?' for _ in chosen)})", [*values, *chosen]
    rows = tx.execute(
        f"SELECT {_ENTITY} FROM life_entity WHERE {where} ORDER BY mention_count DESC, id LIMIT ?",
        (*values, -1 if limit is None else limit),
    )
    return [entity_record(row) for row in rows]


def search(
    tx: Connection, text: str, times: Times, *, sort: str | None = None, limit: int | None = None
) -> list[Record]:
    """Entities by id, address, number or name: exact ones alone if there are any, else by words, else by likeness."""
    told = text.strip()
    exact = _by_identity(tx, told)
    if exact or identities.email(told) or identities.phone(told) or _ID.fullmatch(told):
        return [each for each in entities(tx, times, ids=exact) if not sort or each["sort"] == sort]
    folded = names.fold(told)
    if not folded:
        return []
    where, values = times.where()
    if sort:
        where, values = f"{where} AND sort = ?", [*values, sort]
    conditions = " AND ".join("instr(search, ?) > 0" for _ in folded.split())
    rows = tx.execute(
        f"SELECT {_ENTITY}, search FROM life_entity WHERE {where} AND {conditions} ORDER BY mention_count DESC, id",
        (*values, *(f" {word}" if len(word) > _SHORT else f" {word} " for word in folded.split())),
    ).fetchall()
    whole = [row for row in rows if f"| {folded} |" in f"|{row[-1]}|"]
    found = whole or rows or _alike(tx, told, where, values)
    return [entity_record(row[:-1]) for row in found][:limit]


def _by_identity(tx: Connection, told: str) -> list[str]:
    """Ids of the entities an id, address or number belongs to."""
    keys = [f"e:{address}"] if (address := identities.email(told)) else []
    keys += [f"p:{identities.phone_tail(number)}"] if (number := identities.phone(told)) else []
    rows = tx.execute(
        "SELECT entity_id FROM life_graph_atom WHERE id = ? AND entity_id IS NOT NULL", (told,)
    ).fetchall()
    rows += tx.execute("SELECT id FROM life_entity WHERE id = ? LIMIT 1", (told,)).fetchall() if not rows else []
    for key in keys:
        rows += tx.execute(
            "SELECT entity_id FROM life_graph_atom WHERE key = ? AND entity_id IS NOT NULL", (key,)
        ).fetchall()
    return [name for (name,) in rows]


def _alike(tx: Connection, told: str, where: str, values: list[str]) -> list[Sequence[Any]]:
    """By likeness of a name: a typo, a nickname, the other order."""
    wanted, folded = names.parse(told), names.fold(told)
    scored = []
    for row in tx.execute(f"SELECT {_ENTITY}, search FROM life_entity WHERE {where}", values):
        best = 0.0
        for each in row[-1].strip().split(" | "):
            best = max(best, names.similarity(folded, each))
        other = names.parse(row[4])
        if wanted is not None and other is not None and names.agree(wanted, other) >= names.Level.TYPO:
            best = max(best, 0.95)
        if (
            wanted is not None
            and not wanted.family
            and other is not None
            and names.same_given(wanted.given[0], other.given[0])
        ):
            best = max(best, 0.93)
        if best >= _LIKE:
            scored.append((-best, -row[7], row[0], row))
    return [row for *_, row in sorted(scored)[:20]]


def one(tx: Connection, text: str, times: Times | None = None) -> Record:
    """The one entity that is meant. Raises DataError if there is none, or several."""
    found = search(tx, text, times or Times())
    if not found:
        raise DataError(f"nobody and nothing known as {text!r}", hint="life-graph list", code="no_entity")
    if len(found) > 1:
        raise DataError(
            f"{len(found)} entities fit {text!r}",
            hint=f"name one by its id: life-graph list '{text}'",
            code="ambiguous",
        )
    return found[0]


def relations(tx: Connection, times: Times, around: Iterable[str] | None = None) -> list[Record]:
    """Relations that hold; those of the entities `around`, or all. The best supported first."""
    where, values = times.where()
    rows: list[Sequence[Any]] = []
    if around is None:
        rows = tx.execute(f"SELECT {_RELATION} FROM life_relation WHERE {where}", values).fetchall()
    else:
        seen: dict[str, Sequence[Any]] = {}
        for name in around:
            for side in ("a_id", "b_id"):
                for row in tx.execute(
                    f"SELECT {_RELATION} FROM life_relation WHERE {side} = ? AND {where}", (name, *values)
                ):
                    seen[row[0]] = row
        rows = list(seen.values())
    labels = _labels(tx, {row[place] for row in rows for place in (1, 3)}, times)
    records = [relation_record(row, labels) for row in rows]
    held = [each for each in records if times.holds(each)]
    return sorted(held, key=lambda each: (-each["evidence_count"], each["a_id"], each["relation"], each["b_id"]))


def _labels(tx: Connection, ids: set[str], times: Times) -> dict[str, str]:
    where, values = times.where()
    found: dict[str, str] = {}
    for name in ids:
        row = tx.execute(f"SELECT name FROM life_entity WHERE id = ? AND {where}", (name, *values)).fetchone()
        if row:
            found[name] = row[0]
    return found


def around(tx: Connection, start: Sequence[str], times: Times, depth: int) -> tuple[list[Record], list[Record]]:
    """The entities up to `depth` steps away, and the relations between them and on the way."""
    reached, edge = set(start), set(start)
    found: dict[str, Record] = {}
    for _ in range(depth):
        step = relations(tx, times, sorted(edge))
        found |= {each["id"]: each for each in step}
        edge = {each[side] for each in step for side in ("a_id", "b_id")} - reached
        reached |= edge
    ordered = sorted(found.values(), key=lambda each: (-each["evidence_count"], each["id"]))
    return entities(tx, times, ids=reached), ordered


def strength(record: Record) -> float:
    """How strongly a relation binds, 0 to 1: its confidence, and how often it shows."""
    count = record["evidence_count"]
    often = 1.0 if record["relation"] in ("family_of", "works_at", "lives_at") else 1 - 0.7 * 0.9 ** min(count, 60)
    return float(record["confidence"]) * often


def path(tx: Connection, a: str, b: str, times: Times, *, avoiding: str | None = None) -> list[Record]:
    """The strongest chain of relations between two, from the first to the second; empty if there is none.

    Dijkstra over 1 - ln(strength): each step costs, a weak one more.
    """
    edges: dict[str, list[tuple[str, float, Record]]] = defaultdict(list)
    for each in relations(tx, times):
        cost = 1 - math.log(max(strength(each), 1e-3))
        for here, there in ((each["a_id"], each["b_id"]), (each["b_id"], each["a_id"])):
            edges[here].append((there, cost, each))
    best: dict[str, float] = {a: 0.0}
    came: dict[str, tuple[str, Record]] = {}
    waiting = [(0.0, a)]
    while waiting:
        cost, here = heapq.heappop(waiting)
        if here == b:
            break
        if cost > best[here] or (here == avoiding and here != a):
            continue
        for there, step, record in edges[here]:
            if cost + step < best.get(there, math.inf):
                best[there] = cost + step
                came[there] = (here, record)
                heapq.heappush(waiting, (cost + step, there))
    steps: list[Record] = []
    here = b
    while here != a:
        if here not in came:
            return []
        here, record = came[here]
        steps.append(record)
    return steps[::-1]


def questions(tx: Connection) -> list[Record]:
    """Pairs that may be one, the likeliest first."""
    rows = tx.execute(
        "SELECT q.a_id, q.b_id, q.score, q.why, a.name, b.name, max(a.last_at, b.last_at) FROM life_graph_question AS q"
        " JOIN life_entity AS a ON a.id = q.a_id AND a.superseded_at IS NULL"
        " JOIN life_entity AS b ON b.id = q.b_id AND b.superseded_at IS NULL ORDER BY q.score DESC, q.a_id, q.b_id"
    )
    return [
        {
            "kind": "life.graph_question", "id": content_id("life.graph_question", a=a, b=b), "at": at,
            "a_id": a, "a_name": first, "b_id": b, "b_name": second,
            "probability": round(1 / (1 + math.exp(-score)), 3), "why": why,
        }
        for a, b, score, why, first, second, at in rows
    ]  # fmt: skip


def user(tx: Connection) -> str | None:
    """The entity that is the user."""
    row = tx.execute("SELECT id FROM life_entity WHERE is_user = 1 AND superseded_at IS NULL").fetchone()
    return str(row[0]) if row else None


def relation(tx: Connection, relation_id: str) -> Record | None:
    """A version of a relation by its id, None if there is none."""
    row = tx.execute(f"SELECT {_RELATION} FROM life_relation WHERE id = ?", (relation_id,)).fetchone()
    return relation_record(row, _labels(tx, {row[1], row[3]}, Times())) if row else None


def unique(found: Iterable[Record]) -> list[Record]:
    """Records without those that came before; what was asked for itself stays."""
    kept: dict[str, Record] = {}
    for each in found:
        if each["id"] not in kept or each.get("depth", 1) < kept[each["id"]].get("depth", 1):
            kept[each["id"]] = each
    return list(kept.values())


def counted(at: str, entity_count: int, relation_count: int) -> Record:
    """What a graph comes to."""
    name = content_id("life.graph", at=at, entities=entity_count, relations=relation_count)
    return {
        "kind": "life.graph", "id": name, "at": at, "entity_count": entity_count, "relation_count": relation_count,
    }  # fmt: skip


def summary(tx: Connection, at: str) -> Record:
    """What the present graph comes to."""
    counts = [
        tx.execute(f"SELECT count(*) FROM {source}").fetchone()[0]
        for source in (
            "life_entity WHERE superseded_at IS NULL",
            "life_relation WHERE superseded_at IS NULL",
            "life_graph_question",
        )
    ]  # fmt: skip
    return counted(at, counts[0], counts[1]) | {"question_count": counts[2]}


def close_record(each: Close, rank: int) -> Record:
    """Somebody close as a record."""
    record: Record = {
        "kind": "life.close_person", "id": content_id("life.close_person", entity=each.entity_id, at=each.last_at),
        "at": each.last_at, "entity_id": each.entity_id, "name": each.name, "rank": rank, "score": each.score,
    }  # fmt: skip
    record |= {"family": each.family} if each.family else {}
    record |= {
        "days_count": each.days, "sent_count": each.sent, "received_count": each.received,
        "meeting_count": each.meetings, "one_to_one_count": each.one_to_one,
        "first_at": each.first_at, "last_at": each.last_at, "text": each.words(),
        "relation_ids": list(each.relation_ids), "why_ids": list(each.why_ids),
    }  # fmt: skip
    return record
