"""Snapshots of a project folder before a program runs in it, what the program changed, and the way back.

A snapshot is a list of entries (kind, mode, times, extended attributes) and the files' contents by hash, kept outside
the project in a folder no sandbox is ever lent. Contents are copies, by reflink where the file system can, never hard
links: a program that writes into a file in place cannot reach the copy. A file that is unchanged since the snapshot
before (size, times, inode) is not read again.

`.git` is not part of it: sandboxes cannot write there, and going back must not undo commits. It is found by its inode
and put back if a folder around it was renamed.

Rolling back changes only what differs, each file at once by rename, times of folders last. Killed anywhere, it is
finished by doing it again. Contents are checked against their hash before they replace anything.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import json
import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import CannotCreate, DataError, InputMissing, RoadmapError
from roadmap_cli.core.records import run_id

BYTES_LIMIT, FILES_LIMIT = 2 << 30, 200_000
_FICLONE = 0x40049409
_CHUNK = 1 << 20
_TEMPORARY = ".roadmap-rollback-"
_SKIPPED = ".git"
_TICK_NS = 20_000_000  # file times are those of the last tick of the kernel's clock: 10 ms at most


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


@dataclass(frozen=True, slots=True)
class Change:
    """A path that differs: added, removed, or changed in `what` (content, mode, time, kind, target, owner, xattrs)."""

    path: str
    change: str
    what: tuple[str, ...]
    before: Entry | None
    after: Entry | None


class Store:
    """All snapshots in one folder, a subfolder for each project."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    # -- take ----------------------------------------------------------------------------------------------------

    def take(
        self, project: Path, *, now: datetime, command: Iterable[str] = (), bytes_limit: int = BYTES_LIMIT,
        files_limit: int = FILES_LIMIT,
    ) -> Snapshot:  # fmt: skip
        """Keep a copy of everything in a resolved folder. Raises DataError if it is too large, InputMissing if unread.

        `bytes_limit` bounds the room on disk, `files_limit` the entries.
        """
        place = self._place(project)
        with _locked(place, make=True):
            taken_ns = time.time_ns()
            entries = scan(project)
            room = sum(os.lstat(project / path).st_blocks * 512 for path, e in entries.items() if e.kind == "file")
            if len(entries) > files_limit or room > bytes_limit:
                raise DataError(
                    f"{project}: {len(entries)} entries and {room >> 20} MiB are more than a snapshot may hold",
                    code="project_too_large", hint=f"the bounds are {files_limit} entries and {bytes_limit >> 20} MiB",
                )  # fmt: skip
            latest = self._latest(place)
            known = latest.entries if latest else {}
            for path, entry in entries.items():
                if entry.kind == "file" and not entry.same_as:
                    before = known.get(path)
                    if (
                        before
                        and latest
                        and _untouched(latest, before, entry)
                        and _object(place, before.sha256).exists()
                    ):
                        entries[path] = _with(entry, sha256=before.sha256)
                    else:
                        entries[path] = _with(entry, sha256=_keep(project / path, place))
            made = Snapshot(run_id("agent.snapshot", now), stamp(now), project, entries, tuple(command), taken_ns)
            _write(place / f"{made.id}.json", {
                "id": made.id, "at": made.at, "project": str(project), "command": made.command,
                "taken_ns": taken_ns,
                "entries": {path: _sparse(entry) for path, entry in entries.items()},
            })  # fmt: skip
        return made

    def _latest(self, place: Path) -> Snapshot | None:
        files = sorted(place.glob("*.json"))
        with suppress(RoadmapError, IndexError):
            return _read(files[-1])
        return None

    # -- find ----------------------------------------------------------------------------------------------------

    def all(self, project: Path | None = None) -> Iterator[Snapshot]:
        """Snapshots of one project or of all, oldest first."""
        places = [self._place(project)] if project else sorted(self.folder.glob("*"))
        yield from sorted((_read(file) for place in places for file in place.glob("*.json")), key=lambda s: s.taken_ns)

    def find(self, name: str, project: Path) -> Snapshot:
        """A snapshot by its id, an ending of it that is unique, or "latest" for the newest of `project`."""
        found = [s for s in self.all(project if name == "latest" else None) if name == "latest" or s.id.endswith(name)]
        if not found:
            raise InputMissing(f"no snapshot {name!r}", hint="agent-snapshot list")
        if name != "latest" and len(found) > 1:
            raise DataError(f"{name!r} fits {len(found)} snapshots", hint="agent-snapshot list")
        return found[-1]

    def rolling_back(self, snapshot: Snapshot) -> bool:
        """Whether a roll-back to it was begun and not finished."""
        return self._mark(snapshot).exists()

    # -- compare -------------------------------------------------------------------------------------------------

    def changes(self, snapshot: Snapshot) -> list[Change]:
        """What differs now, by path. Contents are read only where size or times differ."""
        now = scan(snapshot.project, unlock=True)
        found: list[Change] = []
        for path in sorted(snapshot.entries.keys() | now.keys()):
            before, after = snapshot.entries.get(path), now.get(path)
            if before is None or after is None:
                found.append(Change(path, "added" if before is None else "removed", (), before, after))
                continue
            what = self._differences(snapshot, path, before, after)
            if what:
                found.append(Change(path, "changed", what, before, after))
        return found

    def _differences(self, snapshot: Snapshot, path: str, before: Entry, after: Entry) -> tuple[str, ...]:
        if before.kind != after.kind:
            return ("kind",)
        if before.kind == "repository":
            return ()
        what = []
        if before.kind == "file":
            differs = before.size != after.size
            if not differs and not _untouched(snapshot, before, after):
                owner = before.same_as or path
                digest = snapshot.entries[owner].sha256
                differs = _digest(snapshot.project / path) != digest and not self._same(snapshot, digest, path)
            if differs:
                what.append("content")
            if before.same_as != after.same_as:
                what.append("hard_link")
        what += ["mode"] if before.mode != after.mode else []
        what += ["target"] if before.target != after.target else []
        what += ["owner"] if (before.uid, before.gid) != (after.uid, after.gid) else []
        what += ["xattrs"] if before.xattrs != after.xattrs else []
        what += ["time"] if before.mtime_ns != after.mtime_ns else []
        return tuple(what)

    def _same(self, snapshot: Snapshot, digest: str, path: str) -> bool:
        """Whether contents are equal although their holes are not."""
        with _object(self._place(snapshot.project), digest).open("rb") as a, (snapshot.project / path).open("rb") as b:
            while piece := a.read(_CHUNK):
                if piece != b.read(_CHUNK):
                    return False
            return not b.read(1)

    def content(self, snapshot: Snapshot, path: str) -> bytes:
        """A file as it was. Raises DataError if the copy is damaged."""
        entry = snapshot.entries[path]
        entry = snapshot.entries[entry.same_as] if entry.same_as else entry
        return self._checked(snapshot, entry.sha256).read_bytes()

    def _checked(self, snapshot: Snapshot, digest: str) -> Path:
        file = _object(self._place(snapshot.project), digest)
        if not file.is_file() or _digest(file) != digest:
            raise DataError(f"{snapshot.id}: a kept copy is missing or damaged: {file}", code="snapshot_damaged")
        return file

    # -- go back -------------------------------------------------------------------------------------------------

    def rollback(self, snapshot: Snapshot) -> list[Change]:
        """Make the folder what it was; give what was undone. Can be repeated after it was killed.

        Raises DataError for a damaged copy, before anything is changed, CannotCreate if the folder cannot be written.
        """
        project = snapshot.project
        if not project.is_dir():
            raise InputMissing(f"{project}: not a folder")
        with _locked(self._place(project)):
            changes = self.changes(snapshot)
            for change in changes:
                entry = change.before
                if entry and entry.sha256 and (change.after is None or {"content", "kind"} & {*change.what}):
                    self._checked(snapshot, entry.sha256)
            if not changes and not self.rolling_back(snapshot):
                return []
            self._mark(snapshot).touch()
            try:
                _return_repositories(snapshot)
                self._apply(snapshot, self.changes(snapshot))
            except OSError as error:
                raise CannotCreate(
                    f"{error.filename or project}: cannot write: {(error.strerror or '').lower()}",
                    hint=f"mend that, then: agent-snapshot rollback {snapshot.id}",
                ) from None
            self._mark(snapshot).unlink(missing_ok=True)
        return changes

    def _apply(self, snapshot: Snapshot, changes: list[Change]) -> None:
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
                _copy(_object(self._place(project), entry.sha256), part)
                _dress(part, entry)
                part.replace(path)
            elif entry.kind != "folder" and not anew:
                _dress(path, entry)
        self._link_again(snapshot, changes)
        for name in sorted(touched, reverse=True):  # what is inside a folder before the folder's own times and mode
            found = wanted.get(name)
            if found and found.kind == "folder":
                _dress(project / name, found)

    def _link_again(self, snapshot: Snapshot, changes: list[Change]) -> None:
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

    # -- forget --------------------------------------------------------------------------------------------------

    def forget(self, snapshots: Iterable[Snapshot]) -> int:
        """Remove snapshots and the contents that no other needs; bytes freed. One that is being rolled back stays."""
        freed = 0
        places = set()
        for snapshot in snapshots:
            if not self.rolling_back(snapshot):
                place = self._place(snapshot.project)
                places.add(place)
                with _locked(place):
                    (place / f"{snapshot.id}.json").unlink(missing_ok=True)
        for place in places:
            with _locked(place):
                needed = {e.sha256 for file in place.glob("*.json") for e in _read(file).entries.values()}
                for file in place.glob("objects/*/*"):
                    if file.parent.name + file.name not in needed:
                        freed += file.stat().st_blocks * 512
                        file.unlink()
        return freed

    def prune(self, project: Path, keep: int) -> int:
        """Forget all but the newest `keep` snapshots of a project; bytes freed."""
        found = list(self.all(project))
        return self.forget(found[: max(0, len(found) - keep)])

    def _place(self, project: Path) -> Path:
        return self.folder / hashlib.sha256(os.fsencode(project)).hexdigest()[:32]

    def _mark(self, snapshot: Snapshot) -> Path:
        return self._place(snapshot.project) / f"{snapshot.id}.rolling"


