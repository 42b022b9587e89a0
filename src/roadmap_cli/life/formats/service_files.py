"""What services of devices export: a file or the files of an archive, read with bounds, and values taken with care."""

from __future__ import annotations

import csv
import io
import math
import re
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.life.formats.apple_health import ZIP_ERRORS
from roadmap_cli.life.formats.json_files import inner, text
from roadmap_cli.life.kinds.items import Source
from roadmap_cli.life.opening.opened import LARGEST_BYTES, Opened

Object = dict[str, Any]


def parts(opened: Opened, wanted: re.Pattern[str]) -> Iterator[tuple[str, bytes]]:
    """(name, content) of the file, or of each file of the archive whose name fits, in the archive's order.

    Raises DataError for an archive that is damaged or encrypted, and for a file too large.
    """
    if not opened.members:
        yield opened.name, opened.data()
        return
    try:
        with zipfile.ZipFile(opened.stream) as archive:
            for info in archive.infolist():
                if not wanted.search(info.filename):
                    continue
                if info.file_size > LARGEST_BYTES:
                    raise DataError("a file of the archive is too large", code="too_large")
                with archive.open(info) as stream:
                    content = stream.read(LARGEST_BYTES + 1)
                if len(content) > LARGEST_BYTES:
                    raise DataError("a file of the archive is too large", code="too_large")
                yield info.filename, content
    except ZIP_ERRORS:
        raise DataError("the archive is damaged or encrypted", code="bad_archive", hint="unpack it") from None


def each_in(value: Any) -> list[Any]:
    """The items of a list, or the one value."""
    return value if isinstance(value, list) else [value]


def table(
    source: Source, content: str, named: Callable[[str], str], delimiter: str = ","
) -> Iterator[tuple[int, dict[str, str]] | DataError]:
    """The rows of a CSV that are not empty, with their lines; the headings as `named` has them.

    A DataError stands in the place of a line that is none.
    """
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter)
    names: list[str] = []
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield source.placed(DataError("not a line of CSV", code="bad_csv"), max(reader.line_num, 1))
            continue
        if not names:
            names = [named(name) for name in row]
        elif any(row):
            yield reader.line_num, dict(zip(names, row, strict=False))


def number(holder: Any, *path: str) -> float | None:
    """A finite number below a path of fields, also one written as text; None if there is none."""
    value = inner(holder, *path)
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)


def label(holder: Any, name: str) -> str:
    """A short text of an object, in one line; "" if there is none."""
    return " ".join(text(inner(holder, name)).split())[:200]


def time_of(value: Any, zone: tzinfo) -> datetime:
    """A time as text (ISO 8601) or as milliseconds since 1970; one without an offset is in `zone`.

    Raises DataError (bad_time).
    """
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / 1000, UTC).astimezone(zone)
        found = datetime.fromisoformat(_tenths(str(value).strip()))
        return found if found.tzinfo else found.replace(tzinfo=zone)
    except (ValueError, OverflowError, OSError):
        raise DataError("a time is not one", code="bad_time") from None


def _tenths(value: str) -> str:
    """Seconds with one or two decimals, as some services write them, which Python does not read."""
    return re.sub(r"\.(\d{1,2})(?=$|[Z+-])", lambda found: f".{found[1]:0<3}", value)


def day_of(value: Any, zone: tzinfo) -> tuple[str, datetime, datetime]:
    """A day as text, and its midnights in `zone`. Raises DataError (bad_time)."""
    try:
        day = date.fromisoformat(str(value)[:10])
        start = datetime(day.year, day.month, day.day, tzinfo=zone)
        after = day + timedelta(days=1)
        return day.isoformat(), start, datetime(after.year, after.month, after.day, tzinfo=zone)
    except (ValueError, OverflowError):
        raise DataError("a date is not one", code="bad_time") from None


def head_names(opened: Opened, *names: str) -> bool:
    """Whether all names stand as fields in the beginning of a JSON file."""
    head = opened.text_head
    return head[:1] in (b"[", b"{") and all(f'"{name}"'.encode() in head for name in names)


def any_member(opened: Opened, wanted: re.Pattern[str]) -> bool:
    """Whether a file of the archive has a name that fits."""
    return any(map(wanted.search, opened.members))
