"""One cut of a plan as an encoded piece of picture, kept under the hash of all that decides how it looks.

The rule: a cache key holds what changes pixels and nothing else. Place in the programme, names and reasons are not in
it, so that moving, undoing and planning again find the pieces already encoded. A piece appears in the cache only whole
and with its frame count proved; one that does not match its own note is encoded again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

from roadmap_cli.core import records
from roadmap_cli.core.errors import CannotCreate, DataError
from roadmap_cli.edl import grade, probe, programs, timecode
from roadmap_cli.edl.grade import NEUTRAL, Grade
from roadmap_cli.edl.probe import Media
from roadmap_cli.edl.programs import Chain, Programs

#: Part of each key: a change of the filters or the encoder's settings below is a new number.
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Shape:
    """What all segments of one programme share: they can only be joined if it is the same."""

    fps: Fraction
    width: int
    height: int
    preset: str
    quality: int

    @property
    def ticks(self) -> int:
        """Ticks of the segments' clock for each frame."""
        return self.timescale * self.fps.denominator // self.fps.numerator

    @property
    def timescale(self) -> int:
        """Ticks a second: a multiple of the rate's numerator, so that every frame begins on a tick."""
        return self.fps.numerator * max(1, -(-12_000 // self.fps.numerator))


@dataclass(frozen=True, slots=True)
class Piece:
    """A cut ready to be encoded."""

    cut_id: str
    position: int
    media: Media
    first: int
    end: int
    speed: Fraction
    frames: int
    look: Grade = NEUTRAL
    fade_in: int = 0
    fade_out: int = 0


@dataclass(frozen=True, slots=True)
class Encoded:
    """A piece in the cache."""

    path: Path
    key: str
    frames: int
    bytes: int
    cached: bool


def key(piece: Piece, shape: Shape, version: str) -> str:
    """SHA-256 over all that decides the segment's pixels."""
    decisive = {
        "format": FORMAT,
        "source": piece.media.sha256,
        "stream": piece.media.video_index,
        "range": [piece.first, piece.end],
        "rate": timecode.spell(piece.media.fps),
        "speed": timecode.spell(piece.speed),
        "frames": piece.frames,
        "look": {} if piece.look.neutral else grade.identity(piece.look),
        "fades": [piece.fade_in, piece.fade_out],
        "shape": [timecode.spell(shape.fps), shape.width, shape.height, shape.preset, shape.quality],
        "encoder": version,
    }
    return hashlib.sha256(records.canonical(decisive)).hexdigest()


def encode(found: Programs, piece: Piece, shape: Shape, cache: Path, version: str) -> Encoded:
    """The piece from the cache, or encoded into it. Raises DataError if the source does not give its frames,
    CannotCreate if the cache cannot be written.
    """
    name = key(piece, shape, version)
    place = cache / name[:2] / f"{name}.mp4"
    if (known := intact(place, piece.frames)) is not None:
        return Encoded(place, name, piece.frames, known, cached=True)
    table = None
    if not piece.look.neutral:
        try:
            table = grade.store(piece.look, cache.parent / "looks")
        except OSError as error:
            raise CannotCreate(f"cannot write {cache.parent}: {(error.strerror or str(error)).lower()}") from None
    options, filters = probe.pictures(piece.media, piece.first, piece.end)
    filters += [*_retime(piece, shape), *_geometry_and_colour(piece, shape, table), *_fades(piece)]
    node = programs.source(piece.media.path, piece.media.video_index, options, filters)
    with whole_file(place) as part:
        node = node.output(str(part.path), **_encoder(piece, shape))
        programs.run(programs.arguments(found, node, "-y"), f"{piece.media.path}")
        frames = count_frames(found, part.path)
        if frames != piece.frames:
            raise DataError(
                f"frames {piece.first} to {piece.end} gave {frames} pictures, not {piece.frames}",
                where=str(piece.media.path),
                code="missing_frames",
            )
        digest, size = probe.content_hash(part.path), part.path.stat().st_size
    note = {"frames": frames, "bytes": size, "sha256": digest}
    with whole_file(place.with_suffix(".json")) as part:
        part.path.write_text(json.dumps(note) + "\n")
    return Encoded(place, name, frames, size, cached=False)


def rehearse(piece: Piece, shape: Shape, cache: Path, version: str) -> Encoded:
    """What `encode` would find, with nothing written: not cached means it would be encoded."""
    name = key(piece, shape, version)
    place = cache / name[:2] / f"{name}.mp4"
    size = intact(place, piece.frames)
    return Encoded(place, name, piece.frames, size or 0, cached=size is not None)


def count_frames(found: Programs, path: Path) -> int:
    """How many pictures a file holds, counted packet by packet."""
    told = json.loads(
        programs.probe(
            found, path, "-select_streams", "v:0", "-count_packets", "-show_entries", "stream=nb_read_packets"
        )
    )
    return sum(int(stream.get("nb_read_packets", 0)) for stream in told.get("streams", []))


def prune(cache: Path, keep: set[Path], limit_bytes: int) -> int:
    """Remove the pieces longest unused until the cache fits; never one of `keep`. Returns how many bytes went."""
    files = [(path.stat(), path) for path in cache.glob("*/*.mp4")] + [(p.stat(), p) for p in cache.glob("*/*.m4a")]
    excess = sum(stat.st_size for stat, _ in files) - limit_bytes
    removed = 0
    for stat, path in sorted(files, key=lambda entry: entry[0].st_mtime_ns):
        if removed >= excess:
            break
        if path not in keep:
            path.with_suffix(".json").unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            removed += stat.st_size
    return removed


# -- files that appear whole or not at all -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Part:
    """A file in the making, under a name nobody looks for."""

    path: Path


@contextmanager
def whole_file(place: Path) -> Iterator[Part]:
    """A file that gets its name when the block ends well, and is removed when it does not.

    The unfinished file is locked; what a killed process left behind is unlocked, and removed by the next to come here.
    Raises CannotCreate if it cannot be written.
    """
    path = place.with_name(f".{place.name}.{secrets.token_hex(6)}.part")
    lock: IO[bytes] | None = None
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _sweep(place)
        lock = path.open("wb")
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield Part(path)
        with path.open("rb") as written:
            os.fsync(written.fileno())
        path.replace(place)
    except OSError as error:
        raise CannotCreate(f"cannot write {place}: {(error.strerror or str(error)).lower()}") from None
    finally:
        if lock:
            lock.close()
        path.unlink(missing_ok=True)


def _sweep(place: Path) -> None:
    """Remove unfinished files of the same name whose process is gone."""
    for left in place.parent.glob(f".{place.name}.*.part"):
        with suppress(OSError), left.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink(missing_ok=True)


def intact(place: Path, frames: int) -> int | None:
    """The size of a cached piece if it is what its note says and holds the frames wanted."""
    try:
        note = json.loads(place.with_suffix(".json").read_bytes())
        fits = note["frames"] == frames and place.stat().st_size == note["bytes"]
        if not fits or probe.content_hash(place) != note["sha256"]:
            return None
        os.utime(place)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return int(note["bytes"])


# -- filters -------------------------------------------------------------------------------------------------------


def _retime(piece: Piece, shape: Shape) -> Chain:
    """Speed and rate: source pictures, stamped in 1/fps, onto the programme's frames. Each goes to the nearest frame.

    The clock in between is fine enough that every picture's time is a whole number of ticks.
    """
    rate, speed = piece.media.fps, piece.speed
    if rate == shape.fps and speed == 1:
        return [("setpts", {"expr": f"PTS-{piece.first}"})]
    ticks = rate.numerator * speed.numerator
    start = piece.first * rate.denominator * speed.numerator
    return [
        ("settb", {"expr": f"1/{ticks}"}),
        ("setpts", {"expr": f"(PTS-{start})*{speed.denominator}/{speed.numerator}"}),
        ("fps", {"fps": timecode.spell(shape.fps), "start_time": 0}),
        # Rounding may leave the last programme frame without a picture: the last one stays for it.
        ("tpad", {"stop": 2, "stop_mode": "clone"}),
    ]


def _geometry_and_colour(piece: Piece, shape: Shape, table: Path | None) -> Chain:
    """Fit into the frame, through the colour table if there is one, out as 8-bit BT.709 video range."""
    width, height = fit(piece.media.width, piece.media.height, shape.width, shape.height)
    size: dict[str, str | int] = {"w": width, "h": height, "flags": "bicubic+accurate_rnd+full_chroma_int"}
    matrix: dict[str, str | int] = {"in_color_matrix": piece.media.matrix}
    out: dict[str, str | int] = {"out_color_matrix": "bt709", "out_range": "tv"}
    if table:
        chain: Chain = [
            ("scale", size | matrix),
            ("format", {"pix_fmts": "gbrp"}),
            ("lut3d", {"file": str(table), "interp": "tetrahedral"}),
            ("scale", out | {"flags": size["flags"]}),
        ]
    else:
        chain = [("scale", size | matrix | out)]
    chain.append(("format", {"pix_fmts": "yuv420p"}))
    if (width, height) != (shape.width, shape.height):
        x, y = (shape.width - width) // 4 * 2, (shape.height - height) // 4 * 2
        chain.append(("pad", {"w": shape.width, "h": shape.height, "x": x, "y": y}))
    return [*chain, ("setsar", {"sar": 1})]


def _fades(piece: Piece) -> Chain:
    chain: Chain = []
    if piece.fade_in:
        chain.append(("fade", {"type": "in", "start_frame": 0, "nb_frames": piece.fade_in}))
    if piece.fade_out:
        start = piece.frames - piece.fade_out
        chain.append(("fade", {"type": "out", "start_frame": start, "nb_frames": piece.fade_out}))
    return chain


def fit(width: int, height: int, frame_width: int, frame_height: int) -> tuple[int, int]:
    """The largest even size of the same shape that fits; a difference of one sampling step counts as none."""
    scale = min(Fraction(frame_width, width), Fraction(frame_height, height))
    fitted = [timecode.round_half_up(side * scale / 2) * 2 for side in (width, height)]
    wide = frame_width if frame_width - fitted[0] <= 2 else fitted[0]
    high = frame_height if frame_height - fitted[1] <= 2 else fitted[1]
    return max(2, wide), max(2, high)


def _encoder(piece: Piece, shape: Shape) -> dict[str, Any]:
    """Settings that make every segment joinable without re-encoding: closed groups, one clock, one set of tags."""
    return {
        "format": "mp4",
        "vcodec": "libx264",
        "preset": shape.preset,
        "crf": shape.quality,
        "g": max(2, timecode.round_half_up(shape.fps * 2)),
        "bf": 2,
        "x264-params": "open-gop=0:repeat-headers=1",
        "frames:v": piece.frames,
        "fps_mode": "passthrough",
        "video_track_timescale": shape.timescale,
        "colorspace": "bt709",
        "color_primaries": "bt709",
        "color_trc": "bt709",
        "color_range": "tv",
        "map_metadata": -1,
        "fflags": "+bitexact",
    }
