"""A hybrid logical clock (Kulkarni et al., 2014): for people who ask when a version was made. It decides nothing."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from roadmap_cli.core.clock import stamp

_FORM = re.compile(r"[0-9a-f]{12}-[0-9a-f]{4}\Z")


class Clock:
    """Gives out values that grow: 48 bits of milliseconds, 16 bits that count within one."""

    def __init__(self, last: str = ""):
        self.last = last if _FORM.match(last) else "000000000000-0000"

    def tick(self, now: datetime) -> str:
        """The next value."""
        milliseconds, count = (int(part, 16) for part in self.last.split("-"))
        present = int(now.timestamp() * 1000) & (1 << 48) - 1
        if present > milliseconds:
            milliseconds, count = present, 0
        elif count < 0xFFFF:
            count += 1
        else:
            milliseconds, count = milliseconds + 1, 0
        self.last = f"{milliseconds:012x}-{count:04x}"
        return self.last

    def hear(self, value: str, now: datetime) -> None:
        """Take note of another device's value, unless it is more than a day ahead of our own clock."""
        if _FORM.match(value) and int(value[:12], 16) < int(now.timestamp() * 1000) + 86_400_000:
            self.last = max(self.last, value)


def moment(value: str) -> str | None:
    """The time in a value as records have it; None if it is no value."""
    if not _FORM.match(value):
        return None
    try:
        return stamp(datetime.fromtimestamp(int(value[:12], 16) / 1000, UTC))
    except (OverflowError, ValueError, OSError):
        return None
