"""A source file as records: one edl.source, then one edl.shot for each shot, remembered by content.

The rule: records describe content. The same bytes give the same ids wherever the file lies; only `path` follows it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.edl import probe, shots, sound, timecode
from roadmap_cli.edl.probe import Media
from roadmap_cli.edl.programs import Programs
from roadmap_cli.edl.subjects import reading

if TYPE_CHECKING:
    from roadmap_cli.edl.story.teller import Teller
    from roadmap_cli.state.store import State


class Bar(Protocol):
    """A progress bar."""

    def advance(self, amount: float = 1, /) -> None:
        """Move on."""


class Show(Protocol):
    """Something that shows progress: `Run.progress`."""

    def __call__(self, what: str, total: float | None = None, /) -> AbstractContextManager[Bar]:
        """Show a bar while the block runs."""


def scan(
    found: Programs, path: Path, at: datetime, show: Show, sha256: str | None = None, teller: Teller | None = None
) -> Iterator[Record]:
    """Measure a file: its edl.source record, then its edl.shot records in order; with a teller what shots show, and
    scenes, beats and the energy curve after them.

    The frame count is known only at the end, so the source's record waits for the last shot; what waits is one small
    record a shot. Raises InputMissing or DataError with the file's name.
    """
    media = probe.examine(found, path, sha256 or probe.content_hash(path))
    with show(f"sound of {path.name}"):
        levels = sound.measure(found, media)
    with show(f"pictures of {path.name}", media.declared_frames or None) as bar:
        looks = list(shots.find(found, media, bar.advance))
    frames = looks[-1].first + looks[-1].frames
    source = _source_record(media, frames, at, method(teller))
    yield source
    records = [_shot_record(media, source, position, look, levels, at) for position, look in enumerate(looks)]
    if teller is None:
        yield from records
        return
    ranges = [(record["in_frame"], record["out_frame"]) for record in records]
    lag_s = float(media.video_start_s - media.audio_start_s)
    with show(f"subjects of {path.name}", frames) as bar:
        samples = reading.samples(found, media, ranges, bar.advance)
        yield from teller.tell(source, records, samples, levels=levels, lag_s=lag_s)


def method(teller: Teller | None = None) -> str:
    """What measures, in one word: part of the identity of a scan. A change of method is a new name."""
    return f"{shots.METHOD}+{teller.method}" if teller else shots.METHOD


def warnings(source: Record, name: str) -> list[str]:
    """What a person should know about a source: that it is cut off, or that its frames do not come evenly."""
    declared, frames = int(source.get("declared_frames", 0)), int(source["frames"])
    found = []
    if declared - frames > max(2, declared // 100):
        found.append(f"{name}: truncated: {frames} frames can be decoded, it declares {declared}")
    if source.get("varying_rate"):
        found.append(f"{name}: varying frame rate: frames are counted at {source['fps']} a second")
    return found


def media_of(found: Programs, source: Record) -> Media:
    """The file of an edl.source record, looked at again. Raises DataError if it is not the same content."""
    path = Path(str(source["path"]))
    sha256 = probe.content_hash(path)
    if sha256 != source.get("sha256"):
        raise DataError("file has changed since it was scanned", where=str(path), code="source_changed")
    return probe.examine(found, path, sha256)


def recall(state: State, sha256: str, path: Path, teller: Teller | None = None) -> list[Record]:
    """The records of an earlier scan of the same content by the same method, or none."""
    from roadmap_cli.state import records as stored

    with state.read() as tx:
        rows = tx.execute(
            "SELECT record_id FROM edl_scan WHERE sha256 = ? AND method = ? ORDER BY position", (sha256, method(teller))
        ).fetchall()
        known = [stored.get(tx, row[0]) for row in rows]
    if not known or None in known:
        return []
    return [_at_path(record, path) for record in known if record]


def remember(state: State, found: list[Record], teller: Teller | None = None) -> None:
    """Store a scan's records, that they belong together, and the vectors of its shots."""
    from roadmap_cli.state import records as stored

    sha256 = found[0]["sha256"]
    with state.write() as tx:
        stored.put_many(tx, found)
        if teller is not None:
            teller.keep(tx)
        for position, record in enumerate(found):
            tx.execute(
                "INSERT OR REPLACE INTO edl_scan (sha256, method, position, record_id) VALUES (?, ?, ?, ?)",
                (sha256, found[0]["method"], position, record["id"]),
            )


def _at_path(record: Record, path: Path) -> Record:
    return {**record, "path": os.path.abspath(path)} if record["kind"] == "edl.source" else record  # noqa: PTH100


def _source_record(media: Media, frames: int, at: datetime, method: str) -> Record:
    record: Record = {
        "kind": "edl.source",
        "id": content_id("edl.source", sha256=media.sha256, method=method),
        "at": clock.stamp(at),
        "path": os.path.abspath(media.path),  # noqa: PTH100 - resolve() would lose the name the person gave a link
        "sha256": media.sha256,
        "frames": frames,
        "fps": timecode.spell(media.fps),
        "duration": timecode.spell(frames / media.fps),
        "width": media.width,
        "height": media.height,
        "rotation": media.rotation,
        "varying_rate": media.varying,
        "interlaced": media.interlaced,
        "has_sound": media.audio_index is not None,
        "streams": list(media.streams),
        "method": method,
    }
    if media.declared_frames:
        record["declared_frames"] = media.declared_frames
    if media.transfer in {"smpte2084", "arib-std-b67"}:
        record["high_dynamic_range"] = True
    return record


def _shot_record(
    media: Media, source: Record, position: int, look: shots.Look, levels: sound.Levels | None, at: datetime
) -> Record:
    first, end = look.first, look.first + look.frames
    record: Record = {
        "kind": "edl.shot",
        "id": content_id("edl.shot", sha256=media.sha256, method=source["method"], in_frame=first, out_frame=end),
        "at": clock.stamp(at),
        "source_id": source["id"],
        "position": position,
        "in_frame": first,
        "out_frame": end,
        "fps": timecode.spell(media.fps),
        **look.record(),
    }
    if look.transition_frames:
        record |= {"entered_by": look.entered_by, "transition_frames": look.transition_frames}
    if levels is not None:
        lag: Fraction = media.video_start_s - media.audio_start_s
        record |= levels.between(first / media.fps + lag, end / media.fps + lag)
    return record
