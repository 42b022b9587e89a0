"""Which daily series are unusual today: sudden days, shifts of a week to a month, another rhythm, another scatter.

Each series is freed of its week: what is usual on a weekday is the median of that weekday in the months before, shrunk
towards all days the fewer there are; so is how much a weekday scatters. What remains, clipped, is summed over the last
1, 7, 14 and 28 days, and each sum is compared with the sums of the same length before: their spread, shrunk towards
what independent days would give, holds what no formula knows, such as busy spells that last for weeks. Two further
views: how far the weekdays have moved from their old week (28 days), and how far the days lie from their own level,
whatever the sign (21 days). A joint series, the mean of several in the direction that is hard on a person, is looked at
like any other: many small changes in the same direction stand out there first.

A view is told as a tail probability: Student's t with the degrees of freedom its spread rests on; for single days the
tail index of the days before (Hill). Neighbouring looks at a long sum are nearly the same look, so a sum over k days is
granted a probability larger by ALIKE x k.
Sources: Hampel 1974 (MAD); Wilson and Hilferty 1931 (chi-square); Efron and Morris 1975 (shrinkage); Hill 1975
(tail index); Page 1954 (sums of deviations).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

#: Days a look compares with, and the least of them that must have a value.
REACH = 168
LEAST = 49
SCALES = (1, 7, 14, 28)
RHYTHM_DAYS, SCATTER_DAYS = 28, 21
#: The newest days that do not count for what is usual, in the views of up to a week, and in the others.
APART = (7, 28)
#: By how much the budget must be undercut to be kept, as lives have heavier tails than any formula: with 1, a year of
#: eleven series without changes has 0.87 false alarms a month (tools/bench/daily.py 500 540, which it was set after).
MARGIN = 1.0
#: Values beyond so many spreads count as no more in sums.
CLIP = 3.0
SCATTER_CLIP = 4.0
NORMAL = 1.4826
#: Degrees of freedom of a spread that rests on single days rather than on stretches of them.
DAYS_KNOWN = 40.0
#: How many stretches the scatter of single days is worth when the spread of sums is estimated.
PRIOR = 6.0
#: Neighbouring looks at a sum over k days count as one in ALIKE x k.
ALIKE = 0.5
#: The part of the budget of each view: most for single days, which are looks of their own and whose tail is the least
#: sure; least for the two that follow any outlier for weeks. Chosen on made-up lives, see tools/bench/daily.py.
SHARES = {
    ("level", 1): 1.8,
    ("level", 7): 0.1,
    ("level", 14): 0.32,
    ("level", 28): 0.32,
    ("rhythm", 28): 0.08,
    ("scatter", 21): 0.08,
}
#: A view of single days or of scatter says nothing of a series most of whose days are the same.
SAME = 0.5
DAYS_IN_BUDGET = 30
#: A tail of single days is never taken for lighter or heavier than these indices.
TAIL = (2.5, 8.0)


@dataclass(frozen=True, slots=True)
class View:
    """One way a series looks at its newest day: `level`, `rhythm` or `scatter` of so many days.

    `score` is in spreads, positive upwards; `chance` the probability of as much or more (two-sided) for one look,
    neighbouring looks allowed for.
    """

    name: str
    form: str
    days: int
    score: float
    chance: float


@dataclass(frozen=True, slots=True)
class Rest:
    """A series without its week, in spreads, clipped and not; NaN where there is no value. `count` values compared."""

    plain: Any
    clipped: Any
    raw: Any
    weekdays: Any
    count: int


def rest(values: Any, weekdays: Any, apart: int) -> Rest | None:
    """What remains of the last REACH + `apart` values, the last `apart` of which do not count for what is usual.

    `values` and `weekdays` have shape (n,), oldest first. None with fewer than LEAST values to compare with, or none
    of them different from the others.
    """
    import numpy as np

    values, weekdays = values[-REACH - apart :], weekdays[-REACH - apart :]
    known = values == values
    past = known.copy()
    past[len(values) - apart :] = False
    count = int(past.sum())
    if count < LEAST:
        return None
    centre = float(np.median(values[past]))
    usual, spread = np.full(7, centre), np.zeros(7)
    for day in range(7):
        here = values[past & (weekdays == day)]
        if len(here):
            usual[day] = (
                (len(here) * np.median(here) + 1.5 * centre) / (len(here) + 1.5) if len(here) < 4 else np.median(here)
            )
    left = values - usual[weekdays]
    overall = _spread(left[past])
    if overall <= 0:
        return None
    for day in range(7):
        here = left[past & (weekdays == day)]
        own = _spread(here) if len(here) > 2 else overall
        spread[day] = np.sqrt((len(here) * own**2 + 12 * overall**2) / (len(here) + 12))
    plain = left / spread[weekdays]
    return Rest(plain, np.clip(plain, -CLIP, CLIP), values, weekdays, count)


def _spread(values: Any) -> float:
    """A robust standard deviation: from the MAD, or, where most values are equal, from the middle 90 %."""
    import numpy as np

    if len(values) < 3:
        return 0.0
    robust = NORMAL * float(np.median(np.abs(values - np.median(values))))
    low, early, late, high = np.quantile(values, [0.02, 0.05, 0.95, 0.98])
    return max(robust, float(late - early) / 3.29, 0.7 * float(np.clip(values, low, high).std()))


def tamed(values: Any) -> Any:
    """The logarithm of what cannot be negative and has a long upper tail (money, minutes, counts), else the values."""
    import numpy as np

    known = values[values == values]
    positive = known[known > 0]
    if len(known) < LEAST or known.min() < 0 or len(positive) < LEAST // 3:
        return values
    low, middle, high = np.quantile(known, [0.1, 0.5, 0.9])
    if high - middle <= 1.8 * (middle - low):
        return values
    return np.log(values + 0.5 * float(np.median(positive)))


def looks(name: str, values: Any, weekdays: Any) -> list[View]:
    """Every view of a series at its last day; empty with too little to compare with.

    `values`: shape (n,), one a day, oldest first, NaN for none; `weekdays`: 0 for Monday.
    """

    found: list[View] = []
    values = tamed(values[-REACH - APART[-1] :])
    weekdays = weekdays[-REACH - APART[-1] :]
    near, far = (rest(values, weekdays, apart) for apart in APART)
    for days in SCALES:
        seen = near if days <= APART[0] else far
        if seen is None:
            continue
        if days == 1:
            newest = float(seen.plain[-1])
            if newest == newest and not _is_flat(seen.raw):
                found.append(View(name, "level", 1, newest, _granted(_tail(newest, seen.plain[:-1]), "level", 1)))
            continue
        means = _rolling(seen.clipped, days, least=max(3, days // 3))
        score, degrees = _standing(means, days)
        if score is not None:
            found.append(View(name, "level", days, score, _granted(_two_sided(score, degrees), "level", days)))
    for form, days in (("rhythm", RHYTHM_DAYS), ("scatter", SCATTER_DAYS)):
        if far is None or (form == "scatter" and _is_flat(far.raw)):  # how often it is not zero is its level
            continue
        score, degrees = _scattering(far, days) if form == "scatter" else _turning(far, days)
        if score is not None and score > 0:
            found.append(View(name, form, days, score, _granted(_two_sided(score, degrees) / 2, form, days)))
    return found


def joint(series: Mapping[str, tuple[Any, int]], weekdays: Any) -> Any:
    """The mean, day by day, of several series in spreads in the direction that is hard; NaN if fewer than two tell.

    `series`: name → (values of shape (n,), +1 if more is hard or -1). What is usual is that of the days before the
    last 14 of each day's own past, so the result at a day does not change later.
    """
    import numpy as np

    columns = []
    for values, sign in series.values():
        seen = rest(values, weekdays, 14)
        if seen is not None:
            column = np.full(len(values), np.nan)
            column[-len(seen.clipped) :] = sign * seen.clipped
            columns.append(column)
    if len(columns) < 2:
        return np.full(len(weekdays), np.nan)
    table = np.stack(columns)
    told = (table == table).sum(axis=0)
    return np.where(told >= 2, np.nansum(table, axis=0) / np.sqrt(np.maximum(told, 1)), np.nan)


def _rolling(values: Any, days: int, *, least: int) -> Any:
    """Means of the last `days` values up to each place; NaN where fewer than `least` are known."""
    import numpy as np

    known = values == values
    sums = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(known)])
    total, count = sums[days:] - sums[:-days], counts[days:] - counts[:-days]
    return np.where(count >= least, total / np.maximum(count, 1), np.nan)


def _turning(seen: Rest, days: int) -> tuple[float | None, float]:
    """How far the means of the weekdays in the last `days` days are from their old week, as a normal score.

    Their squares, weighted, are a chi-square of six degrees if days are independent; how much greater they were in
    the stretches before (never taken for less) says how far that is from true. Wilson and Hilferty 1931.
    """
    import numpy as np

    sums, counts = [], []
    for day in range(7):
        own = np.where(seen.weekdays == day, seen.clipped, np.nan)
        known = own == own
        total = np.concatenate([[0.0], np.cumsum(np.where(known, own, 0.0))])
        number = np.concatenate([[0], np.cumsum(known)])
        sums.append(total[days:] - total[:-days])
        counts.append(number[days:] - number[:-days])
    table, count = np.stack(sums), np.stack(counts)
    told = (count > 0).sum(axis=0)
    middle = table.sum(axis=0) / np.maximum(count.sum(axis=0), 1)
    squares = (count * (table / np.maximum(count, 1) - middle) ** 2).sum(axis=0) / np.maximum(told - 1, 1)
    earlier = squares[:-days][told[:-days] >= 4]
    if told[-1] < 4 or len(earlier) < days:
        return None, 0.0
    independent = max(1.0, len(earlier) / days)
    usual = (independent * float(earlier.mean()) + PRIOR) / (independent + PRIOR)
    ratio = float(squares[-1]) / max(usual, 1.0)
    part = 2 / (9 * float(told[-1] - 1))
    return (ratio ** (1 / 3) - (1 - part)) / part**0.5, DAYS_KNOWN


def _scattering(seen: Rest, days: int) -> tuple[float | None, float]:
    """How much farther from their own level the last `days` days are than the days before are from usual."""
    import numpy as np

    plain = seen.plain.copy()
    plain[-days:] -= np.nanmean(seen.clipped[-days:]) if (plain[-days:] == plain[-days:]).any() else 0.0
    sizes = np.log(0.3 + np.minimum(np.abs(plain), SCATTER_CLIP))
    newest, earlier = sizes[-days:], sizes[:-days]
    newest, earlier = newest[newest == newest], earlier[earlier == earlier]
    if len(newest) < days // 2 or len(earlier) < LEAST // 2:
        return None, 0.0
    means = _rolling(sizes, days, least=days // 2)[:-days]
    means = means[means == means]
    expected = float(earlier.std()) / len(newest) ** 0.5
    independent = max(1.0, len(means) / days)
    stretch = float(means.std()) if len(means) > days else expected
    spread = ((independent * stretch**2 + PRIOR * expected**2) / (independent + PRIOR)) ** 0.5
    spread = max(spread, expected) * (1 + len(newest) / len(earlier)) ** 0.5
    return float(newest.mean() - earlier.mean()) / max(spread, 1e-9), DAYS_KNOWN


def _standing(means: Any, days: int) -> tuple[float | None, float]:
    """How many spreads the newest mean is from those that share no day with it, and the degrees of freedom."""
    import numpy as np

    newest = float(means[-1]) if len(means) else float("nan")
    earlier = means[:-days]
    earlier = earlier[earlier == earlier]
    if newest != newest or len(earlier) < days:
        return None, 0.0
    independent = max(1.0, len(earlier) / days)
    centre, seen_spread = float(np.median(earlier)), _spread(earlier)
    daily = float(np.std(earlier[::days])) if independent >= 8 else seen_spread
    floor = 1.0 / days**0.5 / 2
    expected = max(floor, 0.5 * (seen_spread + daily))
    spread = ((independent * seen_spread**2 + PRIOR * expected**2) / (independent + PRIOR)) ** 0.5
    spread = max(spread, floor) * (1 + 1 / independent) ** 0.5
    return (newest - centre) / spread, independent + PRIOR


def _two_sided(score: float, degrees: float) -> float:
    """The probability of Student's t beyond a score on either side (Abramowitz and Stegun 26.7.8, normal by erfc)."""
    from math import erfc, sqrt

    size = abs(score)
    normal = size * (1 - 1 / (4 * degrees)) / sqrt(1 + size * size / (2 * degrees))
    return erfc(normal / sqrt(2))


