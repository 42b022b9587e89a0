"""Which folders a sandboxed program may be lent, and which never: words for a person instead of an accident."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from roadmap_cli.agent.sandbox.protected import BARE
from roadmap_cli.core.errors import UsageError

#: Writing in these, or in a folder above them, is changing the machine.
_SYSTEM = ("/usr", "/etc", "/bin", "/sbin", "/lib", "/lib64", "/boot", "/proc", "/sys", "/dev", "/run")
_SOURCES = ("/usr/src", "/usr/local/src")
#: A folder that holds all others of its kind.
_COMMON = ("/", "/home", "/root", "/var", "/var/lib", "/opt", "/srv", "/mnt", "/media", "/tmp", "/var/tmp")
_HINT = "name the folder of one project"


def check_writable(folder: Path, *, home: Path, secrets: Sequence[Path]) -> None:
    """Refuse a resolved folder that holds more than a project. Raises UsageError.

    `secrets` are the files and folders of this program itself: state, keys, snapshots.
    """
    if str(folder) in _COMMON:
        raise UsageError(f"{folder}: holds more than one project, and is never writable in a sandbox", hint=_HINT)
    if folder == home or home.is_relative_to(folder):
        raise UsageError(f"{folder}: holds your home directory, and is never writable in a sandbox", hint=_HINT)
    for system in map(Path, _SYSTEM):
        if (folder.is_relative_to(system) and not any(map(folder.is_relative_to, _SOURCES))) or system.is_relative_to(
            folder
        ):
            raise UsageError(f"{folder}: belongs to the system, and is never writable in a sandbox", hint=_HINT)
    if any(part.lower() == ".git" for part in folder.parts) or all((folder / name).exists() for name in BARE):
        raise UsageError(f"{folder}: inside of a git repository's own files", hint="name the folder of the work tree")
    _check_secrets(folder, secrets)


def check_readable(path: Path, *, secrets: Sequence[Path]) -> None:
    """Refuse a resolved path that would show this program's state or keys. Raises UsageError."""
    _check_secrets(path, secrets)


def _check_secrets(path: Path, secrets: Sequence[Path]) -> None:
    for secret in secrets:
        if secret.is_relative_to(path) or path.is_relative_to(secret):
            raise UsageError(f"{path}: holds {secret}, which no sandbox may see", hint=_HINT)
