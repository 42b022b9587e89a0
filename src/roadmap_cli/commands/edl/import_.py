"""edl-import: what a person changed in another program, as a revision of the plan."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from roadmap_cli.cli import Run, command
from roadmap_cli.core.records import Record


@command(
    writes=("edl.source", "edl.plan", "edl.cut", "edl.title", "edl.cue", "edl.import"),
    state="write",
    columns=("kind", "position", "source", "in_frame", "out_frame", "timeline_in_frame", "change_count", "path"),
    examples={
        "Go on from what was changed in Shotcut": (
            'edl-import "$HOME/bikes.mlt" | edl-check | edl-preview -o "$HOME/bikes.mp4"'
        ),
    },
    see=("edl-export", "edl-check", "edl-render"),
)
@click.argument("project", type=click.Path(path_type=Path), metavar="FILE")
@click.option(
    "--plan",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Take the plan and sources from a file of records, not the stored ones.",
)
def main(run: Run, project: Path, plan: Path | None) -> Iterable[Record]:
    """Take changes made in Shotcut back into the plan.

    FILE is a Shotcut project (.mlt) or an OpenTimelineIO timeline (.otio), as a rule one that edl-export wrote and a
    person changed.
    What it shows is held against what the export of its plan shows: clips moved, trimmed, deleted, split or added,
    transitions, fades, titles, music, comments, and the filters a cut has words for.
    What differs becomes a revision of the plan, with each change and the reason 'changed by hand in FILE', so that
    edl-render, edl-feedback and edl-undo go on from there.
    If nothing differs, the plan comes out as it was.

    The plan is the stored one that the file names, or the one given with --plan.
    A project that names no plan becomes a new one.
    Clips of files that have not been scanned are named: scan them, then import again.
    Filters without a word here are kept for the next export and said.
    """
    from roadmap_cli.edl.exchange import importing

    given = importing.records_of(plan) if plan else []
    outcome = importing.take(run.state, project, given, run.command, run.now())
    for words in [*outcome.revision.problems, *outcome.revision.opaque]:
        run.warn(words)
    count = len(outcome.revision.changes)
    run.note(f"{project}: {count} changes" if count != 1 else f"{project}: 1 change")
    yield from outcome.revision.sources
    yield outcome.revision.plan
    yield from outcome.revision.things
    yield outcome.record
