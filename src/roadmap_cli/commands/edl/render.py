"""edl-render: a checked plan becomes a playable file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from roadmap_cli.cli import Run, command
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record


@command(
    reads=("edl.source", "edl.shot", "edl.plan", "edl.cut", "edl.finding"),
    writes=("edl.segment", "edl.render"),
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
@click.option("--preview", type=click.IntRange(32, 8192), metavar="WIDTH", help="Render small and quick, same frames.")
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
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIRECTORY",
    help="Keep encoded pieces here; without it, in the user's cache directory.",
)
def main(run: Run, preview: int | None, preset: str, quality: int, cache: Path | None) -> Iterable[Record]:
    """Render a checked plan to a video file.

    The file is MP4 or MOV by its suffix: H.264 and AAC.
    Each cut is encoded by itself and kept in a cache under the hash of all that decides its pixels, so that the next
    render encodes only what has changed; the pieces are joined without encoding again.
    The sound is made in one pass for the whole edit and encoded once: no click at a joint, no drift.

    One edl.segment record comes for each cut as soon as it is in the cache, and one edl.render record when the file has
    been proved: the number of frames, the time of each, the length of the sound.
    The file appears complete or not at all; a render that was killed goes on where it stopped.

    All input is read first.
    """
    from roadmap_cli.core import paths
    from roadmap_cli.edl import programs, render
    from roadmap_cli.edl.checking import checks

    plan, cuts, sources = checks.gather(run.records())
    if plan is None:
        raise DataError("no plan in the input", hint="edl-scan, edl-plan and edl-check come before", code="no_plan")
    found = programs.find(run.environ.get("PATH"))
    where = cache or paths.cache_directory(run.environ) / "edl"
    settings = render.Settings(preset=preset, quality=quality, preview_width=preview)
    given = (found, plan, cuts, sources, run.output_path, where, settings, run.now())
    if run.dry_run:
        yield from render.rehearse(*given)
        return
    for record in render.render(*given, run.progress):
        yield record
        if record["kind"] == "edl.render":
            run.note(
                f"{run.output_path}: {record['frames']} frames, {record['frames_encoded']} of them encoded, "
                f"{record['elapsed_ms'] / 1000:.1f} s"
            )
