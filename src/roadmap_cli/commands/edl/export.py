"""edl-export: an edit as a project of another program."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import click

from roadmap_cli.cli import Run, command
from roadmap_cli.cli.options import looking_option
from roadmap_cli.cli.terminal import counted
from roadmap_cli.core.records import Record
from roadmap_cli.edl import gathering


@command(
    reads=(*gathering.KINDS, "edl.finding"),
    writes=("edl.export",),
    state="write",
    effects=("files", "programs"),
    streams=False,
    output="file",
    columns=("to", "frames", "size_bytes", "path"),
    examples={
        "Go on by hand in Shotcut": (
            "edl-scan examples/bikes.mp4 | edl-plan --intent 'make it cinematic' | edl-check "
            '| edl-export -o "$HOME/bikes.mlt"'
        ),
        "Get a script that renders it with ffmpeg": (
            "edl-scan examples/bikes.mp4 | edl-plan --intent 'make it cinematic' | edl-check "
            '| edl-export -o "$HOME/bikes.sh"'
        ),
    },
    see=("edl-import", "edl-render", "edl-check"),
)  # fmt: skip
@click.option(
    "--to",
    type=click.Choice(["shotcut", "kdenlive", "otio", "edl", "fcpxml", "ffmpeg", "chapters", "srt"]),
    help="The format; without it, by the file's suffix.",
)
@click.option("--prove", is_flag=True, help="Let melt play the project, and count its frames.")
@looking_option()
def main(run: Run, to: str | None, prove: bool, look_in: tuple[Path, ...]) -> Iterable[Record]:
    """Write an edit as a file for another program.

    The format goes by --to or by the file's suffix: a Shotcut project (.mlt), a Kdenlive project (.kdenlive),
    OpenTimelineIO (.otio), a CMX 3600 list (.edl), Final Cut Pro XML (.fcpxml), a shell script that renders it with one
    ffmpeg graph (.sh), chapters as ffmpeg metadata (.ffmetadata) or as a list for video sites (.txt), subtitles (.srt).
    Colour tables, masks and wipes that a project needs lie in a directory beside it, NAME-files.

    In Shotcut, each clip carries the reason of its cut as a comment, markers tell reasons and story beats, and the
    notes hold the plan.
    What is changed there comes back with edl-import.
    The plan is the edit worked on from now, which commands such as edl-feedback take up without input.

    A Kdenlive project is for Kdenlive 20.12 and later, with a guide at each cut.

    A source that is not where it was is looked for in the same folder and in those named with --look-in.
    What a format cannot hold is said in a warning and listed in the edl.export record: nothing is dropped in silence.
    With --prove, melt plays a Shotcut or Kdenlive project before it is done: every service must be known and every
    frame must come.

    All input is read first.
    """
    from roadmap_cli.core.errors import DataError, UsageError
    from roadmap_cli.edl import moved
    from roadmap_cli.edl.exchange import melting, timeline, writing
    from roadmap_cli.edl.history import bearings

    output = run.output_path
    name = writing.chosen(to, output)
    if prove and name not in {"shotcut", "kdenlive"}:
        raise UsageError(f"--prove is for Shotcut and Kdenlive projects, not {name}")
    melt = melting.find(run.environ.get("PATH")) if prove else None
    found = gathering.needed(run.records())
    sources, told = moved.again(found.sources, run.environ.get("PATH"), look_in)
    for line in told:
        run.warn(line)
    found = replace(found, sources=sources)
    edit = timeline.read(found)
    writing.admit(output, edit.sources)
    if prove:
        writing.refuse_missing(edit)
    if untaken := bearings.attend(run.existing_state, found, run.command, run.now()):
        run.detail(untaken)
    made = writing.make(name, edit, output, run.environ.get("PATH"))
    for path in writing.missing(edit):
        run.warn(f"{path} is missing: the other program will ask for it")
    for loss in made.losses.grouped():
        count = f" ({loss['count']} times)" if loss["count"] != 1 else ""
        run.warn(f"{loss['what']}{count}")
    record = writing.told(made, name, edit, output, run.now())
    if run.dry_run:
        yield record
        return
    writing.write(made, output)
    if melt:
        wrong = melting.faults(made.data, output.parent)
        if wrong:
            raise DataError(wrong[0], where=str(output), code="bad_project")
        proof = melting.prove(melt, output, edit.length)
        record |= {"proved_frames": proof.frames, "proved_by": proof.melt}
    counts = f"{counted(len(edit.clips), 'cut')}, {counted(edit.length, 'frame')}"
    run.note(f"{output}: {counts}" + (", all given by melt" if melt else ""))
    yield record
