"""roadmap-why: from any decision down to the raw records it rests on."""

from __future__ import annotations

from collections.abc import Iterable

import click

from roadmap_cli.cli import Run, command, tree
from roadmap_cli.core.records import Record


@command(
    writes="why.decision",
    state="read",
    streams=False,
    columns=("depth", "kind", "id", "what", "why"),
    examples={
        "Why was there a warning?": "roadmap-why $(life-watch | jq -r .why_id | head -n 1) | jq -r .kind | head -n 1"
    },
    see=("life-why", "roadmap-state", "life-watch", "edl-plan", "agent-loop", "wf-run"),
    picture=tree.draw,
)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--depth", type=click.IntRange(0), metavar="N", help="Go down at most N steps.")
def main(run: Run, ids: tuple[str, ...], depth: int | None) -> Iterable[Record]:
    """Tell why something was decided, down to the raw records.

    ID is the id of a decision, or of any stored record: then the decisions that rest on it are told.
    Each record of the chain comes with its 'depth' and, below the first, the 'from_id' of the decision that cites it.
    On a terminal the chain is drawn as a tree.
    The exit code is 1 if nothing is known of an id.
    """
    from roadmap_cli.why import decisions

    for wanted in ids:
        with run.state.read() as tx:
            asked = [wanted] if decisions.get(tx, wanted) else list(decisions.citing(tx, wanted)) or [wanted]
            chain = [record for name in asked for record in decisions.chain(tx, name)]
        if not chain:
            run.warn(f"nothing is known of {wanted!r}")
            run.exit_code = 1
        for record in chain:
            if depth is None or record["depth"] <= depth:
                yield record
