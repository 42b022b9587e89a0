"""edl-feedback: a person's words about an edit become a corrected plan."""

from __future__ import annotations

from collections.abc import Iterable

import click

from roadmap_cli.cli import Run, group
from roadmap_cli.core.errors import DataError, Negative, UsageError
from roadmap_cli.core.records import Record

COLUMNS = ("kind", "axis", "wish", "where", "outcome", "before", "after", "reason")
TASTES = ("axis", "sign", "strength", "kept_count", "counts")

main = group(
    "Correct a plan by what a person says of the edit.",
    """Words such as 'too dark', 'the third shot is too short' or 'a bit warmer between 0:10 and 0:20' are read without
    a language model: what is meant, which way, how far and where.
    What is meant is measured on the pictures or the plan, corrected within bounds and measured again.
    A wish is refused, with the reason, when the measurement contradicts it, when the source cannot give it, when less
    than 60 % of the way can be gone, or when a plan cannot hold it.
    What a person keeps moves later plain wishes half-way towards it; what was undone never does.""",
    module=__name__,
    examples={
        "Say what is wrong with an edit": (
            "edl-scan examples/bikes.mp4 | edl-plan --intent 'make it cinematic' "
            "| edl-feedback give 'less colour please' | jq -r 'select(.kind == \"edl.feedback\").reason'"
        ),
        "See what you like": "edl-feedback list --plain",
    },
    see=("edl-plan", "edl-check", "roadmap-why"),
)


@main.command(
    reads=("edl.source", "edl.shot", "edl.plan", "edl.cut", "edl.finding"),
    writes=("edl.source", "edl.shot", "edl.feedback", "edl.plan", "edl.cut"),
    state="write",
    effects=("programs",),
    streams=False,
    columns=COLUMNS,
)
@click.argument("words", metavar="WORDS")
@click.option("--anyway", is_flag=True, help="Do as the words say even if the measurement contradicts them.")
def give(run: Run, words: str, anyway: bool) -> Iterable[Record]:
    """Say something of the edit; its plan comes out corrected.

    One edl.feedback record tells of each wish: what was measured before and after, and what was changed or why not.
    The plan and its cuts follow, to be checked again by edl-check.
    'undo that' gives back the plan before the last feedback.
    The exit code is 1 if no wish was fulfilled or none is in the words; the plan goes on as it was.

    All input is read first.
    """
    from roadmap_cli.edl import checks, correcting, feedback, programs, scanning
    from roadmap_cli.edl import wishes as reading
    from roadmap_cli.state import records

    given = list(run.records())
    plan, cuts, sources = checks.gather(given)
    if plan is None:
        raise DataError("no plan in the input", hint="edl-scan and edl-plan come before", code="no_plan")
    shots = {str(record["id"]): record for record in given if record["kind"] == "edl.shot"}
    yield from (record for record in given if record["kind"] in {"edl.source", "edl.shot"})
    wished = reading.read(words)
    if any(wish.axis == "undo" for wish in wished):
        with run.state.write() as tx:
            before, old = feedback.undone(tx, plan, sources)
        yield before
        yield from old
        run.note(f"back to the plan before {plan.get('feedback', words)!r}")
        return
    if not wished:
        yield plan
        yield from cuts
        run.warn(f"no wish found in {words!r}: the plan stays as it is")
        run.exit_code = 1
        return
    with run.state.read() as tx:
        wished_now, notes = feedback.liked(tx, wished)
        for name in {str(cut.get("shot_id")) for cut in cuts} - set(shots):
            if (known := records.get(tx, name)) is not None:
                shots[name] = known
    found = programs.find(run.environ.get("PATH"))
    media = {}

    def pixels(cut: Record) -> object:
        from dataclasses import replace

        from roadmap_cli.edl import timecode

        name = cut["source_id"]
        if name not in media:
            rate = timecode.rational(sources[name].get("fps"), field="fps")
            media[name] = replace(scanning.media_of(found, sources[name]), fps=rate)
        return correcting.pictures(found, media[name], cut["in_frame"], cut["out_frame"])

    faults = feedback.faults(plan, cuts, sources)
    if faults:
        raise DataError(f"the plan has errors: {faults[0]}", hint="edl-check names them all", code="bad_plan")
    result = feedback.answer(words, wished_now, plan, cuts, sources, shots, pixels, run.stamp(), anyway)
    feedback.settle(run.state, [*sources.values(), plan, *cuts], result, run.command, run.now())
    yield from result.told
    yield result.header
    yield from result.cuts
    for note in notes:
        run.note(note)
    for record in result.told:
        (run.note if record["outcome"] == "changed" else run.warn)(
            f"{record['wish']}: {'' if record['outcome'] == 'changed' else 'refused: '}{record['reason']}"
        )
    run.exit_code = 0 if result.changed else 1


@main.command(
    reads=("edl.source", "edl.plan", "edl.cut"), writes="edl.taste", state="write", streams=False, columns=TASTES
)
def keep(run: Run) -> Iterable[Record]:
    """Keep what feedback changed in a plan, and learn from it.

    The tastes that moved come out. A change counts once.

    All input is read first.
    """
    from roadmap_cli.edl import checks, tastes

    plan, _, _ = checks.gather(run.records())
    if plan is None:
        return
    with run.state.write() as tx:
        moved = tastes.keep(tx, str(plan["id"]), run.stamp())
    yield from moved
    run.note(f"kept; {len(moved)} tastes moved")


@main.command(name="list", writes="edl.taste", state="read", columns=TASTES)
def list_(run: Run) -> Iterable[Record]:
    """List what you like, as learned or set."""
    from roadmap_cli.edl import tastes

    with run.state.read() as tx:
        found = tastes.every(tx)
    yield from found


@main.command(name="set", writes="edl.taste", state="write", columns=TASTES)
@click.argument("axis", metavar="AXIS")
@click.argument("direction", type=click.Choice(["more", "less"]))
@click.argument("steps", type=click.FloatRange(0.25, 2.5), metavar="STEPS")
def set_(run: Run, axis: str, direction: str, steps: float) -> Iterable[Record]:
    """Set how far a plain wish should go: 1 step is usual."""
    from roadmap_cli.edl import tastes
    from roadmap_cli.edl.wish_words import AXES

    if axis not in AXES:
        raise UsageError(f"no axis {axis!r}: {', '.join(AXES)}")
    with run.state.write() as tx:
        made = tastes.put(tx, axis, 1 if direction == "more" else -1, steps, run.stamp())
    yield made


@main.command(writes="edl.taste", state="write", columns=TASTES)
@click.argument("axis", metavar="AXIS")
def remove(run: Run, axis: str) -> Iterable[Record]:
    """Forget what you like along an axis.

    The exit code is 1 if nothing was known.
    """
    from roadmap_cli.edl import tastes

    with run.state.write() as tx:
        gone = tastes.remove(tx, axis)
    if not gone:
        raise Negative(f"no taste for {axis!r}")
    yield from gone
