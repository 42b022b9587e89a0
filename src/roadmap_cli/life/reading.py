"""One file of any format that we read, as items: the one door between bytes and the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from roadmap_cli.core.errors import DataError
from roadmap_cli.life.detection import detect
from roadmap_cli.life.formats.ical_series import Window
from roadmap_cli.life.items import Item, Source

#: A file is read whole; a larger one is refused before that.
LARGEST_BYTES = 256 * 1024**2


@dataclass(frozen=True, slots=True)
class Settings:
    """What reading depends on besides the file: see the options of life-ingest."""

    zone: str
    window: Window
    charset: str | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls, now: datetime, *, zone: str, past_days: int, future_days: int, charset: str | None, mapping: Sequence[str]
    ) -> Settings:
        """From the options of life-ingest. Raises DataError (charset) and UsageError (zone, mapping)."""
        from roadmap_cli.life.formats import bank_csv, text
        from roadmap_cli.life.zones import chosen

        return cls(
            chosen(zone),
            Window(now - timedelta(days=past_days), now + timedelta(days=future_days)),
            text.known(charset) if charset else None,
            bank_csv.mapping(mapping),
        )


def source_of(name: str, data: bytes) -> Source:
    """The source that a file is. Raises DataError (unknown_format) with the file's name."""
    try:
        return Source.of(name, data, detect(data))
    except DataError as error:
        raise DataError(error.message, where=name, hint=error.hint, code=error.code) from None


def items(data: bytes, source: Source, settings: Settings) -> Iterator[Item]:
    """Groups of events, transactions, and DataErrors in the place of what is malformed. Raises nothing else."""
    if source.format == "ical":
        from roadmap_cli.life.formats import ical
        from roadmap_cli.life.formats.text import decode

        body = decode(data, settings.charset).encode() if settings.charset else data
        yield from ical.read(body, source, zone=settings.zone, window=settings.window)
    elif source.format == "ofx":
        from roadmap_cli.life.formats import ofx

        yield from ofx.read(data, source)
    elif source.format == "csv":
        from roadmap_cli.life.formats import bank_csv
        from roadmap_cli.life.formats.text import decode

        yield from bank_csv.read(decode(data, settings.charset), source, settings.mapping)
    else:
        from roadmap_cli.life.formats import jsonl

        yield from jsonl.read(data, source)
