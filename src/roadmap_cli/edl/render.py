"""A checked plan as a playable file: segments from the cache or encoded, joined without re-encoding, one sound, proved.

The rule: the output appears under its name only when its frame count, the time of every frame and the length of its
sound have been measured and are right. Killed at any moment it leaves no half file, and what was encoded stays encoded.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from pathlib import Path

from roadmap_cli.core import clock
from roadmap_cli.core.errors import CannotCreate, DataError, UsageError
from roadmap_cli.core.records import Record, content_id, run_id
from roadmap_cli.edl import probe, programs, scanning, segments, sound_programme, timecode
from roadmap_cli.edl.checking import checks
from roadmap_cli.edl.grade import Grade
from roadmap_cli.edl.probe import Media
from roadmap_cli.edl.programs import Programs
from roadmap_cli.edl.scanning import Show
from roadmap_cli.edl.segments import Encoded, Piece, Shape
from roadmap_cli.edl.sound_programme import Programme

#: Containers by suffix.
FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov"}
#: How much longer or shorter than the picture the encoded sound may be: one AAC frame.
_SOUND_SLACK_S = Fraction(1024, sound_programme.RATE)


@dataclass(frozen=True, slots=True)
class Settings:
    """How to encode. `preview_width` makes a smaller, quicker render with the same frames."""

    preset: str = "veryfast"
    quality: int = 18
    preview_width: int | None = None
    cache_limit_bytes: int = 10 * 1024**3


def render(
    found: Programs,
    plan: Record,
    cuts: Sequence[Record],
    sources: Mapping[str, Record],
    output: Path,
    cache: Path,
    settings: Settings,
    at: datetime,
    show: Show,
) -> Iterator[Record]:
    """Render a plan: one edl.segment record for each cut as soon as it is in the cache, then one edl.render record.

    Raises DataError if the plan is not as checked or a source has changed, UsageError or CannotCreate for an output
    that cannot be written, and as `segments.encode`.
    """
    began = time.monotonic()
    admit(plan, cuts, sources)
    _writable(output, sources)
    shape = _shape(plan, settings)
    version = found.version()
    pieces = _pieces(found, cuts, sources)
    done: list[Encoded] = []
    with show("picture", sum(piece.frames for piece in pieces)) as bar:
        for piece in pieces:
            start = time.monotonic()
            encoded = segments.encode(found, piece, shape, cache / "segments", version)
            done.append(encoded)
            bar.advance(piece.frames)
            yield _segment_record(plan, piece, encoded, round((time.monotonic() - start) * 1000), at)
    with show("sound", float(sum(piece.frames for piece in pieces) / shape.fps)) as bar:
        sound = sound_programme.build(found, pieces, shape.fps, cache / "sound", version, bar.advance)
    length = sum(piece.frames for piece in pieces)
    with segments.whole_file(output) as part:
        _join(found, done, sound, shape, FORMATS[output.suffix.lower()], part.path)
        sound_s = prove(found, part.path, length, shape, sound)
        digest, size = probe.content_hash(part.path), part.path.stat().st_size
    keep = {encoded.path for encoded in done} | ({sound.path} if sound else set())
    segments.prune(cache / "segments", keep, settings.cache_limit_bytes)
    record = _render_record(plan, output, done, shape, settings, at)
    record |= {"sha256": digest, "size_bytes": size, "elapsed_ms": round((time.monotonic() - began) * 1000)}
    if sound:
        record |= {
            "has_sound": True,
            "sound_samples": sound.samples,
            "sound_rate": sound_programme.RATE,
            "sound_cached": sound.cached,
        }
        record["sound_longer_ms"] = float(round((sound_s - length / shape.fps) * 1000, 3))
    yield record


def rehearse(
    found: Programs,
    plan: Record,
    cuts: Sequence[Record],
    sources: Mapping[str, Record],
    output: Path,
    cache: Path,
    settings: Settings,
    at: datetime,
) -> Iterator[Record]:
    """The records `render` would write, as far as they can be known with nothing encoded or written.

    `cached` is false for each segment that would be encoded. Raises as `render` does before it encodes.
    """
    admit(plan, cuts, sources)
    _writable(output, sources)
    shape, version = _shape(plan, settings), found.version()
    pieces = _pieces(found, cuts, sources)
    done = [segments.rehearse(piece, shape, cache / "segments", version) for piece in pieces]
    for piece, encoded in zip(pieces, done, strict=True):
        yield _segment_record(plan, piece, encoded, 0, at)
    yield _render_record(plan, output, done, shape, settings, at)


def admit(plan: Record, cuts: Sequence[Record], sources: Mapping[str, Record]) -> None:
    """Refuse a plan that edl-check has not passed, or that has been changed since."""
    if plan.get("checked") is not True:
        count = plan.get("error_count")
        words = f"plan has {count} errors" if count else "plan has not been checked"
        raise DataError(words, hint="edl-check names what is wrong; pipe the plan through it", code="not_checked")
    if checks.digest(plan, cuts, sources) != plan.get("checked_digest"):
        raise DataError("plan was changed after it was checked", hint="pipe it through edl-check", code="not_checked")


def prove(found: Programs, path: Path, length: int, shape: Shape, sound: Programme | None) -> Fraction:
    """Measure the finished file: every frame at its exact time, sound as long as picture. Returns the sound's length.

    Raises DataError if anything differs.
    """
    entries = "stream=index,codec_type,time_base,duration"
    streams = json.loads(programs.probe(found, path, "-show_entries", entries)).get("streams", [])
    video = next((stream for stream in streams if stream["codec_type"] == "video"), None)
    heard = next((stream for stream in streams if stream["codec_type"] == "audio"), None)
    if video is None or (heard is None) != (sound is None):
        raise DataError("rendered file has the wrong streams", where=str(path), code="bad_render")
    base = Fraction(video["time_base"])
    stamps = sorted(programs.stamps(found, path, int(video["index"])))
    if len(stamps) != length:
        raise DataError(f"rendered {len(stamps)} frames, not {length}", where=str(path), code="bad_render")
    wrong = next((n for n, stamp in enumerate(stamps) if stamp * base != n / shape.fps), None)
    if wrong is not None:
        raise DataError(f"frame {wrong} is not at its time", where=str(path), code="bad_render")
    sound_s = Fraction(heard["duration"]) if heard else Fraction(0)
    if heard and abs(sound_s - length / shape.fps) > _SOUND_SLACK_S:
        raise DataError(f"sound is {float(sound_s):.3f} s long, picture is not", where=str(path), code="bad_render")
    return sound_s


def _writable(output: Path, sources: Mapping[str, Record]) -> None:
    """Say at once, not after an hour of encoding, that the output cannot be."""
    if output.suffix.lower() not in FORMATS:
        raise UsageError(f"cannot write {output.name!r}: the suffix must be {', '.join(FORMATS)}")
    if output.is_dir():
        raise CannotCreate(f"cannot write {output}: is a directory")
    if output.exists() and not output.is_file():
        raise CannotCreate(f"cannot write {output}: a pipe or device cannot hold a film", hint="name a file")
    if not output.parent.is_dir():
        raise CannotCreate(f"cannot write {output}: no such directory")
    if not os.access(output.parent, os.W_OK):
        raise CannotCreate(f"cannot write {output}: permission denied")
    for source in sources.values():
        path = Path(str(source.get("path", "")))
        if output.exists() and path.exists() and output.samefile(path):
            raise UsageError(f"will not write over a source: {output}")


def _shape(plan: Record, settings: Settings) -> Shape:
    fps = timecode.rational(plan["fps"], field="fps")
    if settings.preview_width is None:
        return Shape(fps, plan["width"], plan["height"], settings.preset, settings.quality)
    width = min(plan["width"], settings.preview_width // 2 * 2)
    height = max(16, timecode.round_half_up(Fraction(plan["height"] * width, 2 * plan["width"])) * 2)
    return Shape(fps, width, height, "ultrafast", max(settings.quality, 26))


def _pieces(found: Programs, cuts: Sequence[Record], sources: Mapping[str, Record]) -> list[Piece]:
    media: dict[str, Media] = {}
    pieces = []
    for position, cut in enumerate(cuts):
        name = cut["source_id"]
        if name not in media:
            # Counted as it was scanned: a frame number must mean the same picture.
            fps = timecode.rational(sources[name].get("fps"), field="fps")
            media[name] = replace(scanning.media_of(found, sources[name]), fps=fps)
        pieces.append(
            Piece(
                cut_id=str(cut["id"]),
                position=position,
                media=media[name],
                first=cut["in_frame"],
                end=cut["out_frame"],
                speed=timecode.rational(cut["speed"], field="speed"),
                frames=cut["timeline_out_frame"] - cut["timeline_in_frame"],
                look=Grade.read(cut.get("grade")),
                fade_in=cut.get("fade_in_frames", 0),
                fade_out=cut.get("fade_out_frames", 0),
            )
        )
    return pieces


def _join(
    found: Programs, done: Sequence[Encoded], sound: Programme | None, shape: Shape, container: str, part: Path
) -> None:
    """Copy the segments one after the other beside the sound.

    The list says how long each one lasts, in microseconds rounded from the start: what a segment says of itself is
    rounded to milliseconds and adds up. Time stamps are then set back onto whole frames.
    """
    import ffmpeg

    listing, frame, told = ["ffconcat version 1.0"], 0, 0
    for encoded in done:
        frame += encoded.frames
        until = timecode.sample_at(frame, shape.fps, 1_000_000)
        listing += [f"file {_quoted(encoded.path)}", f"duration {until - told}us"]
        told = until
    inputs = [ffmpeg.input("pipe:0", format="concat", safe=0, **programs.LOCAL_ONLY)["v:0"]]
    if sound:
        inputs.append(ffmpeg.input(programs.local(sound.path), **programs.LOCAL_ONLY)["a:0"])
    options = {
        "format": container,
        "codec": "copy",
        "bsf:v": f"setts=pts=round(PTS/{shape.ticks})*{shape.ticks}:dts=round(DTS/{shape.ticks})*{shape.ticks}",
        "video_track_timescale": shape.timescale,
        "movflags": "+faststart",
        "map_metadata": -1,
        "fflags": "+bitexact",
    }
    node = ffmpeg.output(*inputs, str(part), **options)
    programs.run(programs.arguments(found, node, "-y", "-xerror"), str(part), "\n".join([*listing, ""]).encode())


def _quoted(path: Path) -> str:
    return "'" + programs.local(path.absolute()).replace("'", "'\\''") + "'"


def _render_record(
    plan: Record, output: Path, done: Sequence[Encoded], shape: Shape, settings: Settings, at: datetime
) -> Record:
    length = sum(encoded.frames for encoded in done)
    return {
        "kind": "edl.render",
        "id": run_id("edl.render", at),
        "at": clock.stamp(at),
        "plan_id": plan["id"],
        "path": os.path.abspath(output),  # noqa: PTH100
        "frames": length,
        "fps": timecode.spell(shape.fps),
        "duration": timecode.spell(length / shape.fps),
        "width": shape.width,
        "height": shape.height,
        "segments_cached_count": sum(encoded.cached for encoded in done),
        "segments_encoded_count": sum(not encoded.cached for encoded in done),
        "frames_encoded": sum(encoded.frames for encoded in done if not encoded.cached),
        "has_sound": False,
        "preview": settings.preview_width is not None,
    }


def _segment_record(plan: Record, piece: Piece, encoded: Encoded, elapsed_ms: int, at: datetime) -> Record:
    return {
        "kind": "edl.segment",
        "id": content_id("edl.segment", key=encoded.key, cut_id=piece.cut_id, at=clock.stamp(at)),
        "at": clock.stamp(at),
        "plan_id": plan["id"],
        "cut_id": piece.cut_id,
        "position": piece.position,
        "key": encoded.key,
        "cached": encoded.cached,
        "frames": encoded.frames,
        "size_bytes": encoded.bytes,
        "elapsed_ms": elapsed_ms,
    }
