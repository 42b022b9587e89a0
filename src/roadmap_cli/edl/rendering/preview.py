"""A small, quick look at an edit: all of it, a place in it, or only what has changed; with a contact sheet.

Frames are those of the full render, one for one. What "changed" means is kept in the cache: the pieces of the last two
different versions of a project that were rendered or previewed here, by all that decides their pixels but the size.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from roadmap_cli.core import clock
from roadmap_cli.core.errors import Negative, UsageError
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.edl import probe, programs, timecode
from roadmap_cli.edl.gathering import Edit
from roadmap_cli.edl.history.changes import root_of
from roadmap_cli.edl.programs import Programs
from roadmap_cli.edl.rendering import encoding, filmstrip, joining, keeping, render, sound_programme, versions
from roadmap_cli.edl.rendering.encoding import Encoded
from roadmap_cli.edl.rendering.pieces import Piece
from roadmap_cli.edl.rendering.render import Settings, Work
from roadmap_cli.edl.rendering.sound_parts import RATE
from roadmap_cli.edl.rendering.sound_programme import Programme
from roadmap_cli.edl.scanning import Show

#: How much is shown before and after a time asked for, in seconds.
AROUND_S = 2
_TIME = re.compile(r"(?:(?:(\d{1,3}):)?(\d{1,4}):)?(\d{1,6})(?:\.(\d{1,3}))?\Z", re.ASCII)
_FRAME = re.compile(r"(\d{1,9})f\Z", re.ASCII)


def frame_at(text: str, fps: Fraction) -> int:
    """The frame of a time such as ``75.5``, ``1:15.5``, ``0:01:15.500`` or ``1887f``. Raises UsageError."""
    if match := _FRAME.match(text):
        return int(match[1])
    if match := _TIME.match(text):
        hours, minutes, seconds = (int(part or 0) for part in match.groups()[:3])
        thousandths = int((match[4] or "").ljust(3, "0"))
        return int((hours * 3600 + minutes * 60 + seconds + Fraction(thousandths, 1000)) * fps)
    raise UsageError(f"not a time: {text!r}", hint="write 75.5, 1:15.5, 0:01:15.500, or 1887f for a frame")


def preview(
    found: Programs,
    edit: Edit,
    output: Path,
    cache: Path,
    settings: Settings,
    at: datetime,
    show: Show,
    *,
    times: Sequence[str] = (),
    changed: bool = False,
    sheet: Path | None = None,
    warn: Callable[[str], None] = lambda text: None,
) -> Iterator[Record]:
    """Render small: an edl.segment record for each piece, an edl.render record, then an edl.sheet record.

    Raises as `render.render`, UsageError for a time that is none or outside, Negative if nothing has changed.
    """
    began = time.monotonic()
    render.writable(output, edit.sources)
    work = render.prepare(found, edit, cache, settings)
    for text in work.warnings():
        warn(text)
    parts = _chosen(work, times, changed)
    done: list[Encoded] = []
    with show("picture", sum(piece.frames for piece in parts)) as bar:
        work.shop.tell = bar.advance
        for piece, encoded in encoding.encode_all(work.shop, parts):
            done.append(encoded)
            yield render.segment_record(edit.plan, piece, encoded, at)
    with show("sound"):
        sound = sound_programme.build(work.shop, edit, work.media, work.looking)
    if len(parts) == len(work.pieces):
        yield from render.finish(work, done, sound, output, settings, at, began)
    else:
        yield from _finish_spans(work, parts, done, sound, output, settings, at, began)
    versions.remember(work.shop.cache, root_of(edit.plan), work.pieces, work.shop.shape.fps)
    yield _sheet(work, parts, output, sheet, at)


def _chosen(work: Work, times: Sequence[str], changed: bool) -> list[Piece]:
    if not times and not changed:
        return work.pieces
    wanted: set[int] = set()
    fps = work.shop.shape.fps
    for text in times:
        at = frame_at(text, fps)
        if at >= work.length:
            raise UsageError(f"{text} is after the end: the edit has {work.length} frames")
        around = int(AROUND_S * fps)
        wanted |= {p.position for p in work.pieces if p.start < at + around and p.start + p.frames > at - around}
    if changed:
        fresh = versions.changes(work.shop.cache, root_of(work.edit.plan), work.pieces, fps)
        if not fresh and not times:
            raise Negative("nothing has changed since the version before", code="unchanged")
        wanted |= {piece.position for piece in fresh}
    return [piece for piece in work.pieces if piece.position in wanted]


# -- spans of an edit ----------------------------------------------------------------------------------------------


def _finish_spans(
    work: Work,
    parts: Sequence[Piece],
    done: Sequence[Encoded],
    sound: Programme | None,
    output: Path,
    settings: Settings,
    at: datetime,
    began: float,
) -> Iterator[Record]:
    """Some pieces as one file, with their sound cut from the programme's."""
    shape, length = work.shop.shape, sum(piece.frames for piece in parts)
    part_sound = _cut_sound(work, parts, sound) if sound else None
    try:
        with keeping.whole_file(output) as part:
            container = joining.FORMATS[output.suffix.lower()]
            joining.join(work.shop.able.found, done, part_sound, shape, container, part.path)
            joining.prove(work.shop.able.found, part.path, length, shape, part_sound, [])
            digest, size = probe.content_hash(part.path), part.path.stat().st_size
    finally:
        if part_sound:
            part_sound.path.unlink(missing_ok=True)
    record = render.render_record(work.edit.plan, output, done, shape, settings, at)
    spans = [[first, end] for first, end in spans_of(parts)]
    yield record | {
        "sha256": digest, "size_bytes": size, "has_sound": sound is not None, "spans": spans,
        "elapsed_ms": round((time.monotonic() - began) * 1000),
    }  # fmt: skip


