"""What should fade first: ACT-R's base level against FSRS's retrievability, on LoCoMo.

    tools/bench/forgetting.py FILE

FILE is as for tools/bench/recall.py. The even questions of each conversation are asked on days spread over the ninety
days after its last session, and the turns shown (the first five) count as used; on the hundredth day a share of the
turns is taken out of reach, those with the least activation first, and the odd questions are asked. `kept` is the part
of the recall at 10 that is left, against all turns. Beside both models: age alone, uses alone, what tells least, and
chance.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
from datetime import timedelta
from pathlib import Path

import numpy

from helping import tell_help

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tools"), str(ROOT / "tools" / "bench")]

import locomo  # noqa: E402
import recall as bench  # noqa: E402

from roadmap_cli.life.recall import activation  # noqa: E402
from roadmap_cli.retrieval.evidence import Question, find  # noqa: E402
from roadmap_cli.retrieval.terms import Terms  # noqa: E402

SHARES = (0.25, 0.5, 0.75)
WAYS = ("actr", "fsrs", "age", "uses", "length", "chance")


def strengths(talk: locomo.Talk, shown: list[list[float]]) -> dict[str, list[float]]:
    """What each way gives each turn, from the ages in days of its uses beside the first."""
    end = talk.turns[-1].at + timedelta(100)
    ages = [[(end - turn.at).total_seconds() / 86_400, *more] for turn, more in zip(talk.turns, shown, strict=True)]
    chance = random.Random(1)
    return {
        "actr": [activation.base_level(each) for each in ages],
        "fsrs": [activation.retrievability(each) for each in ages],
        "age": [-each[0] for each in ages],
        "uses": [float(len(each)) for each in ages],
        "length": [float(len(turn.text.split())) for turn in talk.turns],
        "chance": [chance.random() for _ in ages],
    }


def main() -> int:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else locomo.DATA
    if not path.exists():
        print(f"forgetting.py: no {path}: nothing measured", file=sys.stderr)
        return 0
    from roadmap_cli.models.embed import open_embedder

    terms = Terms()
    whole: list[float] = []
    left: dict[tuple[str, float], list[float]] = {(way, share): [] for way in WAYS for share in SHARES}
    with open_embedder(None, environ=bench.ENVIRON, ledger=None, states=True) as embedder:
        for talk in locomo.talks(path):
            corpus = bench.corpus_of(talk.turns, terms, embedder)
            shown: list[list[float]] = [[] for _ in talk.turns]
            early, late = talk.asked[::2], talk.asked[1::2]
            for number, asked in enumerate(early):
                found = find(corpus, Question.of(asked.text, terms, embedder))
                for each in found.best(5):
                    shown[int(found.places[each])].append(100 - 90 * (number + 1) / len(early))
            ranked = []
            for asked in late:
                found = find(corpus, Question.of(asked.text, terms, embedder))
                ranked.append((asked, [int(each) for each in found.places[found.best(len(found.places))]]))
                whole.append(bench.share(ranked[-1][1], asked, 10))
            for way, values in strengths(talk, shown).items():
                order = numpy.argsort(values, kind="stable")
                for share in SHARES:
                    gone = {int(place) for place in order[: int(share * len(order))]}
                    for asked, places in ranked:
                        rest = [place for place in places if place not in gone]
                        left[way, share].append(bench.share(rest, asked, 10))
    base = statistics.mean(whole)
    for (way, share), values in left.items():
        told = {
            "kind": "bench.figure", "name": f"forgetting_{way}", "unit": "share of recall at 10 kept",
            "forgotten": share, "value": round(statistics.mean(values) / base, 3), "recall_at_10": round(base, 3),
        }  # fmt: skip
        print(json.dumps(told), flush=True)
    return 0


if __name__ == "__main__":
    tell_help(__doc__)
    sys.exit(main())