# -- looking at a folder -----------------------------------------------------------------------------------------------


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
        if path.rpartition("/")[2] == _SKIPPED:
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
            target=target, same_as=same_as, xattrs=_xattrs(str(place)),
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


def _xattrs(place: str) -> dict[str, str] | None:
    found = {}
    with suppress(OSError):
        for name in os.listxattr(place, follow_symlinks=False):
            if name.startswith(("user.", "system.posix_acl")):
                found[name] = os.getxattr(place, name, follow_symlinks=False).hex()
    return found or None


def _untouched(snapshot: Snapshot, before: Entry, now: Entry) -> bool:
    """Whether a file is what it was, without reading it: one written just before the snapshot may keep its times."""
    same = all(getattr(before, name) == getattr(now, name) for name in ("inode", "size", "mtime_ns", "ctime_ns"))
    return same and before.ctime_ns < snapshot.taken_ns - _TICK_NS


# -- contents ----------------------------------------------------------------------------------------------------------


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


def _digest(path: Path) -> str:
    with _opened(path) as file:
        return _digest_of(file)


def _digest_of(file: int) -> str:
    total = hashlib.sha256()
    size = os.fstat(file).st_size
    total.update(b"%d\0" % size)
    for begin, length in _extents(file, size):
        total.update(b"%d+%d\0" % (begin, length))
        while length > 0:
            piece = os.pread(file, min(_CHUNK, length), begin)
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


