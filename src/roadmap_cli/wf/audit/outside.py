"""Places outside the state for checkpoints: a file that is only added to, a git repository, the system's log.

The rule kept here: what is outside is what proves. A checkpoint counts as kept only when the place has it on its disk.
"""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

from roadmap_cli.core.errors import CannotCreate, UsageError
from roadmap_cli.wf.audit.notes import Checkpoint

_SYSLOG = "/dev/log"
#: RFC 5424 priority: facility "log audit" (13), severity "notice" (5).
_PRIORITY = 13 * 8 + 5


def put(checkpoint: Checkpoint, place: str) -> None:
    """Add a checkpoint to ``file:PATH``, ``git:FOLDER`` or ``syslog:``. Raises CannotCreate if it could not be kept."""
    scheme, _, rest = place.partition(":")
    if scheme == "file" and rest:
        _file(checkpoint, Path(rest))
    elif scheme == "git" and rest:
        _git(checkpoint, Path(rest))
    elif scheme == "syslog":
        _syslog(checkpoint, rest or _SYSLOG)
    else:
        raise UsageError(f"not a place: {place!r}", hint="write file:PATH, git:FOLDER or syslog:")


def _file(checkpoint: Checkpoint, path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        with os.fdopen(descriptor, "ab") as stream:
            stream.write(checkpoint.text.encode() + b"\n")
            stream.flush()
            if not path.is_char_device() and not path.is_fifo():
                os.fsync(stream.fileno())
    except OSError as error:
        raise CannotCreate(f"cannot add to it: {(error.strerror or str(error)).lower()}", where=str(path)) from None


def _git(checkpoint: Checkpoint, folder: Path) -> None:
    """One file by origin in a repository, committed; nothing is pushed."""
    name = "".join(each if each.isalnum() or each in "-_." else "-" for each in checkpoint.origin) + ".checkpoints"
    if not (folder / ".git").exists():
        raise CannotCreate("not a git repository", where=str(folder), hint="make one with 'git init'")
    _file(checkpoint, folder / name)
    identity = ["-c", "user.name=wf-audit", "-c", "user.email=wf-audit@localhost", "-c", "commit.gpgsign=false"]
    for command in (["add", "--", name], [*identity, "commit", "-q", "-m", f"{checkpoint.size} entries", "--", name]):
        try:
            done = subprocess.run(["git", "-C", str(folder), *command], capture_output=True, timeout=60)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CannotCreate(f"git does not work: {error}", where=str(folder)) from None
        if done.returncode:
            last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
            raise CannotCreate(f"git refuses: {last}", where=str(folder))


def _syslog(checkpoint: Checkpoint, path: str) -> None:
    """One message (RFC 5424) to the local socket, the line ends of the text written as ``\\n``."""
    message = f"<{_PRIORITY}>1 - - wf-audit - checkpoint - " + checkpoint.text.replace("\n", "\\n")
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as found:
            found.connect(path)
            found.send(message.encode())
    except OSError as error:
        raise CannotCreate(
            f"the system's log cannot be reached: {(error.strerror or '').lower()}", where=path
        ) from None
