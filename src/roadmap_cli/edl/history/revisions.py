"""Revisions of a plan in the state: recorded with what, why and evidence, found again whole, the head among them.

The rule: one edit is one transaction. Records, decision, revision and the head's move are stored together or not at
all, so that a history is whole after a kill at any moment. A revision's things are kept deflated, and become records
of their own only where they are new or something cites them: an edit of a thousand cuts takes a few ten kilobytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, content_id, require
from roadmap_cli.edl.history.changes import SORTS, Change, Version, by_origin, difference, origin, root_of

if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

__all__ = ["Change", "Head", "Revision", "current", "head", "place", "record", "revise", "stream", "version"]

EDIT = "edl.edit"
_CHECKED = frozenset({"checked", "checked_digest", "error_count", "warning_count"})
_PART_FIELDS: tuple[tuple[str, type], ...] = (("id", str), ("timeline_in_frame", int), ("timeline_out_frame", int))
_CUT_FIELDS = (
    *_PART_FIELDS, ("source_id", str), ("in_frame", int), ("out_frame", int), ("fps", str), ("speed", str),
)  # fmt: skip
_ORDER = ("edl.cut", "edl.title", "edl.cue")


@dataclass(frozen=True, slots=True)
class Revision:
    """A node of the tree. `undoes` are the revisions whose edits it takes back."""

    plan_id: str
    root_id: str
    parent_id: str | None
    edit_id: str | None
    undoes: tuple[str, ...] = ()


class Head(NamedTuple):
    """The newest revision of an edit: its plan, its cuts in order followed by titles and cues, and the sources."""

    plan: Record
    things: list[Record]
    sources: list[Record]


# -- writing -----------------------------------------------------------------------------------------------------------


def record(
    tx: Connection,
    *,
    plan: Record,
    things: Sequence[Record],
    changes: Sequence[Change] = (),
    what: str,
    why: str,
    evidence: Sequence[str],
    command: str,
    at: datetime,
    facts: Mapping[str, Any] | None = None,
    decision: str = "edl.edit_made",
    undoes: Sequence[str] = (),
    sort: str = "edit",
    sources: Sequence[Record] = (),
) -> Record:
    """Store a revision with its decision, make it the head, and give its edl.edit record.

    `plan` names its `parent_id`; without one it is the first of its tree. `things` are all its cuts in order, titles
    and cues, each with the plan's id. What is stored as changed is what the two revisions differ by; `changes` may be
    left empty, and each that is given must be about a thing of either. `sources` are remembered where they lie now.
    A plan that is stored already becomes the head and nothing else happens.

    Raises DataError if the parent is unknown, things do not belong to the plan, a change is said that is not there,
    or the evidence does not resolve.
    """
    from roadmap_cli.state import records
    from roadmap_cli.why import decisions

    plan = {name: value for name, value in plan.items() if name not in _CHECKED}
    things = _in_order(plan, things)
    place(tx, sources)
    known = _revision(tx, require(plan, "id", str))
    if known:
        _move(tx, known.root_id, known.plan_id, "go" if sort == "edit" else sort, at, None)
        return edit_of(tx, known)
    parent = _parent(tx, plan)
    if parent:
        _settle(tx, parent)
    root = parent.root_id if parent else str(plan["id"])
    if parent:
        before = version(tx, parent.plan_id)
        plan = {**plan, "parent_id": parent.plan_id, "root_id": root}
        found = difference(before, Version(plan, things))
        _agree(changes, {root, *map(origin, before.things), *map(origin, things)})
    else:
        before, found = Version(plan, ()), []
    records.put_many(tx, [plan, *_new(things, found, everything=parent is None)])
    _keep(tx, [*things, *before.things], evidence)
    decided = decisions.decide(
        tx, kind=decision, what=what, why=why, evidence=evidence, command=command, at=at, run_id=plan["id"],
        facts=facts,
    )  # fmt: skip
    edit: Record = {
        "kind": EDIT,
        "id": content_id(EDIT, plan_id=plan["id"]),
        "at": clock.stamp(at),
        "plan_id": plan["id"],
        **({"parent_id": parent.plan_id} if parent else {}),
        "root_id": root,
        "what": what,
        "why": why,
        "evidence": list(dict.fromkeys(evidence)),
        "changes": [change.record() for change in found],
        "command": command,
        **({"undoes": list(undoes)} if undoes else {}),
        "why_id": decided["id"],
    }
    records.put(tx, edit)
    _insert(tx, Revision(plan["id"], root, parent.plan_id if parent else None, edit["id"], tuple(undoes)), things)
    _move(tx, root, plan["id"], sort, at, None)
    return edit


def revise(parent: Record, things: Iterable[Record], at: str, **fields: Any) -> tuple[Record, list[Record]]:
    """A new plan after `parent` with new ids throughout, its things as given, each with its origin; not yet stored.

    `fields` are the plan's changed fields; None takes one out. The length and count are worked out from the cuts.
    The same parent, things and time give the same ids.
    """
    given = list(things)
    cuts = [thing for thing in given if thing["kind"] == "edl.cut"]
    plan = {name: value for name, value in parent.items() if name not in _CHECKED}
    plan |= {"length_frames": max((cut["timeline_out_frame"] for cut in cuts), default=0), "cut_count": len(cuts)}
    plan |= {name: value for name, value in fields.items() if value is not None}
    for name in fields:
        if fields[name] is None:
            plan.pop(name, None)
    bare = [{name: value for name, value in thing.items() if name not in {"id", "plan_id", "at"}} for thing in given]
    name = content_id("edl.plan", parent_id=parent["id"], at=at, digest=_digest([plan, *bare]))
    plan |= {"id": name, "at": at, "parent_id": parent["id"], "root_id": root_of(parent)}
    made = []
    for thing in given:
        first = origin(thing)
        fresh = content_id(thing["kind"], plan_id=name, origin_id=first)
        made.append({**thing, "id": fresh, "at": at, "plan_id": name, "origin_id": first})
    return plan, made


def go(tx: Connection, to: Revision, sort: str, at: datetime, why_id: str | None = None) -> None:
    """Make a revision the head of its tree. `sort` is undo, redo or go."""
    _settle(tx, to)
    _move(tx, to.root_id, to.plan_id, sort, at, why_id)


def place(tx: Connection, sources: Iterable[Record]) -> None:
    """Remember where sources lie now, and the sources themselves."""
    from roadmap_cli.state import records

    for source in sources:
        records.put(tx, source)
        if isinstance(source.get("path"), str):
            tx.execute(
                "INSERT INTO edl_source_place (source_id, path) VALUES (?, ?)"
                " ON CONFLICT (source_id) DO UPDATE SET path = excluded.path",
                (source["id"], source["path"]),
            )


def adopt(
    tx: Connection,
    plan: Record,
    things: Sequence[Record],
    sources: Sequence[Record],
    at: datetime,
    command: str = "by hand",
) -> Revision:
    """The revision of a plan that came in a stream; one unknown here becomes the first of a tree of its own.

    A plan that is known but was changed on its way, by jq or an editor, becomes a revision after the one it was: what
    a person did by hand is an edit like any other, told of the `command` that saw it first. Raises DataError as
    `record`.
    """
    place(tx, sources)
    known = _revision(tx, require(plan, "id", str)) or _stored(tx, plan["id"])
    if known is None:
        from roadmap_cli.state import records

        bare = {name: value for name, value in plan.items() if name not in _CHECKED}
        ordered = _in_order(bare, things)
        records.put_many(tx, [bare, *ordered])
        known = Revision(plan["id"], plan["id"], None, None)
        _insert(tx, known, ordered)
    else:
        _settle(tx, known)
        before = version(tx, known.plan_id)
        found = difference(before, Version(plan, _in_order(plan, things)))
        if any(not change.is_soft for change in found):
            again = _child(tx, known, Version(plan, _in_order(plan, things)))
            return again or _by_hand(tx, before, plan, things, found, command, at)
    if tx.execute("SELECT 1 FROM edl_head_move WHERE plan_id = ? LIMIT 1", (known.plan_id,)).fetchone() is None:
        _move(tx, known.root_id, known.plan_id, "go", at, None)
    return known


def attend(
    tx: Connection, plan: Record, things: Sequence[Record], sources: Sequence[Record], at: datetime, command: str
) -> Revision:
    """As `adopt`, and it is the edit worked on from now. Raises DataError as `record`."""
    here = adopt(tx, plan, things, sources, at, command)
    if current(tx).plan_id != here.plan_id:
        go(tx, here, "go", at)
    return here


def _child(tx: Connection, parent: Revision, like: Version) -> Revision | None:
    """The revision made from another that holds the same as what came in: what was changed by hand is seen again."""
    names = tx.execute(
        "SELECT plan_id FROM edl_revision WHERE root_id = ? AND parent_id = ?", (parent.root_id, parent.plan_id)
    ).fetchall()
    for (name,) in names:
        if all(change.is_soft for change in difference(version(tx, name), like)):
            return _revision(tx, name)
    return None


def _by_hand(
    tx: Connection, before: Version, plan: Record, things: Sequence[Record], found: Sequence[Change], command: str,
    at: datetime,
) -> Revision:  # fmt: skip
    fields = {change.field: change.after for change in found if change.sort == "plan"}
    made, parts = revise(before.plan, things, clock.stamp(at), **fields)
    hard = [change for change in found if not change.is_soft]
    touched = len({change.origin_id for change in hard})
    edit = record(
        tx, plan=made, things=parts, what=f"change {touched} part{'s' * (touched != 1)} by hand",
        why="the plan that came in was not as it was stored", evidence=[before.plan["id"]], command=command, at=at,
        facts={"fields": sorted({change.field for change in hard})[:20]},
    )  # fmt: skip
    revision = _revision(tx, edit["plan_id"])
    assert revision is not None
    return revision


# -- reading -----------------------------------------------------------------------------------------------------------


def head(tx: Connection, root_id: str | None = None) -> Head:
    """The newest revision of an edit, or of the one last worked on. Raises DataError if there is none."""
    return whole(tx, current(tx, root_id))


def current(tx: Connection, root_id: str | None = None) -> Revision:
    """Where the head of a tree is, or of the one last worked on. Raises DataError if there is none."""
    where, values = ("WHERE root_id = ?", (root_id,)) if root_id else ("", ())
    row = tx.execute(f"SELECT plan_id, at FROM edl_head_move {where} ORDER BY number DESC LIMIT 1", values).fetchone()
    found = _revision(tx, row[0]) if row else None
    if root_id is None:
        found = _newest(tx, row[1] if row else "") or found
    elif found is None:
        found = _revision(tx, root_id) or _stored(tx, root_id)
    if found is None:
        words = f"no edit {root_id!r} in the history" if root_id else "no edit in the history yet"
        raise DataError(words, hint="edl-plan makes one", code="no_history")
    return found


def whole(tx: Connection, revision: Revision) -> Head:
    """A revision with its sources where they were last seen."""
    found = version(tx, revision.plan_id)
    return Head(found.plan, list(found.things), sources_of(tx, found))


def version(tx: Connection, plan_id: str) -> Version:
    """The plan and things of a revision. Raises DataError if there is none."""
    import orjson

    from roadmap_cli.state import records

    row = tx.execute("SELECT things FROM edl_revision WHERE plan_id = ?", (plan_id,)).fetchone()
    plan = records.get(tx, plan_id)
    if plan is None or plan.get("kind") != "edl.plan":
        raise DataError(f"no such revision: {plan_id!r}", hint="edl-log lists them", code="no_revision")
    return Version(plan, orjson.loads(zlib.decompress(row[0])) if row else _loose(tx, plan_id))


def sources_of(tx: Connection, found: Version) -> list[Record]:
    """The sources a revision is made of, where they were last seen. Raises DataError if one is not stored."""
    from roadmap_cli.state import records

    listed = found.plan.get("source_ids")
    names = dict.fromkeys(map(str, listed if isinstance(listed, list) else ()))
    names |= dict.fromkeys(str(thing["source_id"]) for thing in found.things if "source_id" in thing)
    sources = []
    for name in names:
        source = records.get(tx, name)
        if source is None:
            raise DataError(f"source {name!r} of the plan is not stored", hint="edl-scan its file", code="no_source")
        row = tx.execute("SELECT path FROM edl_source_place WHERE source_id = ?", (name,)).fetchone()
        sources.append({**source, "path": row[0]} if row else source)
    return sources


def stream(found: Head) -> list[Record]:
    """A revision as the stream other commands read: sources, plan, cuts, titles, cues."""
    return [*found.sources, found.plan, *sorted(found.things, key=lambda thing: _ORDER.index(thing["kind"]))]


def find(tx: Connection, name: str, root_id: str | None = None) -> Revision | None:
    """The revision that an id names: its plan's, its edit's or its decision's; None if there is none (in the tree)."""
    row = tx.execute("SELECT plan_id FROM edl_revision WHERE plan_id = ?1 OR edit_id = ?1 LIMIT 1", (name,)).fetchone()
    if row is None:
        row = tx.execute("SELECT run_id FROM decision WHERE id = ?", (name,)).fetchone()
    found = _revision(tx, row[0]) if row and row[0] else _stored(tx, name)
    return found if found is None or root_id in (None, found.root_id) else None


