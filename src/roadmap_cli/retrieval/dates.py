"""The times a question names, as spans of days: by date, by month, season or year, or seen from today or from a date.

English and German words. Seasons are those of the north, by whole months. What is said about a day is mostly said on it
or soon after, so closeness falls off more slowly after a span than before it.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import Any

from roadmap_cli.retrieval.bounds import OWN, Named, bounded
from roadmap_cli.retrieval.spans import Span, months_later

MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_GERMAN_MONTHS = {
    "januar": 1, "jänner": 1, "februar": 2, "märz": 3, "mai": 5, "juni": 6, "juli": 7, "oktober": 10, "okt": 10,
    "dezember": 12, "dez": 12,
}  # fmt: skip
_GERMAN_DAYS = ("montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag", "sonntag")
_DAYS = {name: place for names in (WEEKDAYS, _GERMAN_DAYS) for place, name in enumerate(names)} | {
    "sonnabend": 5, "mon": 0, "tue": 1, "tues": 1, "weds": 2, "thu": 3, "thurs": 3, "fri": 4,
}  # fmt: skip
#: What months and days of the week are called.
NAMES = frozenset((*MONTHS, *_GERMAN_MONTHS, *_DAYS))
#: The first month of each.
_SEASONS = {
    "spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12,
    "frühling": 3, "frühjahr": 3, "sommer": 6, "herbst": 9,
}  # fmt: skip
_UNITS = {
    "day": "day", "tag": "day", "week": "week", "woche": "week", "month": "month", "monat": "month",
    "year": "year", "jahr": "year", "weekend": "weekend", "wochenende": "weekend",
}  # fmt: skip
_NUMBERS = {
    **dict.fromkeys(("a", "an", "one", "the", "ein", "eine", "einem", "einer", "einen", "der", "die", "dem", "den",
                     "das", "am"), 1),
    **dict.fromkeys(("two", "couple", "zwei"), 2), **dict.fromkeys(("three", "few", "drei", "paar"), 3),
    **dict.fromkeys(("four", "vier"), 4), **dict.fromkeys(("five", "fünf"), 5), **dict.fromkeys(("six", "sechs"), 6),
    **dict.fromkeys(("seven", "sieben"), 7), **dict.fromkeys(("eight", "acht"), 8),
    **dict.fromkeys(("nine", "neun"), 9), **dict.fromkeys(("ten", "zehn"), 10), **dict.fromkeys(("eleven", "elf"), 11),
    **dict.fromkeys(("twelve", "zwölf"), 12),
}  # fmt: skip
_SHORT = r"jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec"
_PLAIN = "|".join([*(month for month in MONTHS if month not in ("may", "march")), *_GERMAN_MONTHS])
#: "may" and "march" are verbs, too: as months they have a capital letter.
_NAMED = rf"(?:{_PLAIN}|(?-i:May|March)|{_SHORT})"
_MONTH = rf"(?P<month>{_NAMED})"
_DAY = r"(?P<day>[0-3]?\d)(?:st|nd|rd|th|\.)?"
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_SEASON = rf"(?P<season>{'|'.join(_SEASONS)})"
_PART = (
    r"(?:(?P<part>early|mid|late|beginning of|middle of|end of|anfang|mitte|ende"
    r"|(?:first|second) half of|(?:erste|zweite)[nr]? hälfte)[ -](?:in |im |des )?)?"
)
#: How the words for each number of a quarter or a half begin.
ORDINALS = (
    ("first", "1st", "1.", "erst"), ("second", "2nd", "2.", "zweit"),
    ("third", "3rd", "3.", "dritt"), ("fourth", "4th", "4.", "viert"),
)  # fmt: skip
_NTH = rf"(?:{'|'.join(re.escape(word) for words in ORDINALS for word in words)})(?:e[mnrs]?)?"
#: The year of what comes before; what is part of another time than a year is not read.
_ITS_YEAR = (
    rf"(?:(?:,? |/|-)(?:(?:of|in|von) )?(?:(?:the|des) )?(?:(?:year|jahres?) )?{_YEAR}| of the year| des jahres)?"
    r"\b(?! (?:of|vom|des)\b)"
)
_DATED = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b{_YEAR}-(?P<number>[01]\d)-{_DAY}\b",
        rf"\b(?P<day>[0-3]?\d)\.(?P<number>[01]?\d)\.{_YEAR}\b",
        rf"\b(?P<one>[0-3]?\d)/(?P<other>[0-3]?\d)/{_YEAR}\b",
        rf"\b{_DAY} (?:of )?{_MONTH}\b\.?(?:,? {_YEAR})?\b",
        rf"\b{_MONTH}\b\.? {_DAY}\b(?:,? {_YEAR})?",
        rf"\b{_PART}{_MONTH}\b\.?(?:,? (?:of )?{_YEAR})?",
        rf"\b{_SEASON}(?: of| in)? {_YEAR}\b",
        rf"\b{_SEASON}[ -]?(?:vacations?|holidays?|break|ferien|urlaub)\b",
        rf"\b(?:in|during|over|im|of|{OWN})(?: the)? {_SEASON}\b(?! (?:of|in love|asleep|apart|behind)\b)",
        rf"\b{_YEAR}[ /-](?P<quarter>Q[1-4])\b",
        rf"\b(?P<quarter>Q[1-4]|{_NTH} (?:quarter|quartal)s?){_ITS_YEAR}",
        rf"\b(?P<half>H[12]|{_NTH} (?:half|halbjahre?s?|jahreshälfte)){_ITS_YEAR}",
        rf"\b(?:(?:calendar )?week|kw|(?:kalender)?woche) ?(?P<week>[0-5]?\d){_ITS_YEAR}",
        rf"\b{_YEAR}\b",
    )
]
_COUNT = rf"\d{{1,3}}|{'|'.join(_NUMBERS)}"
_UNIT = r"day|week|month|year|tag|woche|monat|jahr"
_ENDING = r"(?:s|e|en|n)?"
_AGO = re.compile(
    rf"\b(?:(?P<count>{_COUNT})(?: of)? (?P<unit>{_UNIT}){_ENDING} (?:ago|back)"
    rf"|vor (?:etwa |rund )?(?P<zahl>{_COUNT}) (?P<einheit>{_UNIT}){_ENDING})\b(?! (?:dem|der|vor|before)\b)",
    re.IGNORECASE,
)
_PAST = re.compile(
    rf"\b(?:last|past|letzten|vergangenen) (?P<count>{_COUNT}) (?P<unit>{_UNIT}){_ENDING}\b", re.IGNORECASE
)
_WHICH = {
    **dict.fromkeys(("last", "past", "previous", "letzt", "vorig", "vergangen"), -1),
    **dict.fromkeys(("this", "current", "dies"), 0),
    **dict.fromkeys(("next", "coming", "nächst", "kommend"), 1),
}
_SEEN = re.compile(
    rf"\b(?P<which>{'|'.join(_WHICH)})(?:e|en|er|es|em)? (?:(?P<unit>{'|'.join(_UNITS)}|night|nacht)"
    rf"|(?P<weekday>{'|'.join(_DAYS)})\b|{_SEASON}|{_MONTH})\b",
    re.IGNORECASE,
)
#: Days seen from today; those of more words first.
_NEAR = (
    ("the day before yesterday", -2), ("vorgestern", -2), ("day after tomorrow", 2), ("übermorgen", 2),
    ("yesterday", -1), ("gestern", -1), ("tomorrow", 1), ("today", 0), ("tonight", 0), ("this morning", 0),
    ("this afternoon", 0), ("this evening", 0), ("heute", 0),
)  # fmt: skip
#: A day of the week alone, no habit ("on Fridays") and no date that follows.
_WEEKDAY = re.compile(
    rf"\b(?:on|am|by|{OWN})(?: the)? (?P<weekday>{'|'.join(_DAYS)})\b(?!,? (?:the )?(?:\d|{_NAMED}\b))", re.IGNORECASE
)
_NEAR_WORDS = re.compile(rf"\b(?:{'|'.join(word for word, _ in _NEAR)})\b", re.IGNORECASE)
_STEPS = "|".join(sorted([*_UNITS, *_DAYS], key=len, reverse=True))
#: What moves a time that follows it: "two weeks before …", "the Friday after …".
_MOVED = re.compile(
    rf"\b(?:(?P<count>{_COUNT})(?: of)? )?(?P<unit>{_STEPS}){_ENDING} "
    r"(?P<way>before|prior to|preceding|after|following|vor|nach)(?: the| dem| der)? $",
    re.IGNORECASE,
)
#: Words by which people place in time what they tell.
TIME_WORDS = re.compile(
    r"\b(?:yesterday|today|tonight|tomorrow|last|next|ago|since|recently|weekend|"
    rf"(?:day|week|month|year)s?|{'|'.join(WEEKDAYS)}|{'|'.join(m for m in MONTHS if m not in ('may', 'march'))}|"
    r"(?-i:May|March)|(?:19|20)\d\d)\b",
    re.IGNORECASE,
)
_LOOKS_BACK = re.compile(
    r"\b(?:did|was|were|had|(?:have|has) (?:i|we|he|she|it|they)|habe ich|haben wir|hatte\w*|waren?|ging\w*)\b",
    re.IGNORECASE,
)
_AHEAD = re.compile(
    r"\b(?:will|would|going to|next|tomorrow|coming|upcoming|plan\w*|book\w*|schedul\w*|appointments?|nächst\w*|"
    r"morgen|geplant|gebucht|termine?)\b",
    re.IGNORECASE,
)
_NEXT = re.compile(r"\b(?:next|upcoming|nächst\w*|demnächst)\b", re.IGNORECASE)
_LAST = re.compile(r"\b(?:last|latest|most recent(?:ly)?|zuletzt|letzt\w*)\b(?! names?\b)", re.IGNORECASE)
_WHEN_IS = re.compile(
    r"\b(?:when(?:['’]s| is| are| do| does| will| am| have)"
    r"|wann (?:ist|sind|hab\w*|muss|müssen|kommt|kommen|beginn\w*|geht|gehe\w*|fahre\w*))\b",
    re.IGNORECASE,
)
_HABIT = re.compile(
    r"\b(?:usually|normally|often|generally|typically|always|how long|wie lange|meistens|normalerweise|immer)\b",
    re.IGNORECASE,
)
_ASKS_TIME = re.compile(
    r"\b(?:when|wann)\b|\bhow (?:long|many (?:days|weeks|months|years))\b"
    r"|\b(?:what|which) (?:date|day|week|month|year|time)\b"
    r"|\b(?:wie lange|wie viele (?:tage|wochen|monate|jahre)|an welchem tag|in welche[mr] (?:woche|monat|jahr))\b",
    re.IGNORECASE,
)


def asks_for_time(question: str) -> bool:
    """Whether the answer is a time."""
    return bool(_ASKS_TIME.search(question))


def looks_back(question: str) -> bool:
    """Whether it asks for what has happened: what is still to come is no answer."""
    return bool(_LOOKS_BACK.search(question)) and not _AHEAD.search(question)


def turn(question: str) -> int:
    """1 if it asks for the next time of something, -1 for the last, 0 for neither: "next week" is a time itself."""
    rest = _PAST.sub(" ", _SEEN.sub(" ", question))
    if _HABIT.search(rest):
        return 0
    if _NEXT.search(rest):
        return 1
    if _LAST.search(rest):
        return -1
    return 1 if _WHEN_IS.search(rest) and not looks_back(question) else 0


def spans(question: str, today: date | None, years: tuple[int, int] | None = None) -> list[Span]:
    """The times a question names. `today` is needed for those seen from it, `years` (first, last) for a month or season
    without a year: it then means that of each of them; of a question that looks back, of those that have begun.
    """
    found = bounded(question, named(question, today, years), today, looks_back(question))
    if today is not None and looks_back(question):
        return [span for span in found if span.first <= today] or found
    return found


def named(question: str, today: date | None, years: tuple[int, int] | None = None) -> list[Named]:
    """The times of `spans` one by one, with the place of their words."""
    made: list[Named] = []
    rest = question

    def take(pattern: re.Pattern[str], meant: Callable[[re.Match[str]], list[Span]]) -> None:
        nonlocal rest
        for match in list(pattern.finditer(rest)):
            some, start = meant(match), match.start()
            if some and (moved := _MOVED.search(rest[:start])):
                some, start = [each for span in some if (each := _shifted(span, moved))], moved.start()
            if some:
                made.append(Named(start, match.end(), some))
            rest = rest[:start] + " " * (match.end() - start) + rest[match.end() :]

    if today is not None:
        for pattern, meaning in _RELATIVE:
            take(pattern, partial(_sure, meaning, today))
    within = years or ((today.year, today.year) if today else None)
    for pattern in _DATED:
        take(pattern, partial(_sure, _dated, within))
    return made


def _sure(meaning: Callable[[re.Match[str], Any], list[Span]], given: Any, match: re.Match[str]) -> list[Span]:
    """What it means; nothing where the calendar has no such day."""
    try:
        return meaning(match, given)
    except (ValueError, OverflowError):
        return []


# -- by date -----------------------------------------------------------------------------------------------------------


def _dated(match: re.Match[str], years: tuple[int, int] | None) -> list[Span]:
    parts = match.groupdict()
    year = int(parts["year"]) if parts.get("year") else None
    wanted = [year] if year else list(range(years[0], years[1] + 1))[-5:] if years else []
    if parts.get("season"):
        return [_season(each, parts["season"]) for each in wanted]
    if parts.get("week"):
        mondays = [date.fromisocalendar(each, int(parts["week"]), 1) for each in wanted]
        return [Span(monday, monday + timedelta(6)) for monday in mondays]
    for name, length in (("quarter", 3), ("half", 6)):
        if parts.get(name):
            first = length * (_nth(parts[name]) - 1) + 1
            return [Span(day, months_later(day, length) - timedelta(1)) for day in (date(y, first, 1) for y in wanted)]
    if parts.get("one"):
        parts["day"], parts["number"] = _day_and_month(parts["one"], parts["other"])
    month = int(parts["number"]) if parts.get("number") else _month(parts.get("month"))
    day = int(parts["day"]) if parts.get("day") else None
    if month is None:
        return [Span(date(year, 1, 1), date(year, 12, 31))] if year else []
    if not 1 <= month <= 12:
        return []
    made = []
    for each in wanted:
        length = monthrange(each, month)[1]
        if day is None:
            made.append(_part(Span(date(each, month, 1), date(each, month, length)), parts.get("part")))
        elif 1 <= day <= length:
            made.append(Span(date(each, month, day), date(each, month, day)))
    return made


def _nth(name: str) -> int:
    """The number of "Q2" or of "second quarter"."""
    lower = name.lower()
    if lower[1:].isdigit():
        return int(lower[1:])
    return next(number for number, words in enumerate(ORDINALS, 1) if lower.startswith(words))


def _day_and_month(one: str, other: str) -> tuple[str, str]:
    """Of 13/06 or 06/13. Raises ValueError where each could be the month."""
    if one != other and int(one) <= 12 and int(other) <= 12:
        raise ValueError
    return (one, other) if int(one) > 12 else (other, one)


def _part(month: Span, part: str | None) -> Span:
    if not part:
        return month
    if part.lower().startswith(("first", "erste")):
        return Span(month.first, month.first.replace(day=15))
    if part.lower().startswith(("second", "zweite")):
        return Span(month.first.replace(day=16), month.last)
    if part.lower() in ("early", "beginning of", "anfang"):
        return Span(month.first, month.first.replace(day=10))
    if part.lower() in ("late", "end of", "ende"):
        return Span(month.first.replace(day=21), month.last)
    return Span(month.first.replace(day=11), month.first.replace(day=20))


def _month(name: str | None) -> int | None:
    if name is None:
        return None
    lower = name.lower()
    known = _GERMAN_MONTHS.get(lower)
    return known or next(number for number, month in enumerate(MONTHS, 1) if month.startswith(lower[:3]))


def _season(year: int, name: str) -> Span:
    """That of a year; a winter is of the year in which it begins."""
    first = date(year, _SEASONS[name.lower()], 1)
    return Span(first, months_later(first, 3) - timedelta(1))


# -- seen from today ---------------------------------------------------------------------------------------------------


def _near(match: re.Match[str], today: date) -> list[Span]:
    day = today + timedelta(dict(_NEAR)[match[0].lower()])
    return [Span(day, day)]


def _ago(match: re.Match[str], today: date) -> list[Span]:
    count, unit = _count(match["count"] or match["zahl"]), _UNITS[(match["unit"] or match["einheit"]).lower()]
    return [_around(_moved(today, -count, unit), unit)]


def _past(match: re.Match[str], today: date) -> list[Span]:
    return [Span(_moved(today, -_count(match["count"]), _UNITS[match["unit"].lower()]), today)]


def _seen(match: re.Match[str], today: date) -> list[Span]:
    step = _WHICH[match["which"].lower()]
    if match["weekday"]:
        ahead = (_DAYS[match["weekday"].lower()] - today.weekday()) % 7
        day = today + timedelta(ahead if step == 0 else (ahead or 7) if step > 0 else ahead - 7)
        return [Span(day, day)]
    if match["unit"]:
        if match["which"].lower() == "past" and match["unit"].lower() in ("week", "month", "year"):
            return [Span(_moved(today, -1, match["unit"].lower()), today)]
        return [_unit(match["unit"].lower(), step, today)]
    if match["season"]:
        of = [_season(today.year + each, match["season"]) for each in (-2, -1, 0, 1)]
    else:
        month = _month(match["month"]) or 1
        of = [Span(first, months_later(first, 1) - timedelta(1)) for each in (-2, -1, 0, 1)
              for first in [date(today.year + each, month, 1)]]  # fmt: skip
    if step < 0:
        return [max((span for span in of if span.last < today), key=lambda span: span.first)]
    if step > 0:
        return [next((span for span in of if span.first > today), of[-1])]
    return [next((span for span in of if span.first <= today <= span.last), of[2])]


def _weekday(match: re.Match[str], today: date) -> list[Span]:
    """The last one of a question that looks back, else the next; today is both."""
    ahead = (_DAYS[match["weekday"].lower()] - today.weekday()) % 7
    day = today + timedelta(ahead - 7 if ahead and looks_back(match.string) else ahead)
    return [Span(day, day)]


def _unit(name: str, step: int, today: date) -> Span:
    if name in ("night", "nacht"):
        return Span(today + timedelta(min(step, 0)), today + timedelta(max(step, 0)))
    unit = _UNITS[name]
    if unit == "day":
        return Span(today + timedelta(step), today + timedelta(step))
    monday = today - timedelta(today.weekday())
    if unit == "week":
        return Span(monday + timedelta(7 * step), monday + timedelta(7 * step + 6))
    if unit == "weekend":
        return Span(monday + timedelta(7 * step + 5), monday + timedelta(7 * step + 6))
    if unit == "month":
        first = months_later(today.replace(day=1), step)
        return Span(first, months_later(first, 1) - timedelta(1))
    return Span(date(today.year + step, 1, 1), date(today.year + step, 12, 31))


# -- seen from another time --------------------------------------------------------------------------------------------


def _shifted(span: Span, match: re.Match[str]) -> Span | None:
    """The time so much before or after a span; "the week before" it is the seven days that end there."""
    sign = -1 if match["way"].lower() in ("before", "prior to", "preceding", "vor") else 1
    edge, name = (span.first if sign < 0 else span.last), match["unit"].lower()
    try:
        if name in _DAYS:
            gap = ((edge.weekday() - _DAYS[name]) * -sign) % 7 or 7
            return Span(edge + timedelta(sign * gap), edge + timedelta(sign * gap))
        unit, count = _UNITS[name], _count(match["count"] or "the")
        if unit == "weekend":
            saturday = edge + timedelta(sign * (((edge.weekday() - 5) * -sign) % 7 or 7))
            saturday += timedelta(7 * sign * (count - 1))
            return Span(saturday, saturday + timedelta(1))
        if count == 1 and unit != "day":
            other = _moved(edge, sign, unit)
            return Span(other, edge - timedelta(1)) if sign < 0 else Span(edge + timedelta(1), other)
        return _around(_moved(edge, sign * count, unit), unit)
    except (ValueError, OverflowError):
        return None


def _count(word: str) -> int:
    return _NUMBERS.get(word.lower()) or int(word if word.isascii() and word.isdigit() else 1)


def _moved(day: date, count: int, unit: str) -> date:
    if unit in ("month", "year"):
        return months_later(day, count * (12 if unit == "year" else 1))
    return day + timedelta(count * (7 if unit == "week" else 1))


def _around(day: date, unit: str) -> Span:
    """As near as a count of such units is meant."""
    slack = timedelta({"day": 0, "week": 3, "month": 15, "year": 182}[unit])
    return Span(day - slack, day + slack)


_RELATIVE: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], date], list[Span]]], ...] = (
    (_NEAR_WORDS, _near),
    (_AGO, _ago),
    (_PAST, _past),
    (_SEEN, _seen),
    (_WEEKDAY, _weekday),
)
