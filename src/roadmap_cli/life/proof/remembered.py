"""Memories and facts held against the records they cite: each word of a line, each part of a fact, each count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.life.consolidate import facts, nightly, worded
from roadmap_cli.life.recall import sources
from roadmap_cli.retrieval import polarity
from roadmap_cli.state import records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

Claims = Iterator[tuple[str, Any, Any]]


def memory(tx: Connection, told: Record) -> Claims:
    """Claims of a life.memory: who spoke, that each part says words of its own source only, and in their order.

    Of a line that a model worded also that its sentence passes the check again, held against the line beside it.
    """
    cited = [_stored(tx, name) for name in told["sources"]]
    text = str(told["text"])
    speakers = {nightly.speaker(each) for each in cited}
    yield "speaker", len(speakers), 1
    speaker = next(iter(speakers))
    if speaker:
        yield "speaker", text[: len(speaker) + 2], f"{speaker}: "
    said = text.removeprefix(f"{speaker}: ") if speaker else text
    split = said.split(sources.MARK) if len(cited) > 1 else [said]
    yield "parts", len(split), len(cited)
    for number, (part, each) in enumerate(zip(split, cited, strict=False), 1):
        yield f"part {number}", part, _in_order(part, nightly.said(each))
    if "worded" in told:
        yield "worded", worded.differences(str(told["worded"]), text, [nightly.said(each) for each in cited]), []
    yield "at", told["at"], cited[0]["at"]
    yield "id", told["id"], content_id(nightly.MEMORY, text=text, sources=told["sources"])


def fact(tx: Connection, told: Record) -> Claims:
    """Claims of a life.fact: the rules read again over the record it cites, and since when it is true."""
    (name,) = told["sources"]
    source = _stored(tx, name)
    again = [each for each in facts.told(source) if (each.relation, each.object) == (told["relation"], told["object"])]
    found = again[0] if again else None
    for field in ("subject", "relation", "object", "true_from", "text"):
        yield field, told[field], getattr(found, field) if found else None
    yield "at", told["at"], source["at"]


def consolidated(tx: Connection, decision: Record, cited: Sequence[Record]) -> Claims:
    """Claims of a life.consolidated decision: its counts, from the records it cites and the lines it made."""
    told = decision.get("facts", {})
    made = told.get("memory_ids")
    if made is None:  # decided before the lines were named
        rows = tx.execute(
            "SELECT id FROM life_memory WHERE why_id = ? AND kind = ?", (decision["id"], nightly.MEMORY)
        ).fetchall()
        made = [name for (name,) in rows]
    lines = [_stored(tx, name) for name in made]
    words = sum(len(str(each["text"]).split()) for each in lines)
    yield "records", told["records"], len(cited)
    yield "lines", told["lines"], len(lines)
    if "words" in told:
        yield "words", told["words"], words
        yield "source_words", told["source_words"], nightly.size(cited)
    kept = {each["id"] for each in cited}
    yield "sources", True, all(set(each["sources"]) <= kept for each in lines)
    days = {str(each.get("date") or each["at"])[:10] for each in cited}
    yield "span_day", [told["span_day"]], sorted(days)
    what, why = nightly.words_of(str(told["span_day"]), len(cited), len(lines), words)
    yield "what", decision["what"], what
    yield "why", decision["why"], why


def ended(decision: Record, cited: Sequence[Record]) -> Claims:
    """Claims of a life.fact_ended decision: the facts contradict each other, and the end is when the newer began."""
    winner, loser = cited
    single = winner["relation"] == loser["relation"] and winner["relation"] in facts.SINGLE
    same = str(winner["object"]).lower() == str(loser["object"]).lower()
    turned = facts.OPPOSITE.get(str(winner["relation"])) == loser["relation"]
    yield "subject", str(loser["subject"]).lower(), str(winner["subject"]).lower()
    yield "contradicts", True, (single and not same) or (turned and same)
    yield "newer", True, winner["true_from"] >= loser["true_from"]
    yield "what", decision["what"], f"no longer true from {winner['true_from']}"
    yield "why", decision["why"], nightly.ENDED


def until(tx: Connection, name: str, told: str | None) -> Claims:
    """Until when a fact was true, from the decision that ended it."""
    rows = tx.execute(
        """SELECT what FROM decision JOIN evidence ON decision_id = decision.id AND position = 1 AND evidence_id = ?
           WHERE decision = 'life.fact_ended' ORDER BY decision.at DESC, decision.id DESC""",
        (name,),
    ).fetchall()
    known = {what.rpartition(" ")[2] for (what,) in rows}
    yield "true_until", told, told if told in known or (told is None and not known) else next(iter(known), None)


def _stored(tx: Connection, name: str) -> Record:
    found = records.get(tx, name)
    if found is None:
        raise DataError(f"{name} is not stored", code="no_record")
    return found


def _in_order(part: str, text: str) -> str | None:
    """The part if all its words stand in the text, in this order; else None."""
    words = iter(polarity.WORD.findall(text))
    return part if part and all(any(word == each for each in words) for word in polarity.WORD.findall(part)) else None
