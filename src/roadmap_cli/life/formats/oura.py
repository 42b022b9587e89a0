"""Oura: documents of its API (version 2) as JSON, and the CSV of trends that its web page and app give."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from itertools import groupby
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life.formats import measured
from roadmap_cli.life.formats import service_files as files
from roadmap_cli.life.formats.apple_types import snake
from roadmap_cli.life.formats.json_files import parsed
from roadmap_cli.life.kinds.items import Source
from roadmap_cli.life.local_time.wall_clock import zone_of
from roadmap_cli.life.opening import charsets
from roadmap_cli.life.opening.opened import Opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.opening.settings import Settings

NAME, WHAT = "oura", "an export of Oura"
_DEVICE = "Oura Ring"
_PHASES = {"1": "deep", "2": "core", "3": "rem", "4": "awake"}
_DURATIONS = (("deep_sleep_duration", "deep"), ("light_sleep_duration", "core"), ("rem_sleep_duration", "rem"),
              ("awake_time", "awake"))  # fmt: skip
#: Of a day's documents: field → metric, unit.
_OF_DAY = (
    ("steps", "steps", "count"),
    ("active_calories", "active_energy", "kcal"),
    ("equivalent_walking_distance", "distance", "m"),
    ("sedentary_time", "sedentary_time", "s"),
    ("vo2_max", "vo2_max", "ml/kg/min"),
)
#: Headings of the CSV, lower case without marks → metric, unit.
_COLUMNS = {
    "steps": ("steps", "count"),
    "activity_burn": ("active_energy", "kcal"),
    "active_calories": ("active_energy", "kcal"),
    "average_resting_heart_rate": ("resting_heart_rate", "bpm"),
    "lowest_resting_heart_rate": ("min_heart_rate", "bpm"),
    "average_hrv": ("heart_rate_variability_rmssd", "ms"),
    "respiratory_rate": ("respiratory_rate", "bpm"),
    "temperature_deviation": ("skin_temperature_deviation", "degC"),
    "temperature_deviation_c": ("skin_temperature_deviation", "degC"),
    "sleep_score": ("sleep_score", "score"),
    "readiness_score": ("readiness_score", "score"),
    "activity_score": ("activity_score", "score"),
    "equivalent_walking_distance": ("distance", "m"),
}
_CSV_SLEEP = {"deep_sleep_duration": "deep", "deep_sleep_time": "deep", "light_sleep_duration": "core",
              "light_sleep_time": "core", "rem_sleep_duration": "rem", "rem_sleep_time": "rem",
              "awake_time": "awake"}  # fmt: skip


def matches(opened: Opened) -> bool:
    """Fields or headings that only Oura writes."""
    if any(
        files.head_names(opened, *names)
        for names in (
            ("bedtime_start", "bedtime_end", "day"),
            ("contributors", "day", "score"),
            ("class_5_min", "day"),
            ("bpm", "source", "timestamp"),
            ("day_summary", "stress_high"),
            ("spo2_percentage", "day"),
            ("activity", "start_datetime", "end_datetime", "day"),
            ("vo2_max", "day"),
        )
    ):
        return True
    first = opened.text_head.split(b"\n", 1)[0].lower()
    return first.startswith((b"date,", b"date;")) and sum(
        mark in first for mark in (b"readiness score", b"total sleep duration", b"average hrv", b"sleep score")
    ) >= 2  # fmt: skip


def items(opened: Opened, source: Source, settings: Settings) -> Iterator[Record | DataError]:
    """Measurements and activities; `source_line` is the number of the document, of the CSV the line."""
    zone = zone_of(settings.zone)
    if opened.text_head[:1] not in (b"[", b"{"):
        yield from _table(opened, source, zone)
        return
    value = parsed(opened.data())
    lists = [value]
    if isinstance(value, dict):
        within = [each for each in value.values() if isinstance(each, list)]
        lists = within or [value]
        lists += [
            each["data"] for each in value.values() if isinstance(each, dict) and isinstance(each.get("data"), list)
        ]
    line = 0
    for each in lists:
        for item in files.each_in(each):
            line += 1
            yield from measured.placed(source, _item(source, item, zone, line), line)


def _item(source: Source, item: Any, zone: tzinfo, line: int) -> Iterator[Record]:
    if not isinstance(item, dict):
        raise DataError("not an object", code="wrong_type")
    if "bedtime_start" in item:
        if item.get("type") != "deleted":
            yield from _night(source, item, zone, line)
    elif "bpm" in item:
        beats = files.number(item, "bpm")
        if beats:
            when = files.time_of(item.get("timestamp"), zone).astimezone(zone)
            yield measured.measurement(source, line, "heart_rate", beats, when, device=_DEVICE)
    elif "start_datetime" in item and "activity" in item:
        yield _workout(source, item, zone, line)
    elif "day" in item:
        yield from _day(source, item, zone, line)


def _day(source: Source, item: files.Object, zone: tzinfo, line: int) -> Iterator[Record]:
    own = zone
    if item.get("timestamp"):
        own = files.time_of(item["timestamp"], zone).tzinfo or zone
    day, start, end = files.day_of(item["day"], own)
    found = [(metric, files.number(item, name), unit) for name, metric, unit in _OF_DAY]
    contributors = item.get("contributors")
    if isinstance(contributors, dict) and "score" in item:
        which = (
            "sleep_score" if "deep_sleep" in contributors else "activity_score" if "stay_active" in contributors else
            "readiness_score"
        )  # fmt: skip
        found.append((which, files.number(item, "score"), "score"))
    found.append(("skin_temperature_deviation", files.number(item, "temperature_deviation"), "degC"))
    found.append(("oxygen_saturation", files.number(item, "spo2_percentage", "average"), "percent"))
    for metric, value, unit in found:
        if value is not None and (value > 0 or metric == "skin_temperature_deviation"):
            yield measured.measurement(source, line, metric, value, start, end, unit=unit, day=day, device=_DEVICE)


def _night(source: Source, item: files.Object, zone: tzinfo, line: int) -> Iterator[Record]:
    start, end = (files.time_of(item.get(name), zone) for name in ("bedtime_start", "bedtime_end"))
    day = item.get("day") and files.day_of(item["day"], zone)[0]

    def slept(stage: str, minutes: float, since: datetime, until: datetime) -> Record:
        return measured.measurement(
            source, line, "sleep", minutes, since, until, day=day, stage=stage, device=_DEVICE
        )  # fmt: skip

    phases = item.get("sleep_phase_5_min")
    if isinstance(phases, str) and phases and set(phases) <= set(_PHASES):
        place = 0
        for phase, run in groupby(phases):
            count = len(list(run))
            since = start + timedelta(minutes=5 * place)
            until = min(start + timedelta(minutes=5 * (place + count)), end)
            place += count
            if since < until:
                yield slept(_PHASES[phase], (until - since).total_seconds() / 60, since, until)
    else:
        for name, stage in _DURATIONS:
            seconds = files.number(item, name)
            if seconds is not None and seconds > 0:
                yield slept(stage, seconds / 60, start, end)
    if end > start:
        yield slept("in_bed", (end - start).total_seconds() / 60, start, end)
    for name, metric in (
        ("average_heart_rate", "heart_rate"), ("lowest_heart_rate", "resting_heart_rate"),
        ("average_hrv", "heart_rate_variability_rmssd"), ("average_breath", "respiratory_rate"),
    ):  # fmt: skip
        value = files.number(item, name)
        if value:
            yield measured.measurement(source, line, metric, value, start, end, day=day, device=_DEVICE)


def _workout(source: Source, item: files.Object, zone: tzinfo, line: int) -> Record:
    start, end = (files.time_of(item.get(name), zone) for name in ("start_datetime", "end_datetime"))
    return measured.activity(
        source, line, snake(str(item.get("activity") or "other"), "other"), start, end,
        title=files.label(item, "label"), distance_m=files.number(item, "distance"),
        energy_kcal=files.number(item, "calories"), device=_DEVICE,
    )  # fmt: skip


def _table(opened: Opened, source: Source, zone: tzinfo) -> Iterator[Record | DataError]:
    """The CSV: a row a day. Durations are seconds."""
    content = charsets.decode(opened.data())
    first = content.split("\n", 1)[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    for found in files.table(source, content, lambda name: snake(name.replace("°", ""), "unknown"), delimiter):
        if isinstance(found, DataError):
            yield found
            continue
        line, given = found
        yield from measured.placed(source, _row(source, given, zone, line), line)


def _row(source: Source, given: dict[str, str], zone: tzinfo, line: int) -> Iterator[Record]:
    day, start, end = files.day_of(given.get("date", ""), zone)
    for name, (metric, unit) in _COLUMNS.items():
        value = files.number(given, name)
        if value is not None and (value > 0 or metric == "skin_temperature_deviation"):
            yield measured.measurement(source, line, metric, value, start, end, unit=unit, day=day, device=_DEVICE)
    if given.get("bedtime_start") and given.get("bedtime_end"):
        began, ended = (files.time_of(given[name], zone) for name in ("bedtime_start", "bedtime_end"))
    else:
        began, ended = start, start + timedelta(hours=12)
    for name, stage in _CSV_SLEEP.items():
        seconds = files.number(given, name)
        if seconds is not None and seconds > 0:
            yield measured.measurement(
                source, line, "sleep", seconds, began, ended, unit="s", day=day, stage=stage, device=_DEVICE
            )
