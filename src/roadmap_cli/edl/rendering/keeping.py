"""Files that appear whole or not at all, and a cache of them that can be shared, damaged, pruned and killed.

A cached file has a note beside it that says what it holds. It is believed while the file is the one the note was
written for (same inode, size and time of change), and hashed again when it is not. How recently it was used is the
note's own time, so that using a file never makes it look changed.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from roadmap_cli.core.errors import CannotCreate, RoadmapError, TryLater
from roadmap_cli.edl import probe

#: How long a second copy waits for the first to encode the same piece.
PATIENCE_S = 900.0
#: A file changed so shortly before it was read could have changed again unnoticed: its hash is not remembered.
_SETTLED_NS = 2_000_000_000
#: An unfinished file that nobody has locked or written to for so long is a killed process's.
_LEFT_S = 60.0


@dataclass(frozen=True, slots=True)
class Part:
    """A file in the making, under a name nobody looks for."""

    path: Path


@contextmanager
def whole_file(place: Path, *, lasting: bool = True) -> Iterator[Part]:
    """A file that gets its name when the block ends well, and is removed when it does not.

    The unfinished file is locked; what a killed process left behind is unlocked, and removed by the next to come here.
    One that is not `lasting` may be empty after a power cut. Raises CannotCreate if it cannot be written.
    """
    path = place.with_name(f".{place.name}.{secrets.token_hex(6)}.part")
    lock: IO[bytes] | None = None
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        sweep(place)
        lock = path.open("wb")
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield Part(path)
        if lasting:
            with path.open("rb") as written:
                os.fsync(written.fileno())
        path.replace(place)
    except OSError as error:
        raise CannotCreate(f"cannot write {place}: {(error.strerror or str(error)).lower()}") from None
    finally:
        if lock:
            lock.close()
        path.unlink(missing_ok=True)


def sweep(place: Path) -> None:
    """Remove unfinished files of the same name whose process is gone."""
    for left in place.parent.glob(f".{place.name}.*.part"):
        _drop(left)


def _drop(left: Path, older_s: float = 0.0) -> None:
    """Remove an unfinished file that nobody has locked, if it was not written to for so long."""
    with suppress(OSError), left.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if time.time() - os.fstat(file.fileno()).st_mtime >= older_s:
            left.unlink(missing_ok=True)


@contextmanager
def locked(place: Path) -> Iterator[bool]:
    """One process at a time for what is to become `place`. Gives whether it had to wait.

    Raises TryLater if another holds it for longer than `PATIENCE_S`, CannotCreate if no lock can be made.
    """
    name = place.with_name(f".{place.name}.lock")
    until = time.monotonic() + PATIENCE_S
    waited = False
    while True:
        try:
            name.parent.mkdir(parents=True, exist_ok=True)
            file = name.open("ab")
        except OSError as error:
            raise CannotCreate(f"cannot write {place.parent}: {(error.strerror or str(error)).lower()}") from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_still(name, file):
                break
        except BlockingIOError:
            waited = True
            if time.monotonic() > until:
                file.close()
                raise TryLater(f"another render is still making {place.name}", code="locked") from None
            time.sleep(0.05)
        file.close()
    try:
        yield waited
    finally:
        name.unlink(missing_ok=True)
        file.close()


def _is_still(name: Path, file: IO[bytes]) -> bool:
    """Whether the locked file is the one under that name: the one before may have removed it."""
    try:
        return name.stat().st_ino == os.fstat(file.fileno()).st_ino
    except OSError:
        return False


def note_of(place: Path) -> Path:
    """Where a cached file's note is."""
    return place.with_suffix(".json")


