"""Files as people's devices, calendars and banks write them, of any size, made from a seed: for measuring ingest.

Shapes follow what the exporters write (attribute order, device strings, DTD, metadata children); numbers are random.
"""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

DTD = """<!DOCTYPE HealthData [
<!-- HealthKit Export Version: 13 -->
<!ELEMENT HealthData (ExportDate,Me,(Record|Correlation|Workout|ActivitySummary|ClinicalRecord)*)>
<!ATTLIST HealthData
  locale CDATA #REQUIRED
>
<!ELEMENT ExportDate EMPTY>
<!ATTLIST ExportDate
  value CDATA #REQUIRED
>
<!ELEMENT Record ((MetadataEntry|HeartRateVariabilityMetadataList)*)>
<!ATTLIST Record
  type          CDATA #REQUIRED
  unit          CDATA #IMPLIED
  value         CDATA #IMPLIED
  sourceName    CDATA #REQUIRED
  device        CDATA #IMPLIED
  startDate     CDATA #REQUIRED
  endDate       CDATA #REQUIRED
>
]>
"""
_WATCH = (
    "&lt;&lt;HKDevice: 0x{:x}&gt;, name:Apple Watch, manufacturer:Apple Inc., model:Watch, hardware:Watch6,2,"
    " software:9.4&gt;"
)
_PHONE = (
    "&lt;&lt;HKDevice: 0x{:x}&gt;, name:iPhone, manufacturer:Apple Inc., model:iPhone, hardware:iPhone14,2,"
    " software:16.5&gt;"
)
#: type, unit, share of records, seconds between them, seconds long, lowest, highest, decimals, device
_TYPES = (
    ("HeartRate", "count/min", 0.38, 300, 0, 48, 165, 0, "watch"),
    ("ActiveEnergyBurned", "Cal", 0.24, 400, 60, 0, 12, 3, "watch"),
    ("BasalEnergyBurned", "Cal", 0.10, 900, 890, 10, 25, 3, "watch"),
    ("StepCount", "count", 0.08, 1200, 540, 3, 900, 0, "watch"),
    ("StepCount", "count", 0.06, 1300, 580, 3, 900, 0, "phone"),
    ("DistanceWalkingRunning", "km", 0.06, 1200, 540, 0, 1, 6, "watch"),
    ("DistanceWalkingRunning", "km", 0.03, 1300, 580, 0, 1, 6, "phone"),
    ("OxygenSaturation", "%", 0.01, 3600, 0, 0.9, 1, 2, "watch"),
    ("RespiratoryRate", "count/min", 0.01, 3600, 0, 10, 20, 1, "watch"),
    ("HeartRateVariabilitySDNN", "ms", 0.005, 7200, 60, 15, 120, 4, "watch"),
    ("RestingHeartRate", "count/min", 0.001, 86400, 80000, 45, 70, 0, "watch"),
    ("BodyMass", "lb", 0.001, 86400, 0, 140, 190, 1, "scale"),
)  # fmt: skip
_BEGIN = datetime(2018, 1, 1)


