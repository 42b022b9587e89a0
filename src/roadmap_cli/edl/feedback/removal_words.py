"""Which shots or spans a person wants out of an edit, or kept alone: a verb of removal and what it names, nothing else.

"Drop the second shot", "cut out 0:04 to 0:06", "the last clip can go", "keep only shots 1 and 3". What is removed must
be a shot or a span by itself: "drop the music in shot 2" and "cut the second shot shorter" ask for other things.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from roadmap_cli.edl import when
from roadmap_cli.edl.feedback.deed_words import (
    BETWEEN,
    LEAD,
    NUMBER_ALONE,
    TAIL,
    VERBS,
    named,
    naming,
    parted,
    place_at,
)
from roadmap_cli.edl.when import Place


@dataclass(frozen=True, slots=True)
class Removal:
    """A place that is to go (`sign` -1) or to stay alone (+1), and the words that say so."""

    sign: int
    place: Place
    words: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What a phrase asks to be removed, and the clauses that say nothing of it.

    `denied`: what must not go. `unplaced`: a shot is to go, and the words do not say which in a way that can be found.
    """

    removals: tuple[Removal, ...] = ()
    rest: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    unplaced: tuple[str, ...] = ()

    @property
    def said(self) -> bool:
        """Whether any clause is about shots that go or stay."""
        return bool(self.removals or self.denied or self.unplaced)


_WITHOUT = re.compile(r"^.*\b(?:better|nicer|stronger|tighter|good|fine|enough)(?: off)? without (?:having )?")
_PARTED = (
    r"(?:cut|cutting|take|taking|throw|throwing|leave|leaving|edit|pull|pulling|chuck|toss|get|kick|snip|strip|rip|"
    r"(?:i |we )?want)"
)
_REASON = re.compile(
    r"^(?:because|since|as|for|cause|cuz|'cause|so that|it|it's|its|they|they're|that|that's|which|there|there's|this|"
    r"nobody|no one|he|she|i|we|not needed|too|so|way|boring|useless|pointless)\b"
)
_SAID_WHY = re.compile(
    r"\s+(?:because|since|as (?:it|they|he|she|that|there)|cause|cuz|'cause|it's|it is|they are|they're|which|for it)\b"
    r".*$|\s*\(.*$"
)
_NOT = re.compile(r"\b(?:don't|do not|never|not|shouldn't|should not|mustn't|must not|no need to|stop|why|did|didn't|"
                  r"won't|wouldn't|can't|cannot|refuse to|needn't|what if|who|when|where|how come|avoid)\b(?! (?:but|"
                  r"only))")  # fmt: skip
