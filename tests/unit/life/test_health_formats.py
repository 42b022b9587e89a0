"""Exports of devices and services: what stands in them comes out, in our units and days, and nothing else raises."""

from __future__ import annotations

import io
import json
import struct
import sys
import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import content_id, content_ids, identity
from roadmap_cli.life.formats import measured
from roadmap_cli.life.ingest import detection, reading
from roadmap_cli.life.kinds.items import LeftOut
from roadmap_cli.life.kinds.metrics import METRICS, convert
from roadmap_cli.life.opening.opened import Opened
from roadmap_cli.life.opening.settings import Settings, Window

NOW = datetime.fromisoformat("2026-11-23T09:00:00+00:00")
sys.path.insert(0, str(Path(__file__).parents[3] / "tools" / "bench"))


def read(
    data: bytes, name: str = "file", zone: str = "Europe/Berlin"
) -> tuple[list[Any], list[DataError], list[LeftOut]]:
    """Records, errors and what is left out of one file."""
    opened = Opened.of(name, data)
    found = list(reading.items(opened, reading.source_of(opened), Settings(zone, Window(NOW, NOW))))
    return (
        [each for each in found if isinstance(each, dict)],
        [each for each in found if isinstance(each, DataError)],
        [each for each in found if isinstance(each, LeftOut)],
    )


def told(record: dict[str, Any]) -> dict[str, Any]:
    """A record without what says where it stood."""
    return {
        name: value for name, value in record.items() if not name.startswith("source") and name not in ("kind", "id")
    }


HEAD = b"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE HealthData [
<!-- HealthKit Export Version: 11 -->
<!ELEMENT HealthData (ExportDate,Me,(Record|Correlation|Workout|ActivitySummary|ClinicalRecord)*)>
<!ATTLIST Record
  type CDATA #REQUIRED
<!ATTLIST WorkoutEvent broken as in iOS 16
>
<!ENTITY x "never">
]>
<HealthData locale="de_DE">
 <ExportDate value="2026-11-20 10:36:11 +0100"/>
