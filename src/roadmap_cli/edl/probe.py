"""What a media file is: its content hash, its streams and the rate its frames are counted in.

How frames are counted: frame n of a source is the picture shown n/fps seconds after its first picture. For a source of
constant rate this is the n-th picture. For a source of varying rate (telephones) fps is the standard rate nearest to
its usual step: a picture that stays longer counts several times, one that comes and goes between two ticks not at all.
Scan and render use the same filter for it (`pictures`), so a frame number means the same picture everywhere.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from roadmap_cli.core import absent
from roadmap_cli.core.errors import DataError, InputMissing
from roadmap_cli.edl import programs, timecode
from roadmap_cli.edl.programs import Chain, Options, Programs

_STILLS = frozenset({"image2", "png_pipe", "jpeg_pipe", "webp_pipe", "bmp_pipe", "tiff_pipe", "gif_pipe", "svg_pipe"})
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Media:
    """A file as the other modules need it. `start` values are time stamps in units of the stream's time base."""

    path: Path
    sha256: str
    fps: Fraction
    width: int
    height: int
    rotation: int
    varying: bool
    interlaced: bool
    matrix: str
    transfer: str
    video_index: int
    video_start: int
    video_time_base: Fraction
    declared_frames: int
    audio_index: int | None
    audio_start_s: Fraction
    streams: tuple[dict[str, Any], ...]
    #: Width and height of a picture turned upright, in pixels as they are stored: square or not.
    stored: tuple[int, int] = (0, 0)
    #: Length as the container tells it, 0 if it does not.
    duration_s: Fraction = Fraction(0)

    @property
    def has_picture(self) -> bool:
        """Whether there is a moving picture; without one `fps` is 0 and there are no frames."""
        return self.width > 0

    @property
    def video_start_s(self) -> Fraction:
        """Presentation time of the first picture, in seconds of the file's own clock."""
        return self.video_start * self.video_time_base


def content_hash(path: Path, tell: Callable[[int], None] | None = None) -> str:
    """SHA-256 of a file's bytes, in hexadecimal. Raises InputMissing if it cannot be read, DataError if it is empty.

    A device or a pipe is no film: records from elsewhere may name one, and it would be read for ever.
    """
    digest = hashlib.sha256()
    size = 0
    try:
        if path.is_dir():
            raise InputMissing("is a directory", where=str(path))
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise InputMissing("is no plain file", where=str(path))
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
                size += len(block)
                if tell:
                    tell(len(block))
    except OSError as error:
        raise InputMissing(f"cannot read: {error.strerror}", where=str(path), hint=absent.hint(path)) from None
    if not size:
        raise DataError("file is empty", where=str(path), hint="copy it again from where it came", code="empty_file")
    return digest.hexdigest()


