"""How much of what life-recall finds is still found in a tenth of the words: LoCoMo, after life-consolidate.

    tools/bench/consolidate.py FILE

FILE is as for tools/bench/recall.py, and so are the questions. Each session is made into lines of memory, whose words
(with the speakers' names) are counted. The lines alone are searched, as life-recall keeps them: with a vector of each
turn they cite (`consolidated`), or as if nothing were known but their own words (`words_alone`). Evidence counts as
found if a line among the first k cites it (`cited`). Because a line cites up to three turns, the stricter figures
beside it count only the first source of a line (`one_source`), or the k turns that life-recall scores highest of all
that the lines cite, one by one (`k_turns`).
`kept` is the part of the recall over all turns, in the same run, that is left. The peer keeps the first tenth of the
words of each session's turns that BM25 ranks highest for the session's own most frequent stems (`centroid`).
"""

from __future__ import annotations

import json
import math
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy

from helping import tell_help

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tools"), str(ROOT / "tools" / "bench")]

import locomo  # noqa: E402
import recall as bench  # noqa: E402

from roadmap_cli.life.consolidate import gist  # noqa: E402
from roadmap_cli.life.recall import remembering, sources  # noqa: E402
from roadmap_cli.retrieval import late  # noqa: E402
from roadmap_cli.retrieval.evidence import Corpus, Question, find  # noqa: E402
from roadmap_cli.retrieval.terms import Terms  # noqa: E402

Lines = list[tuple[str, int, tuple[int, ...]]]  # text, place of the first source, all sources


def remembered(talk: locomo.Talk, embedder: Any) -> Lines:
    """The lines that life-consolidate makes of a conversation."""
    vectors, tokens = embedder.tokens([_said(turn) for turn in talk.turns])
    central = [gist.centrality(one, vector) for one, vector in zip(tokens, vectors, strict=True)]
    holding = Counter(word for turn in talk.turns for word in {each.lower() for each in gist.telling(turn.text)})
    total = len(talk.turns)

    def rarity(word: str) -> float:
        return math.log(1 + total / (1 + holding[word]))

    found: Lines = []
    for session in dict.fromkeys(turn.session for turn in talk.turns):
        places = [place for place, turn in enumerate(talk.turns) if turn.session == session]
        said = [gist.Said(talk.turns[place].speaker, _said(talk.turns[place]), central[place]) for place in places]
        for line in gist.lines(said, rarity):
            found.append((line.text, places[line.sources[0]], tuple(places[each] for each in line.sources)))
    return found


def centroid(talk: locomo.Talk, terms: Terms) -> Lines:
    """A tenth of the words as whole turns, those nearest to what the session is about."""
    found: Lines = []
    for session in dict.fromkeys(turn.session for turn in talk.turns):
        places = [place for place, turn in enumerate(talk.turns) if turn.session == session]
        texts = [talk.turns[place].text for place in places]
        common = Counter(stem for text in texts for stem in terms.telling(text)).most_common(20)
        scores = bench.Bm25(texts, terms).scores([stem for stem, _ in common])
        budget = gist.SHARE * sum(len(text.split()) for text in texts)
        for each in sorted(range(len(places)), key=lambda place: -scores[place]):
            size = len(texts[each].split())
            if size <= budget:
                budget -= size
                found.append((texts[each], places[each], (places[each],)))
    return sorted(found, key=lambda one: one[1])


def _said(turn: locomo.Turn) -> str:
    return turn.text.partition(": ")[2]


def share(hits: Sequence[tuple[tuple[int, float], ...]], asked: locomo.Asked, depth: int, how: str) -> float:
    """How much of the evidence the first lines cite; of each line its sources with their scores, the best first."""
    if how == "k_turns":
        flat = sorted((each for hit in hits for each in hit), key=lambda one: -one[1])
        cited = {place for place, _ in flat[:depth]}
    else:
        cited = {place for hit in hits[:depth] for place, _ in hit[: 1 if how == "one_source" else None]}
    return len(cited & set(asked.evidence)) / len(asked.evidence)


