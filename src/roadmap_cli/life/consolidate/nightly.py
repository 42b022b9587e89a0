"""The nightly work: each day, and each thread's day, that is over into memory, once for the same inputs.

A span is one transaction: what is killed in between goes on with the next span. A span whose inputs changed is made
anew; its lines that no longer hold are marked as replaced, and nothing is deleted.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from roadmap_cli.core import clock
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.life import wording
from roadmap_cli.life.consolidate import facts, gist
from roadmap_cli.life.recall import indexing
from roadmap_cli.state import records
from roadmap_cli.why import decisions

if TYPE_CHECKING:
    from roadmap_cli.models.embed import Embedder
    from roadmap_cli.state.connection import Connection
    from roadmap_cli.state.store import State

MEMORY, FACT = "life.memory", "life.fact"
#: Why a fact ends.
ENDED = "a newer fact about the same contradicts it"
#: What days are made of; pages looked at and measurements are too many and say too little each.
KINDS = ("life.message", "life.event", "life.transaction", "life.activity", "life.contact", "life.note",
         "life.place_visit")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Span:
    """A day, or a thread's day: the ids of its records in order, and a hash of them."""

    name: str
    day: str
    ids: tuple[str, ...]

    @property
    def inputs(self) -> str:
        """What it was made from, as a hash."""
        return hashlib.sha256("\n".join(sorted(self.ids)).encode()).hexdigest()


@dataclass(slots=True)
class Made:
    """What came of a span: new records, and how many facts ended."""

    new: list[Record] = field(default_factory=list)
    ended: int = 0


def due(tx: Connection, today: str) -> list[Span]:
    """The spans before `today` (YYYY-MM-DD) that are new, or changed since they were made; the oldest first.

    What was cancelled did not take place.
    """
    marks = ", ".join("?" * len(KINDS))
    rows = tx.execute(
        f"""SELECT grouped, day, record_id, kind FROM life_item
            LEFT JOIN life_event ON life_event.id = record_id
            LEFT JOIN life_transaction ON life_transaction.id = record_id
            WHERE kind IN ({marks}) AND day < ? AND coalesce(is_current, 1) = 1 AND same_as IS NULL
              AND record_id NOT IN ({indexing.CANCELLED})
            ORDER BY day, grouped, life_item.at, number""",
        (*KINDS, today),
    )
    found: dict[tuple[str, str], list[str]] = {}
    for grouped, day, record_id, kind in rows:
        found.setdefault((day, grouped if kind == "life.message" else ""), []).append(record_id)
    known = dict(tx.execute("SELECT span, inputs FROM life_span").fetchall())
    spans = [Span(f"{day} {group}".strip(), day, tuple(ids)) for (day, group), ids in found.items()]
    return [span for span in spans if known.get(span.name) != span.inputs]


def plan(state: State, today: str, *, stop: Callable[[], bool]) -> tuple[list[Span], Rarity | None]:
    """The spans that are due, and how much words tell; None if nothing is due.

    In a dry run, which keeps nothing that was taken in, what is new is taken in for the moment: until `stop()`.
    """
    with state.write() if state.dry_run else state.read() as tx:
        while state.dry_run and not stop() and indexing.take_in_lot(tx) >= indexing.LOT:
            pass
        spans = due(tx, today)
        return spans, Rarity(tx) if spans else None


class Rarity:
    """How much a word tells, by how many of all items hold it; looked up once."""

    def __init__(self, tx: Connection) -> None:
        (self._total,) = tx.execute("SELECT count(*) FROM life_item").fetchone()
        self._held: dict[str, int] = {}
        for word, count in _held(tx):
            self._held[word] = count

    def __call__(self, stem: str) -> float:
        """ln(1 + items / (1 + items that hold it)) of a stem."""
        return math.log(1 + self._total / (1 + self._held.get(stem, 0)))


def _held(tx: Connection) -> Iterator[tuple[str, int]]:
    yield from tx.execute("SELECT term, count(DISTINCT doc) FROM life_item_stem GROUP BY term").fetchall()


