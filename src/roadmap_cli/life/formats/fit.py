"""FIT, the binary files of sports watches: activities, daily monitoring, sleep, heart-rate variability, weight.

The messages are decoded by fitdecode. A file that is cut off gives what came before; one whose checksum is wrong gives
what could be decoded, and an error beside it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

from roadmap_cli.core.errors import DataError, Unavailable
from roadmap_cli.core.records import Record
from roadmap_cli.life.formats import measured
from roadmap_cli.life.formats.apple_types import snake
from roadmap_cli.life.kinds.items import Source
from roadmap_cli.life.local_time.wall_clock import zone_of
from roadmap_cli.life.opening.opened import Opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.opening.settings import Settings

NAME, WHAT = "fit", "a FIT file"
#: What a decoder of bytes makes of a damaged file.
_OF_DAMAGED = (
    ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError, EOFError, struct.error,
)  # fmt: skip
_SEMICIRCLE = 180 / 2**31
_STAGES = {"awake": "awake", "light": "core", "deep": "deep", "rem": "rem"}
_SPORTS = {"training": "strength", "fitness_equipment": "cardio", "generic": "other", "e_biking": "cycling",
           "cross_country_skiing": "cross_country_skiing", "alpine_skiing": "skiing"}  # fmt: skip
#: Messages of one value: name → (field, metric, unit).
_VALUES = {
    "weight_scale": (
        ("weight", "body_mass", "kg"), ("percent_fat", "body_fat", "percent"), ("muscle_mass", "muscle_mass", "kg"),
        ("bone_mass", "bone_mass", "kg"), ("bmi", "bmi", "count"),
    ),
    "blood_pressure": (
        ("systolic_pressure", "systolic_pressure", "mmHg"), ("diastolic_pressure", "diastolic_pressure", "mmHg"),
    ),
    "hrv_status_summary": (("last_night_average", "heart_rate_variability_rmssd", "ms"),),
    "hrv_value": (("value", "heart_rate_variability_rmssd", "ms"),),
    "spo2_data": (("reading_spo2", "oxygen_saturation", "percent"),),
    "respiration_rate": (("respiration_rate", "respiratory_rate", "bpm"),),
    "sleep_assessment": (("overall_sleep_score", "sleep_score", "score"),),
    "monitoring_hr_data": (("resting_heart_rate", "resting_heart_rate", "bpm"),),
}  # fmt: skip


def matches(opened: Opened) -> bool:
    """`.FIT` stands in its header."""
    return len(opened.head) >= 12 and opened.head[8:12] == b".FIT" and opened.head[0] in (12, 14)


def items(opened: Opened, source: Source, settings: Settings) -> Iterator[Record | DataError]:
    """Activities and measurements; `source_line` is the number of the message."""
    try:
        import fitdecode
    except ModuleNotFoundError:
        raise Unavailable("fitdecode is not installed", hint="python -m pip install fitdecode") from None

    reader = _Reader(source, zone_of(settings.zone))
    opened.stream.seek(0)
    number = 0
    try:
        with fitdecode.FitReader(
            opened.stream, check_crc=fitdecode.CrcCheck.READONLY, error_handling=fitdecode.ErrorHandling.IGNORE
        ) as frames:
            for frame in frames:
                if isinstance(frame, fitdecode.FitDataMessage):
                    number += 1
                    yield from measured.placed(source, reader.message(frame, number), number)
                elif isinstance(frame, fitdecode.FitCRC) and not frame.matched:
                    yield source.placed(DataError("its checksum is wrong", code="bad_checksum"))
    except fitdecode.FitEOFError:
        yield source.placed(DataError("the file is cut off", code="cut_off"), number or None)
    except (fitdecode.FitError, *_OF_DAMAGED):
        yield source.placed(DataError("the file is damaged", code="bad_fit"), number or None)
    yield from measured.placed(source, reader.rest(number), number)


class _Reader:
    def __init__(self, source: Source, zone: tzinfo) -> None:
        self._source, self._zone = source, zone
        self._device = ""
        self._last: datetime | None = None
        self._counts: dict[tuple[str, str], tuple[datetime, float]] = {}
        self._sleep: tuple[datetime, str] | None = None
        self._points = 0
        self._first: datetime | None = None
        self._place: tuple[float, float] | None = None
        self._distance: float | None = None
        self._sessions = 0
        self._sport = "other"
        self._waiting: list[Any] = []

    def message(self, frame: Any, number: int) -> Iterator[Record | DataError]:
        name = frame.name
        values = {field.name: field.value for field in frame.fields if field.value is not None}
        at = self._at(values)
        if name == "file_id":
            self._name(values)
        elif name == "device_info":
            if values.get("device_index") in ("creator", 0) and not self._device:
                self._name(values)
        elif name == "sport":
            self._sport = str(values.get("sport", "other"))
        elif name in ("activity", "monitoring_info"):
            self._local(values, at)
        elif name == "record" and at:
            self._record(values, at)
        elif name == "session":
            self._sessions += 1
            self._waiting.append((values, number, self._points, self._place))
            self._points, self._place, self._first = 0, None, None
        elif name == "monitoring" and at:
            yield from self._monitoring(values, at, number)
        elif name == "sleep_level" and at:
            yield from self._slept(values, at, number)
        elif name == "stress_level" and isinstance(values.get("stress_level_time"), datetime):
            level = values.get("stress_level_value")
            if isinstance(level, (int, float)) and level >= 0:
                yield self._measured("stress_level", level, values["stress_level_time"], number)
        elif name in _VALUES:
            when = at or self._last
            for field, metric, unit in _VALUES[name]:
                value = values.get(field)
                if when and isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0:
                    yield self._measured(metric, value, when, number, unit=unit)

    def rest(self, number: int) -> Iterator[Record | DataError]:
        """Sessions, whose zone is told last; of a file that was cut off before its session, the points."""
        for values, line, points, place in self._waiting:
            yield from measured.placed(self._source, self._session(values, line, points, place), line)
        if not self._sessions and self._points > 1 and self._first and self._last:
            yield measured.activity(
                self._source, max(number, 1), self._sport_name(self._sport), self._here(self._first),
                self._here(self._last), distance_m=self._distance, points_count=self._points, device=self._device,
                start_place=self._place,
            )  # fmt: skip

    def _at(self, values: dict[str, Any]) -> datetime | None:
        at = values.get("timestamp")
        if isinstance(at, datetime):
            self._last = at if at.tzinfo else at.replace(tzinfo=UTC)
            return self._last
        short = values.get("timestamp_16")
        if isinstance(short, int) and self._last:  # the low 16 bits of the seconds since 1989-12-31
            since = int((self._last - _EPOCH).total_seconds())
            self._last += timedelta(seconds=(short - since) & 0xFFFF)
            return self._last
        return None

    def _name(self, values: dict[str, Any]) -> None:
        maker = str(values.get("manufacturer", ""))
        product = values.get("product_name") or values.get("garmin_product") or values.get("product") or ""
        self._device = " ".join(f"{maker} {product}".replace("_", " ").split())[:120].title()
        created = values.get("time_created")
        if isinstance(created, datetime) and self._last is None:
            self._last = created if created.tzinfo else created.replace(tzinfo=UTC)

    def _local(self, values: dict[str, Any], at: datetime | None) -> None:
        """The zone, by the watch's local time."""
        local = values.get("local_timestamp")
        if at and isinstance(local, datetime):
            shift = local.replace(tzinfo=None) - at.replace(tzinfo=None)
            quarter = timedelta(minutes=15) * round(shift / timedelta(minutes=15))
            if abs(quarter) <= timedelta(hours=14):
                self._zone = timezone(quarter)

    def _here(self, moment: datetime) -> datetime:
        try:
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(self._zone)
        except (OverflowError, ValueError):
            raise DataError("time is outside the calendar", code="bad_time") from None

    def _measured(
        self, metric: str, value: float, start: datetime, number: int, end: datetime | None = None, **more: Any
    ) -> Record:
        return measured.measurement(
            self._source, number, metric, float(value), self._here(start), self._here(end) if end else None,
            device=self._device, **more,
        )  # fmt: skip

    def _record(self, values: dict[str, Any], at: datetime) -> None:
        self._points += 1
        self._first = self._first or at
        latitude, longitude = values.get("position_lat"), values.get("position_long")
        if self._place is None and isinstance(latitude, (int, float)) and isinstance(longitude, (int, float)):
            self._place = latitude * _SEMICIRCLE, longitude * _SEMICIRCLE
        distance = values.get("distance")
        if isinstance(distance, (int, float)):
            self._distance = float(distance)

    def _session(
        self, values: dict[str, Any], line: int, points: int, place: tuple[float, float] | None
    ) -> Iterator[Record]:
        start, elapsed = values.get("start_time"), _number(values, "total_elapsed_time")
        if not isinstance(start, datetime):
            raise DataError("a session has no time", code="missing_field")
        end = values.get("timestamp")
        if elapsed is not None and elapsed < 30 * 86400:
            ended = start + timedelta(seconds=elapsed)
        elif isinstance(end, datetime):
            ended = end
        else:
            ended = start
        latitude, longitude = _number(values, "start_position_lat"), _number(values, "start_position_long")
        if latitude is not None and longitude is not None:
            place = latitude * _SEMICIRCLE, longitude * _SEMICIRCLE
        sport = str(values.get("sport", "other"))
        sub = str(values.get("sub_sport", ""))
        yield measured.activity(
            self._source, line, "strength" if sub == "strength_training" else self._sport_name(sport),
            self._here(start), self._here(ended), duration_s=_number(values, "total_timer_time"),
            distance_m=_number(values, "total_distance"), energy_kcal=_number(values, "total_calories"),
            mean_heart_rate=_number(values, "avg_heart_rate"), max_heart_rate=_number(values, "max_heart_rate"),
            ascent_m=_number(values, "total_ascent"), points_count=points or None, device=self._device,
            start_place=place,
        )  # fmt: skip

    def _sport_name(self, sport: str) -> str:
        return _SPORTS.get(sport) or snake(sport, "other")

    def _monitoring(self, values: dict[str, Any], at: datetime, number: int) -> Iterator[Record]:
        """Counters that grow from midnight on, as what was added since they were last told."""
        rate = _number(values, "heart_rate")
        if rate:
            yield self._measured("heart_rate", rate, at, number)
        activity = str(values.get("activity_type", ""))
        for field, metric in (("steps", "steps"), ("active_calories", "active_energy"), ("distance", "distance")):
            total = _number(values, field)
            if total is None:
                continue
            key = field, activity
            before = self._counts.get(key)
            self._counts[key] = at, total
            if before is None:
                start, grown = self._midnight(at), total
            elif total < before[1]:
                start, grown = max(before[0], self._midnight(at)), total
            else:
                start, grown = before[0], total - before[1]
            if grown > 0 and start < at:
                yield self._measured(metric, grown, start, number, at)

    def _midnight(self, at: datetime) -> datetime:
        return self._here(at).replace(hour=0, minute=0, second=0, microsecond=0)

    def _slept(self, values: dict[str, Any], at: datetime, number: int) -> Iterator[Record]:
        """Each level holds until the next is told."""
        level = _STAGES.get(str(values.get("sleep_level", "")), "")
        before, self._sleep = self._sleep, (at, level)
        if before and before[1] and before[0] < at:
            minutes = (at - before[0]).total_seconds() / 60
            if minutes <= 24 * 60:
                yield self._measured("sleep", minutes, before[0], number, at, stage=before[1])


_EPOCH = datetime(1989, 12, 31, tzinfo=UTC)


def _number(values: dict[str, Any], field: str) -> float | None:
    value = values.get(field)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
