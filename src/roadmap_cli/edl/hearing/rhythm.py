"""Tempo, beats and downbeats of music from its onset strength.

The tempo is where the onset strength repeats itself, weighted towards 120 beats a minute; beats are found by dynamic
programming over onset strength and even spacing (Ellis, "Beat Tracking by Dynamic Programming", JNMR 36(1), 2007), with
a period that may drift. Downbeats are the beats, every third or fourth, where the low notes and the harmony change most.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from roadmap_cli.edl.hearing.spectrum import FRAME_MIDDLE_MS

if TYPE_CHECKING:
    import numpy

    Samples = numpy.ndarray[Any, Any]

#: Numbers of onset strength a second.
RATE = 100
SHORTEST_MS = 4_000
_SLOWEST, _FASTEST = 45.0, 220.0
_LIKELY, _OCTAVES = 115.0, 0.75
#: How much even spacing weighs against onsets.
_TIGHT = 260.0
#: Below this share of repetition there is no beat to speak of.
_LEAST = 0.08
_WINDOW = 8 * RATE
#: An onset is heard a little before its flux peaks.
_EARLY_MS = 6


@dataclass(frozen=True, slots=True)
class Rhythm:
    """The beat of a stretch, in ms of the stream; `bar` is how many beats a bar has."""

    start_ms: int
    end_ms: int
    tempo: float
    beats_ms: tuple[int, ...]
    downbeats_ms: tuple[int, ...]
    bar: int
    confidence: float


def follow(flux: Samples, low_flux: Samples, texture: Samples, start_ms: int, end_ms: int) -> Rhythm | None:
    """The rhythm between two times, or None if nothing repeats. Arrays are of the whole stream, from its start."""
    import numpy

    first, end = max(0, start_ms // 10), min(len(flux), end_ms // 10)
    if (end - first) * 10 < SHORTEST_MS:
        return None
    onset = strength(flux[first:end])
    if not onset.any():
        return None
    periods, sureness = _tempo(onset)
    if sureness < _LEAST:
        return None
    beats = _track(onset, periods)
    beats = _trimmed(beats, onset)
    if len(beats) < 4:
        return None
    low = strength(low_flux[first:end])
    bar, phase = _bars(beats, onset, low, texture, first)
    times = [int(round((first + beat) * 10 + FRAME_MIDDLE_MS - _EARLY_MS)) for beat in beats.tolist()]
    whole = [max(start_ms, min(end_ms, time)) for time in times]
    tempo = 60_000.0 / float(numpy.median(numpy.diff(_smooth(numpy.array(times, float)))))
    return Rhythm(
        start_ms, end_ms, round(tempo, 2), tuple(whole), tuple(whole[phase::bar]), bar, round(min(1.0, sureness), 3)
    )


def strength(flux: Samples) -> Samples:
    """Onset strength: what rises above the mean of half a second around, in units of its own spread."""
    import numpy

    if not len(flux):
        return numpy.zeros(0)
    width = RATE // 2 + 1
    padded = numpy.pad(flux.astype(numpy.float64), width // 2, mode="edge")
    sums = numpy.concatenate([[0.0], numpy.cumsum(padded)])
    local = (sums[width:] - sums[:-width]) / width
    risen = numpy.maximum(flux - local, 0)
    # A light smoothing lets onsets that are a frame apart agree.
    risen = numpy.convolve(risen, [0.25, 0.5, 0.25], mode="same")
    spread = float(numpy.std(risen))
    result: Samples = numpy.minimum(risen / spread, 6.0) if spread > 1e-6 else numpy.zeros(len(flux))
    return result


def onsets(flux: Samples, least: float = 1.5) -> list[int]:
    """Where something begins, in ms of the stream: peaks of the onset strength at least 60 ms apart."""
    onset = strength(flux)
    found: list[int] = []
    for place in range(1, len(onset) - 1):
        if onset[place] >= least and onset[place] >= onset[place - 1] and onset[place] > onset[place + 1]:
            time = place * 10 + FRAME_MIDDLE_MS - _EARLY_MS
            if not found or time - found[-1] >= 60:
                found.append(time)
    return found


def repetition(onset: Samples) -> Samples:
    """Autocorrelation at each lag up to four beats of the slowest tempo, 1 at lag 0."""
    import numpy

    count = len(onset)
    size = 1 << (2 * count - 1).bit_length()
    centred = onset - onset.mean()
    power = numpy.abs(numpy.fft.rfft(centred, size)) ** 2
    lags = numpy.fft.irfft(power, size)[: min(count, 4 * round(60 * RATE / _SLOWEST) + 8)]
    unbiased = lags / numpy.maximum(1, count - numpy.arange(len(lags)))
    result: Samples = unbiased / max(float(unbiased[0]), 1e-9)
    return result


def _tempo(onset: Samples) -> tuple[Samples, float]:
    """The beat's period in frames at each frame, and how strongly the sound repeats itself at it, 0 to 1."""
    import numpy

    count = len(onset)
    starts = list(range(0, max(1, count - _WINDOW + 1), RATE)) or [0]
    rows = [repetition(onset[start : start + _WINDOW]) for start in starts]
    length = min(len(row) for row in rows)
    table = numpy.stack([row[:length] for row in rows])
    whole = table.mean(axis=0)
    periods = numpy.arange(60 * RATE / _FASTEST, 60 * RATE / _SLOWEST, 0.25)
    scores = _comb(whole, periods)
    weight = numpy.exp(-0.5 * (numpy.log2(60 * RATE / periods / _LIKELY) / _OCTAVES) ** 2)
    best = float(periods[int(numpy.argmax(scores * weight))])
    # Each window may stray by a tenth, but not jump.
    near = periods[(periods > best * 0.88) & (periods < best * 1.13)]
    local = numpy.stack([_comb(row, near) for row in table])
    path = _steady(local)
    middle = numpy.array(starts) + min(_WINDOW, count) / 2
    along = numpy.interp(numpy.arange(count), middle, near[path])
    lag = int(round(best))
    sureness = float(max(whole[max(1, lag - 1) : lag + 2].max(), 0.0)) if lag + 1 < length else 0.0
    return along, sureness


