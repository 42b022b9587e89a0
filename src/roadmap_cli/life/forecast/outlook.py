"""Weeks to come from weeks that were: a combined forecast with intervals, and a backtest that says what it is worth.

The level is the median of four light models: exponential smoothing with the factor that served best, a damped trend,
the theta method, and the shrunk mean of half a year. The year's pattern comes from the same weeks of earlier years,
pooled with their neighbours and shrunk by how alike the years have been; one earlier year alone is trusted little.
Intervals are the errors the same models made in the past at about the same distance, from every origin that was
possible (rolling origin). What does not beat the seasonal-naive forecast there is not told.
Sources: Hyndman and Athanasopoulos, Forecasting: Principles and Practice (naive, MASE, rolling origin); Gardner and
McKenzie 1985 (damped trend); Assimakopoulos and Nikolopoulos 2000 (theta); Vovk, Gammerman and Shafer 2005 (conformal
intervals); Hyndman and Koehler 2006 (MASE).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

YEAR = 52
#: Weeks of history without which nothing is said, and without which there is no backtest.
LEAST, FIRST_ORIGIN = 16, 10
#: At most so many origins are tried in a backtest.
ORIGINS = 40
SMOOTHING = (0.03, 0.08, 0.15, 0.3)
DAMPING = 0.9
#: Last week of each distance that shares its errors.
DISTANCES = (1, 2, 4, 8, 13, 26, 52)
LEVEL = 0.9
#: The year's pattern: weeks to either side that are pooled, and pooled weeks that count as much as no pattern at all.
NEIGHBOURS, PRIOR = 2, 6.0


@dataclass(frozen=True, slots=True)
class Trust:
    """How a series has been forecast up to now at one distance, in weeks.

    `skill` is the mean absolute error over that of the seasonal-naive forecast; `errors` are signed, actual minus
    forecast; `mase` is the error over the mean absolute change from a season to the next within the history.
    """

    until: int
    skill: float
    mase: float
    errors: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Outlook:
    """A forecast: arrays of shape (weeks,), and how much to trust each distance.

    `coverage` is that of the backtest; the first week is `gap` + 1 weeks after the last of the history.
    """

    middle: Any
    low: Any
    high: Any
    told: Any
    trust: tuple[Trust, ...]
    weeks: int
    coverage: float
    gap: int = 0


def point(values: Any, weeks: int) -> Any:
    """The expected values of the next weeks, shape (weeks,); `values`: shape (n,), oldest first, NaN for none."""
    import numpy as np

    values = _whole(values)
    pattern, ahead = _year(values, weeks)
    flat = values - pattern
    steps = np.arange(1, weeks + 1)
    smooth, _ = _smoothed(flat)
    level, slope = _trend(flat)
    damped = level + slope * np.cumsum(DAMPING**steps)
    drift = np.polyfit(np.arange(len(flat)), flat, 1)[0] if len(flat) > 8 else 0.0
    theta = smooth + 0.5 * drift * np.minimum(steps, 13)
    half = flat[-26:]
    middle = 0.5 * (np.median(half) + half.mean())
    models = np.stack([np.full(weeks, smooth), damped, theta, np.full(weeks, middle)])
    return np.median(models, axis=0) + ahead


def naive(values: Any, weeks: int) -> Any:
    """The seasonal-naive forecast: the same week a year ago, or the last value while there is no year."""
    import numpy as np

    values = _whole(values)
    if len(values) < YEAR:
        return np.full(weeks, values[-1])
    return values[len(values) - YEAR + (np.arange(weeks) % YEAR)]


def recent(values: Any, weeks: int) -> Any:
    """The mean of the last four weeks."""
    import numpy as np

    return np.full(weeks, _whole(values)[-4:].mean())


def scale(values: Any) -> float:
    """The denominator of MASE: the mean absolute change from a season to the next (a week, while there is no year)."""
    import numpy as np

    lag = YEAR if len(values) >= YEAR + 4 else 1
    changes = np.abs(values[lag:] - values[:-lag])
    changes = changes[changes == changes]
    return max(float(changes.mean()) if len(changes) else 0.0, 1e-9)


def outlook(values: Any, weeks: int) -> Outlook | None:
    """The next `weeks` weeks with 90 % intervals; None with fewer than LEAST weeks that have a value."""
    import numpy as np

    known = values[values == values]
    if len(known) < LEAST:
        return None
    errors, peers = backtest(values, weeks)
    found = combined(point(values, weeks), errors, peers, scale(values), len(known))
    if known.min() >= 0:
        np.maximum(found.middle, 0, out=found.middle)
        np.maximum(found.low, 0, out=found.low)
    return found


def combined(middle: Any, errors: Any, peers: Any, unit: float, count: int) -> Outlook:
    """A forecast with the intervals and the trust its past errors give it.

    `middle`: shape (weeks,); `errors` and the seasonal-naive forecast's `peers`: shape (origins, weeks), actual minus
    forecast, NaN for none; `unit`: the denominator of MASE; `count`: weeks of history.
    """
    import numpy as np

    weeks = len(middle)
    trust: list[Trust] = []
    for place, until in enumerate(DISTANCES):
        since = DISTANCES[place - 1] if place else 0
        own = errors[:, since:until]
        both = (own == own) & (peers[:, since:until] == peers[:, since:until])
        if both.sum() < 8:
            break
        size = float(np.abs(own[both]).mean())
        rival = float(np.abs(peers[:, since:until][both]).mean())
        trust.append(Trust(until, size / max(rival, 1e-9), size / unit, tuple(own[both].tolist())))
    low, high, told = middle.copy(), middle.copy(), np.zeros(weeks, bool)
    for place, each in enumerate(trust):
        since = DISTANCES[place - 1] if place else 0
        span = slice(since, min(each.until, weeks))
        below, above = margins(each.errors)
        low[span], high[span] = middle[span] + below, middle[span] + above
        told[span] = each.skill < 1
    return Outlook(middle, low, high, told, tuple(trust), count, _coverage(trust))


def margins(errors: tuple[float, ...]) -> tuple[float, float]:
    """How far below and above a forecast its 90 % interval reaches: quantiles of its errors, as a conformal interval.

    The fewer the errors, the further out the quantile; neighbouring errors are alike, so three count as one.
    """
    import numpy as np

    found = np.array(errors)
    independent = max(4.0, len(found) / 3)
    tail = (1 - LEVEL) / 2
    part = min(max((1 - tail) * (1 + 1 / independent), 0.5), 1.0)
    low, high = np.quantile(found, [1 - part, part])
    spread = 1.645 * float(found.std())
    weight = 4 / (independent + 4)
    return float((1 - weight) * low - weight * spread), float((1 - weight) * high + weight * spread)


def backtest(values: Any, weeks: int) -> tuple[Any, Any]:
    """Errors (actual minus forecast) of this forecast and the seasonal-naive one: shape (origins, weeks), NaN for none.

    From each origin, only what was known then is used.
    """
    import numpy as np

    count = len(values)
    first = max(FIRST_ORIGIN, YEAR + 4 if count >= YEAR + 16 else FIRST_ORIGIN)
    origins = range(first, count)
    step = max(1, -(-len(origins) // ORIGINS))
    own: list[Any] = []
    peer: list[Any] = []
    for origin in list(origins)[::-1][::step]:
        history, actual = values[:origin], values[origin : origin + weeks]
        if (history == history).sum() < FIRST_ORIGIN:
            continue
        for found, rule in ((own, point), (peer, naive)):
            row = np.full(weeks, np.nan)
            row[: len(actual)] = actual - rule(history, weeks)[: len(actual)]
            found.append(row)
    if not own:
        return np.full((1, weeks), np.nan), np.full((1, weeks), np.nan)
    return np.stack(own), np.stack(peer)


def _coverage(trust: list[Trust]) -> float:
    """The part of past values inside the interval, each judged by the errors of the others."""
    inside = total = 0
    for each in trust:
        below, above = margins(each.errors)
        inside += sum(below <= error <= above for error in each.errors)
        total += len(each.errors)
    return inside / total if total else 0.0


def _whole(values: Any) -> Any:
    """Without gaps: a missing week is taken for the median of the eight known ones around it."""
    import numpy as np

    if (values == values).all():
        return values
    places = np.flatnonzero(values == values)
    found = values.copy()
    for place in np.flatnonzero(values != values):
        near = places[np.argsort(np.abs(places - place), kind="stable")[:8]]
        found[place] = np.median(values[near])
    return found


def _smoothed(values: Any) -> tuple[float, float]:
    """The level by exponential smoothing with the best factor of SMOOTHING, and that factor."""
    best: tuple[float, float, float] | None = None
    start = float(sorted(values[:8].tolist())[len(values[:8]) // 2])
    for factor in SMOOTHING:
        level, loss = start, 0.0
        for value in values.tolist():
            loss += abs(value - level)
            level += factor * (value - level)
        if best is None or loss < best[0]:
            best = loss, level, factor
    return (best[1], best[2]) if best else (start, SMOOTHING[0])


def _trend(values: Any) -> tuple[float, float]:
    """Level and slope by Holt's method with cautious factors."""
    level, slope = float(values[:4].mean()), 0.0
    for value in values.tolist():
        before = level
        level = 0.2 * value + 0.8 * (level + DAMPING * slope)
        slope = 0.03 * (level - before) + 0.97 * DAMPING * slope
    return level, slope


