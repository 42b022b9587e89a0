"""Making a folder what it was: only what differs is changed. Killed anywhere, it is finished by doing it again."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from roadmap_cli.agent.snapshot.comparing import Change
from roadmap_cli.agent.snapshot.contents import copy, place_of
from roadmap_cli.agent.snapshot.entries import REPOSITORY, Entry, xattrs
from roadmap_cli.agent.snapshot.lists import Snapshot

_TEMPORARY = ".roadmap-rollback-"


def apply(snapshot: Snapshot, kept: Path, changes: list[Change]) -> None:
    """Undo changes, each file at once by rename, times of folders last. `kept` holds the contents."""
    project, wanted = snapshot.project, snapshot.entries
    touched: set[str] = {""}
    gone: dict[str, None] = {}
    for change in changes:
        obstacle = change.before is None or "kind" in change.what
        if obstacle and change.after and not any(above in gone for above in _above(change.path)):
            gone[change.path] = None
    for name in gone:
        _open_parent(project, name)
        remove(project / name)
        touched.add(_parent(name))
    for change in changes:  # sorted: folders before what is in them
        entry = change.before
        if entry is None or entry.kind == "repository":
            continue
        path = project / change.path
        touched |= {change.path, _parent(change.path)}
        anew = change.after is None or {"kind", "content", "target", "hard_link"} & {*change.what}
        _open_parent(project, change.path)
        if anew and entry.kind == "folder":
            with suppress(FileExistsError):
                path.mkdir(0o700)
        elif anew and entry.kind != "file":
            part = path.with_name(f"{_TEMPORARY}{os.getpid()}")
            part.unlink(missing_ok=True)
            part.symlink_to(entry.target) if entry.kind == "link" else os.mkfifo(part)
            _dress(part, entry)
            part.replace(path)
        elif anew and not entry.same_as:
            part = path.with_name(f"{_TEMPORARY}{os.getpid()}")
            part.unlink(missing_ok=True)
            copy(place_of(kept, entry.sha256), part)
            _dress(part, entry)
            part.replace(path)
        elif entry.kind != "folder" and not anew:
            _dress(path, entry)
    _link_again(snapshot, changes)
    for name in sorted(touched, reverse=True):  # what is inside a folder before the folder's own times and mode
        found = wanted.get(name)
        if found and found.kind == "folder":
            _dress(project / name, found)


def _link_again(snapshot: Snapshot, changes: list[Change]) -> None:
    """Hard links point to the file that is there now; a group is linked anew if one of it was replaced."""
    replaced = {change.path for change in changes if change.before}
    for path, entry in snapshot.entries.items():
        if entry.same_as and (path in replaced or entry.same_as in replaced):
            target = snapshot.project / path
            _open_parent(snapshot.project, path)
            part = target.with_name(f"{_TEMPORARY}{os.getpid()}")
            part.unlink(missing_ok=True)
            os.link(snapshot.project / entry.same_as, part, follow_symlinks=False)
            part.replace(target)
            part.unlink(missing_ok=True)  # rename(2) does nothing between two links of one file


def _dress(path: Path, entry: Entry) -> None:
    """Owner, mode, extended attributes and time of an entry; links are not followed."""
    found = path.lstat()
    if (found.st_uid, found.st_gid) != (entry.uid, entry.gid):
        with suppress(PermissionError):
            os.chown(path, entry.uid, entry.gid, follow_symlinks=False)
    if entry.kind != "link":
        path.chmod(entry.mode)
        now, wanted = xattrs(str(path)) or {}, entry.xattrs or {}
        with suppress(OSError):
            for name in now.keys() - wanted.keys():
                os.removexattr(path, name, follow_symlinks=False)
            for name, value in wanted.items():
                if now.get(name) != value:
                    os.setxattr(path, name, bytes.fromhex(value), follow_symlinks=False)
    os.utime(path, ns=(path.lstat().st_atime_ns, entry.mtime_ns), follow_symlinks=False)


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _above(path: str) -> Iterator[str]:
    while path:
        path = _parent(path)
        yield path


def _open_parent(project: Path, path: str) -> None:
    """Let the owner write in the folder that holds a path; its own mode comes back at the end."""
    parent = project / _parent(path)
    found = parent.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(20, "not a folder any more", str(parent))
    if found.st_mode & 0o700 != 0o700:
        parent.chmod(0o700)


def remove(path: Path) -> None:
    """Remove a file or a folder with everything in it, however deeply nested: inner folders are first moved out."""
    if not stat.S_ISDIR(path.lstat().st_mode):
        path.unlink()
        return
    for number in range(1 << 30):
        heap = path.with_name(f"{_TEMPORARY}heap-{os.getpid()}-{number}")
        if not os.path.lexists(heap):
            break
    path.chmod(0o700)
    heap.mkdir(0o700)
    path.rename(heap / "0")
    waiting, made = ["0"], 1
    at = os.open(heap, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        while waiting:
            name = waiting.pop()
            os.chmod(name, 0o700, dir_fd=at)
            inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            try:
                with os.scandir(inner) as listed:
                    entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in listed]
                for child, is_folder in entries:
                    if is_folder:
                        os.chmod(child, 0o700, dir_fd=inner)  # moving a folder writes its ".."
                        os.rename(child, str(made), src_dir_fd=inner, dst_dir_fd=at)
                        waiting.append(str(made))
                        made += 1
                    else:
                        os.unlink(child, dir_fd=inner)
            finally:
                os.close(inner)
            os.rmdir(name, dir_fd=at)
    finally:
        os.close(at)
    heap.rmdir()


def return_repositories(snapshot: Snapshot) -> None:
    """Put each `.git` that was moved, with a folder around it or aside, back where it was: known by its inode."""
    wanted = {entry.inode: path for path, entry in snapshot.entries.items() if entry.kind == "repository"}
    missing = {inode: path for inode, path in wanted.items() if _inode(snapshot.project / path) != inode}
    if not missing:
        return
    for place, folders, files in os.walk(snapshot.project):
        for name in [*folders, *files]:
            if name.startswith(REPOSITORY):
                here = Path(place, name)
                path = missing.get(_inode(here) or -1)
                if path is None:
                    continue
                target = snapshot.project / path
                for parent in reversed(target.relative_to(snapshot.project).parents):
                    folder = snapshot.project / parent
                    if not folder.is_dir() or folder.is_symlink():
                        if os.path.lexists(folder):
                            remove(folder)
                        folder.mkdir(0o700)
                if os.path.lexists(target):
                    remove(target)
                here.rename(target)
        folders[:] = [name for name in folders if not name.startswith(REPOSITORY)]


def _inode(path: Path) -> int | None:
    try:
        return path.lstat().st_ino
    except OSError:
        return None
