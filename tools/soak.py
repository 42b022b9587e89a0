"""Let all five systems work on one state file while everything goes wrong, then look whether anything was lost.

usage: tools/soak.py SECONDS [--seed N] [--folder FOLDER] [--disk-mb N]      (make soak SECONDS=3600)

Threads start real command lines (soak_works.py), two of a sort at once. Meanwhile they are killed, singly or whole
pipelines, mostly with SIGKILL; the disk they write to, a small tmpfs, is filled to the last pages; the clock jumps by
seconds to months, in running processes too; some may use little memory or write only short files; the state is copied
and the copies are read, some of them with one bit changed. At the end all is finished undisturbed and judged
(soak_judged.py): prints one JSON record of figures, a bench.figure of them, and ends with 1 if anything is not as it
must be.

The clock is soak_clock.c's where a C compiler is there, else ROADMAP_NOW of commands that begin during a jump. The
disk is a tmpfs in a mount namespace of its own where that may be made, else a plain folder, and only limits on file
size are left of a full disk. Which one it was stands in the record.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from soak_judged import judge
from soak_works import Place, Work, calm, settle, works

#: How far the clock jumps, in seconds.
JUMPS = (-86400 * 2, -3600, -7, 7, 900, 3600 * 5, 86400 * 3, 86400 * 40)
#: What a single command may be limited to: kilobytes of address space, kilobytes of a file.
MEMORY_KB = (120_000, 200_000, 400_000, 800_000, 1_500_000)
FILE_KB = (0, 4, 64, 512, 4096)
WORKERS = 5


class Chaos:
    """What goes wrong, by turns, and how often it did."""

    def __init__(self, place: Place, chance: random.Random, disk_bytes: int):
        self.place, self.chance, self.disk_bytes = place, chance, disk_bytes
        self.counts: Counter[str] = Counter()
        self.state = "calm"
        self.running: dict[int, Work] = {}
        self.lock = threading.Lock()

    def kill(self) -> None:
        """End one process of a running command line, or all of them."""
        with self.lock:
            groups = list(self.running)
        if not groups:
            return
        group = self.chance.choice(groups)
        sign = signal.SIGTERM if self.chance.random() < 0.15 else signal.SIGKILL
        members = processes(group)
        with self.lock:
            if group not in self.running or not members:
                return
            victims = members if self.chance.random() < 0.4 else [self.chance.choice(members)]
            for each in victims:
                try:
                    os.kill(each, sign)
                except ProcessLookupError:
                    continue
            self.running[group].disturbed.add("killed")
            self.counts["killed_pipelines" if len(victims) > 1 else "killed_processes"] += 1

    def full_disk(self, seconds: float) -> None:
        """Leave next to no room for a while."""
        ballast = self.place.home / "ballast"
        left = self.chance.choice((0, 0, 4096, 65536, 1 << 20))
        self.state = "full"
        self.disturb("full")
        with ballast.open("wb", buffering=0) as file:
            free = shutil.disk_usage(self.place.home).free
            try:
                os.posix_fallocate(file.fileno(), 0, max(4096, free - left))
            except OSError:
                try:
                    while True:
                        file.write(bytes(4096))
                except OSError:
                    pass
        self.counts["full_disks"] += 1
        time.sleep(seconds)
        ballast.unlink()
        self.state = "calm"

    def jump(self, seconds: float) -> None:
        """Let the clock be wrong for a while, for what runs already as well."""
        offset = self.chance.choice(JUMPS)
        self.state = "clock"
        self.disturb("clock")
        self.place.clock(offset)
        self.counts["clock_jumps"] += 1
        time.sleep(seconds)
        self.place.clock(0)
        self.state = "calm"

    def disturb(self, what: str) -> None:
        with self.lock:
            for work in self.running.values():
                work.disturbed.add(what)

    def limits(self) -> tuple[str, str]:
        """What a command line about to begin is limited to: its name, and the shell's words for it."""
        draw = self.chance.random()
        if draw < 0.06:
            self.counts["memory_limits"] += 1
            return "memory", f"ulimit -v {self.chance.choice(MEMORY_KB)}; "
        if draw < 0.12:
            self.counts["file_limits"] += 1
            return "file", f"ulimit -f {self.chance.choice(FILE_KB)}; "
        return "", ""

    def go_wrong(self, until: float) -> None:
        """One mishap after the other until it is time."""
        while time.monotonic() < until:
            time.sleep(self.chance.uniform(0.2, 1.2))
            draw = self.chance.random()
            if draw < 0.86:
                self.kill()
            elif draw < 0.93 and self.disk_bytes:
                self.full_disk(min(self.chance.uniform(2, 6), max(0.1, until - time.monotonic())))
            else:
                self.jump(min(self.chance.uniform(2, 6), max(0.1, until - time.monotonic())))


