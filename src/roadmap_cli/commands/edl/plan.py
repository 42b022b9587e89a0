"""edl-plan: turn shots and an intent in words into a whole edit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import click

from roadmap_cli.cli import Run, command
from roadmap_cli.cli.ranges import FiniteRange
from roadmap_cli.cli.terminal import counted
from roadmap_cli.core.errors import UsageError
from roadmap_cli.core.records import Record

SCANNED = (
    "edl.source", "edl.shot", "edl.scene", "edl.span", "edl.rhythm", "edl.word", "edl.beat", "edl.energy",
)  # fmt: skip
PLANNED = ("edl.plan", "edl.cut", "edl.title", "edl.cue", "edl.finding")
_COLOURS = {"head": "bold", "shots": "cyan", "music": "green", "sounds": "magenta", "titles": "yellow", "key": "dim"}
#: More cuts than this are drawn, not listed.
_LISTED = 80


def _picture(records: Sequence[Record], console: Any) -> None:
    """For people: the timeline with shots, beats, music and titles; then what each is there for. Or the styles."""
    from roadmap_cli.cli.terminal import visible
    from roadmap_cli.edl.planning import timeline

    def say(text: str, style: str | None = None) -> None:
        console.print(visible(text), markup=False, highlight=False, style=style, soft_wrap=True)

    styles = [record for record in records if record["kind"] == "edl.style"]
    for style in styles:
        median = f"shots {style['median_s']:g} s" if "median_s" in style else "shots as they are"
        say(f"{style['name']:<12} {style['phrase']}", "bold")
        say(f"{'':<12} {_percent(style['speed'])} speed, {median}, {style['look']}, music {style['music']}")
    plan = next((record for record in records if record["kind"] == "edl.plan"), None)
    if plan is None:
        return
    things = [record for record in records if record["kind"] in ("edl.cut", "edl.title", "edl.cue")]
    for name, line in timeline.drawn(plan, things, console.width):
        say(line[: console.width], _COLOURS.get(name))
    say("")
    for reason in plan.get("reasons", []):
        say(f"- {reason}")
    if len(things) <= _LISTED:
        say("")
        for line in timeline.listed(plan, things):
            say(line if len(line) <= 2 * console.width else line[: 2 * console.width - 1] + "…")


def _percent(speed: str) -> str:
    above, _, below = speed.partition("/")
    return f"{100 * int(above) / int(below):g} %"


@command(
    reads=(*SCANNED, *PLANNED),
    writes=(*SCANNED, "edl.plan", "edl.cut", "edl.title", "edl.cue", "edl.style"),
    state="write",
    effects=("network",),
    streams=False,
    columns=("kind", "position", "source", "in_frame", "out_frame", "speed", "timeline_in_frame", "reason"),
    examples={
        "Plan a cinematic edit": (
            "edl-scan examples/bikes.mp4 | edl-plan --intent 'make it cinematic' "
            "| jq -c 'select(.kind == \"edl.cut\") | [.in_frame, .out_frame, .speed, .reason]'"
        ),
        "Plan a short trailer": (
            "edl-scan examples/bikes.mp4 | edl-plan --intent 'a fast trailer' --target-seconds 5 "
            "| jq -c 'select(.kind == \"edl.plan\") | [.style, .length_frames, .reasons]'"
        ),
        "An upright clip with a title": (
            "edl-scan examples/bikes.mp4 | edl-plan --style short --aspect 9:16 --title 'Down the hill' "
            "| jq -c 'select(.kind == \"edl.title\") | [.text, .timeline_in_frame, .timeline_out_frame]'"
        ),
        "See the styles": "edl-plan --styles | jq -r '[.name, .phrase] | @tsv'",
    },
    see=("edl-scan", "edl-check", "roadmap-why"),
    picture=_picture,
)
@click.option("--intent", metavar="TEXT", help="What the edit should be like, in words.")
@click.option("--style", metavar="NAME", help="Plan in this style; it wins over one named in the words.")
@click.option(
    "--target-seconds", type=FiniteRange(0.5, 86_400), metavar="SECONDS", help="The length the edit should have."
)
@click.option("--aspect", metavar="W:H", help="Shape of the picture: 16:9, 9:16, 1:1, 2.39:1, 'vertical' and the like.")
@click.option("--music", metavar="FILE", help="Lay this music under the edit; it is scanned along with the footage.")
@click.option(
    "--title", "titles", multiple=True, metavar="TEXT", help="Show a title at the start; a second one at the end."
)
@click.option("--styles", "list_styles", is_flag=True, help="Write the styles with their numbers, and read no input.")
@click.option(
    "--llm",
    metavar="MODEL",
    help="Let a language model read words that are not understood: a name of slm-models(1), a GGUF file, an endpoint, "
    "or 'default'.",
)
def main(
    run: Run, intent: str | None, style: str | None, target_seconds: float | None, aspect: str | None,
    music: str | None, titles: tuple[str, ...], list_styles: bool, llm: str | None,
) -> Iterable[Record]:  # fmt: skip
    """Plan an edit from shots and words.

    The words choose a style and move its numbers: speed, shot lengths and their spread, colour, blur, grain, shape,
    joints, music and loudness, each within bounds; --styles lists where each style starts.
    They may ask for a length ('90 seconds', 'under 2 minutes', 'between 30 and 45 s'), a shape ('vertical', '4:5', 'for
    instagram'), a title in quotes or in capitals, pauses cut out ('remove dead air but keep the jokes'), the best
    moment first, a pace ('slower at the end'), joints ('no dissolves', 'fade to black at the end'), shots to take or
    leave ('no shaky shots'), and say what not to do ('no music', 'without grain').
    A word that is not understood is said in a warning, and so is a wish that cannot be met.
    With --llm a language model may say which known words an unknown one stands for; what is understood without it
    stays as it is.

    What the scan tells is used as far as there is any: beats of the story are kept, talk is neither slowed nor cut
    inside a phrase, pictures are framed and blurred around their subject, and where music has a rhythm cuts fall on its
    beats in styles that do that.
    Music is a sound file scanned along with the footage, named by --music or the only one; without any, dramatic styles
    get made sounds at the story's peak and turns.

    The records read pass through, then come one edl.plan record and one edl.cut record for each piece of the edit, with
    exact positions in source and programme, then titles and cues.
    An earlier plan in the input is left out.
    Each decision is stored with its reason and its evidence: 'roadmap-why ID' with a cut's why_id shows both.
    On a terminal the timeline is drawn.

    All input is read first.
    """
    from roadmap_cli.edl.planning import deciding, planner
    from roadmap_cli.edl.planning.styles import STYLES

    if list_styles:
        yield from (each.record(run.stamp()) for each in STYLES.values())
        return
    if intent is None and style is None:
        raise UsageError("what should the edit be like?", hint="--intent 'make it cinematic', or --style NAME")
    reading = _reading(run, intent or "", style, target_seconds, aspect, music, titles, llm)
    scanned: list[Record] = []
    replaced = 0
    for record in run.records():
        if record["kind"] in PLANNED:
            replaced += record["kind"] == "edl.plan"
            continue
        scanned.append(record)
        yield record
    if not scanned:
        return
    if replaced:
        run.note("an earlier plan in the input is left out")
    by_kind = {kind: [record for record in scanned if record["kind"] == kind] for kind in ("edl.source", "edl.shot")}
    others = [record for record in scanned if record["kind"] not in by_kind]
    made = planner.plan(by_kind["edl.source"], by_kind["edl.shot"], intent or "", reading, run.stamp(), others)
    for limit in made.limits:
        run.warn(limit)
    records = deciding.settle(run.state, made, scanned, run.command, run.now())
    counts = [(made.header["cut_count"], "cut"), (made.header["dropped_count"], "shot")]
    run.note(f"{', '.join(counted(*each) for each in counts)} left out")
    yield from records


def _reading(
    run: Run, words: str, style: str | None, target_seconds: float | None, aspect: str | None, music: str | None,
    titles: tuple[str, ...], llm: str | None,
) -> Any:  # fmt: skip
    """What words and options ask for; unknown words are said."""
    from fractions import Fraction

    from roadmap_cli.edl.planning import intent as intents

    reading = intents.read(words, style)
    if llm and reading.unknown:
        reading = _helped(run, words, style, reading, llm)
    if target_seconds is not None:
        reading = intents.lasting(reading, Fraction(str(target_seconds)))
    if aspect is not None:
        reading = intents.shaped(reading, aspect)
    if titles:
        reading = intents.titled(reading, titles)
    if music is not None:
        reading = intents.with_music(reading, music)
    if reading.unknown:
        run.warn(f"not understood, and left out: {', '.join(map(repr, reading.unknown))}")
    return reading


def _helped(run: Run, words: str, style: str | None, reading: Any, llm: str) -> Any:
    """The reading with a language model's help; as it was, with a warning, if the model fails."""
    from roadmap_cli.core.errors import RoadmapError
    from roadmap_cli.edl.planning import helped
    from roadmap_cli.models.conversation.selection import open_chat

    name = None if llm == "default" else llm
    kinds = ("edl.plan",)
    with open_chat(name, environ=run.environ, ledger=run.ledger(), transport=run.transport, kinds=kinds) as chat:
        try:
            return helped.read(chat, words, style, reading)
        except RoadmapError as error:
            run.warn(f"the language model failed ({error.message}): the words alone count")
            return reading
