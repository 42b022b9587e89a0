"""The parts of a source that has many: files of a folder, items of a calendar on a server.

What has not changed since is not read again; what has gone takes along the events that only it held.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from roadmap_cli.life.kinds.items import Part

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

#: The source of files on this machine.
FILES = "file"


class Known(NamedTuple):
    """What is known of a part: what changes when it changes, and when it is stale all the same."""

    mark: str
    fresh_until: str


def of(tx: Connection, source: str, below: str = "") -> dict[str, Known]:
    """The parts of a source by name; only those whose name is `below` or begins with it and a slash."""
    if not below:
        found = tx.execute("SELECT name, mark, fresh_until FROM life_part WHERE source = ?", (source,))
    else:
        folder = below.rstrip("/")
        found = tx.execute(
            "SELECT name, mark, fresh_until FROM life_part WHERE source = ? AND (name = ? OR (name > ? AND name < ?))",
            (source, below, f"{folder}/", f"{folder}0"),  # "0" follows "/"
        )
    return {str(name): Known(str(mark), str(until)) for name, mark, until in found}


def put(tx: Connection, part: Part) -> int:
    """Remember a part, or that it has gone; the number of events, to-dos and contacts that are withdrawn with it."""
    had = {
        str(uid)
        for (uid,) in tx.execute(
            "SELECT uid FROM life_part_uid WHERE source = ? AND name = ?", (part.source, part.name)
        )
    }
    has = set() if part.mark is None else had if part.uids is None else set(part.uids)
    tx.executemany(
        "DELETE FROM life_part_uid WHERE source = ? AND name = ? AND uid = ?",
        [(part.source, part.name, uid) for uid in sorted(had - has)],
    )
    if part.mark is None:
        tx.execute("DELETE FROM life_part WHERE source = ? AND name = ?", (part.source, part.name))
    else:
        tx.execute(
            """INSERT INTO life_part (source, name, mark, fresh_until) VALUES (?, ?, ?, ?)
               ON CONFLICT (source, name) DO UPDATE SET mark = excluded.mark, fresh_until = excluded.fresh_until""",
            (part.source, part.name, part.mark, part.fresh_until),
        )
        tx.executemany(
            "INSERT INTO life_part_uid (source, name, uid) VALUES (?, ?, ?)",
            [(part.source, part.name, uid) for uid in sorted(has - had)],
        )
    return _withdraw(tx, sorted(had - has), part.ahead_of)


def _withdraw(tx: Connection, uids: Iterable[str], since: str) -> int:
    """Count no longer what no part holds any more, from `since` on."""
    count = 0
    for uid in uids:
        if tx.execute("SELECT 1 FROM life_part_uid WHERE uid = ? LIMIT 1", (uid,)).fetchone():
            continue
        for statement in _WITHDRAWALS[bool(since)]:
            count += tx.execute(statement, (uid, since) if since else (uid,)).rowcount
    return count


_ALL = tuple(
    f"UPDATE {table} SET is_current = 0 WHERE uid = ? AND is_current = 1"
    for table in ("life_event", "life_task", "life_contact")
)
#: By whether only what lies ahead is meant. A contact has no time and stays then; a to-do without a date goes.
_WITHDRAWALS = {
    False: _ALL,
    True: (
        f"{_ALL[0]} AND start_at >= ?",
        f"{_ALL[1]} AND (due_at >= ? OR due_at = '')",
    ),
}
