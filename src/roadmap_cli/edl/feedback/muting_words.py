"""Which shots or spans a person wants silent, or to be heard again: the sound they were recorded with, nothing else.

"Mute shot 2", "turn the sound of the last clip off", "no audio during 0:04 to 0:06", "unmute the second shot". Music is
no sound of a shot, and neither muted colours nor "the noise in shot 2" are about silence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from roadmap_cli.edl import when
from roadmap_cli.edl.feedback.deed_words import BETWEEN, LEAD, NUMBER_ALONE, TAIL, VERBS, named, naming, parted
from roadmap_cli.edl.when import Place


@dataclass(frozen=True, slots=True)
class Muting:
    """A place whose own sound is to go off (`sign` +1) or on again (-1), and the words that say so."""

    sign: int
    place: Place
    words: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What a phrase asks of the sound of shots, and the clauses that say nothing of it. `denied`: what is not to be."""

    mutings: tuple[Muting, ...] = ()
    rest: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()


_OWN = r"(?:(?:original|own|recorded|camera|live|on-camera|production|natural|clip|video) )"
_SOUND = rf"(?:(?:all )?(?:of )?(?:the |its |their |any |that |this )?{_OWN}?(?:sounds?|audio))"
_OF = r"(?: (?:of|in|from|on|for|during|at|under|to|over|between))+ "
_TURN = r"(?:turn|turning|switch|switching|shut|shutting|take|taking)"
_MUTE = r"(?:mute|muting|silence|silencing)"
_UNMUTE = r"(?:un-?mute|unmuting|un-?silence)"
_OFF = rf"(?:{_TURN} off|{VERBS}|{_MUTE}|no(?: more)?|(?:have|with) no)"
_SILENT = r"(?:silent|silently|mute|muted|soundless)"
_OUGHT = r"(?:should|must|can|could|may|has to|have to|needs? to|ought to) (?:just |both |all )?"
_SHOTS = r"(?:(?: of)?(?: the)? (?:shots?|clips?|cuts?))"
_NOT = re.compile(r"^(?:please )?(?:do not|don't|never|why|did|who|when|there is|there's|should not|shouldn't)\b")
#: A deed, and the place after it.
_BEFORE = (
    (+1, re.compile(rf"^{LEAD}{_MUTE} {BETWEEN}(?:{_SOUND}{_OF})?")),
    (+1, re.compile(rf"^{LEAD}{_OFF} {BETWEEN}{_SOUND}{_OF}")),
    (-1, re.compile(rf"^{LEAD}{_UNMUTE} {BETWEEN}(?:{_SOUND}{_OF})?")),
    (-1, re.compile(rf"^{LEAD}(?:{_TURN}|put) (?:back )?on {BETWEEN}{_SOUND}{_OF}")),
    (-1, re.compile(rf"^{LEAD}(?:bring|give|get|put|restore|hear) (?:back )?{BETWEEN}{_SOUND}{_OF}")),
)
#: A deed around its place: what comes before that, and what must come after.
_AROUND = (
    (+1, rf"(?:{_TURN}|cut|want) {BETWEEN}{_SOUND}{_OF}", r"(?:off|out|away|gone)"),
    (+1, rf"(?:make|keep|play|show|have|leave|want) {BETWEEN}", rf"(?:{_SILENT}|(?:without|with no) {_SOUND})"),
    (-1, rf"(?:{_TURN}|put|bring|want) {BETWEEN}{_SOUND}{_OF}", r"(?:back )?(?:on|back|in)"),
    (-1, rf"give {BETWEEN}", rf"(?:back )?{_SOUND}(?: back| again)?"),
)
#: What is said of a place.
_AFTER = (
    (+1, rf"{_OUGHT}(?:be|go|stay|play|run) (?:{_SILENT}|without {_SOUND})"),
    (+1, rf"{_OUGHT}(?:have no|lose) {_SOUND}"),
    (+1, rf"(?:without {_SOUND}|muted)"),
    (-1, rf"{_OUGHT}(?:be (?:unmuted|heard)|(?:have|get) {_SOUND})"),
)
#: All shots at once.
_ALL = (
    (+1, rf"{_MUTE} (?:everything|all{_SHOTS}?|the (?:whole|entire) (?:edit|film|video))"),
    (+1, rf"(?:{_OFF}) {BETWEEN}(?:the |all (?:the )?)?{_OWN}(?:sounds?|audio)(?: (?:of|in) all{_SHOTS})?"),
    (+1, rf"(?:{_OFF}) {BETWEEN}{_SOUND}{_OF}(?:all|every|each){_SHOTS}"),
    (-1, rf"{_UNMUTE} (?:everything|all{_SHOTS}?)"),
)
_FOLLOWS = "(?= |$)"
_BUT = re.compile(rf",? {when.BUT} ")
_AROUND_EACH = [
    (sign, re.compile(f"^{LEAD}{before}"), re.compile(f"^{after}{_FOLLOWS}")) for sign, before, after in _AROUND
]
_AFTER_EACH = [(sign, re.compile(f"^{after}{_FOLLOWS}")) for sign, after in _AFTER]
_ALL_EACH = [(sign, re.compile(f"^{LEAD}{whole}{_FOLLOWS}")) for sign, whole in _ALL]


def read(phrase: str) -> Asked:
    """What a plain phrase asks of the own sound of shots. Never fails."""
    mutings: list[Muting] = []
    rest: list[str] = []
    denied: list[str] = []
    going = False
    for _, clause in parted(phrase):
        found = _one(clause) or ((mutings[-1].sign, named(clause)) if going else None)
        going = bool(found and found[1])
        if found and found[1]:
            mutings += [Muting(found[0], place, clause) for place in found[1]]
        elif (match := _NOT.match(clause)) and _one(clause[match.end() :].strip()):
            denied.append(clause)
        else:
            rest.append(clause)
    return Asked(tuple(mutings), tuple(rest), tuple(denied))


def _one(clause: str) -> tuple[int, list[Place]] | None:
    """What one clause wants off or on; None if it says nothing of this."""
    clause = NUMBER_ALONE.sub(r"\g<0> shot", clause)
    for sign, before in _BEFORE:
        if (match := before.match(clause)) and (places := named(clause[match.end() :])):
            return sign, places
    for sign, before, after in _AROUND_EACH:
        if (match := before.match(clause)) and (found := naming(clause[match.end() :])):
            left = clause[match.end() + found[1] :].lstrip()
            if (out := after.match(left)) and TAIL.match(left[out.end() :]):
                return sign, found[0]
    if found := naming(clause):
        left = clause[found[1] :].lstrip()
        for sign, after in _AFTER_EACH:
            if (out := after.match(left)) and TAIL.match(left[out.end() :]):
                return sign, found[0]
    for sign, whole in _ALL_EACH:
        if match := whole.match(clause):
            left = clause[match.end() :]
            if TAIL.match(left):
                return sign, [when.EVERYWHERE]
            if (but := _BUT.match(left)) and (places := named(left[but.end() :])):
                return sign, _beside(places)
    return None


def _beside(places: Sequence[Place]) -> list[Place]:
    """All but some shots, or but one span of time."""
    shots = tuple(shot for place in places for shot in place.shots)
    if shots:
        return [Place(shots=shots, beside=True)]
    start, end = places[0].start_s, places[0].end_s
    return [*([Place(None, start)] if start else []), *([Place(end, None)] if end is not None else [])]
