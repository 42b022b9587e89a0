"""GPX 1.0 and 1.1: each recorded track is one exercise; planned routes and waypoints are left out.

Distance is along the ellipsoid's mean sphere, ascent counts rises of more than RISE_M, time in movement leaves out the
gaps between segments. Times are UTC by the standard; a track's day is that of the chosen zone.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import IO, Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life.formats import measured
from roadmap_cli.life.formats.apple_types import snake
from roadmap_cli.life.formats.xml_stream import Elements, root_name
from roadmap_cli.life.kinds.items import LeftOut, Source
from roadmap_cli.life.local_time.wall_clock import zone_of
from roadmap_cli.life.opening.opened import Opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.opening.settings import Settings

NAME, WHAT = "gpx", "a GPX track"
#: Mean radius of the Earth (IUGG), metres.
EARTH_M = 6_371_008.8
#: A rise is counted once it is more than so many metres: less is noise of the receiver.
RISE_M = 3.0
_TEXTS = frozenset(("name", "type", "ele", "time", "hr"))
#: Numbers that Strava and others write as types.
_TYPES = {"1": "cycling", "9": "running", "4": "hiking", "10": "walking", "biking": "cycling", "bike": "cycling",
          "ride": "cycling", "run": "running", "walk": "walking", "hike": "hiking", "swim": "swimming"}  # fmt: skip


def matches(opened: Opened) -> bool:
    """Its root element is gpx."""
    return root_name(opened.text_head) == "gpx"


def items(opened: Opened, source: Source, settings: Settings) -> Iterator[Record | DataError | LeftOut]:
    """One activity for each track with times."""
    opened.stream.seek(0)
    reader = _Reader(opened.stream)
    number = 0
    for track in reader.tracks():
        if isinstance(track, DataError):
            yield source.placed(track)
            continue
        number += 1
        if not track.times:
            reader.left["tracks without times"] += 1
            continue
        try:
            yield track.record(source, settings, reader.creator)
        except DataError as error:
            yield source.placed(error, track.line)
    yield from (LeftOut(what, count) for what, count in sorted(reader.left.items()))


def outline(stream: IO[bytes]) -> tuple[tuple[float, float] | None, int, float | None]:
    """Of a file that is one route: where it begins, its points, metres climbed; nothing of one that cannot be read."""
    whole = Path()
    for track in _Reader(stream).tracks():
        if not isinstance(track, DataError):
            whole.place = whole.place or track.path.place
            whole.points += track.path.points
            whole.ascent += track.path.ascent
            whole.has_height |= track.path.has_height
    return whole.place, whole.points, whole.ascent if whole.has_height else None


class Path:
    """Points in a row, added up as they come."""

    def __init__(self) -> None:
        self.place: tuple[float, float] | None = None
        self.points = 0
        self.distance = 0.0
        self.ascent = 0.0
        self.has_height = False
        self._last: tuple[float, float] | None = None
        self._low: float | None = None

    def begin(self) -> None:
        """A new segment: what lies between is not travelled."""
        self._last = None

    def add(self, latitude: float, longitude: float, height: float | None) -> None:
        """A further point. Raises DataError for one that is not on Earth."""
        if not (abs(latitude) <= 90 and abs(longitude) <= 180):
            raise DataError("a point is not on Earth", code="bad_place")
        here = latitude, longitude
        self.points += 1
        self.place = self.place or here
        if self._last:
            self.distance += distance_m(self._last, here)
        self._last = here
        if height is not None and math.isfinite(height):
            self.climb(height)

    def climb(self, height: float) -> None:
        """A further height."""
        self.has_height = True
        if self._low is None or height < self._low:
            self._low = height
        elif height - self._low > RISE_M:
            self.ascent += height - self._low
            self._low = height


def distance_m(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Great-circle distance in metres of two (latitude, longitude) in degrees (haversine)."""
    low, high = math.radians(one[0]), math.radians(other[0])
    half = math.sin((high - low) / 2) ** 2
    half += math.cos(low) * math.cos(high) * math.sin(math.radians(other[1] - one[1]) / 2) ** 2
    return 2 * EARTH_M * math.asin(min(1.0, math.sqrt(half)))


