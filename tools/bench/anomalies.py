"""Anomalies in streams: the Numenta Anomaly Benchmark by its own rules, with simple peers in the same run.

    tools/bench/anomalies.py [FOLDER]

FOLDER is laid out as NAB's own (`data/*/*.csv`, `labels/combined_windows.json`; https://github.com/numenta/NAB); by
default the part of it beside the checkout, if it is there. Whatever files stand there are scored. One setting serves
all files; the one threshold is the best over all of them, as NAB's own optimiser chooses it for every entry, and the
figure `cross-validated` uses for each file the threshold that is best on the others (five folds).

The scorer follows "Evaluating Real-time Anomaly Detection Algorithms", Lavin and Ahmad 2015, and NAB's sweeper to the
letter: probation of 15 % (of 5,000 values at most), the earliest detection of a window counts by a sigmoid of its
place, each value above the threshold outside the windows counts against it by its distance from the last window.
Checked against NAB's published results file by file: `windowedGaussian` on rogue_agent_key_hold (-2.44) and
cpu_utilization_asg_misconfiguration (-1.11).
"""

from __future__ import annotations

import csv
import json
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import outside

from helping import tell_help

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "src"))
FOLDS = 5
DATA = outside.FOLDER / "nab"

from roadmap_cli.life.watch.streaming import Stream  # noqa: E402


@dataclass(frozen=True, slots=True)
class Profile:
    """What a right alarm, a wrong alarm and a missed window weigh."""

    right: float
    wrong: float
    missed: float


PROFILES = {
    "standard": Profile(1.0, 0.11, 1.0),
    "reward low FP": Profile(1.0, 0.22, 1.0),
    "reward low FN": Profile(1.0, 0.11, 2.0),
}


@dataclass(frozen=True, slots=True)
class Series:
    """One file: moments in seconds, values, and the first and last place of each labelled window."""

    moments: list[float]
    values: list[float]
    windows: list[tuple[int, int]]

    @property
    def probation(self) -> int:
        """Values at the beginning that are not scored."""
        return int(min(math.floor(0.15 * len(self.values)), 0.15 * 5000))


def corpus(folder: Path) -> dict[str, Series]:
    """The files of a folder by their name in NAB."""
    labels = json.loads((folder / "labels" / "combined_windows.json").read_text("utf-8"))
    found = {}
    for path in sorted((folder / "data").rglob("*.csv")):
        name = path.relative_to(folder / "data").as_posix()
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))[1:]
        times = [row[0][:19] for row in rows]
        found[name] = Series(
            [datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() for text in times],
            [float(row[1]) for row in rows],
            [(times.index(begin[:19]), times.index(end[:19])) for begin, end in labels[name]],
        )
    return found


def sigmoid(place: Any) -> Any:
    """NAB's scaled sigmoid: -1 is a window's left edge, 0 its right edge, 3 and more far behind it."""
    return np.where(place >= 3, -1.0, 2 / (1 + np.exp(np.minimum(5 * place, 50.0))) - 1)


def steps(series: Series, scores: Any, profile: Profile) -> tuple[Any, Any]:
    """Scores that are thresholds, and what the file's result gains when the threshold falls to each of them."""
    count = len(scores)
    place, inside = np.full(count, 3.0), np.full(count, -1)
    for number, (begin, end) in enumerate(series.windows):
        after = series.windows[number + 1][0] if number + 1 < len(series.windows) else count
        place[end + 1 : after] = np.arange(1, after - end) / max(end - begin, 1)
    worth = sigmoid(place) * profile.wrong
    for number, (begin, end) in enumerate(series.windows):
        inner = np.arange(begin, end + 1)
        worth[inner] = sigmoid(-(end - inner + 1) / (end - begin + 1)) * profile.right / float(sigmoid(np.array(-1.0)))
        inside[inner] = number
    counted = np.arange(count) >= series.probation
    told, gains = [scores[counted & (inside < 0)]], [worth[counted & (inside < 0)]]
    for number in range(len(series.windows)):
        inner = np.flatnonzero(counted & (inside == number))
        inner = inner[np.argsort(-scores[inner], kind="stable")]
        best = np.maximum.accumulate(np.concatenate([[-profile.missed], worth[inner]]))
        told.append(scores[inner])
        gains.append(np.diff(best))
    return np.concatenate(told), np.concatenate(gains)


def windows_counted(series: Series) -> int:
    """Windows of which at least one value is scored."""
    return sum(end >= series.probation for _, end in series.windows)


