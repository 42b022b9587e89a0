"""The project as it stood when a run began: read once into memory, never worked on in place, written only by `apply`.

The copy that tests run in is made from these bytes inside the sandbox, so uncommitted work is seen as it is, nothing
is left behind after ``kill -9``, and a change somebody makes meanwhile is noticed instead of overwritten.

In a git work tree, git says which files come first: tracked ones and those that it would track. What it ignores, and
what is in submodules, comes along if there is room. Time and memory are bounded; what is left out is told.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from dataclasses import replace as replace_fields
from pathlib import Path

from roadmap_cli.agent.code import git
from roadmap_cli.agent.code.patch import File
from roadmap_cli.core.errors import CannotCreate, DataError, InputMissing

#: How much of a project is copied; of what git ignores only so many bytes; how many names are looked at.
FILES_LIMIT, BYTES_LIMIT, IGNORED_BYTES, NAMES_LIMIT = 20_000, 256 << 20, 64 << 20, 400_000
#: A file larger than this is data, not something that tests of a repair need before everything else.
_LARGE = 1 << 20
#: Folders that are made by tools and never part of a repair.
_LEFT_OUT = frozenset(
    {".git", ".hg", ".svn", "__pycache__", "node_modules", ".tox", ".nox", ".mypy_cache", ".pytest_cache"}
    | {".ruff_cache", ".hypothesis", ".eggs"}
)
#: What a file that `apply` is about to put in its place is called until then.
PART = ".agent-part"


@dataclass(frozen=True, slots=True)
class Project:
    """A folder's files by relative path (POSIX), with their modes, its links, and its virtual environments.

    `git` says whether it is a git work tree; `left_out` names, in words, what there was no room for.
    """

    root: Path
    files: Mapping[str, bytes]
    modes: Mapping[str, int]
    links: Mapping[str, str]
    environments: tuple[Path, ...]
    git: bool = False
    left_out: tuple[str, ...] = ()
    submodules: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 over every path, mode and content: two equal digests are the same project."""
        total = hashlib.sha256()
        for name in sorted(self.files):
            total.update(f"{name}\0{self.modes[name]:o}\0{hashlib.sha256(self.files[name]).hexdigest()}\n".encode())
        for name in sorted(self.links):
            total.update(f"{name}\0{self.links[name]}\n".encode())
        return total.hexdigest()

    def archive(self) -> bytes:
        """The files as an uncompressed tar, for the sandbox."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for name, content in self.files.items():
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(content), self.modes[name] | 0o600
                tar.addfile(member, io.BytesIO(content))
            for name, target in self.links.items():
                member = tarfile.TarInfo(name)
                member.type, member.linkname = tarfile.SYMTYPE, target
                tar.addfile(member)
        return buffer.getvalue()

    def file(self, name: str) -> File | None:
        """A file as a diff sees it; None if there is none."""
        if name not in self.files:
            return None
        return File(self.files[name], bool(self.modes[name] & 0o100))

    def with_changes(self, changed: Mapping[str, str]) -> dict[str, File | None]:
        """The changed files as a diff sees them."""
        return {name: File(text.encode(), bool(self.modes.get(name, 0) & 0o100)) for name, text in changed.items()}

    def with_files(self, files: Mapping[str, File | None]) -> Project:
        """The same project with some files as they are given; only what its digest says is of use."""
        contents, modes = dict(self.files), dict(self.modes)
        for name, file in files.items():
            if file is None:
                contents.pop(name, None)
            else:
                contents[name] = file.content
        return replace_fields(self, files=contents, modes={name: modes.get(name, 0o644) for name in contents})

    def sources(self) -> list[str]:
        """The Python files that may hold the fault: everything that is not a test."""
        return [name for name in sorted(self.files) if name.endswith(".py") and not is_test(name)]

    def unread(self) -> list[str]:
        """The sources that are not UTF-8, so that no change to them can be proposed."""
        return [name for name in self.sources() if not is_utf8(self.files[name])]


def is_utf8(content: bytes) -> bool:
    """Whether a file's content is text in UTF-8."""
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def is_test(name: str) -> bool:
    """Whether a file belongs to the tests by its name or folder: such a file is never edited."""
    *folders, file = name.split("/")
    stem, _, ending = file.rpartition(".")
    named = file.startswith("test_") or file in ("conftest.py", "tests.py")
    named = named or stem.endswith(("_test", "_tests", ".test", ".spec")) or (ending in _SCRIPTS and stem == "test")
    return named or any(folder in ("test", "tests", "testing", "__tests__", "testdata") for folder in folders)


