"""A stretch of messages or a day in a tenth of its words: extracted, never invented, each line citing its sources.

A line is made of phrases, one from each of up to three things that one person said soon after another (or that happened
side by side); a phrase is the few words that tell most of one of them, in its own order. What says least (a greeting, a
thank-you) gets no phrase and is not cited. What a word tells: how rare it is, how often it comes back nearby, and, with
a model, how near its state is to the meaning of the whole (as in KeyBERT, Grootendorst 2020).

The four numbers below were chosen on three conversations of LoCoMo; see tools/bench/consolidate.py. Lines of what
several people say in turn kept 0.08 less of the recall, phrases without a model 0.04 less.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from roadmap_cli.retrieval import polarity
from roadmap_cli.retrieval.dates import TIME_WORDS
from roadmap_cli.retrieval.polarity import WORD
from roadmap_cli.retrieval.terms import STOP_WORDS

if TYPE_CHECKING:
    import numpy

    from roadmap_cli.models.embed import Tokens

#: Words of the memory for each word of what is remembered, and things in one line at most.
SHARE, TOGETHER = 0.10, 3
#: How far apart two of them may be; how many words there are for each that is remembered, its speaker's name included.
REACH, EACH = 6, 3.1
#: Words there are in any case, where a third of what was said is no less: three words of a day tell nothing.
LEAST = 12
#: How much less a word counts for each negation that it brings along and that takes the room of another.
DEARER = 1.5
#: The most that the rarity of a word counts; the most words of a phrase; how far a word that comes back may be.
RAREST, LONGEST, NEAR = 4.0, 12, 3
_FILLERS = """
hey hi hello wow yeah yes yep ok okay oh well thanks thank sure glad nice great awesome amazing cool really just like so
much lot lots got get getting going go gonna know think feel feels feeling felt thing things stuff something anything
been lately recently always never even still good happy sounds sound look looks looking see seeing hear heard say said
tell make makes making made take took taking come came let want wanted need needed love loved pretty totally definitely
absolutely super kind bit way too also one ones definitely truly image here's it's that's i'm i've i'd i'll you're
you've we're we've don't didn't can't couldn't won't wasn't isn't what's there's they're bye day time keep keeping
bring brings help helps helped helping give gives giving gave try trying tried feel important special fun
"""
_EMPTY = STOP_WORDS | frozenset(_FILLERS.split())
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\s*\n+\s*")


@dataclass(frozen=True, slots=True)
class Said:
    """Something to be remembered: who said it, or '', and what; `central` tells how near its words are to its meaning.

    Words are in lower case, likeness is from -1 to 1. None: nothing is known of that.
    """

    speaker: str
    text: str
    central: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A line of memory, and the places of what it is from."""

    text: str
    sources: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    place: int
    value: float


def lines(said: Sequence[Said], rarity: Callable[[str], float], share: float = SHARE) -> list[Line]:
    """What to remember, in the order it was said, in about `share` of the words; of a short stretch up to a third.

    `rarity` tells of a word in lower case how much it tells: ln(texts / texts that hold it) or the like.
    """
    size = words_in(said)
    budget = max(share * size, min(LEAST, size / 3))
    words = _valued(said, rarity)
    worth = [_worth(one.text, some) for one, some in zip(said, words, strict=True)]
    order = sorted((place for place, value in enumerate(worth) if value > 0), key=lambda place: -worth[place])
    taken = sorted(order[: max(1, round(budget / EACH))])
    groups = _groups(taken, said)
    names = sum(bool(said[group[0]].speaker) for group in groups)
    room, total = max(budget - names, len(taken)), sum(worth[place] for place in taken)
    found = []
    for group in groups:
        used: set[str] = set()
        phrases = []
        for place in group:
            length = max(1, min(LONGEST, round(room * worth[place] / total)))
            phrases.append(_phrase(words[place], length, used, list(polarity.operators(said[place].text))))
        speaker = said[group[0]].speaker
        found.append(Line(f"{speaker}: {'; '.join(phrases)}" if speaker else "; ".join(phrases), tuple(group)))
    return found


def words_in(said: Sequence[Said]) -> int:
    """How many words there are, the name of who says it being one."""
    return sum(len(one.text.split()) + bool(one.speaker) for one in said)


def telling(text: str) -> list[str]:
    """The words of a text that carry something."""
    return [word for _, word in _telling(text)]


