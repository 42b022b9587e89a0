"""Each kind of forecast from numbers alone, so that it can be made again from what a decision cites.

`plain` from a weekly series; `calendar` with what is booked; `net` and `balance` with what is due on known days and the
rest as weeks were. A backtest knows, at each origin, only what was known then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from roadmap_cli.life.forecast import outlook
from roadmap_cli.life.forecast.outlook import Outlook
from roadmap_cli.life.history import weeks
from roadmap_cli.life.history.standing import Standing
from roadmap_cli.life.history.weeks import Booked, Bookings, Movement

#: Origins that a backtest of money tries, at most.
ORIGINS = 24
#: Part of the hours of the past that must say when they were booked, for what is booked to be backtested.
SAID = 0.8
#: Measures of the calendar, in which what is booked is known.
BOOKABLE = ("meeting_hours", "after_hours", "focus_hours")


@dataclass(slots=True)
class Telling:
    """What a forecast is made of besides its history: weeks ahead, weeks between history and the first week told.

    `booked` and `bookings` for the calendar, `moved` (of these weeks only) for money, `start` the first day of the
    history, `after` what an account held when the history ended.
    """

    ahead: int
    gap: int
    start: date
    booked: Booked | None = None
    bookings: Bookings | None = None
    moved: Sequence[Movement] = ()
    unit: str = ""
    after: float | None = None
    lowest_on: list[date] = field(default_factory=list)


def make(name: str, values: Any, how: Telling) -> Outlook | None:
    """The forecast of a series by its name; `values`: shape (n,), oldest first, NaN for none. None with too few."""
    if name.startswith("net_"):
        return _net(values, how)
    if name.startswith("balance_"):
        return _balance(values, how)
    if name in BOOKABLE and how.booked is not None:
        return _calendar(name, values, how)
    found = outlook.outlook(values, how.ahead + how.gap)
    return None if found is None else later(found, how.gap)


def later(found: Outlook, gap: int) -> Outlook:
    """An outlook without its first `gap` weeks."""
    return Outlook(
        found.middle[gap:],
        found.low[gap:],
        found.high[gap:],
        found.told[gap:],
        found.trust,
        found.weeks,
        found.coverage,
        gap,
    )


def is_backtested(name: str, values: Any, how: Telling) -> bool:
    """Whether the past says well enough when meetings were booked to try forecasts with what was booked then."""
    if name != "meeting_hours" or how.bookings is None:
        return False
    end = how.start + timedelta(days=7 * len(values))
    said = sum(
        hours for week, hours in zip(how.bookings.weeks, how.bookings.hours, strict=True) if how.start <= week < end
    )
    return bool(said >= SAID * float(values[values == values].sum()))


def _calendar(name: str, values: Any, how: Telling) -> Outlook | None:
    import numpy as np

    horizon, booked = how.ahead + how.gap, how.booked
    if booked is None:
        return None
    if is_backtested(name, values, how) and (values == values).sum() >= outlook.LEAST:
        found = _with_bookings(values, horizon, how)
    else:
        plain = outlook.outlook(values, horizon)
        if plain is None:
            return None
        found = plain
    found = later(found, how.gap)
    away = np.array(booked.away)
    if name == "focus_hours":
        there = np.array(booked.focus)
        np.minimum(found.middle, there, out=found.middle)  # what is booked only takes from it
        np.minimum(found.high, there, out=found.high)
        np.minimum(found.low, found.middle, out=found.low)
        return found
    there = np.array(booked.hours if name == "meeting_hours" else booked.after)
    below, above = found.middle - found.low, found.high - found.middle
    if is_backtested(name, values, how) and how.bookings is not None:
        end = how.start + timedelta(days=7 * len(values))
        open_ = 1 - np.array(how.bookings.curve(end, horizon))[how.gap :]
        middle = there + open_ * outlook.point(values, horizon)[how.gap :].clip(0) * (1 - away)
    else:
        middle = np.maximum(found.middle * (1 - away), there)
    found.middle[:] = middle
    found.low[:] = np.maximum(middle - below, there)
    found.high[:] = np.maximum(middle + above, found.low)
    return found


def _with_bookings(values: Any, horizon: int, how: Telling) -> Outlook:
    """The intervals and trust of forecasts that knew what was booked at each origin."""
    import numpy as np

    own: list[Any] = []
    peer: list[Any] = []
    for origin in origins(len(values)):
        history, actual = values[:origin], values[origin : origin + horizon]
        if (history == history).sum() < outlook.FIRST_ORIGIN:
            continue
        for into, made in ((own, with_booked(values, origin, horizon, how)), (peer, outlook.naive(history, horizon))):
            row = np.full(horizon, np.nan)
            row[: len(actual)] = actual - made[: len(actual)]
            into.append(row)
    known = int((values == values).sum())
    middle = outlook.point(values, horizon).clip(0)
    found = outlook.combined(middle, np.stack(own), np.stack(peer), outlook.scale(values), known)
    np.maximum(found.low, 0, out=found.low)
    return found


def with_booked(values: Any, origin: int, horizon: int, how: Telling) -> Any:
    """What would have been forecast at an earlier origin with what was booked then, shape (horizon,)."""
    import numpy as np

    if how.bookings is None:
        return outlook.point(values[:origin], horizon)
    day = how.start + timedelta(days=7 * origin)
    there = np.array(how.bookings.known_at(day, horizon))
    open_ = 1 - np.array(how.bookings.curve(day, horizon))
    return there + open_ * outlook.point(values[:origin], horizon).clip(0)


def origins(count: int) -> list[int]:
    """The origins of a backtest of `count` weeks, latest first."""
    first = max(outlook.FIRST_ORIGIN, outlook.YEAR + 4 if count >= outlook.YEAR + 16 else outlook.FIRST_ORIGIN)
    every = range(first, count)
    return list(every)[::-1][:: max(1, -(-len(every) // outlook.ORIGINS))]


def _money_origins(count: int) -> list[int]:
    every = range(outlook.FIRST_ORIGIN, count)
    return list(every)[::-1][:: max(1, len(every) // ORIGINS)]


def _backtested(values: Any, horizon: int, rule: Any, peer: Any) -> Outlook:
    """A money rule with the intervals of its own past errors; `rule(origin)` and `peer(origin)`: shape (horizon,)."""
    import numpy as np

    count = len(values)
    errors: list[Any] = []
    peers: list[Any] = []
    for origin in _money_origins(count):
        actual = values[origin : origin + horizon]
        for rows, told in ((errors, rule(origin)), (peers, peer(origin))):
            row = np.full(horizon, np.nan)
            row[: len(actual)] = actual - told[: len(actual)]
            rows.append(row)
    return outlook.combined(rule(count), np.stack(errors), np.stack(peers), outlook.scale(values), count)


def _net(values: Any, how: Telling) -> Outlook | None:
    """Money that comes minus money that goes: what is due on its days, and the rest as weeks were."""
    if len(values) < outlook.LEAST:
        return None
    horizon = how.ahead + how.gap

    def rule(origin: int) -> Any:
        known, rest = _split(how, origin)
        day = how.start + timedelta(days=7 * origin)
        return weeks.due(known, day, horizon) + outlook.point(rest, horizon)

    return later(_backtested(values, horizon, rule, lambda origin: outlook.naive(values[:origin], horizon)), how.gap)


def _split(how: Telling, origin: int) -> tuple[list[Standing], Any]:
    """What is standing as of a week, and the weekly sums of the rest before it, exceptions clipped."""
    import numpy as np

    day = how.start + timedelta(days=7 * origin)
    known = weeks.standing(how.moved, how.unit, day - timedelta(days=1))
    ids = {name for each in known for name in each.ids}
    rest = [each for each in how.moved if each.id not in ids and each.day < day]
    flows = weeks.flows(rest, how.start, origin)
    return known, np.clip(flows, *_clip(flows))


def _clip(values: Any) -> tuple[float, float]:
    """Bounds beyond which a week's rest is an exception that no forecast repeats."""
    import numpy as np

    low, middle, high = np.quantile(values, [0.1, 0.5, 0.9])
    return float(middle - 3 * (middle - low) - 1), float(middle + 3 * (high - middle) + 1)


