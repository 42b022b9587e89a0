"""Which workflow an event asks for, with every clause that was tried and what it found.

The rule kept here: a workflow is chosen only if it alone matches best. If several match equally well, nobody has said
what to do, so a person is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, content_id, require
from roadmap_cli.state import records
from roadmap_cli.wf import patterns
from roadmap_cli.wf.templates import Clause, Template
from roadmap_cli.why.decisions import decide

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

_ABSENT = object()
_MOST_SHOWN = 200


def match(event: Record, templates: Sequence[Template], at: datetime, chosen: str | None = None) -> Record | None:
    """The wf.match of an event, or None if no template's trigger holds.

    The most specific trigger wins: the one with the most conditions. `certainty_ratio` is the winner's share of the
    conditions of all that hold, so a lone match is 1.0 and two equal ones 0.5 each. `chosen` is a person's choice among
    those that hold. Raises DataError if the choice does not hold.
    """
    holding = [(template, clauses) for template in templates if (clauses := _tried(event, template)) is not None]
    if chosen is not None and chosen not in (template.workflow for template, _ in holding):
        raise DataError(f"workflow {chosen!r} does not match event {event['id']!r}", code="no_match")
    if not holding:
        return None
    holding.sort(key=lambda pair: (-len(pair[1]), pair[0].workflow))
    most = len(holding[0][1])
    best = [pair for pair in holding if len(pair[1]) == most]
    if chosen is not None:
        best = [pair for pair in holding if pair[0].workflow == chosen]
    is_ambiguous = len(best) > 1
    template, clauses = best[0]
    total = sum(len(each) for _, each in holding)
    record: Record = {
        "kind": "wf.match",
        "id": content_id(
            "wf.match",
            event_id=event["id"],
            templates=[f"{each.workflow} {each.sha256}" for each, _ in best],
            chosen=chosen,
        ),
        "at": clock.stamp(at),
        "event_id": event["id"],
        "ambiguous": is_ambiguous,
    }
    if is_ambiguous:
        record["candidates"] = [_candidate(each, found, total) for each, found in best]
    else:
        record |= _candidate(template, clauses, total)
        record["certainty_ratio"] = 1.0 if chosen is not None else record["certainty_ratio"]
    if chosen is not None:
        record["chosen_by"] = "user"
    return record


def _candidate(template: Template, clauses: list[Record], total: int) -> Record:
    return {
        "workflow": template.workflow,
        "template": template.document.name,
        "template_sha256": template.sha256,
        "certainty_ratio": round(len(clauses) / total, 4),
        "clauses": clauses,
    }


def _tried(event: Record, template: Template) -> list[Record] | None:
    """What each condition of a trigger found, or None if one of them does not hold. No condition matches nothing."""
    conditions = list(template.trigger.clauses)
    for name, expected in (("type", template.trigger.type), ("source", template.trigger.source)):
        if expected is not None:
            conditions.insert(0, Clause(name, "equals", expected))
    found: list[Record] = []
    for condition in conditions:
        value = field(event, condition.field)
        if not _holds(condition, value):
            return None
        expected = condition.pattern.pattern if condition.pattern else condition.expected
        shown = "" if value is _ABSENT else str(value)[:_MOST_SHOWN]
        found.append({"field": condition.field, "test": condition.test, "expected": expected, "found": shown})
    return found or None


def field(event: Record, path: str) -> Any:
    """The value of an event at a dotted path such as ``data.labels.service``; names with dots are found too."""
    value: Any = event
    rest = path
    while rest:
        if not isinstance(value, dict):
            return _ABSENT
        if rest in value:
            return value[rest]
        head, _, rest = rest.partition(".")
        if head not in value:
            return _ABSENT
        value = value[head]
    return value


def is_absent(value: Any) -> bool:
    """Whether `field` found nothing."""
    return value is _ABSENT or value is None


def _holds(condition: Clause, value: Any) -> bool:
    if condition.test == "exists":
        return is_absent(value) is not condition.expected
    if is_absent(value):
        return False
    if condition.test == "equals":
        return type(value) is type(condition.expected) and bool(value == condition.expected)
    if condition.test == "one_of":
        return any(type(value) is type(each) and value == each for each in condition.expected)
    if condition.test in ("more", "less"):
        return _compares(condition, value)
    text = value if isinstance(value, str) else str(value)
    return condition.pattern is not None and patterns.whole(condition.pattern, text)


def _compares(condition: Clause, value: Any) -> bool:
    """Whether a number, or text that is one, is more or less than what was asked for."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return False
    return bool(number > condition.expected if condition.test == "more" else number < condition.expected)


def keep(tx: Connection, pairs: Iterable[tuple[Record, Record | None]], *, command: str, at: datetime) -> list[Record]:
    """Store events with their matches (None: nothing matches) and decide; gives the matches to announce, in order.

    A match that is stored already comes back as it was stored.
    """
    announce: list[Record] = []
    for event, found in pairs:
        identity = require(event, "id", str)
        _event_row(tx, event)
        records.put(tx, event)
        if found is None:
            if _mark(tx, identity, at):
                why = "no template's trigger holds for this event"
                what = f"left event {event.get('subject') or identity!r} alone"
                decide(
                    tx, kind="wf.unmatched", what=what, why=why, evidence=[identity], command=command, at=at,
                    authorised_by="policy:templates",
                )  # fmt: skip
            continue
        if records.put(tx, found):
            tx.execute(
                "INSERT INTO wf_match(match_id, event_id, workflow, is_ambiguous) VALUES (?, ?, ?, ?)",
                (found["id"], identity, found.get("workflow"), int(found["ambiguous"])),
            )
            decide(
                tx, kind="wf.matched", what=_what(found), why=_why(found), evidence=[identity, found["id"]],
                command=command, at=at, authorised_by="user" if "chosen_by" in found else "policy:templates",
            )  # fmt: skip
            _mark(tx, identity, at)
        else:
            found = records.get(tx, found["id"]) or found
        announce.append(found)
    return announce


def _event_row(tx: Connection, event: Record) -> None:
    """An event that came by the pipe only (from another state, or written by hand) gets its row here."""
    tx.execute(
        "INSERT INTO wf_event(event_id, dedupe_key, source, type, received_at, delivery_count)"
        " VALUES (?, ?, ?, ?, ?, 1) ON CONFLICT DO NOTHING",
        (
            event["id"],
            str(event.get("dedupe_key") or event["id"]),
            str(event.get("source", "")),
            str(event.get("type", "")),
            str(event.get("received_at") or event["at"]),
        ),
    )


def _mark(tx: Connection, event_id: str, at: datetime) -> bool:
    """Note that wf-match has dealt with an event; False if it had before."""
    cursor = tx.execute(
        "UPDATE wf_event SET matched_at = ? WHERE event_id = ? AND matched_at IS NULL", (clock.stamp(at), event_id)
    )
    return cursor.rowcount > 0


def _what(found: Record) -> str:
    if found["ambiguous"]:
        names = ", ".join(each["workflow"] for each in found["candidates"])
        return f"asked a person to choose between {names}"
    return f"chose workflow {found['workflow']!r}"


def _why(found: Record) -> str:
    if found["ambiguous"]:
        return f"{len(found['candidates'])} templates match equally well and none is more specific"
    if "chosen_by" in found:
        return "a person chose it among those that match"
    clauses = "; ".join(f"{each['field']} {each['test']} {each['expected']!r}" for each in found["clauses"])
    return f"its trigger is the most specific of those that hold: {clauses}"
