"""Words to numbers: what a person asks of an edit becomes bounded parameters, each with its reason. No model is asked.

First quoted titles, then phrases of several words, then single words: those that name a style choose it, others move
its numbers in steps. A word that means nothing here is handed back, so that the command can say so: no word is dropped
in silence, and a wish that cannot be met is told as a limit.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from fractions import Fraction

from roadmap_cli.core.errors import UsageError
from roadmap_cli.edl.planning import vocabulary
from roadmap_cli.edl.planning.phrases import RULES
from roadmap_cli.edl.planning.rules import ASPECTS, aspect_name
from roadmap_cli.edl.planning.spans_of_time import durations
from roadmap_cli.edl.planning.styles import STYLES
from roadmap_cli.edl.planning.wishes import Reading, Wishes, Words, concluded, moved

_QUOTED = re.compile(r"(?<!\w)(['\"“‘„«])(.+?)(['\"”’“»])(?!\w)")
_TITLE_WORDS = (
    r"(?:opening |main |intro )?titles?|titled|text|caption|named|called|call it|name it|headline|chapter|heading"
)
_END_WORDS = r"(?:end|closing|final) (?:card|title|text|credit|screen)s?|outro|ends? with|ending with|end on|credits?"
_BEFORE_QUOTE = re.compile(
    rf"(?:(?P<end>\b(?:{_END_WORDS}))|(?P<lower>\blower[ -]thirds?(?: of)?)|(?P<title>\b(?:{_TITLE_WORDS})))"
    r"(?:\s+(?:is|of|saying|says|reads?|that says|card|with|at the end|at the start))*\s*[:=,]?\s*\Z"
)
_AFTER_QUOTE = re.compile(
    r"\s*(?:as (?:the |a )?)?(?P<end>end title|end card|at the end|outro)|\s*as (?:the |a )?title\b"
)
_BARE_TITLE = re.compile(r"\b(?:title|titled)\s*[:=]\s*([^,;.\n]{1,80})", re.IGNORECASE)
#: "With title Hello World": without quotes a title is what is written in capitals.
_CAPITAL_TITLE = re.compile(
    r"\b(?i:title|titled|called)\s+([A-Z0-9][\w'’!?&-]*(?:\s+(?:(?:of|the|and|a|an|in|on|at|to|for|from)\s+)*[A-Z0-9][\w'’!?&-]*)*)"
)
_GAP = " \x00 "
#: Where what a word is said of ends; and a part of the film.
_CLAUSE = re.compile(r"[,;.!?\x00]|\b(?:and|but|then|with)\b")
_PART = re.compile(r"\b(ending|beginning|opening|intro|outro|finale|middle)\b|\bthe (?:very )?(end|start)\b")
_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*|\x00")


def read(text: str, style: str | None = None) -> Reading:
    """Understand an intent. Never fails for words: what it does not know is in `unknown`.

    `style` is the name of one chosen apart. Raises UsageError if there is none of that name.
    """
    wishes = Wishes()
    base = None
    if style is not None:
        if style not in STYLES:
            raise UsageError(f"no style {style!r}", hint=f"one of {', '.join(STYLES)}; edl-plan --styles tells more")
        base = STYLES[style]
        wishes.reasons.append(f"{style} style, as chosen")
    rest = _titles(text, wishes)
    rest = vocabulary.digits(_plain(rest))
    for rule in RULES[0]:
        rest = rule(rest, wishes)
    rest = durations(rest, wishes)
    for rule in RULES[1]:
        rest = rule(rest, wishes)
    _words(rest, wishes, _of_parts(rest, wishes))
    if any(re.fullmatch(r"titled?", word) for word in wishes.unknown):
        wishes.limits.append("a title stands in quotes, as in: with the title 'Hello'; or give it by --title")
    if base is None:
        _choose(wishes)
    else:
        said = [f"{name} style gives way: {word!r}" for word, name in wishes.named if name != style]
        wishes.reasons += said
    return concluded(wishes, base)


def lasting(reading: Reading, target_s: Fraction) -> Reading:
    """The same with a length given apart from the words; it wins over one in the words."""
    reasons = [reason for reason in reading.reasons if not reason.startswith("length ")]
    reasons.append(f"length of {float(target_s):g} s, as asked for")
    return replace(reading, target_s=target_s, least_s=None, most_s=None, reasons=tuple(reasons))


def shaped(reading: Reading, aspect: str) -> Reading:
    """The same with a shape given apart, as '9:16' or 'vertical'. Raises UsageError if it is none."""
    text = aspect.strip().lower()
    found = ASPECTS.get(text)
    match = re.fullmatch(r"(\d{1,4}(?:\.\d{1,3})?)\s*[:/x]\s*(\d{1,4}(?:\.\d{1,3})?)", text)
    if found is None and match and Fraction(match[1]) and Fraction(match[2]):
        found = Fraction(match[1]) / Fraction(match[2])
    if found is None or not Fraction(1, 3) <= found <= 3:
        raise UsageError(f"not a shape: {aspect!r}", hint="width to height, such as 16:9, 9:16, 1:1 or 2.39:1")
    style = replace(reading.style, aspect=found)
    return replace(reading, style=style, reasons=(*reading.reasons, f"{aspect_name(found)}, as asked for"))


def titled(reading: Reading, titles: Sequence[str]) -> Reading:
    """The same with titles given apart: the first at the start, a second one at the end."""
    made = tuple(Words(text, at_end=position > 0) for position, text in enumerate(titles) if text.strip())
    reasons = [f"{'closing ' if title.at_end else ''}title {title.text!r}, as asked for" for title in made]
    return replace(reading, titles=made, reasons=(*reading.reasons, *reasons)) if made else reading


def with_music(reading: Reading, path: str) -> Reading:
    """The same with a file of music given apart; a style without music then has a bed of it."""
    style = replace(reading.style, music="bed") if reading.style.music == "none" else reading.style
    return replace(reading, style=style, music_file=path)


def _plain(text: str) -> str:
    for odd, usual in (("’", "'"), ("–", "-"), ("—", ", "), ("−", "-"), ("×", "x"), ("½", ".5")):
        text = text.replace(odd, usual)
    return re.sub(r"\s+", " ", text.lower())


def _titles(text: str, wishes: Wishes) -> str:
    """Take titles out of the text; quotes that are none lose their marks."""
    out: list[str] = []
    at = 0
    for match in _QUOTED.finditer(text):
        before, after = _plain(text[at : match.start()]), _plain(text[match.end() :])
        lead, tail = _BEFORE_QUOTE.search(before), _AFTER_QUOTE.match(after)
        said = match[2].strip()
        if not (lead or tail) or not said:
            out.append(f"{text[at : match.start()]} {said} ")
        else:
            end = bool((lead and lead["end"]) or (tail and tail["end"]))
            place = "lower" if lead and lead["lower"] else "centre"
            wishes.titles.append(Words(said.replace("\\n", "\n"), place, end))
            wishes.reasons.append(f"{'closing ' if end else ''}title {said!r}")
            keep = len(before) - len(lead[0]) if lead else len(before)
            out.append(before[:keep] + _GAP)
        at = match.end()
    rest = "".join(out) + text[at:]
    bare = None if wishes.titles else _BARE_TITLE.search(rest) or _CAPITAL_TITLE.search(rest)
    if bare:
        wishes.titles.append(Words(bare[1].strip()))
        wishes.reasons.append(f"title {bare[1].strip()!r}")
        rest = rest[: bare.start()] + _GAP + rest[bare.end() :]
    return rest


def _of_parts(text: str, wishes: Wishes) -> set[str]:
    """Say of each style word that stands beside a part of the film that it counts for the whole; give these parts."""
    told: set[str] = set()
    for clause in _CLAUSE.split(text):
        part = _PART.search(clause)
        if part is None:
            continue
        for word in _WORD.findall(clause):
            if vocabulary.stem_of(word, vocabulary.MOVES) or vocabulary.stem_of(word, vocabulary.STYLE_STEMS):  # type: ignore[arg-type]
                name = part[1] or part[2]
                wishes.limits.append(
                    f"{word!r} counts for the whole film, not for the {name} alone: "
                    "edl-feedback changes a part of a plan, as in 'more contrast at the end'"
                )
                told.add(name)
    return told


def _words(text: str, wishes: Wishes, parts: Collection[str]) -> None:
    """Word by word what no phrase took. `parts` of the film that are told of already are not told as unknown."""
    negated, degree, passed = False, 1.0, ""
    for word in [*_WORD.findall(text), "\x00"]:
        if word == "\x00":
            if negated and passed:
                wishes.unknown.append(f"no {passed}")
            negated, degree, passed = False, 1.0, ""
            continue
        if word in vocabulary.NEGATIONS:
            negated, passed = True, ""
            continue
        if word in vocabulary.DEGREES:
            degree = vocabulary.DEGREES[word]
            continue
        if word in vocabulary.FILLERS or word in parts or re.fullmatch(r"[1-3]", word):
            passed = word
            continue
        move = vocabulary.stem_of(word, vocabulary.MOVES)  # type: ignore[arg-type]
        name = vocabulary.stem_of(word, vocabulary.STYLE_STEMS)
        if name and (not move or len(name) > len(move)):
            style = vocabulary.STYLE_STEMS[name]
            if negated:
                wishes.reasons.append(f"not {style}: 'no {word}'")
                wishes.named = [pair for pair in wishes.named if pair[1] != style]
            else:
                wishes.named.append((word, style))
        elif move:
            sign = -1 if negated else 1
            steps, why = vocabulary.MOVES[move]
            for number, by in steps:
                size = by ** (sign * degree) if number in {"speed", "median"} else by * sign * degree
                wishes.changes.append(moved(number, size))
            wishes.reasons.append(f"{'not ' if negated else ''}{why}: {word!r}")
        else:
            wishes.unknown.append(f"no {word}" if negated else word)
        negated, degree, passed = False, 1.0, ""


def _choose(wishes: Wishes) -> None:
    """The style of the first word that names one; 'film' and the like only if no other does."""
    if not wishes.named:
        return
    weak = vocabulary.WEAK_STEMS
    word, name = next((pair for pair in wishes.named if not pair[0].startswith(weak)), wishes.named[0])
    others = [f"{other} style gives way: {said!r}" for said, other in wishes.named if other != name]
    wishes.reasons[:0] = [f"{name} style: {word!r}", *others]
    wishes.named = [(word, name)]
