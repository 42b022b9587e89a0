"""All versions of all records: a set that only grows, so that order, repetition and retries do no harm."""

from __future__ import annotations

from typing import Any

from roadmap_cli.slm.sync.revision import Revision

_COLUMNS = "record_id, kind, parents, deleted, merged, body_hash, body, device_id, clock, number, hash"
_SELECT = f"SELECT {_COLUMNS}, own, seq FROM slm_sync_revision r"
_INSERT = f"INSERT INTO slm_sync_revision ({_COLUMNS}, own, seq) VALUES ({', '.join('?' * 13)}) ON CONFLICT DO NOTHING"


def add(tx: Any, revision: Revision, *, own: bool, seq: int | None = None) -> bool:
    """Put a revision into the set; True if it was not in it. One made here too counts as made here."""
    import orjson

    names = orjson.dumps(revision.parents).decode()
    first = (revision.record_id, revision.kind, names, revision.deleted, revision.merged, revision.body_hash)
    row = (*first, revision.body, revision.device_id, revision.clock, revision.number, revision.hash, own, seq)
    if tx.execute(_INSERT, row).rowcount != 1:
        return False
    tx.executemany(
        "INSERT INTO slm_sync_edge (record_id, parent, child) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [(revision.record_id, parent, revision.name) for parent in revision.parents],
    )
    return True


def heads(tx: Any, record_id: str) -> list[tuple[Revision, bool, bool]]:
    """The revisions of a record without a child, each with whether it was made here and whether it was sent."""
    rows = tx.execute(
        f"{_SELECT} WHERE record_id = ? AND NOT EXISTS (SELECT 1 FROM slm_sync_edge e"
        " WHERE e.record_id = r.record_id AND e.parent = r.number || '-' || r.hash)",
        (record_id,),
    ).fetchall()
    return [(_revision(row), bool(row[11]), row[12] is not None) for row in rows]


def get(tx: Any, record_id: str, name: str) -> Revision | None:
    """A revision by its name, or None."""
    number, _, digest = name.partition("-")
    if not number.isdigit():
        return None
    row = tx.execute(f"{_SELECT} WHERE record_id = ? AND number = ? AND hash = ?", (record_id, int(number), digest))
    found = row.fetchone()
    return None if found is None else _revision(found)


def history(tx: Any, record_id: str) -> list[Revision]:
    """Every revision of a record, the newest first."""
    rows = tx.execute(f"{_SELECT} WHERE record_id = ? ORDER BY number DESC, hash DESC", (record_id,))
    return [_revision(row) for row in rows.fetchall()]


def by_key(tx: Any, record_id: str, number: int, digest: str) -> Revision:
    """A revision that is there."""
    row = tx.execute(f"{_SELECT} WHERE record_id = ? AND number = ? AND hash = ?", (record_id, number, digest))
    return _revision(row.fetchone())


def _revision(row: Any) -> Revision:
    import orjson

    record_id, kind, parents, deleted, merged, body_hash, body, device_id, clock, number, digest = row[:11]
    names = tuple(orjson.loads(parents)) if parents != "[]" else ()
    return Revision(
        record_id, kind, names, bool(deleted), bool(merged), body_hash, body, device_id, clock, number, digest
    )
