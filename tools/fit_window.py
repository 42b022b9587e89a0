"""Fit the weights in retrieval/ranking.py, and show what they are worth on conversations they have not seen.

    tools/fit_window.py FILE

FILE is LoCoMo's JSON, which is not part of this project: see tools/bench/window.py. The weights are those of a
conditional logit (McFadden 1974): the chance that a question rests on a piece is e to the power of the piece's score
over the sum of that for all pieces. They are fitted by Newton's method with a ridge, with vectors and without; for the
figures each conversation is held out in turn.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy

from helping import tell_help

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tools" / "bench")]

import window as bench  # noqa: E402

from roadmap_cli.retrieval import ranking  # noqa: E402
from roadmap_cli.slm.window.conversation import sittings  # noqa: E402
from roadmap_cli.slm.window.window import THRIFT, Budget, Conversation  # noqa: E402

#: Of the ridge, in units of a signal's standard deviation.
RIDGE = 3.0
Array = numpy.ndarray[Any, Any]


def signals(talk: bench.Talk, embed: Any) -> list[Array]:
    """For each question of a conversation the signals of all its turns: [turns, signals]."""
    conversation = Conversation(Budget(1), embed)
    conversation.add(talk.messages, sittings(talk.messages))
    conversation.prepare()
    found = []
    for question in talk.questions:
        scores = conversation._scores(question.text, None, len(talk.messages))
        found.append(numpy.stack([scores.signals.get(name, 0 * scores.values) for name in ranking.SIGNALS], 1))
    return found


def fitted(examples: list[tuple[Array, list[int]]]) -> Array:
    """The weights under which the evidence is likeliest; 0 for a signal that never differs."""
    together = numpy.vstack([signals for signals, _ in examples])
    spread = together.std(axis=0)
    scale = numpy.where(spread > 1e-9, 1 / numpy.maximum(spread, 1e-9), 0.0)
    scaled = [((one - together.mean(axis=0)) * scale, evidence) for one, evidence in examples]
    weights = numpy.zeros(together.shape[1])
    likelihood = _likelihood(scaled, weights)
    for _ in range(50):
        slope, bend = -RIDGE * weights, RIDGE * numpy.eye(len(weights))
        for one, evidence in scaled:
            chance = _chances(one @ weights)
            mean = chance @ one
            slope += one[evidence].mean(axis=0) - mean
            bend += (one * chance[:, None]).T @ one - numpy.outer(mean, mean)
        step, length = numpy.linalg.solve(bend, slope), 1.0
        while _likelihood(scaled, weights + length * step) < likelihood and length > 1e-4:
            length /= 2
        weights = weights + length * step
        before, likelihood = likelihood, _likelihood(scaled, weights)
        if likelihood - before < 1e-4:
            break
    found: Array = weights * scale
    return found


def _likelihood(examples: list[tuple[Array, list[int]]], weights: Array) -> float:
    total = -RIDGE * float(weights @ weights) / 2
    for one, evidence in examples:
        total += float(numpy.log(_chances(one @ weights)[evidence] + 1e-300).mean())
    return total


def _chances(scores: Array) -> Array:
    powers: Array = numpy.exp(scores - scores.max())
    return powers / powers.sum()


def kept(talk: bench.Talk, scores: Array, budget: int) -> set[int]:
    """The turns that are worth most for their size, up to a budget of words."""
    sizes = numpy.array([len(message.content.split()) for message in talk.messages])
    order = numpy.argsort(-(scores - THRIFT * numpy.log(numpy.maximum(sizes, 1))), kind="stable")
    return bench.filled([int(place) for place in order], list(map(int, sizes)), budget, neighbours=False)


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    from roadmap_cli.models.embed import open_embedder

    talks = list(bench.talks(Path(sys.argv[1])))
    environ = {**os.environ, "ROADMAP_MODELS": os.environ.get("ROADMAP_MODELS", str(ROOT / ".cache" / "models"))}
    with open_embedder(None, environ=environ, ledger=None) as embedder:
        for name, embed in (("with vectors", bench.Remembering(embedder.embed)), ("without vectors", None)):
            seen = {talk.name: signals(talk, embed) for talk in talks}
            examples = {
                talk.name: [(one, q.evidence) for one, q in zip(seen[talk.name], talk.questions, strict=True)]
                for talk in talks
            }
            shares: dict[int, list[float]] = {budget: [] for budget in bench.BUDGETS}
            for held in talks:
                weights = fitted([one for other, some in examples.items() if other != held.name for one in some])
                for one, question in zip(seen[held.name], held.questions, strict=True):
                    for budget, found in shares.items():
                        found.append(bench.share(question, kept(held, one @ weights, budget)))
            weights = fitted([one for some in examples.values() for one in some])
            told = {signal: round(float(value), 2) for signal, value in zip(ranking.SIGNALS, weights, strict=True)}
            held_out = {budget: round(float(numpy.mean(found)), 3) for budget, found in shares.items()}
            print(json.dumps({"weights": name, "fitted_on_all": told, "evidence_kept_held_out": held_out}), flush=True)
    return 0


if __name__ == "__main__":
    tell_help(__doc__)
    sys.exit(main())
