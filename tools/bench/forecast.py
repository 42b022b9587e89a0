"""Forecasts of made-up lives against the seasonal-naive forecast, the mean of four weeks, and statsmodels' ETS.

    tools/bench/forecast.py [FIRST SEED] [LAST SEED] [FILE …]

Three years of each persona (`lives.py`), as weekly series; origins every nine weeks through the third year, 26 weeks
ahead, each with nothing but the past. MASE has the mean absolute change from a year to the next within the past as its
unit (Hyndman and Koehler 2006), for every method the same. Only weeks that the command would tell count, for all
methods; `told` is the part of weeks that are, and `not told` says how often silence was right (foretell.py, which has
money and booked calendars). Further files hold real series: one JSON array of weekly numbers a line (null where nothing
is known), or CSV as NAB's (`timestamp,value`), of which the means of whole weeks are taken; with less than 68 weeks the
season is a week and the horizon six. With files and equal seeds only the files count.
ETS (damped trend) is there if statsmodels is installed.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from helping import tell_help

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "src"), str(Path(__file__).parent)]

import foretell  # noqa: E402
import lives  # noqa: E402

from roadmap_cli.life.forecast import outlook  # noqa: E402

AHEAD, EVERY, YEARS = 26, 9, 3
SUMMED = ("meeting_hours", "after_hours", "spending")
LEVELS = (0.05, 0.95)


def weekly(values: Any, name: str) -> Any:
    """Weeks from days: sums of what is summed, else means of weeks with at least three days."""
    count = len(values) // 7
    table = values[: count * 7].reshape(count, 7)
    known = (table == table).sum(axis=1)
    means = np.nansum(table, axis=1) / np.maximum(known, 1)
    return np.where(known >= 3, means * (7 if name in SUMMED else 1), np.nan)


def of_csv(path: Path) -> list[float]:
    """Means of the whole weeks of a file with the lines `timestamp,value`."""
    weeks: dict[int, list[float]] = defaultdict(list)
    for line in path.read_text("utf-8").splitlines()[1:]:
        moment, _, value = line.partition(",")
        weeks[datetime.fromisoformat(moment[:19]).toordinal() // 7].append(float(value))
    most = max(map(len, weeks.values()))
    return [sum(values) / len(values) for _, values in sorted(weeks.items()) if len(values) > 0.9 * most]


def ets(history: Any, ahead: int) -> Any:
    """statsmodels' exponential smoothing with a damped trend."""
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    whole = np.where(history == history, history, np.nanmedian(history))
    found = ExponentialSmoothing(whole, trend="add", damped_trend=True, initialization_method="estimated").fit()
    return found.forecast(ahead)


def cases(first: int, last: int, files: list[Path]) -> Iterator[tuple[str, Any, int, int]]:
    """(name, history and future, origin, weeks ahead)."""
    for seed in range(first, last):
        life = lives.life(seed, YEARS * 365)
        for name in lives.SERIES:
            values = weekly(life.series[name], name)
            for origin in range(len(values) - 52, len(values) - AHEAD + 1, EVERY):
                yield name, values, origin, AHEAD
    for path in files:
        if path.suffix == ".csv":
            given = [of_csv(path)]
        else:
            given = [[np.nan if value is None else value for value in json.loads(line)] for line in path.open("rb")]
        for one in given:
            values = np.array(one, dtype=float)
            ahead = AHEAD if len(values) >= 68 + AHEAD else 6
            for origin in range(max(outlook.LEAST, len(values) // 2), len(values) - ahead + 1, 3):
                yield path.stem, values, origin, ahead


def run(first: int, last: int, files: list[Path]) -> None:
    """Print the figures of all cases."""
    scores: dict[str, list[float]] = defaultdict(list)
    by_name: dict[str, list[float]] = defaultdict(list)
    inside: list[bool] = []
    pinball: list[float] = []
    told = total = 0
    pairs: list[tuple[bool, bool]] = []
    for name, values, origin, ahead in cases(first, last, files):
        history, actual = values[:origin], values[origin : origin + ahead]
        found = outlook.outlook(history, ahead)
        total += ahead
        if found is None:
            continue
        told += int(found.told.sum())
        pairs += foretell.silence(found, outlook.naive(history, ahead), actual)
        counted = found.told & (actual == actual)
        if not counted.any():
            continue
        unit = outlook.scale(history)
        methods = {
            "this forecast": found.middle,
            "seasonal-naive": outlook.naive(history, ahead),
            "mean of four weeks": outlook.recent(history, ahead),
        }
        if find_spec("statsmodels"):
            methods["ETS damped"] = ets(history, ahead)
        for method, values_ahead in methods.items():
            scores[method].append(float(np.abs(actual - values_ahead)[counted].mean()) / unit)
        by_name[name].append(scores["this forecast"][-1])
        inside += ((actual >= found.low) & (actual <= found.high))[counted].tolist()
        for level, edge in zip(LEVELS, (found.low, found.high), strict=True):
            miss = (actual - edge)[counted]
            pinball.append(float(np.maximum(level * miss, (level - 1) * miss).mean()) / unit)
    for method, values in scores.items():
        foretell.figure(f"forecast error, {method}", "MASE", float(np.mean(values)), cases=len(values))
    foretell.figure("weeks that are told", "share", told / max(total, 1))
    foretell.tell_silence("series", pairs)
    if not inside:
        return
    by_series = {name: round(float(np.mean(values)), 3) for name, values in by_name.items()}
    foretell.figure(
        "forecast error by series, this forecast", "MASE", float(np.mean(scores["this forecast"])), by_series=by_series
    )
    foretell.figure("90 % intervals that hold", "share", float(np.mean(inside)), weeks=len(inside))
    foretell.figure("pinball loss at 5 % and 95 %", "MASE", float(np.mean(pinball)))


if __name__ == "__main__":
    tell_help(__doc__)
    numbers = [int(word) for word in sys.argv[1:3]]
    run(*(numbers if len(numbers) == 2 else (200, 206)), [Path(word) for word in sys.argv[3:]])
