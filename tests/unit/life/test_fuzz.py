"""No bytes make a reader raise anything, or take long: what is wrong comes as a DataError."""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life import reading
from roadmap_cli.life.detection import detect
from roadmap_cli.life.formats.ical_series import Window
from roadmap_cli.life.items import Group, Position, Source
from roadmap_cli.life.opened import Opened
from roadmap_cli.life.settings import Settings

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
EXAMPLES = Path(__file__).parents[3] / "examples" / "life"

SETTINGS = Settings("Europe/Berlin", Window(NOW - timedelta(days=60), NOW + timedelta(days=60), most=50))
FORMATS = ("ical", "ofx", "csv", "jsonl")
SEEDS = {
    "ical": (EXAMPLES / "calendar.ics").read_bytes()[:6000] + b"END:VCALENDAR\r\n",
    "ofx": (EXAMPLES / "bank.ofx").read_bytes()[:4000],
    "csv": (EXAMPLES / "bank.csv").read_bytes()[:3000],
    "jsonl": b'{"kind":"life.event","id":"a","at":"2026-01-01T00:00:00Z","title":"x"}\n{"kind":"life.transaction","at":"2026-01-01T00:00:00Z","amount":"1.00","currency":"EUR"}\n',
}  # fmt: skip


def read(data: bytes, name: str) -> list[object]:
    began = time.process_time()
    found: list[object] = list(reading.items(Opened.of("f", data), Source("f", "", 0, name), SETTINGS))
    assert all(isinstance(item, (Group, DataError, Position, dict)) for item in found)
    assert time.process_time() - began < 5
    return found


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400), st.sampled_from(FORMATS))
def test_any_bytes(data: bytes, name: str) -> None:
    read(data, name)
    with contextlib.suppress(DataError):
        detect(Opened.of("f", data))


WORDS = [b"\r\n", b"\n ", b"BEGIN:VEVENT", b"END:VEVENT", b"RRULE:FREQ=DAILY", b";INTERVAL=9999999", b";UNTIL=00010101", b"DTSTART:", b"0001", b"9999",
         b"99991231T235959Z", b"-P99999W", b"TZID=", b"EXDATE:", b"RDATE;VALUE=PERIOD:", b"RANGE=THISANDFUTURE", b"RECURRENCE-ID", b"<STMTTRN>", b"</OFX>",
         b"<![CDATA[", b"&#999999999;", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b'"', b";", b",", b"\x0b", b"[+99:X]", b"[-5", b"1e9", "٣".encode(), b"{", b"null", b"COUNT=999999999"]  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.data(), st.sampled_from(FORMATS))
def test_changed_files(data: st.DataObject, name: str) -> None:
    content = bytearray(SEEDS[name])
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(content)))
        cut = data.draw(st.integers(0, 40))
        content[place : place + cut] = data.draw(st.sampled_from(WORDS) | st.binary(max_size=6))
    for record in read(bytes(content), name):
        if isinstance(record, Group):
            assert all(isinstance(event["id"], str) for event in record.events)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("ical", b"BEGIN:VCALENDAR\n" + b"BEGIN:VEVENT\n" * 50_000),
        ("ical", b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nX" + b";A=B" * 300_000 + b":x\n"),
        ("ical", b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY;A=" + b" " * 1_000_000 + b"\n"),
        ("ical", b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260101T000000Z\nEXDATE:" + b"20260101T000000Z," * 100_000),
        ("ical", b"BEGIN:VCALENDAR\n" + b"BEGIN:VEVENT\nDTSTART:19000101\nRRULE:FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30;COUNT=9\nEND:VEVENT\n" * 20),
        ("ofx", b"<OFX>" + b"<STMTTRN>" * 50_000),
        ("ofx", b"<OFX>" + b"<" * 2_000_000),
        ("ofx", b"<OFX>" + b"<![CDATA[]" * 200_000),
        ("csv", b"date,amount,payee\n" + b'"' * 1_000_001),
        ("csv", b",".join([b"date"] * 20_000) + b"\n"),
        ("jsonl", b"{" * 100_000),
        ("jsonl", b'{"kind":' + b"[" * 100_000),
    ],
    ids=range(12),
)  # fmt: skip
def test_files_made_to_hurt(name: str, data: bytes) -> None:
    read(data, name)


def test_errors_show_nothing_of_the_content() -> None:
    secret = b"hunter2"
    for name, seed in SEEDS.items():
        changed = seed.replace(b"2026", secret).replace(b"2025", secret).replace(b"-112", secret)
        errors = [item for item in read(changed, name) if isinstance(item, DataError)]
        assert errors
        assert not any("hunter2" in f"{error} {error.hint}" for error in errors)


def test_what_other_files_are() -> None:
    for data, words in ((b"", "empty"), (b"PK\x03\x04..", "ZIP"), (b"%PDF-1.7", "PDF"), (b"\x00\x01\x02" * 99, "not a calendar"), (b"just words\n", "not a calendar")):  # fmt: skip
        with pytest.raises(DataError, match=words):
            detect(Opened.of("f", data))
    assert [detect(Opened.of("f", SEEDS[name])).NAME for name in FORMATS] == list(FORMATS)
    assert isinstance(read(SEEDS["jsonl"], "jsonl")[0], Group)


def test_records_that_are_not_events() -> None:
    bad: list[Record] = [{"kind": "slm.reply"}, {"kind": "life.event", "at": "yesterday"}, {"kind": "life.transaction", "at": "2026-01-01T00:00:00Z", "amount": 1.5}]  # fmt: skip
    import json

    found = read("\n".join(json.dumps(record) for record in bad).encode(), "jsonl")
    assert [isinstance(item, DataError) for item in found] == [True] * 3
