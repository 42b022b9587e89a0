"""agent-show: a run of the repair loop, as it went."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from roadmap_cli.cli.command import command
from roadmap_cli.cli.run import Run
from roadmap_cli.cli.terminal import counted
from roadmap_cli.core.errors import CannotCreate, Negative
from roadmap_cli.core.records import Record


def _picture(records: Sequence[Record], console: Any) -> None:
    """For people: runs as a table; a run as a timeline with its diff and the reasons of its decisions."""
    from roadmap_cli.agent.runs.history import line, more, rivals
    from roadmap_cli.cli.diff import draw
    from roadmap_cli.cli.terminal import visible

    for record in records:
        match record["kind"]:
            case "agent.run":
                console.print(
                    visible(f"{record['id']}  {record['project']}"), style="bold", markup=False, soft_wrap=True
                )
                said = [record["status"], *(str(record[n]) for n in ("reason", "verdict", "driver") if n in record)]
                said.append(counted(record["candidate_count"], "candidate"))
                text = f"{record['at']}  {', '.join(said)}: {record['test']}"
                console.print(visible(text), markup=False, highlight=False, soft_wrap=True)
                if record.get("goal"):
                    console.print(visible(f"goal: {record['goal']}"), markup=False, highlight=False)
            case "why.decision":
                console.print(visible(f"why: {record['what']}: {record['why']}"), markup=False, highlight=False)
                console.print(visible(f"     roadmap-why {record['id']}"), style="dim", markup=False, highlight=False)
            case _:
                what, says = line(record)
                console.print(
                    f"{record['at'][11:23]}  {visible(what):<14}  {visible(says)}", markup=False, highlight=False,
                    soft_wrap=True,
                )  # fmt: skip
                for each in more(record):
                    console.print(f"{'':14}{visible(each)}", markup=False, highlight=False, soft_wrap=True)
                if record["kind"] in ("agent.fix", "agent.partial"):
                    console.print()
                    draw(record["diff"], console)
                    console.print()
                for words, diff in rivals(record):
                    console.print(visible(words), markup=False, highlight=False)
                    draw(diff, console)
                    console.print()


@command(
    writes=(
        "agent.run",
        "agent.run_started",
        "agent.step",
        "agent.test_result",
        "agent.suspicion",
        "agent.fix",
        "agent.partial",
        "agent.run_finished",
        "why.decision",
    ),
    state="read",
    effects=("files",),
    streams=False,
    columns=("at", "kind", "status", "step", "outcome", "what", "why"),
    examples={
        "What did the last run do?": "agent-show --plain | cut -f 2 | sort -u",
        "A page to pass on": "agent-show --html $HOME/run.html | jq -r 'select(.status).status' | head -n 1",
        "Which runs are there?": "agent-show --runs | jq -r .status",
    },
    see=("agent-loop", "roadmap-why"),
    picture=_picture,
)
@click.option("--runs", "wants_list", is_flag=True, help="Write one record for each run, the newest first.")
@click.option("--limit", type=click.IntRange(1), metavar="COUNT", help="Only the newest ones.")
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also make a page of it, for a browser.",
)
@click.option(
    "--traj", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Also make a .traj.json of it, as mini-swe-agent writes them.",
)  # fmt: skip
@click.argument("wanted", required=False, metavar="RUN")
def main(
    run: Run, wants_list: bool, limit: int | None, html: Path | None, traj: Path | None, wanted: str | None
) -> Iterable[Record]:
    """Show a run of the repair loop as it went.

    RUN is a run's id; without it, the run that last went on is shown.
    First comes the run summed up (agent.run), then its records in order, then the decisions it made and why.
    On a terminal this is a timeline, with the diff in colour.
    The page of --html needs nothing from anywhere, and holds the same for a browser.

    The exit code is 1 if there is no such run.
    """
    from roadmap_cli.agent.runs import history as histories

    with run.state.read() as tx:
        if wants_list:
            summaries = list(histories.runs(tx, limit))
            found = None
        else:
            name = wanted or histories.newest(tx)
            found = histories.history(tx, name) if name else None
    if wants_list:
        yield from summaries
        return
    if found is None:
        raise Negative(f"there is no run {wanted!r}" if wanted else "there is no run yet", hint="agent-show --runs",
                       code="no_run")  # fmt: skip
    if html is not None:
        from roadmap_cli.agent.runs.html import page

        _write(run, html, page(found).encode(errors="replace"))
    if traj is not None:
        import json

        from roadmap_cli.agent.runs.trajectory import trajectory

        _write(run, traj, json.dumps(trajectory(found), indent=2, ensure_ascii=False).encode(errors="replace") + b"\n")
    yield found.summary
    yield from found.records
    yield from found.decisions


def _write(run: Run, path: Path, content: bytes) -> None:
    """A file, complete or not at all; a pipe or a device as it is. Raises CannotCreate."""
    from roadmap_cli.core import writing

    if run.dry_run:
        return
    try:
        with writing.complete(path) as stream:
            stream.write(content)
    except OSError as error:
        raise CannotCreate(f"cannot write: {(error.strerror or str(error)).lower()}", where=str(path)) from None
    run.note(f"wrote {path}")
