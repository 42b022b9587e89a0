"""Words as vectors that lie near one another where their meanings do, so that "cellar" is heard like "cave".

The table has a vector for each piece of a word (WordPiece) that all-MiniLM-L6-v2 knows, as that model gives it for the
piece alone: a static embedding distilled from a sentence encoder (Tulkens and van Dongen, Model2Vec, 2024). No model
is asked at run time. `tools/learn_feedback.py --vectors` makes it. The model is under Apache-2.0, and so is the table.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy
from numpy.typing import NDArray

#: The file in this package: pieces, their ranks in the model's list (frequent words come first), four bits a value.
TABLE = "word_vectors.npz"
#: The first ranks are signs, not words; the weight of a piece that is no word of its own.
_SIGNS, _PART = 999, 6.0
_WORD = re.compile(r"[a-z]+|\d+")


@dataclass(frozen=True, slots=True)
class Vectors:
    """Pieces of words and their vectors, float32 [pieces, dimensions], each as long as the piece weighs."""

    known: dict[str, int]
    table: NDArray[numpy.float32]

    def of(self, phrase: str) -> NDArray[numpy.float32]:
        """The vector of a lower-case phrase, of length one; zeros if no piece of it is known."""
        found = [piece for word in _WORD.findall(phrase) for piece in self._pieces(word)]
        total: NDArray[numpy.float32] = self.table[found].sum(axis=0)
        size = float(numpy.linalg.norm(total))
        return total / size if size else total

    def _pieces(self, word: str) -> list[int]:
        """The longest pieces that make up a word, from its beginning."""
        found: list[int] = []
        start = 0
        while start < len(word):
            mark = "##" if start else ""
            end = next((at for at in range(len(word), start, -1) if mark + word[start:at] in self.known), None)
            if end is None:
                return found
            found.append(self.known[mark + word[start:end]])
            start = end
        return found


@cache
def vectors() -> Vectors:
    """The table of this package."""
    with (resources.files("roadmap_cli.edl.feedback") / TABLE).open("rb") as file:
        stored = numpy.load(file)
        pieces, ranks = bytes(stored["pieces"]).decode().split("\n"), stored["ranks"]
        packed, steps = stored["values"], stored["steps"]
    table = numpy.empty((len(pieces), packed.shape[1] * 2), numpy.float32)
    table[:, 0::2], table[:, 1::2] = packed >> 4, packed & 15
    table = (table - 7.5) * steps
    weights = [
        _PART if piece.startswith("##") else math.log(1 + max(1, int(rank) - _SIGNS))
        for piece, rank in zip(pieces, ranks, strict=True)
    ]
    table *= (numpy.array(weights, numpy.float32) / numpy.linalg.norm(table, axis=1))[:, None]
    return Vectors({piece: at for at, piece in enumerate(pieces)}, table)
