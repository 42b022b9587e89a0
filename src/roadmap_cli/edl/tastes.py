"""What a person likes, learned for each axis and direction from changes that were kept, never from those undone.

A taste is how far a plain wish should go, in steps. It moves a plain wish at most half of the way towards itself, and
only once three changes were kept. All functions work inside a transaction of the caller.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from roadmap_cli.core.records import Record, content_id

if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

#: A taste counts from so many kept changes on, and then by this share.
LEAST_COUNT, SHARE = 3, 0.5
#: The weight of the newest kept change in the mean.
_NEW = 0.3
#: The least and the most steps a taste may be.
LEAST, MOST = 0.25, 2.5


def strength(tx: Connection, axis: str, sign: int, plain: float) -> tuple[float, str]:
    """How far a plain wish goes, and in words why, if a taste moves it."""
    row = tx.execute("SELECT strength, count FROM edl_taste WHERE axis = ? AND sign = ?", (axis, sign)).fetchone()
    if row is None or row[1] < LEAST_COUNT:
        return plain, ""
    moved = round(plain + (row[0] - plain) * SHARE, 3)
    return moved, f"{moved:g} steps instead of {plain:g}, as {row[1]} kept changes were {row[0]:.2g} steps"


def note(tx: Connection, change: Record) -> None:
    """Remember an edl.feedback record that changed a plan; what becomes of it is open."""
    tx.execute(
        "INSERT OR IGNORE INTO edl_change (id, plan_id, from_plan_id, axis, sign, strength, at) VALUES (?,?,?,?,?,?,?)",
        tuple(change[name] for name in ("id", "plan_id", "from_plan_id", "axis", "sign", "strength", "at")),
    )


def undo(tx: Connection, plan_id: str) -> str | None:
    """Mark the changes that made a plan as undone; the plan before it, or None if no feedback made this one."""
    row = tx.execute("SELECT from_plan_id FROM edl_change WHERE plan_id = ?", (plan_id,)).fetchone()
    if row is None:
        return None
    tx.execute("UPDATE edl_change SET outcome = 'undone' WHERE plan_id = ? AND outcome = 'open'", (plan_id,))
    return str(row[0])


def keep(tx: Connection, plan_id: str, at: str) -> list[Record]:
    """Mark the open changes that led to a plan as kept, and learn from them; the tastes that moved.

    Changes along one axis in one line of plans are one lesson: "brighter", and "brighter" again, is two steps.
    """
    steps: defaultdict[str, float] = defaultdict(float)
    seen: set[str] = set()
    name: str | None = plan_id
    while name and name not in seen:
        seen.add(name)
        rows = tx.execute(
            "SELECT axis, sign, strength, from_plan_id, outcome, id FROM edl_change WHERE plan_id = ?", (name,)
        ).fetchall()
        for axis, sign, value, _, outcome, change in rows:
            if outcome == "open":
                steps[axis] += sign * value
                tx.execute("UPDATE edl_change SET outcome = 'kept' WHERE id = ?", (change,))
        name = rows[0][3] if rows else None
    moved = []
    for axis, value in sorted(steps.items()):
        if abs(value) >= LEAST / 2:
            moved.append(_learn(tx, axis, 1 if value > 0 else -1, min(max(abs(value), LEAST), MOST), at))
    return moved


def put(tx: Connection, axis: str, sign: int, steps: float, at: str) -> Record:
    """Set a taste as a person says it: it counts at once."""
    tx.execute(
        "INSERT OR REPLACE INTO edl_taste (axis, sign, strength, count, at) VALUES (?, ?, ?, ?, ?)",
        (axis, sign, steps, LEAST_COUNT, at),
    )
    return _record(axis, sign, steps, LEAST_COUNT, at)


def remove(tx: Connection, axis: str) -> list[Record]:
    """Forget the tastes of an axis; those there were."""
    gone = [record for record in every(tx) if record["axis"] == axis]
    tx.execute("DELETE FROM edl_taste WHERE axis = ?", (axis,))
    return gone


def every(tx: Connection) -> list[Record]:
    """All tastes, by axis."""
    rows = tx.execute("SELECT axis, sign, strength, count, at FROM edl_taste ORDER BY axis, sign").fetchall()
    return [_record(*row) for row in rows]


def _learn(tx: Connection, axis: str, sign: int, value: float, at: str) -> Record:
    row = tx.execute("SELECT strength, count FROM edl_taste WHERE axis = ? AND sign = ?", (axis, sign)).fetchone()
    mean, count = (row[0] + (value - row[0]) * max(_NEW, 1 / (row[1] + 1)), row[1] + 1) if row else (value, 1)
    tx.execute(
        "INSERT OR REPLACE INTO edl_taste (axis, sign, strength, count, at) VALUES (?, ?, ?, ?, ?)",
        (axis, sign, mean, count, at),
    )
    return _record(axis, sign, mean, count, at)


def _record(axis: str, sign: int, steps: float, count: int, at: str) -> Record:
    return {
        "kind": "edl.taste",
        "id": content_id("edl.taste", axis=axis, sign=sign, strength=round(steps, 6), count=count),
        "at": at,
        "axis": axis,
        "sign": sign,
        "strength": round(steps, 3),
        "kept_count": count,
        "counts": count >= LEAST_COUNT,
    }
