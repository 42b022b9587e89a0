"""Going back and forth in the tree of revisions: undo, redo, and taking back one old edit alone.

The last edit is undone by going to the revision before it, so that nothing is made anew and nothing encoded. An older
one is taken back in a revision of its own, and what was done since stays, unless it touched the same fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError, Negative
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.edl.history import revisions
from roadmap_cli.edl.history.changes import PLACE, Change, Version, origin, overlap, take_back
from roadmap_cli.edl.history.revisions import Revision

if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

CONFLICT = "edl.conflict"


@dataclass(frozen=True, slots=True)
class Conflict:
    """A later edit that changed the same field of the same thing as the one to be taken back."""

    edit: Record
    later: Record
    change: Change
    name: str = ""

    def record(self, at: str) -> Record:
        """As an edl.conflict record."""
        change = self.change
        named = words(change, self.name)
        return {
            "kind": CONFLICT,
            "id": content_id(
                CONFLICT, edit_id=self.edit["id"], later_id=self.later["id"], origin_id=change.origin_id,
                field=change.field,
            ),
            "at": at,
            "edit_id": self.edit["id"],
            "later_edit_id": self.later["id"],
            "origin_id": change.origin_id,
            "sort": change.sort,
            "field": change.field,
            "message": f"{self.later['what']!r} changed {named}, which {self.edit['what']!r} had changed",
        }  # fmt: skip


class Conflicts(Negative):
    """Edits stand in each other's way; nothing was changed."""

    def __init__(self, found: Sequence[Conflict]) -> None:
        first = found[0]
        named = words(first.change, first.name)
        more = f" ({len(found)} such fields)" if len(found) > 1 else ""
        super().__init__(
            f"cannot undo {first.edit['what']!r} alone: {first.later['what']!r} has changed {named} since{more}; "
            "nothing is changed",
            hint="--with-dependants undoes both",
            code="conflict",
        )
        self.found = found


def words(change: Change, name: str = "") -> str:
    """What a change touches, for a person: `name` is what the thing is called, without it its id."""
    if change.sort == "plan":
        return f"the plan's {change.field.replace('_', ' ')}"
    thing = name or f"the {change.sort} {change.origin_id}"
    what = "place" if change.field == PLACE else change.field.replace("_", " ").replace(".", " ")
    return f"the {what} of {thing}" if change.field else thing


def _names(now: Version) -> dict[str, str]:
    """What the things of a version are called: cuts by their place, titles and cues by what they say."""
    return {
        origin(thing): f"cut {place}" if thing["kind"] == "edl.cut"
        else f"the title {thing.get('text')!r}" if thing["kind"] == "edl.title"
        else f"the cue at frame {thing.get('timeline_in_frame')}"
        for place, thing in enumerate(now.things)
    }  # fmt: skip


def path(tx: Connection, to: Revision) -> list[Revision]:
    """The revisions from the first of a tree down to one of them."""
    known = {each.plan_id: each for each in revisions.tree(tx, to.root_id)}
    found = [to]
    while (parent := found[-1].parent_id) is not None:
        if parent not in known:
            raise DataError(f"revision {parent!r} is missing from the history", code="no_revision")
        found.append(known[parent])
    return found[::-1]


def in_force(line: Sequence[Revision]) -> list[Revision]:
    """The edits of a line that count: those that no later one that counts has taken back, in their order.

    The first plan is not among them. Taking back counts as an edit, too.
    """
    dead: set[str] = set()
    found = []
    for revision in reversed(line[1:]):
        if revision.plan_id not in dead:
            found.append(revision)
            dead.update(revision.undoes)
    return found[::-1]


def standing(line: Sequence[Revision]) -> list[Revision]:
    """Of the edits in force, those that made something: not the ones that only take others back."""
    return [revision for revision in in_force(line) if not revision.undoes]


