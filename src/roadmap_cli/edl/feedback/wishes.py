"""What a person wishes of an edit, read from their words: axis, sign, strength and place. No model is asked.

Rules read it clause by clause; its likeness to phrases whose meaning is known is held against that. What is no wish
gives none.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from roadmap_cli.edl.feedback import (
    amounts,
    clauses,
    deed_words,
    likeness,
    muting_words,
    offsets,
    removal_words,
    sparing,
    spelling,
    trim_words,
)
from roadmap_cli.edl.feedback.axes import AXES
from roadmap_cli.edl.feedback.plain import plain
from roadmap_cli.edl.when import EVERYWHERE, Place
from roadmap_cli.edl.when import read as read_place

#: How much a bare wish, a small and a large one move a signal, in steps.
SMALL, PLAIN, LARGE = 0.5, 1.0, 1.5


@dataclass(frozen=True, slots=True)
class Wish:
    """One wish: along `axis`, `sign` +1 or -1 as `axes.AXES` says, `strength` in steps, and where.

    `complaint`: something is said to be wrong ("too dark"), which can be held against a measurement; a plain request
    ("brighter") cannot. `face`: what counts is a face. `target_s`: seconds that were said, of a length or of a move of
    sound; `target_frames`: frames that were said; `more`: these are more or less than there is now.
    """

    axis: str
    sign: int
    strength: float
    place: Place
    words: str
    complaint: bool = False
    face: bool = False
    target_s: float | None = None
    target_frames: float | None = None
    more: bool = False

    @property
    def meaning(self) -> str:
        """The wish in words."""
        return AXES[self.axis][0 if self.sign > 0 else 1]


_CLAUSES = re.compile(clauses.PARTING)
_SMALL = re.compile(r"\b(?:a (?:wee |tiny |little )?(?:bit|little|touch|tad|hair|smidge\w*|notch|shade)|"
                    r"slight(?:ly)?|somewhat|"
                    r"a tiny|marginally|subtly|just a|bit)\b")  # fmt: skip
_LARGE = re.compile(r"\b(?:way|far|much too|really|extremely|very|so|lots?|super|completely|terribl[ye]|insanely|"
                    r"massively|"
                    r"totally|hugely|incredibly|awfully|unbearabl[ye]|everything|"
                        r"nothing|ridiculously|seriously)\b")  # fmt: skip


def read(text: str) -> tuple[Wish, ...]:
    """The wishes in a phrase, in order, each axis once (twice if at two places). Empty if there are none.

    Shots whose sound goes off or on come first, then those to be trimmed, then those that are to go; what is said of
    them asks for nothing else.
    """
    text = _without_spared(text)[0]
    deeds = _deeds(text)
    if not deeds.said:
        return _read(text)
    silent = [Wish("mute", each.sign, PLAIN, each.place, each.words) for each in deeds.sounds.mutings]
    shorter = [
        Wish("trim", each.sign, PLAIN, each.place, each.words, target_s=each.seconds, target_frames=each.frames)
        for each in deeds.trims.trims
    ]
    gone = [Wish("shots", each.sign, PLAIN, each.place, each.words) for each in deeds.asked.removals]
    rest = deeds.asked.rest
    return (*silent, *shorter, *gone, *(_read(", ".join(rest)) if rest else ()))


def _without_spared(text: str) -> tuple[str, tuple[sparing.Spared, ...]]:
    """A phrase without the clauses that say what is to stay as it is, and these."""
    phrase = plain(text)
    rest, spared = sparing.read(phrase)
    return text if rest == phrase else rest, spared


def unspared(text: str, found: Sequence[Wish]) -> tuple[str, ...]:
    """The words that want something left as it is which a wish touches."""
    return tuple(
        each.words for each in _without_spared(text)[1]
        if any(sparing.touches(wish.axis, each.thing) for wish in found)
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Deeds:
    """What a phrase asks to be done with shots themselves; what else it says is `asked.rest`."""

    sounds: muting_words.Asked
    trims: trim_words.Asked
    asked: removal_words.Asked

    @property
    def done(self) -> bool:
        """Whether any is to be done."""
        return bool(self.sounds.mutings or self.trims.trims or self.asked.said)

    @property
    def said(self) -> bool:
        """Whether any is spoken of."""
        return bool(self.done or self.sounds.denied or self.trims.denied)


def _deeds(text: str) -> _Deeds:
    phrase = plain(text)
    sounds = muting_words.read(phrase)
    phrase = ", ".join(sounds.rest) if sounds.mutings or sounds.denied else phrase
    trims = trim_words.read(phrase)
    phrase = ", ".join(trims.rest) if trims.trims or trims.denied else phrase
    return _Deeds(sounds, trims, removal_words.read(phrase))


def left_out(text: str, found: Sequence[Wish]) -> tuple[str, ...]:
    """The clauses of a phrase with several that ask for something, and for none of the wishes that were found in it."""
    deeds = _deeds(_without_spared(text)[0])
    asked = deeds.asked
    meant = {(wish.axis, wish.sign) for wish in found}
    places = {wish.place for wish in found}
    parts = [part for part in _CLAUSES.split(", ".join(asked.rest)) if part]
    if not found or (len(parts) < 2 and not deeds.done):
        return asked.unplaced if found else ()
    return asked.unplaced + tuple(
        part for part in parts
        if (_only_places(part) or _REQUEST.search(part) or _ASKS.search(part) or _SPARES.search(part))
        and not clauses.content(part)
        and not places & {*_only_places(part)}
        and not meant & {*_meaning(_ruled(part)), *_meaning({w.axis: w for w in _read(part)})}
    )  # fmt: skip


#: "The last two seconds of shot 1": what is not cut there changes with its shot.
_WITHIN = re.compile(
    r"\b(?:in |during |for )?(?:the )?(?:first|last|opening|closing|final) (?:[\w.,]+ ){0,2}?"
    r"(?:seconds?|frames?|moments?|half) of "
    r"(?=(?:the )?(?:shots?|clips?|\w+ (?:shot|clip)))"
)


def _read(text: str) -> tuple[Wish, ...]:
    """The wishes in a phrase but for shots that are to go."""
    phrase = _WITHIN.sub("", plain(text))
    whole, elsewhere = read_place(offsets.without_amount(phrase) if offsets.read(phrase, "") else phrase)
    found = _ruled(phrase)
    ruled = _meaning(found)
    if len({axis for axis, _ in ruled}) == len(ruled):
        nothing = clauses.content(phrase) or clauses.asks_what_no_wish_is(phrase)
        timed = whole.start_s is not None or whole.end_s is not None  # the times in a phrase are no lengths
        said = elsewhere if timed else _WITHIN.sub("", spelling.mended(text.lower()))
        likely = likeness.meant(said, ruled, nothing)
        if whole.shots and not ruled:  # the naming of a shot alone is like phrases about shots: it wishes nothing
            bare = likeness.meant(elsewhere.replace("that shot", ""), ruled, nothing)
            likely = tuple(wish for wish in likely if wish in bare)
        if removal_words.opens(phrase) or amounts.read(phrase):
            # "Lose the slow motion", "longer by 1.5 seconds": only the rules know what takes away and what adds.
            likely = tuple((axis, -sign) if (axis, -sign) in ruled else (axis, sign) for axis, sign in likely)
        if set(likely) != set(ruled):
            kept = {(wish.axis, wish.sign): wish for wish in found.values()}
            found = {axis: kept.get((axis, sign)) or _wish(axis, sign, phrase, whole) for axis, sign in likely}
    if whole is not EVERYWHERE and len({wish.place for wish in found.values()} - {EVERYWHERE}) <= 1:
        found = {
            k: replace(w, place=whole) if w.place is EVERYWHERE and w.axis != "undo" else w for k, w in found.items()
        }
    for special in ("start", "end"):
        if special in found:
            found[special] = replace(found[special], place=EVERYWHERE)
    return (*found.values(), *_elsewhere(phrase, found.values()))


def _elsewhere(phrase: str, found: Collection[Wish]) -> Iterator[Wish]:
    """The wishes of a clause at the places that follow it: "too dark at 0:04 and at 0:09"."""
    said = ""
    for clause in _CLAUSES.split(phrase):
        if not (places := _only_places(clause)):
            said = clause
            continue
        for wish in found:
            if wish.words in {said, phrase} and wish.place is not EVERYWHERE:
                yield from (replace(wish, place=place) for place in places if place != wish.place)


def _only_places(clause: str) -> list[Place]:
    """The places a clause names if it says nothing else."""
    if places := deed_words.named(clause):
        return places
    return [read_place(clause)[0]] if _ONLY_PART.fullmatch(clause) else []


_ONLY_PART = re.compile(
    r"(?:also )?(?:(?:in|at|near|around|towards?) )?the (?:very )?(?:start|beginning|opening|middle|end|ending)"
)


_VERSION = re.compile(r"\b(?:first|last|second|third|previous) one\b")


def means_one_change(wish: Wish) -> bool:
    """Whether a wish to take back means one change among others, not just the last."""
    elsewhere = wish.place is not EVERYWHERE and not _VERSION.search(wish.words)
    return wish.axis == "undo" and wish.sign > 0 and (elsewhere or clauses.names_a_change(wish.words))


def besides_undo(text: str, found: Sequence[Wish]) -> tuple[Wish, ...]:
    """The wishes beside one to take back that are more than its reason: not "undo that, it was better warmer"."""
    phrase = plain(text)

    def why(wish: Wish) -> bool:
        joined = re.search(rf"\b(?:and|but|also|then|plus) {re.escape(wish.words)}", phrase)
        return bool(_LIKED.search(wish.words)) or (wish.complaint and not joined)

    return tuple(wish for wish in found if wish.axis != "undo" and not why(wish))


_LIKED = re.compile(r"\b(?:was|were|liked|loved|preferred|looked|sounded|felt|better|than before)\b")


def by_rules(text: str) -> tuple[likeness.Meaning, bool]:
    """What the rules alone read from a phrase, and whether they see that it asks for nothing."""
    phrase = plain(text)
    return _meaning(_ruled(phrase)), clauses.content(phrase)


def _meaning(found: dict[str, Wish]) -> likeness.Meaning:
    return tuple((wish.axis, wish.sign) for wish in found.values())


def _ruled(phrase: str) -> dict[str, Wish]:
    """The wishes that rules read from a plain phrase, clause by clause, by axis."""
    found: dict[str, Wish] = {}
    topic = ""
    taken = 0
    for clause in _CLAUSES.split(phrase):
        if not clause:
            continue
        if moved := offsets.read(clause, topic):
            place = read_place(offsets.without_amount(clause))[0]
            complaint = _complaint(clause)
            found.setdefault(
                "shift",
                Wish("shift", moved.sign, PLAIN, place, clause, complaint, target_s=moved.seconds,
                 target_frames=moved.frames),
            )  # fmt: skip
            topic = "sound"
            continue
        place, rest = read_place(clause)
        topic = clauses.topic_of(rest) or clauses.topic_of(clause) or topic
        for axis, sign in clauses.heard(rest, clause, topic, taken):
            taken = sign
            wish = _wish(axis, sign, clause, place)
            kept = found.get(axis)
            if kept is not None and kept.sign != sign and kept.place != place and place is not EVERYWHERE:
                found[f"{axis} again"] = wish
            else:
                found.setdefault(axis, wish)
    return found


def _wish(axis: str, sign: int, words: str, place: Place) -> Wish:
    """A wish with what its words say besides: how much, whether they complain, of a face, to what length."""
    wish = Wish(axis, sign, _strength(words), place, words, _complaint(words), bool(_FACE.search(words)))
    said = amounts.read(words)
    if said is None:
        return wish
    if axis in _LENGTHS and said.unit in {"s", "frames"} and (said.more or axis != "end"):
        seconds, frames = (said.value, None) if said.unit == "s" else (None, said.value)
        return replace(wish, target_s=seconds, target_frames=frames, more=said.more)
    if axis in _DB and said.unit == "dB":
        return replace(wish, strength=said.value / _DB[axis])
    if axis in _TIMES and said.unit == "%" and (factor := _times(said, sign)) > 1:
        return replace(wish, strength=(factor - 1) / 0.25)
    return wish


#: What seconds and frames are said of, and the decibels of one step.
_LENGTHS = frozenset({"length", "shot_length", "end"})
_DB = {"music": 3.0, "speech": 3.0, "loudness": 4.0}
#: What one step makes a quarter more of.
_TIMES = frozenset({"speed", "length", "shot_length"})


def _times(said: amounts.Amount, sign: int) -> float:
    """How many times more, or less for `sign` -1, per cent mean; 0 if they mean nothing that way."""
    share = said.value / 100
    share = 1 + sign * share if said.more else share
    return 0.0 if share <= 0 else share if sign > 0 else 1 / share


def unfollowed(wish: Wish) -> str:
    """The amount that a wish names and that cannot be followed along its axis; empty if there is none."""
    said = amounts.read(wish.words)
    if said is None or wish.target_s is not None or wish.target_frames is not None:
        return ""
    followed = (said.unit == "dB" and wish.axis in _DB) or (said.unit == "%" and wish.axis in _TIMES)
    return said.words if said.more and not followed and wish.axis not in {"shift", "shots", "mute"} else ""


_FACE = re.compile(r"\b(?:faces?|(?:see|make out) (?:him|her|them|his|people))\b")
_COMPLAINT = re.compile(r"\b(?:too|isn't|not|is|are|looks?|feels?|sounds?|can't|cannot|hardly|barely|it's|there's|"
                        r"so|seems?|overly|"
                        r"lacks?|lacking|over\w+|under\w+)\b|n't\b")  # fmt: skip
_REQUEST = re.compile(r"^(?:please |can you |could you |would you |let's |i(?:'d| would) like |i want |we need |"
                      r"try )?(?:make|turn|bring|raise|lower|"
                      r"lift|push|pull|add|give|increase|reduce|boost|bump|dial|tone|slow|speed|cut|trim|hold|"
                      r"a (?:bit|little|touch|tad)|slightly|more|less|fewer|\w+er)\b")  # fmt: skip
#: Words that a clause which asks for something begins with, besides those that ask for a degree.
_ASKS = re.compile(
    r"^(?:and |then |please |just |also |maybe |now |(?:can|could|would) (?:you|we) |i(?:'d like|"
    r" want)(?: you)?(?: to)? )*"
    r"(?:remove|delete|drop|take|get|lose|move|swap|put|show|use|replace|change|fix|blur|zoom|mute|crop|rotate|flip|"
    r"mirror|"
    r"open|begin|reverse|loop|repeat|duplicate|split|fade|insert|include|write|animate|stabili[sz]e|keep|play|start|end|let|"
    r"bring)\b"
)

#: "Warmer, but not the faces": what is to stay as it is.
_SPARES = re.compile(
    r"^(?:please |just )?(?:not|never|without|leave) (?!(?:that|this|it|so|too|much|enough|sure|bad)\b)"
)


def _complaint(clause: str) -> bool:
    """Whether something is said to be wrong, not just asked for."""
    if re.search(r"\btoo\b", clause):
        return True
    return bool(_COMPLAINT.search(clause)) and not _REQUEST.search(clause)


def praised(text: str) -> bool:
    """Whether the words say that the edit is good as it is."""
    phrase = plain(text)
    return not read(text) and bool(re.search(r"\bkeep (?:it|this|that)\b", phrase) or clauses.pleased(phrase))


def _strength(clause: str) -> float:
    return SMALL if _SMALL.search(clause) else LARGE if _LARGE.search(clause) else PLAIN
