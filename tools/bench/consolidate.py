"""How much of what life-recall finds is still found in a tenth of the words: LoCoMo, after life-consolidate.

    tools/bench/consolidate.py FILE

FILE is as for tools/bench/recall.py, and so are the questions. Each session is made into lines of memory, whose words
(with the speakers' names) are counted. The lines alone are searched, by their own words and vectors. Evidence counts as
found if a line among the first k cites it (`cited`). Because a line cites up to four turns, the stricter figures
beside it count only the first source of a line (`one_source`), or as many lines as together cite k turns (`k_turns`),
the sources of a line in the order in which life-recall gives them: those that bear most on the question first.
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
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tools"), str(ROOT / "tools" / "bench")]

import recall as bench  # noqa: E402

from roadmap_cli.life.consolidate import gist  # noqa: E402
from roadmap_cli.life.recall import sources  # noqa: E402
from roadmap_cli.retrieval.evidence import Question, find  # noqa: E402
from roadmap_cli.retrieval.terms import Terms  # noqa: E402

Lines = list[tuple[str, int, tuple[int, ...]]]  # text, place of the first source, all sources


def remembered(talk: bench.Talk, embedder: Any) -> Lines:
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


def centroid(talk: bench.Talk, terms: Terms) -> Lines:
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


def _said(turn: bench.Turn) -> str:
    return turn.text.partition(": ")[2]


def share(lines: Lines, order: Sequence[int], asked: bench.Asked, depth: int, how: str) -> float:
    """How much of the evidence the first lines cite."""
    cited: set[int] = set()
    room = depth
    for place in order[:depth]:
        sources = lines[place][2][:1] if how == "one_source" else lines[place][2]
        if how == "k_turns":
            sources = sources[:room]
            room -= len(sources)
        cited |= set(sources)
        if room <= 0:
            break
    return len(cited & set(asked.evidence)) / len(asked.evidence)


def main() -> int:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else bench.DATA
    if not path.exists():
        print(f"consolidate.py: no {path}: nothing measured", file=sys.stderr)
        return 0
    from roadmap_cli.models.embed import open_embedder

    terms, every = Terms(), list(bench.talks(path))
    with open_embedder(None, environ=bench.ENVIRON, ledger=None, states=True) as embedder:
        whole = _whole(every, terms, embedder)
        makers: dict[str, Callable[[bench.Talk], Lines]] = {
            "consolidated": lambda talk: remembered(talk, embedder),
            "centroid": lambda talk: centroid(talk, terms),
        }
        for name, make in makers.items():
            _measure(name, make, every, terms, embedder, whole)
    return 0


def _whole(every: Sequence[bench.Talk], terms: Terms, embedder: Any) -> dict[int, float]:
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
    make: Callable[[bench.Talk], Lines],
    every: Sequence[bench.Talk],
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
            bench.Turn(text, talk.turns[place].speaker, talk.turns[place].at, talk.turns[place].session)
            for text, place, _ in lines
        ]
        corpus = bench.corpus_of(turns, terms, embedder)
        for asked in talk.asked:
            question = Question.of(asked.text, terms, embedder)
            found = find(corpus, question)
            order = [int(each) for each in found.places[found.best(max(bench.DEPTHS))]]
            given = [(lines[place][0], [str(each) for each in lines[place][2]]) for place in order]
            hits = list(lines)
            for place, best in zip(order, sources.best_first(question, given, corpus, terms, embedder), strict=True):
                hits[place] = (lines[place][0], lines[place][1], tuple(map(int, best)))
            for how, depth in shares:
                shares[how, depth].append(share(hits, order, asked, depth, how))
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
    sys.exit(main())
