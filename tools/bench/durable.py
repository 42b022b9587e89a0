"""Durable steps a second: ours on SQLite and Postgres, against bare DBOS and against one commit for each step.

Each step does nothing, or sleeps 50 ms: what is measured is what durability costs. Ours writes two records, two entries
of the audit log and an outcome for each step besides; bare DBOS has its own tables alone, in a plain file with a
write-ahead log. All in one run, in turns, the best of some rounds each: a machine with neighbours only ever slows down.
"""

from __future__ import annotations

import argparse
import json
import os
import pwd
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from roadmap_cli.core import clock
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.state import records
from roadmap_cli.state.identity import KeySource
from roadmap_cli.state.store import State
from roadmap_cli.wf.approving import approvals
from roadmap_cli.wf.planning import keeping
from roadmap_cli.wf.running import local, runs, working
from roadmap_cli.wf.running.engine import Claim, Engine
from roadmap_cli.wf.running.exchange import Exchange
from roadmap_cli.wf.running.place import Place
from roadmap_cli.wf.running.scene import Launch
from roadmap_cli.wf.running.shared import Shared

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
BIN = next((str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), "/usr/local/bin")


def figure(name: str, value: float, unit: str, **more: Any) -> None:
    """Print a figure."""
    record = {"kind": "bench.figure", "name": f"durable.{name}", "value": round(value, 3), "unit": unit, **more}
    print(json.dumps(record), flush=True)


def opened(folder: Path) -> State:
    """A state in a folder."""
    keys = KeySource({"HOME": str(folder)}, None)
    return State.open(folder / "state.db", mode="write", keys=keys, now=lambda: NOW)


def plans(state: State, count: int, steps: int) -> list[Claim]:
    """So many approved plans of so many steps in a row."""
    found: list[Claim] = []
    for number in range(count):
        event: Record = {"kind": "wf.event", "id": content_id("wf.event", n=number), "at": clock.stamp(NOW)}
        match: Record = {"kind": "wf.match", "id": content_id("wf.match", n=number), "at": clock.stamp(NOW)}
        plan: Record = {
            "kind": "wf.plan", "id": "", "at": clock.stamp(NOW), "match_id": match["id"], "event_id": event["id"],
            "workflow": "bench", "version": 1, "template_sha256": "0", "requested_by": "bench", "directory": "/",
            "inputs": {"n": number}, "risk": "low", "permissions": [], "high_risk_steps": [], "cost_usd": "0",
            "approval_needed": False,
            "steps": [
                {
                    "name": f"s{at}", "action": "command", "role": "operations", "command": ["true"], "output": "text",
                    "needs": [f"s{at - 1}"] if at else [], "effects": [], "permissions": [], "risk": "low",
                    "timeout_s": 10.0, "attempts": 1,
                }
                for at in range(steps)
            ],
        }  # fmt: skip
        plan["plan_hash"] = keeping.plan_hash(plan)
        plan["id"] = content_id("wf.plan", plan_hash=plan["plan_hash"])
        with state.write() as tx:
            records.put_many(tx, [event, match])
            known = {row[1] for row in tx.execute("PRAGMA table_info(wf_event)")}
            row = {
                "event_id": event["id"], "dedupe_key": event["id"], "source": "s", "type": "t",
                "received_at": event["at"], "delivery_count": 1,
            }  # fmt: skip
            names = [each for each in row if each in known]
            marks = ", ".join("?" * len(names))
            sql = f"INSERT INTO wf_event({', '.join(names)}) VALUES ({marks})"
            tx.execute(sql, [row[each] for each in names])
            tx.execute(
                "INSERT INTO wf_match(match_id, event_id, workflow, is_ambiguous) VALUES (?, ?, 'bench', 0)",
                (match["id"], event["id"]),
            )
            keeping.keep(tx, plan, command="bench", at=NOW)
            approvals.consider(tx, plan, is_strict=False, command="bench", at=NOW)
        found.append(Claim(runs.identity(plan["id"]), plan["id"]))
    return found


def nothing(launch: Launch) -> Record:
    """A step that does nothing."""
    return {"status": "succeeded", "output": "", "duration_ms": 0}


