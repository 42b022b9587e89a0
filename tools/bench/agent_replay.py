"""The second meeting with a failure: is it mended from memory, and how soon.

    tools/bench/agent_replay.py [--test COMMAND]

Small projects with one fault each, and examples/fix-the-parser, are repaired by agent-loop as a person starts it, in a
state of their own; then their lines are moved and they are met again. Wall time is of the whole command, the start of
Python and of the sandbox included. Bars: all replayed, none in more than 2 s.
Prints JSON: bench.figure records.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BAR_S = 2.0
#: name: path of the code, its text, the tests' text.
PROJECTS = {
    "interval": (
        "span.py",
        "def overlap(a, b, c, d):\n    return a < d or c < b\n",
        "from span import overlap\ndef test_yes():\n    assert overlap(1, 5, 4, 8)\n"
        "def test_no():\n    assert not overlap(1, 2, 3, 4)\n",
    ),
    "page_count": (
        "pages.py",
        "def pages(items, size):\n    if items == 0:\n        return 0\n    return items // size + 1\n",
        "from pages import pages\ndef test_pages():\n    assert [pages(n, 10) for n in (0, 1, 9, 10, 11)] == [0, 1, 1, 1, 2]\n",
    ),
    "shared_default": (
        "bag.py",
        "def collect(item, into=[]):\n    into.append(item)\n    return into\n",
        "from bag import collect\ndef test_fresh():\n    assert collect(1) == [1]\n    assert collect(2) == [2]\n",
    ),
    "package": (
        "shop/core/price.py",
        "class Basket:\n    def __init__(self):\n        self.items = []\n\n    def add(self, price, count=1):\n"
        "        self.items.append((price, count))\n\n    def total(self):\n        result = 0\n"
        "        for price, count in self.items:\n            result += price + count\n        return result\n",
        "from shop.core.price import Basket\ndef test_total():\n    b = Basket()\n    b.add(3, 4)\n    b.add(5)\n"
        "    assert b.total() == 17\ndef test_empty():\n    assert Basket().total() == 0\n",
    ),
    "index_error": (
        "last.py",
        "def pairs(xs):\n    found = []\n    for i in range(len(xs)):\n        found.append((xs[i], xs[i + 1]))\n    return found\n",
        "from last import pairs\ndef test_pairs():\n    assert pairs([1, 2, 3]) == [(1, 2), (2, 3)]\n"
        "def test_one():\n    assert pairs([1]) == []\n",
    ),
    "key_error": (
        "count.py",
        "def count(words):\n    found = {}\n    for word in words:\n        if word in found:\n            found[word] = 1\n"
        "        else:\n            found[word] += 1\n    return found\n",
        "from count import count\ndef test_count():\n    assert count(['a', 'b', 'a']) == {'a': 2, 'b': 1}\n",
    ),
}  # fmt: skip


def laid_out(place: Path) -> dict[str, tuple[Path, str]]:
    """The projects on disk: name → folder, and the file with the fault."""
    found = {"fix-the-parser": (place / "fix-the-parser", "formula.py")}
    shutil.copytree(ROOT / "examples/fix-the-parser", place / "fix-the-parser")
    for name, (file, code, tests) in PROJECTS.items():
        folder = place / name
        (folder / file).parent.mkdir(parents=True)
        (folder / file).write_text(code)
        (folder / "test_it.py").write_text(tests)
        found[name] = folder, file
    return found


def met(folder: Path, test: str, home: Path) -> tuple[float, str]:
    """Seconds of agent-loop on a project, and what mended it or how it ended."""
    environ = {"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
    started = time.perf_counter()
    done = subprocess.run(
        [str(ROOT / "bin/agent-loop"), "--test", test, str(folder)], env=environ, capture_output=True, check=False
    )
    spent = time.perf_counter() - started
    records: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    fixes = [record["driver"] for record in records if record["kind"] == "agent.fix"]
    return spent, (fixes or [record.get("status", "nothing") for record in records[-1:]] or ["nothing"])[0]


def figure(name: str, value: float, unit: str) -> None:
    print(
        json.dumps({"kind": "bench.figure", "name": f"agent_replay.{name}", "value": round(value, 3), "unit": unit}),
        flush=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--test", default="pytest -q")
    chosen = parser.parse_args()
    if shutil.which("bwrap") is None:
        print("agent_replay: bubblewrap is not installed; nothing measured", file=sys.stderr)
        return 0
    seconds: list[float] = []
    replayed = repaired = 0
    with tempfile.TemporaryDirectory() as place:
        home = Path(place) / "home"
        home.mkdir()
        for name, (folder, file) in laid_out(Path(place)).items():
            first, how = met(folder, chosen.test, home)
            figure(f"{name}.first", first, "s")
            if how != "template":
                print(f"agent_replay: {name}: {how} at the first meeting", file=sys.stderr)
                continue
            repaired += 1
            (folder / file).write_text("# moved\n\n\n" + (folder / file).read_text())
            second, how = met(folder, chosen.test, home)
            figure(f"{name}.second", second, "s")
            seconds.append(second)
            replayed += how == "replay"
    figure("replayed_ratio", replayed / max(1, repaired), "")
    if seconds:
        figure("second_median", statistics.median(seconds), "s")
        figure("second_slowest", max(seconds), "s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
