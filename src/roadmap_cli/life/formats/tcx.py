"""TCX (Garmin Training Center): each Activity is one exercise, its laps added up; planned courses are left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life.formats import measured
from roadmap_cli.life.formats.apple_types import snake
from roadmap_cli.life.formats.gpx import Path, moment
from roadmap_cli.life.formats.xml_stream import Elements, root_name
from roadmap_cli.life.kinds.items import LeftOut, Source
from roadmap_cli.life.local_time.wall_clock import zone_of
from roadmap_cli.life.opening.opened import Opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.opening.settings import Settings

NAME, WHAT = "tcx", "a TCX training file"
_SPORTS = {"Biking": "cycling", "Running": "running", "Other": "other"}


def matches(opened: Opened) -> bool:
    """Its root element is TrainingCenterDatabase."""
    return root_name(opened.text_head) == "TrainingCenterDatabase"


def items(opened: Opened, source: Source, settings: Settings) -> Iterator[Record | DataError | LeftOut]:
    """One activity for each Activity."""
    opened.stream.seek(0)
    reader = _Reader(source, settings)
    elements = Elements(opened.stream, "Activity|Course|Workout")
    reader.attach(elements)
    for _ in elements.pieces():
        yield from reader.found
        reader.found.clear()
        yield from (source.placed(error) for error in elements.errors)
        elements.errors.clear()
    yield from (LeftOut(what, count) for what, count in sorted(reader.left.items()))


class _Activity:
    def __init__(self, sport: str, line: int) -> None:
        self.sport, self.line = sport, line
        self.start: datetime | None = None
        self.end: datetime | None = None
        self.seconds = self.metres = self.energy = 0.0
        self.beats_sum = self.beats_s = self.beats_max = 0.0
        self.path = Path()
        self.title = self.device = ""
        self.lap: dict[str, float] = {}


class _Reader:
    def __init__(self, source: Source, settings: Settings) -> None:
        self._source, self._zone = source, zone_of(settings.zone)
        self.found: list[Record | DataError] = []
        self.left: Counter[str] = Counter()
        self._activity: _Activity | None = None
        self._parents: list[str] = []
        self._text = ""
        self._place: dict[str, float] = {}

    def attach(self, elements: Elements) -> None:
        self._elements = elements
        elements.on_start, elements.on_end = self._start, self._end
        elements.on_text, elements.on_gap = self._characters, self._gap

    def _gap(self) -> None:
        self._activity, self._parents = None, []

    def _characters(self, text: str) -> None:
        if len(self._text) < 400:
            self._text += text

    def _start(self, qualified: str, attributes: dict[str, str]) -> None:
        name = qualified.rpartition(":")[2]
        if len(self._parents) < 64:
            self._parents.append(name)
        self._text = ""
        if name == "Activity":
            self._activity = _Activity(attributes.get("Sport", ""), self._elements.line)
        elif name in ("Course", "Workout"):
            self.left["planned courses and workouts"] += 1
        elif name == "Lap" and self._activity:
            self._activity.lap = {}
            self._activity.path.begin()
            if "StartTime" in attributes:
                self._tell(lambda: self._at(attributes["StartTime"]))

    def _end(self, qualified: str) -> None:
        name = qualified.rpartition(":")[2]
        if self._parents:
            self._parents.pop()
        parent = self._parents[-1] if self._parents else ""
        if self._activity:
            self._tell(lambda: self._ended(name, parent, self._text.strip()))
        self._text = ""

    def _tell(self, work: object) -> None:
        try:
            work()  # type: ignore[operator]
        except (DataError, ValueError) as error:
            message = error.message if isinstance(error, DataError) else "a number is not one"
            where = f"{self._source.name}:{self._elements.line}"
            self.found.append(DataError(message, where=where, code="bad_number"))

    def _at(self, text: str) -> None:
        activity, when = self._activity, moment(text)
        assert activity
        activity.start = min(activity.start or when, when)
        activity.end = max(activity.end or when, when)

    def _ended(self, name: str, parent: str, text: str) -> None:
        activity = self._activity
        assert activity
        lap = activity.lap
        if parent == "Lap" and name in ("TotalTimeSeconds", "DistanceMeters", "Calories"):
            lap[name] = float(text)
        elif name == "Value" and parent in ("AverageHeartRateBpm", "MaximumHeartRateBpm"):
            lap[parent] = float(text)
        elif name == "Lap":
            seconds = lap.get("TotalTimeSeconds", 0.0)
            activity.seconds += seconds
            activity.metres += lap.get("DistanceMeters", 0.0)
            activity.energy += lap.get("Calories", 0.0)
            if "AverageHeartRateBpm" in lap:
                activity.beats_sum += lap["AverageHeartRateBpm"] * seconds
                activity.beats_s += seconds
            activity.beats_max = max(activity.beats_max, lap.get("MaximumHeartRateBpm", 0.0))
        elif parent == "Trackpoint" and name == "Time":
            self._at(text)
        elif name in ("LatitudeDegrees", "LongitudeDegrees") or (name == "AltitudeMeters" and parent == "Trackpoint"):
            self._place[name] = float(text)
        elif name == "Trackpoint":
            place, self._place = self._place, {}
            if "LatitudeDegrees" in place and "LongitudeDegrees" in place:
                activity.path.add(place["LatitudeDegrees"], place["LongitudeDegrees"], place.get("AltitudeMeters"))
            elif "AltitudeMeters" in place:
                activity.path.climb(place["AltitudeMeters"])
        elif name == "Notes" and parent == "Activity":
            activity.title = " ".join(text.split())[:200]
        elif name == "Name" and parent == "Creator":
            activity.device = " ".join(text.split())[:120]
        elif name == "Activity":
            self._activity = None
            try:
                self.found.append(self._record(activity))
            except (DataError, OverflowError) as error:
                wrong = error if isinstance(error, DataError) else DataError("a time is not one", code="bad_time")
                self.found.append(self._source.placed(wrong, activity.line))

    def _record(self, activity: _Activity) -> Record:
        if activity.start is None or activity.end is None:
            raise DataError("an activity has no time", code="missing_field")
        start = activity.start.astimezone(self._zone)
        end = max(activity.end, activity.start + timedelta(seconds=min(max(activity.seconds, 0.0), 30 * 86400)))
        return measured.activity(
            self._source, activity.line, _SPORTS.get(activity.sport) or snake(activity.sport, "other"), start,
            end.astimezone(self._zone), title=activity.title, duration_s=activity.seconds or None,
            distance_m=activity.metres or activity.path.distance or None, energy_kcal=activity.energy or None,
            mean_heart_rate=activity.beats_sum / activity.beats_s if activity.beats_s else None,
            max_heart_rate=activity.beats_max or None,
            ascent_m=activity.path.ascent if activity.path.has_height else None,
            points_count=activity.path.points or None, device=activity.device, start_place=activity.path.place,
        )  # fmt: skip
