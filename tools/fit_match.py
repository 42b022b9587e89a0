"""Fit how wf-match turns likeness into a probability, and check it on triggers and messages it has not seen.

The pairs are in tools/data/likeness.json: each message belongs to one trigger text or to none. Folds are of triggers
with their messages, so that nothing of what is checked was fitted. Prints one JSON record for each way.

    PYTHONPATH=src python tools/fit_match.py
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

from helping import tell_help
from roadmap_cli.wf.matching import likeness

FOLDS = 4


def pairs(score: Any) -> list[tuple[int, float, int]]:
    """For each pair of a trigger and a message: the message's own trigger (-1: none), the score, whether it is right."""
    data = json.loads((Path(__file__).parent / "data" / "likeness.json").read_text())
    triggers = [each["text"] for each in data["intents"]]
    messages = [(text, own) for own, each in enumerate(data["intents"]) for text in each["messages"]]
    messages += [(text, -1) for text in data["unrelated"]]
    values = score([text for text, _ in messages], triggers)
    return [
        (own, trigger, values[place][trigger], int(own == trigger))
        for place, (_, own) in enumerate(messages)
        for trigger in range(len(triggers))
    ]


def fit(points: list[tuple[float, int]]) -> tuple[float, float]:
    """The maximum-likelihood curve by Newton's method, slightly held towards flat."""
    a, b = 1.0, 0.0
    for _ in range(200):
        ga, gb, haa, hab, hbb = -1e-3 * a, 0.0, 1e-3, 0.0, 1e-9
        for x, y in points:
            p = likeness.logistic(x, (a, b))
            ga, gb = ga + (y - p) * x, gb + (y - p)
            w = p * (1 - p)
            haa, hab, hbb = haa + w * x * x, hab + w * x, hbb + w
        det = haa * hbb - hab * hab
        da, db = (hbb * ga - hab * gb) / det, (haa * gb - hab * ga) / det
        step = min(1.0, 5 / (abs(da) + abs(db) + 1e-9))
        a, b = a + step * da, b + step * db
        if abs(da) + abs(db) < 1e-9:
            break
    return a, b


def check(name: str, score: Any) -> None:
    found = pairs(score)
    count = 1 + max(own for own, *_ in found)
    told: list[tuple[float, int]] = []
    for fold in range(FOLDS):

        def held(own: int, trigger: int, fold: int = fold) -> bool:
            return trigger % FOLDS == fold and (own < 0 or own % FOLDS == fold)

        def fitted(own: int, trigger: int, fold: int = fold) -> bool:
            return trigger % FOLDS != fold and (own < 0 or own % FOLDS != fold)

        curve = fit([(x, y) for own, trigger, x, y in found if fitted(own, trigger)])
        told += [(likeness.logistic(x, curve), y) for own, trigger, x, y in found if held(own, trigger)]
    bins: dict[int, list[tuple[float, int]]] = {}
    for p, y in told:
        bins.setdefault(min(int(p * 10), 9), []).append((p, y))
    error = sum(abs(sum(p for p, _ in each) - sum(y for _, y in each)) for each in bins.values()) / len(told)
    sure = [y for p, y in told if p >= 0.7]
    asked = [y for p, y in told if 0.3 <= p < 0.7]
    lost = [y for p, y in told if p < 0.3]
    base = sum(y for _, y in told) / len(told)
    print(json.dumps({
        "bench": "likeness", "by": name, "triggers": count, "pairs_held_out": len(told), "right_ratio": round(base, 4),
        "curve": [round(each, 3) for each in fit([(x, y) for *_, x, y in found])],
        "expected_calibration_error": round(error, 4),
        "brier": round(sum((p - y) ** 2 for p, y in told) / len(told), 4), "brier_of_base_rate": round(base * (1 - base), 4),
        "acted_on": len(sure), "acted_on_right_ratio": round(sum(sure) / max(len(sure), 1), 4),
        "asked": len(asked), "asked_right_ratio": round(sum(asked) / max(len(asked), 1), 4),
        "found_ratio": round((sum(sure) + sum(asked)) / sum(y for _, y in told), 4), "missed": sum(lost),
    }))  # fmt: skip


def by_words(messages: list[str], triggers: list[str]) -> list[list[float]]:
    from roadmap_cli.retrieval import ranking
    from roadmap_cli.retrieval.terms import Terms

    terms = Terms()
    stems = {trigger: terms.telling(trigger) for trigger in triggers}
    holding = Counter(stem for each in stems.values() for stem in each)
    weights = {stem: ranking.rarity(len(stems) + 1, count) for stem, count in holding.items()}
    said = [Counter(each) for each in terms.split(messages)]
    return [[likeness.share(counts, stems[trigger], weights) for trigger in triggers] for counts in said]


def by_meaning(messages: list[str], triggers: list[str]) -> list[list[float]]:
    from roadmap_cli.models.embed import open_embedder

    with open_embedder(None, environ=os.environ, ledger=None) as model:
        left, right = model.embed(messages), model.embed(triggers)
    return [[float(one @ other) for other in right] for one in left]


if __name__ == "__main__":
    tell_help(__doc__)
    check("words", by_words)
    check("meaning", by_meaning)
