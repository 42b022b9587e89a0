"""wf-learn: what past runs teach, and changes of templates that a person may accept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from roadmap_cli.cli import Run, group
from roadmap_cli.cli.terminal import visible
from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    from roadmap_cli.wf.language.templates import Template

main = group(
    "Learn from past runs and propose better templates.",
    """What a run did is kept: how often each step was tried, how long it took, why it failed.
    From that it is told how steps did, which past runs were like a new event, and what a template could do better.
    A proposal comes with its evidence, as a diff, played against the past runs; a person accepts it, and can take that
    back. No proposal lets a workflow do more than before: only how long and how often a step tries can change.""",
    module=__name__,
    examples={
        "How did the steps do?": "wf-learn evaluate --plain",
        "What could be better?": "wf-learn propose | jq -r .diff",
        "Which proposals wait?": "wf-learn list --plain",
    },
    see=("wf-run", "wf-plan", "wf-match", "roadmap-why"),
)
_PROPOSAL = ("status", "id", "workflow", "step", "field", "old", "new", "why")
_TEMPLATES = click.option(
    "--templates", type=click.Path(), multiple=True, metavar="PATH",
    help="Use the templates in this file or folder; may be repeated. Default: yours and those that come along.",
)  # fmt: skip
_NAME = click.option("--as", "name", metavar="NAME", help="Act in this name. Default: your login name.")


def _draw(records: Sequence[Record], console: Any) -> None:
    """Each proposal with its reason and its diff."""
    from rich.syntax import Syntax
    from rich.text import Text

    for each in records:
        head = Text(f"{visible(each['workflow'])} · {visible(each['step'])}", style="bold")
        head.append(f"  {each.get('status', '')}", style="dim")
        console.print(head)
        console.print(Text(visible(each["why"])))
        console.print(Text(f"{each['low_ratio']:.0%} to {each['high_ratio']:.0%} of {each['count']}", style="dim"))
        console.print(Syntax(each["diff"], "diff", background_color="default"))
        console.print(Text(each["id"], style="dim"))


@main.command(
    state="read", writes="wf.step_evaluation",
    columns=("workflow", "step", "count", "succeeded_ratio", "retries_count", "timed_out_count"),
)  # fmt: skip
@click.argument("workflows", nargs=-1, metavar="[WORKFLOW...]")
def evaluate(run: Run, workflows: tuple[str, ...]) -> Iterable[Record]:
    """Tell how the steps of workflows did over their past runs.

    Shares come with their 95 % interval (Wilson): three good runs out of three do not yet say much.
    """
    from roadmap_cli.wf.learning import evaluating, history

    with run.state.read() as tx:
        found = [
            record
            for workflow in workflows or history.workflows(tx)
            for record in evaluating.steps(workflow, history.of(tx, workflow), run.now())
        ]
    yield from found


@main.command(
    state="read", reads="wf.event", writes="wf.similar_run", columns=("likeness_ratio", "status", "workflow", "run_id")
)
@click.option("--limit", type=click.IntRange(1), default=5, show_default=True, metavar="COUNT", help="At most so many.")
def similar(run: Run, limit: int) -> Iterable[Record]:
    """Find past runs whose event was like the events of the input.

    Likeness is by the words and values of both events, each weighed by how rare it is.
    """
    from roadmap_cli.wf.learning import similar as likeness

    for event in run.records():
        with run.item(event):
            with run.state.read() as tx:
                found = likeness.runs(tx, event, run.now(), most=limit)
            yield from found


@main.command(state="write", writes="wf.proposal", columns=_PROPOSAL, picture=_draw)
@click.argument("workflows", nargs=-1, metavar="[WORKFLOW...]")
@_TEMPLATES
def propose(run: Run, workflows: tuple[str, ...], templates: tuple[str, ...]) -> Iterable[Record]:
    """Propose changes that past runs speak for.

    A time-out that ends what was about to succeed is raised, one that only prolongs hanging is lowered; another attempt
    is given where failures pass by themselves, and taken away where none ever helped.
    A proposal that would have made a past run fail is not made, and one that was rejected does not come again until
    there are twice as many runs.
    """
    from roadmap_cli.core.errors import RoadmapError
    from roadmap_cli.wf.learning import proposals

    for workflow, template in sorted(_known(run, templates).items()):
        if workflows and workflow not in workflows:
            continue
        try:
            with run.state.write() as tx:
                found = list(proposals.propose(tx, template, command=run.command, at=run.now()))
        except RoadmapError as error:
            if error.code != "unsafe_edit":
                raise
            run.warn(f"{error.where}: {error.message}")
            continue
        yield from found


@main.command(name="list", state="read", writes="wf.proposal", columns=_PROPOSAL)
@click.option("--all", "every", is_flag=True, help="Decided ones, too.")
def list_(run: Run, every: bool) -> Iterable[Record]:
    """List the proposals that wait for a person."""
    from roadmap_cli.wf.learning import proposals

    with run.state.read() as tx:
        found = list(proposals.known(tx))
    yield from (each for each in found if every or each["status"] == "proposed")


@main.command(state="read", writes="wf.proposal", columns=_PROPOSAL, picture=_draw)
@click.argument("proposal", metavar="PROPOSAL")
def show(run: Run, proposal: str) -> Iterable[Record]:
    """Show a proposal with its evidence and its diff."""
    from roadmap_cli.core.errors import DataError
    from roadmap_cli.wf.learning import proposals

    with run.state.read() as tx:
        found = proposals.get(tx, proposal)
    if found is None:
        raise DataError(
            f"there is no proposal {proposal!r}", hint="'wf-learn list' shows them", code="unknown_proposal"
        )
    yield found


@main.command(state="write", effects="files", writes="wf.proposal", columns=("status", "workflow", "step", "path"))
@click.argument("proposal", metavar="PROPOSAL")
@_TEMPLATES
@_NAME
def accept(run: Run, proposal: str, templates: tuple[str, ...], name: str | None) -> Iterable[Record]:
    """Write the changed template into your folder of workflows.

    Only the one field and the version change in its text; a template that comes along is copied there first, with the
    files its steps name.
    """
    from roadmap_cli.core import paths
    from roadmap_cli.wf import people
    from roadmap_cli.wf.learning import proposals

    known = _known(run, templates)
    folder = Path(templates[0]) if templates and Path(templates[0]).is_dir() else None
    with run.state.write() as tx:
        found = proposals.accept(
            tx, proposal, known, folder or paths.config_directory(run.environ) / "workflows", by=people.user(name),
            command=run.command, at=run.now(), writes=not run.dry_run,
        )  # fmt: skip
    yield found
    run.note(f"'wf-learn rollback {proposal}' takes it back")


@main.command(state="write", writes="wf.proposal", columns=_PROPOSAL)
@click.argument("proposal", metavar="PROPOSAL")
@_NAME
def reject(run: Run, proposal: str, name: str | None) -> Iterable[Record]:
    """Leave the template as it is."""
    from roadmap_cli.wf import people
    from roadmap_cli.wf.learning import proposals

    with run.state.write() as tx:
        found = proposals.reject(tx, proposal, by=people.user(name), command=run.command, at=run.now())
    yield found


@main.command(state="write", effects="files", writes="wf.proposal", columns=_PROPOSAL)
@click.argument("proposal", metavar="PROPOSAL")
@_NAME
def rollback(run: Run, proposal: str, name: str | None) -> Iterable[Record]:
    """Put back what stood in the template before a proposal was accepted.

    Not if somebody has changed the file since.
    """
    from roadmap_cli.wf import people
    from roadmap_cli.wf.learning import proposals

    with run.state.write() as tx:
        found = proposals.roll_back(
            tx, proposal, by=people.user(name), command=run.command, at=run.now(), writes=not run.dry_run
        )
    yield found


def _known(run: Run, templates: tuple[str, ...]) -> dict[str, Template]:
    from roadmap_cli.wf import library
    from roadmap_cli.wf.language.loading import load_all

    return {each.workflow: each for each in load_all(library.places(templates, run.environ))}