def undo(tx: Connection, base: Revision, command: str, at: datetime) -> Revision:
    """Go back over the last edit. Raises Negative if there is none."""
    if base.parent_id is None:
        raise Negative("nothing to undo: this is the first plan", hint="edl-log shows the history", code="no_edit")
    line = path(tx, base)
    return _go(tx, line, line[-2], "undo", command, at)


def redo(tx: Connection, base: Revision, to: str | None, command: str, at: datetime) -> Revision:
    """Go on to the revision after this one where the person was last, or to the one that `to` names.

    Raises Negative if nothing was undone here, DataError if `to` names no revision of this edit.
    """
    line = path(tx, base)
    if to is not None:
        found = revisions.find(tx, to, base.root_id)
        if found is None:
            raise DataError(f"no revision {to!r} of this edit", hint="edl-log lists them", code="no_revision")
        return _go(tx, line, found, "redo", command, at)
    children = {each.plan_id: each for each in revisions.tree(tx, base.root_id) if each.parent_id == base.plan_id}
    if not children:
        raise Negative("nothing to redo: no edit was undone here", hint="edl-log shows all branches", code="no_edit")
    visited = [name for name, _, _ in revisions.moves(tx, base.root_id) if name in children]
    name = visited[-1] if visited else next(reversed(children))
    return _go(tx, line, children[name], "redo", command, at)


def undo_one(
    tx: Connection, base: Revision, name: str, command: str, at: datetime, *, with_dependants: bool = False
) -> Revision:
    """Take back one edit and keep the later ones; give the revision that is the head then.

    With `with_dependants` the later edits that touched the same fields are taken back as well, and those that touched
    the fields of these. Raises Conflicts if there are such and it is not asked for, DataError if `name` is no edit of
    this line, Negative if it is taken back already.
    """
    line = path(tx, base)
    target = revisions.find(tx, name, base.root_id)
    if target is None or target.parent_id is None:
        words = "the first plan cannot be undone" if target else f"no edit {name!r} of this plan"
        raise DataError(words, hint="edl-undo --list lists those that can be", code="no_edit")
    if target not in line:
        raise DataError(f"edit {name!r} is on another branch", hint=f"edl-redo --to {name} goes there", code="no_edit")
    if target == base:
        return undo(tx, base, command, at)
    counting = in_force(line)
    if target not in counting:
        raise Negative(f"edit {name!r} is undone already", hint="edl-undo --list lists the others", code="undone")
    later = counting[counting.index(target) + 1 :]
    edits = {each.plan_id: revisions.edit_of(tx, each) for each in (target, *later)}
    changes = {name: changes_of(edit) for name, edit in edits.items()}
    taken, found = _dependants(target, later, edits, changes)
    if found and not with_dependants:
        names = _names(revisions.version(tx, base.plan_id))
        raise Conflicts([replace(each, name=names.get(each.change.origin_id, "")) for each in found])
    return _take_back(tx, base, taken, later, edits, command, at)


def undoable(tx: Connection, base: Revision) -> list[Record]:
    """The edits that count, the last one first, each with the later ones that would have to be undone with it."""
    counting = in_force(path(tx, base))
    edits = {each.plan_id: revisions.edit_of(tx, each) for each in counting}
    changes = {name: changes_of(edit) for name, edit in edits.items()}
    found = []
    for place, revision in enumerate(counting):
        taken, _ = _dependants(revision, counting[place + 1 :], edits, changes)
        dependants = [edits[each.plan_id]["id"] for each in taken[1:]]
        found.append({**edits[revision.plan_id], "dependant_ids": dependants})
    return found[::-1]


