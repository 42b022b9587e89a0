"""edl-plan: turn shots and an intent in words into a whole edit."""

from __future__ import annotations

from collections.abc import Iterable

import click

from roadmap_cli.cli import Run, command
from roadmap_cli.core.records import Record


@command(
    reads=("edl.source", "edl.shot"),
    writes=("edl.source", "edl.shot", "edl.plan", "edl.cut"),
    state="write",
    streams=False,
    columns=("kind", "position", "source", "in_frame", "out_frame", "speed", "timeline_in_frame", "reason"),
    examples={
        "Plan a cinematic edit": "edl-scan examples/bikes.mp4 | edl-plan --intent 'make it cinematic'",
        "Plan a short trailer": "edl-scan examples/bikes.mp4 | edl-plan --intent 'a fast trailer' --target-seconds 5",
    },
    see=("edl-scan", "edl-check", "roadmap-why"),
)
@click.option("--intent", required=True, metavar="TEXT", help="What the edit should be like, in words.")
@click.option(
    "--target-seconds", type=click.FloatRange(0.5, 86_400), metavar="SECONDS", help="How long the edit should be."
)
def main(run: Run, intent: str, target_seconds: float | None) -> Iterable[Record]:
    """Plan an edit from shots and words.

    The words choose a style and move its numbers: speed, shot lengths, colour, fades.
    Styles are cinematic, documentary, trailer, music-video, vlog, short, interview, wedding, sport, noir, vintage and
    dreamy; further words make it warmer, darker, slower, less colourful and so on.
    A length such as '30 seconds' may stand in the words.
    A word that is not understood is said in a warning.
    No language model is asked.

    The records read pass through, then come one edl.plan record and one edl.cut record for each piece of the edit, with
    exact positions in source and programme.
    A shot that sounds like speech is played at its own speed.
    Each decision is stored with its reason and its evidence: 'roadmap-why ID' with a cut's why_id shows both.

    All input is read first.
    """
    from fractions import Fraction

    from roadmap_cli.edl import deciding, planning
    from roadmap_cli.edl import intent as intents

    sources: list[Record] = []
    shots: list[Record] = []
    for record in run.records():
        (sources if record["kind"] == "edl.source" else shots).append(record)
        yield record
    if not (sources or shots):
        return
    reading = intents.read(intent)
    if target_seconds is not None:
        reading = intents.lasting(reading, Fraction(str(target_seconds)))
    if reading.unknown:
        run.warn(f"not understood, and left out: {', '.join(map(repr, reading.unknown))}")
    plan = planning.plan(sources, shots, intent, reading, run.stamp())
    records = deciding.settle(run.state, plan, [*sources, *shots], run.command, run.now())
    run.note(f"{plan.header['cut_count']} cuts, {plan.header['dropped_count']} shots left out")
    yield from records
