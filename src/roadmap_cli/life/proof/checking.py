"""Every claim of a decision or output, checked: it resolves, it computes to the same, its words say no other number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from statistics import median
from typing import Any

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life.formats.jsonl import KINDS
from roadmap_cli.life.proof import figures, foretold, found, graphs, options, remembered, support, warned
from roadmap_cli.life.recall import paid
from roadmap_cli.state import records
from roadmap_cli.why import decisions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

#: Fields that name something that is no record: an account, by a digest of its number; a mail, by its own header.
NO_RECORDS = ("account_id", "counterparty_id", "message_id")
#: Of what is told by a source, the fields that name records; others that end in _id are names of the source's own.
OURS = ("source_id", "same_as_id")

#: Decisions whose words are made again and compared whole.
AGAIN = frozenset(("life.consolidated", "life.fact_ended", "life.relation_found", "life.entity_resolved"))


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that was said: where, what, the value told and the value found; `problem` is empty if they agree."""

    of_id: str
    name: str
    told: Any
    again: Any
    problem: str = ""


def check(tx: Connection, id: str, graph: graphs.Again | None = None) -> Iterator[Claim]:
    """Check an output record or a decision, and every decision it rests on. Nothing comes if the id is unknown.

    `graph` is that of an earlier call in the same transaction, which need not be made again.
    """
    record = records.get(tx, id) or (None if decisions.get(tx, id) else graphs.record_of(tx, id))
    yield from _all(tx, id, record, graph or graphs.Again(tx))


def check_record(
    tx: Connection, record: Record, graph: graphs.Again, asked: found.Asked | None = None
) -> Iterator[Claim]:
    """Check a record as it came through a pipe, and every decision it rests on. `asked` asks hits' questions again."""
    id = str(record.get("id", ""))
    if record.get("kind") == "life.memory_hit":
        yield _resolved(tx, id, "record_id", str(record.get("record_id", "")))
        if asked is not None:
            yield from _compared(id, asked.hit(record))
        yield from check(tx, str(record.get("record_id", "")), graph)
        return
    if record.get("kind") == "life.sum":
        for name in record.get("evidence_ids", []):
            yield _resolved(tx, id, "evidence_ids", str(name))
        yield from _compared(id, summed(tx, record))
        return
    stored = records.get(tx, id) or graphs.record_of(tx, id)
    if stored is None:
        yield Claim(id, "id", id, None, "it resolves to nothing")
    elif record.get("kind") not in ("life.entity", "life.relation"):
        for name, value in stored.items():
            yield _same(id, f"{name} as stored", record.get(name), value)
    yield from _all(tx, id, record, graph)


def summed(tx: Connection, told: Record) -> Iterator[tuple[str, Any, Any]]:
    """Claims of a life.sum: it is what the payments come to that it names, or none that the question is about."""
    if not told["count"]:
        question, asked_at = str(told["question"]), clock.parse(str(told["asked_at"]))
        meant = paid.asked(tx, question, asked_at.date())
        again = next(meant.sums(question, asked_at), {}) if meant else {}
        yield from ((name, told.get(name), again.get(name)) for name in ("count", "amount", "since", "until", "text"))
        return
    added = [found for name in told["evidence_ids"] if (found := records.get(tx, str(name))) is not None]
    yield "count", told["count"], len(added)
    yield "amount", told["amount"], format(sum((abs(Decimal(str(each["amount"]))) for each in added), Decimal()), "f")
    yield "currency", [told["currency"]], sorted({str(each["currency"]) for each in added})
    yield "since", told["since"], min((str(each["date"]) for each in added), default="")
    yield "until", told["until"], max((str(each["date"]) for each in added), default="")


def _all(tx: Connection, id: str, record: Record | None, graph: graphs.Again) -> Iterator[Claim]:
    top: list[str] = []
    if decisions.get(tx, id):
        top = [id]
    elif record is not None:
        yield from _record(tx, record, graph)
        if isinstance(record.get("why_id"), str):
            top = [record["why_id"]]
    seen: set[str] = set()
    while top:
        name = top.pop()
        if name in seen:
            continue
        seen.add(name)
        decision = decisions.get(tx, name)
        if decision is None:
            continue
        yield from _decision(tx, decision, graph)
        top += [each for each in decision["evidence_ids"] if each not in seen and each.startswith("why_")]


