"""How much happens along a source, 0 to 1: the energy curve.

After Hanjalic and Xu (IEEE Transactions on Multimedia 7-1, 2005), who take arousal from motion, rhythm of cuts and
energy of sound, in equal parts and smoothed. Here the parts are weighted, onsets stand for rhythm in the sound, and a
component that hardly varies in this source is left where it is instead of being blown up: each is placed between its
10th and 90th percentile, but never on a scale narrower than a difference people notice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from roadmap_cli.core.records import Record
from roadmap_cli.edl.story.sounding import Heard

STEP_MS = 500
#: What each component weighs where all are known; what is not known is left out and the rest is scaled up.
WEIGHTS = {"cuts": 0.25, "motion": 0.25, "loudness": 0.30, "onsets": 0.15, "closeness": 0.05}
#: The narrowest scale of each: cuts a minute, log(1 + code values) of motion at a contrast of 50, LU, onsets a second,
#: steps of shot size.
_NARROWEST = {"cuts": 6.0, "motion": 0.7, "loudness": 8.0, "onsets": 1.5, "closeness": 2.0}
#: Smoothing by a Gaussian whose deviation is a share of the length, within bounds in seconds.
_SMOOTH_SHARE, _SMOOTH_S = 1 / 40, (1.0, 15.0)
_CUT_S = 3.0
_QUIET_LUFS = -60.0
_CLOSENESS = {
    "extreme_close": 6, "close": 5, "medium_close": 4, "medium": 3, "medium_wide": 2, "wide": 1, "extreme_wide": 0
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Curve:
    """The energy at each step, float64 [steps], 0 to 1, smoothed; and its raw components, each [steps]."""

    values: Any
    raw: Mapping[str, Any]
    weights: Mapping[str, float]

    def mean(self, start_s: float, end_s: float) -> float:
        """Mean energy of a time."""
        return float(self.values[_steps(start_s, end_s, len(self.values))].mean())


def curve(shots: Sequence[Record], spans_s: Sequence[tuple[float, float]], heard: Heard) -> Curve:
    """The energy curve of a source from its shots, their times in seconds, and its sound."""
    import numpy

    length = spans_s[-1][1]
    count = max(1, math.ceil(length * 1000 / STEP_MS))
    middles = (numpy.arange(count) + 0.5) * STEP_MS / 1000
    shot_at = numpy.clip(numpy.searchsorted([end for _, end in spans_s], middles, side="right"), 0, len(shots) - 1)
    raw: dict[str, Any] = {}
    if len(shots) > 1:
        raw["cuts"] = _cut_rate(spans_s, middles)
    if any("motion" in shot for shot in shots):
        raw["motion"] = numpy.array([_motion(shot) for shot in shots])[shot_at]
    raw |= _sound(shots, shot_at, middles, heard)
    sizes = [_CLOSENESS.get(str(shot.get("shot_size"))) for shot in shots]
    if 2 * sum(size is not None for size in sizes) >= len(shots):
        known = [size for size in sizes if size is not None]
        usual = sum(known) / len(known)
        raw["closeness"] = numpy.array([usual if size is None else size for size in sizes], numpy.float64)[shot_at]
    total = sum(WEIGHTS[name] for name in raw)
    weights = {name: WEIGHTS[name] / total for name in raw} if total else {}
    values = sum((weights[name] * placed(raw[name], _NARROWEST[name]) for name in raw), numpy.zeros(count))
    deviation = min(max(length * _SMOOTH_SHARE, _SMOOTH_S[0]), _SMOOTH_S[1]) * 1000 / STEP_MS
    return Curve(smooth(values, deviation).clip(0, 1), raw, weights)


def _motion(shot: Record) -> float:
    """How much moves in a shot, log(1 + code values): a change of brightness is a way times a gradient, so where a
    picture has little contrast the same movement changes less.
    """
    return math.log1p(50 * max(0.0, float(shot.get("motion", 0.0))) / max(5.0, float(shot.get("contrast", 50.0))))


def placed(values: Any, narrowest: float) -> Any:
    """Values between their 10th and 90th percentile as 0 to 1; around their middle if these are nearer than that."""
    import numpy

    low, high = (float(value) for value in numpy.percentile(values, (10, 90)))
    if high - low < narrowest:
        middle = (low + high) / 2
        low, high = middle - narrowest / 2, middle + narrowest / 2
    return ((values - low) / (high - low)).clip(0, 1)


def smooth(values: Any, deviation: float) -> Any:
    """Values under a Gaussian of a deviation in steps; beyond the ends they go on as they are there."""
    import numpy

    reach = max(1, math.ceil(3 * deviation))
    window = numpy.exp(-0.5 * (numpy.arange(-reach, reach + 1) / deviation) ** 2)
    wide = numpy.concatenate([numpy.full(reach, values[0]), values, numpy.full(reach, values[-1])])
    return numpy.convolve(wide, window / window.sum(), mode="valid")


def _cut_rate(spans_s: Sequence[tuple[float, float]], middles: Any) -> Any:
    """Cuts a minute around each moment; near an end only the time that exists counts."""
    import numpy

    cuts = numpy.array([start for start, _ in spans_s[1:]])
    near = numpy.zeros(len(middles))
    for cut in cuts:
        first, last = numpy.searchsorted(middles, (cut - 4 * _CUT_S, cut + 4 * _CUT_S))
        near[first:last] += numpy.exp(-0.5 * ((middles[first:last] - cut) / _CUT_S) ** 2)
    there = smooth_weight(middles, _CUT_S)
    return near * 60 / there


def smooth_weight(middles: Any, deviation: float) -> Any:
    """The area of a Gaussian around each moment that lies within the source, in seconds."""
    import numpy

    from_start, to_end = middles / deviation, (middles[-1] - middles) / deviation
    both = numpy.vectorize(lambda left, right: math.erf(left / 2**0.5) + math.erf(right / 2**0.5))(from_start, to_end)
    return deviation * math.sqrt(2 * math.pi) * numpy.maximum(both / 2, 0.25)


def _sound(shots: Sequence[Record], shot_at: Any, middles: Any, heard: Heard) -> dict[str, Any]:
    """Loudness and onsets: measured along time where that is at hand, else from the records."""
    import numpy

    found: dict[str, Any] = {}
    edges = middles - STEP_MS / 2000 + heard.lag_s
    if heard.levels is not None and len(heard.levels.moment_lufs):
        moments = numpy.frombuffer(heard.levels.moment_lufs, numpy.float32).astype(numpy.float64)
        # A momentary value covers the 400 ms before it: it speaks for the moment 200 ms earlier.
        places = numpy.round(edges * 10).astype(int) + 2
        power = 10 ** (numpy.maximum(moments, _QUIET_LUFS) / 10)
        sums = numpy.concatenate([[0.0], power.cumsum()])
        first = places.clip(0, len(power))
        last = (places + STEP_MS // 100).clip(0, len(power))
        mean = (sums[last] - sums[first]) / numpy.maximum(last - first, 1)
        found["loudness"] = 10 * numpy.log10(numpy.maximum(mean, 10 ** (_QUIET_LUFS / 10)))
        onsets = onset_times(numpy.frombuffer(heard.levels.level_db, numpy.float32))
        counts, _ = numpy.histogram(onsets, bins=numpy.append(edges, edges[-1] + STEP_MS / 1000))
        found["onsets"] = smooth(counts * 1000 / STEP_MS, 2000 / STEP_MS)
    elif any("loudness_lufs" in shot or shot.get("silence_ratio") for shot in shots):
        loudness = numpy.array([max(_QUIET_LUFS, float(shot.get("loudness_lufs", _QUIET_LUFS))) for shot in shots])
        found["loudness"] = loudness[shot_at]
    if "onsets" not in found and heard.rhythm:
        beats = numpy.array([beat / 1000 for part in heard.rhythm for beat in part.get("beats_ms", ())])
        counts, _ = numpy.histogram(beats, bins=numpy.append(edges, edges[-1] + STEP_MS / 1000) - heard.lag_s)
        found["onsets"] = smooth(counts * 1000 / STEP_MS, 2000 / STEP_MS)
    return found


def onset_times(level_db: Any) -> Any:
    """The seconds at which the level of each 10 ms jumps: 6 dB within 30 ms, above -45 dB, 60 ms apart at least."""
    import numpy

    if len(level_db) < 10:
        return numpy.empty(0)
    padded = numpy.concatenate([numpy.full(3, level_db[0]), level_db])
    before = numpy.min(numpy.stack([padded[3 - lag : len(padded) - lag] for lag in (1, 2, 3)]), axis=0)
    jumps = numpy.flatnonzero((level_db - before >= 6) & (level_db > -45))
    if not len(jumps):
        return numpy.empty(0)
    return jumps[numpy.concatenate([[True], numpy.diff(jumps) > 5])] / 100


def _steps(start_s: float, end_s: float, count: int) -> slice:
    first = min(count - 1, max(0, round(start_s * 1000 / STEP_MS)))
    return slice(first, max(first + 1, round(end_s * 1000 / STEP_MS)))


#: Shapes that stories take (Reagan et al., EPJ Data Science 5:31, 2016): half waves of a cosine, turned up or down.
ARCS: dict[str, Callable[[float], float]] = {
    "rise": lambda t: -math.cos(math.pi * t),
    "fall": lambda t: math.cos(math.pi * t),
    "fall and rise": lambda t: math.cos(2 * math.pi * t),
    "rise and fall": lambda t: -math.cos(2 * math.pi * t),
    "rise, fall and rise": lambda t: -math.cos(3 * math.pi * t),
    "fall, rise and fall": lambda t: math.cos(3 * math.pi * t),
}


def arc(values: Any) -> tuple[str, float] | None:
    """The shape a curve is most like, and their correlation; None for a curve too short or flat to have one."""
    import numpy

    if len(values) < 8 or float(numpy.std(values)) < 0.03:
        return None
    times = numpy.linspace(0, 1, len(values))
    scores = {
        name: float(numpy.corrcoef(values, [shape(float(time)) for time in times])[0, 1])
        for name, shape in ARCS.items()
    }
    best = max(scores, key=lambda name: scores[name])
    return best, scores[best]
