"""agent-snapshot: projects as they were before a program ran in them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from roadmap_cli.cli import Run, group
from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    from roadmap_cli.agent.snapshot import Store

_COLUMNS = ("id", "at", "project", "files", "bytes")
_CHANGES = ("change", "path", "what")

main = group(
    "Keep a project as it is, see what changed, go back.",
    """A snapshot is a copy of everything in a project folder but .git: contents, modes, times, links, holes.
    agent-sandbox takes one with --with-snapshot, before the program runs.
    Snapshots are kept in $XDG_STATE_HOME/roadmap/snapshots, which no sandbox is ever lent; contents that are the same
    are kept once, and files that did not change since the snapshot before are not read again.
    SNAPSHOT is an id, the end of one, or latest.""",
    module=__name__,
    examples={
        "See what a program changes, and undo it": (
            "agent-sandbox --project $HOME/project --with-snapshot -- sh -c 'echo two > a.txt'; "
            "agent-snapshot diff --project $HOME/project | jq -j .diff; "
            "agent-snapshot rollback --project $HOME/project --plain"
        ),
    },
    see=("agent-sandbox", "agent-loop"),
)

_project = click.option("--project", type=click.Path(file_okay=False, path_type=Path), default=".", metavar="DIRECTORY",
                        help="The project folder; the current one by default.")  # fmt: skip
_snapshot = click.argument("snapshot", default="latest", metavar="[SNAPSHOT]")


_folder = click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path),
                         metavar="[DIRECTORY]")  # fmt: skip


def _named(project: Path, folder: Path | None) -> Path:
    """The project folder, however it was named."""
    from roadmap_cli.core.errors import UsageError

    if folder is not None and project not in (Path(), folder):
        raise UsageError(
            f"two folders are named: {project} and {folder}", hint="--project DIRECTORY, or DIRECTORY alone"
        )
    return folder or project


def _store(run: Run) -> Store:
    from roadmap_cli.agent.snapshot import Store
    from roadmap_cli.core import paths

    return Store(paths.snapshots_directory(run.environ))


@main.command(writes="agent.snapshot", effects=("files",), columns=_COLUMNS)
@_project
@_folder
def take(run: Run, project: Path, folder: Path | None) -> Iterable[Record]:
    """Keep the project as it is now, that of DIRECTORY or --project."""
    from roadmap_cli.agent import snapshot
    from roadmap_cli.agent.snapshot import changes
    from roadmap_cli.core.errors import InputMissing

    project = _named(project, folder)
    if not project.is_dir():
        raise InputMissing(f"{project}: {'not a folder' if project.exists() else 'there is no such folder'}")
    if run.dry_run:
        entries = snapshot.scan(project.resolve())
        yield changes.described(snapshot.Snapshot("dry_run", run.stamp(), project.resolve(), entries))
        return
    yield changes.described(_store(run).take(project.resolve(), now=run.now()))


@main.command(name="list", writes="agent.snapshot", columns=_COLUMNS)
@_project
@click.option("--every-project", "everything", is_flag=True, help="Those of all projects.")
@_folder
def list_(run: Run, project: Path, everything: bool, folder: Path | None) -> Iterable[Record]:
    """List the snapshots of the project, that of DIRECTORY or --project, the oldest first."""
    from roadmap_cli.agent.snapshot import changes

    store = _store(run)
    for found in store.all(None if everything else changes.project_of(store, _named(project, folder))):
        yield changes.described(found, rolling_back=store.rolling_back(found))


@main.command(writes="agent.change", columns=_CHANGES)
@_project
@_snapshot
def diff(run: Run, project: Path, snapshot: str) -> Iterable[Record]:
    """Show what differs from a snapshot now.

    The diff in the records of text files is one that git apply takes. Exit code 1 if something differs.
    """
    from roadmap_cli.agent.snapshot import changes

    store = _store(run)
    found = store.find(snapshot, changes.project_of(store, project))
    differing = store.changes(found)
    run.exit_code = 1 if differing else 0
    yield from changes.records(store, found, differing)


@main.command(writes="agent.change", effects=("files",), columns=_CHANGES)
@_project
@_snapshot
def rollback(run: Run, project: Path, snapshot: str) -> Iterable[Record]:
    """Make the project what it was; one record for each change that is undone.

    What was added since is removed. Only what differs is touched, each file at once.
    If it is interrupted, the same command finishes it.
    """
    from roadmap_cli.agent.snapshot import changes

    store = _store(run)
    found = store.find(snapshot, changes.project_of(store, project))
    undone = store.changes(found) if run.dry_run else store.rollback(found)
    yield from changes.records(store, found, undone, undone=not run.dry_run)


@main.command(writes="agent.snapshot", effects=("files",), columns=_COLUMNS)
@_project
@click.option(
    "--newest", "keep", type=click.IntRange(0), metavar="N", help="Forget all of the project but the N newest."
)
@click.argument("snapshots", nargs=-1, metavar="[SNAPSHOT]...")
def forget(run: Run, project: Path, keep: int | None, snapshots: tuple[str, ...]) -> Iterable[Record]:
    """Remove snapshots, and the contents that no other one needs."""
    from roadmap_cli.agent.snapshot import changes
    from roadmap_cli.core.errors import UsageError

    store = _store(run)
    place = changes.project_of(store, project)
    if (keep is None) != bool(snapshots):
        raise UsageError(
            "name snapshots, or say how many to keep with --newest", hint="agent-snapshot forget --newest 5"
        )
    if keep is None:
        found = [store.find(name, place) for name in snapshots]
    else:
        everything = list(store.all(place))
        found = everything[: max(0, len(everything) - keep)]
    if not run.dry_run:
        run.note(f"{store.forget(found)} bytes are free again")
    yield from map(changes.described, found)
