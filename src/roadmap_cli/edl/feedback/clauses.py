"""What one clause wishes: the turn of speech it is, or the property it names and how that is said.

A turn of speech that says a wish as a whole comes first; else a word for a property ("dark", "contrast") is found, and
how it is said decides: complained of ("too dark"), asked for ("darker"), missed ("not dark enough"), or content ("not
too dark").
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from roadmap_cli.edl import when
from roadmap_cli.edl.feedback.idioms import idioms
from roadmap_cli.edl.feedback.wish_words import ADJECTIVES, NOUNS, TOPICS, VERBS

#: Where one clause of a phrase ends and the next begins.
PARTING = r"\s*(?:[.;!?]+(?=\s|$)|,(?:\s*(?:and|but))?\s|\s+(?:and|but|yet|although|though|plus|also)\s)\s*"
_PRAISE = re.compile(r"\b(?:love|perfect(?:ly)?|great|fine|good|nice|nicely|just right|lovely|beautiful(?:ly)?|"
                     r"awesome|brilliant|"
                     r"excellent|(?<!'d )(?<!would )like (?:the|it|how|this|that)|well done|thank|thanks|happy "
                     r"with|spot on|wonderful|works|amazing|"
                     r"fantastic|gorgeous|superb|ok|okay|ship it|epic work|very much|stunning|elegant|adorable|"
                     r"charming|delightful|"
                     r"splendid|marvell?ous|terrific|fabulous|first[- ]class|tasteful|magical|impressive|touching|"
                     r"magnificent|exquisite|suits?|fits (?:the|so|very|it)|adds to|just what (?:i|we)|bravo|"
                     r"congrat\w*)\b")  # fmt: skip
_NO_PRAISE = re.compile(
    r"\b(?:not|n't|isn't|aren't|don't|doesn't|would be|would look|could|can|should|too|needs?|more|less|if|"
    r"for my taste)\b"
    r"|n't\b|\b(?:bright|dark|warm|cold|loud|quiet|fast|slow|short|long|sharp|soft|clear|steadi|punchi|snappi)er\b"
)
#: "Lovely, but": praise that goes on to a wish.
_RESERVED = re.compile(r"\b(?:but|though|although|only|except|apart from|pity|shame|why|yet|however)\b")
_LEAVE = re.compile(r"\b(?:don't|do not|never|please don't) (?:change|touch|alter|modify)\b|\bleave (?:the |this |"
                    r"that |her |his )?[\w ]+? "
                    r"(?:as (?:it|they) (?:is|are)|alone|unchanged)\b|\bkeep (?:the |this |that )?[\w ]+? as "
                    r"(?:it|they) (?:is|are)\b")  # fmt: skip
_QUESTION = re.compile(r"^(?:who|what|when|where|which|how (?:many|much|long|old|did)|did|is this|was|do you)\b")
_WISHING_QUESTION = re.compile(
    r"^(?:what|who|where) (?:\w+ ){0,3}(?:is|are) (?:he|she|they) saying|^why\b|\b(?:too|so|more|less)\b"
)
_WANT = re.compile(r"\b(?:make|making|turn|want|wants?|give|get|like (?:it|this|the|to)|should|could|would|needs?|"
                   r"needed|let's|try|set|go|"
                   r"prefer|wish|i'd like|how about|can (?:you|we|it)|render|deserves)\b")  # fmt: skip
_DENIED = re.compile(
    r"\b(?:not|isn't|aren't|wasn't|doesn't|don't|never|hardly|barely|cannot|can't|no longer|nowhere near|lacks?)\b"
)
_COMMAND_DENIED = re.compile(
    r"\b(?:don't|do not|stop|never|please don't|shouldn't|should not|must not|mustn't|can we not)\b"
)
_LESS = re.compile(
    r"\b(?:less|not (?:as|so)|lesser|no more|tone down|reduce|cut down on|"
    r"(?:get rid of|lose|remove)(?: (?:the|those|all))*) (?:\w+ )?$"
)
_MORE = re.compile(r"\b(?:more|much|even|a lot|a bit|a little|slightly|some) ?$")
_COMPARED = re.compile(r"(?:er|ier|slowly|quickly)$")
_NO_COMPARATIVE = frozenset({"cut up"})

_TAKE = re.compile(r"\b(?:less|fewer|reduce|lower|cut|remove|get rid of|drop|turn(?:ed)? down|tone|dial|bring|"
                   r"pull|take|too much|too many|too strong|"
                   r"too high|too heavy|too intense|a bit much|over the top|overkill|too present|too obvious|"
                   r"overdone|enough (?:with|of)|lose|kill|clean up|hate|without|decrease|shorten|soften|"
                   r"excessive|delete|ditch|eliminate|minimi[sz]e|trim|fix|denoise|annoying|distracting|terrible|"
                   r"ugly|awful|too harsh|overpower\w*|"
                   r"smooth out|knock back|ease off|edge off|strip|filter|skip|don't like|do not like|rid of|"
                   r"too big|too "
                   r"large|dislike|harsh|cheesy|down)\b")  # fmt: skip
_GIVE = re.compile(r"\b(?:more|add|increase|raise|bump|boost|turn(?:ed)? up|crank|push|lift|needs?|lacks?|lacking|"
                   r"missing|not enough|"
                   r"isn't enough|too little|too few|too low|is low|some|give|want|would help|there is no|there's "
                   r"no|has no|have no|could use|"
                   r"insufficient|bring back|up|restore|higher|stronger|too weak|too small|enhance|use|apply|put|"
                   r"strengthen|amplify|a lack of|hardly any|barely any)\b")  # fmt: skip
_STRONG = re.compile(r"\b(?:strong|intense|heavy|powerful|aggressive|hard|harsh)\b")
_EITHER = re.compile(r"\b(?:turn|bring|pull|dial|push|take|tone|crank|bump|put)\b")


def content(phrase: str) -> bool:
    """Whether a phrase asks for nothing: praise, a question, or to leave things alone."""
    asks = _QUESTION.search(phrase) and not _WISHING_QUESTION.search(phrase)
    pleased = _PRAISE.search(phrase) and not _NO_PRAISE.search(phrase) and not _RESERVED.search(phrase)
    return bool(asks or pleased or _LEAVE.search(phrase) or re.search(r"\bnothing to\b|\bnot? too\b", phrase))


def pleased(phrase: str) -> bool:
    """Whether a phrase has a word of praise."""
    return bool(_PRAISE.search(phrase))


def topic_of(clause: str) -> str:
    """What a clause is about, of `wish_words.TOPICS`; empty if it does not say."""
    for name, pattern in TOPICS:
        if pattern.search(clause):
            return name
    return ""


_CHANGE = (
    r"(?:change|edit|one|step|version|revision|thing|bit|action|modification|correction|adjustment|amendment|"
    r"alteration|tweak|update|cut|fix)"
)
_ONE_CHANGE = re.compile(
    r"\b(?:two|three|four|five|six|several|few|couple of|\d+) (?:last |latest )?(?:changes|edits|steps|versions|times)"
    rf"\b|\btwice\b|\b(?:undo|revert|take back) (?:the|my|your|these|those) (?!(?:\w+ ){{0,2}}{_CHANGE}s?\b)\w"
)
#: Topics that name no change among others: "undo that edit", "the last look was better".
_ANY_CHANGE = frozenset({"", "length", "look"})


def names_a_change(clause: str) -> bool:
    """Whether a clause says which change it means, or how many, of those that were made: "undo the warmth"."""
    return bool(_ONE_CHANGE.search(clause) or topic_of(clause) not in _ANY_CHANGE or _noun(clause, "", 1))


_PLACED = re.compile(r"\b(?:in|of|on|from|for|during|at|all over|throughout|the|those|these) (?:all |the |those |"
                     r"these )?(?:dark|bright|night|quiet|loud|silent|slow|"
                     r"fast|long|short|black|low[- ]light|office|outdoor|indoor|walking|talking|interview|beach|"
                     r"evening|handheld|noisy)(?:er|est)? "
                     r"(?:shots?|parts?|scenes?|areas?|bits?|footage|clips?|sections?|passages?|"
                         r"moments?)\b")  # fmt: skip


def heard(rest: str, clause: str, topic: str, before: int) -> list[tuple[str, int]]:
    """The wishes of one clause. "The dark shots" are a place first, and a fault only if nothing else is said."""
    bare = " ".join(_PLACED.sub(" there ", rest).split())
    found = list(_clause(bare, _PLACED.sub(" there ", clause), topic, before)) if bare != rest else []
    return found or list(_clause(rest, clause, topic, before))


#: What is laid over an edit: not wanting it means less of it.
_EXTRAS = frozenset({"blur", "bars", "vignette", "glow", "transitions", "titles"})
_UNWANTED = re.compile(r"\b(?:don't|do not|didn't|never|no need to) (?:\w+ )?(?:want|need|like|use|add|have|put)\b")


def _clause(rest: str, clause: str, topic: str, before: int) -> Iterator[tuple[str, int]]:
    """The wishes of one clause: `rest` is the clause without its place, `before` how the clause before it went."""
    asks_nothing = _LEAVE.search(clause) or (_QUESTION.search(clause) and not _WISHING_QUESTION.search(clause))
    if asks_nothing or _opens_or_ends_on_another(clause) or _NO_WISH.search(clause):
        return
    if idioms()[0][0].search(clause):
        yield "undo", 1
        return
    if _PRAISE.search(clause) and not _NO_PRAISE.search(clause):
        return
    for pattern, wish in idioms():
        if pattern.search(clause):
            turned = wish[:-1] in _EXTRAS and bool(_UNWANTED.search(clause))
            yield wish[:-1], -abs(_sign(wish)) if turned else _sign(wish)
            return
    for pattern, plain, by_topic in VERBS:
        if match := pattern.search(rest):
            wish = by_topic.get(topic, plain)
            left = rest[: match.start()]
            turned = bool(_COMMAND_DENIED.search(left)) or bool(re.search(r"\b(?:less|too|over) ?$", left))
            yield wish[:-1], -_sign(wish) if turned else _sign(wish)
            return
    best: tuple[int, str, int] | None = None
    for pattern, plain, by_topic in ADJECTIVES:
        for match in pattern.finditer(rest):
            wish = by_topic.get(topic, plain)
            polarity = _said(rest, match)
            if (
                polarity == -1
                and wish in {"drama+", "energy+"}
                and not re.search(r"\b(?:too|so|less|quite|over\w*|on the \w+ side)\b", rest)
            ):
                polarity = 1  # a bare "dramatic" asks for it
            if polarity is None:
                return
            if best is None or match.end() > best[0]:
                best = (match.end(), wish[:-1], _sign(wish) * polarity)
    noun = _noun(rest, topic, before)
    if (
        best
        and noun
        and best[1] == "contrast"
        and noun[0] not in {"contrast", "speech", "loudness"}
        and _STRONG.search(rest)
    ):
        yield noun[0], noun[1]  # "the grain is too strong": strong grain, not contrast
        return
    if best and not (noun and _outweighs(rest, noun[2])):
        yield best[1], best[2]
    elif noun:
        yield noun[0], noun[1]


def _sign(wish: str) -> int:
    return 1 if wish.endswith("+") else -1


def _outweighs(rest: str, name: str) -> bool:
    """Whether a noun that is a measure decides: 'too much contrast', 'a golden glow', not 'the music is loud'."""
    return bool(re.search(rf"\b(?:more|less|fewer|too much|too many|not enough|add|remove|a|some|the) (?:\w+ "
        rf")?{re.escape(name)}", rest)) and not (
        re.search(r"\b(?:too|less|more|\w+er)\b(?! much| "
            r"many)", rest.replace(name, "")) or name in {"music", "voice", "speech", "sound", "audio", "colours",
             "colors", "text", "title"}
    )  # fmt: skip


def _said(rest: str, match: re.Match[str]) -> int | None:
    """+1 if more of the property is wished, -1 if less, None if it is as it should be."""
    left, right, word = rest[: match.start()].rstrip() + " ", rest[match.end() :], match[0]
    denied = bool(_DENIED.search(left)) or left.endswith("n't ")
    commanded = bool(_COMMAND_DENIED.search(left)) and bool(
        re.search(r"\b(?:make|be|get|go|look|turn|use|play|want|like|need)\b", left)
    )
    if re.match(r"\s+enough\b", right):
        return 1 if denied else None
    if re.search(r"\b(?:too|overly|excessively)(?: \w+)? $", left) and not re.search(r"\btoo \w+ (?:and|but)", left):
        if commanded:
            return -1
        return None if re.search(r"\b(?:not|isn't|aren't|never) (?:\w+ )?(?:too|overly) $", left) else -1
    if re.match(r"(?:over|under)-?", word) and not denied:
        return -1
    if _LESS.search(left):
        return -1
    if commanded:
        return -1
    if denied:
        return 1
    if _COMPARED.search(word) and word not in _NO_COMPARATIVE:
        return 1
    if _MORE.search(left) and re.search(r"\bmore $", left):
        return 1
    if _WANT.search(left):
        return 1
    if re.search(r"\bplease\b", rest) and not re.search(
        r"\b(?:too|so|is|are|looks?|feels?|sounds?|over\w*|under\w*)\b|'s\b", rest
    ):
        return 1
    return -1


def _noun(rest: str, topic: str, before: int) -> tuple[str, int, str] | None:
    """The noun that names a measure: axis, sign of the wish, the noun."""
    for pattern, axis, fault in NOUNS:
        match = pattern.search(rest)
        if not match:
            continue
        left = rest[: match.start()]
        around = left + " " + rest[match.end() :]
        side = _direction(left, around)
        if side == 0:
            if not fault and not before:
                continue
            side = -1 if fault else before
        elif re.search(r"\b(?:don't|do not|stop|never) (?:cut|remove|take|reduce|lower|turn|add|increase)", left):
            side = -side
        return axis[:-1], _sign(axis) * side, match[0]
    return None


def _direction(left: str, around: str) -> int:
    """+1 for more, -1 for less, 0 if nothing is said."""
    if _UNWANTED.search(around):
        return -1
    if re.search(
        r"\b(?:not enough|isn't enough|lacks?|lacking|too little|too few|too low|is low|there(?: is|'s) no|has no|"
        r"could use|hardly any|barely any|too weak)\b",
        around,
    ):
        return 1
    if re.search(r"\b(?:too much|too many|too strong|too high|enough with|enough of|less|fewer)\b", around):
        return -1
    if _EITHER.search(around):
        if re.search(r"\b(?:down|off|back)\b", around):
            return -1
        if re.search(r"\bup\b", around):
            return 1
    if re.search(r"^(?:no|without)\b", left):
        return -1
    taken, given = _TAKE.search(around), _GIVE.search(around)
    if taken and given:
        return -1 if taken.start() <= given.start() else 1
    return -1 if taken else 1 if given else 0


#: Words that ask for another order of the shots where no wish was understood; those that can ask for nothing else.
_ORDER = re.compile(
    r"\b(?:swap|swapped|reorder|re-order|rearrange|other order|order of|reverse)\b"
    r"|\b(?:go|goes|be|is|come|comes|stand|start|begin) (?:at )?(?:the )?(?:very )?(?:first|last|beginning|end)\b"
    r"|\b(?:move|put|place|bring|show|switch)\b.*\b(?:before|after|first|last|front|forward|back|earlier|later|"
    r"to the (?:start|beginning|end|middle)|with)\b"
)
_ANOTHER_ORDER = re.compile(
    r"\b(?:swap|swapped|reorder|re-order|rearrange|reverse (?:the |their )?(?:order|shots|clips|scenes|cuts))\b"
    r"|\b(?:should|must|could|can|has to|needs to) (?:go|come|be|stand) (?:at )?(?:the )?(?:very )?(?:first|last)\b"
    r"|\b(?:move|put|place|switch)\b.*\b(?:shots?|clips?|scenes?|cuts?|takes?|parts?)\b.*"
    r"\b(?:before|after|first|last|to the (?:start|beginning|end|middle|front|top|back))\b"
)


#: "Open on shot 4", "end with the second clip": which end of the edit, and the shot that is there already.
_AT_AN_END = ((re.compile(r"\b(?:open|start|begin) (?:it )?(?:on|with) "), 1),
              (re.compile(r"\b(?:close|end|finish) (?:it )?(?:on|with) "), -1))  # fmt: skip
_NO_WISH = re.compile(
    r"^(?:please |can you |could you )?(?:split|blade|razor) (?:it\b|.*\b(?:shots?|clips?|scenes?|takes?)\b)"
    r"|\bfade (?:out |in )?(?:the )?(?:\w+ )?(?:music|song|soundtrack|score|track)(?: (?:out|in)\b|$)"
)


def asks_another_order(phrase: str) -> bool:
    """Whether a phrase asks for the shots in another order, which no wish stands for."""
    return _ANOTHER_ORDER.search(phrase) is not None or _opens_or_ends_on_another(phrase)


def _opens_or_ends_on_another(phrase: str) -> bool:
    """Whether a phrase asks for another shot at the start or at the end."""
    named = [(when.shots_at(phrase, match.end()), own) for verb, own in _AT_AN_END for match in verb.finditer(phrase)]
    return any(shots and shots[0] != (own,) for shots, own in named)


def asks_what_no_wish_is(phrase: str) -> bool:
    """Whether a phrase asks for what no wish stands for: another order, a shot in two, faded music."""
    return asks_another_order(phrase) or _NO_WISH.search(phrase) is not None


def may_ask_another_order(phrase: str) -> bool:
    """Whether a phrase in which no wish was understood may ask for the shots in another order."""
    return _ORDER.search(phrase) is not None or asks_another_order(phrase)