_CODE = frozenset(
    {"py", "pyi", "pyx", "js", "mjs", "cjs", "ts", "tsx", "jsx", "go", "rs", "c", "h", "cc", "cpp", "hpp", "java", "kt"}
    | {"rb", "php", "sh", "pl", "lua", "toml", "cfg", "ini", "json", "yaml", "yml"}
)
_SCRIPTS = ("js", "mjs", "cjs", "ts", "tsx", "jsx")


def is_code(name: str) -> bool:
    """Whether a file is code or settings by its name."""
    file = name.rpartition("/")[2]
    return file.rpartition(".")[2] in _CODE or file in ("Makefile", "go.mod", "go.sum")


def read(folder: Path) -> Project:
    """Read a project. Raises InputMissing if it cannot be read."""
    root = folder.resolve()
    if not root.is_dir():
        raise InputMissing(f"{folder}: not a folder")
    found = _Found(root)
    for name in found.names():
        found.take(name)
    return Project(
        root, found.files, found.modes, found.links, tuple(found.environments), found.git is not None,
        tuple(found.left_out()), found.submodules,
    )  # fmt: skip


@dataclass(slots=True)
class _Found:
    """What reading a project has found so far."""

    root: Path
    files: dict[str, bytes] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    environments: list[Path] = field(default_factory=list)
    submodules: tuple[str, ...] = ()
    git: git.Listing | None = None
    size: int = 0
    cut: bool = False
    over: int = 0
    over_bytes: int = 0
    unreadable: list[str] = field(default_factory=list)
    _ignored: set[str] = field(default_factory=set)
    _ignored_bytes: int = 0

    def names(self) -> list[str]:
        """The files in the order of their use: what git knows, then the rest; small ones first, and of these code."""
        walked = list(self._walk())
        self.git = git.listing(self.root)
        if self.git is not None:
            self.submodules = self.git.submodules
            known = set(self.git.files)
            self._ignored = {
                name for name, _ in walked if name not in known and not name.startswith(self._in_submodules())
            }
        walked.sort(key=lambda entry: (entry[0] in self._ignored, entry[1] > _LARGE, not is_code(entry[0]), entry[0]))
        return [name for name, _ in walked]

    def _in_submodules(self) -> tuple[str, ...]:
        return tuple(f"{name}/" for name in self.submodules)

    def _walk(self) -> Iterator[tuple[str, int]]:
        count = 0
        for place, folders, names in os.walk(self.root, onerror=self._cannot_list):
            here = Path(place)
            self.environments += [here / name for name in folders if (here / name / "pyvenv.cfg").is_file()]
            for name in [*names, *(n for n in folders if (here / n).is_symlink())]:
                if name.endswith(PART):
                    continue
                count += 1
                if count > NAMES_LIMIT:
                    self.cut = True
                    return
                path = here / name
                try:
                    about = path.lstat()
                except OSError:
                    continue  # gone again
                relative = path.relative_to(self.root).as_posix()
                if stat.S_ISLNK(about.st_mode):
                    with suppress(OSError):
                        self.links[relative] = str(path.readlink())
                elif stat.S_ISREG(about.st_mode):  # not a socket, a pipe or a device
                    yield relative, about.st_size
            folders[:] = sorted(n for n in folders if n not in _LEFT_OUT and here / n not in self.environments)

    def _cannot_list(self, error: OSError) -> None:
        if error.filename == str(self.root):
            raise InputMissing(f"{error.filename}: cannot read: {(error.strerror or '').lower()}")
        self.unreadable.append(Path(error.filename).relative_to(self.root).as_posix() + "/")

    def take(self, name: str) -> None:
        """Read one file, if there is room."""
        path = self.root / name
        try:
            about = path.lstat()
            ignored = name in self._ignored
            room = len(self.files) < FILES_LIMIT and self.size + about.st_size <= BYTES_LIMIT
            if not room or (ignored and self._ignored_bytes + about.st_size > IGNORED_BYTES):
                self.over += 1
                self.over_bytes += about.st_size
                return
            self.files[name] = path.read_bytes()
        except OSError:
            self.unreadable.append(name)
            return
        self.modes[name] = about.st_mode & 0o777
        self.size += len(self.files[name])
        self._ignored_bytes += len(self.files[name]) if ignored else 0

    def left_out(self) -> Iterator[str]:
        """In words what is not in the copy."""
        if self.over:
            size = f"{self.over_bytes / (1 << 20):.1f} MiB"
            yield f"{self.over} files ({size}) over the limit of {FILES_LIMIT} files and {BYTES_LIMIT >> 20} MiB"
        if self.cut:
            yield f"everything after the first {NAMES_LIMIT} names"
        if self.unreadable:
            more = f" and {len(self.unreadable) - 3} more" if len(self.unreadable) > 3 else ""
            yield f"not readable: {', '.join(self.unreadable[:3])}{more}"
        empty = [name for name in self.submodules if not any(n.startswith(f"{name}/") for n in self.files)]
        if empty:
            yield f"submodules that are not checked out: {', '.join(empty[:3])}"


