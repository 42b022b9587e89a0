"""What a line of memory means: not what its few words mean, but what the records meant that they were taken from.

A line keeps one vector for each record it cites, and of the states of their words only those of words it says, as they
were seen in their sentences: three words out of context mean little to a model. On three conversations of LoCoMo the
records cited by the first lines, counted one by one, keep 0.80 of the recall at 10 that all words have, 0.72 with
vectors and states of the lines themselves: tools/bench/consolidate.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from roadmap_cli.retrieval import late

if TYPE_CHECKING:
    import numpy

    from roadmap_cli.models.embed import Embedder, Tokens

    Array = numpy.ndarray[Any, Any]

_WORD = re.compile(r"[^\W_]+")


def meanings(
    embedder: Embedder, lines: Sequence[tuple[str, Sequence[Sequence[str]]]]
) -> Iterator[tuple[Array, Array | None]]:
    """Of each line (its text, and of each record it cites the text, in pieces) its vectors and the states of its words.

    Vectors are float32 [1 + records, dimensions], the direction of all first; of one record, or none, that alone.
    States are float32 [words, dimensions], None if the model gives none. Raises DataError if a text cannot be encoded.
    """
    import numpy

    flat = [piece for text, records in lines for piece in (_flat(records) or [text])]
    tokens: list[Tokens] | None = None
    if embedder.has_states:
        vectors, tokens = embedder.tokens(flat, purpose="recall")
    else:
        vectors = embedder.embed(flat, purpose="recall")
    first = 0
    for text, records in lines:
        sizes = [len(pieces) for pieces in records] or [1]
        places = list(range(first, first + sum(sizes)))
        first += len(places)
        own = numpy.vstack([_joined(vectors[some]) for some in numpy.split(places, numpy.cumsum(sizes)[:-1])])
        whole = numpy.vstack([_joined(own), own]) if len(own) > 1 else own
        yield whole, _said(text, [tokens[place] for place in places]) if tokens is not None else None


def _flat(records: Sequence[Sequence[str]]) -> list[str]:
    return [piece for pieces in records for piece in pieces]


def _joined(vectors: Array) -> Array:
    import numpy

    total = vectors.sum(axis=0)
    found: Array = total / max(float(numpy.linalg.norm(total)), 1e-9)
    return found


def _said(text: str, tokens: Sequence[Tokens]) -> Array:
    """The states of the words that a line says, where its records say them; of all if it says none of them."""
    import numpy

    words = {word.lower() for word in _WORD.findall(text)}
    kept, every = [], []
    for one in tokens:
        whole = late.whole(one.words)
        kept += [one.states[at] for at, word in enumerate(whole) if word.lower() in words and word not in late.EMPTY]
        every += list(late.kept(one.words, one.states)[1])
    return numpy.array((kept or every)[: late.MOST], numpy.float32)