def result(files: Mapping[str, Series], scores: Mapping[str, Any], profile: Profile, threshold: float | None = None) -> tuple[float, float]:  # fmt: skip
    """The normalised result (0: an entry that says nothing; 100: a perfect one), and the threshold it was made with.

    Without a threshold, the best one.
    """
    parts = [steps(files[name], scores[name], profile) for name in files]
    told, gains = np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
    order = np.argsort(-told, kind="stable")
    told, raw = told[order], np.cumsum(gains[order])
    last = np.append(told[1:] != told[:-1], True)
    thresholds, raws = np.append(1.1, told[last]), np.append(0.0, raw[last])
    place = int(np.argmax(raws)) if threshold is None else int(np.flatnonzero(thresholds >= threshold)[-1])
    windows = sum(windows_counted(files[name]) for name in files)
    return 100 * float(raws[place]) / max(windows * (profile.right + profile.missed), 1e-9), float(thresholds[place])


def cross_validated(files: Mapping[str, Series], scores: Mapping[str, Any], profile: Profile) -> float:
    """The result when the threshold of each file was chosen on the other folds."""
    names = sorted(files)
    total, windows = 0.0, 0
    for fold in range(FOLDS):
        held = {name: files[name] for place, name in enumerate(names) if place % FOLDS == fold}
        others = {name: files[name] for name in names if name not in held}
        threshold = result(others, scores, profile)[1]
        here = sum(windows_counted(series) for series in held.values())
        parts = [steps(series, scores[name], profile) for name, series in held.items()]
        total += sum(float(gains[told >= threshold].sum()) for told, gains in parts)
        windows += here
    return 100 * total / (windows * (profile.right + profile.missed))


def ours(series: Series) -> Any:
    """The product's own detector."""
    stream = Stream(series.probation)
    return np.array([stream.update(moment, value) for moment, value in zip(series.moments, series.values, strict=True)])


def gaussian(series: Series, *, refractory: float = 0.0) -> Any:
    """NAB's windowedGaussian (1,000 values), with a refractory part of the file in which no alarm as high is repeated."""
    values = np.array(series.values)
    found = np.zeros(len(values))
    for place in range(1, len(values)):
        window = values[max(0, place - 1000) : place]
        found[place] = abs(values[place] - window.mean()) / (window.std() or 1e-6)
    found = np.array([1 - 0.5 * math.erfc(min(distance, 8.2) / math.sqrt(2)) for distance in found])
    if refractory:
        silent, length = -1, int(refractory * len(values))
        for place, score in enumerate(found):
            if place <= silent:
                found[place] = 0.0
            elif score > 1 - 1e-4:
                silent = place + length
    return found


def chance(series: Series) -> Any:
    """NAB's random entry."""
    return np.random.default_rng(42).random(len(series.values))


ENTRIES: dict[str, Callable[[Series], Any]] = {
    "this detector": ours,
    "windowed Gaussian": gaussian,
    "windowed Gaussian, refractory": lambda series: gaussian(series, refractory=0.03),
    "random": chance,
}


def run(folder: Path, only: Sequence[str] = ()) -> None:
    """Score every entry on the files of a folder and print its figures."""
    files = corpus(folder)
    for entry, detector in ENTRIES.items():
        if only and entry not in only:
            continue
        begun = time.process_time()
        scores = {name: detector(series) for name, series in files.items()}
        spent = time.process_time() - begun
        values = sum(len(series.values) for series in files.values())
        for name, profile in PROFILES.items():
            value, threshold = result(files, scores, profile)
            print(
                json.dumps(
                    {
                        "kind": "bench.figure",
                        "name": f"NAB {name}, {entry}",
                        "unit": "NAB score",
                        "value": round(value, 2),
                        "threshold": round(threshold, 6),
                        "cross_validated": round(cross_validated(files, scores, profile), 2),
                        "files": len(files),
                        "windows": sum(windows_counted(series) for series in files.values()),
                        "microseconds_per_value": round(1e6 * spent / values),
                    }
                ),
                flush=True,
            )


if __name__ == "__main__":
    tell_help(__doc__)
    chosen = Path(sys.argv[1]) if len(sys.argv) > 1 else DATA
    if not chosen.exists():
        print(f"anomalies.py: {chosen} is not here: NAB is not part of this project", file=sys.stderr)
        sys.exit(0)
    run(chosen, sys.argv[2:])
