"""What it costs to start a program in the sandbox, in wall and CPU milliseconds, beside bare bubblewrap, in turn.

Bare is ``bwrap --unshare-all`` with the same mounts that a program needs to start at all and no filter, limits, group,
user change or protected paths. Both are started from this process by the same means. `--files N` puts N files in the
project first, in folders of fifty: what protected paths cost is a look at each folder.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]


def bare(project: Path) -> None:
    words = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib64"):
        top = Path("/", name)
        words += ["--symlink", str(top.readlink()), str(top)] if top.is_symlink() else []
    words += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--bind", str(project), str(project)]
    subprocess.run([*words, "--chdir", str(project), "--", "true"], check=True)


def ours(project: Path) -> None:
    from roadmap_cli.agent.sandbox import Grant, Limits, Sandbox

    with Sandbox(Grant(project), Limits()).start(["true"]) as process:
        if process.wait() != 0:
            raise SystemExit("bench: the sandbox does not work here")


def by_command(project: Path) -> None:
    subprocess.run([ROOT / "bin/agent-sandbox", "--project", project, "--", "true"], check=True)


def spent(run: Callable[[Path], None], project: Path) -> tuple[float, float]:
    """Wall and CPU milliseconds of one run, its processes included."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    started = time.perf_counter()
    run(project)
    wall = time.perf_counter() - started
    now = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(a.ru_utime + a.ru_stime - b.ru_utime - b.ru_stime for a, b in zip(now, used, strict=True))
    return 1000 * wall, 1000 * cpu


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=60)
    options.add_argument("--files", type=int, default=0)
    options.add_argument("--command", action="store_true", help="the command agent-sandbox, Python's start included")
    chosen = options.parse_args()
    sys.path.insert(0, str(ROOT / "src"))
    subject = by_command if chosen.command else ours
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder, "project")
        project.mkdir()
        for number in range(chosen.files):
            place = project / f"{number // 50}"
            place.mkdir(exist_ok=True)
            (place / f"{number}").touch()
        subject(project), bare(project)
        rounds = [(spent(bare, project), spent(subject, project)) for _ in range(chosen.rounds)]
    for at, unit in enumerate(("wall ms", "CPU ms")):
        theirs = sorted(each[0][at] for each in rounds)
        mine = sorted(each[1][at] for each in rounds)
        more = [each[1][at] - each[0][at] for each in rounds]
        name = "start of agent-sandbox" if chosen.command else "start of a sandbox"
        print(json.dumps({
            "kind": "bench.figure", "name": f"{name}, {chosen.files} files", "unit": unit,
            "value": round(statistics.median(mine), 2), "lowest": round(mine[0], 2), "peer": "bwrap",
            "peer_value": round(statistics.median(theirs), 2), "peer_lowest": round(theirs[0], 2),
            "ratio": round(statistics.median(mine) / statistics.median(theirs), 2),
            "difference": round(statistics.median(more), 2), "lowest_difference": round(mine[0] - theirs[0], 2),
            "load": round(os.getloadavg()[0], 1),
        }), flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
