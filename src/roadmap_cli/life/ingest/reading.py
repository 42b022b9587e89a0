"""A source of any format that we read, as items: the one door between bytes and the store."""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO, cast

from roadmap_cli.core.errors import DataError, InputMissing
from roadmap_cli.life.ingest import detection
from roadmap_cli.life.ingest.folders import files_below
from roadmap_cli.life.kinds.items import Item, Source
from roadmap_cli.life.opening.opened import LARGEST_BYTES, Opened, refuse_bomb
from roadmap_cli.life.opening.settings import Settings

#: What begins so is compressed; the module that undoes it.
_COMPRESSED = ((b"\x1f\x8b", "gzip"), (b"BZh", "bz2"), (b"\xfd7zXZ\0", "lzma"))
#: Files of one archive that are looked at.
MOST_MEMBERS = 100_000


def files_of(name: str) -> Iterable[str]:
    """The sources a name stands for: itself, or what is in and below a folder, sorted, without hidden files.

    A folder that holds mails (a Maildir) is one source.
    """
    if name == "-" or not Path(name).is_dir():
        return [name]
    return files_below(name)


def mark_of(name: str) -> str:
    """What changes when a file changes: size, time, inode. "" for what is no plain file, or was changed just now.

    A file that is written twice within one tick of its clock would look the same (as in git's index), so a mark is
    trusted only when the file has rested for a moment.
    """
    try:
        status = os.stat(name)  # noqa: PTH116
    except OSError:
        return ""
    if not S_ISREG(status.st_mode) or abs(time.time() - status.st_mtime) < 0.05:
        return ""
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ino}"


@contextmanager
def opened(name: str, stdin: int) -> Iterator[Opened]:
    """A file, or for "-" what comes from the descriptor `stdin`; a pipe is held in memory. Compression is undone.

    Raises InputMissing, DataError (too_large, bad_compression).
    """
    shown = "<stdin>" if name == "-" else name
    if name != "-" and Path(name).is_dir():
        yield Opened(shown, io.BytesIO(), 0, name)
        return
    try:
        stream = open(stdin if name == "-" else name, "rb", closefd=name != "-")  # noqa: SIM115
    except OSError as error:
        raise InputMissing(f"cannot read: {error.strerror}", where=name) from None
    with stream:
        found = _file(shown, stream) if stream.seekable() else _pipe(shown, stream)
        yield unpacked(found) or found


def unpacked(packed: Opened) -> Opened | None:
    """What a file that is compressed holds; None if it is not. Raises DataError (bad_compression)."""
    kind = next((module for magic, module in _COMPRESSED if packed.head.startswith(magic)), None)
    if kind is None:
        return None
    stream: BinaryIO = import_module(kind).open(packed.stream, "rb")
    digest, size = hashlib.sha256(), 0
    try:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
            size += len(chunk)
            refuse_bomb(size, packed.size_bytes, packed.name)
        inner = Opened(packed.name, stream, size)
    except _broken():
        raise DataError("is compressed, but broken or cut off", where=packed.name, code="bad_compression") from None
    inner.__dict__["sha256"] = digest.hexdigest()  # told already by the pass that proved it whole
    return inner


def _broken() -> tuple[type[Exception], ...]:
    """What the modules that undo compression raise for what is broken."""
    import lzma
    import zipfile
    import zlib

    return OSError, EOFError, ValueError, NotImplementedError, zlib.error, lzma.LZMAError, zipfile.BadZipFile


def members(archive: Opened) -> Iterator[Opened]:
    """The files of a ZIP archive, for one that is no format of its own: many calendars in one download."""
    import zipfile

    try:
        with zipfile.ZipFile(archive.stream) as found:
            for each in found.infolist()[:MOST_MEMBERS]:
                if not each.is_dir() and not each.flag_bits & 1:
                    with cast("BinaryIO", found.open(each)) as stream:
                        yield Opened(f"{archive.name}/{each.filename}", stream, each.file_size)
    except _broken():
        raise DataError("the archive is broken or cut off", where=archive.name, code="bad_archive") from None


def _file(name: str, stream: BinaryIO) -> Opened:
    try:
        return Opened(name, stream, os.fstat(stream.fileno()).st_size, name)
    except OSError as error:
        raise InputMissing(f"cannot read: {error.strerror}", where=name) from None


def _pipe(name: str, stream: BinaryIO) -> Opened:
    try:
        data = stream.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise InputMissing(f"cannot read: {error.strerror}", where=name) from None
    if len(data) > LARGEST_BYTES:
        raise DataError(
            f"more than {LARGEST_BYTES // 1024**2} MiB through a pipe",
            where=name,
            hint="name the file instead: it is read piece by piece",
            code="too_large",
        )
    return Opened.of(name, data)


def source_of(opened: Opened, settings: Settings | None = None) -> Source:
    """The source that a file is. Raises DataError (unknown_format) with the file's name."""
    found = detection.detect(opened, settings)
    own = getattr(found, "source_of", None)
    if own is not None:  # a mailbox or a history that grows is one source, whatever its bytes are today
        source: Source = own(opened)
        return source
    return Source(opened.name, opened.sha256, opened.size_bytes, found.NAME)


def grows(opened: Opened) -> bool:
    """Whether it is a mailbox or a history, of which only what is new is read, whatever its bytes are today."""
    try:
        return bool(opened.place) and hasattr(detection.detect(opened), "source_of")
    except DataError:
        return False


def items(opened: Opened, source: Source, settings: Settings) -> Iterator[Item]:
    """Groups of events, other records, and DataErrors in the place of what is malformed. Raises nothing else."""
    try:
        yield from detection.named(source.format).items(opened, source, settings)
    except DataError as error:
        yield error if error.where else source.placed(error)
