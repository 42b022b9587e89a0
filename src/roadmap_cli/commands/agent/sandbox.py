"""agent-sandbox: run a program with no network and one writable folder."""

from __future__ import annotations

from pathlib import Path

import click

from roadmap_cli.cli.command import command
from roadmap_cli.cli.run import Run

_MIB = 1 << 20


@command(
    writes="agent.sandbox",
    runs_program=True,
    effects=("files", "programs"),
    examples={
        "Run a program without network": "echo data | agent-sandbox --project $HOME/project -- wc -c",
        "Keep a record of what was in force": (
            "agent-sandbox --project $HOME/project --report $HOME/report.jsonl -- sh -c ': > .git/hooks/pre-commit'"
        ),
    },
    see=("agent-loop",),
)
@click.option("--project", type=click.Path(file_okay=False, path_type=Path), default=".", metavar="DIRECTORY",
              help="The only writable folder; the current one by default.")  # fmt: skip
@click.option("--read", "readable", multiple=True, type=click.Path(path_type=Path, exists=True), metavar="PATH",
              help="Let it read PATH, too; may be repeated.")  # fmt: skip
@click.option(
    "--setenv", multiple=True, metavar="NAME=VALUE", help="Set a variable in its otherwise clean environment."
)
@click.option(
    "--seconds", type=click.FloatRange(0), default=600.0, show_default=True, help="Most wall time it may take."
)
@click.option("--cpu-seconds", type=click.IntRange(1), default=600, show_default=True, help="CPU time of each process.")
@click.option(
    "--memory-bytes",
    type=click.IntRange(_MIB),
    default=1024 * _MIB,
    show_default=True,
    help="Most memory that what runs may take.",
)
@click.option("--processes", type=click.IntRange(1), default=256, show_default=True, help="Processes and threads.")
@click.option("--file-bytes", type=click.IntRange(0), default=1024 * _MIB, show_default=True, help="Size of one file.")
@click.option(
    "--disk-bytes", type=click.IntRange(0), default=1024 * _MIB, show_default=True, help="Growth of the folder."
)
@click.option(
    "--output-bytes", type=click.IntRange(0), default=1024 * _MIB, show_default=True, help="Size of its output."
)
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Append the agent.sandbox record to FILE.")  # fmt: skip
@click.argument("argv", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND [ARGUMENT]...")
def main(
    run: Run, project: Path, readable: tuple[Path, ...], setenv: tuple[str, ...], seconds: float, cpu_seconds: int,
    memory_bytes: int, processes: int, file_bytes: int, disk_bytes: int, output_bytes: int, report: Path | None,
    argv: tuple[str, ...],
) -> None:  # fmt: skip
    """Run a program with no network and one writable folder.

    The program sees the system's /usr read-only, an empty /tmp, its own processes, and the project folder, in which
    .git and files that other tools run are read-only.
    It has no network, no privileges and a filtered set of system calls, and everything it started ends with it.
    Standard input and output are the program's, passed on unchanged through pipes.

    The exit code is the program's; 124 if a limit ended it, 126 if it cannot be run, 127 if it is not found, and 69
    if the sandbox cannot be made: nothing ever runs outside of it.
    With --dry-run nothing runs; what would be in force is checked and reported.
    """
    from roadmap_cli.agent.confine import confine
    from roadmap_cli.agent.sandbox import Grant, Limits
    from roadmap_cli.core.errors import UsageError

    environ = {}
    for pair in setenv:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"--setenv {pair!r}: not NAME=VALUE")
        environ[name] = value
    grant = Grant(project.resolve(), readable=tuple(path.resolve() for path in readable), environ=environ)
    limits = Limits(seconds, cpu_seconds, memory_bytes, processes, file_bytes, disk_bytes, 1024, output_bytes)
    record, code = confine(grant, limits, argv, dry_run=run.dry_run, now=run.now)
    for path in record.get("set_aside", ()):
        run.warn(f"{path}: made by the program where other tools would run it; moved aside")
    if record.get("stopped_by"):
        run.warn(f"ended by the limit on {record['stopped_by']}")
    if report is not None:
        import orjson

        with report.open("ab") as file:
            file.write(orjson.dumps(record) + b"\n")
    run.exit_code = code
