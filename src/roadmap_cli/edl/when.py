"""Where in an edit a person means: a time, a span, a shot by its number, a part. Read from words, then put on cuts.

What edl-feedback is told about and what edl-why is asked about are read alike.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from roadmap_cli.core.records import Record
from roadmap_cli.edl import timecode

#: The part of a programme that "the start" and "the end" mean: a fifth, and at most this.
_EDGE_S = Fraction(8)


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the programme: seconds from its start, negative from its end; shots count from 1, -1 is the last.

    `beside`: all is meant but that place.
    """

    start_s: Fraction | None = None
    end_s: Fraction | None = None
    shots: tuple[int, ...] = ()
    part: str = ""
    beside: bool = False

    @property
    def words(self) -> str:
        """The place in words."""
        if self.beside:
            return f"all but {replace(self, beside=False).words}"
        if self.shots:
            if self.shots == tuple(range(-len(self.shots), 0)) and self.shots[1:]:
                return f"the last {len(self.shots)} shots"
            named = [_FROM_END.get(shot, f"shot {shot}") for shot in self.shots]
            if len(named) > 1 and all(shot > 0 for shot in self.shots):
                named = ["shots " + str(self.shots[0]), *map(str, self.shots[1:])]
            return " and ".join([", ".join(named[:-1]), named[-1]] if named[1:] else named)
        if self.part:
            return f"the {self.part}"
        if self.start_s is None and self.end_s is None:
            return "everywhere"
        ends = ["" if value is None else _spelled(value) for value in (self.start_s, self.end_s)]
        return f"at {ends[0]}" if ends[0] == ends[1] else f"{ends[0] or 'the start'} to {ends[1] or 'the end'}"


def _spelled(seconds: Fraction) -> str:
    """Seconds for people: 9:59, or 5 s before the end."""
    if seconds < 0:
        return f"{float(-seconds):g} s before the end"
    minutes, rest = divmod(seconds, 60)
    return f"{minutes}:{float(rest):02.0f}" if rest.denominator == 1 else f"{minutes}:{float(rest):05.2f}"


#: Nothing was said of a place.
EVERYWHERE = Place()
_FROM_END = {-1: "the last shot", -2: "the second-to-last shot", -3: "the third-to-last shot"}