def examine(found: Programs, path: Path, sha256: str) -> Media:
    """Ask ffprobe about a file. Raises DataError if it holds neither a moving picture nor sound that can be decoded."""
    try:
        told = json.loads(programs.probe(found, path, "-show_streams"))
    except DataError as error:
        reason, hint = error.message.removeprefix(f"{path}: "), None
        if "moov atom not found" in reason:
            with path.open("rb") as file:
                boxed = file.read(8)[4:] in {b"ftyp", b"mdat", b"free", b"wide", b"skip"}
            reason = "file is truncated: its index (moov) is missing" if boxed else "not a media file"
            hint = "copy it again: its end did not come along" if boxed else None
        elif "invalid data found" in reason:
            reason = "not a media file"
        raise DataError(reason, where=str(path), hint=hint, code="bad_media") from None
    if frozenset(str(told.get("format", {}).get("format_name", "")).split(",")) & _STILLS:
        hint = "ffmpeg -loop 1 -i PICTURE -t 3 -r 25 -pix_fmt yuv420p film.mp4 makes it one"
        raise DataError("a still picture, not a video", where=str(path), hint=hint, code="no_video")
    streams = told.get("streams", [])
    pictures = [s for s in streams if s.get("codec_type") == "video" and not _cover(s) and s.get("width")]
    sound = next((s for s in streams if s.get("codec_type") == "audio" and s.get("sample_rate", "0") != "0"), None)
    if not pictures and sound is None:
        raise DataError("neither a video nor a sound stream", where=str(path), code="no_video")
    if not pictures:
        return _only_sound(path, sha256, sound or {}, told)
    video = pictures[0]
    fps, varying = _rate(found, path, video)
    width, height, rotation = _shown_size(video)
    duration = _fraction(video.get("duration")) or _fraction(told.get("format", {}).get("duration"))
    return Media(
        path=path,
        sha256=sha256,
        fps=fps,
        width=width,
        height=height,
        rotation=rotation,
        varying=varying,
        interlaced=video.get("field_order", "progressive") in {"tt", "bb", "tb", "bt"},
        matrix=_matrix(video),
        transfer=str(video.get("color_transfer", "")),
        video_index=int(video["index"]),
        video_start=int(video.get("start_pts", 0)),
        video_time_base=Fraction(video["time_base"]),
        declared_frames=timecode.round_half_up(duration * fps) if duration else 0,
        audio_index=int(sound["index"]) if sound else None,
        audio_start_s=int(sound.get("start_pts", 0)) * Fraction(sound["time_base"]) if sound else Fraction(0),
        streams=tuple(_summary(s) for s in streams),
        stored=_stored_size(video, rotation),
        duration_s=duration or Fraction(0),
    )


def pictures(media: Media, first: int | None = None, end: int | None = None) -> tuple[Options, Chain]:
    """How to decode source frames `first` (inclusive) to `end` (exclusive), or all: input options and filters.

    After the filters each picture carries its frame number as time stamp, in a time base of 1/fps. Long sources are
    entered at a key frame well before the first picture wanted.
    """
    options: Options = {**programs.LOCAL_ONLY, "copyts": None}
    seconds = int(media.video_start_s + (first or 0) / media.fps) - 2
    entered = seconds > media.video_start_s
    if entered:
        options |= {"noaccurate_seek": None, "ss": seconds, "seek_timestamp": 1}
    filters: Chain = [("bwdif", {"mode": "send_frame", "deint": "interlaced"})] if media.interlaced else []
    filters.append(("setpts", {"expr": f"PTS-({media.video_start})"}))
    counted: dict[str, str | int] = {"fps": timecode.spell(media.fps)}
    wanted: dict[str, str | int] = {"start_pts": first or 0}
    if not entered:
        counted["start_time"] = 0
    if end is not None:
        wanted["end_pts"] = end
    filters += [("fps", counted), ("trim", wanted)]
    return options, filters


def _only_sound(path: Path, sha256: str, sound: Mapping[str, Any], told: Mapping[str, Any]) -> Media:
    """A file of sound alone: a song, a recording."""
    return Media(
        path=path, sha256=sha256, fps=Fraction(0), width=0, height=0, rotation=0, varying=False, interlaced=False,
        matrix="", transfer="", video_index=-1, video_start=0, video_time_base=Fraction(1),
        declared_frames=0, audio_index=int(sound["index"]), audio_start_s=Fraction(0),
        streams=tuple(_summary(s) for s in told.get("streams", [])),
        duration_s=_fraction(told.get("format", {}).get("duration")) or Fraction(0),
    )  # fmt: skip


def _cover(stream: Mapping[str, Any]) -> bool:
    return bool(stream.get("disposition", {}).get("attached_pic"))


def _rate(found: Programs, path: Path, video: Mapping[str, Any]) -> tuple[Fraction, bool]:
    """The rate frames are counted in, and whether pictures come unevenly."""
    nominal, average = _fraction(video.get("r_frame_rate")), _fraction(video.get("avg_frame_rate"))
    if nominal and nominal == average and nominal <= max(timecode.STANDARD_RATES):
        return nominal, False
    if not (nominal or average):
        return Fraction(25), False
    pace = _measure(found, path, int(video["index"]), Fraction(video["time_base"]))
    if pace is None:
        return average or nominal or Fraction(25), False
    if pace.uneven or pace.average > max(timecode.STANDARD_RATES):
        return timecode.nearest_standard(pace.usual), pace.uneven
    near = timecode.nearest_standard(pace.average)
    return (near if abs(near / pace.average - 1) < Fraction(1, 100) else pace.average.limit_denominator(1001)), False