def _comb(row: Samples, periods: Samples) -> Samples:
    """How well each period and its multiples are repeated."""
    import numpy

    places = numpy.arange(len(row))
    total = numpy.zeros(len(periods))
    shares = 0.0
    for multiple, share in ((1, 1.0), (2, 0.8), (3, 0.5), (4, 0.6)):
        inside = periods * multiple < len(row) - 1
        value = numpy.interp(periods * multiple, places, row)
        total += share * numpy.where(inside, value, 0)
        shares += share * float(inside.mean())
    return numpy.maximum(total / max(shares, 1e-9), 0) ** 1.0


def _steady(scores: Samples) -> Samples:
    """The best path through rows of scores that moves by at most two places a row (Viterbi)."""
    import numpy

    rows, width = scores.shape
    total = scores[0].copy()
    came = numpy.zeros((rows, width), numpy.int16)
    for row in range(1, rows):
        moves = numpy.stack([
            numpy.concatenate([numpy.full(max(0, move), -1e9), total[max(0, -move) : width - max(0, move)],
                               numpy.full(max(0, -move), -1e9)]) - 0.02 * abs(move)
            for move in range(-2, 3)
        ])  # fmt: skip
        chosen = numpy.argmax(moves, axis=0)
        came[row] = numpy.clip(numpy.arange(width) - (chosen - 2), 0, width - 1)
        total = moves[chosen, numpy.arange(width)] + scores[row]
    path = numpy.zeros(rows, int)
    path[-1] = int(numpy.argmax(total))
    for row in range(rows - 1, 0, -1):
        path[row - 1] = came[row, path[row]]
    return path


