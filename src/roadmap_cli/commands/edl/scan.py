"""edl-scan: see and hear what is in a video file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from roadmap_cli.cli import Run, command
from roadmap_cli.core.records import Record

#: Shots told one by one under a source's picture; of longer films only the strip.
_MOST_TOLD = 40


def _picture(records: Sequence[Record], console: Any) -> None:
    """For people: each source as a strip of its shots, their light, motion and sound, and a line for each shot."""
    from roadmap_cli.cli.terminal import visible
    from roadmap_cli.edl.seeing import strip

    def line(text: str, style: str = "") -> None:
        console.print(visible(text), style=style, markup=False, highlight=False, no_wrap=True, overflow="ellipsis")

    for source in records:
        if source["kind"] != "edl.source" or "frames" not in source:
            continue
        shots = [one for one in records if one["kind"] == "edl.shot" and one["source_id"] == source["id"]]
        if not shots:
            continue
        made = strip.drawn(source, shots, min(console.width, 120))
        line(made.title, "bold")
        for name, drawn in made.lines:
            line(name + drawn)
        for shot in shots if len(shots) <= _MOST_TOLD else []:
            line(strip.told(shot))


@command(
    writes=("edl.source", "edl.shot"),
    state="write",
    effects=("programs",),
    items=True,
    columns=("kind", "position", "in_frame", "out_frame", "fps", "luma_mean", "motion", "loudness_lufs", "path"),
    examples={
        "Find the shots of a clip": "edl-scan examples/bikes.mp4",
        "Which shots shake?": "edl-scan examples/bikes.mp4 | jq -c 'select(.shake_ratio > 0.004) | [.position, .key]'",
        "List where the cuts are": "edl-scan examples/bikes.mp4 | jq -c 'select(.kind == \"edl.shot\") | .in_frame'",
    },
    see=("edl-plan",),
    picture=_picture,
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--detector",
    type=click.Choice(["edl", "adaptive", "content", "hash", "histogram", "threshold"]),
    default="edl",
    show_default=True,
    help="What finds the cuts: our own, or one of PySceneDetect's at its defaults.",
)
def main(run: Run, files: tuple[Path, ...], detector: str) -> Iterable[Record]:
    """Find the shots of video files and measure them.

    Each file is decoded once, picture and sound.
    One edl.source record comes out for the file and one edl.shot record for each shot between two cuts: where it lies;
    how bright, contrasty, colourful, warm, sharp and noisy it is; how the camera pans, tilts, zooms and shakes; black
    bars, a slanting horizon, the share of skin; and how loud, how silent and how like speech it sounds.

    Cuts are told from photographic flashes and fast pans; dissolves, fades and wipes are found as well and parted in
    their middle, with their kind and length in the shot they lead to.
    Positions are whole frames with an exact rate.
    Frame n is the picture shown n/fps seconds after the first one; a file of varying rate is counted at the standard
    rate nearest to its usual step, which is said in a warning.

    What was measured is remembered by the file's content: the same bytes are not decoded a second time, wherever they
    lie, and a file that was not touched is not even read.
    Of several files each is stored when it is done, so that an interrupted run goes on where it was.
    On a terminal each file is drawn as a strip.
    """
    from roadmap_cli.edl import programs, scanning

    found = programs.find(run.environ.get("PATH"))
    for path in files:
        with run.item():
            sha256 = scanning.content_hash(run.state, path, run.now(), run.progress)
            records = scanning.recall(run.state, sha256, path, detector)
            if records:
                run.detail(f"{path}: known content, not decoded again")
            else:
                records = list(scanning.scan(found, path, run.now(), run.progress, sha256, detector=detector))
                scanning.remember(run.state, records)
            for warning in scanning.warnings(records[0], str(path)):
                run.warn(warning)
            yield from records
