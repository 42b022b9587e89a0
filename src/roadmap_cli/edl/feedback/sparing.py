"""What a person wants left as it is while something else changes: "warmer, but leave the faces alone".

Nothing but whole shots and times can be left out of a change. So who spares a part of the picture or the sound is told
whether a wish touches it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from roadmap_cli.edl import when
from roadmap_cli.edl.feedback.axes import AXES, CUTTING, SOUND
from roadmap_cli.edl.feedback.clauses import PARTING


@dataclass(frozen=True, slots=True)
class Spared:
    """A thing that is to stay as it is, and the words that say so."""

    thing: str
    words: str


_LEFT_AS_IT_IS = re.compile(
    r"^(?:(?:and|but|only|just|please|though|however|then|also) )*(?:"
    r"(?:leave|keep|let) (?P<left>.+?) (?:alone|be|as (?:it|they) (?:is|are|was|were)|as is|unchanged|untouched|"
    r"unaltered|the same|the way (?:it|they) (?:is|are))"
    r"|(?:don't|do not|never|not|without) (?:touch(?:ing)?|chang(?:e|ing)|alter(?:ing)?|affect(?:ing)?|"
    r"modify(?:ing)?|mess(?:ing)? with) (?P<touched>.+?)"
    r"|spare (?P<spared>.+?))(?: please)?$"
)
#: "Warmer except for the faces", where that is no place.
_THE = r"(?:the|her|his|my|their|our|your|all)"
_EXCEPTED = re.compile(rf"(?:^|,? ){when.EXCEPT} (?P<thing>{_THE} [\w ]+)$")
_ASKED = re.compile(r"^(?:(?:please|just|can you|could you) )*(?:make|turn|render)\b")
_BUT_NOT = re.compile(rf"^not (?P<thing>{_THE} [\w ]+)$")
_NO_THING = re.compile(r"^(?:it|this|that|them|these|those|everything|all|me|him|us)$")
_REST = re.compile(r"^(?:the rest|(?:everything|all|anything|nothing) else|the others?)$")
_REST_IN = re.compile(r"\b(?:the rest(?: of (?:it|them))?|(?:everything|all) else|the others|the other shots)\b")
#: What goes on to speak of the thing: "don't touch the music, it is loud enough".
_OF_IT = re.compile(r"^(?:it|they|that|this|which|he|she|these|those)(?:'s|'re)?\b")

_LIGHT = frozenset({"exposure", "contrast", "punch", "drama"})
_COLOUR = frozenset({"saturation", "temperature", "tint", "skin", "punch", "match", "drama"})
_PICTURE = frozenset(AXES) - SOUND - CUTTING - {"titles", "undo"}
#: What a thing can be touched by; what is not listed by any change of the picture or the shots.
_TOUCHED = (
    (r"music|song|score|soundtrack|track", SOUND - {"speech", "sibilance", "hum", "mute", "shift", "sync"} | CUTTING),
    (r"voices?|speech|dialog(?:ue)?|narration|words|vo", SOUND - {"music"} | CUTTING),
    (r"sounds?|audio|volume|noises?|loudness", SOUND | CUTTING),
    (r"titles?|captions?|text|credits", CUTTING | {"titles"}),
    (r"cuts|pace|pacing|rhythm|order|length|timing|transitions?", CUTTING),
    (r"colou?rs?|tones?|tint|saturation", _COLOUR),
    (r"contrast|brightness|exposure|light|lighting|shadows|highlights|blacks", _LIGHT | {"match"}),
)  # fmt: skip
_EACH = tuple((re.compile(rf"\b(?:{words})\b"), axes) for words, axes in _TOUCHED)
_FACES = re.compile(r"\b(?:faces?|skin|people|persons?|him|her)\b")


def read(phrase: str) -> tuple[str, tuple[Spared, ...]]:
    """A plain phrase without the clauses that say what is to stay as it is, and these."""
    clauses = [clause for clause in re.split(PARTING, phrase) if clause]
    whole = list(clauses)
    kept: list[str] = []
    found: list[Spared] = []
    for n, clause in enumerate(clauses):
        match = _LEFT_AS_IT_IS.match(clause)
        thing = next((each for each in match.groups() if each), "") if match else ""
        goes_on = n + 1 < len(clauses) and _OF_IT.match(clauses[n + 1])
        if thing and not goes_on and not _NO_THING.match(thing):
            if when.read(thing)[0] is when.EVERYWHERE:
                found.append(Spared(thing, clause))
                continue
            if n + 1 < len(clauses) and _REST_IN.search(clauses[n + 1]):
                clauses[n + 1] = _REST_IN.sub(f"everything except {thing}", clauses[n + 1], count=1)
                continue
        excepted = _EXCEPTED.search(clause) or (n and n + 1 == len(clauses) and _BUT_NOT.search(clause)) or None
        if excepted and when.read(excepted["thing"])[0] is when.EVERYWHERE:
            found.append(Spared(excepted["thing"], excepted[0].strip(" ,")))
            if n and not excepted.start():
                continue
            if _ASKED.match(clause):  # "make it warmer except for the skin": the skin is not what is asked for
                clause = clause[: excepted.start()]
        kept.append(clause)
    if not kept or kept == whole:
        return phrase, tuple(found) if kept else ()
    return ", ".join(kept), tuple(found)


def touches(axis: str, thing: str) -> bool:
    """Whether a change along an axis touches a thing."""
    if _REST.match(thing):
        return False
    if _FACES.search(thing):
        return axis in _PICTURE
    return axis in next((axes for words, axes in _EACH if words.search(thing)), _PICTURE | CUTTING)
