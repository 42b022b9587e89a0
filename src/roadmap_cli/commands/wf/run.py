"""wf-run: approved plans, durably."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import IO

import click

from roadmap_cli.cli.command import command
from roadmap_cli.cli.run import Run
from roadmap_cli.core.records import Record


@command(
    reads="wf.approval",
    writes=("wf.run_started", "wf.run_resumed", "wf.step_started", "wf.step_finished", "wf.run_finished"),
    state="write",
    effects=("files", "programs"),
    columns=("at", "kind", "run_id", "step", "status"),
    examples={
        "Run what an alert asks for":
            "wf-listen --from alertmanager -i examples/wf/alertmanager.json | wf-match"
            " | wf-plan --directory $HOME | wf-approve | wf-run --plain",
        "Go on after a crash, from cron": "wf-run --resume",
    },
    see=("wf-approve", "roadmap-why"),
)  # fmt: skip
@click.option("--resume", is_flag=True, help="Also begin plans approved and never begun; read no input.")
@click.option(
    "--database", type=click.File("r"), metavar="FILE", envvar="ROADMAP_DATABASE",
    help="Keep the engine's tables in the Postgres whose URL is in FILE, not in the state.",
)  # fmt: skip
def main(run: Run, resume: bool, database: IO[str] | None) -> Iterator[Record]:
    """Run approved plans so that they survive a crash.

    Runs that were cut off are gone on with first, unless another process is at work on them; then each approved plan of
    the input is run, once: a plan that has run before is passed over.
    What counts is the approval in the state, not the record that names it.
    The end of each step is stored before it is told.
    A step that has ended is never done again; one that was cut off in the middle is, with the same key in
    ROADMAP_IDEMPOTENCY_KEY.

    It ends with 1 if a run failed or a plan was denied, and with 75 if a plan still waits for approval.
    """
    from roadmap_cli.core.errors import Negative, TryLater
    from roadmap_cli.wf import engine, library, runs

    def launch(body: engine.Body, stop: threading.Event) -> engine.Engine:
        place = engine.postgres(database.read().strip()) if database else engine.sqlite(run.state.another)
        return engine.Engine(body, place, stop)

    if run.dry_run:
        yield from _dry(run)
        return
    runner = runs.Runner(
        run.state, launch, environ=library.environ(run.environ), command=run.command, now=run.clock,
        wait_s=run.choices.wait,
    )  # fmt: skip
    counts = {"waiting": 0, "failed": 0}

    def counted(records: Iterator[Record]) -> Iterator[Record]:
        for record in records:
            counts["failed"] += record["kind"] == "wf.run_finished" and record["status"] == "failed"
            yield record

    try:
        for identity in runner.unfinished():
            yield from counted(runner.take_up(identity))
        for plan_id in runner.ready() if resume else _plans(run):
            with run.item():
                with run.state.read() as tx:
                    standing, _ = runner.standing(tx, plan_id)
                if standing == "approved" or runner.has_begun(plan_id):
                    yield from counted(runner.run(plan_id))
                else:
                    run.warn(f"plan {plan_id} is left alone: its approval is {standing}")
                    counts["failed" if standing in ("denied", "refused") else "waiting"] += 1
    finally:
        runner.close()
    if counts["failed"]:
        raise Negative(f"{counts['failed']} runs failed or were not allowed")
    if counts["waiting"]:
        raise TryLater(f"{counts['waiting']} plans wait for approval", hint="wf-approve --list")


def _plans(run: Run) -> Iterator[str]:
    from roadmap_cli.core.records import require

    for approval in run.records():
        with run.item(approval):
            yield require(approval, "plan_id", str)


def _dry(run: Run) -> Iterator[Record]:
    """What would be run: each approval that holds, as it stands in the state."""
    from roadmap_cli.wf import approvals

    for plan_id in _plans(run):
        with run.item():
            with run.state.read() as tx:
                standing, record = approvals.standing(tx, approvals.stored_plan(tx, plan_id), run.now())
            if standing == "approved" and record:
                yield record
