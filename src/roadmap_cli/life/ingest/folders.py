"""Files and folders that are watched: which files are new or have changed, soon after somebody has written them.

The kernel tells of changes on this machine. On a file system of another machine it cannot: there, and where it has no
room for more watches, all files are looked at every few seconds.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from roadmap_cli.life.ingest import inotify

#: A file is read when nobody has written to it for so long, in seconds; but after LONGEST_S of writing all the same.
QUIET_S, CLOSED_S, LONGEST_S = 0.4, 0.05, 3.0
#: How often files are looked at where the kernel cannot tell, and whether a folder that has gone has come back.
LOOK_S = 5.0
#: File systems whose files other machines change.
REMOTE = ("nfs", "cifs", "smb", "9p", "afs", "ceph", "fuse", "virtiofs", "vboxsf", "gfs", "ocfs", "lustre", "davfs")


def files_below(name: str) -> Iterator[str]:
    """All sources in and below a folder, sorted, without hidden ones; what cannot be listed is left out.

    A folder of mails is one source: its mails are not.
    """
    from roadmap_cli.life.formats import mail_folder

    if mail_folder.is_one(Path(name)):
        yield name
        return
    for folder, folders, files in os.walk(name):
        within = sorted(each for each in folders if not each.startswith("."))
        whole = [each for each in within if mail_folder.is_one(Path(folder, each))]
        folders[:] = [each for each in within if each not in whole]
        for each in whole:
            yield os.path.join(folder, each)  # noqa: PTH118
        for each in sorted(files):
            path = os.path.join(folder, each)  # noqa: PTH118  a Path for each of 10,000 files takes a second
            if not each.startswith(".") and os.path.isfile(path):  # noqa: PTH113
                yield path


def source_at(path: str, within: Sequence[str]) -> str:
    """The source a file belongs to: the folder of mails it lies in, below one of the folders watched, or itself."""
    from roadmap_cli.life.formats import mail_folder

    for parent in Path(path).parents:
        if mail_folder.is_one(parent):
            return str(parent)
        if str(parent) in within or len(parent.parts) <= 1:
            break
    return path


def is_remote(path: str, mounts: str) -> bool:
    """Whether a path lies on a file system of another machine; `mounts` is the text of /proc/self/mountinfo."""
    real, found, kind = os.path.realpath(path), "", ""
    for line in mounts.splitlines():
        left, mark, right = line.partition(" - ")
        parts = left.split()
        if not mark or len(parts) < 5 or not right.split():
            continue
        place = parts[4].encode().decode("unicode_escape").rstrip("/")  # a space is written \040
        if (real == place or real.startswith(place + "/")) and len(place) >= len(found):
            found, kind = place, right.split()[0]
    return kind.startswith(REMOTE)


class Watch:
    """Watches files and folders by the names they were given by.

    `said` gets words for a person: what has vanished and come back, why it must look instead of being told.
    """

    def __init__(self, names: Sequence[str], said: Callable[[str], None]) -> None:
        self._names = list(names)
        self._said = said
        self._kernel: inotify.Inotify | None = None
        self._folders: dict[int, str] = {}
        self.missing: list[str] = []
        """Files that are gone since `changed` was asked before; who deals with one takes it out."""
        self._single: dict[tuple[int, str], str] = {}
        self._due: dict[str, tuple[float, float]] = {}
        self._gone: set[str] = set()
        self._looking: set[str] = set()
        self._looked = time.monotonic()
        self._stamps: dict[str, tuple[int, int, int]] = {}
        self._set_up()

    def _set_up(self) -> None:
        try:
            mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
        except OSError:
            mounts = ""
        for name in self._names:
            if is_remote(name, mounts):
                self._look_at(name, "lies on another machine")
            else:
                self._ask_kernel(name)

    def _ask_kernel(self, name: str) -> None:
        try:
            if self._kernel is None:
                self._kernel = inotify.Inotify()
            if Path(name).is_dir():
                self._follow(name)
            else:
                number = self._kernel.watch(str(Path(name).parent))
                self._folders.setdefault(number, str(Path(name).parent))
                self._single[number, Path(name).name] = name
        except OSError as error:
            self._look_at(name, (error.strerror or str(error)).lower())

    def _look_at(self, name: str, why: str) -> None:
        if name not in self._looking:
            self._looking.add(name)
            self._said(f"{name}: changes are looked for every {LOOK_S:g} s: {why}")
            self._changed_by_looking(name)

    def _follow(self, folder: str) -> None:
        for path, folders, _ in os.walk(folder):
            folders[:] = [each for each in folders if not each.startswith(".")]
            self._follow_one(path)

    def _follow_one(self, folder: str) -> None:
        if self._kernel is not None:
            try:
                self._folders[self._kernel.watch(folder)] = folder
            except FileNotFoundError:
                return  # gone since it was listed

    # -- waiting ---------------------------------------------------------------------------------------------------

    @property
    def descriptor(self) -> int:
        """What is readable when something has changed; -1 if all is looked for."""
        return self._kernel.descriptor if self._kernel else -1

    def pause_s(self) -> float | None:
        """After so many seconds `changed` is to be asked even if nothing was told; None: not before."""
        now = time.monotonic()
        dues = [due for due, _ in self._due.values()]
        if self._gone or self._looking:
            dues.append(self._looked + LOOK_S)
        return max(min(dues) - now, 0.0) if dues else None

    def changed(self) -> list[str]:
        """The files that are new or changed and that nobody is writing to any more."""
        if self._kernel is not None:
            for event in self._kernel.events():
                self._take(event)
        now = time.monotonic()
        if (self._gone or self._looking) and now >= self._looked + LOOK_S:
            self._looked = now
            self._look()
        ready = sorted(name for name, (due, _) in self._due.items() if due <= now)
        for name in ready:
            del self._due[name]
        present = [name for name in ready if Path(name).exists()]
        self.missing += [name for name in ready if name not in present]
        return present

    def again(self, name: str, after_s: float) -> None:
        """Give a file once more, later: it seemed to be half written."""
        now = time.monotonic()
        self._due[name] = (now + after_s, now)

    def _soon(self, name: str, quiet_s: float) -> None:
        name = source_at(name, self._names)
        now = time.monotonic()
        _, first = self._due.get(name, (now, now))
        self._due[name] = (min(now + quiet_s, first + LONGEST_S), first)

    def _take(self, event: inotify.Event) -> None:
        if event.mask & inotify.OVERFLOW:
            for name in self._names:
                self._all_of(name)
            return
        folder = self._folders.get(event.watch)
        if folder is None:
            return
        if event.mask & (inotify.DELETE_SELF | inotify.MOVE_SELF | inotify.UNMOUNT | inotify.IGNORED):
            self._folders.pop(event.watch, None)
            self._miss(folder)
            return
        single = self._single.get((event.watch, event.name))
        path = single or os.path.join(folder, event.name)  # noqa: PTH118
        if single is None and (event.name.startswith(".") or not self._given(path)):
            return
        if event.mask & inotify.IS_FOLDER:
            if event.mask & (inotify.CREATE | inotify.MOVED_TO):
                try:
                    self._follow(path)
                except OSError as error:
                    self._look_at(self._root(path), (error.strerror or str(error)).lower())
                self._all_of(path)
        elif event.mask & (inotify.CLOSE_WRITE | inotify.MOVED_TO):
            self._soon(path, CLOSED_S)
        elif event.mask & (inotify.MODIFY | inotify.CREATE | inotify.DELETE | inotify.MOVED_FROM):
            self._soon(path, QUIET_S)

    def _given(self, path: str) -> bool:
        return any(path == name or path.startswith(f"{name.rstrip('/')}/") for name in self._names)

    def _root(self, path: str) -> str:
        return next((name for name in self._names if path.startswith(f"{name.rstrip('/')}/")), path)

    def _all_of(self, name: str) -> None:
        for path in files_below(name) if Path(name).is_dir() else [name]:
            self._soon(path, CLOSED_S)

    # -- what the kernel cannot tell -------------------------------------------------------------------------------

    def _miss(self, folder: str) -> None:
        for name in self._names:
            if name not in self._gone and not Path(name).exists():
                self._gone.add(name)
                self._looked = time.monotonic()
                self._said(f"{name}: has vanished; waiting for it to come back")

    def _look(self) -> None:
        for name in sorted(self._gone):
            if Path(name).exists():
                self._gone.discard(name)
                self._said(f"{name}: is back")
                if name not in self._looking:
                    self._ask_kernel(name)
                self._all_of(name)
        for name in sorted(self._looking - self._gone):
            if not Path(name).exists():
                self._miss(name)
                continue
            for path in self._changed_by_looking(name):
                self._soon(path, CLOSED_S)

    def _changed_by_looking(self, name: str) -> list[str]:
        found = []
        for path in files_below(name) if Path(name).is_dir() else [name]:
            try:
                status = os.stat(path)  # noqa: PTH116
            except OSError:
                continue
            stamp = (status.st_size, status.st_mtime_ns, status.st_ino)
            if self._stamps.get(path) != stamp:
                self._stamps[path] = stamp
                found.append(path)
        return found

    def close(self) -> None:
        """Let the kernel forget it."""
        if self._kernel is not None:
            self._kernel.close()
            self._kernel = None
