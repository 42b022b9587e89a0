"""Late interaction: how well each word of a question is met by some word of a text, as a model sees both in context.

Khattab and Zaharia, ColBERT (arXiv 2004.12832), with the states of a sentence-embedding model as they are: nothing is
trained. States are stored as eight-bit integers; words without meaning of their own, and marks, are left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]

#: Products of so many multiplications are computed by one thread. More are shared among several by OpenBLAS, whose
#: threads then wait actively: of 8 words by 14,000 that took 15 ms of processor time instead of 2.
ALONE = 250_000
#: The most tokens of a text that are kept.
MOST = 96
_EMPTY = """
s the a an of to in on for and is are was were did do does what when where who how which would with has have had her his
their they she he it its by from that this be been at as about many much long
"""
EMPTY = frozenset(_EMPTY.split()) | frozenset(".,?!'\";:()[]{}-–—…/&*#")


def kept(words: Sequence[str], states: Array) -> tuple[list[str], Array]:
    """The tokens that say something, and their states; all of them if none does."""
    places = [place for place, word in enumerate(words) if word.lower() not in EMPTY] or list(range(len(words)))
    return [words[place] for place in places[:MOST]], states[places[:MOST]]


def packed(states: Array) -> bytes:
    """States of length one as bytes, one for each number."""
    import numpy

    scale = 127 / numpy.maximum(numpy.abs(states).max(axis=1, keepdims=True, initial=0.0), 1e-9)
    found: bytes = numpy.round(states * scale).astype(numpy.int8).tobytes()
    return found


def unpacked(data: bytes, dimensions: int) -> Array:
    """What was packed, as float32 [tokens, dimensions], each of length one."""
    import numpy

    states = numpy.frombuffer(data, numpy.int8).reshape(-1, dimensions).astype(numpy.float32)
    lengths = numpy.sqrt(numpy.einsum("ij,ij->i", states, states))
    states *= (1 / numpy.maximum(lengths, 1e-9))[:, None]
    return states


def whole(pieces: Sequence[str]) -> list[str]:
    """The word that each piece of a word (##…) is of, as far as its pieces are there."""
    words: list[str] = []
    first = 0
    for place, piece in enumerate(pieces):
        if piece.startswith("##") and words:
            word = words[first] + piece[2:]
            words[first:] = [word] * (place - first + 1)
        else:
            first = place
            words.append(piece)
    return words


def met(asked: Array, states: Array, counts: Array) -> Array:
    """For each word of a question and each text the likeness of the text's nearest word: float32 [words, texts].

    `states` are those of all texts, one below the other; `counts` how many each has. Without any it meets nothing: 0.
    """
    import numpy

    found = numpy.zeros((len(asked), len(counts)), numpy.float32)
    if len(asked) and len(states):
        full = numpy.nonzero(counts)[0]
        starts = numpy.r_[0, numpy.cumsum(counts[full])[:-1]]
        found[:, full] = numpy.maximum.reduceat(product(states, asked), starts, axis=1)
    return found


def product(rows: Array, vectors: Array) -> Array:
    """The likeness of rows to a vector, float32 [rows], or to several, float32 [vectors, rows]; by one thread."""
    import numpy

    found = numpy.empty((*vectors.shape[:-1], len(rows)), numpy.float32)
    step = max(1, ALONE // max(1, vectors.size))
    for first in range(0, len(rows), step):
        numpy.matmul(vectors, rows[first : first + step].T, out=found[..., first : first + step])
    return found


def weights(holding: Sequence[int], total: int) -> Array:
    """What each word of a question counts, by how many of the `total` texts hold it; together 1."""
    import numpy

    rare = numpy.array([math.log(1 + total / (1 + count)) for count in holding], numpy.float32)
    found: Array = rare / max(float(rare.sum()), 1e-9)
    return found
