"""Records a second through parse, command and serialise, beside ``jq -c .`` on the same file in the same run."""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from helping import tell_help

ROUNDS = 5
COUNT = 400_000


def _declare() -> Any:
    from roadmap_cli.cli import Run, command

    @command(reads="bench.item", writes="bench.item", quick=True)
    def each(run: Run) -> Iterator[dict[str, Any]]:
        """Pass records on, changed by one field."""
        for record in run.records():
            yield {**record, "seen": True}

    return each


def _cpu_seconds(arguments: list[str], source: Path, target: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with source.open("rb") as stdin, target.open("wb") as stdout:
        subprocess.run(arguments, stdin=stdin, stdout=stdout, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def bench() -> None:
    """Print one bench.figure record for each way of writing: to a pipe's like (/dev/null) and to a file."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "in.jsonl"
        with source.open("w") as out:
            for number in range(COUNT):
                record = {
                    "kind": "bench.item",
                    "id": f"bench_{number:08x}",
                    "at": "2026-11-23T09:00:00.000Z",
                    "n": number,
                }
                out.write(json.dumps(record, separators=(",", ":")) + "\n")
        ours = [sys.executable, "-P", str(Path(__file__)), "--filter"]
        peer = [shutil.which("jq") or "jq", "-c", "."]
        for place, target in (("to a pipe's like", Path(os.devnull)), ("to a file", Path(folder) / "out.jsonl")):
            rates: list[tuple[float, float]] = []
            for _ in range(ROUNDS):
                rates.append((COUNT / _cpu_seconds(ours, source, target), COUNT / _cpu_seconds(peer, source, target)))
            mine = sorted(rate for rate, _ in rates)
            theirs = statistics.median(rate for _, rate in rates)
            figure = {
                "kind": "bench.figure",
                "name": f"filter, {place}",
                "unit": "records per CPU second",
                "value": round(statistics.median(mine)),
                "lowest": round(mine[0]),
                "highest": round(mine[-1]),
                "peer": "jq -c .",
                "peer_value": round(theirs),
                "ratio": round(statistics.median(a / b for a, b in rates), 2),
            }
            print(json.dumps(figure), flush=True)


if __name__ == "__main__":
    tell_help(__doc__)
    if "--filter" in sys.argv:
        sys.path.insert(0, str(Path(__file__).parents[2] / "src"))
        sys.exit(_declare()([]))
    bench()
