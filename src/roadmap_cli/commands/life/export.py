"""life-export: write everything that life commands hold to one file."""

from __future__ import annotations

from collections.abc import Iterable

import click

from roadmap_cli.cli import Run, command
from roadmap_cli.core.records import Record


@command(
    writes="life.export",
    state="read",
    effects="files",
    output="file",
    columns=("path", "line_count", "bytes", "encrypted"),
    examples={
        "Take everything with you": "life-export -o ~/life.jsonl.age | jq -r .encrypted",
        "Open it with age": "roadmap-keys show --plain | head -n 1 | wc -l",
    },
    see=("life-erase", "roadmap-state", "roadmap-keys"),
)
@click.option("--plaintext-ok", is_flag=True, help="Yes, write it without encryption.")
def main(run: Run, plaintext_ok: bool) -> Iterable[Record]:
    """Write everything that life commands hold to one file.

    The file holds JSON Lines: every record, every decision with its evidence, and the rows of the tables beside them.
    It is encrypted with age to those who can open the state; 'age -d -i IDENTITY FILE' opens it.
    With --plaintext-ok it is readable by anyone who gets it; life-ingest reads the records of such a file again.
    The file appears complete or not at all, mode 0600.
    """
    from roadmap_cli.life import exporting
    from roadmap_cli.state import export

    record: Record = {"kind": "life.export", "id": run.new_id("life.export"), "at": run.stamp()}
    record |= {"path": str(run.output_path), "encrypted": not plaintext_ok}
    with run.state.read() as tx:
        reader = exporting.Reader(exporting.lines(tx))
        if run.dry_run:
            while reader.read(1 << 20):
                pass
        else:
            export.write(run.output_path, reader, None if plaintext_ok else (run.state_path, run.keys))
    run.note(f"wrote {reader.line_count} lines to {run.output_path}" + (", not encrypted" if plaintext_ok else ""))
    yield record | {"line_count": reader.line_count, "bytes": reader.size_bytes}
