"""edl-scan: see and hear what is in a film or a song."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from roadmap_cli.cli import Run, command
from roadmap_cli.core.records import Record


@command(
    writes=("edl.source", "edl.shot", "edl.span", "edl.rhythm", "edl.word"),
    state="write",
    effects=("programs",),
    items=True,
    columns=("kind", "position", "in_frame", "out_frame", "fps", "luma_mean", "motion", "loudness_lufs", "path"),
    examples={
        "Find the shots of a clip": "edl-scan examples/bikes.mp4",
        "List where the cuts are": "edl-scan examples/bikes.mp4 | jq -c 'select(.kind == \"edl.shot\") | .in_frame'",
    },
    see=("edl-plan",),
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--words",
    metavar="auto|none|FILE",
    default="auto",
    show_default=True,
    help="Where words come from: a pulled speech model, nothing, or an SRT or WebVTT file.",
)
def main(run: Run, files: tuple[Path, ...], words: str) -> Iterable[Record]:
    """Find the shots and sounds of films and measure them.

    Each file is decoded once, picture and sound.
    One edl.source record comes out for the file and one edl.shot record for each shot between two cuts: where it lies,
    how bright, contrasty, colourful, moving and sharp it is, how loud and how silent, and how much speech and music it
    has.
    Then come one edl.span record for each phrase of speech, piece of music, stretch of ambient sound and silence, one
    edl.rhythm for the tempo, beats and downbeats of each piece of music, and one edl.word for each word.
    A file of sound alone, such as a song, is a source without shots.

    Speech is found by the model silero-vad, music and ambient sound by yamnet, words by whisper-base; slm-models pull
    fetches them.
    Without them the scan goes by the signal: speech is told by its rhythm and missed over music, music by held notes
    and beats, and ambient sound has no name.
    Words are heard if their model is pulled and ctranslate2 is installed (the extra "speech"), or read from subtitles.

    Cuts are told from photographic flashes and fast pans; dissolves, fades and wipes are found as well and parted in
    their middle, with their kind and length in the shot they lead to.
    Positions are whole frames with an exact rate.
    Frame n is the picture shown n/fps seconds after the first one; a file of varying rate is counted at the standard
    rate nearest to its usual step, which is said in a warning.

    What was measured is remembered by the file's content: the same bytes are not decoded a second time, wherever they
    lie.
    """
    from roadmap_cli.core.errors import UsageError
    from roadmap_cli.edl import hearing, probe, programs, scanning
    from roadmap_cli.edl.hearing import words as subtitles

    found = programs.find(run.environ.get("PATH"))
    read = None
    mark = ""
    if words not in {"auto", "none"}:
        if len(files) != 1:
            raise UsageError("--words FILE speaks about one video file", hint="scan the others without it")
        read = subtitles.read(Path(words))
        mark = probe.content_hash(Path(words))
    ears = hearing.find_ears(run.environ, words=words == "auto")
    for name in ears.missing:
        say = run.note if name == hearing.DEFAULT else run.detail
        say(f"without {name} {hearing.LACKS[name]}: slm-models pull {name}")
    how = scanning.method(ears, mark)
    for path in files:
        with run.item():
            sha256 = probe.content_hash(path)
            records = scanning.recall(run.state, sha256, path, how)
            if records:
                run.detail(f"{path}: known content, not decoded again")
            else:
                records = list(scanning.scan(found, path, run.now(), run.progress, sha256, ears, read, how))
                scanning.remember(run.state, records, how)
            for warning in scanning.warnings(records[0], str(path)):
                run.warn(warning)
            yield from records
