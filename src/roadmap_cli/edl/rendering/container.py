"""Segments and a sound written as one MP4 by copying their bytes and adding up their tables (ISO/IEC 14496-12).

The sound is put together from the frames of its sections in the same way.

ffmpeg's concat demuxer opens and probes every segment anew, which for an edit of sixty costs more than encoding the one
that changed. All segments come from one encoder with one set of settings, so their samples can simply follow each
other: tables of sizes, times and key frames are joined, chunks of half a second of picture and sound laid side by side,
and the index put in front. Whatever is not as expected raises `Unfit`, and ffmpeg joins instead.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from roadmap_cli.core.errors import CannotCreate

_CONTAINERS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts"})
_MATRIX = struct.pack(">9L", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_COPY_BYTES = 1 << 20


class Unfit(Exception):
    """A file is not laid out in the one way that is understood here."""


@dataclass(frozen=True, slots=True)
class _Track:
    """One track of a file: its tables unrolled to samples, and the boxes that are copied as they are."""

    path: Path
    boxes: dict[bytes, bytes]
    timescale: int
    durations: list[int]
    offsets: list[int]
    sizes: list[int]
    keys: list[int] | None
    data: int
    delay: int
    shown: int
    movie_timescale: int


def _walk(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(data):
        size, name = struct.unpack_from(">L4s", data, at)
        head = 8
        if size == 1:
            size, head = struct.unpack_from(">Q", data, at + 8)[0], 16
        if size < head or at + size > len(data):
            raise Unfit("a box is cut off")
        yield name, data[at + head : at + size]
        at += size


def _all(data: bytes, into: dict[bytes, bytes]) -> dict[bytes, bytes]:
    for name, content in _walk(data):
        if name in _CONTAINERS:
            _all(content, into)
        else:
            into.setdefault(name, content)
    return into


def _top(path: Path) -> tuple[bytes, int, int]:
    """A file's index, and where its media data lies."""
    index, start, length = b"", -1, 0
    with path.open("rb") as file:
        end = path.stat().st_size
        at = 0
        while at + 8 <= end:
            file.seek(at)
            size, name = struct.unpack(">L4s", file.read(8))
            head = 8
            if size == 1:
                size, head = struct.unpack(">Q", file.read(8))[0], 16
            elif size == 0:
                size = end - at
            if size < head or at + size > end:
                raise Unfit("a box is cut off")
            if name == b"moov":
                file.seek(at + head)
                index = file.read(size - head)
            elif name == b"mdat":
                if start >= 0:
                    raise Unfit("more than one run of media data")
                start, length = at + head, size - head
            at += size
    if not index or start < 0:
        raise Unfit("no index or no media data")
    return index, start, length


def _read(path: Path) -> _Track:
    """The one track of a file whose samples lie in order in one run."""
    try:
        return _understood(path)
    except (struct.error, KeyError, IndexError, OSError) as error:
        raise Unfit(str(error)) from None


def _understood(path: Path) -> _Track:
    index, start, length = _top(path)
    if sum(name == b"trak" for name, _ in _walk(index)) != 1:
        raise Unfit("not one track")
    boxes = _all(index, {})
    boxes[b"stsd"] = _without_rate(boxes[b"stsd"])
    uniform, count = struct.unpack_from(">LL", boxes[b"stsz"], 4)
    sizes = [uniform] * count if uniform else list(struct.unpack_from(f">{count}L", boxes[b"stsz"], 12))
    first = (
        struct.unpack_from(">L", boxes[b"stco"], 8)[0]
        if b"stco" in boxes
        else struct.unpack_from(">Q", boxes[b"co64"], 8)[0]
    )
    if first != start or sum(sizes) != length:
        raise Unfit("samples do not lie in one run")
    offsets = _unrolled(boxes[b"ctts"], signed=boxes[b"ctts"][0] == 1) if b"ctts" in boxes else [0] * count
    durations = _unrolled(boxes[b"stts"], signed=False)
    keys = list(range(1, count + 1)) if b"vmhd" in boxes else None  # without a table every picture is one
    if b"stss" in boxes:
        number = struct.unpack_from(">L", boxes[b"stss"], 4)[0]
        keys = list(struct.unpack_from(f">{number}L", boxes[b"stss"], 8))
    if len(offsets) != count or len(durations) != count:
        raise Unfit("tables of different lengths")
    delay = shown = 0
    if b"elst" in boxes:
        if struct.unpack_from(">L", boxes[b"elst"], 4)[0] != 1:
            raise Unfit("more than one edit")
        form = ">Qq" if boxes[b"elst"][0] == 1 else ">Ll"
        shown, delay = struct.unpack_from(form, boxes[b"elst"], 8)
        if delay < 0:
            raise Unfit("an empty edit")
    scale = [struct.unpack_from(">L", boxes[name], 20 if boxes[name][0] == 1 else 12)[0] for name in (b"mdhd", b"mvhd")]
    return _Track(path, boxes, scale[0], durations, offsets, sizes, keys, start, delay, shown, scale[1])


