"""What a person likes, learned for each axis from changes that were kept, never from those undone or refused.

A change is kept when a later edit or render was made on top of it and the edit now stands on it. Changes along one
axis in one line of revisions are one lesson: "brighter" and then "a bit darker" are half a step. A taste is how far a
plain wish should go, an exponentially weighted mean; it moves a plain wish half of the way towards itself once three
changes were kept. All functions work inside a transaction of the caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from roadmap_cli.core.records import Record, content_id

if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

#: A taste counts from so many kept changes on, and then by this share.
LEAST_COUNT, SHARE = 3, 0.5
#: The weight of the newest kept change in the mean.
NEW = 0.3
#: The least and the most steps a taste may be.
LEAST, MOST = 0.25, 2.5


def strength(tx: Connection, who: str, axis: str, sign: int, plain: float) -> tuple[float, str]:
    """How far a plain wish goes, and in words why, if a taste moves it."""
    row = tx.execute(
        "SELECT steps, count, said FROM edl_taste WHERE who = ? AND axis = ? AND sign = ?", (who, axis, sign)
    ).fetchone()
    if row is None or (row[1] < LEAST_COUNT and not row[2]):
        return plain, ""
    moved = round(plain + (row[0] - plain) * SHARE, 3)
    if moved == plain:
        return plain, ""
    source = "as you set" if row[2] else f"as {row[1]} kept changes were {row[0]:.2g} steps"
    return moved, f"{moved:g} steps instead of {plain:g}, {source}"


def note(tx: Connection, who: str, told: Record, root_id: str) -> None:
    """Remember an edl.feedback record that changed a plan; what becomes of it is read from the history."""
    tx.execute(
        "INSERT OR IGNORE INTO edl_wish (feedback_id, who, root_id, plan_id, axis, steps, at) VALUES (?,?,?,?,?,?,?)",
        (told["id"], who, root_id, told["plan_id"], told["axis"], told["sign"] * told["strength"], told["at"]),
    )


def learn(tx: Connection, who: str, at: str) -> None:
    """Work out the learned tastes anew from all wishes whose changes stand."""
    roots = [row[0] for row in tx.execute("SELECT DISTINCT root_id FROM edl_wish WHERE who = ?", (who,)).fetchall()]
    lessons: list[tuple[str, str, float]] = []
    for root in roots:
        lessons += _lessons(tx, who, root)
    found: dict[tuple[str, int], tuple[float, int, str]] = {}
    for when, axis, steps in sorted(lessons):
        if abs(steps) < LEAST / 2:
            continue
        key = axis, 1 if steps > 0 else -1
        value = min(max(abs(steps), LEAST), MOST)
        mean, count, _ = found.get(key, (value, 0, when))
        found[key] = (mean + (value - mean) * max(NEW, 1 / (count + 1)), count + 1, when)
    tx.execute("DELETE FROM edl_taste WHERE who = ? AND said = 0", (who,))
    for (axis, sign), (mean, count, when) in found.items():
        tx.execute(
            "INSERT OR IGNORE INTO edl_taste (who, axis, sign, steps, count, said, at) VALUES (?, ?, ?, ?, ?, 0, ?)",
            (who, axis, sign, round(mean, 4), count, when),
        )


def _lessons(tx: Connection, who: str, root: str) -> list[tuple[str, str, float]]:
    """Time, axis and steps of what was kept in one edit: the sum of the wishes that stand along each axis."""
    line, used = _line(tx, root)
    sums: dict[str, tuple[str, float]] = {}
    for plan_id, axis, steps, at in tx.execute(
        "SELECT plan_id, axis, steps, at FROM edl_wish WHERE who = ? AND root_id = ? ORDER BY at, feedback_id",
        (who, root),
    ).fetchall():
        if plan_id in line and plan_id in used:
            sums[axis] = (at, sums.get(axis, ("", 0.0))[1] + steps)
    return [(at, axis, steps) for axis, (at, steps) in sums.items()]


def _line(tx: Connection, root: str) -> tuple[set[str], set[str]]:
    """The revisions an edit stands on, without those taken back; and those on top of which something was made."""
    from roadmap_cli.core.errors import DataError
    from roadmap_cli.edl.history import revisions

    try:
        tree = {each.plan_id: each for each in revisions.tree(tx, root)}
        name: str | None = revisions.current(tx, root).plan_id
    except DataError:
        return set(), set()
    line: list[str] = []
    undone: set[str] = set()
    while name and name in tree and name not in line:
        line.append(name)
        undone |= set(tree[name].undoes)
        name = tree[name].parent_id
    used = set(line[1:])
    for plan_id in line[:1]:
        rendered = tx.execute(
            "SELECT 1 FROM record WHERE kind = 'edl.render' AND body ->> 'plan_id' = ? LIMIT 1", (plan_id,)
        ).fetchone()
        used |= {plan_id} if rendered else set()
    # A revision that only takes another back is nothing made on top of it.
    while line and tree[line[0]].undoes:
        used.discard(str(tree[line[0]].parent_id))
        line = line[1:]
    return set(line) - undone, used


def put(tx: Connection, who: str, axis: str, sign: int, steps: float, at: str) -> Record:
    """Set a taste as a person says it: it counts at once."""
    tx.execute(
        "INSERT OR REPLACE INTO edl_taste (who, axis, sign, steps, count, said, at) VALUES (?, ?, ?, ?, 0, 1, ?)",
        (who, axis, sign, steps, at),
    )
    return _record(who, axis, sign, steps, 0, 1, at)


def forget(tx: Connection, who: str, axis: str) -> list[Record]:
    """Forget the tastes of an axis and what they were learned from; those there were."""
    gone = [record for record in every(tx, who) if record["axis"] == axis]
    tx.execute("DELETE FROM edl_taste WHERE who = ? AND axis = ?", (who, axis))
    tx.execute("DELETE FROM edl_wish WHERE who = ? AND axis = ?", (who, axis))
    return gone


def every(tx: Connection, who: str) -> list[Record]:
    """All tastes of a person, by axis."""
    rows = tx.execute(
        "SELECT who, axis, sign, steps, count, said, at FROM edl_taste WHERE who = ? ORDER BY axis, sign", (who,)
    ).fetchall()
    return [_record(*row) for row in rows]


def person(environ: Mapping[str, str]) -> str:
    """Whose tastes are meant: the name of the login, or "user"."""
    return environ.get("LOGNAME") or environ.get("USER") or "user"


def _record(who: str, axis: str, sign: int, steps: float, count: int, said: int, at: str) -> Record:
    from roadmap_cli.edl.feedback.axes import AXES

    return {
        "kind": "edl.taste",
        "id": content_id("edl.taste", who=who, axis=axis, sign=sign, steps=f"{steps:.4f}", count=count, said=said),
        "at": at,
        "who": who,
        "axis": axis,
        "direction": "more" if sign > 0 else "less",
        "wish": AXES[axis][0 if sign > 0 else 1] if axis in AXES else axis,
        "steps": round(steps, 3),
        "kept_count": count,
        "learned": not said,
        "counts": bool(said) or count >= LEAST_COUNT,
    }
