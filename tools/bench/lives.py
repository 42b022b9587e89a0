"""Years of made-up lives, day by day, in the shape of real ones, and what can be done to them. No figures of its own.

A persona is drawn from a seed: its week, how much its days scatter and how long a busy spell lasts, its holidays and
trips, payday, slow trends and the seasons, days on which the watch was not worn, readings that are plainly wrong.
`inject` changes such a year in a known place. Doses are in units of the persona's own scatter from day to day, drawn
over a range; nothing here knows how a detector works, and no detector knows this file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np

SERIES = ("meeting_hours", "after_hours", "focus_hours", "sleep_hours", "bedtime", "resting_heart_rate",
          "heart_rate_variability", "steps", "spending", "close_contacts", "late_screen")  # fmt: skip
BODY = ("sleep_hours", "bedtime", "resting_heart_rate", "heart_rate_variability", "steps")
KINDS = ("level", "spike", "drift", "rhythm", "variance", "joint")
#: Which way each goes when life gets hard.
HARD = {"meeting_hours": 1, "after_hours": 1, "focus_hours": -1, "sleep_hours": -1, "bedtime": 1,
        "resting_heart_rate": 1, "heart_rate_variability": -1, "steps": -1, "spending": 1, "close_contacts": -1,
        "late_screen": 1}  # fmt: skip
STRAIN = ("meeting_hours", "after_hours", "sleep_hours", "resting_heart_rate", "heart_rate_variability")


@dataclass(frozen=True, slots=True)
class Change:
    """What was done to a year: from day `begin` to `end` (places, both included), and to which series."""

    kind: str
    begin: int
    end: int
    series: tuple[str, ...]


@dataclass(slots=True)
class Life:
    """A year or more. Series are arrays of one value a day, NaN where nothing was noted."""

    first: date
    series: dict[str, Any]
    scatter: dict[str, float]
    booked: Any = None
    changes: list[Change] = field(default_factory=list)

    def days(self, name: str) -> dict[date, float]:
        """A series by day, without the days of which nothing is known."""
        values = self.series[name]
        return {
            self.first + timedelta(days=place): float(value) for place, value in enumerate(values) if value == value
        }


def _spells(chance: Any, count: int, memory: float, tail: float) -> Any:
    """Noise of unit scatter whose days resemble the day before; `tail` is the degrees of freedom of Student's t."""
    shocks = chance.standard_t(tail, count) / np.sqrt(tail / (tail - 2))
    found = np.empty(count)
    last = 0.0
    for place in range(count):
        last = memory * last + np.sqrt(1 - memory**2) * shocks[place]
        found[place] = last
    return found


def _slow(chance: Any, count: int, size: float) -> Any:
    """A trend and the seasons, of some size in units of scatter."""
    days = np.arange(count)
    season = chance.uniform(0, 1) * np.cos(2 * np.pi * (days - chance.uniform(0, 365)) / 365.25)
    walk = np.cumsum(chance.normal(0, 1, count)) / np.sqrt(365)
    return size * (season + chance.uniform(-0.6, 0.6) * days / 365 + 0.5 * walk)


