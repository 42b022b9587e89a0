"""edl-preview: a quick look at an edit, or at what has changed in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from roadmap_cli.cli import Run, command, encoding_options
from roadmap_cli.core.records import Record
from roadmap_cli.edl import gathering


def _picture(records: Sequence[Record], console: Any) -> None:
    """For people: the contact sheet as a picture where the terminal can show one, then a line about the file."""
    import os

    from rich.text import Text

    from roadmap_cli.cli import terminal_pictures
    from roadmap_cli.cli.terminal import visible
    from roadmap_cli.core.errors import RoadmapError
    from roadmap_cli.edl import programs
    from roadmap_cli.edl.rendering import filmstrip

    for record in records:
        if record["kind"] == "edl.sheet" and not record.get("dry_run"):
            try:
                descriptor = console.file.fileno()
                way = terminal_pictures.protocol(os.environ, descriptor)
                found, path = programs.find(os.environ.get("PATH")), Path(record["path"])
                if way in ("kitty", "sixel"):
                    wide, _ = terminal_pictures.size(descriptor, console.width)
                    drawn = getattr(terminal_pictures, way)(filmstrip.pixels(found, path, max(2, wide)))
                elif way == "blocks":
                    drawn = terminal_pictures.blocks(filmstrip.pixels(found, path, console.width), console.color_system)
                else:
                    drawn = ""
            except (OSError, RoadmapError):
                drawn = ""
            console.file.write(drawn)
            console.print(Text(visible(f"pictures: {record['path']}")), soft_wrap=True)
        elif record["kind"] == "edl.render":
            spans = record.get("spans")
            what = f"{len(spans)} spans of the edit" if spans else "the whole edit"
            words = f"{record['path']}: {what}, {record['frames']} frames, {record['frames_encoded']} of them encoded"
            console.print(Text(visible(words)), soft_wrap=True)


@command(
    reads=(*gathering.KINDS, "edl.finding"),
    writes=("edl.segment", "edl.render", "edl.sheet"),
    state="write",
    effects=("files", "programs"),
    streams=False,
    output="file",
    columns=("kind", "position", "part", "cached", "frames", "elapsed_ms", "path"),
    examples={
        "Look at an edit before it is rendered": (
            "edl-scan examples/bikes.mp4 | edl-plan --intent 'make it cinematic' | edl-check "
            '| edl-preview -o "$HOME/small.mp4"'
        ),
        "Look at two seconds around a time": (
            "edl-scan examples/bikes.mp4 | edl-plan --intent 'make it cinematic' | edl-check "
            '| edl-preview --at 0:00:05 -o "$HOME/small.mp4"'
        ),
    },
    see=("edl-render", "edl-check"),
    picture=_picture,
)
@click.option("--at", "times", multiple=True, metavar="TIME", help="Only around this time: 75.5, 1:15.5 or 1887f.")
@click.option("--changed", is_flag=True, help="Only what was not in the version shown before.")
@click.option(
    "--width", type=click.IntRange(32, 8192), default=480, show_default=True, help="Width of the pictures in pixels."
)
@click.option(
    "--sheet",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the contact sheet here, as PNG.",
)
@encoding_options()
def main(
    run: Run,
    times: tuple[str, ...],
    changed: bool,
    width: int,
    sheet: Path | None,
    cache: Path | None,
    look_in: tuple[Path, ...],
    jobs: int | None,
) -> Iterable[Record]:
    """Look at an edit, small and quick.

    The file has the frames of the full render one for one, at a smaller size and encoded as fast as can be; pieces are
    kept in the same cache.
    With --at or --changed it holds only those spans; what has changed is told from the version that was rendered or
    previewed before.
    If nothing has changed, the exit code is 1.
    The plan is the edit worked on from now, which commands such as edl-feedback take up without input.

    One edl.segment record comes for each piece, one edl.render record for the file, and one edl.sheet record for a PNG
    with a picture of each piece and its time.
    On a terminal the sheet is shown: by the kitty or sixel protocol where the terminal can, else in blocks of colour.

    All input is read first.
    """
    from roadmap_cli.core import paths
    from roadmap_cli.edl import programs
    from roadmap_cli.edl.history import bearings
    from roadmap_cli.edl.rendering import edits, persons, preview, render

    edit = edits.gather(run.records())
    edits.admit(edit)  # what is refused is not worked on
    if untaken := bearings.attend(run.existing_state, edit, run.command, run.now()):
        run.detail(untaken)
    found = programs.find(run.environ.get("PATH"))
    where = cache or paths.cache_directory(run.environ) / "edl"
    settings = render.Settings(
        preview_width=width, look_in=look_in, jobs=jobs or render.cores(), mask=persons.masks(run.environ)
    )
    given = (found, edit, run.output_path, where, settings, run.now())
    if run.dry_run:
        yield from render.rehearse(*given)
        return
    yield from preview.preview(*given, run.progress, times=times, changed=changed, sheet=sheet, warn=run.warn)
