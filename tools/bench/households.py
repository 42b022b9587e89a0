"""Made-up households and calendars, payment by payment and meeting by meeting. No figures of its own.

A household is drawn from a seed: wages or the income of a freelancer, rent, bills that change with the season,
subscriptions that begin and end, yearly insurance, everyday purchases with the rhythm of week, payday and year, holidays,
exceptions. A calendar has series booked long ahead, single meetings booked days to months before, weeks of conferences,
holidays. Nothing here knows how forecasts are made, and no forecast knows this file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np

FIRST = date(2021, 1, 4)
#: The share of single meetings by how long before they are booked, in weeks: from, to.
LEADS = ((0.35, 0.0, 1.0), (0.45, 1.0, 5.0), (0.20, 5.0, 26.0))


@dataclass(frozen=True, slots=True)
class Payment:
    """One movement of money; `is_transfer`: to the person's own savings."""

    day: date
    amount: float
    payee: str
    is_transfer: bool = False


@dataclass(frozen=True, slots=True)
class Meeting:
    """One meeting: the number of its week, how many whole weeks before that week's Monday it was booked, its hours."""

    week: int
    lead: int
    hours: float


@dataclass(slots=True)
class Calendar:
    """Meetings, and the weeks of holidays with how many weeks before they are booked and what part of the week."""

    count: int
    meetings: list[Meeting] = field(default_factory=list)
    away: dict[int, tuple[int, float]] = field(default_factory=dict)

    def hours(self) -> Any:
        """Hours by week, shape (count,)."""
        found = np.zeros(self.count)
        for each in self.meetings:
            found[each.week] += each.hours
        return found


def _workday(day: date, step: int) -> date:
    while day.weekday() > 4:
        day += timedelta(days=step)
    return day


def _months(count: int) -> list[tuple[int, int]]:
    last = FIRST + timedelta(days=count)
    return [(year, month) for year in range(FIRST.year, last.year + 1) for month in range(1, 13)
            if FIRST <= date(year, month, 1) < last]  # fmt: skip


