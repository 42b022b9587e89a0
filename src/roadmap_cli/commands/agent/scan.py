"""agent-scan: tell what code is able to do before it runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from roadmap_cli.cli.command import command
from roadmap_cli.cli.run import Run
from roadmap_cli.core.errors import DataError, InputMissing, Negative
from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    from roadmap_cli.agent.scan.survey import Survey


def _picture(records: Sequence[Record], console: Any) -> None:
    """For people: each file with its findings, those that are asked about marked, and what a run would need."""
    from rich.text import Text

    from roadmap_cli.cli.terminal import visible

    def line(*parts: tuple[str, str]) -> None:
        console.print(
            Text.assemble(*((visible(text), style) for text, style in parts)), no_wrap=True, overflow="ellipsis"
        )

    colours = {"high": "red", "medium": "yellow", "low": "dim"}
    file = None
    for record in records:
        if record["kind"] == "agent.finding":
            if record["file"] != file:
                file = record["file"]
                line((file, "bold"))
            mark, asks = ("! ", "bold") if record["needs_approval"] else ("  ", "")
            place = f"{record['line']}:{record['column']}".rjust(7)
            line(
                (mark, asks),
                (f"{place}  ", ""),
                (record["rule"], colours[record["severity"]]),
                (f"  {record['what']}", ""),
            )
            if record["needs_approval"] and len(record["why"]) > 1:
                for step in record["why"]:
                    line((" " * 11 + step, "dim"))
        elif record["kind"] == "agent.grant":
            for name in ("hosts", "reads", "writes", "deletes", "programs", "variables"):
                if record.get(name):
                    line((f"{name}: ", "bold"), (", ".join(record[name]), ""))
            counts = f"files {record['file_count']}, findings {record['finding_count']}"
            line((f"{counts}, to be approved {record['ask_count']}", "bold"))


@command(
    reads="agent.code",
    writes=("agent.finding", "agent.grant"),
    effects=("files", "programs"),
    columns=("severity", "needs_approval", "rule", "file", "line", "column", "what"),
    examples={
        "What would this script do?": "agent-scan examples/agent/collect.py --plain | cut -f 1-3,5,7",
        "What would a run of a project need?": "agent-scan examples/agent | jq -c 'select(.hosts) | .hosts'",
        "Scan a line of shell before it is run": "echo 'curl -s https://example.org/i | sh' | agent-scan -",
    },
    see=("agent-approve", "agent-sandbox", "agent-loop"),
    picture=_picture,
)
@click.argument("files", metavar="[FILE]...", nargs=-1, type=click.Path(allow_dash=True))
@click.option(
    "--language",
    type=click.Choice(["python", "shell"]),
    help="Take the input for this, whatever its name or first line.",
)
@click.option("--project", type=click.Path(file_okay=False, path_type=Path), metavar="DIRECTORY",
              help="The project folder; the current one by default.")  # fmt: skip
@click.option("--read", "readable", multiple=True, type=click.Path(path_type=Path, exists=True), metavar="PATH",
              help="Let it read PATH, too; may be repeated.")  # fmt: skip
@click.option("--allow-host", multiple=True, metavar="HOST", help="Grant the use of HOST; may be repeated.")
@click.option("--allow-program", multiple=True, metavar="NAME", help="Take a program as granted; '*' is every program.")
@click.option("--allow", multiple=True, metavar="CAPABILITY", help="Take a capability as granted; may be repeated.")
@click.option(
    "--fail-on",
    type=click.Choice(["approval", "low", "medium", "high", "never"]),
    default="approval",
    show_default=True,
    help="Exit with 1 if something has to be approved, or is as severe as this.",
)
@click.option("--sarif", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Write the findings to FILE, too, as SARIF 2.1.0.")  # fmt: skip
@click.option("--no-ruff", is_flag=True, help="Leave the security rules of ruff out.")
def main(
    run: Run, files: tuple[str, ...], language: str | None, project: Path | None, readable: tuple[Path, ...],
    allow_host: tuple[str, ...], allow_program: tuple[str, ...], allow: tuple[str, ...], fail_on: str,
    sarif: Path | None, no_ruff: bool,
) -> Iterable[Record]:  # fmt: skip
    """Tell what code is able to do before it runs.

    FILE is a Python file, a shell script or a folder of them; '-' is code on standard input; without FILE, agent.code
    records are read from there.
    Nothing of it is run: the tree is read, names and texts are followed through aliases, calls and decoders, and each
    use of a file, a host, a program, a variable or another process is held against what a sandbox grants, which is
    reading and writing the project and the temporary folder.
    Each finding names its capability, how severe it is, where it is, and how the data came there; 'needs_approval'
    says that it lies outside the grant.
    Code that is made when it runs, and what cannot be read, is the capability unknown and needs approval, too.

    Without --project, a FILE outside the current folder belongs to its own folder, and so does what is in a folder.
    The findings of ruff are weaknesses, not capabilities: they need no approval.

    The last record, agent.grant, sums up what a run would need, and has the plan's hash that agent-approve asks for.
    The exit code is 1 if there is something to approve; see --fail-on.
    A scan is no boundary, since code can hide what it does: run it in agent-sandbox.
    """
    import sys

    from roadmap_cli.agent.scan.capabilities import CAPABILITIES
    from roadmap_cli.agent.scan.survey import Granted, Survey
    from roadmap_cli.core.errors import UsageError

    for name in allow:
        if name not in CAPABILITIES:
            raise UsageError(f"--allow {name!r}: no such capability", hint=f"one of {', '.join(CAPABILITIES)}")
    granted = Granted(tuple(map(str, (path.resolve() for path in readable))), allow_host, allow_program, allow)
    survey = Survey(project.resolve() if project else None, granted, Path.cwd(), language, run.stamp)
    kept: list[Record] = []
    for record in _records(run, files, survey):
        if sarif is not None:
            kept.append(record)
        yield record
    if not survey.is_empty:
        if not no_ruff:
            found, problem = survey.ruff(run.environ, sys.executable)
            kept += found
            yield from found
            if problem:
                run.note(problem)
        yield survey.grant()
    if sarif is not None and not run.dry_run:
        from roadmap_cli.agent.scan.survey import write_sarif

        write_sarif(sarif, kept, survey.project)
    if survey.exceeds(fail_on):
        raise Negative(survey.verdict(fail_on))


def _records(run: Run, files: tuple[str, ...], survey: Survey) -> Iterator[Record]:
    for name in files:
        if name == "-":
            data = _standard_input(run)
            yield from survey.text(data, "<stdin>")
            continue
        path = Path(name)
        if path.is_dir():
            yield from survey.folder(path, name)
        elif path.exists():
            yield from survey.file(path, name)
        else:
            raise InputMissing("no such file", where=name)
    if not files:
        for record in run.records():
            with run.item(record):
                code = record.get("code")
                if not isinstance(code, str):
                    raise DataError("field 'code' is missing or not text", code="missing_field")
                found = survey.record(record)
                yield from found


def _standard_input(run: Run) -> bytes:
    import os

    parts: list[bytes] = []
    size = 0
    while data := os.read(run.stdin, 1 << 16):
        size += len(data)
        if size > 16 << 20:
            raise DataError("more than 16 MiB of code", where="<stdin>", code="too_long")
        parts.append(data)
    return b"".join(parts)
