"""Daily series: what is unusual, alone and together, from arrays and from stored records."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadmap_cli.core import schemas
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.life.history import habits
from roadmap_cli.life.kinds.rows import TABLES
from roadmap_cli.life.local_time.zones import named
from roadmap_cli.life.watch import daily, watching
from roadmap_cli.state import records
from roadmap_cli.why import decisions

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
LAST = date(2026, 11, 22)
BERLIN = named("Europe/Berlin")


def year(count: int = 200, seed: int = 3) -> tuple[Any, Any]:
    chance = np.random.default_rng(seed)
    weekdays = np.arange(count) % 7
    return 8 + 0.8 * (weekdays >= 5) + chance.normal(0, 0.5, count), weekdays


def least(values: Any, weekdays: Any) -> daily.View:
    return min(daily.looks("x", values, weekdays), key=lambda view: view.chance)


def changed(kind: str) -> Any:
    values, weekdays = year()
    if kind == "spike":
        values[-1] += 8
    elif kind == "shift":
        values[-14:] -= 1.2
    elif kind == "drift":
        values[-40:] += np.linspace(0, 2, 40)
    elif kind == "scatter":
        values[-21:] = 8 + 4.5 * (values[-21:] - 8)
    elif kind == "rhythm":
        values[-28:] += np.where(weekdays[-28:] == 2, 5.0, -0.5)
    return values


@pytest.mark.parametrize(
    ("kind", "views"),
    [("spike", {("level", 1)}), ("shift", {("level", 7), ("level", 14)}), ("drift", {("level", 14), ("level", 28)}),
     ("scatter", {("scatter", 21)}), ("rhythm", {("rhythm", 28), ("scatter", 21)})],
)  # fmt: skip
def test_each_change_is_seen_by_its_view(kind: str, views: set[tuple[str, int]]) -> None:
    _, weekdays = year()
    best = least(changed(kind), weekdays)
    assert (best.form, best.days) in views
    assert best.chance < daily.limit(1.0, 4)


def test_nothing_is_seen_where_nothing_changed() -> None:
    """Looks a week apart, of ten people: a tenth of the budget is theirs, and a false alarm may last for some looks."""
    low = 0
    for seed in range(10):
        values, weekdays = year(230, seed)
        for end in range(190, 230, 7):
            low += least(values[:end], weekdays[:end]).chance < daily.limit(1.0, 10)
    assert low <= 4, low


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(float("nan")), st.just(0.0)), min_size=0, max_size=90),
    st.integers(0, 6),
)
def test_any_series_gives_chances(values: list[float], begins: int) -> None:
    weekdays = (np.arange(len(values)) + begins) % 7
    for view in daily.looks("x", np.array(values, dtype=float), weekdays):
        assert 0 < view.chance <= 1
        assert view.score == view.score


def put(tx: Any, metric: str, day: date, value: float, unit: str, hour: int = 7) -> None:
    at = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
    record: Record = {
        "kind": "life.measurement", "at": at.isoformat().replace("+00:00", ".000Z"), "date": str(day),
        "metric": metric, "value": value, "unit": unit, "device": "watch",
    }  # fmt: skip
    if metric == "sleep":
        record |= {"stage": "asleep", "ends_at": (at + timedelta(minutes=value)).isoformat().replace("+00:00", ".000Z")}
    record["id"] = content_id("life.measurement", metric=metric, at=record["at"])
    records.put(tx, record)
    table = TABLES["life.measurement"]
    tx.execute(table.insert, table.values(record))


def body(tx: Any, *, hard: int) -> None:
    """200 nights and mornings; in the last `hard` of them sleep is shorter and the heart beats faster."""
    chance = random.Random(4)
    for offset in range(200):
        day = LAST - timedelta(days=199 - offset)
        strained = offset >= 200 - hard
        put(tx, "sleep", day, round(chance.gauss(440 - 90 * strained, 25)), "min", hour=1)
        put(tx, "resting_heart_rate", day, round(chance.gauss(58 + 6 * strained, 1.5)), "bpm")


def test_a_fortnight_of_bad_nights_is_warned_of_once_with_what_it_rests_on(tx: Any) -> None:
    body(tx, hard=12)
    given_, _ = watching.watch(tx, NOW, watching.Settings(), command="life-watch")
    assert {record["pattern"] for record in given_} == {"sleep_hours", "resting_heart_rate"}
    for record in given_:
        assert not list(schemas.problems(record))
        (measure,) = record["measures"]
        decision = decisions.get(tx, record["why_id"])
        assert decision is not None
        cited = [records.get(tx, name) for name in decision["evidence_ids"][:-1]]
        values = [each["value"] for each in cited if each]
        factor = 60 if record["pattern"] == "sleep_hours" else 1
        assert measure["recent"] == pytest.approx(sum(values) / len(values) / factor, abs=0.06)
        assert record["since"] <= min(each["date"] for each in cited if each)
    assert watching.watch(tx, NOW, watching.Settings(), command="life-watch")[0] == []


def test_a_calm_body_is_not_warned_of(tx: Any) -> None:
    body(tx, hard=0)
    assert watching.watch(tx, NOW, watching.Settings(), command="life-watch")[0] == []


def test_work_and_body_together_are_burnout_risk(
    tx: Any, ingest: Callable[..., Any], example: dict[str, bytes]
) -> None:
    ingest(example["calendar.ics"])
    body(tx, hard=14)
    given_, _ = watching.watch(tx, NOW, watching.Settings(), command="life-watch")
    found = {record["pattern"]: record for record in given_}
    assert list(found) == ["burnout_risk"], "the calendar's part is not told a second time"
    assert found["burnout_risk"]["severity"] == "high"
    names = {measure["measure"] for measure in found["burnout_risk"]["measures"]}
    assert names & {"meeting_hours", "after_hours", "focus_hours"}
    assert names & {"sleep_hours", "resting_heart_rate"}


def message(tx: Any, day: date, sender: str) -> None:
    record: Record = {
        "kind": "life.message", "at": f"{day}T18:00:00.000Z", "channel": "whatsapp", "sender": sender, "text": "x"
    }  # fmt: skip
    record["id"] = content_id("life.message", at=record["at"], sender=sender)
    records.put(tx, record)
    table = TABLES["life.message"]
    tx.execute(table.insert, table.values(record))


def test_a_friend_who_falls_silent_is_missed_and_a_stranger_is_not(tx: Any) -> None:
    chance = random.Random(2)
    for offset in range(190):
        day = LAST - timedelta(days=189 - offset)
        if offset < 172 and chance.random() < 0.85:
            message(tx, day, "Anna")
        if offset < 172 and chance.random() < 0.6:
            message(tx, day, "Ben")
        if offset == 30:
            message(tx, day, "Plumber")
    days, count = habits.close_contacts(tx, LAST - timedelta(days=195), LAST, BERLIN)
    assert count == 2
    assert sum(days.values.values()) == sum(len(ids) for ids in days.ids.values())
    given_, _ = watching.watch(tx, NOW, watching.Settings(), command="life-watch")
    assert [record["pattern"] for record in given_] == ["close_contacts"]


def test_late_pages_count_for_the_evening(tx: Any) -> None:
    for name, at in (("a", "2026-11-20T22:10:00.000Z"), ("b", "2026-11-20T22:14:00.000Z"), ("c", "2026-11-21T01:00:00.000Z"), ("d", "2026-11-21T12:00:00.000Z")):  # fmt: skip
        record: Record = {"kind": "life.page_visit", "id": name, "at": at, "url": "https://example.org/"}
        records.put(tx, record)
        table = TABLES["life.page_visit"]
        tx.execute(table.insert, table.values(record))
    found = habits.late_screen(tx, date(2026, 11, 1), LAST, BERLIN)
    assert found.values == {date(2026, 11, 20): 1 + 4 + 1, date(2026, 11, 21): 0}
    assert found.ids[date(2026, 11, 20)] == ("a", "b", "c")
