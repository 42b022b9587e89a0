"""Sounds that are made when there is no music file: drone, hit, riser, swell, pulse.

Additive and noise synthesis shaped by spectra, in a room made by convolution; stereo at 48 kHz. The same name, seed and
length give the same samples on every machine that computes in double precision; no sample is beyond one. Chords are
open (root, fifth, octave, ninth): they carry tension without telling major or minor, and fit under most pictures.
"""

from __future__ import annotations

import math
from typing import Any

from roadmap_cli.edl.rendering.sound_parts import RATE

#: Part of each key: a change of how a sound is made is a new name.
METHOD = "made-2"
#: Roots to choose from by seed, in hertz: D1 to A1, low enough for weight, high enough for small speakers.
_ROOTS = (36.71, 38.89, 41.20, 43.65, 46.25, 49.00, 51.91, 55.00)
#: Samples over which what drifts is taken for a straight line.
_BLOCK = 32
#: Blocks made at a time: memory does not grow with the partials' number times the length.
_BLOCKS = 2048
#: The highest a peak may be: a decibel below full.
_PEAK = 0.89


def made(sound: str, seed: int, length: int) -> Any:
    """A sound of `length` samples: an array (length, 2) of float32. Raises KeyError for a name it does not know."""
    import numpy

    random = numpy.random.default_rng([709, seed])
    root = _ROOTS[seed % len(_ROOTS)]
    maker = {"drone": _drone, "hit": _hit, "riser": _riser, "swell": _swell, "pulse": _pulse}[sound]
    dry = maker(random, root, max(1, length))
    wet = _room(random, dry, {"hit": 2.8, "pulse": 1.2}.get(sound, 3.5))
    mixed = 0.72 * dry + {"drone": 0.35, "pulse": 0.22}.get(sound, 0.5) * wet
    edge = min(len(mixed) // 2, RATE // 100)
    if edge:
        ramp = 0.5 - 0.5 * numpy.cos(numpy.pi * numpy.arange(edge) / edge)
        mixed[-edge:] *= ramp[::-1, None]
        if sound != "hit":
            mixed[:edge] *= ramp[:, None]
    peak = float(numpy.abs(mixed).max())
    return (mixed * (_PEAK / peak if peak > 0 else 0)).astype(numpy.float32)


def _voices(random: Any, frequencies: Any, gains: Any, length: int, drift: float) -> Any:
    """Partials with a slow random drift of pitch and level of their own, spread over the stereo field.

    Over a short block a partial is its phasor at the block's start, turned at its frequency; what drifts is a straight
    line there. So all partials together are products of small matrices instead of a sine for each sample. What a
    straight line leaves out is 100 dB below the partial.
    """
    import numpy

    drawn = []
    for frequency, gain in zip(frequencies, gains, strict=True):
        if frequency <= 16_000 and gain >= 1e-4:
            slow, deep = random.uniform(0.03, 0.11), random.uniform(0, 2 * math.pi)
            begins, swings = random.uniform(0, 2 * math.pi), random.uniform(0.05, 0.2)
            # The bass stays in the middle, where every speaker can carry it.
            pan = random.uniform(-0.8, 0.8) * min(1.0, frequency / 200)
            drawn.append((2 * math.pi * frequency, gain, 2 * math.pi * slow, deep, begins, 2 * math.pi * swings, pan))
    if not drawn:
        return numpy.zeros((length, 2))
    turn, gain, slow, deep, begins, swings, pan = (numpy.array(each)[:, None] for each in zip(*drawn, strict=True))
    inside = numpy.arange(_BLOCK) / RATE
    turned = numpy.exp(1j * turn * inside)
    turns = numpy.concatenate([turned.real, turned.imag, turned.real * inside, turned.imag * inside])
    angle = (pan + 1) * math.pi / 4
    out = numpy.empty((length, 2))
    for first in range(0, length, _BLOCKS * _BLOCK):
        end = min(length, first + _BLOCKS * _BLOCK)
        starts = numpy.arange(first, end, _BLOCK) / RATE
        phasor = numpy.exp(1j * (turn * starts + begins + drift * numpy.sin(slow * starts + deep)))
        level = gain * (0.75 + 0.25 * numpy.sin(swings * starts + deep))
        louder = gain * 0.25 * swings * numpy.cos(swings * starts + deep)
        bends = drift * slow * numpy.cos(slow * starts + deep)
        still, moving = phasor * level, phasor * (louder + 1j * level * bends)
        parts = (still.imag, still.real, moving.imag, moving.real)
        for side, share in ((0, numpy.cos(angle)), (1, numpy.sin(angle))):
            tones = numpy.concatenate([share * part for part in parts]).T @ turns
            out[first:end, side] = tones.ravel()[: end - first]
    return out


def _coloured(random: Any, length: int, low: float, high: float, slope: float) -> Any:
    """Noise between two frequencies whose power falls by `slope` for each doubling (1 is 3 dB), in stereo."""
    import numpy

    size = 1 << max(4, (length - 1).bit_length())
    frequencies = numpy.fft.rfftfreq(size, 1 / RATE)
    shape = numpy.zeros_like(frequencies)
    inside = frequencies > 1
    shape[inside] = (frequencies[inside] / 1000) ** (-slope / 2)
    shape /= numpy.sqrt((1 + (low / numpy.maximum(frequencies, 1)) ** 8) * (1 + (frequencies / high) ** 8))
    out = numpy.empty((length, 2))
    for side in (0, 1):
        spectrum = numpy.fft.rfft(random.standard_normal(size)) * shape
        out[:, side] = numpy.fft.irfft(spectrum, size)[:length]
    return out / max(float(numpy.abs(out).max()), 1e-9)


def _room(random: Any, dry: Any, seconds: float) -> Any:
    """The sound in a dark hall: convolved with noise that dies away, its treble first."""
    import numpy

    length = len(dry)
    tail = int(seconds * RATE)
    times = numpy.arange(tail) / RATE
    answer = numpy.zeros((tail, 2))
    for low, high, lasts in ((80, 500, 1.0), (500, 2500, 0.7), (2500, 9000, 0.35)):
        answer += _coloured(random, tail, low, high, 1.0) * numpy.exp(-6.9 * times / (seconds * lasts))[:, None]
    early = int(0.018 * RATE)
    answer[:early] *= numpy.linspace(0, 1, early)[:, None]
    size = 1 << (length + tail - 1).bit_length()
    wet = numpy.fft.irfft(numpy.fft.rfft(dry, size, axis=0) * numpy.fft.rfft(answer, size, axis=0), size, axis=0)
    wet = wet[:length]
    loudest = float(numpy.abs(wet).max())
    return wet * (float(numpy.abs(dry).max()) / loudest) if loudest > 0 else wet


def _chord(random: Any, root: float, ratios: Any, harmonics: int, fall: float) -> tuple[list[float], list[float]]:
    """Frequencies and gains of an open chord: each note three slightly detuned voices of `harmonics` partials."""
    frequencies, gains = [], []
    for ratio, weight in ratios:
        for _ in range(3):
            off = 2 ** (random.normal(0, 4) / 1200)
            for n in range(1, harmonics + 1):
                frequencies.append(root * ratio * off * n)
                gains.append(weight / n**fall / 3)
    return frequencies, gains


def _drone(random: Any, root: float, length: int) -> Any:
    """A low open chord that breathes, with air above it."""
    import numpy

    chord = _chord(random, root, ((1, 1.0), (2, 0.6), (3, 0.32), (4.5, 0.12)), 8, 1.35)
    out = _voices(random, *chord, length, 1.6)
    seconds = numpy.arange(length) / RATE
    out /= max(float(numpy.abs(out).max()), 1e-9)
    air = _coloured(random, length, 300, 2500, 1.5) * (0.5 + 0.5 * numpy.sin(2 * math.pi * 0.07 * seconds))[:, None]
    out = out + 0.08 * air
    come, go = min(length // 2, int(1.5 * RATE)), min(length // 2, 2 * RATE)
    out[:come] *= numpy.sin(numpy.linspace(0, math.pi / 2, come))[:, None] ** 2
    out[length - go :] *= numpy.cos(numpy.linspace(0, math.pi / 2, go))[:, None] ** 2
    return out


def _hit(random: Any, root: float, length: int) -> Any:
    """A struck deep drum: a tone that falls an octave, a thud, a crack, and metal that rings on."""
    import numpy

    seconds = numpy.arange(length) / RATE
    pitch = root * (1 + 1.6 * numpy.exp(-seconds / 0.045))
    body = numpy.sin(2 * math.pi * numpy.cumsum(pitch) / RATE) * numpy.exp(-seconds / 0.9)
    thud = _coloured(random, length, 30, 180, 1.0) * numpy.exp(-seconds / 0.12)[:, None]
    crack = _coloured(random, length, 900, 7000, 0.5) * numpy.exp(-seconds / 0.035)[:, None]
    partials = [root * ratio for ratio in (5.4, 8.93, 13.3, 18.6, 23.0)]
    ring = _voices(random, partials, [0.5, 0.35, 0.25, 0.16, 0.1], length, 0.2) * numpy.exp(-seconds / 1.4)[:, None]
    out = 1.0 * body[:, None] + 0.55 * thud + 0.22 * crack + 0.10 * ring
    attack = min(length, RATE // 500)
    out[:attack] *= numpy.linspace(0, 1, attack)[:, None]
    return numpy.tanh(1.4 * out)


def _riser(random: Any, root: float, length: int) -> Any:
    """Tension that climbs to the cue's very end: tones two octaves up, noise that opens, a beat that quickens."""
    import numpy

    share = numpy.arange(length) / max(1, length - 1)
    out = numpy.zeros((length, 2))
    for ratio, gain, pan in ((1, 0.8, 0.0), (1.5, 0.5, -0.5), (2, 0.5, 0.5), (3.02, 0.25, 0.7), (4, 0.2, -0.7)):
        phase = 2 * math.pi * numpy.cumsum(2 * root * ratio * 2 ** (2 * share**1.5)) / RATE
        tone = gain * (numpy.sin(phase) + 0.4 * numpy.sin(2 * phase) + 0.2 * numpy.sin(3 * phase))
        angle = (pan + 1) * math.pi / 4
        out += numpy.stack([tone * math.cos(angle), tone * math.sin(angle)], axis=1)
    out /= max(float(numpy.abs(out).max()), 1e-9)
    # Noise that opens: three bands that come in one after the other.
    for low, high, when in ((200, 900, 0.0), (900, 3500, 0.3), (3500, 12000, 0.6)):
        level = numpy.clip((share - when) / (1 - when), 0, 1) ** 2
        out = out + 0.35 * _coloured(random, length, low, high, 0.5) * level[:, None]
    quicker = numpy.cumsum(2 + 10 * share**2) / RATE
    tremble = 1 - 0.35 * share * (0.5 + 0.5 * numpy.cos(2 * math.pi * quicker))
    return out * (share**1.8 * tremble)[:, None]


def _swell(random: Any, root: float, length: int) -> Any:
    """Strings-like chord that grows to its height at two thirds and dies away, brighter as it grows."""
    import numpy

    share = numpy.arange(length) / max(1, length - 1)
    envelope = numpy.where(
        share < 2 / 3, numpy.sin(numpy.clip(share * 1.5, 0, 1) * math.pi / 2) ** 2.2,
        numpy.cos(numpy.clip((share - 2 / 3) * 3, 0, 1) * math.pi / 2) ** 1.5,
    )  # fmt: skip
    ratios = ((1, 0.7), (2, 0.8), (3, 0.5), (4, 0.5), (4.5, 0.3), (6, 0.25))
    dark = _voices(random, *_chord(random, root, ratios, 5, 1.6), length, 2.2)
    bright = _voices(random, *_chord(random, 2 * root, ratios, 8, 1.0), length, 2.2)
    dark, bright = (part / max(float(numpy.abs(part).max()), 1e-9) for part in (dark, bright))
    bow = _coloured(random, length, 1500, 6000, 1.0)
    return envelope[:, None] * (dark + 0.55 * envelope[:, None] * bright + 0.05 * envelope[:, None] * bow)


def _pulse(random: Any, root: float, length: int) -> Any:
    """A heartbeat of low notes at 100 a minute, every fourth one accented, with a tick off the beat."""
    import numpy

    out = numpy.zeros((length, 2))
    beat = int(RATE * 60 / 100)
    note = int(0.5 * RATE)
    seconds = numpy.arange(note) / RATE
    pitch = 2 * math.pi * numpy.cumsum(root * 2 * (1 + 0.25 * numpy.exp(-seconds / 0.02))) / RATE
    tone = numpy.sin(pitch) + 0.35 * numpy.sin(2 * pitch) + 0.15 * numpy.sin(3 * pitch)
    tone *= numpy.exp(-seconds / 0.16) * numpy.clip(seconds / 0.004, 0, 1)
    tick = _coloured(random, note, 4000, 11000, 0.0) * numpy.exp(-seconds / 0.018)[:, None]
    for number, at in enumerate(range(0, length, beat // 2)):
        room = min(note, length - at)
        if number % 2 == 0:
            out[at : at + room] += (1.0 if number % 8 == 0 else 0.7) * tone[:room, None]
        else:
            out[at : at + room] += 0.10 * tick[:room]
    return numpy.tanh(1.2 * out)
