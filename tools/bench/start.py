"""What it costs to start a command, in CPU milliseconds, beside ``sqlite-utils --help`` and ``llm --help``."""

from __future__ import annotations

import json
import resource
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

from helping import tell_help

ROOT = Path(__file__).parents[2]
ROUNDS = 7
#: Commands that only read, and the most they may cost.
READERS = (
    ["roadmap-schema", "list"],
    ["life-values", "list"],
    ["life-graph", "list"],
    ["roadmap-state", "path"],
    ["slm-models", "list"],
)


def cpu_ms(words: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def figure(name: str, ours: list[list[str]], peer: list[str] | None) -> None:
    """Print the slowest of some commands beside a peer, runs taken in turn."""
    costs: dict[str, list[float]] = {" ".join(words): [] for words in ours}
    theirs: list[float] = []
    for _ in range(ROUNDS):
        for words in ours:
            costs[" ".join(words)].append(cpu_ms([str(ROOT / "bin" / words[0]), *words[1:]]))
        if peer:
            theirs.append(cpu_ms(peer))
    slowest = max(costs, key=lambda each: statistics.median(costs[each]))
    mine = sorted(costs[slowest])
    record: dict[str, object] = {
        "kind": "bench.figure", "name": f"{name}, slowest of {len(ours)}: {slowest}", "unit": "CPU ms",
        "value": round(statistics.median(mine), 1), "lowest": round(mine[0], 1), "highest": round(mine[-1], 1),
    }  # fmt: skip
    if peer:
        median = statistics.median(theirs)
        record |= {"peer": " ".join([Path(peer[0]).name, *peer[1:]]), "peer_value": round(median, 1)}
        record["ratio"] = round(statistics.median(mine) / median, 2)
    print(json.dumps(record), flush=True)


def main() -> None:
    sys.path.insert(0, str(ROOT / "src"))
    from roadmap_cli.cli import surface

    helps = [[name, "--help"] for name in surface.names()]
    venv = ROOT / ".venv" / "bin"
    for program in ("sqlite-utils", "llm"):
        found = shutil.which(program, path=f"{venv}:{ROOT / '.cache/peers/bin'}")
        if found:
            figure("help", helps, [found, "--help"])
        else:
            print(f"bench: no {program} here; install it with: {venv}/pip install {program}", file=sys.stderr)
    for words in READERS:
        figure("a command that only reads", [words], None)


if __name__ == "__main__":
    tell_help(__doc__)
    main()
