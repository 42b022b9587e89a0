"""What is in a folder: everything by relative path, with kind, mode, times and extended attributes, contents not read.

`.git` is named and not entered.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from roadmap_cli.core.errors import InputMissing

REPOSITORY = ".git"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in the folder. `sha256` is of a file's data and its holes; `inode` and `ctime_ns` tell it unchanged."""

    kind: str  # file, folder, link, pipe, repository
    mode: int
    mtime_ns: int
    uid: int
    gid: int
    size: int
    inode: int
    ctime_ns: int
    sha256: str = ""
    target: str = ""
    same_as: str = ""  # the first path of a hard-linked file
    xattrs: dict[str, str] | None = None


def scan(project: Path, *, unlock: bool = False) -> dict[str, Entry]:
    """Everything in a folder by relative path, sorted, contents not read; `.git` is named and not entered.

    With `unlock` a folder that may not be read is opened for its owner. Raises InputMissing for what cannot be read.
    """
    entries: dict[str, Entry] = {}
    linked: dict[tuple[int, int], str] = {}
    waiting = [""]
    while waiting:
        path = waiting.pop()
        place = project / path if path else project
        try:
            found = os.lstat(place)
        except FileNotFoundError:
            continue  # gone meanwhile
        except OSError as error:
            if unlock:
                continue  # nested too deeply for a path: what holds it is new, and goes as a whole
            raise InputMissing(f"{str(place)[:80]}...: cannot read: {(error.strerror or '').lower()}") from None
        kind = _kind(found.st_mode)
        if path.rpartition("/")[2] == REPOSITORY:
            kind = "repository"
        if kind is None:
            continue  # a socket or a device: nothing to keep
        same_as = ""
        if kind == "file" and found.st_nlink > 1:
            same_as = linked.setdefault((found.st_dev, found.st_ino), path)
            same_as = "" if same_as == path else same_as
        target = os.readlink(place) if kind == "link" else ""  # noqa: PTH115 - a Path would tidy it
        entries[path] = Entry(
            kind, stat.S_IMODE(found.st_mode), found.st_mtime_ns, found.st_uid, found.st_gid,
            found.st_size if kind == "file" else 0, found.st_ino, found.st_ctime_ns,
            target=target, same_as=same_as, xattrs=xattrs(str(place)),
        )  # fmt: skip
        if kind == "folder":
            try:
                if unlock and found.st_mode & 0o500 != 0o500 and os.geteuid() == found.st_uid:
                    place.chmod(found.st_mode & 0o777 | 0o700)
                names = sorted((entry.name for entry in os.scandir(place)), reverse=True)
            except OSError as error:
                if unlock:
                    continue
                raise InputMissing(f"{place}: cannot read: {(error.strerror or '').lower()}") from None
            waiting += [f"{path}/{name}" if path else name for name in names]
    return dict(sorted(entries.items()))


def _kind(mode: int) -> str | None:
    tests = (("file", stat.S_ISREG), ("folder", stat.S_ISDIR), ("link", stat.S_ISLNK), ("pipe", stat.S_ISFIFO))
    return next((name for name, test in tests if test(mode)), None)


def xattrs(place: str) -> dict[str, str] | None:
    """The extended attributes of users and ACLs, in hexadecimal; None if there are none."""
    found = {}
    with suppress(OSError):
        for name in os.listxattr(place, follow_symlinks=False):
            if name.startswith(("user.", "system.posix_acl")):
                found[name] = os.getxattr(place, name, follow_symlinks=False).hex()
    return found or None