def nap(launch: Launch) -> Record:
    """A step that sleeps 50 ms."""
    time.sleep(0.05)
    return {"status": "succeeded", "output": "", "duration_ms": 50}


def ours(folder: Path, count: int, steps: int) -> float:
    """Steps a second of our engine on an encrypted state."""
    with opened(folder) as state:
        claims = plans(state, count, steps)
        engine = Engine(local.Local(state), nothing, begin=runs.begin, now=lambda: NOW, command="bench")
        try:
            engine.claim(claims)
            began = time.perf_counter()
            finished = sum(record["kind"] == "wf.run_finished" for record in engine.work())
            took = time.perf_counter() - began
        finally:
            engine.close()
    assert finished == count
    return count * steps / took


def dbos(folder: Path, count: int, steps: int) -> float:
    """Steps a second of bare DBOS on a plain SQLite file with a write-ahead log; in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--dbos", str(folder), str(count), str(steps)], capture_output=True, text=True,
        check=True, env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )  # fmt: skip
    return float(done.stdout.strip().splitlines()[-1])


def dbos_here(folder: Path, count: int, steps: int) -> float:
    """The same, in this process."""
    import logging

    from dbos import DBOS, SetWorkflowID

    logging.getLogger("dbos").addHandler(logging.NullHandler())
    path = folder / "dbos.db"
    sqlite3.connect(path).execute("PRAGMA journal_mode = wal").close()
    DBOS(config={"name": "bench", "system_database_url": f"sqlite:///{path}", "log_level": "CRITICAL"})

    @DBOS.step()
    def step() -> str:
        return ""

    @DBOS.workflow()
    def flow() -> None:
        for _ in range(steps):
            step()

    DBOS.launch()
    began = time.perf_counter()
    handles = []
    for number in range(count):
        with SetWorkflowID(f"w{number}"):
            handles.append(DBOS.start_workflow(flow))
    for handle in handles:
        handle.get_result(polling_interval_sec=0.05) if count > 1 else handle.get_result(polling_interval_sec=0.01)
    took = time.perf_counter() - began
    DBOS.destroy()
    return count * steps / took


def floor(folder: Path, steps: int) -> float:
    """Commits a second of one small row each, fully synchronous: the disk's limit for one after the other."""
    connection = sqlite3.connect(folder / "floor.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = wal")
    connection.execute("PRAGMA synchronous = full")
    connection.execute("CREATE TABLE step (id INTEGER PRIMARY KEY, outcome TEXT)")
    began = time.perf_counter()
    for number in range(steps):
        connection.execute("INSERT INTO step VALUES (?, ?)", (number, "{}" * 50))
    took = time.perf_counter() - began
    connection.close()
    return steps / took


