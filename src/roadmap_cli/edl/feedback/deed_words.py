"""What deeds on shots are asked with, whatever the deed: how people begin and end, and the shots or spans they name."""

from __future__ import annotations

import re

from roadmap_cli.edl import when
from roadmap_cli.edl.feedback.clauses import PARTING
from roadmap_cli.edl.when import Place

_PARTING = re.compile(rf"{PARTING}|\s*:\s+|\s+[-–—]+\s+")
#: Words that may come before a deed.
LEAD = (
    r"(?:(?:please|pls|just|now|also|then|so|and|but|ok(?:ay)?|hey|well|maybe|perhaps|actually|simply|kindly|yes|no|"
    r"i (?:think|guess|feel|say|suggest|propose)|it would be (?:better|nice|good)|it(?:'s| is) better|"
    r"(?:can|could|would|will|should|shall|may) (?:you|we|i)|(?:you|we) (?:can|could|should|may|might|must|need to|"
    r"have to|ought to)|i(?:'d| would|'ll| will)(?: (?:want|like|love|prefer|need|wish))?|i (?:want|need|wish)|(?:you|"
    r"we)? ?to|let's|let us|try(?: and| "
    r"to)?|go ahead(?: and)?|feel free|how about|what about|if (?:you|we) (?:could|can|would)|do|all|better|that|you|"
    r"we)"
    r",? )*"
)
_OUT_OF = (
    r"(?:from|out of) (?:the |this |my |our )?(?:whole )?(?:edit|film|movie|video|cut|timeline|sequence|programme|"
    r"program|clip|thing|it|there)"
)
#: Taking something away.
VERBS = (
    r"(?:remove|removing|delete|deleting|erase|erasing|drop|dropping|omit|omitting|exclude|excluding|scrap|scrapping|"
    r"axe|"
    r"ditch|ditching|kill|killing|lose|losing|discard|discarding|eliminate|eliminating|dump|dumping|bin|skip|skipping|"
    r"(?:cut|cutting|take|taking|throw|throwing|leave|leaving|edit|editing|pull|pulling|chuck|toss|strip|snip|kick|"
    r"drop|"
    r"trim) (?:out|away)|get(?:ting)? rid of|rid of|do(?:ing)? away with|do(?:ing)? without|cut|cutting|nuke|zap|"
    r"rip out|without)"
)
#: Between a verb and what it is about.
BETWEEN = r"(?:(?:all of|both|just|only|simply|completely|entirely|also|please|maybe|out) )*"
#: What may follow a deed without changing it.
TAIL = re.compile(
    rf"(?:,? ?(?:please|pls|thanks|thank you|now|too|as well|also|altogether|entirely|completely|wholly|totally|out|"
    rf"away|"
    rf"then|for me|instead|for good|if (?:possible|you can|we can)|right away|at once|{_OUT_OF}))*$"
)
_SPAN_OF = re.compile(
    r"(?:(?:everything|all|anything|the (?:part|bit|piece|section|stretch|passage|footage|stuff|segment|time|seconds)|"
    r"what"
    r"(?:'s| is| comes)|whatever(?: is| comes)?)(?: that (?:is|comes))? )"
)
_SHOT_AT = re.compile(
    r"(?:the |that |those )?(?:shots?|clips?|cuts?|scenes?|takes?|one)(?: that (?:is|are|starts?|begins?|comes?|"
    r"plays?)|"
    r" (?:starting|beginning|playing|running))? "
)

#: "Drop the second shot and shorten the third".
NUMBER_ALONE = re.compile(
    r"\bthe (?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|last)"
    r"(?=$| (?:too|more|less|much|way|a (?:bit|little)|is|looks|please|(?!other|number|over|after)\w+er)\b)"
)


def parted(phrase: str) -> list[tuple[str, str]]:
    """The clauses of a phrase, each with what parts it from the one before."""
    found = []
    separator, at = "", 0
    for match in [*_PARTING.finditer(phrase), None]:
        clause = phrase[at : match.start() if match else len(phrase)].strip()
        if clause:
            found.append((separator, clause))
        if match:
            separator, at = match[0], match.end()
    return found


def named(words: str) -> list[Place]:
    """The places words name if they name nothing else; empty if they do not."""
    found = naming(words)
    return found[0] if found and TAIL.match(words[found[1] :].strip()) else []


def naming(words: str) -> tuple[list[Place], int] | None:
    """The places that words begin with, joined by "and" or "&", and where their naming ends."""
    found: list[Place] = []
    at = 0
    while one := place_at(words, at):
        found.append(one[0])
        end = at = one[1]
        more = re.compile(r" ?(?:&|,|and|or) (?:also )?").match(words, at)
        if not more:
            return found, end
        at = more.end()
    return (found, end) if found else None


def place_at(words: str, at: int = 0) -> tuple[Place, int] | None:
    """The shots or the span of time that words name from a place on."""
    if shots := when.shots_at(words, at):
        end = shots[1]
        if words[end : end + 2] in {"'s", "s'"}:  # "the second shot's sound"
            return None
        return Place(shots=shots[0]), end
    match = _SHOT_AT.match(words, at) or _SPAN_OF.match(words, at)
    return when.span_at(words, match.end() if match else at)
