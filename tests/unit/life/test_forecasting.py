"""Forecasts: what they learn, when they stay silent, what they rest on, and what is proposed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadmap_cli.core import schemas
from roadmap_cli.core.clock import parse
from roadmap_cli.core.errors import UsageError
from roadmap_cli.life.forecast import forecasting, outlook, proposals, telling
from roadmap_cli.life.history import weeks
from roadmap_cli.life.history.weeks import Movement
from roadmap_cli.state import records
from roadmap_cli.why import decisions

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
Ingest = Callable[..., Any]


def series(count: int, seed: int = 5, season: float = 0.0) -> Any:
    chance = np.random.default_rng(seed)
    return 20 + season * np.sin(2 * np.pi * np.arange(count) / 52) + chance.normal(0, 2, count)


def test_noise_around_a_level_is_forecast_by_its_level() -> None:
    found = outlook.outlook(series(120), 13)
    assert found is not None
    assert found.middle == pytest.approx(np.full(13, 20.0), abs=1.5)
    assert all(each.skill < 1 for each in found.trust)
    assert 0.85 <= found.coverage <= 0.97


def test_the_year_is_learned_from_two_years() -> None:
    values = series(130, season=10.0)
    future = 20 + 10 * np.sin(2 * np.pi * np.arange(130, 156) / 52)
    found = outlook.outlook(values, 26)
    assert found is not None
    assert np.abs(found.middle - future).mean() < 0.5 * np.abs(outlook.recent(values, 26) - future).mean()


def test_a_walk_that_cannot_be_beaten_is_not_told() -> None:
    walk = np.cumsum(np.random.default_rng(1).normal(0, 1, 50)) + 50
    found = outlook.outlook(walk, 8)
    assert found is not None
    assert not found.told[0]


def test_too_little_history_gives_nothing() -> None:
    assert outlook.outlook(series(outlook.LEAST - 1), 4) is None


@settings(max_examples=15, deadline=None)
@given(st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(0.0), st.just(float("nan"))), min_size=0, max_size=40))
def test_any_weeks_give_ordered_intervals(values: list[float]) -> None:
    found = outlook.outlook(np.array(values, dtype=float), 6)
    if found is not None:
        assert (found.low <= found.high + 1e-6).all()
        assert np.isfinite(found.middle).all()


def payments(count: int) -> list[Movement]:
    made = []
    for month in range(count):
        day = date(2026, 1 + month, 1)
        made.append(Movement(f"w{month}", day + timedelta(days=27), 3000.0, "Wages", "credit"))
        made.append(Movement(f"r{month}", day, -1100.0, "Rent", "directdebit"))
        made += [
            Movement(f"s{month}-{place}", day + timedelta(days=place), -12.5 * place - month, "Shop", "pos")
            for place in (3, 9, 17)
        ]
    return sorted(made, key=lambda each: each.day)


def test_wages_and_rent_are_standing_and_the_shop_is_not() -> None:
    found = weeks.standing(payments(6), "EUR", date(2026, 6, 30))
    assert [(each.payee, float(each.amount), each.anchor) for each in found] == [("Rent", -1100.0, 1), ("Wages", 3000.0, 28)]  # fmt: skip
    assert found[1].due(date(2027, 2, 1), date(2027, 3, 31)) == [date(2027, 2, 28), date(2027, 3, 28)]
    assert weeks.due(found, date(2026, 6, 29), 2).tolist() == [-1100.0, 0.0]
    assert weeks.standing(payments(6), "EUR", date(2026, 9, 30)) == [], "what stopped is not due any more"


@pytest.fixture
def filled(tx: Any, ingest: Ingest, example: dict[str, bytes]) -> Any:
    ingest(example["calendar.ics"])
    ingest(example["bank.ofx"])
    return tx


def told(tx: Any, now: datetime = NOW, **how: Any) -> tuple[forecasting.Made, list[dict[str, Any]]]:
    chosen = forecasting.Settings(**how)
    made = forecasting.look(tx, now, chosen)
    return made, telling.tell(tx, made, now, chosen, command="life-forecast")


def test_every_forecast_fits_its_schema_and_rests_on_the_weeks_it_names(filled: Any) -> None:
    _, found = told(filled, weeks=9)
    assert {record["measure"] for record in found} == {
        "meeting_hours",
        "after_hours",
        "focus_hours",
        "spending_EUR",
        "net_EUR",
        "balance_EUR",
    } - ({"balance_EUR"} if not filled.execute("SELECT 1 FROM life_balance").fetchone() else set())
    for record in found:
        assert not list(schemas.problems(record)), record
        assert record["low"] <= record["value"] <= record["high"]
        assert record.get("booked", 0) <= record["value"] + 0.01 or record["measure"] != "meeting_hours"
    spending = next(record for record in found if record["measure"] == "spending_EUR")
    why = decisions.get(filled, spending["why_id"])
    assert why is not None
    history = decisions.get(filled, why["evidence_ids"][0])
    assert history is not None
    cited = [records.get(filled, name) for name in history["evidence_ids"]]
    first = date.fromisocalendar(*(int(part) for part in history["facts"]["first_week"].split("-W")), 1)
    sums = [0.0] * len(history["facts"]["values"])
    for record in cited:
        assert record is not None
        sums[(date.fromisoformat(record["date"]) - first).days // 7] -= float(record["amount"])
    assert sums == pytest.approx(history["facts"]["values"], abs=0.002)


def test_the_same_weeks_are_told_with_the_same_ids(filled: Any) -> None:
    _, first = told(filled, weeks=6)
    count = filled.execute("SELECT count(*) FROM decision").fetchone()
    _, again = told(filled, NOW + timedelta(hours=6), weeks=6)
    assert again == first
    assert filled.execute("SELECT count(*) FROM decision").fetchone() == count


def test_a_month_says_how_many_earlier_years_it_knows(filled: Any) -> None:
    _, found = told(filled, measures=("spending_EUR",))
    months = [record for record in found if record["period"] == "month"]
    assert months
    assert all(f"(n={record['earlier_count']})" in record["text"] for record in months if record["earlier_count"])


def test_an_empty_state_and_wrong_settings(tx: Any) -> None:
    made, found = told(tx)
    assert (found, made.silent) == ([], [])
    with pytest.raises(UsageError):
        told(tx, zone="Europe/Atlantis")
    with pytest.raises(UsageError, match="no such measure"):
        told(tx, measures=("moods",))


def propose(tx: Any, now: datetime = NOW) -> list[dict[str, Any]]:
    made, found = told(tx, now, weeks=10)
    return proposals.propose(tx, made, found, now, command="life-forecast")


def test_nothing_proposed_meets_what_is_booked(filled: Any) -> None:
    found = propose(filled)
    assert found
    busy = [(parse(start), parse(end)) for start, end in filled.execute("SELECT start_at, end_at FROM life_event WHERE is_current = 1 AND busy = 1")]  # fmt: skip
    for record in found:
        assert not list(schemas.problems(record))
        spans = [(parse(change["starts_at"]), parse(change["ends_at"])) for change in record["changes"] if change["action"] != "decline"]  # fmt: skip
        assert spans
        for start, end in spans:
            assert not [1 for begin, stop in busy if begin < end and stop > start]
            assert sum(begin < end and stop > start for begin, stop in spans) == 1
    assert propose(filled, NOW + timedelta(hours=6)) == found


CROWDED = """BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{events}END:VCALENDAR\r\n"""
EVENT = "BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20261101T000000Z\r\nDTSTART:{start}\r\nDTEND:{end}\r\nSUMMARY:{title}\r\n{more}END:VEVENT\r\n"  # fmt: skip


def test_the_file_is_a_calendar_that_moves_and_cancels_what_it_says(tx: Any, ingest: Ingest) -> None:
    events = []
    for week in range(40):
        day = date(2026, 2, 16) + timedelta(days=7 * week)
        for hour in (9, 11, 13):
            events.append(EVENT.format(uid=f"{week}-{hour}", start=f"{day:%Y%m%d}T{hour:02}0000Z", end=f"{day:%Y%m%d}T{hour + 2:02}0000Z", title="Call", more=""))  # fmt: skip
    monday = date(2026, 11, 30)
    for place in range(5):
        day = monday + timedelta(days=place)
        events.append(EVENT.format(uid=f"own-{place}", start=f"{day:%Y%m%d}T080000Z", end=f"{day:%Y%m%d}T120000Z", title="Deep work", more="STATUS:TENTATIVE\r\n" if place == 0 else ""))  # fmt: skip
    ingest(CROWDED.format(events="".join(events)).encode())
    (record,) = propose(tx)
    actions = [change["action"] for change in record["changes"]]
    assert {"decline", "move", "protect"} == set(actions)
    from icalendar import Calendar

    calendar = Calendar.from_ical(proposals.ics([record], NOW))
    assert calendar["METHOD"] == "PUBLISH"
    entries = {str(each["UID"]): each for each in calendar.walk("VEVENT")}
    declined = next(change for change in record["changes"] if change["action"] == "decline")
    assert entries[declined["uid"]]["STATUS"] == "CANCELLED"
    moved = next(change for change in record["changes"] if change["action"] == "move")
    assert entries[moved["uid"]]["DTSTART"].dt == parse(moved["starts_at"])
    assert entries[moved["uid"]]["SEQUENCE"] == 1
    lines = list(proposals.diff([record]))
    assert sum(line.startswith("-") for line in lines) == actions.count("move") + actions.count("decline")
    assert sum(line.startswith("+") for line in lines) == actions.count("move") + actions.count("protect")
