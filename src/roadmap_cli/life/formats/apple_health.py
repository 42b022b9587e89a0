"""Apple Health: `export.zip`, or the `export.xml` in it, read as a stream; of any size in the same memory.

Quantities in their metric's unit, sleep by stage, workouts of the old form (totals as attributes) and the new one
(WorkoutStatistics), with the beginning and length of their routes; the day's rings as totals of a whole day. Times are
local by the offset the export writes, or by the record's own HKTimeZone. What HealthKit measures and this family has no
metric for, keeps HealthKit's name and unit. Clinical documents and electrocardiograms are left out, and that is said.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import BinaryIO

import orjson

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life.formats import apple_types as types
from roadmap_cli.life.formats import measured
from roadmap_cli.life.formats.apple_values import minutes, number, own_zone, plain
from roadmap_cli.life.formats.apple_workout import Route, Workout
from roadmap_cli.life.formats.xml_stream import Elements, root_name
from roadmap_cli.life.kinds.items import LeftOut, Source
from roadmap_cli.life.kinds.metrics import METRICS, conversion, tidy
from roadmap_cli.life.local_time.wall_clock import Stamps, zone_of
from roadmap_cli.life.opening.opened import Opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.opening.settings import Settings

NAME, WHAT = "apple_health", "an export of Apple Health"
#: Errors of a ZIP archive that is damaged, encrypted, or compressed in a way that is not known.
ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError, ValueError)
_DEVICE_NAME = re.compile(r"name:([^,>]{1,80})")
_MOST_KNOWN = 10_000
_TOP = "Record|Correlation|Workout|ActivitySummary|ClinicalRecord"

#: A Record as phones write it: these attributes in this order, with no children but metadata.
_RECORD = re.compile(
    r'\n <Record type="([A-Za-z0-9]+)" sourceName="([^"<]*)"(?: sourceVersion="[^"<]*")?(?: device="([^"<]*)")?'
    r'(?: unit="([^"<&]*)")?(?: creationDate="[^"<&]*")? startDate="([^"<&]*)" endDate="([^"<&]*)"'
    r'(?: value="([^"<&]*)")?(?:/>|>((?:\s*<MetadataEntry key="[^"<]*" value="[^"<]*"/>)*)\s*</Record>)'
)
_TIME_ZONE = re.compile(r'key="HKTimeZone" value="([^"]*)"')


def matches(opened: Opened) -> bool:
    """Its root element, or that of a file in the archive, is HealthData."""
    if opened.members:
        return bool(_member(opened))
    return root_name(opened.text_head) == "HealthData"


def _member(opened: Opened) -> str:
    """The name of the export inside the archive, whatever it is called in the phone's language; "" if there is none."""
    names = [name for name in opened.members if name.lower().endswith(".xml") and not name.lower().endswith("_cda.xml")]
    try:
        with zipfile.ZipFile(opened.stream) as archive:
            for name in names[:20]:
                with archive.open(name) as stream:
                    if root_name(stream.read(4096).lstrip(b"\xef\xbb\xbf")) == "HealthData":
                        return name
    except ZIP_ERRORS:
        pass
    finally:
        opened.stream.seek(0)
    return ""


@contextmanager
def _document(opened: Opened) -> Iterator[tuple[BinaryIO, Route]]:
    """The stream of the export, and how its routes are read."""
    if not opened.members:
        opened.stream.seek(0)
        yield opened.stream, lambda _: (None, 0, None)
        return
    with zipfile.ZipFile(opened.stream) as archive:
        by_name = {name.rpartition("/")[2]: name for name in archive.namelist() if name.lower().endswith(".gpx")}

        def route(path: str) -> tuple[tuple[float, float] | None, int, float | None]:
            from roadmap_cli.life.formats import gpx

            name = by_name.get(path.rpartition("/")[2])
            if name is None:
                return None, 0, None
            with archive.open(name) as stream:
                return gpx.outline(stream)

        with archive.open(_member(opened)) as stream:
            yield stream, route  # type: ignore[misc]


