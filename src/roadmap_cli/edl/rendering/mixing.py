"""All sounds of an edit added up: cuts with their ways in and out, music that steps back under speech, made sounds."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.edl import edit as said
from roadmap_cli.edl import speaking, timecode
from roadmap_cli.edl.gathering import Edit
from roadmap_cli.edl.rendering import sound_parts
from roadmap_cli.edl.rendering.sound_parts import DIP_SAMPLES, RATE, Stretch

#: How many samples are mixed at a time: memory does not grow with the programme.
BLOCK = 20 * RATE


@dataclass(frozen=True, slots=True)
class Cue:
    """A cue in programme samples. `made` is a name and a seed; else the samples come from a file."""

    start: int
    stop: int
    fade_in: int
    fade_out: int
    gain: float
    duck_db: float
    made: tuple[str, int] | None
    wanted: sound_parts.Wanted | None


@dataclass(slots=True)
class Mix:
    """A programme's sounds, ready to be added up."""

    length: int
    stretches: list[Stretch]
    files: list[Path | None]
    cues: list[Cue]
    cue_files: list[Path | None]
    speech: list[tuple[int, int]]

    def block(self, first: int, end: int) -> Any:
        """Samples `first` to `end` of the programme: an array (samples, 2) of float64."""
        import numpy

        out = numpy.zeros((max(0, end - first), 2))
        for stretch, file in zip(self.stretches, self.files, strict=True):
            low, high = max(first, stretch.start), min(end, stretch.stop)
            if low >= high or file is None:
                continue
            part = numpy.asarray(sound_parts.samples(file)[low - stretch.start : high - stretch.start], numpy.float64)
            out[low - first : high - first] += part * _envelope(stretch, low, high)[:, None]
        for cue, file in zip(self.cues, self.cue_files, strict=True):
            low, high = max(first, cue.start), min(end, cue.stop)
            if low >= high or file is None:
                continue
            part = numpy.asarray(sound_parts.samples(file)[low - cue.start : high - cue.start], numpy.float64)
            gain = cue.gain * _ramps(cue.start, cue.stop, cue.fade_in, cue.fade_out, low, high, power=True)
            if cue.duck_db:
                gain = gain * 10 ** (-cue.duck_db * self.ducking(low, high) / 20)
            out[low - first : high - first] += part * gain[:, None]
        return out

    def ducking(self, first: int, end: int) -> Any:
        """How far music has stepped back, 0 to 1, at samples `first` to `end`."""
        import numpy

        at = numpy.arange(first, end)
        share = numpy.zeros(len(at))
        attack, release = int(speaking.ATTACK_S * RATE), int(speaking.RELEASE_S * RATE)
        # No two stretches of speech are nearer than the bridge, so only those around the block can matter.
        near = bisect.bisect_left(self.speech, (first - release - 1,))
        for start, stop in self.speech[max(0, near - 1) :]:
            if start - attack > end:
                break
            if stop + release < first:
                continue
            comes, goes = (at - (start - attack)) / attack, ((stop + release) - at) / release
            share = numpy.maximum(share, numpy.clip(numpy.minimum(comes, goes), 0, 1))
        return share


def _envelope(stretch: Stretch, low: int, high: int) -> Any:
    """A stretch's gain with its ways in and out. Mixing transitions keep the power, dips the shape of a cosine."""
    import numpy

    gain = numpy.full(high - low, stretch.gain)
    for at_start, fade, mixes in (
        (True, stretch.fade_in, stretch.mixes_in),
        (False, stretch.fade_out, stretch.mixes_out),
    ):
        fade = min(fade, (stretch.stop - stretch.start) // (1 if mixes else 2))
        if fade <= 0:
            continue
        at = numpy.arange(low, high)
        share = (at - stretch.start + 0.5) / fade if at_start else (stretch.stop - at - 0.5) / fade
        share = numpy.clip(share, 0, 1)
        gain *= numpy.sin(share * numpy.pi / 2) if mixes else 0.5 - 0.5 * numpy.cos(share * numpy.pi)
    return gain


def _ramps(start: int, stop: int, fade_in: int, fade_out: int, low: int, high: int, *, power: bool) -> Any:
    import numpy

    at = numpy.arange(low, high)
    shares = []
    for fade, since in ((fade_in, at - start + 0.5), (fade_out, stop - at - 0.5)):
        shares.append(numpy.clip(since / max(1, fade), 0, 1))
    share = numpy.minimum(*shares)
    return numpy.sin(share * numpy.pi / 2) if power else share


def speech_in(edit: Edit, fps: Fraction) -> list[tuple[int, int]]:
    """Where somebody speaks in the programme, in samples."""
    heard = []
    for cut in edit.cuts:
        own = said.sound(cut)
        if not own.mute and edit.sources[cut["source_id"]].get("has_sound"):
            start, stop = cut["timeline_in_frame"], cut["timeline_out_frame"]
            heard.append((cut, start - own.lead_frames, stop + own.lag_frames))
    stretches = speaking.in_programme(heard, edit.of("edl.span"), edit.shots, fps)
    return [(round(low * RATE), round(high * RATE)) for low, high in stretches]


def read_cue(record: Record, fps: Fraction, heard: Any) -> Cue:
    """A cue's record in samples; `heard` finds the sound of its source. Raises DataError if it has none or no name."""
    start, stop = (timecode.sample_at(record[f"timeline_{side}_frame"], fps, RATE) for side in ("in", "out"))
    fades = [timecode.sample_at(int(record.get(f"fade_{side}_frames", 0)), fps, RATE) for side in ("in", "out")]
    made = wanted = None
    if record.get("source_id"):
        first = timecode.round_half_up(heard.origin_s * RATE) + int(record.get("source_start_ms", 0)) * RATE // 1000
        wanted = sound_parts.Wanted(heard.path, heard.sha256, heard.index, heard.start_s, first, stop - start)
    elif record.get("sound") in said.CUE_SOUNDS:
        made = (str(record["sound"]), int(record.get("seed", 0)))
    else:
        raise DataError(
            f"cue {record.get('id')} has neither a source nor a sound: {record.get('sound')!r}", code="bad_cue"
        )
    gain = 10 ** (float(record.get("gain_db", 0.0)) / 20)
    duck = max(0.0, float(record.get("duck_db", 0.0)))
    return Cue(
        start, stop, max(fades[0], DIP_SAMPLES if wanted else 0), max(fades[1], DIP_SAMPLES), gain, duck, made, wanted
    )


def joints(stretches: Sequence[Stretch]) -> list[int]:
    """The samples at which one stretch gives way to the next."""
    return sorted({stretch.start for stretch in stretches if stretch.start} | {stretch.stop for stretch in stretches})


def step_ratio(mix: Mix, at: int) -> float:
    """How hard the sound steps at a joint: the largest step there by the 95th percentile of steps around it.

    Around is 20 ms on each side. Steps below -80 dBFS count as that: silence beside silence has no click.
    """
    import numpy

    reach = RATE // 50
    first, end = max(0, at - reach), min(mix.length, at + reach)
    if at <= first or at >= end:
        return 0.0
    steps = numpy.abs(numpy.diff(mix.block(first, end), axis=0)).max(axis=1)
    here = float(steps[max(0, at - first - 2) : at - first + 1].max())
    return here / max(float(numpy.percentile(steps, 95)), 1e-4)
