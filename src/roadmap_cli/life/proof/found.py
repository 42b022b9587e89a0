"""A hit of life-recall, as it came through a pipe, held against the record it names and the question asked again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.life import wording
from roadmap_cli.life.proof import remembered
from roadmap_cli.life.recall import answering, indexing, sources
from roadmap_cli.life.recall.corpus import Items
from roadmap_cli.life.recall.meant import Meant, typed
from roadmap_cli.retrieval.evidence import Question, find
from roadmap_cli.state import records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.models.embed import Embedder
    from roadmap_cli.retrieval.terms import Terms
    from roadmap_cli.state.connection import Connection

Claims = Iterator[tuple[str, Any, Any]]
#: How far a score may be from itself: it is told with three places.
NEAR = 0.002


class Asked:
    """Asks questions again. `embedder` is the model the hits were found with, None if words alone were."""

    def __init__(self, tx: Connection, terms: Terms, embedder: Embedder | None) -> None:
        self.tx, self.terms, self.embedder = tx, terms, embedder
        self._items: dict[str, Items | None] = {}
        self._ranked: dict[str, list[tuple[int, tuple[int, float]]]] = {}

    def hit(self, told: Record) -> Claims:
        """Claims of a life.memory_hit: what it says is what its record says, and its score is what it says."""
        items = self._load(str(told["asked_at"]))
        if items is None:
            raise DataError("nothing is stored", code="no_record")
        place, record = self._found(items, told)
        ended = answering.ended(self.tx, record)
        yield "record_kind", told["record_kind"], record["kind"]
        yield "at", told["at"], record["at"]
        text = wording.line(record) + (f" (until {ended})" if ended else "")
        yield "text", told["text"], text
        yield "id", told["id"], content_id(answering.KIND, question=told["question"], record_id=record["id"], text=text)
        yield "true_until", told.get("true_until"), ended
        if record["kind"] == "life.fact":
            yield from remembered.until(self.tx, record["id"], told.get("true_until"))
        cited = record.get("sources", record.get("evidence_ids"))
        yield "source_ids", sorted(told.get("source_ids", [])), sorted(cited) if isinstance(cited, list) else []
        yield from self._again(told, items, place, record)

    def _again(self, told: Record, items: Items, place: int, record: Record) -> Claims:
        import numpy

        question = Question.of(
            str(told["question"]), self.terms, self.embedder, clock.parse(str(told["asked_at"])).date()
        )
        (alone,) = numpy.nonzero(numpy.arange(len(items.corpus)) == place)
        means = Meant.of(items, question, self.terms)
        found = find(means.corpus, question, allowed=numpy.isin(numpy.arange(len(items.corpus)), alone),
                     prior=means.prior)  # fmt: skip
        held = answering.terms_of(items, question, place)
        others = means.others(place, held)
        yield "terms", told["terms"], held
        yield "other_words", told.get("other_words", []), others
        counted = answering.counted_as(means, str(told["record_id"]))
        yield "counted", told.get("counted", ""), counted
        times = answering.times_of(found.spans)
        yield "times", told.get("times", []), times
        turn = answering.turn_of(means, place)
        if turn or "turn" in told:
            yield "turn", told.get("turn", ""), ("next" if means.way > 0 else "last") if turn else ""
        yield "lists", [], [name for name in told["lists"] if name not in answering.REASONS]
        yield "why", told["why"], answering.why_of(
            told["lists"], typed(question.text, held, self.terms), answering.time_of(items, place, found, 0),
            turn=turn, others=typed(question.text, others, self.terms), counted=counted,
        )  # fmt: skip
        if told["searched"] != items.searched():  # more was taken in since: the same question is another one now
            return
        score = round(float(found.scores[0]), 3)
        if items.searched()["vectors"] in (0, items.searched()["items"]):
            yield "score", told["score"], told["score"] if abs(score - told["score"]) <= NEAR else score
        if told.get("source_scores"):
            line = sources.Cited(record["text"], record["sources"], float(told["score"]), place)
            (again,) = sources.best_first(question, [line], items.corpus, self.terms, self.embedder)
            yield "source_ids in order", told["source_ids"], [name for name, _ in again]
            close = all(abs(one - other) <= NEAR for one, (_, other) in zip(told["source_scores"], again, strict=True))
            yield (
                "source_scores",
                told["source_scores"],
                (told["source_scores"] if close else [round(value, 3) for _, value in again]),
            )
        yield from self._rank(told)

    def _rank(self, told: Record) -> Claims:
        """A better rank than another hit of the same question has a score that is no less; what comes by its time is
        before all else, and in its order.
        """
        others = self._ranked.setdefault(f"{told['asked_at']} {told['question']}", [])
        turn = told.get("turn")
        own = (
            (2, -clock.parse(told["at"]).timestamp() * (1 if turn == "next" else -1))
            if turn
            else (1, float(told["score"]))
        )
        wrong = [rank for rank, other in others if rank == told["rank"]
                 or (own != other and (rank < told["rank"]) != (other > own))]  # fmt: skip
        others.append((int(told["rank"]), own))
        yield "rank", told["rank"], told["rank"] if not wrong and told["rank"] >= 1 else None

    def _load(self, asked_at: str) -> Items | None:
        if asked_at not in self._items:
            model = (self.embedder.name, self.embedder.dimensions) if self.embedder else None
            self._items[asked_at] = Items.load(self.tx, model, clock.parse(asked_at))
        return self._items[asked_at]

    def _found(self, items: Items, told: Record) -> tuple[int, Record]:
        """The place of the item that a hit is of, and its record."""
        import numpy

        name = str(told["record_id"])
        row = self.tx.execute("SELECT number FROM life_item WHERE record_id = ?", (name,)).fetchone()
        if row is None and (measured := records.get(self.tx, name)) is not None:
            row = self.tx.execute(
                "SELECT number FROM life_item WHERE metric = ? AND day = ?",
                (measured.get("metric"), measured.get("date")),
            ).fetchone()
        record = indexing.record_of(self.tx, int(row[0])) if row else None
        if row is None or record is None:
            raise DataError(f"{name} is not what can be found", code="no_record")
        return int(numpy.flatnonzero(items.numbers == row[0])[0]), record
