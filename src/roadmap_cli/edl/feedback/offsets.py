"""Words about sound that comes too early or too late: which way it should move against the picture, and by how much."""

from __future__ import annotations

import re
from dataclasses import dataclass

from roadmap_cli.edl.feedback.amounts import NUMBER, number

_SOUND = (
    r"(?:sounds?|audio|voices?|speech|dialog(?:ue)?|words?|vo|narration|soundtrack of the shot|sync sound|lip[- ]?sync)"
)
_PICTURE = r"(?:pictures?|video|images?|visuals?|lips?|mouths?|lip movements?)"
_BETWEEN = r"\b(?:(?!\b(?:music|song|score|soundtrack|cuts?|ends?|ending|starts?)\b).){0,45}?"
_EARLY = (
    r"(?:early|earlier than|ahead|leads?|leading|before|in front of|in advance|too soon|premature(?:ly)?|precedes?|"
    r"preced\w+|first)"
)
_LATE = (
    r"(?:late|later than|behind|lags?|lagging|trails?|trailing|delayed|after|too slow to|follows|slow|"
    r"comes? in late|drags)"
)
_MOVE = (
    r"(?:move|shift|nudge|slip|slide|push|pull|bring|put|drag|make|offset|set|start|needs? to be|should be|should come)"
)
_STATES: tuple[tuple[re.Pattern[str], int], ...] = (
    (re.compile(rf"\b{_MOVE}\b.{{0,20}}?\b{_SOUND}\b.*\b(?:earlier|sooner|forwards?|ahead)\b"), -1),
    (re.compile(rf"\b{_MOVE}\b.{{0,20}}?\b{_SOUND}\b.*\b(?:later|backwards?|behind|back)\b(?!.* (?:level|mix))"), 1),
    (re.compile(rf"\b(?:delay|retard|hold back|postpone)\b.{{0,15}}?\b{_SOUND}\b"), 1),
    (re.compile(rf"\badvance\b.{{0,15}}?\b{_SOUND}\b"), -1),
    (re.compile(rf"\b{_SOUND}\b.{{0,25}}?\b(?:should|must|needs? to|has to)\b.*\b(?:earlier|sooner)\b"), -1),
    (re.compile(rf"\b{_SOUND}\b.{{0,25}}?\b(?:should|must|needs? to|has to)\b.*\blater\b"), 1),
    (re.compile(rf"\b{_PICTURE}{_BETWEEN}\b{_EARLY}\b.*\b{_SOUND}"), -1),
    (re.compile(rf"\b{_PICTURE}{_BETWEEN}\b{_LATE}\b.*\b{_SOUND}"), 1),
    (re.compile(rf"\b{_SOUND}{_BETWEEN}\b{_EARLY}\b"), 1),
    (re.compile(rf"\b{_SOUND}{_BETWEEN}\b{_LATE}\b"), -1),
    (re.compile(rf"\bhear\b.*\bbefore\b.*\b(?:see|{_PICTURE})\b"), 1),
    (re.compile(rf"\b(?:see|{_PICTURE})\b.*\bbefore\b.*\bhear\b"), -1),
    (re.compile(rf"\bhear\b.*\bafter\b.*\b(?:see|{_PICTURE})\b"), -1),
)
#: What a clause says of its topic when sound was named in the clause before: "delay it", "make it earlier".
_OF_TOPIC: tuple[tuple[re.Pattern[str], int], ...] = (
    (re.compile(r"^(?:so |please |can you |could you )*(?:delay|retard|hold back)\b"), 1),
    (re.compile(r"^(?:so |please |can you |could you )*advance\b"), -1),
    (re.compile(rf"\b{_MOVE}\b.*\b(?:earlier|sooner)\b"), -1),
    (re.compile(rf"\b{_MOVE}\b.*\blater\b"), 1),
)
#: Where "early" and "late" are said of something else.
_OTHER = re.compile(
    r"\b(?:music|song|score|loud\w*|quiet\w*|volume|cut(?:s|ting)? (?:off|him|her|them)?|sentences?|before (?:he|she|"
    r"they) (?:finish\w*|is done|are done)|still talking|mid-?\w*|low\w*|levels?|hiss\w*|hum\w*|too far back)\b"
)
_AMOUNT = re.compile(
    rf"\b(?:by |for |about |around |roughly )*({NUMBER})[- ]?"
    r"(frames?|fr|f|milliseconds?|millisecs?|msecs?|ms|seconds?|secs?|s)\b"
)
#: A direction without a number that is all a phrase says of it: this many frames, about what is first noticed.
PLAIN_FRAMES = 2.0


@dataclass(frozen=True, slots=True)
class Offset:
    """`sign` +1 if the sound should come later, -1 earlier; by `frames` of the programme or `seconds`, if said."""

    sign: int
    frames: float | None = None
    seconds: float | None = None


def read(clause: str, topic: str) -> Offset | None:
    """The move of sound that a clause asks for, or None. `topic`: what the clauses before were about."""
    bare = _AMOUNT.sub(" ", clause)
    if _OTHER.search(bare):
        return None
    told = [*_STATES, *(_OF_TOPIC if topic in {"sound", "speech"} else ())]
    sign = next((sign for pattern, sign in told if pattern.search(bare)), 0)
    if not sign or re.search(r"\b(?:not|isn't|aren't|never) (?:\w+ )?(?:early|late|behind|ahead)\b", bare):
        return None
    frames, seconds = amount(clause)
    return Offset(sign, frames, seconds)


def amount(clause: str) -> tuple[float | None, float | None]:
    """The number of frames or seconds a clause names, whichever comes first; (None, None) if neither is said."""
    match = _AMOUNT.search(clause)
    if not match:
        return None, None
    value = number(match[1])
    if match[2].startswith("f"):
        return value, None
    return None, value / 1000 if match[2].startswith("m") else value


def without_amount(clause: str) -> str:
    """A clause without the number of its move, so that it is taken for no place in time."""
    return " ".join(_AMOUNT.sub(" ", clause).split())