def _keep(path: Path, place: Path) -> str:
    """Copy a file to the store; its hash. The copy is hashed, not the file, which may change meanwhile."""
    part = place / f"part-{os.getpid()}"
    _copy(path, part)
    digest = _digest(part)
    target = _object(place, digest)
    if target.exists():
        part.unlink()
    else:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part.replace(target)
    return digest


def _copy(source: Path, target: Path) -> None:
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
                    piece = os.pread(read, min(_CHUNK, length), begin)
                    if not piece:
                        break
                    os.pwrite(write, piece, begin)
                    begin, length = begin + len(piece), length - len(piece)
        finally:
            os.close(write)


def _dress(path: Path, entry: Entry) -> None:
    """Owner, mode, extended attributes and time of an entry; links are not followed."""
    found = path.lstat()
    if (found.st_uid, found.st_gid) != (entry.uid, entry.gid):
        with suppress(PermissionError):
            os.chown(path, entry.uid, entry.gid, follow_symlinks=False)
    if entry.kind != "link":
        path.chmod(entry.mode)
        now, wanted = _xattrs(str(path)) or {}, entry.xattrs or {}
        with suppress(OSError):
            for name in now.keys() - wanted.keys():
                os.removexattr(path, name, follow_symlinks=False)
            for name, value in wanted.items():
                if now.get(name) != value:
                    os.setxattr(path, name, bytes.fromhex(value), follow_symlinks=False)
    os.utime(path, ns=(path.lstat().st_atime_ns, entry.mtime_ns), follow_symlinks=False)


# -- changing a folder -------------------------------------------------------------------------------------------------


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


def _return_repositories(snapshot: Snapshot) -> None:
    """Put each `.git` that was moved, with a folder around it or aside, back where it was: known by its inode."""
    wanted = {entry.inode: path for path, entry in snapshot.entries.items() if entry.kind == "repository"}
    missing = {inode: path for inode, path in wanted.items() if _inode(snapshot.project / path) != inode}
    if not missing:
        return
    for place, folders, files in os.walk(snapshot.project):
        for name in [*folders, *files]:
            if name.startswith(_SKIPPED):
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
        folders[:] = [name for name in folders if not name.startswith(_SKIPPED)]


def _inode(path: Path) -> int | None:
    try:
        return path.lstat().st_ino
    except OSError:
        return None


# -- files of the store ------------------------------------------------------------------------------------------------


def _object(place: Path, digest: str) -> Path:
    return place / "objects" / digest[:2] / digest[2:]


def _with(entry: Entry, **changes: Any) -> Entry:
    return Entry(**{**asdict(entry), **changes})


def _sparse(entry: Entry) -> dict[str, Any]:
    return {name: value for name, value in asdict(entry).items() if value not in ("", None)}


def _write(path: Path, content: dict[str, Any]) -> None:
    part = path.with_suffix(".part")
    with part.open("w", encoding="ascii") as file:
        json.dump(content, file)
        file.flush()
        ctypes.CDLL(None).syncfs(file.fileno())  # the copies before the list that names them
    part.replace(path)


def _read(path: Path) -> Snapshot:
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
def _locked(place: Path, *, make: bool = False) -> Iterator[None]:
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