def items(opened: Opened, source: Source, settings: Settings) -> Iterator[Record | DataError | LeftOut]:
    """Measurements and activities in the order of the file; `source_line` is the line of the export's XML."""
    try:
        with _document(opened) as (stream, route):
            reader = _Reader(stream, source, settings, route)
            for _ in reader.elements.pieces():
                yield from reader.taken()
            yield from reader.rest()
    except ZIP_ERRORS as error:
        if isinstance(error, OSError) and not isinstance(error, zipfile.BadZipFile) and error.errno:
            raise DataError(f"cannot be read on: {(error.strerror or '').lower()}", code="unreadable") from None
        encrypted = isinstance(error, RuntimeError) and "encrypted" in str(error)
        raise DataError(
            "the archive is encrypted" if encrypted else "the archive is damaged",
            code="bad_archive",
            hint="unpack it and name export.xml" if encrypted else "export it again",
        ) from None


class _Kind:
    """How records of one type and unit are read: metric, unit, factor and what is added; worked out once."""

    __slots__ = ("factor", "head", "metric", "plus", "span", "stage", "stand", "unit")

    def __init__(self, name: str, unit: str) -> None:
        """`name` is HealthKit's. Raises DataError for a unit that does not belong to the metric."""
        self.factor, self.plus = 1.0, 0.0
        self.stage = self.stand = self.span = False
        if name.startswith(types.QUANTITY):
            bare = name.removeprefix(types.QUANTITY)
            self.metric = types.QUANTITIES.get(bare) or types.snake(bare, "other")
            known = METRICS.get(self.metric)
            if known:
                self.unit = known.unit
                self.factor, self.plus = conversion("ratio" if unit == "%" else unit, known)
            else:
                self.unit = unit or "count"
        else:
            bare = name.removeprefix(types.CATEGORY).removeprefix("HKDataType")
            self.stage = bare == "SleepAnalysis"
            self.stand = bare == "AppleStandHour"
            self.span = not self.stage and not self.stand
            self.metric = (
                "sleep"
                if self.stage
                else "stand_hours"
                if self.stand
                else types.SPANS.get(bare) or types.snake(bare, "other")
            )
            self.unit = "count" if self.stand else "min"
        self.head = f',"metric":"{self.metric}"'


