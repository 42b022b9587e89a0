"""Local times of measurements: offsets as exports write them, and the stamps and days that follow from them.

Made for millions of times: what an hour with its offset comes to is worked out once.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import DataError

_OFFSET = re.compile(r"([+-])([0-9]{2}):?([0-9]{2})\Z")
_MOST_KNOWN = 200_000
_MINUTE_SECOND = frozenset(f"{minute:02d}:{second:02d}" for minute in range(60) for second in range(60))


@lru_cache(maxsize=256)
def zone_of(name: str | None) -> tzinfo:
    """The zone that a record's field names: an IANA name or an offset such as +02:00. UTC if it names none."""
    if not name:
        return UTC
    offset = _OFFSET.match(name)
    if offset:
        shift = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
        if shift < timedelta(hours=24):
            return timezone(-shift if offset[1] == "-" else shift)
        return UTC
    from roadmap_cli.life.local_time.zones import named

    try:
        return named(name)
    except DataError:
        return UTC


def offset_of(moment: datetime) -> str:
    """The offset of an aware moment as records write it: +02:00."""
    text = moment.strftime("%z")
    return f"{text[:3]}:{text[3:5]}" if text else "+00:00"


class Stamps:
    """Times written as `2016-11-14 07:25:44 -0700` (Apple, some CSV) into what records hold."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, str]] = {}

    def __call__(self, text: str) -> tuple[str, str]:
        """The stamp in UTC and the offset, as +HH:MM. Raises DataError (bad_time) that does not show the text."""
        middle = text[14:19]
        if middle not in _MINUTE_SECOND:
            raise DataError("not a time with an offset", code="bad_time")
        key = text[:14] + text[19:]
        known = self._known.get(key)
        if known is None:
            known = self._hour(key)
        begin, offset = known
        if offset[4:] == "00":
            return f"{begin}{middle}.000Z", offset
        moment = datetime.fromisoformat(f"{text[:10]}T{text[11:19]}{offset}")
        return stamp(moment), offset

    def _hour(self, key: str) -> tuple[str, str]:
        """Of an hour with its offset: how its stamps begin, and the offset."""
        digits = key[15:].strip()
        offset = _OFFSET.match(digits)
        try:
            if offset is None:
                raise ValueError
            shown = f"{offset[1]}{offset[2]}:{offset[3]}"
            moment = datetime.fromisoformat(f"{key[:10]}T{key[11:13]}:00:00{shown}")
            begin = stamp(moment)[:14]
        except (ValueError, OverflowError):
            raise DataError("not a time with an offset", code="bad_time") from None
        if key[10] not in " T" or key[13] != ":":
            raise DataError("not a time with an offset", code="bad_time")
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()
        self._known[key] = begin, shown
        return begin, shown