def write_note(place: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Write down what a finished file in the cache holds: `facts`, its bytes and hash. Raises CannotCreate."""
    note = {**facts, "bytes": place.stat().st_size, "sha256": probe.content_hash(place), "stat": identity(place)}
    write_json(note_of(place), note)
    return note


def write_json(place: Path, value: object) -> None:
    """A small file of JSON, whole or not at all. Raises CannotCreate."""
    with whole_file(place) as part:
        part.path.write_text(json.dumps(value) + "\n")


def read_json(place: Path) -> dict[str, Any] | None:
    """What such a file says; None if there is none or it cannot be read."""
    try:
        value = json.loads(place.read_bytes())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def write_facts(place: Path, facts: Mapping[str, Any]) -> None:
    """Something small that can be found out again, with its hash in front: no note, no wait for the disk.

    Raises CannotCreate.
    """
    text = json.dumps(facts)
    with whole_file(place, lasting=False) as part:
        part.path.write_text(f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}\n")


def facts(place: Path) -> dict[str, Any] | None:
    """What such a file says; None if there is none or it is damaged."""
    try:
        digest, _, text = place.read_text().rstrip("\n").partition("\n")
        if hashlib.sha256(text.encode()).hexdigest() != digest:
            return None
        value = json.loads(text)
        with suppress(PermissionError):
            os.utime(place)
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def kept(place: Path, **expected: object) -> dict[str, Any] | None:
    """The note of a cached file if the file is what the note says and the facts are those expected; else None."""
    note = read_json(note_of(place))
    if note is None or any(note.get(name) != value for name, value in expected.items()):
        return None
    try:
        if note.get("stat") != identity(place):
            if place.stat().st_size != note["bytes"] or probe.content_hash(place) != note["sha256"]:
                return None
            with suppress(CannotCreate):
                write_json(note_of(place), note | {"stat": identity(place)})
        else:
            os.utime(note_of(place))
    except PermissionError:
        return note
    except (OSError, RoadmapError, KeyError, TypeError, ValueError):
        return None  # a cache that cannot be read is a cache without the piece
    return note


def identity(path: Path) -> list[int]:
    """What changes when a file does: device, inode, size, time of change of its content and of its entry."""
    stat = path.stat()
    return [stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]


def known_hash(path: Path, notes: Path, *, write: bool = True) -> str:
    """SHA-256 of a source file, remembered by its identity: a file that has not been touched is not read again.

    The time of change of the entry (ctime) is part of the identity: no program can set it, so a file written over in
    place, copied back or given an older date is read again. Raises as `probe.content_hash`.
    """
    try:
        before = identity(path)
    except OSError:
        return probe.content_hash(path)
    place = notes / f"{hashlib.sha256(os.fsencode(path.absolute())).hexdigest()}.json"
    known = read_json(place)
    if known and known.get("stat") == before and isinstance(known.get("sha256"), str):
        return str(known["sha256"])
    digest = probe.content_hash(path)
    if write and identity(path) == before and time.time_ns() - max(before[3], before[4]) > _SETTLED_NS:
        with suppress(CannotCreate):
            write_json(place, {"stat": before, "sha256": digest})
    return digest


def prune(folders: list[Path], keep: set[Path], limit_bytes: int) -> int:
    """Remove the files longest unused until the cache fits; never one of `keep`. Returns how many bytes went.

    What killed processes left unfinished goes in any case.
    """
    found = []
    for folder in folders:
        for path in (*folder.glob("*"), *folder.glob("*/*")):
            if path.name.startswith(".") and ".part" in path.suffixes:
                _drop(path, _LEFT_S)  # small ones are written without a lock
            if path.name.startswith(".") or path.suffix == ".json" or path.parent == folder:
                continue
            with suppress(OSError):
                used = note_of(path).stat().st_mtime_ns if note_of(path).exists() else path.stat().st_mtime_ns
                found.append((used, path.stat().st_size, path))
    excess = sum(size for _, size, _ in found) - limit_bytes
    removed = 0
    for _, size, path in sorted(found):
        if removed >= excess:
            break
        if path not in keep:
            with suppress(OSError):
                note_of(path).unlink(missing_ok=True)
                path.unlink(missing_ok=True)
                removed += size
    return removed