_NUMBERS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "fifteen": 15, "twenty": 20, "thirty": 30, "few": 5, "couple": 3, "couple of": 3,
}  # fmt: skip
_ORDINALS = {
    "first": 1, "opening": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8,
    "ninth": 9, "tenth": 10, "eleventh": 11, "twelfth": 12, "last": -1, "final": -1, "closing": -1, "penultimate": -2,
}  # fmt: skip
_CLOCK = r"\d{1,2}(?::\d{2}){1,2}(?:\.\d+)?"
_UNITS = r"seconds?|secs?|s|minutes?|mins?|m"
#: A time: a clock, a number with its unit, or a bare number that another time follows.
_T = rf"({_CLOCK}|\d+(?:\.\d+)?\s*(?:{_UNITS})\b|\d+(?:\.\d+)?(?=\s*(?:to|and|until|till|-|–)))"
_U = rf"({_CLOCK}|\d+(?:\.\d+)?\s*(?:{_UNITS})\b)"
_SPAN = re.compile(
    rf"\b(?:(?:from|between|in)\s+)?(?:the )?(?:second )?{_T}\s*(?:to|"
    rf"and|until|till|-|–)\s*(?:second )?{_U}"
)
_ONWARDS = re.compile(
    rf"\b(?:from|after|since|starting at|starting from|past)\s+(?:about )?{_U}(?:\s+(?:on|"
    rf"onwards?))?"
)
_UNTIL = re.compile(rf"\b(?:before|until|till|up to)\s+(?:about )?{_U}")
#: "By 0:10" and "by 10 seconds in" are times; "by 10 seconds", "to about 10 seconds", "about 10 seconds long" lengths.
_AT = re.compile(
    rf"(?:\b(?:at|near|(?<!to )(?<!make it )(?:around|about)"
    rf"|by(?=\s+(?:\w+\s+){{0,2}}?(?:{_CLOCK}|\d\S*\s*(?:{_UNITS})\s+(?:in|mark)\b)))"
    rf"|@|~)\s*(?:about\s+|around\s+)?(?:the\s+)?{_U}(?!\s+(?:long|short)(?:er)?\b)(?:\s+(?:in|mark))?"
    rf"|\b(\d{{1,2}}:\d{{2}})\b"
)
_COUNT = r"(\d+|one|two|three|four|five|six|seven|eight|nine|ten|fifteen|twenty|thirty|few|couple of|couple)"
_EDGE = re.compile(
    rf"\b(?:in |for |during |at |over )?(?:the )?(?:very )?(first|last|opening|final) {_COUNT} ?(seconds?|secs?|s|"
    rf"minutes?|mins?)\b"
)
_BUT = {"one": "second-to-last", "two": "third-to-last"}
_WHERE = r"(?:in |on |for |of |during |at )?"
#: "Third", "3rd", "third-to-last", "third from the end", "last but two".
_ORDINAL = (
    rf"(?:last but (?:one|two)|next[- ]to[- ]last|(?:(?:{'|'.join(_ORDINALS)}|\d+(?:st|nd|rd|th))"
    r"(?:[- ](?:to[- ]|from[- ](?:the[- ])?)?(?:last|end))?))"
)
_ALONE = re.compile(rf"the ({_ORDINAL})(?=$|[,.;]| (?:please|thanks)\b)")
_AND = r"(?:\s*,\s*(?:and )?|\s*&\s*|\s+and\s+)(?:the )?(?:very )?"
_SHOT = re.compile(
    rf"\b{_WHERE}(?:the |that |those )?(?:very )?(?:({_ORDINAL}(?:{_AND}{_ORDINAL})+) (?:shot|clip|cut|scene|take|"
    rf"one)s?"
    rf"|({_ORDINAL}) (?:shot|clip|cut|scene|take|one)( (?:from|before) the (?:end|last))?)\b"
)
#: "The first two shots".
_FEW = re.compile(
    rf"\b{_WHERE}(?:the )?(?:very )?(first|opening|last|final|closing) "
    r"(\d+|two|three|four|five|six|seven|eight|nine|ten|couple(?: of)?) (?:shots|clips|cuts|scenes|takes)\b"
)
_NUMBER = r"(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten)"
_NO_AMOUNT = (
    r"\b(?![.:]\d|\s*(?:seconds?|secs?|s\b|minutes?|mins?|frames?|%|per ?cent|db\b|stops?\b|times\b|shots|clips))"
)
_AMONG = r"(?:\s*,\s*(?:and )?|\s*(?:&|-|–)\s*|\s+(?:and|to|through|until)\s+)(?:(?:shot|clip|scene|take) )?#?"
_NUMBERED = re.compile(
    rf"\b{_WHERE}(?:the )?(?:(?:shot|clip|cut|scene)s?\s*(?:numbers? |no\.? ?|#)?(\d+(?:{_AMONG}\d+)*)"
    rf"|(?:shot|clip|scene)s? (?:numbers? )?({_NUMBER}(?:{_AMONG}{_NUMBER})*)){_NO_AMOUNT}"
)
_RUN = re.compile(rf"(to|through|until|[-–])?\s*(?:shot |clip |scene |take )?#?\b({_NUMBER})\b")
_HALF = re.compile(
    r"\b(?:in |during |for |throughout )?(?:the )?(first|second|last) half\b|\b(?:from )?(?:the "
    r")?(halfway|half way) (?:on|through)"
)
_PART = re.compile(
    r"\b(?:(?:in|at|near|around|during|towards?|for|by|of|right at) )?the (?:very )?"
    r"(start|beginning|opening|intro(?:duction)?|end|ending|outro|finale|middle|centre part|mid-?section)\b"
    r"|\b(boring |weak |dull |slow )?(intro|outro)\b"
)
_ALIASES = {
    "beginning": "start", "opening": "start", "intro": "start", "introduction": "start", "ending": "end",
    "outro": "end", "finale": "end", "centre part": "middle", "mid-section": "middle", "midsection": "middle",
}  # fmt: skip
#: All of an edit, and what takes a place out of it: "everything but shot 2", "brighter, apart from the last clip",
#: "warmer, but leave shot 2 alone".
ALL = (
    r"(?:every(?:thing|where)|(?:all|every|each)(?: of)?(?: (?:the|other|those))*(?: (?:shot|clip|cut|scene|take)s?)?)"
)
EXCEPT = r"(?:except(?:ing)?|apart from|aside from|other than|besides)(?: for)?"
BUT = rf"(?:but(?: for| not)?|save(?: for)?|bar|{EXCEPT})"
_EXCLUDING = re.compile(
    rf"(?<!nothing )(?<!anything )(?:(?P<all>\b{ALL}),? {BUT}|,? ?\b(?:{EXCEPT}|but not)"
    r"|(?P<left>(?:[,.;]| and|,? but)(?: please| just)? (?:leave|keep|(?:don't|do not|never) (?:touch|change|alter)))"
    r")(?: (?:in|on|at|for|during))? "
)
_LEFT_ALONE = re.compile(r" (?:alone|as (?:it|they) (?:is|are)|as is|unchanged|untouched)\b|(?=$|[,.;])")
#: After a place that something else is said of: "all is fine except the last shot is too dark".
_SAID_OF = re.compile(
    r"(?:'s| (?:is|are|was|were|looks?|feels?|seems?|sounds?|has|have|needs?|should|could|can|must|drags?|isn't|"
    r"aren't|doesn't|which|where|that|who|it|because|since|being))\b"
)
#: "Shot 2 and the last one": the words between two namings of shots; what follows them if they are not one subject.
_JOINT = re.compile(r"(?:,? and|,| &)(?: also)?(?: (?:in|on|for|at|during))? ")
_OF_ONE = re.compile(r"'s? |,? (?:too|a (?:bit|little|touch)|more|less|much|way|\w+er|from|by|to)\b")
_MADE = re.compile(r"\b(?:make|making|turn|get|want|render|have|keep|leave|play|show)\b[^,.;]*$")
_OPENS = re.compile(r"(?:^|[,.;]|\band|\bbut)\s*$")
_TWO_ALONE = re.compile(rf"\b(the {_ORDINAL}) and (the {_ORDINAL})(?=$|[,.;]| (?:please|thanks)\b)")
_ONE_MORE = re.compile(r"(?:,| and|,? &)(?: in)? (?=the |shot|clip)")


