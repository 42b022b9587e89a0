"""Contents of files kept by their hash, outside the project: copies by reflink or without their holes, never links."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from roadmap_cli.core.errors import InputMissing

CHUNK = 1 << 20
_FICLONE = 0x40049409


def place_of(place: Path, digest: str) -> Path:
    """Where the contents of a hash are kept."""
    return place / "objects" / digest[:2] / digest[2:]


def keep(path: Path, place: Path) -> str:
    """Copy a file to the store; its hash. The copy is hashed, not the file, which may change meanwhile."""
    part = place / f"part-{os.getpid()}"
    copy(path, part)
    digest = digest_of(part)
    target = place_of(place, digest)
    if target.exists():
        part.unlink()
    else:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part.replace(target)
    return digest


def copy(source: Path, target: Path) -> None:
    """Copy contents: as a reflink if the file system can, else its data without its holes. Never a link."""
    with _opened(source) as read:
        size = os.fstat(read).st_size
        write = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.ioctl(write, _FICLONE, read)
                return
            except OSError:
                os.ftruncate(write, size)
            for begin, length in _extents(read, size):
                while length > 0:
                    piece = os.pread(read, min(CHUNK, length), begin)
                    if not piece:
                        break
                    os.pwrite(write, piece, begin)
                    begin, length = begin + len(piece), length - len(piece)
        finally:
            os.close(write)


def digest_of(path: Path) -> str:
    """The hash of a file's data and its holes. Raises InputMissing."""
    with _opened(path) as file:
        return _digest_of_open(file)


def _digest_of_open(file: int) -> str:
    total = hashlib.sha256()
    size = os.fstat(file).st_size
    total.update(b"%d\0" % size)
    for begin, length in _extents(file, size):
        total.update(b"%d+%d\0" % (begin, length))
        while length > 0:
            piece = os.pread(file, min(CHUNK, length), begin)
            if not piece:
                break
            total.update(piece)
            begin, length = begin + len(piece), length - len(piece)
    return total.hexdigest()


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise InputMissing(f"{path}: cannot read: {(error.strerror or '').lower()}") from None
    try:
        yield file
    finally:
        os.close(file)


def _extents(file: int, size: int) -> Iterator[tuple[int, int]]:
    """Offset and length of each stretch of a file that is not a hole."""
    at = 0
    while at < size:
        try:
            begin = os.lseek(file, at, os.SEEK_DATA)
        except OSError:
            return  # only a hole is left
        end = os.lseek(file, begin, os.SEEK_HOLE)
        yield begin, end - begin
        at = end