def _record(tx: Connection, record: Record, graph: graphs.Again) -> Iterator[Claim]:
    """Every id an output names resolves, and every number of its text stands in it or in what it cites."""
    id = str(record["id"])
    is_told = record.get("kind") in KINDS
    for name, value in record.items():
        if is_told and name not in OURS:
            continue
        if name.endswith("_id") and isinstance(value, str) and name not in NO_RECORDS:
            yield _resolved(tx, id, name, value)
        elif (name.endswith("_ids") or name == "sources") and isinstance(value, list):
            for each in value:
                yield _resolved(tx, id, name, str(each))
    why = decisions.get(tx, str(record.get("why_id", "")))
    again = {"life.forecast": foretold.record, "life.proposal": foretold.proposal}.get(str(record.get("kind")))
    if again is not None and why is not None and not _erased(tx, why):
        yield from _compared(id, again(tx, record))
    if record.get("kind") == "life.entity":
        yield from _compared(id, graph.entity(record))
    elif record.get("kind") == "life.relation":
        yield from _compared(id, graph.relation(record))
    elif record.get("kind") == "life.memory":
        yield from _compared(id, remembered.memory(tx, record))
    elif record.get("kind") == "life.fact":
        yield from _compared(id, remembered.fact(tx, record))
    elif isinstance(record.get("text"), str) and why is not None:
        yield _said(id, "text", record["text"], [{**record, "text": ""}, why.get("facts", {}), _gathered(tx, why)])


def _decision(tx: Connection, decision: Record, graph: graphs.Again) -> Iterator[Claim]:
    name = decision["id"]
    cited: list[Record] = []
    below: list[Record] = []
    for each in decision["evidence_ids"]:
        claim = _resolved(tx, name, "evidence", each)
        yield claim
        record = records.get(tx, each)
        if record is not None:
            cited.append(record)
        elif (rests := decisions.get(tx, each)) is not None:
            below.append(rests)
    facts = decision.get("facts", {})
    erased = any(each.get("kind") == "life.erased" for each in cited)
    if erased:
        yield Claim(name, "evidence", "", "", "erased: it rests on records you erased")
    elif decision["decision"] == "life.usual_measured":
        yield from _compared(name, warned.usual(tx, decision, cited))
    elif decision["decision"] == "life.warned":
        yield from _compared(name, warned.warned(tx, decision, cited, _warning(tx, decision)))
    elif decision["decision"] == "life.history_counted":
        yield from _compared(name, foretold.history(tx, decision, cited))
    elif decision["decision"] == "life.bookings_counted":
        yield from _compared(name, foretold.bookings(decision, cited))
    elif decision["decision"] == "life.forecast_made":
        yield from _compared(name, foretold.forecast(tx, decision, cited, below))
    elif decision["decision"] == "life.consolidated":
        yield from _compared(name, remembered.consolidated(tx, decision, cited))
    elif decision["decision"] == "life.fact_ended":
        yield from _compared(name, remembered.ended(decision, cited))
    elif decision["decision"] == "life.relation_found":
        yield from _compared(name, graph.found(decision))
    elif decision["decision"] == "life.entity_resolved":
        yield from _compared(name, graph.resolved(decision))
    elif isinstance(facts, dict) and isinstance(facts.get("figures"), list):
        yield from _figures(tx, decision, cited, below)
    if not erased and decision["decision"] not in AGAIN and not decision["decision"].startswith("life.graph_"):
        pool = [facts, len(cited), cited, [each.get("facts", {}) for each in below], [b["what"] for b in below]]
        pool.append(_gathered(tx, decision))
        if decision["decision"] == "life.warned" and (given := _warning(tx, decision)) is not None:
            pool.append([given["since"], given["until"]])
        yield _said(name, "what", decision["what"], [*pool, _medians(facts)])
        yield _said(name, "why", decision["why"], [*pool, decision["what"], _settings(decision)])


def _erased(tx: Connection, decision: Record) -> bool:
    """Whether a decision, or one it rests on, cites what was erased."""
    for each in decision["evidence_ids"]:
        found = records.get(tx, each)
        if found is not None and found.get("kind") == "life.erased":
            return True
        rests = decisions.get(tx, each) if found is None else None
        if rests is not None and _erased(tx, rests):
            return True
    return False


