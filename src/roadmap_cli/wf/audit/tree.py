"""The Merkle tree over the audit log: its root at any size, and proofs that need nothing but hashes to be checked.

RFC 6962, 2.1 (the tree), and RFC 9162, 2.1.3 and 2.1.4 (making and checking proofs). The functions that check know
nothing of the state: an auditor uses them with a checkpoint and a proof only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from roadmap_cli.core.errors import DataError
from roadmap_cli.wf.audit.log import folded, node_hash

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

EMPTY = hashlib.sha256(b"").digest()
_TILE = 8


def size(tx: Connection) -> int:
    """The number of entries in the log."""
    return int(tx.execute("SELECT coalesce(max(seq), -1) + 1 FROM wf_audit").fetchone()[0])


def root(tx: Connection, end: int) -> bytes:
    """The root over the first `end` entries. Raises DataError if the log is shorter, or damaged."""
    return _range(tx, 0, end) if end else EMPTY


def inclusion(tx: Connection, seq: int, end: int) -> list[bytes]:
    """The hashes that lead from entry `seq` to the root over the first `end` entries, from the leaf upwards."""
    if not 0 <= seq < end:
        raise DataError(f"entry {seq} is not among the first {end}", code="no_entry")
    start, path = 0, []
    while end - start > 1:
        split = start + _split(end - start)
        if seq < split:
            path.append(_range(tx, split, end))
            end = split
        else:
            path.append(_range(tx, start, split))
            start = split
    return path[::-1]


def consistency(tx: Connection, old: int, new: int) -> list[bytes]:
    """The hashes which show that the first `old` entries are the same in a log of `new` (RFC 6962, 2.1.2)."""
    if not 0 < old <= new:
        raise DataError(f"there is no proof from {old} to {new} entries", code="bad_size")
    return _subproof(tx, old, 0, new, True)


def _subproof(tx: Connection, old: int, start: int, end: int, is_whole: bool) -> list[bytes]:
    if old == end - start:
        return [] if is_whole else [_range(tx, start, end)]
    split = _split(end - start)
    if old <= split:
        return [*_subproof(tx, old, start, start + split, is_whole), _range(tx, start + split, end)]
    return [*_subproof(tx, old - split, start + split, end, False), _range(tx, start, start + split)]


def _split(count: int) -> int:
    """The largest power of two below a number of leaves, which is at least 2."""
    return 1 << (count - 1).bit_length() - 1


def _range(tx: Connection, start: int, end: int) -> bytes:
    """The root over some leaves that are a subtree, or the right end of the tree: from kept nodes, and few leaves."""
    count = end - start
    if count & (count - 1):
        split = _split(count)
        return node_hash(_range(tx, start, start + split), _range(tx, start + split, end))
    level = count.bit_length() - 1
    below = level - level % _TILE
    if below == 0:
        rows = tx.execute("SELECT leaf FROM wf_audit WHERE seq >= ? AND seq < ? ORDER BY seq", (start, end)).fetchall()
        wanted = count
    else:
        sql = "SELECT hash FROM wf_audit_node WHERE level = ? AND position >= ? AND position < ? ORDER BY position"
        rows = tx.execute(sql, (below, start >> below, end >> below)).fetchall()
        wanted = count >> below
    if len(rows) != wanted:
        raise DataError(f"the audit log lacks hashes between entries {start} and {end}", code="log_damaged")
    return folded([each for (each,) in rows])


def proves_inclusion(leaf: bytes, seq: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether a path leads from a leaf at `seq` to the root over `size` entries (RFC 9162, 2.1.3.2)."""
    if not 0 <= seq < size:
        return False
    place, last, found = seq, size - 1, leaf
    for each in path:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = node_hash(each, found)
            while place & 1 == 0 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, each)
        place, last = place >> 1, last >> 1
    return last == 0 and found == root


def proves_consistency(old: int, new: int, path: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Whether a log of `new` entries begins with those of one of `old` (RFC 9162, 2.1.4.2)."""
    if old == new:
        return not path and old_root == new_root
    if not 0 < old < new or not path:
        return False
    hashes = list(path)
    if old & (old - 1) == 0:
        hashes.insert(0, old_root)
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    first = second = hashes[0]
    for each in hashes[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            first, second = node_hash(each, first), node_hash(each, second)
            while place & 1 == 0 and place:
                place, last = place >> 1, last >> 1
        else:
            second = node_hash(second, each)
        place, last = place >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root
