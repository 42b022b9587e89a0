"""Lengths of time in an intent, and what they are lengths of: the edit, its shots, a hook, a fade, a dissolve."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from roadmap_cli.edl.planning.styles import Style
from roadmap_cli.edl.planning.wishes import Wishes, with_median, with_values

_N = r"(\d{1,6}(?:\.\d{1,3})?|\.\d{1,3})"
_UNIT = r"(seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h)\b"
_SINGLE = rf"{_N}\s*-?\s*{_UNIT}"
#: 2m30s, 1 min 20 s, 1 minute and 30 seconds, 1 minute 30.
_COMPOUND = re.compile(
    rf"\b{_N}\s*(?:minutes?|mins?|m)\s*(?:and\s+)?(\d{{1,2}})\s*(?:seconds?|secs?|s\b|(?=[\s,.;]|$)(?!\s*(?:shots|%|p\b)))"
)
_CLOCK = re.compile(r"(?<![\d:.])(\d{1,2}):([0-5]\d)(?::([0-5]\d))?(?![\d:])")
_RANGE = re.compile(rf"\b(?:between\s+|from\s+)?{_N}\s*{_UNIT[:-2]}?\s*(?:-|to|and|until)\s*{_N}\s*-?\s*{_UNIT}")
_DECADE = re.compile(r"\b(?:(?:retro|vintage|the|19)\s*)(?:19)?[2-9]0'?s\b(?!\s*(?:long|clip|video))")
#: A length written in seconds by `_marked`: T90.5T.
_MARK = r"T(\d+(?:\.\d+)?)T"
_ABOUT = r"(?:about |around |roughly |approximately |approx\.? |circa |ca\.? |exactly |some |~ ?|of |just )*"
_MOST = (
    r"(?:under|below|less than|fewer than|up to|at most|max(?:imum)?(?: of| length)?|no longer than|not longer than|"
    r"no more than|not more than|not over|shorter than|within|not exceeding|limit(?: of| to)?|a maximum of)"
)
_LEAST = (
    r"(?:at least|min(?:imum)?(?: of| length)?|no less than|not less than|no shorter than|not shorter than|longer than|"
    r"more than|over|a minimum of)"
)
_SHOTS = r"(?:shots?|cuts?|takes?|clips?|scenes?)"

_GAP = " \x00 "


def durations(text: str, wishes: Wishes) -> str:
    """Take every length of time out of an intent in lower case with figures, and note what it is a length of."""
    text = _DECADE.sub(" vintage ", text)
    text = _marked(text)
    for pattern, take in _USES:
        text = pattern.sub(lambda match, take=take: take(match, wishes), text)  # type: ignore[misc]
    return text


def _marked(text: str) -> str:
    """Every length as seconds between marks; a range as two of them joined by a dash."""

    def seconds(number: str, unit: str) -> str:
        times = 3600 if unit.startswith("h") else 60 if unit.startswith("m") else 1
        value = float(Fraction(number) * times)
        return f"T{value:g}T" if value < 1e6 else f"T{value:.0f}T"

    text = _RANGE.sub(lambda m: f"{seconds(m[1], m[2] or m[4])}-{seconds(m[3], m[4])}", text)
    text = _COMPOUND.sub(lambda m: f"T{float(Fraction(m[1]) * 60 + int(m[2])):g}T", text)
    text = _CLOCK.sub(
        lambda m: f"T{int(m[1]) * 3600 + int(m[2]) * 60 + int(m[3])}T" if m[3] else f"T{int(m[1]) * 60 + int(m[2])}T",
        text,
    )
    return re.sub(rf"(?<![\w.]){_SINGLE}", lambda m: seconds(m[1], m[2]), text)


def _said(seconds: Fraction) -> str:
    return f"{float(seconds):g} s"


Take = Callable[[re.Match[str], Wishes], str]
_USES: list[tuple[re.Pattern[str], Take]] = []


def _use(*patterns: str) -> Callable[[Take], Take]:
    def add(take: Take) -> Take:
        _USES.extend((re.compile(pattern), take) for pattern in patterns)
        return take

    return add


@_use(
    r"\b(?:without|skip|remove|drop|cut(?: off| out)?|leave out|trim|ignore)\s+(?:the )?"
    rf"(first|last|opening|final) {_MARK}",
)
def _skipped(match: re.Match[str], wishes: Wishes) -> str:
    seconds = Fraction(match[2])
    head = match[1] in {"first", "opening"}
    wishes.set(f"the {match[1]} {_said(seconds)} of each source left out",
               **{"skip_head_s" if head else "skip_tail_s": seconds})  # fmt: skip
    return _GAP


@_use(
    rf"\bhook (?:of |in (?:the )?(?:first )?|within (?:the )?(?:first )?|with(?:in)? |lasting ){_ABOUT}{_MARK}",
    rf"{_MARK}[ -](?:long )?hook\b",
)
def _hook(match: re.Match[str], wishes: Wishes) -> str:
    seconds = min(Fraction(match[1]), Fraction(10))
    wishes.change(with_values(hook_s=seconds), f"hook of {_said(seconds)}")
    return _GAP


@_use(rf"\bfade[ -]?(in|out)?(?: from black| to black)?(?: at the (?:start|end))? ?(?:of|over|for|in|lasting) {_MARK}",
      rf"{_MARK} fade[ -]?(in|out)?\b(?: to black| from black)?")  # fmt: skip
def _fade(match: re.Match[str], wishes: Wishes) -> str:
    side, length = (match[1], match[2]) if match.re.pattern.startswith(r"\bfade") else (match[2], match[1])
    seconds = min(Fraction(length), Fraction(10))
    sides = {"in": {"fade_in_s": seconds}, "out": {"fade_out_s": seconds}}
    values = sides.get(side or "", {"fade_in_s": seconds, "fade_out_s": seconds})
    wishes.change(with_values(**values), f"fade{f' {side}' if side else 's'} of {_said(seconds)}")
    return _GAP


@_use(rf"\b(?:dissolve|cross ?fade|cross dissolve|transition)s? (?:of|over|lasting|for) {_ABOUT}{_MARK}",
      rf"{_MARK} (?:dissolve|cross ?fade|cross dissolve|transition)s?\b")  # fmt: skip
def _dissolve(match: re.Match[str], wishes: Wishes) -> str:
    seconds = min(Fraction(match[1]), Fraction(5))

    def change(style: Style) -> Style:
        return replace(style, dissolve_s=seconds, dissolves=max(style.dissolves, 0.25))

    wishes.change(change, f"dissolves of {_said(seconds)}")
    return _GAP


@_use(
    rf"\b(?:no|without|avoid|never any) (?:single )?{_SHOTS} "
    rf"(?:(?:that (?:is|are) )?(?:longer|more) than|over|above) {_MARK}",
    rf"\b{_SHOTS} (?:should be |must be |of )?{_MOST} {_MARK}",
    rf"\b{_MOST} {_MARK} (?:per|each|a|for each) {_SHOTS}",
)
def _longest(match: re.Match[str], wishes: Wishes) -> str:
    seconds = max(Fraction(match[1]), Fraction(1, 2))

    def change(style: Style) -> Style:
        median = min(style.median_s or seconds / 2, seconds * Fraction(4, 5))
        return replace(
            style, longest_s=seconds, median_s=median, shortest_s=min(style.shortest_s, median * Fraction(3, 5))
        )

    wishes.change(change, f"no shot longer than {_said(seconds)}")
    return _GAP


@_use(
    rf"\b(?:no|without|avoid) (?:single )?{_SHOTS} (?:(?:that (?:is|are) )?(?:shorter|less) than|under|below) {_MARK}",
    rf"\b{_SHOTS} (?:should be |must be |of )?{_LEAST} {_MARK}",
)
def _shortest(match: re.Match[str], wishes: Wishes) -> str:
    seconds = min(Fraction(match[1]), Fraction(30))

    def change(style: Style) -> Style:
        median = max(style.median_s, seconds * Fraction(5, 4)) if style.median_s else None
        return replace(style, shortest_s=seconds, median_s=median, longest_s=max(style.longest_s, seconds * 2))

    wishes.change(change, f"no shot shorter than {_said(seconds)}")
    return _GAP


@_use(
    rf"\b{_SHOTS}(?: length| lengths)?(?: should be| are| lasting)? "
    rf"(?:of|about|around|roughly|between|~|every) {_ABOUT}"
    rf"{_MARK}(?:-{_MARK})?(?: each| long)?",
    rf"{_MARK}(?:-{_MARK})?(?:[ -]long)? (?:per )?{_SHOTS}\b",
    rf"\bcut(?:ting)? every {_ABOUT}{_MARK}",
)
def _median(match: re.Match[str], wishes: Wishes) -> str:
    given = [Fraction(value) for value in match.groups() if value]
    mean = sum(given, Fraction(0)) / len(given)
    wishes.change(with_median(mean), f"shots of about {_said(mean)}")
    return " shots " if "shot" not in match[0] else _GAP


@_use(rf"\b(?:pauses?|silences?|gaps?) (?:of |to ){_ABOUT}{_MARK}")
def _pause(match: re.Match[str], wishes: Wishes) -> str:
    seconds = min(max(Fraction(match[1]), Fraction(3, 20)), Fraction(3))
    wishes.change(with_values(cut_silences=True, pause_s=seconds), f"pauses shortened to {_said(seconds)}")
    return _GAP


@_use(rf"\b(?:between )?{_MARK}-{_MARK}(?: long| in length)?")
def _between(match: re.Match[str], wishes: Wishes) -> str:
    low, high = sorted((Fraction(match[1]), Fraction(match[2])))
    wishes.set(f"length from {_said(low)} to {_said(high)}", least_s=low, most_s=high)
    return _GAP


@_use(rf"\b{_MOST} {_ABOUT}{_MARK}(?: long| in length)?")
def _at_most(match: re.Match[str], wishes: Wishes) -> str:
    wishes.set(f"length of at most {_said(Fraction(match[1]))}", most_s=Fraction(match[1]))
    return _GAP


@_use(rf"\b{_LEAST} {_ABOUT}{_MARK}(?: long| in length)?")
def _at_least(match: re.Match[str], wishes: Wishes) -> str:
    wishes.set(f"length of at least {_said(Fraction(match[1]))}", least_s=Fraction(match[1]))
    return _GAP


@_use(rf"{_ABOUT}{_MARK}(?:[ -](?:long|in length|in total))?")
def _target(match: re.Match[str], wishes: Wishes) -> str:
    seconds = Fraction(match[1])
    if seconds <= 0:
        wishes.limits.append("a length of 0 s is none")
    elif "target_s" in wishes.values:
        wishes.limits.append(f"a second length, {_said(seconds)}: the first counts")
    else:
        wishes.set(f"length of {_said(seconds)}", target_s=seconds)
    return _GAP
