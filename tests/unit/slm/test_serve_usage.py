"""Which model will be wanted next."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from roadmap_cli.slm.serve import usage

START = datetime(2026, 11, 2, tzinfo=UTC)  # a Monday


def at(day, hour, minute=0):
    return START + timedelta(days=day, hours=hour, minutes=minute)


def test_nothing_is_foreseen_from_nothing():
    assert usage.by_hour([], at(0, 9), UTC) == []
    assert usage.by_hour([(at(0, 9), "a")], at(1, 9), UTC) == []
    assert usage.after([(at(0, 9), "a"), (at(0, 9, 5), "b")], "a") == []


def test_what_is_used_each_morning_is_foreseen_for_the_next():
    uses = [(at(day, 9), "a") for day in range(5)]
    assert [each.model for each in usage.by_hour(uses, at(7, 9), UTC)] == ["a"]
    assert usage.by_hour(uses, at(7, 15), UTC) == []
    assert usage.by_hour(uses, at(5, 9), UTC) == [], "a Saturday is not a working day"


def test_a_weekly_habit_is_foreseen_for_its_day_alone():
    uses = [(at(7 * week + 2, 20), "a") for week in range(5)]
    assert [each.model for each in usage.by_hour(uses, at(37, 20), UTC)] == ["a"]
    assert usage.by_hour(uses, at(38, 20), UTC) == []


def test_a_habit_that_is_given_up_is_forgotten():
    uses = sorted([(at(7 * week, 9), "a") for week in range(4)] + [(at(7 * week + 1, 12), "b") for week in range(8)])
    assert usage.by_hour(uses, at(56, 9), UTC) == []


def test_what_follows_on_a_model_is_foreseen():
    uses = [use for day in range(4) for use in ((at(day, 3 * day), "a"), (at(day, 3 * day, 10), "b"))]
    assert [each.model for each in usage.after(uses, "a")] == ["b"]
    assert usage.after(uses, "b") == []


def test_the_next_hour_is_named_so_that_one_timer_is_enough():
    uses = [(at(day, 9), "a") for day in range(5)]
    assert usage.next_hour(uses, at(7, 6, 30), UTC) == at(7, 9)
    assert usage.next_hour(uses, at(4, 9, 30), UTC) is None


def test_a_replayed_fortnight_finds_most_calls_of_habits_warm():
    """Working days with two habits, and calls at any time that nothing foretells: foreseen from the past alone."""
    noise = random.Random(1)
    uses: list[usage.Use] = []
    hits = misses = wasted = 0
    for day in range(28):
        for hour in range(24):
            wanted = {each.model for each in usage.by_hour(uses, at(day, hour), UTC)}
            habits = set()
            if (START + timedelta(days=day)).weekday() < 5 and hour in (9, 14) and noise.random() < 0.9:
                habits.add("code")
            if hour == 21 and noise.random() < 0.9:
                habits.add("chat")
            used = habits | ({"chat"} if noise.random() < 0.02 else set())
            if day >= 14:
                hits += len(habits & wanted)
                misses += len(habits - wanted)
                wasted += len(wanted - used)
            uses += [(at(day, hour, 5), name) for name in sorted(used)]
    assert hits / (hits + misses) >= 0.8
    assert wasted <= hits / 4