"""
WATCH = (
    'device="&lt;&lt;HKDevice: 0x28&gt;, name:Apple Watch, manufacturer:Apple Inc., model:Watch, hardware:Watch6,2&gt;"'
)


def apple(*lines: str) -> bytes:
    """An export.xml of some elements."""
    return HEAD + "\n".join(lines).encode() + b"\n</HealthData>\n"


def record(
    kind: str, value: str, unit: str = "", start: str = "2024-03-01 07:25:44 +0100", end: str = "", more: str = ""
) -> str:
    """A Record without children."""
    return (
        f' <Record type="{kind}" sourceName="Annas Apple\xa0Watch" sourceVersion="9" {WATCH} unit="{unit}"'
        f' creationDate="{start}" startDate="{start}" endDate="{end or start}" value="{value}"{more}/>'
    )


def test_apple_quantities_in_their_units() -> None:
    found, errors, left = read(
        apple(
            record("HKQuantityTypeIdentifierBodyMass", "154.323583529", "lb"),
            record("HKQuantityTypeIdentifierOxygenSaturation", "0.97", "%"),
            record("HKQuantityTypeIdentifierBodyTemperature", "98.6", "degF"),
            record("HKQuantityTypeIdentifierStepCount", "12", "count", end="2024-03-01 07:30:44 +0100"),
            record("HKQuantityTypeIdentifierDietaryVitaminB12", "3,5", "mcg"),
            record("HKCategoryTypeIdentifierHeadache", "HKCategoryValueSeverityMild", end="2024-03-01 08:25:44 +0100"),
            ' <ClinicalRecord type="Allergy" identifier="1"/>',
        )
    )
    assert not errors
    assert left == [LeftOut("clinical records", 1)]
    assert [(each["metric"], each["value"], each["unit"]) for each in found] == [
        ("body_mass", 70, "kg"),
        ("oxygen_saturation", 97, "percent"),
        ("body_temperature", 37, "degC"),
        ("steps", 12, "count"),
        ("dietary_vitamin_b12", 3.5, "mcg"),
        ("headache", 60, "min"),
    ]
    assert told(found[3]) == {
        "at": "2024-03-01T06:25:44.000Z", "ends_at": "2024-03-01T06:30:44.000Z", "date": "2024-03-01", "zone": "+01:00",
        "metric": "steps", "value": 12, "unit": "count", "device": "Apple Watch", "app": "Annas Apple Watch",
    }  # fmt: skip
    assert found[0]["source_line"] == 13
    assert all(each["id"] == measured.measurement_id(each) for each in found)


def test_apple_sleep_counts_for_the_day_of_waking_in_its_own_zone() -> None:
    tokyo = '><MetadataEntry key="HKTimeZone" value="Asia/Tokyo"/></Record>'
    found, errors, _ = read(
        apple(
            record("HKCategoryTypeIdentifierSleepAnalysis", "HKCategoryValueSleepAnalysisAsleepCore",
                   start="2024-03-01 22:10:00 +0100", end="2024-03-01 23:00:00 +0100"),
            record("HKCategoryTypeIdentifierSleepAnalysis", "HKCategoryValueSleepAnalysisInBed",
                   start="2024-03-01 15:00:00 +0100", end="2024-03-01 23:00:00 +0100").replace("/>", tokyo),
            record("HKCategoryTypeIdentifierSleepAnalysis", "1",
                   start="2024-03-02 13:00:00 +0100", end="2024-03-02 13:30:00 +0100"),
        )
    )  # fmt: skip
    assert not errors
    assert [(each["date"], each["stage"], each["value"], each["zone"]) for each in found] == [
        ("2024-03-02", "core", 50, "+01:00"),
        ("2024-03-02", "in_bed", 480, "Asia/Tokyo"),
        ("2024-03-02", "asleep", 30, "+01:00"),
    ]


OLD = """ <Workout workoutActivityType="HKWorkoutActivityTypeRunning" duration="5.2" durationUnit="min" totalDistance="0.5"
 totalDistanceUnit="mi" totalEnergyBurned="203.9" totalEnergyBurnedUnit="kJ" sourceName="Apple Watch"
 startDate="2016-11-14 07:25:41 -0700" endDate="2016-11-14 07:30:52 -0700">
  <MetadataEntry key="HKTimeZone" value="America/Los_Angeles"/>
  <WorkoutRoute><Location date="2016-11-14 07:25:44 -0700" latitude="37.7777" longitude="-122.426" altitude="21"/></WorkoutRoute>
 </Workout>"""
NEW = """ <Workout workoutActivityType="HKWorkoutActivityTypeTraditionalStrengthTraining" duration="30" durationUnit="min"
 sourceName="Apple Watch" startDate="2024-03-01 07:00:00 +0100" endDate="2024-03-01 07:40:00 +0100">
  <MetadataEntry key="HKElevationAscended" value="5510 cm"/>
  <WorkoutEvent type="HKWorkoutEventTypePause" date="2024-03-01 07:10:00 +0100"/>
  <WorkoutActivity uuid="1" startDate="2024-03-01 07:00:00 +0100" endDate="2024-03-01 07:40:00 +0100">
   <WorkoutStatistics type="HKQuantityTypeIdentifierActiveEnergyBurned" sum="1" unit="kcal"/>
  </WorkoutActivity>
  <WorkoutStatistics type="HKQuantityTypeIdentifierActiveEnergyBurned" sum="300" unit="Cal"/>
  <WorkoutStatistics type="HKQuantityTypeIdentifierHeartRate" average="131.5" minimum="90" maximum="170" unit="count/min"/>
  <WorkoutRoute><FileReference path="/workout-routes/route_1.gpx"/></WorkoutRoute>
 </Workout>"""
ROUTE = b"""<?xml version="1.0"?><gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>
<trkpt lat="52.5" lon="13.4"><ele>10</ele><time>2024-03-01T06:00:00Z</time></trkpt>
<trkpt lat="52.51" lon="13.4"><ele>40</ele><time>2024-03-01T06:10:00Z</time></trkpt></trkseg></trk></gpx>"""


def test_apple_workouts_of_both_forms_and_their_routes() -> None:
    holder = io.BytesIO()
    with zipfile.ZipFile(holder, "w") as archive:
        archive.writestr("apple_health_export/export_cda.xml", "<ClinicalDocument/>")
        archive.writestr(
            "apple_health_export/exportación.xml",
            apple(OLD, NEW, record("HKQuantityTypeIdentifierHeartRate", "60", "count/min")),
        )
        archive.writestr("apple_health_export/workout-routes/route_1.gpx", ROUTE)
    (old, new, beat), errors, _ = read(holder.getvalue())
    assert not errors
    assert beat["metric"] == "heart_rate"
    assert told(old) == {
        "at": "2016-11-14T14:25:41.000Z", "ends_at": "2016-11-14T14:30:52.000Z", "date": "2016-11-14",
        "zone": "America/Los_Angeles", "sport": "running", "duration_s": 312, "distance_m": 804.672,
        "energy_kcal": 48.733, "points_count": 1, "device": "Apple Watch",
        "start": {"latitude": 37.7777, "longitude": -122.426},
    }  # fmt: skip
    assert told(new) == {
        "at": "2024-03-01T06:00:00.000Z", "ends_at": "2024-03-01T06:40:00.000Z", "date": "2024-03-01", "zone": "+01:00",
        "sport": "strength", "duration_s": 1800, "energy_kcal": 300, "mean_heart_rate": 131.5, "max_heart_rate": 170,
        "ascent_m": 55.1, "points_count": 2, "device": "Apple Watch", "start": {"latitude": 52.5, "longitude": 13.4},
    }  # fmt: skip


def test_apple_goes_on_after_what_is_broken() -> None:
    good = record("HKQuantityTypeIdentifierHeartRate", "60", "count/min")
    data = apple(
        good,
        record("HKQuantityTypeIdentifierHeartRate", "sixty", "count/min"),
        ' <Record type="HKQuantityTypeIdentifierHeartRate" value="1" <oops/>',
        good.replace("07:25:44", "07:26:44"),
        record("HKQuantityTypeIdentifierHeartRate", "61", "furlongs"),
        record("HKQuantityTypeIdentifierHeartRate", "61", "count/min", "2024-13-01 00:00:00 +0100"),
        record("HKQuantityTypeIdentifierHeartRate", "62", "count/min", end="2023-01-01 00:00:00 +0100"),
        ' <Record type="HKQuantityTypeIdentifierHeartRate"/>',
        ' <Record type="HKQuantityTypeIdentifierHeartRate" value="&undefined;"/>',
        good.replace("07:25:44", "07:27:44").replace("Annas", "Annas\x0b"),
    )
    found, errors, _ = read(data)
    assert [each["at"][14:16] for each in found] == ["25", "26", "27"]
    assert sorted(int(error.where.rpartition(":")[2]) for error in errors) == [14, 15, 17, 18, 19, 20, 21]
    cut, errors, _ = read(data[: data.index(b"07:27:44")])
    assert len(cut) == 2
    assert errors[-1].code == "cut_off"


def test_apple_second_export_elsewhere_gives_the_same_ids() -> None:
    here, _, _ = read(apple(record("HKQuantityTypeIdentifierBodyMass", "70", "kg", "2024-03-01 07:25:44 +0100")))
    there, _, _ = read(apple(record("HKQuantityTypeIdentifierBodyMass", "70000", "g", "2024-03-01 15:25:44 +0900")))
    assert here[0]["id"] == there[0]["id"]


def test_apple_rings_are_totals_of_a_day() -> None:
    found, errors, _ = read(
        apple(
            ' <ActivitySummary dateComponents="2024-03-31" activeEnergyBurned="590.2" activeEnergyBurnedUnit="kcal"'
            ' appleExerciseTime="68" appleStandHours="13"/>',
            ' <ActivitySummary dateComponents="1969" activeEnergyBurned="1"/>',
        )
    )
    assert [(each["metric"], each["value"], each["date"]) for each in found] == [
        ("active_energy", 590.2, "2024-03-31"), ("exercise_time", 68, "2024-03-31"), ("stand_hours", 13, "2024-03-31"),
    ]  # fmt: skip
    assert found[0]["ends_at"] == "2024-03-31T22:00:00.000Z"  # a day of 23 hours
    assert len(errors) == 1


def test_generated_export_is_read_whole(tmp_path: Path) -> None:
    import life_files

    path = tmp_path / "export.xml"
    life_files.export_xml(path, 3000)
    found, errors, left = read(path.read_bytes())
    assert not errors
    assert not left
    assert len(found) == path.read_bytes().count(b"<Record") + path.read_bytes().count(b"<Workout ")
    assert len({each["id"] for each in found}) == len(found)


GPX = """<?xml version="1.0" encoding="UTF-8"?>
<gpx version="1.0" creator="GPS &amp; Co" xmlns="http://www.topografix.com/GPX/1/0">
<wpt lat="1" lon="2"><name>Home</name></wpt>
<trk><name>Morning
 run</name><type>9</type><trkseg>{}</trkseg><trkseg>{}</trkseg></trk>
