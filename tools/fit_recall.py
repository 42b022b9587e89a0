"""Fit the weights in retrieval/evidence.py on conversations; tools/bench/recall.py tells what they are worth.

    tools/fit_recall.py FILE

FILE is LoCoMo's JSON, which is not part of this project: see tools/bench/recall.py. The method is that of
tools/fit_window.py: a conditional logit with a ridge, by Newton's method.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from helping import tell_help

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tools" / "bench")]

import locomo  # noqa: E402
import recall as bench  # noqa: E402

from roadmap_cli.retrieval import evidence  # noqa: E402
from roadmap_cli.retrieval.terms import Terms  # noqa: E402


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    from roadmap_cli.models.embed import open_embedder

    every, terms = list(locomo.talks(Path(sys.argv[1]))), Terms()
    with open_embedder(None, environ=bench.ENVIRON, ledger=None, states=True) as embedder:
        fits = [
            bench.fit(every, terms, embedder, lambda name: False),
            bench.fit(every, terms, embedder, lambda name: name.startswith("late")),
            bench.fit(every, terms, None, lambda name: name.startswith(("late", "meaning"))),
        ]
    for name in evidence.SIGNALS:
        print(json.dumps({"signal": name, "worth": [each.get(name, 0.0) for each in fits]}), flush=True)
    return 0


if __name__ == "__main__":
    tell_help(__doc__)
    sys.exit(main())
