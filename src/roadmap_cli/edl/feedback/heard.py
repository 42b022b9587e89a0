"""How an edit sounds before it is rendered: loudness in tenths of a second, of cuts and cues apart, and its faults.

Loudness is that of ITU-R BS.1770-4 with its gates, range that of EBU Tech 3342. Gains move energies and nothing else,
so that the sum for any gains is known from one decode of each sound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from roadmap_cli.core.records import Record
from roadmap_cli.edl import edit as fields
from roadmap_cli.edl import programs, timecode
from roadmap_cli.edl.feedback.material import Edit, Footage
from roadmap_cli.edl.programs import Chain, Options, Programs

RATE, HOP = 48_000, 4_800
#: Loudness taken for a sound that is made, whose samples are not known here.
MADE_LUFS = -23.0
_SILENCE = 1e-12
_BLOCK_S = 4
#: The two filters of K weighting at 48 kHz: b0 b1 b2 a1 a2.
_K = ((1.53512485958697, -2.69169618940638, 1.19839281085285, -1.69065929318241, 0.73248077421585),
      (1.0, -2.0, 1.0, -1.99004745483398, 0.99007225036621))  # fmt: skip


@dataclass(slots=True)
class Levels:
    """Energy (K-weighted, both channels) and peak of each tenth of a second of a sound."""

    energy: Any
    peak: Any

    @property
    def lufs(self) -> float:
        """Gated loudness."""
        return loudness(self.energy)


@dataclass(slots=True)
class Programme:
    """A whole edit in tenths of a second: its cuts' own sound, its cues one by one, and where somebody speaks."""

    cuts: Any
    peaks: Any
    cues: list[Any]
    speech: Any
    spans: list[tuple[int, int]]
    gains: list[float] = field(default_factory=list)

    def own(self, gains: list[float]) -> Any:
        """The energy of the cuts' sound with a gain in dB for each cut."""
        energy = self.cuts.copy()
        for (first, end), gain in zip(self.spans, gains, strict=True):
            energy[first:end] *= 10 ** (gain / 10)
        return energy

    def music(self, gains: list[float], ducks: list[float]) -> Any:
        """The energy of all cues with a gain and a step back under speech for each, in dB."""
        energy = self.cuts * 0
        for one, gain, duck in zip(self.cues, gains, ducks, strict=True):
            energy = energy + one * 10 ** ((gain - duck * self.speech) / 10)
        return energy


def listen(edit: Edit, footage: Footage) -> Programme:
    """Decode the sound of every cut and cue once. A cut or source without sound is silent."""
    import numpy

    tenths = max(1, math.ceil(edit.length / edit.fps * 10))
    energy, peaks = numpy.full(tenths, _SILENCE), numpy.zeros(tenths)
    speech = numpy.zeros(tenths, bool)
    spans = []
    for cut in edit.cuts:
        first, end = (int(cut[f"timeline_{name}_frame"] / edit.fps * 10) for name in ("in", "out"))
        end = min(tenths, max(first + 1, end))
        spans.append((first, end))
        levels = cut_levels(footage, cut)
        if levels is None or fields.sound(cut).mute:
            continue
        energy[first:end] = _stretched(levels.energy, end - first)
        peaks[first:end] = _stretched(levels.peak, end - first)
        speech[first:end] = spoken(edit, cut, levels, end - first)
    cues = []
    for cue in edit.cues:
        first, end = (int(cue[f"timeline_{name}_frame"] / edit.fps * 10) for name in ("in", "out"))
        one = numpy.full(tenths, _SILENCE)
        end = min(tenths, max(first + 1, end))
        found = cue_levels(edit, footage, cue)
        count = min(len(found), end - first)
        one[first : first + count] = found[:count]
        cues.append(one)
    return Programme(energy, peaks, cues, speech, spans, [fields.sound(cut).gain_db for cut in edit.cuts])


def cut_samples(footage: Footage, cut: Record, filters: Chain | None = None) -> Any:
    """A cut's own sound at its own speed: [samples, 2] at 48 kHz, empty if its source has none."""
    media = footage.media(cut["source_id"])
    if media.audio_index is None:
        import numpy

        return numpy.zeros((0, 2), numpy.float32)
    import numpy

    late = fields.sound(cut).late_s * timecode.rational(cut["speed"])
    start = media.video_start_s + cut["in_frame"] / media.fps - late
    end = media.video_start_s + cut["out_frame"] / media.fps - late
    begins = max(start, media.audio_start_s, Fraction(0))
    length = round(float(end - start) * RATE)
    if begins >= end:
        return numpy.zeros((length, 2), numpy.float32)
    found = samples(footage.found, media.path, str(media.audio_index), float(begins), float(end), filters or [])
    silence = round(float(begins - start) * RATE)
    return numpy.concatenate([numpy.zeros((silence, 2), numpy.float32), found]) if silence > 0 else found


