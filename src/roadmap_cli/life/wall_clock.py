"""Local times of measurements: offsets as exports write them, and the stamps and days that follow from them.

Made for millions of times: what a day and an offset come to is worked out once.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

from roadmap_cli.core.errors import DataError

_OFFSET = re.compile(r"([+-])([0-9]{2}):?([0-9]{2})\Z")


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
    from roadmap_cli.life.zones import named

    try:
        return named(name)
    except DataError:
        return UTC


def offset_of(moment: datetime) -> str:
    """The offset of an aware moment as records write it: +02:00."""
    text = moment.strftime("%z")
    return f"{text[:3]}:{text[3:5]}"
