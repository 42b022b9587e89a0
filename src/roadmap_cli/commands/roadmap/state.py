"""roadmap-state: the encrypted file that all commands share."""

from __future__ import annotations

from collections.abc import Iterable

import click

from roadmap_cli.cli import Run, group
from roadmap_cli.core.records import Record, content_id

main = group(
    "Look after the encrypted state file.",
    """All commands keep what they know in one SQLite file, encrypted with SQLCipher.
    Its key lies beside it, wrapped to your age identity: see roadmap-keys(1).
    Everything here works while other commands use the file, except restore, which needs it alone.""",
    module=__name__,
    examples={
        "Where is it?": "roadmap-state path | jq -r .path",
        "Is it sound?": "roadmap-state check --plain",
        "Ask it something": "roadmap-state query 'select count(*) as records from record' | jq -c .row",
        "Copy it while it is in use": 'roadmap-state backup "$HOME/backup.db" | jq .encrypted',
    },
    see=("roadmap-keys", "roadmap-doctor", "roadmap-why"),
)
_FILE = click.Path(dir_okay=False)


@main.command(state="read", writes="roadmap.state", columns=("path", "exists", "bytes", "version"))
def path(run: Run) -> Iterable[Record]:
    """Tell where the state file is, and what is in it."""
    from roadmap_cli.state import upkeep

    record = _record(run, "roadmap.state") | {"path": str(run.state_path), "exists": run.state_path.exists()}
    yield record | (upkeep.facts(run.state) if record["exists"] else {})


@main.command(state="read", writes="roadmap.check", columns=("check", "ok", "detail"))
def check(run: Run) -> Iterable[Record]:
    """Check every page, reference, index and citation.

    Writes one roadmap.check record for each thing looked at.
    The exit code is 1 if anything is wrong.
    """
    from roadmap_cli.state import upkeep

    if not run.state_path.exists():
        run.note(f"there is no state at {run.state_path} yet")
        return
    for found in upkeep.check(run.state):
        if not found.ok:
            run.exit_code = 1
        identity = content_id("roadmap.check", check=f"state.{found.name}")
        yield _record(run, "roadmap.check", identity) | {
            "check": f"state.{found.name}",
            "ok": found.ok,
            "detail": found.detail,
        }


@main.command(state="read", writes="roadmap.row", columns=("row",))
@click.argument("sql", metavar="SQL")
def query(run: Run, sql: str) -> Iterable[Record]:
    """Ask a question in SQL.

    The statement may only read.
    Each row comes as a roadmap.row record, its columns in the field 'row'.
    The tables are not a stable interface; the commands are.
    """
    from roadmap_cli.state import upkeep

    for number, row in enumerate(upkeep.query(run.state, sql), 1):
        yield _record(run, "roadmap.row") | {"number": number, "row": row}


@main.command(state="read", effects=("files",), writes="roadmap.copy", columns=("path", "bytes", "encrypted"))
@click.argument("file", metavar="FILE", type=_FILE)
@click.option("--replace", is_flag=True, help="Replace a file of that name.")
def backup(run: Run, file: str, replace: bool) -> Iterable[Record]:
    """Copy the state and its key file, both encrypted.

    The key file appears beside FILE as FILE.key; who holds your identity can read the copy.
    """
    from roadmap_cli.state import backup as backups

    size = 0
    if not run.dry_run:
        size = backups.backup(run.state_path, run.keys, file, replace=replace, wait_s=run.choices.wait)
        run.note(f"copied {size:,} bytes to {file}")
    yield _record(run, "roadmap.copy") | {"path": file, "bytes": size, "encrypted": True}


@main.command(state="write", writes="roadmap.copy", columns=("path", "replaced_path"))
@click.argument("file", metavar="FILE", type=_FILE)
def restore(run: Run, file: str) -> Iterable[Record]:
    """Put a copy made by backup in the place of the state.

    The copy is read through first.
    The state that was there is kept beside it, under the name that the record tells.
    """
    from roadmap_cli.state import backup as backups

    record = _record(run, "roadmap.copy") | {"path": str(run.state_path), "encrypted": True, "restored_from": file}
    if run.dry_run:
        yield record
        return
    kept = backups.restore(run.state_path, run.keys, file, now=run.clock, wait_s=run.choices.wait)
    run.note(f"restored {file}" + (f"; what was there is now {kept}" if kept else ""))
    yield record | ({"replaced_path": kept} if kept else {})


@main.command(state="read", effects=("files",), writes="roadmap.copy", columns=("path", "bytes", "encrypted"))
@click.argument("file", metavar="FILE", type=_FILE)
@click.option("--plain-ok", is_flag=True, help="Yes, write it without encryption.")
@click.option("--replace", is_flag=True, help="Replace a file of that name.")
def export(run: Run, file: str, plain_ok: bool, replace: bool) -> Iterable[Record]:
    """Write the state as a plain SQLite file, for other tools.

    Anyone who gets the file can read it, so it must be asked for with --plain-ok.
    """
    from roadmap_cli.core.errors import UsageError
    from roadmap_cli.state import backup as backups

    if not plain_ok:
        raise UsageError("the export would not be encrypted", hint="say --plain-ok if that is what you want")
    size = 0
    if not run.dry_run:
        size = backups.export_plain(
            run.state_path, run.keys, file, plain_ok=True, replace=replace, wait_s=run.choices.wait
        )
        run.note(f"wrote {size:,} bytes to {file}, not encrypted")
    yield _record(run, "roadmap.copy") | {"path": file, "bytes": size, "encrypted": False}


def _record(run: Run, kind: str, identity: str | None = None) -> Record:
    return {"kind": kind, "id": identity or run.new_id(kind), "at": run.stamp()}
