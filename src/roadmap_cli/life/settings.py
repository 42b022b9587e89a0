"""What reading a source depends on besides its bytes: the options of life-ingest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from roadmap_cli.life.formats.ical_series import Window


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
        mapping: Sequence[str],
        zone_is_chosen: bool = False,
    ) -> Settings:
        """From the options of life-ingest. Raises DataError (charset) and UsageError (zone, mapping)."""
        from roadmap_cli.life.formats import bank_csv, text
        from roadmap_cli.life.zones import chosen

        return cls(
            chosen(zone),
            Window(now - timedelta(days=past_days), now + timedelta(days=future_days)),
            text.known(charset) if charset else None,
            bank_csv.mapping(mapping),
            zone_is_chosen=zone_is_chosen,
            now=now,
        )

    def fingerprint(self) -> str:
        """What changes when a file would be read otherwise; not the window, which moves with the time."""
        span = (self.window.until - self.window.since).days
        said = [self.zone, span, self.charset, sorted(self.mapping.items()), self.zone_is_chosen]
        return hashlib.sha256(repr(said).encode()).hexdigest()[:12]
