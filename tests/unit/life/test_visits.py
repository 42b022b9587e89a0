"""Histories of browsers and what Google knows: pages and places."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadmap_cli.core.errors import DataError
from roadmap_cli.life.formats import browser, google_activity, google_places
from roadmap_cli.life.ingest import reading
from roadmap_cli.life.kinds.items import Position, Source
from roadmap_cli.life.opening.opened import Opened
from roadmap_cli.life.opening.settings import Settings, Window

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
SETTINGS = Settings("Europe/Berlin", Window(NOW - timedelta(days=60), NOW + timedelta(days=366)))


def read(name: Path | bytes, position: dict[str, Any] | None = None) -> list[Any]:
    if isinstance(name, bytes):
        opened = Opened.of("file", name)
        return list(reading.items(opened, reading.source_of(opened), SETTINGS))
    with reading.opened(str(name), 0) as opened:
        opened.position = position or {}
        return list(reading.items(opened, reading.source_of(opened), SETTINGS))


def records(found: list[Any]) -> list[dict[str, Any]]:
    return [each for each in found if isinstance(each, dict)]


def chrome(path: Path, count: int, journal: str = "delete") -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None)
    database.execute(f"PRAGMA journal_mode = {journal}")
    database.execute("PRAGMA wal_autocheckpoint = 0")
    database.execute("CREATE TABLE urls(id INTEGER PRIMARY KEY, url LONGVARCHAR, title LONGVARCHAR)")
    database.execute(
        "CREATE TABLE visits(id INTEGER PRIMARY KEY, url INTEGER, visit_time INTEGER, visit_duration INTEGER, transition INTEGER)"
    )
    database.execute(
        "INSERT INTO urls VALUES (1, 'https://www.google.com/search?q=late+trains&x=1', 'late trains'), (2, 'https://x.org/a', NULL)"
    )
    if journal == "wal":
        database.execute("PRAGMA wal_checkpoint")
    database.execute("BEGIN")
    for number in range(1, count + 1):
        add(database, number)
    database.execute("COMMIT")
    return database


def add(database: sqlite3.Connection, number: int, url: int = 1, transition: int = 0x30000001) -> None:
    when = (
        int((datetime(2026, 1, 5, 10, tzinfo=UTC) - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds() * 1e6)
        + number * 1_000_000
    )
    database.execute("INSERT INTO visits VALUES (?, ?, ?, 5000000, ?)", (number, url, when, transition))


def test_chrome(tmp_path: Path):
    database = chrome(tmp_path / "History", 2)
    add(database, 3, url=2, transition=3)  # a frame in a page
    found = read(tmp_path / "History")
    first, _ = records(found)
    assert (first["at"], first["ends_at"]) == ("2026-01-05T10:00:01.000Z", "2026-01-05T10:00:06.000Z")
    assert (first["host"], first["query"], first["title"], first["browser"]) == (
        "www.google.com",
        "late trains",
        "late trains",
        "chrome",
    )
    assert found[-1].position == {"browser": "chrome", "visit": 2}
    add(database, 4, url=2)
    again = read(tmp_path / "History", dict(found[-1].position))
    assert [(each["url"], each["source_line"]) for each in records(again)] == [("https://x.org/a", 4)]
    assert records(again)[0]["source_id"] == first["source_id"]
    database.close()


def test_a_history_begun_anew_is_read_anew(tmp_path: Path):
    chrome(tmp_path / "History", 2).close()
    assert len(records(read(tmp_path / "History", {"browser": "chrome", "visit": 900}))) == 2


def test_what_is_only_in_the_write_ahead_log_is_read(tmp_path: Path):
    database = chrome(tmp_path / "History", 3, journal="wal")
    database.execute("BEGIN")
    add(database, 4)  # not committed
    assert (tmp_path / "History-wal").stat().st_size > 4096
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(records(read(tmp_path / "History"))) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == names  # no copy is left, nothing is locked
    database.execute("COMMIT")
    assert len(records(read(tmp_path / "History"))) == 4
    torn = (tmp_path / "History-wal").read_bytes()
    (tmp_path / "History-wal").write_bytes(torn[: len(torn) // 2])
    assert len(read(tmp_path / "History")) >= 1  # an error or fewer visits, never a crash
    database.close()


def test_firefox_and_safari(tmp_path: Path):
    database = sqlite3.connect(tmp_path / "places.sqlite", isolation_level=None)
    database.execute("CREATE TABLE moz_places(id INTEGER PRIMARY KEY, url, title)")
    database.execute("CREATE TABLE moz_historyvisits(id INTEGER PRIMARY KEY, place_id, visit_date, visit_type)")
    database.execute("INSERT INTO moz_places VALUES (1, 'https://x.org/', 'X')")
    database.execute(
        "INSERT INTO moz_historyvisits VALUES (1, 1, 1767607200000000, 1), (2, 1, 1767607200000000, 8), (3, 1, 'x', 1), (4, 1, 9e30, 1)"
    )
    found = read(tmp_path / "places.sqlite")
    assert [(each["at"], each["title"], each["browser"]) for each in records(found)] == [
        ("2026-01-05T10:00:00.000Z", "X", "firefox")
    ]
    assert [each.code for each in found if isinstance(each, DataError)] == ["missing_field", "bad_time"]
    database = sqlite3.connect(tmp_path / "History.db", isolation_level=None)
    database.execute("CREATE TABLE history_items(id INTEGER PRIMARY KEY, url)")
    database.execute("CREATE TABLE history_visits(id INTEGER PRIMARY KEY, history_item, visit_time REAL, title)")
    database.execute("INSERT INTO history_items VALUES (1, 'https://x.org/')")
    database.execute("INSERT INTO history_visits VALUES (1, 1, 789300000.5, 'X')")
    (safari,) = records(read(tmp_path / "History.db"))
    assert (safari["at"], safari["browser"]) == ("2026-01-05T10:00:00.500Z", "safari")


@pytest.mark.parametrize("at", [100, 2000, 5000, 9000])
def test_a_damaged_history(tmp_path: Path, at: int):
    chrome(tmp_path / "History", 300).close()
    data = bytearray((tmp_path / "History").read_bytes())
    data[at : at + 3000] = b"\xa5" * 3000
    for cut in (bytes(data), bytes(data[: len(data) // 2])):
        for item in reading.items(Opened.of("f", cut), Source("f", "", 0, "browser"), SETTINGS):
            assert isinstance(item, (dict, DataError, Position))


def test_a_history_that_is_a_trap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    database = sqlite3.connect(tmp_path / "History", isolation_level=None)
    database.execute("CREATE TABLE urls(id INTEGER PRIMARY KEY, url, title)")
    database.execute(
        "CREATE VIEW visits AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT id, 1 AS url, 1 AS visit_time, 1 AS visit_duration, 0 AS transition FROM n -- CREATE TABLE visits"
    )
    database.close()
    monkeypatch.setattr(browser, "_MOST_STEPS", 2000)
    (error,) = read(tmp_path / "History")
    assert error.code == "bad_history"


TAKEOUT = {
    "timelineObjects": [
        {"activitySegment": {}},
        {"placeVisit": {"location": {"latitudeE7": 525200000, "longitudeE7": 134050000, "name": "Museum", "address": "Platz 1\n10178 Berlin", "locationConfidence": 80},
                        "duration": {"startTimestamp": "2026-01-05T10:00:00Z", "endTimestamp": "2026-01-05T11:00:00.123Z"}}},
        {"placeVisit": {"location": {"semanticType": "TYPE_HOME"}, "duration": {"startTimestampMs": "1767607200000", "endTimestampMs": "1767610800000"}}},
        {"placeVisit": {"duration": {"startTimestamp": "secretword"}}},
    ]
}  # fmt: skip
ANDROID = {
    "semanticSegments": [
        {"startTime": "2026-01-05T11:00:00.000+01:00", "endTime": "2026-01-05T12:00:00.000+01:00",
         "visit": {"probability": 0.5, "topCandidate": {"semanticType": "HOME", "placeLocation": {"latLng": "52.52\u00b0, -13.405\u00b0"}}}},
        {"startTime": "2026-01-05T11:00:00.000+01:00", "endTime": "2026-01-05T12:00:00.000+01:00", "timelinePath": []},
    ]
}  # fmt: skip
IOS = [
    {"startTime": "2026-01-05T11:00:00.000+01:00", "endTime": "2026-01-05T12:00:00.000+01:00",
     "visit": {"hierarchyLevel": "0", "probability": "0.75", "topCandidate": {"semanticType": "Work", "placeLocation": "geo:52.52,13.405"}}},
]  # fmt: skip


def test_places():
    museum, home, error = read(json.dumps(TAKEOUT, indent=2).encode())
    assert (museum["name"], museum["address"], museum["latitude"], museum["confidence"]) == (
        "Museum",
        "Platz 1 10178 Berlin",
        52.52,
        0.8,
    )
    assert (home["name"], home["at"], home["ends_at"]) == (
        "Home",
        "2026-01-05T10:00:00.000Z",
        "2026-01-05T11:00:00.000Z",
    )
    assert str(error) == "file:4: the stay has no end" or str(error) == "file:4: not a time"
    (android,) = read(json.dumps(ANDROID).encode())
    assert (android["name"], android["longitude"], android["confidence"], android["at"]) == (
        "Home",
        -13.405,
        0.5,
        "2026-01-05T10:00:00.000Z",
    )
    (ios,) = read(json.dumps(IOS).encode())
    assert (ios["name"], ios["latitude"], ios["confidence"]) == ("Work", 52.52, 0.75)


def test_stays_from_raw_positions(monkeypatch: pytest.MonkeyPatch):
    def point(minute: int, latitude: float, **more: Any) -> dict[str, Any]:
        return {"timestamp": f"2026-01-05T{10 + minute // 60:02}:{minute % 60:02}:00Z", "latitudeE7": int(latitude * 1e7), "longitudeE7": 134050000,
                "note": 'a "quoted} {text\\', **more}  # fmt: skip

    points = [point(0, 52.52), point(5, 52.5201), point(20, 52.5199), point(25, 52.6), point(26, 52.7), point(30, 52.8), point(90, 52.8001),
              point(95, 52.0, accuracy=9000), {"latitudeE7": 1}]  # fmt: skip
    first, error, second = sorted(
        read(json.dumps({"locations": points}).encode()),
        key=lambda each: (isinstance(each, dict) and each["at"]) or "2026-01-05T10:29",
    )
    assert (first["at"], first["ends_at"], first["latitude"]) == (
        "2026-01-05T10:00:00.000Z",
        "2026-01-05T10:20:00.000Z",
        52.52,
    )
    assert (second["at"], second["ends_at"]) == ("2026-01-05T10:30:00.000Z", "2026-01-05T11:30:00.000Z")
    assert error.code == "bad_time"
    (cut,) = [
        each
        for each in read(json.dumps({"locations": points}).encode()[:-30])
        if isinstance(each, DataError) and each.code == "bad_json"
    ]
    assert cut.message == "the file is cut off"


ACTIVITY = [
    {"header": "Search", "title": "Searched for late trains", "titleUrl": "https://www.google.com/search?q=late+trains", "time": "2026-01-05T10:00:00.000Z", "products": ["Search"]},
    {"header": "YouTube", "title": "Watched A film", "titleUrl": "https://www.youtube.com/watch?v=1", "time": "2026-01-05T10:01:00Z"},
    {"header": "Search", "title": "Visited X", "titleUrl": "https://www.google.com/url?q=https://x.org/a%3Fb&usg=1", "time": "2026-01-05T10:02:00Z"},
    {"header": "Maps", "title": "Used Maps", "time": "2026-01-05T10:03:00Z"},
    {"header": "Search", "title": "x", "titleUrl": "https://x.org", "time": "secretword"},
]  # fmt: skip


def test_activity_of_an_account():
    search, film, page, error = read(json.dumps(ACTIVITY).encode())
    assert (search["query"], search["host"]) == ("late trains", "www.google.com")
    assert (film["title"], film.get("query"), page["url"]) == ("Watched A film", None, "https://x.org/a?b")
    assert str(error) == "file:5: not a time"


PAGE = """<html><head><title>My Activity</title></head><body><div class="mdl-grid"><div class="outer-cell mdl-cell mdl-cell--12-col mdl-shadow--2dp">
<div class="content-cell mdl-cell mdl-cell--6-col mdl-typography--body-1">Watched\u00a0<a href="https://www.youtube.com/watch?v=1&amp;t=2">A &amp; B</a><br><a href="https://www.youtube.com/c">C</a><br>{date}<br></div>
<div class="content-cell mdl-cell mdl-cell--6-col mdl-typography--body-1">Used Maps<br>{date}</div></div></body></html>"""


@pytest.mark.parametrize(
    ("date", "at"),
    [
        ("Jan 5, 2026, 10:00:00\u202fAM CET", "2026-01-05T09:00:00.000Z"),
        ("5 Jan 2026, 10:00:00 UTC", "2026-01-05T10:00:00.000Z"),
        ("05.01.2026, 10:00:00 MEZ", "2026-01-05T09:00:00.000Z"),
        ("5 janv. 2026, 10:00:00 UTC", "2026-01-05T10:00:00.000Z"),
    ],
)
def test_the_page_takeout_makes(date: str, at: str):
    (found,) = read(PAGE.format(date=date).encode())
    assert (found["at"], found["url"], found["title"]) == (at, "https://www.youtube.com/watch?v=1&t=2", "Watched A & B")


def test_a_time_in_a_page_that_cannot_be_read():
    (error,) = read(PAGE.format(date="secretword").encode())
    assert str(error) == "file:1: the time cannot be read"


def test_chromes_own_export():
    data = {"Browser History": [{"page_transition": "LINK", "title": "X", "url": "https://x.org", "time_usec": 1767607200000000, "client_id": "a"},
                                {"page_transition": "AUTO_SUBFRAME", "url": "https://y.org", "time_usec": 1}]}  # fmt: skip
    (found,) = read(json.dumps(data).encode())
    assert (found["at"], found["browser"]) == ("2026-01-05T10:00:00.000Z", "chrome")


SEEDS = [(google_activity.NAME, PAGE.format(date="5 Jan 2026, 10:00:00 UTC").encode()), (google_places.NAME, json.dumps(TAKEOUT).encode()), (google_places.NAME, json.dumps(ANDROID).encode()), (google_activity.NAME, json.dumps(ACTIVITY).encode()),
         (google_places.NAME, b'{"locations":[{"timestamp":"2026-01-05T10:00:00Z","latitudeE7":1,"longitudeE7":2},{"timestampMs":"1"}]}')]  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_bytes_make_them_raise(data: st.DataObject):
    name, seed = data.draw(st.sampled_from(SEEDS))
    content = bytearray(seed)
    for _ in range(data.draw(st.integers(0, 5))):
        at = data.draw(st.integers(0, len(content)))
        content[at : at + data.draw(st.integers(0, 6))] = data.draw(
            st.sampled_from([b"", b"{", b"}", b"[", b'"', b"null", b"-99999999999999999999", b"1e400", b"\xff", b"\\"])
        )
    for item in reading.items(Opened.of("f", bytes(content)), Source("f", "", 0, name), SETTINGS):
        assert isinstance(item, (dict, DataError))
