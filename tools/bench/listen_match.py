"""Events a second through ``wf-listen | wf-match`` with ten templates, beside ``jq`` with the same filter on the same file.

Everything is measured as processes, from start to end, in CPU time: the two commands store each event, a decision for
each and the evidence; jq only filters. On two processors the two commands work at the same time, so a pipeline takes as
long as the slower of them: `events_per_s` is by that one, `events_per_s_one_processor` by the sum of both.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from helping import tell_help

ROOT = Path(__file__).parents[2]
COUNT = 100_000
ROUNDS = 3
FILTER = 'select(.type == "http.request" and .status == 503 and (.service | test("^svc[0-9]+$")))'


def events(path: Path, every: int) -> None:
    """Requests of fifty services; one of `every` failed."""
    with path.open("w") as out:
        for n in range(COUNT):
            second = n // 100
            at = f"2026-11-23T{second // 3600 % 24:02}:{second // 60 % 60:02}:{second % 60:02}.{n % 100:02}0Z"
            record = {"type": "http.request", "time": at, "n": n, "service": f"svc{n % 50}", "latency_ms": n % 977,
                      "status": 200 if n % every else 503, "message": f"GET /api/v1/things/{n}"}  # fmt: skip
            out.write(json.dumps(record, separators=(",", ":")) + "\n")


def templates(folder: Path, trigger: str) -> None:
    """Ten templates: one with the filter, nine that look at the same fields and hold for nothing."""
    folder.mkdir()
    steps = "steps:\n  - {name: only, role: operations, effects: [], command: [echo]}\n"
    for n in range(10):
        clauses = (
            f"  where:\n    - {{field: data.status, equals: {503 if n == 0 else 600 + n}}}\n"
            "    - {field: data.service, matches: 'svc[0-9]+'}\n"
        )
        more = trigger if n == 0 else ""
        text = f"workflow: t{n}\nversion: 1\ntrigger:\n  type: http.request\n{more}{clauses}{steps}"
        (folder / f"t{n}.yaml").write_text(text)


def cpu(arguments: list[str], source: Path, target: Path, world: dict[str, str]) -> tuple[float, float]:
    """CPU seconds and wall seconds of one process."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with source.open("rb") as stdin, target.open("wb") as stdout:
        subprocess.run(arguments, stdin=stdin, stdout=stdout, check=True, env=world)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent, time.monotonic() - begun


def bench(name: str, every: int, trigger: str, expected: int) -> None:
    """Print one bench.figure record."""
    best: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        source, heard, matched, filtered = (folder / each for each in ("in", "heard", "matched", "filtered"))
        events(source, every)
        templates(folder / "templates", trigger)
        for number in range(ROUNDS):
            home = folder / f"home{number}"
            home.mkdir()
            world = {"PATH": f"{ROOT / 'bin'}:/usr/bin:/bin", "HOME": str(home)}
            listen, _ = cpu([str(ROOT / "bin" / "wf-listen")], source, heard, world)
            command = [str(ROOT / "bin" / "wf-match"), "--templates", str(folder / "templates")]
            match, _ = cpu(command, heard, matched, world)
            peer, _ = cpu([shutil.which("jq") or "jq", "-c", FILTER], source, filtered, dict(os.environ))
            found = sum(1 for _ in matched.open())
            if found != expected:
                sys.exit(f"{found} matches, not {expected}")
            if not trigger and found != sum(1 for _ in filtered.open()):
                sys.exit("jq finds others")
            for key, value in (("listen", listen), ("match", match), ("jq", peer)):
                best[key] = min(best.get(key, 1e9), value)
    both = best["listen"] + best["match"]
    print(json.dumps({
        "kind": "bench.figure", "name": f"listen to match: {name}", "events": COUNT, "matches": expected,
        "value": round(COUNT / max(best["listen"], best["match"])), "unit": "events/s of CPU, by the slower process",
        "events_per_s_one_processor": round(COUNT / both),
        "listen_events_per_s": round(COUNT / best["listen"]), "match_events_per_s": round(COUNT / best["match"]),
        "peer": "jq, the same filter", "peer_value": round(COUNT / best["jq"]),
        "ratio": round(best["jq"] / max(best["listen"], best["match"]), 3),
    }), flush=True)  # fmt: skip


if __name__ == "__main__":
    tell_help(__doc__)
    bench("one event in a hundred matches", 100, "", 1000)
    bench(
        "three of a service within a minute, one event in ten counts",
        10,
        "  window: 1m\n  count: 3\n  group: [data.service]\n",
        85,
    )
    bench("one event in ten matches", 10, "", 10_000)