@dataclass(frozen=True, slots=True)
class _Pace:
    """How pictures follow each other: rates a second, and whether steps differ."""

    average: Fraction
    usual: Fraction
    uneven: bool


def _measure(found: Programs, path: Path, index: int, base: Fraction) -> _Pace | None:
    """The pace of a stream, from time stamps alone; None if there are too few.

    It is uneven if more than one step in fifty differs from the median step by a quarter. Time stamps come in the order
    of the file and go through a small window that puts them in order of presentation: constant memory.
    """
    import heapq

    window: list[int] = []
    steps: dict[int, int] = {}
    first: int | None = None
    last = 0
    count = 0

    def take(stamp: int) -> None:
        nonlocal first, last, count
        if first is not None and stamp > last:
            step = stamp - last
            if step in steps or len(steps) < 4096:
                steps[step] = steps.get(step, 0) + 1
        first = stamp if first is None else first
        last = stamp
        count += 1

    for stamp in programs.stamps(found, path, index):
        heapq.heappush(window, stamp)
        if len(window) > 32:
            take(heapq.heappop(window))
    while window:
        take(heapq.heappop(window))
    if first is None or not steps:
        return None
    below, usual = 0, 0
    for step in sorted(steps):
        below += steps[step]
        usual = step
        if 2 * below >= sum(steps.values()):
            break
    odd = sum(n for step, n in steps.items() if abs(step - usual) > max(1, usual // 4))
    return _Pace(Fraction(count - 1) / ((last - first) * base), 1 / (usual * base), odd * 50 > count)


def _shown_size(video: Mapping[str, Any]) -> tuple[int, int, int]:
    """Width and height as shown (square pixels, turned upright, even numbers) and the turn in degrees."""
    width, height = int(video["width"]), int(video["height"])
    aspect = _fraction(str(video.get("sample_aspect_ratio", "1:1")).replace(":", "/")) or Fraction(1)
    width = timecode.round_half_up(width * aspect)
    turns = [entry["rotation"] for entry in video.get("side_data_list", []) if "rotation" in entry]
    rotation = int(float(turns[0] if turns else video.get("tags", {}).get("rotate", 0))) % 360
    if rotation % 180 == 90:
        width, height = height, width
    return max(2, width - width % 2), max(2, height - height % 2), rotation


def _stored_size(video: Mapping[str, Any], rotation: int) -> tuple[int, int]:
    """Width and height in stored pixels after a turn of so many degrees."""
    width, height = int(video["width"]), int(video["height"])
    return (height, width) if rotation % 180 == 90 else (width, height)


def _matrix(video: Mapping[str, Any]) -> str:
    """The matrix that turns the stream into RGB: as tagged, else by size, as players guess."""
    known = {"bt709": "bt709", "smpte170m": "bt601", "bt470bg": "bt601", "bt2020nc": "bt2020", "bt2020c": "bt2020"}
    tagged = known.get(str(video.get("color_space", "")))
    return tagged or ("bt709" if int(video["height"]) >= 720 or int(video["width"]) >= 1280 else "bt601")


def _fraction(text: object) -> Fraction | None:
    try:
        value = Fraction(str(text))
    except (ValueError, ZeroDivisionError):
        return None
    return value if value > 0 else None


def _summary(stream: Mapping[str, Any]) -> dict[str, Any]:
    """What of a stream is worth keeping in a record."""
    kept: dict[str, Any] = {"type": str(stream.get("codec_type", "")), "codec": str(stream.get("codec_name", ""))}
    for field, name in (("pix_fmt", "pixel_format"), ("channels", "channels"), ("channel_layout", "channel_layout")):
        if stream.get(field):
            kept[name] = stream[field]
    if str(stream.get("sample_rate", "")).isdigit():
        kept["sample_rate"] = int(stream["sample_rate"])
    return kept
