"""How unusual is each value of a stream of numbers, told when it arrives: any sampling, nothing known beforehand.

Five views of the newest values are compared with what came before, each in the units of its own past:

- deviation: distance from the mean of the last `warm_up` values, in their standard deviations;
- rhythm, fine and coarse: how far a short mean (a 96th of a cycle) and a long one (a quarter) are from the nearest mean
  at about the same time in the seven cycles before. A cycle is a day, or a week for values that come rarer than that;
- shape: distance of the last eight blocks of three values from the nearest eight in all the past;
- reach: how far a value lies beyond all that came before, as a part of the whole range.

A view counts from its past median in steps to its past 98.5 % quantile, no more than eight of them; the score is the
quadratic mean of the five. A value stands out once: it is silent while a score as high lies within the refractory
period, so a single threshold serves.
Sources: Ahmad, Lavin, Purdy and Agha 2017 (streaming detection, probation); Yeh et al. 2016 (nearest earlier shape:
left matrix profile); Burnaev and Ishimtsev 2016 (nearest neighbours in the units of their own past).
"""

from __future__ import annotations

from collections import deque
from typing import Any

#: Values looked back on, at most, by every view.
HISTORY = 20_000
CYCLES = 7
FINE, COARSE = 96, 4
#: Part of a cycle by which a rhythm may be early or late.
LATENESS = 0.02
BLOCK, SHAPE = 3, 8
QUANTILE = 0.985
MOST = 8.0
#: Part of the warm-up that stays silent after a value as unusual.
REFRACTORY = 0.5
DAY_S, WEEK_S = 86_400.0, 7 * 86_400.0
VIEWS = 5


class _Past:
    """Numbers that came, the last HISTORY or more of them as one array; older ones are dropped now and then."""

    def __init__(self) -> None:
        import numpy as np

        self._room = np.zeros(1024)
        self.dropped = 0
        self._size = 0

    def add(self, value: float) -> None:
        import numpy as np

        if self._size == len(self._room):
            if self._size >= 2 * HISTORY:
                keep = self._size - HISTORY
                self._room[:HISTORY] = self._room[keep:]
                self.dropped += keep
                self._size = HISTORY
            else:
                self._room = np.concatenate([self._room, np.zeros(len(self._room))])
        self._room[self._size] = value
        self._size += 1

    @property
    def known(self) -> Any:
        """The numbers, oldest first; a view, shape (n,)."""
        return self._room[: self._size]

    def __len__(self) -> int:
        return self._size


