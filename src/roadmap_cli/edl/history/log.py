"""The tree of revisions as lines: one for each edit, the newest first, with lanes that show what grew from what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from roadmap_cli.core.records import Record
from roadmap_cli.edl.history import revisions, walking
from roadmap_cli.edl.history.revisions import Revision

if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection


def records(tx: Connection, head: Revision) -> list[Record]:
    """The edl.edit records of a tree, the newest first.

    Each says whether it is the head (`is_head`) and whether it counts for the head (`is_in_force`).
    """
    counting = {each.plan_id for each in walking.in_force(walking.path(tx, head))} | {head.root_id}
    return [
        {
            **revisions.edit_of(tx, each),
            "is_head": each.plan_id == head.plan_id,
            "is_in_force": each.plan_id in counting,
        }
        for each in reversed(revisions.tree(tx, head.root_id))
    ]


def lanes(edits: Sequence[Record]) -> list[tuple[str, Record | None]]:
    """What stands before each edit of a tree, newest first; lines that only join lanes come without one."""
    waiting: list[str | None] = []
    lines: list[tuple[str, Record | None]] = []
    for edit in edits:
        mine = [place for place, name in enumerate(waiting) if name == edit["plan_id"]]
        if not mine:
            free = waiting.index(None) if None in waiting else len(waiting)
            waiting[free : free + 1] = [edit["plan_id"]]
            mine = [free]
        if len(mine) > 1:
            lines.append((_joined(waiting, mine), None))
            for place in mine[1:]:
                waiting[place] = None
        while waiting and waiting[-1] is None:
            waiting.pop()
        marks = ["│" if name is not None else " " for name in waiting]
        marks[mine[0]] = "●" if edit.get("is_head") else "○"
        lines.append((" ".join(marks), edit))
        waiting[mine[0]] = edit.get("parent_id")
        while waiting and waiting[-1] is None:
            waiting.pop()
    return lines


def _joined(waiting: Sequence[str | None], mine: Sequence[int]) -> str:
    """A line on which the lanes of brothers meet in the first of them."""
    text = ""
    for place, name in enumerate(waiting):
        inside = mine[0] < place < mine[-1]
        if place == mine[0]:
            mark = "├"
        elif place == mine[-1]:
            mark = "╯"
        elif place in mine:
            mark = "┴"
        else:
            mark = ("┼" if inside else "│") if name is not None else ("─" if inside else " ")
        text += mark + ("─" if mine[0] <= place < mine[-1] else " ")
    return text.rstrip()
