"""Which run this is: the project as it is now, its test command, and the run left unfinished that it goes on with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from roadmap_cli.agent import memory
from roadmap_cli.agent.code import git
from roadmap_cli.agent.code import project as projects
from roadmap_cli.agent.code.project import Project
from roadmap_cli.agent.loop import effects
from roadmap_cli.agent.loop.world import World
from roadmap_cli.agent.runs import journal
from roadmap_cli.agent.testing import detect, toolchain
from roadmap_cli.agent.testing.toolchain import TestCommand
from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import DataError, InputMissing, Negative, UsageError

if TYPE_CHECKING:
    from roadmap_cli.state.store import State


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where a run begins. `test` is the command as given or found, `chosen_by` says what by if it was found.

    `previous` is the run that is gone on with; `digest` is of the files as that one read them.
    """

    project: Project
    test: str
    chosen_by: str
    command: TestCommand
    digest: str
    previous: memory.Run | None


def job_of(folder: Path) -> str:
    """A name for a project, the same in every process: what a lock is named after."""
    return hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]


def folder_of(state: State, token: str) -> Path:
    """The folder of a run. Raises DataError if there is no such run."""
    return Path(_stored(state, token).project)


def begin(world: World, folder: Path | None, test: str | None, resume: str | None, *, branches: bool) -> Beginning:
    """Read the project, find its tests' program, and the run to go on with: the one to `resume`, or one left behind.

    Raises UsageError, DataError, InputMissing, Unavailable, Negative (no tests).
    """
    stored = _stored(world.state, resume) if resume else None
    folder = Path(stored.project) if stored else folder
    if folder is None:
        raise UsageError("a project folder is needed", hint=f"{world.command} --test 'pytest -q' DIRECTORY")
    if not folder.is_dir():
        raise InputMissing(
            f"{folder}: {'not a folder' if folder.exists() else 'there is no such folder'}",
            hint=f"{world.command} --test 'pytest -q' DIRECTORY; what is to be reached stands after --goal",
        )
    effects.finish_half_done(world.state, folder.resolve(), stamp(world.now()))
    if branches:
        git.check_start(folder)
    project = projects.read(folder)
    test, chosen_by = (stored.test_command if stored else test), ""
    if test is None:
        test, chosen_by = _detected(project, folder)
    command = toolchain.understand(test, project.root, world.environ, world.interpreter)
    previous = stored or _unfinished(world.state, project, test)
    if previous is not None and previous.digest != project.digest and not _is_after(world.state, project, previous):
        raise DataError(
            f"{folder}: changed since run {previous.id} began", code="changed_meanwhile",
            hint=f"start anew: {world.command} --test {test!r} {folder}",
        )  # fmt: skip
    return Beginning(project, test, chosen_by, command, previous.digest if previous else project.digest, previous)


def _detected(project: Project, folder: Path) -> tuple[str, str]:
    found = detect.test_command(project.files)
    if found is None:
        raise Negative(
            f"{folder}: no tests are found, so nothing can be claimed", code="no_tests",
            hint="write one, or name the command that runs them with --test COMMAND",
        )  # fmt: skip
    return found.command, found.because


def _stored(state: State, token: str) -> memory.Run:
    with state.read() as tx:
        found = memory.run(tx, token)
    if found is None:
        raise DataError(f"no run {token!r} to resume", code="no_run")
    return found


def _unfinished(state: State, project: Project, test: str) -> memory.Run | None:
    """The run to go on with: interrupted or paused on these files, or on these files before it wrote to them."""
    root = str(project.root)
    with state.read() as tx:
        found = memory.unfinished(tx, root, test, project.digest)
        if found:
            return found
        rows = tx.execute(
            "SELECT r.id FROM agent_run r JOIN agent_step s ON s.run_id = r.id AND s.step = 'apply'"
            " WHERE r.project = ? AND r.test_command = ? AND r.status IN ('running', 'paused')"
            " ORDER BY r.started_at DESC, r.id DESC LIMIT 5",
            (root, test),
        ).fetchall()
        runs = [memory.run(tx, name) for (name,) in rows]
    return next((run for run in runs if run and _is_after(state, project, run)), None)


def _is_after(state: State, project: Project, run: memory.Run) -> bool:
    """Whether the project is what a run read, but for what the run itself wrote."""
    with state.read() as tx:
        step = journal.find(tx, run.id, "apply")
    if step is None or not step.detail:
        return False
    return project.with_files(effects.thawed(step.detail["before"])).digest == run.digest
