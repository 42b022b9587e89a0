"""Figures of the queue: how often a device is woken for requests nobody waits for, and what that costs them.

Prints one JSON record per figure. The peer answers each request when it comes, as a command in a loop does.
Bursts and delays come from simulated hours (a clock set by hand, the real queue in a real state); what waking costs is
measured: an hour played through quickly with real processes and the default model, beside one slm-run for each.
Usage: python tools/bench/bursts.py [--hours N] [--requests N] [--no-model]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tools")]
PER_HOUR = 60


def figure(name, value, unit, peer="", peer_value=None, **more):
    record = {"kind": "bench.figure", "name": name, "value": round(value, 3), "unit": unit}
    if peer:
        record |= {"peer": peer, "peer_value": round(peer_value, 3), "ratio": round(value / peer_value, 3)}
    print(json.dumps(record | more), flush=True)


def simulated(hours):
    """Hours of requests at random times; drains every minute, every five and every fifteen."""
    from queueing import power, simulate

    cases = [
        ("on mains", "background", timedelta(minutes=30), {}),
        ("on mains, no deadline", "background", None, {}),
        ("normal, on battery", "normal", timedelta(minutes=30), {"on_battery": True, "percent": 70.0}),
        ("background, on battery", "background", timedelta(minutes=60), {"on_battery": True, "percent": 70.0}),
    ]
    for minutes in (1, 5, 15):
        for what, priority, within, device in cases:
            chance = Random(minutes)
            arrivals = [timedelta(seconds=chance.uniform(0, 3600 * hours)) for _ in range(PER_HOUR * hours)]
            with tempfile.TemporaryDirectory() as folder:
                came = simulate(
                    Path(folder), arrivals, priority=priority, within=within, every=timedelta(minutes=minutes),
                    lasting=timedelta(hours=hours + 2), device=lambda at, device=device: power(**device),
                )  # fmt: skip
            where = f"{what}, looked at every {minutes} min"
            figure(
                f"bursts for {PER_HOUR} low-priority requests an hour, most in any hour: {where}",
                came.most_in_an_hour, "bursts", "one each", PER_HOUR,
            )  # fmt: skip
            deadline = {"deadline_s": within.total_seconds()} if within else {}
            figure(
                f"delay of those requests, 95th percentile: {where}", came.delay_s(0.95), "s",
                late_count=came.late, unanswered_count=came.unanswered, **deadline,
            )  # fmt: skip


def played(count):
    """An hour of `count` requests with real processes: clock turned by hand, drain every five minutes."""
    import transcripts

    def spent(words, stdin=b"", **more):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(words, input=stdin, env=world | more, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    with tempfile.TemporaryDirectory() as home:
        Path(home, "tmp").mkdir()
        world = transcripts.world(Path(home)) | {"OMP_NUM_THREADS": "2"}
        queue, run = str(ROOT / "bin/slm-queue"), str(ROOT / "bin/slm-run")
        line = b'{"prompt":"Name a river in one word."}\n'
        cpu_s = bursts = answered = 0.0
        for minute in range(0, 80, 5):
            now = f"2026-11-23T{9 + minute // 60:02d}:{minute % 60:02d}:00Z"
            here = round(count * min(minute + 5, 60) / 60) - round(count * min(minute, 60) / 60)
            if here:
                adding = [queue, "add", "--priority", "background", "--within", "30m", "--max-tokens", "8", "-q"]
                cpu_s += spent(adding, line * here, ROADMAP_NOW=now)[1]
            out, cost = spent([queue, "drain", "--quiet"], ROADMAP_NOW=now)
            cpu_s += cost
            kinds = [json.loads(each)["kind"] for each in out.splitlines()]
            bursts += kinds.count("slm.burst")
            answered += kinds.count("slm.reply")
        assert answered == count, (answered, count)
        ones = [spent([run, "--max-tokens", "8", "--quiet"], line)[1] for _ in range(8)]
        each = sum(ones) / len(ones)
        figure(f"bursts for {count} requests in an hour, real processes", bursts, "bursts", "one each", count)
        figure(
            "CPU time per request, adding and all drains included", cpu_s / count, "s", "slm-run for each", each,
            spread=[round(min(ones), 3), round(max(ones), 3)],
        )  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=int, default=6)
    parser.add_argument("--requests", type=int, default=PER_HOUR)
    parser.add_argument("--no-model", action="store_true")
    chosen = parser.parse_args()
    os.environ.pop("ROADMAP_NOW", None)
    simulated(chosen.hours)
    if not chosen.no_model:
        played(chosen.requests)


if __name__ == "__main__":
    main()