def spans_of(parts: Sequence[Piece]) -> list[tuple[int, int]]:
    """Runs of pieces that follow each other, in programme frames."""
    spans: list[tuple[int, int]] = []
    for piece in parts:
        if spans and spans[-1][1] == piece.start:
            spans[-1] = (spans[-1][0], piece.start + piece.frames)
        else:
            spans.append((piece.start, piece.start + piece.frames))
    return spans


def _cut_sound(work: Work, parts: Sequence[Piece], sound: Programme) -> Programme:
    fps = work.shop.shape.fps
    chains, names, frame = [], [], 0
    spans = spans_of(parts)
    split = "".join(f"[a{n}]" for n in range(len(spans)))
    chains.append(f"[0:a]asplit={len(spans)}{split}")
    for n, (first, end) in enumerate(spans):
        start = timecode.sample_at(first, fps, RATE)
        length = timecode.sample_at(frame + end - first, fps, RATE) - timecode.sample_at(frame, fps, RATE)
        frame += end - first
        chains.append(f"[a{n}]atrim=start_sample={start},asetpts=N,apad,atrim=end_sample={length}[b{n}]")
        names.append(f"[b{n}]")
    chains.append(f"{''.join(names)}concat=n={len(spans)}:v=0:a=1[out]")
    place = sound.path.with_name(f".{sound.key[:16]}.{id(parts)}.part.m4a")
    command = [
        work.shop.able.found.ffmpeg, "-hide_banner", "-nostdin", "-loglevel", "error", "-y",
        "-i", programs.local(sound.path), "-filter_complex", ";".join(chains), "-map", "[out]",
        "-f", "ipod", "-c:a", "aac", "-b:a", "128k", programs.local(place),
    ]  # fmt: skip
    programs.run(command, str(place))
    return replace(sound, path=place, samples=timecode.sample_at(frame, fps, RATE))


def _sheet(work: Work, parts: Sequence[Piece], output: Path, sheet: Path | None, at: datetime) -> Record:
    shape, frame = work.shop.shape, 0
    spans = []
    for piece in parts:
        spans.append((frame, piece.start, piece.frames))
        frame += piece.frames
    shown = filmstrip.chosen(spans)
    name = hashlib.sha256("".join(work.shop.key(piece) for piece in parts).encode()).hexdigest()
    place = sheet or work.shop.cache / "sheets" / name[:2] / f"{name}.png"
    columns, rows = filmstrip.make(work.shop.able.found, output, shown, shape.fps, work.shop.cache, place)
    record: dict[str, Any] = {
        "kind": "edl.sheet",
        "id": content_id("edl.sheet", name=name, at=clock.stamp(at)),
        "at": clock.stamp(at),
        "plan_id": work.edit.plan["id"],
        "path": str(place.absolute()),
        "columns": columns,
        "rows": rows,
        "fps": timecode.spell(shape.fps),
        "frames": [each.timeline for each in shown],
    }
    return record
