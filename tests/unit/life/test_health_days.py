"""Days of health: devices that tell the same are counted once, nights count for the day of waking."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadmap_cli.core.errors import DataError
from roadmap_cli.life.formats import measured
from roadmap_cli.life.history import devices, health_days
from roadmap_cli.life.history.nights import nights
from roadmap_cli.life.kinds.items import Source
from roadmap_cli.life.storing import store
from roadmap_cli.state import records

SOURCE = Source("export.xml", "0" * 64, 1, "apple_health")
DAY = date(2024, 3, 2)


def at(text: str, zone: str = "+01:00") -> datetime:
    return datetime.fromisoformat(f"{text}:00{zone}")


def value(
    metric: str, amount: float, start: str, end: str | None = None, device: str = "", **more: Any
) -> dict[str, Any]:
    return measured.measurement(SOURCE, 1, metric, amount, at(start), at(end) if end else None, device=device, **more)


def sleep(stage: str, start: str, end: str, device: str = "Apple Watch") -> dict[str, Any]:
    minutes = (at(end) - at(start)).total_seconds() / 60
    return value("sleep", minutes, start, end, device, stage=stage)


def days(tx: Any, given: Iterable[dict[str, Any]], metric: str, **options: Any) -> list[tuple[str, float]]:
    store.add(tx, list(given), format_name="apple_health")
    return [(each.day.isoformat(), each.value) for each in health_days.daily(tx, metric, **options)]


def test_watch_and_phone_count_the_same_steps_once(tx: Any) -> None:
    watch = [value("steps", 100, "2024-03-02T10:00", "2024-03-02T10:10", "Apple Watch")]
    phone = [
        value("steps", 90, "2024-03-02T10:00", "2024-03-02T10:10", "iPhone"),  # the same steps
        value("steps", 60, "2024-03-02T10:05", "2024-03-02T10:15", "iPhone"),  # half of it
        value("steps", 40, "2024-03-02T20:00", "2024-03-02T20:10", "iPhone"),  # without the watch
        value("steps", 7, "2024-03-03T08:00", "2024-03-03T08:01", "iPhone"),
    ]
    assert days(tx, watch + phone, "steps") == [("2024-03-02", 170.0), ("2024-03-03", 7.0)]
    first = health_days.daily(tx, "steps")[0]
    assert set(first.ids) == {watch[0]["id"], phone[1]["id"], phone[2]["id"]}
    assert first.devices == ("Apple Watch", "iPhone")
    assert all(records.get(tx, each) for each in first.ids)
    assert days(tx, [], "steps", priority=["iphone"], until=DAY) == [("2024-03-02", 190.0)]


def test_a_total_of_the_best_device_counts_alone(tx: Any) -> None:
    given_ = [
        value("steps", 5000, "2024-03-02T00:00", "2024-03-03T00:00", "Garmin"),
        value("steps", 60, "2024-03-02T10:00", "2024-03-02T10:10", "iPhone"),
    ]
    assert days(tx, given_, "steps") == [("2024-03-02", 5000.0)]
    assert days(tx, [], "steps", priority=["iPhone"]) == [("2024-03-02", 60.0)]


def test_measured_values_are_of_one_device_and_slow_ones_the_last(tx: Any) -> None:
    given_ = [
        value("heart_rate", 60, "2024-03-02T10:00", device="Apple Watch"),
        value("heart_rate", 70, "2024-03-02T11:00", device="Apple Watch"),
        value("heart_rate", 200, "2024-03-02T11:00", device="App"),
        value("body_mass", 70, "2024-03-02T07:00"),
        value("body_mass", 71, "2024-03-02T22:00"),
    ]
    assert days(tx, given_, "heart_rate") == [("2024-03-02", 65.0)]
    assert days(tx, [], "body_mass") == [("2024-03-02", 71.0)]
    assert health_days.available(tx) == {"body_mass": (DAY, DAY), "heart_rate": (DAY, DAY)}


def test_a_night_is_put_together_from_its_stages(tx: Any) -> None:
    given_ = [
        sleep("in_bed", "2024-03-01T22:30", "2024-03-02T07:00", "iPhone"),
        sleep("core", "2024-03-01T23:00", "2024-03-02T01:00"),
        sleep("awake", "2024-03-02T01:00", "2024-03-02T01:10"),
        sleep("deep", "2024-03-02T01:10", "2024-03-02T03:00"),
        sleep("rem", "2024-03-02T03:00", "2024-03-02T06:30"),
        sleep("asleep", "2024-03-01T22:40", "2024-03-02T06:50", "Sleep app"),
        sleep("asleep", "2024-03-02T14:00", "2024-03-02T14:40"),
        sleep("core", "2024-03-02T21:00", "2024-03-02T23:30"),  # ends before midnight, but the night goes on
        sleep("deep", "2024-03-02T23:30", "2024-03-03T05:30"),
    ]
    assert days(tx, given_, "sleep") == [("2024-03-02", 440 + 40), ("2024-03-03", 510)]
    first, second = nights(tx)
    assert first.main.minutes == {
        "core": 120, "awake": 10, "deep": 110, "rem": 210, "asleep": 440, "in_bed": 510,
    }  # fmt: skip
    assert (first.main.devices, second.main.start.hour) == (("Apple Watch", "iPhone"), 21)
    assert days(tx, [], "sleep_nap") == [("2024-03-02", 40), ("2024-03-03", 0)]
    assert days(tx, [], "bedtime") == [("2024-03-02", -1.0), ("2024-03-03", -3.0)]
    assert days(tx, [], "wake_time") == [("2024-03-02", 6.5), ("2024-03-03", 5.5)]
    assert days(tx, [], "sleep_efficiency", until=DAY) == [("2024-03-02", pytest.approx(100 * 440 / 510))]
    assert days(tx, [], "sleep", since=date(2024, 3, 3)) == [("2024-03-03", 510)]


def test_totals_of_a_night_are_added_not_joined(tx: Any) -> None:
    span = ("2024-03-01T23:00", "2024-03-02T07:00")
    given_ = [
        value("sleep", minutes, *span, "Garmin", stage=stage)
        for stage, minutes in (("deep", 90), ("core", 240), ("rem", 60), ("awake", 30), ("in_bed", 480))
    ]
    assert days(tx, given_, "sleep") == [("2024-03-02", 390)]
    assert days(tx, [], "sleep_deep") == [("2024-03-02", 90)]
    assert days(tx, [], "sleep_in_bed") == [("2024-03-02", 480)]


def test_exercise_of_two_services_counts_once(tx: Any) -> None:
    given_ = [
        measured.activity(SOURCE, 1, sport, at(start), at(end), device=device)
        for sport, start, end, device in (
            ("running", "2024-03-02T10:00", "2024-03-02T10:40", "Garmin"),
            ("running", "2024-03-02T10:01", "2024-03-02T10:41", "Strava"),
            ("cycling", "2024-03-02T18:00", "2024-03-02T18:30", "Garmin"),
        )
    ]
    assert days(tx, given_, "activity") == [("2024-03-02", 71.0)]


def test_a_record_that_is_deleted_takes_its_day_along(tx: Any) -> None:
    kept, gone = (
        value("steps", 1, "2024-03-02T10:00", "2024-03-02T10:01"),
        value("steps", 2, "2024-03-02T11:00", "2024-03-02T11:01"),
    )
    assert days(tx, [kept, gone], "steps") == [("2024-03-02", 3)]
    tx.execute("DELETE FROM record WHERE id = ?", (gone["id"],))
    assert days(tx, [], "steps") == [("2024-03-02", 1)]


SPAN = st.tuples(
    st.integers(0, 600), st.integers(1, 90), st.integers(0, 500), st.sampled_from(("Watch", "iPhone", "App"))
)


@settings(max_examples=60, deadline=None)
@given(st.lists(SPAN, max_size=12))
def test_overlaps_never_add_and_one_device_is_never_changed(spans: list[tuple[int, int, int, str]]) -> None:
    rank = devices.Rank()
    rows = [
        devices.Reading(str(place), 60.0 * start, 60.0 * (start + length), amount, device, "")
        for place, (start, length, amount, device) in enumerate(spans)
    ]
    if not rows:
        return
    total, used = health_days._counted(rows, rank)
    best = min((each.device for each in rows), key=rank)
    assert sum(each.value for each in rows if each.device == best) <= total + 1e-6
    assert total <= sum(each.value for each in rows) + 1e-6
    assert {each.id for each in used} <= {each.id for each in rows}


# -- Storing much ------------------------------------------------------------------------------------------------------


def many(count: int, offset: int = 0) -> list[dict[str, Any]]:
    begin = at("2024-03-02T00:00")
    return [
        measured.measurement(
            SOURCE, number + 1, "heart_rate", 50 + number % 90, begin + timedelta(minutes=number), device="W"
        )
        for number in range(offset, offset + count)
    ]


def test_what_is_new_is_told_apart_from_what_is_known(tx: Any) -> None:
    first = store.add(tx, many(300), format_name="x")
    assert (len(first.new), first.known) == (300, 0)
    again = store.add(tx, many(300), format_name="x")
    assert (again.new, again.known) == ([], 300)
    some = many(300, offset=290)
    shuffled = some[::3] + some[1::3] + some[2::3] + some[:5]
    mixed = store.add(tx, shuffled, format_name="x")
    fresh = {each["id"] for each in many(290, offset=300)}
    assert [each["id"] for each in mixed.new] == [each["id"] for each in shuffled[:300] if each["id"] in fresh]
    assert mixed.known == 15
    assert tx.execute("SELECT count(*) FROM life_measurement").fetchone() == (590,)
    assert tx.execute("SELECT count(*) FROM record").fetchone() == (590,)


def test_one_bad_record_stores_nothing_of_its_batch(tx: Any) -> None:
    good = many(3)
    bad = {**good[0], "id": "life_x", "value": "many"}
    with pytest.raises(DataError, match="field 'value' is not a number"):
        store.add(tx, [*good, bad], format_name="x")
    assert tx.execute("SELECT count(*) FROM record").fetchone() == (0,)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.integers(0, 40), max_size=90), max_size=4))
def test_put_new_tells_the_same_as_put(batches: list[list[int]]) -> None:
    from sqlcipher3 import dbapi2

    one, other = dbapi2.connect(":memory:"), dbapi2.connect(":memory:")
    for each in (one, other):
        each.execute("CREATE TABLE record (id TEXT NOT NULL PRIMARY KEY, kind TEXT, at TEXT, body TEXT)")
    for batch in batches:
        given_ = [{"kind": "life.event", "id": f"life_{number}", "at": "2024-03-02T00:00:00.000Z"} for number in batch]
        assert records.put_new(one, given_) == [records.put(other, each) for each in given_]
    one.close()
    other.close()
