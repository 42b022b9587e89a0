"""Long messages in pieces that stand by themselves: cut where the text is cut, and between those where it turns.

A piece never reaches over the end of a message, and the pieces of a message put together are the message.
Structure first, meaning second, with a least and a greatest size: cutting by meaning alone brings fragments, and
little else (arXiv 2410.13070; research.trychroma.com/evaluating-chunking).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

#: Words below which a piece is not ended because of its meaning, and above which it is ended anyway.
LEAST = 60
MOST = 220
#: Characters without white space that count as one word: so that neither Chinese nor Base64 counts for nothing.
LONGEST = 40
#: Most paragraphs and sentences whose meaning is compared; a longer text is cut by its structure alone.
COMPARED = 400
#: How much less alike than the average two neighbours must be, in standard deviations, for a cut.
TURN = 0.5

_FENCE = re.compile(r"^(```|~~~)", re.MULTILINE)
_PARAGRAPH = re.compile(r"\n[ \t]*\n+")
_ITEM = re.compile(r"\n(?=[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]|#{1,6} )")
_LINE = re.compile(r"\n")
_SENTENCE = re.compile(r"(?<=[.!?…。！？])[\"')\]”’]*\s+|\n")
_WORD = re.compile(rf"\s+|\S{{{LONGEST}}}")

Embed = Callable[[Sequence[str]], Any]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a message, from `start` up to, not including, `end` (characters)."""

    start: int
    end: int
    words: int


def pieces(text: str, embed: Embed | None = None) -> list[Piece]:
    """The pieces of a message, in order; one if it is short.

    `embed` gives vectors of length one for texts; without it only structure and size count.
    """
    total = count_words(text)
    if total <= MOST:
        return [Piece(0, len(text), total)]
    units = _units(text)
    turns = _turns(text, units, embed) if embed and 2 < len(units) <= COMPARED else [False] * len(units)
    found: list[Piece] = []
    start, held = 0, 0
    for number, (begin, end) in enumerate(units):
        size = count_words(text[begin:end])
        if held and (held + size > MOST or (held >= LEAST and turns[number])):
            found.append(Piece(start, begin, held))
            start, held = begin, 0
        held += size
    found.append(Piece(start, len(text), held))
    if len(found) > 1 and found[-1].words < LEAST and found[-2].words + found[-1].words <= MOST:
        before, last = found[-2:]
        found[-2:] = [Piece(before.start, last.end, before.words + last.words)]
    return found


def count_words(text: str) -> int:
    """Words: what stands between white space; what is longer than 40 characters counts as several."""
    words = text.split()
    count = len(words)
    if len(text) > LONGEST and max(map(len, words), default=0) > LONGEST:
        count += sum((len(word) - 1) // LONGEST for word in words)
    return count


def _units(text: str) -> list[tuple[int, int]]:
    """Paragraphs, list items and code blocks; what of them is too long, in sentences, then in words."""
    units: list[tuple[int, int]] = []
    for begin, end, is_code in _blocks(text):
        cuts = (_LINE, _WORD) if is_code else (_PARAGRAPH, _ITEM, _SENTENCE, _WORD)
        if is_code and count_words(text[begin:end]) <= MOST:
            units.append((begin, end))
        else:
            units += _split(text, begin, end, cuts, whole=not is_code)
    return units


def _blocks(text: str) -> list[tuple[int, int, bool]]:
    """The text in turns outside and inside of fences; a fence that is never closed ends with the text."""
    fences = [match.start() for match in _FENCE.finditer(text)]
    blocks: list[tuple[int, int, bool]] = []
    place = 0
    for number in range(0, len(fences), 2):
        opened = fences[number]
        closed = text.find("\n", fences[number + 1]) + 1 if number + 1 < len(fences) else 0
        if opened > place:
            blocks.append((place, opened, False))
        place = closed or len(text)
        blocks.append((opened, place, True))
    if place < len(text):
        blocks.append((place, len(text), False))
    return blocks


def _split(
    text: str, begin: int, end: int, cuts: Sequence[re.Pattern[str]], *, whole: bool = False
) -> list[tuple[int, int]]:
    """Cut at the first pattern; parts that are still too long at the next. `whole`: cut even if it is short."""
    if not cuts or (not whole and count_words(text[begin:end]) <= MOST):
        return [(begin, end)]
    places = [match.end() for match in cuts[0].finditer(text, begin, end) if begin < match.end() < end]
    found: list[tuple[int, int]] = []
    for first, last in zip([begin, *places], [*places, end], strict=True):
        found += _split(text, first, last, cuts[1:])
    return _packed(text, found) if cuts[0] is _WORD else found


def _packed(text: str, words: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Single words, where nothing else cuts a text, in stretches of half the greatest size."""
    step = MOST // 2
    return [(group[0][0], group[-1][1]) for group in (words[at : at + step] for at in range(0, len(words), step))]


def _turns(text: str, units: Sequence[tuple[int, int]], embed: Embed) -> list[bool]:
    """Before which units the text turns to something else."""
    vectors = embed([text[begin:end] for begin, end in units])
    alike = [float(vectors[place - 1] @ vectors[place]) for place in range(1, len(units))]
    mean = sum(alike) / len(alike)
    spread = (sum((value - mean) ** 2 for value in alike) / len(alike)) ** 0.5
    return [False, *(value < mean - TURN * spread for value in alike)]