def _figures(tx: Connection, decision: Record, cited: Sequence[Record], below: Sequence[Record]) -> Iterator[Claim]:
    facts = decision["facts"]
    choice = records.get(tx, str(facts.get("choice_id", "")))
    known = options.Facts(choice) if choice is not None else None
    by_id = {str(each["id"]): each for each in cited}
    earlier: dict[str, Any] = {}
    for rests in _all_below(tx, below):
        for figure in rests.get("facts", {}).get("figures", []):
            earlier[f"{rests['id']}/{figure['name']}"] = figure["value"]
            earlier[f"{rests['id']}/months"] = (
                len(figure.get("months", [])) or 1 if isinstance(figure.get("months"), list) else 1
            )
            if "figure" in figure:
                earlier[figure["figure"]] = figure["value"]
    for figure in facts["figures"]:
        label = str(figure.get("figure") or figure["name"])
        if "figure" in figure:
            earlier[label] = figure["value"]
        try:
            if figure["op"] in figures.OVER_RECORDS:
                used = _used(tx, figure, cited)
                again = figures.OVER_RECORDS[figure["op"]](used, figure)
            elif known is not None:
                again = options.value(figure, known, by_id, earlier)
            else:
                raise DataError("the choice it is about is not stored", code="no_fact")
        except (DataError, KeyError, ValueError, ArithmeticError, TypeError) as error:
            yield Claim(decision["id"], label, figure["value"], None, f"cannot be computed again: {error}")
            continue
        yield _same(decision["id"], label, figure["value"], again)


def _used(tx: Connection, figure: Record, cited: Sequence[Record]) -> list[Record]:
    """The records a figure names, through the decision it names, or all that its own decision cites."""
    used: list[Record] = []
    if "of" not in figure:
        return list(cited)
    for each in figure["of"]:
        names = [each["record_id"]] if "record_id" in each else []
        if "why_id" in each:
            rests = decisions.get(tx, each["why_id"])
            names = rests["evidence_ids"] if rests else []
        used += [record for name in names if (record := records.get(tx, name)) is not None]
    return used


def _all_below(tx: Connection, below: Sequence[Record]) -> list[Record]:
    found = list(below)
    for each in below:
        found += [rests for name in each["evidence_ids"] if (rests := decisions.get(tx, name)) is not None]
    return found


def _compared(name: str, pairs: Iterator[tuple[str, Any, Any]]) -> Iterator[Claim]:
    try:
        for label, told, again in pairs:
            yield _same(name, label, told, again)
    except (KeyError, ValueError, TypeError, DataError) as error:
        yield Claim(name, "measures", None, None, f"cannot be computed again: {error}")


def _same(of_id: str, name: str, told: Any, again: Any) -> Claim:
    try:
        close = abs(Decimal(str(told)) - Decimal(str(again))) <= Decimal("0.011")
    except InvalidOperation:
        close = told == again
    return Claim(of_id, name, told, again, "" if close else "what is cited gives another value")


def _resolved(tx: Connection, of_id: str, name: str, cited: str) -> Claim:
    found = decisions.resolves(tx, cited) or graphs.record_of(tx, cited) is not None
    return Claim(of_id, name, cited, cited if found else None, "" if found else "it resolves to nothing")


def _said(of_id: str, name: str, text: str, pool: Sequence[Any]) -> Claim:
    missing = support.unsupported(text, *pool)
    words = f"numbers that nothing supports: {', '.join(missing[:5])}" if missing else ""
    return Claim(of_id, name, text, text if not missing else None, words)


def _gathered(tx: Connection, decision: Record) -> list[Any]:
    """How many records of each kind are cited, and how many days and payments that are."""
    counts: dict[str, int] = {}
    for each in decision["evidence_ids"]:
        kind = str((records.get(tx, each) or {"kind": "why.decision"}).get("kind"))
        counts[kind] = counts.get(kind, 0) + 1
    return [*counts.values(), len(decision["evidence_ids"])]


def _medians(facts: Record) -> list[float]:
    """What is usual, by a measure's stretches: the claims about them are checked by themselves."""
    told = [value for name, value in facts.items() if name.startswith("stretches_") and value]
    return [median(float(each["value"]) for each in stretches) for stretches in told]


def _settings(decision: Record) -> list[Any]:
    """Numbers that are the method's own: days of a stretch, months of a year, what a rate is in percent."""
    from roadmap_cli.life.watch import baseline

    told: list[Any] = [baseline.STRETCH_DAYS, baseline.DAYS_IN_BUDGET]
    facts = decision.get("facts", {})
    for name, value in facts.items():
        if name.startswith("stretches_") and isinstance(value, list):
            told.append(len(value))
    for figure in facts.get("figures", []):
        told += [len(figure["months"])] if isinstance(figure.get("months"), list) else []
        told += [figure["rate"] * 100] if "rate" in figure else []
    score = decision["why"].partition("score ")[2].partition(" ")[0]
    told += [measure["score"] for measure in facts.values() if isinstance(measure, dict) and "score" in measure]
    return [*told, *([score] if decision["decision"] == "life.warned" else [])]


def _warning(tx: Connection, decision: Record) -> Record | None:
    row = tx.execute("SELECT id FROM life_warning WHERE why_id = ?", (decision["id"],)).fetchone()
    return records.get(tx, row[0]) if row else None