class _Reader:
    def __init__(self, stream: BinaryIO, source: Source, settings: Settings, route: Route) -> None:
        self.elements = Elements(stream, _TOP)
        self.elements.on_start = self._start
        self.elements.on_gap = self._forget
        self.elements.take_whole(_RECORD, self._whole)
        self._source, self._source_id = source, source.id
        self._zone = zone_of(settings.zone)
        self._route = route
        self._stamps = Stamps()
        self._kinds: dict[tuple[str, str], _Kind] = {}
        self._devices: dict[tuple[str, str], tuple[str, str, str]] = {}
        self._raw_devices: dict[tuple[str, str | None], tuple[str, str, str]] = {}
        self._out: list[Record | DataError] = []
        self._fresh: list[Record] = []
        self._identities: list[bytes] = []
        self._record: dict[str, str] | None = None
        self._record_line = 0
        self._zone_name = ""
        self._workout: Workout | None = None
        self._depth = 0
        self._left: Counter[str] = Counter()

    def taken(self) -> list[Record | DataError]:
        """What the last piece of the file gave."""
        out, self._out = self._out, []
        if self._fresh:
            measured.ids_of(self._fresh, self._identities)
            self._fresh, self._identities = [], []
        if self.elements.errors:
            out += [self._source.placed(error) for error in self.elements.errors]
            self.elements.errors.clear()
        return out

    def rest(self) -> Iterator[Record | DataError | LeftOut]:
        """What is still held at the end."""
        self._close()
        yield from self.taken()
        yield from (LeftOut(what, count) for what, count in sorted(self._left.items()))

    def _whole(self, found: re.Match[str], line: int) -> bool:
        """A Record that need not go through expat; False if its entities are none."""
        if self._workout:
            return False
        if self._record is not None:
            self._close()
        kind, source, device, unit, began, ended, value, children = found.groups()
        named = self._raw_devices.get((source, device))
        if named is None:
            try:
                told = self._device((plain(source), plain(device or "")))
            except ValueError:
                return False
            if len(self._raw_devices) > _MOST_KNOWN:
                self._raw_devices.clear()
            named = self._raw_devices[source, device] = told
        zone = ""
        if children and "HKTimeZone" in children and (own := _TIME_ZONE.search(children)):
            zone = own[1]
        try:
            self._measure(kind, unit or "", began, ended, value or "", named, zone, line)
        except DataError as error:
            self._out.append(self._source.placed(error, line))
        return True

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "MetadataEntry":
            if attributes.get("key") == "HKTimeZone":
                self._zone_name = attributes.get("value", "")
            elif self._workout:
                self._workout.metadata(attributes)
            return
        if self._workout:
            self._within_workout(name, attributes)
            return
        if name == "Record":
            if self._record is not None:
                self._close()
            self._record = attributes
            self._record_line = self.elements.line
        elif name == "Workout":
            self._close()
            self._workout = Workout(attributes, self.elements.line)
            self._depth = 0
            self.elements.ask_for_ends(self._end)
        elif name in ("InstantaneousBeatsPerMinute", "HeartRateVariabilityMetadataList"):
            return
        else:
            self._close()
            if name == "ActivitySummary":
                self._summary(attributes, self.elements.line)
            elif name == "ClinicalRecord":
                self._left["clinical records"] += 1
            elif name == "Audiogram":
                self._left["audiograms"] += 1
            elif name == "VisionPrescription":
                self._left["vision prescriptions"] += 1

    def _end(self, name: str) -> None:
        """Ends are asked for inside a workout only."""
        if self._depth:
            self._depth -= 1
        elif name == "Workout":
            self._close()
        elif name == "WorkoutActivity" and self._workout:
            self._workout.part = False

    def _within_workout(self, name: str, attributes: dict[str, str]) -> None:
        workout = self._workout
        assert workout
        if name in ("Record", "Workout", "ActivitySummary", "Correlation"):  # its end was lost
            self._close()
            self._start(name, attributes)
        elif name == "WorkoutActivity":
            workout.part = True
        elif name == "WorkoutStatistics" and not workout.part:
            workout.statistics(attributes)
        elif name == "FileReference":
            workout.path = workout.path or attributes.get("path", "")
        elif name == "Location":
            workout.location(attributes)

    def _forget(self) -> None:
        """Before a gap: a record is whole with its attributes, a workout that was not closed is not."""
        self._workout = None
        self._close()
        self.elements.on_end = None

    def _close(self) -> None:
        """Make a record of what is held."""
        attributes, workout, zone = self._record, self._workout, self._zone_name
        self._record, self._workout, self._zone_name = None, None, ""
        if workout:
            self.elements.ask_for_ends(None)
            try:
                self._out.append(workout.record(self._source, self._stamps, self._device, self._route, zone))
            except DataError as error:
                self._out.append(self._source.placed(error, workout.line))
        elif attributes is not None:
            try:
                named = attributes.get("sourceName", ""), attributes.get("device", "")
                self._measure(
                    attributes["type"], attributes.get("unit", ""), attributes["startDate"], attributes["endDate"],
                    attributes.get("value", ""), self._devices.get(named) or self._device(named), zone,
                    self._record_line,
                )  # fmt: skip
            except DataError as error:
                self._out.append(self._source.placed(error, self._record_line))
            except KeyError as error:
                missing = DataError(f"attribute {error.args[0]!r} is missing", code="missing_field")
                self._out.append(self._source.placed(missing, self._record_line))

    def _measure(
        self, name: str, unit: str, began: str, ended: str, text: str, named: tuple[str, str, str], zone: str, line: int
    ) -> None:
        """One Record: HealthKit's type, unit, times and value; device and app; its own zone; its line."""
        kind = self._kinds.get((name, unit))
        if kind is None:
            if len(self._kinds) > _MOST_KNOWN:
                self._kinds.clear()
            kind = self._kinds[name, unit] = _Kind(name, unit)
        at, offset = self._stamps(began)
        end = at if ended == began else self._stamps(ended)[0]
        if end < at:
            raise DataError("it ends before it begins", code="bad_time")
        stage = ""
        value: float | int
        if kind.stage:
            stage = types.STAGES.get(text.removeprefix("HKCategoryValueSleepAnalysis"), "")
            if not stage:
                raise DataError("stage of sleep is unknown", code="wrong_type")
            value = minutes(at, end)
        elif kind.stand:
            value = int(text.endswith("Stood"))
        elif kind.span:
            value = minutes(at, end)
        else:
            value = number(text)
            if kind.factor != 1.0 or kind.plus:
                value = tidy(value * kind.factor + kind.plus)
        day = began[:10]
        if kind.stage:
            day = measured.sleep_day(datetime.fromisoformat(f"{ended[:10]}T{ended[11:19]}")).isoformat()
        if zone:
            day, offset = own_zone(zone, at, end, day, offset, asleep=kind.stage)
        device, app, quoted = named
        record: Record = {"kind": "life.measurement", "id": "", "at": at}
        if end != at:
            record["ends_at"] = end
        record["date"] = day
        record["zone"] = offset
        record["metric"] = kind.metric
        record["value"] = value
        record["unit"] = kind.unit
        if stage:
            record["stage"] = stage
        if device:
            record["device"] = device
        if app:
            record["app"] = app
        if kind.span and text and text != "HKCategoryValueNotApplicable":
            record["category"] = text.removeprefix("HKCategoryValue")
        record["source"] = self._source.name
        record["source_line"] = line
        record["source_id"] = self._source_id
        told = f',"stage":"{stage}"' if stage else ""
        self._identities.append(
            f'["life.measurement",{{"at":"{at}","device":{quoted},"ends_at":"{end}"{kind.head}{told},"value":"{value!r}"}}]'.encode()
        )
        self._fresh.append(record)
        self._out.append(record)

    def _device(self, named: tuple[str, str]) -> tuple[str, str, str]:
        """Device and app by sourceName and device attribute, and the device as it stands in JSON."""
        source, described = named
        app = " ".join(source.split())[:120]
        found = _DEVICE_NAME.search(described)
        device = found[1].strip() if found else app
        if len(self._devices) > _MOST_KNOWN:
            self._devices.clear()
        known = device, app if app != device else "", orjson.dumps(device).decode()
        self._devices[named] = known
        return known

    def _summary(self, attributes: dict[str, str], line: int) -> None:
        """The rings of a day, as totals of that day."""
        try:
            day = attributes.get("dateComponents", "")
            try:
                start = datetime.fromisoformat(f"{day}T00:00:00").replace(tzinfo=self._zone)
                end = start + timedelta(days=1)
            except (ValueError, OverflowError):
                raise DataError("attribute 'dateComponents' is not a date", code="bad_time") from None
            for name, metric, unit in (
                ("activeEnergyBurned", "active_energy", attributes.get("activeEnergyBurnedUnit", "kcal")),
                ("appleMoveTime", "move_time", "min"),
                ("appleExerciseTime", "exercise_time", "min"),
                ("appleStandHours", "stand_hours", "count"),
            ):
                text = attributes.get(name)
                if text and float(number(text)) > 0:
                    self._out.append(
                        measured.measurement(
                            self._source,
                            line,
                            metric,
                            number(text),
                            start,
                            end,
                            unit=unit,
                            day=day,
                            device="Activity rings",
                        )
                    )
        except DataError as error:
            self._out.append(self._source.placed(error, line))