_MUST_NOT = re.compile(r" (?:should|must|can|may) ?(?:not|n't|never)\b.*\b(?:go|removed|deleted|cut|dropped|out)\b")
_UNWANTED = re.compile(
    rf"^{LEAD}(?:(?:i|we) )?(?:don't|do not|no longer) (?:really )?(?:need|want) (?:to (?:see|have|keep|show) )?"
)
_GOES = re.compile(
    r"^,? ?(?:(?:should|can|could|must|may|might|has to|have to|needs? to|ought to|is to|are to|will have to) (?:just "
    r"|really |all |both )?(?:go|leave|disappear|vanish|be (?:removed|deleted|cut(?: out)?|dropped|taken out|left out|"
    r"thrown out|omitted|skipped|scrapped|axed|gone|out|lost|edited out|cut away))|(?:is|are|'s) (?:unnecessary|"
    r"superfluous|redundant|not needed|unneeded|not wanted|unwanted|to go)|isn't needed|aren't needed|isn't necessary|"
    r"(?:removed|deleted|gone|dropped|out|cut|cut out|taken out|left out))(?= |$)"
)
_ALONE = re.compile(
    rf"^{LEAD}(?:(?:keep|keeping|leave|leaving|use|using|show|have|want) (?:just|only|nothing but|no more than|"
    rf"solely) |"
    r"(?:only|just) (?:keep|use|show|leave|want|have) |(?:just|only|nothing but) )"
)
_KEEP = re.compile(rf"^{LEAD}keep {BETWEEN}")
_EVERY = rf"(?:{when.ALL}|anything|the (?:rest|others?|other (?:shots|clips))|the (?:whole|entire) \w+)"
#: "Drop everything, but leave shot 2".
_SPARE = re.compile(rf"^{LEAD}(?:keep|leave|spare) {BETWEEN}")
_ALL_BUT = re.compile(rf"^{LEAD}{VERBS} {_EVERY},? {when.BUT} ")
#: "Take everything but shot 2 out", "everything but shot 2 can go".
_ALL_BUT_AROUND = re.compile(rf"^{LEAD}(?:{_PARTED} )?{_EVERY},? {when.BUT} ")
#: "Keep everything except shot 2", "everything except shot 2 stays".
_KEEP_ALL_BUT = re.compile(
    rf"^{LEAD}(?:(?:keep|keeping|use|using|show|retain|have|leave in|(?:i |we )?want(?: to (?:keep|see|use))?) )"
    rf"{BETWEEN}{_EVERY},? {when.BUT} "
)
_STAYS = re.compile(
    r"^,? ?(?:(?:should|can|could|must|may|has to|have to|needs? to|ought to|is to|are to) (?:stay|remain|be kept)"
    r"(?: in)?|stays?|remains?)(?= |$)"
)
_THE_REST = re.compile(
    rf"^{LEAD}{VERBS} (?:(?:all )?the (?:rest|others|other (?:shots|clips|cuts|scenes|ones))|everything else|"
    rf"all else|"
    r"(?:all|every) others?)\b"
)
_ALL = re.compile(
    rf"^{LEAD}{VERBS} (?:everything|all (?:of )?(?:the |these |those |my )?(?:shots|clips|cuts|scenes|takes)|"
    r"every (?:single )?(?:shot|clip|cut|scene|take)|the (?:whole|entire) (?:edit|film|video|movie|thing))"
)
_IT = re.compile(
    rf"^{LEAD}(?:{VERBS} (?:it|them|that|those|that one|(?:that|this|those) (?:shots?|clips?|scenes?|cuts?))|"
    rf"{_PARTED} (?:it|them|that|those|that one|(?:that|this|those) (?:shots?|clips?|scenes?|cuts?)) (?:out|away))"
)
_DISLIKED = re.compile(
    rf"^{LEAD}(?:i |we )?(?:(?:really |just )?(?:don't|do not) (?:really )?(?:like|want|need|love)|hate|dislike|"
    r"can't stand) "
)
_SAID_OF = re.compile(
    r"^(?: that shot)? ?(?:is|are|looks?|feels?|seems?|drags?|has|have|does|doesn't|isn't|aren't|was|goes|adds?|'s |"
    r"'re "
    r"|$)"
)
_VERB = re.compile(rf"^{LEAD}{VERBS} {BETWEEN}")
_TAKEN = re.compile(rf"^{LEAD}{_PARTED} {BETWEEN}")
_OUT = re.compile(r"^(?:out|away|gone|removed|deleted|cut out|dropped)(?= |$)")
_SOME_SHOT = re.compile(
    r"^(?:(?:the|this|that|these|those|all|any|every|a|my|his|her)(?: of the)? )?"
    r"(?:(?!(?:to|between|in|of|on|from|at|for|with|during|across|over|and|before|after|into|by)\b)[\w'-]+ ){0,3}?"
    r"(?:shots?|clips?|scenes?|takes?)(?= |$)(?: (?:of|with|where|in|on|at|when|while|showing|from|that|which|by|"
    r"without|"
    r"about|after|before)\b.*)?"
)
#: "Drop the intro": how far it goes is not said.
_SOME_PART = re.compile(r"(?:the|that|this) (?:\w+ )?(?:intro(?:duction)?|outro|opening|beginning|ending|finale)\b")
#: "Cut the ending" may ask for a shorter one.
_SHORTENS = re.compile(r"\b(?:cut|cutting|skip|skipping) $")


def read(phrase: str) -> Asked:
    """What a plain phrase asks to be removed. Never fails."""
    phrase = _ALL_SAVE.sub(r"\1 except ", phrase)
    removals: list[Removal] = []
    rest: list[str] = []
    denied: list[str] = []
    unplaced: list[str] = []
    spoken_of: list[Place] = []
    going = explained = False
    kept_before: list[Place] = []
    for separator, clause in parted(phrase):
        bare = _SAID_WHY.sub("", clause) if going or _opens(clause) else clause
        if going and (places := named(bare)):
            removals += [Removal(removals[-1].sign, place, clause) for place in places]
            continue
        if explained and "and" not in separator and "but" not in separator and _REASON.match(clause):
            continue
        went_on, going, explained = going, False, True
        found = _one(bare)
        if found is not None:
            sign, places = found
            removals += [Removal(sign, place, clause) for place in places]
            going = True
        elif _denial(bare):
            denied.append(clause)
        elif (
            removals
            and removals[-1].place is when.EVERYWHERE
            and (match := _SPARE.match(bare))
            and (places := named(bare[match.end() :]))
        ):
            removals[-1:] = [Removal(1, place, clause) for place in places]
            going = True
        elif (match := _KEEP.match(bare)) and (places := named(bare[match.end() :])):
            kept_before += places
            denied.append(clause)
        elif kept_before and (match := _THE_REST.match(bare)) and TAIL.match(bare[match.end() :]):
            removals += [Removal(1, place, clause) for place in kept_before]
            denied.clear()
        elif spoken_of and (match := _IT.match(bare)) and TAIL.match(bare[match.end() :]):
            removals += [Removal(-1, place, clause) for place in spoken_of]
            if rest:
                rest.pop()  # what was said of it is why it goes
            going = True
        elif _without_place(bare) or (went_on and _is_some_shot(bare)):
            unplaced.append(clause)
        else:
            explained = False
            rest.append(clause)
        spoken_of = _subject(bare) if rest and rest[-1] is clause else []
    if removals:
        rest = [NUMBER_ALONE.sub(r"\g<0> shot", clause) for clause in rest]
    return Asked(_together(removals), tuple(rest), tuple(denied), tuple(unplaced))


