"""The answer to a question: what is stored that bears on it, best first, and why it was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from roadmap_cli.core import clock
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.life import wording
from roadmap_cli.life.recall import indexing, sources
from roadmap_cli.life.recall.corpus import Items
from roadmap_cli.retrieval.evidence import SIGNALS, Found, Question, find

if TYPE_CHECKING:
    from roadmap_cli.models.embed import Embedder
    from roadmap_cli.retrieval.dates import Span
    from roadmap_cli.retrieval.terms import Terms
    from roadmap_cli.state.connection import Connection

KIND = "life.memory_hit"
#: What each signal is called in a reason.
REASONS = {
    "words": "words",
    "words_around": "words nearby",
    "meaning": "alike",
    "meaning_around": "alike nearby",
    "late": "its words are alike",
    "late_around": "words nearby are alike",
    "speaker": "said by whom the question names",
    "answer": "answers a question",
    "answer_to_like": "answers a question like it",
    "tells_time": "tells a time",
    "date": "at a time the question names",
    "length": "says much",
}
#: Share of the most a hit has above an average one that a signal must bring to be named.
_TELLING = 0.15


@dataclass(frozen=True, slots=True)
class Wanted:
    """What may be found: kinds (any if none), times as stamps, only memories or only records (None: both)."""

    limit: int = 10
    kinds: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None
    memory: bool | None = False


def answer(
    items: Items, question: Question, wanted: Wanted, terms: Terms, embedder: Embedder | None
) -> tuple[list[Record], list[int]]:
    """The hits for a question, best first, and the numbers of the items they are."""
    import numpy

    allowed = items.allowed(kinds=wanted.kinds, since=wanted.since, until=wanted.until, memory=wanted.memory)
    if not allowed.any():
        return [], []
    found = find(items.corpus, question, allowed=allowed, prior=items.prior, least=wanted.limit)
    usual = {name: float(numpy.mean(values)) for name, values in found.signals.items()}
    hits: list[Record] = []
    numbers: list[int] = []
    lines: list[tuple[Record, sources.Cited]] = []
    for position in found.best(wanted.limit):
        place = int(found.places[position])
        if not _bears(found, position, question):
            continue
        number = int(items.numbers[place])
        record = indexing.record_of(items.tx, number)
        if record is None:
            continue
        numbers.append(number)
        until = ended(items.tx, record)
        hit = _hit(items, record, place, found, position, question, usual, len(hits) + 1, until)
        hits.append(hit)
        if hit["record_kind"] == "life.memory" and "source_ids" in hit:
            line = sources.Cited(record["text"], hit["source_ids"], float(found.scores[position]), place)
            lines.append((hit, line))
    given = sources.best_first(question, [line for _, line in lines], items.corpus, terms, embedder)
    for (hit, _), ordered in zip(lines, given, strict=True):
        hit["source_ids"] = [name for name, _ in ordered]
        hit["source_scores"] = [round(score, 3) for _, score in ordered]
    return hits, numbers


def show(tx: Connection, numbers: Sequence[int], now: datetime) -> None:
    """Note that items were shown: they stay present longer."""
    tx.executemany(
        "INSERT INTO life_access (item, at, rank) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [(number, clock.stamp(now), rank) for rank, number in enumerate(numbers, 1)],
    )


def _bears(found: Found, position: int, question: Question) -> bool:
    """Whether anything but chance speaks for it: a word, a time or a likeness."""
    signals = found.signals
    return bool(
        signals["words_around"][position] > 0
        or signals["date"][position] > 0
        or ("meaning" in signals and signals["meaning"][position] > 0.2)
    )


def _hit(
    items: Items,
    record: Record,
    place: int,
    found: Found,
    position: int,
    question: Question,
    usual: dict[str, float],
    rank: int,
    until: str | None,
) -> Record:
    column = 0 if "late" in found.signals else 1 if "meaning" in found.signals else 2
    worth = {
        name: SIGNALS[name][column] * (float(values[position]) - usual[name]) for name, values in found.signals.items()
    }
    most = sum(value for value in worth.values() if value > 0) or 1.0
    telling = sorted((name for name in worth if worth[name] > _TELLING * most), key=lambda name: -worth[name])
    terms, times = terms_of(items, question, place), times_of(found.spans)
    text = wording.line(record) + (f" (until {until})" if until else "")
    hit: Record = {
        "kind": KIND,
        "id": content_id(KIND, question=question.text, record_id=record["id"], text=text),
        "at": record["at"],
        "question": question.text,
        "rank": rank,
        "score": round(float(found.scores[position]), 3),
        "text": text,
        "record_kind": record["kind"],
        "record_id": record["id"],
        "why": why_of(telling, terms, times if found.signals["date"][position] > 0 else []),
        "lists": telling,
        "terms": terms,
        "asked_at": clock.stamp(items.now),
        "searched": items.searched(),
    }
    if times:
        hit["times"] = times
    if until:
        hit["true_until"] = until
    for field in ("sources", "evidence_ids"):
        if isinstance(record.get(field), list):
            hit["source_ids"] = record[field]
    return hit


def ended(tx: Connection, record: Record) -> str | None:
    """The day from which a fact is no longer true."""
    if record["kind"] != "life.fact":
        return None
    row = tx.execute("SELECT true_until FROM life_memory WHERE id = ?", (record["id"],)).fetchone()
    return row[0] if row else None


def terms_of(items: Items, question: Question, place: int) -> list[str]:
    """The stems of a question that an item holds."""
    return [stem for stem in question.stems if _holds(items, stem, place)]


def times_of(spans: Sequence[Span]) -> list[str]:
    """Times as days, or as first and last day."""
    return [f"{span.first}" if span.first == span.last else f"{span.first}..{span.last}" for span in spans]


def _holds(items: Items, stem: str, place: int) -> bool:
    places: Any = items.corpus.postings(stem)[0]
    return place in places


def why_of(telling: Sequence[str], terms: Sequence[str], times: Sequence[str]) -> str:
    """Why something was found, in words: by which signals, stems and times."""
    said = [f"words {', '.join(terms)}"] if terms else []
    said += [f"{REASONS['date']} ({', '.join(times)})"] if times else []
    said += [REASONS[name] for name in telling if name not in ("words", "date")]
    return "; ".join(said) or "nearest of what there is"