def tree(tx: Connection, root_id: str) -> list[Revision]:
    """All revisions of a tree, a parent before its children, brothers in the order they were made."""

    rows = tx.execute(
        "SELECT r.plan_id, r.root_id, r.parent_id, r.edit_id, r.undoes,"
        " (SELECT min(number) FROM edl_head_move m WHERE m.root_id = r.root_id AND m.plan_id = r.plan_id) AS first"
        " FROM edl_revision r WHERE r.root_id = ? ORDER BY r.plan_id <> r.root_id, first, r.plan_id",
        (root_id,),
    ).fetchall()
    found = [_read(row) for row in rows]
    first = None if any(each.plan_id == root_id for each in found) else _stored(tx, root_id)
    return [first, *found] if first else found


def edit_of(tx: Connection, revision: Revision) -> Record:
    """The edl.edit record of a revision; of a first plan that was only stored, one made from its plan."""
    from roadmap_cli.state import records

    found = records.get(tx, revision.edit_id) if revision.edit_id else None
    if found is not None:
        return found
    plan = records.get(tx, revision.plan_id) or {}
    told: Record = {
        "kind": EDIT,
        "id": content_id(EDIT, plan_id=revision.plan_id),
        "at": plan.get("at", "1970-01-01T00:00:00.000Z"),
        "plan_id": revision.plan_id,
        "root_id": revision.root_id,
        "what": f"plan {plan.get('intent', '')!r}",
        "why": "; ".join(map(str, plan.get("reasons", ()))) or "the words it was planned from",
        "evidence": list(plan.get("source_ids", ())),
        "changes": [],
    }
    return told | ({"why_id": plan["why_id"]} if "why_id" in plan else {})


