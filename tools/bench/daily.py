"""Anomalies put into made-up lives, found at one false alarm a month: life-watch's engine, robust z-scores, STL.

    tools/bench/daily.py [FIRST SEED] [LAST SEED] [METHOD …]

For every persona a year without changes tells how often each method cries wolf, and the same year with changes how many
of them it finds (`lives.py`). Every method gets the one threshold at which all the unchanged years together have one
false alarm a month over all eleven series, a repeated alarm of a series within 14 days counting as one; all know which
direction of each series is hard on a person, and none is told anything else. `default budget` is this program's own
threshold, from no calibration. A change counts as found if its series (of a joint one: any of them, or the joint view)
is flagged between its begin and seven days after its end.

Seeds below 100 served development (shares of the budget were chosen there), and 100 to 109 showed which views were
weak; 500 to 539 set the margin of the default budget and showed where false alarms came from; 400 to 419 and from 600
on are for reporting. STL is
statsmodels', if it is installed where this runs; without it that peer is left out.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from helping import tell_help

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "src"), str(Path(__file__).parent)]

import lives  # noqa: E402

from roadmap_cli.life.watch import daily  # noqa: E402

BEGIN, REST, AFTER, MONTH = 90, 14, 7, 30
WINDOW = 90
LOOKED_AT = len(lives.SERIES) + 1


class Flag(NamedTuple):
    """How surprised a method was on a day by a series: the smaller, the more."""

    day: int
    series: str
    chance: float


def engine(life: lives.Life) -> list[Flag]:
    """Every series and the joint one through `roadmap_cli.life.watch.daily`, day by day."""
    count = len(life.series["steps"])
    weekdays = np.array([(life.first + timedelta(days=place)).weekday() for place in range(count)])
    found = []
    for day in range(BEGIN, count):
        until = slice(0, day + 1)
        for name in lives.SERIES:
            views = daily.looks(name, life.series[name][until], weekdays[until])
            told = [view.chance for view in views if view.form != "level" or view.score * lives.HARD[name] > 0]
            if told:
                found.append(Flag(day, name, min(told)))
        tables = {name: (life.series[name][until], lives.HARD[name]) for name in lives.STRAIN}
        views = daily.looks("joint", daily.joint(tables, weekdays[until]), weekdays[until])
        told = [view.chance for view in views if view.form == "level" and view.days > 1 and view.score > 0]
        if told:
            found.append(Flag(day, "joint", min(told)))
    return found


def _each(life: lives.Life, score: Callable[[Any, int], float], smooth: int = 1) -> list[Flag]:
    found = []
    for name in lives.SERIES:
        values = life.series[name] * lives.HARD[name]
        if smooth > 1:
            known = np.convolve(values == values, np.ones(smooth))[: len(values)]
            sums = np.convolve(np.nan_to_num(values), np.ones(smooth))[: len(values)]
            values = np.where(known >= smooth // 2, sums / np.maximum(known, 1), np.nan)
        for day in range(BEGIN, len(values)):
            if values[day] == values[day]:
                found.append(Flag(day, name, 1 / (1e-9 + max(score(values, day), 0.0))))
    return found


def robust_z(values: Any, day: int) -> float:
    """Distance from the median of the 90 days before, in MADs."""
    past = values[max(0, day - WINDOW) : day]
    past = past[past == past]
    if len(past) < MONTH:
        return 0.0
    spread = 1.4826 * np.median(np.abs(past - np.median(past))) or past.std() or 1e9
    return float((values[day] - np.median(past)) / spread)


def stl(part: str) -> Callable[[Any, int], float]:
    """statsmodels' robust STL over the last half year: the remainder of the day, or its trend and remainder."""

    def score(values: Any, day: int) -> float:
        from statsmodels.tsa.seasonal import STL

        past = values[max(0, day - 181) : day + 1]
        known = past == past
        if known.sum() < 60:
            return 0.0
        whole = np.interp(np.arange(len(past)), np.flatnonzero(known), past[known])
        found = STL(whole, period=7, robust=True).fit(inner_iter=1, outer_iter=3)
        rest = found.resid if part == "remainder" else found.resid + found.trend
        middle = np.median(rest[:-1])
        spread = 1.4826 * np.median(np.abs(rest[:-1] - middle)) or rest.std() or 1e9
        return float((rest[-1] - middle) / spread)

    return score