def _with_turns(corpus: Corpus, lines: Lines, talk: locomo.Talk, embedder: Any) -> Corpus:
    """The lines with what life-recall keeps of the turns they cite."""
    given = [(text, [[talk.turns[place].text] for place in cited]) for text, _, cited in lines]
    made = list(remembering.meanings(embedder, given))
    kept = [(vectors.astype(numpy.float16).astype(numpy.float32), states) for vectors, states in made]
    own = [vectors[1:] if len(vectors) > 1 else vectors for vectors, _ in kept]
    packed = [late.packed(states) for _, states in kept]
    counts = numpy.array([len(one) // embedder.dimensions for one in packed])
    rows = numpy.split(late.unpacked(b"".join(packed), embedder.dimensions), numpy.cumsum(counts)[:-1])
    return replace(
        corpus,
        vectors=numpy.array([vectors[0] for vectors, _ in kept]),
        pieces=(numpy.vstack(own), numpy.repeat(numpy.arange(len(own)), [len(each) for each in own])),
        states=lambda places: (numpy.vstack([rows[int(place)] for place in places]), counts[places]),
    )


def main() -> int:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else locomo.DATA
    if not path.exists():
        print(f"consolidate.py: no {path}: nothing measured", file=sys.stderr)
        return 0
    from roadmap_cli.models.embed import open_embedder

    terms, every = Terms(), list(locomo.talks(path))
    with open_embedder(None, environ=bench.ENVIRON, ledger=None, states=True) as embedder:
        whole = _whole(every, terms, embedder)
        makers: dict[str, Callable[[locomo.Talk], Lines]] = {
            "consolidated": lambda talk: remembered(talk, embedder),
            "words_alone": lambda talk: remembered(talk, embedder),
            "centroid": lambda talk: centroid(talk, terms),
        }
        for name, make in makers.items():
            _measure(name, make, every, terms, embedder, whole)
    return 0


def _whole(every: Sequence[locomo.Talk], terms: Terms, embedder: Any) -> dict[int, float]:
    """Recall over all turns."""
    shares: dict[int, list[float]] = {depth: [] for depth in bench.DEPTHS}
    for talk in every:
        for asked, found, _ in bench.asked_of(talk, terms, embedder):
            order = [int(each) for each in found.places[found.best(max(bench.DEPTHS))]]
            for depth, values in shares.items():
                values.append(bench.share(order, asked, depth))
    return {depth: statistics.mean(values) for depth, values in shares.items()}


def _measure(
    name: str,
    make: Callable[[locomo.Talk], Lines],
    every: Sequence[locomo.Talk],
    terms: Terms,
    embedder: Any,
    whole: dict[int, float],
) -> None:
    ways = ("cited", "one_source", "k_turns")
    shares: dict[tuple[str, int], list[float]] = {(how, depth): [] for how in ways for depth in bench.DEPTHS}
    words = [0, 0]
    cited = [0, 0]
    for talk in every:
        lines = make(talk)
        words[0] += sum(len(text.split()) for text, _, _ in lines)
        words[1] += sum(len(turn.text.split()) for turn in talk.turns)
        cited[0] += len({each for _, _, sources in lines for each in sources})
        cited[1] += len(talk.turns)
        turns = [
            locomo.Turn(text, talk.turns[place].speaker, talk.turns[place].at, talk.turns[place].session)
            for text, place, _ in lines
        ]
        corpus = bench.corpus_of(turns, terms, embedder)
        if name == "consolidated":
            corpus = _with_turns(corpus, lines, talk, embedder)
        for asked in talk.asked:
            question = Question.of(asked.text, terms, embedder)
            found = find(corpus, question)
            best = [(int(found.places[at]), float(found.scores[at])) for at in found.best(max(bench.DEPTHS))]
            cited_by = [
                sources.Cited(lines[place][0], [str(each) for each in lines[place][2]], score, place)
                for place, score in best
            ]
            given = sources.best_first(question, cited_by, corpus, terms, embedder)
            hits = [tuple((int(each), score) for each, score in one) for one in given]
            for how, depth in shares:
                shares[how, depth].append(share(hits, asked, depth, how))
    told: dict[str, Any] = {
        "kind": "bench.figure", "name": f"recall_{name}", "unit": "share at 10 of recall over all turns",
        "words_share": round(words[0] / words[1], 4), "turns_cited": round(cited[0] / cited[1], 3),
        "value": round(statistics.mean(shares["cited", 10]) / whole[10], 3),
    }  # fmt: skip
    for (how, depth), values in shares.items():
        told[f"{how}_at_{depth}"] = round(statistics.mean(values), 3)
        told[f"{how}_kept_at_{depth}"] = round(statistics.mean(values) / whole[depth], 3)
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    tell_help(__doc__)
    sys.exit(main())
