"""Which source of a line of memory bears most on a question: each part of the line is from one of them.

With the vectors and states of the parts, or where there is no model by the stems they share with the question. Of the
recall at 5, 10, 20 on three conversations of LoCoMo the first sources alone keep 0.47, 0.50, 0.54, in the order of the
line 0.27, 0.29, 0.32: tools/bench/consolidate.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from roadmap_cli.retrieval import late

if TYPE_CHECKING:
    from roadmap_cli.models.embed import Embedder
    from roadmap_cli.retrieval.evidence import Corpus, Question
    from roadmap_cli.retrieval.terms import Terms

#: What stands between the parts of a line, and what its words count beside the meaning of the whole.
MARK, LATE = "; ", 2.0


def best_first(
    question: Question,
    lines: Sequence[tuple[str, Sequence[str]]],
    corpus: Corpus,
    terms: Terms,
    embedder: Embedder | None,
) -> list[list[str]]:
    """The sources of each line (its text, and its sources in the order of its parts), those that bear most first.

    A line that has not as many parts as sources keeps their order, and so do sources that bear alike.
    """
    import numpy

    split = [parts(text, len(sources)) for text, sources in lines]
    flat = [part for some in split for part in some]
    if not flat:
        return [list(sources) for _, sources in lines]
    worth = numpy.zeros(len(flat))
    if embedder is not None and question.vector is not None:
        if embedder.has_states and question.states is not None:
            vectors, tokens = embedder.tokens(flat, purpose="recall")
            kept = [late.kept(one.words, one.states)[1] for one in tokens]
            counts = late.weights([len(corpus.postings(stem)[0]) for stem in question.state_stems], len(corpus))
            met = late.met(question.states, numpy.vstack(kept), numpy.array([len(states) for states in kept]))
            worth = vectors @ question.vector + LATE * (counts @ met)
        else:
            worth = embedder.embed(flat, purpose="recall") @ question.vector
    else:
        asked = set(question.stems)
        worth = numpy.array([len(asked & set(stems)) for stems in terms.split(flat)], float)
    found, first = [], 0
    for (_, sources), some in zip(lines, split, strict=True):
        own = worth[first : first + len(some)]
        order = numpy.argsort(-own, kind="stable") if some else range(len(sources))
        found.append([sources[int(place)] for place in order])
        first += len(some)
    return found


def parts(text: str, count: int) -> list[str]:
    """The parts of a line, each with its speaker; none if they are not `count`, or a single one."""
    speaker, mark, said = text.partition(": ")
    if not mark:
        speaker, said = "", text
    some = said.split(MARK)
    return [f"{speaker}{mark}{part}" for part in some] if len(some) == count > 1 else []