def processes(group: int) -> list[int]:
    """The processes of a process group, the shell that leads it left out where there are others."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group:
            found.append(int(entry.parent.name))
    return [each for each in found if each != group] or found


def work_on(place: Place, chaos: Chaos, turns: list[Work], seed: int, until: float) -> None:
    """What a thread does: a command line after the other."""
    chance = random.Random(seed)
    while time.monotonic() < until:
        turn = chance.choices(turns, [each.weight for each in turns])[0]
        if not turn.room.acquire(blocking=False):
            continue
        try:
            run(place, chaos, turn, chance)
        finally:
            turn.room.release()


def run(place: Place, chaos: Chaos, turn: Work, chance: random.Random) -> None:
    """Start one command line, wait for it, keep what it told."""
    line = turn.line(chance)
    work = turn.once()
    limit, words = chaos.limits()
    if limit:
        work.disturbed.add(limit)
    process = subprocess.Popen(
        ["bash", "-o", "pipefail", "-c", words + line], env=place.world(), cwd=place.work, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    with chaos.lock:
        chaos.running[process.pid] = work
        if chaos.state != "calm":
            work.disturbed.add(chaos.state)
    late = False
    try:
        out, err = process.communicate(timeout=180)  # what a killed command has started must end by itself
    except subprocess.TimeoutExpired:
        late = True
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
    finally:
        with chaos.lock:
            chaos.running.pop(process.pid, None)
    place.keep(turn.name, line, words, out, err, process.returncode, work.disturbed, late)


def soak(place: Place, seconds: float, seed: int, disk_bytes: int) -> dict[str, Any]:
    """Make, disturb, settle, judge."""
    turns = works(place)
    durable = calm(place)
    began = time.monotonic()
    until = began + seconds
    chaos = Chaos(place, random.Random(seed), disk_bytes)
    threads = [
        threading.Thread(target=work_on, args=(place, chaos, turns, seed + 1 + number, until), daemon=True)
        for number in range(WORKERS)
    ]
    for thread in threads:
        thread.start()
    chaos.go_wrong(until)
    place.clock(0)
    for thread in threads:
        thread.join()
    lasted = time.monotonic() - began
    settle(place)
    faults, figures = judge(place, durable)
    return {
        "kind": "roadmap.soak", "at": datetime.now(UTC).isoformat(timespec="milliseconds")[:-6] + "Z", "seed": seed,
        "elapsed_s": round(lasted), "clock": "every process" if place.wrong_clock else "ROADMAP_NOW",
        "disk_bytes": disk_bytes, "mishaps": dict(chaos.counts), **figures, "faults": faults, "ok": not faults,
    }  # fmt: skip


def alone(words: list[str]) -> list[str]:
    """How to start this again where a tmpfs may be mounted that nobody else sees; empty if that is not possible."""
    user = ["--map-root-user"] if os.geteuid() else []
    start = ["unshare", *user, "--mount", "--propagation", "private", "--"]
    probe = subprocess.run([*start, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False)
    return [*start, sys.executable, str(Path(__file__).resolve()), *words, "--inside"] if probe.returncode == 0 else []


def main() -> int:
    """Soak for so many seconds."""
    parser = argparse.ArgumentParser(description="Soak all five systems on one state file.")
    parser.add_argument("seconds", type=float)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100000)
    parser.add_argument("--folder", type=Path, help="where to work; kept afterwards")
    parser.add_argument("--disk-mb", type=int, default=192)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if not chosen.inside and shutil.which("unshare") and (again := alone(sys.argv[1:])):
        return subprocess.run(again, check=False).returncode
    folder = chosen.folder or Path(tempfile.mkdtemp(prefix="soak"))
    folder.mkdir(parents=True, exist_ok=True)
    home = folder / "home"
    home.mkdir(mode=0o700)
    disk_bytes = 0
    if chosen.inside:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={chosen.disk_mb}m,mode=0700", "none", home], check=True)
        disk_bytes = chosen.disk_mb << 20
    try:
        told = soak(Place(folder), chosen.seconds, chosen.seed, disk_bytes)
        print(json.dumps(told))
        unit = f"in {told['elapsed_s']} s, {sum(told['mishaps'].values())} mishaps"
        print(json.dumps({"kind": "bench.figure", "name": "soak", "value": len(told["faults"]), "unit": unit}))
    finally:
        if not chosen.folder:
            if chosen.inside:
                subprocess.run(["umount", home], check=False)
            shutil.rmtree(folder, ignore_errors=True)
        elif chosen.inside:
            shutil.copytree(
                home, folder / "home.after", dirs_exist_ok=True, symlinks=True, ignore=shutil.ignore_patterns("*.sock")
            )
            subprocess.run(["umount", home], check=False)
    return 0 if told["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
