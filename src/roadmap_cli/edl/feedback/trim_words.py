"""Which end of which shots a person wants trimmed, and by how much.

"Trim the first second of shot 2", "cut half a second off the end of the last clip", "start shot 3 ten frames later".
Without an amount it is no trim of one end: "shorten the end of shot 2" is left to others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from roadmap_cli.edl.feedback import offsets
from roadmap_cli.edl.feedback.amounts import NUMBER
from roadmap_cli.edl.feedback.deed_words import BETWEEN, LEAD, TAIL, VERBS, naming, parted
from roadmap_cli.edl.when import Place


@dataclass(frozen=True, slots=True)
class Trim:
    """Shots that are to begin later (`sign` +1) or to end sooner (-1), by frames of the programme or by seconds."""

    sign: int
    place: Place
    frames: float | None
    seconds: float | None
    words: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What a phrase asks to be trimmed, and the clauses that say nothing of it. `denied`: what is not to be."""

    trims: tuple[Trim, ...] = ()
    rest: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()


_UNIT = r"(?:frames?|milliseconds?|msecs?|ms|seconds?|secs?|s)"
_BY = rf"(?P<by>(?:about |around |roughly |exactly |another )?{NUMBER}[- ]?{_UNIT})"
#: "The first second", "the last ten frames", "the final half second".
_EDGE = (
    rf"(?:the )?(?:very )?(?:(?P<head>first|opening)|last|final|closing) "
    rf"(?P<by>(?:(?:{NUMBER}|half) ?)?{_UNIT})"
)
_SIDE = (
    r"(?:the )?(?:very )?(?:(?P<head>head|start|beginning|front)|(?P<both>both ends|each end|either end)"
    r"|end|ending|tail|back)"
)
_TRIM = (
    rf"(?:{VERBS}|trim|trimming|shave|shaving|chop|chopping|clip|snip|slice|take|taking|shorten|knock|pare)"
    r"(?: (?:off|out|away|down))?"
)
_OF = r" (?:(?:of|from|off|out of|in|on|at|to) )?"
#: What stands before the shots, what after them, in which order; the end is of one of the two.
_FORMS = tuple(
    (re.compile(rf"^{LEAD}{before}"), re.compile(after))
    for before, after in (
        (rf"(?:{_TRIM} {BETWEEN})?{_EDGE}{_OF}", ""),
        (rf"(?:{_TRIM} {BETWEEN})?{_BY} (?:more )?(?:off|from|out of|at) {_SIDE}{_OF}", ""),
        (rf"{_TRIM} {BETWEEN}{_SIDE}{_OF}", rf" by {_BY}"),
        (rf"{_TRIM} {BETWEEN}{_BY} (?:off|from|out of) ", rf" (?:at|from|off) {_SIDE}"),
        (rf"{_TRIM} {BETWEEN}", rf" by {_BY} (?:at|from|off) {_SIDE}"),
        (rf"{_TRIM} {BETWEEN}", rf" (?:at|from) {_SIDE} by {_BY}"),
        (r"(?P<head>start|begin) ", rf" {_BY} (?:later|further in|in)"),
        (r"(?:end|stop|finish) ", rf" {_BY} (?:earlier|sooner)"),
        ("", rf" (?:should |must |can |could |has to |needs to )?(?P<head>starts?|begins?) {_BY} later"),
        ("", rf" (?:should |must |can |could |has to |needs to )?(?:ends?|stops?) {_BY} (?:earlier|sooner)"),
    )
)
_NOT = re.compile(r"^(?:please )?(?:do not|don't|never|why|did|who|when|should not|shouldn't)\b(?: (?:you|we))? ?")
_OWN = re.compile(rf"^(?P<verb>{LEAD}{_TRIM} {BETWEEN})(?P<shots>.+?)'s? (?P<edge>{_EDGE})")


def read(phrase: str) -> Asked:
    """What a plain phrase asks to be trimmed at one end. Never fails."""
    trims: list[Trim] = []
    rest: list[str] = []
    denied: list[str] = []
    going = False
    for _, clause in parted(phrase):
        if (found := _one(clause)) and (going or not clause.startswith(("the ", "first", "last"))):
            trims += found
            going = True
            continue
        going = False
        if (match := _NOT.match(clause)) and _one(clause[match.end() :]):
            denied.append(clause)
        else:
            rest.append(clause)
    return Asked(tuple(trims), tuple(rest), tuple(denied))


def _one(clause: str) -> list[Trim]:
    """The trims of one clause; empty if it says nothing of this."""
    clause = _OWN.sub(r"\g<verb>\g<edge> of \g<shots>", clause)
    for before, after in _FORMS:
        if not (match := before.match(clause)) or not (found := naming(clause[match.end() :])):
            continue
        places, end = found
        left = clause[match.end() + end :]
        then = after.match(left)
        if not then or not TAIL.match(left[then.end() :]) or not all(place.shots for place in places):
            continue
        said = {**match.groupdict(), **{name: value for name, value in then.groupdict().items() if value}}
        frames, seconds = offsets.amount(_counted(said["by"]))
        signs = (1, -1) if said.get("both") else (1,) if said.get("head") else (-1,)
        return [Trim(sign, place, frames, seconds, clause) for place in places for sign in signs]
    return []


def _counted(words: str) -> str:
    """An amount with its number: "second" is one, "half second" half a."""
    if re.match(rf"{_UNIT}$", words):
        return f"one {words}"
    return re.sub(r"^half (?!an? )", "half a ", words)
