"""Storing what was matched: the match, the decision with its evidence, the audit, the question to a person.

The rule kept here: of every event the state says what became of it, in the transaction that says so; events of which
nothing comes share one decision for each reason and lot, which cites them all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError, Negative
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.state import records
from roadmap_cli.wf import events
from roadmap_cli.wf.approving import tasks
from roadmap_cli.wf.audit import log
from roadmap_cli.wf.matching.matcher import Candidate, Judged, Matcher, Taken, made, resolve
from roadmap_cli.wf.matching.windows import Windows
from roadmap_cli.why.decisions import decide_all

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

#: What a person says who wants none of the candidates.
NONE = "none"
_POLICY = "policy:templates"


def take(
    tx: Connection, matcher: Matcher, judged: Sequence[Judged], *, command: str, at: datetime, chosen: str | None = None
) -> Taken:
    """Store events with what became of each. An event that was judged by the same templates before is not again.

    Its matches come back as they were stored. `chosen` is a person's choice for events that several templates match.
    """
    judged_by = _store(tx, [each.event for each in judged])
    before = [name for name, by in judged_by.items() if by == matcher.templates_hash] if not chosen else []
    known = _matches_of(tx, before) if before else {}
    taken = Taken()
    windows = Windows(tx)
    fresh: list[tuple[Record, Record, list[Candidate]]] = []
    seen: set[str] = set()
    for each in judged:
        name = each.event["id"]
        if name in known:
            stored = [found for one in known[name] if (found := records.get(tx, one))]
            taken.matches += [each for each in stored if not each["ambiguous"]] or stored
            continue
        if name in seen:
            continue
        seen.add(name)
        if not each.held:
            taken.unmatched.append(name)
            continue
        event = _as_stored(tx, matcher, each)
        holding, answers = resolve(windows, each, at)
        if chosen is not None:
            holding = _choose(event, holding, chosen)
        if holding:
            found = made(event, holding, at, chosen)
            for candidate in holding:
                if candidate.answer:
                    windows.made(candidate.held.ready.shape, candidate.grouping, candidate.answer, found["id"])
            fresh.append((event, found, holding))
            taken.matches.append(found)
            continue
        _note(taken, name, answers)
    windows.close()
    _matched(tx, taken, fresh, command=command, at=at)
    _others(tx, taken, matcher, command=command, at=at, dropped=windows.dropped)
    stamp = clock.stamp(at)
    tx.executemany(
        "UPDATE wf_event SET matched_at = coalesce(matched_at, ?), matched_by = ? WHERE event_id = ?",
        [(stamp, matcher.templates_hash, name) for name in seen],
    )
    return taken


def choose(
    tx: Connection, name: str, workflow: str, *, by: str, command: str, at: datetime, is_answered: bool = False
) -> Record | None:
    """A person's answer to an ambiguous match, named by its id, its event's or its task's; None if they want none.

    `is_answered`: the task has the answer already. Raises DataError for what is no question or no candidate, Negative
    if somebody else has answered otherwise.
    """
    found = _question(tx, name)
    workflows = [each["workflow"] for each in found["candidates"]]
    if workflow not in (*workflows, NONE):
        raise DataError(
            f"workflow {workflow!r} is no candidate for event {found['event_id']!r}",
            hint=f"known are {', '.join(workflows)} and {NONE}",
            code="no_match",
        )
    task = _task(tx, found)
    if task and not is_answered:
        status, given = tx.execute("SELECT status, answer FROM wf_task WHERE task_id = ?", (task,)).fetchone()
        if status == "answered" and given != workflow:
            raise Negative(f"event {found['event_id']!r} was answered already: {given}", code="task_over")
        if status == "waiting":
            tasks.answer(tx, task, workflow, by=by, at=at)
    if workflow == NONE:
        _decline(tx, found, by=by, command=command, at=at)
        return None
    candidate = next(each for each in found["candidates"] if each["workflow"] == workflow)
    record: Record = {
        "kind": "wf.match",
        "id": content_id("wf.match", event_id=found["event_id"], chosen=workflow,
                         templates=[f"{workflow} {candidate['template_sha256']}"]),
        "at": clock.stamp(at),
        "event_id": found["event_id"],
        "ambiguous": False,
        **candidate,
        "certainty_ratio": 1.0,
        "certainty": "certain",
        "chosen_by": "user" if not by else f"user:{by}",
        "question_id": found["id"],
    }  # fmt: skip
    event = records.get(tx, found["event_id"]) or {"id": found["event_id"]}
    taken = Taken(matches=[record])
    _matched(tx, taken, [(event, record, [])], command=command, at=at, by=by)
    return taken.matches[0]


def questions(tx: Connection) -> list[Record]:
    """The ambiguous matches that nobody has answered, oldest first."""
    rows = tx.execute(
        "SELECT m.match_id FROM wf_match m LEFT JOIN wf_task t ON t.run_id = m.match_id WHERE m.is_ambiguous = 1"
        " AND (t.status IS NULL OR t.status = 'waiting')"
        " AND NOT EXISTS (SELECT 1 FROM wf_match c WHERE c.event_id = m.event_id AND c.is_ambiguous = 0)"
        " ORDER BY m.rowid"
    ).fetchall()
    return [found for (name,) in rows if (found := records.get(tx, name))]


def answered(tx: Connection, *, command: str, at: datetime) -> list[Record]:
    """The matches that come of questions which were answered elsewhere (wf-approve), each once."""
    rows = tx.execute(
        "SELECT m.match_id, t.answer, t.answered_by FROM wf_task t JOIN wf_match m ON m.match_id = t.run_id"
        " WHERE t.status = 'answered' AND m.is_ambiguous = 1 AND m.workflow IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM wf_match c WHERE c.event_id = m.event_id AND c.is_ambiguous = 0)"
        " AND t.answer <> ? ORDER BY t.answered_at, m.rowid",
        (NONE,),
    ).fetchall()
    found = []
    for name, answer, by in rows:
        who = str(by or "").removeprefix("user:")
        made_now = choose(tx, name, answer, by=who, command=command, at=at, is_answered=True)
        if made_now:
            found.append(made_now)
    return found


# -- the parts -------------------------------------------------------------------------------------------------------


def _store(tx: Connection, found: Sequence[Record]) -> dict[str, str | None]:
    """Store events that came by the pipe only (from another state, or written by hand).

    Gives, of those that were here already, by which templates they were judged.
    """
    import orjson

    names = orjson.dumps([each["id"] for each in found]).decode()
    known: dict[str, str | None] = dict(
        tx.execute(
            "SELECT event_id, matched_by FROM wf_event WHERE event_id IN (SELECT value FROM json_each(?))", (names,)
        )
    )
    new = [each for each in found if each["id"] not in known]
    if new:
        records.put_many(tx, new)
        events.enter(tx, new)
    return known


def _matches_of(tx: Connection, names: list[str]) -> dict[str, list[str]]:
    """The ids of the matches of each of these events."""
    import orjson

    known: dict[str, list[str]] = {name: [] for name in names}
    for event_id, match_id in tx.execute(
        "SELECT event_id, match_id FROM wf_match WHERE event_id IN (SELECT value FROM json_each(?)) ORDER BY rowid",
        (orjson.dumps(names).decode(),),
    ):
        known[event_id].append(match_id)
    return known


def _as_stored(tx: Connection, matcher: Matcher, judged: Judged) -> Record:
    """An event that matches is held against the templates as it stands in the state, whatever the pipe says."""
    stored = records.get(tx, judged.event["id"])
    if stored is None or stored == judged.event:
        return judged.event
    again = matcher.judge([events.checked(stored)])[0]
    judged.event, judged.held = again.event, again.held
    return stored


def _choose(event: Record, holding: list[Candidate], chosen: str) -> list[Candidate]:
    if chosen not in (each.held.ready.template.workflow for each in holding):
        raise DataError(f"workflow {chosen!r} does not match event {event['id']!r}", code="no_match")
    return holding


def _note(taken: Taken, name: str, answers: Sequence[Any]) -> None:
    """Where an event went that makes no match now."""
    said = {answer.what: answer for answer in reversed(answers)}
    if "joined" in said:
        taken.joined.append((name, said["joined"].match_id))
    elif "cooling" in said:
        taken.cooling.append((name, said["cooling"].match_id))
    elif "waiting" in said:
        taken.waiting.append(name)
    elif "late" in said:
        taken.late.append(name)
    else:
        taken.unmatched.append(name)


def _matched(
    tx: Connection, taken: Taken, fresh: Sequence[tuple[Record, Record, list[Candidate]]], *, command: str,
    at: datetime, by: str = "",
) -> None:  # fmt: skip
    """Store matches and decide; those that are stored already come back as they were stored."""
    if not fresh:
        return
    is_new = records.put_new(tx, [found for _, found, _ in fresh])
    new = [each for each, one in zip(fresh, is_new, strict=True) if one]
    old = {found["id"] for (_, found, _), one in zip(fresh, is_new, strict=True) if not one}
    if old:
        taken.matches = [
            (records.get(tx, found["id"]) or found) if found["id"] in old else found for found in taken.matches
        ]
    if not new:
        return
    tx.executemany(
        "INSERT INTO wf_match(match_id, event_id, workflow, is_ambiguous) VALUES (?, ?, ?, ?)",
        [(found["id"], found["event_id"], found.get("workflow"), int(found["ambiguous"])) for _, found, _ in new],
    )
    who = f"user:{by}" if by else "user"
    rows = decide_all(
        tx,
        [
            {"kind": "wf.matched", "what": _what(found), "why": _why(found), "command": command, "at": at,
             "evidence": [found["event_id"], *found.get("event_ids", ()), found["id"]],
             "authorised_by": who if "chosen_by" in found else _POLICY,
             "facts": {key: found[key] for key in ("certainty_ratio", "events_count") if key in found}}
            for _, found, _ in new
        ],
    )  # fmt: skip
    log.append(
        tx, action="event.matched", user=f"user:{by}" if by else _POLICY, resource=new[0][1]["id"], outcome="done",
        why=f"{len(new)} {'match was' if len(new) == 1 else 'matches were'} made", at=at,
        match_ids=[found["id"] for _, found, _ in new], decision_ids=[row[0] for row in rows],
    )  # fmt: skip
    for event, found, _ in new:
        if found["ambiguous"]:
            _ask(tx, event, found, at)


def _ask(tx: Connection, event: Record, found: Record, at: datetime) -> None:
    workflows = [each["workflow"] for each in found["candidates"]]
    subject = str(event.get("subject") or event.get("type") or event["id"])
    tasks.ask(
        tx, run_id=found["id"], step="match", sort="question", choices=(*workflows, NONE),
        question=f"which workflow is {subject!r} for: {', '.join(workflows)}?",
        subject_hash=hashlib.sha256(found["id"].encode()).hexdigest(), requested_by="wf-match", at=at,
    )  # fmt: skip


def _others(tx: Connection, taken: Taken, matcher: Matcher, *, command: str, at: datetime, dropped: int) -> None:
    """One decision for each reason for which nothing comes of some events, citing them all."""
    facts: Record = {"templates_sha256": matcher.templates_hash}
    lots: tuple[tuple[str, str, str, list[str], list[str]], ...] = (
        ("wf.unmatched", "left {} alone", "no template's trigger holds", taken.unmatched, []),
        ("wf.waiting", "waits for more before it acts on {}",
         "a trigger's conditions hold, but not yet for as many events as it asks for", taken.waiting, []),
        ("wf.late", "left {} alone", "they came too late for the window of the trigger", taken.late, []),
        ("wf.joined", "counted {} to a match made before", "they fall into its window",
         [name for name, _ in taken.joined], [match for _, match in taken.joined]),
        ("wf.cooling", "left {} alone", "the trigger's cooling time after a match is not over",
         [name for name, _ in taken.cooling], [match for _, match in taken.cooling]),
    )  # fmt: skip
    wanted: list[Record] = [
        {"kind": kind, "what": what.format(f"{len(names)} event{'s' if len(names) != 1 else ''}"), "why": why,
         "evidence": [*names, *(name for name in dict.fromkeys(matches) if _is_stored(tx, name))],
         "command": command, "at": at, "authorised_by": _POLICY, "facts": {**facts, "events_count": len(names)}}
        for kind, what, why, names, matches in lots if names
    ]  # fmt: skip
    if dropped and wanted:
        wanted[-1]["facts"]["dropped_count"] = dropped
    if wanted:
        rows = decide_all(tx, wanted)
        log.append(
            tx, action="event.judged", user=_POLICY, resource=rows[0][0], outcome="done", at=at,
            why="; ".join(f"{each['facts']['events_count']} {each['kind'].removeprefix('wf.')}" for each in wanted),
            decision_ids=[row[0] for row in rows], **facts,
        )  # fmt: skip


def _is_stored(tx: Connection, name: str) -> bool:
    return tx.execute("SELECT 1 FROM record WHERE id = ?", (name,)).fetchone() is not None


def _question(tx: Connection, name: str) -> Record:
    row = tx.execute(
        "SELECT m.match_id FROM wf_match m LEFT JOIN wf_task t ON t.run_id = m.match_id"
        " WHERE m.is_ambiguous = 1 AND (m.match_id = ?1 OR m.event_id = ?1 OR t.task_id = ?1)"
        " ORDER BY m.rowid DESC LIMIT 1",
        (name,),
    ).fetchone()
    found = records.get(tx, row[0]) if row else None
    if found is None:
        raise DataError(f"{name!r} is no question of wf-match", hint="see 'wf-match --waiting'", code="no_question")
    return found


def _task(tx: Connection, found: Record) -> str | None:
    row = tx.execute("SELECT task_id FROM wf_task WHERE run_id = ? AND step = 'match'", (found["id"],)).fetchone()
    return row[0] if row else None


def _decline(tx: Connection, found: Record, *, by: str, command: str, at: datetime) -> None:
    rows = decide_all(
        tx,
        [{"kind": "wf.unmatched", "what": "chose no workflow", "why": "a person wants none of the candidates",
          "evidence": [found["event_id"], found["id"]], "command": command, "at": at,
          "authorised_by": f"user:{by}" if by else "user"}],
    )  # fmt: skip
    log.append(
        tx, action="event.declined", user=f"user:{by}" if by else "user", resource=found["id"], outcome="refused",
        why="a person wants none of the candidates", at=at, decision_id=rows[0][0],
    )  # fmt: skip


def _what(found: Record) -> str:
    if found["ambiguous"]:
        names = ", ".join(each["workflow"] for each in found["candidates"])
        return f"asked a person to choose between {names}"
    return f"chose workflow {found['workflow']!r}"


def _why(found: Record) -> str:
    if found["ambiguous"]:
        if len(found["candidates"]) == 1:
            return f"what it says is like what the trigger asks for, but it is {found['candidates'][0]['certainty']}"
        return f"{len(found['candidates'])} templates match equally well and none is more specific"
    if "chosen_by" in found:
        return "a person chose it among those that match"
    clauses = "; ".join(f"{each['field']} {each['test']} {each['expected']!r}" for each in found["clauses"])
    if "text" in found:
        clauses = "; ".join(filter(None, (clauses, f"it is like {found['text']!r} ({found['likeness_ratio']:.0%})")))
    if "events_count" in found:
        clauses += f"; {found['events_count']} events from {found['first_at']} to {found['last_at']}"
    return f"its trigger is the most specific of those that hold: {clauses}"
