"""How much a word tells, by the stems of the index."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from roadmap_cli.retrieval.terms import Terms


def of_words(of_stem: Callable[[str], float], terms: Terms) -> Callable[[str], float]:
    """The same for words in lower case as for their stems; of a word with several stems, that of the rarest."""
    known: dict[str, float] = {}

    def rarity(word: str) -> float:
        if word not in known:
            (stems,) = terms.split([word])
            known[word] = max((of_stem(stem) for stem in stems), default=0.0)
        return known[word]

    return rarity
