"""The answer to a question: what is stored that bears on it, best first, and why it was found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from roadmap_cli.core import clock
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.life import wording
from roadmap_cli.life.recall import indexing, meant, sources
from roadmap_cli.life.recall.corpus import Items
from roadmap_cli.life.recall.meant import Meant
from roadmap_cli.retrieval.evidence import SIGNALS, Found, Question, find, within

if TYPE_CHECKING:
    import numpy

    from roadmap_cli.models.embed import Embedder
    from roadmap_cli.retrieval.spans import Span
    from roadmap_cli.retrieval.terms import Terms
    from roadmap_cli.state.connection import Connection

    Array = numpy.ndarray[Any, Any]

KIND = "life.memory_hit"
#: What each signal is called in a reason; those of one name are told once.
REASONS = {
    "words": "has words of the question",
    "words_around": "what stands beside it fits",
    "meaning": "means much the same",
    "meaning_around": "what stands beside it fits",
    "late": "means much the same",
    "late_around": "what stands beside it fits",
    "speaker": "said by whom you name",
    "answer": "follows a question",
    "answer_to_like": "follows a question like yours",
    "tells_time": "tells a time",
    "date": "from the time you name, or soon after",
    "length": "says a lot",
}
#: Scores are logarithms of chances: what is less likely than the best by more than this (a fiftieth as likely) is not
#: shown unless more is asked for. On one conversation of LoCoMo 6.4 of ten hits are left, with 0.94 of their recall.
FALLS_AWAY = 4.0
#: What has no word of the question must mean so much of what the nearest does.
_NEAR = 0.75
#: Share of the most a hit has above an average one that a signal must bring to be named.
_TELLING = 0.15


@dataclass(frozen=True, slots=True)
class Wanted:
    """What may be found: kinds (any if none), times as stamps, only memories or only records (None: both).

    `cut`: fewer than `limit` where the scores fall away.
    """

    limit: int = 10
    kinds: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None
    memory: bool | None = False
    cut: bool = False


def answer(
    items: Items, question: Question, wanted: Wanted, terms: Terms, embedder: Embedder | None
) -> tuple[list[Record], list[int]]:
    """The hits for a question, best first, and the numbers of the items they are.

    Before them what the payments that it is about come to, if it is about payments.
    """

    allowed = items.allowed(kinds=wanted.kinds, since=wanted.since, until=wanted.until, memory=wanted.memory)
    if not allowed.any():
        return [], []
    means = Meant.of(items, question, terms)
    sums = _sums(items, means, wanted)
    if sums and means.counted is None:  # nothing was paid: payments of other times do not answer it
        return sums, []
    hits: list[Record] = []
    numbers: list[int] = []
    lines: list[tuple[Record, sources.Cited]] = []
    for found, position in _best(items, means, means.allowed(items, allowed), wanted):
        place = int(found.places[position])
        number = int(items.numbers[place])
        record = indexing.record_of(items.tx, number)
        if record is None:
            continue
        numbers.append(number)
        until = ended(items.tx, record)
        hit = _hit(items, record, place, found, position, means, terms, len(hits) + 1, until)
        hits.append(hit)
        if hit["record_kind"] == "life.memory" and "source_ids" in hit:
            line = sources.Cited(record["text"], hit["source_ids"], float(found.scores[position]), place)
            lines.append((hit, line))
    given = sources.best_first(question, [line for _, line in lines], items.corpus, terms, embedder)
    for (hit, _), ordered in zip(lines, given, strict=True):
        hit["source_ids"] = [name for name, _ in ordered]
        hit["source_scores"] = [round(score, 3) for _, score in ordered]
    return [*sums, *hits], numbers


def _best(items: Items, means: Meant, allowed: Array, wanted: Wanted) -> Iterator[tuple[Found, int]]:
    """The best, each as what was found and its position there: what comes next, or was last, by its time before what is
    likest.
    """
    import numpy

    of_turn = numpy.zeros(len(allowed), bool) if means.turned is None else allowed & means.turned
    turned = numpy.flatnonzero(of_turn)
    turned = turned[numpy.argsort(items.at[turned], kind="stable")][:: means.way or 1][: wanted.limit]
    if len(turned):
        found = find(means.corpus, means.question, allowed=numpy.isin(numpy.arange(len(allowed)), turned),
                     prior=means.prior, least=len(turned))  # fmt: skip
        yield from ((found, int(numpy.flatnonzero(found.places == place)[0])) for place in turned)
        if wanted.cut or len(turned) == wanted.limit:
            return
        allowed = allowed & ~of_turn
    found = find(means.corpus, means.question, allowed=allowed, prior=means.prior, least=wanted.limit)
    best = found.best(wanted.limit - len(turned))
    for position in _clear(items, means, found, best) if wanted.cut else best:
        if _bears(found, position, means):
            yield found, position


def _sums(items: Items, means: Meant, wanted: Wanted) -> list[Record]:
    """What the payments come to, unless only memories, or other kinds, are looked for."""
    if means.paid is None or wanted.memory or (wanted.kinds and "life.transaction" not in wanted.kinds):
        return []
    return list(means.paid.within(wanted.since, wanted.until).sums(means.question.text, items.now))


def _clear(items: Items, means: Meant, found: Found, best: Sequence[int]) -> list[int]:
    """Of the best those a reader wants: until the scores fall away, and not what only stands beside another.

    Messages are told by those around them; that something was on the same day as what is asked for says nothing of it.
    """
    if not best or means.counted is not None:
        return list(best)
    meaning = found.signals.get("meaning")
    nearest = max((float(meaning[position]) for position in best), default=0.0) if meaning is not None else 0.0
    own = {position: _has_own(items, means, found, position) for position in best}
    return [
        position
        for position in best
        if found.scores[best[0]] - found.scores[position] <= FALLS_AWAY
        and (
            own[position]
            or not any(own.values())
            or items.kinds[int(items.kind[found.places[position]])] == "life.message"
            or (meaning is not None and float(meaning[position]) >= _NEAR * nearest)
        )
    ]


def _has_own(items: Items, means: Meant, found: Found, position: int) -> bool:
    """Whether an item itself has a word of the question, or is of its time."""
    place = int(found.places[position])
    held = terms_of(items, means.question, place)
    return bool(held or means.others(place, held) or found.signals["date"][position] > 0)


def show(tx: Connection, numbers: Sequence[int], now: datetime) -> None:
    """Note that items were shown: they stay present longer."""
    tx.executemany(
        "INSERT INTO life_access (item, at, rank) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [(number, clock.stamp(now), rank) for rank, number in enumerate(numbers, 1)],
    )


def _bears(found: Found, position: int, means: Meant) -> bool:
    """Whether anything but chance speaks for it: a word, a time or a likeness, or that it is one of the payments."""
    signals = found.signals
    return bool(
        (means.counted is not None and means.counted[found.places[position]])
        or signals["words_around"][position] > 0
        or signals["date"][position] > 0
        or ("meaning" in signals and signals["meaning"][position] > 0.2)
    )


def _hit(
    items: Items,
    record: Record,
    place: int,
    found: Found,
    position: int,
    means: Meant,
    terms: Terms,
    rank: int,
    until: str | None,
) -> Record:
    column = 0 if "late" in found.signals else 1 if "meaning" in found.signals else 2
    worth = {
        name: SIGNALS[name][column] * float(values[position] - values.mean()) for name, values in found.signals.items()
    }
    most = sum(value for value in worth.values() if value > 0) or 1.0
    telling = sorted((name for name in worth if worth[name] > _TELLING * most), key=lambda name: -worth[name])
    question = means.question
    held, times = terms_of(items, question, place), times_of(found.spans)
    others = means.others(place, held)
    counted = counted_as(means, record["id"])
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
        "why": why_of(
            telling,
            meant.typed(question.text, held, terms),
            time_of(items, place, found, position),
            turn=turn_of(means, place),
            others=meant.typed(question.text, others, terms),
            counted=counted,
        ),
        "lists": telling,
        "terms": held,
        "asked_at": clock.stamp(items.now),
        "searched": items.searched(),
    }
    if turn_of(means, place):
        hit["turn"] = "next" if means.way > 0 else "last"
    if others:
        hit["other_words"] = others
    if counted:
        hit["counted"] = counted
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
    """Times as days or as "first..last", without the end they are open at."""
    return [f"{span.first}" if span.first == span.last else "..".join(_ends(span)) for span in spans]


def _ends(span: Span) -> tuple[str, str]:
    return "" if span.is_open_to_past else str(span.first), "" if span.is_open_to_future else str(span.last)


def time_of(items: Items, place: int, found: Found, position: int) -> str:
    """How an item stands to the times that a question names, in words; "" if it names none."""
    if not found.spans:
        return ""
    own = [span for span in found.spans if within(items.corpus, span)[place]]
    if own:
        return f"from the time you name ({', '.join(map(str, own))})"
    near = "near, but not from," if found.signals["date"][position] > 0 else "not from"
    return f"{near} the time you name ({', '.join(map(str, found.spans))})"


def turn_of(means: Meant, place: int) -> str:
    """Why an item comes by its time and not by what it says; "" if it does not."""
    if means.turned is None or not means.turned[place]:
        return ""
    return "still to come, the nearest first" if means.way > 0 else "the latest first"


def _holds(items: Items, stem: str, place: int) -> bool:
    places: Any = items.corpus.postings(stem)[0]
    return place in places


def counted_as(means: Meant, record_id: str) -> str:
    """Why it is one of the payments that a question is about; "" if it is none."""
    return "" if means.paid is None or means.counted is None else means.paid.why.get(record_id, "")


def why_of(
    telling: Sequence[str],
    words: Sequence[str],
    time: str,
    *,
    turn: str = "",
    others: Sequence[str] = (),
    counted: str = "",
) -> str:
    """Why something was found, in words: by which signals, words of the question (those it has, and those it has
    `others` for) and `time`; before them why it is one of the payments that are added up, or in its turn.
    """
    said = [f"added up: {counted}"] if counted else []
    said += [turn] if turn else []
    said += [f"says {', '.join(map(repr, words))}"] if words else []
    said += [f"says {', '.join(map(repr, others))} in another word"] if others else []
    said += [time] if time else []
    said += [REASONS[name] for name in telling if name not in ("words", "date")]
    return "; ".join(dict.fromkeys(said)) or "nearest of what there is"
