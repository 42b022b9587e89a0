"""How this device stands with the others: what waits, what is in conflict, who has seen what."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.records import Record
from roadmap_cli.slm.sync import changes, conflicts, members, publish, setup


def status(tx: Any, now: datetime) -> Record:
    """An ``slm.sync_status`` record. Changes made in the state are noted first."""
    me = members.me(tx)
    changes.note(tx, me, now)
    me.save(tx)
    count, size, kinds = publish.pending(tx, me)
    known = members.every(tx)
    (revisions,) = tx.execute("SELECT count(*) FROM slm_sync_revision").fetchone()
    devices = []
    for each in known:
        if each.device_id != me.device_id and each.is_active:
            has = each.seen.get(me.device_id, 0)
            devices.append({"name": each.card.name, "segment_count": each.seq, "behind_count": me.next_seq - 1 - has})
    remotes = []
    for remote in setup.remotes(tx):
        (waiting,) = tx.execute(
            "SELECT count(*) FROM slm_sync_outbox o WHERE bytes IS NOT NULL AND NOT EXISTS"
            " (SELECT 1 FROM slm_sync_upload u WHERE u.seq = o.seq AND u.remote = ?)",
            (remote.name,),
        ).fetchone()
        remotes.append({"name": remote.name, "unsent_segment_count": waiting})
    return {
        "kind": "slm.sync_status",
        "id": f"slm_{me.device_id}",
        "at": stamp(now),
        "unsent_count": count,
        "unsent_bytes": size,
        "unsent_kinds": kinds,
        "conflict_count": conflicts.count(tx),
        "revision_count": revisions,
        "record_kinds": me.kinds,
        "devices": devices,
        "remotes": remotes,
    }
