"""Snapshots as files: the list of what was in a folder at a moment, written and read, and the lock of their folder."""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from roadmap_cli.agent.snapshot.entries import Entry
from roadmap_cli.core.errors import CannotCreate, DataError, InputMissing

_TICK_NS = 20_000_000  # file times are those of the last tick of the kernel's clock: 10 ms at most


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was in `project` at a moment, by relative path; "" is the folder itself."""

    id: str
    at: str
    project: Path
    entries: dict[str, Entry]
    command: tuple[str, ...] = ()
    taken_ns: int = 0

    @property
    def bytes(self) -> int:
        """Sizes of all files, in bytes."""
        return sum(entry.size for entry in self.entries.values() if entry.kind == "file" and not entry.same_as)

    def untouched(self, before: Entry, now: Entry) -> bool:
        """Whether a file is what it was, without reading it: one written just before may keep its times."""
        same = all(getattr(before, name) == getattr(now, name) for name in ("inode", "size", "mtime_ns", "ctime_ns"))
        return same and before.ctime_ns < self.taken_ns - _TICK_NS


def write(snapshot: Snapshot, place: Path) -> None:
    """Keep a list in the folder of its project; the copies it names are on disk before it is."""
    content = {
        "id": snapshot.id, "at": snapshot.at, "project": str(snapshot.project), "command": snapshot.command,
        "taken_ns": snapshot.taken_ns,
        "entries": {path: _sparse(entry) for path, entry in snapshot.entries.items()},
    }  # fmt: skip
    part = place / f"{snapshot.id}.part"
    with part.open("w", encoding="ascii") as file:
        json.dump(content, file)
        file.flush()
        ctypes.CDLL(None).syncfs(file.fileno())
    part.replace(place / f"{snapshot.id}.json")


def _sparse(entry: Entry) -> dict[str, Any]:
    return {name: value for name, value in asdict(entry).items() if value not in ("", None)}


def read(path: Path) -> Snapshot:
    """A list from its file. Raises InputMissing, DataError for what is none."""
    try:
        content = json.loads(path.read_text(encoding="ascii"))
        entries = {name: Entry(**entry) for name, entry in content["entries"].items()}
        return Snapshot(content["id"], content["at"], Path(content["project"]), entries, tuple(content["command"]),
                        content["taken_ns"])  # fmt: skip
    except OSError as error:
        raise InputMissing(f"{path}: cannot read: {(error.strerror or '').lower()}") from None
    except (ValueError, KeyError, TypeError):
        raise DataError(f"{path}: not a snapshot's list", code="snapshot_damaged") from None


@contextmanager
def locked(place: Path, *, make: bool = False) -> Iterator[None]:
    """Alone in the folder of a project, what an earlier process left half copied cleared away. Raises CannotCreate."""
    try:
        if make:
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(place / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotCreate(f"{place}: cannot write: {(error.strerror or '').lower()}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for old in place.glob("part-*"):
            old.unlink()
        yield
    finally:
        os.close(lock)