<trk><trkseg><trkpt lat="1" lon="2"/></trkseg></trk>
</gpx>"""


def points(start: str, count: int, latitude: float) -> str:
    begin = datetime.fromisoformat(start)
    return "".join(
        f'<trkpt lat="{latitude + number / 1000}" lon="13.4"><ele>{30 + number % 20}</ele>'
        f"<time>{(begin + timedelta(seconds=20 * number)).isoformat().replace('+00:00', 'Z')}</time>"
        f"<extensions><x:TrackPointExtension><x:hr>{120 + number % 30}</x:hr></x:TrackPointExtension></extensions></trkpt>"
        for number in range(count)
    )


def test_gpx_as_gpxpy_reads_it() -> None:
    gpxpy = pytest.importorskip("gpxpy")
    text = GPX.format(points("2024-03-01T23:10:00+00:00", 40, 52.5), points("2024-03-01T23:40:00+00:00", 60, 52.6))
    text = text.replace("<gpx ", '<gpx xmlns:x="http://www.garmin.com/xmlschemas/TrackPointExtension/v1" ')
    (run,), errors, left = read(text.encode())
    assert not errors
    assert {each.what: each.count for each in left} == {"waypoints": 1, "tracks without times": 1}
    theirs = gpxpy.parse(text).tracks[0]
    begin, end = theirs.get_time_bounds()
    assert run["at"] == begin.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert run["ends_at"] == end.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert run["points_count"] == theirs.get_points_no()
    assert run["distance_m"] == pytest.approx(theirs.length_2d(), rel=0.003)
    assert run["duration_s"] == 39 * 20 + 59 * 20
    assert (run["sport"], run["title"], run["device"], run["date"]) == (
        "running",
        "Morning run",
        "GPS & Co",
        "2024-03-02",
    )
    assert run["max_heart_rate"] == 149


TCX = """<?xml version="1.0"?><TrainingCenterDatabase xmlns="http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2">
<Activities><Activity Sport="Biking"><Id>2024-03-01T06:00:00Z</Id>
<Lap StartTime="2024-03-01T06:00:00Z"><TotalTimeSeconds>600</TotalTimeSeconds><DistanceMeters>4000</DistanceMeters>
<Calories>100</Calories><AverageHeartRateBpm><Value>120</Value></AverageHeartRateBpm><MaximumHeartRateBpm><Value>150</Value></MaximumHeartRateBpm>
<Track><Trackpoint><Time>2024-03-01T06:00:05Z</Time><Position><LatitudeDegrees>52.5</LatitudeDegrees><LongitudeDegrees>13.4</LongitudeDegrees></Position></Trackpoint></Track></Lap>
<Lap StartTime="2024-03-01T06:20:00Z"><TotalTimeSeconds>300</TotalTimeSeconds><DistanceMeters>1000</DistanceMeters>
<Calories>20</Calories><AverageHeartRateBpm><Value>150</Value></AverageHeartRateBpm></Lap>
<Notes>To work</Notes><Creator><Name>Edge 530</Name></Creator></Activity></Activities></TrainingCenterDatabase>"""


def test_tcx_laps_are_added_up() -> None:
    (ride,), errors, _ = read(TCX.encode())
    assert not errors
    assert told(ride) == {
        "at": "2024-03-01T06:00:00.000Z", "ends_at": "2024-03-01T06:20:00.000Z", "date": "2024-03-01",
        "zone": "Europe/Berlin", "sport": "cycling", "title": "To work", "duration_s": 900, "distance_m": 5000,
        "energy_kcal": 120, "mean_heart_rate": 130, "max_heart_rate": 150, "points_count": 1, "device": "Edge 530",
        "start": {"latitude": 52.5, "longitude": 13.4},
    }  # fmt: skip


def test_xml_defines_nothing_and_expands_nothing() -> None:
    bomb = GPX.replace("<gpx ", '<!DOCTYPE gpx [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>\n<gpx ').replace(
        "Morning", "&b;"
    )
    found, errors, _ = read(bomb.format(points("2024-03-01T06:00:00+00:00", 3, 1), "").encode())
    assert not any(each.get("title") == "aaaaaaaaaaaa run" for each in found)
    assert [error.code for error in errors] == ["bad_xml"]


# -- FIT: written by hand, by the protocol (FIT protocol, section 4) ---------------------------------------------------


def fit(*messages: tuple[int, list[tuple[int, int, str, Any]]]) -> bytes:
    """A FIT file of messages: (global number, [(field, base type, struct code, value)])."""
    body = b""
    for number, fields in messages:
        body += struct.pack("<BBBHB", 0x40, 0, 0, number, len(fields))
        body += b"".join(struct.pack("<BBB", field, struct.calcsize(code), base) for field, base, code, _ in fields)
        body += b"\0" + b"".join(struct.pack("<" + code, value) for _, _, code, value in fields)
    head = struct.pack("<BBHI4s", 14, 0x20, 2132, len(body), b".FIT")
    head += struct.pack("<H", crc(head))
    return head + body + struct.pack("<H", crc(head + body))


def crc(data: bytes) -> int:
    table = (0x0000, 0xCC01, 0xD801, 0x1400, 0xF001, 0x3C00, 0x2800, 0xE401,
             0xA001, 0x6C00, 0x7800, 0xB401, 0x5000, 0x9C01, 0x8801, 0x4400)  # fmt: skip
    value = 0
    for byte in data:
        for part in (byte & 15, byte >> 4):
            value = (value >> 4 & 0x0FFF) ^ table[value & 15] ^ table[part]
    return value


def seconds(text: str) -> int:
    return int((datetime.fromisoformat(text) - datetime.fromisoformat("1989-12-31T00:00:00+00:00")).total_seconds())


START = seconds("2024-03-01T22:30:00+00:00")
RUN = fit(
    (0, [(0, 0, "B", 4), (1, 0x84, "H", 1), (4, 0x86, "I", START)]),
    (20, [(253, 0x86, "I", START), (0, 0x85, "i", int(52.5 * 2**31 / 180)), (1, 0x85, "i", int(13.4 * 2**31 / 180)), (5, 0x86, "I", 0)]),
    (20, [(253, 0x86, "I", START + 60), (5, 0x86, "I", 25000)]),
    (18, [(253, 0x86, "I", START + 1800), (2, 0x86, "I", START), (5, 0, "B", 1), (7, 0x86, "I", 1800_000), (8, 0x86, "I", 1500_000), (9, 0x86, "I", 500_000), (11, 0x84, "H", 321), (16, 2, "B", 140), (17, 2, "B", 171), (22, 0x84, "H", 45)]),
    (34, [(253, 0x86, "I", START + 1800), (5, 0x86, "I", START + 1800 + 3600)]),
)  # fmt: skip


def test_fit_activity() -> None:
    (run,), errors, _ = read(RUN, zone="UTC")
    assert not errors
    assert told(run) == {
        "at": "2024-03-01T22:30:00.000Z", "ends_at": "2024-03-01T23:00:00.000Z", "date": "2024-03-01", "zone": "+01:00",
        "sport": "running", "duration_s": 1500, "distance_m": 5000, "energy_kcal": 321, "mean_heart_rate": 140,
        "max_heart_rate": 171, "ascent_m": 45, "points_count": 2, "device": "Garmin",
        "start": {"latitude": 52.5, "longitude": 13.4},
    }  # fmt: skip


def test_fit_damaged_and_cut_off() -> None:
    wrong = RUN[:-1] + bytes([RUN[-1] ^ 1])
    found, errors, _ = read(wrong)
    assert (len(found), [error.code for error in errors]) == (1, ["bad_checksum"])
    found, errors, _ = read(RUN[: RUN.index(b"\x40\0\0\x12\0") + 9])
    assert [error.code for error in errors] == ["cut_off"]
    assert [each["sport"] for each in found] == ["other"]  # what its points tell


def test_fit_days_and_nights() -> None:
    noon = seconds("2024-03-01T11:00:00+00:00")
    found, errors, _ = read(
        fit(
            (0, [(0, 0, "B", 32), (1, 0x84, "H", 1)]),
            (103, [(253, 0x86, "I", noon), (0, 0x86, "I", noon + 3600)]),
            (55, [(253, 0x86, "I", noon), (5, 0, "B", 6), (3, 0x86, "I", 200)]),
            (55, [(253, 0x86, "I", noon + 600), (5, 0, "B", 6), (3, 0x86, "I", 700)]),
            (55, [(26, 0x84, "H", (noon + 660) & 0xFFFF), (27, 2, "B", 71)]),
            (275, [(253, 0x86, "I", START), (0, 0, "B", 2)]),
            (275, [(253, 0x86, "I", START + 3600), (0, 0, "B", 3)]),
            (275, [(253, 0x86, "I", START + 5400), (0, 0, "B", 1)]),
            (370, [(253, 0x86, "I", START), (1, 0x84, "H", 50 * 128)]),
            (30, [(253, 0x86, "I", noon), (0, 0x84, "H", 7000)]),
        ),
        zone="UTC",
    )
    assert not errors
    assert [
        (each["metric"], each.get("stage", ""), each["value"], each["date"], each["at"][11:16]) for each in found
    ] == [
        ("steps", "", 200, "2024-03-01", "23:00"),
        ("steps", "", 500, "2024-03-01", "11:00"),
        ("heart_rate", "", 71, "2024-03-01", "11:11"),
        ("sleep", "core", 60, "2024-03-02", "22:30"),
        ("sleep", "deep", 30, "2024-03-02", "23:30"),
        ("heart_rate_variability_rmssd", "", 50, "2024-03-01", "22:30"),
        ("body_mass", "", 70, "2024-03-01", "11:00"),
    ]


# -- JSON and CSV of services ------------------------------------------------------------------------------------------


def test_fitbit_files_by_their_names() -> None:
    beats = json.dumps([{"dateTime": "03/01/24 23:30:00", "value": {"bpm": 61, "confidence": 3}}]).encode()
    (beat,), errors, _ = read(beats, "Takeout/Fitbit/heart_rate-2024-03-01.json")
    assert (beat["metric"], beat["value"], beat["at"], beat["date"]) == (
        "heart_rate",
        61,
        "2024-03-01T23:30:00.000Z",
        "2024-03-02",
    )
    steps = json.dumps([{"dateTime": "03/01/24 08:00:00", "value": "12"}, {"dateTime": "x", "value": "1"}]).encode()
    (walk,), errors, _ = read(steps, "steps-2024-03-01.json")
    assert (walk["metric"], walk["value"], walk["ends_at"]) == ("steps", 12, "2024-03-01T08:01:00.000Z")
    assert len(errors) == 1
    _, errors, _ = read(steps, "renamed.json")
    assert errors[0].code == "unknown_metric"
    night = [{"logId": 1, "dateOfSleep": "2024-03-02", "startTime": "2024-03-01T23:00:00.000", "endTime": "2024-03-02T07:00:30.000", "timeInBed": 480,
              "minutesAsleep": 430, "levels": {"data": [{"dateTime": "2024-03-01T23:00:00.000", "level": "light", "seconds": 3600}]}}]  # fmt: skip
    found, errors, _ = read(json.dumps(night).encode(), "sleep-2024-03-02.json")
    assert not errors
    assert [(each["stage"], each["value"], each["date"]) for each in found] == [
        ("core", 60, "2024-03-02"),
        ("in_bed", 480, "2024-03-02"),
    ]
    csv = b"timestamp,rmssd,nremhr,entropy\n2024-03-02T00:00:00,42.5,55,2\nnever,1,1,1\n"
    found, errors, _ = read(csv, "Daily Heart Rate Variability Summary - 2024-03-02.csv")
    assert [(each["metric"], each["value"]) for each in found] == [("heart_rate_variability_rmssd", 42.5)]
    assert len(errors) == 1


def test_oura_documents_and_trends() -> None:
    document = {
        "data": [
            {"id": "1", "day": "2024-03-02", "bedtime_start": "2024-03-01T23:00:00.000+01:00", "bedtime_end": "2024-03-01T23:25:00+01:00",
             "sleep_phase_5_min": "42213", "average_hrv": 48, "lowest_heart_rate": 49, "type": "long_sleep", "deep_sleep_duration": 999},
            {"id": "2", "day": "2024-03-02", "score": 80, "contributors": {"deep_sleep": 9}, "timestamp": "2024-03-02T00:00:00+01:00"},
            {"id": "3", "day": "2024-03-02", "steps": 8000, "active_calories": 300, "class_5_min": "111"},
        ],
        "next_token": None,
    }  # fmt: skip
    found, errors, _ = read(json.dumps(document).encode())
    assert not errors
    assert [(each["metric"], each.get("stage", ""), each["value"]) for each in found] == [
        ("sleep", "awake", 5), ("sleep", "core", 10), ("sleep", "deep", 5), ("sleep", "rem", 5), ("sleep", "in_bed", 25),
        ("resting_heart_rate", "", 49), ("heart_rate_variability_rmssd", "", 48), ("sleep_score", "", 80),
        ("steps", "", 8000), ("active_energy", "", 300),
    ]  # fmt: skip
    assert {each["date"] for each in found} == {"2024-03-02"}
    trends = "date,Sleep Score,Average HRV,Steps,Deep Sleep Duration,Temperature Deviation (°C)\n2024-03-02,80,48,8000,3600,-0.2\n".encode()
    found, errors, _ = read(trends)
    assert not errors
    assert {each["metric"]: each["value"] for each in found} == {
        "steps": 8000, "heart_rate_variability_rmssd": 48, "sleep_score": 80, "skin_temperature_deviation": -0.2, "sleep": 60,
    }  # fmt: skip


def test_garmin_export() -> None:
    nights = [{"sleepStartTimestampGMT": "2024-03-01T22:30:00.0", "sleepEndTimestampGMT": "2024-03-02T06:00:00.0", "calendarDate": "2024-03-02",
               "deepSleepSeconds": 3600, "lightSleepSeconds": 18000, "awakeSleepSeconds": 600}]  # fmt: skip
    days = [{"userProfilePK": 1, "calendarDate": {"date": "Mar 2, 2024 12:00:00 AM"}, "totalSteps": 9000, "restingHeartRate": 51,
             "moderateIntensityMinutes": 10, "vigorousIntensityMinutes": 5, "allDayStress": {"aggregatorList": [{"type": "TOTAL", "averageStressLevel": 27}]}}]  # fmt: skip
    runs = [{"summarizedActivitiesExport": [{"activityId": 1, "name": "Lunch", "activityType": "running", "startTimeGmt": 1709290800000.0,
             "startTimeLocal": 1709294400000.0, "duration": 1500000.0, "elapsedDuration": 1800000.0, "distance": 500000.0, "calories": 1343.064, "avgHr": 140}]}]  # fmt: skip
    holder = io.BytesIO()
    with zipfile.ZipFile(holder, "w") as archive:
        archive.writestr("DI_CONNECT/DI-Connect-Wellness/2024_sleepData.json", json.dumps(nights))
        archive.writestr("DI_CONNECT/DI-Connect-Aggregator/UDSFile_2024.json", json.dumps(days))
        archive.writestr("DI_CONNECT/DI-Connect-Fitness/a_summarizedActivities.json", json.dumps(runs))
        archive.writestr("DI_CONNECT/DI-Connect-User/user_profile.json", "{}")
    found, errors, _ = read(holder.getvalue())
    assert not errors
    assert [(each.get("metric", each.get("sport")), each.get("stage", ""), each.get("value")) for each in found] == [
        ("sleep", "deep", 60), ("sleep", "core", 300), ("sleep", "awake", 10), ("sleep", "in_bed", 450), ("steps", "", 9000),
        ("resting_heart_rate", "", 51), ("exercise_time", "", 15), ("stress_level", "", 27), ("running", "", None),
    ]  # fmt: skip
    run = found[-1]
    assert (run["distance_m"], run["duration_s"], run["energy_kcal"], run["zone"], run["title"]) == (
        5000,
        1500,
        321,
        "+01:00",
        "Lunch",
    )
    for single in (nights, days, runs):
        alone, errors, _ = read(json.dumps(single).encode())
        assert alone
        assert not errors


# -- Laws --------------------------------------------------------------------------------------------------------------


def test_ids_made_together_are_those_made_alone() -> None:
    values = [str(number) * (number % 7) for number in range(257)]
    identities = [identity("life.measurement", at=value, value="ü") for value in values]
    assert content_ids("life.measurement", identities) == [
        content_id("life.measurement", at=value, value="ü") for value in values
    ]
    assert content_ids("life.measurement", []) == []


def test_every_metric_converts_from_its_own_unit() -> None:
    assert all(convert(2.5, metric.unit, metric) == 2.5 for metric in METRICS.values())
    assert convert(2, "mi", METRICS["distance"]) == 3218.688
    with pytest.raises(DataError, match="unit of 'body_mass' is unknown"):
        convert(1, "furlong", METRICS["body_mass"])


SEEDS = {
    "apple": apple(record("HKQuantityTypeIdentifierStepCount", "1", "count"), OLD, NEW),
    "gpx": GPX.format(points("2024-03-01T06:00:00+00:00", 2, 1), "").encode(),
    "tcx": TCX.encode(),
    "fit": RUN,
    "steps-2024-01-01": json.dumps([{"dateTime": "03/01/24 08:00:00", "value": "12"}]).encode(),
    "sleep": b'[{"logId":1,"dateOfSleep":"2024-03-02","startTime":"2024-03-01T23:00:00","endTime":"2024-03-02T07:00:00","levels":{"data":[{"dateTime":"2024-03-01T23:00:00","level":"light","seconds":60}]}}]',
    "oura": b'{"data":[{"day":"2024-03-02","bedtime_start":"2024-03-01T23:00:00+01:00","bedtime_end":"2024-03-02T07:00:00+01:00","sleep_phase_5_min":"4221"}]}',
    "garmin": b'[{"userProfilePK":1,"calendarDate":"2024-03-02","totalSteps":9000,"restingHeartRate":51}]',
}
EDIT = st.tuples(st.integers(0, 3000), st.integers(0, 12), st.binary(max_size=12))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(SEEDS)), st.lists(EDIT, min_size=1, max_size=4))
def test_nothing_but_data_errors_leaves_a_reader(name: str, edits: list[tuple[int, int, bytes]]) -> None:
    data = SEEDS[name]
    for place, length, replacement in edits:
        place %= len(data)
        data = data[:place] + replacement + data[place + length :]
    opened = Opened.of(f"{name}.json", data)
    try:
        detection.detect(opened)
    except DataError:
        return
    found, _, _ = read(data, f"{name}.json")
    for each in found:
        assert each["id"]
        assert each.get("ends_at", each["at"]) >= each["at"]


def test_what_is_hopeless_is_given_up_with_a_word() -> None:
    found, errors, _ = read(apple(*(' <Record type="x" <oops/>' for _ in range(1100)), OLD))
    assert not found
    assert len(errors) == 1002
    assert errors[-1].message == "more than 1000 such places: the rest is not read"
