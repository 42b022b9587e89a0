"""What people say of edits, as a list of phrases with what is meant: for words that no rule reads, the nearest of them.

Phrases are compared by their words and pairs of words, the rare ones weighing more (tf-idf, cosine).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from functools import cache
from importlib import resources
from itertools import pairwise

#: Two phrases less alike than this mean different things; fixed by leaving each phrase of the list out in turn.
ALIKE = 0.52
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|&")
_EMPTY = frozenset(
    {"a", "an", "the", "is", "it", "its", "this", "that", "i", "it's", "of", "please", "in", "on", "at", "and", "to",
     "be",
     "for", "my", "me", "you", "we"}
)  # fmt: skip


@cache
def phrases() -> tuple[tuple[str, tuple[tuple[str, int], ...]], ...]:
    """Each phrase and what is meant by it: axes and signs."""
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


@cache
def _weights() -> dict[str, float]:
    found: Counter[str] = Counter()
    for phrase, _ in phrases():
        found.update(set(_parts(phrase)))
    total = len(phrases())
    return {part: math.log(1 + total / count) for part, count in found.items()}


@cache
def _vectors() -> tuple[dict[str, float], ...]:
    return tuple(_vector(phrase) for phrase, _ in phrases())


def _parts(phrase: str) -> list[str]:
    words = [word for word in _WORD.findall(phrase) if word not in _EMPTY]
    return [*words, *(f"{a} {b}" for a, b in pairwise(words))]


def _vector(phrase: str) -> dict[str, float]:
    known = _weights()
    unknown = math.log(1 + len(phrases()))
    parts = Counter(_parts(phrase))
    values = {part: count * known.get(part, unknown * (0.3 if " " in part else 1)) for part, count in parts.items()}
    size = math.sqrt(sum(value * value for value in values.values())) or 1.0
    return {part: value / size for part, value in values.items()}


def nearest(phrase: str, leave_out: str = "") -> tuple[tuple[str, int], ...]:
    """What is meant by the phrase of the list that is most like this one; nothing if none is."""
    mine = _vector(phrase)
    best = ALIKE
    meant: tuple[tuple[str, int], ...] = ()
    for (text, wishes), theirs in zip(phrases(), _vectors(), strict=True):
        if text == leave_out:
            continue
        alike = sum(value * theirs.get(part, 0.0) for part, value in mine.items())
        if alike > best:
            best, meant = alike, wishes
    return meant
