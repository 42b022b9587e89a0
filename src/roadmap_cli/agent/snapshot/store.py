"""The snapshots of all projects in one folder: taken, found, compared, rolled back to, forgotten."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from roadmap_cli.agent.snapshot.comparing import Change, changes
from roadmap_cli.agent.snapshot.contents import digest_of, keep, place_of
from roadmap_cli.agent.snapshot.entries import scan
from roadmap_cli.agent.snapshot.lists import Snapshot, locked, read, write
from roadmap_cli.agent.snapshot.returning import apply, return_repositories
from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import CannotCreate, DataError, InputMissing, RoadmapError
from roadmap_cli.core.records import run_id

BYTES_LIMIT, FILES_LIMIT = 2 << 30, 200_000


class Store:
    """All snapshots in one folder, a subfolder for each project."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def take(
        self, project: Path, *, now: datetime, command: Iterable[str] = (), bytes_limit: int = BYTES_LIMIT,
        files_limit: int = FILES_LIMIT,
    ) -> Snapshot:  # fmt: skip
        """Keep a copy of everything in a resolved folder. Raises DataError if it is too large, InputMissing if unread.

        `bytes_limit` bounds the room on disk, `files_limit` the entries.
        """
        place = self._place(project)
        with locked(place, make=True):
            taken_ns = time.time_ns()
            entries = scan(project)
            room = sum(os.lstat(project / path).st_blocks * 512 for path, e in entries.items() if e.kind == "file")
            if len(entries) > files_limit or room > bytes_limit:
                raise DataError(
                    f"{project}: {len(entries)} entries and {room >> 20} MiB are more than a snapshot may hold",
                    code="project_too_large", hint=f"the bounds are {files_limit} entries and {bytes_limit >> 20} MiB",
                )  # fmt: skip
            latest = self._latest(place)
            for path, entry in entries.items():
                if entry.kind == "file" and not entry.same_as:
                    before = latest.entries.get(path) if latest else None
                    digest = before.sha256 if latest and before and latest.untouched(before, entry) else ""
                    if not digest or not place_of(place, digest).exists():
                        digest = keep(project / path, place)
                    entries[path] = replace(entry, sha256=digest)
            made = Snapshot(run_id("agent.snapshot", now), stamp(now), project, entries, tuple(command), taken_ns)
            write(made, place)
        return made

    def _latest(self, place: Path) -> Snapshot | None:
        files = sorted(place.glob("*.json"))
        with suppress(RoadmapError, IndexError):
            return read(files[-1])
        return None

    def all(self, project: Path | None = None) -> Iterator[Snapshot]:
        """Snapshots of one project or of all, oldest first."""
        places = [self._place(project)] if project else sorted(self.folder.glob("*"))
        yield from sorted((read(file) for place in places for file in place.glob("*.json")), key=lambda s: s.taken_ns)

    def find(self, name: str, project: Path) -> Snapshot:
        """A snapshot by its id, an ending of it that is unique, or "latest" for the newest of `project`."""
        found = [s for s in self.all(project if name == "latest" else None) if name == "latest" or s.id.endswith(name)]
        if not found:
            raise InputMissing(f"no snapshot {name!r}", hint="agent-snapshot list")
        if name != "latest" and len(found) > 1:
            raise DataError(f"{name!r} fits {len(found)} snapshots", hint="agent-snapshot list")
        return found[-1]

    def rolling_back(self, snapshot: Snapshot) -> bool:
        """Whether a roll-back to it was begun and not finished."""
        return self._mark(snapshot).exists()

    def changes(self, snapshot: Snapshot) -> list[Change]:
        """What differs now, by path. Contents are read only where size or times differ."""
        return changes(snapshot, self._place(snapshot.project))

    def content(self, snapshot: Snapshot, path: str) -> bytes:
        """A file as it was. Raises DataError if the copy is damaged."""
        entry = snapshot.entries[path]
        entry = snapshot.entries[entry.same_as] if entry.same_as else entry
        return self._checked(snapshot, entry.sha256).read_bytes()

    def _checked(self, snapshot: Snapshot, digest: str) -> Path:
        file = place_of(self._place(snapshot.project), digest)
        if not file.is_file() or digest_of(file) != digest:
            raise DataError(f"{snapshot.id}: a kept copy is missing or damaged: {file}", code="snapshot_damaged")
        return file

    def rollback(self, snapshot: Snapshot) -> list[Change]:
        """Make the folder what it was; give what was undone. Can be repeated after it was killed.

        Raises DataError for a damaged copy, before anything is changed, CannotCreate if the folder cannot be written.
        """
        project = snapshot.project
        if not project.is_dir():
            raise InputMissing(f"{project}: not a folder")
        with locked(self._place(project)):
            found = self.changes(snapshot)
            for change in found:
                entry = change.before
                if entry and entry.sha256 and (change.after is None or {"content", "kind"} & {*change.what}):
                    self._checked(snapshot, entry.sha256)
            if not found and not self.rolling_back(snapshot):
                return []
            self._mark(snapshot).touch()
            try:
                return_repositories(snapshot)
                apply(snapshot, self._place(project), self.changes(snapshot))
            except OSError as error:
                raise CannotCreate(
                    f"{error.filename or project}: cannot write: {(error.strerror or '').lower()}",
                    hint=f"mend that, then: agent-snapshot rollback {snapshot.id}",
                ) from None
            self._mark(snapshot).unlink(missing_ok=True)
        return found

    def forget(self, snapshots: Iterable[Snapshot]) -> int:
        """Remove snapshots and the contents that no other needs; bytes freed. One that is being rolled back stays."""
        freed = 0
        places = set()
        for snapshot in snapshots:
            if not self.rolling_back(snapshot):
                place = self._place(snapshot.project)
                places.add(place)
                with locked(place):
                    (place / f"{snapshot.id}.json").unlink(missing_ok=True)
        for place in places:
            with locked(place):
                needed = {e.sha256 for file in place.glob("*.json") for e in read(file).entries.values()}
                for file in place.glob("objects/*/*"):
                    if file.parent.name + file.name not in needed:
                        freed += file.stat().st_blocks * 512
                        file.unlink()
        return freed

    def prune(self, project: Path, keep: int) -> int:
        """Forget all but the newest `keep` snapshots of a project; bytes freed."""
        found = list(self.all(project))
        return self.forget(found[: max(0, len(found) - keep)])

    def _place(self, project: Path) -> Path:
        return self.folder / hashlib.sha256(os.fsencode(project)).hexdigest()[:32]

    def _mark(self, snapshot: Snapshot) -> Path:
        return self._place(snapshot.project) / f"{snapshot.id}.rolling"