class Stream:
    """One series, told value by value. `warm_up` values, at least 20, are learned from before anything is said."""

    def __init__(self, warm_up: int) -> None:
        """Raises ValueError for a warm-up of less than 20 values."""
        if warm_up < 20:
            raise ValueError(f"a warm-up of {warm_up} values; at least 20 are needed")
        self.warm_up = warm_up
        self.count = 0
        self._values, self._sums = _Past(), [_Past(), _Past()]
        self._moments: list[float] = []
        self._cycle: int | None = None
        self._views = [_Past() for _ in range(VIEWS)]
        self._centres, self._scales = [0.0] * VIEWS, [1.0] * VIEWS
        self._low = self._high = 0.0
        self._block: list[float] = []
        self._blocks = _Past()
        self._block_mean = 0.0
        self._block_range = 0.0
        self._shape = 0.0
        self._peaks: deque[tuple[int, float]] = deque()
        self._refractory = int(REFRACTORY * warm_up)

    def update(self, moment: float, value: float) -> float:
        """How unusual a value at a moment (seconds) is: 0 for usual; about 0.5 and more deserve a look; below 1.

        Moments only tell how often values come. A value that is not finite counts as not come and scores 0.
        """
        import math

        if not math.isfinite(value):
            return 0.0
        if self._cycle is None:
            self._moments.append(moment)
            if len(self._moments) > 20:
                self._cycle = self._cycle_of(self._moments)
                self._moments.clear()
        if self.count == 0:
            self._low = self._high = value
        views = (self._deviation(value), *self._rhythm(value), self._shape_of(value), self._reach(value))
        place = self.count
        if place >= self.warm_up and (place - self.warm_up) % max(1, self.warm_up // 15) == 0:
            self._calibrate()
        for past, view in zip(self._views, views, strict=True):
            past.add(view)
        self._low, self._high = min(self._low, value), max(self._high, value)
        self.count += 1
        return self._alone(place, self._score(views)) if place >= self.warm_up else 0.0

    @staticmethod
    def _cycle_of(moments: list[float]) -> int:
        """Values in a day, or in a week if fewer than four come in a day; at least 2."""
        from itertools import pairwise
        from statistics import median

        step = median(later - earlier for earlier, later in pairwise(moments))
        if step <= 0:
            return 2
        return max(2, round((DAY_S if step * 4 <= DAY_S else WEEK_S) / step))

    def _deviation(self, value: float) -> float:
        """Distance from the mean of the last values in standard deviations, taken for no less than 1 % of the range."""
        import numpy as np

        known = self._values.known
        if len(known) < 10:
            return 0.0
        last = known[-self.warm_up :]
        spread = max(float(np.std(last)), 0.01 * (self._high - self._low), 1e-12)
        return abs(value - float(np.mean(last))) / spread

    def _rhythm(self, value: float) -> tuple[float, float]:
        """Distances of the fine and coarse means from the nearest at about the same time in earlier cycles."""
        self._values.add(value)
        cycle = self._cycle
        if cycle is None:
            for past in self._sums:
                past.add(value)
            return 0.0, 0.0
        found = [0.0, 0.0]
        for place, parts in enumerate((FINE, COARSE)):
            length = max(1, cycle // parts)
            mean = float(self._values.known[-length:].mean())
            past = self._sums[place]
            if len(past) >= cycle:
                found[place] = self._nearest(past.known, mean, cycle)
            past.add(mean)
        return found[0], found[1]

    @staticmethod
    def _nearest(known: Any, mean: float, cycle: int) -> float:
        import numpy as np

        late = int(LATENESS * cycle)
        places = len(known) - cycle * np.arange(1, CYCLES + 1)[:, None] + np.arange(-late, late + 1)[None, :]
        places = places[(places >= 0) & (places < len(known) - cycle // 2)]
        return float(np.abs(known[places] - mean).min()) if len(places) else 0.0

    def _shape_of(self, value: float) -> float:
        """Distance of the last blocks from the nearest earlier ones; it changes with every whole block."""
        import numpy as np

        self._block.append(value)
        if len(self._block) < BLOCK:
            return self._shape
        done, low, high = len(self._blocks) + self._blocks.dropped, min(self._block), max(self._block)
        mean = sum(self._block) / BLOCK
        usual = self._block_mean if done else mean
        told = high if high - usual > usual - low else low  # of a block, what is farthest from usual
        self._block_mean += (mean - self._block_mean) / (done + 1)
        self._block.clear()
        self._blocks.add(told)
        known = self._blocks.known[-HISTORY // BLOCK :]
        width = self._block_range or 1.0
        self._block_range = float(known.max() - known.min())
        earlier = len(known) - SHAPE - SHAPE // 2
        if earlier < 1:
            return self._shape
        shapes = np.lib.stride_tricks.sliding_window_view(known, SHAPE)
        distance = np.abs(shapes[:earlier] - shapes[-1]).mean(axis=1)
        self._shape = float(distance.min()) / width
        return self._shape

    def _reach(self, value: float) -> float:
        """How far a value lies beyond all earlier ones, as a part of the range that both span; 0 within it."""
        beyond = max(value - self._high, self._low - value, 0.0)
        return beyond / (self._high - self._low + beyond) if beyond > 0 else 0.0

    def _calibrate(self) -> None:
        import numpy as np

        for place, past in enumerate(self._views):
            known = past.known[self.warm_up // 3 if not past.dropped else 0 :][-HISTORY:]
            centre, high = np.quantile(known, [0.5, QUANTILE])
            scale = float(high - centre)
            if scale <= 0:
                scale = max(float(known.max() - centre), 1e-9)
            self._centres[place], self._scales[place] = float(centre), scale

    def _score(self, views: tuple[float, ...]) -> float:
        steps = (
            min(max((view - centre) / scale, 0.0), MOST)
            for view, centre, scale in zip(views, self._centres, self._scales, strict=True)
        )
        mean = (sum(step * step for step in steps) / VIEWS) ** 0.5
        return float(mean / (1 + mean))

    def _alone(self, place: int, score: float) -> float:
        """The score, or 0 while one as high lies within the refractory period."""
        peaks = self._peaks
        while peaks and peaks[0][0] < place - self._refractory:
            peaks.popleft()
        stands_out = not peaks or score > peaks[0][1]
        while peaks and peaks[-1][1] <= score:
            peaks.pop()
        peaks.append((place, score))
        return score if stands_out else 0.0
