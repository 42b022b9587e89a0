"""Late interaction: how well each word of a question is met by some word of a text, as a model sees both in context.

Khattab and Zaharia, ColBERT (arXiv 2004.12832), with the states of a sentence-embedding model as they are: nothing is
trained. States are stored as eight-bit integers; words without meaning of their own, and marks, are left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]

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
    return numpy.round(states * scale).astype(numpy.int8).tobytes()


def unpacked(data: bytes, dimensions: int) -> Array:
    """What was packed, as float32 [tokens, dimensions], each of length one."""
    import numpy

    states = numpy.frombuffer(data, numpy.int8).reshape(-1, dimensions).astype(numpy.float32)
    states /= numpy.maximum(numpy.linalg.norm(states, axis=1, keepdims=True), 1e-9)
    return states


def met(asked: Array, texts: Sequence[Array]) -> Array:
    """For each word of a question and each text the likeness of the text's nearest word: float32 [words, texts].

    A text without words meets nothing: 0.
    """
    import numpy

    found = numpy.zeros((len(asked), len(texts)), numpy.float32)
    full = [place for place, text in enumerate(texts) if len(text)]
    if full and len(asked):
        together = numpy.concatenate([texts[place] for place in full])
        ends = numpy.cumsum([len(texts[place]) for place in full])
        found[:, full] = numpy.maximum.reduceat(asked @ together.T, numpy.r_[0, ends[:-1]], axis=1)
    return found


def weights(words: Sequence[str], holding: Mapping[str, int], total: int) -> Array:
    """What each word of a question counts, by how few of the `total` texts hold it; together 1."""
    import numpy

    rare = numpy.array([math.log(1 + total / (1 + holding.get(word, 0))) for word in words], numpy.float32)
    found: Array = rare / max(float(rare.sum()), 1e-9)
    return found
