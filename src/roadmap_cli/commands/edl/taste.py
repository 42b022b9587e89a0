"""edl-taste: what a person likes of an edit, as learned or set."""

from __future__ import annotations

from collections.abc import Iterable

import click

from roadmap_cli.cli import Run, command
from roadmap_cli.cli.ranges import FiniteRange
from roadmap_cli.core.errors import Negative, UsageError
from roadmap_cli.core.records import Record


@command(
    writes="edl.taste",
    state="write",
    columns=("axis", "direction", "wish", "steps", "kept_count", "learned", "counts"),
    examples={
        "See what you like": "edl-taste --plain",
        "Set how far 'brighter' should go": "edl-taste --set exposure more 0.5",
        "Forget what was learned of music": "edl-taste --forget music",
    },
    see=("edl-feedback",),
)
@click.option(
    "--set", "put", type=(str, click.Choice(["more", "less"]), FiniteRange(0.25, 2.5)), metavar="AXIS WAY STEPS",
    help="Set how far a plain wish along an axis goes: WAY is more or less, 1 step is usual.",
)  # fmt: skip
@click.option("--forget", metavar="AXIS", help="Forget what is known along an axis.")
def main(run: Run, put: tuple[str, str, float] | None, forget: str | None) -> Iterable[Record]:
    """Show, set or forget what you like of an edit.

    edl-feedback learns from what was kept: a change on top of which a later edit was made, and which was not undone.
    A taste is how far a plain wish ('brighter') should go, in steps; words of degree ('a bit', 'way too') go as far as
    they say.
    It counts from three kept changes on and moves a plain wish half-way towards it; the reason says so.
    What was undone or refused is never learned.
    --set says it yourself, and counts at once.

    The exit code is 1 if there is nothing to forget.
    """
    from roadmap_cli.edl.feedback import tastes
    from roadmap_cli.edl.feedback.axes import AXES

    if put and forget:
        raise UsageError("--set and --forget exclude each other")
    axis = put[0] if put else forget
    if axis is not None and axis not in AXES:
        raise UsageError(f"no axis {axis!r}", hint=f"axes are {', '.join(AXES)}")
    who = tastes.person(run.environ)
    with run.state.write() as tx:
        tastes.learn(tx, who, run.stamp())
        if put:
            found = [tastes.put(tx, who, put[0], 1 if put[1] == "more" else -1, put[2], run.stamp())]
        elif forget:
            found = tastes.forget(tx, who, forget)
        else:
            found = tastes.every(tx, who)
    if forget and not found:
        raise Negative(f"nothing is known along {forget!r}")
    yield from found
    if put:
        run.note(f"set: {found[0]['wish']} goes {put[2]:g} steps")
    if forget:
        run.note(f"forgotten: {len(found)} tastes")
