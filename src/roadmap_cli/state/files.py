"""Private files: made for the owner alone whatever the umask, complete or not there at all, durable when named."""

# Descriptors, modes and exact errors of the operating system are the point here.

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

KEY: Final = ".key"
LOCK: Final = ".lock"
#: What a state is made under before it has its name.
NEW: Final = ".new"
#: What a creation, a rekey and a restore build beside the state; a leftover of one of them is only ever removed.
FRESH: Final = (NEW, ".rekey", ".restore")
#: What SQLite keeps beside a database while it is in use.
BESIDE: Final = ("-wal", "-shm", "-journal")


def make_directory(path: str) -> None:
    """Make a directory and its missing parents, each with mode 0700. What exists is left alone. Raises OSError."""
    missing = []
    while path and not os.path.isdir(path):
        missing.append(path)
        parent = os.path.dirname(path)
        if parent == path:
            break
        path = parent
    for each in reversed(missing):
        try:
            os.mkdir(each, 0o700)
        except FileExistsError:
            continue
        os.chmod(each, 0o700)


def create_private(path: str) -> None:
    """Make an empty file with mode 0600. Raises FileExistsError if there is one, OSError if it cannot be made."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def write_private(path: str, content: bytes, *, replace: bool = True) -> None:
    """Write a file of mode 0600 so that it is there whole and on disk, or as it was before.

    With `replace` false an existing file stays and FileExistsError is raised. Raises OSError if it cannot be written.
    """
    fresh = f"{path}.tmp-{os.getpid()}"
    remove(fresh)
    create_private(fresh)
    try:
        with open(fresh, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        if replace:
            os.replace(fresh, path)
        else:
            os.link(fresh, path)
    finally:
        remove(fresh)
    sync_directory(path)


def move(source: str, target: str) -> None:
    """Put a finished file in its place: its content is on disk before its name is. Raises OSError."""
    sync(source)
    os.replace(source, target)
    sync_directory(target)


def sync(path: str) -> None:
    """Bring a file's content to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(path: str) -> None:
    """Bring the names in the directory of `path` to the disk."""
    descriptor = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: str) -> bool:
    """Remove a file if it is there; True if it was."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True


def remove_database(path: str) -> None:
    """Remove a database file that is not in use, with what SQLite keeps beside it."""
    for end in ("", *BESIDE):
        remove(path + end)


def empty_database(path: str) -> None:
    """Put an empty file of mode 0600 in the place of a database file that is not in use, or of none. Raises OSError."""
    for end in BESIDE:
        remove(path + end)
    write_private(path, b"")


def unused(path: str) -> str:
    """`path`, or `path` with the first number behind it under which no file exists."""
    number, name = 1, path
    while os.path.lexists(name):
        number += 1
        name = f"{path}-{number}"
    return name
