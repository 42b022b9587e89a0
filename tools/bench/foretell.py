"""Forecasts of money and of a calendar that is booked ahead, as life-forecast makes them, on made-up households.

    tools/bench/foretell.py [FIRST SEED] [LAST SEED]

What comes and goes each week (`net`), the poorest day of each week on the account (`balance`), everyday spending, and
hours of meetings when part of the weeks to come is booked (`households.py`): 26 weeks ahead from origins in the first,
second and third year, each with nothing but what was known then. Peers: the seasonal-naive forecast, the mean of four
weeks, for a balance one that stays as it is; for meetings also what is booked and nothing else, and the same forecast
without what is booked. MASE has the mean absolute change within the past as its unit for every method, from a year to
the next, or from a week to the next while there is no year. Only weeks that the command would tell count.

Silence: for each forecast and distance (`outlook.DISTANCES`) whether it was told, and whether the seasonal-naive
forecast (of a balance: one that stays as it is) would have been as good or better in what came. With real or other
series in the same way: tools/bench/forecast.py.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from helping import tell_help

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "src"), str(Path(__file__).parent)]

import households  # noqa: E402

from roadmap_cli.life.forecast import foretelling, outlook  # noqa: E402
from roadmap_cli.life.forecast.foretelling import Telling  # noqa: E402
from roadmap_cli.life.history import balances, weeks  # noqa: E402
from roadmap_cli.life.history.standing import Paid, of_payments  # noqa: E402
from roadmap_cli.life.history.weeks import Booked, Bookings, Movement  # noqa: E402

AHEAD, COUNT = 26, 156
ORIGINS = (36, 52, 78, 104, 117, 130)
OPENING = 2000.0


class Case(NamedTuple):
    """One forecast: the measure, the origin, what it and its peers said, what came; arrays of shape (AHEAD,)."""

    measure: str
    origin: int
    unit: float
    found: outlook.Outlook
    peers: dict[str, Any]
    actual: Any
    rival: str


def money(seed: int) -> Iterator[Case]:
    """Net, balance and everyday spending of a household."""
    paid = households.household(seed, 7 * COUNT)
    every = [
        Movement(f"m{number}", each.day, each.amount, each.payee, "xfer" if each.is_transfer else "other", "a")
        for number, each in enumerate(paid)
    ]
    own = [each for each in every if each.type != "xfer"]
    start = households.FIRST
    net = weeks.flows(own, start, COUNT).round(2)
    before = start - timedelta(days=1)
    lows = np.array([balances.lowest(before, OPENING, every, start, week) for week in range(COUNT)]).round(2)
    later = -weeks.flows(_everyday(own, start + timedelta(days=7 * COUNT - 1)), start, COUNT).round(2)
    for origin in ORIGINS:
        day = start + timedelta(days=7 * origin)
        known = [each for each in own if each.day < day]
        found = foretelling.make("net_EUR", net[:origin], Telling(AHEAD, 0, start, moved=known, unit="EUR"))
        if found is not None:
            yield _case("net", net, origin, found)
        known = [each for each in every if each.day < day]
        after = round(balances.held(before, OPENING, every, day - timedelta(days=1)), 2)
        how = Telling(AHEAD, 0, start, moved=known, unit="EUR", after=after)
        found = foretelling.make("balance_EUR", lows[:origin], how)
        if found is not None:
            yield _case("balance", lows, origin, found, {"balance that stays": np.full(AHEAD, after)})
        bought = -weeks.flows(_everyday(own, day - timedelta(days=1)), start, COUNT).round(2)
        bought[origin:] = later[origin:]
        found = outlook.outlook(bought[:origin], AHEAD)
        if found is not None:
            yield _case("spending", bought, origin, found)


def _everyday(own: list[Movement], until: date) -> list[Movement]:
    """What goes out up to a day and is no standing payment as of then."""
    past = [each for each in own if each.day <= until]
    paid = [Paid(each.id, each.day, Decimal(str(each.amount)), each.payee, each.account) for each in past]
    regular = {name for each in of_payments(paid, "EUR", until) for name in each.ids}
    return [each for each in past if each.amount < 0 and each.id not in regular]


def meetings(seed: int) -> Iterator[Case]:
    """Hours of meetings with what is booked, and without."""
    made = households.calendar(seed, COUNT)
    hours = made.hours()
    start = households.FIRST
    for origin in ORIGINS:
        day = start + timedelta(days=7 * origin)
        past = [each for each in made.meetings if each.week < origin]
        curve = Bookings(
            [start + timedelta(days=7 * each.week) for each in past], [each.lead for each in past],
            [each.hours for each in past], [str(number) for number in range(len(past))],
        )  # fmt: skip
        booked = Booked(day)
        for week in range(origin, origin + AHEAD):
            there = sum(each.hours for each in made.meetings if each.week == week and each.lead >= week - origin)
            lead, part = made.away.get(week, (-1, 0.0))
            booked.hours.append(there)
            booked.after.append(0.0)
            booked.focus.append(8.0)
            booked.away.append(part if lead >= week - origin else 0.0)
            booked.ids.append(())
        how = Telling(AHEAD, 0, start, booked=booked, bookings=curve)
        found = foretelling.make("meeting_hours", hours[:origin], how)
        plain = outlook.outlook(hours[:origin], AHEAD)
        if found is not None and plain is not None:
            peers = {"booked and nothing else": np.array(booked.hours), "without what is booked": plain.middle}
            yield _case("meetings", hours, origin, found, peers)


def _case(name: str, values: Any, origin: int, found: outlook.Outlook, more: dict[str, Any] | None = None) -> Case:
    history = values[:origin]
    peers = {"seasonal-naive": outlook.naive(history, AHEAD), "mean of four weeks": outlook.recent(history, AHEAD)}
    peers |= more or {}
    rival = "balance that stays" if "balance that stays" in peers else "seasonal-naive"
    return Case(name, origin, outlook.scale(history), found, peers, values[origin : origin + AHEAD], rival)


def silence(found: outlook.Outlook, rival: Any, actual: Any) -> Iterator[tuple[bool, bool]]:
    """For each distance that is backtested: whether it is told, and whether the rival was not worse."""
    edges = [0, *(trust.until for trust in found.trust)]
    for since, until in pairwise(edges):
        span = slice(since, min(until, len(actual)))
        known = actual[span] == actual[span]
        if known.any():
            own = float(np.abs(actual[span] - found.middle[span])[known].sum())
            other = float(np.abs(actual[span] - rival[span])[known].sum())
            yield bool(found.told[span][0]), other <= own


def tell_silence(name: str, pairs: list[tuple[bool, bool]]) -> None:
    """The figures of silence."""
    silent = [rival for told, rival in pairs if not told]
    told = [rival for told, rival in pairs if told]
    rightly = float(np.mean(silent)) if silent else 1.0
    figure(f"{name}: not told for want of a better forecast", "share", len(silent) / max(len(pairs), 1), distances=len(pairs),
           rival_was_no_worse=round(rightly, 3), rival_was_no_worse_of_told=round(float(np.mean(told)) if told else 0.0, 3))  # fmt: skip


def figure(name: str, unit: str, value: float, **more: Any) -> None:
    """Print one."""
    print(
        json.dumps({"kind": "bench.figure", "name": name, "unit": unit, "value": round(value, 3), **more}), flush=True
    )


def of_seed(seed: int) -> list[Case]:
    """Every case of one person."""
    return [*money(seed), *meetings(seed)]


def run(first: int, last: int) -> None:
    """Print the figures of all cases."""
    cases: dict[str, list[Case]] = defaultdict(list)
    with ProcessPoolExecutor(2) as pool:
        for found in pool.map(of_seed, range(first, last)):
            for case in found:
                cases[case.measure].append(case)
    every: list[float] = []
    for measure, own in cases.items():
        scores: dict[str, list[float]] = defaultdict(list)
        by_history: dict[str, list[float]] = defaultdict(list)
        by_distance: dict[str, list[float]] = defaultdict(list)
        inside: list[bool] = []
        told = 0
        pairs: list[tuple[bool, bool]] = []
        for case in own:
            counted = case.found.told
            told += int(counted.sum())
            pairs += silence(case.found, case.peers[case.rival], case.actual)
            if not counted.any():
                continue
            for method, values in {"this forecast": case.found.middle, **case.peers}.items():
                error = np.abs(case.actual - values) / case.unit
                scores[method].append(float(error[counted].mean()))
                if method == "this forecast":
                    by_history[f"{case.origin} weeks"].append(scores[method][-1])
                for since, until in ((0, 4), (4, 13), (13, 26)):
                    if counted[since:until].any():
                        by_distance[f"{method}, {since + 1}-{until}"].append(float(error[since:until][counted[since:until]].mean()))  # fmt: skip
            inside += ((case.actual >= case.found.low) & (case.actual <= case.found.high))[counted].tolist()
        every += scores["this forecast"]
        for method, values in scores.items():
            more = {name.rpartition(", ")[2]: round(float(np.mean(each)), 3) for name, each in by_distance.items() if name.startswith(f"{method}, ")}  # fmt: skip
            figure(f"{measure}, {method}", "MASE", float(np.mean(values)), cases=len(values), by_weeks_ahead=more)
        by = {name: round(float(np.mean(each)), 3) for name, each in by_history.items()}
        figure(f"{measure}, this forecast by weeks of history", "MASE", float(np.mean(scores["this forecast"])), by=by)
        figure(f"{measure}, 90 % intervals that hold", "share", float(np.mean(inside)), weeks=len(inside))
        figure(f"{measure}, weeks that are told", "share", told / (AHEAD * len(own)))
        tell_silence(measure, pairs)
    figure("all of money and meetings, this forecast", "MASE", float(np.mean(every)), cases=len(every))


if __name__ == "__main__":
    tell_help(__doc__)
    numbers = [int(word) for word in sys.argv[1:3]]
    run(*(numbers if len(numbers) == 2 else (200, 206)))
