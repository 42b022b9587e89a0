"""How many processors this process may really use: affinity and control-group quota, not what the machine has."""

from __future__ import annotations

import os
from pathlib import Path


def available(root: Path = Path("/")) -> int:
    """Processors to use, at least one.

    The smallest of the affinity mask and the CPU quotas of the control group and its ancestors (cgroup v2
    ``cpu.max``, or v1 ``cpu.cfs_quota_us``). `root` is where ``proc`` and ``sys`` are looked for.
    """
    counts = [len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1]
    counts += [max(1, round(quota)) for quota in _quotas(root)]
    return max(1, min(counts))


def name() -> str:
    """The processor's name, where the system tells it."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith(("model name", "Hardware", "CPU part")):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return os.uname().machine


def quota(root: Path = Path("/")) -> float | None:
    """How many processors' worth of time the control groups grant; None if nothing limits it."""
    return min(_quotas(root), default=None)


def _quotas(root: Path) -> list[float]:
    found = []
    try:
        lines = (root / "proc/self/cgroup").read_text("ascii", "replace").splitlines()
    except OSError:
        return []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            for folder in _upwards(root / "sys/fs/cgroup", path):
                found += _quota_v2(folder / "cpu.max")
        elif "cpu" in controllers.split(","):
            for folder in _upwards(root / "sys/fs/cgroup/cpu", path):
                found += _quota_v1(folder)
    return found


def _upwards(base: Path, path: str) -> list[Path]:
    folder = base / path.lstrip("/")
    return [folder, *(parent for parent in folder.parents if parent == base or base in parent.parents)]


def _quota_v2(file: Path) -> list[float]:
    try:
        quota, period = file.read_text("ascii").split()
        return [] if quota == "max" else [int(quota) / int(period)]
    except (OSError, ValueError):
        return []


def _quota_v1(folder: Path) -> list[float]:
    try:
        quota = int((folder / "cpu.cfs_quota_us").read_text("ascii"))
        period = int((folder / "cpu.cfs_period_us").read_text("ascii"))
        return [quota / period] if quota > 0 and period > 0 else []
    except (OSError, ValueError):
        return []
