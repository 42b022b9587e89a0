"""edl-log: show the history of an edit as a tree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from roadmap_cli.cli import Run, command
from roadmap_cli.cli.terminal import visible
from roadmap_cli.core.errors import Negative
from roadmap_cli.core.records import Record


def _picture(records: Sequence[Record], console: Any) -> None:
    """Lanes of branches, the newest edit on top: what, when and why, the head marked."""
    import textwrap

    from rich.text import Text

    from roadmap_cli.edl.history import log

    edits = [record for record in records if record.get("kind") == "edl.edit"]
    lines = log.lanes(edits)
    wide = max((len(lane) for lane, _ in lines), default=0)
    for place, (lane, edit) in enumerate(lines):
        if edit is None:
            console.print(Text(lane, style="dim"))
            continue
        line = Text(f"{lane:<{wide}}  ", style="dim")
        line.append(visible(str(edit["what"])), style="bold" if edit.get("is_head") else "not dim")
        if edit.get("is_head"):
            line.append("  (here)", style="bold green")
        elif not edit.get("is_in_force"):
            line.append("  (not in force)", style="dim")
        console.print(line)
        upright = "".join("│" if sign in "│○●" else " " for sign in lane)
        after = upright if place + 1 < len(lines) and "parent_id" in edit else upright.replace("│", " ", 1)
        room = max(20, console.width - wide - 4)
        for text, style in ((str(edit["why"]), "not dim"), (f"{edit['at']}  {edit['id']}", "dim")):
            for piece in textwrap.wrap(visible(text), room) or [""]:
                below = Text(f"{after:<{wide}}    ", style="dim")
                below.append(piece, style=style)
                console.print(below)


@command(
    reads="*",
    writes="edl.edit",
    state="read",
    streams=False,
    columns=("at", "is_head", "is_in_force", "what", "why", "id"),
    examples={"What was done to the edit, the last thing first": "edl-log | jq -r .what"},
    see=("edl-undo", "edl-redo", "edl-why", "roadmap-why"),
    picture=_picture,
)
def main(run: Run) -> Iterable[Record]:
    """Show the history of an edit as a tree.

    One edl.edit record comes for each revision, the newest first: what was done, why, on what evidence, and which
    fields it changed.
    'is_head' marks the revision that is current, 'is_in_force' those whose change counts in it.
    On a terminal the branches are drawn beside one another.
    It is the history of the plan on standard input, or without one of the edit last worked on.
    """
    from roadmap_cli.edl.history import log
    from roadmap_cli.edl.history.bearings import Bearings

    here = Bearings()
    if not run.is_typed:
        yield from here.sift(run.records())
    with run.state.read() as tx:
        found = here.look(tx)
        records = log.records(tx, found[0]) if found else []
    if here.told:
        run.note(here.told)
    if not found:
        if run.is_typed:
            raise Negative("no edit in the history yet", hint="edl-plan makes one")
        run.detail("no edit in the history yet")
    yield from records
