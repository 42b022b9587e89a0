"""agent-loop: repair a project until its failing tests pass."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from roadmap_cli.cli.command import command
from roadmap_cli.cli.run import Run
from roadmap_cli.core.errors import Negative
from roadmap_cli.core.records import Record

_SAID = {
    "paused": "stopped by a limit after {count} candidates; nothing is claimed",
    "exhausted": "no candidate is left that has not been refuted",
    "no_tests": "no test was run: there is nothing to repair by",
    "unstable": "the tests do not always say the same (flaky); nothing is claimed",
    "hanging": "the tests do not end within --suite-seconds",
    "broken": "the tests cannot be run to an end",
}


def _picture(records: Sequence[Record], console: Any) -> None:
    """For people: what failed, where the fault is, the diff, and how it ended."""
    for record in records:
        match record["kind"]:
            case "agent.test_result":
                console.print(f"{record['phase']}: {record['passed_count']} passed, {record['failed_count']} failed")
            case "agent.suspicion" if record["lines"]:
                first = record["lines"][0]
                console.print(f"most suspect: {first['file']}:{first['line']} ({first['suspicion_ratio']:.2f})")
            case "agent.fix":
                console.print(f"{record['driver']} ({record['template']}):\n")
                console.print(record["diff"], markup=False, highlight=False)
            case "agent.run_finished":
                console.print(f"{record['status']} after {record['candidate_count']} candidates")


@command(
    writes=(
        "agent.run_started",
        "agent.test_result",
        "agent.suspicion",
        "agent.candidate",
        "agent.fix",
        "agent.run_finished",
    ),
    state="write",
    effects=("files", "programs"),
    columns=("at", "kind", "status", "phase", "file", "line"),
    examples={
        "Repair a project and see the diff": (
            "agent-loop --test 'pytest -q' examples/fix-the-parser/ | jq -j '.diff // empty'"
        ),
        "Write the repair to the project": (
            "agent-loop --test 'pytest -q' --apply $HOME/fix-the-parser/ | jq -r '.driver // empty'"
        ),
    },
    see=("agent-sandbox", "roadmap-why"),
    picture=_picture,
)
@click.option(
    "--test", metavar="COMMAND", help="The command that runs the tests; split as a shell does, not run by one."
)
@click.option(
    "--max-iterations", type=click.IntRange(1), default=2000, show_default=True, metavar="N", help="Candidates."
)
@click.option(
    "--seconds", type=click.FloatRange(0), default=120.0, show_default=True, help="Most wall time it may take."
)
@click.option(
    "--suite-seconds", type=click.FloatRange(1), default=120.0, show_default=True, help="Time for one run of all tests."
)
@click.option(
    "--memory-bytes",
    type=click.IntRange(64 << 20),
    default=1 << 30,
    show_default=True,
    help="Most memory that what runs may take.",
)
@click.option("--apply", is_flag=True, help="Write the repair to the project, if its files are still what they were.")
@click.option("--candidates", is_flag=True, help="Write a record for each candidate, too.")
@click.option("--resume", metavar="RUN", help="Go on with a paused run; folder and test command are its own.")
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path), metavar="DIRECTORY")
def main(
    run: Run, test: str | None, max_iterations: int, seconds: float, suite_seconds: float, memory_bytes: int,
    apply: bool,
    candidates: bool, resume: str | None, folder: Path | None,
) -> Iterable[Record]:  # fmt: skip
    """Repair a project until its failing tests pass.

    Run the tests in a sandbox, find the lines that failing tests run most (Ochiai), try small edits there, and keep
    the one with which the whole suite passes, twice.
    A repair that mended the same failure before is tried first.
    The project is copied into the sandbox as it stands, uncommitted work included; it is changed only with --apply.
    The repair is the diff in the agent.fix record, for git apply or patch -p1.

    It is called plausible, not correct: passing tests are all that is known of it.
    When a limit stops the run, nothing is claimed, the exit code is 1, and the same command or --resume goes on
    without trying a refuted edit again.
    """
    import sys
    import time

    from roadmap_cli.agent.loop import Bounds, Loop, World
    from roadmap_cli.state.lock import one_at_a_time

    world = World(run.state, run.command, run.now, time.monotonic, run.environ, sys.executable, run.detail)
    bounds = Bounds(max_iterations, seconds, suite_seconds, memory_bytes)
    loop = Loop(world, bounds, folder=folder, test=test, resume=resume, apply=apply, tell_candidates=candidates)
    with one_at_a_time(run.state_path, f"agent-loop-{loop.job}", run.choices.wait):
        finished: Record = {}
        for finished in loop.records():
            yield finished
    if loop.status not in ("fixed", "already_green"):
        hint = f"agent-loop --resume {loop.id}" if loop.status == "paused" else None
        raise Negative(_SAID[loop.status].format(count=finished["candidate_count"]), hint=hint)
    if loop.status == "fixed":
        run.note("wrote the repair to the project" if loop.applied else "found a repair; --apply writes it")