def _granted(chance: float, form: str, days: int) -> float:
    return min(max(chance, 1e-12) / max(1.0, ALIKE * days) / SHARES[form, days], 1.0)


def _is_flat(values: Any) -> bool:
    """Whether most of the values are the same."""
    import numpy as np

    known = values[values == values]
    return bool(np.mean(known == np.median(known)) > SAME) if len(known) else True


def _tail(value: float, earlier: Any) -> float:
    """The probability of a day as far from usual as `value`, by the days before."""
    import numpy as np

    sizes = np.sort(np.abs(earlier[earlier == earlier]))[::-1]
    count = len(sizes)
    top = max(6, count // 10)
    threshold = max(float(sizes[top]), 1.0)
    if abs(value) <= threshold:
        return max(float((sizes >= abs(value)).mean()), top / count)
    logs = np.log(np.maximum(sizes[:top], threshold) / threshold)
    index = (top + 8) / (float(logs.sum()) + 8 / 5)  # eight more tail values of index 5
    index = min(max(index, TAIL[0]), TAIL[1])
    return float((top + 1) / (count + 1) * (abs(value) / threshold) ** -index)


def limit(budget: float, series: int) -> float:
    """The chance a view may have at most to be told, for `budget` false alarms in 30 days over so many series."""
    return budget / (DAYS_IN_BUDGET * max(1, series) * VIEWS * MARGIN)


#: Views of a series that are not nearly the same as another.
VIEWS = len(SCALES) + 2


def table(days: Mapping[date, float], since: date, until: date) -> tuple[Any, Any]:
    """Values (NaN for none) and weekdays of each day from `since` to `until`, both included, as arrays."""
    import numpy as np

    every: Sequence[date] = [since + timedelta(days=offset) for offset in range((until - since).days + 1)]
    return np.array([days.get(day, np.nan) for day in every]), np.array([day.weekday() for day in every])
