"""roadmap-doctor: what is here, what is missing, and the command that mends it."""

from __future__ import annotations

from collections.abc import Iterable

import click

from roadmap_cli.cli import Run, command
from roadmap_cli.core.records import Record, content_id

FAMILIES = ("slm", "agent", "edl", "life", "wf")


@command(
    writes="roadmap.check",
    state="read",
    columns=("ok", "check", "detail", "fix"),
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
    Writes one roadmap.check record for each thing, with 'fix' where it is not well.
    The exit code is 1 if anything that is needed is missing.
    """
    from roadmap_cli.roadmap import doctor

    for found in doctor.examine(families or FAMILIES, run.environ, run.state_path, run.keys, run.choices.wait):
        if not found.ok and found.needed:
            run.exit_code = 1
        record = {
            "kind": "roadmap.check",
            "id": content_id("roadmap.check", check=found.name),
            "at": run.stamp(),
            "check": found.name,
            "ok": found.ok,
            "needed": found.needed,
            "detail": found.detail,
        }
        yield record | ({"fix": found.fix} if found.fix and not found.ok else {})
