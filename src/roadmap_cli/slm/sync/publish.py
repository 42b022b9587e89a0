"""Making this device's segments: what they hold, and that they are made once, in one transaction, before any is sent.

A device that is new to us cannot read our older segments: it gets what they hold in a snapshot, or, where another
device has sent it a snapshot already, what is not in that. A snapshot of our own segments also lets the older ones
be removed, once all devices have acknowledged it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from roadmap_cli.slm.sync import changes, members, segment, tree
from roadmap_cli.slm.sync.members import Me, Member
from roadmap_cli.slm.sync.revision import Revision

#: A segment ends when it holds so many revisions, or so many bytes of records.
MOST_RECORDS = 1000
MOST_BODY_BYTES = 4 << 20
#: After so many segments of others with something in them this device says that it has them.
ACKNOWLEDGE_AFTER = 32

_UNSENT = "own = 1 AND seq IS NULL"


@dataclass(frozen=True, slots=True)
class Plan:
    """What the next segments are to hold: the revisions `where` selects, standing for `covers`."""

    where: str
    values: tuple[Any, ...]
    covers: dict[str, tuple[int, int, str]]

    @property
    def is_snapshot(self) -> bool:
        """Whether it stands for segments from the first."""
        return any(low == 0 for low, _, _ in self.covers.values())


def make(tx: Any, me: Me, now: datetime, *, snapshot: str = "") -> list[int]:
    """Make the segments that are due, and give their numbers; none if there is nothing to tell.

    `snapshot`: ``own`` for one of what this device wrote, ``all`` for one of everything it has.
    """
    known = members.every(tx)
    plan = _plan(tx, me, known, snapshot)
    if plan is None:
        return []
    whole = plan.where == "1"
    to = [member for member in known if member.is_active]
    batches = list(_batches(_keys(tx, me, plan))) or [[]]
    made = []
    for part, keys in enumerate(batches, 1):
        head = segment.Head(
            device_id=me.device_id,
            seq=me.next_seq,
            previous=me.last_hash,
            seen={member.device_id: member.seq for member in known if member.device_id != me.device_id and member.seq},
            covers=plan.covers,
            part=part if plan.covers else 1,
            parts=len(batches) if plan.covers else 1,
            to=tuple(member.device_id for member in to),
            cards=tuple(member.card for member in known),
            removed=tuple(member.device_id for member in known if not member.is_active),
            stuck=tuple(member.device_id for member in known if member.stuck),
        )
        _store(tx, me, head, [tree.by_key(tx, *key[:3]) for key in keys], to)
        made.append(head.seq)
    if plan.is_snapshot and plan.covers.get(me.device_id, (1,))[0] == 0:
        tx.execute("INSERT INTO slm_sync_snapshot (first_seq, last_seq) VALUES (?, ?)", (made[0], made[-1]))
        tx.execute("UPDATE slm_sync_outbox SET bytes = NULL WHERE seq < ?", (made[0],))
    tx.executemany(
        "UPDATE slm_sync_device SET included_seq = coalesce(included_seq, ?) WHERE device_id = ?",
        [(made[0], member.device_id) for member in to],
    )
    me.told, me.must_ack, me.heard = members.told(known), False, 0
    me.must_repeat = me.must_repeat and not whole
    me.save(tx)
    return made


def pending(tx: Any, me: Me) -> tuple[int, int, list[str]]:
    """What would leave: revisions, bytes of their bodies, and their kinds."""
    keys = _keys(tx, me, Plan(_UNSENT, (), {}))
    return len(keys), sum(key[4] for key in keys), sorted({key[3] for key in keys})


def take_back(tx: Any, me: Me, seq: int) -> None:
    """Unmake the segments from a number on: none of them was ever sent."""
    tx.execute("UPDATE slm_sync_revision SET seq = NULL WHERE own = 1 AND seq >= ?", (seq,))
    tx.execute("UPDATE slm_sync_device SET included_seq = NULL WHERE included_seq >= ?", (seq,))
    tx.execute("DELETE FROM slm_sync_snapshot WHERE last_seq >= ?", (seq,))
    tx.execute("DELETE FROM slm_sync_outbox WHERE seq >= ?", (seq,))
    before = tx.execute("SELECT hash FROM slm_sync_outbox WHERE seq = ?", (seq - 1,)).fetchone()
    me.next_seq, me.last_hash, me.told = seq, before[0] if before else "", ""
    me.save(tx)


def _plan(tx: Any, me: Me, known: list[Member], snapshot: str) -> Plan | None:
    others = [member for member in known if member.device_id != me.device_id]
    mine = {me.device_id: (0, me.next_seq - 1, me.last_hash)}
    new = [member for member in others if member.is_active and member.included_seq is None]
    if snapshot == "own" and not new:
        return Plan("own = 1", (), mine if me.next_seq > 1 else {})
    covered = [member.covered_seq for member in new]
    is_first = me.next_seq == 1 and not any(member.seq for member in others)
    if snapshot or me.must_repeat or (new and None in covered and not is_first):
        whole = {member.device_id: (0, member.seq, member.hash) for member in others if member.seq}
        return Plan("1", (), {**whole, **(mine if me.next_seq > 1 else {})})
    if new and not is_first:
        base = min(seq for seq in covered if seq is not None)
        behind = {me.device_id: (base, me.next_seq - 1, me.last_hash)} if base < me.next_seq - 1 else {}
        return Plan("own = 1 AND (seq IS NULL OR seq > ?)", (base,), behind)
    if _keys(tx, me, Plan(_UNSENT, (), {})):
        return Plan(_UNSENT, (), {})
    alone = not others
    if (me.told != members.told(known) and not alone) or me.must_ack or me.heard >= ACKNOWLEDGE_AFTER:
        return Plan("0", (), {})
    return None


def _store(tx: Any, me: Me, head: segment.Head, batch: list[Revision], to: list[Member]) -> None:
    data = segment.sealed(head, batch, me.signer, [member.card.recipient for member in to])
    digest = segment.digest(data)
    tx.execute(
        "INSERT INTO slm_sync_outbox (seq, name, hash, bytes, size, record_count, kinds, covers_from)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            head.seq,
            segment.name_of(me.device_id, head.seq, digest),
            digest,
            data,
            len(data),
            len(batch),
            json.dumps(sorted({each.kind for each in batch})),
            min((low for low, _, _ in head.covers.values()), default=None),
        ),
    )
    tx.executemany(
        "UPDATE slm_sync_revision SET seq = ? WHERE record_id = ? AND number = ? AND hash = ? AND own = 1"
        " AND seq IS NULL",
        [(head.seq, each.record_id, each.number, each.hash) for each in batch],
    )
    me.next_seq, me.last_hash = head.seq + 1, digest


def _keys(tx: Any, me: Me, plan: Plan) -> list[Any]:
    """The revisions of a plan: record, number, hash, kind, bytes; without those not sent yet that are not to leave."""
    rows = tx.execute(
        "SELECT record_id, number, hash, kind, coalesce(length(body), 0), own = 1 AND seq IS NULL"
        f" FROM slm_sync_revision WHERE {plan.where} ORDER BY record_id, number, hash",
        plan.values,
    )
    return [row for row in rows if not row[5] or changes.matches(me.kinds, row[3])]


def _batches(keys: list[Any]) -> Iterator[list[Any]]:
    batch: list[Any] = []
    size = 0
    for key in keys:
        if batch and (len(batch) >= MOST_RECORDS or size + key[4] > MOST_BODY_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(key)
        size += key[4]
    if batch:
        yield batch
