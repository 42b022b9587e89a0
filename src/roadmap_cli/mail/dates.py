"""Dates as mail has them (RFC 5322), and as it should not: asctime, ISO 8601, other languages, wrong parts."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_MONTHS = {"jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "oct": 10,
           "nov": 11, "dec": 12}  # fmt: skip
_MONTHS |= {"mär": 3, "mrz": 3, "mai": 5, "okt": 10, "dez": 12, "fev": 2, "fév": 2, "avr": 4, "mei": 5, "ago": 8,
            "ene": 1, "abr": 4, "dic": 12, "set": 9, "out": 10, "gen": 1, "mag": 5, "giu": 6, "lug": 7, "ott": 10,
            "maj": 5, "juin": 6, "juil": 7, "aoû": 8, "déc": 12}  # fmt: skip
_ZONES = {
    "ut": 0, "gmt": 0, "utc": 0, "z": 0, "est": -300, "edt": -240, "cst": -360, "cdt": -300, "mst": -420, "mdt": -360,
    "pst": -480, "pdt": -420, "cet": 60, "cest": 120, "met": 60, "mest": 120, "mez": 60, "mesz": 120, "bst": 60,
    "wet": 0, "west": 60, "eet": 120, "eest": 180, "msk": 180, "jst": 540, "kst": 540, "ist": 330, "hkt": 480,
    "aest": 600, "aedt": 660, "nzst": 720, "nzdt": 780, "akst": -540, "hst": -600, "adt": -180, "ast": -240,
}  # fmt: skip
_CLOCK = re.compile(r"(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?(?:[.,]\d+)?\s*([ap]\.?m\.?(?![a-z]))?", re.IGNORECASE)
#: With dots, which may also be a date.
_DOTTED_CLOCK = re.compile(r"(?<![\d.])(\d{1,2})\.(\d{2})(?:\.(\d{2}))?(?![\d.])()")
_OFFSET = re.compile(r"(?:\b(?:gmt|utc|ut)\s*)?([+-])\s*(\d{1,2}):?(\d{2})?(?!\d)", re.IGNORECASE)
_ISO = re.compile(r"\s*(\d{4})-(\d{1,2})-(\d{1,2})(?:[T\s]+(.*))?\Z", re.DOTALL)
_NUMERIC = re.compile(r"(?<!\d)(\d{1,2})[/.](\d{1,2})[/.](\d{4}|\d{2})(?!\d)")
EARLIEST, LATEST = datetime(1970, 1, 2, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def moment(text: str) -> datetime | None:
    """The moment of a date as mail has it (RFC 5322, asctime, ISO 8601 and their broken kin), None if it is none.

    A time without a zone is in UTC. What lies before 1970 or after 2100 is no date of a mail.
    """
    text = re.sub(r"\([^()]*\)", " ", text[:200]).replace("\t", " ").strip()
    iso = _ISO.match(text)
    timed = iso[4] or "" if iso else text
    clock = _CLOCK.search(timed) or _DOTTED_CLOCK.search(timed)
    rest = (iso[4] or "" if iso else text)[clock.end() :] if clock else ""
    found: tuple[int, int, int] | None
    if iso:
        found = int(iso[1]), int(iso[2]), int(iso[3])
    else:
        found = _day(text[: clock.start()] + " " + rest if clock else text)
    if found is None:
        return None
    hour, minute, second = (int(clock[1]), int(clock[2]), int(clock[3] or 0)) if clock else (0, 0, 0)
    if clock and clock[4]:
        hour = hour % 12 + (12 if clock[4][0] in "pP" else 0)
    try:
        local = datetime(*found, hour % 24, minute, min(second, 59), tzinfo=UTC)
        at = local - timedelta(minutes=_zone(rest))
    except (ValueError, OverflowError):
        return None
    return at if EARLIEST <= at < LATEST else None


def _day(text: str) -> tuple[int, int, int] | None:
    parts = re.findall(r"[^\W\d_]+|(?<!\d)[+-]?\d+", text.replace(",", " "))
    month = next(
        (_MONTHS[key] for part in parts for key in (part.lower()[:4], part.lower()[:3]) if key in _MONTHS), None
    )
    numbers = [part for part in parts if part.lstrip("-").isascii() and part.lstrip("-").isdigit() and part[:1] != "+"]
    if month is None:
        numeric = _NUMERIC.search(text)
        if not numeric:
            return None
        first, second, year = int(numeric[1]), int(numeric[2]), int(numeric[3])
        year += 0 if year > 99 else 2000 if year < 69 else 1900
        return (year, first, second) if second > 12 else (year, second, first)
    plain = [part.lstrip("-") for part in numbers]
    day = next((int(part) for part in plain if len(part) <= 2 and 1 <= int(part) <= 31), None)
    year_text = next((part for part in plain if len(part) == 4 and part[:2] in ("19", "20")), None)
    if year_text is None:
        short = [part for part in plain if len(part) in (2, 3)]
        spare = short[1:] if day is not None and short and int(short[0]) == day else short
        if not spare:
            return None
        year = int(spare[0])
        year += 1900 if year >= 69 else 2000
    else:
        year = int(year_text)
    return (year, month, day) if day is not None else None


def _zone(text: str) -> int:
    """The minutes east of Greenwich that what follows the time says."""
    offset = _OFFSET.search(text)
    if offset:
        minutes = int(offset[2]) * 60 + int(offset[3] or 0)
        if minutes <= 14 * 60:
            return minutes if offset[1] == "+" else -minutes
        return 0
    for word in re.findall(r"[A-Za-z]+", text):
        if word.lower() in _ZONES:
            return _ZONES[word.lower()]
    return 0