def _dependants(
    target: Revision, later: Sequence[Revision], edits: dict[str, Record], changes: dict[str, list[Change]]
) -> tuple[list[Revision], list[Conflict]]:
    """An edit and all that must go with it, in their order; and what the later ones have changed of its fields."""
    taken, conflicts = [target], []
    owners = {target.plan_id: {change.origin_id for change in changes[target.plan_id]}}
    for revision in later:
        mine = changes[revision.plan_id]
        near = [each for each in taken if any(change.origin_id in owners[each.plan_id] for change in mine)]
        clashes = [
            Conflict(edits[each.plan_id], edits[revision.plan_id], pair[1])
            for each in near
            for pair in overlap(changes[each.plan_id], mine)
        ]
        if clashes:
            conflicts += clashes
            taken.append(revision)
            owners[revision.plan_id] = {change.origin_id for change in mine}
    return taken, conflicts


def changes_of(edit: Record) -> list[Change]:
    """The changes that an edl.edit record tells. Raises DataError if it is damaged."""
    return [Change.read(each) for each in edit.get("changes", ())]


def _take_back(
    tx: Connection, base: Revision, taken: Sequence[Revision], later: Iterable[Revision], edits: dict[str, Record],
    command: str, at: datetime,
) -> Revision:  # fmt: skip
    now = revisions.version(tx, base.plan_id)
    kept = [each for each in later if each not in taken]
    moved = {
        change.origin_id for each in kept for change in changes_of(edits[each.plan_id]) if change.field == PLACE
    }  # fmt: skip
    for revision in reversed(taken):
        before = revisions.version(tx, str(revision.parent_id))
        now = take_back(now, changes_of(edits[revision.plan_id]), before, moved)
    plan, things = revisions.revise(now.plan, now.things, clock.stamp(at))
    named = [edits[each.plan_id] for each in taken]
    others = f"; {len(kept)} later edits stay" if kept else ""
    told = revisions.record(
        tx, plan=plan, things=things, what="undo " + ", ".join(f"{edit['what']!r}" for edit in named),
        why=f"asked to{others}", evidence=[edit["id"] for edit in named], command=command, at=at,
        facts={"edits_undone": len(named), "edits_kept": len(kept)}, decision="edl.edit_undone",
        undoes=[each.plan_id for each in taken], sort="undo",
    )  # fmt: skip
    found = revisions.find(tx, told["plan_id"])
    assert found is not None
    _settle(tx, in_force(path(tx, base)), in_force(path(tx, found)), at)
    return found


def _go(tx: Connection, line: Sequence[Revision], to: Revision, sort: str, command: str, at: datetime) -> Revision:
    """Move the head, with a decision of its own, and note of each edit whether it counts now."""
    from roadmap_cli.why import decisions

    left, entered = in_force(line), in_force(path(tx, to))
    names = [{each.plan_id for each in group} for group in (left, entered)]
    differing = [each for each in (*left, *entered) if (each.plan_id in names[0]) != (each.plan_id in names[1])]
    edits = [revisions.edit_of(tx, each) for each in differing]
    evidence = [edit["id"] for edit in edits if decisions.resolves(tx, edit["id"])]
    named = ", ".join(f"{edit['what']!r}" for edit in edits[:3]) or "nothing"
    decided = decisions.decide(
        tx, kind=f"edl.edit_{'undone' if sort == 'undo' else 'redone'}", what=f"{sort} {named}", why="asked to",
        evidence=evidence, command=command, at=at, run_id=to.plan_id,
    )  # fmt: skip
    _settle(tx, left, entered, at)
    revisions.go(tx, to, sort, at, decided["id"])
    return to


def _settle(tx: Connection, left: Sequence[Revision], entered: Sequence[Revision], at: datetime) -> None:
    """Note on the decision of each edit that stopped or began to count that it was undone or redone."""
    from roadmap_cli.why import decisions

    for group, others, outcome in ((left, entered, "undone"), (entered, left, "redone")):
        known_there = {each.plan_id for each in others}
        for revision in group:
            if revision.plan_id not in known_there:
                why_id = revisions.edit_of(tx, revision).get("why_id")
                known = decisions.get(tx, why_id) if why_id else None
                if known and (outcome == "undone" or "outcome" in known):
                    decisions.settle(tx, str(why_id), outcome, at)