def _year(values: Any, weeks: int) -> tuple[Any, Any]:
    """The year's pattern in the past, shape (n,), and of the weeks to come, shape (weeks,); zeros without a year."""
    import numpy as np

    count = len(values)
    if count < YEAR + 8:
        return np.zeros(count), np.zeros(weeks)
    # A year's mean around each week has no season in it; at both ends the nearest whole year serves.
    sums = np.concatenate([[0.0], np.cumsum(values)])
    centre = np.clip(np.arange(count) - YEAR // 2, 0, count - YEAR)
    level = (sums[centre + YEAR] - sums[centre]) / YEAR
    apart = values - level
    spread = 1.4826 * float(np.median(np.abs(apart))) or float(apart.std())
    apart = np.clip(apart, -3 * spread, 3 * spread) if spread > 0 else apart
    if count >= 2 * YEAR:
        now, then = apart[YEAR:], apart[:-YEAR]
        alike = float((now * then).sum() / max(float(((now**2).sum() * (then**2).sum()) ** 0.5), 1e-9))
        alike = min(max(alike, 0.0), 1.0)
    else:
        alike = 0.2
    pooled, counts = np.zeros(YEAR), np.zeros(YEAR)
    places = np.arange(count) % YEAR
    for shift in range(-NEIGHBOURS, NEIGHBOURS + 1):
        weight = 1 - abs(shift) / (NEIGHBOURS + 1)
        np.add.at(pooled, (places + shift) % YEAR, weight * apart)
        np.add.at(counts, (places + shift) % YEAR, weight)
    shape = alike**0.5 * pooled / (counts + PRIOR * (1 - alike))
    return shape[places], shape[(count + np.arange(weeks)) % YEAR]
