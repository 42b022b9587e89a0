"""What lost when two devices changed the same record: found, read, brought back. Nothing is ever thrown away.

A conflict is open as long as its record has several heads, or as the merge that was written by rule is the last word:
any later change by a person, or a restore, settles it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from roadmap_cli.core.errors import Negative, UsageError
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.slm.sync import changes, clock, members, tree
from roadmap_cli.slm.sync.members import Me
from roadmap_cli.slm.sync.revision import Revision


def count(tx: Any) -> int:
    """How many conflicts are open."""
    return sum(1 for _ in open_ones(tx))


def open_ones(tx: Any) -> Iterator[tuple[Revision, list[Revision]]]:
    """The shown revision of each record in conflict, and those that lost, the highest first."""
    suspects = tx.execute(
        "SELECT DISTINCT record_id FROM slm_sync_revision WHERE merged = 1 UNION"
        " SELECT record_id FROM slm_sync_revision r WHERE NOT EXISTS (SELECT 1 FROM slm_sync_edge e WHERE"
        " e.record_id = r.record_id AND e.parent = r.number || '-' || r.hash) GROUP BY record_id HAVING count(*) > 1"
        " ORDER BY record_id"
    ).fetchall()
    for (record_id,) in suspects:
        found = lost(tx, record_id)
        if found is not None and found[1]:
            yield found


def lost(tx: Any, record_id: str) -> tuple[Revision, list[Revision]] | None:
    """The shown revision of a record, and what lost against it unsettled; None if there is no such record."""
    heads = [head for head, _, _ in tree.heads(tx, record_id)]
    if not heads:
        return None
    shown = max(heads, key=lambda head: head.rank)
    waiting, seen = list(heads), set[str]()
    losers: dict[str, Revision] = {}
    while waiting:
        each = waiting.pop()
        if each.name in seen:
            continue
        seen.add(each.name)
        if each.merged:
            parents = (tree.get(tx, record_id, name) for name in each.parents)
            waiting += [parent for parent in parents if parent is not None]
        elif _content(each) != _content(shown):
            losers.setdefault(_content(each), each)
    return shown, sorted(losers.values(), key=lambda each: each.rank, reverse=True)


def _content(each: Revision) -> str:
    return "" if each.deleted else each.body_hash


def revision(tx: Any, record_id: str, name: str) -> Revision:
    """A revision by its name, or the beginning of it that is enough. Raises UsageError."""
    found = [each for each in tree.history(tx, record_id) if each.name.startswith(name)]
    if not found:
        raise UsageError(f"record {record_id!r} has no revision {name!r}", hint=f"slm-sync show {record_id}")
    if len(found) > 1:
        raise UsageError(f"several revisions begin with {name!r}", hint="give more letters of it")
    return found[0]


def versions(tx: Any, record_id: str, name: str | None, at: str) -> Iterator[Record]:
    """The revisions of a record as records, the newest first, or the one named. Raises Negative, UsageError."""
    found = tree.history(tx, record_id)
    if not found:
        raise Negative(f"no record {record_id!r} that is synced")
    row = tx.execute("SELECT shown FROM slm_sync_record WHERE record_id = ?", (record_id,)).fetchone()
    for each in [revision(tx, record_id, name)] if name else found:
        yield revision_record(tx, each, shown=row[0] if row else None, at=at)


def restore(tx: Any, me: Me, record_id: str, name: str, at: datetime) -> Revision:
    """Make a revision the record's content again, as a new revision after all heads; the conflict is settled by it.

    Raises UsageError if there is no such revision, or if its content was erased.
    """
    changes.note_one(tx, me, record_id, at)
    wanted = revision(tx, record_id, name)
    if wanted.body is None and not wanted.deleted:
        raise UsageError(f"the content of {wanted.name} was erased")
    heads = [head for head, _, _ in tree.heads(tx, record_id)]
    made = changes.merge(tx, me, wanted, heads, at, by_user=True)
    changes.show(tx, made)
    me.save(tx)
    return made


def names(tx: Any) -> dict[str, str]:
    """The devices' names by id."""
    return {member.device_id: member.card.name for member in members.every(tx)}


def conflict_record(tx: Any, shown: Revision, losers: list[Revision], at: str) -> Record:
    """A conflict as an ``slm.sync_conflict`` record."""
    known = names(tx)
    return {
        "kind": "slm.sync_conflict",
        "id": content_id(
            "slm.sync_conflict", record=shown.record_id, revs=[shown.name, *(each.name for each in losers)]
        ),
        "at": clock.moment(shown.clock) or at,
        "record_id": shown.record_id,
        "record_kind": shown.kind,
        "shown_rev": shown.name,
        "shown_deleted": shown.deleted,
        "shown_device": known.get(shown.device_id, shown.device_id),
        "lost": [
            {
                "rev": each.name,
                "device": known.get(each.device_id, each.device_id),
                "deleted": each.deleted,
                **({"made_at": made} if (made := clock.moment(each.clock)) else {}),
            }
            for each in losers
        ],
    }


def revision_record(tx: Any, each: Revision, *, shown: str | None, at: str) -> Record:
    """A revision as an ``slm.sync_revision`` record."""
    import orjson

    record: Record = {
        "kind": "slm.sync_revision",
        "id": content_id("slm.sync_revision", record=each.record_id, rev=each.name),
        "at": clock.moment(each.clock) or at,
        "record_id": each.record_id,
        "record_kind": each.kind,
        "rev": each.name,
        "parent_revs": list(each.parents),
        "device": names(tx).get(each.device_id, each.device_id),
        "is_shown": each.name == shown,
        "is_deleted": each.deleted,
        "is_merge": each.merged,
    }
    if each.body is not None:
        record["record"] = orjson.loads(each.body)
    return record
