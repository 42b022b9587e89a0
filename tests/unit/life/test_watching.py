"""Warnings: when they come, when not, and that each number is a sum of what it cites."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from roadmap_cli.core import schemas
from roadmap_cli.core.clock import parse
from roadmap_cli.core.errors import UsageError
from roadmap_cli.life.history import series
from roadmap_cli.life.history.series import Meeting, Purchase, WorkingTime
from roadmap_cli.life.proof import checking
from roadmap_cli.life.storing.store import Stored
from roadmap_cli.life.watch import baseline, warnings, watching
from roadmap_cli.state import records
from roadmap_cli.why import decisions

Ingest = Callable[..., Stored]
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
WORKING = WorkingTime(time(8), time(18), BERLIN)


def watch(tx: Any, now: datetime = NOW, **settings: Any) -> list[dict[str, Any]]:
    given, _ = watching.watch(tx, now, watching.Settings(**settings), command="life-watch")
    for record in given:
        assert not list(schemas.problems(record)), record
    return given


@pytest.fixture
def filled(tx: Any, ingest: Ingest, example: dict[str, bytes]) -> Any:
    ingest(example["calendar.ics"])
    ingest(example["bank.ofx"])
    return tx


def test_what_is_in_the_example_is_found_and_nothing_else(filled: Any) -> None:
    found = watch(filled)
    assert [(record["pattern"], record["since"], record["until"]) for record in found] == [
        ("overload", "2026-11-09", "2026-11-22"),
        ("spending_EUR", "2026-11-09", "2026-11-22"),
    ]


def test_nothing_is_found_before_it_happened(tx: Any, ingest: Ingest, example: dict[str, bytes]) -> None:
    """A year of looks, one a day, at the same person before the launch: at most the false alarms allowed."""
    ingest(example["calendar.ics"])
    ingest(example["bank.ofx"])
    given = [record for day in range(260, 14, -3) for record in watch(tx, NOW - timedelta(days=day))]
    assert len(given) <= 8, [(record["at"][:10], record["text"]) for record in given]


def test_every_number_is_a_sum_of_what_the_decision_cites(filled: Any) -> None:
    """Recomputed from the records themselves, not through the code that made the warning."""
    for warning in watch(filled):
        decision = decisions.get(filled, warning["why_id"])
        assert decision is not None
        *recent_ids, usual_id = decision["evidence_ids"]
        assert len(recent_ids) == warning["evidence_count"]
        assert set(warning["evidence_ids"]) <= set(recent_ids)
        recent = [records.get(filled, name) for name in recent_ids]
        usual_decision = decisions.get(filled, usual_id)
        assert usual_decision is not None
        usual = [records.get(filled, name) for name in usual_decision["evidence_ids"]]
        assert all(recent)
        assert all(usual)
        for measure in warning["measures"]:
            name = measure["measure"]
            assert measure["recent"] == pytest.approx(
                recount(name, recent, warning["since"]), abs=0.5 if "spend" in name else 0.051
            )
            assert f"{measure['recent']:.1f}" in warning["text"] or f"{measure['recent']:.0f} EUR" in warning["text"]
            told = usual_decision["facts"][f"stretches_{name}"]
            assert len(told) == baseline.MOST_STRETCHES
            again = [recount(name, usual, stretch["since"]) for stretch in told]
            assert again == pytest.approx([stretch["value"] for stretch in told], abs=1e-3)
            assert measure["usual"] == pytest.approx(median(again), abs=0.5 if "spend" in name else 0.051)


def recount(name: str, found: list[Any], since: str) -> float:
    """A measure of the fortnight from a day, minute by minute."""
    days = [date.fromisoformat(since) + timedelta(days=offset) for offset in range(14)]
    if name.startswith("spending_"):
        return (
            float(sum(-Decimal(record["amount"]) for record in found if date.fromisoformat(record["date"]) in days)) / 2
        )
    spans = [(parse(record["at"]).astimezone(BERLIN), parse(record["ends_at"]).astimezone(BERLIN)) for record in found]
    if name == "meeting_count":
        return sum(begin.date() in days for begin, _ in spans) / 2
    inside, outside, longest = 0, 0, []
    for day in days:
        here = [(begin, end) for begin, end in spans if begin.date() == day]
        busy = {
            minute
            for begin, end in here
            for minute in range(begin.hour * 60 + begin.minute, begin.hour * 60 + begin.minute + int((end - begin).total_seconds()) // 60)
        }  # fmt: skip
        work = set(range(8 * 60, 18 * 60)) if day.weekday() < 5 else set()
        inside, outside = inside + len(busy & work), outside + len(busy - work)
        if work:
            free = best = 0
            for minute in sorted(work):
                free = 0 if minute in busy else free + 1
                best = max(best, free)
            longest.append(best / 60)
    return {
        "meeting_hours": (inside + outside) / 120,
        "after_hours": outside / 120,
        "focus_hours": math.fsum(longest) / 10,
    }[name]


def test_nothing_is_said_twice_until_it_cleared_or_got_worse(filled: Any) -> None:
    (overload, spending) = watch(filled)
    assert [watch(filled, NOW + timedelta(days=days)) for days in (0, 1, 3)] == [[], [], []]
    assert {record["id"] for record in watching.still_open(filled)} == {overload["id"], spending["id"]}
    calm = NOW + timedelta(days=40)  # the booked fortnight is over; the calendar goes on with its series
    watch(filled, calm)
    assert overload["id"] not in {record["id"] for record in watching.still_open(filled)}
    settled = decisions.get(filled, overload["why_id"])
    assert settled is not None
    assert settled["outcome"] == "cleared"


def test_too_little_and_too_old_data_give_no_warning_but_words(
    tx: Any, ingest: Ingest, example: dict[str, bytes]
) -> None:
    ingest(example["calendar.ics"], now=NOW)
    ingest(example["bank.ofx"])
    for now in (datetime(2026, 1, 20, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC)):
        report, _ = watching.look(tx, now, watching.Settings())
        assert report.findings == []
        assert len(report.untold) == 2, report.untold
    assert watching.look(tx, datetime(2020, 1, 1, tzinfo=UTC), watching.Settings())[0].findings == []
    for year in (1970, 2020):
        early, _ = watching.look(tx, datetime(year, 1, 1, tzinfo=UTC), watching.Settings())
        assert "is the clock right?" in early.untold[0], early.untold
        assert f"after {year - 1}-12-31" in early.untold[0]
    assert not any("clock" in words for words in watching.look(tx, NOW, watching.Settings())[0].untold)


def test_an_empty_state_is_quiet(tx: Any) -> None:
    assert watch(tx) == []


def test_wrong_settings(tx: Any) -> None:
    with pytest.raises(UsageError):
        watch(tx, working_hours="18:00-08:00")
    with pytest.raises(UsageError, match="Europe/Atlantis"):
        watch(tx, zone="Europe/Atlantis")


def meeting(name: str, day: date, begin: str, minutes: int) -> Meeting:
    start = datetime.combine(day, time.fromisoformat(begin), BERLIN)
    return Meeting(name, start.astimezone(UTC), start.astimezone(UTC) + timedelta(minutes=minutes))


def test_a_day_is_counted() -> None:
    monday = date(2026, 11, 9)
    found = [meeting("a", monday, "09:00", 60), meeting("b", monday, "09:30", 60), meeting("c", monday, "17:30", 90), meeting("d", monday, "23:30", 60)]  # fmt: skip
    first, second, *_, saturday = series.loads(found, monday, date(2026, 11, 14), WORKING)
    assert (first.meeting, first.count, first.after_hours, first.focus) == (90 + 90 + 30, 4, 60 + 30, 420)
    assert (second.meeting, second.count, second.after_hours, second.focus) == (30, 0, 30, 600)
    assert saturday.focus is None


def test_a_day_of_25_hours() -> None:
    (day,) = series.loads(
        [meeting("a", date(2026, 10, 25), "00:30", 6 * 60)], date(2026, 10, 25), date(2026, 10, 25), WORKING
    )
    assert day.meeting == 360


def test_standing_payments_transfers_and_income_are_not_spending(
    tx: Any, ingest: Ingest, example: dict[str, bytes]
) -> None:
    ingest(example["bank.ofx"])
    (found,) = series.purchases(tx, NOW.date()).values()
    payees = {record["payee"] for record in (records.get(tx, item.id) for item in found) if record}
    assert payees >= {"Biomarkt Kreuzberg", "Taxi Berlin"}
    assert not payees & {"Hausverwaltung Süd", "Streamly", "Sparkonto", "Example GmbH", "Stadtwerke"}


def test_a_price_paid_on_any_day_is_no_standing_payment(tx: Any, ingest: Ingest, example: dict[str, bytes]) -> None:
    ingest(example["bank.ofx"])
    (found,) = series.purchases(tx, NOW.date()).values()
    payees = [record["payee"] for record in (records.get(tx, item.id) for item in found) if record]
    assert payees.count("Café Löwe") == 97  # three prices, each in every month


def test_what_more_was_spent_on_is_told_and_adds_up(filled: Any) -> None:
    warning = next(record for record in watch(filled) if record["pattern"] == "spending_EUR")
    decision = decisions.get(filled, warning["why_id"])
    assert decision is not None
    named = {each["category"]: each for each in decision["facts"]["categories"]}
    assert {"eating out", "transport"} <= set(named)  # delivered meals and taxis, since 13 November
    for category, told in named.items():
        paid = [records.get(filled, name) for name in told["ids"]]
        assert sum(-Decimal(str(each["amount"])) for each in paid if each) == Decimal(told["amount"])
        assert set(told["ids"]) <= set(decision["evidence_ids"])
        assert f"{category} ({told['amount']} EUR)" in warning["text"]
    assert not [claim for claim in checking.check(filled, warning["id"]) if claim.problem]


def test_the_threshold_follows_from_the_budget() -> None:
    """Quantiles of Student's t, as printed in tables."""
    assert baseline.threshold(30 * 0.05, 1, 10) == pytest.approx(1.812, abs=0.005)
    assert baseline.threshold(30 * 0.01, 1, 20) == pytest.approx(2.528, abs=0.005)
    assert baseline.threshold(1, 6, 16) > baseline.threshold(2, 6, 16) > baseline.threshold(2, 3, 16)


