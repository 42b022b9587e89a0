"""How many processors there are to use, from real-looking control group files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from roadmap_cli.models import processors


def machine(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_without_control_groups_the_affinity_counts(tmp_path: Path) -> None:
    assert processors.available(tmp_path) == len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("quota", "expected"), [("max 100000", None), ("100000 100000", 1), ("50000 100000", 1), ("junk", None)]
)
def test_a_quota_of_the_group_above_holds_too(tmp_path: Path, quota: str, expected: int | None) -> None:
    machine(
        tmp_path,
        proc__self__cgroup="0::/a/b\n",
        sys__fs__cgroup__a__b__cpu_DOT_max="max 100000\n",
        sys__fs__cgroup__a__cpu_DOT_max=quota + "\n",
    )
    assert processors.available(tmp_path) == (expected or len(os.sched_getaffinity(0)))


def test_a_quota_of_the_first_kind(tmp_path: Path) -> None:
    base = tmp_path / "sys/fs/cgroup/cpu/x"
    base.mkdir(parents=True)
    (base / "cpu.cfs_quota_us").write_text("90000\n")
    (base / "cpu.cfs_period_us").write_text("100000\n")
    machine(tmp_path, proc__self__cgroup="3:memory:/x\n2:cpu,cpuacct:/x\n")
    assert processors.available(tmp_path) == 1
