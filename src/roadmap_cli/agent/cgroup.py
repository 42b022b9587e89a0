"""A control group around one sandbox, where the machine allows it: total memory and number of processes.

Version 2 and the separate hierarchies of version 1 are both used; with neither, `Sandbox` falls back to resource
limits and a watchdog and says so. The group is made before the program starts and removed after it ended.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Group:
    """One group (version 2) or one per controller (version 1)."""

    folders: tuple[Path, ...]
    protections: tuple[str, ...]

    def entrances(self) -> list[int]:
        """Open descriptors to write "0" to: the writing process moves itself into the group."""
        return [os.open(folder / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC) for folder in self.folders]

    def remove(self) -> None:
        """Remove the group; processes that are still dying get a moment to leave it."""
        for folder in self.folders:
            with suppress(OSError):
                (folder / "cgroup.kill").write_text("1")
            for _ in range(50):
                try:
                    folder.rmdir()
                    break
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.01)


def create(name: str, *, memory_bytes: int, processes: int) -> Group | None:
    """Make a group with limits, or None if this user on this machine may not."""
    return _version2(name, memory_bytes, processes) or _version1(name, memory_bytes, processes)


def _memberships() -> dict[str, str]:
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return {}
    return {controller: path for _, controllers, path in (line.split(":", 2) for line in lines)
            for controller in controllers.split(",")}  # fmt: skip


def _set(folder: Path, name: str, value: int) -> bool:
    try:
        (folder / name).write_text(str(value))
    except OSError:
        return False
    return True


def _remove_abandoned(parent: Path) -> None:
    """Remove empty groups whose maker was killed before it could; one that is in use cannot be removed."""
    for folder in parent.glob("roadmap-*-*"):
        if not Path("/proc", folder.name.split("-")[1]).exists():
            with suppress(OSError):
                folder.rmdir()


def _make(parent: Path, name: str) -> Path | None:
    folder = parent / name
    _remove_abandoned(parent)
    try:
        folder.mkdir()
    except OSError:
        return None
    return folder


def _version2(name: str, memory_bytes: int, processes: int) -> Group | None:
    own = _memberships().get("")
    parent = _ROOT / (own or "").lstrip("/")
    try:
        controllers = (parent / "cgroup.subtree_control").read_text().split()
    except OSError:
        return None
    if own is None or not {"memory", "pids"} <= set(controllers):
        return None
    folder = _make(parent, name)
    if folder is None:
        return None
    if _set(folder, "memory.max", memory_bytes) and _set(folder, "pids.max", processes):
        _set(folder, "memory.swap.max", 0)
        return Group((folder,), ("cgroup_v2_memory", "cgroup_v2_processes"))
    Group((folder,), ()).remove()
    return None


def _version1(name: str, memory_bytes: int, processes: int) -> Group | None:
    own = _memberships()
    folders: list[Path] = []
    protections: list[str] = []
    for controller, file, value, protection in (
        ("memory", "memory.limit_in_bytes", memory_bytes, "cgroup_v1_memory"),
        ("pids", "pids.max", processes, "cgroup_v1_processes"),
    ):
        parent = _ROOT / controller
        inside = parent / own.get(controller, "/").lstrip("/")
        folder = _make(inside if inside.is_dir() else parent, name)
        if folder is None:
            continue
        if _set(folder, file, value):
            folders.append(folder)
            protections.append(protection)
        else:
            Group((folder,), ()).remove()
    return Group(tuple(folders), tuple(protections)) if folders else None
