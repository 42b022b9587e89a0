"""slm-sync: random histories in memory and through real servers, and how long a first sync takes.

Prints one JSON record per figure. The histories are those of the tests (tests/unit/slm/sync/simulation.py): three
devices, crashes at random steps, torn and repeated uploads, lost answers, late listings, clocks that jump, devices that
come late, are lost, or are brought back from a backup. A figure of violations is 0 or something is wrong.
Usage: python tools/bench/sync.py [--histories N] [--server-histories N] [--records N] [--first-seed N]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests/unit/slm/sync")]

import peers  # noqa: E402
import simulation  # noqa: E402

NOW = datetime.now(UTC)


def figure(name, value, unit, **more):
    print(
        json.dumps({"kind": "bench.figure", "name": name, "value": round(value, 3), "unit": unit, **more}), flush=True
    )


def histories(name, seeds, one):
    """Run a history for each seed; count what they did, and the promises that were broken, by promise."""
    broken = {"lost_updates": 0, "diverged": 0, "plaintext": 0, "other": 0}
    total = {"writes": 0, "steps": 0, "rounds": 0}
    begin, cpu = time.perf_counter(), time.process_time()
    for seed in seeds:
        try:
            done = one(seed)
            total = {key: total[key] + done[key] for key in total}
        except Exception as error:
            words = str(error)
            kind = next((kind for kind, sign in SIGNS.items() if sign in words), "other")
            broken[kind] += 1
            print(f"seed {seed}: {type(error).__name__}: {words}", file=sys.stderr, flush=True)
        if seed % 500 == 499:
            print(f"{name}: seed {seed}, broken {sum(broken.values())}", file=sys.stderr, flush=True)
    count = len(seeds)
    figure(f"sync.{name}.histories", count, "histories", **total, wall_s=round(time.perf_counter() - begin, 1))
    for kind, number in broken.items():
        figure(f"sync.{name}.{kind}", number, "violations")
    figure(f"sync.{name}.cost", (time.process_time() - cpu) / max(count, 1) * 1000, "cpu-ms/history")


SIGNS = {"lost_updates": "has lost", "diverged": "differ", "plaintext": "plain text"}


def first_sync(count):
    """Records per second of a first sync through WebDAV, there and back, beside rclone copying them as files."""
    from roadmap_cli.core import clock
    from roadmap_cli.net.transport import Transport
    from roadmap_cli.slm.sync import exchange
    from roadmap_cli.slm.sync.remotes.webdav import WebDav
    from roadmap_cli.state import records
    from roadmap_cli.state.store import KeySource, State

    body = "a question of some length, as people ask it, and then a little more to make two hundred letters of it " * 2
    with tempfile.TemporaryDirectory() as folder, peers.running("wsgidav", Path(folder) / "root") as peer:
        world = simulation.World(1, weather=simulation.CALM)
        world.now = clock.system
        devices = []
        for name in ("a", "b"):
            state = State.open(
                Path(folder) / name / "state.db",
                mode="write",
                keys=KeySource({"HOME": f"{folder}/{name}"}),
                now=clock.system,
            )
            devices.append(simulation.Device(world, name, state))
        devices[0].trust(devices[1])
        devices[1].trust(devices[0])
        made = [
            {
                "kind": "slm.prompt",
                "id": f"slm_{number:06d}",
                "at": "2026-11-23T09:00:00.000Z",
                "prompt": f"{number} {body}",
            }
            for number in range(count)
        ]
        with devices[0].state.write() as tx:
            records.put_many(tx, made)
        spent = []
        outcomes = []
        for device in devices:
            with device.state.write() as tx:
                simulation.setup.add_remote(tx, simulation.Remote("r", f"{peer.url}/x"), at=clock.system())
            with Transport(device.state, command="bench", offline=False, now=clock.system) as transport:
                there, outcome = WebDav(f"{peer.url}/x", {}, transport), exchange.Outcome("r")
                begin, cpu = time.perf_counter(), time.process_time()
                exchange.Exchange(device.state, clock.system).sync("run", there, outcome)
                spent.append((time.perf_counter() - begin, time.process_time() - cpu))
                outcomes.append(outcome)
                again = exchange.Outcome("r")
                begin = time.perf_counter()
                exchange.Exchange(device.state, clock.system).sync("run", there, again)
                nothing_s = time.perf_counter() - begin
                figure(
                    f"sync.second_run.{device.name}",
                    sum(each.size for each in again.sent),
                    "bytes sent",
                    wall_s=round(nothing_s, 2),
                )
        assert len(devices[1].table()) == count
        files = Path(folder) / "files"
        files.mkdir()
        for record in made:
            (files / f"{record['id']}.json").write_text(json.dumps(record))
        program = peers.program("rclone")
        theirs = None
        if program:
            begin = time.perf_counter()
            subprocess.run(
                [program, "copy", str(files), f":webdav,url='{peer.url}/y':", "--transfers", "4"],
                env={"HOME": folder, "PATH": "/usr/bin:/bin"}, check=False, timeout=900, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            theirs = time.perf_counter() - begin
        size = sum(each.size for each in outcomes[0].sent)
        figure("sync.first_push", spent[0][0], f"s for {count} records", cpu_s=round(spent[0][1], 2), bytes=size,
               **({"peer": "rclone copy, one file a record, 4 transfers, not encrypted", "peer_value": round(theirs, 1), "ratio": round(spent[0][0] / theirs, 3)} if theirs else {}))  # fmt: skip
        figure("sync.first_pull", spent[1][0], f"s for {count} records", cpu_s=round(spent[1][1], 2))
        for device in devices:
            device.state.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=1000)
    parser.add_argument("--server-histories", type=int, default=20)
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--servers", nargs="*", default=list(peers.NAMES))
    options = parser.parse_args()
    first = options.first_seed
    if options.histories:
        histories("memory", range(first, first + options.histories), simulation.history)
    for name in options.servers if options.server_histories else ():
        if reason := peers.why_not(name):
            print(f"{name}: {reason}", file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory() as folder, peers.running(name, Path(folder) / "root") as peer:
            seeds = range(first, first + options.server_histories)
            histories(name, seeds, lambda seed, peer=peer: simulation.server_history(seed, peer))
    if options.records and not peers.why_not("wsgidav"):
        first_sync(options.records)


if __name__ == "__main__":
    main()
