"""What is proved by slow tests rather than measured: kills, attacks, real peers; how many of each test's cases fail.

The words after the name are pytest's: files, tests, ``-k`` and so on. Prints a bench.figure for each test: its name, how
many of its cases failed and of how many. A test all of whose cases were skipped (a peer is not installed) gives none.

Usage: python tools/bench/proofs.py PYTEST-WORD …
"""

from __future__ import annotations

import collections
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree

from helping import tell_help

ROOT = Path(__file__).resolve().parents[2]


def counted(report: Path) -> dict[str, collections.Counter[str]]:
    """Of each test, by its name without its parameters, how many cases passed, failed and were skipped."""
    told: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for case in ElementTree.parse(report).iter("testcase"):
        ends = [end for end in ("failure", "error", "skipped") if case.find(end) is not None]
        end = "passed" if not ends else "skipped" if ends == ["skipped"] else "failed"
        told[case.get("name", "").partition("[")[0]][end] += 1
    return told


def main() -> int:
    words = sys.argv[1:]
    if not words:
        print("proofs.py: name tests, as for pytest", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        began = time.monotonic()
        ended = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "slow or not slow",
             f"--junitxml={report}", *words],
            cwd=ROOT, stdout=sys.stderr, check=False,
        )  # fmt: skip
        if not report.exists() or ended.returncode > 1:
            return ended.returncode or 1
        seconds = round(time.monotonic() - began, 1)
        for name, ends in counted(report).items():
            cases = ends["passed"] + ends["failed"]
            if cases:
                more = {"tests": cases, "skipped": ends["skipped"], "seconds": seconds}
                print(json.dumps({"kind": "bench.figure", "name": name, "value": ends["failed"],
                                  "unit": f"of {cases} {'case' if cases == 1 else 'cases'}", **more}))  # fmt: skip
    return 0


if __name__ == "__main__":
    tell_help(__doc__)
    sys.exit(main())
