"""roadmap-doctor: what is here, what is missing, and the command that mends it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import click

from roadmap_cli.cli import Run, command
from roadmap_cli.core.records import Record, content_id

FAMILIES = ("slm", "agent", "edl", "life", "wf")


def draw(records: Sequence[Record], console: Any) -> None:
    """A line for each thing, with a sign; below what is not well, what to type."""
    from rich.text import Text

    from roadmap_cli.cli.render import one_line

    wide = min(max(len(str(record.get("check", ""))) for record in records), 28)
    for record in records:
        sign, style = ("✓", "green") if record.get("ok") else ("✗", "bold red") if record.get("needed") else ("·", "")
        line = Text.assemble((f"{sign} ", style), f"{one_line(record.get('check')):<{wide}}  ")
        line.append(one_line(record.get("detail")), style="dim" if record.get("ok") else "")
        console.print(line, soft_wrap=True)
        if record.get("fix"):
            console.print(Text(f"    {one_line(record['fix'])}", "bold"), soft_wrap=True)


@command(
    writes="roadmap.check",
    state="read",
    columns=("ok", "check", "detail", "fix"),
    picture=draw,
    examples={
        "Look at everything": "roadmap-doctor --plain | cut -f 1,2 | grep -c true",
        "What does video editing lack?": "roadmap-doctor edl | jq -r 'select(.ok|not).fix'",
    },
    see=("roadmap-state", "roadmap-keys", "slm-models"),
)
@click.argument("families", nargs=-1, type=click.Choice(FAMILIES), metavar="[FAMILY]...")
def main(run: Run, families: tuple[str, ...]) -> Iterable[Record]:
    """Tell what is missing and the command that mends it.

    Looks at Python and its packages, at the programs that are needed, at the key and the state, at the models, the
    sandbox and the disk; for all families (slm, agent, edl, life, wf) or those named.
    For life, also at how fresh what is known is: when each server was read last, how far each kind of data goes, and
    what life-graph, life-recall and life-values have of it.
    Writes one roadmap.check record for each thing, with 'fix' where it is not well.
    The exit code is 1 if anything that is needed is missing.
    """
    from roadmap_cli.roadmap import doctor

    is_open = True
    for found in doctor.examine(families or FAMILIES, run.environ, run.state_path, run.keys, run.choices.wait):
        if not found.ok and found.needed:
            run.exit_code = 1
        is_open = is_open and (found.ok or found.name != "state.open")
        yield _record(run, found.name, found.ok, found.needed, found.detail, found.fix)
    if "life" in (families or FAMILIES) and is_open and run.state_path.exists():
        yield from _life(run)


def _life(run: Run) -> Iterator[Record]:
    """How fresh what is known of a life is."""
    from roadmap_cli.life import freshness

    with run.state.read() as tx:
        found = list(freshness.findings(tx, run.now()))
    for each in found:
        yield _record(run, each.name, each.ok, False, each.detail, each.fix)


def _record(run: Run, name: str, ok: bool, needed: bool, detail: str, fix: str) -> Record:
    record = {
        "kind": "roadmap.check",
        "id": content_id("roadmap.check", check=name),
        "at": run.stamp(),
        "check": name,
        "ok": ok,
        "needed": needed,
        "detail": detail,
    }
    return record | ({"fix": fix} if fix and not ok else {})
