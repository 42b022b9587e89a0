"""A control group around one sandbox, where the machine allows it: total memory, number of processes, what was used.

Version 2 and the separate hierarchies of version 1 are both used; with neither, `Sandbox` falls back to resource
limits and a watchdog and says so. The group is made before the program starts and removed after it ended.

A process joins a group of version 1 through its file `tasks`: for a process that moves itself alone, the kernel then
leaves out the lock over all thread groups, whose grace period costs 6 to 19 ms (cgroup_procs_write_start in Linux).
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Use:
    """What a group's programs used and how often a limit stopped them; None where the kernel keeps no such count."""

    cpu_s: float | None = None
    memory_peak_bytes: int | None = None
    processes_peak: int | None = None
    memory_kills: int = 0
    processes_refused: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """One group (version 2) or one per controller (version 1)."""

    folders: tuple[Path, ...]
    protections: tuple[str, ...]
    entrance: str = "cgroup.procs"

    def entrances(self) -> list[int]:
        """Open descriptors to write "0" to: the writing process, of one thread, moves itself into the group."""
        return [os.open(folder / self.entrance, os.O_WRONLY | os.O_CLOEXEC) for folder in self.folders]

    def cpu_s(self) -> float | None:
        """Processor seconds that everything in the group has used so far."""
        micro = self._counter("cpu.stat", "usage_usec")
        if micro is not None:
            return micro / 1e6
        nano = self._number("cpuacct.usage")
        return None if nano is None else nano / 1e9

    def use(self) -> Use:
        """Everything the kernel counted so far."""
        memory = self._number("memory.peak")
        memory = self._number("memory.max_usage_in_bytes") if memory is None else memory
        kills = self._counter("memory.events", "oom_kill")
        kills = self._counter("memory.oom_control", "oom_kill") if kills is None else kills
        return Use(
            self.cpu_s(), memory, self._number("pids.peak"), kills or 0, self._counter("pids.events", "max") or 0
        )

    def _text(self, name: str) -> str:
        for folder in self.folders:
            with suppress(OSError):
                return (folder / name).read_text()
        return ""

    def _number(self, name: str) -> int | None:
        text = self._text(name).strip()
        return int(text) if text.isdigit() else None

    def _counter(self, name: str, key: str) -> int | None:
        for line in self._text(name).splitlines():
            word, _, value = line.partition(" ")
            if word == key and value.isdigit():
                return int(value)
        return None

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


def create(
    name: str, *, memory_bytes: int, processes: int, root: Path = _ROOT, own: Path = Path("/proc/self/cgroup")
) -> Group | None:
    """Make a group with limits, or None if this user on this machine may not.

    `root` is where the hierarchies are mounted, `own` the file that tells the groups of this process.
    """
    member = _memberships(own)
    return _version2(root, member, name, memory_bytes, processes) or _version1(
        root, member, name, memory_bytes, processes
    )


def _memberships(own: Path) -> dict[str, str]:
    try:
        lines = own.read_text().splitlines()
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
    """End what is left in groups whose maker was killed before it could, and remove them."""
    for folder in parent.glob("roadmap-*-*"):
        if not Path("/proc", folder.name.split("-")[1]).exists():
            with suppress(OSError, ValueError):
                for task in (folder / "cgroup.procs").read_text().split():
                    os.kill(int(task), signal.SIGKILL)
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


def _version2(root: Path, member: dict[str, str], name: str, memory_bytes: int, processes: int) -> Group | None:
    own = member.get("")
    parent = root / (own or "").lstrip("/")
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


def _version1(root: Path, member: dict[str, str], name: str, memory_bytes: int, processes: int) -> Group | None:
    folders: list[Path] = []
    protections: list[str] = []
    for controller, file, value, protection in (
        ("memory", "memory.limit_in_bytes", memory_bytes, "cgroup_v1_memory"),
        ("pids", "pids.max", processes, "cgroup_v1_processes"),
        ("cpuacct", None, 0, "cgroup_v1_cpu_total"),
    ):
        parent = root / controller
        inside = parent / member.get(controller, "/").lstrip("/")
        folder = _make(inside if inside.is_dir() else parent, name)
        if folder is None:
            continue
        if file is None or _set(folder, file, value):
            folders.append(folder)
            protections.append(protection)
        else:
            Group((folder,), ()).remove()
        if controller == "memory":
            _set(folder, "memory.memsw.limit_in_bytes", value)  # where swap is counted: none beside it
    return Group(tuple(folders), tuple(protections), "tasks") if folders else None