def _without_rate(content: bytes) -> bytes:
    """A picture's sample description without the bit rate of its one file (btrt): all segments' are then the same."""
    size, name = struct.unpack_from(">L4s", content, 8)
    if struct.unpack_from(">L", content, 4)[0] != 1 or size != len(content) - 8 or name != b"avc1":
        return content
    fixed = content[16 : 8 + 86]
    kept = b"".join(_box(kind, inner) for kind, inner in _walk(content[8 + 86 :]) if kind != b"btrt")
    return content[:8] + _box(name, fixed, kept)


def _unrolled(content: bytes, *, signed: bool) -> list[int]:
    values: list[int] = []
    for n in range(struct.unpack_from(">L", content, 4)[0]):
        count, value = struct.unpack_from(">Ll" if signed else ">LL", content, 8 + 8 * n)
        values += [value] * count
    return values


def _box(name: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">L4s", len(body) + 8, name) + body


def _runs(values: Sequence[int]) -> bytes:
    rows: list[list[int]] = []
    for value in values:
        if rows and rows[-1][1] == value:
            rows[-1][0] += 1
        else:
            rows.append([1, value])
    return struct.pack(">L", len(rows)) + b"".join(struct.pack(">LL", *row) for row in rows)


@dataclass(slots=True)
class _Written:
    """A track of the output: its tables, and the chunks its bytes are copied in (file, offset, bytes, samples)."""

    number: int
    like: _Track
    durations: list[int]
    offsets: list[int] | None
    sizes: list[int]
    keys: list[int] | None
    delay: int
    shown: int
    chunks: list[tuple[Path, int, int, int]]
    times: list[float]

    def box(self, scale: int, places: Sequence[int]) -> bytes:
        """Its trak box, with chunks at `places`; `scale` is the movie's ticks a second."""
        boxes = self.like.boxes
        video = b"vmhd" in boxes
        size = boxes[b"tkhd"][-8:]
        volume = 0 if video else 0x0100
        header = struct.pack(">LQQLLQ", 0x01000003, 0, 0, self.number, 0, self.shown) + bytes(8)
        header += struct.pack(">hhHH", 0, 0 if video else 1, volume, 0) + _MATRIX + size
        edit = struct.pack(">LLQqhh", 0x01000000, 1, self.shown, self.delay, 1, 0)
        media = struct.pack(">LQQLQ", 0x01000000, 0, 0, self.like.timescale, sum(self.durations))
        media += boxes[b"mdhd"][-4:]
        runs: list[tuple[int, int]] = []
        for n, (_, _, _, samples) in enumerate(self.chunks, 1):
            if not runs or runs[-1][1] != samples:
                runs.append((n, samples))
        table = [_box(b"stsd", boxes[b"stsd"]), _box(b"stts", bytes(4), _runs(self.durations))]
        if self.offsets is not None:
            table.append(_box(b"ctts", bytes(4), _runs(self.offsets)))
        if self.keys is not None:
            keys = struct.pack(f">LL{len(self.keys)}L", 0, len(self.keys), *self.keys)
            table.append(_box(b"stss", keys))
        table.append(_box(b"stsc", struct.pack(">LL", 0, len(runs)), *(struct.pack(">LLL", *run, 1) for run in runs)))
        table.append(_box(b"stsz", struct.pack(f">LLL{len(self.sizes)}L", 0, 0, len(self.sizes), *self.sizes)))
        table.append(_box(b"co64", struct.pack(f">LL{len(places)}Q", 0, len(places), *places)))
        if b"sgpd" in boxes and not video:  # every frame needs the one before it
            table.append(_box(b"sgpd", boxes[b"sgpd"]))
            table.append(_box(b"sbgp", bytes(4), b"roll", struct.pack(">LLL", 1, len(self.sizes), 1)))
        kind = b"vmhd" if video else b"smhd"
        return _box(
            b"trak", _box(b"tkhd", header), _box(b"edts", _box(b"elst", edit)),
            _box(b"mdia", _box(b"mdhd", media), _box(b"hdlr", boxes[b"hdlr"]),
                 _box(b"minf", _box(kind, boxes[kind]), _box(b"dinf", boxes[b"dinf"]), _box(b"stbl", *table))),
        )  # fmt: skip