def health_lines(count: int, seed: int = 1, begin: int = 0) -> Iterator[str]:
    """The lines of an export.xml with `count` records (and some workouts); `begin`: the first is so many in."""
    yield '<?xml version="1.0" encoding="UTF-8"?>\n' + DTD
    yield '<HealthData locale="en_US">\n <ExportDate value="2026-11-20 10:36:11 +0100"/>\n'
    yield ' <Me HKCharacteristicTypeIdentifierDateOfBirth="1990-02-02"/>\n'
    sleep = int(count * 0.024)
    for kind, unit, share, step, length, low, high, decimals, device in _TYPES:
        name = {"watch": "Anna’s Apple\xa0Watch", "phone": "Anna’s iPhone", "scale": "Health Mate"}[device]
        described = {"watch": _WATCH, "phone": _PHONE, "scale": ""}[device]
        chance = Random(f"{seed} {kind} {device}")  # so that a longer export begins with the shorter one
        attribute = f' device="{described.format(chance.getrandbits(32))}"' if described else ""
        for number in range(begin, begin + int(count * share)):
            start = _BEGIN + timedelta(seconds=number * step + chance.randrange(step // 2))
            value = round(chance.uniform(low, high), decimals) if decimals else chance.randint(low, high)
            head = (
                f' <Record type="HKQuantityTypeIdentifier{kind}" sourceName="{name}" sourceVersion="9.4"{attribute}'
                f' unit="{unit}" creationDate="{_local(start + timedelta(seconds=length + 30), start)}"'
                f' startDate="{_local(start)}" endDate="{_local(start + timedelta(seconds=length), start)}" value="{value}"'
            )
            if kind == "HeartRate":
                yield f'{head}>\n  <MetadataEntry key="HKMetadataKeyHeartRateMotionContext" value="1"/>\n </Record>\n'
            else:
                yield f"{head}/>\n"
    attribute = _WATCH.format(0x28)
    for number in range(begin, begin + sleep):
        start = _BEGIN + timedelta(days=number // 24, hours=-1, minutes=number % 24 * 20)
        stage = ("AsleepCore", "AsleepDeep", "AsleepREM", "AsleepCore", "Awake")[number % 5]
        yield (
            f' <Record type="HKCategoryTypeIdentifierSleepAnalysis" sourceName="Anna’s Apple\xa0Watch"'
            f' sourceVersion="9.4" device="{attribute}" creationDate="{_local(start + timedelta(hours=9), start)}"'
            f' startDate="{_local(start)}" endDate="{_local(start + timedelta(minutes=20), start)}"'
            f' value="HKCategoryValueSleepAnalysis{stage}">\n'
            '  <MetadataEntry key="HKTimeZone" value="Europe/Berlin"/>\n </Record>\n'
        )
    chance = Random(f"{seed} workouts")
    for number in range(begin, begin + count // 2000):
        start = _BEGIN + timedelta(days=number, hours=17)
        end = start + timedelta(minutes=35)
        yield (
            ' <Workout workoutActivityType="HKWorkoutActivityTypeRunning" duration="34.5" durationUnit="min"'
            f' sourceName="Anna’s Apple\xa0Watch" sourceVersion="9.4" creationDate="{_local(end, start)}"'
            f' startDate="{_local(start)}" endDate="{_local(end, start)}">\n'
            '  <MetadataEntry key="HKTimeZone" value="Europe/Berlin"/>\n'
            '  <MetadataEntry key="HKElevationAscended" value="5510 cm"/>\n'
            f'  <WorkoutStatistics type="HKQuantityTypeIdentifierDistanceWalkingRunning" startDate="{_local(start)}"'
            f' endDate="{_local(end, start)}" sum="{chance.uniform(4, 8):.5f}" unit="km"/>\n'
            f'  <WorkoutStatistics type="HKQuantityTypeIdentifierHeartRate" startDate="{_local(start)}"'
            f' endDate="{_local(end, start)}" average="148.2" minimum="90" maximum="177" unit="count/min"/>\n </Workout>\n'
        )
    yield "</HealthData>\n"


def _local(moment: datetime, begin: datetime | None = None) -> str:
    """A local time whose offset changes once a year; of the end of a span, as at its beginning."""
    return f"{moment:%Y-%m-%d %H:%M:%S} {'+0200' if (begin or moment).year % 2 else '+0100'}"


def export_xml(path: Path, count: int, seed: int = 1, begin: int = 0) -> None:
    """An export.xml."""
    with path.open("w", encoding="utf-8") as out:
        out.writelines(health_lines(count, seed, begin))


def export_zip(path: Path, xml: Path) -> None:
    """An export.zip around an export.xml."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.write(xml, "apple_health_export/export.xml")


def calendar(path: Path, count: int, seed: int = 2) -> None:
    """An .ics file of single events, as a calendar of many years is."""
    chance = Random(seed)
    with path.open("w", encoding="utf-8", newline="") as out:
        out.write("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//Calendar 1.0//EN\r\nX-WR-CALNAME:Work\r\n")
        for number in range(count):
            start = _BEGIN + timedelta(minutes=number * 45)
            out.write(
                f"BEGIN:VEVENT\r\nUID:{chance.getrandbits(64):016x}@example.org\r\nDTSTAMP:20261120T101500Z\r\n"
                f"DTSTART;TZID=Europe/Berlin:{start:%Y%m%dT%H%M%S}\r\n"
                f"DTEND;TZID=Europe/Berlin:{start + timedelta(minutes=30):%Y%m%dT%H%M%S}\r\n"
                f"SUMMARY:Review of part {number % 97}\r\nLOCATION:Room {number % 9}\r\n"
                "ORGANIZER;CN=Anna Beispiel:mailto:anna@example.org\r\n"
                f"ATTENDEE;CN=Colleague {number % 40};PARTSTAT=ACCEPTED:mailto:c{number % 40}@example.org\r\n"
                "ATTENDEE;CN=Anna Beispiel;PARTSTAT=ACCEPTED:mailto:anna@example.org\r\n"
                "STATUS:CONFIRMED\r\nLAST-MODIFIED:20260101T120000Z\r\nEND:VEVENT\r\n"
            )
        out.write("END:VCALENDAR\r\n")


def bank_rows(count: int, seed: int = 3) -> Iterator[tuple[str, str, str, str]]:
    """Date, payee, purpose, amount."""
    chance = Random(seed)
    for number in range(count):
        day = _BEGIN + timedelta(days=number * 3000 // count)
        yield (
            f"{day:%Y-%m-%d}",
            f"Shop {chance.randrange(400)}",
            f"Purchase {number}",
            f"-{chance.randrange(100, 20000) / 100:.2f}",
        )


def bank_csv(path: Path, count: int, seed: int = 3) -> None:
    """A CSV of a bank."""
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(("Date", "Payee", "Memo", "Amount", "Currency"))
        for day, payee, memo, amount in bank_rows(count, seed):
            writer.writerow((day, payee, memo, amount, "EUR"))


def bank_ofx(path: Path, count: int, seed: int = 4) -> None:
    """An OFX 1 statement."""
    with path.open("w", encoding="ascii", newline="") as out:
        out.write(
            "OFXHEADER:100\r\nDATA:OFXSGML\r\nVERSION:102\r\nSECURITY:NONE\r\nENCODING:USASCII\r\nCHARSET:1252\r\n"
            "COMPRESSION:NONE\r\nOLDFILEUID:NONE\r\nNEWFILEUID:NONE\r\n\r\n<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS>"
            "<CURDEF>EUR<BANKACCTFROM><BANKID>10000000<ACCTID>1234567890<ACCTTYPE>CHECKING</BANKACCTFROM>"
            "<BANKTRANLIST>\r\n"
        )
        for number, (day, payee, memo, amount) in enumerate(bank_rows(count, seed)):
            out.write(
                f"<STMTTRN><TRNTYPE>POS<DTPOSTED>{day.replace('-', '')}<TRNAMT>{amount}<FITID>F{number:08d}"
                f"<NAME>{payee}<MEMO>{memo}</STMTTRN>\r\n"
            )
        out.write("</BANKTRANLIST></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>\r\n")
