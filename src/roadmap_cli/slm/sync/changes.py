"""What the user changed here becomes revisions; what came from elsewhere becomes what the user sees.

Local changes win. If a version made here meets another that does not descend from it, a merge is written: its parents
are all heads, its body is ours; the others stay readable. A user's own version is defended so once, until it was sent
as a merge; where all heads are merges of the same parents nothing more is written. After that every device shows the
same one of the heads (`Revision.rank`), for that depends on the set of revisions alone. So the writing ends, and all
devices come to show the same.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2b
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.slm.sync import revision as revisions
from roadmap_cli.slm.sync import tree
from roadmap_cli.slm.sync.members import Me
from roadmap_cli.slm.sync.revision import Revision
from roadmap_cli.state import records

_FOUND = "SELECT r.id, r.kind, r.body, s.stored FROM record r LEFT JOIN slm_sync_record s ON s.record_id = r.id"


def note(tx: Any, me: Me, now: datetime) -> int:
    """Make a revision of every record that was added, changed or removed since the last time; how many."""
    chosen, values = _selection(me.kinds)
    changed = []
    for record_id, kind, body, stored in tx.execute(f"{_FOUND} WHERE {chosen}", values):
        if stored != _mark(body):
            changed.append((record_id, kind, body))
    gone = tx.execute(
        "SELECT record_id, NULL, NULL FROM slm_sync_record s WHERE stored IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM record r WHERE r.id = s.record_id)"
    ).fetchall()
    return sum(_changed(tx, me, now, *each) for each in (*changed, *gone))


def note_one(tx: Any, me: Me, record_id: str, now: datetime) -> bool:
    """As `note`, for one record that is about to be replaced: what a command changed meanwhile is not lost."""
    row = tx.execute(f"{_FOUND} WHERE r.id = ?", (record_id,)).fetchone()
    if row is not None:
        return matches(me.kinds, row[1]) and row[3] != _mark(row[2]) and _changed(tx, me, now, *row[:3])
    known = tx.execute("SELECT stored FROM slm_sync_record WHERE record_id = ?", (record_id,)).fetchone()
    return known is not None and known[0] is not None and _changed(tx, me, now, record_id, None, None)


def settle(tx: Any, me: Me, record_id: str, now: datetime) -> None:
    """Decide which revision is shown, write a merge if ours is to win, and bring the record table up to date."""
    found = tree.heads(tx, record_id)
    if not found or not matches(me.kinds, found[0][0].kind):
        return
    shown = max((head for head, _, _ in found), key=lambda head: head.rank)
    if len(found) > 1 and not _settled([head for head, _, _ in found]):
        ours = [head for head, own, sent in found if own and not (sent and head.merged)]
        if ours:
            best = max(ours, key=lambda head: head.rank)
            shown = merge(tx, me, best, [head for head, _, _ in found], now)
    show(tx, shown)


def merge(tx: Any, me: Me, best: Revision, heads: list[Revision], now: datetime, *, by_user: bool = False) -> Revision:
    """Write the revision that follows all heads and has the body of `best`."""
    made = revisions.made(
        best.record_id,
        best.kind,
        tuple(head.name for head in heads),
        best.body,
        merged=not by_user,
        body_hash=best.body_hash or None,
        device_id=me.device_id,
        clock=me.clock.tick(now),
    )
    tree.add(tx, made, own=True)
    return made


def show(tx: Any, shown: Revision) -> None:
    """Make the record table hold a revision.

    A record that rows of other tables rest on cannot be removed: it stays as it is, and is not taken for a new one.
    """
    before = tx.execute(
        "SELECT s.shown, s.stored FROM slm_sync_record s WHERE record_id = ?", (shown.record_id,)
    ).fetchone()
    if before is not None and before[0] == shown.name:
        return
    stored = before[1] if before else None
    if shown.body is not None:
        if stored != (mark := _mark(shown.body)):
            records.replace(tx, _parsed(shown.body), shown.body)
        stored = mark
    elif stored is not None and _removed(tx, shown.record_id):
        stored = None
    tx.execute(
        "INSERT INTO slm_sync_record (record_id, shown, stored) VALUES (?, ?, ?)"
        " ON CONFLICT (record_id) DO UPDATE SET shown = excluded.shown, stored = excluded.stored",
        (shown.record_id, shown.name, stored),
    )


def put(tx: Any, me: Me, record: Record, now: datetime) -> bool:
    """Store a record in place of the one that has its id; whether it is new or different.

    Raises DataError if it cannot be stored or its kind is not synced.
    """
    records.check(record)
    if not matches(me.kinds, record["kind"]):
        raise DataError(
            f"kind {record['kind']!r} is not among those that are synced",
            hint=f"slm-sync select {' '.join([*me.kinds, record['kind']])}",
            code="not_selected",
        )
    note_one(tx, me, record["id"], now)
    records.replace(tx, record)
    return note_one(tx, me, record["id"], now)


def delete(tx: Any, me: Me, record_id: str, now: datetime) -> bool:
    """Remove a record here and, with the next sync, everywhere; False if it is not here."""
    note_one(tx, me, record_id, now)
    known = tx.execute("SELECT stored FROM slm_sync_record WHERE record_id = ?", (record_id,)).fetchone()
    if known is None or known[0] is None:
        return False
    found = [head for head, _, _ in tree.heads(tx, record_id)]
    if all(head.deleted for head in found):
        return False
    made = revisions.made(
        record_id,
        found[0].kind,
        tuple(head.name for head in found),
        None,
        device_id=me.device_id,
        clock=me.clock.tick(now),
    )
    tree.add(tx, made, own=True)
    show(tx, made)
    return True


def select(tx: Any, me: Me, kinds: list[str], now: datetime) -> None:
    """Choose which kinds are synced on this device: records of others are neither sent nor shown."""
    note(tx, me, now)
    me.kinds = kinds
    chosen, values = _selection(kinds)
    tx.execute(
        "DELETE FROM slm_sync_record WHERE record_id IN"
        f" (SELECT record_id FROM slm_sync_revision r WHERE NOT {chosen})",
        values,
    )
    unseen = tx.execute(
        f"SELECT DISTINCT record_id FROM slm_sync_revision r WHERE {chosen}"
        " AND NOT EXISTS (SELECT 1 FROM slm_sync_record s WHERE s.record_id = r.record_id)",
        values,
    ).fetchall()
    for (record_id,) in unseen:
        note_one(tx, me, record_id, now)
        settle(tx, me, record_id, now)


def matches(kinds: list[str], kind: str) -> bool:
    """Whether a kind is among the chosen: named, or by its family as in slm.*, or by ``*``."""
    family = kind.partition(".")[0]
    return any(chosen in (kind, "*", f"{family}.*") for chosen in kinds)


def _selection(kinds: list[str]) -> tuple[str, list[str]]:
    tests, values = ["0"], []
    for kind in kinds:
        tests.append("r.kind GLOB ?" if "*" in kind else "r.kind = ?")
        values.append(kind)
    return f"({' OR '.join(tests)})", values


def _changed(tx: Any, me: Me, now: datetime, record_id: str, kind: str | None, body: str | None) -> bool:
    found = [head for head, _, _ in tree.heads(tx, record_id)]
    if body is not None and len(found) == 1 and found[0].body_hash == revisions.digest(body):
        made, new = found[0], False
    else:
        made = revisions.made(
            record_id,
            kind or found[0].kind,
            tuple(head.name for head in found),
            body,
            device_id=me.device_id,
            clock=me.clock.tick(now),
        )
        new = tree.add(tx, made, own=True)
    tx.execute(
        "INSERT INTO slm_sync_record (record_id, shown, stored) VALUES (?, ?, ?)"
        " ON CONFLICT (record_id) DO UPDATE SET shown = excluded.shown, stored = excluded.stored",
        (record_id, made.name, None if body is None else _mark(body)),
    )
    return new


def _settled(heads: list[Revision]) -> bool:
    return all(head.merged for head in heads) and len({head.parents for head in heads}) == 1


def _removed(tx: Any, record_id: str) -> bool:
    from sqlcipher3 import dbapi2

    from roadmap_cli.slm.window import archive

    archive.let_go(tx, record_id)
    try:
        tx.execute("DELETE FROM record WHERE id = ?", (record_id,))
    except dbapi2.IntegrityError:
        return False
    return True


def _parsed(body: str) -> Record:
    import orjson

    record: Record = orjson.loads(body)
    return record


def _mark(body: str) -> bytes:
    return blake2b(body.encode(), digest_size=16).digest()