def household(seed: int, count: int) -> list[Payment]:
    """The payments of `count` days, by day."""
    chance = np.random.default_rng([seed, 73])
    found: list[Payment] = []
    months = _months(count)
    wage = chance.uniform(1900, 5200)
    if chance.random() < 0.75:
        payday, extra, raised = int(chance.integers(20, 31)), chance.random() < 0.3, chance.uniform(1.0, 1.05)
        for year, month in months:
            day = _workday(date(year, month, min(payday, 28)), -1)
            amount = round(wage * raised ** (year - FIRST.year), 2)
            found.append(Payment(day, amount * (2 if extra and month == 11 else 1), "Employer GmbH"))
    else:
        for year, month in months:
            for _ in range(int(chance.integers(1, 5))):
                day = _workday(date(year, month, int(chance.integers(1, 28))), 1)
                found.append(
                    Payment(day, round(wage / 2.5 * chance.lognormal(0, 0.5), 2), f"Client {chance.integers(4)}")
                )
    rent = round(wage * chance.uniform(0.2, 0.33), 2)
    heating = chance.uniform(40, 140)
    for year, month in months:
        found.append(Payment(_workday(date(year, month, 1), 1), -rent, "Landlord"))
        winter = 1 + 0.7 * np.cos(2 * np.pi * (month - 1) / 12)
        found.append(Payment(_workday(date(year, month, 12), 1), -round(heating * winter * chance.uniform(0.85, 1.15), 2), "Stadtwerke"))  # fmt: skip
        if chance.random() < 0.95:
            found.append(Payment(_workday(date(year, month, 28), -1), -round(wage * 0.08, 2), "Own savings", True))
    for number in range(int(chance.integers(2, 7))):
        begin, end = sorted(chance.integers(-count, 2 * count, 2))
        price, day = round(chance.uniform(5, 60), 2), int(chance.integers(1, 29))
        for year, month in months:
            if begin <= (date(year, month, day) - FIRST).days <= end:
                found.append(Payment(_workday(date(year, month, day), 1), -price, f"Service {'abcdefg'[number]}"))
    for name, month, price in (("Insurance", int(chance.integers(1, 13)), chance.uniform(200, 900)), ("Car tax", int(chance.integers(1, 13)), chance.uniform(60, 300))):  # fmt: skip
        found += [Payment(_workday(date(year, m, 3), 1), -round(price, 2), name) for year, m in months if m == month]
    trips: set[int] = set()
    for year in range(FIRST.year, FIRST.year + count // 365 + 1):
        begin = (date(year, 7, 1) - FIRST).days + int(chance.integers(0, 50))
        trips |= set(range(begin, begin + int(chance.integers(7, 17))))
        found.append(Payment(FIRST + timedelta(days=begin - int(chance.integers(30, 120))), -round(wage * chance.uniform(0.2, 0.6), 2), f"Travel {year}"))  # fmt: skip
    everyday = wage * chance.uniform(0.009, 0.016)
    habits = np.concatenate([chance.uniform(0.4, 1.1, 5), [chance.uniform(1, 2.2), chance.uniform(0.1, 0.6)]])
    slow = np.exp(0.15 * np.cumsum(chance.normal(0, 1, count)) / np.sqrt(180))
    for place in range(count):
        day = FIRST + timedelta(days=place)
        many = habits[day.weekday()] * slow[place] * (1.9 if place in trips else 1) * (1.6 if day.month == 12 and day.day < 24 else 1)  # fmt: skip
        for _ in range(int(chance.poisson(many))):
            found.append(Payment(day, -round(everyday * chance.lognormal(-0.3, 0.8), 2), f"Shop {chance.integers(25)}"))
        if chance.random() < 0.011:
            found.append(Payment(day, -round(wage * chance.uniform(0.1, 0.6), 2), f"Exception {place}"))
        if chance.random() < 0.008:
            found.append(Payment(day, round(everyday * chance.uniform(1, 5), 2), f"Refund {place}"))
    last = FIRST + timedelta(days=count)
    return sorted(
        (each for each in found if FIRST <= each.day < last), key=lambda each: (each.day, each.payee, each.amount)
    )


def calendar(seed: int, count: int) -> Calendar:
    """The calendar of `count` weeks."""
    chance = np.random.default_rng([seed, 74])
    made = Calendar(count)
    season = chance.uniform(0, 0.5) * np.cos(2 * np.pi * (np.arange(count) - chance.uniform(0, 52)) / 52.18)
    pressure = np.zeros(count)
    for week in range(1, count):
        pressure[week] = 0.8 * pressure[week - 1] + 0.6 * chance.normal(0, chance.uniform(0.1, 0.4))
    for year in range(count // 52 + 1):
        for _ in range(int(chance.integers(2, 5))):
            week = int(min(count - 1, 52 * year + chance.integers(0, 52)))
            made.away[week] = int(chance.integers(1, 20)), float(chance.choice([0.4, 0.6, 1.0, 1.0]))
    for _ in range(int(chance.integers(3, 8))):  # series
        begin, end = sorted(chance.integers(-count, 2 * count, 2))
        length, step = float(chance.choice([0.5, 0.5, 1.0, 1.5])), int(chance.choice([1, 1, 1, 2, 4]))
        for week in range(max(begin, 0), min(end, count), step):
            if chance.random() > made.away.get(week, (0, 0.0))[1]:
                made.meetings.append(Meeting(week, min(week - begin, 200), length))
    mean = chance.uniform(2, 9)
    for week in range(count):
        rate = mean * np.exp(season[week] + pressure[week]) * (1 - made.away.get(week, (0, 0.0))[1])
        for _ in range(int(chance.poisson(rate))):
            _, low, high = LEADS[int(chance.choice(3, p=[part for part, *_ in LEADS]))]
            made.meetings.append(Meeting(week, int(chance.uniform(low, high)) - (low == 0), float(chance.choice([0.5, 1.0, 1.0, 1.5, 2.0]))))  # fmt: skip
    for _ in range(max(1, 3 * count // 52)):  # conferences, workshops
        week = int(chance.integers(0, count))
        made.meetings.append(Meeting(week, int(chance.integers(4, 26)), float(chance.uniform(6, 20))))
    return made