def moment(text: str) -> datetime:
    """A time of XML Schema; one without a zone is UTC. Raises DataError (bad_time)."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise DataError("a time is not one", code="bad_time") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


class _Track:
    def __init__(self, line: int) -> None:
        self.line = line
        self.path = Path()
        self.name = self.type = ""
        self.times: list[tuple[datetime, datetime]] = []
        """First and last of each segment."""
        self.beats = self.beats_sum = self.beats_max = 0
        self.begun = False

    def at(self, when: datetime) -> None:
        if self.begun:
            first, last = self.times[-1]
            self.times[-1] = min(first, when), max(last, when)
        else:
            self.times.append((when, when))
            self.begun = True

    def record(self, source: Source, settings: Settings, creator: str) -> Record:
        zone = zone_of(settings.zone)
        start, end = min(first for first, _ in self.times), max(last for _, last in self.times)
        moving = sum((last - first).total_seconds() for first, last in self.times)
        kind = " ".join(self.type.split()).lower()
        try:
            start, end = start.astimezone(zone), end.astimezone(zone)
        except (OverflowError, ValueError):
            raise DataError("time is outside the calendar", code="bad_time") from None
        return measured.activity(
            source, self.line, _TYPES.get(kind) or snake(kind, "other"), start, end,
            title=" ".join(self.name.split())[:200], duration_s=moving, distance_m=self.path.distance,
            mean_heart_rate=self.beats_sum / self.beats if self.beats else None,
            max_heart_rate=self.beats_max or None, ascent_m=self.path.ascent if self.path.has_height else None,
            points_count=self.path.points, device=" ".join(creator.split())[:120], start_place=self.path.place,
        )  # fmt: skip


class _Reader:
    def __init__(self, stream: Any) -> None:
        self._elements = Elements(stream, "(?:[A-Za-z0-9_]+:)?(?:trk|wpt|rte)")
        self._elements.on_start, self._elements.on_end = self._start, self._end
        self._elements.on_text, self._elements.on_gap = self._text, self._gap
        self.creator = ""
        self.left: Counter[str] = Counter()
        self._track: _Track | None = None
        self._found: list[_Track | DataError] = []
        self._point: tuple[float, float] | None = None
        self._values: dict[str, str] = {}
        self._reading = ""

    def tracks(self) -> Iterator[_Track | DataError]:
        for _ in self._elements.pieces():
            yield from self._found
            self._found.clear()
            yield from self._elements.errors
            self._elements.errors.clear()

    def _gap(self) -> None:
        self._track = self._point = None

    def _start(self, qualified: str, attributes: dict[str, str]) -> None:
        name = qualified.rpartition(":")[2]
        self._reading = name if name in _TEXTS else ""
        if name == "gpx":
            self.creator = attributes.get("creator", "")
        elif name == "trk":
            self._track = _Track(self._elements.line)
        elif name == "trkseg" and self._track:
            self._track.path.begin()
            self._track.begun = False
        elif name == "trkpt" and self._track:
            self._values = {}
            try:
                self._point = float(attributes.get("lat", "")), float(attributes.get("lon", ""))
            except ValueError:
                self._found.append(DataError("a point has no place", where=str(self._elements.line), code="bad_place"))
        elif name in ("wpt", "rte"):
            self.left["waypoints" if name == "wpt" else "planned routes"] += 1
        if self._reading:
            self._values[self._reading] = ""

    def _text(self, text: str) -> None:
        if self._reading and self._track:
            self._values[self._reading] = (self._values.get(self._reading, "") + text)[:400]

    def _end(self, qualified: str) -> None:
        name = qualified.rpartition(":")[2]
        self._reading = ""
        track = self._track
        if track is None:
            return
        if name == "trkpt" and self._point:
            try:
                self._add(track, self._point)
            except (DataError, ValueError) as error:
                message = error.message if isinstance(error, DataError) else "a number of a point is not one"
                self._found.append(DataError(message, where=str(self._elements.line), code="bad_point"))
            self._point = None
        elif name in ("name", "type") and self._point is None:
            setattr(track, name, getattr(track, name) or self._values.get(name, ""))
        elif name == "trk":
            self._found.append(track)
            self._track = None

    def _add(self, track: _Track, point: tuple[float, float]) -> None:
        height, beats = self._values.get("ele", "").strip(), self._values.get("hr", "").strip()
        when = self._values.get("time", "")
        track.path.add(*point, float(height) if height else None)
        if when.strip():
            track.at(moment(when))
        if beats:
            rate = round(float(beats))
            track.beats, track.beats_sum, track.beats_max = (
                track.beats + 1, track.beats_sum + rate, max(track.beats_max, rate)
            )  # fmt: skip