def read(text: str) -> tuple[Place, str]:
    """The place words mean, and the words without it. `EVERYWHERE` if none is said. Never fails."""
    if not (excluded := _excluded(text)):
        return _read(text)
    start, _, place, end = excluded
    before, rest = _read(text[:start])
    left = " ".join(f"{rest} {text[end:]}".split())
    if before is EVERYWHERE:
        return replace(place, beside=True), left
    shots = tuple(shot for shot in before.shots if shot not in place.shots)
    return replace(before, shots=shots or before.shots), left


def _excluded(text: str) -> tuple[int, str, Place, int] | None:
    """What words take out of all: where they begin, how they name the place, the place, and where they end."""
    for match in _EXCLUDING.finditer(text):
        found = _beside_at(text, match.end())
        if not found:
            continue
        place, named, end = found
        if match["left"]:
            alone = _LEFT_ALONE.match(text, end)
            if not alone or _read(text[: match.start()])[0] is not EVERYWHERE:
                continue
            if match["left"].endswith(("leave", "keep")) and not alone[0]:
                continue
            end = alone.end()
        elif match["all"] is None and match.start() and _SAID_OF.match(text, end):
            continue
        return match.end("all") if match["all"] else match.start(), named, place, end
    return None


def _beside_at(text: str, at: int) -> tuple[Place, str, int] | None:
    """The place that is named from a place in a text on, how in one piece, and where its naming ends."""
    if shots := shots_at(text, at):
        numbers, end = shots
        named = text[at:end]
        while (more := _ONE_MORE.match(text, end)) and (others := shots_at(text, more.end())):
            numbers, end = (*numbers, *others[0]), others[1]
            named += f" & {text[more.end() : end]}"
        return Place(shots=numbers), named, end
    if found := span_at(text, at):
        return found[0], text[at : found[1]], found[1]
    if part := _PART.match(text, at):
        return _read(part[0])[0], part[0], part.end()
    if alone := _ALONE.match(text, at):
        return Place(shots=(_ordinal(alone[1]),)), f"{alone[0]} shot", alone.end()
    return None


