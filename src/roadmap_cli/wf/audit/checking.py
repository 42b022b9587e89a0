"""Reading the whole log again: is each entry what its hash says, and the whole what a checkpoint vouches for?

The rule kept here: nothing kept beside the entries is believed. Leaves, nodes and roots are all computed anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import content_id
from roadmap_cli.wf.audit import tree
from roadmap_cli.wf.audit.log import folded
from roadmap_cli.wf.audit.notes import Checkpoint

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

_TILE = 256


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was written: a stable code, the entry it was seen at, and words."""

    code: str
    seq: int | None
    detail: str


def problems(
    tx: Connection, checkpoints: Sequence[Checkpoint], told: Callable[[int], None] = lambda count: None
) -> Iterator[Problem]:
    """All that is wrong with the log; nothing if it is sound. `told` is given how many entries were read so far."""
    size, tops = (
        0,
        {0: list[bytes](), 1: list[bytes](), 2: list[bytes]()},
    )  # roots of full subtrees of 256, 65,536 and 16,777,216 leaves
    expected = 0
    cursor = tx.execute("SELECT seq, CAST(at AS BLOB), body, leaf FROM wf_audit ORDER BY seq")
    while rows := cursor.fetchmany(_TILE):
        yield from _entries(rows, expected)
        expected = rows[-1][0] + 1
        size += len(rows)
        if len(rows) == _TILE:
            yield from _full(tx, tops, [row[3] for row in rows])
        told(len(rows))
    stray = tx.execute(
        "SELECT count(*) FROM wf_audit_node WHERE level NOT IN (8, 16, 24) OR (position + 1) << level > ?", (size,)
    ).fetchone()[0]
    if stray:
        yield Problem("stray_node", None, f"{stray} kept hashes belong to no entries: the log was shortened")
    for each in checkpoints:
        yield from _vouched(tx, each, size)


def _entries(rows: Sequence[tuple[int, bytes, bytes, bytes]], expected: int) -> Iterator[Problem]:
    """Whether entries follow each other and are what their hashes and columns say."""
    import orjson

    sha256 = hashlib.sha256
    for seq, at, body, leaf in rows:
        if seq != expected:
            last = seq - 1
            what = f"entry {last} is" if last == expected else f"entries {expected} to {last} are"
            yield Problem("gap", seq, f"{what} missing")
        expected = seq + 1
        if sha256(b"\0" + body).digest() != leaf:
            yield Problem("changed", seq, "the entry is not what its hash says")
        try:
            entry = orjson.loads(body)
            data = entry["data"]
            time, action, resource = entry["time"], data["action"], data["resource"]
            name = content_id("wf.audit", seq=seq, at=time, action=action, resource=resource)
            if time.encode() != at or entry["id"] != name:
                yield Problem("displaced", seq, "the entry stands at another place or time than it was written for")
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, DataError):
            yield Problem("unreadable", seq, "the entry cannot be read")


def _full(tx: Connection, tops: dict[int, list[bytes]], leaves: list[bytes]) -> Iterator[Problem]:
    """Compare the kept roots of the subtrees that become full with 256 more leaves with computed ones."""
    hashes = leaves
    for height in sorted(tops):
        found = folded(list(hashes))
        position = len(tops[height])
        level = 8 * (height + 1)
        row = tx.execute(
            "SELECT hash FROM wf_audit_node WHERE level = ? AND position = ?", (level, position)
        ).fetchone()
        if row is None or row[0] != found:
            yield Problem(
                "node", position << level, f"the kept hash over {1 << level} entries is not that of the entries"
            )
        tops[height].append(found)
        if len(tops[height]) % _TILE:
            return
        hashes = tops[height][-_TILE:]


def _vouched(tx: Connection, checkpoint: Checkpoint, size: int) -> Iterator[Problem]:
    if checkpoint.size > size:
        what = f"a checkpoint vouches for {checkpoint.size} entries, and there are {size}: the log was shortened"
        yield Problem("shortened", None, what)
        return
    try:
        is_same = tree.root(tx, checkpoint.size) == checkpoint.root
    except DataError as error:
        yield Problem(error.code, None, error.message)
        return
    if not is_same:
        what = f"the first {checkpoint.size} entries are not those that {checkpoint.origin!r} signed"
        yield Problem("rewritten", None, what)
