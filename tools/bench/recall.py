"""How much of what an answer rests on life-recall finds: LoCoMo, with BM25 and four fused lists in the same run.

    tools/bench/recall.py [FILE [ITEMS]]

FILE is LoCoMo's JSON (https://github.com/snap-research/locomo, CC BY-NC 4.0: not part of this project); by default the
development conversations beside the checkout, if they are there. A question counts if it is not adversarial
(categories 1 to 4) and some of its evidence is a turn that exists; it is searched within its own conversation. Recall
at k is the share of the evidence turns among the first k, as a mean over questions. `shipped` has the weights of the
installation; in `left_out` they are fitted anew without the conversation that is asked (needs at least two). The time
is that of a question from its words to the order of turns, its vector included. With ITEMS only the processor time of
a question is measured, among so many texts: the turns again and again, each copy's vector a little moved.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
from locomo import DATA, Asked, Talk, Turn, talks

from helping import tell_help

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tools")]
ENVIRON = {**os.environ, "ROADMAP_MODELS": os.environ.get("ROADMAP_MODELS", str(ROOT / ".cache" / "models"))}
DEPTHS = (5, 10, 20)

from fit_window import fitted  # noqa: E402
from roadmap_cli.retrieval import dates, evidence, late  # noqa: E402
from roadmap_cli.retrieval.evidence import Corpus, Found, Question, find  # noqa: E402
from roadmap_cli.retrieval.ranking import bm25  # noqa: E402
from roadmap_cli.retrieval.terms import Terms  # noqa: E402

Array = numpy.ndarray[Any, Any]


def corpus_of(turns: Sequence[Turn], terms: Terms, embedder: Any) -> Corpus:
    """The turns as life-recall keeps them, in memory; `embedder` None leaves meaning out."""
    postings: dict[str, tuple[list[int], list[int]]] = {}
    lengths = []
    for place, stems in enumerate(terms.split([turn.text for turn in turns])):
        lengths.append(len(stems))
        for stem, count in Counter(stems).items():
            held = postings.setdefault(stem, ([], []))
            held[0].append(place)
            held[1].append(count)
    sessions = numpy.array([turn.session for turn in turns])
    speakers = list(dict.fromkeys(turn.speaker for turn in turns))
    made: dict[str, Any] = {}
    if embedder is not None:
        vectors, tokens = embedder.tokens([turn.text for turn in turns])
        packed = [late.packed(late.kept(one.words, one.states)[1]) for one in tokens]
        states = late.unpacked(b"".join(packed), embedder.dimensions)
        counts = numpy.array([len(one) // embedder.dimensions for one in packed])
        made = {
            "vectors": vectors.astype(numpy.float16).astype(numpy.float32),
            "states": lambda places: (states, counts),
        }
    return Corpus(
        postings=lambda stem: postings.get(stem, ((), ())),
        beside=sessions[1:] == sessions[:-1],
        lengths=numpy.array(lengths, numpy.float32),
        words=numpy.array([len(turn.text.split()) for turn in turns]),
        asks=numpy.array([turn.text.rstrip().endswith("?") for turn in turns], numpy.float32),
        tells_time=numpy.array([bool(dates.TIME_WORDS.search(turn.text)) for turn in turns], numpy.float32),
        day=numpy.array([turn.at.date().toordinal() for turn in turns]),
        speakers=speakers,
        speaker=numpy.array([speakers.index(turn.speaker) for turn in turns]),
        **made,
    )


# -- the peers ---------------------------------------------------------------------------------------------------------


class Bm25:
    """BM25 over turns with their speakers, Porter stems, no stop words in the question."""

    def __init__(self, texts: Sequence[str], terms: Terms) -> None:
        self.counts = [Counter(stems) for stems in terms.split(texts)]
        self.lengths = numpy.array([sum(held.values()) for held in self.counts], numpy.float32)

    def scores(self, stems: Sequence[str]) -> Array:
        """The score of each text."""
        total = numpy.zeros(len(self.counts), numpy.float32)
        for stem in stems:
            held = numpy.array([count[stem] for count in self.counts], numpy.float32)
            if held.any():
                total += bm25(held, self.lengths)
        return total


class Fused:
    """Reciprocal ranks (k 20) of dated turns .7, dated windows of three 1.3, vectors .5, vectors and neighbour .5."""

    def __init__(self, turns: Sequence[Turn], corpus: Corpus, terms: Terms) -> None:
        dated = [f"{turn.at:%d %B %Y} {turn.text}" for turn in turns]
        windows = []
        for place, turn in enumerate(turns):
            near = [each for each in turns[max(0, place - 1) : place + 2] if each.session == turn.session]
            windows.append(f"{turn.at:%d %B %Y} " + " ".join(each.text for each in near))
        self.turns, self.windows, self.corpus = Bm25(dated, terms), Bm25(windows, terms), corpus

    def scores(self, question: Question) -> Array:
        """The score of each turn."""
        assert self.corpus.vectors is not None
        assert question.vector is not None
        likeness = self.corpus.vectors @ question.vector
        beside = numpy.zeros_like(likeness)
        beside[1:] = numpy.where(self.corpus.beside, likeness[:-1], 0)
        beside[:-1] = numpy.maximum(beside[:-1], numpy.where(self.corpus.beside, likeness[1:], 0))
        lists = (
            (0.7, self.turns.scores(question.stems)),
            (1.3, self.windows.scores(question.stems)),
            (0.5, likeness),
            (0.5, likeness + 0.5 * beside),
        )
        total = numpy.zeros(len(likeness))
        for weight, values in lists:
            ranks = numpy.empty(len(values))
            ranks[numpy.argsort(-values, kind="stable")] = numpy.arange(len(values))
            total += weight / (20 + ranks + 1)
        return total


# -- the runs ----------------------------------------------------------------------------------------------------------


def share(order: Sequence[int], asked: Asked, depth: int) -> float:
    """How much of the evidence is among the first turns."""
    return len(set(order[:depth]) & set(asked.evidence)) / len(asked.evidence)


def figure(method: str, rows: Sequence[tuple[str, Asked, Sequence[int]]], ms: Sequence[float] = ()) -> None:
    """Print how good an order is, over all questions, by category and by conversation."""
    told: dict[str, Any] = {
        "kind": "bench.figure",
        "name": f"recall_{method}",
        "unit": "share at 10",
        "questions": len(rows),
    }
    for depth in DEPTHS:
        shares = [share(order, asked, depth) for _, asked, order in rows]
        told[f"recall_at_{depth}"] = round(statistics.mean(shares), 3)
        told[f"by_category_at_{depth}"] = {
            str(category): round(
                statistics.mean(
                    value for value, (_, asked, _) in zip(shares, rows, strict=True) if asked.category == category
                ),
                3,
            )
            for category in sorted({asked.category for _, asked, _ in rows})
        }
        told[f"by_conversation_at_{depth}"] = {
            name: round(
                statistics.mean(value for value, (other, _, _) in zip(shares, rows, strict=True) if other == name), 3
            )
            for name in dict.fromkeys(name for name, _, _ in rows)
        }
    told["value"] = told["recall_at_10"]
    if ms:
        cuts = statistics.quantiles(ms, n=20)
        told |= {"ms": round(statistics.median(ms), 2), "ms_p5": round(cuts[0], 2), "ms_p95": round(cuts[-1], 2)}
    print(json.dumps(told), flush=True)


def table(found: Found, count: int, names: Sequence[str]) -> Array:
    """The signals of all turns: [turns, signals]."""
    full = numpy.zeros((count, len(names)))
    for column, name in enumerate(names):
        if name in found.signals:
            full[found.places, column] = found.signals[name]
    return full


def asked_of(talk: Talk, terms: Terms, embedder: Any) -> Iterator[tuple[Asked, Found, float]]:
    """Each question, what is found for it, and how many milliseconds that took."""
    corpus = corpus_of(talk.turns, terms, embedder)
    for asked in talk.asked:
        started = time.perf_counter()
        found = find(corpus, Question.of(asked.text, terms, embedder))
        found.best(max(DEPTHS))
        yield asked, found, (time.perf_counter() - started) * 1000


def main() -> int:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else DATA
    if not path.exists():
        print(f"recall.py: no {path}: nothing measured", file=sys.stderr)
        return 0
    from roadmap_cli.models.embed import open_embedder

    terms = Terms()
    every = list(talks(path))
    rows: dict[str, list[tuple[str, Asked, Sequence[int]]]] = {"bm25": [], "fused": []}
    with open_embedder(None, environ=ENVIRON, ledger=None, states=True) as embedder:
        if len(sys.argv) > 2:
            scale(every, int(sys.argv[2]), terms, embedder)
            return 0
        for talk in every:
            corpus = corpus_of(talk.turns, terms, embedder)
            plain, fused = Bm25([turn.text for turn in talk.turns], terms), Fused(talk.turns, corpus, terms)
            for asked in talk.asked:
                question = Question.of(asked.text, terms, embedder)
                for name, scores in (("bm25", plain.scores(question.stems)), ("fused", fused.scores(question))):
                    rows[name].append((talk.name, asked, list(map(int, numpy.argsort(-scores, kind="stable")))))
        figure("bm25_turns", rows["bm25"])
        figure("four_lists_fused", rows["fused"])
        for method, model in (("life_recall", embedder), ("life_recall_words_only", None)):
            measure(method, every, terms, model)
    return 0


def measure(method: str, every: Sequence[Talk], terms: Terms, embedder: Any) -> None:
    """The figures of life-recall, with its weights and with weights fitted without the conversation asked about."""
    seen = {talk.name: list(asked_of(talk, terms, embedder)) for talk in every}
    flat = [(name, asked, found) for name, some in seen.items() for asked, found, _ in some]
    shipped = [(name, asked, [int(each) for each in found.places[found.best(20)]]) for name, asked, found in flat]
    figure(f"{method}_shipped", shipped, [ms for some in seen.values() for _, _, ms in some])
    if len(every) < 2:
        return
    names = list(evidence.SIGNALS)
    sizes = {talk.name: len(talk.turns) for talk in every}
    tables = [(name, asked, table(found, sizes[name], names)) for name, asked, found in flat]
    left_out: list[tuple[str, Asked, Sequence[int]]] = []
    for talk in every:
        weights = fitted([(one, asked.evidence) for name, asked, one in tables if name != talk.name])
        for name, asked, one in tables:
            if name == talk.name:
                order = numpy.argsort(-(one @ weights), kind="stable")[:20]
                left_out.append((name, asked, list(map(int, order))))
    figure(f"{method}_left_out", left_out)


def scale(every: Sequence[Talk], items: int, terms: Terms, embedder: Any) -> None:
    """Print the processor time of a question among so many texts."""
    turns = [turn for talk in every for turn in talk.turns]
    copies = [turns[place % len(turns)] for place in range(items)]
    small = corpus_of(turns, terms, embedder)
    assert small.vectors is not None
    assert small.states is not None
    rows, counts = small.states(numpy.arange(len(turns)))
    packed = [late.packed(one) for one in numpy.split(rows, numpy.cumsum(counts)[:-1])]
    moved = small.vectors[numpy.arange(items) % len(turns)]
    moved += numpy.random.default_rng(1).normal(0, 0.02, moved.shape).astype(numpy.float32)
    moved /= numpy.linalg.norm(moved, axis=1, keepdims=True)

    def states(places: Array) -> tuple[Array, Array]:
        some = places % len(turns)
        return late.unpacked(b"".join(packed[int(each)] for each in some), embedder.dimensions), counts[some]

    plain = corpus_of(copies, terms, None)
    held = {stem: tuple(map(numpy.array, plain.postings(stem))) for stem in _stems(turns, terms)}
    corpus = replace(plain, vectors=moved, states=states, postings=lambda stem: held.get(stem, ((), ())))
    ms = []
    for asked in [asked for talk in every for asked in talk.asked][::4]:
        started = time.process_time()
        find(corpus, Question.of(asked.text, terms, embedder)).best(max(DEPTHS))
        ms.append((time.process_time() - started) * 1000)
    told = {"kind": "bench.figure", "name": "recall_cpu", "unit": "ms of processor time a question", "items": items}
    cuts = statistics.quantiles(ms, n=20)
    print(json.dumps(told | {"value": round(statistics.median(ms), 1), "p95": round(cuts[-1], 1)}), flush=True)


def _stems(turns: Sequence[Turn], terms: Terms) -> set[str]:
    return {stem for stems in terms.split([turn.text for turn in turns]) for stem in stems}


#: Weights of one kind, fitted on all conversations: for tools/fit_recall.py.
def fit(every: Sequence[Talk], terms: Terms, embedder: Any, without: Callable[[str], bool]) -> dict[str, float]:
    """The weights of the signals that are not left out, fitted on all conversations."""
    names = [name for name in evidence.SIGNALS if not without(name)]
    examples = [
        (table(found, len(talk.turns), names), asked.evidence)
        for talk in every
        for asked, found, _ in asked_of(talk, terms, embedder)
    ]
    return {name: round(float(value), 2) for name, value in zip(names, fitted(examples), strict=True)}


if __name__ == "__main__":
    tell_help(__doc__)
    sys.exit(main())
