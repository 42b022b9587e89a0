"""wf-plan: what would be done, by whom, at what risk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import click

from roadmap_cli.cli.command import command
from roadmap_cli.cli.run import Run
from roadmap_cli.core.records import Record


def _picture(records: Sequence[Record], console: Any) -> None:
    from roadmap_cli.cli.planned import draw

    draw(records, console)


@command(
    reads="wf.match",
    writes=("wf.plan", "wf.finding", "wf.graph", "wf.template_schema"),
    state="write",
    columns=("at", "id", "workflow", "risk", "requested_by", "file", "line", "severity", "code", "message"),
    examples={
        "See what would be done":
            "wf-listen --from alertmanager -i examples/wf/alertmanager.json | wf-match | wf-plan --plain",
        "The graph for Graphviz": "wf-listen --replay | wf-match | wf-plan --graph dot | jq -r .text",
        "Check a template": "wf-plan --check examples/wf/broken.yaml",
        "The JSON Schema of templates, for an editor": "wf-plan --template-schema | jq .schema.title",
    },
    see=("wf-match", "wf-approve"),
    picture=_picture,
)  # fmt: skip
@click.option(
    "--templates", type=click.Path(), multiple=True, metavar="PATH",
    help="Use the templates in this file or folder; may be repeated. Default: yours and those that come along.",
)  # fmt: skip
@click.option("--check", type=click.Path(), multiple=True, metavar="PATH", help="Check templates; plan nothing.")
@click.option("--show", multiple=True, metavar="PLAN", help="Show a plan that was made before; read no input.")
@click.option(
    "--graph", "form", type=click.Choice(["mermaid", "dot"]),
    help="Write the graph of each plan as text for Mermaid or Graphviz, in a wf.graph record.",
)  # fmt: skip
@click.option("--template-schema", is_flag=True, help="Write the JSON Schema of templates; plan nothing.")
@click.option("--as", "name", metavar="NAME", help="Act in this name. Default: your login name.")
@click.option(
    "--directory", type=click.Path(file_okay=False, exists=True), default=".", show_default=True, metavar="FOLDER",
    help="Where the steps will run.",
)  # fmt: skip
def main(
    run: Run,
    templates: tuple[str, ...],
    check: tuple[str, ...],
    show: tuple[str, ...],
    form: str | None,
    template_schema: bool,
    name: str | None,
    directory: str,
) -> Iterator[Record]:
    """Make the concrete plan of a workflow before anything happens.

    A plan has every step with its values put in, who acts, what it must be allowed and may touch, its risk, an estimate
    and a confidence from past runs with what they rest on, and a hash of all that decides what will be done.
    An approval names that hash and is worth nothing for any other plan.
    The risk is that of the effects the template declares, raised by what is touched (resources under 'sensitive' in
    workflows/settings.toml) and by how often.

    Inputs come from the event, else from workflows/settings.toml, else from the template.
    On a terminal the plan is drawn, high risk in red and in double lines.

    Where rights are given (see wf-grant), the programs of a plan are held to its folder, and a plan that could not run
    as things are is warned of.

    roadmap-workflow(5) tells how a template is written.
    With --check it reads templates, writes a wf.finding for each fault with its file and line, and ends with 1 if one
    of them is an error.
    """
    from roadmap_cli.core.errors import Negative, UsageError
    from roadmap_cli.wf import library
    from roadmap_cli.wf.language import loading, schema
    from roadmap_cli.wf.planning import graph, planner

    if sum(map(bool, (template_schema, check, show))) > 1:
        raise UsageError("--check, --show and --template-schema exclude each other")
    if template_schema:
        yield schema.record(run.now())
    elif check:
        places, others = library.places(check, run.environ), library.places(templates, run.environ)
        faults = loading.check_all(places, others)
        yield from planner.findings(faults, run.now())
        if any(each.severity == "error" for each in faults):
            raise Negative
    else:
        for found in _shown(run, show) if show else _planned(run, templates, name, directory):
            yield graph.record(found, form, run.now()) if form else found


def _shown(run: Run, names: Sequence[str]) -> Iterator[Record]:
    from roadmap_cli.wf.planning import keeping

    for name in names:
        with run.state.read() as tx:
            found = keeping.stored_plan(tx, name)
        yield found


def _planned(run: Run, templates: Sequence[str], name: str | None, directory: str) -> Iterator[Record]:
    from pathlib import Path

    from roadmap_cli.wf.planning.preparing import Planner
    from roadmap_cli.wf.rights import grants
    from roadmap_cli.wf.running import foresight

    planner = Planner(tuple(templates), run.environ, name=name, directory=Path(directory), warn=run.warn)
    for match in run.records():
        if match.get("ambiguous"):
            run.warn(f"match {match['id']} is ambiguous and left alone; say which with wf-match --choose")
            continue
        with run.item(match):
            with run.state.read() as tx:
                is_claimed = grants.is_claimed(tx)
            plan = planner.plan(run.state, match, holds_programs=is_claimed, command=run.command, at=run.now())
            if not run.dry_run:
                with run.state.read() as tx:
                    found = foresight.obstacle(tx, plan, run.now())
                if found:
                    run.warn(f"plan {plan['id']} of {plan['workflow']!r} cannot run as things are: {found}", found.mend)
            yield plan
