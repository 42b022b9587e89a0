"""How much memory there is for models: of the machine, and of the control group this process is in.

Sources: proc_meminfo(5), the kernel's admin-guide/cgroup-v1/memory.rst and admin-guide/cgroup-v2.rst.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

#: A limit above this is how cgroup v1 writes that there is none.
_NO_LIMIT = 1 << 60


@dataclass(frozen=True, slots=True)
class Group:
    """The tightest memory control group above this process: its folder, version and limit in bytes."""

    folder: Path
    version: int
    limit: int

    def used(self) -> int | None:
        """Bytes in use that the kernel cannot simply take back: without cached file pages that nobody used lately."""
        name = "memory.current" if self.version == 2 else "memory.usage_in_bytes"
        usage = _number(self.folder / name)
        if usage is None:
            return None
        stat = _table(self.folder / "memory.stat")
        cached = stat.get("inactive_file", 0) if self.version == 2 else stat.get("total_inactive_file", 0)
        return max(usage - cached, 0)


@dataclass(frozen=True, slots=True)
class Budget:
    """Bytes: `ceiling` can ever be had, `available` now. None: unknown."""

    ceiling: int | None
    available: int | None

    @property
    def free_ratio(self) -> float | None:
        """Share of the ceiling that is available, 0 to 1."""
        if not self.ceiling or self.available is None:
            return None
        return max(self.available, 0) / self.ceiling


def group(root: Path = Path("/")) -> Group | None:
    """The tightest limited group this process is in, or None where there is none or it cannot be read."""
    found: list[Group] = []
    for version, mount, path in _places(root):
        folder = mount / path.strip("/")
        while True:
            limit = _number(folder / ("memory.max" if version == 2 else "memory.limit_in_bytes"))
            if limit is not None and limit < _NO_LIMIT:
                found.append(Group(folder, version, limit))
            if folder == mount or mount not in folder.parents:
                break
            folder = folder.parent
    total = _meminfo(root).get("MemTotal")
    found = [each for each in found if total is None or each.limit < total]
    return min(found, key=lambda each: each.limit, default=None)


def budget(limited: Group | None, root: Path = Path("/")) -> Budget:
    """What can be had in all and what can be had now: the tighter of machine and group."""
    facts = _meminfo(root)
    ceiling, available = facts.get("MemTotal"), facts.get("MemAvailable")
    if limited is not None:
        ceiling = limited.limit if ceiling is None else min(ceiling, limited.limit)
        used = limited.used()
        if used is not None:
            inside = limited.limit - used
            available = inside if available is None else min(available, inside)
    return Budget(ceiling, available)


def of_process(pid: int) -> int | None:
    """Bytes that would be had back if a process ended: its proportional share, cached weights included."""
    shares = _table(Path(f"/proc/{pid}/smaps_rollup"))
    return shares["Pss:"] * 1024 if "Pss:" in shares else None


def _places(root: Path) -> list[tuple[int, Path, str]]:
    """(version, mount point, path below it) of each memory hierarchy, from /proc/self/cgroup and mountinfo."""
    try:
        groups = (root / "proc/self/cgroup").read_text("utf-8").splitlines()
        mounts = (root / "proc/self/mountinfo").read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    paths: dict[int, str] = {}
    for line in groups:
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if number == "0" and not names:
            paths[2] = path
        elif "memory" in names.split(","):
            paths[1] = path
    found = []
    for line in mounts:
        left, _, right = line.partition(" - ")
        words, kind = left.split(), right.split()
        if len(words) < 5 or len(kind) < 3:
            continue
        version = 2 if kind[0] == "cgroup2" else 1 if kind[0] == "cgroup" and "memory" in kind[2].split(",") else 0
        if version in paths:
            inside = os.path.relpath(paths[version], words[3]) if paths[version].startswith(words[3]) else ""
            mount = root / words[4].lstrip("/")
            found.append((version, mount, "" if inside in (".", "") else inside))
    return found


def _meminfo(root: Path) -> dict[str, int]:
    return {name.rstrip(":"): value * 1024 for name, value in _table(root / "proc/meminfo").items()}


def _table(path: Path) -> dict[str, int]:
    """Lines of a name and a number."""
    try:
        lines = path.read_text("ascii", "replace").splitlines()
    except OSError:
        return {}
    words = [line.split() for line in lines]
    return {each[0]: int(each[1]) for each in words if len(each) > 1 and each[1].isdigit()}


def _number(path: Path) -> int | None:
    try:
        text = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return int(text) if text.isdigit() else None
