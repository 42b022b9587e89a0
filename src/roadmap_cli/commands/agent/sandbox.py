"""agent-sandbox: run a program with no network and one writable folder."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from roadmap_cli.cli.command import command
from roadmap_cli.cli.ranges import FiniteRange
from roadmap_cli.cli.run import Run

_MIB = 1 << 20
_KEPT = 20


@command(
    writes="agent.sandbox",
    runs_program=True,
    state="write",
    effects=("files", "programs", "network"),
    examples={
        "Run a program without network": "echo data | agent-sandbox --project $HOME/project -- wc -c",
        "Keep a record of what was in force": (
            "agent-sandbox --project $HOME/project --report $HOME/report.jsonl -- sh -c ': > .git/hooks/pre-commit'"
        ),
        "Let a program reach one host": (
            "agent-sandbox --project $HOME/project --allow-host example.org -- curl -sS http://example.net/"
        ),
        "Undo what a program did if it fails": (
            "agent-sandbox --project $HOME/project --rollback-on-failure -- sh -c 'rm result; exit 1'"
        ),
    },
    see=("agent-snapshot", "agent-loop"),
)
@click.option("--project", type=click.Path(file_okay=False, path_type=Path), default=".", metavar="DIRECTORY",
              help="The project folder; the current one by default.")  # fmt: skip
@click.option("--read", "readable", multiple=True, type=click.Path(path_type=Path, exists=True), metavar="PATH",
              help="Let it read PATH, too; may be repeated.")  # fmt: skip
@click.option("--write", "writable", multiple=True, type=click.Path(path_type=Path, exists=True, file_okay=False),
              metavar="DIRECTORY", help="Let it write in DIRECTORY, too; may be repeated.")  # fmt: skip
@click.option("--allow-host", "hosts", multiple=True, metavar="HOST[:PORT]",
              help="Grant the use of HOST; may be repeated.")  # fmt: skip
@click.option("--env", "names", multiple=True, metavar="NAME", help="Hand on a variable of yours; may be repeated.")
@click.option(
    "--setenv", multiple=True, metavar="NAME=VALUE", help="Set a variable in its otherwise clean environment."
)
@click.option(
    "--with-snapshot",
    "snapshot",
    is_flag=True,
    help="Keep the project as it is before; agent-snapshot shows what changed.",
)
@click.option("--rollback-on-failure", "rollback", is_flag=True,
              help="If the program fails or a limit ends it, put the project back.")  # fmt: skip
@click.option("--seconds", type=FiniteRange(0), default=600.0, show_default=True, help="Most wall time it may take.")
@click.option("--cpu-seconds", type=click.IntRange(1), default=600, show_default=True,
              help="Processor time of all its processes.")  # fmt: skip
@click.option(
    "--memory-bytes",
    type=click.IntRange(_MIB),
    default=1024 * _MIB,
    show_default=True,
    help="Most memory that what runs may take.",
)
@click.option("--processes", type=click.IntRange(1), default=256, show_default=True, help="Processes and threads.")
@click.option("--open-files", type=click.IntRange(16), default=1024, show_default=True, help="Of each process.")
@click.option("--file-bytes", type=click.IntRange(0), default=1024 * _MIB, show_default=True, help="Size of one file.")
@click.option(
    "--disk-bytes", type=click.IntRange(0), default=1024 * _MIB, show_default=True, help="Growth of the folder."
)
@click.option("--new-files", type=click.IntRange(0), default=200_000, show_default=True, help="Files it may add.")
@click.option(
    "--output-bytes", type=click.IntRange(0), default=1024 * _MIB, show_default=True, help="Size of its output."
)
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Append the agent.sandbox record to FILE.")  # fmt: skip
@click.argument("argv", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND [ARGUMENT]...")
def main(
    run: Run, project: Path, readable: tuple[Path, ...], writable: tuple[Path, ...], hosts: tuple[str, ...],
    names: tuple[str, ...],
    setenv: tuple[str, ...], snapshot: bool, rollback: bool, seconds: float, cpu_seconds: int, memory_bytes: int,
    processes: int, open_files: int, file_bytes: int, disk_bytes: int, new_files: int, output_bytes: int,
    report: Path | None, argv: tuple[str, ...],
) -> None:  # fmt: skip
    """Run a program with no network and one writable folder.

    The program sees the system's /usr read-only, an empty /tmp, its own processes, and the project folder, in which
    .git and files that other tools run are read-only.
    Such files that it makes anew are renamed to NAME.untrusted when it ends.
    It has no network, no privileges and a filtered set of system calls, and everything it started ends with it.
    Your home directory, a folder of the system, or one that holds the state or keys is never lent.
    With --allow-host it finds a proxy in its environment, its only way out, that leads to the hosts you named, by HTTP
    and HTTPS or at the port you say.
    What it sends there is up to the program; each connection is written down, and roadmap-permit log shows it.

    Standard input and output are the program's, passed on unchanged through pipes; on a terminal, escape sequences
    other than colours are made visible instead of obeyed.

    The exit code is the program's; 124 if a limit ended it, 126 if it cannot be run, 127 if it is not found, and 69
    if the sandbox cannot be made: nothing ever runs outside of it.
    Where the machine has no control groups for this user, memory and processor time are watched ten times a second
    and bounded for each process; the record names what was in force.
    With --dry-run nothing runs; what would be in force is checked and reported.
    The 20 newest snapshots of a project are kept.
    roadmap-sandbox(7) lists what was tried against the sandbox, what stops it, and where its limits are.
    """
    import signal

    from roadmap_cli.agent.sandbox import Grant, Limits, place
    from roadmap_cli.agent.sandbox.confine import confine
    from roadmap_cli.agent.snapshot import Store
    from roadmap_cli.core import paths
    from roadmap_cli.core.errors import UsageError

    environ = {}
    for name in names:
        if name not in run.environ:
            raise UsageError(f"--env {name!r}: not set")
        environ[name] = run.environ[name]
    for pair in setenv:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"--setenv {pair!r}: not NAME=VALUE")
        environ[name] = value
    grant = Grant(project.resolve(), readable=tuple(path.resolve() for path in readable), environ=environ,
                  writable=tuple(path.resolve() for path in writable))  # fmt: skip
    kept = paths.snapshots_directory(run.environ)
    secrets = [path.resolve() for path in (run.state_path, kept, paths.config_directory(run.environ), kept.parent)]
    for folder in (grant.project, *grant.writable):
        place.check_writable(folder, home=Path(run.environ.get("HOME") or "/root").resolve(), secrets=secrets)
    for path in grant.readable:
        place.check_readable(path, secrets=secrets)
    written = _opened(report) if report is not None else None
    limits = Limits(seconds, cpu_seconds, memory_bytes, processes, file_bytes, disk_bytes, open_files, output_bytes,
                    new_files)  # fmt: skip
    store = Store(kept) if snapshot or rollback else None
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # a terminal that is closed: what follows a run still happens
        signal.signal(signal.SIGHUP, signal.getsignal(signal.SIGTERM))
    outlet = None
    if hosts and not run.dry_run:
        from roadmap_cli.agent.sandbox.outlet import Outlet
        from roadmap_cli.net.permissions import host_name

        outlet = Outlet(run.transport, [host_name(host) for host in hosts], run.environ, run.warn)
    record, code = confine(grant, limits, argv, dry_run=run.dry_run, now=run.now, store=store, rollback=rollback,
                           outlet=outlet)  # fmt: skip
    if store is not None and not run.dry_run:
        if snapshot or "snapshot" not in record:
            store.prune(grant.project, _KEPT)
        else:
            store.forget([store.find(record.pop("snapshot"), grant.project)])
    for moved in record.get("set_aside", ()):
        run.warn(f"{moved}: made by the program where other tools would run it; moved aside")
    if record.get("stopped_by") == "output":
        run.warn(f"ended by the limit on output; only its first {record['output_bytes']} bytes were passed on")
    elif record.get("stopped_by"):
        run.warn(f"ended by the limit on {record['stopped_by']}")
    if record.get("rolled_back"):
        run.warn(f"{record['rolled_back']} changes in {grant.project} undone")
    if written is not None:
        import orjson

        with written:
            written.write(orjson.dumps(record) + b"\n")
    run.exit_code = code


def _opened(report: Path) -> BinaryIO:
    """The file for the report, before anything runs: what the program puts in its place later is not followed."""
    from roadmap_cli.core.errors import CannotCreate

    try:
        return report.open("ab")
    except OSError as error:
        raise CannotCreate.of(error, report) from None
