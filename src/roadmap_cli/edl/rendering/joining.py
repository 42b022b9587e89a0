"""Encoded pieces and the sound as one file, joined without encoding again, then measured before it gets its name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from roadmap_cli.core.errors import DataError
from roadmap_cli.edl import programs, timecode
from roadmap_cli.edl.programs import Programs
from roadmap_cli.edl.rendering.container import Unfit, write
from roadmap_cli.edl.rendering.encoding import Encoded
from roadmap_cli.edl.rendering.pieces import Shape
from roadmap_cli.edl.rendering.sound_parts import RATE
from roadmap_cli.edl.rendering.sound_programme import Programme

#: Containers by suffix.
FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov"}
#: How much longer or shorter than the picture the encoded sound may be: one AAC frame.
_SOUND_SLACK_S = Fraction(1024, RATE)
#: Pictures by which decoding runs ahead of showing, at most: B-frames of libx264 may refer to others. A segment of one
#: or two pictures has none of its own, and would be decoded after what follows it.
_DELAY = 2
#: The stream of the picture in a file that was joined here.
_PICTURE = 0


@dataclass(frozen=True, slots=True)
class Proof:
    """What was measured in a finished file. `sync_error_s`: the most by which a picture at a joint is off its sound."""

    sound_s: Fraction
    sync_error_s: Fraction


def join(
    found: Programs, done: Sequence[Encoded], sound: Programme | None, shape: Shape, container: str, part: Path
) -> None:
    """Copy the segments one after the other beside the sound: by their tables for MP4, else by ffmpeg.

    ffmpeg's list says how long each one lasts, in microseconds rounded from the start: what a segment says of itself is
    rounded to milliseconds and adds up. Time stamps are then set back onto whole frames.
    """
    if container == "mp4":
        with suppress(Unfit):
            write([encoded.path for encoded in done], shape.ticks, sound.path if sound else None, part)
            return
    listing, frame, told = ["ffconcat version 1.0"], 0, 0
    for encoded in done:
        frame += encoded.frames
        until = timecode.sample_at(frame, shape.fps, 1_000_000)
        listing += [f"file {_quoted(encoded.path)}", f"duration {until - told}us"]
        told = until
    local = ["-protocol_whitelist", "file,pipe,crypto,data"]
    command = [found.ffmpeg, "-hide_banner", "-loglevel", "error", "-y", "-xerror"]
    command += [*local, "-f", "concat", "-safe", "0", "-i", "pipe:0"]
    if sound:
        command += [*local, "-i", programs.local(sound.path)]
    whole = f"round(PTS/{shape.ticks})*{shape.ticks}"
    command += ["-map", "0:v:0", *(["-map", "1:a:0"] if sound else []), "-f", container, "-c", "copy"]
    command += ["-bsf:v", f"setts=pts={whole}:dts=(N-{_DELAY})*{shape.ticks}"]
    command += ["-video_track_timescale", str(shape.timescale), "-movflags", "+faststart", "-map_metadata", "-1"]
    command += ["-fflags", "+bitexact", programs.local(part.absolute())]
    programs.run(command, str(part), "\n".join([*listing, ""]).encode())


def prove(
    found: Programs, path: Path, length: int, shape: Shape, sound: Programme | None, joints: Sequence[int]
) -> Proof:
    """Measure the finished file: every frame at its exact time, sound as long as picture and beginning with it.

    `joints` are the programme frames at which cuts begin. Raises DataError if anything differs.
    """
    entries = "stream=index,codec_type,time_base,duration,start_pts,nb_frames"
    with ThreadPoolExecutor(1, thread_name_prefix="prove") as beside:
        stamping = beside.submit(lambda: sorted(programs.stamps(found, path, _PICTURE)))
        streams = json.loads(programs.probe(found, path, "-show_entries", entries)).get("streams", [])
    stamps = stamping.result()
    video = next((stream for stream in streams if stream["codec_type"] == "video"), None)
    heard = next((stream for stream in streams if stream["codec_type"] == "audio"), None)
    if video is None or video["index"] != _PICTURE or (heard is None) != (sound is None):
        raise DataError("rendered file has the wrong streams", where=str(path), code="bad_render")
    base = Fraction(video["time_base"])
    if len(stamps) != length:
        raise DataError(f"rendered {len(stamps)} frames, not {length}", where=str(path), code="bad_render")
    step = 1 / (shape.fps * base)
    wrong = next((n for n, stamp in enumerate(stamps) if stamp != n * step), None)
    if wrong is not None:
        raise DataError(f"frame {wrong} is not at its time", where=str(path), code="bad_render")
    if heard is None or sound is None:
        return Proof(Fraction(0), Fraction(0))
    sound_s = Fraction(heard["duration"])
    if abs(sound_s - length / shape.fps) > _SOUND_SLACK_S:
        raise DataError(f"sound is {float(sound_s):.3f} s long, picture is not", where=str(path), code="bad_render")
    late = int(heard.get("start_pts", 0)) * Fraction(heard["time_base"]) + Fraction(sound.offset_samples, RATE)
    placed = ((Fraction(timecode.sample_at(frame, shape.fps, RATE), RATE), frame) for frame in joints)
    errors = [abs(at + late - stamps[frame] * base) for at, frame in placed if frame < length]
    return Proof(sound_s, max(errors, default=Fraction(0)))


def _quoted(path: Path) -> str:
    return "'" + programs.local(path.absolute()).replace("'", "'\\''") + "'"