def _track(onset: Samples, periods: Samples) -> Samples:
    """Beats as frames: the path that adds most onset strength for evenly spaced steps (Ellis 2007, equations 3 to 5)."""
    import numpy

    count = len(onset)
    # Onsets are blurred by a hundredth of a beat or so, wide enough that the grid need not be exact.
    widths = max(1.0, float(numpy.median(periods)) / 32)
    reach = int(3 * widths)
    kernel = numpy.exp(-0.5 * (numpy.arange(-reach, reach + 1) / widths) ** 2)
    local = numpy.convolve(onset, kernel, mode="same")
    total = local.copy()
    came = numpy.full(count, -1)
    costs: dict[int, tuple[int, Samples]] = {}
    for place in range(count):
        period = int(periods[place] * 4 + 0.5)
        if period not in costs:
            beat = period / 4
            steps = numpy.arange(int(round(2 * beat)), max(1, int(round(beat / 2))) - 1, -1)
            costs[period] = (len(steps), -_TIGHT * numpy.log(steps / beat) ** 2)
        span, cost = costs[period]
        farthest = int(round(2 * (period / 4)))
        low = place - farthest
        if low + span <= 0:
            continue
        skip = max(0, -low)
        reached = total[low + skip : low + span] + cost[skip:]
        best = int(numpy.argmax(reached))
        # Going on from nothing is worth nothing: the first beats stand alone.
        if reached[best] > 0:
            total[place] = local[place] + reached[best]
            came[place] = low + skip + best
    tail = max(1, int(periods[-1] * 1.2))
    place = count - tail + int(numpy.argmax(total[-tail:]))
    beats = []
    while place >= 0:
        beats.append(place)
        place = int(came[place])
    return numpy.array(beats[::-1], int)


def _trimmed(beats: Samples, onset: Samples) -> Samples:
    """Without beats in front of the first and behind the last onset that is worth the name."""
    import numpy

    strong = numpy.flatnonzero(onset > 0.75)
    if not len(strong):
        return beats[:0]
    return beats[(beats >= strong[0] - 8) & (beats <= strong[-1] + 8)]


def _bars(beats: Samples, onset: Samples, low: Samples, texture: Samples, first: int) -> tuple[int, int]:
    """How many beats a bar has, three or four, and which beat is the first one of a bar."""
    import numpy

    reach = numpy.arange(-4, 5)
    places = numpy.clip(beats[:, None] + reach, 0, len(low) - 1)
    bass = low[places].max(axis=1)
    accent = onset[places].max(axis=1)
    change = numpy.zeros(len(beats))
    if len(texture) > 4:
        edges = numpy.clip((beats + first) // 10, 0, len(texture) - 1)
        means = []
        for number, edge in enumerate(edges):
            after = edges[number + 1] if number + 1 < len(edges) else edge + 5
            means.append(texture[edge + 1 : max(edge + 2, after)].astype(numpy.float64).mean(axis=0))
        filled = numpy.nan_to_num(numpy.stack(means))
        filled -= filled.mean(axis=1, keepdims=True)
        change[1:] = numpy.sqrt(((filled[1:] - filled[:-1]) ** 2).mean(axis=1))
    score = sum((_even(values) for values in (bass, 0.5 * accent, change)), numpy.zeros(len(beats)))
    best = (4, 0, -1e9)
    for bar, worth in ((4, 0.06), (3, 0.0)):
        if len(beats) < 2 * bar:
            continue
        for phase in range(bar):
            mean = float(score[phase::bar].mean()) - float(score.mean()) + worth
            if mean > best[2]:
                best = (bar, phase, mean)
    return best[0], best[1]


def _even(values: Samples) -> Samples:
    spread = float(values.std())
    result: Samples = (values - values.mean()) / spread if spread > 1e-9 else values * 0
    return result


def _smooth(times: Samples) -> Samples:
    """Times averaged over neighbours, so that the median step is not a whole number of frames."""
    import numpy

    if len(times) < 9:
        return times
    return numpy.convolve(times, numpy.ones(8) / 8, mode="valid")
