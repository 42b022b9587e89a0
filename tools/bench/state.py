"""Figures of the state: what encryption costs an insert, what opening costs, what many writers manage.

Prints one JSON record per figure. Peers run in the same run, in turn with ours, the best of each counting.
Usage: python tools/bench/state.py [--rows N] [--rounds N] [--increments N]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from base64 import b32encode
from datetime import UTC, datetime
from pathlib import Path
from random import Random

SOURCE = Path(__file__).resolve().parents[2] / "src"
WORKER = SOURCE.parent / "tests" / "pipelines" / "state_worker.py"
sys.path.insert(0, str(SOURCE))
COMMIT_EVERY = 500


def figure(name, value, unit, peer="", peer_value=None):
    record = {"kind": "bench.figure", "name": name, "value": round(value, 3), "unit": unit}
    if peer:
        record |= {"peer": peer, "peer_value": round(peer_value, 3), "ratio": round(value / peer_value, 3)}
    print(json.dumps(record), flush=True)


def records_of_the_usual_kind(count):
    """Records of some 300 bytes with content ids, in the order of time."""
    chance = Random(1)
    text = "a line of a calendar, a bank's booking or a message, of the usual length of some two hundred letters " * 2
    for number in range(count):
        name = b32encode(chance.randbytes(16)).decode().rstrip("=").lower()
        clock = f"{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}"
        at = f"2026-{number // 80000 % 12 + 1:02d}-11T{clock}.000Z"
        yield {"kind": "life.event", "id": f"life_{name}", "at": at, "text": text}


def insert(connection, data):
    """Records per second of CPU time and of wall time, stored as commands store them: 500 in a transaction."""
    from roadmap_cli.state import migrate, records
    from roadmap_cli.state.store import MIGRATIONS

    migrate.apply(connection, migrate.known(MIGRATIONS)[:1], now=lambda: datetime.now(UTC))
    cpu, wall = time.process_time(), time.perf_counter()
    for start in range(0, len(data), COMMIT_EVERY):
        connection.execute("BEGIN IMMEDIATE")
        records.put_many(connection, data[start : start + COMMIT_EVERY])
        connection.execute("COMMIT")
    return len(data) / (time.process_time() - cpu), len(data) / (time.perf_counter() - wall)


def append(connection, data):
    """As `insert`, but into a table without any index: the least that an insert can be."""
    connection.execute("CREATE TABLE line (number INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT")
    lines = [(each["text"],) for each in data]
    cpu, wall = time.process_time(), time.perf_counter()
    for start in range(0, len(lines), COMMIT_EVERY):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO line (text) VALUES (?)", lines[start : start + COMMIT_EVERY])
        connection.execute("COMMIT")
    return len(lines) / (time.process_time() - cpu), len(lines) / (time.perf_counter() - wall)


def encrypted_against_plain(folder, count, rounds):
    import sqlite3

    from sqlcipher3 import dbapi2

    from roadmap_cli.state import connection

    data = list(records_of_the_usual_kind(count))

    def ours():
        return connection.create(str(folder / "ours.db"), bytes(range(32)), wait_s=1)

    def plain(module):
        def make():
            made = module.connect(folder / "plain.db", isolation_level=None)
            for statement in (f"PRAGMA page_size = {connection.PAGE_BYTES}", *connection.SETTINGS):
                made.execute(statement)
            made.execute("PRAGMA journal_mode = WAL")
            return made

        return make

    peers = {
        "plain, the same library and settings": plain(dbapi2),
        f"plain, Python's sqlite3 {sqlite3.sqlite_version}, same settings": plain(sqlite3),
    }
    for work in (insert, append):
        best = {}
        for _ in range(rounds):
            for name, make in (("ours", ours), *peers.items()):
                made = make()
                speeds = work(made, data)
                made.close()
                for each in folder.iterdir():
                    each.unlink()
                best[name] = tuple(map(max, best.get(name, (0, 0)), speeds))
        for peer in peers:
            figure(f"state.{work.__name__}", best["ours"][0], "records/cpu-s", peer, best[peer][0])
            figure(f"state.{work.__name__}_wall", best["ours"][1], "records/s", peer, best[peer][1])


def cpu_ms(arguments, environ, rounds):
    """The least CPU time of a process and its start, in milliseconds."""
    least = float("inf")
    for _ in range(rounds):
        child = subprocess.Popen(arguments, env=environ, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        assert child.returncode == 0
        least = min(least, used.ru_utime + used.ru_stime)
    return least * 1000


def opening(folder):
    from roadmap_cli.state.store import KeySource, State

    State.open(
        folder / "state.db", mode="write", keys=KeySource({"HOME": str(folder)}), now=lambda: datetime.now(UTC)
    ).close()
    script = (
        "import sys, datetime, pathlib\n"
        "from roadmap_cli.state.store import KeySource, State\n"
        "with State.open(pathlib.Path(sys.argv[1]), mode='write', keys=KeySource({'HOME': sys.argv[2]}),"
        " now=lambda: datetime.datetime.now(datetime.UTC)) as state:\n"
        "    with state.read() as tx: tx.execute('SELECT count(*) FROM record').fetchone()\n"
    )
    environ = {**os.environ, "PYTHONPATH": str(SOURCE)}
    arguments = [str(folder / "state.db"), str(folder)]
    opened = cpu_ms([sys.executable, "-c", script, *arguments], environ, 25)
    bare = cpu_ms([sys.executable, "-c", "pass", *arguments], environ, 25)
    usual = "import click, json, pathlib, typing"
    click = cpu_ms([sys.executable, "-c", usual, *arguments], environ, 25)
    both = cpu_ms([sys.executable, "-c", f"{usual}\n{script}", *arguments], environ, 25)
    figure("state.open", opened - bare, "cpu-ms over python -c pass, a read included")
    figure("state.open_in_command", both - click, "cpu-ms over python with click, a read included")


def increments(folder, times):
    environ = {**os.environ, "PYTHONPATH": str(SOURCE)}
    begin = time.perf_counter()
    running = [
        subprocess.Popen([sys.executable, str(WORKER), "increment", str(folder), str(times)], env=environ)
        for _ in range(6)
    ]
    failed = sum(each.wait() != 0 for each in running)
    took = time.perf_counter() - begin
    from roadmap_cli.core import paths
    from roadmap_cli.state import records
    from roadmap_cli.state.store import KeySource, State

    home = {"HOME": str(folder)}
    with (
        State.open(paths.state_file(home), mode="read", keys=KeySource(home), now=lambda: datetime.now(UTC)) as state,
        state.read() as tx,
    ):
        found = records.get(tx, "counter")
    figure("state.increments_lost", 6 * times - found["n"], f"of 6 processes x {times} read-modify-write")
    figure("state.increments_failed_processes", failed, "of 6")
    figure("state.increments", 6 * times / took, "transactions/s, 6 processes, start included")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=40000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--increments", type=int, default=1000)
    options = parser.parse_args()
    for job, arguments in (
        (encrypted_against_plain, (options.rows, options.rounds)),
        (opening, ()),
        (increments, (options.increments,)),
    ):
        with tempfile.TemporaryDirectory() as folder:
            job(Path(folder), *arguments)


if __name__ == "__main__":
    main()
