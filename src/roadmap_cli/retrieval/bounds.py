"""What the words around the times of a question make of them: "since May", "before October", "from March to May".

English and German words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from roadmap_cli.retrieval.spans import Span, year_earlier

_WORDS = {
    **dict.fromkeys(("since", "seit"), "since"),
    **dict.fromkeys(("before", "prior to", "vor"), "before"),
    **dict.fromkeys(("until", "till", "up to", "bis"), "until"),
    **dict.fromkeys(("after", "nach"), "after"),
}
#: The word may have the day of the week of a date after it.
_LEAD = re.compile(
    rf"\b(?P<word>{'|'.join(_WORDS)})(?: (?:the|dem|der|zum))?(?: \w+(?:day|tag|woch),?)? $", re.IGNORECASE
)
#: The same as part of what names a time: "since summer"; a German "vor zwei Wochen" is a time itself.
OWN = "since|seit|before|until|till|after|bis"
_OWN = re.compile(rf"(?P<word>{OWN})\b", re.IGNORECASE)
_TO = re.compile(r" ?(?:to|until|till|through|bis|-|–)(?: the| zum)? ?", re.IGNORECASE)
_AND = re.compile(r" (?:and|und)(?: the| dem)? ", re.IGNORECASE)
_BETWEEN = re.compile(r"\b(?:between|zwischen)(?: the| dem)? $", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Named:
    """A time as a question names it: where its words stand, and what may be meant (the same month of several years)."""

    start: int
    end: int
    spans: Sequence[Span]


def bounded(question: str, named: Iterable[Named], today: date | None, looks_back: bool) -> list[Span]:
    """The times that are meant, by their place in the question.

    Two with "to" between them are one, from the first day to the last. "Since" is until today, "before" and "until" are
    open to the past (a question that does not look back means what is still to come), "after" to the future: of several
    years the last that has begun, of a question about what will be the next to come.
    """
    found: list[Span] = []
    waiting = sorted(named, key=lambda each: each.start)
    while waiting:
        this = waiting.pop(0)
        if waiting and _is_range(question, this, waiting[0]) and (joined := _joined(this.spans, waiting[0].spans)):
            waiting.pop(0)
            found += joined
            continue
        lead = _LEAD.search(question[: this.start]) or _OWN.match(question[this.start : this.end])
        found += _opened(this.spans, _WORDS[lead["word"].lower()], today, looks_back) if lead else this.spans
    return found


def _is_range(question: str, one: Named, other: Named) -> bool:
    gap = question[one.end : other.start]
    return bool(_TO.fullmatch(gap) or (_AND.fullmatch(gap) and _BETWEEN.search(question[: one.start])))


def _joined(ones: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """From the last of the first that begins before each of the second, this year or the year before."""
    begins = [span.first for span in _with_years_before(ones)]
    return [
        Span(max(first for first in begins if first <= other.first), other.last)
        for other in others
        if any(first <= other.first for first in begins)
    ]


def _opened(some: Sequence[Span], word: str, today: date | None, looks_back: bool) -> Sequence[Span]:
    span = _meant(some, today, looks_back or word == "since")
    if word == "since":
        return [Span(span.first, today)] if today and span.first <= today else some
    if word == "after":
        return [Span(span.last + timedelta(1), date.max)] if span.last < date.max else []
    if word == "before" and span.first == date.min:
        return []
    last = span.first - timedelta(1) if word == "before" else span.last
    return [Span(today if today and not looks_back and today <= last else date.min, last)]


def _meant(some: Sequence[Span], today: date | None, looks_back: bool) -> Span:
    """The one of several years that is meant."""
    if today is None:
        return some[-1]
    if not looks_back and (coming := [span for span in some if span.last >= today]):
        return min(coming, key=lambda span: span.first)
    begun = [span for span in _with_years_before(some) if span.first <= today]
    return max(begun, key=lambda span: span.first) if begun else some[-1]


def _with_years_before(some: Sequence[Span]) -> list[Span]:
    earlier = map(year_earlier, some)
    return [*some, *(span for span in earlier if span is not None)]
