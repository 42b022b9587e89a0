"""How likely it is that what an event says is what a trigger's free text asks for.

With an embedding model: the cosine of the two texts. Without one: which part of the trigger's words the event has, each
weighed by how few triggers have it and how often it stands there (BM25, Robertson and Zaragoza 2009), by stems. Either
becomes a probability by a logistic curve (Platt 1999) that tools/fit_match.py fitted to pairs of both and checks on
others it has not seen.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.errors import ConfigError, Unavailable
from roadmap_cli.core.records import Record
from roadmap_cli.retrieval import ranking

if TYPE_CHECKING:
    from roadmap_cli.models.embed import Embedder
    from roadmap_cli.models.ledger import Ledger
    from roadmap_cli.wf.matching.matcher import Likeness

#: Slope and intercept of the curve: of a cosine, of a share of words.
BY_MEANING = (20.8, -7.0)
BY_WORDS = (11.1, -3.0)
#: So much of an event is compared, in characters.
MOST_TEXT = 2000
_FIELDS = frozenset(
    {"text", "summary", "title", "message", "description", "subject", "body", "name", "alertname", "reason", "comment"}
)
_MOST_DEPTH = 5


def embedder(environ: Mapping[str, str], ledger: Ledger, model: str | None) -> Embedder | None:
    """The embedding model, or None where there is none and none was named. Raises ConfigError, Unavailable."""
    from roadmap_cli.models.embed import open_embedder

    try:
        return open_embedder(model, environ=environ, ledger=ledger)
    except (Unavailable, ConfigError):
        if model is not None:
            raise
        return None


def of(triggers: Sequence[str], model: Embedder | None) -> Likeness:
    """The function that gives probabilities for pairs of an event and one of these trigger texts."""
    return by_meaning(model) if model else by_words(triggers)


def by_meaning(model: Embedder) -> Likeness:
    """Compare vectors; each text is computed once."""
    known: dict[str, Any] = {}

    def probabilities(pairs: Sequence[tuple[Record, str]]) -> list[float]:
        said = [text_of(event) for event, _ in pairs]
        new = list(dict.fromkeys(text for text in (*said, *(trigger for _, trigger in pairs)) if text not in known))
        if len(known) > 10_000:
            known.clear()
            new = list(dict.fromkeys((*said, *(trigger for _, trigger in pairs))))
        if new:
            known.update(zip(new, model.embed(new, purpose="wf-match"), strict=True))
        return [
            logistic(float(known[text] @ known[trigger]), BY_MEANING) if text else 0.0
            for text, (_, trigger) in zip(said, pairs, strict=True)
        ]

    return probabilities


def by_words(triggers: Sequence[str]) -> Likeness:
    """Compare words."""
    from roadmap_cli.retrieval.terms import Terms

    terms = Terms()
    stems = {trigger: terms.telling(trigger) for trigger in triggers}
    holding = Counter(stem for each in stems.values() for stem in each)
    weights = {stem: ranking.rarity(len(stems) + 1, count) for stem, count in holding.items()}

    def probabilities(pairs: Sequence[tuple[Record, str]]) -> list[float]:
        said = [Counter(each) for each in terms.split([text_of(event) for event, _ in pairs])]
        return [
            logistic(share(counts, stems[trigger], weights), BY_WORDS)
            for counts, (_, trigger) in zip(said, pairs, strict=True)
        ]

    return probabilities


def share(counts: Mapping[str, int], stems: Sequence[str], weights: Mapping[str, float]) -> float:
    """Which part of a trigger's words a text has, by their weights: 0 none, 1 each once."""
    total = sum(weights[stem] for stem in stems)
    found = sum(
        weights[stem] * counts[stem] * (ranking.K1 + 1) / (counts[stem] + ranking.K1)
        for stem in stems
        if stem in counts
    )
    return min(found / total, 1.0) if total else 0.0


def logistic(value: float, curve: tuple[float, float]) -> float:
    """The probability that a curve gives for a value."""
    return 1 / (1 + math.exp(-max(min(curve[0] * value + curve[1], 40.0), -40.0)))


def text_of(event: Record) -> str:
    """What an event says to a person: its subject and the texts in it, the first `MOST_TEXT` characters."""
    pieces: dict[str, None] = {}
    subject = event.get("subject")
    if isinstance(subject, str) and subject:
        pieces[subject] = None
    for text in _texts(event.get("data"), 0):
        pieces[text] = None
        if sum(map(len, pieces)) > MOST_TEXT:
            break
    return "\n".join(pieces)[:MOST_TEXT]


def _texts(value: Any, depth: int) -> Iterator[str]:
    if depth > _MOST_DEPTH:
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(inner, str):
                if name in _FIELDS and inner.strip():
                    yield inner.strip()[:MOST_TEXT]
            else:
                yield from _texts(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value[:20]:
            yield from _texts(inner, depth + 1)
