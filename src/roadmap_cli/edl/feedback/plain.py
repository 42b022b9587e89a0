"""A phrase in plain words: lower case, spelled right where a slip is plain, joined where an "and" parts no clauses."""

from __future__ import annotations

import re

from roadmap_cli.edl import when
from roadmap_cli.edl.feedback import clauses, spelling
from roadmap_cli.edl.feedback.amounts import NUMBER, number
from roadmap_cli.edl.feedback.idioms import idioms

_JOINED = (
    (re.compile(r"[’`]"), "'"),
    (re.compile(r"(\w)\1{2,}"), r"\1\1"),
    (
        re.compile(
            r"\b(?:to|tooo?|2)(?= (?:dark|bright|loud|quiet|slow|fast|long|short|warm|cold|blurry|shaky|soft|low|"
            r"high|much|many|grainy|boring|flat)\b)"
        ),
        "too",
    ),
    (re.compile(r"\bsoo+\b"), "so"),
    (re.compile(r"\b(?:kinda|kind of|sort of|sorta|rather|fairly|pretty|a wee bit)\b"), "a bit"),
    (
        re.compile(
            r"\b(\w{2,})'s (?=(?:too|way|so|not|got|totally|really|a|kinda|out|all|very|completely|much|far|just|"
            r"barely|hardly|"
            r"tilted|crooked|drowning|boring|slow|fast|dark|bright|flat|loud|quiet|late|off|orange|blurry|shaky)\b)"
        ),
        r"\1 is ",
    ),
    (re.compile(r"\b(cant|dont|isnt|doesnt|wasnt|arent|couldnt|wont|didnt|shouldnt)\b"), lambda m: m[1][:-1] + "'t"),
    (re.compile(r"\bcutted\b"), "cut"),
    (
        re.compile(
            r"\b(?:(?:doesn't|does not|don't|do not) (?:need|have) to|needn't|need not) be (?:quite )?(?:so|as|that)\b"
        ),
        "should be less",
    ),
    (re.compile(r"\b(?:wayyy*|waay+)\b"), "way"),
    (re.compile(r"\bnot that (?=\w+ (?:please|pls)\b)"), "less "),
    (
        re.compile(
            r"\bnot (?:quite |really |nearly |half )?(?:so|as|quite so|quite as|such a|such) "
            r"(?!.*\bas (?:i|we|it|you|one|expected|hoped|wanted)\b)"
        ),
        "less ",
    ),
    (re.compile(r"\bblack (?:and|&) white\b|\bb ?& ?w\b|\bb/w\b"), "black-and-white"),
    (re.compile(r"\b(top|up|in|over|on|back|more) and (bottom|down|out|over|on|forth|more)\b"), r"\1 & \2"),
    (re.compile(r"\b(u[hm]+s?) and (ahs?|u[hm]+s?|er+s?)\b"), r"\1 & \2"),
    (re.compile(r"\b(between \S+(?: seconds?)?) and (?=[\d:]+)"), r"\1 to "),
    (re.compile(r"\b(parts|bits|shots|scenes) are (\w+) and (others|some|the rest)\b"), r"\1 are \2 & \3"),
    (re.compile(r"\bhum and hiss\b"), "hum & hiss"),
    (
        re.compile(rf"\b({NUMBER}) (?:(second|minute)s? )?and a half\b"),
        lambda m: f"{number(m[1]) + 0.5:g}{f' {m[2]}s' if m[2] else ''}",
    ),
)
#: What is not wanted any more says nothing of what is.
_INSTEAD = re.compile(r"(?<=\w) (?:instead of|rather than|in place of) [^,.;]*")
#: "Not loud enough, the music": what is meant comes after what is said of it.
_LATE_SUBJECT = re.compile(r"^((?:\w+(?:'\w+)? ){0,3}\w+), ((?:the|his|her|my|your|this|that) \w+(?: \w+)?)$")
#: "Great, except for shot 3": all is well there but for what follows.
_RESERVATION = re.compile(rf",? {when.EXCEPT} ")
_THEN = re.compile(r", (?:and )?then\b")


def plain(text: str) -> str:
    """The phrase so."""
    phrase = spelling.mended(" ".join(text.lower().replace("’", "'").split()))
    for pattern, other in _JOINED:
        phrase = pattern.sub(other, phrase)
    if (reserved := _RESERVATION.search(phrase)) and clauses.content(phrase[: reserved.start()]):
        phrase = f"{phrase[: reserved.start()]}, but {phrase[reserved.end() :]}"
    phrase = when.joined(phrase)
    phrase = _INSTEAD.sub("", phrase)
    if late := _LATE_SUBJECT.search(phrase):
        phrase = f"{late[2]} is {late[1]}"
    if idioms()[0][0].search(phrase):  # "undo that, then make it shorter": two wishes
        return phrase
    return _THEN.sub(" then", phrase)
