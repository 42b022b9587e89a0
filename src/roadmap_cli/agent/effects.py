"""What a run does outside of the state: files written, a commit on a branch. Each once, whatever happens in between.

What is on disk, or in git, says whether it was done; the journal says what was to be done.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadmap_cli.agent import git, journal, patch
from roadmap_cli.agent import project as projects
from roadmap_cli.agent.patch import File
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    from roadmap_cli.state.store import State

Files = Mapping[str, File | None]


def frozen(files: Files) -> dict[str, Any]:
    """Files as JSON."""
    return {
        name: None if file is None else [base64.b64encode(file.content).decode(), file.executable]
        for name, file in files.items()
    }


def thawed(files: Mapping[str, Any]) -> dict[str, File | None]:
    """Files as they were frozen."""
    return {name: None if file is None else File(base64.b64decode(file[0]), file[1]) for name, file in files.items()}


def finish_half_done(state: State, root: Path, at: str) -> None:
    """If a run was killed while it wrote files, and some are written: write the rest, or note that somebody else has
    changed them. One that had written none yet is left to its own run; parts it left are removed."""
    if state.dry_run:
        return
    with state.read() as tx:
        waiting = journal.open_effects(tx, str(root))
    for name, step in waiting:
        if not step.detail:
            continue
        before, after = thawed(step.detail["before"]), thawed(step.detail["after"])
        try:
            now = {file: projects.standing(root, file) for file in after}
            if not any(now[file] == after[file] and before[file] != after[file] for file in after):
                projects.sweep(root, after)
                continue
            projects.replace(root, before, after)
            outcome = "written"
        except DataError:
            outcome = "refused"
        with state.write() as tx:
            journal.end(tx, name, step.key, outcome, at)


def commit(root: Path, branch: str, before: Files, after: Files, fix: Record, run_id: str) -> git.Branch:
    """Commit a repair on a branch of its own; the same repair of the same run is the same commit."""
    message = (
        f"Repair {fix['file']}: {fix['template']}\n\n{fix['verdict'].capitalize()}: {fix['verdict_reason']}.\n\n"
        f"Agent-Run: {run_id}\n"
    )
    return git.commit(root, branch, before, after, message, fix["at"],
                      lambda name: patch.diff(before, {name: after[name]}))  # fmt: skip
