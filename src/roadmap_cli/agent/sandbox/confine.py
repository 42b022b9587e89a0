"""Run one program in the sandbox on our own standard streams, and say in a record what was in force and what it used.

With a store, the project is kept as it was beforehand, and put back if the program fails and that is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from roadmap_cli.agent.sandbox import Grant, Limits, Sandbox, relay
from roadmap_cli.agent.sandbox.outlet import Outlet
from roadmap_cli.agent.snapshot import Snapshot, Store
from roadmap_cli.core.clock import stamp
from roadmap_cli.core.records import Record, run_id

STOPPED = 124  # as timeout(1)


def confine(
    grant: Grant, limits: Limits, argv: Sequence[str], *, dry_run: bool, now: Callable[[], datetime],
    streams: tuple[int, int, int] = (0, 1, 2), store: Store | None = None, rollback: bool = False,
    outlet: Outlet | None = None,
) -> tuple[Record, int]:  # fmt: skip
    """Run `argv`; give its agent.sandbox record and the exit code to pass on: its own, or 124 if a limit ended it.

    In a dry run ``true`` runs instead, which shows that the sandbox can be made. Raises Unavailable if it cannot.
    `outlet` is its way to named hosts, closed when the program has ended.
    With `rollback`, a project in which the program failed, or this ended early, is what it was before.
    """
    moment = now()
    sandbox = Sandbox(grant, limits, outlet=outlet)
    snapshot = store.take(grant.project, now=moment, command=argv) if store and not dry_run else None
    aside: list[Path] = []
    failed = True
    try:
        try:
            with sandbox.start(["true"] if dry_run else argv) as process:
                ended = relay.carry(sandbox, process, -1 if dry_run else streams[0], streams[1], streams[2])
        finally:  # whatever happened: nothing that other tools run may stay where it was put
            if outlet:
                outlet.close()
            aside = sandbox.leftovers()
        code = STOPPED if ended.stopped_by else ended.exit_code
        failed = code != 0
    finally:
        undone = _undo(store, snapshot) if rollback and failed else None
    record: Record = {
        "kind": "agent.sandbox", "id": run_id("agent.sandbox", moment), "at": stamp(moment), "argv": list(argv),
        "project": str(grant.project), "exit_code": code, "duration_ms": round(ended.seconds * 1000),
        "output_bytes": ended.output_bytes, "protections": list(sandbox.protections), "limits": asdict(limits),
    }  # fmt: skip
    use = ended.use
    for name, value in (
        ("cpu_ms", None if use.cpu_s is None else round(use.cpu_s * 1000)),
        ("memory_peak_bytes", use.memory_peak_bytes), ("processes_peak", use.processes_peak),
        ("stopped_by", ended.stopped_by), ("limits_met", list(ended.limits_met) or None),
        ("set_aside", [str(path) for path in aside] or None),
        ("snapshot", snapshot.id if snapshot and undone is None else None), ("rolled_back", undone),
        ("dry_run", dry_run or None),
    ):  # fmt: skip
        if value is not None:
            record[name] = value
    return record, code


def _undo(store: Store | None, snapshot: Snapshot | None) -> int | None:
    """Put everything back; how many paths that were. The snapshot is no longer needed then."""
    if store is None or snapshot is None:
        return None
    undone = store.rollback(snapshot)
    store.forget([snapshot])
    return len(undone)