def moves(tx: Connection, root_id: str) -> list[tuple[str, str, str]]:
    """Where the head of a tree went, oldest first: revision, how, when."""
    return tx.execute(
        "SELECT plan_id, sort, at FROM edl_head_move WHERE root_id = ? ORDER BY number", (root_id,)
    ).fetchall()


# -- inside ------------------------------------------------------------------------------------------------------------


def _in_order(plan: Record, things: Sequence[Record]) -> list[Record]:
    for thing in things:
        if thing.get("plan_id") != plan["id"]:
            raise DataError(f"a part of another plan: {thing.get('id')!r}", code="two_plans")
        for name, sort in _CUT_FIELDS if thing.get("kind") == "edl.cut" else _PART_FIELDS:
            require(thing, name, sort)
    by_origin(things)
    return sorted(things, key=lambda thing: _ORDER.index(thing["kind"]))


def _parent(tx: Connection, plan: Record) -> Revision | None:
    name = plan.get("parent_id")
    if name is None:
        return None
    found = _revision(tx, name) or _stored(tx, name)
    if found is None:
        raise DataError(
            f"plan {name!r} is not in the history", hint="edl-plan stores the plans it makes", code="no_parent"
        )
    return found


def _revision(tx: Connection, plan_id: str) -> Revision | None:

    row = tx.execute(
        "SELECT plan_id, root_id, parent_id, edit_id, undoes FROM edl_revision WHERE plan_id = ?", (plan_id,)
    ).fetchone()
    return _read(row) if row else None


