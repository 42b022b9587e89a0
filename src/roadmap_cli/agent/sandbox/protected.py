"""Files inside a project that other programs run or obey later: in a sandbox they may be read, never written.

`.git` of any depth counts, be it a folder or a pointer file, and what it leads to inside the project: the folder a
pointer names, `core.hooksPath`, a program named by `core.fsmonitor`, included configuration. So does a folder that git
would take for a bare repository (`HEAD`, `objects`, `refs`): its configuration may name programs, too.

Not protected is what the project itself is made of, even if it is run later: `Makefile`, `package.json`, `setup.py`,
`conftest.py`, continuous integration, notes for agents. To change these is what a program in a project is for; the
snapshot's diff shows it.

A protected path that is a symbolic link is refused: what it points to could change between the look and the mount.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from roadmap_cli.core.errors import DataError

#: Protected at every depth.
ANYWHERE = frozenset({".git"})
#: Protected at the top of the project: read by editors, shells, hooks, debuggers and agents without being asked.
AT_TOP = frozenset(
    {".gitmodules", ".gitattributes", ".gitconfig", ".husky", ".pre-commit-config.yaml"}
    | {".envrc", ".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".profile", ".inputrc"}
    | {".zshrc", ".zshenv", ".zprofile", ".zlogin", ".tool-versions", ".mise.toml", "mise.toml"}
    | {".vscode", ".idea", ".devcontainer", ".exrc", ".vimrc", ".nvimrc", ".nvim.lua", ".dir-locals.el"}
    | {".gdbinit", ".lldbinit", ".ripgreprc", ".npmrc", ".yarnrc", ".yarnrc.yml"}
    | {".mcp.json", ".claude", ".codex", ".cursor"}
)
#: A folder with all three is a repository to git.
BARE = frozenset({"HEAD", "objects", "refs"})
#: More mounts than this are refused: bubblewrap takes 9000 words.
MOST = 2000

Identity = tuple[int, int]


def protected_paths(project: Path, *, most: int = MOST) -> list[Path]:
    """Every protected path that exists, sorted. Raises DataError for one that is a symbolic link, or for too many."""
    found = {path for path, _ in _walk(project)}
    for path in [path for path in found if path.name.lower() == ".git"]:
        found |= _led_to(path, project)
    for path in sorted(found):
        if path.is_symlink():
            raise DataError(
                f"{path}: a protected path must not be a symbolic link", code="protected_link",
                hint="put the folder itself there, or choose a project folder below it",
            )  # fmt: skip
    if len(found) > most:
        raise DataError(
            f"{project}: {len(found)} protected paths, more than {most}", code="too_many_protected",
            hint="choose a project folder with fewer repositories in it",
        )  # fmt: skip
    return sorted(path for path in found if not any(parent in found for parent in path.parents))


def identities(paths: list[Path]) -> dict[Path, Identity]:
    """Device and inode of each path that exists: a folder that was put in the place of another has another one."""
    known = {}
    for path in paths:
        with suppress(OSError):
            found = path.lstat()
            known[path] = (found.st_dev, found.st_ino)
    return known


def set_aside(project: Path, before: Mapping[Path, Identity]) -> list[Path]:
    """Rename protected paths that are not those of `before` to NAME.untrusted; return the new names.

    Of a folder that looks like a bare repository, `HEAD` is renamed: git then no longer takes it for one.
    """
    moved = []
    now = identities(list(before))
    intact = {path for path in before if now.get(path) == before[path]}
    replaced = dict.fromkeys(now.keys() - intact, False)
    for path, bare in sorted({**replaced, **dict(_walk(project, unlock=True))}.items(), reverse=True):
        if path in intact or any(parent in intact for parent in path.parents):
            continue
        path = path / "HEAD" if bare else path
        target = path.with_name(path.name + ".untrusted")
        number = 0
        while os.path.lexists(target):
            number += 1
            target = path.with_name(f"{path.name}.untrusted-{number}")
        path.rename(target)
        moved.append(target)
    return moved


def _walk(project: Path, *, unlock: bool = False) -> Iterator[tuple[Path, bool]]:
    """Protected paths, each with whether it is a bare repository, without looking into them.

    With `unlock`, a folder that may not be read is made readable for its owner: nothing hides in it.
    """
    waiting = [str(project)]
    while waiting:
        place = waiting.pop()
        try:
            entries = list(os.scandir(place))
        except PermissionError:
            if not unlock:
                continue
            try:
                Path(place).chmod(0o700)
                entries = list(os.scandir(place))
            except OSError:
                continue
        except OSError:
            continue  # gone meanwhile, or nested too deeply for a path
        top = place == str(project)
        if not top and len(BARE.intersection(entry.name for entry in entries)) == len(BARE):
            yield Path(place), True
            continue
        for entry in entries:
            name = entry.name
            if name.lower() in ANYWHERE or (top and name in AT_TOP):
                yield Path(place, name), False
            elif entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)


_LINE = re.compile(r'^\s*(hookspath|fsmonitor|path|worktree)\s*=\s*"?([^"\n#;]+)', re.IGNORECASE | re.MULTILINE)


def _led_to(git: Path, project: Path) -> set[Path]:
    """What a `.git` leads to inside the project: read with bounds, nothing of it is run."""
    led: set[Path] = set()
    folder = git
    if git.is_file() and not git.is_symlink():
        words = _head(git).partition("gitdir:")[2].strip()
        folder = Path(os.path.normpath(git.parent / words)) if words else git
        led.add(folder)
    for name, value in _LINE.findall(_head(folder / "config")):
        if name.lower() == "worktree":
            continue
        base = folder if name.lower() == "path" else git.parent
        led.add(Path(os.path.normpath(base / Path(value.strip()))))
    return {path for path in led if path != project and path.is_relative_to(project) and os.path.lexists(path)}


def _head(path: Path) -> str:
    try:
        with path.open(errors="replace") as file:
            return file.read(1 << 16)
    except OSError:
        return ""
