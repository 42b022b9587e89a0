"""Appending to the audit log, in the transaction of what is logged: either both are there or neither.

An entry is the RFC 8785 form of a CloudEvents 1.0 envelope; its leaf is SHA-256 of 0x00 and the entry (RFC 6962, 2.1).
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING, Any

from roadmap_cli.core import clock
from roadmap_cli.core.records import Record, canonical, content_id

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

#: Where an entry comes from, as CloudEvents wants it.
SOURCE = "/roadmap/wf"
#: How something ended.
OUTCOMES = ("done", "allowed", "refused", "failed", "asked")
_TILE = 8


def append(
    tx: Connection,
    *,
    action: str,
    user: str,
    agent: str | None = None,
    resource: str,
    outcome: str,
    why: str,
    at: datetime,
    **more: Any,
) -> int:
    """Add an entry and return its place in the log.

    `action` is the family's noun of what was tried (``step.started``, ``plan.approved``, ``right.refused`` …), `user`
    who it was done for (``user:NAME``, ``policy:NAME``), `agent` the role that acted, `resource` the id of what it was
    done to, `outcome` one of `OUTCOMES`; `more` holds ids and hashes only (run_id, step, plan_hash, approval_id,
    policy_ids, trace_id …), never the content of an event or an output. The caller holds a write transaction.
    """
    if outcome not in OUTCOMES:
        raise ValueError(f"not an outcome: {outcome!r}")
    (seq,) = tx.execute("SELECT coalesce(max(seq), -1) + 1 FROM wf_audit").fetchone()
    actor: Record = {"user": user} | ({"agent": agent} if agent else {})
    data: Record = {"action": action, "actor": actor, "resource": resource, "outcome": outcome, "why": why}
    data |= {key: value for key, value in more.items() if value is not None}
    stamp = clock.stamp(at)
    entry: Record = {
        "specversion": "1.0",
        "id": content_id("wf.audit", seq=seq, at=stamp, action=action, resource=resource),
        "source": SOURCE,
        "type": f"roadmap.wf.{action}",
        "time": stamp,
        "data": data,
    }
    body = canonical(entry)
    tx.execute("INSERT INTO wf_audit(seq, at, body, leaf) VALUES (?, ?, ?, ?)", (seq, stamp, body, leaf_hash(body)))
    _close_tiles(tx, seq + 1)
    return int(seq)


def leaf_hash(body: bytes) -> bytes:
    """The hash of an entry as a leaf."""
    return hashlib.sha256(b"\0" + body).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees together."""
    return hashlib.sha256(b"\1" + left + right).digest()


def folded(hashes: list[bytes]) -> bytes:
    """The root over a power of two of hashes."""
    while len(hashes) > 1:
        hashes = [node_hash(hashes[at], hashes[at + 1]) for at in range(0, len(hashes), 2)]
    return hashes[0]


def _close_tiles(tx: Connection, size: int) -> None:
    """Keep the roots of the subtrees that the last entry made full."""
    level = _TILE
    while size % (1 << level) == 0:
        position = (size >> level) - 1
        if level == _TILE:
            rows = tx.execute("SELECT leaf FROM wf_audit WHERE seq >= ? ORDER BY seq", (size - 256,)).fetchall()
        else:
            rows = tx.execute(
                "SELECT hash FROM wf_audit_node WHERE level = ? AND position >= ? ORDER BY position",
                (level - _TILE, position << _TILE),
            ).fetchall()
        row = (level, position, folded([each for (each,) in rows]))
        tx.execute("INSERT INTO wf_audit_node(level, position, hash) VALUES (?, ?, ?)", row)
        level += _TILE
