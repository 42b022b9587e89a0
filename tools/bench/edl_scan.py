"""What a scan costs: CPU against plain decoding of the same streams, a second scan's wall time, memory on long sources.

usage: tools/bench/edl_scan.py [--clip VIDEO ...] [--hours H ...] [--rounds N]

CPU is user and system time of the command and all it starts, over that of `ffmpeg -f null` on the same file with its
default threads; both in turn, the median of the rounds. Python's start is in it. Without --clip it is
examples/bigbuckbunny.mp4 (1280x720, with sound) some thirty times over. Memory is the peak of the command's own process
on a tiny film (160x90, with sound and a cut each 4 s) of H hours. Prints one bench.figure record for each figure.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import tempfile
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]


def figure(name: str, value: float, unit: str, **more: object) -> None:
    record = {"kind": "bench.figure", "id": f"bench_{uuid.uuid4().hex[:16]}", "at": datetime.now(UTC).isoformat(),
              "name": name, "value": round(value, 4), "unit": unit, **more}  # fmt: skip
    print(json.dumps(record), flush=True)


def used_s(command: list[str], environment: dict[str, str] | None = None) -> float:
    """CPU seconds of a command and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def scan(clip: Path, home: Path) -> tuple[list[str], dict[str, str]]:
    """The command that scans a clip with a state of its own."""
    environment = {**os.environ, "ROADMAP_STATE": str(home / "state.db"), "HOME": str(home)}
    environment["PYTHONPATH"] = str(ROOT / "src")
    return [str(ROOT / "bin/edl-scan"), str(clip)], environment


def cost(clip: Path, rounds: int) -> None:
    """CPU over plain decoding, and how long a second scan takes."""
    plain = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(clip), "-f", "null", "-"]
    ratios = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as home:
            command, environment = scan(clip, Path(home))
            ratios.append(used_s(command, environment) / used_s(plain))
            walls = []
            for _ in range(3):
                start = time.monotonic()
                used_s(command, environment)
                walls.append(time.monotonic() - start)
    figure("edl_scan.cpu_over_decode", median(ratios), "ratio", clip=clip.name, rounds=[round(r, 3) for r in ratios])
    figure("edl_scan.second_scan_wall", min(walls), "s", clip=clip.name)


def memory(hours: float, folder: Path) -> None:
    """The peak of the command's own process on a long tiny film."""
    part, film = folder / "part.mp4", folder / "film.mkv"
    pictures = "testsrc2=s=160x90:r=25:d=60,hue=h='90*floor(t/4)'"
    make = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", pictures, "-f", "lavfi", "-i", "sine=f=300:d=60"]
    subprocess.run([*make, "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", part], check=True)
    loop = ["ffmpeg", "-v", "error", "-y", "-stream_loop", str(round(hours * 60) - 1), "-i", part, "-c", "copy", film]
    subprocess.run(loop, check=True)
    command, environment = scan(film, folder)
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
        except OSError:
            break
        peak = max(peak, *(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)
        time.sleep(0.2)
    if process.wait():
        raise SystemExit(f"edl-scan ended with {process.returncode}")
    figure("edl_scan.peak_memory", peak / 1024, "MiB", hours=hours)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path, action="append", default=[])
    parser.add_argument("--hours", type=float, action="append", default=[])
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        clips = given.clip
        if not clips and not given.hours:
            long = Path(made) / "long.mp4"
            loop = ["ffmpeg", "-v", "error", "-y", "-stream_loop", "29", "-i", ROOT / "examples/bigbuckbunny.mp4"]
            subprocess.run([*loop, "-c", "copy", long], check=True)
            clips = [long]
        for clip in clips:
            cost(clip, given.rounds)
        for hours in given.hours:
            memory(hours, Path(made))


if __name__ == "__main__":
    main()