def test_false_alarms_stay_within_the_budget() -> None:
    """People in whose lives nothing changes but by chance; busy weeks follow busy weeks, prices have a heavy tail."""
    alarms, months = 0, 0.0
    for person in range(6):
        chance = random.Random(person)
        first = date(2025, 1, 6)
        mean, busyness = chance.uniform(0.5, 4), 0.0
        found: list[Meeting] = []
        bought: list[Purchase] = []
        for offset in range(330):
            day = first + timedelta(days=offset)
            if day.weekday() == 0:
                busyness = 0.5 * busyness + chance.gauss(0, 0.25)
            if day.weekday() < 5:
                for number in range(min(12, int(chance.expovariate(1) * mean * math.exp(busyness) + 0.5))):
                    found.append(
                        meeting(
                            f"{offset}-{number}",
                            day,
                            f"{chance.randint(9, 16):02}:{chance.choice(['00', '30'])}",
                            chance.choice([30, 60]),
                        )
                    )
            for number in range(chance.choice([0, 1, 1, 2])):
                bought.append(
                    Purchase(f"{offset}-{number}", day, Decimal(round(chance.lognormvariate(3, 1) * 100)).scaleb(-2))
                )
        open_until: dict[str, int] = {}
        for offset in range(210, 330, 2):
            until, since = first + timedelta(days=offset), first + timedelta(days=offset - 188)
            report = warnings.Report()
            warnings.load_finding(
                [each for each in found if each.start.date() <= until],
                since,
                until,
                WORKING,
                budget=1,
                looks=6,
                report=report,
            )
            warnings.spending_finding(
                {"EUR": [each for each in bought if each.day <= until]},
                {"EUR": (first, until)},
                budget=1,
                looks=6,
                report=report,
            )
            for finding in report.findings:
                alarms += offset > open_until.get(finding.pattern, -1)
                open_until[finding.pattern] = offset + 14
        months += 120 / 30
    assert alarms / months <= 1, alarms


@pytest.mark.parametrize(("factor", "expected"), [(1.0, 0), (3.0, 1)])
def test_a_change_in_spending(factor: float, expected: int) -> None:
    chance = random.Random(5)
    first = date(2026, 1, 1)
    bought = [
        Purchase(
            str(day),
            first + timedelta(days=day),
            Decimal(round(chance.uniform(500, 3000) * (factor if day >= 186 else 1))).scaleb(-2),
        )
        for day in range(200)
    ]
    report = warnings.Report()
    warnings.spending_finding(
        {"CHF": bought}, {"CHF": (first, first + timedelta(days=199))}, budget=1, looks=6, report=report
    )
    assert [finding.pattern for finding in report.findings] == ["spending_CHF"] * expected
