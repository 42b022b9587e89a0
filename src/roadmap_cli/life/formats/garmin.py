"""Garmin's export of all data (the GDPR archive, or single files of it): days, nights, exercises, weight.

Distances and heights of its summarised activities are centimetres, durations milliseconds, energies kilojoules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life.formats import measured
from roadmap_cli.life.formats import service_files as files
from roadmap_cli.life.formats.apple_types import snake
from roadmap_cli.life.formats.json_files import parsed
from roadmap_cli.life.kinds.items import Source
from roadmap_cli.life.local_time.wall_clock import zone_of
from roadmap_cli.life.opening.opened import Opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.opening.settings import Settings

NAME, WHAT = "garmin", "an export of Garmin Connect"
_DEVICE = "Garmin"
_FILES = re.compile(r"DI[_-]CONNECT.*(UDSFile|sleepData|summarizedActivities|userBioMetrics)[^/]*\.json$")
#: Field of a day → metric, unit.
_OF_DAY = (
    ("totalSteps", "steps", "count"),
    ("totalDistanceMeters", "distance", "m"),
    ("activeKilocalories", "active_energy", "kcal"),
    ("bmrKilocalories", "basal_energy", "kcal"),
    ("restingHeartRate", "resting_heart_rate", "bpm"),
    ("minHeartRate", "min_heart_rate", "bpm"),
    ("maxHeartRate", "max_heart_rate", "bpm"),
)
_STAGES = (("deepSleepSeconds", "deep"), ("lightSleepSeconds", "core"), ("remSleepSeconds", "rem"),
           ("awakeSleepSeconds", "awake"))  # fmt: skip


def matches(opened: Opened) -> bool:
    """Fields, or paths in an archive, that only Garmin writes."""
    return files.any_member(opened, _FILES) or any(
        files.head_names(opened, *names)
        for names in (
            ("summarizedActivitiesExport",),
            ("sleepStartTimestampGMT", "calendarDate"),
            ("userProfilePK", "totalSteps"),
            ("userProfilePK", "wellnessStartTimeGmt"),
        )
    )


def items(opened: Opened, source: Source, settings: Settings) -> Iterator[Record | DataError]:
    """Measurements and activities; `source_line` is the number of the item in the export."""
    zone = zone_of(settings.zone)
    line = 0
    for _, content in files.parts(opened, _FILES):
        line += 1
        try:
            found = files.each_in(parsed(content))
        except DataError as error:
            yield source.placed(error, line)
            continue
        for each in found:
            inner = each.get("summarizedActivitiesExport") if isinstance(each, dict) else None
            for item in inner if isinstance(inner, list) else [each]:
                yield from measured.placed(source, _item(source, item, zone, line), line)
                line += 1


def _item(source: Source, item: Any, zone: tzinfo, line: int) -> Iterator[Record]:
    if not isinstance(item, dict):
        raise DataError("not an object", code="wrong_type")
    if "sleepStartTimestampGMT" in item:
        yield from _night(source, item, zone, line)
    elif "activityId" in item:
        yield from _activity(source, item, zone, line)
    elif "calendarDate" in item:
        yield from _day(source, item, zone, line)
    elif isinstance(item.get("weight"), dict):
        grams, at = files.number(item, "weight", "weight"), item["weight"].get("timestampGMT")
        if grams and at:
            when = files.time_of(at, UTC).astimezone(zone)
            yield measured.measurement(source, line, "body_mass", grams, when, unit="g", device=_DEVICE)


def _day(source: Source, item: files.Object, zone: tzinfo, line: int) -> Iterator[Record]:
    given = item["calendarDate"]
    if isinstance(given, dict):
        given = given.get("date")
    day, start, end = files.day_of(
        _english(given), _offset(item, "wellnessStartTimeGmt", "wellnessStartTimeLocal", zone)
    )

    def told(metric: str, value: float | None, unit: str) -> Iterator[Record]:
        if value is not None and value > 0:
            yield measured.measurement(source, line, metric, value, start, end, unit=unit, day=day, device=_DEVICE)

    for name, metric, unit in _OF_DAY:
        yield from told(metric, files.number(item, name), unit)
    moderate, vigorous = (files.number(item, f"{name}IntensityMinutes") or 0 for name in ("moderate", "vigorous"))
    yield from told("exercise_time", moderate + vigorous, "min")
    yield from told("respiratory_rate", files.number(item, "respiration", "avgWakingRespirationValue"), "bpm")
    stress = item.get("allDayStress")
    for each in files.each_in(stress.get("aggregatorList")) if isinstance(stress, dict) else []:
        if isinstance(each, dict) and each.get("type") == "TOTAL":
            yield from told("stress_level", files.number(each, "averageStressLevel"), "score")


def _english(given: Any) -> Any:
    """`Jan 5, 2020 12:00:00 AM`, as older exports write days, as 2020-01-05."""
    try:
        return datetime.strptime(" ".join(str(given).split()[:3]), "%b %d, %Y").date().isoformat()
    except ValueError:
        return given


def _offset(item: files.Object, gmt: str, local: str, zone: tzinfo) -> tzinfo:
    """The offset that a pair of times of one moment shows; else `zone`."""
    if item.get(gmt) and item.get(local):
        there, here = (files.time_of(item[name], UTC) for name in (gmt, local))
        shift = timedelta(minutes=15) * round((here - there) / timedelta(minutes=15))
        if abs(shift) <= timedelta(hours=14):
            return timezone(shift)
    return zone


def _night(source: Source, item: files.Object, zone: tzinfo, line: int) -> Iterator[Record]:
    own = _offset(item, "sleepStartTimestampGMT", "sleepStartTimestampLocal", zone)
    start = files.time_of(item["sleepStartTimestampGMT"], UTC).astimezone(own)
    end = files.time_of(item.get("sleepEndTimestampGMT"), UTC).astimezone(own)
    day = str(item.get("calendarDate") or "")[:10] or None
    if day:
        files.day_of(day, own)
    told = 0.0
    for name, stage in _STAGES:
        seconds = files.number(item, name)
        if seconds is not None and seconds > 0:
            told += seconds
            yield measured.measurement(
                source, line, "sleep", seconds, start, end, unit="s", day=day, stage=stage, device=_DEVICE
            )
    if told:
        span = (end - start).total_seconds()
        yield measured.measurement(
            source, line, "sleep", span, start, end, unit="s", day=day, stage="in_bed", device=_DEVICE
        )
    for path, metric, unit in (
        (("sleepScores", "overallScore"), "sleep_score", "score"),
        (("averageRespiration",), "respiratory_rate", "bpm"),
        (("spo2SleepSummary", "averageSPO2"), "oxygen_saturation", "percent"),
    ):
        value = files.number(item, *path)
        if value is not None and value > 0:
            yield measured.measurement(source, line, metric, value, start, end, unit=unit, day=day, device=_DEVICE)


def _activity(source: Source, item: files.Object, zone: tzinfo, line: int) -> Iterator[Record]:
    own = _offset(item, "startTimeGmt", "startTimeLocal", zone)
    start = files.time_of(item.get("startTimeGmt") or item.get("beginTimestamp"), UTC).astimezone(own)
    milliseconds = files.number(item, "duration")
    elapsed = files.number(item, "elapsedDuration") or milliseconds or 0.0
    if not 0 <= elapsed <= 30 * 86400 * 1000:
        raise DataError("field 'elapsedDuration' is no length of an exercise", code="bad_time")
    distance, energy, climbed = (files.number(item, name) for name in ("distance", "calories", "elevationGain"))
    latitude, longitude = files.number(item, "startLatitude"), files.number(item, "startLongitude")
    yield measured.activity(
        source, line, snake(str(item.get("activityType") or "other"), "other"), start,
        start + timedelta(milliseconds=elapsed), title=files.label(item, "name"),
        duration_s=milliseconds / 1000 if milliseconds else None, distance_m=distance / 100 if distance else None,
        energy_kcal=energy / 4.184 if energy else None, mean_heart_rate=files.number(item, "avgHr"),
        max_heart_rate=files.number(item, "maxHr"), ascent_m=climbed / 100 if climbed else None, device=_DEVICE,
        start_place=(latitude, longitude) if latitude is not None and longitude is not None else None,
    )  # fmt: skip
