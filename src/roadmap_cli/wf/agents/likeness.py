"""How alike texts are: by their words always, and by the embedding model where it is installed."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from roadmap_cli.core.errors import ConfigError, Unavailable
from roadmap_cli.retrieval import ranking

_WORD = re.compile(r"[^\W_]{2,}")
_COMMON = frozenset(
    {"a", "an", "and", "are", "as", "at", "be", "by", "can", "did", "do", "does", "for", "from", "had", "has",
     "have", "how", "i", "in", "is", "it", "its", "many", "me", "much", "of", "on", "or", "our", "show", "tell",
     "that", "the", "their", "there", "this", "to", "us", "was", "we", "were", "what", "when", "where", "which",
     "who", "why", "will", "with", "you", "your", "please", "give", "list", "all", "any", "each", "per", "over",
     "under", "than", "last", "since"}
)  # fmt: skip


def words(text: str) -> list[str]:
    """The words of a text that tell something, without their commonest endings."""
    found = [each.lower() for each in _WORD.findall(text)]
    return [
        re.sub(r"(ies|es|s|ing|ed)\Z", "", each) if len(each) > 4 else each for each in found if each not in _COMMON
    ]


def by_words(text: str, others: Sequence[str]) -> list[float]:
    """The cosine of word counts weighted by rarity among `others`, 0 to 1 for each."""
    bags = [Counter(words(each)) for each in others]
    asked = Counter(words(text))
    often = Counter(word for bag in bags for word in bag)
    rarity = {word: math.log((1 + len(bags)) / (1 + often[word])) + 1 for word in {*often, *asked}}

    def weighted(bag: Counter[str]) -> dict[str, float]:
        return {word: count * rarity[word] for word, count in bag.items()}

    return [ranking.cosine(weighted(asked), weighted(bag)) for bag in bags]


def by_meaning(text: str, others: Sequence[str], environ: Mapping[str, str]) -> list[float] | None:
    """The cosine of embeddings for each, or None where there is no model."""
    from roadmap_cli.models.embed import open_embedder

    try:
        with open_embedder(None, environ=environ, ledger=None) as embedder:
            vectors = embedder.embed([text[:2000], *(each[:2000] for each in others)], purpose="wf-agent")
    except (Unavailable, ConfigError, ImportError):
        return None
    return [float(each) for each in vectors[1:] @ vectors[0]]


def certainties(scores: Sequence[float], sharp: float) -> list[float]:
    """Scores as certainties that sum to one (the logistic function of many)."""
    top = max(scores, default=0.0)
    raised = [math.exp(sharp * (each - top)) for each in scores]
    return [each / sum(raised) for each in raised]