def write(segments: Sequence[Path], ticks: int, sound: Path | None, place: Path) -> None:
    """Write the joined file. `ticks` is how long each picture lasts on the segments' clock.

    Raises Unfit if a segment is not as all others, or a picture not at its time; OSError if it cannot be written.
    """
    tracks = [_read(path) for path in segments]
    lead = tracks[0]
    for track in tracks:
        if track.boxes[b"stsd"] != lead.boxes[b"stsd"] or track.timescale != lead.timescale:
            raise Unfit("segments are encoded differently")
        if b"vmhd" not in track.boxes or track.keys is None or track.keys[:1] != [1]:
            raise Unfit("a segment does not begin with a key frame")
    written = [_video(tracks, ticks)]
    if sound:
        heard = _read(sound)
        if b"smhd" not in heard.boxes:
            raise Unfit("the sound is no sound")
        written.append(_sound(heard, lead.timescale))
    _write(written, lead.timescale, place)


def prove_whole(path: Path, into: object) -> None:
    """Raise CannotCreate for `into`, which `path` is to become, if it lacks its index or some of its media data."""
    try:
        _top(path)
    except (Unfit, struct.error, OSError):
        raise CannotCreate(f"cannot write {into}: it was not finished", code="cannot_write") from None


def frames(path: Path) -> list[bytes]:
    """The encoded frames of a sound file. Raises Unfit."""
    track = _read(path)
    with path.open("rb") as file:
        file.seek(track.data)
        return [file.read(size) for size in track.sizes]


def write_sound(parts: Sequence[tuple[Path, int, int]], length: int, place: Path) -> None:
    """Write one sound file of frames from others: of each the file, the frames to leave out, and how many to take.

    The first file begins with what its encoder needs to begin (its edit list says how much), and the whole lasts
    `length` samples. Raises Unfit if a part is not as all others or too short; OSError if it cannot be written.
    """
    tracks = [_read(path) for path, _, _ in parts]
    lead = tracks[0]
    step = lead.durations[0]
    out = _Written(1, lead, [], None, [], None, lead.delay, length, [], [])
    for track, (path, skip, count) in zip(tracks, parts, strict=True):
        if b"smhd" not in track.boxes or track.durations[0] != step or track.timescale != lead.timescale:
            raise Unfit("sounds are encoded differently")
        sizes = track.sizes[skip : skip + count]
        if len(sizes) != count:
            raise Unfit("a sound is too short")
        out.chunks.append((path, track.data + sum(track.sizes[:skip]), sum(sizes), count))
        out.times.append(len(out.sizes) * step)
        out.sizes += sizes
    last = length + lead.delay - (len(out.sizes) - 1) * step
    if not 0 < last <= step:
        raise Unfit("the sound is too long or too short")
    out.durations = [*[step] * (len(out.sizes) - 1), last]
    _write([out], lead.timescale, place)


