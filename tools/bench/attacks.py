"""Generated attacks on rights and approvals: how many of each class were tried, and how many succeeded."""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from helping import tell_help

ROOT = Path(__file__).parents[2]
COUNT = 1000


def main() -> int:
    sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests" / "unit" / "wf")]
    from attack_ground import CLASSES, NOW, attacks, company, tried

    from roadmap_cli.state.identity import KeySource
    from roadmap_cli.state.store import State

    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "own.cedar").write_bytes((ROOT / "examples" / "wf" / "rights.cedar").read_bytes())
        keys = KeySource({"HOME": name}, None)
        with State.open(folder / "state.db", mode="write", keys=keys, now=lambda: NOW) as state:
            place = company(state, folder)
            controls = {each: tried(place, control, random.Random(0)) for each, (_, control) in CLASSES.items()}
            began = time.process_time()
            counts: Counter[str] = Counter()
            won: Counter[str] = Counter()
            for each, attack, rng in attacks(count, seed):
                counts[each] += 1
                won[each] += tried(place, attack, rng)
            spent = time.process_time() - began
    record = {
        "kind": "bench.figure", "name": "generated attacks on rights and approvals", "unit": "succeeded",
        "value": sum(won.values()), "tried": sum(counts.values()), "seed": seed, "cpu_s": round(spent, 2),
        "controls_succeeded": sum(controls.values()), "controls": len(controls),
        "classes": {each: {"tried": counts[each], "succeeded": won[each]} for each in CLASSES},
    }  # fmt: skip
    print(json.dumps(record))
    return int(bool(sum(won.values())) or not all(controls.values()))


if __name__ == "__main__":
    tell_help(__doc__)
    sys.exit(main())
