"""Is the recent past unusual? A stretch of days against earlier stretches of the same length, robustly.

All stretches are whole weeks, so that each holds every weekday equally often and the rhythm of the week cancels out.
The usual value is their median; the usual spread their median absolute deviation (MAD), shrunk towards what the
scatter of single days alone would give, the more so the fewer stretches there are.

How the threshold follows from the budget of false alarms. Let B be the false alarms allowed in 30 days, and m the
number of things looked at each day. If each look exceeds its threshold by chance with probability p = B / (30 m), the
expected number of looks that do so in 30 days is B, however much they depend on each other (linearity of expectation);
warnings are fewer, because one warning stands for all looks until it clears. The threshold is the quantile 1 - p of
Student's t with the degrees of freedom that the spread rests on.
Sources: Hampel 1974 (MAD); Abramowitz and Stegun, 26.7.5 (quantile of t); Efron and Morris 1975 (shrinkage).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import NormalDist, median

#: Days compared at a time, and how far the earlier stretches lie apart: they overlap by half.
STRETCH_DAYS = 14
STEP_DAYS = 7
#: Earlier stretches looked at: half a year. Fewer than the least, and nothing is said.
MOST_STRETCHES = 24
LEAST_STRETCHES = 7
#: The scatter of single days counts as much as this many independent stretches.
PRIOR_STRETCHES = 4
#: Turns a MAD into the standard deviation of a normal distribution.
NORMAL = 1.4826
DAYS_IN_BUDGET = 30


@dataclass(frozen=True, slots=True)
class Stretch:
    """The days from `since` to `until`, both included, and what they come to."""

    since: date
    until: date
    value: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """The recent stretch beside the earlier ones. `score` is in spreads, positive where things got worse."""

    recent: Stretch
    earlier: tuple[Stretch, ...]
    usual: float
    spread: float
    score: float
    degrees: float


def stretches(days: Mapping[date, float], since: date, until: date, *, per_day: bool) -> list[Stretch]:
    """Stretches of STRETCH_DAYS that end at `until`, and STEP_DAYS earlier each, newest first; only whole ones.

    The first is the recent one; the next begins where no day is shared with it. A value is the sum of a week, or with
    `per_day` the mean of the days that have one.
    """
    found: list[Stretch] = []
    end = until
    while len(found) <= MOST_STRETCHES and end - timedelta(days=STRETCH_DAYS - 1) >= since:
        begin = end - timedelta(days=STRETCH_DAYS - 1)
        inside = [begin + timedelta(days=offset) for offset in range(STRETCH_DAYS)]
        values = [days[day] for day in inside if day in days] if per_day else [days.get(day, 0.0) for day in inside]
        if values:
            found.append(Stretch(begin, end, sum(values) / (len(values) if per_day else STRETCH_DAYS / 7)))
        end -= timedelta(days=STRETCH_DAYS if end == until else STEP_DAYS)
    return found


def compare(found: Sequence[Stretch], days: Mapping[date, float], *, worse: int, floor: float) -> Comparison | None:
    """The newest stretch against the others; None with fewer than LEAST_STRETCHES of them.

    `worse` is +1 if more is worse, -1 if less is. `floor` is the smallest change that anybody would care about; the
    spread is never taken for less than a quarter of it.
    """
    recent, earlier = found[0], tuple(found[1:])
    if len(earlier) < LEAST_STRETCHES:
        return None
    values = [stretch.value for stretch in earlier]
    usual = median(values)
    independent = 1 + (len(values) - 1) * STEP_DAYS / STRETCH_DAYS
    seen = NORMAL * median(abs(value - usual) for value in values)
    expected = _expected(days, earlier, recent.value)
    weight = independent + PRIOR_STRETCHES
    variance = (independent * seen**2 + PRIOR_STRETCHES * expected**2) / weight
    spread = max((variance * (1 + 1 / independent)) ** 0.5, floor / 4, 1e-9)
    return Comparison(recent, earlier, usual, spread, worse * (recent.value - usual) / spread, weight - 1)


def _expected(days: Mapping[date, float], earlier: Sequence[Stretch], recent: float) -> float:
    """The spread of a stretch's value if days scattered independently around the median of their weekday."""
    since, until = earlier[-1].since, earlier[0].until
    by_weekday: dict[int, list[float]] = {}
    for day, value in days.items():
        if since <= day <= until:
            by_weekday.setdefault(day.weekday(), []).append(value)
    centres = {weekday: median(values) for weekday, values in by_weekday.items()}
    errors = [value - centres[weekday] for weekday, values in by_weekday.items() for value in values]
    if not errors:
        return abs(recent)
    variance = sum(error * error for error in errors) / len(errors)
    weekly = any(day.weekday() > 4 for day in days)
    size = STRETCH_DAYS if weekly else STRETCH_DAYS * 5 // 7
    return float((variance * size) ** 0.5 / 2 if weekly else (variance / size) ** 0.5)


def threshold(budget: float, looks: int, degrees: float) -> float:
    """The score that is exceeded by chance `budget` times in 30 days of `looks` looks a day.

    `budget` and `looks` are positive. See the module for the derivation.
    """
    p = min(max(budget / (DAYS_IN_BUDGET * looks), 1e-9), 0.4)
    x = NormalDist().inv_cdf(1 - p)
    g1 = (x**3 + x) / 4
    g2 = (5 * x**5 + 16 * x**3 + 3 * x) / 96
    g3 = (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384
    return x + g1 / degrees + g2 / degrees**2 + g3 / degrees**3
