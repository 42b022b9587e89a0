"""What reading a source depends on besides its bytes: the options of life-ingest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from roadmap_cli.core.clock import stamp
from roadmap_cli.life.opening import charsets

#: Instances of one series taken from the window; a daily series fills 1,097 of the default window.
MOST_INSTANCES = 5_000


@dataclass(frozen=True, slots=True)
class Window:
    """The time that recurrences are written out for: from `since` to `until`, both aware and in UTC."""

    since: datetime
    until: datetime
    most: int = MOST_INSTANCES

    @property
    def span(self) -> tuple[str, str]:
        """Its ends as stamps."""
        return _span(self.since, self.until)


@lru_cache(maxsize=8)
def _span(since: datetime, until: datetime) -> tuple[str, str]:
    return stamp(since), stamp(until)


@dataclass(frozen=True, slots=True)
class Settings:
    """The zone of times that name none, the window of recurring events, a charset, what a file's layout means."""

    zone: str
    window: Window
    charset: str | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    learned: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Answers of earlier runs by layout; see `life.formats.layouts`."""
    zone_is_chosen: bool = False
    """Whether the person named the zone: then it goes before one that a file names."""
    now: datetime | None = None
    """When it is read: the time of records that have none of their own."""

    @classmethod
    def of(
        cls,
        now: datetime,
        *,
        zone: str,
        past_days: int,
        future_days: int,
        charset: str | None,
        mapping: Mapping[str, str],
        zone_is_chosen: bool = False,
    ) -> Settings:
        """From the options of life-ingest. Raises DataError (charset) and UsageError (zone)."""
        from roadmap_cli.life.local_time.zones import chosen

        return cls(
            chosen(zone),
            Window(now - timedelta(days=past_days), now + timedelta(days=future_days)),
            charsets.known(charset) if charset else None,
            mapping,
            zone_is_chosen=zone_is_chosen,
            now=now,
        )

    def fingerprint(self) -> str:
        """What changes when a file would be read otherwise; not the window, which moves with the time."""
        span = (self.window.until - self.window.since).days
        said = [self.zone, span, self.charset, sorted(self.mapping.items()), self.zone_is_chosen]
        return hashlib.sha256(repr(said).encode()).hexdigest()[:12]
