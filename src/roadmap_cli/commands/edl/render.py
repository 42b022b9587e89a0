"""edl-render: a checked plan becomes a playable file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from roadmap_cli.cli import Run, command, encoding_options
from roadmap_cli.core.records import Record
from roadmap_cli.edl import gathering


@command(
    reads=(*gathering.KINDS, "edl.finding"),
    writes=("edl.segment", "edl.render"),
    state="write",
    effects=("files", "programs"),
    streams=False,
    output="file",
    columns=("kind", "position", "cached", "frames", "size_bytes", "elapsed_ms", "path"),
    examples={
        "From a clip to an edit": (
            "edl-scan examples/bikes.mp4 | edl-plan --intent 'make it cinematic' | edl-check "
            '| edl-render -o "$HOME/out.mp4"'
        ),
        "See what a render would encode": (
            "edl-scan examples/bikes.mp4 | edl-plan --intent 'make it cinematic' | edl-check "
            '| edl-render --dry-run -o "$HOME/out.mp4"'
        ),
    },
    see=("edl-check", "edl-plan"),
)
@click.option(
    "--preset",
    type=click.Choice(["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow"]),
    default="veryfast",
    show_default=True,
    help="How much time the encoder takes for a smaller file.",
)
@click.option(
    "--quality",
    type=click.IntRange(0, 40),
    default=18,
    show_default=True,
    help="Constant quality of H.264: smaller is better, 0 loses nothing.",
)
@encoding_options()
def main(
    run: Run, preset: str, quality: int, cache: Path | None, look_in: tuple[Path, ...], jobs: int | None
) -> Iterable[Record]:
    """Render a checked plan to a video file.

    The file is MP4 or MOV by its suffix: H.264 and AAC.
    Cuts, transitions and fades are encoded as pieces of their own, several at a time, and kept in a cache under the
    hash of all that decides their pixels, so that the next render encodes only what has changed; the pieces are joined
    without encoding again.
    A long cut is split where its source frames are multiples of a fixed step: trimming one end leaves the other.
    The sound is one programme brought to the plan's loudness, with no click at a joint and no drift; it too is kept in
    sections of some seconds, so that only those in which something else is heard are encoded again.

    One edl.segment record comes for each piece as soon as it is in the cache, and one edl.render record when the file
    has been proved: the number of frames, the time of each, how far sound and picture are apart at the joints, loudness
    and true peak of the encoded sound.
    The file appears complete or not at all; a render that was killed goes on where it stopped.
    Nothing is joined again if the file is there already, made of the same pieces and untouched since.
    The plan is the edit worked on from now, which commands such as edl-feedback take up without input.

    A source of high dynamic range (PQ or HLG) is mapped to standard, just as edl-scan measured it: white at 203 nits,
    what is brighter rolled off, the colours of BT.709.

    A source that is not where it was is looked for in the same folder by its content.

    All input is read first.
    """
    from roadmap_cli.core import paths
    from roadmap_cli.edl import programs
    from roadmap_cli.edl.history import bearings
    from roadmap_cli.edl.rendering import edits, persons, render

    edit = edits.gather(run.records())
    edits.admit(edit)  # what is refused is not worked on
    if untaken := bearings.attend(run.existing_state, edit, run.command, run.now()):
        run.detail(untaken)
    found = programs.find(run.environ.get("PATH"))
    where = cache or paths.cache_directory(run.environ) / "edl"
    settings = render.Settings(
        preset=preset, quality=quality, look_in=look_in, jobs=jobs or render.cores(), mask=persons.masks(run.environ)
    )
    given = (found, edit, run.output_path, where, settings, run.now())
    if run.dry_run:
        yield from render.rehearse(*given)
        return
    for record in render.render(*given, run.progress, run.warn):
        yield record
        if record["kind"] == "edl.render":
            run.note(
                f"{run.output_path}: {record['frames']} frames, {record['frames_encoded']} of them encoded, "
                f"{record['elapsed_ms'] / 1000:.1f} s"
            )
