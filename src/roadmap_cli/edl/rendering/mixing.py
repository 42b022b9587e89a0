"""All sounds of an edit added up: cuts with their ways in and out, music that steps back under speech, made sounds.

No sample of a mix depends on another, so any part of it can be had alone, and named by what is heard there.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.edl import edit as said
from roadmap_cli.edl import speaking, timecode
from roadmap_cli.edl.gathering import Edit
from roadmap_cli.edl.rendering import made_sounds, sound_parts
from roadmap_cli.edl.rendering.sound_parts import DIP_SAMPLES, RATE, Stretch

#: What sounds near a sample is looked up in places of so many samples.
_PLACE = 10 * RATE


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

    def told(self, first: int, end: int, tempo: str, version: str) -> list[Any]:
        """All of it that is heard between two samples of the programme."""
        if self.wanted:
            source: Any = self.wanted.told(tempo, version)
        else:
            source = [made_sounds.METHOD, *(self.made or ()), self.stop - self.start]
        comes = self.fade_in if first < self.start + self.fade_in else 0
        goes = [self.stop - first, self.fade_out] if end > self.stop - self.fade_out else None
        return [source, self.start - first, comes, goes, self.gain, self.duck_db]


@dataclass(slots=True)
class Mix:
    """A programme's sounds, ready to be added up."""

    length: int
    stretches: list[Stretch]
    files: list[Path | None]
    cues: list[Cue]
    cue_files: list[Path | None]
    speech: list[tuple[int, int]]
    _near: dict[int, tuple[list[int], list[int]]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        both: list[Sequence[Stretch | Cue]] = [self.stretches, self.cues]
        for side, sounds in enumerate(both):
            for n, each in enumerate(sounds):
                for place in range(each.start // _PLACE, -(-each.stop // _PLACE)):
                    self._near.setdefault(place, ([], []))[side].append(n)

    def within(self, first: int, end: int) -> tuple[list[int], list[int]]:
        """The numbers of the stretches and of the cues that lie between two samples, in order."""
        stretches: set[int] = set()
        cues: set[int] = set()
        for place in range(first // _PLACE, -(-end // _PLACE)):
            near = self._near.get(place, ([], []))
            stretches.update(n for n in near[0] if self.stretches[n].start < end and self.stretches[n].stop > first)
            cues.update(n for n in near[1] if self.cues[n].start < end and self.cues[n].stop > first)
        return sorted(stretches), sorted(cues)

    def told(self, first: int, end: int, tempo: str, version: str) -> dict[str, Any]:
        """All that decides the samples between `first` and `end`, placed from `first` on.

        What is not heard there does not count: where a long cut ends, or what is spoken later. Mixes that sound the
        same there say the same, wherever in the programme it is.
        """
        stretches, cues = self.within(first, end)
        heard = [self.stretches[n].told(first, end, tempo, version) for n in stretches if self.stretches[n].wanted]
        music = [self.cues[n].told(first, end, tempo, version) for n in cues]
        ducked = any(self.cues[n].duck_db for n in cues)
        return {"stretches": heard, "cues": music, "speech": self._speech_told(first, end) if ducked else None}

    def _speech_told(self, first: int, end: int) -> list[list[int]]:
        near = int((speaking.ATTACK_S + speaking.RELEASE_S) * RATE) + 1
        return [
            [max(start, first) - first, min(stop, end) - first]
            for start, stop in self.speech
            if start < end + near and stop > first - near
        ]

    def block(self, first: int, end: int) -> Any:
        """Samples `first` to `end` of the programme: an array (samples, 2) of float64."""
        import numpy

        out = numpy.zeros((max(0, end - first), 2))
        stretches, cues = self.within(first, end)
        for stretch, file in ((self.stretches[n], self.files[n]) for n in stretches):
            low, high = max(first, stretch.start), min(end, stretch.stop)
            if file is None:
                continue
            part = numpy.asarray(sound_parts.samples(file)[low - stretch.start : high - stretch.start], numpy.float64)
            out[low - first : high - first] += part * _envelope(stretch, low, high)[:, None]
        for cue, file in ((self.cues[n], self.cue_files[n]) for n in cues):
            low, high = max(first, cue.start), min(end, cue.stop)
            if file is None:
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
    comes, goes = min(high, stretch.start + stretch.comes), max(low, stretch.stop - stretch.goes)
    if comes > low:
        share = (numpy.arange(low, comes) - stretch.start + 0.5) / stretch.comes
        gain[: comes - low] *= _way(share, mixes=stretch.mixes_in)
    if goes < high:
        share = (stretch.stop - numpy.arange(goes, high) - 0.5) / stretch.goes
        gain[goes - low :] *= _way(share, mixes=stretch.mixes_out)
    return gain


def _way(share: Any, *, mixes: bool) -> Any:
    import numpy

    return numpy.sin(share * numpy.pi / 2) if mixes else 0.5 - 0.5 * numpy.cos(share * numpy.pi)


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
