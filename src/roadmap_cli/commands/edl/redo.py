"""edl-redo: go on to an edit that was undone, or to any revision."""

from __future__ import annotations

from collections.abc import Iterable

import click

from roadmap_cli.cli import Run, command
from roadmap_cli.core.errors import Negative
from roadmap_cli.core.records import Record


@command(
    reads="*",
    writes=("edl.source", "edl.plan", "edl.cut", "edl.title", "edl.cue"),
    state="write",
    streams=False,
    columns=("kind", "at", "position", "source", "in_frame", "out_frame", "timeline_in_frame", "id"),
    examples={
        "Go on again after edl-undo": "edl-redo | edl-check | jq -r 'select(.kind == \"edl.plan\").checked'",
    },
    see=("edl-undo", "edl-log", "edl-check"),
)
@click.option("--to", metavar="ID", help="Go to this revision, on any branch: the id of an edit, plan or decision.")
def main(run: Run, to: str | None) -> Iterable[Record]:
    """Go on to an edit that was undone, or to any revision.

    Where several edits were made on one revision, the branch is taken on which you were last; --to takes another.
    edl-log shows them all.

    The whole stream of the revision is written: sources, plan, cuts, titles and cues.
    It starts from the plan on standard input, or without one from the edit last worked on.

    The exit code is 1 if there is nothing to redo.
    """
    from roadmap_cli.edl.history import revisions, walking
    from roadmap_cli.edl.history.bearings import Bearings

    here = Bearings()
    if not run.is_typed:
        yield from here.sift(run.records())
    with run.state.write() as tx:
        base = here.settle(tx, run.command, run.now())
        if here.told:
            run.note(here.told)
        if base is None:
            if run.is_typed:
                raise Negative("no edit in the history yet", hint="edl-plan makes one")
            run.detail("no edit in the history yet")
            return
        found = walking.redo(tx, base, to, run.command, run.now())
        redone = revisions.edit_of(tx, found)
        records = here.stream(revisions.whole(tx, found))
    yield from records
    run.note(f"now at: {redone['what']}, of {redone['at']}")
