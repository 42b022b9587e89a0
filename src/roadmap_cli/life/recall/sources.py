"""Which source of a line of memory bears most on a question: each part of the line is from one of them.

By the vectors of the sources that the line keeps (`recall.remembering`); without them by those of its parts, or where
there is no model by the stems these share with the question. Each source gets a score of its own, the best that of its
line, so that the sources of several lines can be put in one order. LoCoMo: tools/bench/consolidate.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy

    from roadmap_cli.models.embed import Embedder
    from roadmap_cli.retrieval.evidence import Corpus, Question
    from roadmap_cli.retrieval.terms import Terms

    Array = numpy.ndarray[Any, Any]

#: What stands between the parts of a line; what likeness to a question, and a stem of it, are worth in a score.
MARK, LIKE, STEM = "; ", 6.0, 1.0


@dataclass(frozen=True, slots=True)
class Cited:
    """A line that was found: its text, its sources in the order of its parts, its score, its place in the corpus."""

    text: str
    sources: Sequence[str]
    score: float
    place: int


def best_first(
    question: Question, lines: Sequence[Cited], corpus: Corpus, terms: Terms, embedder: Embedder | None
) -> list[list[tuple[str, float]]]:
    """The sources of each line with their scores, those that bear most on the question first.

    Sources that bear alike keep their order, and so do those of a line that has not as many parts as sources.
    """
    import numpy

    found = []
    for line in lines:
        worth = _kept(question, line, corpus)
        if worth is None:
            worth = _of_parts(question, line, terms, embedder)
        order = numpy.argsort(-worth, kind="stable")
        scores = line.score + worth - (worth.max() if len(worth) else 0.0)
        found.append([(line.sources[int(place)], float(scores[place])) for place in order])
    return found


def _kept(question: Question, line: Cited, corpus: Corpus) -> Array | None:
    """By the vectors that are kept, if they are one for each source."""
    import numpy

    if question.vector is None or corpus.pieces is None or len(line.sources) < 2:
        return None
    vectors = corpus.pieces[0][numpy.flatnonzero(corpus.pieces[1] == line.place)]
    found: Array = LIKE * (vectors @ question.vector)
    return found if len(vectors) == len(line.sources) else None


def _of_parts(question: Question, line: Cited, terms: Terms, embedder: Embedder | None) -> Array:
    import numpy

    split = parts(line.text, len(line.sources))
    if not split:
        return numpy.zeros(len(line.sources))
    if embedder is not None and question.vector is not None:
        found: Array = LIKE * (embedder.embed(split, purpose="recall") @ question.vector)
        return found
    asked = set(question.stems)
    return STEM * numpy.array([len(asked & set(stems)) for stems in terms.split(split)], float)


def parts(text: str, count: int) -> list[str]:
    """The parts of a line, each with its speaker; none if they are not `count`, or a single one."""
    speaker, mark, said = text.partition(": ")
    if not mark:
        speaker, said = "", text
    some = said.split(MARK)
    return [f"{speaker}{mark}{part}" for part in some] if len(some) == count > 1 else []