def _write(written: Sequence[_Written], scale: int, place: Path) -> None:
    """A file of one or more tracks, their chunks in the order of their times; `scale` is the movie's ticks a second."""
    order = sorted(
        ((track.times[n], track.number, n) for track in written for n in range(len(track.chunks))),
    )
    length = max(track.shown for track in written)
    head = _box(b"ftyp", b"isom", struct.pack(">L", 0x200), b"isomiso2avc1mp41")
    places = {track.number: [0] * len(track.chunks) for track in written}
    index = _index(written, places, scale, length)
    at = len(head) + len(index) + 16
    for _, number, n in order:
        places[number][n] = at
        at += written[number - 1].chunks[n][2]
    index = _index(written, places, scale, length)
    with place.open("r+b" if place.exists() else "wb") as out:
        out.write(head + index + struct.pack(">L4sQ", 1, b"mdat", at - len(head) - len(index)))
        opened: dict[Path, BinaryIO] = {}
        try:
            for _, number, n in order:
                path, offset, size, _ = written[number - 1].chunks[n]
                _copy(opened, path, offset, size, out)
        finally:
            for file in opened.values():
                file.close()
        out.truncate()


def _index(written: Sequence[_Written], places: dict[int, list[int]], scale: int, length: int) -> bytes:
    header = struct.pack(">LQQLQ", 0x01000000, 0, 0, scale, length) + struct.pack(">LHH", 0x10000, 0x0100, 0) + bytes(8)
    header += _MATRIX + bytes(24) + struct.pack(">L", len(written) + 1)
    return _box(b"moov", _box(b"mvhd", header), *(track.box(scale, places[track.number]) for track in written))


def _video(tracks: Sequence[_Track], ticks: int) -> _Written:
    delay = max(track.delay for track in tracks)
    out = _Written(1, tracks[0], [], [], [], [], delay, 0, [], [])
    assert out.offsets is not None
    assert out.keys is not None
    every = max(1, tracks[0].timescale // ticks // 2)
    base = 0
    for track in tracks:
        count = len(track.sizes)
        at, shown = 0, []
        for duration, offset in zip(track.durations, track.offsets, strict=True):
            shown.append(at + offset - track.delay)
            at += duration
        if sorted(shown) != [n * ticks for n in range(count)]:
            raise Unfit("a picture is not at its time")
        # Decoding times are laid out evenly anew; the pictures' own times stay.
        moved = [stamp - n * ticks + delay for n, stamp in enumerate(shown)]
        if min(moved) < 0:
            raise Unfit("a picture is shown before it is decoded")
        out.durations += [ticks] * count
        out.offsets += moved
        out.keys += [len(out.sizes) + key for key in track.keys or ()]
        place = track.data
        for first in range(0, count, every):
            size = sum(track.sizes[first : first + every])
            out.chunks.append((track.path, place, size, len(track.sizes[first : first + every])))
            out.times.append((base + first) * ticks / track.timescale)
            place += size
        out.sizes += track.sizes
        base += count
    out.shown = base * ticks
    return out


def _sound(track: _Track, scale: int) -> _Written:
    every = max(1, track.timescale // 2 // max(1, track.durations[0] if track.durations else 1))
    chunks, times, place, at = [], [], track.data, 0
    for first in range(0, len(track.sizes), every):
        samples = track.sizes[first : first + every]
        chunks.append((track.path, place, sum(samples), len(samples)))
        times.append(at / track.timescale)
        place += sum(samples)
        at += sum(track.durations[first : first + every])
    shown = -(-track.shown * scale // track.movie_timescale) if track.shown else at * scale // track.timescale
    return _Written(2, track, track.durations, None, track.sizes, None, track.delay, shown, chunks, times)


def _copy(opened: dict[Path, BinaryIO], path: Path, offset: int, size: int, out: BinaryIO) -> None:
    if path not in opened:
        if len(opened) >= 16:
            opened.pop(next(iter(opened))).close()
        opened[path] = path.open("rb")
    file = opened[path]
    file.seek(offset)
    while size:
        block = file.read(min(size, _COPY_BYTES))
        if not block:
            raise Unfit("a segment ended early")
        out.write(block)
        size -= len(block)
