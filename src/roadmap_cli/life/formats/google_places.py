"""Where Google's Location History says one was: the monthly files of Takeout (Semantic Location History), and what
telephones export since 2024 (Timeline.json of Android, location-history.json of iOS).

Only stays are read; ways between them are not. Raw positions (Records.json) are none of these and are read as stays of
ten minutes and more within 150 metres.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from roadmap_cli.core.clock import parse
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life.formats.json_files import each_of, inner, loaded, moment, text
from roadmap_cli.life.kinds import visits
from roadmap_cli.life.kinds.items import Source
from roadmap_cli.life.opening.opened import Opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.opening.settings import Settings

NAME, WHAT = "google_places", "places of Google's Location History"

_SEMANTIC = re.compile(
    rb'\{\s*"timelineObjects"\s*:\s*\[|\{\s*"semanticSegments"\s*:\s*\[|\{\s*"locations"\s*:\s*\[\s*\{'
)
_TELEPHONE = re.compile(rb'"(?:visit|activity|timelinePath|timelineMemory)"\s*:\s*[\[{]')
_NUMBERS = re.compile(r"(-?\d{1,3}(?:\.\d+)?)\s*\u00b0?\s*,\s*(-?\d{1,3}(?:\.\d+)?)")
_BEGINS = re.compile(rb'\{\s*"locations"\s*:\s*\[')
#: A stay is at least so long, within so many metres, and no gap in it is longer.
STAY, RADIUS_M, GAP = timedelta(minutes=10), 150.0, timedelta(hours=4)
_CONFIDENCE = {"LOW_CONFIDENCE": 0.3, "MEDIUM_CONFIDENCE": 0.6, "HIGH_CONFIDENCE": 0.9, "USER_CONFIRMED": 1.0}
_NAMED = {"HOME": "Home", "INFERRED_HOME": "Home", "TYPE_HOME": "Home", "WORK": "Work", "INFERRED_WORK": "Work",
          "TYPE_WORK": "Work"}  # fmt: skip


def matches(opened: Opened) -> bool:
    """An object or array with the names that these files have."""
    head = opened.text_head
    if _SEMANTIC.match(head):
        return True
    return head.startswith(b"[") and b'"startTime"' in head and b'"endTime"' in head and bool(_TELEPHONE.search(head))


def items(opened: Opened, source: Source, settings: Settings) -> Iterator[Record | DataError]:
    """Its stays. `source_line` is the number of the entry in the file."""
    if _BEGINS.match(opened.text_head):
        yield from _stays(opened, source)
        return
    data = loaded(opened)
    old = data.get("timelineObjects")
    entries = old if old is not None else data.get("semanticSegments", data.get(""))
    yield from each_of(entries, source, _takeout if old is not None else _telephone)


def _takeout(entry: dict[str, Any], source: Source, number: int) -> Record | None:
    visit = entry.get("placeVisit")
    if not isinstance(visit, dict):
        return None
    location = visit.get("location")
    location = location if isinstance(location, dict) else {}
    where = (
        _degrees(location.get("latitudeE7", visit.get("centerLatE7"))),
        _degrees(location.get("longitudeE7", visit.get("centerLngE7"))),
    )
    return visits.place(
        source, number,
        at=_time(visit, "start"), ends_at=_time(visit, "end"),
        latitude=where[0], longitude=where[1],
        name=text(location.get("name")) or _NAMED.get(text(location.get("semanticType")), ""),
        address=text(location.get("address")),
        confidence=_ratio(location.get("locationConfidence"), 100)
        or _CONFIDENCE.get(text(visit.get("placeConfidence"))),
    )  # fmt: skip


def _time(visit: dict[str, Any], end: str) -> datetime:
    told = inner(visit, "duration", f"{end}Timestamp") or inner(visit, "duration", f"{end}TimestampMs")
    if told is None:
        raise DataError(f"the stay has no {end}", code="missing_field")
    return moment(told)


def _telephone(entry: dict[str, Any], source: Source, number: int) -> Record | None:
    visit = entry.get("visit")
    if not isinstance(visit, dict):
        return None
    best = visit.get("topCandidate")
    best = best if isinstance(best, dict) else {}
    place = best.get("placeLocation")
    told = place if isinstance(place, str) else text(inner(place, "latLng"))
    found = _NUMBERS.search(told)
    for field in ("startTime", "endTime"):
        if not isinstance(entry.get(field), str):
            raise DataError(f"field {field!r} is missing", code="missing_field")
    return visits.place(
        source, number,
        at=_parsed(entry["startTime"]), ends_at=_parsed(entry["endTime"]),
        latitude=float(found[1]) if found else None, longitude=float(found[2]) if found else None,
        name=text(best.get("name")) or _NAMED.get(text(best.get("semanticType")).upper().replace(" ", "_"), ""),
        address=text(best.get("address")),
        confidence=_ratio(visit.get("probability"), 1),
    )  # fmt: skip


def _parsed(value: str) -> datetime:
    try:
        return parse(value)
    except DataError:
        raise DataError("not a time", code="bad_time") from None


def _degrees(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    degrees = value / 1e7
    return degrees - 429.4967296 if degrees > 180 else degrees  # some old exports overflow 32 bits


def _ratio(value: Any, whole: float) -> float | None:
    try:
        number = float(value) / whole
    except (TypeError, ValueError):
        return None
    return round(number, 4) if 0 <= number <= 1 else None


# -- raw positions ---------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Stay:
    """Positions close to each other: their number, mean, first and last time, and the number of the first."""

    number: int
    count: int
    latitude: float
    longitude: float
    begins: datetime
    ends: datetime

    def takes(self, at: datetime, latitude: float, longitude: float) -> bool:
        """Whether a position is part of it; then it is counted."""
        if (
            at - self.ends > GAP
            or at < self.ends
            or _metres(self.latitude, self.longitude, latitude, longitude) > RADIUS_M
        ):
            return False
        self.count += 1
        self.latitude += (latitude - self.latitude) / self.count
        self.longitude += (longitude - self.longitude) / self.count
        self.ends = at
        return True


def _stays(opened: Opened, source: Source) -> Iterator[Record | DataError]:
    """Stays from raw positions, which are read one by one: such files have a gigabyte."""
    stay: _Stay | None = None
    for number, entry in enumerate(_entries(opened), 1):
        try:
            at = moment(entry.get("timestamp") or entry.get("timestampMs"))
            latitude, longitude = _degrees(entry.get("latitudeE7")), _degrees(entry.get("longitudeE7"))
        except DataError as error:
            yield source.placed(error, number)
            continue
        accuracy = entry.get("accuracy")
        if latitude is None or longitude is None or (isinstance(accuracy, (int, float)) and accuracy > 500):
            continue
        if stay is not None and stay.takes(at, latitude, longitude):
            continue
        if stay is not None and stay.ends - stay.begins >= STAY:
            yield _made(stay, source)
        stay = _Stay(number, 1, latitude, longitude, at, at)
    if stay is not None and stay.ends - stay.begins >= STAY:
        yield _made(stay, source)


def _made(stay: _Stay, source: Source) -> Record:
    return visits.place(
        source, stay.number, at=stay.begins, ends_at=stay.ends, latitude=stay.latitude, longitude=stay.longitude
    )


_WORD = re.compile(rb'["{}\[\]]')


def _entries(opened: Opened) -> Iterator[dict[str, Any]]:
    """The objects of the array, each parsed alone. Raises DataError (bad_json) where the file breaks off."""
    import orjson

    opened.stream.seek(0)
    buffer = b""
    depth, begin, at = 0, 0, 0
    while chunk := opened.stream.read(1 << 20):
        buffer += chunk
        while found := _WORD.search(buffer, at):
            sign = found[0]
            if sign == b'"':
                end = _string_end(buffer, found.end())
                if end < 0:
                    at = found.start()
                    break
                at = end
                continue
            at = found.end()
            if sign in b"{[":
                depth += 1
                if depth == 3 and sign == b"{":
                    begin = found.start()
            else:
                depth -= 1
                if depth == 2 and sign == b"}":
                    try:
                        value = orjson.loads(buffer[begin:at])
                    except orjson.JSONDecodeError:
                        raise DataError("not JSON", code="bad_json") from None
                    if isinstance(value, dict):
                        yield value
                    begin = at
        else:
            at = len(buffer)
        kept = begin if depth >= 3 else at
        buffer, at, begin = buffer[kept:], at - kept, max(0, begin - kept)
        if len(buffer) > 64 << 20:
            raise DataError("an entry is too large", code="too_large")
    if depth != 0:
        raise DataError("the file is cut off", code="bad_json")


def _string_end(buffer: bytes, at: int) -> int:
    """Behind the quote that ends the string which begins at `at`; -1 if it is not there yet."""
    while True:
        end = buffer.find(b'"', at)
        if end < 0:
            return -1
        slashes = 0
        while end - slashes - 1 >= 0 and buffer[end - slashes - 1] == 0x5C and end - slashes - 1 >= at:
            slashes += 1
        if slashes % 2 == 0:
            return end + 1
        at = end + 1


def _metres(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """The distance on a sphere, for points close to each other."""
    east = math.radians(other_longitude - longitude) * math.cos(math.radians((latitude + other_latitude) / 2))
    north = math.radians(other_latitude - latitude)
    return 6_371_000.0 * math.hypot(east, north)
