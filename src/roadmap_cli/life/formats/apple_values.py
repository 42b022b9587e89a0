"""What stands in the attributes of Apple Health's export, as values: text, numbers, spans of time, a zone."""

from __future__ import annotations

import re
from datetime import datetime

from roadmap_cli.core.errors import DataError
from roadmap_cli.life.formats import measured
from roadmap_cli.life.kinds.metrics import tidy
from roadmap_cli.life.local_time.wall_clock import zone_of

_ENTITY = re.compile(r"&(?:(lt|gt|amp|quot|apos)|#([0-9]{1,7})|#x([0-9a-fA-F]{1,6}));|&")
_ENTITIES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}


def plain(text: str) -> str:
    """An attribute without entities. Raises ValueError for one that XML does not have."""
    if "&" not in text:
        return text

    def character(found: re.Match[str]) -> str:
        if found[1]:
            return _ENTITIES[found[1]]
        code = int(found[2]) if found[2] else int(found[3], 16) if found[3] else 0
        if code < 32 or not (code < 0xD800 or 0xE000 <= code < 0xFFFE or 0x10000 <= code <= 0x10FFFF):
            raise ValueError
        return chr(code)

    return _ENTITY.sub(character, text)


def minutes(at: str, end: str) -> float | int:
    """Minutes between two stamps."""
    span = datetime.fromisoformat(end) - datetime.fromisoformat(at)
    return tidy(round(span.total_seconds() / 60, 4))


def number(text: str) -> float | int:
    """A number as exports write it, also with a decimal comma. Raises DataError (wrong_type) without showing it."""
    try:
        value = float(text)
    except ValueError:
        try:
            value = float(text.replace(",", ".", 1))
        except ValueError:
            raise DataError("value is not a number", code="wrong_type") from None
    if value - value != 0.0 or "_" in text:  # infinite, or not a number
        raise DataError("value is not a number", code="wrong_type")
    whole = int(value)
    return whole if whole == value else value


def own_zone(zone: str, at: str, end: str, day: str, offset: str, *, asleep: bool) -> tuple[str, str]:
    """Day and zone of a record that names its own zone; as they were if there is no such zone."""
    if "/" not in zone or len(zone) > 60:
        return day, offset
    found = zone_of(zone)
    if getattr(found, "key", None) != zone:
        return day, offset
    moment = datetime.fromisoformat(end if asleep else at).astimezone(found)
    local = measured.sleep_day(moment) if asleep else moment.date()
    return local.isoformat(), zone