#: "Everything but the dog": no new clause begins there.
_ALL_SAVE = re.compile(rf"\b({_EVERY}),? but (?!(?:please )?(?:keep|leave|not)\b)")


def opens(phrase: str) -> bool:
    """Whether a plain phrase begins by taking something away."""
    return bool(_VERB.match(phrase))


def _opens(clause: str) -> bool:
    return any(pattern.match(clause) for pattern in (_VERB, _TAKEN, _ALONE, _ALL_BUT, _UNWANTED)) or bool(
        place_at(clause)
    )


def _one(clause: str) -> tuple[int, list[Place]] | None:
    """What one clause wants to go or to stay alone; None if it says nothing of this."""
    if all_but := _all_but(clause):
        return all_but
    if (match := _ALONE.match(clause)) and (places := named(clause[match.end() :])):
        return 1, places
    if (match := _ALL.match(clause)) and TAIL.match(clause[match.end() :]):
        return -1, [when.EVERYWHERE]
    if (match := _UNWANTED.match(clause)) and (places := named(clause[match.end() :])):
        return -1, places
    if (match := _VERB.match(clause) or _WITHOUT.match(clause)) and (places := named(clause[match.end() :])):
        return -1, places
    if (match := _TAKEN.match(clause)) and (found := naming(clause[match.end() :])):
        after = clause[match.end() + found[1] :].lstrip()
        if (out := _OUT.match(after)) and (TAIL.match(after) or TAIL.match(after[out.end() :])):
            return -1, found[0]
    if found := naming(clause):
        after = clause[found[1] :].lstrip()
        if (match := _GOES.match(after)) and (TAIL.match(after) or TAIL.match(after[match.end() :])):
            return -1, found[0]
    return None


def _all_but(clause: str) -> tuple[int, list[Place]] | None:
    """What one clause says of all but some shots: these stay alone, or they alone go."""
    if (match := _ALL_BUT.match(clause)) and (places := named(clause[match.end() :])):
        return 1, places
    if (match := _ALL_BUT_AROUND.match(clause)) and (found := naming(clause[match.end() :])):
        after = clause[match.end() + found[1] :].lstrip()
        if (out := _OUT.match(after) or _GOES.match(after)) and TAIL.match(after[out.end() :]):
            return 1, found[0]
        if (stays := _STAYS.match(after)) and TAIL.match(after[stays.end() :]):
            return -1, found[0]
    if (match := _KEEP_ALL_BUT.match(clause)) and (places := named(clause[match.end() :])):
        return -1, places
    return None


def _denial(clause: str) -> bool:
    """Whether a clause says that a shot must not go, or asks why it went."""
    for match in _NOT.finditer(clause):
        left = clause[match.end() :].strip()
        left = re.sub(r"^(?:(?:you|we|i|to|ever|please|have|want|need|be) )+", "", left)
        for verb in (re.match(rf"{VERBS}(?:d|ed|t)? {BETWEEN}", left), re.match(rf"{_PARTED}(?:n)? ", left)):
            if verb and naming(left[verb.end() :]):
                return True
    found = naming(clause)
    return bool(found and _MUST_NOT.match(clause[found[1] :]))


def _without_place(clause: str) -> bool:
    """Whether a clause wants a shot to go, and does not say which in a way that can be found."""
    match = _VERB.match(clause)
    if not match:
        return False
    named = clause[match.end() :]
    part = None if _SHORTENS.search(match[0]) else _SOME_PART.match(named)
    return _is_some_shot(named) or bool(part and TAIL.match(named[part.end() :]))


def _is_some_shot(words: str) -> bool:
    """Whether words name a shot in a way that cannot be found, and nothing else: "the shot of the dog"."""
    return bool((match := _SOME_SHOT.match(words)) and TAIL.match(words[match.end() :]))


def _subject(clause: str) -> list[Place]:
    """The shots that a clause says something of, as "shot 2" in "shot 2 is boring"."""
    if (match := _DISLIKED.match(clause)) and (places := named(clause[match.end() :])):
        return places
    found = naming(clause)
    return found[0] if found and _SAID_OF.match(clause[found[1] :]) else []


def _together(removals: Sequence[Removal]) -> tuple[Removal, ...]:
    """Shots by number as one removal, spans one by one, the last one first: what lies before it stays in its place."""
    made: list[Removal] = []
    for sign in (1, -1):
        numbered = [each for each in removals if each.sign == sign and each.place.shots]
        if numbered:
            shots = tuple(dict.fromkeys(shot for each in numbered for shot in each.place.shots))
            words = ", ".join(dict.fromkeys(each.words for each in numbered))
            made.append(Removal(sign, Place(shots=shots), words))
    others = [each for each in removals if not each.place.shots]
    return (*made, *sorted(others, key=lambda each: -(each.place.start_s or 0)))
