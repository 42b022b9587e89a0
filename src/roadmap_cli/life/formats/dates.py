"""Dates as people and banks write them, in an order that a whole file shows or the person says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from functools import lru_cache

from roadmap_cli.core.errors import DataError

ORDERS = ("dmy", "mdy", "ymd")
#: What is longer is no date, also with a time behind it.
LONGEST = 80

#: Quicken writes 1/31'26 and 1/ 5/26; others a time behind the day.
_DATE = re.compile(
    r"\s*(\d{1,4})([-./ ])\s{0,2}(\d{1,2})(?:\2|['’])\s{0,2}(\d{1,4})(?:[T ,].*)?\Z", re.ASCII | re.DOTALL
)
_COMPACT = re.compile(r"\s*(\d{4})(\d\d)(\d\d)(?:\s*|T?\d{6}\s*)\Z", re.ASCII)
_MONTHS = {
    word: number
    for number, words in enumerate(
        ("jan janv ene gen sty led", "feb fév févr lut úno fev", "mar mär mars mrt bře", "apr avr abr kwi dub",
         "may mai mei mag maj kvě maio", "jun juin giu cze čvn juni", "jul juil lug lip čvc juli",
         "aug août ago sie srp aou", "sep sept set wrz zář", "oct okt ott paź říj out", "nov lis",
         "dec dez dic déc gru pro"),
        1,
    )
    for word in words.split()
}  # fmt: skip
_NAMED = re.compile(r"\s*(\d{1,2})[-./ ]{0,2}([^\W\d_]{3,9})\.?[-./ ,]{0,2}(\d{4}|\d\d)\b.*\Z", re.DOTALL)
_NAMED_FIRST = re.compile(r"\s*([^\W\d_]{3,9})\.?[- ](\d{1,2}),?[- ](\d{4})\b.*\Z", re.DOTALL)


def looks_like(text: str) -> bool:
    """Whether a text is a date as far as its shape tells."""
    return len(text) <= LONGEST and bool(_DATE.match(text) or _COMPACT.match(text) or _named(text))


def order(values: Iterable[str], *, fallback: str = "") -> str:
    """In which order day, month and year stand, if the values show it; else `fallback`.

    Raises DataError (ambiguous_dates) if they leave it open and there is no fallback.
    """
    parts = [found.groups() for found in (_DATE.match(value[:LONGEST]) for value in values) if found]
    if not parts:
        return "ymd"
    if all(len(first) == 4 for first, *_ in parts):
        return "ymd"
    day_first = any(int(first) > 12 for first, _, _, _ in parts if len(first) < 4) or all(
        mark == "." for _, mark, _, _ in parts
    )
    month_first = any(int(second) > 12 for _, _, second, _ in parts)
    if day_first != month_first:
        return "dmy" if day_first else "mdy"
    if fallback:
        return fallback
    raise DataError(
        "dates may be day/month or month/day",
        hint="say which: --map order=dmy or --map order=mdy",
        code="ambiguous_dates",
    )


@lru_cache(maxsize=4096)  # a statement names each day many times
def day(text: str, order: str) -> date:
    """The day that a text names. Raises DataError (bad_time)."""
    if len(text) > LONGEST:
        raise DataError("date is not a date", code="bad_time")
    found = _DATE.match(text)
    compact = None if found else _COMPACT.match(text)
    try:
        if compact:
            return date(int(compact[1]), int(compact[2]), int(compact[3]))
        if not found:
            named = _named(text)
            if named is None:
                raise ValueError
            return named
        pieces = dict(zip("ymd" if len(found[1]) == 4 else order, (found[1], found[3], found[4]), strict=True))
        year = int(pieces["y"])
        if len(pieces["y"]) == 3:
            raise ValueError
        if len(pieces["y"].strip()) <= 2:
            year += 2000 if year < 70 else 1900
        return date(year, int(pieces["m"]), int(pieces["d"]))
    except ValueError:
        raise DataError("date is not a date", code="bad_time") from None


def _named(text: str) -> date | None:
    """A date with the month in letters: 5 Mar 2026, 05-Mär-26, Mar 5, 2026."""
    found = _NAMED.match(text)
    parts = (found[1], found[2], found[3]) if found else None
    if parts is None and (found := _NAMED_FIRST.match(text)):
        parts = (found[2], found[1], found[3])
    if parts is None:
        return None
    word = parts[1].lower()
    month = _MONTHS.get(word) or _MONTHS.get(word[:4]) or _MONTHS.get(word[:3])
    if not month or not (parts[0].isascii() and parts[2].isascii()):
        return None
    year = int(parts[2]) + (2000 if len(parts[2]) == 2 else 0)
    try:
        return date(year, month, int(parts[0]))
    except ValueError:
        return None
