"""What people say of edits, as a list of phrases with what is meant, and what a new phrase most likely means by it.

Multinomial naive Bayes over words, pairs of words and runs of four and five letters (so that "jerky" counts for
"jerkiness"), weighed by tf-idf and brought to one length (Rennie et al., ICML 2003). It backs the rules up: they know
how things are denied and compared, the list knows which words go with which wish.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import pairwise

#: What a phrase means: axes and signs, in order.
Meaning = tuple[tuple[str, int], ...]

#: Fixed on phrases that were written for it, none of which is in a bench: how much a wish the rules read counts (in
#: nats), how clear the best must be of the next where they read none, the weights of pairs and of runs of letters, what
#: is added to each count, and the weight of how often a wish is heard at all.
RULES, CLEAR = 8.0, 2.0
SHORT = 4
_PAIRS, _RUNS, _ADDED, _PRIOR = 0.6, 0.3, 0.03, 0.3
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|&")
_EMPTY = frozenset(
    {"a", "an", "the", "is", "it", "its", "this", "that", "i", "it's", "of", "please", "in", "on", "at", "and", "to",
     "be",
     "for", "my", "me", "you", "we"}
)  # fmt: skip


@cache
def phrases() -> tuple[tuple[str, Meaning], ...]:
    """Each phrase and what is meant by it."""
    text = (resources.files("roadmap_cli.edl.feedback") / "phrases.tsv").read_text()
    found = []
    for line in text.splitlines():
        phrase, _, told = line.partition("\t")
        wishes = tuple((code[:-1], 1 if code[-1] == "+" else -1) for code in told.split() if code != "none")
        found.append((phrase.lower().replace("’", "'"), wishes))
    return tuple(found)


@cache
def vocabulary() -> frozenset[str]:
    """All words of the list, and those the rules look for."""
    from roadmap_cli.edl.feedback import idioms, wish_words

    words = {word for phrase, _ in phrases() for word in _WORD.findall(phrase)}
    patterns = [pattern for pattern, _ in idioms.idioms()]
    patterns += [entry[0] for table in (wish_words.ADJECTIVES, wish_words.VERBS) for entry in table]
    patterns += [entry[0] for entry in wish_words.NOUNS]
    for pattern in patterns:
        words.update(_spelled(pattern.pattern))
    return frozenset(words)


def _spelled(pattern: str) -> list[str]:
    """Whole words in a pattern: those between signs that end a word there."""
    return re.findall(r"(?<![a-z?*\]\\])[a-z]{4,}(?![a-z?*(\[\\])", pattern)


@dataclass(frozen=True, slots=True)
class _Learnt:
    """What each part of a phrase says for each meaning: logarithms, and those of a part that a meaning never had."""

    parts: Mapping[str, Mapping[Meaning, float]]
    unheard: Mapping[Meaning, float]
    prior: Mapping[Meaning, float]


@cache
def _learnt() -> _Learnt:
    told = [(_parts(phrase), _same(meaning)) for phrase, meaning in phrases()]
    spread = Counter(part for parts, _ in told for part in parts)
    rare = {part: math.log(1 + len(told) / count) for part, count in spread.items()}
    sums: dict[str, dict[Meaning, float]] = defaultdict(lambda: defaultdict(float))
    whole: dict[Meaning, float] = defaultdict(lambda: _ADDED * len(spread))
    heard = Counter(meaning for _, meaning in told)
    for parts, meaning in told:
        values = {part: count * rare[part] for part, count in parts.items()}
        size = math.sqrt(sum(value * value for value in values.values())) or 1.0
        for part, value in values.items():
            sums[part][meaning] += value / size
            whole[meaning] += value / size
    return _Learnt(
        {
            part: {meaning: math.log((value + _ADDED) / whole[meaning]) for meaning, value in each.items()}
            for part, each in sums.items()
        },
        {meaning: math.log(_ADDED / total) for meaning, total in whole.items()},
        {meaning: _PRIOR * math.log(count) for meaning, count in heard.items()},
    )


def _same(meaning: Meaning) -> Meaning:
    return tuple(sorted(meaning))


def _parts(phrase: str) -> dict[str, float]:
    words = [word for word in _WORD.findall(phrase) if word not in _EMPTY]
    values: dict[str, float] = defaultdict(float)
    for word in words:
        values[word] += 1
        marked = f"<{word}>"
        for size in (4, 5):
            for start in range(len(marked) - size + 1):
                values[f"·{marked[start : start + size]}"] += _RUNS
    for a, b in pairwise(words):
        values[f"{a} {b}"] += _PAIRS
    return values


def likely(phrase: str) -> list[tuple[float, Meaning]]:
    """What a phrase may mean, the likeliest first, with logarithms of how likely (up to a constant)."""
    known = _learnt()
    scores = dict(known.prior)
    for part, count in _parts(phrase).items():
        if (each := known.parts.get(part)) is not None:
            for meaning, unheard in known.unheard.items():
                scores[meaning] += count * each.get(meaning, unheard)
    return sorted(((score, meaning) for meaning, score in scores.items()), key=lambda pair: -pair[0])


def meant(phrase: str, read: Meaning) -> Meaning:
    """What a phrase means, where rules read `read` from it: that, or what is much likelier by the list.

    Where the rules read nothing it is the likeliest, if it stands out. Several wishes are left as the rules read them.
    """
    if read and len(set(_WORD.findall(phrase)) - _EMPTY) < SHORT:
        return read
    ranked = likely(phrase)
    if not read:
        return ranked[0][1] if ranked[0][0] - ranked[1][0] >= CLEAR else ()
    scores = {meaning: score for score, meaning in ranked}
    best = next((meaning for _, meaning in ranked if meaning), read)
    if len(read) > 1 or read not in scores or scores[best] < scores[read] + RULES:
        return read
    return read if {axis for axis, _ in best} == {axis for axis, _ in read} else best