def consolidate(
    state: State,
    span: Span,
    *,
    rarity: Any,
    embedder: Embedder | None,
    share: float,
    now: datetime,
    command: str,
    worder: Callable[[str, Sequence[str]], str | None] | None = None,
) -> Made:
    """Make a span's memory and store it. `rarity` tells of a word in lower case how much it tells.

    `worder` gives a sentence for a new line and the texts it is from, or None; it stands beside the line.

    Nothing is made if a record of the span is gone meanwhile: the span will then be another one.
    """
    with state.read() as tx:
        found = [records.get(tx, id) for id in span.ids]
    sources = [record for record in found if record is not None]
    told = _said(sources, embedder)
    lines = gist.lines(told, rarity, share) if told else []
    worded = _worded(state, sources, lines, worder) if worder else {}
    made = Made()
    with state.write() as tx:
        if any(not decisions.resolves(tx, id) for id in span.ids):
            return made
        words = sum(len(line.text.split()) for line in lines)
        what, why = words_of(span.day, len(sources), len(lines), words)
        decision = decisions.decide(
            tx,
            kind="life.consolidated",
            what=what,
            why=why,
            evidence=span.ids,
            command=command,
            at=now,
            facts={
                "span_day": span.day, "records": len(sources), "lines": len(lines), "share": share, "words": words,
                "source_words": gist.words_in(told), "memory_ids": [_name(sources, line) for line in lines],
            },
        )  # fmt: skip
        _store_lines(tx, span, sources, lines, worded, decision["id"], now, made)
        for record in sources:
            for fact in facts.told(record):
                _store_fact(tx, span, record, fact, decision["id"], now, command, made)
        tx.execute(
            "INSERT INTO life_span (span, inputs, at, summary) VALUES (?, ?, ?, ?) ON CONFLICT (span) DO UPDATE SET"
            " inputs = excluded.inputs, at = excluded.at, summary = excluded.summary",
            (span.name, span.inputs, clock.stamp(now), decision["id"]),
        )
    return made


def words_of(day: str, records: int, lines: int, words: int) -> tuple[str, str]:
    """What the decision on a span says, and why."""
    why = f"the day is over; {records} records became {words} words, each line from the records it cites"
    return f"remember {lines} lines of {day}", why


def speaker(record: Record) -> str:
    """Who says what a record says; '' if nobody does."""
    if record["kind"] != "life.message":
        return ""
    return str(record.get("sender_name") or record.get("sender") or "")


def said(record: Record) -> str:
    """What a record says, without who says it."""
    text = wording.said(record)
    return text.removeprefix(f"{speaker(record)}: ") if record["kind"] == "life.message" else text


def size(sources: Sequence[Record]) -> int:
    """How many words records have, as the share of them that is kept is counted."""
    return gist.words_in([gist.Said(speaker(each), said(each)) for each in sources])


def _name(sources: Sequence[Record], line: gist.Line) -> str:
    return content_id(MEMORY, text=line.text, sources=[str(sources[place]["id"]) for place in line.sources])


def _said(sources: Sequence[Record], embedder: Embedder | None) -> list[gist.Said]:
    pairs = [(speaker(record), said(record)) for record in sources]
    central: Sequence[Mapping[str, float] | None] = [None] * len(pairs)
    if embedder is not None and embedder.has_states:
        vectors, tokens = embedder.tokens([text for _, text in pairs], purpose="consolidate")
        central = [gist.centrality(one, vector) for one, vector in zip(tokens, vectors, strict=True)]
    return [gist.Said(who, text, one) for (who, text), one in zip(pairs, central, strict=True)]


def _worded(
    state: State,
    sources: Sequence[Record],
    lines: Sequence[gist.Line],
    worder: Callable[[str, Sequence[str]], str | None],
) -> dict[str, str]:
    """Sentences for the lines that are not stored yet, by the lines' ids."""
    with state.read() as tx:
        new = [line for line in lines if records.get(tx, _name(sources, line)) is None]
    pairs = (
        (_name(sources, line), worder(line.text, [said(sources[place]) for place in line.sources])) for line in new
    )
    return {name: text for name, text in pairs if text is not None}


