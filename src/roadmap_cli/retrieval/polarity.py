"""Which words of a text are denied, doubted or only possible: negations and modal words, and how far they reach.

By rules, English and German, in the manner of NegEx (Chapman et al. 2001): such a word reaches over what follows it up
to the end of its clause. "I don't eat walnuts, but figs": *don't* reaches *eat* and *walnuts*.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

#: A word with its inner apostrophes, numbers with their marks.
WORD = re.compile(r"[^\W_]+(?:['\u2019.,:/@-][^\W_]+)*", re.UNICODE)
NEGATION = re.compile(
    r"not|never|no|none|nobody|nothing|neither|nor|without|hardly|barely|cannot|[a-z]+n['\u2019]t|nicht|kein(?:e[mnrs]?)?"
    r"|nie|niemals|ohne|niemand|nichts",
    re.IGNORECASE,
)
MODAL = re.compile(
    r"might|could|would|maybe|perhaps|possibly|probably|almost|nearly|unless|vielleicht|k\u00f6nnte[nst]*|w\u00fcrde[nst]*",
    re.IGNORECASE,
)
#: Not denied, for all their words.
_IDIOM = re.compile(
    r"\b(?:can(?:['\u2019]t|not) (?:wait|believe|help)|could(?:n['\u2019]t| not) agree|don['\u2019]t worry|not only"
    r"|no (?:wonder|worries|problem|doubt)|why (?:not|don['\u2019]t)|nothing but|if only|would (?:love|like) to)\b",
    re.IGNORECASE,
)
#: What ends a clause: marks (not those within a word), and words that begin another.
_END = re.compile(
    r"[.,;:!?\u2026()\u2013\u2014\n]+(?=\s|$)|[;!?()\n\u2013\u2014\u2026]"
    r"|\b(?:but|because|although|though|however|so|since|while|whereas|aber|weil|sondern|obwohl)\b",
    re.IGNORECASE,
)
#: How many words a negation reaches at most (NegEx: five or six).
_REACH = 6


@dataclass(frozen=True, slots=True)
class Operator:
    """A negation or modal word: its place among the words of its text, the word, the places it reaches: first, last."""

    place: int
    word: str
    last: int
    denies: bool


def operators(text: str) -> Iterator[Operator]:
    """The negations and modal words of a text, in their order, that reach at least one word."""
    words = list(WORD.finditer(text))
    ends = [match.start() for match in _END.finditer(text)]
    idle = [match.span() for match in _IDIOM.finditer(text)]
    for place, match in enumerate(words):
        denies = bool(NEGATION.fullmatch(match[0]))
        if not denies and not MODAL.fullmatch(match[0]):
            continue
        if any(first <= match.start() < last for first, last in idle):
            continue
        end = next((each for each in ends if each >= match.end()), len(text))
        last = place
        while last + 1 < len(words) and words[last + 1].start() < end and last - place < _REACH:
            last += 1
        if last > place:
            yield Operator(place, match[0], last, denies)
