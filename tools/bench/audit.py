"""The audit log at a million entries: appending, verifying, proving; and whether each change of a byte is found.

Prints one JSON record per figure. The peer is pymerkle, where it is installed (it is no part of this project: GPL).
Usage: python tools/bench/audit.py [--entries N] [--changes N]
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles

SOURCE = Path(__file__).resolve().parents[2] / "src"
sys.path.insert(0, str(SOURCE))
START = datetime(2026, 1, 1, tzinfo=UTC)
IN_ONE_TRANSACTION = 1000


def figure(name, value, unit, **more):
    record = {"kind": "bench.figure", "name": f"audit.{name}", "value": round(value, 4), "unit": unit, **more}
    print(json.dumps(record), flush=True)


def append(state, count):
    """Entries as a run makes them."""
    from roadmap_cli.wf.audit import log

    chance = random.Random(1)
    cpu = time.process_time()
    for first in range(0, count, IN_ONE_TRANSACTION):
        with state.write() as tx:
            for seq in range(first, min(first + IN_ONE_TRANSACTION, count)):
                log.append(
                    tx, action="step.finished", user=f"user:u{seq % 40}", agent="data", resource=f"wf_{seq:026d}",
                    outcome="done", why="the step ended with exit code 0", at=START + timedelta(seconds=seq),
                    run_id=f"wf_{seq // 9:026d}", step="collect", plan_hash=f"{chance.getrandbits(256):064x}",
                )  # fmt: skip
    return count / (time.process_time() - cpu)


def verified(state, checkpoints):
    """Problems found, entries per second of wall and of CPU time."""
    from roadmap_cli.wf.audit import checking, tree

    cpu, wall = time.process_time(), time.perf_counter()
    with state.read() as tx:
        found = list(checking.problems(tx, checkpoints))
        size = tree.size(tx)
    return found, size / (time.perf_counter() - wall), size / (time.process_time() - cpu)


def proofs(state, count):
    """Milliseconds for inclusion and consistency proofs at random places, each with the root it leads to."""
    from roadmap_cli.wf.audit import tree

    chance = random.Random(2)
    inclusion, consistency = [], []
    for _ in range(200):
        with state.read() as tx:
            seq, old = chance.randrange(count), chance.randrange(1, count)
            began = time.perf_counter()
            root, path = tree.root(tx, count), tree.inclusion(tx, seq, count)
            inclusion.append((time.perf_counter() - began) * 1000)
            (leaf,) = tx.execute("SELECT leaf FROM wf_audit WHERE seq = ?", (seq,)).fetchone()
            assert tree.proves_inclusion(leaf, seq, count, path, root)
            began = time.perf_counter()
            steps = tree.consistency(tx, old, count)
            consistency.append((time.perf_counter() - began) * 1000)
            assert tree.proves_consistency(old, count, steps, tree.root(tx, old), root)
    return inclusion, consistency


def changes_found(state, checkpoint, count):
    """How many of random changes of one bit in an entry, a hash or a time are found, looking at its part of the log."""
    from roadmap_cli.wf.audit import checking

    with state.write() as tx:
        for name in ("update", "delete", "gap"):
            tx.execute(f"DROP TRIGGER wf_audit_no_{name}")
    chance = random.Random(3)
    found = 0
    for _ in range(count):
        column, cast = chance.choice([("body", "?"), ("leaf", "?"), ("at", "CAST(? AS TEXT)")])
        seq = chance.randrange(checkpoint.size)
        with state.write() as tx:
            (value,) = tx.execute(f"SELECT CAST({column} AS BLOB) FROM wf_audit WHERE seq = ?", (seq,)).fetchone()
            at = chance.randrange(len(value))
            other = value[:at] + bytes([value[at] ^ 1 << chance.randrange(8)]) + value[at + 1 :]
            tx.execute(f"UPDATE wf_audit SET {column} = {cast} WHERE seq = ?", (other, seq))
        with state.read() as tx:
            found += next(checking.problems(tx, [checkpoint]), None) is not None
        with state.write() as tx:
            tx.execute(f"UPDATE wf_audit SET {column} = {cast} WHERE seq = ?", (value, seq))
    return found


def peer(count):
    """Seconds for a root and milliseconds for a proof by pymerkle over as many entries, or None without it."""
    try:
        from pymerkle import InmemoryTree
    except ImportError:
        return None
    tree = InmemoryTree(algorithm="sha256")
    for number in range(count):
        tree.append_entry(number.to_bytes(8))
    began = time.perf_counter()
    tree.get_state()
    root = time.perf_counter() - began
    began = time.perf_counter()
    tree.prove_inclusion(count // 3)
    return root, (time.perf_counter() - began) * 1000


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--changes", type=int, default=300)
    chosen = parser.parse_args()
    from roadmap_cli.state.identity import KeySource
    from roadmap_cli.state.store import State
    from roadmap_cli.wf.audit import notes, tree

    with tempfile.TemporaryDirectory() as folder:
        keys = KeySource({"HOME": folder}, None)
        with State.open(Path(folder) / "state.db", mode="write", keys=keys, now=lambda: START) as state:
            figure("append", append(state, chosen.entries), "entries/CPU-s")
            signer = notes.Signer.open(Path(folder) / "key", name="bench/log", makes=True)
            with state.read() as tx:
                checkpoint = signer.checkpoint(chosen.entries, tree.root(tx, chosen.entries))
            runs = [verified(state, [checkpoint]) for _ in range(3)]
            assert not any(found for found, _, _ in runs)
            wall, cpu = sorted(run[1] for run in runs), sorted(run[2] for run in runs)
            figure(
                "verify", median(wall), "entries/s", spread=[round(wall[0]), round(wall[-1])], cpu=round(median(cpu))
            )
            for name, found in zip(("inclusion", "consistency"), proofs(state, chosen.entries), strict=True):
                figure(name, median(found), "ms", p95=round(quantiles(found, n=20)[-1], 3), most=round(max(found), 3))
        with State.open(Path(folder) / "small.db", mode="write", keys=keys, now=lambda: START) as state:
            append(state, 1500)
            with state.read() as tx:
                checkpoint = signer.checkpoint(1500, tree.root(tx, 1500))
            figure("changes_found", changes_found(state, checkpoint, chosen.changes), "changes", tried=chosen.changes)
    if other := peer(min(chosen.entries, 100_000)):
        figure("peer_pymerkle", other[1], "ms", what="inclusion proof", root_s=round(other[0], 3))


if __name__ == "__main__":
    main()
