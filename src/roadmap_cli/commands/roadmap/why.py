"""roadmap-why: from any decision down to the raw records it rests on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import click

from roadmap_cli.cli import Run, command, tree
from roadmap_cli.core.records import Record

#: Raw records drawn below one decision.
DRAWN = 6


def draw(records: Sequence[Record], console: Any) -> None:
    """The chains as trees, one for each record or decision that was asked for."""
    first = 0
    for place in range(1, len(records) + 1):
        if place == len(records) or not records[place].get("depth"):
            tree.draw(records[first:place], console, most=DRAWN)
            first = place


@command(
    writes="why.decision",
    state="read",
    streams=False,
    columns=("depth", "kind", "id", "what", "why"),
    examples={
        "Why was there a warning?": "roadmap-why $(life-watch | jq -r .id | head -n 1) | jq -r .kind | head -n 2"
    },
    see=("life-why", "roadmap-state", "life-watch", "edl-plan", "agent-loop", "wf-run"),
    picture=draw,
)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--depth", type=click.IntRange(0), metavar="N", help="Go down at most N steps.")
def main(run: Run, ids: tuple[str, ...], depth: int | None) -> Iterable[Record]:
    """Tell why something was decided, down to the raw records.

    ID is the id of a decision, of any stored record, or of a run.
    Of a record first comes the record, and below it the decision that gave it and those that rest on it; of a run, its
    decisions in their order.
    Each record of the chain comes with its 'depth' and, below a decision, the 'from_id' of the decision that cites it.
    On a terminal the chain is drawn as a tree, of many raw records the first; --json gives all of them.
    Where a record of a life came from, the file and the line, tells life-why(1).
    The exit code is 1 if nothing is known of an id.
    """
    from roadmap_cli.why import decisions

    for wanted in ids:
        with run.state.read() as tx:
            chain = list(decisions.about(tx, wanted))
        if not chain:
            run.warn(
                f"nothing is known of {wanted!r}",
                "a hit of life-recall is not stored itself: ask for its record_id",
            )
            run.exit_code = 1
        for record in chain:
            if depth is None or record["depth"] <= depth:
                yield record
