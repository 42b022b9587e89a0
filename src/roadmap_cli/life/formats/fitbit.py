"""Fitbit: the JSON and CSV files of Google Takeout, one by one or in their archive.

Most of its files are lists of times and values that do not say what was measured; that stands in the name of the file,
so it must keep the name it was exported with. Times in steps, heart_rate, calories, distance and exercise are UTC,
those of sleep are local; weight is in pounds, distance in centimetres.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life.formats import measured
from roadmap_cli.life.formats import service_files as files
from roadmap_cli.life.formats.apple_types import snake
from roadmap_cli.life.formats.json_files import parsed
from roadmap_cli.life.kinds.items import Source
from roadmap_cli.life.kinds.metrics import METRICS
from roadmap_cli.life.local_time.wall_clock import zone_of
from roadmap_cli.life.opening import charsets
from roadmap_cli.life.opening.opened import Opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.opening.settings import Settings

NAME, WHAT = "fitbit", "an export of Fitbit"
_DEVICE = "Fitbit"
#: Beginning of a file's name → metric, unit, minutes that a value is for (0: a moment, 1440: a day).
_SERIES = {
    "steps": ("steps", "count", 1),
    "distance": ("distance", "cm", 1),
    "calories": ("total_energy", "kcal", 1),
    "heart_rate": ("heart_rate", "bpm", 0),
    "resting_heart_rate": ("resting_heart_rate", "bpm", 1440),
    "sedentary_minutes": ("sedentary_time", "min", 1440),
    "demographic_vo2_max": ("vo2_max", "ml/kg/min", 1440),
    "run_vo2_max": ("vo2_max", "ml/kg/min", 0),
}
#: Minutes of a day that are active, told in three files.
_ACTIVE = ("lightly_active_minutes", "moderately_active_minutes", "very_active_minutes")
_STAGES = {"wake": "awake", "awake": "awake", "restless": "awake", "light": "core", "deep": "deep", "rem": "rem",
           "asleep": "asleep"}  # fmt: skip
_FILES = re.compile(
    r"Fitbit/.*/(?:(?:steps|distance|calories|heart_rate|resting_heart_rate|sedentary_minutes|demographic_vo2_max|"
    r"run_vo2_max|lightly_active_minutes|moderately_active_minutes|very_active_minutes|sleep|weight|exercise)-[^/]*\.json"
    r"|(?:Daily SpO2|Daily Heart Rate Variability Summary|Daily Respiratory Rate Summary)[^/]*\.csv|sleep_score\.csv)$"
)
_TIME = re.compile(rb'"(?:dateTime|date)"\s*:\s*"\d\d/\d\d/\d\d')
#: Headings of its CSV files: column of the time; column → metric, unit.
_TABLES: dict[bytes, tuple[str, dict[str, tuple[str, str]]]] = {
    b"timestamp,average_value,lower_bound,upper_bound": (
        "timestamp", {"average_value": ("oxygen_saturation", "percent")},
    ),
    b"timestamp,rmssd,nremhr,entropy": ("timestamp", {"rmssd": ("heart_rate_variability_rmssd", "ms")}),
    b"timestamp,daily_respiratory_rate": ("timestamp", {"daily_respiratory_rate": ("respiratory_rate", "bpm")}),
    b"sleep_log_entry_id,timestamp,overall_score": (
        "timestamp", {"overall_score": ("sleep_score", "score"), "resting_heart_rate": ("resting_heart_rate", "bpm")},
    ),
    b"timestamp,steps": ("timestamp", {"steps": ("steps", "count")}),
    b"timestamp,beats per minute": ("timestamp", {"beats per minute": ("heart_rate", "bpm")}),
}  # fmt: skip


def matches(opened: Opened) -> bool:
    """Its way of writing times, its fields of sleep, or its headings."""
    if files.any_member(opened, _FILES):
        return True
    head = opened.text_head
    if head[:1] == b"[":
        return bool(_TIME.search(head[:4096])) or files.head_names(opened, "logId", "dateOfSleep")
    return _heading(head) is not None


def _heading(head: bytes) -> bytes | None:
    first = head.split(b"\n", 1)[0].strip().lower()
    return next((heading for heading in _TABLES if first.startswith(heading)), None)


def items(opened: Opened, source: Source, settings: Settings) -> Iterator[Record | DataError]:
    """Measurements and activities; `source_line` is the number of the item."""
    zone = zone_of(settings.zone)
    line = 0
    for name, content in files.parts(opened, _FILES):
        heading = _heading(content.removeprefix(b"\xef\xbb\xbf")[:4096])
        if heading:
            found = _table(source, content, heading, zone)
            yield from found
            continue
        stem = re.sub(r"[-.].*", "", name.rpartition("/")[2])
        try:
            values = files.each_in(parsed(content))
        except DataError as error:
            yield source.placed(error, line + 1)
            continue
        for item in values:
            line += 1
            yield from measured.placed(source, _item(source, item, stem, zone, line), line)


def _item(source: Source, item: Any, stem: str, zone: tzinfo, line: int) -> Iterator[Record]:
    if not isinstance(item, dict):
        raise DataError("not an object", code="wrong_type")
    if "dateOfSleep" in item:
        yield from _night(source, item, zone, line)
    elif "activityName" in item:
        yield _exercise(source, item, zone, line)
    elif "weight" in item and "logId" in item:
        pounds = files.number(item, "weight")
        if pounds:
            when = _time(f"{item.get('date')} {item.get('time')}", zone)
            yield measured.measurement(source, line, "body_mass", pounds, when, unit="lb", device=_DEVICE)
    elif stem in _ACTIVE:
        value = files.number(item, "value")
        if value:
            day, start, _ = files.day_of(_time(item.get("dateTime"), zone).date(), zone)
            begin = start + timedelta(hours=6 * _ACTIVE.index(stem))  # three parts of one day, not three totals of it
            yield measured.measurement(
                source, line, "active_time", value, begin, begin + timedelta(hours=6), day=day, device=_DEVICE
            )
    elif stem in _SERIES:
        yield from _value(source, item, stem, zone, line)
    else:
        raise DataError(
            "the name of the file does not say what its numbers are",
            code="unknown_metric",
            hint="keep the name it was exported with, such as steps-2024-01-01.json",
        )


def _value(source: Source, item: files.Object, stem: str, zone: tzinfo, line: int) -> Iterator[Record]:
    metric, unit, minutes = _SERIES[stem]
    value = next(
        (
            found
            for path in (
                ("value",),
                ("value", "bpm"),
                ("value", "value"),
                ("value", "demographicVO2Max"),
                ("value", "runVO2Max"),
            )
            if (found := files.number(item, *path)) is not None
        ),
        None,
    )
    if value is None or value <= 0:
        return
    if minutes == 1440:
        day, start, end = files.day_of(_time(item.get("dateTime"), zone).date(), zone)
        yield measured.measurement(source, line, metric, value, start, end, unit=unit, day=day, device=_DEVICE)
    else:
        when = _time(item.get("dateTime"), UTC).astimezone(zone)
        end = when + timedelta(minutes=minutes) if minutes else when
        yield measured.measurement(source, line, metric, value, when, end, unit=unit, device=_DEVICE)


def _time(given: Any, zone: tzinfo) -> datetime:
    """`01/31/24 08:00:00`. Raises DataError (bad_time)."""
    try:
        return datetime.strptime(str(given), "%m/%d/%y %H:%M:%S").replace(tzinfo=zone)
    except ValueError:
        return files.time_of(given, zone)


def _night(source: Source, item: files.Object, zone: tzinfo, line: int) -> Iterator[Record]:
    start, end = (files.time_of(item.get(name), zone) for name in ("startTime", "endTime"))
    day = files.day_of(item.get("dateOfSleep"), zone)[0]
    levels = item.get("levels")
    stretches = levels.get("data") if isinstance(levels, dict) else None
    for each in stretches if isinstance(stretches, list) else []:
        stage = _STAGES.get(str(each.get("level"))) if isinstance(each, dict) else None
        seconds = files.number(each, "seconds")
        if stage and seconds and 0 < seconds <= 86400:
            began = files.time_of(each.get("dateTime"), zone)
            yield measured.measurement(
                source, line, "sleep", seconds, began, began + timedelta(seconds=seconds), unit="s", day=day,
                stage=stage, device=_DEVICE,
            )  # fmt: skip
    if not stretches and (minutes := files.number(item, "minutesAsleep")):
        yield measured.measurement(
            source, line, "sleep", minutes, start, end, day=day, stage="asleep", device=_DEVICE
        )  # fmt: skip
    bed = files.number(item, "timeInBed") or (end - start).total_seconds() / 60
    if bed > 0:
        yield measured.measurement(source, line, "sleep", bed, start, end, day=day, stage="in_bed", device=_DEVICE)


def _exercise(source: Source, item: files.Object, zone: tzinfo, line: int) -> Record:
    start = _time(item.get("startTime"), UTC).astimezone(zone)
    lasted = files.number(item, "duration") or 0.0
    if not 0 <= lasted <= 30 * 86_400_000:
        raise DataError("field 'duration' is no length of an exercise", code="bad_time")
    active, distance = files.number(item, "activeDuration"), files.number(item, "distance")
    if distance:
        from roadmap_cli.life.kinds.metrics import convert

        unit = {"Mile": "mi", "Kilometer": "km", "Meter": "m"}.get(str(item.get("distanceUnit")), "km")
        distance = convert(distance, unit, METRICS["distance"])
    return measured.activity(
        source, line, snake(str(item.get("activityName") or "other").replace(" ", "_"), "other"), start,
        start + timedelta(milliseconds=lasted), duration_s=active / 1000 if active else None, distance_m=distance,
        energy_kcal=files.number(item, "calories"), mean_heart_rate=files.number(item, "averageHeartRate"),
        device=_DEVICE,
    )  # fmt: skip


def _table(source: Source, content: bytes, heading: bytes, zone: tzinfo) -> Iterator[Record | DataError]:
    column, values = _TABLES[heading]
    for found in files.table(source, charsets.decode(content), lambda name: name.strip().lower()):
        if isinstance(found, DataError):
            yield found
            continue
        line, row = found
        yield from measured.placed(source, _row(source, row, column, values, zone, line), line)


def _row(
    source: Source, row: dict[str, Any], column: str, values: dict[str, tuple[str, str]], zone: tzinfo, line: int
) -> Iterator[Record]:
    when = files.time_of(row.get(column), zone)
    for name, (metric, unit) in values.items():
        value = files.number(row, name)
        if value:
            end = when + timedelta(minutes=1) if metric == "steps" else when
            yield measured.measurement(
                source, line, metric, value, when.astimezone(zone), end.astimezone(zone), unit=unit, device=_DEVICE
            )
