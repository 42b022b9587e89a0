"""Tempo, beats and downbeats of music from its onset strength.

The tempo is where the onset strength repeats itself, weighted towards 132 beats a minute; beats are found by dynamic
programming over onset strength and even spacing (Ellis, "Beat Tracking by Dynamic Programming", JNMR 36(1), 2007), with
a period that may drift. Downbeats are the beats, every third or fourth, where low notes begin and the harmony changes.
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
_LIKELY, _OCTAVES, _OCTAVES_WIDE = 132.0, 0.9, 0.75
#: How much even spacing weighs against onsets.
_TIGHT = 260.0
#: Below this share of repetition there is no beat to speak of.
_LEAST = 0.08
_WINDOW = 8 * RATE
#: A spectrum that rises by less than this is steady.
_LEAST_FLUX = 0.004
_NOTES_MS = 128
_FLAT = 0.12
#: How much the choice of a tempo minds equal onsets between beats, and how little repetition counts beside them.
_BETWEEN, _REPEATED = 0.1, 0.3


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


def follow(flux: Samples, low_flux: Samples, notes: Samples, start_ms: int, end_ms: int) -> Rhythm | None:
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
    bar, phase = _bars(beats, low, notes, first)
    times = [round((first + beat) * 10 + FRAME_MIDDLE_MS) for beat in beats.tolist()]
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
    result: Samples = numpy.minimum(risen / spread, 6.0) if spread > _LEAST_FLUX else numpy.zeros(len(flux))
    return result


def onsets(flux: Samples, least: float = 1.5) -> list[int]:
    """Where something begins, in ms of the stream: peaks of the onset strength at least 60 ms apart."""
    onset = strength(flux)
    found: list[int] = []
    for place in range(1, len(onset) - 1):
        if onset[place] >= least and onset[place] >= onset[place - 1] and onset[place] > onset[place + 1]:
            time = place * 10 + FRAME_MIDDLE_MS
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
    first = repetition(onset[:_WINDOW])
    table = numpy.empty((len(starts), len(first)))  # of a film all of music this is the most that is held at once
    for row, start in enumerate(starts):
        table[row] = repetition(onset[start : start + _WINDOW]) if row else first
    whole = table.mean(axis=0)
    periods = numpy.arange(60 * RATE / _FASTEST, 60 * RATE / _SLOWEST, 0.25)
    scores = _comb(whole, periods)
    weight = numpy.exp(-0.5 * (numpy.log2(60 * RATE / periods / _LIKELY) / _OCTAVES) ** 2)
    best = _chosen(onset, whole, periods, scores * weight)
    # Each window may stray by a tenth, but not jump.
    near = periods[(periods > best * 0.88) & (periods < best * 1.13)]
    local = numpy.stack([_comb(row, near) for row in table])
    path = _steady(local)
    middle = numpy.array(starts) + min(_WINDOW, count) / 2
    along = numpy.interp(numpy.arange(count), middle, near[path])
    near_best = slice(max(1, int(best) - 2), int(best) + 4)
    sureness = float(max(whole[near_best].max(initial=0.0), 0.0))
    return along, sureness


def _chosen(onset: Samples, repeats: Samples, periods: Samples, scores: Samples) -> float:
    """The period whose even beats meet the strongest onsets, of those that repeat best and their simple ratios.

    What repeats at a beat repeats at two as well, and patterns repeat at odd multiples: repetition alone mistakes the
    level. Beats that meet nothing speak against the faster level, onsets between beats against the slower one.
    """
    import numpy

    peaks = [
        place for place in range(1, len(scores) - 1)
        if scores[place] >= scores[place - 1] and scores[place] > scores[place + 1]
    ] or [int(numpy.argmax(scores))]  # fmt: skip
    strongest = sorted(peaks, key=lambda place: -scores[place])[:5]
    wanted = {float(periods[place]) for place in strongest}
    best = float(periods[strongest[0]])
    wanted |= {best * ratio for ratio in (0.5, 2 / 3, 1.5, 2.0) if periods[0] <= best * ratio <= periods[-1]}
    blurred = numpy.convolve(onset, [0.5, 1.0, 0.5], mode="same")
    starts = range(0, max(1, len(onset) - _WINDOW + 1), _WINDOW // 2)
    windows = [blurred[start : start + _WINDOW] for start in list(starts)[:40]]
    places = numpy.arange(len(repeats))
    worth = {
        period: _met(windows, period)
        * _fits(period)
        * (_REPEATED + max(0.0, float(numpy.interp(period, places, repeats))))
        for period in sorted(wanted)
    }
    return max(worth, key=lambda period: worth[period])


def _fits(period: float) -> float:
    import math

    return math.exp(-0.5 * (math.log2(60 * RATE / period / _LIKELY) / _OCTAVES_WIDE) ** 2)


def _met(windows: list[Samples], period: float) -> float:
    """How much stronger onsets are on the best grid of this period than on average: its mean over windows.

    Less by up to two fifths if the places halfway between its beats are as strong.
    """
    import numpy

    total = 0.0
    for window in windows:
        highest = 0.0
        for stretched in (0.985 * period, 0.9925 * period, period, 1.0075 * period, 1.015 * period):
            count = int((len(window) - 1) / stretched) - 1
            if count < 2:
                continue
            phases = numpy.arange(0, stretched, 1.0)
            grid = phases[:, None] + numpy.arange(count) * stretched
            on, between = (
                window[numpy.minimum(numpy.rint(grid + shift).astype(int), len(window) - 1)].mean(axis=1)
                for shift in (0.0, stretched / 2)
            )
            best = int(numpy.argmax(on))
            if on[best] > 0:
                evenly = min(1.0, float(between[best] / on[best]))
                highest = max(highest, float(on[best]) * (1 - _BETWEEN * evenly**3))
        total += highest / max(float(window.mean()), 1e-6)
    return total / max(1, len(windows))


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
    """Beats as frames: the path that adds most onset strength in even steps (Ellis 2007, equations 3 to 5)."""
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
            steps = numpy.arange(round(2 * beat), max(1, round(beat / 2)) - 1, -1)
            costs[period] = (len(steps), -_TIGHT * numpy.log(steps / beat) ** 2)
        span, cost = costs[period]
        farthest = round(2 * (period / 4))
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
    kept: Samples = beats[(beats >= strong[0] - 8) & (beats <= strong[-1] + 8)]
    return kept


def _bars(beats: Samples, low: Samples, notes: Samples, first: int) -> tuple[int, int]:
    """How many beats a bar has, three or four, and which beat is the first one of a bar."""
    import numpy

    reach = numpy.arange(-4, 5)
    places = numpy.clip(beats[:, None] + reach, 0, len(low) - 1)
    bass = low[places].max(axis=1)
    change = _changes(beats + first, notes)
    score = _even(bass) + _even(change) * min(1.0, float(change.max(initial=0.0)) * 4)
    best = (4, 0, -1e9)
    for bar, worth in ((4, 0.06), (3, 0.0)):
        if len(beats) < 2 * bar:
            continue
        for phase in range(bar):
            mean = float(score[phase::bar].mean()) - float(score.mean()) + worth
            if mean > best[2]:
                best = (bar, phase, mean)
    return best[0], best[1]


def _changes(beats: Samples, notes: Samples) -> Samples:
    """How much the notes of each beat differ from those of the beat before, 0 to 1."""
    import numpy

    change = numpy.zeros(len(beats))
    if len(notes) < 4:
        return change
    # A window of notes that begins with the beat holds nothing of the one before.
    places = numpy.clip(numpy.ceil(beats * 10 / _NOTES_MS).astype(int), 0, len(notes) - 1)
    sums = numpy.concatenate([numpy.zeros((1, 12)), numpy.cumsum(notes.astype(numpy.float64), axis=0)])
    ends = numpy.append(places[1:], min(len(notes), places[-1] + 4)) - 1
    ends = numpy.maximum(ends, places + 1)
    means = (sums[numpy.minimum(ends, len(notes))] - sums[places]) / (ends - places)[:, None]
    whole = numpy.linalg.norm(means, axis=1)
    means -= means.mean(axis=1, keepdims=True)
    length = numpy.linalg.norm(means, axis=1)
    # Drums and noise have all notes alike: how they differ then says nothing.
    tonal = float(numpy.median(length / numpy.maximum(whole, 1e-9)))
    alike = (means[1:] * means[:-1]).sum(axis=1) / numpy.maximum(length[1:] * length[:-1], 1e-9)
    change[1:] = numpy.where((length[1:] > 1e-6) & (length[:-1] > 1e-6), 1 - alike, 0)
    return change * min(1.0, max(0.0, (tonal - _FLAT) / _FLAT))


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