def _read(row: Sequence[Any]) -> Revision:
    import orjson

    plan_id, root_id, parent_id, edit_id, undoes = row[:5]
    return Revision(plan_id, root_id, parent_id, edit_id, tuple(orjson.loads(undoes)) if undoes else ())


def _stored(tx: Connection, plan_id: str) -> Revision | None:
    """A plan that was stored with its cuts but never as a revision: the first of a tree, not yet written."""
    from roadmap_cli.state import records

    plan = records.get(tx, plan_id)
    return Revision(plan_id, plan_id, None, None) if plan and plan.get("kind") == "edl.plan" else None


def _loose(tx: Connection, plan_id: str) -> list[Record]:
    """The cuts, titles and cues of a plan that is not a revision yet: a search through all of them."""
    import orjson

    rows = tx.execute(
        "SELECT body FROM record WHERE kind IN ('edl.cut', 'edl.title', 'edl.cue') AND body ->> 'plan_id' = ?",
        (plan_id,),
    )
    things = [orjson.loads(body) for (body,) in rows]
    return sorted(things, key=lambda each: (_ORDER.index(each["kind"]), each.get("timeline_in_frame", 0), each["id"]))


def _settle(tx: Connection, revision: Revision) -> None:
    """Write a revision that was only found among the records."""
    if _revision(tx, revision.plan_id) is None:
        _insert(tx, revision, _loose(tx, revision.plan_id))


