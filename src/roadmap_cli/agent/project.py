"""The project as it stood when a run began: read once into memory, never worked on in place, written only by `apply`.

The copy that tests run in is made from these bytes inside the sandbox, so uncommitted work is seen as it is, nothing
is left behind after ``kill -9``, and a change somebody makes meanwhile is noticed instead of overwritten.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from roadmap_cli.core.errors import CannotCreate, DataError, InputMissing

FILES_LIMIT, BYTES_LIMIT = 20_000, 256 << 20
#: Folders that are made by tools and never part of a repair.
_LEFT_OUT = frozenset(
    {".git", ".hg", ".svn", "__pycache__", "node_modules", ".tox", ".nox", ".mypy_cache", ".pytest_cache"}
    | {".ruff_cache", ".hypothesis", ".eggs"}
)


@dataclass(frozen=True, slots=True)
class Project:
    """A folder's files by relative path (POSIX), with their modes, its links, and its virtual environments."""

    root: Path
    files: Mapping[str, bytes]
    modes: Mapping[str, int]
    links: Mapping[str, str]
    environments: tuple[Path, ...]

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

    def sources(self) -> list[str]:
        """The Python files that may hold the fault: everything that is not a test."""
        return [name for name in sorted(self.files) if name.endswith(".py") and not is_test(name)]


def is_test(name: str) -> bool:
    """Whether a file belongs to the tests by its name or folder: such a file is never edited."""
    *folders, file = name.split("/")
    named = file.startswith("test_") or file.endswith(("_test.py", "_tests.py")) or file in ("conftest.py", "tests.py")
    return named or any(folder in ("test", "tests", "testing") for folder in folders)


def read(folder: Path) -> Project:
    """Read a project. Raises InputMissing if it cannot be read, DataError if it is too large to be copied."""
    root = folder.resolve()
    if not root.is_dir():
        raise InputMissing(f"{folder}: not a folder")
    files: dict[str, bytes] = {}
    modes: dict[str, int] = {}
    links: dict[str, str] = {}
    environments: list[Path] = []
    size = 0
    for place, folders, names in os.walk(root, onerror=_cannot_read):
        here = Path(place)
        environments += [here / name for name in folders if (here / name / "pyvenv.cfg").is_file()]
        for name in [*names, *(n for n in folders if (here / n).is_symlink())]:
            path = here / name
            relative = path.relative_to(root).as_posix()
            if path.is_symlink():
                links[relative] = str(path.readlink())
                continue
            if not path.is_file():
                continue  # a socket, a pipe or a device
            try:
                files[relative] = path.read_bytes()
                modes[relative] = path.stat().st_mode & 0o777
            except OSError as error:
                _cannot_read(error)
            size += len(files[relative])
            if len(files) > FILES_LIMIT or size > BYTES_LIMIT:
                raise DataError(
                    f"{folder}: more than {FILES_LIMIT} files or {BYTES_LIMIT >> 20} MiB", code="project_too_large",
                    hint="name the folder of the failing package instead",
                )  # fmt: skip
        folders[:] = sorted(n for n in folders if n not in _LEFT_OUT and here / n not in environments)
    return Project(root, files, modes, links, tuple(environments))


def _cannot_read(error: OSError) -> None:
    raise InputMissing(f"{error.filename}: cannot read: {(error.strerror or '').lower()}")


def apply(project: Project, changed: Mapping[str, str]) -> None:
    """Write changed files to the folder: all checked first, each replaced at once, all put back if one fails.

    Raises DataError if a file is no longer what was read, CannotCreate if the folder cannot be written.
    """
    for name in changed:
        path = project.root / name
        if path.is_symlink() or not path.is_file() or path.read_bytes() != project.files[name]:
            raise DataError(f"{name}: changed while the agent worked; nothing was written", code="changed_meanwhile")
    parts: dict[str, Path] = {}
    done: list[str] = []
    try:
        for name, text in changed.items():
            path = project.root / name
            part = path.with_name(f".{path.name}.{os.getpid()}.part")
            parts[name] = part
            owner = path.stat()
            with part.open("xb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            part.chmod(project.modes[name])
            with suppress(PermissionError):
                os.chown(part, owner.st_uid, owner.st_gid)
        for name, part in parts.items():
            part.replace(project.root / name)
            done.append(name)
    except OSError as error:
        for name in done:
            (project.root / name).write_bytes(project.files[name])
        raise CannotCreate(f"{error.filename}: cannot write: {(error.strerror or '').lower()}") from None
    finally:
        for part in parts.values():
            with suppress(OSError):
                part.unlink(missing_ok=True)
