"""edl-scan: see and hear what is in a video file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from roadmap_cli.cli import Run, command
from roadmap_cli.core.records import Record


@command(
    writes=("edl.source", "edl.shot", "edl.scene", "edl.beat", "edl.energy"),
    state="write",
    effects=("programs",),
    items=True,
    columns=("kind", "position", "in_frame", "out_frame", "fps", "luma_mean", "motion", "loudness_lufs", "path"),
    examples={
        "Find the shots of a clip, and what they show": "edl-scan examples/bigbuckbunny.mp4",
        "List the beats of its story": "edl-scan examples/bikes.mp4 | jq -r 'select(.kind == \"edl.beat\") | .why'",
        "List where the cuts are": "edl-scan examples/bikes.mp4 | jq -c 'select(.kind == \"edl.shot\") | .in_frame'",
    },
    see=("edl-plan",),
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
def main(run: Run, files: tuple[Path, ...]) -> Iterable[Record]:
    """Find the shots of video files and measure them.

    Each file is decoded once, picture and sound.
    One edl.source record comes out for the file and one edl.shot record for each shot between two cuts: where it lies,
    how bright, contrasty, colourful, moving and sharp it is, and how loud, how silent and how like speech it sounds.

    Cuts are told from photographic flashes and fast pans; dissolves, fades and wipes are found as well and parted in
    their middle, with their kind and length in the shot they lead to.
    Positions are whole frames with an exact rate.
    Frame n is the picture shown n/fps seconds after the first one; a file of varying rate is counted at the standard
    rate nearest to its usual step, which is said in a warning.

    What a shot shows is looked for in two pictures a second: faces, a person, or what catches the eye; where it is in
    the frame, how large, and a name for it where one is sure.
    This needs small models, which slm-models pull fetches: face-detection, person-mask and efficientnet-lite0.
    Without them only the salient place is told, and shots are compared by colour.

    Shots that belong together are joined to edl.scene records, by likeness and by the sound of the place.
    An edl.energy record holds how much happens along the source, from cuts, motion, loudness and onsets, and edl.beat
    records where its story is set up, turns, peaks and is resolved, each with the numbers it rests on.

    What was measured is remembered by the file's content: the same bytes are not decoded a second time, wherever they
    lie.
    """
    from roadmap_cli.edl import probe, programs, scanning
    from roadmap_cli.edl.story.teller import Teller

    found = programs.find(run.environ.get("PATH"))
    teller = Teller(run.environ)
    if teller.lacking:
        run.note(f"{teller.lacking} (slm-models pull {' '.join(teller.missing)})")
    for path in files:
        with run.item():
            sha256 = probe.content_hash(path)
            records = scanning.recall(run.state, sha256, path, teller)
            if records:
                run.detail(f"{path}: known content, not decoded again")
            else:
                records = list(scanning.scan(found, path, run.now(), run.progress, sha256, teller))
                scanning.remember(run.state, records, teller)
            for warning in scanning.warnings(records[0], str(path)):
                run.warn(warning)
            yield from records