def samples(found: Programs, path: Path, stream: str, start_s: float, end_s: float, filters: Chain) -> Any:
    """Sound of a file between two times of its own clock: [samples, 2] at 48 kHz. Raises DataError."""
    import ffmpeg
    import numpy

    options: Options = {**programs.LOCAL_ONLY, "copyts": None}
    if start_s > 4:
        options |= {"noaccurate_seek": None, "ss": int(start_s) - 2, "seek_timestamp": 1}
    chain: Chain = [
        ("aresample", {"sample_rate": RATE, "async": 1}),
        ("atrim", {"start": f"{start_s:.6f}", "end": f"{end_s:.6f}"}),
        ("asetpts", {"expr": "PTS-STARTPTS"}),
        ("aformat", {"sample_fmts": "flt", "channel_layouts": "stereo"}),
        *filters,
    ]
    node = programs.through(ffmpeg.input(programs.local(path), **options)[stream], chain)
    node = node.output("pipe:1", format="f32le", ar=RATE, ac=2)
    data = programs.run(programs.arguments(found, node), str(path))
    return numpy.frombuffer(data[: len(data) // 8 * 8], numpy.float32).reshape(-1, 2)


def cut_levels(footage: Footage, cut: Record) -> Levels | None:
    """The levels of a cut's own sound; None if its source has none."""
    key = ("levels", cut["source_id"], cut["in_frame"], cut["out_frame"], fields.sound(cut).offset_ms)
    if key not in footage._kept:
        found = cut_samples(footage, cut)
        footage._kept[key] = measure(found) if len(found) else None
        footage.tell(str(cut.get("id")))
    kept: Levels | None = footage._kept[key]
    return kept


def cue_levels(edit: Edit, footage: Footage, cue: Record) -> Any:
    """The energies of a cue along its time in the programme, at no gain."""
    import numpy

    length_s = float((cue["timeline_out_frame"] - cue["timeline_in_frame"]) / edit.fps)
    if "source_id" not in cue:
        return numpy.full(math.ceil(length_s * 10), 10 ** ((MADE_LUFS + 0.691) / 10))
    start_s = int(cue.get("source_start_ms", 0)) / 1000
    path = Path(str(edit.sources[cue["source_id"]]["path"]))
    key = ("cue", cue["source_id"], start_s, length_s)
    if key not in footage._kept:
        footage._kept[key] = measure(samples(footage.found, path, "a:0", start_s, start_s + length_s, [])).energy
    return footage._kept[key]


def measure(sound: Any) -> Levels:
    """Energy and peak of each tenth of a second of samples [n, 2] at 48 kHz; at least one."""
    import numpy

    count = max(1, len(sound) // HOP)
    if len(sound) < HOP:
        sound = numpy.concatenate([sound, numpy.zeros((HOP - len(sound), 2), numpy.float32)])
    energy = numpy.empty(count)
    block, edge = _BLOCK_S * RATE, RATE // 5
    response = _response(block + 2 * edge)
    for first in range(0, count * HOP, block):
        padded = numpy.zeros((block + 2 * edge, 2))
        low, high = max(0, first - edge), min(len(sound), first + block + edge)
        padded[low - first + edge : high - first + edge] = sound[low:high]
        weighted = numpy.fft.irfft(numpy.fft.rfft(padded, axis=0) * response[:, None], len(padded), axis=0)
        inner = weighted[edge : edge + min(block, count * HOP - first)]
        hops = inner[: len(inner) // HOP * HOP].reshape(-1, HOP, 2)
        energy[first // HOP : first // HOP + len(hops)] = (hops**2).mean(axis=1).sum(axis=1)
    peaks = numpy.abs(sound[: count * HOP]).reshape(count, -1).max(axis=1)
    return Levels(numpy.maximum(energy, _SILENCE), peaks)


def _response(size: int) -> Any:
    """K weighting at the frequencies of a real FFT of `size` samples."""
    import numpy

    z = numpy.exp(-2j * numpy.pi * numpy.arange(size // 2 + 1) / size)
    total = numpy.ones(len(z), complex)
    for b0, b1, b2, a1, a2 in _K:
        total *= (b0 + b1 * z + b2 * z**2) / (1 + a1 * z + a2 * z**2)
    return total


def loudness(energy: Any) -> float:
    """Gated loudness of energies at each tenth of a second, in LUFS; -70 for silence."""
    import numpy

    blocks = _windows(energy, 4)
    loud = blocks[_lufs(blocks) > -70]
    if not len(loud):
        return -70.0
    kept = loud[_lufs(loud) > _lufs(loud.mean()) - 10]
    return float(_lufs(numpy.asarray(kept.mean())))


def loudness_range(energy: Any) -> float:
    """Loudness range in LU."""
    import numpy

    levels = _lufs(_windows(energy, 30))
    levels = levels[levels > -70]
    if not len(levels):
        return 0.0
    gate = float(_lufs(numpy.mean(10 ** (levels / 10) * 10**0.0691))) - 20
    kept = levels[levels > gate]
    return float(numpy.percentile(kept, 95) - numpy.percentile(kept, 10)) if len(kept) else 0.0


def _windows(energy: Any, tenths: int) -> Any:
    import numpy

    if len(energy) < tenths:
        return numpy.array([energy.mean()])
    total = numpy.concatenate([[0.0], numpy.cumsum(energy)])
    return (total[tenths:] - total[:-tenths]) / tenths


def _lufs(energy: Any) -> Any:
    import numpy

    return -0.691 + 10 * numpy.log10(numpy.maximum(energy, _SILENCE))


def _stretched(values: Any, count: int) -> Any:
    import numpy

    return values[numpy.minimum((numpy.arange(count) * len(values) / count).astype(int), len(values) - 1)]


def spoken(edit: Edit, cut: Record, levels: Levels, count: int) -> Any:
    """Where somebody speaks in a cut, for each of `count` tenths: known spans of speech, or the cut's own swing."""
    import numpy

    spans = [span for span in edit.of("edl.span", cut["source_id"]) if span.get("sort") == "speech"]
    if spans or edit.of("edl.span", cut["source_id"]):
        rate = timecode.rational(cut["fps"], field="fps")
        first, end = float(cut["in_frame"] / rate), float(cut["out_frame"] / rate)
        at = first + (numpy.arange(count) + 0.5) / count * (end - first)
        found = numpy.zeros(count, bool)
        for span in spans:
            found |= (at >= span["start_ms"] / 1000) & (at < span["end_ms"] / 1000)
        return found
    ratio = edit.shot(cut).get("speech_ratio")
    if ratio is None or float(ratio) <= 0.3:
        return numpy.zeros(count, bool)
    level = _stretched(levels.energy, count)
    return level > max(1e-7, float(numpy.median(level)) * 0.1)


# -- faults ----------------------------------------------------------------------------------------------------------


def hum(sound: Any) -> tuple[int, float]:
    """Mains hum: 50 or 60 Hz, and how far its first four lines stand out of what lies beside them, in dB."""
    best = (50, 0.0)
    power, step = _spectrum(sound)
    for base in (50, 60):
        stands = [_prominence(power, step, base * n) for n in (1, 2, 3, 4)]
        value = sum(sorted(stands)[-2:]) / 2
        if value > best[1]:
            best = (base, value)
    return best


def line_level(sound: Any, base: int) -> float:
    """Mean level of the hum lines in dB of full scale."""
    power, step = _spectrum(sound)
    total = sum(float(power[round(base * n / step) - 1 : round(base * n / step) + 2].sum()) for n in (1, 2, 3, 4))
    return 10 * math.log10(max(total, 1e-14))


def floor_db(sound: Any) -> float:
    """Level of the quietest tenth of a sound's moments, in dB of full scale: its hiss."""
    import numpy

    count = len(sound) // 2400
    if not count:
        return -120.0
    power = (sound[: count * 2400].astype(numpy.float64) ** 2).reshape(count, -1).mean(axis=1)
    power = power[power > 1e-11] if (power > 1e-11).any() else power
    return float(10 * numpy.log10(max(float(numpy.percentile(power, 10)), 1e-12)))


def sibilance_db(sound: Any) -> float:
    """Level of 5 to 9 kHz over that of 0.3 to 4 kHz, in dB, in the tenth of moments with most of it."""
    import numpy

    mono = sound.mean(axis=1)
    count = len(mono) // 2048
    if not count:
        return -60.0
    power = numpy.abs(numpy.fft.rfft(mono[: count * 2048].reshape(count, 2048) * numpy.hanning(2048), axis=1)) ** 2
    step = RATE / 2048
    high = power[:, int(5000 / step) : int(9000 / step)].sum(axis=1)
    low = power[:, int(300 / step) : int(4000 / step)].mean(axis=0).sum() + 1e-9
    return float(10 * numpy.log10(max(float(numpy.percentile(high, 95)), 1e-12) / low))


def _spectrum(sound: Any) -> tuple[Any, float]:
    """Mean power spectrum with 2.5 Hz between lines, and that step."""
    import numpy

    size = RATE * 2 // 5
    mono = sound.mean(axis=1)
    count = len(mono) // size
    if not count:
        mono, count = numpy.pad(mono, (0, size - len(mono))), 1
    window = numpy.hanning(size)
    total = numpy.zeros(size // 2 + 1)
    for n in range(count):
        total += numpy.abs(numpy.fft.rfft(mono[n * size : (n + 1) * size] * window)) ** 2
    return total / count / (window.sum() ** 2 / 2), RATE / size


def _prominence(power: Any, step: float, hertz: float) -> float:
    import numpy

    at = round(hertz / step)
    line = float(power[at - 1 : at + 2].max())
    beside = numpy.concatenate([power[at - 7 : at - 3], power[at + 4 : at + 8]])
    return max(0.0, 10 * math.log10(max(line, 1e-14) / max(float(numpy.median(beside)), 1e-14)))
