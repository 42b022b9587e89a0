"""Files inside a project that other programs run or obey later: in a sandbox they may be read, never written.

`.git` of any depth counts, be it a folder or a pointer file. A protected path that is a symbolic link is refused:
what it points to could change between the look and the mount.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from roadmap_cli.core.errors import DataError

#: Protected at every depth.
ANYWHERE = frozenset({".git"})
#: Protected at the top of the project: read by editors, shells, hooks and agents without being asked.
AT_TOP = frozenset(
    {".gitmodules", ".gitattributes", ".envrc", ".vscode", ".idea", ".husky", ".pre-commit-config.yaml", ".mcp.json"}
    | {".claude", ".codex", ".cursor", ".bashrc", ".bash_profile", ".zshrc", ".zprofile", ".profile"}
)


def protected_paths(project: Path) -> list[Path]:
    """Every protected path that exists, sorted. Raises DataError for one that is a symbolic link."""
    found = sorted(_walk(project))
    for path in found:
        if path.is_symlink():
            raise DataError(f"{path}: a protected path must not be a symbolic link", code="protected_link")
    return found


def set_aside(project: Path, before: frozenset[Path]) -> list[Path]:
    """Rename protected paths that are new since `before` to NAME.untrusted; return the new names."""
    moved = []
    for path in sorted(set(_walk(project)) - before, reverse=True):
        target = path.with_name(path.name + ".untrusted")
        number = 0
        while os.path.lexists(target):
            number += 1
            target = path.with_name(f"{path.name}.untrusted-{number}")
        path.rename(target)
        moved.append(target)
    return moved


def _walk(project: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(project):
        wanted = ANYWHERE | AT_TOP if Path(folder) == project else ANYWHERE
        for name in wanted.intersection((*folders, *files)):
            yield Path(folder, name)
        folders[:] = [name for name in folders if name not in wanted]