@contextmanager
def cluster() -> Iterator[str]:
    """A Postgres on loopback; its URL."""
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    user = None
    if os.getuid() == 0:
        user = "postgres"
        entry = pwd.getpwnam(user)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def run(*words: str) -> None:
        subprocess.run(
            [f"{BIN}/{words[0]}", *words[1:]], check=True, user=user, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, cwd="/",
        )  # fmt: skip

    try:
        run("initdb", "-D", f"{folder}/data", "-U", "postgres", "-A", "trust")
        options = f"-p {port} -k '' -c listen_addresses=127.0.0.1"
        run("pg_ctl", "-D", f"{folder}/data", "-w", "-o", options, "-l", f"{folder}/log", "start")
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        with suppress(subprocess.CalledProcessError):
            run("pg_ctl", "-D", f"{folder}/data", "-m", "fast", "-w", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def busy_s() -> float:
    """Seconds of all processors' time that were used since the machine started, by anybody."""
    fields = [int(each) for each in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def shared(url: str, workers: int, count: int, steps: int, sort: str) -> tuple[float, float]:
    """Steps a second of so many workers, each a process with a state of its own; processors busy meanwhile."""
    place = Place(url)
    with place.connect() as connection:
        connection.execute("DROP SCHEMA IF EXISTS roadmap_wf CASCADE")
    with tempfile.TemporaryDirectory() as home:
        with opened(Path(home)) as state:
            claims = plans(state, count, steps)
            kept = Shared(state, place, lambda: NOW)
            Exchange(state, kept, "bench", lambda: NOW).publish(claims)
            kept.close()
        children = [
            subprocess.Popen(
                [sys.executable, __file__, "--worker", url, sort], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            for _ in range(workers)
        ]
        for child in children:
            assert child.stdout
            child.stdout.readline()  # it is ready
        began, used = time.perf_counter(), busy_s()
        for child in children:
            assert child.stdin
            child.stdin.close()
        for child in children:
            child.wait()
        took, used = time.perf_counter() - began, busy_s() - used
        with place.connect() as connection:
            row = connection.execute("SELECT count(*) FROM wf_step").fetchone()
            assert row is not None
            assert row[0] == count * steps, row
        for child in children:
            assert child.stdout
            child.stdout.close()
    return count * steps / took, used / took


def worker(url: str, sort: str) -> None:
    """Do what is in the database, once standard input ends."""
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder)) as state:
        kept = Shared(state, Place(url), lambda: NOW)
        engine = Engine(
            kept, nap if sort == "nap" else nothing, begin=lambda *_: True, now=lambda: NOW, command="bench",
            is_greedy=False, find=kept.find,
        )  # fmt: skip
        try:
            print("ready", flush=True)
            sys.stdin.read()
            for _ in working.work(engine, lambda: NOW, print, once=True):
                pass
        finally:
            engine.close()


def best(rounds: int, measures: Sequence[tuple[str, Any]]) -> dict[str, float]:
    """The best of some rounds of each, in turns."""
    found: dict[str, float] = {}
    for _ in range(rounds):
        for name, measure in measures:
            with tempfile.TemporaryDirectory(dir=os.environ.get("ROADMAP_BENCH_DISK")) as folder:
                found[name] = max(found.get(name, 0.0), measure(Path(folder)))
    return found


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=["sqlite", "postgres"])
    parser.add_argument("--dbos", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.dbos:
        folder, count, steps = chosen.dbos
        print(dbos_here(Path(folder), int(count), int(steps)))
        return 0
    if chosen.worker:
        worker(*chosen.worker)
        return 0
    if chosen.only != "postgres":
        for name, count, steps in (("1x200", 1, 200), ("200x5", 200, 5)):
            found = best(
                chosen.rounds,
                [
                    ("floor", lambda folder, n=count * steps: floor(folder, n)),
                    ("ours", lambda folder, c=count, s=steps: ours(folder, c, s)),
                    ("dbos", lambda folder, c=count, s=steps: dbos(folder, c, s)),
                ],
            )
            figure(f"sqlite.{name}.floor", found["floor"], "commits/s")
            figure(f"sqlite.{name}.dbos", found["dbos"], "steps/s")
            figure(f"sqlite.{name}.ours", found["ours"], "steps/s")
            ratio = found["ours"] / found["dbos"]
            figure(f"sqlite.{name}.ours_to_dbos", ratio, "ratio", bar=0.9, within=ratio >= 0.9)
    if chosen.only != "sqlite":
        if not Path(f"{BIN}/initdb").exists():
            print("durable: Postgres is not installed; not measured", file=sys.stderr)
            return 0
        with cluster() as url:
            for sort, count, steps in (("nap", 200, 5), ("noop", 1000, 5)):
                fastest = {1: (0.0, 0.0), 2: (0.0, 0.0)}
                for _ in range(chosen.rounds):
                    for workers in (1, 2):
                        fastest[workers] = max(fastest[workers], shared(url, workers, count, steps, sort))
                # A machine whose processors one worker and its database keep busy has no room for a second.
                figure(f"postgres.{sort}.one_worker", fastest[1][0], "steps/s", processors_busy=round(fastest[1][1], 2))
                figure(
                    f"postgres.{sort}.two_workers", fastest[2][0], "steps/s", processors_busy=round(fastest[2][1], 2)
                )
                ratio = fastest[2][0] / fastest[1][0]
                figure(f"postgres.{sort}.two_to_one", ratio, "ratio", bar=1.8, within=ratio >= 1.8)
    return 0


if __name__ == "__main__":
    sys.exit(main())