def _read(text: str) -> tuple[Place, str]:
    """The place words mean that take none out of all."""
    if match := _SPAN.search(text):
        ends = _seconds(match[1], match[2]), _seconds(match[2], "")
        return Place(min(ends), max(ends)), _without(text, match)
    if match := _EDGE.search(text):
        length = Fraction(_NUMBERS.get(match[2]) or int(match[2])) * (60 if match[3].startswith("m") else 1)
        early = match[1] in {"first", "opening"}
        # The words stay: "the first few seconds are dull" is about the start as such.
        return (Place(Fraction(0), length) if early else Place(-length, None)), text
    if match := _ONWARDS.search(text):
        return Place(_seconds(match[1], ""), None), _without(text, match)
    if match := _UNTIL.search(text):
        return Place(None, _seconds(match[1], "")), _without(text, match)
    if match := _AT.search(text):
        at = _seconds(match[1] or match[2], "")
        return Place(at, at), _without(text, match)
    if several := _chain(text):
        numbers, start, end = several
        return Place(shots=numbers), " ".join(f"{text[:start]} those shots {text[end:]}".split())
    for pattern in (_FEW, _SHOT):
        if match := pattern.search(text):
            kept = text[: match.start()] + " that shot " + text[match.end() :]
            return Place(shots=_named(pattern, match)), " ".join(kept.split())
    if match := _NUMBERED.search(text):
        return Place(shots=_named(_NUMBERED, match)), _without(text, match)
    if match := _HALF.search(text):
        return Place(part="first half" if match[1] == "first" else "second half"), text
    if match := _PART.search(text):
        part = match[1] or match[3]
        return Place(part=_ALIASES.get(part, part)), text
    return EVERYWHERE, text


def shots_at(text: str, at: int = 0) -> tuple[tuple[int, ...], int] | None:
    """The numbers of the shots that are named from a place in a text on, and where their naming ends; None if none."""
    found = _naming_at(text, at)
    while found and text.startswith(" & ", found[1]) and (more := _naming_at(text, found[1] + 3)):
        found = tuple(dict.fromkeys((*found[0], *more[0]))), more[1]
    return found


def _naming_at(text: str, at: int) -> tuple[tuple[int, ...], int] | None:
    for pattern in (_FEW, _SHOT, _NUMBERED):
        if match := pattern.match(text, at):
            return _named(pattern, match), match.end()
    return None


def _namings(text: str, at: int = 0) -> list[tuple[int, int]]:
    """Where shots are named in a text, in order."""
    found = [match.span() for pattern in (_FEW, _SHOT, _NUMBERED) for match in pattern.finditer(text, at)]
    return sorted(found, key=lambda span: (span[0], -span[1]))


def _chain(text: str) -> tuple[tuple[int, ...], int, int] | None:
    """The shots of several namings that " & " makes one: their numbers, and where they stand."""
    for start, end in _namings(text) if " & " in text else ():
        if (found := shots_at(text, start)) and found[1] > end:
            return found[0], start, found[1]
    return None


def span_at(text: str, at: int = 0) -> tuple[Place, int] | None:
    """The span or moment of time that is named from a place in a text on, and where its naming ends; None if none."""
    for pattern in (_SPAN, _EDGE, _ONWARDS, _UNTIL, _AT, _HALF):
        if match := pattern.match(text, at):
            return _read(match[0])[0], match.end()
    return None


def joined(text: str) -> str:
    """A text in which no "and" or "but" parts what names shots: "shots 2 & 3", "all except shot 2"."""
    text = re.sub(r"\blast but (one|two)\b", lambda match: _BUT[match[1]], text)
    for pattern in (_SHOT, _NUMBERED):
        text = pattern.sub(lambda match: re.sub(r"\s*,\s*(?:and )?|\s+and\s+", " & ", match[0]), text)
    text = _together(_TWO_ALONE.sub(r"\1 shot and \2 shot", text))
    if excluded := _excluded(text):
        start, named, _, end = excluded
        text = " ".join(f"{text[:start]} except {named} {text[end:]}".split())
    return text


def _together(text: str) -> str:
    """A text in which namings of shots that are one subject are joined: "shot 2 & the last one"."""
    at = 0
    while found := next(iter(_namings(text, at)), None):
        start, at = found
        while joint := _JOINT.match(text, at):
            begin = joint.end()
            if other := _naming_at(text, begin):
                end, named = other[1], text[begin : other[1]]
            elif alone := _ALONE.match(text, begin):
                end, named = alone.end(), f"{alone[0]} shot"
            else:
                break
            if not _are_one(text, start, end):
                break
            text = f"{text[:at]} & {named}{text[end:]}"
            at += 3 + len(named)
    return text


def _are_one(text: str, start: int, end: int) -> bool:
    """Whether what is said goes for all shots named from `start` to `end`, and not for the last of them alone."""
    if _OPENS.search(text, 0, start):
        return True
    if _SAID_OF.match(text, end):
        return False
    return not _OF_ONE.match(text, end) or _MADE.search(text, 0, start) is not None