def _balance(values: Any, how: Telling) -> Outlook | None:
    """The lowest end of a day in each week to come; compared with a balance that stays as it is."""
    import numpy as np

    if len(values) < outlook.LEAST or how.after is None:
        return None
    horizon, count = how.ahead + how.gap, len(values)
    flows = weeks.flows(how.moved, how.start, count)
    ends = how.after - np.concatenate([np.cumsum(flows[::-1])[::-1], [0.0]])  # before week 0, before week 1, …

    def days(origin: int) -> Any:
        known, rest = _split(how, origin)
        day = how.start + timedelta(days=7 * origin)
        made = np.repeat(outlook.point(rest, horizon) / 7, 7)
        for each in known:
            for due in each.due(day, day + timedelta(days=7 * horizon - 1)):
                made[(due - day).days] += float(each.amount)
        return (ends[origin] + np.cumsum(made)).reshape(horizon, 7)

    found = _backtested(
        values, horizon, lambda origin: days(origin).min(axis=1), lambda origin: np.full(horizon, ends[origin])
    )
    first = how.start + timedelta(days=7 * count)
    places = days(count).argmin(axis=1)[how.gap :]
    how.lowest_on[:] = [first + timedelta(days=7 * (how.gap + n) + int(at)) for n, at in enumerate(places)]
    return later(found, how.gap)
