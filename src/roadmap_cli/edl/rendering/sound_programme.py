"""The sound of a whole edit as one continuous stream: mixed, brought to its loudness, encoded once, measured.

The rule: nothing is ever joined after encoding, so there is no priming gap and nothing to drift. What was decoded or
made for a part is kept, so that another gain, fade or cue decodes nothing again.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadmap_cli.core import records
from roadmap_cli.core.errors import DataError, TryLater
from roadmap_cli.edl import programs, timecode
from roadmap_cli.edl.gathering import Edit
from roadmap_cli.edl.probe import Media
from roadmap_cli.edl.rendering import keeping, loudness, made_sounds, mixing, sound_parts
from roadmap_cli.edl.rendering.found_sources import Looking
from roadmap_cli.edl.rendering.loudness import Level
from roadmap_cli.edl.rendering.mixing import BLOCK, Mix
from roadmap_cli.edl.rendering.sound_parts import CHANNELS, RATE, SAMPLE_BYTES

if TYPE_CHECKING:
    from roadmap_cli.edl.rendering.encoding import Workshop

#: Part of each key: a change of the mix or the encoder's settings is a new number.
FORMAT = 2
#: AAC gives peaks back a little higher than it got them; the limiter leaves this much room, in decibels.
_ROOM_DB = 0.4
#: How often a limited programme is encoded until loudness and peak fit, and how near is near enough.
_TRIES, _NEAR_LU = 6, 0.3
#: The furthest a programme is made louder or softer.
_MOST_GAIN_DB = 30.0
#: Samples compared when the encoded sound is held against the mix.
_COMPARED = 1 << 15


@dataclass(frozen=True, slots=True)
class Programme:
    """The encoded sound of an edit, and what was measured of it."""

    path: Path
    key: str
    samples: int
    cached: bool
    offset_samples: int
    measured: Mapping[str, Any]

    def record(self) -> dict[str, Any]:
        """What an edl.render record says of it."""
        return {
            "sound_samples": self.samples, "sound_rate": RATE, "sound_cached": self.cached, **self.measured
        }  # fmt: skip


def build(shop: Workshop, edit: Edit, media: Mapping[str, Media], looking: Looking) -> Programme | None:
    """The sound of an edit from the cache, or made into it. None if nothing in it has sound.

    Raises DataError if a source's sound cannot be decoded, CannotCreate if the cache cannot be written.
    """
    fps = shop.shape.fps
    stretches = sound_parts.stretches(edit.cuts, media, fps)
    cues = []
    for record in edit.cues:
        heard = None
        if record.get("source_id"):
            source = edit.sources.get(str(record["source_id"]))
            if source is None:
                raise DataError(f"the source of cue {record.get('id')} is not in the stream", code="no_source")
            heard = looking.heard(source)
        cues.append(mixing.read_cue(record, fps, heard))
    if not cues and all(piece.audio_index is None for piece in media.values()):
        return None
    length = timecode.sample_at(edit.cuts[-1]["timeline_out_frame"], fps, RATE)
    mix = Mix(length, stretches, [], cues, [], mixing.speech_in(edit, fps))
    target = edit.plan.get("loudness_lufs")
    bound = edit.plan.get("true_peak_dbtp")
    name = _key(shop, mix, target, bound)
    place = shop.cache / "sound" / name[:2] / f"{name}.m4a"
    if programme := _known(place, name, length):
        return programme
    with keeping.locked(place):
        if programme := _known(place, name, length):
            return programme
        mix.files = _decoded(shop, [stretch.wanted for stretch in stretches])
        mix.cue_files = _decoded(shop, [cue.wanted for cue in cues])
        for number, cue in enumerate(cues):
            if cue.made:
                mix.cue_files[number] = _made(shop.cache, *cue.made, cue.stop - cue.start)
        with keeping.whole_file(place) as part:
            measured = _encoded(shop, mix, target, bound, part.path)
        facts = {"samples": length, **measured}
        note = keeping.write_note(place, {"facts": facts})
    return _programme(place, name, length, note, cached=False)


def _programme(place: Path, name: str, length: int, note: Mapping[str, Any], *, cached: bool) -> Programme:
    facts = dict(note["facts"])
    facts.pop("samples")
    offset = int(facts.pop("offset_samples"))
    return Programme(place, name, length, cached, offset, facts)


def _known(place: Path, name: str, length: int) -> Programme | None:
    note = keeping.kept(place)
    if note is None or note.get("facts", {}).get("samples") != length:
        return None
    return _programme(place, name, length, note, cached=True)


def _key(shop: Workshop, mix: Mix, target: object, bound: object) -> str:
    """SHA-256 over all that decides the encoded sound."""
    tempo, version = sound_parts.tempo_filter(shop.able), shop.able.version
    told = {
        "format": FORMAT, "length": mix.length, "target": target, "bound": bound, "encoder": version,
        "stretches": [
            [s.wanted.key(tempo, version) if s.wanted else None, s.start, s.stop, s.fade_in, s.fade_out,
             round(s.gain, 6), s.mixes_in, s.mixes_out]
            for s in mix.stretches
        ],
        "cues": [
            [c.start, c.stop, c.fade_in, c.fade_out, round(c.gain, 6), c.duck_db, list(c.made or ()),
             c.wanted.key(tempo, version) if c.wanted else None]
            for c in mix.cues
        ],
        "made": made_sounds.METHOD if any(cue.made for cue in mix.cues) else None,
        "speech": [list(each) for each in mix.speech] if any(cue.duck_db for cue in mix.cues) else None,
    }  # fmt: skip
    return hashlib.sha256(records.canonical(told)).hexdigest()


def _decoded(shop: Workshop, wanted: list[sound_parts.Wanted | None]) -> list[Path | None]:
    found = iter(sound_parts.decode(shop.able, [each for each in wanted if each], shop.cache))
    return [next(found) if each else None for each in wanted]


def _made(cache: Path, sound: str, seed: int, length: int) -> Path:
    name = hashlib.sha256(f"{made_sounds.METHOD} {sound} {seed} {length}".encode()).hexdigest()
    place = cache / "parts" / name[:2] / f"{name}.f32"
    with keeping.locked(place):
        if keeping.kept(place) is None:
            with keeping.whole_file(place) as part:
                part.path.write_bytes(made_sounds.made(sound, seed, length).tobytes())
            keeping.write_note(place, {})
    return place


def _encoded(shop: Workshop, mix: Mix, target: object, bound: object, place: Path) -> dict[str, Any]:
    """Mix, measure, bring to loudness, encode, and hold the result against the mix. Returns what was measured."""
    steps = [mixing.step_ratio(mix, at) for at in mixing.joints(mix.stretches)]
    measured: dict[str, Any] = {"joint_step_ratio": round(max(steps, default=0.0), 3)}
    with keeping.whole_file(place.with_name("mix.f32")) as raw:
        with raw.path.open("wb") as file:
            for first in range(0, mix.length, BLOCK):
                if shop.stopped.is_set():
                    raise TryLater("the render was stopped", code="stopped")
                file.write(mix.block(first, min(mix.length, first + BLOCK)).astype("<f4").tobytes())
        before = loudness.of_raw(shop.able.found, raw.path)
        gain_db, limit, after, offset = _settled(shop, raw.path, mix.length, before, target, bound, place)
    if before.lufs is not None:
        measured["loudness_before_lufs"] = before.lufs
    if after.lufs is not None:
        measured["loudness_after_lufs"] = after.lufs
    if after.peak_dbtp is not None:
        measured["true_peak_dbtp"] = after.peak_dbtp
    measured |= {"gain_db": round(gain_db, 2), "limited": limit is not None, "offset_samples": offset}
    return measured


def _settled(
    shop: Workshop, raw: Path, length: int, before: Level, target: object, bound: object, place: Path
) -> tuple[float, float | None, Level, int]:
    """Encode at the gain and the limit with which the encoded sound is as loud as planned and no peak too high.

    Where the gain alone does it there is no limiter, and the sound is the mix times one number. Else both are set again
    from what the decoded sound measures: a limiter takes loudness, and the encoder gives peaks back higher than it got
    them. A peak that stays too high after some tries wins over loudness. Gives gain, limit, what came out, and offset.
    """
    peak = before.peak_dbtp if before.peak_dbtp is not None else -99.0
    highest = float(bound) if isinstance(bound, int | float) else 0.0
    levelled = isinstance(target, int | float) and before.lufs is not None
    wanted = float(target) if isinstance(target, int | float) else 0.0
    gain = max(-_MOST_GAIN_DB, min(_MOST_GAIN_DB, wanted - (before.lufs or 0.0))) if levelled else 0.0
    room = _ROOM_DB if isinstance(bound, int | float) else 0.0
    limit = None if peak + gain <= highest - room else 10 ** ((highest - room) / 20)
    for left in range(_TRIES - 1, -1, -1):
        after, offset = _written(shop, raw, length, gain, limit, place)
        over = (after.peak_dbtp if after.peak_dbtp is not None else -99.0) - highest
        missing = wanted - after.lufs if levelled and after.lufs is not None else 0.0
        is_quiet = missing > _NEAR_LU and gain < _MOST_GAIN_DB and limit is not None and left
        too_high = over > 0 and isinstance(bound, int | float)
        if not left or not (too_high or is_quiet):
            break
        if too_high:
            room += over + 0.15
        if is_quiet and left > 1:  # the last try is for the peak alone
            gain = min(_MOST_GAIN_DB, gain + missing)
        limit = 10 ** ((highest - room) / 20)
    return gain, limit, after, offset


def _levelled(raw: Path, gain_db: float, limit: float | None) -> Iterator[Any]:
    whole = sound_parts.samples(raw)
    gain = 10 ** (gain_db / 20)
    if limit is not None:
        yield from loudness.limited(lambda first, end: whole[first:end], len(whole), gain, limit, BLOCK)
        return
    for first in range(0, len(whole), BLOCK):
        yield whole[first : first + BLOCK] * gain


def _written(
    shop: Workshop, raw: Path, length: int, gain_db: float, limit: float | None, place: Path
) -> tuple[Level, int]:
    """Encode; then decode again for its loudness and for how many samples it is off the mix."""
    import numpy

    found = shop.able.found
    command = [
        found.ffmpeg, "-hide_banner", "-loglevel", "error", "-y", "-f", "f32le", "-ar", str(RATE), "-ac", str(CHANNELS),
        "-i", "pipe:0", "-f", "ipod", "-c:a", "aac", "-b:a", "192k", "-map_metadata", "-1", "-fflags", "+bitexact",
        "-flags:a", "+bitexact", programs.local(place.absolute()),
    ]  # fmt: skip
    loudest, at, position = -1.0, 0, 0
    with programs.drained(command, str(place), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as encoder:
        try:
            for block in _levelled(raw, gain_db, limit):
                if shop.stopped.is_set():
                    raise TryLater("the render was stopped", code="stopped")
                encoder.stdin.write(numpy.ascontiguousarray(block, dtype="<f4").tobytes())
                for first in range(0, max(1, len(block) - _COMPARED), _COMPARED):
                    power = float(numpy.square(block[first : first + _COMPARED]).sum())
                    if power > loudest:
                        loudest, at = power, position + first
                position += len(block)
            encoder.stdin.close()
        except BrokenPipeError:
            encoder.finish()
            raise DataError("the sound encoder stopped early", code="bad_media") from None
        encoder.finish()
    command = [
        found.ffmpeg, "-hide_banner", "-nostdin", "-loglevel", "info", "-nostats",
        "-i", programs.local(place.absolute()), "-af", "ebur128=peak=true:framelog=verbose", "-f", "f32le", "pipe:1",
    ]  # fmt: skip
    with programs.drained(command, str(place)) as decoder:
        heard, position = b"", 0
        while block := decoder.stdout.read(_COMPARED * SAMPLE_BYTES):
            if (
                position <= at * SAMPLE_BYTES + 2 * _COMPARED * SAMPLE_BYTES
                and position + len(block) > at * SAMPLE_BYTES
            ):
                heard = heard or bytes(position)[:0]
                heard += block[max(0, at * SAMPLE_BYTES - position) :]
            position += len(block)
        level = loudness.read(decoder.finish())
    if loudest <= 1e-6 * _COMPARED:
        return level, 0
    there = numpy.asarray(sound_parts.samples(raw)[at : at + _COMPARED], numpy.float64)
    back = numpy.frombuffer(heard[: len(there) * SAMPLE_BYTES], "<f4").reshape(-1, CHANNELS).astype(numpy.float64)
    return level, offset_of(there, back)


def offset_of(there: Any, back: Any) -> int:
    """By how many samples `back` comes later than `there`, from the peak of their cross-correlation."""
    import numpy

    size = 1 << (len(there) + len(back)).bit_length()
    cross: Any = sum(
        numpy.fft.irfft(numpy.fft.rfft(back[:, side], size) * numpy.conj(numpy.fft.rfft(there[:, side], size)), size)
        for side in (0, 1)
    )
    reach = 4096
    around = numpy.concatenate([cross[-reach:], cross[: reach + 1]])
    return int(numpy.argmax(around)) - reach