def _named(pattern: re.Pattern[str], match: re.Match[str]) -> tuple[int, ...]:
    """The numbers of shots that a match names, each once, in the order they are named."""
    if pattern is _FEW:
        count = 2 if match[2].startswith("couple") else _NUMBERS.get(match[2]) or int(match[2])
        count = max(1, min(count, 1000))
        return tuple(range(1, count + 1) if match[1] in {"first", "opening"} else range(-count, 0))
    if pattern is _SHOT:
        if match[3]:
            return (-abs(_ordinal(match[2])),)
        return tuple(dict.fromkeys(_ordinal(each) for each in re.split(_AND, match[1] or match[2])))
    found: list[int] = []
    for sign, word in _RUN.findall(match[1] or match[2]):
        number = max(1, _NUMBERS.get(word) or int(word))
        run = range(found[-1] + 1, min(number, found[-1] + 1000) + 1) if sign and found else (number,)
        found += run
    return tuple(dict.fromkeys(found))


def _ordinal(words: str) -> int:
    """The number of "third", "3rd", "third-to-last" or "last but two"."""
    if words.startswith("last but"):
        return -1 - _NUMBERS[words.split()[-1]]
    first, *rest = re.split(r"[- ]", words)
    number = 2 if first == "next" else _ORDINALS.get(first) or max(1, int(re.sub(r"\D", "", first)))
    return -abs(number) if rest else number


def positions(place: Place, cuts: Sequence[Record], fps: Fraction) -> list[int]:
    """Which cuts a place means, by position in the list; empty if it lies outside the programme."""
    if not cuts:
        return []
    if place.beside:
        taken = positions(replace(place, beside=False), cuts, fps)
        return [at for at in range(len(cuts)) if at not in taken]
    if place.shots:
        found = {len(cuts) + shot if shot < 0 else shot - 1 for shot in place.shots}
        return sorted(at for at in found if 0 <= at < len(cuts))
    length = Fraction(cuts[-1]["timeline_out_frame"]) / fps
    start, end = _bounds(place, length)
    chosen = []
    for position, cut in enumerate(cuts):
        first, last = Fraction(cut["timeline_in_frame"]) / fps, Fraction(cut["timeline_out_frame"]) / fps
        if first <= start < last or (start < last and first < end):
            chosen.append(position)
    return chosen


def frames(place: Place, cuts: Sequence[Record], fps: Fraction) -> tuple[int, int]:
    """The programme frames a place means: first, and the one after the last."""
    if place.shots or place.beside:
        chosen = positions(place, cuts, fps)
        if not chosen:
            return 0, 0
        return int(cuts[chosen[0]]["timeline_in_frame"]), int(cuts[chosen[-1]]["timeline_out_frame"])
    length = Fraction(cuts[-1]["timeline_out_frame"]) / fps
    start, end = _bounds(place, length)
    return int(start * fps), max(int(start * fps) + 1, int(end * fps))


def _bounds(place: Place, length: Fraction) -> tuple[Fraction, Fraction]:
    edge = min(length / 5, _EDGE_S)
    parts = {
        "start": (Fraction(0), edge), "end": (length - edge, length), "middle": (length * 2 / 5, length * 7 / 10),
        "first half": (Fraction(0), length / 2), "second half": (length / 2, length),
    }  # fmt: skip
    if place.part:
        return parts[place.part]
    start = place.start_s if place.start_s is not None else Fraction(0)
    end = place.end_s if place.end_s is not None else length
    return (max(Fraction(0), length + start) if start < 0 else start), end


def _seconds(text: str, other: str) -> Fraction:
    """Seconds of a time in words; a bare number takes the unit of the other end."""
    if ":" in text:
        total = Fraction(0)
        for part in text.split(":"):
            total = total * 60 + Fraction(part)
        return total
    match = re.match(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text)
    if not match:
        return Fraction(0)
    unit = match[2] or re.sub(r"[\d.:\s]", "", other)
    return Fraction(match[1]) * (60 if unit.startswith("m") else 1)


def _without(text: str, match: re.Match[str]) -> str:
    return " ".join((text[: match.start()] + " " + text[match.end() :]).split())


def spell(place: Place, cuts: Sequence[Record], chosen: Sequence[int], fps: Fraction) -> str:
    """The time of the chosen cuts in the programme, for people: neighbours as one span."""
    if not chosen:
        return place.words
    runs: list[list[int]] = []
    for at in chosen:
        if runs and at == runs[-1][1] + 1:
            runs[-1][1] = at
        else:
            runs.append([at, at])
    spans = [(cuts[first]["timeline_in_frame"], cuts[last]["timeline_out_frame"]) for first, last in runs]
    return ", ".join(f"{timecode.clock(first, fps)} to {timecode.clock(last, fps)}" for first, last in spans)