def standing(root: Path, name: str) -> File | None:
    """A file as it is now; None if there is none. Raises DataError if something else is in its place."""
    path = root / name
    try:
        about = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InputMissing(f"{name}: cannot read: {(error.strerror or '').lower()}") from None
    if not stat.S_ISREG(about.st_mode):
        raise DataError(f"{name}: changed while the agent worked; nothing was written", code="changed_meanwhile")
    return File(path.read_bytes(), bool(about.st_mode & 0o100))


def apply(project: Project, changed: Mapping[str, str]) -> None:
    """Write changed and new files to the folder: all checked first, each replaced at once, all put back if one fails.

    Raises DataError if a file is no longer what was read, CannotCreate if the folder cannot be written.
    """
    replace(project.root, {name: project.file(name) for name in changed}, project.with_changes(changed))


def replace(root: Path, before: Mapping[str, File | None], after: Mapping[str, File | None]) -> bool:
    """Bring files from `before` to `after`; what is as `after` says already is left alone. Whether anything was done.

    May be called again after a crash in the middle of it: what is on disk decides, parts that were left are removed.
    Raises DataError, with nothing written, if a file is neither; CannotCreate, with everything put back.
    """
    todo: list[str] = []
    now = {name: standing(root, name) for name in after}
    for name in after:
        _inside(root, name)
        if now[name] == after[name]:
            continue
        if now[name] != before.get(name):
            raise DataError(f"{name}: changed while the agent worked; nothing was written", code="changed_meanwhile")
        todo.append(name)
    made: list[Path] = []
    done: list[str] = []
    try:
        for name in after:
            with suppress(FileNotFoundError, NotADirectoryError):
                _part(root, name).unlink()
        for name in todo:
            new = after[name]
            if new is not None:
                _write_part(root, name, new, made)
        for name in todo:
            path = root / name
            if after[name] is None:
                path.unlink()
            else:
                _part(root, name).replace(path)
            done.append(name)
    except OSError as error:
        for name in done:
            _put_back(root, name, now[name])
        for folder in reversed(made):
            with suppress(OSError):
                folder.rmdir()
        raise CannotCreate(f"{error.filename}: cannot write: {(error.strerror or '').lower()}") from None
    finally:
        for name in todo:
            with suppress(OSError):
                _part(root, name).unlink(missing_ok=True)
    return bool(todo)


def sweep(root: Path, names: Iterable[str]) -> None:
    """Remove the parts that a process killed in `replace` has left beside these files."""
    for name in names:
        with suppress(OSError):
            _part(root, name).unlink()


def _inside(root: Path, name: str) -> None:
    """Raise DataError for a path that leaves the folder, by its words or through a link."""
    path = root / name
    if name.startswith("/") or ".." in Path(name).parts or not path.parent.resolve().is_relative_to(root):
        raise DataError(f"{name}: not inside the project", code="outside")


def _part(root: Path, name: str) -> Path:
    path = root / name
    return path.with_name(f".{path.name}{PART}")


def _write_part(root: Path, name: str, new: File, made: list[Path]) -> None:
    path, part = root / name, _part(root, name)
    for folder in [f for f in reversed(path.parents) if f.is_relative_to(root) and not f.is_dir()]:
        folder.mkdir()
        made.append(folder)
    owner = path.stat() if path.exists() else path.parent.stat()
    with part.open("xb") as file:
        file.write(new.content)
        file.flush()
        os.fsync(file.fileno())
    mode = (owner if path.exists() else part.stat()).st_mode & 0o777
    if bool(mode & 0o100) != new.executable:
        mode = mode | (mode & 0o444) >> 2 if new.executable else mode & ~0o111
    part.chmod(mode)
    with suppress(PermissionError):
        os.chown(part, owner.st_uid, owner.st_gid)


def _put_back(root: Path, name: str, was: File | None) -> None:
    path = root / name
    with suppress(OSError):
        if was is None:
            path.unlink()
        else:
            path.write_bytes(was.content)
            path.chmod(path.stat().st_mode | 0o111 if was.executable else path.stat().st_mode & ~0o111)
