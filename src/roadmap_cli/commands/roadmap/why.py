"""roadmap-why: from any decision down to the raw records it rests on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import click

from roadmap_cli.cli import Run, command
from roadmap_cli.cli.terminal import visible
from roadmap_cli.core.records import Record

_BOOKKEEPING = frozenset(("kind", "id", "depth"))


def draw(records: Sequence[Record], console: Any) -> None:
    """The chain as a tree: decisions in bold with their reason, records with what names them."""
    from rich.text import Text
    from rich.tree import Tree

    branches: dict[int, Tree] = {}
    for record in records:
        depth = int(record.get("depth", 0))
        label = Text()
        if "decision" in record:
            outcome = f"; {record['outcome']}" if "outcome" in record else ""
            label.append(visible(record["what"]), style="bold")
            label.append(f"\n{visible(record['why'])}\n")
            by = f"{record['at']} by {record['authorised_by']}, {record['command']}{outcome}"
            label.append(visible(by), style="dim")
        else:
            label.append(visible(record["kind"]), style="bold")
            label.append(f" {visible(_gist(record))}")
        label.append(f"\n{visible(str(record['id']))}", style="dim")
        parent = branches.get(depth - 1)
        branches[depth] = parent.add(label) if parent else Tree(label, guide_style="dim")
        if not parent:
            branches = {depth: branches[depth]}
    if branches:
        console.print(branches[min(branches)])


def _gist(record: Record) -> str:
    """What a raw record says, without ids and bookkeeping, in two lines at most."""
    shown = [
        f"{name} {value}"
        for name, value in record.items()
        if isinstance(value, str | int | float) and name not in _BOOKKEEPING and not name.endswith("_id")
    ]
    text = ", ".join(shown)
    return text if len(text) <= 140 else text[:139] + "…"


@command(
    writes="why.decision",
    state="read",
    streams=False,
    columns=("depth", "kind", "id", "what", "why"),
    examples={
        "Why was there a warning?": "roadmap-why $(life-watch | jq -r .why_id | head -n 1) | jq -r .kind | head -n 1"
    },
    see=("roadmap-state", "life-watch", "edl-plan", "agent-loop", "wf-run"),
    picture=draw,
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
