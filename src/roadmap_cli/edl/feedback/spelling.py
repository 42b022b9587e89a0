"""Slips of the pen mended: a word that the rules do not know, and one letter away from one they do.

`words.txt` has the words of the phrases that the rules were written on (tools/learn_feedback.py writes it);
`ordinary.txt` holds common words that lie near to telling ones and are none of them.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

from roadmap_cli.edl.feedback import wish_words
from roadmap_cli.edl.feedback.idioms import idioms

#: Shorter words are left alone: too many are one letter apart.
_SHORTEST, _LONG = 4, 8
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
#: Not "the 80s".
_SECONDS = re.compile(
    r"\b(at|from|to|until|till|after|before|between|and|by|for|first|last|about|add|take|cut|trim) (\d+(?:[.,]\d+)?)s\b"
)
#: Slips that are words of their own, or further away than one letter.
_KNOWN = {"musik": "music", "colur": "colour", "collor": "color", "audeo": "audio", "vid": "video", "pls": "please",
 "plz": "please",
          "abit": "a bit", "alot": "a lot", "lil": "little", "thru": "through", "bg": "background", "sec": "second",
           "mins": "minutes",
          "subs": "subtitles", "sfx": "sound", "vol": "volume"}  # fmt: skip


@cache
def _ordinary() -> frozenset[str]:
    return frozenset((resources.files("roadmap_cli.edl.feedback") / "ordinary.txt").read_text().split())


@cache
def vocabulary() -> frozenset[str]:
    """The words of the phrases that the rules were written on, and those the rules look for."""
    told = (resources.files("roadmap_cli.edl.feedback") / "words.txt").read_text().split()
    patterns = [pattern for pattern, _ in idioms()]
    patterns += [entry[0] for table in (wish_words.ADJECTIVES, wish_words.VERBS) for entry in table]
    patterns += [entry[0] for entry in wish_words.NOUNS]
    return frozenset(told).union(*(_spelled(pattern.pattern) for pattern in patterns))


def _spelled(pattern: str) -> list[str]:
    """Whole words in a pattern: those between signs that end a word there."""
    return re.findall(r"(?<![a-z?*\]\\])[a-z]{4,}(?![a-z?*(\[\\])", pattern)


def mended(phrase: str) -> str:
    """A lower-case phrase with plain slips mended, and "3s" written out."""
    return _WORD.sub(lambda match: _right(match[0]), _SECONDS.sub(r"\1 \2 seconds", phrase))


@cache
def _right(word: str) -> str:
    if word in _KNOWN:
        return _KNOWN[word]
    known = vocabulary()
    if len(word) < _SHORTEST or word in known or word in _ordinary() or "'" in word:
        return word
    if any(word.endswith(end) and word[: -len(end)] in known for end in ("s", "es", "ed", "d", "ing", "er", "ly", "y")):
        return word
    if word.endswith("ing") and word[:-3] + "e" in known:
        return word
    most = 2 if len(word) >= _LONG else 1
    near = [
        (distance(word, other, most), other)
        for other in known
        if abs(len(other) - len(word)) <= most and other[0] == word[0]
    ]
    swapped = [other for _, other in near if sorted(other) == sorted(word)]
    if len(swapped) == 1:
        return swapped[0]
    found = sorted(pair for pair in near if pair[0] <= most)
    if not found or len(found[0][1]) < _SHORTEST or (len(found) > 1 and found[0][0] == found[1][0] and len(word) < 6):
        return word
    return found[0][1]


def distance(one: str, other: str, most: int) -> int:
    """Letters to change, add, leave out or swap with their neighbour to get from one word to another; at most most + 1.

    Optimal string alignment (Damerau 1964).
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        earlier, before, row = before, row, [i]
        for j, b in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return row[-1]