def _newest(tx: Connection, since: str) -> Revision | None:
    """The plan stored last, if that was not before a time and it is no revision yet."""
    row = tx.execute(
        "SELECT id FROM record WHERE kind = 'edl.plan' AND at >= ? ORDER BY at DESC, id DESC LIMIT 1", (since,)
    ).fetchone()
    return _stored(tx, row[0]) if row and _revision(tx, row[0]) is None else None


def _agree(said: Sequence[Change], known: Collection[str]) -> None:
    """Raise DataError if a change is said of something that neither revision has."""
    stray = next((change for change in said if change.origin_id not in known and change.sort != "plan"), None)
    if stray is not None:
        raise DataError(f"a change is said of {stray.origin_id!r} that is not in the plan", code="bad_change")


def _new(things: Sequence[Record], found: Sequence[Change], *, everything: bool) -> list[Record]:
    changed = {change.origin_id for change in found}
    return [thing for thing in things if everything or origin(thing) in changed]


def _keep(tx: Connection, things: Sequence[Record], cited: Sequence[str]) -> None:
    """Those of the things that are cited become records, so that the evidence resolves."""
    from roadmap_cli.state import records

    names = set(cited)
    records.put_many(tx, [thing for thing in things if thing["id"] in names])


def _insert(tx: Connection, revision: Revision, things: Sequence[Record]) -> None:
    import orjson

    tx.execute(
        "INSERT INTO edl_revision (plan_id, root_id, parent_id, edit_id, undoes, things) VALUES (?, ?, ?, ?, ?, ?)",
        (
            revision.plan_id,
            revision.root_id,
            revision.parent_id,
            revision.edit_id,
            orjson.dumps(revision.undoes).decode() if revision.undoes else None,
            zlib.compress(_json(list(things)), 1),
        ),
    )


def _move(tx: Connection, root_id: str, plan_id: str, sort: str, at: datetime, why_id: str | None) -> None:
    tx.execute(
        "INSERT INTO edl_head_move (root_id, plan_id, sort, at, why_id) VALUES (?, ?, ?, ?, ?)",
        (root_id, plan_id, sort, clock.stamp(at), why_id),
    )


def _digest(value: list[Any]) -> str:
    import hashlib

    return hashlib.sha256(_json(value, in_order=True)).hexdigest()


def _json(value: Any, *, in_order: bool = False) -> bytes:
    """A value as JSON, its keys as they came or in order. Raises DataError if it has none."""
    import orjson

    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS if in_order else 0)
    except TypeError as problem:
        raise DataError(f"cannot be stored: {str(problem).lower()}", code="not_json") from None


assert set(_ORDER) == set(SORTS)
