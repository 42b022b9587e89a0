"""Figures of an edit's history: undo, redo, why and log on a plan of 1,000 cuts with 200 edits, by CPU time.

The time of each command is its user and system time less that of `COMMAND --version`, the least of some runs.
Prints one JSON record for each figure. Usage: python tools/bench/edl_history.py [--cuts N] [--edits N] [--rounds N]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "src"))
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
#: The bar, in seconds of CPU above start-up.
BAR_S = 0.1


def figure(name, value, unit, **more):
    print(json.dumps({"kind": "bench.figure", "name": name, "value": round(value, 4), "unit": unit} | more), flush=True)


def build(home, cuts, edits):
    """A history of edits of one cut each: colour, length, speed, order, and leaving out."""
    from roadmap_cli.core import clock, paths
    from roadmap_cli.edl.history import revisions
    from roadmap_cli.state import records
    from roadmap_cli.state.keys import KeySource
    from roadmap_cli.state.store import State

    environ = {"HOME": str(home)}
    at = clock.stamp(NOW)
    source = {"kind": "edl.source", "id": "src", "at": at, "path": "/films/ride.mp4", "sha256": "0" * 64,
              "frames": 100 * cuts, "fps": "25/1", "width": 640, "height": 360, "method": "m"}  # fmt: skip
    shots = [
        {"kind": "edl.shot", "id": f"shot_{n}", "at": at, "source_id": "src", "position": n, "in_frame": 100 * n,
         "out_frame": 100 * n + 100, "fps": "25/1", "luma_mean": 90.0, "motion": 4.2, "sharpness": 2.4}
        for n in range(cuts)
    ]  # fmt: skip
    speech = [
        {"kind": "edl.span", "id": f"span_{n}", "at": at, "source_id": "src", "sort": "speech",
         "start_ms": 4000 * n + 500, "end_ms": 4000 * n + 2500}
        for n in range(cuts)
    ]  # fmt: skip
    plan = {"kind": "edl.plan", "id": "edl_plan", "at": at, "intent": "calm", "fps": "25/1", "width": 640,
            "height": 360, "length_frames": 40 * cuts, "cut_count": cuts, "source_ids": ["src"]}  # fmt: skip
    things = [
        {"kind": "edl.cut", "id": f"edl_cut_{n}", "at": at, "plan_id": "edl_plan", "position": n, "source_id": "src",
         "shot_id": f"shot_{n}", "source": "/films/ride.mp4", "in_frame": 100 * n, "out_frame": 100 * n + 40,
         "fps": "25/1", "speed": "1/1", "timeline_in_frame": 40 * n, "timeline_out_frame": 40 * n + 40,
         "grade": {"saturation": 0.8, "contrast": 1.1}, "reason": "80 % saturation; value 0.61 (sharpness 0.62)"}
        for n in range(cuts)
    ]  # fmt: skip
    chance = Random(1)
    with State.open(
        paths.state_file(environ), mode="write", keys=KeySource(environ, None), wait_s=30, now=lambda: NOW
    ) as state:
        with state.write() as tx:
            records.put_many(tx, [source, *shots, *speech])
            rows = [("0" * 64, "m", n, each["id"]) for n, each in enumerate([source, *shots, *speech])]
            tx.executemany("INSERT INTO edl_scan VALUES (?, ?, ?, ?)", rows)
            revisions.record(tx, plan=plan, things=things, what="plan it", why="calm", evidence=["src"],
                             command="edl-plan", at=NOW)  # fmt: skip
        names = []
        for number in range(edits):
            moment = NOW + timedelta(seconds=number + 1)
            with state.write() as tx:
                now = revisions.head(tx)
                parts = [dict(part) for part in now.things]
                place = chance.randrange(len(parts))
                sort = number % 4
                if sort == 0:
                    parts[place]["grade"] = {"saturation": round(chance.random(), 2)}
                elif sort == 1:
                    parts[place]["out_frame"] += chance.randrange(1, 10)
                elif sort == 2:
                    parts[place]["effects"] = {"gamma": 1.1}
                else:
                    parts.insert(chance.randrange(len(parts)), parts.pop(place))
                frame = 0
                for position, part in enumerate(parts):
                    shown = part["out_frame"] - part["in_frame"]
                    part |= {"position": position, "timeline_in_frame": frame, "timeline_out_frame": frame + shown}
                    frame += shown
                made, things = revisions.revise(now.plan, parts, clock.stamp(moment))
                edit = revisions.record(tx, plan=made, things=things, what=f"edit {number}", why="asked to",
                                        evidence=[now.things[place]["id"]], command="edl-feedback", at=moment)  # fmt: skip
                names.append(edit["id"])
    return names, paths.state_file(environ).stat().st_size


def cpu_of(words, environ):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(words, env=environ, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, (words, done.stderr)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cuts", type=int, default=1000)
    parser.add_argument("--edits", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        names, size = build(Path(folder), asked.cuts, asked.edits)
        figure("edl history: state of the whole", size / 1e6, "MB", cuts=asked.cuts, edits=asked.edits)
        environ = {"HOME": folder, "PATH": f"{ROOT / 'bin'}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
        tried = [
            ("edl-undo", ["edl-undo"]), ("edl-redo", ["edl-redo"]), ("edl-undo --list", ["edl-undo", "--list"]),
            ("edl-why TIME", ["edl-why", "00:13:20.5"]), ("edl-log", ["edl-log"]),
            ("edl-why --source", ["edl-why", "why not?", "--source", "ride.mp4", "--at", "400"]),
        ]  # fmt: skip
        least = {name: 9.0 for name, _ in tried} | {"edl-undo ID": 9.0, "start": 9.0}
        olds = iter(names[::4][: asked.rounds])
        for _ in range(asked.rounds):
            least["start"] = min(least["start"], cpu_of(["edl-undo", "--version"], environ))
            for name, words in tried:
                least[name] = min(least[name], cpu_of(words, environ))
            words = ["edl-undo", next(olds), "--with-dependants"]
            least["edl-undo ID"] = min(least["edl-undo ID"], cpu_of(words, environ))
        start = least.pop("start")
        figure("edl history: start-up", start, "s CPU")
        for name, value in least.items():
            figure(f"{name} above start-up", value - start, "s CPU", bar=BAR_S, met=value - start <= BAR_S)


if __name__ == "__main__":
    main()