def _store_lines(
    tx: Connection,
    span: Span,
    sources: Sequence[Record],
    lines: Sequence[gist.Line],
    worded: Mapping[str, str],
    why_id: str,
    now: datetime,
    made: Made,
) -> None:
    known = {
        name
        for (name,) in tx.execute(
            "SELECT id FROM life_memory WHERE span = ? AND kind = ? AND replaced_by IS NULL", (span.name, MEMORY)
        )
    }
    kept: list[str] = []
    for line in lines:
        ids = [str(sources[place]["id"]) for place in line.sources]
        name = _name(sources, line)
        kept.append(name)
        record: Record = {
            "kind": MEMORY, "id": name, "at": sources[line.sources[0]]["at"], "text": line.text, "sources": ids,
            "learned_at": clock.stamp(now), "why_id": why_id,
            **({"worded": worded[name]} if name in worded else {}),
        }  # fmt: skip
        if records.put(tx, record):
            made.new.append(record)
        tx.execute(
            """INSERT INTO life_memory (id, span, kind, subject, relation, object, true_from, learned_at, why_id)
               VALUES (?, ?, ?, '', '', '', ?, ?, ?) ON CONFLICT (id) DO UPDATE SET replaced_by = NULL""",
            (name, span.name, MEMORY, span.day, clock.stamp(now), why_id),
        )
        _cite(tx, name, ids)
    if kept:
        tx.executemany(
            "UPDATE life_memory SET replaced_by = ? WHERE id = ?", [(kept[0], name) for name in known - set(kept)]
        )


def _cite(tx: Connection, memory_id: str, ids: Sequence[str]) -> None:
    tx.executemany(
        "INSERT INTO life_memory_source (memory_id, record_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
        [(memory_id, id) for id in ids],
    )


def _store_fact(
    tx: Connection,
    span: Span,
    source: Record,
    fact: facts.Fact,
    why_id: str,
    now: datetime,
    command: str,
    made: Made,
) -> None:
    name = content_id(FACT, subject=fact.subject, relation=fact.relation, object=fact.object, source=source["id"])
    key = (fact.subject.lower(), fact.relation, fact.object.lower())
    record: Record = {
        "kind": FACT, "id": name, "at": source["at"], "subject": fact.subject, "relation": fact.relation,
        "object": fact.object, "text": fact.text, "true_from": fact.true_from, "learned_at": clock.stamp(now),
        "sources": [source["id"]], "why_id": why_id,
    }  # fmt: skip
    if not records.put(tx, record):
        return
    made.new.append(record)
    tx.execute(
        """INSERT INTO life_memory (id, span, kind, subject, relation, object, true_from, learned_at, why_id)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (name, span.name, FACT, *key, fact.true_from, clock.stamp(now), why_id),
    )
    _cite(tx, name, [source["id"]])
    made.ended += _end(tx, name, key, fact.true_from, now, command)


def judge(tx: Connection, name: str, now: datetime, command: str) -> int:
    """Hold a stored fact, by its id, against all that contradict it, as when it was new; how many ended."""
    row = tx.execute(
        "SELECT subject, relation, object, true_from FROM life_memory WHERE id = ? AND kind = ?", (name, FACT)
    ).fetchone()
    return _end(tx, name, (row[0], row[1], row[2]), row[3], now, command) if row else 0


def _end(tx: Connection, name: str, key: tuple[str, str, str], since: str, now: datetime, command: str) -> int:
    """End what a fact contradicts, or the fact itself if what contradicts it is newer; each is a decision."""
    subject, relation, other = key
    if relation in facts.SINGLE:
        where, values = "relation = ? AND object <> ?", (relation, other)
    elif relation in facts.OPPOSITE:
        where, values = "relation = ? AND object = ?", (facts.OPPOSITE[relation], other)
    else:
        return 0
    rows = tx.execute(
        f"SELECT id, true_from FROM life_memory WHERE kind = ? AND subject = ? AND {where} AND true_until IS NULL"
        " ORDER BY true_from, id",
        (FACT, subject, *values),
    ).fetchall()
    ended = 0
    for old, began in rows:
        loser, winner, until = (old, name, since) if began <= since else (name, old, began)
        changed = tx.execute(
            "UPDATE life_memory SET true_until = ? WHERE id = ? AND true_until IS NULL", (until, loser)
        ).rowcount
        if changed:
            ended += 1
            decisions.decide(
                tx,
                kind="life.fact_ended",
                what=f"no longer true from {until}",
                why=ENDED,
                evidence=[winner, loser],
                command=command,
                at=now,
            )
    return ended
