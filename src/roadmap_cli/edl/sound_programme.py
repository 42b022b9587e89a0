"""The sound of a whole edit as one continuous stream, encoded once.

The rule: every cut gets exactly the samples between its first frame's time and the next cut's, both rounded from the
start of the programme. Nothing is ever joined after encoding, so there is no priming gap and nothing to drift.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from roadmap_cli.core import records
from roadmap_cli.core.errors import DataError
from roadmap_cli.edl import probe, programs, segments, timecode
from roadmap_cli.edl.probe import Media
from roadmap_cli.edl.programs import Chain, Options, Programs
from roadmap_cli.edl.segments import Piece

RATE = 48_000
CHANNELS = 2
#: Part of each key: a change of the filters below is a new number.
FORMAT = 1
_SAMPLE_BYTES = 4 * CHANNELS
#: At a joint where the sound is not continuous it dips for this long, so that it does not click.
_DIP_SAMPLES = RATE // 100
_BLOCK_SAMPLES = RATE


@dataclass(frozen=True, slots=True)
class Stretch:
    """Cuts that follow each other in the source as in the programme: one piece of sound. In programme samples."""

    media: Media
    first: int
    end: int
    speed: Fraction
    start: int
    stop: int
    fade_in: int
    fade_out: int


@dataclass(frozen=True, slots=True)
class Programme:
    """The encoded sound of an edit."""

    path: Path
    key: str
    samples: int
    cached: bool


def stretches(pieces: Sequence[Piece], fps: Fraction) -> list[Stretch]:
    """The programme's sound from its cuts: `fps` is the programme's rate."""
    found: list[Stretch] = []
    frame = 0
    for piece in pieces:
        start, stop = (timecode.sample_at(frame + n, fps, RATE) for n in (0, piece.frames))
        frame += piece.frames
        fades = [timecode.sample_at(count, fps, RATE) for count in (piece.fade_in, piece.fade_out)]
        last = found[-1] if found else None
        if last and _continues(last, piece):
            found[-1] = Stretch(
                last.media, last.first, piece.end, last.speed, last.start, stop, last.fade_in, fades[1] or _DIP_SAMPLES
            )
        else:
            dips = [fade or _DIP_SAMPLES for fade in fades]
            found.append(Stretch(piece.media, piece.first, piece.end, piece.speed, start, stop, dips[0], dips[1]))
    return found


def build(
    found: Programs, pieces: Sequence[Piece], fps: Fraction, cache: Path, version: str, tell: Callable[[float], None]
) -> Programme | None:
    """The sound of all pieces from the cache, or made in one pass into it. None if no source has sound.

    Raises DataError if a source's sound cannot be decoded, CannotCreate if the cache cannot be written.
    """
    if all(piece.media.audio_index is None for piece in pieces):
        return None
    parts = stretches(pieces, fps)
    # Rubber Band keeps onsets within 15 ms at 4/5 speed where atempo strays by 30 (measured on clicks).
    changed = any(part.speed != 1 for part in parts)
    tempo = "rubberband" if changed and found.has_filter("rubberband") else "atempo"
    name = _key(parts, tempo, version)
    place = cache / name[:2] / f"{name}.m4a"
    samples = parts[-1].stop
    if _intact(place):
        return Programme(place, name, samples, cached=True)
    with segments.whole_file(place) as part:
        _encode(found, parts, tempo, part.path, tell)
        digest, size = probe.content_hash(part.path), part.path.stat().st_size
    with segments.whole_file(place.with_suffix(".json")) as part:
        part.path.write_text(json.dumps({"samples": samples, "bytes": size, "sha256": digest}) + "\n")
    return Programme(place, name, samples, cached=False)


def _continues(last: Stretch, piece: Piece) -> bool:
    same = last.media.sha256 == piece.media.sha256 and last.speed == piece.speed
    return same and last.end == piece.first and not piece.fade_in


def _key(parts: Sequence[Stretch], tempo: str, version: str) -> str:
    decisive = [
        {
            "source": [part.media.sha256, part.media.audio_index],
            "range": [part.first, part.end],
            "rate": timecode.spell(part.media.fps),
            "speed": timecode.spell(part.speed),
            "samples": [part.start, part.stop],
            "fades": [part.fade_in, part.fade_out],
        }
        for part in parts
    ]
    text = records.canonical(
        {"format": FORMAT, "rate": RATE, "tempo": tempo, "stretches": decisive, "encoder": version}
    )
    return hashlib.sha256(text).hexdigest()


def _intact(place: Path) -> bool:
    try:
        note = json.loads(place.with_suffix(".json").read_bytes())
        return bool(place.stat().st_size == note["bytes"] and probe.content_hash(place) == note["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _encode(found: Programs, parts: Sequence[Stretch], tempo: str, place: Path, tell: Callable[[float], None]) -> None:
    import subprocess

    import ffmpeg

    node = ffmpeg.input("pipe:0", format="f32le", ar=RATE, ac=CHANNELS)
    node = node.output(
        str(place), format="ipod", acodec="aac", audio_bitrate="192k", map_metadata=-1, fflags="+bitexact"
    )
    command = [part for part in programs.arguments(found, node, "-y") if part != "-nostdin"]
    with programs.drained(command, str(place), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as encoder:
        try:
            for part in parts:
                for block in _samples(found, part, tempo):
                    encoder.stdin.write(block)
                    tell(len(block) / _SAMPLE_BYTES / RATE)
            encoder.stdin.close()
        except BrokenPipeError:
            encoder.finish()
            raise DataError("the sound encoder stopped early", code="bad_media") from None
        encoder.finish()


def _samples(found: Programs, part: Stretch, tempo: str) -> Iterator[bytes]:
    """Exactly the samples of one stretch, in blocks of interleaved stereo floats; silence where the source has none."""
    wanted = (part.stop - part.start) * _SAMPLE_BYTES
    if part.media.audio_index is not None:
        options, filters = _chain(part, tempo)
        node = programs.source(part.media.path, part.media.audio_index, options, filters)
        command = programs.arguments(found, node.output("pipe:1", format="f32le"))
        with programs.drained(command, str(part.media.path)) as decoder:
            while wanted and (block := decoder.stdout.read(min(wanted, _BLOCK_SAMPLES * _SAMPLE_BYTES))):
                wanted -= len(block)
                yield block
            decoder.finish()
        if wanted:
            raise DataError("its sound ended early", where=str(part.media.path), code="missing_sound")
    while wanted:
        silence = bytes(min(wanted, _BLOCK_SAMPLES * _SAMPLE_BYTES))
        wanted -= len(silence)
        yield silence


def _chain(part: Stretch, tempo: str) -> tuple[Options, Chain]:
    """Sample-exact cutting by time stamps, then speed with the pitch kept, then exact length and the fades."""
    media = part.media
    origin = media.video_start_s * RATE
    first, end = (timecode.round_half_up(origin + n * RATE / media.fps) for n in (part.first, part.end))
    late = min(end - first, max(0, timecode.round_half_up(media.audio_start_s * RATE) - first))
    options: Options = {**programs.LOCAL_ONLY, "copyts": None}
    seconds = first // RATE - 2
    if seconds > media.audio_start_s and seconds > 0:
        options |= {"noaccurate_seek": None, "ss": seconds, "seek_timestamp": 1}
    length = part.stop - part.start
    filters: Chain = [
        ("aresample", {"sample_rate": RATE, "async": 1}),
        ("atrim", {"start_pts": first, "end_pts": end}),
        ("asetpts", {"expr": "PTS-STARTPTS"}),
        ("aformat", {"sample_fmts": "flt", "channel_layouts": "stereo"}),
    ]
    if late:
        filters.append(("adelay", {"delays": f"{late}S", "all": 1}))
    if part.speed != 1:
        filters.append((tempo, {"tempo": f"{float(part.speed):.9f}"}))
    dips = [min(fade, length // 2) for fade in (part.fade_in, part.fade_out)]
    return options, [
        *filters,
        ("apad", {}),
        ("atrim", {"end_sample": length}),
        ("afade", {"type": "in", "start_sample": 0, "nb_samples": max(1, dips[0])}),
        ("afade", {"type": "out", "start_sample": length - dips[1], "nb_samples": max(1, dips[1])}),
    ]
