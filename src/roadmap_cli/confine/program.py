"""The words that start one program so that it sees its folder, the files it was given, and nothing else.

It keeps the user's own id (files it writes are the user's) without any capability, in process, IPC and UTS namespaces
of its own, without network unless that was given, under the system-call filter. Source: bwrap(1).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from roadmap_cli.confine import seccomp, system
from roadmap_cli.core.errors import DataError, Unavailable

SEARCH = "/usr/bin:/bin:/usr/local/bin"
#: Folders that no file may be shown in whole: everything of the machine, or of everybody, lies in them.
_TOO_MUCH = frozenset({"/", "/home", "/root", "/etc", "/proc", "/sys", "/dev", "/run", "/var", "/tmp", "/boot"})


@dataclass(frozen=True, slots=True)
class Confined:
    """A command to start in place of another, and descriptors it inherits; close them once it has been started."""

    argv: list[str]
    descriptors: tuple[int, ...]

    def close(self) -> None:
        """Close the descriptors here."""
        for each in self.descriptors:
            os.close(each)


def command(
    argv: Sequence[str],
    *,
    directory: Path,
    readable: Sequence[Path] = (),
    writable: Sequence[Path] = (),
    network: bool = False,
    writes: bool = False,
) -> Confined:
    """The command that runs `argv` in `directory`, which it may write in only with `writes`.

    `readable` and `writable` are files and folders it sees besides, at their own paths; those not there are left out.
    Raises Unavailable without bubblewrap or libseccomp, DataError for a path that would show too much.
    """
    bwrap = shutil.which("bwrap", path=SEARCH)
    if bwrap is None:
        raise Unavailable(
            "bwrap is not installed, and nothing runs outside its scope", hint="apt-get install bubblewrap"
        )
    words = [bwrap, "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try", "--die-with-parent",
             "--cap-drop", "ALL", "--hostname", "step"]  # fmt: skip
    words += [] if network else ["--unshare-net"]
    words += ["--unshare-user", "--disable-userns"] if os.geteuid() else []
    words += [*system.words(), "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/run"]
    words += system.etc_words()
    if network:
        for name in ("resolv.conf", "hosts", "nsswitch.conf", "services"):
            words += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    words += ["--ro-bind-try", "/etc/passwd", "/etc/passwd"]  # names of users, no secret: programs look up their own
    real = directory.resolve()
    for path in readable:
        words += _bound("--ro-bind-try", path)
    words += ["--bind" if writes else "--ro-bind", str(real), str(_narrow(real))]
    for path in readable:
        if _within(path.resolve(), real):  # bound before the folder, it would be covered by it
            words += _bound("--ro-bind-try", path)
    for path in writable:
        words += _bound("--bind-try", path)
    words += ["--remount-ro", "/", "--chdir", str(real)]
    filter_descriptor = seccomp.program()
    return Confined([*words, "--seccomp", str(filter_descriptor), "--", *argv], (filter_descriptor,))


def support(program: str) -> list[Path]:
    """What a program needs to be seen besides itself: the Python environment, or the checkout, that it stands in."""
    path = Path(program)
    found = [path, path.resolve()]
    for folder in (path.parent.parent, path.resolve().parent.parent):
        if (folder / "pyvenv.cfg").exists():
            found += [folder, folder.resolve()]
            home = next((line.partition("=")[2].strip() for line in (folder / "pyvenv.cfg").read_text().splitlines()
                         if line.startswith("home")), "")  # fmt: skip
            found += [Path(home).parent] if home and not home.startswith("/usr/bin") else []
        if (folder / "bin" / "_launch").exists():
            found += [folder / "bin", folder / "src", folder / ".venv", (folder / ".venv").resolve()]
    return [each for each in found if each.is_absolute() and str(each) not in _TOO_MUCH and each.parent != each]


def _bound(option: str, path: Path) -> list[str]:
    if not path.exists():
        return []
    words = [option, str(path.resolve()), str(_narrow(path.resolve()))]
    # A link is shown where it stands, too, as what it leads to.
    return words if path.resolve() == path else [*words, option, str(path.resolve()), str(_narrow(path))]


def _narrow(path: Path) -> Path:
    if str(path) in _TOO_MUCH:
        raise DataError(f"a program is not shown all of {str(path)!r}", code="scope_too_wide")
    return path


def _within(path: Path, folder: Path) -> bool:
    return folder in path.parents
