"""Files that appear complete or not at all; into a pipe or a device, which nothing may take the place of, as it is."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def complete(path: str | os.PathLike[str], *, mode: int | None = None) -> Iterator[BinaryIO]:
    """A stream for the new content of a file, which takes its place once all is written and on the disk.

    A link is followed. A file that is there keeps its mode; a new one gets `mode`, or what the umask allows.
    Raises OSError that names the file, IsADirectoryError for a folder.
    """
    goal = Path(os.path.realpath(path))
    if goal.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(goal))
    if goal.exists() and not goal.is_file():
        with goal.open("wb") as stream:
            yield stream
        return
    part = goal.with_name(f".{goal.name}.{os.getpid()}.part")
    try:
        descriptor, is_named = _part(part, 0o666 if mode is None else mode)
        with os.fdopen(descriptor, "wb") as stream:
            if goal.exists():
                os.fchmod(stream.fileno(), goal.stat().st_mode & 0o7777)
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
            if not is_named:
                place = stream.fileno()  # without a folder's descriptor, even an idle one, Python follows no link
                os.link(f"/proc/self/fd/{place}", part, src_dir_fd=place, follow_symlinks=True)
        part.replace(goal)
    except OSError as error:
        if error.filename == str(part):
            error.filename = str(goal)
        raise
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def _part(path: Path, mode: int) -> tuple[int, bool]:
    """A descriptor to write to, and whether it is `path`; where the file system can, it has no name yet.

    What has no name is gone with a process that is killed: nothing half written, perhaps private, stays behind.
    """
    if hasattr(os, "O_TMPFILE") and Path("/proc/self/fd").is_dir():
        with contextlib.suppress(OSError):  # not every file system knows it
            return os.open(path.parent, os.O_WRONLY | os.O_TMPFILE | os.O_CLOEXEC, mode), False
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode), True
