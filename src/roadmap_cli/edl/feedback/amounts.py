"""How much by the words: "by 2 seconds", "exactly 10 seconds long", "6 dB", "20 %". What is a place in time is none."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Amount:
    """`value` in `unit` (s, frames, dB or %), `more` or less than there is now or else in all, and its words."""

    value: float
    unit: str
    more: bool
    words: str


#: Numbers in words, and one in words or figures.
_WORDS = {
    "a": 1.0, "an": 1.0, "one": 1.0, "two": 2.0, "three": 3.0, "four": 4.0, "five": 5.0, "six": 6.0, "seven": 7.0,
    "eight": 8.0, "nine": 9.0, "ten": 10.0, "eleven": 11.0, "twelve": 12.0, "fifteen": 15.0, "twenty": 20.0,
    "thirty": 30.0, "half a": 0.5, "a quarter of a": 0.25, "a couple of": 2.0, "couple of": 2.0, "a few": 3.0,
    "few": 3.0, "several": 4.0,
}  # fmt: skip
NUMBER = rf"(?:{'|'.join(sorted(_WORDS, key=len, reverse=True))}|\d+(?:[.,]\d+)?)"


def number(words: str) -> float:
    """What `NUMBER` matched."""
    return _WORDS.get(words) or float(words.replace(",", "."))


_UNIT = r"(?P<unit>seconds?|secs?|s|minutes?|mins?|m|frames?|db|decibels?|%|per ?cent|percent)(?![\w:])"
_SAID = rf"\b(?P<number>{NUMBER})(?: more| extra)?[- ]?{_UNIT}"
_ABOUT = r"(?:(?:about|around|roughly|another|exactly) )?"
#: A length in all, and then one that is more or less than there is now.
_WHOLE = (
    rf"\b(?:to|under|at most|about|around|below|of|exactly|no longer than) {_ABOUT}{_SAID}(?! (?:\w+er|off)\b)",
    rf"{_SAID} (?:long|max(?:imum)?|at most|or less|tops|in (?:all|total))\b",
)
_CHANGE = (
    rf"\bby {_ABOUT}{_SAID}",
    rf"{_SAID} (?:shorter|longer|louder|quieter|faster|slower|brighter|darker|off|less|more)\b",
    rf"\bfor {_ABOUT}{_SAID.replace('(?: more| extra)?', '(?: more| extra)')}",
    rf"^(?:please |can you |could you |just )*(?:cut|trim|shave|chop|add) (?:out |off )?{_ABOUT}{_SAID}",
    rf"\b(?:down|up|plus|minus|add|gain) {_SAID}",
    rf"\b(?:take|lose|drop|knock) (?:off )?{_ABOUT}{_SAID} (?:from|of|out of)\b",
)
_PATTERNS = tuple((re.compile(text), False) for text in _WHOLE) + tuple((re.compile(text), True) for text in _CHANGE)
#: Amounts without a number: value, whether more or less than there is now.
_PLAIN = (
    (re.compile(r"\b(?:in|by) half\b"), 50.0, True),
    (re.compile(r"\b(?:at )?half (?:the )?speed\b|\bhalf as fast\b"), 50.0, False),
    (re.compile(r"\b(?:at )?double (?:the )?speed\b|\btwice as fast\b"), 200.0, False),
)
_UNITS = {"s": ("s", 1.0), "m": ("s", 60.0), "f": ("frames", 1.0), "d": ("dB", 1.0), "%": ("%", 1.0), "p": ("%", 1.0)}


def read(clause: str) -> Amount | None:
    """The amount a clause names; None if it names none."""
    for pattern, more in _PATTERNS:
        if match := pattern.search(clause):
            unit, factor = _UNITS[match["unit"][0]]
            value = number(match["number"]) * factor
            said = clause[match.start("number") : match.end("unit")]
            return Amount(value, unit, more or unit == "dB", said)
    for pattern, value, more in _PLAIN:
        if match := pattern.search(clause):
            return Amount(value, "%", more, match[0])
    return None
