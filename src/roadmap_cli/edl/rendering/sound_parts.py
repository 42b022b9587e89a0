"""The sound of each cut as the programme hears it: which samples, where, how it comes and goes; decoded once and kept.

Every cut gets exactly the samples between its first frame's time and the next cut's, both rounded from the start of the
programme; leads, lags and mixing transitions move the sound's edges and nothing else. A decoded part does not know its
place, its gain or its fades: those are applied in the mix, so changing them decodes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from roadmap_cli.core import records
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.edl import cleaning, programs, timecode
from roadmap_cli.edl import edit as said
from roadmap_cli.edl.edit import PLAIN, Sound
from roadmap_cli.edl.probe import Media
from roadmap_cli.edl.rendering import keeping
from roadmap_cli.edl.rendering.able import Able
from roadmap_cli.edl.rendering.pieces import FADES

RATE = 48_000
CHANNELS = 2
SAMPLE_BYTES = 4 * CHANNELS
#: Part of each key: a change of the filters below is a new number.
FORMAT = 2
#: At a joint where the sound is not continuous it dips for this long, so that it does not click.
DIP_SAMPLES = RATE // 100
#: Parts are decoded in whole blocks of this, so that a rounding of a sample elsewhere does not make them new.
_BLOCK = 4096
#: How long filters with a memory are run before the first sample wanted.
_WARM_SAMPLES = RATE // 2
#: How many parts one ffmpeg decodes at a time.
_AT_ONCE = 12


@dataclass(frozen=True, slots=True)
class Wanted:
    """Samples of a file to be decoded: from `first` on the file's own clock at `RATE`, `length` samples at `speed`."""

    path: Path
    sha256: str
    index: int
    start_s: Fraction
    first: int
    length: int
    speed: Fraction = Fraction(1)
    steps: Sound = PLAIN

    def key(self, tempo: str, version: str) -> str:
        """SHA-256 over all that decides the samples and how many there are."""
        told = self.told(tempo, version) | {"blocks": self.blocks}
        return hashlib.sha256(records.canonical(told)).hexdigest()

    def told(self, tempo: str, version: str) -> dict[str, Any]:
        """All that decides a sample of it. Where it ends matters only to filters that look ahead: they may hear it."""
        heard = ("hum_hz", "denoise_db", "noise_db", "deess", "presence_db")
        steps = {k: v for k, v in self.steps.record().items() if k in heard}
        told: dict[str, Any] = {
            "format": FORMAT, "source": [self.sha256, self.index], "first": self.first,
            "speed": timecode.spell(self.speed), "tempo": tempo if self.speed != 1 else "", "steps": steps,
            "decoder": version,
        }  # fmt: skip
        return told | {"blocks": self.blocks} if steps or self.speed != 1 else told

    @property
    def blocks(self) -> int:
        """Length in whole blocks."""
        return -(-(self.length + 2) // _BLOCK)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A cut's sound in the programme, in samples: from `start` to `stop`, with its way in and out."""

    cut_id: str
    wanted: Wanted | None
    start: int
    stop: int
    fade_in: int
    fade_out: int
    gain: float
    mixes_in: bool = False
    mixes_out: bool = False

    @property
    def comes(self) -> int:
        """Samples of its way in."""
        return min(self.fade_in, (self.stop - self.start) // (1 if self.mixes_in else 2))

    @property
    def goes(self) -> int:
        """Samples of its way out."""
        return min(self.fade_out, (self.stop - self.start) // (1 if self.mixes_out else 2))

    def told(self, first: int, end: int, tempo: str, version: str) -> list[Any]:
        """All of it that is heard between two samples of the programme."""
        assert self.wanted
        comes = [self.comes, self.mixes_in] if first < self.start + self.comes else None
        goes = [self.stop - first, self.goes, self.mixes_out] if end > self.stop - self.goes else None
        return [self.wanted.told(tempo, version), self.start - first, comes, goes, self.gain]


@dataclass(frozen=True, slots=True)
class _Side:
    """How a cut's sound comes in at a joint, or goes out: its programme frame and its fade in frames."""

    frame: int
    fade: int
    mixes: bool = False
    plain: bool = False


def stretches(cuts: Sequence[Record], media: Mapping[str, Media], fps: Fraction) -> list[Stretch]:
    """The programme's sound from its cuts. Raises DataError for fields that cannot be understood."""
    steps = [said.sound(cut) for cut in cuts]
    found: list[Stretch] = []
    for n, cut in enumerate(cuts):
        before = (cuts[n - 1], steps[n - 1]) if n else None
        after = (cuts[n + 1], steps[n + 1]) if n + 1 < len(cuts) else None
        comes = _comes(cut, steps[n], before[1] if before else None)
        goes = _goes(cut, steps[n], after)
        if goes.frame <= comes.frame:
            continue
        found.append(_stretch(cut, steps[n], media[cut["source_id"]], fps, comes, goes))
    return _joined(found)


def _comes(cut: Record, own: Sound, before: Sound | None) -> _Side:
    at = cut["timeline_in_frame"]
    change = said.transition(cut) if before is not None else None
    if before is not None and (own.lead_frames or before.lag_frames):
        return _Side(max(0, at + before.lag_frames - own.lead_frames), 0)
    if change and change.sort in FADES:
        return _Side(at, change.frames - change.frames // 2)
    if change:
        return _Side(at, min(change.frames, cut["timeline_out_frame"] - at), mixes=True)
    return _Side(at, cut.get("fade_in_frames", 0), plain=True)


def _goes(cut: Record, own: Sound, after: tuple[Record, Sound] | None) -> _Side:
    at = cut["timeline_out_frame"]
    if after is None:
        return _Side(at, cut.get("fade_out_frames", 0), plain=True)
    following, its = after
    if its.lead_frames or own.lag_frames:
        longest = following["timeline_out_frame"] - at
        return _Side(at + min(own.lag_frames, longest) - its.lead_frames, 0)
    change = said.transition(following)
    if change and change.sort in FADES:
        return _Side(at, change.frames // 2)
    if change:
        frames = min(change.frames, following["timeline_out_frame"] - at)
        return _Side(at + frames, frames, mixes=True)
    return _Side(at, cut.get("fade_out_frames", 0), plain=True)


def _stretch(cut: Record, own: Sound, media: Media, fps: Fraction, comes: _Side, goes: _Side) -> Stretch:
    speed = timecode.rational(cut["speed"], field="speed")
    start, stop = (timecode.sample_at(side.frame, fps, RATE) for side in (comes, goes))
    fades = [timecode.sample_at(side.fade, fps, RATE) or DIP_SAMPLES for side in (comes, goes)]
    wanted = None
    if media.audio_index is not None and not own.mute:
        moved = Fraction(comes.frame - cut["timeline_in_frame"]) / fps * speed
        late = own.late_s * speed
        at = media.video_start_s + cut["in_frame"] / media.fps + moved - late
        wanted = Wanted(
            media.path, media.sha256, media.audio_index, media.audio_start_s,
            timecode.round_half_up(at * RATE), stop - start, speed, own,
        )  # fmt: skip
    gain = 10 ** (own.gain_db / 20)
    return Stretch(str(cut["id"]), wanted, start, stop, fades[0], fades[1], gain, comes.mixes, goes.mixes)


def _joined(found: Sequence[Stretch]) -> list[Stretch]:
    """Stretches that follow each other in the source as in the programme become one: there is no joint to hear."""
    joined: list[Stretch] = []
    for each in found:
        last = joined[-1] if joined else None
        if last and last.wanted and each.wanted and _continues(last, each):
            whole = replace(last.wanted, length=each.stop - last.start)
            joined[-1] = replace(last, wanted=whole, stop=each.stop, fade_out=each.fade_out, mixes_out=each.mixes_out)
        else:
            joined.append(each)
    return joined


def _continues(last: Stretch, each: Stretch) -> bool:
    one, two = last.wanted, each.wanted
    assert one
    assert two
    if (one.sha256, one.index, one.speed) != (two.sha256, two.index, two.speed) or last.gain != each.gain:
        return False
    ends_at = one.first + (last.stop - last.start) * one.speed
    plain = last.fade_out == DIP_SAMPLES == each.fade_in and last.stop == each.start
    timing = ("lead_frames", "lag_frames")
    steps = [{k: v for k, v in part.steps.record().items() if k not in timing} for part in (one, two)]
    return plain and abs(ends_at - two.first) <= 1 and steps[0] == steps[1]


# -- decoding ------------------------------------------------------------------------------------------------------


def tempo_filter(able: Able) -> str:
    """Rubber Band keeps onsets within 15 ms at 4/5 speed where atempo strays by 30 (measured on clicks)."""
    return "rubberband" if "rubberband" in able.filters else "atempo"


def decode(able: Able, wanted: Sequence[Wanted], cache: Path) -> list[Path]:
    """Files of interleaved stereo floats, in the order wanted: from the cache, or decoded into it.

    Raises DataError if a source's sound cannot be decoded, CannotCreate if the cache cannot be written.
    """
    tempo = tempo_filter(able)
    places = []
    missing: dict[Path, Wanted] = {}
    for part in wanted:
        name = part.key(tempo, able.version)
        place = cache / "parts" / name[:2] / f"{name}.f32"
        places.append(place)
        if place not in missing and keeping.kept(place) is None:
            missing[place] = part
    todo = list(missing.items())
    for n in range(0, len(todo), _AT_ONCE):
        _decode_some(able, todo[n : n + _AT_ONCE], tempo)
    return places


def _decode_some(able: Able, todo: Sequence[tuple[Path, Wanted]], tempo: str) -> None:
    from contextlib import ExitStack

    with ExitStack() as stack:
        for place, _ in sorted(todo):
            stack.enter_context(keeping.locked(place))
        todo = [(place, part) for place, part in todo if keeping.kept(place) is None]
        if not todo:
            return
        files = [stack.enter_context(keeping.whole_file(place)).path for place, _ in todo]
        command = [able.found.ffmpeg, "-hide_banner", "-nostdin", "-loglevel", "error", "-y", "-copyts"]
        for _, part in todo:
            command += ["-protocol_whitelist", "file,pipe,crypto,data", "-vn", *_entering(part)]
            command += ["-i", programs.local(part.path)]
        for number, (file, (_, part)) in enumerate(zip(files, todo, strict=True)):
            command += [
                "-map",
                f"{number}:{part.index}",
                "-af",
                ",".join(_filters(part, tempo, able.denoise_delay if part.steps.denoise_db else 0)),
            ]
            command += ["-f", "f32le", programs.local(file.absolute())]
        programs.run(command, str(todo[0][1].path))
        for file, (_, part) in zip(files, todo, strict=True):
            if file.stat().st_size != part.blocks * _BLOCK * SAMPLE_BYTES:
                raise DataError("its sound ended early", where=str(part.path), code="missing_sound")
    for place, _ in todo:
        keeping.write_note(place, {})


def _entering(part: Wanted) -> list[str]:
    seconds = (part.first - _warm(part)) // RATE - 2
    if seconds > part.start_s and seconds > 0:
        return ["-noaccurate_seek", "-seek_timestamp", "1", "-ss", str(seconds)]
    return []


def _warm(part: Wanted) -> int:
    return _WARM_SAMPLES if cleaning.chain(part.steps) else 0


def _filters(part: Wanted, tempo: str, delay: int) -> list[str]:
    """Sample-exact cutting by time stamps, cleaning with a run-up, speed with the pitch kept, exact length."""
    length = part.blocks * _BLOCK
    end = part.first + int(length * part.speed) + _BLOCK
    warm, cleaned = _warm(part), programs.spelled(cleaning.chain(part.steps))
    begins = timecode.round_half_up(part.start_s * RATE)
    late = min(end - part.first, max(0, begins - part.first))
    filters = [f"aresample={RATE}:async=1", f"atrim=start_pts={part.first - warm}:end_pts={end}"]
    if cleaned:
        filters += [*cleaned, f"atrim=start_pts={part.first + delay}"]
    filters += ["asetpts=PTS-STARTPTS", "aformat=sample_fmts=flt:channel_layouts=stereo"]
    if late:
        filters.append(f"adelay={late}S:all=1")
    if part.speed != 1:
        filters.append(f"{tempo}=tempo={float(part.speed):.9f}")
    return [*filters, "apad", f"atrim=end_sample={length}"]


def samples(place: Path) -> Any:
    """A decoded part as an array (samples, 2) of floats, read as it is used."""
    import numpy

    return numpy.memmap(place, dtype="<f4", mode="r").reshape(-1, CHANNELS)
