"""Answers in the state: the edit a person speaks of taken out of it, and what became of their words put in.

Measurements, wishes and the new revision are stored in one transaction, with the decision that explains them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.edl.feedback import tastes
from roadmap_cli.edl.feedback.answering import CHANGED, Answer, Told
from roadmap_cli.edl.feedback.axes import PLAIN_DEEDS
from roadmap_cli.edl.feedback.material import FACTS, Edit
from roadmap_cli.edl.feedback.wishes import PLAIN, Wish

if TYPE_CHECKING:
    from roadmap_cli.edl.history.revisions import Head
    from roadmap_cli.state.connection import Connection
    from roadmap_cli.state.store import State


def of_head(tx: Connection, found: Head) -> Edit:
    """The edit of a revision, with what is stored of its shots and sources."""
    from roadmap_cli.state import records

    plan, things, sources = found
    named = {str(source["id"]): source for source in sources}
    kinds: dict[str, list[Record]] = {"edl.cut": [], "edl.title": [], "edl.cue": []}
    for thing in things:
        kinds[thing["kind"]].append(thing)
    facts = {kind: tuple(r for r in records.find(tx, kind=kind) if r.get("source_id") in named) for kind in FACTS}
    edit = Edit(plan, tuple(kinds["edl.cut"]), tuple(kinds["edl.title"]), tuple(kinds["edl.cue"]), named, {}, facts)
    return with_shots(tx, edit)


def with_shots(tx: Connection, edit: Edit) -> Edit:
    """The edit with the shots its cuts name, as far as they are stored."""
    from roadmap_cli.state import records

    shots = dict(edit.shots)
    for name in {str(cut.get("shot_id")) for cut in edit.cuts} - set(shots):
        if (known := records.get(tx, name)) is not None:
            shots[name] = known
    return replace(edit, shots=shots)


def settle(state: State, made: Answer, who: str, command: str, at: datetime) -> tuple[Record, list[Record]]:
    """Store measurements, wishes and the new revision in one transaction; give its plan and things.

    If nothing was changed these are the ones before, and what was refused is stored all the same.
    """
    from roadmap_cli.edl.history import revisions
    from roadmap_cli.state import records
    from roadmap_cli.why import decisions

    stamp = clock.stamp(at)
    old, new = made.before, made.edit
    plan, things = old.plan, old.things()
    with state.write() as tx:
        revisions.attend(tx, old.plan, old.things(), list(old.sources.values()), at, command)
        if made.changed:
            moved = {
                name: new.plan.get(name) for name in {*new.plan, *old.plan} if new.plan.get(name) != old.plan.get(name)
            }
            reasons = [
                *old.plan.get("reasons", ()),
                *(f"{t.wish.meaning}: {made.words!r}" for t in made.told if t.outcome == CHANGED),
            ]
            plan, things = revisions.revise(old.plan, new.things(), stamp, **moved, reasons=reasons)
        groups = [_records(made, told, old, plan, stamp) for told in made.told]
        made.records = [record for group in groups for record in group]
        records.put_many(tx, [r for r in made.records if r["kind"] == "edl.measure"])
        known = [str(name) for name in old.sources if records.get(tx, str(name))]
        evidence = [r["id"] for r in made.records if r["kind"] == "edl.measure"] + [str(old.plan["id"]), *known]
        if made.changed:
            fulfilled = [told for told in made.told if told.outcome == CHANGED]
            edit = revisions.record(
                tx, plan=plan, things=things, what="; ".join(f"{t.wish.meaning} {_at(t)}: {t.what}" for t in fulfilled),
                why=f"{made.words!r}: " + "; ".join(t.reason + (f" ({t.taste})" if t.taste else "") for t in fulfilled),
                evidence=evidence, command=command, at=at, facts={"words": made.words, "who": who,
                 "axes": [t.wish.axis for t in fulfilled]},
                decision="edl.feedback_answered", sources=list(old.sources.values()),
            )  # fmt: skip
            for record in made.records:
                if record["kind"] == "edl.feedback" and record["outcome"] == CHANGED:
                    record["why_id"] = edit["why_id"]
        for told, group in zip(made.told, groups, strict=True):
            if told.outcome == CHANGED:
                continue
            decided = decisions.decide(
                tx, kind="edl.wish_refused", what=f"leave the edit as it is for {told.wish.words!r}", why=told.reason,
                evidence=[r["id"] for r in group if r["kind"] == "edl.measure"] + [str(old.plan["id"])],
                command=command, at=at, run_id=old.plan["id"],
            )  # fmt: skip
            group[-1]["why_id"] = decided["id"]
        records.put_many(tx, [r for r in made.records if r["kind"] == "edl.feedback"])
        root = str(old.plan.get("root_id") or old.plan["id"])
        for record in made.records:
            kept = record["kind"] == "edl.feedback" and record["outcome"] == CHANGED
            if kept and record["axis"] not in PLAIN_DEEDS:
                tastes.note(tx, who, record, root)
        tastes.learn(tx, who, stamp)
    return plan, things


def _at(told: Told) -> str:
    return told.where if told.where == "everywhere" else f"from {told.where}"


def _records(made: Answer, told: Told, old: Edit, plan: Record, at: str) -> list[Record]:
    """The edl.measure records of a wish, then its edl.feedback record."""
    measures = [record for each in told.measured for record in each.records(old.plan, told.wish.axis, at)]
    wish = told.wish
    record: Record = {
        "kind": "edl.feedback", "id": "", "at": at,
         "plan_id": plan["id"] if told.outcome == CHANGED else old.plan["id"],
        "words": made.words, "axis": wish.axis, "sign": wish.sign, "wish": wish.meaning,
        "strength": round(told.steps, 3), "where": told.where, "outcome": told.outcome,
    }  # fmt: skip
    if told.outcome == CHANGED:
        record["parent_id"] = old.plan["id"]
    if told.measured:
        same = [each for each in told.measured if each.signal == told.measured[0].signal]
        record |= {
            "signal": same[0].signal,
            "unit": same[0].unit,
            "before": round(sum(e.before for e in same) / len(same), 3),
        }
        tried = [each for each in same if each.target is not None and each.after is not None]
        if tried:
            record["target"] = round(sum(e.target or 0.0 for e in tried) / len(tried), 3)
            record["after"] = round(sum(e.after or 0.0 for e in tried) / len(tried), 3)
            record["moved_ratio"] = round(sum(e.moved for e in tried) / len(tried), 3)
        limits: dict[str, float] = {}
        for each in same:
            for name, value in each.limits.items():
                if abs(value) >= abs(limits.get(name, 0.0)):
                    limits[name] = value
        if limits:
            record["limits"] = limits
    record |= {"what": told.what} if told.what else {}
    record |= {"reason": told.reason}
    record |= {"taste": told.taste} if told.taste else {}
    record |= {"notes": list(told.notes)} if told.notes else {}
    record["measure_ids"] = [each["id"] for each in measures]
    plan_id = record["plan_id"]
    record["id"] = content_id(
        "edl.feedback", plan_id=plan_id, words=made.words, axis=wish.axis, sign=wish.sign, where=told.where, at=at
    )
    return [*measures, record]


def strengths(tx: Connection, who: str, wishes: Sequence[Wish]) -> dict[Wish, tuple[float, str]]:
    """How far each wish goes: a plain one as the person's taste has it."""
    found = {}
    for wish in wishes:
        found[wish] = (
            tastes.strength(tx, who, wish.axis, wish.sign, wish.strength)
            if wish.strength == PLAIN
            else (wish.strength, "")
        )
    return found


def back(tx: Connection, edit: Edit, at: datetime, *, forward: bool = False) -> Edit:
    """The revision before, or after for `forward`, made the head. Raises DataError if there is none."""
    from roadmap_cli.edl.history import revisions

    here = revisions.adopt(tx, edit.plan, edit.things(), list(edit.sources.values()), at)
    if forward:
        later = [each for each in revisions.tree(tx, here.root_id) if each.parent_id == here.plan_id]
        if not later:
            raise DataError("there is no change to make again", hint="edl-log lists them", code="no_revision")
        to = later[-1]
    else:
        if here.parent_id is None:
            raise DataError("the plan is the first of its edit: there is nothing to take back", code="no_revision")
        to = next(each for each in revisions.tree(tx, here.root_id) if each.plan_id == here.parent_id)
    revisions.go(tx, to, "redo" if forward else "undo", at)
    found = of_head(tx, revisions.whole(tx, to))
    return replace(
        found,
        shots={**edit.shots, **found.shots},
        facts={k: edit.facts.get(k) or found.facts.get(k, ()) for k in FACTS},
    )
