"""wf-worker: runs as they become ready."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

import click

from roadmap_cli.cli.command import command
from roadmap_cli.cli.options import running_options
from roadmap_cli.cli.ranges import FiniteRange
from roadmap_cli.cli.run import Run
from roadmap_cli.core.records import Record


def _progress(console: Any) -> Any:
    from roadmap_cli.cli.doing import Progress

    return Progress(console)


@command(
    writes=(
        "wf.run_started", "wf.run_resumed", "wf.step_started", "wf.step_finished", "wf.run_finished", "wf.run_waiting",
        "wf.run_paused", "wf.task",
    ),
    state="write",
    effects=("files", "programs", "network"),
    columns=("at", "kind", "run_id", "step", "status", "reason", "question"),
    drawing=_progress,
    examples={"Do what is ready, and end": "wf-worker --once"},
    see=("wf-run", "wf-approve"),
)  # fmt: skip
@click.option("--once", is_flag=True, help="Do what there is now, and end.")
@running_options()
@click.option("--grace", type=FiniteRange(0), default=20, show_default=True, help="Seconds to finish at the end.")
def main(
    run: Run, once: bool, database: IO[str] | None, parallel: int, park_after: float, grace: float
) -> Iterator[Record]:
    """Run plans as they become ready, until told to end.

    Takes up every plan whose approval holds and that was never begun, every run that was cut off, and every run whose
    wait is over or whose question was answered; the most urgent first.
    Several may work on one state, and, with --database, on many machines: each run is one worker's at a time.

    With --database the runs stand in a Postgres: plans, how their steps stand and what they gave, questions and
    answers, and the rights of the state where the plan was approved.
    FILE has the URL in its first line and in its second a key of 32 bytes, the same for all machines: head -c 32
    /dev/urandom | base64.
    What stands in the Postgres is sealed with it.
    A Postgres on another machine needs that key, an encrypted way to it (sslmode=verify-full) and a permission for the
    purpose workflow (roadmap-permit).
    Each machine keeps its own encrypted state, with its secrets and permissions; events and the audit log stay in the
    state where the plan was approved, which draws in what was done whenever wf-run or wf-worker work on it with
    --database.
    Programs and folders that steps name must be there on each machine.
    The runs of a process of this machine that was killed are taken up at once, those of another after half a minute.

    At SIGTERM it begins nothing more, lets what is being done end for the time of --grace, and ends with 0; what is not
    done by then is done again later, with the same key.
    A Postgres that is away is waited for.
    """
    from roadmap_cli.wf import library
    from roadmap_cli.wf.running import foresight, opening, working

    settings = opening.Settings(library.environ(run.environ), run.command, run.clock, parallel, park_after)
    if run.dry_run:
        yield from working.ready(run.state, run.now(), run.warn)
        return
    place = (
        opening.on_database(run.state, database.read(), settings, run.transport) if database
        else opening.on_state(run.state, settings)
    )  # fmt: skip
    with place as engine, working.unheard(engine, grace), working.ended_by_signal(lambda: engine.drain(grace)):
        for record in working.work(engine, run.clock, run.warn, once=once):
            if record["kind"] == "wf.run_finished" and record["status"] == "failed":
                with run.state.read() as tx:
                    run.warn(*foresight.failure(tx, record, run.now()))
            yield record
            run.deliver()