def life(seed: int, count: int = 365) -> Life:
    """A persona's `count` days."""
    chance = np.random.default_rng([seed, 71])
    first = date(2023, 1, 1) + timedelta(days=int(chance.integers(0, 700)))
    days = [first + timedelta(days=place) for place in range(count)]
    weekday = np.array([day.weekday() for day in days])
    weekend = weekday >= 5
    off = np.zeros(count, bool)
    for _ in range(int(chance.integers(7, 13)) * count // 365):  # holidays
        off[int(chance.integers(0, count))] = True
    away = np.zeros(count, bool)
    for _ in range(max(1, int(chance.integers(1, 4)) * count // 365)):  # trips
        begin = int(chance.integers(0, count))
        away[begin : begin + int(chance.choice([3, 4, 5, 7, 9, 14]))] = True
    idle = weekend | off | away
    memory = {name: chance.uniform(0.0, 0.45) for name in SERIES}
    tail = {name: chance.uniform(3.2, 12) for name in SERIES}
    noise = {name: _spells(chance, count, memory[name], tail[name]) for name in SERIES}
    pressure = _spells(chance, count, 0.9, 8) * chance.uniform(0.1, 0.45)  # what moves several of them together
    slow = {name: _slow(chance, count, chance.uniform(0.1, 0.5)) for name in SERIES}
    made: dict[str, Any] = {}

    week = np.concatenate([chance.uniform(0.6, 1.4, 5), [0, 0]])
    mean = chance.uniform(1.0, 4.5)
    raw = mean * week[weekday] * np.exp(0.35 * (0.9 * noise["meeting_hours"] + pressure + slow["meeting_hours"]))
    made["meeting_hours"] = np.where(idle, np.where(chance.random(count) < 0.02, 1.0, 0.0), np.round(raw * 2) / 2)
    habit = chance.uniform(0.05, 0.35)
    evening = np.where(
        chance.random(count) < habit * np.exp(0.4 * (pressure + slow["after_hours"])), chance.gamma(2, 0.5, count), 0
    )
    made["after_hours"] = np.where(away | off, 0, np.round(evening * np.where(weekend, 0.4, 1) * 4) / 4)
    focus = 9 - 1.1 * made["meeting_hours"] - np.abs(chance.normal(1, 0.5, count)) + 0.5 * noise["focus_hours"]
    made["focus_hours"] = np.where(weekend, np.nan, np.clip(np.round(focus * 4) / 4, 0.5, 10))
    late = chance.uniform(0.2, 1.2)
    size = chance.uniform(0.4, 1.0)
    bed = (
        chance.uniform(-1.6, 0.8)
        + late * np.isin(weekday, [5, 6])
        + size * (0.8 * noise["bedtime"] + 0.4 * pressure + 0.4 * slow["bedtime"])
        + 0.5 * away
    )
    made["bedtime"] = bed
    own = chance.uniform(0.5, 0.9)
    made["sleep_hours"] = np.clip(
        chance.uniform(6.3, 8.0)
        + chance.uniform(0, 1) * np.isin(weekday, [5, 6])
        - 0.25 * (bed - np.median(bed))
        + own * (noise["sleep_hours"] - pressure + slow["sleep_hours"])
        + 0.4 * away,
        1.5,
        13,
    )
    pulse = chance.uniform(1.2, 2.8)
    made["resting_heart_rate"] = np.round(
        chance.uniform(50, 72)
        + pulse * (noise["resting_heart_rate"] + pressure + slow["resting_heart_rate"])
        + 0.8 * weekend
    )
    made["heart_rate_variability"] = np.round(
        chance.uniform(30, 80)
        * np.exp(
            chance.uniform(0.1, 0.22) * (noise["heart_rate_variability"] - pressure + slow["heart_rate_variability"])
        ),
        1,
    )
    shape = np.concatenate([chance.uniform(0.8, 1.2, 5), chance.uniform(0.5, 1.6, 2)])
    made["steps"] = np.round(
        chance.uniform(4500, 11000)
        * shape[weekday]
        * np.exp(chance.uniform(0.25, 0.5) * (noise["steps"] - 0.3 * pressure + slow["steps"]))
        * np.where(away, 1.5, 1)
    )
    buys = np.concatenate([chance.uniform(0.5, 1.2, 5), [chance.uniform(1, 2.5), chance.uniform(0.1, 0.8)]])
    payday = int(chance.integers(1, 29))
    fresh = np.array([(day.day - payday) % 31 < 6 for day in days])
    amount = (
        chance.uniform(15, 60)
        * chance.lognormal(-0.4, chance.uniform(0.7, 1.0), count)
        * np.exp(0.2 * slow["spending"])
    )
    bought = chance.random(count) < np.clip(0.75 * buys[weekday], 0.05, 0.97)
    spent = np.where(bought, amount, 0) * np.where(fresh, chance.uniform(1.1, 1.7), 1) * np.where(away, 2.2, 1)
    big = chance.random(count) < 0.012
    spent = spent + np.where(big, amount * 5, 0)
    for place in range(1, count):  # banks post on Monday what was bought on Sunday
        if weekday[place] == 0:
            spent[place] += spent[place - 1]
            spent[place - 1] = 0
    made["spending"] = np.round(spent, 2)
    touch = chance.uniform(1.5, 7)
    rate = (
        touch
        * np.where(weekend, chance.uniform(1, 2), 1)
        * np.exp(0.3 * (noise["close_contacts"] - 0.3 * pressure + slow["close_contacts"]))
    )
    made["close_contacts"] = chance.poisson(np.clip(rate, 0.05, 60)).astype(float)
    screen = (
        chance.uniform(5, 50)
        * np.where(np.isin(weekday, [4, 5]), 1.5, 1)
        * np.exp(0.7 * (noise["late_screen"] + 0.4 * pressure + 0.5 * slow["late_screen"]))
    )
    made["late_screen"] = np.where(chance.random(count) < 0.3, 0, np.round(screen))

    gone = chance.random(count) < chance.uniform(0.01, 0.08)  # the watch was not worn
    if chance.random() < 0.5:
        begin = int(chance.integers(0, count - 10))
        gone[begin : begin + int(chance.integers(4, 15))] = True
    for name in BODY:
        made[name] = np.where(gone | (chance.random(count) < 0.01), np.nan, made[name])
    wrong = chance.random(count) < 0.004
    made["steps"] = np.where(wrong, np.where(chance.random(count) < 0.5, 0, made["steps"] * 2), made["steps"])
    made["sleep_hours"] = np.where(chance.random(count) < 0.004, made["sleep_hours"] / 2, made["sleep_hours"])
    booked = made["meeting_hours"]
    return Life(first, made, {name: _scatter(values, weekday) for name, values in made.items()}, booked)


def _scatter(values: Any, weekday: Any) -> float:
    """How much days scatter around the mean of their weekday, outliers left out."""
    rest = []
    for day in range(7):
        here = values[(weekday == day) & (values == values)]
        if len(here) > 3 and here.std() > 0:
            low, high = np.quantile(here, [0.03, 0.97])
            kept = here[(here >= low) & (here <= high)]
            rest.append(np.mean((kept - kept.mean()) ** 2))
    return float(np.sqrt(np.mean(rest))) if rest else 1.0


def inject(given: Life, seed: int, *, after: int = 100, gap: int = 32) -> Life:
    """The year with as many changes as fit, of every kind, `gap` days apart, none before day `after`."""
    chance = np.random.default_rng([seed, 72])
    count = len(next(iter(given.series.values())))
    weekday = np.array([(given.first + timedelta(days=place)).weekday() for place in range(count)])
    made = {name: values.copy() for name, values in given.series.items()}
    changes: list[Change] = []
    place = after + int(chance.integers(0, 20))
    kinds: list[str] = []
    while place < count - 30:
        if not kinds:
            kinds = [str(kind) for kind in chance.permutation(KINDS)]
        kind = kinds.pop()
        length = {
            "level": (14, 36),
            "spike": (1, 2),
            "drift": (30, 46),
            "rhythm": (28, 43),
            "variance": (18, 36),
            "joint": (14, 29),
        }[kind]
        end = min(place + int(chance.integers(*length)) - 1, count - 1)
        span = np.arange(place, end + 1)
        if kind == "joint":
            names = tuple(str(name) for name in chance.permutation(STRAIN)[: int(chance.integers(3, 6))])
        elif kind == "rhythm":
            names = (str(chance.choice(["meeting_hours", "steps", "sleep_hours", "bedtime", "close_contacts"])),)
        elif kind == "variance":
            names = (
                str(chance.choice(["sleep_hours", "bedtime", "resting_heart_rate", "heart_rate_variability", "steps"])),
            )
        else:
            names = (str(chance.choice([name for name in SERIES if name != "after_hours"])),)
        for name in names:
            values, unit, sign = made[name], given.scatter[name], HARD[name]
            working = span[(weekday[span] < 5) | (name not in ("meeting_hours", "after_hours", "focus_hours"))]
            if kind == "level":
                values[working] += sign * unit * chance.uniform(1.5, 3.0)
            elif kind == "joint":
                values[working] += sign * unit * chance.uniform(1.0, 2.0)
            elif kind == "spike":
                values[span] += sign * unit * chance.uniform(6, 10)
            elif kind == "drift":
                values[working] += sign * unit * chance.uniform(2.5, 4.0) * (working - place) / (end - place)
            elif kind == "variance":
                middle = np.nanmedian(values[max(0, place - 56) : place])
                values[span] = middle + (values[span] - middle) * chance.uniform(2.5, 4.0)
            else:  # the week is turned by two to four days, as with a new shift
                values[span] = given.series[name][np.clip(span - int(chance.integers(2, 5)), 0, count - 1)]
                turn = unit * chance.uniform(1.5, 2.5)
                values[span] += np.where(np.isin(weekday[span], chance.permutation(5)[:2]), turn, -turn / 2.5)
            if name not in ("bedtime", "resting_heart_rate"):
                made[name] = np.maximum(values, 0)
        changes.append(Change(kind, place, end, names))
        place = end + gap + int(chance.integers(0, 20))
    return Life(given.first, made, given.scatter, given.booked, changes)
