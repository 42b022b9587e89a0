"""What a run does outside of the state: files written, a commit on a branch. Each once, whatever happens in between.

What is on disk, or in git, says whether it was done; the journal says what was to be done.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadmap_cli.agent.code import git, patch
from roadmap_cli.agent.code import project as projects
from roadmap_cli.agent.code.patch import File
from roadmap_cli.agent.loop.session import Session
from roadmap_cli.agent.runs import journal
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


def carry_out(session: Session, stored: Mapping[str, Any]) -> Iterator[Record]:
    """Do what was asked for beyond finding the repair, once: what is on disk, or in git, says whether it was."""
    changed: dict[str, str] = stored["changed"]
    session.driver = str(stored["fix"]["driver"])
    if not session.world.state.dry_run:
        if session.to_branch:
            yield from _committed(session, session.to_branch, stored["fix"], changed)
        if session.apply:
            yield from _written(session, changed)
    session.status = "fixed"


def _written(session: Session, changed: Mapping[str, str]) -> Iterator[Record]:
    since, project = session.world.timer(), session.project
    with session.world.state.read() as tx:
        done = journal.find(tx, session.id, "apply")
    if done and done.done:
        session.applied = done.outcome in ("written", "there")
        return
    after = project.with_changes(changed)
    before = thawed(done.detail["before"]) if done and done.detail else {name: project.file(name) for name in changed}
    session.begin("apply", "apply", sorted(changed), detail={"before": frozen(before), "after": frozen(after)})
    did = projects.replace(project.root, before, after)
    session.applied = True
    yield session.diary.end("apply", "apply", "written" if did else "there", since, files=sorted(changed))


def _committed(session: Session, branch: str, fix: Record, changed: Mapping[str, str]) -> Iterator[Record]:
    """Commit the repair on a branch of its own; the same repair of the same run is the same commit."""
    since, project = session.world.timer(), session.project
    key = f"branch:{branch}"
    after = project.with_changes(changed)
    before: dict[str, File | None] = {name: project.file(name) for name in changed}
    with session.world.state.read() as tx:
        applied = journal.find(tx, session.id, "apply")
    if applied and applied.detail:  # the folder may hold the repair already
        before = thawed(applied.detail["before"])
    session.begin("branch", key, sorted(changed))
    message = (
        f"Repair {fix['file']}: {fix['template']}\n\n{fix['verdict'].capitalize()}: {fix['verdict_reason']}.\n\n"
        f"Agent-Run: {session.id}\n"
    )
    session.branch = git.commit(project.root, branch, before, after, message, fix["at"],
                                lambda name: patch.diff(before, {name: after[name]}))  # fmt: skip
    yield session.diary.end("branch", key, "made" if session.branch.made else "there", since, branch=branch,
                            commit=session.branch.commit)  # fmt: skip