def _telling(text: str) -> list[tuple[int, str]]:
    """The same, each with its place among all words of the text."""
    every = enumerate(WORD.findall(text))
    return [(place, word) for place, word in every if word.lower().replace("\u2019", "'") not in _EMPTY]


def centrality(tokens: Tokens, vector: numpy.ndarray[Any, Any]) -> dict[str, float]:
    """How near the state of each word of a text is to the vector of the whole: by word, in lower case."""
    from roadmap_cli.retrieval import late

    found: dict[str, float] = {}
    if len(tokens.words):
        likeness = tokens.states @ vector
        whole = late.whole(tokens.words)
        first = 0
        for place in range(1, len(whole) + 1):
            if place == len(whole) or not tokens.words[place].startswith("##"):
                value = float(likeness[first:place].mean())
                found[whole[first]] = max(found.get(whole[first], 0.0), value)
                first = place
    return found


def _valued(said: Sequence[Said], rarity: Callable[[str], float]) -> list[list[_Word]]:
    """The telling words of each text, each different one once, with what it tells."""
    placed = [_telling(one.text) for one in said]
    texts = [[word for _, word in some] for some in placed]
    found = []
    for place, one in enumerate(said):
        near = Counter(word.lower() for other in texts[max(0, place - NEAR) : place + NEAR + 1] for word in other)
        best: dict[str, _Word] = {}
        for position, (at, word) in enumerate(placed[place]):
            key = word.lower()
            value = min(rarity(key), RAREST) * (1 + 0.5 * math.log(near[key]))
            if key.endswith("ly") or "'" in key or "\u2019" in key:
                value *= 0.5
            if TIME_WORDS.fullmatch(word) or any(letter.isdigit() for letter in word):
                value *= 1.3
            elif word[0].isupper() and position:
                value *= 1.2
            if one.central is not None:
                value *= max(0.05, one.central.get(_FIRST.split(key, maxsplit=1)[0], 0.3))
            if key not in best or value > best[key].value:
                best[key] = _Word(word, at, value)
        found.append(list(best.values()))
    return found


def _worth(text: str, words: Sequence[_Word]) -> float:
    """How much a text tells: its ten most telling words; less if it only asks."""
    value = sum(sorted((word.value for word in words), reverse=True)[:10])
    if text.rstrip().endswith("?") and len(_SENTENCE.split(text)) == 1:
        value *= 0.4
    return math.sqrt(max(value, 0.0))


def _phrase(words: Sequence[_Word], size: int, used: set[str], operators: Sequence[polarity.Operator]) -> str:
    """The `size` words that tell most, in their order; what the line has already counts little. `used` grows.

    What is denied or only possible says so, within the size: a word whose negation has no room is left out itself.
    """

    bound = {
        word.place: {each.place: each.word for each in operators if each.place < word.place <= each.last}
        for word in words
    }

    def value(word: _Word) -> tuple[float, int]:
        told = word.value * (0.3 if word.text.lower() in used else 1.0)
        return -told / (1 + DEARER * len(bound[word.place])), word.place

    placed: dict[int, str] = {}
    for word in sorted(words, key=value):
        more = {word.place: word.text} | bound[word.place]
        if not placed or len(placed | more) <= size:
            placed |= more
            used.add(word.text.lower())
        if len(placed) >= size:
            break
    return _joined(placed, operators)


def _joined(placed: Mapping[int, str], operators: Sequence[polarity.Operator]) -> str:
    """Words by their places as a phrase, with a comma where a negation in it ends before the phrase does."""
    order = sorted(placed)
    ends = [each.last for each in operators if each.place in placed]
    text = ""
    for place, after in zip(order, [*order[1:], None], strict=True):
        stops = after is not None and any(place <= last < after for last in ends)
        text += f"{placed[place]}{', ' if stops else ' '}"
    return text.rstrip()


def _groups(places: Sequence[int], said: Sequence[Said]) -> list[list[int]]:
    """Places of one speaker soon after another, at most `TOGETHER`, by the first of them."""
    groups: list[list[int]] = []
    open_: dict[str, list[int]] = {}
    for place in places:
        group = open_.get(said[place].speaker)
        if group is not None and len(group) < TOGETHER and place - group[-1] <= REACH:
            group.append(place)
        else:
            open_[said[place].speaker] = group = [place]
            groups.append(group)
    return groups


_FIRST = re.compile(r"\W")
