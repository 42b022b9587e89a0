"""edl-undo: take back the last edit, or one old edit alone."""

from __future__ import annotations

from collections.abc import Iterable

import click

from roadmap_cli.cli import Run, command
from roadmap_cli.core.errors import Negative
from roadmap_cli.core.records import Record


@command(
    reads="*",
    writes=("edl.source", "edl.plan", "edl.cut", "edl.title", "edl.cue", "edl.edit", "edl.conflict"),
    state="write",
    streams=False,
    columns=("kind", "at", "what", "why", "position", "source", "in_frame", "out_frame", "timeline_in_frame", "id"),
    examples={
        "Take back the last edit and render what was before": (
            'edl-undo | edl-check | edl-render --preset ultrafast -o "$HOME/out.mp4" '
            "| jq -r .frames_encoded | tail -n 1"
        ),
        "List what can be undone": "edl-undo --list | jq -r .what",
    },
    see=("edl-redo", "edl-log", "edl-why", "edl-check", "edl-render"),
)
@click.argument("edit", required=False, metavar="[EDIT]")
@click.option("--list", "wants_list", is_flag=True, help="List the edits that count, the last one first; undo nothing.")
@click.option("--with-dependants", is_flag=True, help="Undo the later edits that changed the same, too.")
def main(run: Run, edit: str | None, wants_list: bool, with_dependants: bool) -> Iterable[Record]:
    """Take back the last edit, or one old edit alone.

    Without EDIT it goes back to the revision before the last edit; edl-redo goes on again.
    EDIT is the id of an edit, of its plan or of its decision: it alone is taken back, in a new revision, and what was
    done since stays.
    If a later edit changed the same field of the same cut, title or cue, both are named, as edl.conflict records too,
    and nothing is changed, unless --with-dependants undoes them all.
    That cuts lie elsewhere because others came, went or changed length is no conflict; it is worked out anew.

    The whole stream of the revision is written: sources, plan, cuts, titles and cues.
    What edl-render encoded for it before is still in its cache, so that nothing is encoded again.
    It starts from the plan on standard input, or without one from the edit last worked on.

    The exit code is 1 if there is nothing to undo or edits stand in each other's way.
    """
    from roadmap_cli.edl.history import revisions, walking
    from roadmap_cli.edl.history.bearings import Bearings

    here = Bearings()
    if not run.is_typed:
        yield from here.sift(run.records())
    clash: walking.Conflicts | None = None
    with run.state.write() as tx:
        base = here.settle(tx, run.command, run.now())
        if here.told:
            run.note(here.told)
        if base is None:
            if run.is_typed:
                raise Negative("no edit in the history yet", hint="edl-plan makes one")
            run.detail("no edit in the history yet")
            return
        if wants_list:
            records = walking.undoable(tx, base)
        else:
            try:
                if edit is None:
                    found = walking.undo(tx, base, run.command, run.now())
                else:
                    given = (base, edit, run.command, run.now())
                    found = walking.undo_one(tx, *given, with_dependants=with_dependants)
                undone = revisions.edit_of(tx, base if edit is None else revisions.find(tx, edit, base.root_id) or base)
                records = here.stream(revisions.whole(tx, found))
            except walking.Conflicts as found_conflicts:
                clash = found_conflicts
    if clash is not None:
        yield from (each.record(run.stamp()) for each in clash.found)
        raise clash
    yield from records
    if not wants_list:
        run.note(f"undone: {undone['what']}, of {undone['at']}")
