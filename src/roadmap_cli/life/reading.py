"""A source of any format that we read, as items: the one door between bytes and the store."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from roadmap_cli.core.errors import DataError, InputMissing
from roadmap_cli.life import detection
from roadmap_cli.life.items import Item, Source
from roadmap_cli.life.opened import LARGEST_BYTES, Opened
from roadmap_cli.life.settings import Settings


def files_of(name: str) -> Iterable[str]:
    """The sources a name stands for: itself, or what is in and below a folder, sorted, without hidden files.

    A folder that holds mails (a Maildir) is one source.
    """
    from roadmap_cli.life.formats import mail_folder

    if name == "-" or not Path(name).is_dir():
        return [name]
    if mail_folder.is_one(Path(name)):
        return [name]
    found: list[str] = []
    for place, folders, names in os.walk(name):
        here = Path(place)
        within = sorted(each for each in folders if not each.startswith("."))
        whole = [each for each in within if mail_folder.is_one(here / each)]
        folders[:] = [each for each in within if each not in whole]
        files = [each for each in names if not each.startswith(".") and (here / each).is_file()]
        found += [str(here / each) for each in (*files, *whole)]
    return sorted(found)


@contextmanager
def opened(name: str, stdin: int) -> Iterator[Opened]:
    """A file, or for "-" what comes from the descriptor `stdin`; a pipe is held in memory.

    Raises InputMissing, DataError (too_large).
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
        yield _file(shown, stream) if stream.seekable() else _pipe(shown, stream)


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


def source_of(opened: Opened) -> Source:
    """The source that a file is. Raises DataError (unknown_format) with the file's name."""
    found = detection.detect(opened)
    own = getattr(found, "source_of", None)
    if own is not None:  # a mailbox or a history that grows is one source, whatever its bytes are today
        source: Source = own(opened)
        return source
    return Source(opened.name, opened.sha256, opened.size_bytes, found.NAME)


def items(opened: Opened, source: Source, settings: Settings) -> Iterator[Item]:
    """Groups of events, other records, and DataErrors in the place of what is malformed. Raises nothing else."""
    try:
        yield from detection.named(source.format).items(opened, source, settings)
    except DataError as error:
        yield error if error.where else source.placed(error)
