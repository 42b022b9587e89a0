"""Run one program in the sandbox on our own standard streams, and say in a record what was in force."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from roadmap_cli.agent import relay
from roadmap_cli.agent.sandbox import Grant, Limits, Sandbox
from roadmap_cli.core.clock import stamp
from roadmap_cli.core.records import Record, run_id

STOPPED = 124  # as timeout(1)


def confine(
    grant: Grant, limits: Limits, argv: Sequence[str], *, dry_run: bool, now: Callable[[], datetime],
    streams: tuple[int, int, int] = (0, 1, 2),
) -> tuple[Record, int]:  # fmt: skip
    """Run `argv`; give its agent.sandbox record and the exit code to pass on: its own, or 124 if a limit ended it.

    In a dry run ``true`` runs instead, which shows that the sandbox can be made. Raises Unavailable if it cannot.
    """
    moment = now()
    sandbox = Sandbox(grant, limits)
    with sandbox.start(["true"] if dry_run else argv) as process:
        ended = relay.carry(sandbox, process, -1 if dry_run else streams[0], streams[1], streams[2])
    aside = sandbox.leftovers()
    code = STOPPED if ended.stopped_by else ended.exit_code
    record: Record = {
        "kind": "agent.sandbox", "id": run_id("agent.sandbox", moment), "at": stamp(moment), "argv": list(argv),
        "project": str(grant.project), "exit_code": code, "duration_ms": round(ended.seconds * 1000),
        "output_bytes": ended.output_bytes, "protections": list(sandbox.protections),
    }  # fmt: skip
    if ended.stopped_by:
        record["stopped_by"] = ended.stopped_by
    if aside:
        record["set_aside"] = [str(path) for path in aside]
    if dry_run:
        record["dry_run"] = True
    return record, code
