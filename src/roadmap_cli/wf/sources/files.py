"""Files: a folder in which files appear and change, or a JSON Lines file that grows.

A folder's file is told of once it has rested for a second, so that nobody reads half of it. A growing file is read line
by line from where reading ended; a file that was put in its place (rotated) or cut is read from its beginning.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import stat
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from roadmap_cli.core.errors import ConfigError, DataError, TryLater
from roadmap_cli.core.records import Record
from roadmap_cli.wf import events
from roadmap_cli.wf.sources import Access, Dead, Found, pause
from roadmap_cli.wf.sources.settings import Setting

EVERY_S = 1.0
#: A file that was written to less than this long ago is still being written, in seconds.
REST_S = 1.0
MOST_FILES = 50_000
#: Text up to so many bytes comes along in the event.
MOST_TEXT_BYTES = 65_536
_HEAD_BYTES = 256
_LOT_LINES = 2000
_LOT_BYTES = 8 * 1024 * 1024
_HASH_BYTES = 64 * 1024 * 1024


def follow(setting: Setting, access: Access) -> Folder | Growing:
    """A folder, or a file whose lines are objects."""
    path = Path(setting.place).expanduser().absolute()
    if path.is_dir():
        return Folder(path, access, setting.every_s or EVERY_S, setting.pattern or "*", setting.from_start)
    if not path.parent.is_dir():
        raise ConfigError("there is no such folder", where=str(path.parent), code="no_folder")
    return Growing(path, access, setting.every_s or EVERY_S)


@dataclass(slots=True)
class Folder:
    """A folder, not those in it. The position has time, size and number of each file that was told of."""

    path: Path
    access: Access
    every_s: float
    pattern: str
    from_start: bool

    def poll(self, position: Mapping[str, Any]) -> Iterator[Found]:
        """The files that are new or changed since a position; the first time none, unless asked for."""
        known = position.get("files")
        before: Mapping[str, Any] = known if isinstance(known, dict) else {}
        is_first = not isinstance(known, dict)
        at = self.access.now()
        now: dict[str, list[int]] = {}
        found: list[Record] = []
        words = ""
        for entry in self._entries():
            name = entry.name
            try:
                seen = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if not stat.S_ISREG(seen.st_mode) or not fnmatch.fnmatchcase(name, self.pattern):
                continue
            if len(now) >= MOST_FILES:
                words = f"more than {MOST_FILES} files in {self.path}: the rest is not watched"
                break
            mark = [seen.st_mtime_ns, seen.st_size, seen.st_ino]
            if before.get(name) == mark:
                now[name] = mark
                continue
            if is_first and not self.from_start:
                now[name] = mark
                continue
            if abs(at.timestamp() - seen.st_mtime) < REST_S:
                if name in before:
                    now[name] = before[name]
                continue
            told = self._told(name, seen, at, "changed" if name in before else "created")
            if told:
                found.append(told)
                now[name] = mark
        if found or is_first or words or now != before:
            yield Found(events.named(found), {"files": now}, words=words)

    def wait(self, stop: threading.Event) -> None:
        """Wait until the next look."""
        pause(stop, self.every_s)

    def close(self) -> None:
        """Nothing is held."""

    def _entries(self) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self.path) as listed:
                return sorted(listed, key=lambda entry: entry.name)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise TryLater(f"the folder cannot be read: {reason}", where=str(self.path), code="no_folder") from None

    def _told(self, name: str, seen: os.stat_result, at: datetime, what: str) -> Record | None:
        try:
            digest, text = _content(self.path / name, seen.st_size)
        except OSError:
            return None  # gone again, or not ours to read: the next look tells
        shown = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        data: Record = {
            "folder": str(self.path), "name": shown, "path": str(self.path / shown), "size_bytes": seen.st_size,
            "modified_at": datetime.fromtimestamp(seen.st_mtime, UTC).isoformat(), "sha256": digest,
        }  # fmt: skip
        if text is not None:
            data["text"] = text
        return events.event(
            datetime.fromtimestamp(seen.st_mtime, UTC), at, source="files", type=f"file.{what}", subject=shown,
            key=f"files:{self.path}/{shown}:{seen.st_ino}:{seen.st_mtime_ns}:{seen.st_size}", data=data,
        )  # fmt: skip


def _content(path: Path, size: int) -> tuple[str, str | None]:
    """SHA-256 of a file (of its first 64 MiB if it is larger), and its text if it is short and is text."""
    hashed = hashlib.sha256()
    head = b""
    with path.open("rb") as file:
        left = _HASH_BYTES
        while left > 0 and (piece := file.read(min(1 << 20, left))):
            hashed.update(piece)
            left -= len(piece)
            if len(head) <= MOST_TEXT_BYTES:
                head += piece[: MOST_TEXT_BYTES + 1 - len(head)]
    if size > MOST_TEXT_BYTES or b"\0" in head:
        return hashed.hexdigest(), None
    try:
        return hashed.hexdigest(), head.decode()
    except UnicodeDecodeError:
        return hashed.hexdigest(), None


@dataclass(slots=True)
class Growing:
    """A file to which lines are added. The position is how far it was read, and what it begins with."""

    path: Path
    access: Access
    every_s: float
    is_awaited: bool = False

    def poll(self, position: Mapping[str, Any]) -> Iterator[Found]:
        """The events of the lines that were added since a position; a last line without an end is waited for."""
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            if not position and not self.is_awaited:
                self.is_awaited = True
                yield Found([], words=f"{self.path} is not there; it is read once it is")
            return
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise TryLater(f"the file cannot be read: {reason}", where=str(self.path), code="no_file") from None
        with file:
            offset, words = self._offset(file, position)
            while True:
                file.seek(offset)
                block = file.read(_LOT_BYTES)
                end = block.rfind(b"\n") + 1
                if not end:
                    if len(block) < _LOT_BYTES:
                        return
                    end = len(block)  # a line longer than any event: its pieces are no events
                whole = block[:end].split(b"\n")
                lines, used = whole[:_LOT_LINES], end
                if len(whole) > _LOT_LINES:
                    used = sum(len(line) + 1 for line in lines)
                found, dead = self._events(lines)
                offset += used
                file.seek(0)
                head = file.read(_HEAD_BYTES)[: min(_HEAD_BYTES, offset)]
                inode = os.fstat(file.fileno()).st_ino
                place = {"inode": inode, "offset": offset, "head": hashlib.sha256(head).hexdigest(),
                         "head_bytes": len(head)}  # fmt: skip
                yield Found(found, place, dead, words=words)
                words = ""

    def wait(self, stop: threading.Event) -> None:
        """Wait until the next look."""
        pause(stop, self.every_s)

    def close(self) -> None:
        """Nothing is held."""

    def _offset(self, file: Any, position: Mapping[str, Any]) -> tuple[int, str]:
        """Where to go on, and what to say if it is another file than before."""
        offset, size = position.get("offset"), position.get("head_bytes")
        if not isinstance(offset, int) or not isinstance(size, int) or not 0 <= size <= _HEAD_BYTES:
            return 0, ""
        head = file.read(size)
        if os.fstat(file.fileno()).st_size < offset or hashlib.sha256(head).hexdigest() != position.get("head"):
            return 0, f"{self.path} is another file now, or was cut: it is read from its beginning"
        return offset, ""

    def _events(self, lines: list[bytes]) -> tuple[list[Record], list[Dead]]:
        found: list[Record] = []
        dead: list[Dead] = []
        for line in lines:
            if not line.strip():
                continue
            try:
                found.append(events.draft(events.parsed(line), self.access.now()))
            except DataError as error:
                dead.append(Dead("jsonl", line[: events.MOST_BYTES], error.code, error.message))
        return events.named(found), dead
