"""wf-match: which workflow an event asks for."""

from __future__ import annotations

from collections.abc import Iterator

import click

from roadmap_cli.cli.command import command
from roadmap_cli.cli.run import Run
from roadmap_cli.core.records import Record


@command(
    reads="wf.event",
    writes="wf.match",
    state="write",
    columns=("at", "id", "workflow", "certainty_ratio"),
    examples={
        "See which workflows alerts ask for":
            "wf-listen --from alertmanager -i examples/wf/alertmanager.json | wf-match --plain",
    },
    see=("wf-listen", "wf-plan"),
)  # fmt: skip
@click.option(
    "--templates", type=click.Path(), multiple=True, metavar="PATH",
    help="Use the templates in this file or folder; may be repeated. Default: yours and those that come along.",
)  # fmt: skip
@click.option("--choose", metavar="WORKFLOW", help="Take this workflow where several match.")
def main(run: Run, templates: tuple[str, ...], choose: str | None) -> Iterator[Record]:
    """Find the workflow that an event asks for.

    The trigger of each template is a list of conditions on fields of the event.
    The template whose trigger holds with the most conditions is chosen; every condition is in the wf.match, with what
    it found.
    If several hold equally well none is chosen: the wf.match is "ambiguous", names the candidates, and wf-plan leaves
    it alone until a person says --choose.

    Your own templates are the .yaml files in the folder workflows of the configuration directory.
    """
    from roadmap_cli.wf import library, matching
    from roadmap_cli.wf.loading import load_all

    known = load_all(library.places(templates, run.environ))
    for batch in run.batches(500):
        pairs: list[tuple[Record, Record | None]] = []
        for event in batch:
            with run.item(event):
                pairs.append((event, matching.match(event, known, run.now(), choose)))
        with run.state.write() as tx:
            found = matching.keep(tx, pairs, command=run.command, at=run.now())
        unmatched = sum(match is None for _, match in pairs)
        if unmatched:
            run.note(f"{unmatched} events match no template")
        for match in found:
            if match["ambiguous"]:
                names = ", ".join(each["workflow"] for each in match["candidates"])
                run.warn(f"event {match['event_id']} matches {names} equally well; say which with --choose")
            yield match
