"""The project inside the sandbox: unpacked from an archive, and brought back to that after each run."""

# Any Python from 3.8 on runs this, pytest names its methods, and files are handled at the level of the system.
# ruff: noqa: D102, PTH101, PTH103, PTH108, PTH113, PTH114, PTH118, PTH120, PTH123, PTH211, SIM105

from __future__ import annotations

import io
import os
import tarfile
from typing import Any


class Tree:
    """The project as it came, kept in memory, and the means to bring the folder back to that."""

    def __init__(self, root: Any, archive: Any) -> None:
        self.root = root
        self.files: Any = {}
        self.marks: Any = {}
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            for member in tar:
                content = tar.extractfile(member) if member.isfile() else None
                if content is not None:
                    self.files[member.name] = (content.read(), member.mode)
                elif member.issym():
                    self.files[member.name] = (member.linkname, None)
        for name in self.files:
            self.write(name)

    def write(self, name: Any, text: Any = None) -> Any:
        path = os.path.join(self.root, name)
        content, mode = self.files.get(name, (b"", 0o644))  # a file that a run adds; `restore` removes it
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.islink(path) or os.path.isfile(path):
            os.unlink(path)
        if mode is None:
            os.symlink(content, path)
        else:
            with open(path, "wb") as file:
                file.write(content if text is None else text.encode())
            os.chmod(path, mode)
        if name in self.files:  # what a run has changed is no mark to come back to
            self.marks[name] = self.mark(path) if text is None else None

    @staticmethod
    def mark(path: Any) -> Any:
        try:
            found = os.lstat(path)
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_size, found.st_ino, found.st_ctime_ns)

    def restore(self) -> Any:
        """Undo what a run has done to the folder: changed, removed and new files."""
        for place, folders, files in os.walk(self.root):
            for name in files:
                path = os.path.join(place, name)
                if os.path.relpath(path, self.root) not in self.files:
                    try:
                        os.unlink(path)
                    except OSError:
                        pass  # a read-only mount, such as the project's own virtual environment
            folders[:] = [name for name in folders if not os.path.ismount(os.path.join(place, name))]
        for name, mark in self.marks.items():
            if self.mark(os.path.join(self.root, name)) != mark:
                self.write(name)
