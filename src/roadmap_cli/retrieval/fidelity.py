"""A language model's wording of a text held against that text: what it adds or loses decides whether it may stand.

No wording is taken on trust. Numbers, names, dates and times, negations and doubts must be the same on both sides, and
every word that carries something must stand, in some form, in what the model was given.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from roadmap_cli.retrieval import polarity
from roadmap_cli.retrieval.dates import TIME_WORDS
from roadmap_cli.retrieval.terms import STOP_WORDS

#: A number in a text, with its sign, marks of thousands and decimals.
NUMBER = re.compile(r"(?<![\w.])[-−]?\d+(?:[,.  ]\d{3})*(?:[.,]\d+)?(?![\w])|\d+(?:[.,]\d+)?")
_COUNTS = re.compile(
    r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen"
    r"|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|billion|half"
    r"|twice|dozen|once|zwei|drei|vier|f\u00fcnf|sechs|sieben|acht|neun|zehn|elf|zw\u00f6lf|hundert|tausend"
    r"|first|second|third|fourth|fifth)\b",
    re.IGNORECASE,
)
#: Words a sentence needs and that say nothing by themselves.
_SENTENCE_WORDS = """
that this these those there here has have had been being was were will is are do does did done be am it's also about
with from into onto upon of to in on at by for and or as who whom whose which what when where how their his her its our
my your they them he she it we you i me us him than then too very says said say tells told tell mentions mentioned
"""
_PLAIN = STOP_WORDS | frozenset(_SENTENCE_WORDS.split())
#: Such a word may be another form of one that begins alike: so many letters at least, and so much of the longer.
_ALIKE, _MOST = 4, 0.6
#: Or it differs by an ending.
_FORMS = ("s", "es", "d", "ed", "ing")


def foreign(wording: str, *sources: str) -> list[str]:
    """The numbers of a wording that none of the texts it is based on contains; empty if there are none."""
    known = {_number(each) for text in sources for each in NUMBER.findall(text)}
    return [each for each in NUMBER.findall(wording) if _number(each) not in known]


def differences(wording: str, plain: str, given: Sequence[str]) -> list[str]:
    """What a wording adds to the text `plain` or loses of it; `given` is all else that it may take words from.

    Of number, name, date, negation, doubt, word; each once, none: it is faithful. Never the words themselves.
    """
    found = []
    for what, of in (("number", _numbers), ("date", _dates)):
        if set(of(wording)) != set(of(plain)):
            found.append(what)
    known = {each.casefold() for text in (plain, *given) for each in polarity.WORD.findall(text)}
    if set(_names(plain, given)) - _folded(wording) or _added(wording, plain, given):
        found.append("name")
    for what, denies in (("negation", True), ("doubt", False)):
        if _operators(wording, denies=denies) != _operators(plain, denies=denies):
            found.append(what)
    if any(not _is_known(each, known) for each in _folded(wording) - _PLAIN if not _is_operator(each)):
        found.append("word")
    return found


def _numbers(text: str) -> Iterator[str]:
    yield from (_number(each) for each in NUMBER.findall(text))
    yield from (each.casefold() for each in _COUNTS.findall(text))


def _dates(text: str) -> Iterator[str]:
    for each in TIME_WORDS.findall(text):
        yield each.casefold()


def _is_operator(word: str) -> bool:
    return bool(polarity.NEGATION.fullmatch(word) or polarity.MODAL.fullmatch(word))


def _operators(text: str, *, denies: bool) -> int:
    pattern = polarity.NEGATION if denies else polarity.MODAL
    return sum(bool(pattern.fullmatch(each)) for each in polarity.WORD.findall(text))


def _folded(text: str) -> set[str]:
    return {re.sub(r"['\u2019]s$", "", each.casefold()) for each in polarity.WORD.findall(text)}


def _capitals(text: str) -> Iterator[tuple[str, bool]]:
    """Words with a capital, without a possessive's end; and whether a sentence begins with it."""
    for match in polarity.WORD.finditer(text):
        if match[0][0].isupper() and match[0] != "I" and not match[0].startswith(("I'", "I\u2019")):
            before = text[: match.start()].rstrip(" \"'\u201c(\u2019")
            yield re.sub(r"['\u2019]s$", "", match[0]), not before or before[-1] in ".!?\n:;"


def _names(plain: str, given: Sequence[str]) -> Iterator[str]:
    """The words of a text that are names: with a capital, unless in all that is given a sentence begins with them."""
    inside = {word for text in given for word, begins in _capitals(text) if not begins}
    first = {word for text in given for word, begins in _capitals(text) if begins}
    for word, _ in _capitals(plain):
        if word in inside or word not in first:
            yield word.casefold()


def _added(wording: str, plain: str, given: Sequence[str]) -> bool:
    """Whether a wording has a name that the text has not."""
    known = _folded(plain)
    lower = {each for text in (plain, *given) for each in polarity.WORD.findall(text) if each[0].islower()}
    for word, begins in _capitals(wording):
        folded = word.casefold()
        if folded not in known and not (begins and (folded in lower or folded in _PLAIN)):
            return True
    return False


def _is_known(word: str, known: set[str]) -> bool:
    if word in known or word.isdigit():
        return True
    for each in known:
        short, long = sorted((word, each), key=len)
        if long.startswith(short) and long[len(short) :] in _FORMS and len(short) > 1:
            return True
        same = 0
        for one, other in zip(word, each, strict=False):
            if one != other:
                break
            same += 1
        if same >= _ALIKE and same >= _MOST * max(len(word), len(each)):
            return True
    return False


def counted(reasons: Sequence[Sequence[str]]) -> str:
    """How often each of `differences` was the reason, in words: ``2 for a name, 1 for a number``."""
    every = Counter(each for some in reasons for each in some)
    return ", ".join(f"{count} for a {what}" for what, count in every.most_common())


def _number(number: str) -> str:
    """A number without its sign and marks: 4,200 and 4200.00 are the same."""
    text = re.sub(r"[  −-]", "", number)
    mark = re.search(r"[.,](\d+)$", text)
    if mark and len(mark[1]) != 3:
        whole, part = re.sub(r"[.,]", "", text[: mark.start()]), mark[1].rstrip("0")
    else:
        whole, part = re.sub(r"[.,]", "", text), ""
    return f"{whole.lstrip('0') or '0'}.{part}" if part else whole.lstrip("0") or "0"