METHODS: dict[str, Callable[[lives.Life], list[Flag]]] = {
    "this engine": engine,
    "robust z-score": lambda life: _each(life, robust_z),
    "robust z-score of 7-day means": lambda life: _each(life, robust_z, 7),
}
if find_spec("statsmodels"):
    METHODS["STL remainder"] = lambda life: _each(life, stl("remainder"))
    METHODS["STL trend and remainder"] = lambda life: _each(life, stl("trend"))


class Judged(NamedTuple):
    """A persona's flags without and with changes, and the changes."""

    calm: list[Flag]
    changed: list[Flag]
    changes: list[lives.Change]


def judge(job: tuple[str, int]) -> tuple[str, int, Judged]:
    """One method on one persona."""
    name, seed = job
    life = lives.life(seed)
    changed = lives.inject(life, seed)
    return name, seed, Judged(METHODS[name](life), METHODS[name](changed), changed.changes)


def alarms(flags: Sequence[Flag], threshold: float) -> Iterator[Flag]:
    """Flags below a threshold, of each series those that follow none within REST days."""
    last: dict[str, int] = {}
    for flag in sorted(flags):
        if flag.chance < threshold:
            if flag.day - last.get(flag.series, -REST - 1) > REST:
                yield flag
            last[flag.series] = flag.day


def false_alarms(judged: Mapping[int, Judged], threshold: float) -> float:
    """False alarms a month of one person."""
    count = sum(1 for each in judged.values() for _ in alarms(each.calm, threshold))
    return count / (len(judged) * (365 - BEGIN) / MONTH)


def calibrated(judged: Mapping[int, Judged]) -> float:
    """The greatest threshold with at most one false alarm a month."""
    low, high = 1e-9, 1.0
    for _ in range(40):
        middle = (low * high) ** 0.5
        low, high = (low, middle) if false_alarms(judged, middle) > 1 else (middle, high)
    return low


def recall(judged: Mapping[int, Judged], threshold: float) -> tuple[float, dict[str, str]]:
    """The part of the changes found, and found of how many by kind."""
    kinds: dict[str, list[bool]] = defaultdict(list)
    for each in judged.values():
        strong = [flag for flag in each.changed if flag.chance < threshold]
        for change in each.changes:
            names = {*change.series, "joint"} if change.kind == "joint" else set(change.series)
            hit = any(change.begin <= flag.day <= change.end + AFTER and flag.series in names for flag in strong)
            kinds[change.kind].append(hit)
    every = [hit for hits in kinds.values() for hit in hits]
    return sum(every) / len(every), {kind: f"{sum(hits)} of {len(hits)}" for kind, hits in sorted(kinds.items())}


def run(first: int, last: int, names: Sequence[str]) -> None:
    """Judge methods on the personas first … last - 1 and print their figures."""
    found: dict[str, dict[int, Judged]] = defaultdict(dict)
    with ProcessPoolExecutor(2) as pool:
        for name, seed, judged in pool.map(judge, [(name, seed) for name in names for seed in range(first, last)]):
            found[name][seed] = judged
    for name, judged in found.items():
        cases = [("one false alarm a month", calibrated(judged))]
        if name == "this engine":
            cases.append(("default budget", daily.limit(1.0, LOOKED_AT)))
        for case, threshold in cases:
            value, kinds = recall(judged, threshold)
            more = {
                "threshold": float(f"{threshold:.3g}"),
                "false_alarms_a_month": round(false_alarms(judged, threshold), 2),
            }
            more |= {"personas": len(judged), "by_kind": kinds}
            print(json.dumps({"kind": "bench.figure", "name": f"anomalies found, {name}, {case}", "unit": "share",
                              "value": round(value, 3), **more}), flush=True)  # fmt: skip


if __name__ == "__main__":
    tell_help(__doc__)
    numbers = [int(word) for word in sys.argv[1:3]]
    run(*(numbers if len(numbers) == 2 else (400, 420)), sys.argv[3:] or list(METHODS))
