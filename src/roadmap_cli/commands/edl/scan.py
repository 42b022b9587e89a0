"""edl-scan: see and hear what is in a film or a song."""

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
    writes=(
        "edl.source",
        "edl.shot",
        "edl.scene",
        "edl.span",
        "edl.rhythm",
        "edl.word",
        "edl.beat",
        "edl.energy",
    ),
    state="write",
    effects=("programs",),
    items=True,
    columns=("kind", "position", "in_frame", "out_frame", "fps", "luma_mean", "motion", "loudness_lufs", "path"),
    examples={
        "Find the shots of a clip": "edl-scan examples/bikes.mp4",
        "List the beats of its story": "edl-scan examples/bikes.mp4 | jq -r 'select(.kind == \"edl.beat\") | .why'",
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
@click.option(
    "--words",
    metavar="auto|none|FILE",
    default="auto",
    show_default=True,
    help="Where words come from: a pulled speech model, nothing, or an SRT or WebVTT file.",
)
def main(run: Run, files: tuple[Path, ...], detector: str, words: str) -> Iterable[Record]:
    """Find the shots, sounds and story of films and measure them.

    Each file is decoded once, picture and sound.
    One edl.source record comes out for the file and one edl.shot record for each shot between two cuts: where it lies;
    how bright, contrasty, colourful, warm, sharp and noisy it is; how the camera pans, tilts, zooms and shakes; black
    bars, a slanting horizon, the share of skin; how loud and how silent it is, and how much speech and music it has.
    Then come one edl.span record for each phrase of speech, piece of music, stretch of ambient sound and silence, one
    edl.rhythm for the tempo, beats and downbeats of each piece of music, and one edl.word for each word.
    A file of sound alone, such as a song, is a source without shots.

    What a shot shows is looked for in two pictures a second: faces, a person, or what catches the eye; where it is in
    the frame, how large, and a name for it where one is sure.
    Shots that belong together are joined to edl.scene records, by likeness and by the sound of the place.
    An edl.energy record holds how much happens along the source, from cuts, motion, loudness and onsets, and edl.beat
    records where its story is set up, turns, peaks and is resolved, each with the numbers it rests on.

    Small models, which slm-models pull fetches, do this better: speech-activity, yamnet and whisper-base hear;
    face-detection, person-mask and efficientnet-lite0 see, and transnet-v2 is asked about transitions in doubt.
    Without them the scan goes by the signal: speech is told by its rhythm and missed over music, music by held notes
    and beats, ambient sound has no name, only the salient place of a picture is told, and shots are compared by colour.
    Words are heard if their model is pulled and ctranslate2 is installed (the extra "speech"), or read from subtitles.

    Cuts are told from photographic flashes and fast pans; dissolves, fades and wipes are found as well and parted in
    their middle, with their kind and length in the shot they lead to.
    Positions are whole frames with an exact rate.
    Frame n is the picture shown n/fps seconds after the first one; a file of varying rate is counted at the standard
    rate nearest to its usual step, which is said in a warning.

    A film of high dynamic range (PQ or HLG) is measured as the standard film that edl-render makes of it: BT.709 with
    white at 203 nits and what is brighter rolled off.

    What was measured is remembered by the file's content: the same bytes are not decoded a second time, wherever they
    lie, and a file that was not touched is not even read.
    Of several files each is stored when it is done, so that an interrupted run goes on where it was.
    On a terminal each file is drawn as a strip.
    """
    from roadmap_cli.core.errors import UsageError
    from roadmap_cli.edl import hearing, probe, programs, scanning
    from roadmap_cli.edl.cuts import doubt, finding
    from roadmap_cli.edl.hearing import words as subtitles
    from roadmap_cli.edl.story.teller import Teller
    from roadmap_cli.edl.subjects import transitions

    found = programs.find(run.environ.get("PATH"))
    read = None
    mark = ""
    if words not in {"auto", "none"}:
        if len(files) != 1:
            raise UsageError("--words FILE speaks about one video file", hint="scan the others without it")
        read = subtitles.read(Path(words))
        mark = probe.content_hash(Path(words))
    ears = hearing.find_ears(run.environ, words=words == "auto")
    teller = Teller(run.environ)
    for name in ears.missing:
        say = run.note if name == hearing.DEFAULT else run.detail
        say(f"without {name} {hearing.LACKS[name]}: slm-models pull {name}")
    if teller.lacking:
        run.detail(f"{teller.lacking} (slm-models pull {' '.join(teller.missing)})")
    seer = transitions.open_transitions(run.environ) if detector == finding.DEFAULT else None
    if seer is None and detector == finding.DEFAULT:
        run.detail(
            f"without {doubt.MODEL} transitions in doubt are judged by the signal: slm-models pull {doubt.MODEL}"
        )
    doubts = doubt.Doubts(seer) if seer else None
    ways = scanning.Ways(detector, ears, read, mark, teller, doubts)
    for path in files:
        with run.item():
            sha256 = scanning.content_hash(run.state, path, run.now(), run.progress)
            records = scanning.recall(run.state, sha256, path, ways)
            if records:
                run.detail(f"{path}: known content, not decoded again")
            else:
                records = list(scanning.scan(found, path, run.now(), run.progress, sha256, ways))
                scanning.remember(run.state, records, ways)
            if doubts and doubts.spans:
                run.detail(doubts.told())
            for warning in scanning.warnings(records[0], str(path)):
                run.warn(warning)
            yield from records
