"""wf-plan: the concrete plan before anything happens."""

from __future__ import annotations

from collections.abc import Iterator

import click

from roadmap_cli.cli.command import command
from roadmap_cli.cli.run import Run
from roadmap_cli.core.records import Record


@command(
    reads="wf.match",
    writes=("wf.plan", "wf.finding"),
    state="write",
    columns=("at", "id", "workflow", "risk", "requested_by"),
    examples={
        "See what would be done":
            "wf-listen --from alertmanager -i examples/wf/alertmanager.json | wf-match | wf-plan --plain",
        "Check a template": "wf-plan --check examples/wf/broken.yaml",
    },
    see=("wf-match", "wf-approve"),
)  # fmt: skip
@click.option(
    "--templates", type=click.Path(), multiple=True, metavar="PATH",
    help="Use the templates in this file or folder; may be repeated. Default: yours and those that come along.",
)  # fmt: skip
@click.option("--check", type=click.Path(), multiple=True, metavar="PATH", help="Check templates; plan nothing.")
@click.option("--as", "name", metavar="NAME", help="Act in this name. Default: your login name.")
@click.option(
    "--directory", type=click.Path(file_okay=False, exists=True), default=".", show_default=True, metavar="FOLDER",
    help="Where the steps will run.",
)  # fmt: skip
def main(
    run: Run, templates: tuple[str, ...], check: tuple[str, ...], name: str | None, directory: str
) -> Iterator[Record]:
    """Make the concrete plan of a workflow before anything happens.

    A plan has every step with its values put in, who acts, what it must be allowed, its risk from the effects the
    template declares, an estimate from past runs, and a hash of all that decides what will be done.
    An approval names that hash and is worth nothing for any other plan.

    With --check it reads templates, writes a wf.finding for each fault with its file and line, and ends with 1 if one
    of them is an error.
    """
    from pathlib import Path

    from roadmap_cli.core.errors import Negative
    from roadmap_cli.wf import estimates, library, loading, people, planning

    if check:
        faults = [each for path in loading.found([Path(each) for each in check]) for each in loading.check(path)[1]]
        yield from planning.findings(faults, run.now())
        if any(each.severity == "error" for each in faults):
            raise Negative
        return
    known = {each.workflow: each for each in loading.load_all(library.places(templates, run.environ))}
    settings = library.settings(run.environ)
    requested_by = people.user(name)
    for match in run.records():
        if match.get("ambiguous"):
            run.warn(f"match {match['id']} is ambiguous and left alone; say which with wf-match --choose")
            continue
        with run.item(match):
            with run.state.read() as tx:
                kept, event = planning.stored(tx, match)
            template = loading.named(known, kept["workflow"])
            place = Path(directory).resolve()
            found = planning.plan(
                template, kept, event, requested_by=requested_by, directory=place, at=run.now(), known=known,
                settings=settings,
            )  # fmt: skip
            with run.state.write() as tx:
                found["estimate"] = estimates.estimate(tx, found)
                found = planning.keep(tx, found, command=run.command, at=run.now())
            yield found
